// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import java.io.Serializable;

/** The key of a record by its number: even over `count` keys, but for the share that goes to one hot key. */
public record Keys(long count, double hotShare) implements Serializable {
    public long of(long number) {
        long bits = mix(number);
        double uniform = (bits >>> 11) * 0x1p-53;
        return uniform < hotShare ? 0 : Long.remainderUnsigned(mix(bits), count);
    }

    /** Finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
    private static long mix(long z) {
        z += 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}

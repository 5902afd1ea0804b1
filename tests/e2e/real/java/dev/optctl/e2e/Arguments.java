// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import java.util.HashMap;
import java.util.Map;

/** Pairs of "--name value". */
final class Arguments {
    private final Map<String, String> values = new HashMap<>();

    Arguments(String[] words) {
        for (int i = 0; i < words.length; i += 2) {
            if (!words[i].startsWith("--") || i + 1 == words.length) {
                throw new IllegalArgumentException("expected --name value, got " + words[i]);
            }
            values.put(words[i].substring(2), words[i + 1]);
        }
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    String text(String name) {
        if (!has(name)) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return values.get(name);
    }

    long integer(String name, long fallback) {
        return has(name) ? Long.parseLong(text(name)) : fallback;
    }

    boolean flag(String name, boolean fallback) {
        return has(name) ? Boolean.parseBoolean(text(name)) : fallback;
    }

    Keys keys() {
        return new Keys(integer("keys", 10_000), has("hot-share") ? Double.parseDouble(text("hot-share")) : 0);
    }
}

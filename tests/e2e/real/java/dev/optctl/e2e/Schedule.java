// SPDX-License-Identifier: GPL-3.0-or-later
package dev.optctl.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * What happens when, read from a file of lines "EPOCH_MS WHAT VALUE...": "rate R" (records/s offered from then on),
 * "cost F" (every record costs F times as much), "slow SUBTASK F" (in that subtask of work), "fail P" (work throws
 * while it is up to P subtasks wide; 0: never). The file is looked at again when it changes; whoever writes it renames a
 * complete one into place. Offered records are numbered from 0 in the order they arrive.
 */
public final class Schedule {
    private static final long LOOK_EVERY_MS = 200;

    /** From a time on: the rate, and how many records had arrived before. */
    private record Stretch(long fromMs, double ratePerSecond, double arrivedBefore) {}

    /** One reading of the file; never changed, so that any thread may use it. */
    private record Plan(
            List<Stretch> rates,
            NavigableMap<Long, Double> cost,
            Map<Integer, NavigableMap<Long, Double>> slow,
            NavigableMap<Long, Double> fail) {}

    private final Path file;
    private volatile Plan plan = new Plan(List.of(), new TreeMap<>(), Map.of(), new TreeMap<>());
    private volatile long nextLookMs;
    private FileTime readVersion;

    public Schedule(String file) {
        this.file = Path.of(file);
    }

    /** Records that had arrived by then. */
    public double arrivedBy(long ms) {
        look();
        Stretch stretch = null;
        for (Stretch each : plan.rates()) {
            if (each.fromMs() > ms) {
                break;
            }
            stretch = each;
        }
        if (stretch == null) {
            return 0;
        }
        return stretch.arrivedBefore() + stretch.ratePerSecond() * (ms - stretch.fromMs()) / 1000;
    }

    /** When the record with that number arrives. */
    public long arrivalMs(long number) {
        Stretch stretch = null;
        for (Stretch each : plan.rates()) {
            if (each.arrivedBefore() > number) {
                break;
            }
            if (each.ratePerSecond() > 0) {
                stretch = each;
            }
        }
        if (stretch == null) {
            return System.currentTimeMillis();
        }
        return stretch.fromMs() + (long) ((number - stretch.arrivedBefore()) * 1000 / stretch.ratePerSecond());
    }

    public double costFactor(long ms, int subtask) {
        look();
        NavigableMap<Long, Double> slow = plan.slow().get(subtask);
        return valueAt(plan.cost(), ms, 1) * (slow == null ? 1 : valueAt(slow, ms, 1));
    }

    public boolean failsAt(long ms, int parallelism) {
        return parallelism <= valueAt(plan.fail(), ms, 0);
    }

    private static double valueAt(NavigableMap<Long, Double> steps, long ms, double fallback) {
        Map.Entry<Long, Double> step = steps.floorEntry(ms);
        return step == null ? fallback : step.getValue();
    }

    private void look() {
        long now = System.currentTimeMillis();
        if (now < nextLookMs) {
            return;
        }
        synchronized (this) {
            nextLookMs = now + LOOK_EVERY_MS;
            try {
                FileTime version = Files.getLastModifiedTime(file);
                if (!version.equals(readVersion)) {
                    plan = parse(Files.readAllLines(file));
                    readVersion = version;
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static Plan parse(List<String> lines) {
        List<Stretch> rates = new ArrayList<>();
        NavigableMap<Long, Double> cost = new TreeMap<>();
        Map<Integer, NavigableMap<Long, Double>> slow = new TreeMap<>();
        NavigableMap<Long, Double> fail = new TreeMap<>();
        for (String line : lines) {
            String[] word = line.strip().split(" +");
            long ms = Long.parseLong(word[0]);
            double last = Double.parseDouble(word[word.length - 1]);
            switch (word[1]) {
                case "rate" -> rates.add(new Stretch(ms, last, arrivedUpTo(rates, ms)));
                case "cost" -> cost.put(ms, last);
                case "slow" -> slow.computeIfAbsent(Integer.valueOf(word[2]), s -> new TreeMap<>()).put(ms, last);
                case "fail" -> fail.put(ms, last);
                default -> throw new IllegalArgumentException("schedule: " + line);
            }
        }
        return new Plan(rates, cost, slow, fail);
    }

    private static double arrivedUpTo(List<Stretch> rates, long ms) {
        if (rates.isEmpty()) {
            return 0;
        }
        Stretch last = rates.get(rates.size() - 1);
        return last.arrivedBefore() + last.ratePerSecond() * (ms - last.fromMs()) / 1000;
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long a what-if takes: 18 hours at a step a second, five operators, the whole loop, load generation
 * included (tests/bench/day.yaml). Yardsticks: one day with hpa 10 ms, with plan deciding every 60 s 300 ms;
 * 10,000 days with hpa two minutes on one core, in memory that does not grow with the number of runs. Times
 * are CPU seconds, so that a neighbour on the machine counts little; the speed-up is by the wall clock, too.
 */
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "controller/registry.h"
#include "controller/study/variant.h"

#define SPEC      "tests/bench/day.yaml"
#define REPEATS   15
#define WHAT_IFS  10000
#define FEW_RUNS  100
#define MANY_RUNS 1000

struct instant {
        double wall, cpu; /* seconds; cpu: of all threads together */
};

static double read_clock(clockid_t id)
{
        struct timespec now;

        clock_gettime(id, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double resident_mebibytes(void)
{
        FILE *file = fopen("/proc/self/statm", "re");
        long total = 0, resident = 0;

        if (!file)
                return NAN;
        if (fscanf(file, "%ld %ld", &total, &resident) != 2)
                resident = 0;
        fclose(file);
        return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void print_machine(void)
{
        FILE *file = fopen("/proc/cpuinfo", "re");
        char line[200], model[200] = "unknown CPU", date[32];
        time_t now = time(NULL);
        struct tm day;

        while (file && fgets(line, sizeof line, file))
                if (sscanf(line, "model name : %199[^\n]", model) == 1)
                        break;
        if (file)
                fclose(file);
        gmtime_r(&now, &day);
        strftime(date, sizeof date, "%F", &day);
        printf("%s, %ld cores, %s\n", model, sysconf(_SC_NPROCESSORS_ONLN), date);
}

/* What `runs` runs of a strategy take; NAN (and a word why) when they fail. */
static struct instant time_runs(struct variant *variant, const char *strategy, int64_t runs, size_t threads)
{
        const struct spec_strategy *found = spec_find_strategy(variant->spec, strategy);
        struct variant_runs *results = memory_new(1, sizeof *results);
        struct error err = ERROR_INIT;
        struct instant taken = {read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_PROCESS_CPUTIME_ID)};

        variant->runs = runs;
        results->strategy = found->strategy;
        results->options = found->options;
        if (variant_simulate(variant, results, 1, false, threads, NULL, &err)) {
                taken.wall = read_clock(CLOCK_MONOTONIC) - taken.wall;
                taken.cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID) - taken.cpu;
        } else {
                fprintf(stderr, "%s: %s\n", strategy, err.message);
                taken = (struct instant){NAN, NAN};
        }
        variant_runs_free(results, 1);
        return taken;
}

/* Milliseconds of one run, the fastest of some: neighbours only ever slow it down. */
static double one_run(struct variant *variant, const char *strategy)
{
        double seconds = INFINITY;

        for (int i = 0; i < REPEATS; i++)
                seconds = fmin(seconds, time_runs(variant, strategy, 1, 1).cpu);
        return 1e3 * seconds;
}

static void print_row(const char *what, double value, const char *unit, const char *target)
{
        printf("%-48s %9.2f %-4s %s\n", what, value, unit, target);
}

static void print_table(struct variant *variant)
{
        struct instant one, two;
        double few_memory;

        printf("%-48s %9s %-4s %s\n", "18 h at 1 Hz, 5 operators, the whole loop", "figure", "", "target");
        print_row("one day, hpa", one_run(variant, "hpa"), "ms", "10");
        print_row("one day, plan every 60 s", one_run(variant, "plan"), "ms", "300");
        (void)time_runs(variant, "hpa", FEW_RUNS, 1);
        few_memory = resident_mebibytes();
        one = time_runs(variant, "hpa", MANY_RUNS, 1);
        print_row("one of 1,000 days, hpa", 1e3 * one.cpu / MANY_RUNS, "ms", "");
        print_row("10,000 days, hpa, one core", one.cpu / MANY_RUNS * WHAT_IFS / 60, "min", "2");
        print_row("resident after 100 runs", few_memory, "MiB", "");
        print_row("resident after 1,000 runs", resident_mebibytes(), "MiB", "the same");
        two = time_runs(variant, "hpa", MANY_RUNS, 2);
        print_row("speed-up by two threads, wall clock", one.wall / two.wall, "", "2");
        print_row("CPU of two threads over that of one", two.cpu / one.cpu, "", "1");
}

int main(void)
{
        struct variant *variant autocall(variant_free) = NULL;
        struct error err = ERROR_INIT;
        struct source source;
        bool opened = source_open(SPEC, NULL, registry_all(), &source, &err);

        if (opened && variant_open(&source, NULL, 1, 1, &variant, &err)) {
                print_machine();
                print_table(variant);
        } else {
                fprintf(stderr, "%s\n", err.message);
        }
        if (opened)
                source_close(&source);
        return variant ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plan` on live jobs it has never seen, against Flink's autoscaler, DS2, fixed sizes and the oracle:
 * rescales, slot-seconds and late seconds, mean and worst over the runs.
 *
 *   bench_plan_live [--runs N] [--strategy NAME] [--print] [CASE]
 */
#include "tests/support/live.h"

struct row {
        const char *name;
        struct live_case given;
};

#define NOISY .jitter_seconds = 0.2

static const struct row rows[] = {
        {"steps", {.phases = {{240, 600, 600}, {300, 1500, 1500}, {300, 420, 420}}, NOISY}},
        {"steps-quiet", {.phases = {{240, 600, 600}, {300, 1500, 1500}, {300, 420, 420}}}},
        {"steps-1s",
         {.phases = {{240, 600, 600}, {300, 1500, 1500}, {300, 420, 420}},
          .interval_seconds = 1,
          .jitter_seconds = 0.05}},
        {"steps-15s",
         {.phases = {{720, 600, 600}, {900, 1500, 1500}, {900, 420, 420}}, NOISY, .interval_seconds = 15}},
        {"steps-60s",
         {.phases = {{2880, 600, 600}, {3600, 1500, 1500}, {3600, 420, 420}}, NOISY, .interval_seconds = 60}},
        {"steps-more",
         {.phases = {{180, 400, 400}, {200, 1100, 1100}, {200, 2200, 2200}, {260, 800, 800}}, NOISY}},
        {"down-up", {.phases = {{300, 1800, 1800}, {300, 500, 500}, {300, 1600, 1600}}, NOISY, .initial = 8}},
        {"early-step", {.phases = {{60, 600, 600}, {400, 1600, 1600}, {400, 500, 500}}, NOISY}},
        {"daily",
         {.phases = {{150, 400, 560},
                     {150, 560, 1000},
                     {150, 1000, 1440},
                     {150, 1440, 1600},
                     {150, 1600, 1440},
                     {150, 1440, 1000},
                     {150, 1000, 560},
                     {150, 560, 400}},
          NOISY}},
        {"ramp", {.phases = {{120, 400, 400}, {600, 400, 2000}, {180, 2000, 2000}}, NOISY}},
        {"flash",
         {.phases = {{300, 500, 500}, {20, 500, 2200}, {120, 2200, 2200}, {60, 2200, 500}, {400, 500, 500}},
          NOISY}},
        {"flat", {.phases = {{900, 900, 900}}, NOISY, .initial = 4}},
        {"noise", {.phases = {{900, 900, 900}}, NOISY, .initial = 4, .load_cv = 0.3, .load_cv_seconds = 10}},
        {"noise-white", {.phases = {{900, 900, 900}}, NOISY, .initial = 4, .load_cv = 0.6}},
        {"slow-subtask",
         {.phases = {{240, 600, 600}, {300, 1200, 1200}, {300, 420, 420}}, NOISY, .skew = 1.8}},
        {"slow-restart",
         {.phases = {{240, 600, 600}, {300, 1500, 1500}, {300, 420, 420}},
          NOISY,
          .restart_seconds = 8,
          .trigger_seconds = 4}},
        /* a job that starts with so many seconds of load waiting; unseen: worked off for 5 s before the first
           look */
        {"start-10", {.phases = {{300, 600, 600}}, NOISY, .waiting_seconds = 10}},
        {"start-30", {.phases = {{300, 600, 600}}, NOISY, .waiting_seconds = 30}},
        {"start-60", {.phases = {{300, 600, 600}}, NOISY, .waiting_seconds = 60}},
        {"start-10-unseen", {.phases = {{300, 600, 600}}, NOISY, .waiting_seconds = 10, .unseen_seconds = 5}},
        {"start-30-unseen", {.phases = {{300, 600, 600}}, NOISY, .waiting_seconds = 30, .unseen_seconds = 5}},
        {"start-60-unseen", {.phases = {{300, 600, 600}}, NOISY, .waiting_seconds = 60, .unseen_seconds = 5}},
        {"any", {.phases = {{0, 0, 0}}, NOISY}},
        {"day-long",
         {.phases = {{1200, 400, 1600}, {1200, 1600, 400}, {1200, 400, 1600}, {1200, 1600, 400}}, NOISY}},
        {"cheap-records",
         {.phases = {{240, 6000, 6000}, {300, 15000, 15000}, {300, 4200, 4200}},
          NOISY,
          .cost_ms = 0.3,
          .buffer_records = 30000}},
};

/* A script that nobody wrote: levels apart by a factor of up to eight, reached at once or over some minutes.
 */
static void any_script(struct live_case *given, uint64_t run)
{
        gsl_rng *rng autocall(gsl_rng_free) = random_new(17, run, 3);
        double level = 300 * exp(2 * gsl_rng_uniform(rng));
        int n = 0;

        given->initial = (int)fmin(fmax(ceil(level * 0.003 / 0.7), 2), 12);
        while (n + 2 < LIVE_MAX_PHASES && live_seconds(given) < 1200) {
                double next = 300 * exp(2 * gsl_rng_uniform(rng));
                double ramp = gsl_rng_uniform(rng) < 0.5 ? 0 : 30 + 270 * gsl_rng_uniform(rng);

                given->phases[n++] =
                        (struct live_phase){floor(120 + 300 * gsl_rng_uniform(rng)), level, level};
                if (ramp > 0)
                        given->phases[n++] = (struct live_phase){floor(ramp), level, next};
                level = next;
        }
}

static const char *const strategies[] = {"plan", "flink", "ds2", "oracle", "static"};

struct tally {
        double mean[3], worst[3];
};

static void add(struct tally *tally, const struct live_result *result, int runs)
{
        double value[3] = {result->rescales, result->slot_seconds, result->late_seconds};

        for (int i = 0; i < 3; i++) {
                tally->mean[i] += value[i] / runs;
                tally->worst[i] = fmax(tally->worst[i], value[i]);
        }
}

static void print_path(const struct live_result *result)
{
        for (int i = 0; i < result->n_changes; i++)
                printf(" %d@%.0f", result->changes[i].workers, result->changes[i].seconds);
        printf("\n");
}

static void play(const struct row *row, const char *name, int runs, bool print)
{
        const char *strategy = strncmp(name, "static", 6) == 0 ? "static" : name;
        struct tally tally = {0};
        struct live_result first = {0};

        for (int run = 0; run < runs; run++) {
                struct live_case given = row->given;
                struct live_result result;

                if (strcmp(row->name, "any") == 0)
                        any_script(&given, (uint64_t)run);
                if (row->given.initial > 0)
                        given.initial = row->given.initial;
                result = live_play(&given, strategy, (uint64_t)run, print && run == 0);
                add(&tally, &result, runs);
                if (print)
                        print_path(&result);
                if (run == 0)
                        first = result;
        }
        printf("%-14s %-9s %5.1f %3.0f  %6.0f %6.0f  %6.1f %6.1f ", row->name, name, tally.mean[0],
               tally.worst[0], tally.mean[1], tally.worst[1], tally.mean[2], tally.worst[2]);
        print_path(&first);
        fflush(stdout);
}

/* Every fixed size: which one would do is known afterwards alone. */
static void play_static(const struct row *row, int runs)
{
        for (int workers = 2; workers <= 10; workers++) {
                struct row fixed = *row;
                char name[32];

                fixed.given.initial = workers;
                snprintf(name, sizeof name, "static-%d", workers);
                play(&fixed, name, runs, false);
        }
}

int main(int count, char **words)
{
        const char *only = NULL, *strategy = NULL;
        bool print = false;
        int runs = 5;

        for (int i = 1; i < count; i++) {
                if (strcmp(words[i], "--runs") == 0 && i + 1 < count)
                        runs = atoi(words[++i]);
                else if (strcmp(words[i], "--strategy") == 0 && i + 1 < count)
                        strategy = words[++i];
                else if (strcmp(words[i], "--print") == 0)
                        print = true;
                else
                        only = words[i];
        }
        printf("%-14s %-9s %9s  %13s  %13s  %s\n", "case", "strategy", "rescales", "slot-seconds", "late",
               "first run");
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                if (only && strcmp(only, rows[i].name) != 0)
                        continue;
                for (size_t s = 0; s < ARRAY_LENGTH(strategies); s++) {
                        if (strategy && strcmp(strategy, strategies[s]) != 0)
                                continue;
                        if (strcmp(strategies[s], "static") == 0)
                                play_static(&rows[i], runs);
                        else
                                play(&rows[i], strategies[s], runs, print);
                }
        }
        return 0;
}

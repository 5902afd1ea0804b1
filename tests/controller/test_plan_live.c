/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plan` on a live job that it knows nothing of. What the right size is follows from arithmetic: records/s
 * times the milliseconds one takes, over a utilisation of 60 to 85 percent (Flink's autoscaler aims at 70).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/live.h"

#define RUNS 6

static void assert_sized_for(int workers, double load, double cost_ms)
{
        double busy = load * cost_ms / 1000;

        assert_in_range(workers, (int)ceil(busy / 0.85), (int)ceil(busy / 0.6));
}

/* Changes between two instants. */
static int changes_between(const struct live_result *result, double from, double to, int *ret_last)
{
        int count = 0;

        for (int i = 0; i < result->n_changes; i++)
                if (result->changes[i].seconds > from && result->changes[i].seconds <= to) {
                        count++;
                        *ret_last = i;
                }
        return count;
}

/* One change within two windows of the step, to the right size, and none until the load falls again. */
static void assert_steps_up_once(const struct live_case *given, uint64_t run, double *ret_seconds)
{
        struct live_result result = live_play(given, "plan", run, false);
        double step = given->phases[0].seconds, over = step + given->phases[1].seconds;
        int interval = given->interval_seconds > 0 ? given->interval_seconds : 5, last = -1;

        assert_int_equal(changes_between(&result, step, over, &last), 1);
        *ret_seconds = result.changes[last].seconds - step;
        assert_true(*ret_seconds <= 2 * interval + 1);
        assert_sized_for(result.changes[last].workers, given->phases[1].to_per_second,
                         live_or(given->cost_ms, 3));
}

static void a_step_up_takes_one_change_within_two_windows(void **state)
{
        static const struct live_case cases[] = {
                {.phases = {{240, 600, 600}, {300, 1500, 1500}}, .jitter_seconds = 0.2},
                {.phases = {{240, 600, 600}, {300, 1500, 1500}}},
                {.phases = {{240, 600, 600}, {300, 1500, 1500}}, .jitter_seconds = 0.01, .tells_start = true},
                {.phases = {{400, 500, 500}, {300, 1300, 1300}}, .jitter_seconds = 0.2, .initial = 2},
                {.phases = {{240, 6000, 6000}, {300, 15000, 15000}},
                 .jitter_seconds = 0.2,
                 .cost_ms = 0.3,
                 .buffer_records = 30000},
                {.phases = {{720, 600, 600}, {600, 1500, 1500}},
                 .jitter_seconds = 0.2,
                 .interval_seconds = 15},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                for (uint64_t run = 0; run < RUNS; run++) {
                        double seconds;

                        assert_steps_up_once(&cases[i], run, &seconds);
                }
}

/* With a turn a minute a step that falls anywhere between two of them is answered a quarter of a minute after
 * the turn that sees it first (turns.h), where it took another minute. */
static void with_rare_turns_a_step_is_borne_out_soon(void **state)
{
        (void)state;
        for (uint64_t run = 0; run < RUNS; run++) {
                const struct live_case given = {.phases = {{2880 + 10 * (double)run, 600, 600},
                                                           {1800, 1500, 1500}},
                                                .jitter_seconds = 0.2,
                                                .interval_seconds = 60};
                double seconds, until_seen = 60 - 10 * (double)run;

                assert_steps_up_once(&given, run, &seconds);
                assert_true(seconds <= until_seen + 15 + 1);
        }
}

static void a_step_down_takes_one_change(void **state)
{
        static const struct live_case given = {.phases = {{300, 1500, 1500}, {300, 420, 420}},
                                               .jitter_seconds = 0.2,
                                               .initial = 7};

        (void)state;
        for (uint64_t run = 0; run < RUNS; run++) {
                struct live_result result = live_play(&given, "plan", run, false);
                int last = -1;

                assert_int_equal(changes_between(&result, 0, 300, &last), 0);
                assert_int_equal(changes_between(&result, 300, 600, &last), 1);
                assert_true(result.changes[last].seconds <= 300 + 120);
                assert_in_range(result.changes[last].workers, 2, 3);
        }
}

static void noise_alone_changes_nothing(void **state)
{
        static const struct live_case given = {.phases = {{900, 900, 900}},
                                               .jitter_seconds = 0.2,
                                               .load_cv = 0.1,
                                               .initial = 4};

        (void)state;
        for (uint64_t run = 0; run < RUNS; run++)
                assert_int_equal(live_play(&given, "plan", run, false).rescales, 0);
}

/* Scatter of 30 % that lasts for ten seconds each time: now and then a change, no flapping. */
static void ten_times_the_noise_is_no_reason_to_flap(void **state)
{
        static const struct live_case given = {.phases = {{900, 900, 900}},
                                               .jitter_seconds = 0.2,
                                               .load_cv = 0.3,
                                               .load_cv_seconds = 10,
                                               .initial = 4};
        double changes = 0;

        (void)state;
        for (uint64_t run = 0; run < RUNS; run++)
                changes += live_play(&given, "plan", run, false).rescales;
        assert_true(changes / RUNS <= 4);
}

/* The script of the recorded runs of Flink's own autoscaler (examples/recordings/flink-autoscaler): five
 * rescales, 5,700 to 5,800 slot-seconds, late for 78 to 88 s. */
static void steps_are_cheaper_and_less_late_than_with_flinks_autoscaler(void **state)
{
        static const struct live_phase phases[] = {{240, 600, 600}, {300, 1500, 1500}, {300, 420, 420}};
        struct live_case cases[] = {{.jitter_seconds = 0.2}, {.jitter_seconds = 0.01, .tells_start = true}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                memcpy(cases[i].phases, phases, sizeof phases);
                for (uint64_t run = 0; run < 20; run++) {
                        struct live_result result = live_play(&cases[i], "plan", run, false);

                        assert_true(result.rescales <= 3);
                        assert_true(result.slot_seconds <= 4300);
                        assert_true(result.late_seconds <= 45);
                }
        }
}

/* What waits when the job starts, seen or passing for load within the first window, is worked off; it is no
 * reason for another size than the load is. */
static void a_backlog_at_the_start_is_no_load(void **state)
{
        (void)state;
        for (int waiting = 5; waiting <= 30; waiting += 5)
                for (uint64_t run = 0; run < RUNS; run++) {
                        const struct live_case given = {.phases = {{300, 600, 600}},
                                                        .jitter_seconds = 0.2,
                                                        .waiting_seconds = waiting,
                                                        .unseen_seconds = run % 2 ? 5 : 0};
                        struct live_result result = live_play(&given, "plan", run, false);

                        for (int i = 0; i < result.n_changes; i++)
                                assert_sized_for(result.changes[i].workers, 600, 3);
                        assert_true(result.rescales <= 1);
                }
}

/* Five times the load within ten minutes: never late, once the load rises never back to a size it has left,
 * and on average no more changes than there are sizes from three to eight. */
static void a_slow_ramp_takes_few_changes(void **state)
{
        static const struct live_case given = {.phases = {{120, 400, 400},
                                                          {600, 400, 2000},
                                                          {180, 2000, 2000}},
                                               .jitter_seconds = 0.2};
        double changes = 0;

        (void)state;
        for (uint64_t run = 0; run < RUNS; run++) {
                struct live_result result = live_play(&given, "plan", run, false);

                changes += result.rescales;
                assert_true(result.late_seconds <= 5);
                for (int i = 1; i < result.n_changes; i++)
                        assert_true(result.changes[i].workers > result.changes[i - 1].workers);
        }
        assert_true(changes / RUNS <= 6);
}

struct sums {
        double slot_seconds, late_seconds;
};

static struct sums sums_of(const struct live_case *given, const char *strategy)
{
        struct sums sums = {0};

        for (uint64_t run = 0; run < RUNS; run++) {
                struct live_result result = live_play(given, strategy, run, false);

                sums.slot_seconds += result.slot_seconds;
                sums.late_seconds += result.late_seconds;
        }
        return sums;
}

/* Slot-seconds of the cheapest fixed size that is late no longer; INFINITY when none is. */
static double cheapest_fixed(const struct live_case *given, double late_seconds)
{
        for (int workers = 1; workers <= 12; workers++) {
                struct live_case fixed = *given;
                struct sums sums;

                fixed.initial = workers;
                sums = sums_of(&fixed, "static");
                if (sums.late_seconds <= late_seconds)
                        return sums.slot_seconds;
        }
        return INFINITY;
}

/* Loads of other forms: less money, and no more lateness, than Flink's autoscaler, and less money than the
 * least fixed size that is late no longer, which nobody knows beforehand. */
static void other_loads_are_cheaper_than_with_flinks_autoscaler(void **state)
{
        static const struct live_case cases[] = {
                {.phases = {{300, 400, 1600}, {300, 1600, 400}, {300, 400, 1600}, {300, 1600, 400}},
                 .jitter_seconds = 0.2},
                {.phases = {{300, 500, 500},
                            {20, 500, 2200},
                            {120, 2200, 2200},
                            {60, 2200, 500},
                            {400, 500, 500}},
                 .jitter_seconds = 0.2},
                {.phases = {{240, 600, 600}, {300, 1200, 1200}, {300, 420, 420}},
                 .jitter_seconds = 0.2,
                 .skew = 1.8},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct sums plan = sums_of(&cases[i], "plan"), flink = sums_of(&cases[i], "flink");

                assert_true(plan.slot_seconds < flink.slot_seconds);
                assert_true(plan.late_seconds <= flink.late_seconds);
                assert_true(plan.slot_seconds < cheapest_fixed(&cases[i], plan.late_seconds));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_step_up_takes_one_change_within_two_windows),
                cmocka_unit_test(with_rare_turns_a_step_is_borne_out_soon),
                cmocka_unit_test(a_step_down_takes_one_change),
                cmocka_unit_test(noise_alone_changes_nothing),
                cmocka_unit_test(ten_times_the_noise_is_no_reason_to_flap),
                cmocka_unit_test(a_backlog_at_the_start_is_no_load),
                cmocka_unit_test(a_slow_ramp_takes_few_changes),
                cmocka_unit_test(steps_are_cheaper_and_less_late_than_with_flinks_autoscaler),
                cmocka_unit_test(other_loads_are_cheaper_than_with_flinks_autoscaler),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

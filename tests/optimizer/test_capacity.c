/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include "core/formulas.h"
#include "optimizer/capacity.h"

#define MINUTE_MS INT64_C(60000)

static struct observation steady(const struct peer_pipeline *chain, int64_t time_ms, int workers, double load)
{
        struct observation observation = peer_observation(chain, time_ms, workers);

        observation.offered_per_second = observation.throughput_per_second = load;
        observation.latency_p99_seconds = 0.5;
        for (int i = 0; i < observation.n_operators; i++)
                observation.operators[i] = (struct operator_observation){
                        .parallelism = workers,
                        .in_per_second = load,
                        .busy_ratio = NAN,
                        .busy_ratio_max = NAN,
                };
        return observation;
}

/* Every operator follows the law with the given parameters. */
static struct observation lawful(const struct peer_pipeline *chain, int64_t time_ms, int workers, double load,
                                 double rate, double sigma, double kappa)
{
        struct observation observation = steady(chain, time_ms, workers, load);

        for (int i = 0; i < observation.n_operators; i++)
                observation.operators[i].busy_ratio = observation.operators[i].busy_ratio_max =
                        load / (rate * usl_speedup(workers, sigma, kappa));
        return observation;
}

static struct deployment wide(const struct peer_pipeline *chain, int workers)
{
        struct deployment deployment = {.workers = workers};

        for (int i = 0; i < chain->pipeline.n_operators; i++)
                deployment.parallelism[i] = workers;
        return deployment;
}

/* Before anything is seen a model says what the law says: rate x USL(n) over the skew, the scarcest
 * operator's. */
static void a_model_is_the_prior(void **state)
{
        struct operator_model operators[3] = {
                {.rate_per_second = 1000, .sigma = 0.02, .kappa = 0.001, .skew = 1},
                {.rate_per_second = 500, .sigma = 0.01, .kappa = 0.0005, .skew = 1.2},
                {.rate_per_second = 2000, .sigma = 0, .kappa = 0, .skew = 1},
        };
        struct model model = {.operators = {operators, 3}, .restart = {.median_seconds = 20}};
        struct peer_pipeline chain;
        struct deployment eight;
        struct estimate estimate;

        (void)state;
        peer_workers(&chain, 1, 32);
        eight = wide(&chain, 8);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, &model, MINUTE_MS);
        estimate = capacity_of(capacity, &eight);
        assert_true(capacity_known(capacity));
        assert_float_equal(estimate.mean, 500 * usl_speedup(8, 0.01, 0.0005) / 1.2, 1e-3);
        assert_true(estimate.sd > 0.01 * estimate.mean && estimate.sd < 0.1 * estimate.mean);
}

/* True rates at 2, 4 and 8 subtasks under the law with sigma 0.02, kappa 0.0003: at 16 it sustains what the
 * law says. */
static void the_law_is_learnt_and_carried_on(void **state)
{
        struct peer_pipeline chain;
        double truth = 1000 * usl_speedup(16, 0.02, 0.0003);
        struct deployment sixteen;
        struct estimate estimate;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        sixteen = wide(&chain, 16);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        assert_false(capacity_known(capacity));
        for (int workers = 2; workers <= 8; workers *= 2)
                for (int i = 0; i < 60; i++) {
                        struct observation seen =
                                lawful(&chain, time_ms += 60000, workers, 600 * workers, 1000, 0.02, 0.0003);

                        capacity_observe(capacity, &seen);
                }
        assert_true(capacity_known(capacity));
        estimate = capacity_of(capacity, &sixteen);
        assert_float_equal(estimate.mean, truth, 0.07 * truth);
        assert_true(fabs(estimate.mean - truth) < 3 * estimate.sd);
}

/* Doubt grows with the distance from what was seen. */
static void doubt_grows_with_distance(void **state)
{
        struct peer_pipeline chain;
        double before = 0;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 30; i++) {
                struct observation seen = lawful(&chain, time_ms += 60000, 4, 2000, 1000, 0.01, 0);

                capacity_observe(capacity, &seen);
        }
        for (int workers = 4; workers <= 32; workers *= 2) {
                struct deployment deployment = wide(&chain, workers);
                struct estimate estimate = capacity_of(capacity, &deployment);

                assert_true(estimate.sd / estimate.mean > before);
                before = estimate.sd / estimate.mean;
        }
        assert_true(before > 0.1);
}

static void starts_and_warm_ups_teach_nothing(void **state)
{
        struct peer_pipeline chain;
        struct deployment four;
        struct estimate before, after;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        four = wide(&chain, 4);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 30; i++) {
                struct observation seen = lawful(&chain, time_ms += 60000, 4, 2000, 1000, 0.01, 0);

                capacity_observe(capacity, &seen);
        }
        before = capacity_of(capacity, &four);
        for (int i = 0; i < 30; i++) {
                struct observation seen = lawful(&chain, time_ms += 60000, 4, 2000, 100000, 0, 0);

                seen.restarting = true;
                capacity_observe(capacity, &seen);
        }
        after = capacity_of(capacity, &four);
        assert_float_equal(after.mean, before.mean, 1e-9);
}

/* 48 partitions on 36 subtasks: the busiest reads two, so the source takes no more than on 24. */
static void partitions_do_not_divide_evenly(void **state)
{
        struct operator_model operators[3] = {{.rate_per_second = 100, .skew = 1},
                                              {.rate_per_second = 1e6, .skew = 1},
                                              {.rate_per_second = 1e6, .skew = 1}};
        struct model model = {.operators = {operators, 3}};
        struct peer_pipeline chain;

        (void)state;
        peer_operators(&chain, 3, 64);
        chain.operators[0].partitions = 48;
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, &model, MINUTE_MS);
        assert_float_equal(capacity_of_operator(capacity, 0, 24).mean, 2400, 1e-6);
        assert_float_equal(capacity_of_operator(capacity, 0, 36).mean, 2400, 1e-6);
        assert_float_equal(capacity_of_operator(capacity, 0, 48).mean, 4800, 1e-6);
        assert_float_equal(capacity_of_operator(capacity, 0, 64).mean, 4800, 1e-6);
}

/* No operator tells how busy it is: a saturated window shows what the pipeline takes, 500 records/s a worker.
 */
static void a_pipeline_as_a_whole_is_learnt_when_saturated(void **state)
{
        struct peer_pipeline chain;
        struct deployment eight;
        struct estimate estimate;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        eight = wide(&chain, 8);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 20; i++) {
                struct observation seen = steady(&chain, time_ms += 60000, 4, 2000);

                seen.offered_per_second = 2500;
                seen.backlog_records = 30000 * (i + 1);
                seen.cpu_ratio = 0.8;
                capacity_observe(capacity, &seen);
        }
        estimate = capacity_of(capacity, &eight);
        assert_float_equal(estimate.mean, 4000, 600);
        assert_true(estimate.sd > 100);
}

/* A restart of ours that sets the pipeline back by two minutes, and five minutes of quiet. Returns their end.
 */
static int64_t restart_once(struct capacity *capacity, const struct peer_pipeline *chain, int64_t time_ms)
{
        struct observation seen = lawful(chain, time_ms += MINUTE_MS, 4, 2000, 1000, 0, 0);

        capacity_changed(capacity);
        seen.restarting = seen.counters_reset = true;
        seen.latency_p99_seconds = 120;
        capacity_observe(capacity, &seen);
        for (int i = 0; i < 5; i++) {
                seen = lawful(chain, time_ms += MINUTE_MS, 4, 2000, 1000, 0, 0);
                capacity_observe(capacity, &seen);
        }
        return time_ms;
}

static void restarts_are_measured(void **state)
{
        struct peer_pipeline chain;
        int64_t time_ms = 0;
        double before;

        (void)state;
        peer_workers(&chain, 1, 32);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        before = restarts_asked_for(capacity_restarts(capacity), 4).age_seconds;
        for (int round = 0; round < 3; round++)
                time_ms = restart_once(capacity, &chain, time_ms);
        assert_true(restarts_asked_for(capacity_restarts(capacity), 4).age_seconds > before + 40);
        assert_true(restarts_failure(capacity_restarts(capacity), 4).age_seconds < before + 1);
}

/* From one window to the next a record takes twice as long, as when the busiest subtask's machine slows down:
 * four windows later the estimate is within a tenth of what is so now, whatever was learnt in the hour
 * before. */
static void what_changes_at_once_is_believed_soon(void **state)
{
        struct peer_pipeline chain;
        struct deployment four;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        four = wide(&chain, 4);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 64; i++) {
                double rate = i < 60 ? 1000 : 500;
                struct observation seen = lawful(&chain, time_ms += 60000, 4, 1500, rate, 0, 0);

                capacity_observe(capacity, &seen);
                /* the first of them may be anything; the second one bears it out */
                assert_int_equal(capacity_is_unsettled(capacity), i == 60);
        }
        assert_float_equal(capacity_of(capacity, &four).mean, 2000, 200);
}

/* A slow hour, twenty times, each at another size: once it is over, sizes carry what they carried before. */
static void slow_hours_leave_nothing_behind(void **state)
{
        struct peer_pipeline chain;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 20 * 120; i++) {
                int workers = 3 + i / 120 % 7;
                double rate = i % 120 < 60 ? 1000 : 140;
                struct observation seen =
                        lawful(&chain, time_ms += 60000, workers, 0.6 * rate * workers, rate, 0, 0);

                if (i % 120 < 30)
                        seen = lawful(&chain, time_ms, workers, 600 * workers,
                                      1000 * (1 + 0.02 * (i % 3 - 1)), 0, 0);
                capacity_observe(capacity, &seen);
        }
        for (int i = 0; i < 10; i++) {
                struct observation seen = lawful(&chain, time_ms += 60000, 4, 2400, 1000, 0, 0);

                capacity_observe(capacity, &seen);
        }
        for (int workers = 3; workers <= 9; workers++) {
                struct deployment deployment = wide(&chain, workers);

                assert_float_equal(capacity_of(capacity, &deployment).mean, 1000 * workers, 80 * workers);
        }
}

/* A source that is busy for 1 % of its time, and a sink that does not say: what they carried is the least
 * that they can take, and the operator between them is the scarcest. */
static void who_is_hardly_busy_holds_up_nobody(void **state)
{
        struct peer_pipeline chain;
        struct deployment four;
        struct observation seen;

        (void)state;
        peer_workers(&chain, 1, 32);
        four = wide(&chain, 4);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 3; i++) {
                seen = lawful(&chain, (i + 1) * MINUTE_MS, 4, 2000, 1000, 0, 0);
                seen.operators[0].busy_ratio = seen.operators[0].busy_ratio_max = 0.01;
                seen.operators[2].busy_ratio = seen.operators[2].busy_ratio_max = NAN;
                capacity_observe(capacity, &seen);
        }
        assert_true(capacity_known(capacity));
        assert_true(capacity_of_operator(capacity, 0, 4).mean >= 2000);
        assert_float_equal(capacity_of_operator(capacity, 1, 4).mean, 4000, 100);
        assert_float_equal(capacity_of_operator(capacity, 2, 4).mean, 2000, 1);
        assert_float_equal(capacity_of(capacity, &four).mean, 2000, 1);
}

/* Five seconds that measured nothing, no latency, no backlog after: the restart took less than was guessed.
 */
static void a_restart_that_nobody_measured_is_learnt_from(void **state)
{
        struct peer_pipeline chain;
        int64_t time_ms = 0;
        double before;

        (void)state;
        peer_workers(&chain, 1, 32);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, 5000);
        before = restarts_asked_for(capacity_restarts(capacity), 4).age_seconds;
        for (int i = 0; i < 5; i++) {
                struct observation seen = lawful(&chain, time_ms += 5000, 4, 2000, 1000, 0, 0);

                seen.window_ms = 5000;
                seen.latency_p99_seconds = NAN;
                if (i == 1)
                        capacity_changed(capacity);
                if (i == 2) {
                        seen.counters_reset = true;
                        seen.missing = MISSING_RATES;
                }
                capacity_observe(capacity, &seen);
        }
        assert_true(restarts_asked_for(capacity_restarts(capacity), 4).age_seconds < before / 2);
        assert_true(restarts_worker_start_seconds(capacity_restarts(capacity)) < 10);
}

/* Back before anybody looked, and a latency that shows nothing of it: no longer than a look takes, and half
 * of that on average. */
static void a_restart_between_two_looks_is_learnt_from(void **state)
{
        struct peer_pipeline chain;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, 5000);
        for (int i = 0; i < 40; i++) {
                struct observation seen = lawful(&chain, time_ms += 5000, 4, 2000, 1000, 0, 0);

                seen.window_ms = i % 4 == 2 ? 0 : 5000;
                seen.latency_p99_seconds = 0.05;
                if (i % 4 == 1)
                        capacity_changed(capacity);
                seen.counters_reset = i % 4 == 2;
                capacity_observe(capacity, &seen);
        }
        assert_in_range((int)(100 * restarts_asked_for(capacity_restarts(capacity), 4).age_seconds), 200,
                        350);
}

/* Nothing stops when a pool of pods grows and shrinks, and nothing waits: a change takes no longer than what
 * cannot be seen, a second, however long a restart was thought to take. Where nobody tells what waits nothing
 * is learnt of it. */
static void a_change_without_a_stop_is_learnt_from(void **state)
{
        struct peer_pipeline chain;

        (void)state;
        peer_workers(&chain, 1, 32);
        for (int told = 0; told < 2; told++) {
                autocall(capacity_free) struct capacity *capacity =
                        capacity_new(&chain.pipeline, NULL, 15000);
                double before = restarts_asked_for(capacity_restarts(capacity), 4).age_seconds;

                for (int i = 0; i < 40; i++) {
                        struct observation seen =
                                lawful(&chain, i * INT64_C(15000), 4 + i / 5 % 2, 2000, 1000, 0, 0);

                        if (!told)
                                seen.backlog_records = seen.latency_p99_seconds = NAN;
                        capacity_observe(capacity, &seen);
                        if (i % 5 == 4)
                                capacity_changed(capacity);
                }
                if (told)
                        assert_true(restarts_asked_for(capacity_restarts(capacity), 4).age_seconds < 1.5);
                else
                        assert_true(restarts_asked_for(capacity_restarts(capacity), 4).age_seconds >= before);
        }
}

/* Twice the start that was seen, what it takes to read the state, and half of what comes between two
 * checkpoints: 2 * 1.5 + 0.5 + 5 s, the median of what is expected; its mean lies above it, and the factor
 * that nobody knows yet is below 2. */
static void before_a_restart_was_seen_the_start_tells_of_it(void **state)
{
        struct peer_pipeline chain;
        struct observation seen;

        (void)state;
        peer_workers(&chain, 1, 32);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        assert_true(restarts_asked_for(capacity_restarts(capacity), 4).age_seconds >= 40);
        seen = lawful(&chain, MINUTE_MS, 4, 2000, 1000, 0, 0);
        seen.start_seconds = 1.5;
        seen.checkpoints = (struct checkpoint_observation){10, 0.5, 0};
        capacity_observe(capacity, &seen);
        assert_in_range((int)(10 * restarts_asked_for(capacity_restarts(capacity), 4).age_seconds), 85, 170);
        /* Once one was seen, starts tell nothing more. */
        seen.time_ms = restart_once(capacity, &chain, MINUTE_MS) + MINUTE_MS;
        seen.start_seconds = 0.1;
        capacity_observe(capacity, &seen);
        assert_true(restarts_asked_for(capacity_restarts(capacity), 4).age_seconds > 60);
}

/* One subtask of four has become half as fast: 1500 records/s are still taken in while its records pile up in
 * exchanges, but 1000 is what goes on for long, and twice as many subtasks of that kind take twice that. */
static void what_is_sustained_counts_not_what_is_taken_in(void **state)
{
        struct peer_pipeline chain;
        struct deployment four, eight;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 1, 32);
        four = wide(&chain, 4);
        eight = wide(&chain, 8);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 30; i++) {
                struct observation seen = lawful(&chain, time_ms += MINUTE_MS, 4, 1500, 500, 0, 0);

                if (i >= 10) {
                        seen.operators[0].busy_ratio_max = 1;
                        seen.operators[0].sustained_per_second = 1000;
                }
                capacity_observe(capacity, &seen);
        }
        assert_float_equal(capacity_of(capacity, &four).mean, 1000, 50);
        assert_float_equal(capacity_of(capacity, &eight).mean, 2000, 200);
}

/* Keys fall otherwise with each parallelism: three percent worse than the law on four subtasks say nothing of
 * six, and what will be on six is known no better than keys fall. */
static void keys_fall_anew_at_each_parallelism(void **state)
{
        struct peer_pipeline chain;
        struct deployment four, six;
        int64_t time_ms = 0;

        (void)state;
        peer_workers(&chain, 2, 32);
        chain.pipeline.edges[0].hash = true;
        four = wide(&chain, 4);
        six = wide(&chain, 6);
        autocall(capacity_free) struct capacity *capacity = capacity_new(&chain.pipeline, NULL, MINUTE_MS);
        for (int i = 0; i < 200; i++) {
                struct observation seen = lawful(&chain, time_ms += MINUTE_MS, 4, 2000, 1000, 0.02, 0.0003);

                seen.operators[0].busy_ratio = seen.operators[0].busy_ratio_max /= 4;
                seen.operators[1].busy_ratio = seen.operators[1].busy_ratio_max *= 1.03;
                capacity_observe(capacity, &seen);
        }
        assert_true(capacity_of(capacity, &six).sd > 0.02 * capacity_of(capacity, &six).mean);
        assert_true(capacity_of(capacity, &four).sd < 0.01 * capacity_of(capacity, &four).mean);
        for (int i = 0; i < 20; i++) {
                struct observation seen = lawful(&chain, time_ms += MINUTE_MS, 6, 2000, 1000, 0.02, 0.0003);

                seen.operators[0].busy_ratio = seen.operators[0].busy_ratio_max /= 4;
                capacity_observe(capacity, &seen);
        }
        assert_float_equal(capacity_of(capacity, &six).mean, 1000 * usl_speedup(6, 0.02, 0.0003), 30);
        assert_true(capacity_of(capacity, &six).sd < 0.01 * capacity_of(capacity, &six).mean);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_model_is_the_prior),
                cmocka_unit_test(the_law_is_learnt_and_carried_on),
                cmocka_unit_test(doubt_grows_with_distance),
                cmocka_unit_test(starts_and_warm_ups_teach_nothing),
                cmocka_unit_test(partitions_do_not_divide_evenly),
                cmocka_unit_test(a_pipeline_as_a_whole_is_learnt_when_saturated),
                cmocka_unit_test(restarts_are_measured),
                cmocka_unit_test(what_changes_at_once_is_believed_soon),
                cmocka_unit_test(slow_hours_leave_nothing_behind),
                cmocka_unit_test(who_is_hardly_busy_holds_up_nobody),
                cmocka_unit_test(a_restart_that_nobody_measured_is_learnt_from),
                cmocka_unit_test(a_change_without_a_stop_is_learnt_from),
                cmocka_unit_test(before_a_restart_was_seen_the_start_tells_of_it),
                cmocka_unit_test(what_is_sustained_counts_not_what_is_taken_in),
                cmocka_unit_test(a_restart_between_two_looks_is_learnt_from),
                cmocka_unit_test(keys_fall_anew_at_each_parallelism),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include "optimizer/candidates.h"

/* Source, work and sink: 4,000, 1,000 and 2,000 records/s a subtask, two slots a worker. */
struct scene {
        struct peer_pipeline chain;
        struct operator_model operators[3];
        struct model model;
        struct capacity *capacity;
        struct candidate candidates[PLANNER_MAX_CANDIDATES];
        int count, current;
};

static void list(struct scene *scene, double max, int parallelism)
{
        static const double rates[] = {4000, 1000, 2000};
        struct configuration configuration;

        peer_operators(&scene->chain, 3, max);
        scene->chain.pipeline.slots_per_worker = 2;
        for (int i = 0; i < 3; i++)
                scene->operators[i] = (struct operator_model){.rate_per_second = rates[i], .skew = 1};
        scene->model = (struct model){.operators = {scene->operators, 3}};
        scene->capacity = capacity_new(&scene->chain.pipeline, &scene->model, 60000);
        configuration.count = 3;
        for (int i = 0; i < 3; i++)
                configuration.value[i] = parallelism;
        scene->count = candidates_list(scene->capacity, &scene->chain.pipeline, &configuration,
                                       scene->candidates, &scene->current);
}

static const struct candidate *with_workers(const struct scene *scene, int workers)
{
        for (int j = 0; j < scene->count; j++)
                if (scene->candidates[j].deployment.workers == workers && j != scene->current)
                        return &scene->candidates[j];
        fail_msg("no candidate with %d workers", workers);
        return NULL;
}

/* Five workers are ten slots: ten for the scarcest, and for the others the fewest with 15 % to spare: 10,000
 * x 1.15 over 4,000 and over 2,000, rounded up. */
static void slots_are_shared_out_by_need(void **state)
{
        struct scene scene;
        const struct candidate *five;

        (void)state;
        list(&scene, 40, 40);
        five = with_workers(&scene, 5);
        assert_int_equal(five->deployment.parallelism[0], 3);
        assert_int_equal(five->deployment.parallelism[1], 10);
        assert_int_equal(five->deployment.parallelism[2], 6);
        assert_float_equal(five->capacity.mean, 10000, 1e-6);
        capacity_free(scene.capacity);
}

/* What runs is listed as it is; more workers take subtasks from no operator. */
static void growth_takes_from_nobody(void **state)
{
        struct scene scene;

        (void)state;
        list(&scene, 40, 8);
        assert_int_equal(scene.candidates[scene.current].deployment.parallelism[0], 8);
        for (int j = scene.current; j < scene.count; j++)
                for (int i = 0; i < 3; i++)
                        assert_true(scene.candidates[j].deployment.parallelism[i] >= 8);
        assert_true(with_workers(&scene, 2)->deployment.parallelism[0] < 8);
        capacity_free(scene.capacity);
}

/* 2,000 possible numbers of workers, 64 places: from the fewest to the most, and every one near the current.
 */
/* Only `work` has a knob. What the others run is what was seen, and no reason not to widen it: source and
 * sink with four subtasks take 16,000 and 8,000 records/s, which eight of `work` keep up with, at 1,000 each,
 * and ten with 15 % to spare. */
static void operators_without_a_knob_stay_as_they_are(void **state)
{
        struct scene scene;
        struct configuration configuration = {.count = 1, .value = {2}};
        struct observation *seen = memory_new(1, sizeof *seen);

        (void)state;
        list(&scene, 12, 2);
        scene.chain.knobs[0] = scene.chain.knobs[1];
        scene.chain.pipeline.n_knobs = 1;
        *seen = peer_observation(&scene.chain, 1767571200000, 2);
        seen->offered_per_second = seen->throughput_per_second = 2000;
        seen->latency_p99_seconds = seen->backlog_records = 0;
        for (int i = 0; i < 3; i++)
                seen->operators[i] = (struct operator_observation){
                        .parallelism = i == 1 ? 2 : 4,
                        .in_per_second = 2000,
                        .out_per_second = 2000,
                        .busy_ratio = i == 1   ? 1
                                      : i == 0 ? 0.125
                                               : 0.25,
                        .busy_ratio_max = i == 1   ? 1
                                          : i == 0 ? 0.125
                                                   : 0.25,
                };
        for (int turn = 0; turn < 20; turn++, seen->time_ms += 15000)
                capacity_observe(scene.capacity, seen);
        scene.count = candidates_list(scene.capacity, &scene.chain.pipeline, &configuration, scene.candidates,
                                      &scene.current);
        assert_true(scene.count > 4);
        assert_float_equal(with_workers(&scene, 4)->configuration.value[0], 8, 0);
        assert_float_equal(with_workers(&scene, 4)->capacity.mean, 8000, 400);
        assert_float_equal(with_workers(&scene, 5)->capacity.mean, 8000, 400);
        free(seen);
        capacity_free(scene.capacity);
}

static void many_sizes_are_thinned_out(void **state)
{
        struct scene scene;
        int now;

        (void)state;
        list(&scene, 4000, 400);
        now = scene.candidates[scene.current].deployment.workers;
        assert_in_range(scene.count, 32, PLANNER_MAX_CANDIDATES);
        assert_int_equal(scene.candidates[0].deployment.workers, 1);
        assert_int_equal(now, 200);
        for (int j = 1; j < scene.count; j++)
                assert_true(scene.candidates[j].deployment.workers >=
                            scene.candidates[j - 1].deployment.workers);
        for (int workers = now - 8; workers <= now + 8; workers++)
                if (workers != now)
                        with_workers(&scene, workers);
        assert_int_equal(scene.candidates[scene.count - 1].deployment.workers, 2000);
        capacity_free(scene.capacity);
}

static void lateness_is_priced_by_confidence(void **state)
{
        (void)state;
        assert_float_equal(candidates_late_factor(&(struct constraints){.confidence = 0.95}, NAN), 10, 1e-9);
        assert_float_equal(candidates_late_factor(&(struct constraints){.confidence = 0.99}, NAN), 50, 1e-6);
        assert_float_equal(candidates_late_factor(&(struct constraints){.confidence = NAN}, NAN), 10, 1e-9);
        assert_float_equal(candidates_late_factor(&(struct constraints){.confidence = 0.99}, 3), 3, 1e-9);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(slots_are_shared_out_by_need),
                cmocka_unit_test(growth_takes_from_nobody),
                cmocka_unit_test(operators_without_a_knob_stay_as_they_are),
                cmocka_unit_test(many_sizes_are_thinned_out),
                cmocka_unit_test(lateness_is_priced_by_confidence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

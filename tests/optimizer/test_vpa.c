/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include "optimizer/vpa_recommender.h"

extern const struct strategy vpa_strategy;

#define DAY ((int64_t)MS_PER_DAY)

/* first * (1.05^n - 1) / 0.05, and ceil(log_1.05(0.05 * max / first + 1)) + 1 of them. */
static void buckets(void **state)
{
        autocall(histogram_free) struct histogram *cpu = histogram_new(&histogram_cpu);
        autocall(histogram_free) struct histogram *memory = histogram_new(&histogram_memory);

        (void)state;
        /* log_1.05(5001) = 174.57 and log_1.05(5001) again: 1e12 / 1e7 is 1000 / 0.01. */
        assert_int_equal(histogram_buckets(cpu), 176);
        assert_int_equal(histogram_buckets(memory), 176);
        assert_float_equal(histogram_bucket_start(cpu, 0), 0, 0);
        assert_float_equal(histogram_bucket_start(cpu, 1), 0.01, 1e-12);
        assert_float_equal(histogram_bucket_start(cpu, 2), 0.0205, 1e-12);
        assert_float_equal(histogram_bucket_start(cpu, 3), 0.031525, 1e-12);
        assert_float_equal(histogram_bucket_start(memory, 2), 2.05e7, 1e-3);
        assert_int_equal(histogram_find_bucket(cpu, -3), 0);
        assert_int_equal(histogram_find_bucket(cpu, 0.0099), 0);
        assert_int_equal(histogram_find_bucket(cpu, 0.0101), 1);
        assert_int_equal(histogram_find_bucket(cpu, 0.0206), 2);
        assert_int_equal(histogram_find_bucket(cpu, 1e9), 175);
        for (int i = 1; i < 175; i++)
                assert_int_equal(histogram_find_bucket(cpu, histogram_bucket_start(cpu, i) * (1 + 1e-9)), i);
}

static void percentile_is_the_end_of_the_bucket(void **state)
{
        autocall(histogram_free) struct histogram *cpu = histogram_new(&histogram_cpu);

        (void)state;
        assert_true(histogram_empty(cpu));
        assert_true(histogram_percentile(cpu, 0.9) == 0);
        histogram_add(cpu, 0.005, 1, 0);
        assert_float_equal(histogram_percentile(cpu, 0.5), 0.01, 1e-12);
        histogram_add(cpu, 0.025, 3, 0);
        assert_float_equal(histogram_percentile(cpu, 0.25), 0.01, 1e-12);
        assert_float_equal(histogram_percentile(cpu, 0.26), 0.031525, 1e-12);
        assert_float_equal(histogram_percentile(cpu, 1), 0.031525, 1e-12);
        /* The last bucket is open: its start. */
        histogram_add(cpu, 1e9, 100, 0);
        assert_float_equal(histogram_percentile(cpu, 0.9), histogram_bucket_start(cpu, 175), 1e-9);
}

static void weights_halve_each_half_life(void **state)
{
        autocall(histogram_free) struct histogram *cpu = histogram_new(&histogram_cpu);

        /* A sample of a day ago weighs half: 2 : 1 after one day, and the median moves to the newer one after
         * that. */
        (void)state;
        histogram_add(cpu, 0.005, 1, 0);
        histogram_add(cpu, 0.025, 1, DAY);
        assert_float_equal(histogram_percentile(cpu, 0.33), 0.01, 1e-12);
        assert_float_equal(histogram_percentile(cpu, 0.34), 0.031525, 1e-12);
        /* After more than 100 half-lives the reference moves and what was is nothing. */
        histogram_add(cpu, 0.005, 1, 150 * DAY);
        assert_float_equal(histogram_percentile(cpu, 1), 0.01, 1e-12);
        /* Less than the epsilon is nothing. */
        histogram_add(cpu, 100, 1e-6, 150 * DAY);
        assert_float_equal(histogram_percentile(cpu, 1), 0.01, 1e-12);
}

/* Documented in recommender/logic/recommender.go: 12 h of samples multiply the upper bound by 3, 24 h by 2, a
 * week by 1.14; the lower one by 0.6 after 5 minutes, 0.9 after 30 minutes, 0.95 after 60 minutes. */
static void confidence_narrows_the_bounds(void **state)
{
        static const struct {
                double days, factor, tolerance;
        } upper[] = {{0.5, 3, 1e-9}, {1, 2, 1e-9}, {7, 1.14, 0.005}};
        static const struct {
                double minutes, factor;
        } lower[] = {{5, 0.6}, {30, 0.9}, {60, 0.95}};
        const struct vpa_options options = {.target_percentile = 0.9,
                                            .lower_percentile = 0.5,
                                            .upper_percentile = 0.95};
        autocall(histogram_free) struct histogram *cpu = histogram_new(&histogram_cpu);
        struct vpa_recommendation advice;

        (void)state;
        histogram_add(cpu, 1, 1, 0);
        for (size_t i = 0; i < ARRAY_LENGTH(upper); i++) {
                advice = vpa_recommend(&options, cpu, upper[i].days);
                assert_float_equal(advice.upper / advice.target, upper[i].factor, upper[i].tolerance);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(lower); i++) {
                advice = vpa_recommend(&options, cpu, lower[i].minutes / 1440);
                assert_float_equal(advice.lower / advice.target, lower[i].factor, 0.015);
        }
        advice = vpa_recommend(&options, cpu, 0);
        assert_true(isinf(advice.upper));
        assert_true(advice.lower == 0);
        assert_float_equal(vpa_confidence_days(0, 2 * DAY, 1440), 1, 1e-12);
        assert_float_equal(vpa_confidence_days(0, DAY / 2, 1440), 0.5, 1e-12);
}

static void margin_minimum_and_out_of_memory(void **state)
{
        const struct vpa_options options = {.target_percentile = 0.9,
                                            .lower_percentile = 0.5,
                                            .upper_percentile = 0.95,
                                            .safety_margin_ratio = 0.15,
                                            .minimum = 0.025};
        autocall(histogram_free) struct histogram *cpu = histogram_new(&histogram_cpu);

        (void)state;
        histogram_add(cpu, 0.005, 1, 0);
        assert_float_equal(vpa_recommend(&options, cpu, 1).target, 0.025, 1e-12);
        for (int i = 0; i < 100; i++)
                histogram_add(cpu, 0.0305, 1, 0);
        assert_float_equal(vpa_recommend(&options, cpu, 1).target, 0.031525 * 1.15, 1e-12);
        assert_float_equal(vpa_out_of_memory_sample(1e8), 1e8 + 100 * 1048576.0, 1e-6);
        assert_float_equal(vpa_out_of_memory_sample(1e9), 1.2e9, 1e-6);
}

static void the_updater_acts_outside_the_bounds_or_on_settled_pods(void **state)
{
        const struct vpa_recommendation advice = {.lower = 0.5, .target = 1, .upper = 2};

        (void)state;
        assert_true(vpa_update_due(&advice, 0.4, 0));
        assert_true(vpa_update_due(&advice, 2.1, 0));
        assert_false(vpa_update_due(&advice, 1.5, DAY / 2 - 1));
        assert_true(vpa_update_due(&advice, 1.5, DAY / 2));
        assert_false(vpa_update_due(&advice, 1.05, DAY));
}

static void without_its_knob_it_holds_and_says_why(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct proposal proposal;
        struct peer peer;

        (void)state;
        peer_workers(&chain, 1, 24);
        peer = peer_open(&vpa_strategy, &chain, NULL);
        observation = peer_observation(&chain, 60000, 4);
        observation.cpu_ratio = 5;
        proposal = peer_turn(&peer, &observation);
        assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        assert_non_null(strstr(proposal.reason, "worker.cpu"));
        peer_close(&peer);
}

static void sizes_the_workers(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct proposal proposal;
        struct peer peer;
        double cores = 4;
        int changes = 0;

        (void)state;
        peer_workers(&chain, 1, 24);
        chain.knobs[1] = (struct knob){.name = "worker.cpu",
                                       .role = KNOB_OTHER,
                                       .operator_index = -1,
                                       .min = 0.1,
                                       .max = 8,
                                       .step = 0.01};
        chain.pipeline.n_knobs = 2;
        peer = peer_open(&vpa_strategy, &chain, NULL);
        for (int minute = 1; minute <= 5 * 1440; minute++) {
                observation = peer_observation(&chain, minute * INT64_C(60000), 6);
                observation.configuration.value[1] = cores;
                observation.cpu_ratio = minute % 10 == 0 ? NAN : 0.9 / cores;
                proposal = peer_turn(&peer, &observation);
                assert_int_equal((int)proposal.configuration.value[0], 6);
                changes += proposal.kind == PROPOSAL_CHANGE;
                cores = proposal.configuration.value[1];
        }
        /* 0.9 cores lie in a bucket of at most 5 % and its end: 1.15 * 0.9 to 1.15 * 0.9 * 1.06. */
        assert_true(cores >= 1.15 * 0.9 - 0.01 && cores <= 1.15 * 0.9 * 1.06 + 0.01);
        assert_int_equal(changes, 1);
        peer_close(&peer);
}

#define MIB (1024.0 * 1024)

/* Memory: the peak of a day is one sample, a higher one takes its place, and who was killed for want of it
 * had wanted 20 % more than it had (VPA: RecordOOM, AddSample of a new peak). */
struct pod {
        struct peer_pipeline chain;
        struct peer peer;
        double request;
        int64_t now_ms;
        bool unmeasured; /* what it uses is not known */
        double heap;     /* that its JVM may take; 0: it has none */
};

static void pod_open(struct pod *pod, double request)
{
        *pod = (struct pod){.request = request};
        peer_workers(&pod->chain, 1, 24);
        pod->chain.knobs[1] = (struct knob){.name = "memory",
                                            .role = KNOB_MEMORY,
                                            .operator_index = -1,
                                            .min = 64 * MIB,
                                            .max = 65536 * MIB};
        pod->chain.pipeline.n_knobs = 2;
        pod->peer = peer_open(&vpa_strategy, &pod->chain, NULL);
}

static struct proposal pod_turn(struct pod *pod, double used, double killed)
{
        struct observation observation;
        struct proposal proposal;

        pod->now_ms += 60000;
        observation = peer_observation(&pod->chain, pod->now_ms, 6);
        observation.configuration.value[1] = pod->request;
        observation.cpu_ratio = pod->unmeasured ? NAN : 0.5;
        observation.missing |= pod->unmeasured ? MISSING_CPU : 0;
        observation.memory.worker = (struct memory_use){pod->unmeasured ? NAN : used, pod->request};
        observation.memory.killed = killed;
        observation.memory.heap_told_bytes = pod->heap > 0 ? pod->heap : NAN;
        proposal = peer_turn(&pod->peer, &observation);
        pod->request = proposal.configuration.value[1];
        return proposal;
}

static void a_new_peak_takes_the_place_of_the_days(void **state)
{
        autocall(histogram_free) struct histogram *memory = histogram_new(&histogram_memory);

        (void)state;
        histogram_add(memory, 300 * MIB, 1, DAY);
        histogram_subtract(memory, 300 * MIB, 1, DAY);
        assert_true(histogram_empty(memory));
        histogram_add(memory, 2000 * MIB, 1, DAY);
        assert_int_equal(histogram_find_bucket(memory, histogram_percentile(memory, 0.01) - 1),
                         histogram_find_bucket(memory, 2000 * MIB));
}

static void memory_grows_after_a_kill(void **state)
{
        struct pod pod;

        (void)state;
        pod_open(&pod, 1200 * MIB);
        for (int minute = 0; minute < 60; minute++)
                assert_int_equal(pod_turn(&pod, 900 * MIB, 0).kind, PROPOSAL_HOLD);
        /* Killed at 1200 MiB: a sample of 1440 MiB, in a bucket of 5 %, and 15 % on top. An hour's lower
         * bound is 95 % of that, above what is requested: pods are replaced at once. */
        assert_int_equal(pod_turn(&pod, 900 * MIB, 1).kind, PROPOSAL_CHANGE);
        assert_true(pod.request >= 1440 * MIB * 1.15 && pod.request <= 1440 * MIB * 1.15 * 1.06);
        assert_int_equal(pod_turn(&pod, 900 * MIB, 0).kind, PROPOSAL_HOLD);
        peer_close(&pod.peer);
}

/* Who uses 900 of 4,096 MiB for days is given less: 900 in a bucket of 5 %, and 15 % on top. A JVM keeps what
 * its heap may come to and a quarter of it beside, and all it has where the heap is a share of that. It gets
 * no more for it. */
static void a_jvm_keeps_room_for_its_heap(void **state)
{
        static const struct {
                double heap, low, high;
        } cases[] = {{0, 900 * 1.15, 900 * 1.15 * 1.06},
                     {2048, 2560, 2560},
                     {512, 900 * 1.15, 900 * 1.15 * 1.06},
                     {3584, 4096, 4096},
                     {INFINITY, 4096, 4096}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct pod pod;

                pod_open(&pod, 4096 * MIB);
                pod.heap = cases[i].heap * MIB;
                for (int minute = 0; minute < 7 * 1440; minute++)
                        pod_turn(&pod, 900 * MIB, 0);
                assert_true(pod.request >= cases[i].low * MIB && pod.request <= cases[i].high * MIB);
                peer_close(&pod.peer);
        }
}

static void who_is_killed_soon_after_a_start_is_replaced_at_once(void **state)
{
        struct pod pod;

        (void)state;
        pod_open(&pod, 1200 * MIB);
        assert_int_equal(pod_turn(&pod, 900 * MIB, 0).kind, PROPOSAL_HOLD);
        assert_int_equal(pod_turn(&pod, 900 * MIB, 1).kind, PROPOSAL_CHANGE);
        assert_true(pod.request >= 1440 * MIB * 1.15 && pod.request <= 1440 * MIB * 1.15 * 1.06);
        peer_close(&pod.peer);
}

/* In a loop of kills there is nobody who could be measured: each time it gets what the formula says. */
static void who_is_killed_again_and_again_needs_no_measurement(void **state)
{
        double before = 1200 * MIB;
        struct pod pod;

        (void)state;
        pod_open(&pod, before);
        pod.unmeasured = true;
        for (int minute = 0; minute < 60; minute++)
                assert_int_equal(pod_turn(&pod, 0, 0).kind, PROPOSAL_HOLD);
        assert_int_equal(pod_turn(&pod, 0, 1).kind, PROPOSAL_HOLD); /* it had run for an hour */
        assert_int_equal(pod_turn(&pod, 0, 1).kind, PROPOSAL_CHANGE);
        for (int kill = 0; kill < 3; kill++) {
                assert_true(pod.request >= 1.2 * before * 1.15 && pod.request <= 1.2 * before * 1.15 * 1.06);
                before = pod.request;
                assert_int_equal(pod_turn(&pod, 0, 1).kind, PROPOSAL_CHANGE);
        }
        peer_close(&pod.peer);
}

/* What was refused is asked for again, until other requests are there. */
static void a_kill_is_not_forgotten(void **state)
{
        struct pod pod;

        (void)state;
        pod_open(&pod, 1200 * MIB);
        assert_int_equal(pod_turn(&pod, 900 * MIB, 1).kind, PROPOSAL_CHANGE);
        pod.request = 1200 * MIB;
        pod.unmeasured = true;
        assert_int_equal(pod_turn(&pod, 0, 0).kind, PROPOSAL_CHANGE);
        assert_int_equal(pod_turn(&pod, 0, 0).kind, PROPOSAL_HOLD);
        peer_close(&pod.peer);
}

/* 250 MiB are the least (--pod-recommendation-min-memory-mb). */
static void memory_of_idle_workers_shrinks_to_the_minimum(void **state)
{
        struct pod pod;

        (void)state;
        pod_open(&pod, 4096 * MIB);
        for (int minute = 0; minute < 24 * 60; minute++)
                (void)pod_turn(&pod, 40 * MIB, 0);
        assert_float_equal(pod.request, 250 * MIB, 1);
        peer_close(&pod.peer);
}

/* Outside the recommended bounds a pod is replaced at once, inside them only when it has settled
 * (VPA: updater/priority); a knob's bounds limit the recommendation. */
static void what_a_real_one_recommends_is_taken(void **state)
{
        static const struct request_advice advice = {600 * MIB, 800 * MIB, 1500 * MIB};
        struct observation observation;
        struct proposal proposal;
        struct pod pod;

        (void)state;
        pod_open(&pod, 4096 * MIB);
        observation = peer_observation(&pod.chain, 60000, 6);
        observation.configuration.value[1] = 4096 * MIB;
        observation.cpu_ratio = 0.5;
        observation.memory.worker = (struct memory_use){3000 * MIB, 4096 * MIB};
        observation.memory_advice = advice;
        proposal = peer_turn(&pod.peer, &observation);
        assert_int_equal(proposal.kind, PROPOSAL_CHANGE);
        assert_float_equal(proposal.configuration.value[1], 800 * MIB, 1);
        assert_non_null(strstr(proposal.reason, "VerticalPodAutoscaler recommends 800 MiB"));

        observation.time_ms += 60000;
        observation.configuration.value[1] = 1400 * MIB;
        assert_int_equal(peer_turn(&pod.peer, &observation).kind, PROPOSAL_HOLD);
        observation.time_ms += DAY;
        proposal = peer_turn(&pod.peer, &observation);
        assert_float_equal(proposal.configuration.value[1], 800 * MIB, 1);

        observation.time_ms += 60000;
        observation.memory_advice = (struct request_advice){10 * MIB, 20 * MIB, 30 * MIB};
        proposal = peer_turn(&pod.peer, &observation);
        assert_float_equal(proposal.configuration.value[1], 64 * MIB, 1);
        peer_close(&pod.peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(buckets),
                cmocka_unit_test(percentile_is_the_end_of_the_bucket),
                cmocka_unit_test(weights_halve_each_half_life),
                cmocka_unit_test(confidence_narrows_the_bounds),
                cmocka_unit_test(margin_minimum_and_out_of_memory),
                cmocka_unit_test(the_updater_acts_outside_the_bounds_or_on_settled_pods),
                cmocka_unit_test(without_its_knob_it_holds_and_says_why),
                cmocka_unit_test(sizes_the_workers),
                cmocka_unit_test(a_new_peak_takes_the_place_of_the_days),
                cmocka_unit_test(memory_grows_after_a_kill),
                cmocka_unit_test(a_jvm_keeps_room_for_its_heap),
                cmocka_unit_test(who_is_killed_soon_after_a_start_is_replaced_at_once),
                cmocka_unit_test(who_is_killed_again_and_again_needs_no_measurement),
                cmocka_unit_test(a_kill_is_not_forgotten),
                cmocka_unit_test(memory_of_idle_workers_shrinks_to_the_minimum),
                cmocka_unit_test(what_a_real_one_recommends_is_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a configuration comes to in subtasks and workers; expected values follow Flink's slot sharing: a job
 * needs as many slots as its widest operator has subtasks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/pipeline.h"
#include "core/quantity.h"

static struct operator_info operators[] = {{.name = "source", .source = true, .partitions = 12},
                                           {.name = "work"},
                                           {.name = "sink", .max_parallelism = 6}};

static struct knob workers_knob =
        {.name = "workers", .role = KNOB_WORKERS, .operator_index = -1, .min = 1, .max = 10, .step = 1};

static struct knob operator_knobs[] = {
        {.name = "parallelism",
         .role = KNOB_PARALLELISM,
         .operator_index = 0,
         .min = 1,
         .max = 12,
         .step = 1},
        {.name = "parallelism",
         .role = KNOB_PARALLELISM,
         .operator_index = 1,
         .min = 1,
         .max = 64,
         .step = 1},
        {.name = "memory", .role = KNOB_OTHER, .operator_index = -1, .min = 1, .max = 4},
        {.name = "parallelism",
         .role = KNOB_PARALLELISM,
         .operator_index = 2,
         .min = 2,
         .max = 64,
         .step = 2},
};

static struct pipeline reactive = {.name = "p",
                                   .n_operators = 3,
                                   .operators = operators,
                                   .slots_per_worker = 2,
                                   .n_knobs = 1,
                                   .knobs = &workers_knob};

static struct pipeline own = {.name = "p",
                              .n_operators = 3,
                              .operators = operators,
                              .slots_per_worker = 2,
                              .n_knobs = 4,
                              .knobs = operator_knobs};

static void test_workers_give_slots_to_every_operator(void **state)
{
        const struct configuration configuration = {.count = 1, .value = {4}};
        struct deployment deployment;

        (void)state;
        pipeline_deployment(&reactive, &configuration, &deployment);
        assert_int_equal(deployment.workers, 4);
        assert_int_equal(deployment.parallelism[0], 8);
        assert_int_equal(deployment.parallelism[1], 8);
        assert_int_equal(deployment.parallelism[2], 6);
        assert_false(pipeline_per_operator(&reactive));
        assert_int_equal(pipeline_parallelism_knob(&reactive, 0), -1);
        assert_int_equal(pipeline_workers_knob(&reactive), 0);
}

static void test_the_widest_operator_needs_workers(void **state)
{
        const struct configuration configuration = {.count = 4, .value = {2, 7, 1, 8}};
        struct deployment deployment;

        (void)state;
        pipeline_deployment(&own, &configuration, &deployment);
        assert_int_equal(deployment.parallelism[0], 2);
        assert_int_equal(deployment.parallelism[1], 7);
        assert_int_equal(deployment.parallelism[2], 6);
        assert_int_equal(deployment.workers, 4);
        assert_true(pipeline_per_operator(&own));
        assert_int_equal(pipeline_parallelism_knob(&own, 2), 3);
        assert_int_equal(pipeline_workers_knob(&own), -1);
}

static void test_configurations_fit_the_knobs(void **state)
{
        const struct deployment deployment = {.workers = 40, .parallelism = {40, 7, 5}};
        const struct configuration base = {.count = 4, .value = {1, 1, 3, 2}};
        struct configuration result;

        (void)state;
        pipeline_configuration(&own, &deployment, &base, &result);
        assert_true(result.value[0] == 12); /* its bound */
        assert_true(result.value[1] == 7);
        assert_true(result.value[2] == 3); /* no business of a deployment */
        assert_true(result.value[3] == 6); /* the step from 2 by 2 nearest to 5 */
        assert_int_equal(result.count, 4);
        pipeline_configuration(&reactive, &deployment, &base, &result);
        assert_true(result.value[0] == 10);
}

static void test_which_way_a_change_goes(void **state)
{
        const struct configuration small = {.count = 4, .value = {2, 4, 1, 2}};
        const struct configuration wide = {.count = 4, .value = {2, 8, 1, 2}};
        const struct configuration mixed = {.count = 4, .value = {4, 2, 1, 2}};
        struct deployment_change change = pipeline_change(&own, &small, &wide);

        (void)state;
        assert_true(change.grows && !change.shrinks);
        change = pipeline_change(&own, &wide, &small);
        assert_true(change.shrinks && !change.grows);
        change = pipeline_change(&own, &small, &mixed);
        assert_true(change.shrinks && change.grows);
        change = pipeline_change(&own, &small, &small);
        assert_false(change.shrinks || change.grows);
        assert_true(configuration_equal(&small, &small));
        assert_false(configuration_equal(&small, &wide));
}

static void test_words(void **state)
{
        const struct configuration one = {.count = 1, .value = {1}};
        const struct configuration many = {.count = 4, .value = {2, 7, 1, 2}};
        char words[64];

        (void)state;
        configuration_describe(&reactive, &one, words, sizeof words);
        assert_string_equal(words, "1 worker");
        configuration_describe(&own, &many, words, sizeof words);
        assert_string_equal(words, "source 2, work 7, sink 2 (4 workers), memory 1");
        configuration_describe(&own, &many, words, 12);
        assert_string_equal(words, "source 2, w");
        configuration_describe(&own, &(const struct configuration){0}, words, sizeof words);
        assert_string_equal(words, "not known");
}

/* Partitions that were added stay when a change is taken back; whatever else it changed goes back. */
static void test_what_can_be_gone_back_to(void **state)
{
        struct knob knobs[] = {{.name = "parallelism", .role = KNOB_PARALLELISM, .operator_index = -1},
                               {.name = "partitions", .role = KNOB_PARTITIONS, .operator_index = 0},
                               {.name = "memory.heap", .role = KNOB_MEMORY, .operator_index = -1}};
        struct operator_info source = {.name = "in", .source = true};
        const struct pipeline pipeline = {.n_operators = 1,
                                          .operators = &source,
                                          .slots_per_worker = 1,
                                          .n_knobs = 3,
                                          .knobs = knobs};
        const struct configuration running = {.count = 3, .value = {12, 24, 0x1p32}};
        struct configuration back = {.count = 3, .value = {8, 8, 0x1p31}};
        char words[96];

        (void)state;
        assert_int_equal(pipeline_partitions(&pipeline, &running, 0), 24);
        configuration_keep_grown(&pipeline, &running, &back);
        assert_true(back.value[0] == 8 && back.value[1] == 24 && back.value[2] == 0x1p31);
        configuration_describe(&pipeline, &back, words, sizeof words);
        assert_string_equal(words, "in 8 (8 workers), 24 partitions of in, memory.heap 2Gi");
}

static double read_back(const char *suffix, double written)
{
        autofree char *text = memory_format("%.0f%s", written, suffix);
        double value = -1;

        assert_true(quantity_parse(text, &value));
        return value;
}

/* Kubernetes takes cores in thousandths and memory in bytes: what is set has to be what is read of them. */
static void test_what_is_set_reads_back_as_the_same_number(void **state)
{
        static const struct knob
                cores = {.name = "worker.cpu", .role = KNOB_OTHER, .min = 0.0125, .max = 64},
                steps = {.name = "worker.cpu", .role = KNOB_OTHER, .min = 0.1, .max = 64, .step = 0.037},
                memory = {.name = "memory", .role = KNOB_MEMORY, .min = 0.1 * 0x1p30, .max = 0x1p40};

        (void)state;
        for (int i = 0; i < 20000; i++) {
                double value = i * 0.00137, some = knob_fit(&cores, value), one = knob_fit(&steps, value),
                       bytes = knob_fit(&memory, value * 123456789.1);

                assert_true(read_back("m", some * 1000) == some && some >= value - 1e-6 &&
                            some <= fmax(value, 0.0125) + 0.001);
                assert_true(read_back("m", one * 1000) == one);
                assert_true(read_back("", bytes) == bytes && bytes >= memory.min);
        }
        assert_true(knob_fit(&cores, 100) == 64 && knob_fit(&memory, 0x1p50) == 0x1p40);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_workers_give_slots_to_every_operator),
                cmocka_unit_test(test_the_widest_operator_needs_workers),
                cmocka_unit_test(test_configurations_fit_the_knobs),
                cmocka_unit_test(test_which_way_a_change_goes),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_what_can_be_gone_back_to),
                cmocka_unit_test(test_what_is_set_reads_back_as_the_same_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

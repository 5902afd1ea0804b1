/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spec: what it comes to, and what is said when it is wrong. The cases of wrong values are made from the
 * option tables, so that an option that is added is tested without another word.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/spec.h"

#define SAMPLE   "tests/fuzz/corpus/yaml/clickstream.yaml"
#define COMPLETE "tests/fuzz/corpus/yaml/complete.yaml"

/* ---- a registry as the program has one ---- */

struct hpa_like {
        double target_ratio;
};

static const struct option hpa_options[] = {
        {.name = "targetRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct hpa_like, target_ratio),
         .min = 0,
         .max = 1,
         .fallback = "0.7",
         .help = "Target."},
        {0},
};

static const struct option_table hpa_table = {.name = "hpa",
                                              .help = "Scales on CPU.",
                                              .size = sizeof(struct hpa_like),
                                              .options = hpa_options};

static const struct strategy static_like = {.name = "static", .summary = "Never changes."};
static const struct strategy hpa_like = {.name = "hpa", .summary = "Scales on CPU.", .options = &hpa_table};
static const struct strategy plan_like = {.name = "plan", .summary = "Ours."};
static const struct strategy *const strategies[] = {&static_like, &hpa_like, &plan_like, NULL};

struct freeze_like {
        struct yaml_node *freeze, *budget;
};

static const struct option freeze_options[] = {
        {.name = "freeze",
         .type = OPTION_FREE,
         .offset = offsetof(struct freeze_like, freeze),
         .help = "Windows."},
        {.name = "budget",
         .type = OPTION_FREE,
         .offset = offsetof(struct freeze_like, budget),
         .help = "Money."},
        {0},
};

static const struct option_table freeze_table = {.name = "freeze",
                                                 .help = "Freezes.",
                                                 .size = sizeof(struct freeze_like),
                                                 .options = freeze_options};

struct changes_like {
        int64_t per_day;
};

static const struct option changes_options[] = {
        {.name = "maxChangesPerDay",
         .type = OPTION_INT,
         .offset = offsetof(struct changes_like, per_day),
         .min = 0,
         .max = 1000,
         .fallback = "24",
         .help = "Budget of changes."},
        {0},
};

static const struct option_table changes_table = {.name = "changes",
                                                  .help = "Changes.",
                                                  .size = sizeof(struct changes_like),
                                                  .options = changes_options};

static const struct guardrail freeze_like = {.name = "freeze",
                                             .summary = "Freezes.",
                                             .options = &freeze_table};
static const struct guardrail changes_like = {.name = "changes",
                                              .summary = "Changes.",
                                              .options = &changes_table};
static const struct guardrail never_like = {.name = "never", .summary = "Has no options."};
static const struct guardrail *const guardrails[] = {&freeze_like, &changes_like, &never_like, NULL};

static const struct registry registry = {.strategies = strategies, .guardrails = guardrails};

/* ---- helpers ---- */

static struct spec *read_with(const char *path, const char *const *overrides)
{
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        if (!spec_read(path, NULL, overrides, &registry, &spec, &err))
                fail_msg("%s", err.message);
        return spec;
}

/* Fails unless the spec is refused with one line that starts with `start` and holds `part`. */
static void expect_refusal(const char *path, const char *const *overrides, const char *start,
                           const char *part)
{
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        if (spec_read(path, NULL, overrides, &registry, &spec, &err)) {
                spec_free(spec);
                fail_msg("%s was taken", overrides ? overrides[0] : path);
        }
        assert_int_equal(error_exit_status(&err), 2);
        assert_null(strchr(err.message, '\n'));
        if (strncmp(err.message, start, strlen(start)) != 0 || !strstr(err.message, part))
                fail_msg("\"%s\" is not \"%s ... %s\"", err.message, start, part);
}

static void refuse(const char *override, const char *start, const char *part)
{
        const char *const overrides[] = {override, NULL};

        expect_refusal(COMPLETE, overrides, start, part);
}

static void refuse_text(const char *spec_lines, const char *message)
{
        autofree char *text = memory_format(
                "apiVersion: optctl.dev/v1alpha1\nkind: TunedPipeline\nmetadata: {name: a}\nspec:\n%s",
                spec_lines);
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        if (spec_parse(text, strlen(text), "f.yaml", NULL, NULL, &registry, &spec, &err)) {
                spec_free(spec);
                fail_msg("was taken: %s", spec_lines);
        }
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, message))
                fail_msg("\"%s\" lacks \"%s\"", err.message, message);
}

/* ---- what it comes to ---- */

static void test_the_sample_of_the_manual_is_valid(void **state)
{
        struct spec *spec = read_with(SAMPLE, NULL);

        (void)state;
        assert_string_equal(spec->name, "clickstream");
        assert_string_equal(spec->namespace, "analytics");
        assert_string_equal(spec->base, "tests/fuzz/corpus/yaml");
        assert_int_equal(spec->mode, SPEC_RECOMMEND);
        assert_true(spec->constraints.latency_p99_seconds == 2);
        assert_true(spec->constraints.backlog_seconds == 60);
        assert_true(spec->constraints.error_ratio == 0.001);
        assert_true(spec->constraints.confidence == 0.95);
        assert_int_equal(spec->pipeline.n_operators, 1);
        assert_string_equal(spec->pipeline.operators[0].name, "pipeline");
        assert_true(spec->pipeline.operators[0].source);
        assert_int_equal(spec->pipeline.n_knobs, 2);
        assert_int_equal(spec->pipeline.knobs[0].operator_index, 0);
        assert_true(spec->pipeline.knobs[0].step == 1);
        assert_int_equal(spec->pipeline.knobs[1].role, KNOB_OTHER);
        assert_true(spec->pipeline.knobs[1].min == 0x1p31);
        assert_true(spec->pipeline.knobs[1].step == 512.0 * (1 << 20));
        assert_true(spec->initial[0] == 64);
        assert_false(spec->has_model);
        assert_ptr_equal(spec->strategy, &plan_like);
        assert_ptr_equal(spec->baseline_strategy, &static_like);
        assert_int_equal(spec->n_strategies, 3);
        assert_true(((struct hpa_like *)spec_find_strategy(spec, "hpa")->options)->target_ratio == 0.7);
        assert_null(spec_find_strategy(spec, "vpa"));
        assert_int_equal(spec->n_guardrails, 3);
        assert_int_equal(((struct changes_like *)spec->guardrails[1].options)->per_day, 12);
        assert_non_null(((struct freeze_like *)spec->guardrails[0].options)->freeze);
        spec_free(spec);
        spec_free(NULL);
}

static void test_operators_and_model_stand_in_topological_order(void **state)
{
        struct spec *spec = read_with(COMPLETE, NULL);
        const struct operator_model *models = spec->model.operators.items;
        static const char *const order[] = {"source", "map", "sink"};

        (void)state;
        for (int i = 0; i < 3; i++) {
                assert_string_equal(spec->pipeline.operators[i].name, order[i]);
                assert_string_equal(models[i].name, order[i]);
        }
        assert_int_equal(spec->pipeline.edges[0].from, 0);
        assert_int_equal(spec->pipeline.edges[0].to, 1);
        assert_true(spec->pipeline.edges[0].selectivity == 1);
        assert_true(spec->pipeline.edges[1].selectivity == 0.5);
        assert_true(spec->pipeline.edges[1].hash);
        assert_int_equal(spec->pipeline.operators[0].partitions, 12);
        /* The narrowest operator for a worker of two slots is map: 2 * 1200 records/s; 0.95 - 0.1 of CPU at
         * that. */
        assert_float_equal(spec->model.cpu.worker_seconds_per_record, 0.85 / 2400, 1e-12);
        spec_free(spec);
}

static double value_of(const struct spec *spec, const double *values, const char *operator_name)
{
        for (int i = 0; i < spec->pipeline.n_operators; i++)
                if (strcmp(spec->pipeline.operators[i].name, operator_name) == 0)
                        return values[pipeline_parallelism_knob(&spec->pipeline, i)];
        return NAN;
}

static void test_knobs_and_configurations(void **state)
{
        struct spec *spec = read_with(COMPLETE, NULL);
        int source = pipeline_parallelism_knob(&spec->pipeline, 0);

        (void)state;
        assert_int_equal(spec->pipeline.n_knobs, 4);
        assert_true(spec->pipeline.knobs[source].max == 12); /* the knob of its own */
        assert_true(spec->initial[pipeline_workers_knob(&spec->pipeline)] == 4);
        assert_true(value_of(spec, spec->initial, "map") == 6);
        assert_true(value_of(spec, spec->initial, "sink") == 8);
        assert_true(spec->baseline[pipeline_workers_knob(&spec->pipeline)] == 10);
        assert_true(value_of(spec, spec->baseline, "map") == 6);
        spec_free(spec);
}

static void test_overrides(void **state)
{
        static const char *const overrides[] = {"spec.simulation.runs=7",
                                                "spec.knobs.workers.max=5",
                                                "spec.strategies.hpa={targetRatio: \"0.5\"}",
                                                "spec.baseline.strategy=hpa",
                                                "spec.baseline.options.targetRatio=0.25",
                                                "spec.baseline.configuration=Current",
                                                "spec.strategy=hpa",
                                                NULL};
        struct spec *spec = read_with(COMPLETE, overrides);

        (void)state;
        assert_int_equal(spec->simulation.runs, 7);
        assert_true(spec->pipeline.knobs[0].max == 5);
        assert_true(((struct hpa_like *)spec_find_strategy(spec, "hpa")->options)->target_ratio == 0.5);
        assert_true(((struct hpa_like *)spec->baseline_options)->target_ratio == 0.25);
        assert_ptr_equal(spec->strategy, &hpa_like);
        for (int i = 0; i < spec->pipeline.n_knobs; i++)
                assert_true(spec->initial[i] == spec->baseline[i]);
        spec_free(spec);
        refuse("spec.foo=1", "--set spec.foo: ", "unknown option");
        refuse("spec.mode", "--set spec.mode: ", "expected PATH=VALUE");
        refuse("spec.simulation.run=1", "--set spec.simulation.run: ", "did you mean runs?");
        refuse("spec.knobs.worker.max=5",
               "--set spec.knobs.worker.max: ", "no item of the list has that name");
        refuse("spec.guardrails.maxChangePerDay=5",
               "--set spec.guardrails.maxChangePerDay: ", "did you mean maxChangesPerDay?");
        refuse("spec.strategies.hpaa={}", "--set spec.strategies.hpaa: ", "did you mean hpa?");
        refuse("spec.strategies.static={a: 1}", "--set spec.strategies.static.a: ", "this section has none");
}

static void test_without_a_registry_names_are_not_checked(void **state)
{
        static const char *const overrides[] = {"spec.strategies.anything={a: 1}", NULL};
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        (void)state;
        assert_true(spec_read(COMPLETE, "data", overrides, NULL, &spec, &err));
        assert_string_equal(spec->base, "data");
        assert_null(spec->strategy);
        assert_int_equal(spec->n_strategies, 0);
        spec_free(spec);
}

/* ---- rules between options ---- */

static void test_graphs_that_are_none(void **state)
{
        static const struct {
                const char *lines, *message;
        } cases[] = {
                {"  pipeline:\n    operators: [{name: s, source: true}, {name: a}, {name: b}, {name: c}]\n"
                 "    edges:\n      - {from: s, to: a}\n      - {from: b, to: c}\n      - {from: a, to: b}\n"
                 "      - {from: b, to: a}\n",
                 "f.yaml:10:9: spec.pipeline.edges[2]: the edges form a cycle through \"a\""},
                {"  pipeline: {operators: [{name: s, source: true}], edges: [{from: s, to: t}]}\n",
                 "spec.pipeline.edges[0].to: no operator \"t\" in spec.pipeline; did you mean s?"},
                {"  pipeline: {operators: [{name: a}]}\n",
                 "f.yaml:5:25: spec.pipeline.operators: no operator is a source; expected source: true at "
                 "one"},
                {"  pipeline: {operators: [{name: s, source: true}, {name: alone}]}\n",
                 "operator \"alone\" is not reached from any source"},
                {"  pipeline: {operators: [{name: s, source: true}, {name: s}]}\n",
                 "spec.pipeline.operators[1].name: \"s\" is there already"},
                {"  pipeline: {operators: [{name: s, source: true}, {name: t}], edges: [{from: s, to: t}, "
                 "{from: s, "
                 "to: t}]}\n",
                 "spec.pipeline.edges[1]: is there already"},
                {"  pipeline: {operators: [{name: s, source: true}], edges: [{from: s, to: s}]}\n",
                 "is a source"},
                {"  pipeline: {operators: [{name: s, source: true}, {name: t, partitions: 3}], edges: []}\n",
                 "spec.pipeline.operators[1].partitions: only a source"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *lines =
                        memory_format("%s  knobs: [{name: workers, min: 1, max: 9}]\n", cases[i].lines);

                refuse_text(lines, cases[i].message);
        }
}

static void test_knobs_that_are_none(void **state)
{
        static const struct {
                const char *knob, *message;
        } cases[] = {
                {"{name: workers, min: 9, max: 1}", "f.yaml:5:32: spec.knobs[0].min: is above max"},
                {"{name: workers, min: 0, max: 1}", "expected a whole number of at least 1"},
                {"{name: workers, min: 1, max: 2.5}", "spec.knobs[0].max: is not a count"},
                {"{name: workers, min: 1, max: 9, step: 0.5}", "spec.knobs[0].step: is not a count"},
                {"{name: workers, min: 1, max: 9, scope: Operator}", "expected Pipeline"},
                {"{name: x, min: 0, max: 9, scale: Log}", "which scale Log needs"},
                {"{name: parallelism, operator: pipeline, min: 1, max: 9}", "needs scope Operator"},
                {"{name: parallelism, scope: Operator, operator: pipelin, min: 1, max: 9}",
                 "spec.knobs[0].operator: no operator \"pipelin\" in spec.pipeline; did you mean pipeline?"},
                {"{name: workers, min: 1, max: 9}, {name: workers, min: 1, max: 9}",
                 "spec.knobs[1].name: knob \"workers\" is there already"},
                {"{name: partitions, min: 1, max: 9}", "expected scope Operator"},
                {"{name: partitions, scope: Operator, min: 0, max: 9}",
                 "expected a whole number of at least 1"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *lines = memory_format("  knobs: [%s]\n", cases[i].knob);

                refuse_text(lines, cases[i].message);
        }
        refuse_text("  mode: Auto\n", "f.yaml:5:3: spec: lacks knobs; expected a list of maps");
}

static void test_the_scale_of_a_knob_is_known(void **state)
{
        static const char text[] = "apiVersion: optctl.dev/v1alpha1\n"
                                   "kind: TunedPipeline\n"
                                   "metadata: {name: p}\n"
                                   "spec:\n"
                                   "  pipeline: {operators: [{name: job, source: true}]}\n"
                                   "  knobs:\n"
                                   "  - {name: workers, min: 1, max: 64, scale: Linear}\n"
                                   "  - {name: memory, min: 1Gi, max: 4Gi, scale: Log}\n"
                                   "  - {name: x, min: 0, max: 4}\n";
        struct error err = ERROR_INIT;
        struct spec *spec;

        (void)state;
        assert_true(spec_parse(text, strlen(text), "f.yaml", NULL, NULL, NULL, &spec, &err));
        assert_int_equal(spec->pipeline.knobs[0].scale, KNOB_SCALE_LINEAR);
        assert_int_equal(spec->pipeline.knobs[1].scale, KNOB_SCALE_LOG);
        assert_int_equal(spec->pipeline.knobs[2].scale, KNOB_SCALE_AUTO);
        spec_free(spec);
}

/* Only sources have partitions, and never fewer than there are now; without spec.initial they begin with
 * those.
 */
static void test_partitions_only_grow(void **state)
{
        static const char text[] = "apiVersion: optctl.dev/v1alpha1\n"
                                   "kind: TunedPipeline\n"
                                   "metadata: {name: p}\n"
                                   "spec:\n"
                                   "  pipeline:\n"
                                   "    operators: [{name: in, source: true, partitions: 6}, {name: work}]\n"
                                   "    edges: [{from: in, to: work}]\n"
                                   "  knobs:\n"
                                   "  - {name: partitions, scope: Operator, min: 1, max: 24}\n"
                                   "  - {name: memory.heap, min: 1Gi, max: 4Gi}\n";
        static const char *const few[] = {"spec.knobs.partitions.max=5", NULL};
        static const char *const other[] = {"spec.knobs.partitions.operator=work", NULL};
        struct error err = ERROR_INIT;
        struct spec *spec;

        (void)state;
        assert_true(spec_parse(text, strlen(text), "f.yaml", NULL, NULL, NULL, &spec, &err));
        assert_int_equal(spec->pipeline.n_knobs, 2);
        assert_int_equal(spec->pipeline.knobs[0].role, KNOB_PARTITIONS);
        assert_true(spec->pipeline.knobs[0].min == 6 && spec->pipeline.knobs[0].step == 1);
        assert_true(spec->initial[0] == 6);
        assert_int_equal(spec->pipeline.knobs[1].role, KNOB_MEMORY);
        assert_true(spec->pipeline.knobs[1].max == 0x1p32 && spec->pipeline.knobs[1].step == 0);
        spec_free(spec);
        assert_false(spec_parse(text, strlen(text), "f.yaml", NULL, few, NULL, &spec, &err));
        assert_non_null(strstr(err.message, "expected a greater max"));
        assert_false(spec_parse(text, strlen(text), "f.yaml", NULL, other, NULL, &spec, &err));
        assert_non_null(strstr(err.message, "only a source reads partitions"));
}

/* Operators of a graph that the engine will be asked for cannot be looked up before. */
static void test_a_graph_that_only_the_engine_knows(void **state)
{
        static const char text[] =
                "apiVersion: optctl.dev/v1alpha1\n"
                "kind: TunedPipeline\n"
                "metadata: {name: p}\n"
                "spec:\n"
                "  engine: {flink: {url: \"http://127.0.0.1:8081\"}}\n"
                "  initial: {operators: {work: 3}}\n"
                "  knobs: [{name: parallelism, scope: Operator, operator: work, min: 1, max: 8}]\n";
        static const char *const graph[] = {"spec.pipeline={operators: [{name: in, source: true}, {name: "
                                            "work}], edges: [{from: in, to: work}]}",
                                            NULL};
        static const char *const other[] = {"spec.pipeline={operators: [{name: in, source: true}]}", NULL};
        struct error err = ERROR_INIT;
        struct spec *spec;

        (void)state;
        assert_true(spec_parse(text, strlen(text), "f.yaml", NULL, NULL, NULL, &spec, &err));
        assert_true(spec->lacks_graph);
        assert_int_equal(spec->pipeline.n_knobs, 0);
        spec_free(spec);
        assert_true(spec_parse(text, strlen(text), "f.yaml", NULL, graph, NULL, &spec, &err));
        assert_false(spec->lacks_graph);
        assert_int_equal(spec->pipeline.knobs[0].operator_index, 1);
        assert_true(spec->initial[0] == 3);
        spec_free(spec);
        assert_false(spec_parse(text, strlen(text), "f.yaml", NULL, other, NULL, &spec, &err));
        assert_non_null(strstr(err.message, "no operator \"work\""));
}

static void test_names_that_lead_nowhere(void **state)
{
        (void)state;
        refuse("spec.initial={workers: 99}", "--set spec.initial.workers: ", "expected 1 to 20");
        refuse("spec.initial={worker: 4}", "--set spec.initial.worker: ", "did you mean workers?");
        refuse("spec.initial={operators: {mapp: 4}}",
               "--set spec.initial.operators.mapp: ", "did you mean map?");
        refuse("spec.initial=7", "--set spec.initial: ", "is not a configuration");
        refuse("spec.initial=[{knob: workers}]", "--set spec.initial[0]: ", "lacks value");
        refuse("spec.initial=[{knob: workers, operator: map, value: 1}]",
               "--set spec.initial[0].value: ", "no knob \"workers\" of this operator");
        refuse("spec.baseline.configuration=Currant",
               "--set spec.baseline.configuration: ", "expected Current");
        refuse("spec.strategy=plam", "--set spec.strategy: ", "did you mean plan?");
        refuse("spec.baseline.strategy=statik", "--set spec.baseline.strategy: ", "did you mean static?");
        refuse("spec.simulation.strategies=[hpa, planet]", "--set spec.simulation.strategies[1]: ", "plan");
        refuse("spec.backtest.fit=[fixd]", "--set spec.backtest.fit[0]: ", "did you mean fixed?");
        refuse("spec.backtest.predict=[fixed, x]", "--set spec.backtest.predict[1]: ", "no recording \"x\"");
        refuse("spec.backtest.baseline=fixer", "--set spec.backtest.baseline: ", "did you mean fixed?");
        refuse("spec.recordings[1].name=fixed", "--set spec.recordings[1].name: ", "is there already");
        refuse("spec.recordings[1].strategy=hpq", "--set spec.recordings[1].strategy: ", "did you mean hpa?");
        refuse("spec.recordings[1].options={a: 1}", "--set spec.recordings[1].options.a: ", "unknown option");
        refuse("spec.recordings[0].configuration[0].knob=wokers",
               "--set spec.recordings[0].configuration[0].knob: ", "did you mean workers?");
        refuse("spec.model.operators[0].name=snk",
               "--set spec.model.operators[0].name: ", "did you mean sink?");
        refuse("spec.model.operators=[{name: map, ratePerSecond: 1}]",
               "--set spec.model.operators: ", "lacks operator \"source\"");
        refuse("metadata.name=Click_Stream", "--set metadata.name: ", "is not a name");
        refuse("apiVersion=optctl.dev/v1", "--set apiVersion: ", "expected optctl.dev/v1alpha1");
}

/* ---- the tables ---- */

static void test_tables_are_whole(void **state)
{
        const struct option_table *table = spec_table(&registry);
        const struct option_table *found;
        const struct option *option;
        struct error err = ERROR_INIT;

        (void)state;
        assert_ptr_equal(table, spec_table(&registry));
        assert_true(option_find(table, "spec.strategies.hpa.targetRatio", &found, &option, &err));
        assert_ptr_equal(found, &hpa_table);
        assert_true(option_find(table, "spec.guardrails.maxChangesPerDay", &found, &option, &err));
        assert_true(option_find(table, "spec.prices.worker.perHour", &found, &option, &err));
        assert_false(option_find(table, "spec.contraints", &found, &option, &err));
        assert_non_null(strstr(err.message, "did you mean constraints?"));
}

/* ---- what is no spec at all ---- */

static void test_garbage_is_one_line(void **state)
{
        size_t length = 10u << 20;
        autofree char *garbage = memory_new(length + 1, 1);
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;
        uint32_t seed = 1;

        (void)state;
        for (size_t i = 0; i < length; i++)
                garbage[i] = (char)((seed = seed * 1664525u + 1013904223u) >> 24);
        assert_false(spec_parse(garbage, length, "f.yaml", NULL, NULL, &registry, &spec, &err));
        assert_int_equal(error_exit_status(&err), 2);
        assert_null(strchr(err.message, '\n'));
        expect_refusal("tests/core/no-such-spec.yaml", NULL,
                       "tests/core/no-such-spec.yaml: ", "No such file");
        expect_refusal("/dev/null", NULL, "/dev/null: is empty", "");
}

static void test_a_file_cut_anywhere_is_refused_or_whole(void **state)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        size_t length, n_refused = 0;

        (void)state;
        assert_true(text_read_file(COMPLETE, 1 << 20, &text, &length, &err));
        for (size_t cut = 0; cut < length; cut += 7) {
                struct spec *spec = NULL;

                error_clear(&err);
                if (spec_parse(text, cut, "f.yaml", NULL, NULL, &registry, &spec, &err)) {
                        spec_free(spec); /* the end of a YAML map may be missing without a sign */
                        continue;
                }
                n_refused++;
                assert_int_equal(error_exit_status(&err), 2);
                assert_null(strchr(err.message, '\n'));
                assert_int_equal(strncmp(err.message, "f.yaml:", 7), 0);
        }
        assert_true(n_refused > 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_sample_of_the_manual_is_valid),
                cmocka_unit_test(test_operators_and_model_stand_in_topological_order),
                cmocka_unit_test(test_knobs_and_configurations),
                cmocka_unit_test(test_overrides),
                cmocka_unit_test(test_without_a_registry_names_are_not_checked),
                cmocka_unit_test(test_graphs_that_are_none),
                cmocka_unit_test(test_knobs_that_are_none),
                cmocka_unit_test(test_the_scale_of_a_knob_is_known),
                cmocka_unit_test(test_partitions_only_grow),
                cmocka_unit_test(test_a_graph_that_only_the_engine_knows),
                cmocka_unit_test(test_names_that_lead_nowhere),
                cmocka_unit_test(test_tables_are_whole),
                cmocka_unit_test(test_garbage_is_one_line),
                cmocka_unit_test(test_a_file_cut_anywhere_is_refused_or_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

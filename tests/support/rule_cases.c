/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/rule_cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/series/series.h"
#include "core/yaml.h"

#define NOW_MS 1768478400000

struct stage {
        struct operator_info operators[2];
        struct edge edges[1];
        struct knob knobs[2];
        struct pipeline pipeline;
        struct constraints constraints;
        struct price_book *prices;
        struct observation observation;
        int64_t change_times_ms[64];
        struct avoided avoided;
        struct judgement_context context;
};

static struct price_book *open_prices(void)
{
        const char *yaml = "{currency: USD, worker: {perHour: \"0.5\"}}";
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;
        struct price_book *book = NULL;
        void *options = NULL;

        assert_true(yaml_parse(yaml, strlen(yaml), "prices", &document, &err));
        assert_true(option_new(&prices_table, yaml_root(document), &options, &err));
        assert_true(price_book_new(options, ".", &book, &err));
        option_delete(&prices_table, options);
        return book;
}

static void set_pipeline(struct stage *stage, bool coarse)
{
        stage->operators[0] = (struct operator_info){.name = "source", .source = true};
        stage->operators[1] = (struct operator_info){.name = "work"};
        stage->edges[0] = (struct edge){.from = 0, .to = 1, .selectivity = 1};
        stage->knobs[0] = (struct knob){"parallelism.source", KNOB_PARALLELISM, 0, 1, 64, 1, KNOB_SCALE_AUTO};
        stage->knobs[1] =
                coarse ? (struct knob){"parallelism.work", KNOB_PARALLELISM, 1, 2, 40, 2, KNOB_SCALE_AUTO}
                       : (struct knob){"parallelism.work", KNOB_PARALLELISM, 1, 1, 64, 1, KNOB_SCALE_AUTO};
        stage->pipeline = (struct pipeline){.name = "p",
                                            .n_operators = 2,
                                            .operators = stage->operators,
                                            .n_edges = 1,
                                            .edges = stage->edges,
                                            .slots_per_worker = 1,
                                            .n_knobs = 2,
                                            .knobs = stage->knobs};
}

static void observe(struct stage *stage, const struct rule_case *c)
{
        struct observation *observation = &stage->observation;

        observation->time_ms = stage->context.now_ms - (int64_t)(c->age_seconds * 1000);
        observation->window_ms = 60000;
        observation->configuration = (struct configuration){.count = 2, .value = {c->from[0], c->from[1]}};
        observation->workers = (int)fmax(c->from[0], c->from[1]);
        observation->offered_per_second = c->offered > 0 ? c->offered : 1000;
        observation->throughput_per_second = c->throughput > 0 ? c->throughput : 1000;
        observation->backlog_records = c->backlog;
        observation->n_operators = 2;
        observation->run.periodic = c->runs_left != 0;
        observation->operators[0] = (struct operator_observation){.busy_ratio = 0.2, .busy_ratio_max = 0.3};
        observation->operators[1] =
                (struct operator_observation){.busy_ratio = c->busy > 0 ? c->busy - 0.1 : 0.5,
                                              .busy_ratio_max = c->busy > 0 ? c->busy : 0.6};
}

static void remember(struct stage *stage, const struct rule_case *c)
{
        struct judgement_context *context = &stage->context;
        size_t n = 0;

        for (int i = 0; i < c->changes_yesterday; i++)
                stage->change_times_ms[n++] =
                        context->now_ms - MS_PER_DAY - 1000 * (c->changes_yesterday - i - 1);
        for (int i = 0; i < c->changes_today; i++)
                stage->change_times_ms[n++] = context->now_ms - 1000 * (c->changes_today - i);
        context->n_changes = n;
        context->change_times_ms = stage->change_times_ms;
        context->last_change_ms = c->since_change_seconds > 0
                                          ? context->now_ms - (int64_t)(c->since_change_seconds * 1000)
                                          : INT64_MIN;
        context->last_scale_down_ms = INT64_MIN;
        context->last_bad_ms = c->since_bad_seconds > 0
                                       ? context->now_ms - (int64_t)(c->since_bad_seconds * 1000)
                                       : INT64_MIN;
        context->last_foreign_ms = c->since_foreign_seconds > 0
                                           ? context->now_ms - (int64_t)(c->since_foreign_seconds * 1000)
                                           : INT64_MIN;
        stage->avoided.configuration =
                (struct configuration){.count = 2, .value = {c->from[0], c->avoided_work}};
        stage->avoided.until_ms = context->now_ms + (int64_t)(c->avoided_seconds * 1000);
        context->avoided = &stage->avoided;
        context->n_avoided = c->avoided_work > 0;
}

static void set_stage(struct stage *stage, const struct rule_case *c)
{
        struct error err = ERROR_INIT;

        set_pipeline(stage, c->coarse);
        stage->constraints = (struct constraints){NAN, NAN, NAN, 0.95, NAN};
        stage->context = (struct judgement_context){.pipeline = &stage->pipeline,
                                                    .constraints = &stage->constraints,
                                                    .prices = stage->prices,
                                                    .observation = &stage->observation,
                                                    .now_ms = NOW_MS,
                                                    .interval_ms = 60000,
                                                    .spent_this_month = c->spent,
                                                    .run_cost = c->run_cost,
                                                    .runs_left = c->runs_left};
        if (c->now)
                assert_true(time_parse(c->now, NULL, &stage->context.now_ms, &err));
        observe(stage, c);
        remember(stage, c);
}

static void run_case(const struct guardrail *rule, struct stage *stage, const struct rule_case *c)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        const struct yaml_node *node = NULL;
        struct error err = ERROR_INIT;
        struct proposal proposal = {.kind = PROPOSAL_CHANGE};
        struct configuration configuration = {.count = 2, .value = {c->to[0], c->to[1]}};
        char reason[sizeof(((struct finding *)NULL)->reason)] = "";
        enum judgement judgement;
        void *options = NULL;

        set_stage(stage, c);
        proposal.configuration = configuration;
        proposal.prediction.present = proposal.prediction.run.present = c->runs_left != 0;
        proposal.prediction.run.cost_mean = c->run_predicted > 0 ? c->run_predicted : NAN;
        if (c->options) {
                if (!yaml_parse(c->options, strlen(c->options), "spec.yaml", &document, &err))
                        fail_msg("%s", err.message);
                node = yaml_root(document);
        }
        if (!option_new(rule->options, node, &options, &err))
                fail_msg("%s", err.message);
        judgement = rule->judge(options, &stage->context, &proposal, &configuration, reason);
        option_delete(rule->options, options);
        if (judgement != c->expected)
                fail_msg("%s, %s: %s (%s), expected %s", rule->name, c->what, judgement_name(judgement),
                         reason, judgement_name(c->expected));
        if (c->reason && !strstr(reason, c->reason))
                fail_msg("%s, %s: said \"%s\", expected \"%s\"", rule->name, c->what, reason, c->reason);
        for (int i = 0; i < 2 && judgement != JUDGEMENT_REFUSED; i++) {
                double left = c->left[i] > 0 ? c->left[i] : c->to[i];

                if (configuration.value[i] != left)
                        fail_msg("%s, %s: knob %d is left at %g, expected %g", rule->name, c->what, i,
                                 configuration.value[i], left);
        }
}

void rule_cases_run(const struct guardrail *rule, const struct rule_case *cases, size_t count)
{
        struct stage stage = {.prices = open_prices()};

        for (size_t i = 0; i < count; i++)
                run_case(rule, &stage, &cases[i]);
        price_book_free(stage.prices);
}

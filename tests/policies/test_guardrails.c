/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every guardrail by a table of cases. The pipeline is a source and an operator `work`, each with a
 * parallelism of 1 to 64 in whole steps (work: 2 to 40 in steps of 2 where a case says so); a worker hosts
 * one subtask, so there are as many workers as the wider one has subtasks. It is Thursday 2026-01-15, 12:00
 * UTC: 16.5 days = 396 h of the month are left. What must come out follows from the rules' own definitions by
 * hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/plugin.h"
#include "core/series.h"
#include "core/yaml.h"

#define NOW_MS 1768478400000

extern const struct guardrail bounds_guardrail, budget_guardrail, canary_guardrail, change_budget_guardrail,
        cooldown_guardrail, foreign_change_guardrail, freeze_guardrail, saturated_guardrail,
        schedulable_guardrail, stale_guardrail, step_limit_guardrail;

struct rule_case {
        const char *what;
        const char *options;   /* as under spec.guardrails; NULL: defaults */
        double from[2], to[2]; /* parallelism of source and work */
        enum judgement expected;
        double left[2];     /* what may be applied; the wanted one when 0 */
        const char *reason; /* part of it */
        /* Circumstances; 0: the ordinary ones. */
        double age_seconds, since_change_seconds, since_bad_seconds, since_foreign_seconds;
        int changes_today, changes_yesterday;
        double spent;
        double busy; /* of work's busiest subtask */
        double offered, throughput, backlog;
        double avoided_work, avoided_seconds; /* work's parallelism in a configuration to keep away from */
        const char *now;
        bool coarse;                               /* work has steps of 2 from 2 to 40 */
        double run_cost, run_predicted, runs_left; /* of a job that runs from time to time */
};

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
        observation->run.periodic = c->runs_left > 0;
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
        proposal.prediction.present = proposal.prediction.run.present = c->runs_left > 0;
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

static void run_cases(const struct guardrail *rule, const struct rule_case *cases, size_t count)
{
        struct stage stage = {.prices = open_prices()};

        for (size_t i = 0; i < count; i++)
                run_case(rule, &stage, &cases[i]);
        price_book_free(stage.prices);
}

#define RUN(rule, cases) run_cases(&rule, cases, ARRAY_LENGTH(cases))

static void test_bounds(void **state)
{
        static const struct rule_case cases[] = {
                {"within", NULL, {2, 4}, {3, 64}, .expected = JUDGEMENT_ALLOWED},
                {"above",
                 NULL,
                 {2, 4},
                 {2, 70},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {2, 64},
                 .reason = "parallelism.work 70 is above its maximum of 64"},
                {"below",
                 NULL,
                 {2, 4},
                 {0, 4},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {1, 4},
                 .reason = "parallelism.source 0 is below its minimum of 1"},
                {"between steps",
                 NULL,
                 {2, 4},
                 {2, 7.4},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {2, 8},
                 .reason = "is not a step of 2 from 2: 8",
                 .coarse = true},
                {"rounding of a sum is no wish",
                 NULL,
                 {2, 4},
                 {2, 0.1 + 0.2 + 5.7},
                 .expected = JUDGEMENT_ALLOWED,
                 .left = {2, 6}},
                {"not a number",
                 NULL,
                 {2, 4},
                 {2, NAN},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "parallelism.work is not a number"},
                {"infinite",
                 NULL,
                 {2, 4},
                 {INFINITY, 4},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "parallelism.source is not a number"},
        };

        (void)state;
        RUN(bounds_guardrail, cases);
        assert_true(bounds_guardrail.physical);
}

static void test_step_limit(void **state)
{
        static const struct rule_case cases[] = {
                {"tenfold by default", NULL, {2, 4}, {20, 40}, .expected = JUDGEMENT_ALLOWED},
                {"more than tenfold",
                 NULL,
                 {2, 4},
                 {2, 50},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {2, 40},
                 .reason = "more than +900 % or -75 %"},
                {"down to a quarter by default", NULL, {2, 40}, {2, 10}, .expected = JUDGEMENT_ALLOWED},
                {"further down",
                 NULL,
                 {2, 40},
                 {2, 5},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {2, 10},
                 .reason = "from source 2, work 40"},
                {"each operator by itself",
                 "{maxStepUpPercent: 50, maxStepDownPercent: 25}",
                 {8, 8},
                 {20, 2},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {12, 6}},
                {"one more is always allowed",
                 "{maxStepUpPercent: 10}",
                 {2, 2},
                 {2, 3},
                 .expected = JUDGEMENT_ALLOWED},
                {"one less is always allowed",
                 "{maxStepDownPercent: 10}",
                 {2, 2},
                 {2, 1},
                 .expected = JUDGEMENT_ALLOWED},
        };

        (void)state;
        RUN(step_limit_guardrail, cases);
}

static void test_cooldown(void **state)
{
        static const struct rule_case cases[] = {
                {"first change", NULL, {2, 4}, {2, 2}, .expected = JUDGEMENT_ALLOWED},
                {"growing too soon",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "the last change was 59 s ago; before growing at least 60 s",
                 .since_change_seconds = 59},
                {"growing in time",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .since_change_seconds = 60},
                {"shrinking too soon",
                 NULL,
                 {2, 4},
                 {2, 2},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "before shrinking at least 300 s",
                 .since_change_seconds = 299},
                {"shrinking in time",
                 NULL,
                 {2, 4},
                 {2, 2},
                 .expected = JUDGEMENT_ALLOWED,
                 .since_change_seconds = 300},
                {"what grows somewhere is growing",
                 NULL,
                 {2, 4},
                 {1, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .since_change_seconds = 61},
                {"as the spec says",
                 "{cooldownUpSeconds: 0}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .since_change_seconds = 1},
        };

        (void)state;
        RUN(cooldown_guardrail, cases);
}

static void test_change_budget(void **state)
{
        static const struct rule_case cases[] = {
                {"some left",
                 "{maxChangesPerDay: 12}",
                 {2, 4},
                 {2, 2},
                 .expected = JUDGEMENT_ALLOWED,
                 .changes_today = 8},
                {"the last quarter is for growing",
                 "{maxChangesPerDay: 12}",
                 {2, 4},
                 {2, 2},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "9 changes in the last 24 h, of 12 allowed: the rest is for growing",
                 .changes_today = 9},
                {"which it does",
                 "{maxChangesPerDay: 12}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .changes_today = 11},
                {"used up",
                 "{maxChangesPerDay: 12}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "12 changes in the last 24 h, of 12 allowed",
                 .changes_today = 12},
                {"what was 24 h ago counts no more",
                 "{maxChangesPerDay: 12}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .changes_yesterday = 12},
                {"none allowed", "{maxChangesPerDay: 0}", {2, 4}, {2, 8}, .expected = JUDGEMENT_REFUSED},
        };

        (void)state;
        RUN(change_budget_guardrail, cases);
}

/* 0.5 USD an hour: a worker costs 198 USD for the 396 h that are left. */
static void test_budget(void **state)
{
        static const struct rule_case cases[] = {
                {"no budget", NULL, {2, 4}, {2, 64}, .expected = JUDGEMENT_ALLOWED, .spent = 1e9},
                {"just fits",
                 "{budget: {perMonth: \"2584\", currency: USD}}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .spent = 1000},
                {"a cent over",
                 "{budget: {perMonth: \"2583.99\", currency: USD}}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "8 workers would bring the month to 2584.00 USD (1000.00 spent, 396.0 h left), "
                           "over the budget of 2583.99 USD",
                 .spent = 1000},
                {"cheaper is always allowed",
                 "{budget: {perMonth: \"1\", currency: USD}}",
                 {2, 8},
                 {2, 4},
                 .expected = JUDGEMENT_ALLOWED,
                 .spent = 1000},
                {"as dear as now is allowed",
                 "{budget: {perMonth: \"1\", currency: USD}}",
                 {2, 8},
                 {4, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .spent = 1000},
                {"another currency",
                 "{budget: {perMonth: \"9999\", currency: EUR}}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "the budget is in EUR, prices are in USD"},
        };

        (void)state;
        RUN(budget_guardrail, cases);
}

/* Runs cost by the run, whatever their workers: 900 spent, ten runs left. */
static void test_budget_of_runs(void **state)
{
        static const struct rule_case cases[] = {
                {"just fits",
                 "{budget: {perMonth: \"1000\", currency: USD}}",
                 {2, 4},
                 {2, 64},
                 .expected = JUDGEMENT_ALLOWED,
                 .spent = 900,
                 .run_cost = 5,
                 .run_predicted = 10,
                 .runs_left = 10},
                {"a trial too dear",
                 "{budget: {perMonth: \"999.99\", currency: USD}}",
                 {2, 64},
                 {2, 4},
                 .expected = JUDGEMENT_REFUSED,
                 .reason =
                         "runs of 10 USD would bring the month to 1000.00 USD (900.00 spent, 10 runs left), "
                         "over the budget of 999.99 USD",
                 .spent = 900,
                 .run_cost = 5,
                 .run_predicted = 10,
                 .runs_left = 10},
                {"cheaper is always allowed",
                 "{budget: {perMonth: \"1\", currency: USD}}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .spent = 900,
                 .run_cost = 5,
                 .run_predicted = 4,
                 .runs_left = 10},
                {"of which nothing is predicted, as dear as the newest",
                 "{budget: {perMonth: \"949\", currency: USD}}",
                 {2, 4},
                 {2, 4},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "runs of 5 USD would bring the month to 950.00 USD",
                 .spent = 900,
                 .run_cost = 5,
                 .runs_left = 10},
                {"another currency",
                 "{budget: {perMonth: \"9999\", currency: EUR}}",
                 {2, 4},
                 {2, 4},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "the budget is in EUR, prices are in USD",
                 .run_cost = 5,
                 .runs_left = 10},
        };

        (void)state;
        RUN(budget_guardrail, cases);
}

/* Half an hour unless the spec says otherwise, whichever way it would go. */
static void test_foreign_change(void **state)
{
        static const struct rule_case cases[] = {
                {"nobody else changed it", NULL, {2, 4}, {2, 8}, .expected = JUDGEMENT_ALLOWED},
                {"just now, growing",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "somebody else changed it 5 s ago; for 1800 s",
                 .since_foreign_seconds = 5},
                {"as the spec says",
                 "{foreignChangeHoldSeconds: 60}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .since_foreign_seconds = 60},
        };

        (void)state;
        RUN(foreign_change_guardrail, cases);
}

/* crontab(5); the windows of the specification's own example. Berlin is an hour ahead of UTC in January. */
static void test_freeze(void **state)
{
#define WEEKDAYS_AT_8 "{freeze: [{cron: \"0 8 * * 1-5\", seconds: 3600}]}"
#define BERLIN_AT_8   "{freeze: [{cron: \"0 8 * * *\", seconds: 3600, timeZone: Europe/Berlin}]}"
        static const struct rule_case cases[] = {
                {"none", NULL, {2, 4}, {2, 8}, .expected = JUDGEMENT_ALLOWED},
                {"before",
                 WEEKDAYS_AT_8,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .now = "2026-01-15T07:59:59Z"},
                {"first instant",
                 WEEKDAYS_AT_8,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "freeze window of 3600 s from \"0 8 * * 1-5\" UTC",
                 .now = "2026-01-15T08:00:00Z"},
                {"last instant",
                 WEEKDAYS_AT_8,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .now = "2026-01-15T08:59:59Z"},
                {"after",
                 WEEKDAYS_AT_8,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .now = "2026-01-15T09:00:00Z"},
                {"Saturday",
                 WEEKDAYS_AT_8,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .now = "2026-01-17T08:30:00Z"},
                {"local time",
                 BERLIN_AT_8,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "Europe/Berlin",
                 .now = "2026-01-15T07:30:00Z"},
                {"local time, after",
                 BERLIN_AT_8,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .now = "2026-01-15T08:30:00Z"},
        };

        (void)state;
        RUN(freeze_guardrail, cases);
}

static void test_freeze_refuses_bad_windows(void **state)
{
        static const char *const specs[] = {
                "{freeze: [{cron: \"0 25 * * *\", seconds: 60}]}",
                "{freeze: [{cron: \"0 8 * * *\", seconds: 60, timeZone: Europe/Atlantis}]}",
                "{freeze: [{cron: \"0 8 * * *\", seconds: 0}]}",
                "{freeze: [{seconds: 60}]}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(specs); i++) {
                autocall(yaml_document_free) struct yaml_document *document = NULL;
                struct error err = ERROR_INIT;
                void *options = NULL;

                assert_true(yaml_parse(specs[i], strlen(specs[i]), "spec.yaml", &document, &err));
                assert_false(option_new(freeze_guardrail.options, yaml_root(document), &options, &err));
                assert_int_equal(err.code, ERROR_INPUT);
                assert_memory_equal(err.message, "spec.yaml:1:", 12);
        }
}

static void test_saturated(void **state)
{
        static const struct rule_case cases[] = {
                {"shrinking with room", NULL, {2, 8}, {2, 6}, .expected = JUDGEMENT_ALLOWED},
                {"shrinking at the limit",
                 NULL,
                 {2, 8},
                 {2, 6},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "work is saturated: its busiest subtask works 95 % of the time (limit 95 %)",
                 .busy = 0.95},
                {"just below the limit", NULL, {2, 8}, {2, 6}, .expected = JUDGEMENT_ALLOWED, .busy = 0.949},
                {"another operator, no fewer workers",
                 NULL,
                 {4, 8},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .busy = 0.99},
                {"fewer workers under a saturated operator",
                 NULL,
                 {12, 8},
                 {9, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .busy = 0.99},
                {"growing at the limit", NULL, {2, 8}, {2, 10}, .expected = JUDGEMENT_ALLOWED, .busy = 1},
                {"shrinking while the backlog grows",
                 NULL,
                 {4, 8},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "the backlog grows: 1100 records/s arrive, 1000 are read, 5000 wait",
                 .offered = 1100,
                 .throughput = 1000,
                 .backlog = 5000},
                {"shrinking while the backlog is worked off",
                 NULL,
                 {4, 8},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .offered = 1000,
                 .throughput = 1100,
                 .backlog = 5000},
                {"as the spec says",
                 "{saturatedBusyPercent: 80}",
                 {2, 8},
                 {2, 6},
                 .expected = JUDGEMENT_REFUSED,
                 .busy = 0.85},
        };

        (void)state;
        RUN(saturated_guardrail, cases);
}

static void test_stale(void **state)
{
        static const struct rule_case cases[] = {
                {"fresh", NULL, {2, 4}, {2, 8}, .expected = JUDGEMENT_ALLOWED, .age_seconds = 300},
                {"old",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "the newest measurement is 301 s old, 300 s are allowed",
                 .age_seconds = 301},
                {"as the spec says",
                 "{maxAgeSeconds: 60}",
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .age_seconds = 61},
                {"a clock that is a little ahead",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .age_seconds = -5},
                {"from the future",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "600 s in the future: clocks differ",
                 .age_seconds = -600},
        };

        (void)state;
        RUN(stale_guardrail, cases);
}

static void test_schedulable(void **state)
{
        static const struct rule_case cases[] = {
                {"not limited", NULL, {2, 4}, {2, 64}, .expected = JUDGEMENT_ALLOWED},
                {"as many as can be had", "{maxWorkers: 10}", {2, 4}, {2, 10}, .expected = JUDGEMENT_ALLOWED},
                {"more than can be had",
                 "{maxWorkers: 10}",
                 {2, 4},
                 {2, 16},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {2, 10},
                 .reason = "16 workers are wanted, 10 can be had"},
                {"knobs allow no fewer",
                 "{maxWorkers: 1}",
                 {2, 4},
                 {1, 8},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "8 workers are wanted, 1 can be had, and the knobs allow no fewer than 2",
                 .coarse = true},
        };

        (void)state;
        RUN(schedulable_guardrail, cases);
        assert_true(schedulable_guardrail.physical);
}

static void test_canary(void **state)
{
        static const struct rule_case cases[] = {
                {"nothing bad happened", NULL, {2, 8}, {2, 4}, .expected = JUDGEMENT_ALLOWED},
                {"soon after",
                 NULL,
                 {2, 8},
                 {2, 4},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "a change ended badly 599 s ago; the next one waits until 600 s have passed",
                 .since_bad_seconds = 599},
                {"later", NULL, {2, 8}, {2, 4}, .expected = JUDGEMENT_ALLOWED, .since_bad_seconds = 600},
                {"soon after, but falling behind",
                 NULL,
                 {2, 8},
                 {2, 12},
                 .expected = JUDGEMENT_ALLOWED,
                 .since_bad_seconds = 10,
                 .offered = 1500,
                 .throughput = 1000,
                 .backlog = 100},
                {"the bad one again",
                 NULL,
                 {2, 8},
                 {2, 4},
                 .expected = JUDGEMENT_REFUSED,
                 .reason = "source 2, work 4 (4 workers) did badly and is kept away from for another 60 s",
                 .avoided_work = 4,
                 .avoided_seconds = 60},
                {"beyond the bad one",
                 NULL,
                 {2, 8},
                 {2, 3},
                 .expected = JUDGEMENT_REFUSED,
                 .avoided_work = 4,
                 .avoided_seconds = 60},
                {"beyond it, another operator changing, too",
                 NULL,
                 {2, 8},
                 {3, 3},
                 .expected = JUDGEMENT_REFUSED,
                 .avoided_work = 4,
                 .avoided_seconds = 60},
                {"not as far",
                 NULL,
                 {2, 8},
                 {2, 5},
                 .expected = JUDGEMENT_ALLOWED,
                 .avoided_work = 4,
                 .avoided_seconds = 60},
                {"the other way",
                 NULL,
                 {2, 8},
                 {2, 12},
                 .expected = JUDGEMENT_ALLOWED,
                 .avoided_work = 4,
                 .avoided_seconds = 60},
                {"away from it",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_ALLOWED,
                 .avoided_work = 4,
                 .avoided_seconds = 60},
                {"no longer",
                 NULL,
                 {2, 8},
                 {2, 4},
                 .expected = JUDGEMENT_ALLOWED,
                 .avoided_work = 4,
                 .avoided_seconds = 0},
        };

        (void)state;
        RUN(canary_guardrail, cases);
}

static void test_canary_lets_who_falls_behind_grow(void **state)
{
        static const struct rule_case cases[] = {
                {"growing past it while falling behind",
                 NULL,
                 {2, 4},
                 {2, 12},
                 .expected = JUDGEMENT_ALLOWED,
                 .avoided_work = 8,
                 .avoided_seconds = 60,
                 .offered = 1500,
                 .throughput = 1000,
                 .backlog = 100},
                {"growing to it while falling behind",
                 NULL,
                 {2, 4},
                 {2, 8},
                 .expected = JUDGEMENT_CLIPPED,
                 .left = {2, 6},
                 .reason = "source 2, work 8 (8 workers) did badly: half of the way there, since more "
                           "arrives than is "
                           "read",
                 .avoided_work = 8,
                 .avoided_seconds = 60,
                 .offered = 1500,
                 .throughput = 1000,
                 .backlog = 100},
                {"growing to it by the least there is while falling behind",
                 NULL,
                 {2, 4},
                 {2, 5},
                 .expected = JUDGEMENT_ALLOWED,
                 .avoided_work = 5,
                 .avoided_seconds = 60,
                 .offered = 1500,
                 .throughput = 1000,
                 .backlog = 100},
                {"shrinking past it while falling behind",
                 NULL,
                 {2, 8},
                 {2, 3},
                 .expected = JUDGEMENT_REFUSED,
                 .avoided_work = 4,
                 .avoided_seconds = 60,
                 .offered = 1500,
                 .throughput = 1000,
                 .backlog = 100},
        };

        (void)state;
        RUN(canary_guardrail, cases);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_step_limit),
                cmocka_unit_test(test_foreign_change),
                cmocka_unit_test(test_cooldown),
                cmocka_unit_test(test_change_budget),
                cmocka_unit_test(test_budget),
                cmocka_unit_test(test_budget_of_runs),
                cmocka_unit_test(test_freeze),
                cmocka_unit_test(test_saturated),
                cmocka_unit_test(test_freeze_refuses_bad_windows),
                cmocka_unit_test(test_stale),
                cmocka_unit_test(test_schedulable),
                cmocka_unit_test(test_canary),
                cmocka_unit_test(test_canary_lets_who_falls_behind_grow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

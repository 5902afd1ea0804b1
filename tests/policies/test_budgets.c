/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guardrails that count: changes of a day, money of a month. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/rule_cases.h"

extern const struct guardrail budget_guardrail, change_budget_guardrail;

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
                {"before the first run nobody knows",
                 "{budget: {perMonth: \"9999\", currency: USD}}",
                 {2, 4},
                 {2, 4},
                 .expected = JUDGEMENT_REFUSED,
                 .reason =
                         "what a run costs is not known, so nothing tells whether the budget of 9999.00 USD "
                         "is kept",
                 .run_cost = NAN,
                 .runs_left = NAN},
                {"of how many are left nothing is known, so of one",
                 "{budget: {perMonth: \"910\", currency: USD}}",
                 {2, 4},
                 {2, 4},
                 .expected = JUDGEMENT_ALLOWED,
                 .spent = 900,
                 .run_cost = NAN,
                 .run_predicted = 10,
                 .runs_left = NAN},
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_change_budget),
                cmocka_unit_test(test_budget),
                cmocka_unit_test(test_budget_of_runs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

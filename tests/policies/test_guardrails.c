/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every guardrail but the budgets, by tables of cases (support/rule_cases). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/rule_cases.h"

extern const struct guardrail bounds_guardrail, canary_guardrail, cooldown_guardrail,
        foreign_change_guardrail, freeze_guardrail, saturated_guardrail, schedulable_guardrail,
        stale_guardrail, step_limit_guardrail;

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

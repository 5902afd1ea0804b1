/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change to a job that runs from time to time is judged by the run that had it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/loop/verify_run.h"
#include "core/clock.h"
#include "core/memory.h"
#include "core/yaml.h"

#define BEFORE_MS (INT64_C(1767225600000)) /* 2026-01-01T00:00:00Z */
#define WANTED    4
#define ALLOWED   "; it may "

struct stage {
        struct price_book *prices;
        struct verify_run verify;
        struct observation *seen;
        char reason[400];
};

/* Half an hour for 4 USD is expected, 40 minutes and 5 USD are allowed. A worker-hour costs 2 USD. */
static struct stage *open_stage(void)
{
        static const char text[] = "{currency: USD, worker: {perHour: 2}}";
        const struct run_prediction prediction = {.present = true,
                                                  .seconds_mean = 1800,
                                                  .seconds_sd = 60,
                                                  .seconds_most = 2400,
                                                  .cost_mean = 4,
                                                  .cost_sd = 0.5,
                                                  .cost_most = 5,
                                                  .after_ms = BEFORE_MS};
        const struct configuration wanted = {.count = 1, .value = {WANTED}};
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct stage *stage = memory_new(1, sizeof *stage);
        struct error err = ERROR_INIT;

        assert_true(yaml_parse(text, strlen(text), "prices", &document, &err));
        assert_true(price_book_parse(&prices_table, yaml_root(document), NULL, &stage->prices, &err));
        stage->seen = memory_new(1, sizeof *stage->seen);
        verify_run_begin(&stage->verify, stage->prices, &prediction, &wanted);
        return stage;
}

static void close_stage(struct stage *stage)
{
        price_book_free(stage->prices);
        free(stage->seen);
        free(stage);
}

/* A run that ended so many minutes after the newest that was known. */
static enum verify_result look(struct stage *stage, int minutes, double workers, double seconds, bool failed)
{
        int64_t ended_ms = BEFORE_MS + (int64_t)minutes * 60 * MS_PER_SECOND;

        observation_clear(stage->seen, ended_ms + 1, 60000, 1);
        stage->seen->run = (struct run_observation){
                .periodic = true,
                .begun_ms = ended_ms - (int64_t)(seconds * MS_PER_SECOND),
                .ended_ms = ended_ms,
                .failed = failed,
                .worker_seconds = workers * seconds,
                .configuration = {.count = 1, .value = {workers}},
        };
        return verify_run_observe(&stage->verify, stage->seen, stage->reason, sizeof stage->reason);
}

/* The run that is waited for, which read so many bytes; what it is set to is what was wanted. */
static enum verify_result look_with(struct stage *stage, double input, double workers, double seconds)
{
        const int64_t ended_ms = BEFORE_MS + MS_PER_DAY;

        observation_clear(stage->seen, ended_ms + 1, 60000, 1);
        stage->seen->run = (struct run_observation){
                .periodic = true,
                .begun_ms = ended_ms - (int64_t)(seconds * MS_PER_SECOND),
                .ended_ms = ended_ms,
                .worker_seconds = workers * seconds,
                .input_bytes = input,
                .configuration = {.count = 1, .value = {WANTED}},
        };
        return verify_run_observe(&stage->verify, stage->seen, stage->reason, sizeof stage->reason);
}

static void assert_reason(const struct stage *stage, const char *words)
{
        if (!strstr(stage->reason, words))
                fail_msg("said \"%s\", expected \"%s\"", stage->reason, words);
}

static void test_it_waits_for_a_run_that_had_what_was_set(void **state)
{
        struct stage *stage = open_stage();

        (void)state;
        assert_int_equal(look(stage, 0, 8, 9000, true), VERIFY_WAITING);   /* was known */
        assert_int_equal(look(stage, 60, 8, 9000, false), VERIFY_WAITING); /* was under way */
        assert_int_equal(look(stage, 60, 8, 9000, false), VERIFY_WAITING); /* is still the newest */
        assert_int_equal(look(stage, 60, 8, 9000, false), VERIFY_WAITING);
        assert_int_equal(look(stage, 1500, WANTED, 1830, false), VERIFY_CONFIRMED);
        assert_reason(stage,
                      "the run that ended 2026-01-02T01:00:00Z took 30.5 min (30 min ± 1 min predicted)");
        assert_reason(stage, "and cost $ 4.07 ($ 4.00 ± $ 0.50 predicted)");
        close_stage(stage);
}

static void test_what_is_worse_is_taken_back(void **state)
{
        static const struct {
                double workers, seconds;
                bool failed;
                const char *reason;
        } runs[] = {
                {WANTED, 100, true, "its run failed"},
                {WANTED, 2401, false, ALLOWED "take 40 min and cost $ 5.00"},
                {WANTED, 2251, false, ALLOWED "cost $ 5.00"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
                struct stage *stage = open_stage();

                assert_int_equal(look(stage, 60, runs[i].workers, runs[i].seconds, runs[i].failed),
                                 VERIFY_REGRESSED);
                assert_reason(stage, runs[i].reason);
                close_stage(stage);
        }
}

/* It was to cost 5 USD at the most with the input forecast. With four times that it may cost 4^0.5 as much,
 * and with a quarter half; a worker-hour is 2 USD. The limit of time stays, what goes with the input does
 * not. */
static void test_what_read_more_may_cost_more(void **state)
{
        static const struct {
                double input, workers, seconds;
                enum verify_result result;
        } runs[] = {{400, 5, 1800, VERIFY_CONFIRMED},    {400, 9.9, 1800, VERIFY_CONFIRMED},
                    {400, 10.1, 1800, VERIFY_REGRESSED}, {25, 2.4, 1800, VERIFY_CONFIRMED},
                    {25, 2.6, 1800, VERIFY_REGRESSED},   {NAN, 4.9, 1800, VERIFY_CONFIRMED},
                    {NAN, 5.1, 1800, VERIFY_REGRESSED},  {400, 1, 2500, VERIFY_REGRESSED},
                    {400, 1, 2300, VERIFY_CONFIRMED},    {100, 1, 2300, VERIFY_REGRESSED}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
                struct stage *stage = open_stage();
                enum verify_result result;

                stage->verify.prediction.input_bytes = 100;
                stage->verify.prediction.input_power = 0.5;
                if (runs[i].workers == 1)
                        stage->verify.prediction.seconds_soft = 2000;
                result = look_with(stage, runs[i].input, runs[i].workers, runs[i].seconds);
                if (result != runs[i].result)
                        fail_msg("run %zu: %s", i, stage->reason);
                close_stage(stage);
        }
}

static void test_it_does_not_wait_for_ever(void **state)
{
        struct stage *stage = open_stage();

        (void)state;
        assert_int_equal(look(stage, 60, 8, 100, false), VERIFY_WAITING);
        assert_int_equal(look(stage, 120, 8, 100, false), VERIFY_WAITING);
        assert_int_equal(look(stage, 180, 8, 100, false), VERIFY_UNDECIDED);
        assert_reason(stage, "none of the last 3 runs had what was set");
        close_stage(stage);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_waits_for_a_run_that_had_what_was_set),
                cmocka_unit_test(test_what_is_worse_is_taken_back),
                cmocka_unit_test(test_what_read_more_may_cost_more),
                cmocka_unit_test(test_it_does_not_wait_for_ever),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

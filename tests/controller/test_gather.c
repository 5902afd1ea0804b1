/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several sources, one observation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/live/gather.h"
#include "core/reactor.h"

#define START 1700000000000

/* An engine, a broker and a server of metrics as a test wants them. */
struct script {
        bool fails;
        int64_t takes_ms;
        struct observation says;
};

static struct script engine, broker, metrics;

static bool open_script(const struct source_context *context, const void *options, void **ret_state,
                        struct error *err)
{
        (void)options;
        (void)ret_state;
        return context->pipeline || error_set(err, ERROR_INPUT, NULL, "no pipeline");
}

static bool play(struct script *script, const struct clock *clock, struct observation *ret_observation,
                 struct error *err)
{
        if (!clock_sleep_until(clock, START + script->takes_ms, err))
                return false;
        if (script->fails)
                return error_set(err, ERROR_TIMEOUT, NULL, "nobody answers");
        *ret_observation = script->says;
        return true;
}

static struct clock clock_of_test;

#define SOURCE(script, where)                                                                                \
        static bool collect_##script(void *state, struct observation *ret_observation, struct error *err)    \
        {                                                                                                    \
                (void)state;                                                                                 \
                return play(&script, &clock_of_test, ret_observation, err);                                  \
        }                                                                                                    \
        static const struct collector script##_collector = {.name = #script,                                 \
                                                            .section = where,                                \
                                                            .open = open_script,                             \
                                                            .collect = collect_##script,                     \
                                                            .close = close_script}

static void close_script(void *state)
{
        (void)state;
}

SOURCE(engine, SECTION_ENGINE);
SOURCE(broker, SECTION_BROKER);
SOURCE(metrics, SECTION_METRICS);

static struct operator_info operators[] = {{.name = "source", .source = true}, {.name = "work"}};
static struct knob knobs[] = {
        {.name = "parallelism",
         .role = KNOB_PARALLELISM,
         .operator_index = -1,
         .min = 1,
         .max = 8,
         .step = 1},
        {.name = "memory", .role = KNOB_OTHER, .operator_index = -1, .min = 1, .max = 4},
};

struct question {
        struct spec spec;
        struct source_context context;
        struct observation answer;
        struct error err;
        bool answered;
        int64_t took_ms;
};

static void ask(void *argument)
{
        struct question *question = argument;
        autocall(gather_free) struct gather *gather = NULL;

        assert_true(gather_open(&question->context, &question->spec, &gather, &question->err));
        question->answered = gather_collector.collect(gather, &question->answer, &question->err);
        question->took_ms = clock_now_ms(&clock_of_test) - START;
}

static struct question gather_all(void)
{
        const struct reactor_options options = {.virtual_start_ms = START};
        struct spec_source sources[] = {{.collector = &engine_collector},
                                        {.collector = &broker_collector},
                                        {.collector = &metrics_collector}};
        static double initial[] = {8, 4};
        struct question question = {.err = ERROR_INIT};
        struct reactor *reactor;

        assert_true(reactor_new(&options, &reactor, &question.err));
        clock_of_test = reactor_clock(reactor);
        question.spec.pipeline = (struct pipeline){.name = "p",
                                                   .n_operators = 2,
                                                   .operators = operators,
                                                   .n_knobs = 2,
                                                   .knobs = knobs};
        question.spec.initial = initial;
        question.spec.sources = sources;
        question.spec.n_sources = ARRAY_LENGTH(sources);
        question.context = (struct source_context){.pipeline = &question.spec.pipeline,
                                                   .clock = &clock_of_test,
                                                   .reactor = reactor};
        reactor_call(reactor, ask, &question);
        reactor_free(reactor);
        question.spec.sources = NULL;
        return question;
}

static void silence(struct script *script)
{
        *script = (struct script){.fails = true};
        observation_clear(&script->says, START, 5000, 2);
        script->says.configuration.count = 2;
        script->says.configuration.value[0] = script->says.configuration.value[1] = NAN;
}

static int set_up(void **state)
{
        (void)state;
        silence(&engine);
        silence(&broker);
        silence(&metrics);
        return 0;
}

static void test_the_first_that_knows_counts_but_the_broker_sees_the_load(void **state)
{
        struct question question;

        (void)state;
        engine.fails = broker.fails = metrics.fails = false;
        engine.says.missing = MISSING_LATENCY | MISSING_CPU;
        engine.says.time_ms = START + 1;
        engine.says.offered_per_second = 90;
        engine.says.throughput_per_second = 80;
        engine.says.backlog_records = 10;
        engine.says.configuration.value[0] = 3;
        engine.says.operators[1].busy_ratio = 0.5;
        broker.says.missing = ~(unsigned)(MISSING_BACKLOG | MISSING_ALL);
        broker.says.offered_per_second = 100;
        broker.says.backlog_records = 12;
        broker.says.operators[0].partitions = 24;
        metrics.says.missing = MISSING_BACKLOG | MISSING_LATENCY;
        metrics.says.cpu_ratio = 0.4;
        metrics.says.throughput_per_second = 70;
        metrics.says.operators[1].busy_ratio = 0.9;
        metrics.says.configuration.value[0] = 5;
        metrics.says.configuration.value[1] = 2;
        question = gather_all();
        assert_true(question.answered);
        assert_int_equal(question.answer.time_ms, START + 1);
        assert_int_equal(question.answer.missing, MISSING_LATENCY);
        assert_true(question.answer.offered_per_second == 100);
        assert_true(question.answer.throughput_per_second == 80);
        assert_true(question.answer.backlog_records == 10);
        assert_true(question.answer.cpu_ratio == 0.4);
        assert_true(isnan(question.answer.latency_p99_seconds));
        assert_int_equal(question.answer.operators[0].partitions, 24);
        assert_true(question.answer.operators[1].busy_ratio == 0.5);
        assert_true(question.answer.configuration.value[0] == 3);
        assert_true(question.answer.configuration.value[1] == 2);
}

static void test_sources_are_asked_at_the_same_time(void **state)
{
        struct question question;

        (void)state;
        engine.fails = broker.fails = metrics.fails = false;
        engine.says.missing = broker.says.missing = metrics.says.missing = 0;
        engine.takes_ms = 3000;
        broker.takes_ms = 7000;
        metrics.takes_ms = 5000;
        question = gather_all();
        assert_true(question.answered);
        assert_int_equal(question.took_ms, 7000);
}

static void test_one_that_does_not_answer_leaves_the_others(void **state)
{
        struct question question;

        (void)state;
        metrics.fails = false;
        metrics.says.missing = MISSING_BACKLOG;
        metrics.says.throughput_per_second = 70;
        metrics.says.restarting = true;
        engine.takes_ms = 10000;
        question = gather_all();
        assert_true(question.answered);
        assert_int_equal(question.err.code, ERROR_NONE);
        assert_int_equal(question.answer.missing, MISSING_BACKLOG);
        assert_true(question.answer.restarting);
        assert_true(question.answer.throughput_per_second == 70);
        assert_true(isnan(question.answer.configuration.value[0]));
}

static void test_settings_that_nobody_tells_are_those_of_the_spec(void **state)
{
        struct question question;

        (void)state;
        engine.fails = false;
        engine.says.missing = 0;
        engine.says.configuration.value[0] = 3;
        question = gather_all();
        assert_true(question.answer.configuration.value[0] == 3);
        assert_true(question.answer.configuration.value[1] == 4);
}

static void test_nobody_answers(void **state)
{
        struct question question;

        (void)state;
        question = gather_all();
        assert_false(question.answered);
        assert_int_equal(question.err.code, ERROR_TIMEOUT);
        assert_non_null(strstr(question.err.message, "nobody answers"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_the_first_that_knows_counts_but_the_broker_sees_the_load, set_up),
                cmocka_unit_test_setup(test_sources_are_asked_at_the_same_time, set_up),
                cmocka_unit_test_setup(test_one_that_does_not_answer_leaves_the_others, set_up),
                cmocka_unit_test_setup(test_settings_that_nobody_tells_are_those_of_the_spec, set_up),
                cmocka_unit_test_setup(test_nobody_answers, set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a turn of the loop costs beyond collecting and proposing: a strategy that always holds, a collector
 * that only moves the time on, without a journal (as in a simulation) and with one that keeps nothing. The
 * yardstick: 18 hours of turns every 15 s (4,320) beside the engine within 10 ms leaves about 500 ns a turn.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controller/loop/loop.h"
#include "core/yaml.h"

#define TURNS 4000000

struct stub {
        int64_t now_ms;
        struct configuration configuration;
};

static int64_t stub_now_ms(void *context)
{
        return ((struct stub *)context)->now_ms;
}

static bool stub_sleep_until(void *context, int64_t until_ms, struct error *err)
{
        (void)err;
        ((struct stub *)context)->now_ms = until_ms;
        return true;
}

static bool stub_collect(void *state, struct observation *ret_observation, struct error *err)
{
        const struct stub *stub = state;

        (void)err;
        ret_observation->time_ms = stub->now_ms;
        ret_observation->window_ms = 15000;
        ret_observation->missing = 0;
        ret_observation->workers = ret_observation->workers_ready = 4;
        ret_observation->configuration.count = 1;
        ret_observation->configuration.value[0] = 4;
        ret_observation->throughput_per_second = ret_observation->offered_per_second = 100;
        ret_observation->backlog_records = 0;
        return true;
}

static bool stub_propose(void *state, const struct observation *observation, struct proposal *ret_proposal,
                         struct error *err)
{
        (void)state, (void)err;
        ret_proposal->kind = PROPOSAL_HOLD;
        ret_proposal->configuration.count = observation->configuration.count;
        ret_proposal->configuration.value[0] = observation->configuration.value[0];
        ret_proposal->reason[0] = '\0';
        return true;
}

static bool stub_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        (void)err;
        *ret_configuration = ((struct stub *)state)->configuration;
        return true;
}

static struct price_book *open_prices(void)
{
        const char *yaml = "{currency: USD, worker: {perHour: \"1\"}}";
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;
        struct price_book *book = NULL;
        void *options = NULL;

        if (yaml_parse(yaml, strlen(yaml), "prices", &document, &err) &&
            option_new(&prices_table, yaml_root(document), &options, &err))
                (void)price_book_new(options, ".", &book, &err);
        option_delete(&prices_table, options);
        return book;
}

static double seconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double nanoseconds_per_turn(const struct loop_setup *setup, struct stub *stub)
{
        autocall(loop_free) struct loop *loop = loop_new(setup);
        struct error err = ERROR_INIT;
        double start = seconds_now();

        (void)loop_run(loop, stub->now_ms + (int64_t)TURNS * setup->interval_ms, &err);
        return (seconds_now() - start) / TURNS * 1e9;
}

int main(void)
{
        static const struct journal keeps_nothing = {0};
        static const struct collector collector = {.name = "stub", .collect = stub_collect};
        static const struct actuator actuator = {.name = "stub", .read = stub_read};
        static const struct strategy strategy = {.name = "stub", .propose = stub_propose};
        struct operator_info operators[1] = {{.name = "source", .source = true}};
        struct knob knobs[1] = {{"workers", KNOB_WORKERS, -1, 1, 64, 1, KNOB_SCALE_AUTO}};
        const struct pipeline pipeline = {.name = "stub",
                                          .n_operators = 1,
                                          .operators = operators,
                                          .slots_per_worker = 1,
                                          .n_knobs = 1,
                                          .knobs = knobs};
        const struct constraints constraints = {2, 60, NAN, 0.95, NAN};
        autocall(price_book_free) struct price_book *prices = open_prices();
        struct stub stub = {.now_ms = 1768478400000, .configuration = {.count = 1, .value = {4}}};
        struct clock clock = {stub_now_ms, stub_sleep_until, &stub};
        struct loop_setup setup = {.pipeline = &pipeline,
                                   .constraints = &constraints,
                                   .prices = prices,
                                   .clock = &clock,
                                   .collector = &collector,
                                   .collector_state = &stub,
                                   .actuator = &actuator,
                                   .actuator_state = &stub,
                                   .strategy = &strategy,
                                   .strategy_state = &stub,
                                   .interval_ms = 15000,
                                   .mode = SPEC_AUTO,
                                   .baseline = &stub.configuration};

        printf("%-48s %10s\n", "loop", "ns/turn");
        printf("%-48s %10.0f\n", "holding turn, no journal", nanoseconds_per_turn(&setup, &stub));
        setup.journal = &keeps_nothing;
        printf("%-48s %10.0f\n", "holding turn, a journal that keeps nothing",
               nanoseconds_per_turn(&setup, &stub));
        return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Collector and actuator on a real job. OPTCTL_FLINK is spec.engine.flink as YAML in one line, "{url: ...}":
 * the job must have a free slot, and be able to be rescaled in place or have its program there.
 * OPTCTL_FLINK_SCOPE is that of the parallelism knob, Operator without it. Skipped without OPTCTL_FLINK.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/registry.h"
#include "core/http/client.h"
#include "core/json.h"
#include "core/reactor.h"
#include "core/spec.h"

extern const struct collector flink_collector;
extern const struct actuator flink_actuator;

struct stage {
        struct reactor *reactor;
        struct http_client *http;
        struct clock clock;
        struct spec *spec;
        struct source_context context;
        void *collector, *actuator;
};

static void wait_seconds(const struct stage *stage, int seconds)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&stage->clock, clock_now_ms(&stage->clock) + seconds * 1000, &err));
}

static void expect(bool done, const struct error *err)
{
        if (!done)
                fail_msg("%s", err->message);
}

static bool call_begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        (void)context;
        (void)err;
        printf("begin %s\n", call);
        *ret_id = 1;
        return true;
}

static bool call_end(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        (void)context;
        (void)err;
        printf("end %lld %d %s\n", (long long)id, done, answer);
        return true;
}

static const struct call_recorder calls = {.begin = call_begin, .end = call_end};

/* A spec of what was discovered, with a parallelism knob for each operator. */
static void make_spec(struct stage *stage)
{
        const char *scope = getenv("OPTCTL_FLINK_SCOPE");
        autofree char *text = memory_format("apiVersion: optctl.dev/v1alpha1\nkind: TunedPipeline\n"
                                            "metadata: {name: live}\nspec:\n  engine: {flink: %s}\n"
                                            "  knobs: [{name: parallelism, scope: %s, min: 1, max: 64}]\n",
                                            getenv("OPTCTL_FLINK"), scope ? scope : "Operator");
        autojson *pipeline = NULL;
        autotext found = {0};
        struct error err = ERROR_INIT;
        struct spec *bare = NULL;
        const char *overrides[2] = {NULL, NULL};
        void *discoverer = NULL;

        expect(spec_parse(text, strlen(text), "live", NULL, NULL, registry_all(), &bare, &err), &err);
        expect(flink_collector.open(&stage->context, bare->sources[0].options, &discoverer, &err), &err);
        expect(flink_collector.discover(discoverer, &pipeline, &err), &err);
        flink_collector.close(discoverer);
        spec_free(bare);
        text_put(&found, "spec.pipeline=");
        json_put(pipeline, 0, &found);
        printf("%s\n", found.data);
        overrides[0] = found.data;
        expect(spec_parse(text, strlen(text), "live", NULL, overrides, registry_all(), &stage->spec, &err),
               &err);
}

static void collect(struct stage *stage, struct observation *ret_observation)
{
        const struct pipeline *pipeline = &stage->spec->pipeline;
        struct error err = ERROR_INIT;

        observation_clear(ret_observation, clock_now_ms(&stage->clock), 1, pipeline->n_operators);
        ret_observation->configuration.count = pipeline->n_knobs;
        for (int i = 0; i < pipeline->n_knobs; i++)
                ret_observation->configuration.value[i] = NAN;
        expect(flink_collector.collect(stage->collector, ret_observation, &err), &err);
        printf("missing %x restarting %d reset %d workers %d offered %.1f throughput %.1f backlog %.0f "
               "window %lld old %lld\n",
               ret_observation->missing, ret_observation->restarting, ret_observation->counters_reset,
               ret_observation->workers, ret_observation->offered_per_second,
               ret_observation->throughput_per_second, ret_observation->backlog_records,
               (long long)ret_observation->window_ms,
               (long long)(clock_now_ms(&stage->clock) - ret_observation->time_ms));
        for (int i = 0; i < pipeline->n_operators; i++)
                printf("  %s: %d, in %.1f busy %.3f %.3f true %.1f\n", pipeline->operators[i].name,
                       ret_observation->operators[i].parallelism, ret_observation->operators[i].in_per_second,
                       ret_observation->operators[i].busy_ratio, ret_observation->operators[i].busy_ratio_max,
                       ret_observation->operators[i].true_rate_per_second);
}

static void rescale(struct stage *stage, const struct configuration *from, const struct configuration *to)
{
        struct configuration told = *to;
        struct error err = ERROR_INIT;
        struct observation seen;

        expect(flink_actuator.apply(stage->actuator, from, to, false, &calls, &err), &err);
        expect(flink_actuator.read(stage->actuator, &told, &err), &err);
        assert_true(configuration_equal(&told, to));
        for (int i = 0; i < 60; i++) {
                wait_seconds(stage, 1);
                collect(stage, &seen);
                if (configuration_equal(&seen.configuration, to) && !seen.restarting)
                        return;
        }
        fail_msg("the job never ran as it was told");
}

static void play(void *argument)
{
        struct stage *stage = argument;
        struct configuration told, more;
        struct error err = ERROR_INIT;
        struct observation seen;

        make_spec(stage);
        stage->context.pipeline = &stage->spec->pipeline;
        expect(flink_collector.open(&stage->context, stage->spec->sources[0].options, &stage->collector,
                                    &err),
               &err);
        expect(flink_actuator.open(&stage->context, stage->spec->sources[0].options, &stage->actuator, &err),
               &err);
        collect(stage, &seen);
        wait_seconds(stage, 12);
        collect(stage, &seen);
        assert_int_equal(seen.missing & (unsigned)(MISSING_ALL | MISSING_RATES | MISSING_CONFIGURATION), 0);
        assert_true(seen.throughput_per_second >= 0);
        told = more = seen.configuration;
        expect(flink_actuator.read(stage->actuator, &told, &err), &err);
        assert_true(configuration_equal(&told, &seen.configuration));
        for (int i = 0; i < more.count; i++)
                more.value[i]++;
        rescale(stage, &told, &more);
        rescale(stage, &more, &told);
        flink_collector.close(stage->collector);
        flink_actuator.close(stage->actuator);
        spec_free(stage->spec);
}

static void test_a_real_job(void **state)
{
        struct stage stage = {.reactor = NULL};
        struct error err = ERROR_INIT;

        (void)state;
        if (!getenv("OPTCTL_FLINK"))
                skip();
        expect(reactor_new(NULL, &stage.reactor, &err), &err);
        expect(http_client_new(stage.reactor, NULL, NULL, &stage.http, &err), &err);
        stage.clock = reactor_clock(stage.reactor);
        stage.context = (struct source_context){.name = "live",
                                                .base = ".",
                                                .clock = &stage.clock,
                                                .reactor = stage.reactor,
                                                .http = stage.http};
        reactor_call(stage.reactor, play, &stage);
        http_client_free(stage.http);
        reactor_free(stage.reactor);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_real_job),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

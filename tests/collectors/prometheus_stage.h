/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_COLLECTORS_PROMETHEUS_STAGE_H
#define OPTCTL_TESTS_COLLECTORS_PROMETHEUS_STAGE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/plugin.h"
#include "core/text.h"
#include "core/yaml.h"
#include "tests/support/http_stage.h"
#include "tests/support/peer.h"

/*
 * The collector on a pipeline source -> work -> sink with a parallelism knob each, and a scripted peer. Time
 * is virtual; the server's clock is the stage's plus `ahead_ms`. Header only: every test links just its room.
 */
extern const struct collector prometheus_collector;

struct prometheus_stage {
        struct http_stage *http;
        struct peer_pipeline chain;
        struct source_context context;
        struct yaml_document *document;
        void *options, *state;
        int64_t ahead_ms;
        /* What the last turn came to. */
        bool done;
        struct observation seen;
        struct error err;
};

#define GET_QUERY "GET /api/v1/query"

static inline bool prometheus_stage_try(struct prometheus_stage *stage, const char *options)
{
        stage->document = NULL;
        stage->options = stage->state = NULL;
        error_clear(&stage->err);
        return yaml_parse(options, strlen(options), "options.yaml", &stage->document, &stage->err) &&
               option_new(prometheus_collector.options, yaml_root(stage->document), &stage->options,
                          &stage->err) &&
               prometheus_collector.open(&stage->context, stage->options, &stage->state, &stage->err);
}

static inline void prometheus_stage_begin(struct prometheus_stage *stage)
{
        *stage = (struct prometheus_stage){.http = http_stage_open(NULL)};
        peer_operators(&stage->chain, 3, 64);
        stage->context = (struct source_context){.pipeline = &stage->chain.pipeline,
                                                 .name = "chain",
                                                 .base = ".",
                                                 .clock = &stage->http->clock,
                                                 .reactor = stage->http->reactor,
                                                 .http = stage->http->client};
}

/* `options`: YAML beside the url, such as "job: rate-job\n"; with "scrape:" there is no url. */
static inline void prometheus_stage_open(struct prometheus_stage *stage, const char *options)
{
        autotext text = {0};

        prometheus_stage_begin(stage);
        if (!strstr(options, "scrape:"))
                text_format(&text, "url: %s\n", scripted_peer_url(stage->http->script));
        text_put(&text, options);
        if (!prometheus_stage_try(stage, text.data))
                fail_msg("%s", stage->err.message);
}

static inline void prometheus_stage_close(struct prometheus_stage *stage)
{
        prometheus_collector.close(stage->state);
        option_delete(prometheus_collector.options, stage->options);
        yaml_document_free(stage->document);
        http_stage_close(stage->http);
}

static inline void prometheus_stage_collect(void *argument)
{
        struct prometheus_stage *stage = argument;

        error_clear(&stage->err);
        memset(&stage->seen, 0x5a, sizeof stage->seen);
        stage->done = prometheus_collector.collect(stage->state, &stage->seen, &stage->err);
}

static inline void prometheus_stage_turn(struct prometheus_stage *stage)
{
        reactor_call(stage->http->reactor, prometheus_stage_collect, stage);
        if (!stage->done)
                fail_msg("%s", stage->err.message);
}

static inline void prometheus_stage_refused(struct prometheus_stage *stage, enum error_code code,
                                            const char *message)
{
        reactor_call(stage->http->reactor, prometheus_stage_collect, stage);
        assert_false(stage->done);
        if (stage->err.code != code || !strstr(stage->err.message, message))
                fail_msg("said \"%s\" (code %d), expected \"%s\" (code %d)", stage->err.message,
                         stage->err.code, message, code);
}

static inline void prometheus_stage_sleep_fiber(void *argument)
{
        struct prometheus_stage *stage = argument;
        struct error err = ERROR_INIT;

        clock_sleep_until(&stage->http->clock, stage->seen.time_ms, &err);
}

static inline void prometheus_stage_pass(struct prometheus_stage *stage, int64_t ms)
{
        stage->seen.time_ms = clock_now_ms(&stage->http->clock) + ms;
        reactor_call(stage->http->reactor, prometheus_stage_sleep_fiber, stage);
}

/* ---- answers ---- */

/* Elements of a vector, without the brackets around them. */
static inline void put_element(struct text *out, const char *labels, const char *value)
{
        text_format(out, "%s{\"metric\":{%s},\"value\":[%%s,\"%s\"]}", out->length ? "," : "", labels, value);
}

static inline void put_number(struct text *out, const char *labels, double value)
{
        char words[40];

        snprintf(words, sizeof words, "%.17g", value);
        put_element(out, labels, words);
}

/* One subtask of a Flink job as the collector's query shows it; a field that is NAN is left out. */
struct told {
        const char *task, *attempt, *worker;
        int index;
        double in, out, busy_ms, waiting_ms;
        double in_rate, busy_rate; /* Flink's own, of 60 s */
        double pending;
        double age_seconds; /* of the sample, when the server is asked */
};

static inline void put_told(struct text *out, const struct told *told, double now_seconds)
{
        const struct {
                const char *metric, *more;
                double value;
        } fields[] = {
                {"\"__name__\":\"flink_taskmanager_job_task_numRecordsIn\",", "", told->in},
                {"\"__name__\":\"flink_taskmanager_job_task_numRecordsOut\",", "", told->out},
                {"\"__name__\":\"flink_taskmanager_job_task_accumulateBusyTimeMs\",", "", told->busy_ms},
                {"\"__name__\":\"flink_taskmanager_job_task_accumulateBackPressuredTimeMs\",", "",
                 told->waiting_ms},
                {"\"__name__\":\"flink_taskmanager_job_task_numRecordsInPerSecond\",", "", told->in_rate},
                {"\"__name__\":\"flink_taskmanager_job_task_numRecordsOutPerSecond\",", "", told->in_rate},
                {"\"__name__\":\"flink_taskmanager_job_task_busyTimeMsPerSecond\",", "", told->busy_rate},
                {"\"__name__\":\"flink_taskmanager_job_task_backPressuredTimeMsPerSecond\",", "",
                 told->busy_rate * 0},
                {"\"__name__\":\"flink_taskmanager_job_task_operator_pendingRecords\",",
                 ",\"operator_name\":\"Source:_source\"", told->pending},
                {"\"sample\":\"time\",", "", now_seconds - told->age_seconds},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
                autofree char *labels = memory_format(
                        "%s\"job_name\":\"rate_job\",\"job_id\":\"f00\",\"task_name\":\"%s\","
                        "\"subtask_index\":\"%d\",\"task_attempt_id\":\"%s\",\"tm_id\":\"%s\"%s",
                        fields[i].metric, told->task, told->index, told->attempt, told->worker,
                        fields[i].more);

                if (!isnan(fields[i].value))
                        put_number(out, labels, fields[i].value);
        }
}

/* A metric of the job's own: "numRestarts". */
static inline void put_job(struct text *out, const char *metric, double value)
{
        autofree char *labels = memory_format(
                "\"__name__\":\"flink_jobmanager_job_%s\",\"job_name\":\"rate_job\",\"job_id\":\"f00\"",
                metric);

        put_number(out, labels, value);
}

/* The whole answer: elements as above, with the server's time put in. Caller frees. */
static inline char *make_answer(const char *elements, double now_seconds)
{
        struct text out = {0};
        const char *at = elements, *next;

        text_put(&out, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[");
        for (; (next = strstr(at, "%s")); at = next + 2) {
                text_add(&out, at, (size_t)(next - at));
                text_format(&out, "%.3f", now_seconds);
        }
        text_format(&out, "%s]}}", at);
        return text_take(&out);
}

#endif

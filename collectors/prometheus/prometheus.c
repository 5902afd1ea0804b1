/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One instant query a turn for all of a job, of a server; or the pages of its reporters, where there is none.
 *
 * Rates are made here, of two snapshots, rather than by rate(): the query stays one selection of samples,
 * whatever the interval (rate() reads the whole range of every series, each turn); and what was scraped when
 * is seen, so that stale, begun anew and gone can be told apart, which rate() smooths over. The first turn
 * asks for a second snapshot, from before the window. So there is never more than one query under way for a
 * pipeline, none has a range, each has a time-out and a limit, and who fails to answer is left alone for
 * longer and longer.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/prometheus/answer.h"
#include "collectors/prometheus/fill.h"
#include "collectors/prometheus/scrape.h"
#include "core/json.h"
#include "core/log.h"
#include "core/plugin.h"
#include "core/reactor.h"

#define FIRST_PAUSE_MS   2000
#define LONGEST_PAUSE_MS 300000

struct reporter {
        struct prometheus *prometheus;
        const char *url;
        struct http_peer *peer;
        struct snapshot *into;
        bool answered, told; /* told: something of use */
        struct error err;
};

struct prometheus {
        const struct source_context *context;
        const struct prometheus_options *options;
        char *job;   /* mangled; NULL: any */
        char *query; /* escaped */
        struct http_peer *server;
        struct reporter *reporters;
        size_t n_reporters, n_awaited;
        struct fiber *waiter;
        struct snapshot *before;
        struct snapshot *whole;        /* the last one in which all was seen; may be `before` */
        bool tells_latency, tells_cpu; /* it was known once, or is asked for */
        double backlog_before;
        int failures;
        int64_t not_before_ms; /* by the reactor's clock, which nobody sets */
        char why[WHY_BYTES];   /* as it was logged last */
};

/* ---- life ---- */

static void prometheus_close(void *state)
{
        struct prometheus *prometheus = state;

        if (!prometheus)
                return;
        for (size_t i = 0; i < prometheus->n_reporters; i++)
                http_peer_free(prometheus->reporters[i].peer);
        free(prometheus->reporters);
        http_peer_free(prometheus->server);
        if (prometheus->whole != prometheus->before)
                snapshot_free(prometheus->whole);
        snapshot_free(prometheus->before);
        free(prometheus->job);
        free(prometheus->query);
        free(prometheus);
}

static void prometheus_close_cleanup(struct prometheus **prometheus)
{
        prometheus_close(*prometheus);
}

static bool open_reporters(struct prometheus *prometheus, struct error *err)
{
        const struct source_context *context = prometheus->context;
        char *const *urls = prometheus->options->scrape.items;
        size_t count = prometheus->options->scrape.count;

        prometheus->reporters = memory_new(count + 1, sizeof *prometheus->reporters);
        for (; prometheus->n_reporters < count; prometheus->n_reporters++) {
                struct reporter *reporter = &prometheus->reporters[prometheus->n_reporters];

                reporter->prometheus = prometheus;
                reporter->url = urls[prometheus->n_reporters];
                if (!http_peer_new(context->http, reporter->url, &prometheus->options->connection,
                                   context->base, &reporter->peer, err))
                        return false;
        }
        return true;
}

static bool check_operators(const struct prometheus_options *options, const struct pipeline *pipeline,
                            struct error *err)
{
        const struct prometheus_query *queries = options->queries.items;

        for (size_t i = 0; pipeline && i < options->queries.count; i++) {
                bool found = !queries[i].operator;

                for (int k = 0; !found && k < pipeline->n_operators; k++)
                        found = strcmp(pipeline->operators[k].name, queries[i].operator) == 0;
                if (!found)
                        return error_set(err, ERROR_INPUT, NULL,
                                         "queries: the pipeline has no operator \"%.60s\"",
                                         queries[i].operator);
        }
        return true;
}

static bool prometheus_open(const struct source_context *context, const void *options, void **ret_state,
                            struct error *err)
{
        __attribute__((cleanup(prometheus_close_cleanup))) struct prometheus *prometheus =
                memory_new(1, sizeof *prometheus);
        autofree char *query = NULL;

        prometheus->context = context;
        prometheus->options = options;
        prometheus->backlog_before = NAN;
        if (prometheus->options->job) {
                const char *job = prometheus->options->job;

                prometheus->job = memory_new(TASK_NAME_BYTES, 1);
                measure_mangle((struct exposition_text){job, strlen(job)}, prometheus->job, TASK_NAME_BYTES);
        }
        query = measure_query(prometheus->options);
        prometheus->query = http_escape(query);
        if (!check_operators(prometheus->options, context->pipeline, err) || !open_reporters(prometheus, err))
                return false;
        if (prometheus->options->url &&
            !http_peer_new(context->http, prometheus->options->url, &prometheus->options->connection,
                           context->base, &prometheus->server, err))
                return false;
        *ret_state = TAKE(prometheus);
        return true;
}

/* ---- a server ---- */

/* `at_ms` INT64_MIN: now, by the server's clock. */
static bool ask_server(struct prometheus *prometheus, const char *query, int64_t limit, int64_t at_ms,
                       json_t **ret_answer, struct error *err)
{
        autofree char *path =
                memory_format("/api/v1/query?query=%s&timeout=%llds&limit=%lld", query,
                              (long long)prometheus->options->connection.timeout_seconds, (long long)limit);
        autofree char *timed = at_ms == INT64_MIN
                                       ? memory_copy_text(path)
                                       : memory_format("%s&time=%.3f", path, (double)at_ms / MS_PER_SECOND);

        return http_get_json(prometheus->server, timed, ret_answer, err);
}

static bool look_at_server(struct prometheus *prometheus, int64_t at_ms, struct snapshot *snapshot,
                           struct error *err)
{
        autojson *answer = NULL;

        if (!ask_server(prometheus, prometheus->query, prometheus->options->max_samples + 1, at_ms, &answer,
                        err))
                return false;
        return answer_add(answer, snapshot, err) || error_wrap(err, "%s", http_peer_url(prometheus->server));
}

/* ---- reporters ---- */

static void look_at_reporter(void *argument)
{
        struct reporter *reporter = argument;
        struct prometheus *prometheus = reporter->prometheus;
        const struct http_request request = {.path = "", .accept = "text/plain;version=0.0.4"};
        struct http_response response = {0};
        size_t n_samples;

        error_clear(&reporter->err);
        reporter->answered = http_send(reporter->peer, &request, &response, &reporter->err);
        n_samples = reporter->into->n_samples; /* others have added theirs meanwhile */
        if (reporter->answered &&
            !scrape_add(response.body, response.length, exposition_format_of(response.content_type),
                        response.received_ms, reporter->into, &reporter->err))
                error_wrap(&reporter->err, "%s", http_peer_url(reporter->peer));
        reporter->told = reporter->into->n_samples > n_samples;
        http_response_free(&response);
        if (--prometheus->n_awaited == 0)
                reactor_wake(prometheus->context->reactor, prometheus->waiter);
}

static void look_at_all(struct prometheus *prometheus, struct snapshot *snapshot)
{
        struct reactor *reactor = prometheus->context->reactor;

        prometheus->waiter = reactor_current(reactor);
        prometheus->n_awaited = prometheus->n_reporters;
        for (size_t i = 0; i < prometheus->n_reporters; i++) {
                prometheus->reporters[i].into = snapshot;
                reactor_spawn(reactor, look_at_reporter, &prometheus->reporters[i]);
        }
        while (prometheus->n_awaited > 0)
                reactor_suspend(reactor);
}

/* A process that is gone is no reason to do without the others: what it ran will be found missing. A page
 * that cannot be read is: half of it was taken. */
static bool look_at_reporters(struct prometheus *prometheus, struct snapshot *snapshot, struct error *err)
{
        size_t answered = 0;

        look_at_all(prometheus, snapshot);
        for (size_t i = 0; i < prometheus->n_reporters; i++) {
                const struct reporter *reporter = &prometheus->reporters[i];

                if (reporter->err.code != ERROR_NONE)
                        *err = reporter->err;
                if (reporter->answered && reporter->err.code != ERROR_NONE)
                        return false;
                answered += reporter->answered;
                if (!reporter->answered)
                        log_warning(prometheus->context->log, "a reporter does not answer",
                                    LOG_TEXT("pipeline", prometheus->context->name),
                                    LOG_TEXT("error", reporter->err.message));
        }
        if (answered == 0)
                return false;
        error_clear(err);
        return true;
}

/* ---- a turn ---- */

static struct snapshot *new_snapshot(struct prometheus *prometheus)
{
        return snapshot_new(prometheus->context->pipeline, prometheus->job,
                            clock_now_ms(prometheus->context->clock), prometheus->options->max_samples);
}

static bool look(struct prometheus *prometheus, int64_t at_ms, struct snapshot **ret_snapshot,
                 struct error *err)
{
        autocall(snapshot_free) struct snapshot *snapshot = new_snapshot(prometheus);

        if (prometheus->options->engine == PROMETHEUS_FLINK &&
            !(prometheus->server ? look_at_server(prometheus, at_ms, snapshot, err)
                                 : look_at_reporters(prometheus, snapshot, err)))
                return false;
        if (!snapshot_finish(snapshot, prometheus->whole ? prometheus->whole : prometheus->before, err))
                return false;
        *ret_snapshot = TAKE(snapshot);
        return true;
}

/* The snapshot to compare with: that of the last turn, or in the first one what the server remembers. */
static bool look_back(struct prometheus *prometheus, const struct snapshot *now, struct error *err)
{
        int64_t window_ms = prometheus->options->window_seconds * MS_PER_SECOND;
        struct error names = ERROR_INIT;

        if (prometheus->before || !prometheus->server || prometheus->options->engine != PROMETHEUS_FLINK)
                return true;
        if (look(prometheus, now->now_ms - window_ms, &prometheus->before, &names))
                prometheus->backlog_before = fill_backlog(prometheus->context->pipeline, prometheus->before);
        /* The job of a window ago may have been another one. */
        else if (names.code != ERROR_INCOMPLETE) {
                *err = names;
                return false;
        }
        return true;
}

static bool check_found(const struct prometheus *prometheus, const struct snapshot *now, struct error *err)
{
        if (*now->job_name || prometheus->options->queries.count > 0)
                return true;
        error_set(err, ERROR_INCOMPLETE, "NoSeries", "%s%s knows no series of %s%.60s",
                  prometheus->n_reporters > 1 ? "each of the reporters, such as " : "",
                  http_peer_url(prometheus->server ? prometheus->server : prometheus->reporters[0].peer),
                  prometheus->job ? "Flink job " : "a Flink job", prometheus->job ? prometheus->job : "");
        err->retry = true;
        return false;
}

/* What a query does not give is not known; a server that does not answer is asked no more this turn. */
static bool ask_queries(struct prometheus *prometheus, struct observation *observation, struct error *err)
{
        const struct prometheus_query *queries = prometheus->options->queries.items;

        for (size_t i = 0; i < prometheus->options->queries.count; i++) {
                autofree char *query = http_escape(queries[i].query);
                autojson *answer = NULL;
                struct error wrong = ERROR_INIT;
                double value = NAN;

                if (!ask_server(prometheus, query, 2, INT64_MIN, &answer, &wrong) && wrong.retry) {
                        *err = wrong;
                        return false;
                }
                if (answer && !answer_number(answer, &value, &wrong))
                        value = NAN;
                if (wrong.code != ERROR_NONE)
                        log_warning(prometheus->context->log, "a query gives no value",
                                    LOG_TEXT("pipeline", prometheus->context->name),
                                    LOG_TEXT("query", queries[i].query), LOG_TEXT("error", wrong.message));
                fill_queried(&queries[i], prometheus->context->pipeline, value, observation);
        }
        return true;
}

static bool is_partial(const struct prometheus *prometheus)
{
        bool scraped = prometheus->options->engine == PROMETHEUS_FLINK;

        for (size_t i = 0; scraped && i < prometheus->n_reporters; i++)
                if (!prometheus->reporters[i].told)
                        return true;
        return false;
}

static bool asks_for(const struct prometheus_options *options, enum prometheus_value what)
{
        const struct prometheus_query *queries = options->queries.items;

        for (size_t i = 0; i < options->queries.count; i++)
                if (queries[i].value == (int)what)
                        return true;
        return false;
}

/* Where no engine's metrics are read, and no query says how busy operators are, the pipeline is known as a
 * whole. */
static bool tells_operators(const struct prometheus_options *options)
{
        return options->engine != PROMETHEUS_NO_ENGINE || asks_for(options, VALUE_BUSY_RATIO) ||
               asks_for(options, VALUE_BUSY_RATIO_MAX);
}

/* Not every job tells its latency, nor every process its CPU time: who did, and does no more, is missed. A
 * worker that has just come tells no CPU time yet, and is no reason to wait. */
static void miss(struct prometheus *prometheus, bool partial, struct observation *observation)
{
        prometheus->tells_latency |=
                !isnan(observation->latency_p99_seconds) || asks_for(prometheus->options, VALUE_LATENCY_P99);
        prometheus->tells_cpu |=
                !isnan(observation->cpu_ratio) || asks_for(prometheus->options, VALUE_CPU_RATIO);
        if (prometheus->tells_latency && isnan(observation->latency_p99_seconds))
                observation->missing |= MISSING_LATENCY;
        if (partial && prometheus->tells_cpu && isnan(observation->cpu_ratio))
                observation->missing |= MISSING_CPU;
}

/* What the next turn compares with. */
static void keep(struct prometheus *prometheus, struct snapshot *take_now, bool whole)
{
        if (prometheus->before != prometheus->whole)
                snapshot_free(prometheus->before);
        prometheus->before = take_now;
        if (!whole)
                return;
        snapshot_free(prometheus->whole);
        prometheus->whole = take_now;
}

static void log_unseen(struct prometheus *prometheus, const char *why)
{
        if (*why && strcmp(why, prometheus->why) != 0)
                log_warning(prometheus->context->log, "a part of the job is not seen",
                            LOG_TEXT("pipeline", prometheus->context->name), LOG_TEXT("reason", why));
        memcpy(prometheus->why, why, strlen(why) + 1);
}

static bool measure(struct prometheus *prometheus, struct observation *observation, struct error *err)
{
        const struct pipeline *pipeline = prometheus->context->pipeline;
        autocall(snapshot_free) struct snapshot *now = NULL;
        struct fill fill = {.options = prometheus->options, .pipeline = pipeline};
        char why[WHY_BYTES];

        if (!look(prometheus, INT64_MIN, &now, err) || !check_found(prometheus, now, err) ||
            !look_back(prometheus, now, err))
                return false;
        fill.now = now;
        fill.before = prometheus->before;
        fill.partial = is_partial(prometheus);
        fill.whole = prometheus->whole;
        if (!fill_measured(&fill, clock_now_ms(prometheus->context->clock), observation, why, err) ||
            !ask_queries(prometheus, observation, err))
                return false;
        log_unseen(prometheus, why);
        fill_derived(pipeline, tells_operators(prometheus->options), prometheus->backlog_before, observation);
        miss(prometheus, fill.partial, observation);
        prometheus->backlog_before = observation->backlog_records;
        keep(prometheus, TAKE(now), !fill.partial && !*why);
        return true;
}

/* Twice as long after every failure to answer in a row. */
static void pause_after(struct prometheus *prometheus, const struct error *err)
{
        int64_t pause_ms = FIRST_PAUSE_MS;

        if (err->code != ERROR_UNAVAILABLE && err->code != ERROR_TIMEOUT && err->code != ERROR_LIMIT)
                return;
        for (int i = 0; i < prometheus->failures && pause_ms < LONGEST_PAUSE_MS; i++)
                pause_ms *= 2;
        prometheus->failures++;
        prometheus->not_before_ms = reactor_steady_ms(prometheus->context->reactor) +
                                    (pause_ms < LONGEST_PAUSE_MS ? pause_ms : LONGEST_PAUSE_MS);
}

static bool prometheus_collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct prometheus *prometheus = state;
        int64_t now_ms = reactor_steady_ms(prometheus->context->reactor);
        struct observation observation;

        if (now_ms < prometheus->not_before_ms)
                return error_set(err, ERROR_UNAVAILABLE, "BackingOff",
                                 "not asked for another %.0f s, after %d failures in a row",
                                 ceil((double)(prometheus->not_before_ms - now_ms) / MS_PER_SECOND),
                                 prometheus->failures);
        if (!measure(prometheus, &observation, err)) {
                pause_after(prometheus, err);
                return false;
        }
        prometheus->failures = 0;
        *ret_observation = observation;
        return true;
}

const struct collector prometheus_collector = {
        .name = "prometheus",
        .summary = "Prometheus: a server, or the reporters that it would scrape",
        .section = SECTION_METRICS,
        .options = &prometheus_options_table,
        .open = prometheus_open,
        .collect = prometheus_collect,
        .close = prometheus_close,
};

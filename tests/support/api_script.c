/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/api_script.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/series/series.h"

#define STEP_MS     60000
#define PER_SUBTASK 900.0 /* records/s a subtask of the slowest operator can take */
#define SAMPLES     1440

static const struct {
        const char *name, *namespace, *mode, *state, *why, *action;
        double scale; /* records/s at the mean of the day; 0: never seen */
} cast[] = {
        {"clickstream", "analytics", "Auto", "Holding",
         "12 workers sustain 10.4 k rec/s; 9.2 k are expected within 30 min at 95 %", "Verifying", 7000},
        {"orders", NULL, "Auto", "Holding", "nothing cheaper meets the bounds", NULL, 2600},
        {"ledger-sync", "billing", "Recommend", "Recommending",
         "4 workers instead of 7 sustain 1.9 times the load that is expected, and save 4.10 USD a day", NULL,
         1200},
        {"sessions", "analytics", "Auto", "Unreachable",
         "http://sessions-rest:8081 /jobs: does not accept connections in time", NULL, -1},
        {"legacy", NULL, "Observe", "Starting", "http://legacy:8081: no such host", NULL, 0},
};

/* ---- a day ---- */

static double offered_at(double scale, int64_t time_ms)
{
        double day = (double)(time_ms % MS_PER_DAY) / MS_PER_DAY;
        double ripple = 0.03 * sin(911 * day) + 0.02 * sin(3571 * day);

        return scale * (1 - 0.55 * cos(2 * M_PI * (day - 0.12)) + ripple);
}

/* What was chosen at the last half hour for the hour from there. */
static int subtasks_at(double scale, int64_t time_ms)
{
        int64_t chosen_ms = time_ms - time_ms % (30 * 60000);
        double most = fmax(offered_at(scale, chosen_ms), offered_at(scale, chosen_ms + MS_PER_HOUR));

        return (int)ceil(most * 1.12 / PER_SUBTASK);
}

static bool restarts_at(double scale, int64_t time_ms)
{
        return subtasks_at(scale, time_ms) != subtasks_at(scale, time_ms - 2 * STEP_MS);
}

/* ---- documents ---- */

static json_t *time_json(int64_t time_ms)
{
        char text[32];

        time_format(time_ms, text);
        return json_string(text);
}

static json_t *knob_json(const char *operator_name, int subtasks)
{
        return json_pack("{s:s, s:s, s:i}", "knob", "parallelism", "operator", operator_name, "value",
                         subtasks);
}

static json_t *configuration_json(int subtasks)
{
        return json_pack("{s:o, s:[o, o, o]}", "text",
                         json_sprintf("source %d, enrich %d, sink 2 (%d workers)", (subtasks + 1) / 2,
                                      subtasks, subtasks),
                         "knobs", knob_json("source", (subtasks + 1) / 2), knob_json("enrich", subtasks),
                         knob_json("sink", 2));
}

static json_t *load_json(double scale, int64_t now_ms, bool known)
{
        double offered = known ? offered_at(scale, now_ms) : NAN;

        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "offered_per_second",
                         json_from_double(offered), "throughput_per_second", json_from_double(offered),
                         "capacity_per_second",
                         json_from_double(known ? subtasks_at(scale, now_ms) * PER_SUBTASK : NAN),
                         "backlog_records", json_from_double(known ? offered * 0.4 : NAN), "backlog_seconds",
                         json_from_double(known ? 0.4 : NAN), "latency_p99_seconds",
                         json_from_double(known ? 0.83 : NAN), "busiest_ratio",
                         json_from_double(known ? offered / (subtasks_at(scale, now_ms) * PER_SUBTASK)
                                                : NAN));
}

static json_t *books_json(double scale)
{
        return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "currency", "USD", "cost",
                         scale * 0.0061, "baseline_cost", scale * 0.0098, "saving", scale * 0.0037, "low",
                         scale * 0.0031, "high", scale * 0.0042, "late_seconds", 36.0, "observed_seconds",
                         259200.0);
}

static void add_turns(const struct api_script *script, size_t at, json_t *json)
{
        bool known = cast[at].scale > 0;
        double scale = fabs(cast[at].scale);

        json_object_set_new(json, "pause_reason",
                            strcmp(script->paused, cast[at].name) == 0 ? json_string(script->reason)
                                                                       : json_null());
        json_object_set_new(json, "action", cast[at].action ? json_string(cast[at].action) : json_null());
        json_object_update_new(json, json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "turns", 4320,
                                               "changes", 9, "confirmed", 7, "reverted", 1, "failed", 0,
                                               "unknown", 0, "journal_failures", 0));
        json_object_set_new(json, "time", time_json(script->now_ms - 4000));
        json_object_set_new(json, "load", load_json(scale, script->now_ms, known));
        json_object_set_new(json, "configuration",
                            known ? configuration_json(subtasks_at(scale, script->now_ms)) : json_null());
        json_object_set_new(json, "workers",
                            known ? json_integer(subtasks_at(scale, script->now_ms)) : json_null());
        json_object_set_new(json, "last_change", known ? time_json(script->now_ms - 1440000) : json_null());
        json_object_set_new(json, "saving", books_json(known ? scale : 0));
}

static bool is_paused(const struct api_script *script, size_t at)
{
        return strcmp(script->paused, cast[at].name) == 0;
}

static json_t *pipeline_json(const struct api_script *script, size_t at)
{
        json_t *json =
                json_pack("{s:s, s:o, s:s, s:s, s:i, s:s, s:s, s:{s:f, s:o}}", "name", cast[at].name,
                          "namespace", cast[at].namespace ? json_string(cast[at].namespace) : json_null(),
                          "mode", cast[at].mode, "strategy", "plan", "interval_ms", 60000, "state",
                          !script->started        ? "Starting"
                          : is_paused(script, at) ? "Paused"
                                                  : cast[at].state,
                          "why", cast[at].why, "bounds", "latency_p99_seconds", 2.0, "backlog_seconds",
                          json_from_double(at == 1 ? NAN : 60));

        if (script->started && cast[at].scale != 0)
                add_turns(script, at, json);
        return json;
}

/* ---- the source ---- */

static bool failing(const struct api_script *script, struct error *err)
{
        if (script->fail.code != ERROR_NONE)
                *err = script->fail;
        return script->fail.code != ERROR_NONE;
}

static bool find(const char *name, size_t *ret_at, struct error *err)
{
        for (size_t at = 0; at < ARRAY_LENGTH(cast); at++) {
                char full[128];

                snprintf(full, sizeof full, "%s/%s", cast[at].namespace ? cast[at].namespace : "",
                         cast[at].name);
                if (strcmp(name, cast[at].name) == 0 || strcmp(name, full) == 0) {
                        *ret_at = at;
                        return true;
                }
        }
        return error_set(err, ERROR_NOT_FOUND, NULL, "no pipeline \"%.60s\" here", name);
}

static bool script_status(void *context, const char *name, json_t **ret_pipelines, struct error *err)
{
        const struct api_script *script = context;
        size_t only = 0;

        if (failing(script, err) || (name && !find(name, &only, err)))
                return false;
        *ret_pipelines = json_array();
        for (size_t at = only; at < (name ? only + 1 : ARRAY_LENGTH(cast)); at++)
                json_array_append_new(*ret_pipelines, pipeline_json(script, at));
        return true;
}

static void add_sample(json_t *series, double scale, int64_t time_ms)
{
        int subtasks = subtasks_at(scale, time_ms);
        bool restarts = restarts_at(scale, time_ms);
        double offered = offered_at(scale, time_ms);
        double busy = offered / (subtasks * PER_SUBTASK);
        json_t *parallelism = json_object_get(series, "parallelism");

        json_array_append_new(json_object_get(series, "time"), json_integer(time_ms));
        json_array_append_new(json_object_get(series, "offered"), json_from_double(offered));
        json_array_append_new(json_object_get(series, "throughput"),
                              json_from_double(restarts ? offered * 0.55 : offered));
        json_array_append_new(json_object_get(series, "capacity"), json_from_double(subtasks * PER_SUBTASK));
        json_array_append_new(json_object_get(series, "workers"), json_integer(subtasks));
        json_array_append_new(json_object_get(parallelism, "source"), json_integer((subtasks + 1) / 2));
        json_array_append_new(json_object_get(parallelism, "enrich"), json_integer(subtasks));
        json_array_append_new(json_object_get(parallelism, "sink"), json_integer(2));
        json_array_append_new(json_object_get(series, "backlog"),
                              json_from_double(restarts ? offered * 21 : offered * 0.4));
        json_array_append_new(json_object_get(series, "backlog_seconds"),
                              json_from_double(restarts ? 21 : 0.4));
        json_array_append_new(json_object_get(series, "latency_p99"),
                              restarts && time_ms / STEP_MS % 2 ? json_null()
                                                                : json_from_double(restarts ? 2.6 : busy));
        json_array_append_new(json_object_get(series, "cost_per_hour"), json_from_double(subtasks * 0.19));
}

static bool script_series(void *context, const char *name, size_t limit, json_t **ret_series,
                          struct error *err)
{
        static const char *const lists[] = {"time",        "offered",       "throughput",
                                            "capacity",    "workers",       "backlog",
                                            "latency_p99", "cost_per_hour", "backlog_seconds"};
        struct api_script *script = context;
        json_t *series;
        size_t at;

        if (failing(script, err) || !find(name, &at, err))
                return false;
        script->series_limit = limit;
        series = json_pack("{s:{s:[], s:[], s:[]}}", "parallelism", "source", "enrich", "sink");
        for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
                json_object_set_new(series, lists[i], json_array());
        for (int64_t i = (int64_t)(limit < SAMPLES ? limit : SAMPLES) - 1; i >= 0 && cast[at].scale > 0; i--)
                add_sample(series, cast[at].scale, script->now_ms - script->now_ms % STEP_MS - i * STEP_MS);
        *ret_series = series;
        return true;
}

static bool script_savings(void *context, const char *name, json_t **ret_books, struct error *err)
{
        size_t at;

        if (failing(context, err) || !find(name, &at, err))
                return false;
        if (cast[at].scale == 0)
                return error_set(err, ERROR_UNAVAILABLE, "Starting", "%s is not reached yet", name);
        *ret_books = books_json(fabs(cast[at].scale));
        return true;
}

static const struct {
        int64_t id, minutes_ago;
        const char *from, *to, *verdict, *outcome, *reason;
} past[] = {
        {87, 24, "source 6, enrich 11, sink 2 (11 workers)", "source 6, enrich 12, sink 2 (12 workers)",
         "Allowed", "Pending",
         "9.2 k rec/s are expected within 30 min at 95 %, 11 workers sustain 9.1 k; a worker more costs 0.19 "
         "USD an hour, being late 2.40"},
        {86, 186, "source 5, enrich 10, sink 2 (10 workers)", "source 6, enrich 11, sink 2 (11 workers)",
         "Allowed", "Confirmed", "8.4 k rec/s are expected, 10 workers sustain 8.2 k"},
        {83, 402, "source 5, enrich 10, sink 2 (10 workers)", "source 3, enrich 6, sink 2 (6 workers)",
         "Refused", NULL,
         "max_step: 10 to 6 workers in one step is more than the factor 0.7 the spec allows"},
        {81, 655, "source 5, enrich 9, sink 2 (9 workers)", "source 4, enrich 8, sink 2 (8 workers)",
         "Clipped", "Reverted", "p99 latency 3.4 s instead of 0.9 s: back to 9 workers"},
        {76, 1010, "source 4, enrich 8, sink 2 (8 workers)", "source 5, enrich 9, sink 2 (9 workers)",
         "Allowed", "Confirmed", "load grows by 12 % an hour"},
};

static bool script_books(void *context, const char *name, int64_t since_ms, double confidence,
                         json_t **ret_pipelines, struct error *err)
{
        struct api_script *script = context;
        json_t *books = NULL;

        if (!script_savings(script, name ? name : "clickstream", &books, err))
                return false;
        script->history_since_ms = since_ms;
        script->books_confidence = confidence;
        *ret_pipelines =
                json_pack("[{s:s, s:o, s:o, s:o, s:n, s:s}]", "pipeline", "analytics/clickstream", "from",
                          time_json(script->now_ms - 3 * MS_PER_DAY), "to", time_json(script->now_ms),
                          "books", books, "baseline_late_seconds", "grade", "Measured");
        return true;
}

static bool script_history(void *context, const char *name, int64_t since_ms, int64_t limit,
                           json_t **ret_decisions, struct error *err)
{
        struct api_script *script = context;
        size_t at = 0;

        if (failing(script, err) || (name && !find(name, &at, err)))
                return false;
        script->history_since_ms = since_ms;
        script->history_limit = limit;
        *ret_decisions = json_array();
        for (size_t i = 0; i < ARRAY_LENGTH(past) && at == 0 && (int64_t)i < limit; i++) {
                int64_t time_ms = script->now_ms - past[i].minutes_ago * 60000;

                if (time_ms < since_ms)
                        break;
                json_array_append_new(*ret_decisions,
                                      json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s}", "id",
                                                (json_int_t)past[i].id, "time", time_json(time_ms),
                                                "pipeline", "analytics/clickstream", "strategy", "plan",
                                                "proposal", "Change", "from", past[i].from, "to", past[i].to,
                                                "verdict", past[i].verdict, "outcome", past[i].outcome,
                                                "reason", past[i].reason));
        }
        for (size_t i = 0; i < json_array_size(*ret_decisions); i++)
                if (!json_object_get(json_array_get(*ret_decisions, i), "outcome"))
                        json_object_set_new(json_array_get(*ret_decisions, i), "outcome", json_null());
        return true;
}

/* The explanation of the newest, and of the refused one. */
static bool script_decision(void *context, int64_t id, json_t **ret_decision, struct error *err)
{
        static const char *const paths[] = {"tests/support/decision_87.json",
                                            "tests/support/decision_83.json"};

        if (failing(context, err))
                return false;
        if (id != 87 && id != 83)
                return error_set(err, ERROR_NOT_FOUND, NULL, "there is no decision %lld", (long long)id);
        return json_read_file(paths[id == 83], 1 << 20, ret_decision, err);
}

static void keep(char *out, size_t size, const char *text)
{
        snprintf(out, size, "%s", text ? text : "");
}

static bool script_pause(void *context, const char *name, const char *reason, struct error *err)
{
        struct api_script *script = context;
        size_t at;

        if (failing(script, err) || !find(name, &at, err))
                return false;
        keep(script->paused, sizeof script->paused, cast[at].name);
        keep(script->reason, sizeof script->reason, reason);
        return true;
}

static bool script_resume(void *context, const char *name, struct error *err)
{
        struct api_script *script = context;
        size_t at;

        if (failing(script, err) || !find(name, &at, err))
                return false;
        keep(script->resumed, sizeof script->resumed, cast[at].name);
        script->paused[0] = '\0';
        return true;
}

static bool script_rollback(void *context, const char *name, int64_t decision_id, json_t **ret_result,
                            struct error *err)
{
        struct api_script *script = context;
        size_t at;

        if (failing(script, err) || !find(name, &at, err))
                return false;
        if (strcmp(cast[at].mode, "Auto") != 0)
                return error_set(err, ERROR_CONFLICT, "NotAuto", "%s: its mode is %s, so nothing is changed",
                                 name, cast[at].mode);
        keep(script->rolled_back, sizeof script->rolled_back, cast[at].name);
        keep(script->paused, sizeof script->paused, cast[at].name);
        keep(script->reason, sizeof script->reason, "rolled back");
        script->rollback_decision = decision_id;
        *ret_result = json_pack("{s:i, s:s, s:s, s:s, s:b}", "decision", 88, "to",
                                "source 6, enrich 11, sink 2 (11 workers)", "state", "Told", "why", "",
                                "applied", 1);
        return true;
}

void api_script_open(struct api_script *script, int64_t now_ms)
{
        *script = (struct api_script){.source = {.status = script_status,
                                                 .series = script_series,
                                                 .savings = script_savings,
                                                 .books = script_books,
                                                 .history = script_history,
                                                 .decision = script_decision,
                                                 .pause = script_pause,
                                                 .resume = script_resume,
                                                 .rollback = script_rollback,
                                                 .context = script},
                                      .now_ms = now_ms,
                                      .started = true};
}

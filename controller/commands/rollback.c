/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/api/remote.h"
#include "controller/cli/since.h"
#include "core/clock.h"
#include "core/json.h"

#define ASK_EVERY_MS MS_PER_SECOND

struct rollback_arguments {
        struct remote remote;
        const char *pipeline, *json, *wait;
        int64_t decision;
        bool no_wait;
};

static const struct parameter parameters[] = {
        REMOTE_PIPELINE(struct rollback_arguments, pipeline),
        {.name = "decision",
         .type = PARAMETER_INTEGER,
         .offset = offsetof(struct rollback_arguments, decision),
         .value = "ID",
         .min = 1,
         .max = INT64_MAX,
         .help = "Goes back to what ran before this decision; before the newest change without it."},
        {.name = "wait",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct rollback_arguments, wait),
         .value = "TIME",
         .fallback = "5m",
         .help = "How long to wait until the engine is seen to run it: 90s, 5m."},
        {.name = "no-wait",
         .type = PARAMETER_FLAG,
         .offset = offsetof(struct rollback_arguments, no_wait),
         .help = "Only gives the order."},
        REMOTE_PARAMETERS(struct rollback_arguments, remote),
        PARAMETERS_JSON(struct rollback_arguments, "the answer as JSON (docs/schema/rollback.schema.json)"),
        {.name = NULL},
};

/* ---- how far it has come ---- */

struct way_back {
        const char *pipeline, *to, *state, *why; /* of the newest answer */
        long long decision;
};

static const char *word(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

static struct way_back way_back_of(const char *pipeline, const json_t *rollback)
{
        return (struct way_back){
                .pipeline = pipeline,
                .to = word(rollback, "to"),
                .state = word(rollback, "state"),
                .why = word(rollback, "why"),
                .decision = json_integer_value(json_object_get(rollback, "decision")),
        };
}

static bool is_state(const struct way_back *way, const char *state)
{
        return strcmp(way->state, state) == 0;
}

/* To a person who waits, whenever something is new. */
static void say_progress(const struct way_back *way, char shown[16])
{
        if (!isatty(STDERR_FILENO) || strcmp(shown, way->state) == 0)
                return;
        snprintf(shown, 16, "%s", way->state);
        if (is_state(way, "Ordered"))
                fprintf(stderr, "%s is paused, and ordered back to %s; waiting until the engine takes it\n",
                        way->pipeline, way->to);
        else if (is_state(way, "Told"))
                fprintf(stderr, "%s is paused, and told to go back to %s; waiting until it is seen to run\n",
                        way->pipeline, way->to);
}

/* The newest rollback of the pipeline is another one, or none, when optctl was started anew meanwhile. */
static bool ask_again(const struct rollback_arguments *arguments, json_t *answer, struct error *err)
{
        autofree char *path = api_client_path(arguments->pipeline, NULL);
        json_t *told = json_object_get(answer, "rollback"), *now;
        autojson *status = NULL;

        if (!remote_get(&arguments->remote, path, &status, err))
                return false;
        now = json_object_get(json_array_get(json_object_get(status, "pipelines"), 0), "rollback");
        if (!json_equal(json_object_get(now, "decision"), json_object_get(told, "decision")))
                return error_set(
                        err, ERROR_UNAVAILABLE, NULL,
                        "%s: whether it runs what it was told is not known: optctl was started anew, "
                        "or something else was changed; optctl status and history say more",
                        arguments->pipeline);
        json_object_update(told, now);
        return true;
}

static bool wait_for_it(const struct rollback_arguments *arguments, int64_t patience_ms, json_t *answer,
                        struct error *err)
{
        const struct clock clock = clock_system();
        int64_t until_ms = clock_now_ms(&clock) + patience_ms;
        char shown[16] = "";

        while (patience_ms > 0) {
                autojson *lines = json_to_lines(json_object_get(answer, "rollback"));
                struct way_back way = way_back_of(arguments->pipeline, lines);

                if (is_state(&way, "Running") || is_state(&way, "Failed") || clock_now_ms(&clock) >= until_ms)
                        break;
                say_progress(&way, shown);
                if (!clock_sleep_until(&clock, clock_now_ms(&clock) + ASK_EVERY_MS, err) ||
                    !ask_again(arguments, answer, err))
                        return false;
        }
        return true;
}

static const char *between(const char *text)
{
        return *text ? ": " : "";
}

static bool report(const struct rollback_arguments *arguments, const struct way_back *way, bool waited,
                   struct error *err)
{
        bool told = is_state(way, "Told"), running = is_state(way, "Running");

        if (is_state(way, "Failed"))
                return error_set(err, ERROR_UNAVAILABLE, NULL,
                                 "%s is paused, and could not be rolled back to %s%s%s (decision %lld)",
                                 way->pipeline, way->to, between(way->why), way->why, way->decision);
        if (waited && !running)
                return error_set(err, ERROR_UNAVAILABLE, NULL,
                                 "%s is paused, and %s back to %s, which does not run yet%s%s; optctl status "
                                 "and explain %lld say more",
                                 way->pipeline, told ? "told to go" : "ordered", way->to, between(way->why),
                                 way->why, way->decision);
        if (!arguments->json)
                printf(running ? "%s runs %s again, and is paused (decision %lld)\n"
                       : told  ? "%s is told to go back to %s, and paused (decision %lld)\n"
                               : "%s is ordered back to %s, and paused (decision %lld)\n",
                       way->pipeline, way->to, way->decision);
        return true;
}

static bool order(const struct rollback_arguments *arguments, json_t **ret_answer, struct error *err)
{
        autojson *body = NULL;

        if (arguments->decision > 0)
                body = json_pack("{s:I}", "decision", (json_int_t)arguments->decision);
        return remote_order(&arguments->remote, arguments->pipeline, "rollback", body, ret_answer, err);
}

static bool rollback_run(const void *object, struct error *err)
{
        const struct rollback_arguments *arguments = object;
        autojson *answer = NULL, *lines = NULL;
        struct way_back way;
        int64_t patience_ms = 0;

        if (!arguments->no_wait && !duration_parse("rollback", "--wait", arguments->wait, &patience_ms, err))
                return false;
        if (!order(arguments, &answer, err) || !wait_for_it(arguments, patience_ms, answer, err) ||
            (arguments->json && !output_json(arguments->json, answer, err)))
                return false;
        lines = json_to_lines(answer);
        way = way_back_of(arguments->pipeline, json_object_get(lines, "rollback"));
        return report(arguments, &way, patience_ms > 0, err);
}

const struct command rollback_command = {
        .name = "rollback",
        .group = COMMAND_LIVE,
        .summary = "go back to what ran before a change",
        .description = "Goes back to what ran before the newest change that optctl made, and pauses the "
                       "pipeline. What only grows, such as partitions, stays. An engine takes such an order "
                       "at once and runs it later, so it waits until optctl has seen it run; status 1 says "
                       "that it did not in time, or could not be done.",
        .example = "optctl rollback clickstream",
        .size = sizeof(struct rollback_arguments),
        .parameters = parameters,
        .run = rollback_run,
};

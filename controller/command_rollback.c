/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "controller/output.h"
#include "controller/remote.h"
#include "core/json.h"

struct rollback_arguments {
        struct remote remote;
        const char *pipeline, *json;
        int64_t decision;
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
        REMOTE_PARAMETERS(struct rollback_arguments, remote),
        {.name = "json",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct rollback_arguments, json),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Writes the answer as JSON (docs/schema/rollback.schema.json); - is standard output."},
        {.name = NULL},
};

static bool report(const struct rollback_arguments *arguments, const json_t *rollback, struct error *err)
{
        long long decision = json_integer_value(json_object_get(rollback, "decision"));

        if (!json_is_true(json_object_get(rollback, "applied")))
                return error_set(
                        err, ERROR_UNAVAILABLE, NULL,
                        "%s is paused, and is still being rolled back; optctl explain %lld says more",
                        arguments->pipeline, decision);
        if (!arguments->json)
                printf("%s is rolled back and paused (decision %lld)\n", arguments->pipeline, decision);
        return true;
}

static bool rollback_run(const void *object, struct error *err)
{
        const struct rollback_arguments *arguments = object;
        autojson *body = NULL, *answer = NULL;

        if (arguments->decision > 0)
                body = json_pack("{s:I}", "decision", (json_int_t)arguments->decision);
        if (!remote_order(&arguments->remote, arguments->pipeline, "rollback", body, &answer, err) ||
            (arguments->json && !output_json(arguments->json, answer, err)))
                return false;
        return report(arguments, json_object_get(answer, "rollback"), err);
}

const struct command rollback_command = {
        .name = "rollback",
        .group = COMMAND_LIVE,
        .summary = "go back to what ran before a change",
        .description = "Goes back to what ran before the newest change that optctl made, and pauses the "
                       "pipeline. What only grows, such as partitions, stays. It waits until the engine runs "
                       "what it was told; status 1 says that it does not yet.",
        .example = "optctl rollback clickstream",
        .size = sizeof(struct rollback_arguments),
        .parameters = parameters,
        .run = rollback_run,
};

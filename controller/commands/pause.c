/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/api/remote.h"
#include "core/json.h"

struct pause_arguments {
        struct remote remote;
        const char *pipeline, *json;
        const char *reason;
};

static const struct parameter parameters[] = {
        REMOTE_PIPELINE(struct pause_arguments, pipeline),
        {.name = "reason",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct pause_arguments, reason),
         .value = "TEXT",
         .help = "Why; status shows it."},
        REMOTE_PARAMETERS(struct pause_arguments, remote),
        PARAMETERS_JSON(struct pause_arguments, "the answer as JSON (docs/schema/status.schema.json)"),
        {.name = NULL},
};

static bool pause_run(const void *object, struct error *err)
{
        const struct pause_arguments *arguments = object;
        autojson *body = json_object(), *answer = NULL;

        if (arguments->reason)
                json_object_set_new(body, "reason", json_string(arguments->reason));
        if (!remote_order(&arguments->remote, arguments->pipeline, "pause", body, &answer, err))
                return false;
        if (arguments->json)
                return output_json(arguments->json, answer, err);
        printf("%s is paused\n", arguments->pipeline);
        return true;
}

const struct command pause_command = {
        .name = "pause",
        .group = COMMAND_LIVE,
        .summary = "stop changing a pipeline",
        .description =
                "A paused pipeline is measured, its books are kept, and nothing is changed, until "
                "optctl resume, over restarts, too. The order is taken at once, whether or not the engine "
                "answers. A change that is being verified is still taken "
                "back if it must be.",
        .example = "optctl pause clickstream --reason release",
        .size = sizeof(struct pause_arguments),
        .parameters = parameters,
        .run = pause_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/api/remote.h"
#include "core/json.h"

struct resume_arguments {
        struct remote remote;
        const char *pipeline, *json;
};

static const struct parameter parameters[] = {
        REMOTE_PIPELINE(struct resume_arguments, pipeline),
        REMOTE_PARAMETERS(struct resume_arguments, remote),
        PARAMETERS_JSON(struct resume_arguments, "the answer as JSON (docs/schema/status.schema.json)"),
        {.name = NULL},
};

static bool resume_run(const void *object, struct error *err)
{
        const struct resume_arguments *arguments = object;
        autojson *answer = NULL;

        if (!remote_order(&arguments->remote, arguments->pipeline, "resume", NULL, &answer, err))
                return false;
        if (arguments->json)
                return output_json(arguments->json, answer, err);
        printf("%s is tuned again\n", arguments->pipeline);
        return true;
}

const struct command resume_command = {
        .name = "resume",
        .group = COMMAND_LIVE,
        .summary = "go on tuning a paused pipeline",
        .description = "Takes back what optctl pause, or a rollback, ordered.",
        .example = "optctl resume clickstream",
        .size = sizeof(struct resume_arguments),
        .parameters = parameters,
        .run = resume_run,
};

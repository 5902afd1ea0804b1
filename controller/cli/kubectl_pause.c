/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `kubectl optctl pause` and `resume`: an annotation of the object says so, which the operator follows. */
#include <stdio.h>
#include <string.h>

#include "controller/cli/kubectl.h"
#include "controller/operator/object.h"
#include "core/json.h"

struct pause_arguments {
        struct kubectl kubectl;
        const char *pipeline, *reason;
};

#define PIPELINE                                                                                             \
        {                                                                                                    \
                .name = "PIPELINE", .positional = true, .required = true, .type = PARAMETER_TEXT,            \
                .offset = offsetof(struct pause_arguments, pipeline), .help = "Name of the TunedPipeline."   \
        }

static const struct parameter pause_parameters[] = {
        PIPELINE,
        {.name = "reason",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct pause_arguments, reason),
         .value = "TEXT",
         .fallback = "kubectl optctl pause",
         .help = "Why; the status shows it."},
        KUBECTL_PARAMETERS(struct pause_arguments, kubectl),
        {.name = NULL},
};

static const struct parameter resume_parameters[] = {
        PIPELINE,
        KUBECTL_PARAMETERS(struct pause_arguments, kubectl),
        {.name = NULL},
};

/* Without a reason: it is not paused. */
static bool annotate(void *context, struct kube_client *client, const char *namespace, struct error *err)
{
        const struct pause_arguments *arguments = context;
        const struct kube_target target = {&tuned_resource, namespace, arguments->pipeline, NULL};
        autojson *value = arguments->reason ? json_string(arguments->reason) : json_null();
        autojson *patch = json_pack("{s:{s:{s:O}}}", "metadata", "annotations", PAUSE_ANNOTATION, value);

        if (!patch)
                return error_set(err, ERROR_INPUT, NULL, "--reason: not UTF-8");
        return kube_merge(client, &target, patch, NULL, NULL, err);
}

static bool is_reason(const char *reason)
{
        return *reason && strcmp(reason, "false") != 0;
}

static bool pause_run(const void *object, struct error *err)
{
        struct pause_arguments arguments = *(const struct pause_arguments *)object;

        if (!is_reason(arguments.reason))
                return error_set(err, ERROR_INPUT, NULL, "pause: --reason: expected words that say why");
        if (!kubectl_check_name(arguments.pipeline, err) ||
            !kubectl_ask(&arguments.kubectl, annotate, &arguments, err))
                return error_wrap(err, "pause");
        printf("tunedpipeline.optctl.dev/%s is paused\n", arguments.pipeline);
        return true;
}

static bool resume_run(const void *object, struct error *err)
{
        struct pause_arguments arguments = *(const struct pause_arguments *)object;

        if (!kubectl_check_name(arguments.pipeline, err) ||
            !kubectl_ask(&arguments.kubectl, annotate, &arguments, err))
                return error_wrap(err, "resume");
        printf("tunedpipeline.optctl.dev/%s is tuned again\n", arguments.pipeline);
        return true;
}

const struct command kubectl_pause_command = {
        .name = "pause",
        .program = KUBECTL_NAME,
        .group = COMMAND_LIVE,
        .summary = "stop changing a pipeline",
        .description = "Gives the TunedPipeline the annotation " PAUSE_ANNOTATION
                       ". It is measured, and nothing is changed, until it is resumed.",
        .example = KUBECTL_NAME " pause orders -n shop --reason release",
        .size = sizeof(struct pause_arguments),
        .parameters = pause_parameters,
        .run = pause_run,
};

const struct command kubectl_resume_command = {
        .name = "resume",
        .program = KUBECTL_NAME,
        .group = COMMAND_LIVE,
        .summary = "go on tuning a paused pipeline",
        .description = "Takes the annotation " PAUSE_ANNOTATION " away.",
        .example = KUBECTL_NAME " resume orders -n shop",
        .size = sizeof(struct pause_arguments),
        .parameters = resume_parameters,
        .run = resume_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/kubectl.h"

#include <stdio.h>
#include <string.h>

#include "controller/cli/usage.h"
#include "core/kubernetes/config.h"
#include "core/reactor.h"

/* ---- help ---- */

struct help_arguments {
        const char *name;
};

static const struct parameter help_parameters[] = {
        {.name = "COMMAND",
         .positional = true,
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct help_arguments, name),
         .help = "Tells everything about this command instead of listing all commands."},
        {.name = NULL},
};

static bool help_run(const void *object, struct error *err)
{
        const struct help_arguments *arguments = object;
        const struct command *command;

        if (!arguments->name) {
                usage_print_program(&kubectl_program, stdout);
                return true;
        }
        if (!command_find(&kubectl_program, arguments->name, &command, err))
                return error_wrap(err, "help");
        usage_print_command(command);
        return true;
}

static const struct command help = {
        .name = "help",
        .program = KUBECTL_NAME,
        .group = COMMAND_PROGRAM,
        .summary = "what the commands are, and what one of them does",
        .description = "Lists the commands, or tells everything about one of them.",
        .example = KUBECTL_NAME " help status",
        .size = sizeof(struct help_arguments),
        .parameters = help_parameters,
        .run = help_run,
};

static const struct command *const list[] = {
        &help, &kubectl_pause_command, &kubectl_resume_command, &kubectl_status_command, &version_command,
        NULL,
};

const struct program kubectl_program = {
        .name = KUBECTL_NAME,
        .summary = "The TunedPipelines of a cluster, which optctl's operator tunes.",
        .more = "'" KUBECTL_NAME " help COMMAND' tells more about a command; optctl itself has many more.",
        .commands = list,
};

/* ---- asking ---- */

struct question {
        const struct kubectl *kubectl;
        kubectl_question *ask;
        void *context;
        struct kube_client *client;
        struct error *err;
        bool done;
};

static void ask(void *argument)
{
        struct question *question = argument;
        const char *namespace = question->kubectl->namespace;

        question->done =
                question->ask(question->context, question->client,
                              namespace ? namespace : kube_client_namespace(question->client), question->err);
}

bool kubectl_ask(const struct kubectl *kubectl, kubectl_question *asks, void *context, struct error *err)
{
        autocall(reactor_free) struct reactor *reactor = NULL;
        autocall(http_client_free) struct http_client *http = NULL;
        autocall(kube_config_free) struct kube_config *config = NULL;
        struct question question = {.kubectl = kubectl, .ask = asks, .context = context, .err = err};

        if (!reactor_new(NULL, &reactor, err) || !http_client_new(reactor, NULL, NULL, &http, err) ||
            !kube_config_find(kubectl->kubeconfig, kubectl->context, &config, err) ||
            !kube_client_new(reactor, http, config, &question.client, err))
                return false;
        reactor_call(reactor, ask, &question);
        kube_client_free(question.client);
        return question.done;
}

bool kubectl_check_name(const char *name, struct error *err)
{
        size_t length = strlen(name);

        if (length > 0 && length <= 253 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length)
                return true;
        return error_set(err, ERROR_INPUT, NULL,
                         "'%.80s' is no name of an object: expected small letters, digits, '-' and '.'; its "
                         "namespace goes to -n",
                         name);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "controller/cli/command.h"
#include "controller/cli/completion.h"
#include "controller/cli/output.h"

struct completion_arguments {
        const char *shell;
};

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static const struct parameter parameters[] = {
        {.name = "SHELL",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct completion_arguments, shell),
         .choices = shells,
         .help = "The shell that is to complete optctl's command lines."},
        {.name = NULL},
};

static bool completion_run(const void *object, struct error *err)
{
        const struct completion_arguments *arguments = object;
        autotext script = {0};

        if (strcmp(arguments->shell, "bash") == 0)
                completion_bash(&script);
        else if (strcmp(arguments->shell, "zsh") == 0)
                completion_zsh(&script);
        else
                completion_fish(&script);
        return output_text("-", &script, err);
}

const struct command completion_command = {
        .name = "completion",
        .group = COMMAND_PROGRAM,
        .summary = "a script that makes a shell complete command lines",
        .description = "Prints a script that makes a shell complete commands, options, file names and "
                       "strategies. The "
                       "Debian package installs it for all three shells.",
        .example = "source <(optctl completion bash)",
        .size = sizeof(struct completion_arguments),
        .parameters = parameters,
        .run = completion_run,
};

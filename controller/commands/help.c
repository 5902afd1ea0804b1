/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/command.h"
#include "controller/cli/manual.h"
#include "controller/cli/output.h"
#include "controller/cli/usage.h"

struct help_arguments {
        const char *name;
        bool man, markdown;
};

static const struct parameter parameters[] = {
        {.name = "COMMAND",
         .positional = true,
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct help_arguments, name),
         .values = VALUES_COMMAND,
         .help = "Tells everything about this command instead of listing all commands."},
        {.name = "man",
         .type = PARAMETER_FLAG,
         .offset = offsetof(struct help_arguments, man),
         .help = "Prints the manual page."},
        {.name = "markdown",
         .type = PARAMETER_FLAG,
         .offset = offsetof(struct help_arguments, markdown),
         .help = "Prints the reference of all commands in Markdown."},
        {.name = NULL},
};

static bool help_run(const void *object, struct error *err)
{
        const struct help_arguments *arguments = object;
        const struct command *command;
        autotext manual = {0};

        if (arguments->man || arguments->markdown) {
                (arguments->man ? manual_roff : manual_markdown)(&manual);
                return output_text("-", &manual, err);
        }
        if (!arguments->name) {
                usage_print_program(&optctl_program, stdout);
                return true;
        }
        if (!command_find(&optctl_program, arguments->name, &command, err))
                return error_wrap(err, "help");
        usage_print_command(command);
        return true;
}

const struct command help_command = {
        .name = "help",
        .group = COMMAND_PROGRAM,
        .summary = "what the commands are, and what one of them does",
        .description = "Lists the commands, or tells everything about one of them.",
        .example = "optctl help simulate",
        .size = sizeof(struct help_arguments),
        .parameters = parameters,
        .run = help_run,
};

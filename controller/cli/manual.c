/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/manual.h"

#include <string.h>

#include "controller/cli/usage.h"

static const char summary[] = "autopilot for data pipelines";

static const char description[] = "optctl reads how a data pipeline does (throughput, latency, backlog, "
                                  "cost), works out which parallelism and "
                                  "how many workers meet its service levels for the least money, applies "
                                  "that, checks that it got better, takes "
                                  "it back if it did not, and keeps books. Fed by a simulator instead of an "
                                  "engine, the same loop answers what "
                                  "each way of scaling would cost on a given load.";

static const char conventions[] = "Options are long and stand anywhere after the command; --name value and "
                                  "--name=value are the same; -- ends "
                                  "them. SPEC is a YAML file with a TunedPipeline. File names in a spec are "
                                  "relative to --data, else to the "
                                  "spec's folder. As a file name, - is standard input or output. Results go "
                                  "to standard output, messages to "
                                  "standard error, one line each.";

/* Text in which troff sees nothing of its own. */
static void roff_escape(struct text *out, const char *words)
{
        if (*words == '.' || *words == '\'')
                text_put(out, "\\&");
        for (; *words; words++) {
                if (*words == '\\')
                        text_put(out, "\\e");
                else if (*words == '-')
                        text_put(out, "\\-");
                else
                        text_add(out, words, 1);
        }
}

static void roff_line(struct text *out, const char *before, const char *words)
{
        text_put(out, before);
        roff_escape(out, words);
        text_put(out, "\n");
}

static void roff_parameters(const struct command *command, struct text *out)
{
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                autotext left = {0};
                autotext right = {0};

                usage_parameter(parameter, &left);
                usage_parameter_help(parameter, &right);
                text_put(out, ".TP\n");
                roff_line(out, ".B ", left.data);
                roff_line(out, "", right.data);
        }
}

static void roff_command(const struct command *command, struct text *out)
{
        autotext synopsis = {0};

        usage_synopsis(command, &synopsis);
        roff_line(out, ".SS ", synopsis.data);
        roff_line(out, "", command->description);
        roff_parameters(command, out);
        if (command->example) {
                text_put(out, ".PP\nExample:\n.PP\n.nf\n");
                roff_line(out, "    ", command->example);
                text_put(out, ".fi\n");
        }
}

static void roff_exit_statuses(struct text *out)
{
        text_put(out, ".SH EXIT STATUS\n");
        for (const struct exit_status *exit_status = exit_statuses; exit_status->meaning; exit_status++)
                text_format(out, ".TP\n.B %d\n%s\n", exit_status->status, exit_status->meaning);
}

void manual_roff(struct text *out)
{
        text_format(out, ".TH OPTCTL 1 \"\" \"optctl %s\" \"User Commands\"\n.SH NAME\noptctl \\- %s\n",
                    OPTCTL_VERSION, summary);
        text_put(out, ".SH SYNOPSIS\n.B optctl\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n");
        roff_line(out, ".SH DESCRIPTION\n", description);
        roff_line(out, ".PP\n", conventions);
        for (enum command_group group = 0; usage_group_title(group); group++) {
                roff_line(out, ".SH ", usage_group_title(group));
                for (const struct command *const *command = commands; *command; command++) {
                        if ((*command)->group == group)
                                roff_command(*command, out);
                }
        }
        roff_exit_statuses(out);
}

static void markdown_parameters(const struct command *command, struct text *out)
{
        if (!command->parameters->name)
                return;
        text_put(out, "\n| | |\n| --- | --- |\n");
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                autotext left = {0};
                autotext right = {0};

                usage_parameter(parameter, &left);
                usage_parameter_help(parameter, &right);
                text_format(out, "| `%s` | %s |\n", left.data, right.data);
        }
}

static void markdown_command(const struct command *command, struct text *out)
{
        autotext synopsis = {0};

        usage_synopsis(command, &synopsis);
        text_format(out, "\n### %s\n\n`%s`\n\n%s\n", command->name, synopsis.data, command->description);
        markdown_parameters(command, out);
        if (command->example)
                text_format(out, "\n    %s\n", command->example);
}

void manual_markdown(struct text *out)
{
        text_put(out,
                 "<!-- Generated by `make docs` from the tables of the commands. -->\n# Command line\n\n");
        text_format(out, "%s\n\n%s\n\nExit statuses: [exit-statuses.md](exit-statuses.md).\n", description,
                    conventions);
        for (enum command_group group = 0; usage_group_title(group); group++) {
                text_format(out, "\n## %s\n", usage_group_title(group));
                for (const struct command *const *command = commands; *command; command++) {
                        if ((*command)->group == group)
                                markdown_command(*command, out);
                }
        }
}

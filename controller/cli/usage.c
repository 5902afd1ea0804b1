/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/usage.h"

#include <inttypes.h>
#include <string.h>

#define HELP_COLUMN 26

const struct exit_status exit_statuses[] = {
        {0, "Done."},
        {1, "Failed: a file could not be written, a peer did not answer, a fit did not converge."},
        {2,
         "Bad input: a word of the command line, or a file that is missing or wrong. Nothing was changed."},
        {3, "Interrupted by SIGINT, SIGTERM or SIGHUP, after what had been begun was brought to an end."},
        {4, "Done, and something is to be done about it."},
        {0, NULL},
};

static const char *const group_titles[] = {
        [COMMAND_LIVE] = "Tune live pipelines",
        [COMMAND_STUDY] = "Study a pipeline before anything touches it",
        [COMMAND_ACCOUNT] = "Look back",
        [COMMAND_SPEC] = "Write a spec",
        [COMMAND_PROGRAM] = "The program itself",
};

const char *usage_group_title(enum command_group group)
{
        return group < ARRAY_LENGTH(group_titles) ? group_titles[group] : NULL;
}

static bool has_options(const struct command *command)
{
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                if (!parameter->positional)
                        return true;
        }
        return false;
}

void usage_synopsis(const struct command *command, struct text *out)
{
        text_format(out, "%s %s", command_program(command), command->name);
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                if (parameter->positional)
                        text_format(out, parameter->required ? " %s" : " [%s]", parameter->name);
        }
        if (has_options(command))
                text_put(out, " [OPTION]...");
}

void usage_parameter(const struct parameter *parameter, struct text *out)
{
        if (parameter->letter)
                text_format(out, "-%c, ", parameter->letter);
        text_format(out, "%s%s", parameter->positional ? "" : "--", parameter->name);
        if (!parameter->positional && parameter->type != PARAMETER_FLAG)
                text_format(out, " %s", parameter->value);
}

void usage_parameter_help(const struct parameter *parameter, struct text *out)
{
        text_put(out, parameter->help);
        if (parameter->choices) {
                text_put(out, " One of ");
                for (const char *const *choice = parameter->choices; *choice; choice++)
                        text_format(out, "%s%s", choice == parameter->choices ? "" : ", ", *choice);
                text_put(out, ".");
        }
        if (parameter->type == PARAMETER_INTEGER)
                text_format(out, " From %" PRId64 " to %" PRId64 ".", parameter->min, parameter->max);
        if (parameter->fallback)
                text_format(out, " Default: %s.", parameter->fallback);
        if (!parameter->positional && parameter->type == PARAMETER_TEXTS)
                text_put(out, " May be given several times.");
}

/* Words from column `column` on, broken before USAGE_COLUMNS, further lines indented to `indent`. Lines end
 * where the words say so, too. */
static void wrap(FILE *file, const char *words, int column, int indent)
{
        for (;;) {
                int length;

                words += strspn(words, " ");
                if (!*words)
                        break;
                if (*words == '\n') {
                        column = fprintf(file, "\n%*s", indent, "") - 1;
                        words++;
                        continue;
                }
                length = (int)strcspn(words, " \n");
                if (column + 1 + length > USAGE_COLUMNS && column > indent) {
                        fprintf(file, "\n%*s", indent, "");
                        column = indent;
                } else if (column > indent) {
                        column += fprintf(file, " ");
                }
                column += fprintf(file, "%.*s", length, words);
                words += length;
        }
        fputc('\n', file);
}

/* "  left        right right right" */
static void print_row(FILE *file, const char *left, const char *right, int column)
{
        int at = fprintf(file, "  %s", left);

        if (at + 2 > column)
                fprintf(file, "\n%*s", column, "");
        else
                fprintf(file, "%*s", column - at, "");
        wrap(file, right, column, column);
}

void usage_print_program(const struct program *program, FILE *file)
{
        fprintf(file, "Usage: %s COMMAND [ARGUMENT]...\n\n%s\n", program->name, program->summary);
        for (enum command_group group = 0; usage_group_title(group); group++) {
                bool first = true;

                for (const struct command *const *command = program->commands; *command; command++) {
                        if ((*command)->group != group)
                                continue;
                        if (first)
                                fprintf(file, "\n%s:\n", usage_group_title(group));
                        first = false;
                        print_row(file, (*command)->name, (*command)->summary, 14);
                }
        }
        fprintf(file, "\n%s\n", program->more);
}

static void print_parameters(const struct command *command, bool positional, const char *title)
{
        bool first = true;

        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                autotext left = {0};
                autotext right = {0};

                if (parameter->positional != positional)
                        continue;
                if (first)
                        printf("\n%s:\n", title);
                first = false;
                usage_parameter(parameter, &left);
                usage_parameter_help(parameter, &right);
                print_row(stdout, left.data, right.data, HELP_COLUMN);
        }
}

void usage_print_command(const struct command *command)
{
        autotext synopsis = {0};

        usage_synopsis(command, &synopsis);
        printf("Usage: %s\n\n", synopsis.data);
        wrap(stdout, command->description, 0, 0);
        print_parameters(command, true, "Arguments");
        print_parameters(command, false, "Options");
        if (command->example)
                printf("\nExample:\n  %s\n", command->example);
}

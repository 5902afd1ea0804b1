/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/output.h"
#include "controller/cli/usage.h"
#include "core/text.h"

/* What has been read of a command line so far. */
struct parse {
        const struct command *command;
        char *object;
        bool *given;      /* by index of parameter */
        int n_positional; /* arguments taken, of parameters that take one */
};

static void parse_free(struct parse *parse)
{
        free(parse->given);
        command_free(parse->command, parse->object);
}

static bool is_list(const struct parameter *parameter)
{
        return parameter->type == PARAMETER_TEXTS || parameter->type == PARAMETER_NAMES;
}

static size_t count_parameters(const struct command *command)
{
        size_t count = 0;

        while (command->parameters[count].name)
                count++;
        return count;
}

static const char *dashes(const struct parameter *parameter)
{
        return parameter->positional ? "" : "--";
}

/* "; did you mean 'x'?" or nothing. `before` stands in front of the name. */
static void suggest(struct text *out, const char *name, const char *before, const char *const *candidates)
{
        const char *nearest = text_nearest(name, candidates);

        if (nearest)
                text_format(out, "; did you mean '%s%s'?", before, nearest);
}

const struct program optctl_program = {
        .name = "optctl",
        .summary = "The autopilot for data pipelines: meets their service levels for the least money.",
        .more = "'optctl help COMMAND' tells more about a command, 'man optctl' about all of them.",
        .commands = commands,
};

const char *command_program(const struct command *command)
{
        return command->program ? command->program : optctl_program.name;
}

bool command_find(const struct program *program, const char *name, const struct command **ret_command,
                  struct error *err)
{
        const struct command *const *known = program->commands;
        autofree const char **names = NULL;
        autotext hint = {0};
        size_t count = 0;

        for (; known[count]; count++) {
                if (strcmp(known[count]->name, name) == 0) {
                        *ret_command = known[count];
                        return true;
                }
        }
        names = memory_new(count + 1, sizeof *names);
        for (size_t i = 0; i < count; i++)
                names[i] = known[i]->name;
        suggest(&hint, name, "", names);
        if (!hint.data)
                text_format(&hint, "; '%s help' lists the commands", program->name);
        return error_set(err, ERROR_INPUT, NULL, "unknown command '%.80s'%s", name, hint.data);
}

static bool unknown_option(const struct command *command, const char *name, struct error *err)
{
        autofree const char **names = memory_new(count_parameters(command) + 2, sizeof *names);
        autotext hint = {0};
        size_t count = 0;

        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                if (!parameter->positional)
                        names[count++] = parameter->name;
        }
        names[count] = "help";
        suggest(&hint, name, "--", names);
        return error_set(err, ERROR_INPUT, NULL, "unknown option '--%.80s'%s", name,
                         hint.data ? hint.data : "");
}

static void list_add(char ***list, const char *bytes, size_t length)
{
        size_t count = 0;

        while ((*list)[count])
                count++;
        *list = memory_resize(*list, count + 2, sizeof **list);
        (*list)[count] = memory_format("%.*s", (int)length, bytes);
        (*list)[count + 1] = NULL;
}

static bool add_names(const struct parameter *parameter, char ***list, const char *value, struct error *err)
{
        for (;;) {
                size_t length = strcspn(value, ",");

                if (length == 0)
                        return error_set(err, ERROR_INPUT, NULL, "--%s: an empty name; expected %s",
                                         parameter->name, parameter->value);
                list_add(list, value, length);
                if (!value[length])
                        return true;
                value += length + 1;
        }
}

/* Also when there are too many digits for a number of ours. */
static bool is_whole_number(const char *value)
{
        value += *value == '-' || *value == '+';
        return *value && !value[strspn(value, "0123456789")];
}

static bool set_integer(const struct parameter *parameter, int64_t *field, const char *value,
                        struct error *err)
{
        long long number;

        if (!is_whole_number(value))
                return error_set(err, ERROR_INPUT, NULL, "%s%s: '%.80s' is not a whole number",
                                 dashes(parameter), parameter->name, value);
        if (!text_to_int64(value, &number) || number < parameter->min || number > parameter->max)
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s%s: %.80s is out of range; expected %" PRId64 " to %" PRId64,
                                 dashes(parameter), parameter->name, value, parameter->min, parameter->max);
        *field = number;
        return true;
}

static bool set_text(const struct parameter *parameter, const char **field, const char *value,
                     struct error *err)
{
        autotext hint = {0};

        *field = value;
        for (const char *const *choice = parameter->choices; choice && *choice; choice++) {
                if (strcmp(*choice, value) == 0)
                        return true;
                text_format(&hint, "%s%s", hint.data ? ", " : "", *choice);
        }
        if (!parameter->choices)
                return true;
        return error_set(err, ERROR_INPUT, NULL, "%s%s: '%.80s' is not accepted; expected one of %s",
                         dashes(parameter), parameter->name, value, hint.data);
}

/* `value` is NULL for flags. Text is borrowed from the command line, lists are copied. */
static bool set_value(const struct parameter *parameter, char *object, const char *value, struct error *err)
{
        void *field = object + parameter->offset;

        switch (parameter->type) {
        case PARAMETER_FLAG:
                *(bool *)field = true;
                return true;
        case PARAMETER_TEXT:
                return set_text(parameter, field, value, err);
        case PARAMETER_INTEGER:
                return set_integer(parameter, field, value, err);
        case PARAMETER_TEXTS:
                list_add(field, value, strlen(value));
                return true;
        case PARAMETER_NAMES:
                return add_names(parameter, field, value, err);
        }
        return error_set(err, ERROR_INPUT, NULL, "%s: unknown type of parameter", parameter->name);
}

static bool set_fallbacks(struct parse *parse, struct error *err)
{
        for (const struct parameter *parameter = parse->command->parameters; parameter->name; parameter++) {
                if (is_list(parameter))
                        *(char ***)(parse->object + parameter->offset) = memory_new(1, sizeof(char *));
                else if (parameter->type == PARAMETER_INTEGER)
                        *(int64_t *)(parse->object + parameter->offset) = parameter->absent;
                if (parameter->fallback && !set_value(parameter, parse->object, parameter->fallback, err))
                        return false;
        }
        return true;
}

/* An option that was recognised, with its value behind '=' (NULL: none) or in the next word. */
static bool take_option(struct parse *parse, const struct parameter *parameter, const char *value, int count,
                        const char *const *words, int *index, struct error *err)
{
        bool *given = &parse->given[parameter - parse->command->parameters];

        if (*given && !is_list(parameter))
                return error_set(err, ERROR_INPUT, NULL, "--%s: given twice", parameter->name);
        *given = true;
        if (parameter->type == PARAMETER_FLAG && value)
                return error_set(err, ERROR_INPUT, NULL, "--%s: takes no value", parameter->name);
        if (parameter->type != PARAMETER_FLAG && !value) {
                if (++*index >= count)
                        return error_set(err, ERROR_INPUT, NULL, "--%s: no value; expected %s",
                                         parameter->name, parameter->value);
                value = words[*index];
        }
        return set_value(parameter, parse->object, value, err);
}

/* One option, from its two dashes on. *index is moved past what was taken. */
static bool parse_option(struct parse *parse, int count, const char *const *words, int *index,
                         struct error *err)
{
        const char *word = words[*index] + 2;
        size_t length = strcspn(word, "=");
        autofree char *name = memory_format("%.*s", (int)length, word);
        const struct parameter *parameter = parse->command->parameters;

        while (parameter->name && (parameter->positional || strcmp(parameter->name, name) != 0))
                parameter++;
        if (!parameter->name)
                return unknown_option(parse->command, name, err);
        return take_option(parse, parameter, word[length] ? word + length + 1 : NULL, count, words, index,
                           err);
}

/* "-n shop", "-nshop", "-A". */
static bool parse_letter(struct parse *parse, int count, const char *const *words, int *index,
                         struct error *err)
{
        const char *word = words[*index];
        const struct parameter *parameter = parse->command->parameters;

        while (parameter->name && (!parameter->letter || parameter->letter != word[1]))
                parameter++;
        if (!parameter->name)
                return error_set(err, ERROR_INPUT, NULL, "unknown option '%.80s'; options are long: --help",
                                 word);
        return take_option(parse, parameter, word[2] ? word + 2 : NULL, count, words, index, err);
}

static bool parse_positional(struct parse *parse, const char *word, struct error *err)
{
        int skip = parse->n_positional;

        for (const struct parameter *parameter = parse->command->parameters; parameter->name; parameter++) {
                if (!parameter->positional)
                        continue;
                if (skip-- > 0)
                        continue;
                if (!is_list(parameter))
                        parse->n_positional++;
                parse->given[parameter - parse->command->parameters] = true;
                return set_value(parameter, parse->object, word, err);
        }
        return error_set(err, ERROR_INPUT, NULL, "unexpected argument '%.80s'", word);
}

static bool check_required(const struct parse *parse, struct error *err)
{
        for (const struct parameter *parameter = parse->command->parameters; parameter->name; parameter++) {
                if (parameter->required && !parse->given[parameter - parse->command->parameters])
                        return error_set(err, ERROR_INPUT, NULL, "%s is missing; see '%s %s --help'",
                                         parameter->name, command_program(parse->command),
                                         parse->command->name);
        }
        return true;
}

static bool parse_words(struct parse *parse, int count, const char *const *words, struct error *err)
{
        bool options = true;

        for (int i = 0; i < count; i++) {
                const char *word = words[i];

                if (options && strcmp(word, "--") == 0) {
                        options = false;
                } else if (options && strncmp(word, "--", 2) == 0) {
                        if (!parse_option(parse, count, words, &i, err))
                                return false;
                } else if (options && word[0] == '-' && word[1]) {
                        if (!parse_letter(parse, count, words, &i, err))
                                return false;
                } else if (!parse_positional(parse, word, err)) {
                        return false;
                }
        }
        return check_required(parse, err);
}

static bool asks_for_help(int count, const char *const *words)
{
        for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
                if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
                        return true;
        }
        return false;
}

bool command_parse(const struct command *command, int count, const char *const *words, void **ret_object,
                   bool *ret_help, struct error *err)
{
        __attribute__((cleanup(parse_free))) struct parse parse = {.command = command};

        *ret_help = asks_for_help(count, words);
        if (*ret_help)
                return true;
        parse.object = memory_new(1, command->size ? command->size : 1);
        parse.given = memory_new(count_parameters(command) + 1, sizeof *parse.given);
        if (!set_fallbacks(&parse, err) || !parse_words(&parse, count, words, err))
                return error_wrap(err, "%s", command->name);
        *ret_object = TAKE(parse.object);
        return true;
}

void command_free(const struct command *command, void *object)
{
        if (!object)
                return;
        for (const struct parameter *parameter = command->parameters; parameter->name; parameter++) {
                char **list;

                if (!is_list(parameter))
                        continue;
                list = *(char ***)((char *)object + parameter->offset);
                for (char **item = list; item && *item; item++)
                        free(*item);
                free(list);
        }
        free(object);
}

static bool check_written(const struct command *command, const char *object, struct error *err)
{
        for (const struct parameter *at = command->parameters; at && at->name; at++)
                if (at->values == VALUES_WRITTEN &&
                    !output_check(*(const char *const *)(const void *)(object + at->offset), err))
                        return false;
        return true;
}

static bool run(const struct program *program, const char *name, int count, const char *const *words,
                struct error *err)
{
        const struct command *command;
        void *object = NULL;
        bool help, done;

        if (!command_find(program, name, &command, err) ||
            !command_parse(command, count, words, &object, &help, err))
                return false;
        if (help) {
                usage_print_command(command);
                return true;
        }
        done = check_written(command, object, err) && command->run(object, err);
        command_free(command, object);
        return done;
}

bool command_main(const struct program *program, int count, const char *const *words, struct error *err)
{
        const char *name = words[0];

        if (strcmp(name, "--version") == 0)
                name = "version";
        else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
                name = "help";
        else if (*name == '-')
                return error_set(err, ERROR_INPUT, NULL,
                                 "unknown option '%.80s'; '%s help' lists the commands", name, program->name);
        return run(program, name, count - 1, words + 1, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_COMMAND_H
#define OPTCTL_CONTROLLER_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"

/*
 * A command of the program is one file, controller/commands/NAME.c, with one `const struct command
 * NAME_command`. From its table of parameters come the parser, `--help`, suggestions on typos, the manual
 * page, docs/cli.md and the shells' completion. The list of commands is generated from the file names.
 */
enum parameter_type {
        PARAMETER_FLAG,    /* bool */
        PARAMETER_TEXT,    /* const char *; NULL when absent and without a fallback */
        PARAMETER_INTEGER, /* int64_t */
        PARAMETER_TEXTS,   /* char **, ends with NULL, never NULL: may be given several times */
        PARAMETER_NAMES,   /* the same, and each value is a list with commas */
};

/* What a value is, so that a shell can complete it. */
enum parameter_values {
        VALUES_ANY,
        VALUES_FILE,
        VALUES_WRITTEN, /* a file that results go to; the command does not begin when it cannot be written */
        VALUES_FOLDER,
        VALUES_STRATEGY,
        VALUES_COMMAND
};

struct parameter {
        const char
                *name; /* "report" is written --report; of a positional argument what stands for it: "SPEC" */
        char letter;   /* of an option: 'n' when -n is the same; 0: it has none */
        bool positional;
        bool required; /* of a positional argument */
        enum parameter_type type;
        size_t offset;     /* in the command's object */
        const char *value; /* what stands for an option's value in help: "FILE" */
        enum parameter_values values;
        const char *const
                *choices;     /* PARAMETER_TEXT: the only values accepted, ends with NULL; may be NULL */
        int64_t min, max;     /* PARAMETER_INTEGER, inclusive */
        int64_t absent;       /* PARAMETER_INTEGER: the object's value when absent and without a fallback */
        const char *fallback; /* as it would be written; NULL: false, NULL, 0 or empty */
        const char *help;     /* full sentences */
};

enum command_group { COMMAND_LIVE, COMMAND_STUDY, COMMAND_ACCOUNT, COMMAND_SPEC, COMMAND_PROGRAM };

struct command {
        const char *name;
        const char *program; /* that it belongs to; NULL: optctl */
        enum command_group group;
        const char *summary;                /* a few words, small letters, no full stop */
        const char *description;            /* full sentences */
        const char *example;                /* one command line; may be NULL */
        size_t size;                        /* of the object that the parameters fill */
        const struct parameter *parameters; /* positional ones in their order; ends with a NULL name */
        /* `object` is laid out by the parameters. Prints results on standard output; the caller prints the
         * error and checks that standard output took everything. */
        bool (*run)(const void *object, struct error *err);
};

/* All commands by name, ends with NULL. Generated (cmake/registry.cmake). */
extern const struct command *const commands[];

/* What the program is under one of its names. */
struct program {
        const char *name; /* as its user types it: "optctl", "kubectl optctl" */
        const char *summary;
        const char *more; /* the last line of its help */
        const struct command *const *commands;
};

extern const struct program optctl_program;

/* The command, or ERROR_INPUT that names the nearest one. */
bool command_find(const struct program *program, const char *name, const struct command **ret_command,
                  struct error *err);
const char *command_program(const struct command *command);

/* Fills a new object from the words after the command's name. *ret_help is set, and no object made, when
 * --help or -h is among them. Messages start with the command's name. */
bool command_parse(const struct command *command, int count, const char *const *words, void **ret_object,
                   bool *ret_help, struct error *err);
void command_free(const struct command *command, void *object);

/* Runs the command that the first of `count` > 0 words names, with the others. */
bool command_main(const struct program *program, int count, const char *const *words, struct error *err);

#endif

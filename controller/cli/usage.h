/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_USAGE_H
#define OPTCTL_CONTROLLER_CLI_USAGE_H

#include <stdio.h>

#include "controller/cli/command.h"
#include "core/text.h"

/* Help for people, all of it from the tables of the commands. */

#define USAGE_COLUMNS 80

struct exit_status {
        int status;
        const char *meaning;
};

/* Ends with a NULL meaning. */
extern const struct exit_status exit_statuses[];

/* Title of the group; NULL behind the last one. */
const char *usage_group_title(enum command_group group);

/* "optctl simulate SPEC [OPTION]..." */
void usage_synopsis(const struct command *command, struct text *out);

/* "--report FILE", "--quiet", "-n, --namespace NAME", "SPEC" */
void usage_parameter(const struct parameter *parameter, struct text *out);

/* Help of a parameter with its default, range and choices in words. */
void usage_parameter_help(const struct parameter *parameter, struct text *out);

/* The commands under their groups' titles. */
void usage_print_program(const struct program *program, FILE *file);
void usage_print_command(const struct command *command);

#endif

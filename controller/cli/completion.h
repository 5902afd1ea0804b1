/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_COMPLETION_H
#define OPTCTL_CONTROLLER_CLI_COMPLETION_H

#include "core/text.h"

/* Scripts that make a shell complete optctl's command lines, from the tables of the commands. */
void completion_bash(struct text *out);
void completion_zsh(struct text *out);
void completion_fish(struct text *out);

#endif

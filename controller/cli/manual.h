/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_MANUAL_H
#define OPTCTL_CONTROLLER_CLI_MANUAL_H

#include "core/text.h"

/* The whole command line in one document, from the tables of the commands. */
void manual_roff(struct text *out);     /* man(7), section 1 */
void manual_markdown(struct text *out); /* docs/cli.md */

#endif

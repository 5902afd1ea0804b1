/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_ASK_TELL_H
#define OPTCTL_CONTROLLER_TUNE_ASK_TELL_H

#include <stddef.h>

#include "core/memory.h"
#include "core/text.h"

/*
 * A search by JSON lines (docs/tune.md): the first line declares the space, then {"ask":n} is answered with n
 * lines and {"tell":{...}} with none. A line that is wrong is answered with {"error":{...}} and changes
 * nothing.
 */
#define ASK_TELL_LINE_MAX (64 << 20) /* bytes; a table of candidates stands in one line */
#define ASK_TELL_ASK_MAX  64

struct ask_tell;

struct ask_tell *ask_tell_new(void);
void ask_tell_free(struct ask_tell *session);
DEFINE_CLEANUP(ask_tell_free, struct ask_tell);

/* Takes one line, without its end, and appends what is answered, each line with its end. Blank lines are
 * passed over. */
void ask_tell_line(struct ask_tell *session, const char *line, size_t length, struct text *out);

/* Appends the answer to a line that was too long to be read. */
void ask_tell_too_long(struct text *out);

#endif

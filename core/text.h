/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_TEXT_H
#define OPTCTL_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* A growing buffer of text; `{0}` is an empty one. `data` is NULL until something is added, then NUL-ended.
 */
struct text {
        char *data;
        size_t length;
        size_t room;
};

void text_add(struct text *text, const char *bytes, size_t length);
void text_put(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);
char *text_take(struct text *text); /* never NULL; the buffer is empty afterwards */

#define autotext __attribute__((cleanup(text_free))) struct text

/* "s" behind the name of what is counted; "" for one. */
const char *text_plural(double count);

/* The candidate nearest to `name` by edit distance (case ignored), or NULL when none is near enough to
 * suggest. `candidates` ends with NULL. */
const char *text_nearest(const char *name, const char *const *candidates);

/* Whole file as NUL-ended text; fails with ERROR_LIMIT above `cap` bytes. "-" is standard input.
 * ret_length may be NULL; with it the file may hold NUL bytes, without it such a file is ERROR_INPUT. */
bool text_read_file(const char *path, size_t cap, char **ret_text, size_t *ret_length, struct error *err);

/* The byte that a %XX at `at` stands for, of which `room` bytes are there; -1: there is none. */
int text_percent_byte(const char *at, size_t room);

/* For a file that cannot be read, `number` being the errno value: ERROR_INPUT when another name or other
 * rights would mend it, ERROR_IO when the disk or the system failed. */
bool text_read_error(const char *path, int number, struct error *err);

/* Writes to PATH.PID.tmp, syncs, renames: the old content or the new, never half. A file that is there keeps
 * its mode, and a symbolic link what it leads to. "-" and /dev/stdout are standard output; what /dev/stderr,
 * /dev/fd and /proc lead to is added to. */
bool text_write_file(const char *path, const char *bytes, size_t length, struct error *err);
struct stat;
bool text_is_replaced(const char *path, const struct stat *there); /* not written to where it is */

/* Bytes of the well-formed UTF-8 sequence at `at`, of which `room` bytes may be read; 0 when it is none. */
size_t text_utf8_length(const char *at, size_t room);

/* Bytes of the character at `at` when a terminal would obey it: controls, ends of lines, and marks that turn
 * the direction of writing; 0 when it is none. `room` bytes may be read. */
size_t text_control_length(const char *at, size_t room);

/*
 * Makes what somebody else wrote one line that a terminal shows and does not obey, in place: line breaks,
 * escape sequences and marks that turn the direction of writing become blanks, and what is no UTF-8 (a
 * character that was cut in two, say) becomes question marks. A text only gets shorter.
 */
void text_to_line(char *text);

/* Strict numbers: the whole string, finite, no leading blanks. */
bool text_to_double(const char *string, double *ret_value);
bool text_to_int64(const char *string, long long *ret_value);

#endif

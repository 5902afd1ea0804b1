/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_TERMINAL_H
#define OPTCTL_CONTROLLER_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/memory.h"

/* How things look to a person at a terminal: aligned tables, colour, progress. Files and pipes get plain
 * text. */

/* A terminal that shows colour, with NO_COLOR unset or empty (no-color.org). */
bool terminal_has_color(FILE *out);

/* Columns a UTF-8 string takes: combining marks none, East Asian wide and emoji two, a broken byte one. */
int terminal_text_width(const char *text);

/* A line over the one before it, "" to erase that. So much of it as fits into one row of the terminal: what
 * goes on in the next row cannot be erased again. */
void terminal_redraw(FILE *out, const char *line);

enum terminal_align { TERMINAL_LEFT, TERMINAL_RIGHT };

enum terminal_style { TERMINAL_PLAIN, TERMINAL_STRONG, TERMINAL_FAINT, TERMINAL_GOOD, TERMINAL_BAD };

struct terminal_table;

struct terminal_table *terminal_table_new(void);
void terminal_table_free(struct terminal_table *table);

/* Columns first, then for each row its cells from left to right; cells left out at the end stay blank.
 * Whatever stands in a cell is shown as one line and not obeyed by a terminal (text_to_line). */
void terminal_table_column(struct terminal_table *table, enum terminal_align align, const char *title);
void terminal_table_row(struct terminal_table *table);
void terminal_table_cell(struct terminal_table *table, enum terminal_style style, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Every column as wide as its widest cell, two blanks between, none at the end of a line. */
void terminal_table_print(const struct terminal_table *table, FILE *out, bool color);

/*
 * "simulating  12 of 40 runs [######--------------]  30 %, 14 s left" on one line that rewrites itself.
 *
 * Shown only on a terminal and only once the work has taken two seconds; redrawn at most ten times a second.
 * progress_add may be called by any thread.
 */
struct progress;

/* `what` ("simulating") and `unit` ("runs") live as long as the progress, as does the clock. `out` is
 * standard error; `wanted` is false with --quiet. */
struct progress *progress_new(FILE *out, bool wanted, const struct clock *clock, const char *what,
                              const char *unit, int64_t total);
void progress_add(struct progress *progress, int64_t done);
void progress_free(struct progress *progress); /* erases the line */
DEFINE_CLEANUP(progress_free, struct progress);

#endif

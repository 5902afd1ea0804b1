/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_CONFORMANCE_H
#define OPTCTL_TESTS_SUPPORT_CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"
#include "tests/support/lies.h"
#include "tests/support/scripted_peer.h"

/*
 * What every collector and every actuator must live with (tests/conformance): the faults of a peer that
 * speaks HTTP, and the table of how each came out, docs/conformance.md.
 */
enum fault_retry { RETRY_NO, RETRY_YES, RETRY_EITHER };

enum fault_where {
        WHERE_ALL,   /* every answer */
        WHERE_SOME,  /* also: all after the first, after the second, and the last alone */
        WHERE_EVERY, /* also: all after the n-th, and the n-th alone, for every n */
};

struct fault {
        const char *name;
        struct scripted_answer answer;
        enum lie lie;
        enum fault_where where;
        enum fault_retry retry; /* what error.retry must be when every answer is so */
        bool whole;             /* no fault: the outcome must be that of a healthy peer */
        bool outlived;          /* one such answer among good ones is outlived: it is asked again */
        bool done;              /* of writes: the peer did what it was told, although it answers so */
        bool leaves;            /* nobody listens on the port */
};

extern const struct fault faults[]; /* ends without a name */

/* ---- the table ---- */

/* How the tries of one row came out. */
struct cell {
        int whole, part, failed; /* as from a healthy peer; with less; with an error */
        char reason[48];         /* of the error when every answer was so */
        int64_t longest_ms;
        const char *none; /* why the row does not apply */
};

/* --table or OPTCTL_CONFORMANCE_TABLE: print it. */
bool table_wanted(int argc, char **argv);
/* One line of the Markdown table: "| row | cell | cell |". */
void table_begin(const char *title, const char *const *columns, int n_columns);
void table_row(const char *row, const struct cell *cells, int n_cells);

/* What is wrong with an error of a peer that goes by that name or URL (NULL: none), NULL when nothing is: it
 * has a code, a reason and one line of printable UTF-8 that says which peer. */
const char *error_flaw(const struct error *err, const char *name, const char *url);

/* Writes down what does not hold, and goes on: rows that fail are seen all at once. */
void complain(int *complaints, const char *row, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_REPLAY_PAST_H
#define OPTCTL_CONTROLLER_BOOKS_REPLAY_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/books/replay_path.h"
#include "controller/books/replay_tally.h"
#include "core/ledger/ledger.h"
#include "core/spec.h"
#include "sim/engine.h"

/* What was observed of a pipeline, as a ledger tells it. */

struct seen_window {
        int64_t end_ms;
        double offered_per_second; /* since the one before; NAN: not known */
};

/* A time that was observed without a gap. */
struct span {
        int64_t start_ms, end_ms;
        size_t n_windows, n_steps;
        struct seen_window *windows;
        struct path_step *steps; /* what ran */
        char *folder;            /* its recording (controller/live/recorder.h) */
        struct load load;        /* what was offered, by the second */
        double *rate_per_second, *cumulative_records;
};

struct past {
        size_t count; /* of spans */
        struct span *spans;
        struct tally measured;
        int64_t gaps, gap_ms; /* between spans: optctl was off, or its sources silent */
        int64_t observations;
};

struct past_source {
        struct ledger_reader *reader;
        const char *pipeline; /* its whole name in the ledger */
        int64_t since_ms;
        const struct spec *spec; /* with a graph */
        const struct price_book *prices;
        const char *folder; /* takes a recording 1, 2, ... of each span */
        int64_t longest_ms; /* between two observations; what is longer is a gap */
};

#define PAST_LEAST_WINDOWS 5 /* of a span; a shorter one counts as a gap */
#define PAST_MAX_SPANS     1000

/* Fails with ERROR_INPUT when there is nothing that could be replayed. */
bool past_read(const struct past_source *source, struct past *ret_past, struct error *err);
void past_free(struct past *past); /* what it points to, not itself */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_REPLAY_TALLY_H
#define OPTCTL_CONTROLLER_BOOKS_REPLAY_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ledger/journal.h"
#include "core/plugin.h"
#include "core/prices.h"

/*
 * Money and lateness of a time that was observed, measured or simulated: both are counted by this one rule,
 * from observations alone, so that they may be compared. Workers seen at one observation run until the next;
 * the time up to an observation is late when the observation is.
 */
struct tally {
        const struct price_book *prices;
        const struct constraints *constraints;
        int64_t since_ms, until_ms; /* counted up to the first, and never beyond the second */
        int workers;                /* -1: not known yet */
        bool late;
        price_sum cost;
        int64_t counted_ms, unpriced_ms,
                late_ms;             /* unpriced: counted while nobody knew how many workers ran */
        double backlog_seconds;      /* at the newest observation; 0 when not known */
        double wait;                 /* integral of log(1 + seconds a record waits) */
        struct configuration newest; /* count 0: none yet */
};

/* A time without gaps begins; sums go on. */
void tally_begin(struct tally *tally, int64_t start_ms, int64_t until_ms);
void tally_take(struct tally *tally, const struct observation *observation);
/* What was seen last holds until the end. */
void tally_end(struct tally *tally);

/* What working off the backlog that is left will cost, as in controller/books/account.h. */
double tally_backlog_debt(const struct tally *tally);

/* A journal that tallies the observations of a simulated loop, and keeps nothing else. */
struct journal tally_journal(struct tally *tally);

#endif

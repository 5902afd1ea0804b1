/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_ACCOUNT_H
#define OPTCTL_CONTROLLER_BOOKS_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/books/runs.h"
#include "core/ledger/journal.h"
#include "core/plugin.h"
#include "core/prices.h"

/*
 * The books of one pipeline: money of what ran, and of what the frozen baseline would have run, over the same
 * time at the same prices. Workers seen at one observation are taken to run until the next. Sums are kept in
 * the price book's integers, so it does not matter into how many intervals the time is cut.
 *
 * A job that runs from time to time costs what its runs held of machines, booked when it is seen that a run
 * has ended, into the month in which it did; what it is held against is in controller/books/runs.h. A run of
 * which it is not known what it held is not booked.
 */
struct account {
        const struct price_book *prices;
        const struct constraints *constraints;
        const struct journal *journal; /* may be NULL */
        int baseline_workers;
        bool begun;
        int workers;      /* of the open interval; -1: not known */
        int64_t since_ms; /* start of the open interval */
        int64_t month_end_ms, day_end_ms;
        price_sum spent, baseline_spent, spent_this_month;
        bool reading; /* the journal is being read: nothing is written to it */
        /* Not in the journal yet: all since then. */
        int64_t unrecorded_since_ms;
        price_sum unrecorded, unrecorded_baseline;
        int64_t unrecorded_observed_ms, unrecorded_late_ms;
        /* Saving of whole days (24 h from the first observation), by Welford's recurrence. */
        price_sum day_saving;
        int days;
        double day_mean, day_squares;
        int64_t observed_ms, slo_missed_ms;
        double backlog_seconds; /* at the newest observation; 0 when not known */
        struct account_runs {
                int64_t prices_ms;          /* whose prices make runs compare: the end of the first one */
                int64_t first_ms, ended_ms; /* ends of the first and of the newest one booked */
                double cost, baseline_cost; /* of the newest */
                struct run_books books;
                struct run_tally tally; /* of all of them */
        } runs;
};

struct saving {
        double cost, baseline_cost; /* in the price book's currency */
        double backlog_debt; /* what working off the backlog that is left will cost, at the present price */
        double saving;       /* baseline_cost - cost - backlog_debt */
        /* Interval of `saving`: by the scatter of its days, NAN with less than two; of runs by theirs. */
        double low, high;
        double slo_missed_seconds, observed_seconds;
        int baseline_workers;
        struct account_run_saving {
                struct run_tally tally;     /* runs 0: it is no job that runs from time to time */
                bool baseline_seen;         /* a run had the baseline's settings */
                double cost, baseline_cost; /* of the newest run; NAN without one */
                double seconds; /* from one run to the next, in the mean; NAN with less than two */
        } runs;
};

void account_open(struct account *account, const struct price_book *prices,
                  const struct constraints *constraints, const struct journal *journal,
                  const struct pipeline *pipeline, const struct configuration *baseline);

/* Books of before a restart: every interval in the journal, oldest first, before anything is observed. */
void account_recall(struct account *account, const struct spend *spend);

/* The observation that the books went by at the end of the last of them: what ran then runs on. */
void account_recall_workers(struct account *account, const struct observation *observation);

/* Once a turn. Closes the open interval when the number of workers changes, every hour, and at the end of a
 * day and of a month. An observation with MISSING_ALL, or without workers, tells nothing: what ran runs on.
 * Fails when the journal does; what it did not take is kept and offered again with the next interval. */
bool account_observe(struct account *account, int64_t now_ms, const struct observation *observation,
                     struct error *err);

/* Closes the open interval now, for whoever wants to read the books. Fails as account_observe. */
bool account_settle(struct account *account, int64_t now_ms, struct error *err);

/* Whether a service level was missed in the window; one that was not asked for, or not measured, was not. */
bool account_is_late(const struct constraints *constraints, const struct observation *observation);

/* Of the calendar month (UTC) of the last closed interval. */
double account_spent_this_month(const struct account *account);

void account_run_saving(const struct account *account, struct account_run_saving *ret_runs);

/* Student's t over whole days: an interval that holds the saving with probability `confidence`, were other
 * days like these. Of runs that of run_books_half_width. */
void account_saving(const struct account *account, double confidence, struct saving *ret_saving);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_RUNS_H
#define OPTCTL_CONTROLLER_BOOKS_RUNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/ledger/journal.h"
#include "core/pipeline.h"
#include "optimizer/run_history.h"

/*
 * What the runs of a job that runs from time to time would have cost with the frozen baseline's settings.
 *
 * Values are costs of runs at the prices of one instant, so that runs of different days compare. Their
 * logarithm is taken to be
 *
 *      level of the setting + growth * log input + scatter
 *
 * with one growth and one scatter for all settings (least squares within settings). `growth` is believed to
 * be 1 +- 0.3 before runs say otherwise, and not beyond ten times the input of the baseline's own. A run that
 * does not tell the size of its input is taken to have had the mean of those that did, so where none does
 * growth makes no difference. The scatter starts from the prior of optimizer/run_history.h. The level of the
 * baseline is the mean of its good runs; where the job itself changes, as seen on any setting by the same
 * rule as in run_history, the baseline's level moves by as much as that setting's.
 *
 * What a run is held against is fixed when it is booked: a run with the baseline's settings is its own
 * counterfactual, and so is any run before the first of these, so that nothing is claimed of a baseline that
 * nobody has seen. A run with other settings that failed is held against nothing: its work is still to be
 * done.
 *
 * Everything follows from the runs told, in their order; numbers alone, so it may be copied.
 */
#define RUN_BOOKS_SETTINGS                                                                                   \
        64 /* with a level of their own; of one more the one that was tried least says its scatter alone */

struct run_level {
        int64_t setting;
        int64_t n;
        double input, value; /* logarithms of the first run, which the sums are relative to */
        double inputs, values, inputs_squared, products, values_squared;
        struct run_point {
                double input, value;
        } newest[RUN_NEWEST]; /* the newest last */
};

/* Of some of the runs, what was saved by them and how well it is known. */
struct run_tally {
        int64_t runs, baseline_runs, failed;
        int64_t dearer; /* that cost more than they were held against */
        double cost, baseline_cost;
        double squares, spread, leverage; /* of what runs with other settings were held against */
};

struct run_books {
        int64_t baseline; /* setting; 0: that of the newest run that was booked as the baseline's */
        int64_t followed; /* of which `weight` and the level are */
        int n_levels;
        struct run_level levels[RUN_BOOKS_SETTINGS];
        double freedom, inputs_squared, products,
                values_squared; /* within settings, of before the job changed */
        double told;            /* runs that told the size of their input, as many as count */
        double origin, usual;   /* logarithm of the first such size, and, relative to it, their mean */
        double weight;          /* runs that the baseline's level is worth; 0: none was seen */
        double input, value;    /* its level, in logarithms */
};

/* A number for the settings of a run; 0 when they are not known. */
int64_t run_books_setting(const struct configuration *configuration);

/* What a run that cost `cost` is held against. */
double run_books_baseline(const struct run_books *books, double cost, const struct run_spend *run);

/* Counts a run that is about to be taken. */
void run_books_count(const struct run_books *books, const struct spend *spend, struct run_tally *tally);

/* Learns from a run that was booked, after it was counted in `tally`, unless that is NULL. */
void run_books_take(struct run_books *books, const struct spend *spend, struct run_tally *tally);

/* Half the width of the interval of what the runs of a tally saved: a Student's t of the scatter of runs, of
 * how well the baseline's level is known and of the growth with the input; 0 when nothing else than the
 * baseline ran. `confidence` 0..1. */
double run_books_half_width(const struct run_books *books, const struct run_tally *tally, double confidence);

/* `runs` of docs/schema/savings.schema.json. */
json_t *run_tally_json(const struct run_tally *tally, bool baseline_seen);

#endif

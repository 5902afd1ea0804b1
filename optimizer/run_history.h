/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_RUN_HISTORY_H
#define OPTCTL_OPTIMIZER_RUN_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/observation.h"
#include "core/pipeline.h"
#include "core/prices.h"

/*
 * The runs of a job that runs from time to time, and what they say of its settings. Everything follows from
 * the runs alone, so who is told the same runs again comes to the same.
 */
#define RUN_HISTORY_MOST 200 /* runs; the oldest make room */

/* Runs of one setting, in a row, that tell whether it is kept, or the job has changed: all of them beyond
 * what came before by this much of log value, and by so many standard deviations. */
#define RUN_NEWEST      3
#define RUN_SHIFT_LEAST 0.2 /* less than a fifth is no change of the job */
#define RUN_SHIFT_SD    3.0

/* What is believed of the scatter between runs of one setting before any was seen twice, and how many such
 * pairs that is worth. */
#define RUN_NOISE_PRIOR       0.05
#define RUN_NOISE_PRIOR_COUNT 2.0

/* Standard deviation of log value between runs of one setting: of squares about the settings' means. */
double run_noise(double squares, double freedom);

struct past_run {
        int64_t ended_ms;
        double seconds;
        bool failed;
        struct price_held held;
        double input_bytes; /* NAN or 0: not known */
        double *values;     /* by knob; NULL: what it was set to is not known */
};

struct run_history {
        const struct pipeline *pipeline;
        size_t count;
        struct past_run runs[RUN_HISTORY_MOST]; /* oldest first */
};

void run_history_init(struct run_history *history, const struct pipeline *pipeline);
void run_history_clear(struct run_history *history); /* frees what it holds */

/* True when the observation tells of a run that ended after all those known. */
bool run_history_add(struct run_history *history, const struct observation *observation);

/* Whether some run was set to it. */
bool run_history_knows(const struct run_history *history, const struct configuration *configuration);

/* What is asked of runs. */
struct run_terms {
        const struct price_book *prices;
        bool duration;       /* seconds count, not money */
        double most_seconds; /* NAN: no limit */
};

/* What counts of a run: seconds, or money at the prices of `at_ms`, so that runs of different days compare.
 * NAN when it is not known what the run held. */
double run_terms_value(const struct run_terms *terms, const struct past_run *run, int64_t at_ms);
bool run_terms_broken(const struct run_terms *terms, const struct past_run *run); /* took too long */

/* What the next run is expected to read (optimizer/run_input.h). */
struct run_input {
        double next;  /* bytes; NAN: input is not looked at */
        double power; /* of the input, which the value of runs of one setting goes with */
};

/* A setting that runs had. Means are of what its runs would have been with the next one's input. */
struct tried_setting {
        const double *values;   /* borrowed from the newest of its runs */
        int runs, good;         /* all of them; those that neither failed nor are without a value */
        double value, seconds;  /* means over the good ones, of values by their logarithm; NAN without any */
        bool kept;              /* at least half of its newest three runs that read about as much as the next
                                   one (RUN_INPUT_SHARE) neither failed nor took too long, or would have,
                                   with that input */
        bool fails;             /* one of those newest three failed */
        const char *why_broken; /* of the newest run that was not kept so; NULL: none */
};

/*
 * What is to be learnt from the runs. When three runs in a row of one setting lie beyond what its earlier
 * ones were (by a fifth, and by three of their standard deviations, wider by what is not known of how values
 * go with the input), the job itself has changed, and what came before tells nothing any more: `from` is the
 * first run that still counts.
 */
struct run_review {
        size_t from;
        struct run_input input;
        int64_t at_ms; /* whose prices were taken: the end of the newest run */
        int n;
        struct tried_setting settings[RUN_HISTORY_MOST];
        int best; /* of those kept the one with the least value, or -1 */
        /* Where input is looked at: of those that did not fail the one that is likeliest to keep the limit,
         * by its run with the input nearest to the next one's (run_input_chance); else -1. And whether that
         * run kept it. */
        int likeliest;
        bool likeliest_did;
        double noise; /* standard deviation of log value between runs of one setting */
};

void run_review_make(const struct run_history *history, const struct run_terms *terms,
                     struct run_review *ret_review);

/* Where to go when nothing is kept any more: the setting of the fastest good run there ever was, of those
 * that no run has had since review->from. NULL: there is none. */
const struct past_run *run_review_refuge(const struct run_history *history, const struct run_review *review);

/* The setting of the review with these values, or -1. */
int run_review_find(const struct run_review *review, const struct pipeline *pipeline, const double *values);

#endif

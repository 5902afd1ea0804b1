/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_RUN_SEARCH_H
#define OPTCTL_OPTIMIZER_RUN_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "optimizer/run_history.h"

/*
 * Which setting the next run should try: a search (optimizer/search/search.h) over the knobs that is begun
 * anew and told of all runs that count, so that the answer follows from the runs and nothing else.
 */
struct run_search_options {
        struct run_terms terms;
        double runs;        /* that the setting found will be used for; 0: not known */
        double step;        /* share of a knob's range by which a trial may go beyond what has been kept */
        double most_chance; /* of failing or taking too long; what is likelier to is not proposed */
        /* Points that are not to be proposed, by knob. */
        const double (*barred)[CONFIGURATION_MAX_KNOBS];
        int n_barred;
};

enum run_advice {
        RUN_TRY,       /* `values` */
        RUN_STOP,      /* another trial costs more than it is expected to save */
        RUN_EXHAUSTED, /* every setting within reach was tried */
        RUN_RISKY,     /* those that are left are too likely to fail or to take too long */
};

struct run_suggestion {
        enum run_advice advice;
        double values[CONFIGURATION_MAX_KNOBS];
        bool predicted;             /* else it is one of the first, and the next three are NAN */
        double mean, sd;            /* of the value of a run */
        double feasible;            /* probability that it neither fails nor takes too long */
        double seconds, seconds_sd; /* NAN: not predicted */
        double improvement; /* expected, of the value of a run; NAN: not known. Set when it stops, too */
        /* Where the next run's input is looked at: of the settings that do not fail, and that both models
         * find safe enough (most_chance) with it, the one that is expected to do best. -1 where none is, or
         * review->best is kept and no worse by more than runs scatter. */
        int better;
        const char *why; /* static text */
};

/* ERROR_INPUT: knobs that cannot be searched. */
bool run_search_check(const struct pipeline *pipeline, struct error *err);

bool run_search_suggest(const struct run_history *history, const struct run_review *review,
                        const struct run_search_options *options, struct run_suggestion *ret_suggestion,
                        struct error *err);

#endif

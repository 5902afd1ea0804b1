/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_RESTARTS_H
#define OPTCTL_OPTIMIZER_RESTARTS_H

#include "core/model.h"
#include "core/observation.h"

/*
 * What restarts cost: how far one that is asked for, and one after a failure, sets the pipeline back; how
 * often it fails; how long a change takes to begin. A guess by the time between observations, or the model's
 * word, until one was seen.
 */

#define BEHIND_SECONDS 5.0 /* records that wait longer than this: the pipeline is catching up */

/* Downtime of a kind of restart: log-normal about a median that falls with the workers that share the work;
 * and how far what was seen is off that, by a factor whose log is normal. */
struct downtime {
        double median_seconds, worker_seconds, log_sd;
        double log_factor, log_factor_variance;
};

struct restarts {
        const struct model *model; /* NULL: none */
        struct downtime restart, failure;
        double look_seconds;   /* between observations */
        double warm_seconds;   /* of full capacity that a warm-up loses */
        double replay_seconds; /* processed once more after a restart, on average */
        double failures, watched_seconds;
        bool stops;            /* the newest change that was asked for stopped the pipeline */
        bool settling;         /* a restart is being worked off */
        bool ours;             /* it was asked for */
        double asked_seconds;  /* since then */
        double worst_age;      /* since it began */
        double unseen_seconds; /* of its windows that measured nothing */
        bool age_seen;         /* a latency told how long records waited, whatever happened within a window */
        double start_seconds;  /* from asking until the job stops, without a model */
        int workers;           /* as last seen */
        int asked_workers;     /* when it was asked */
        int smooth_windows;    /* since others were there, in which nothing stopped and no record waited */
};

/* `model` may be NULL and is borrowed. */
void restarts_expect(struct restarts *restarts, const struct model *model, int64_t interval_ms);

/* The pipeline is about to be changed by us: the next restart is no failure. */
void restarts_asked(struct restarts *restarts);

/* `latency_seconds`: the pipeline's p99 while it keeps up. */
void restarts_observe(struct restarts *restarts, const struct observation *observation,
                      double latency_seconds);

/* What a restart does: seconds down, and the age of the oldest waiting record once the job runs again
 * (downtime, what is replayed from the last checkpoint, warm-up), with its scatter. */
struct setback {
        double down_seconds, age_seconds, age_sd;
};
struct setback restarts_asked_for(const struct restarts *restarts, int workers);
struct setback restarts_failure(const struct restarts *restarts, int workers);
double restarts_failures_per_second(const struct restarts *restarts, int workers);

/* Seconds from ordering a worker until it takes part. */
double restarts_worker_start_seconds(const struct restarts *restarts);

#endif

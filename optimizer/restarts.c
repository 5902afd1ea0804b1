/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/restarts.h"

#include <math.h>

#include "core/clock.h"

#define SHORTEST_SEEN           1.0 /* age of records after a restart below which it was over too soon to be seen */
#define RESTART_AGE_SECONDS     40.0 /* without a model ... */
#define RESTART_INTERVALS       1.5 /* ... and no more intervals than that: who decides often, changes fast */
#define RESTART_AGE_LEAST       5.0
#define RESTART_FACTOR_VARIANCE 0.5 /* of the logarithm of the factor by which all of that is off */
#define RESTART_LOG_SD          0.3
#define SMOOTH_WINDOWS          2 /* after a change in which nothing stops nobody looks for a stop any more */
#define START_GAIN              0.5
#define FAILURE_PRIOR_COUNT     0.5 /* losses ... */
#define FAILURE_PRIOR_DAYS      2.0 /* ... in that many days, before any was seen */

void restarts_expect(struct restarts *restarts, const struct model *model, int64_t interval_ms)
{
        double age = RESTART_INTERVALS * (double)interval_ms / MS_PER_SECOND;

        *restarts = (struct restarts){.model = model,
                                      .look_seconds = (double)interval_ms / MS_PER_SECOND,
                                      .failures = FAILURE_PRIOR_COUNT,
                                      .watched_seconds = FAILURE_PRIOR_DAYS * MS_PER_DAY / MS_PER_SECOND};
        age = fmin(fmax(age, RESTART_AGE_LEAST), RESTART_AGE_SECONDS);
        restarts->start_seconds = age;
        restarts->restart = restarts->failure =
                (struct downtime){.median_seconds = age,
                                  .log_sd = RESTART_LOG_SD,
                                  .log_factor_variance = RESTART_FACTOR_VARIANCE};
        if (!model)
                return;
        restarts->restart = (struct downtime){model->restart.median_seconds, model->restart.worker_seconds,
                                              model->restart.log_sd, 0, 0.01};
        if (model->failures.median_seconds > 0)
                restarts->failure =
                        (struct downtime){model->failures.median_seconds, model->failures.worker_seconds,
                                          model->failures.log_sd, 0, 0.01};
        restarts->warm_seconds =
                (1 - model->restart.warmup_capacity_ratio) / 2 * model->restart.warmup_seconds;
        restarts->replay_seconds = model->checkpoints.interval_seconds / 2;
}

/* Median age of the oldest record after a restart with so many workers, before anything was seen. */
static double reckoned_age(const struct restarts *restarts, const struct downtime *downtime, int workers)
{
        return downtime->median_seconds + downtime->worker_seconds / fmax(workers, 1) +
               restarts->warm_seconds + restarts->replay_seconds;
}

/* One more age: known scatter, unknown mean (Bishop, PRML, section 2.3.6). */
static void learn_downtime(const struct restarts *restarts, struct downtime *downtime, int workers,
                           double age)
{
        double scatter = fmax(downtime->log_sd, 0.1) * fmax(downtime->log_sd, 0.1);
        double gain = downtime->log_factor_variance / (downtime->log_factor_variance + scatter);
        double off = log(fmax(age, 0.1) / fmax(reckoned_age(restarts, downtime, workers), 0.1));

        downtime->log_factor += gain * (off - downtime->log_factor);
        downtime->log_factor_variance = (1 - gain) * downtime->log_factor_variance + 1e-3;
}

/* The downtime scatters log-normally, the replay evenly over a checkpoint interval. */
static struct setback setback_of(const struct restarts *restarts, const struct downtime *downtime,
                                 int workers)
{
        double factor = exp(downtime->log_factor + downtime->log_factor_variance / 2);
        double down = (downtime->median_seconds + downtime->worker_seconds / fmax(workers, 1)) * factor;
        double mean = down * exp(downtime->log_sd * downtime->log_sd / 2);
        double age = mean + (restarts->warm_seconds + restarts->replay_seconds) * factor;

        return (struct setback){mean, age,
                                hypot(mean * downtime->log_sd, restarts->replay_seconds / sqrt(3))};
}

struct setback restarts_asked_for(const struct restarts *restarts, int workers)
{
        return setback_of(restarts, &restarts->restart, workers);
}

struct setback restarts_failure(const struct restarts *restarts, int workers)
{
        return setback_of(restarts, &restarts->failure, workers);
}

double restarts_failures_per_second(const struct restarts *restarts, int workers)
{
        const struct model *model = restarts->model;
        double rate = restarts->failures / restarts->watched_seconds;

        if (!model)
                return rate;
        rate = model->failures.every_seconds > 0 ? 1 / model->failures.every_seconds : 0;
        return rate + model->failures.spot_per_hour * workers / 3600;
}

double restarts_worker_start_seconds(const struct restarts *restarts)
{
        return restarts->model ? restarts->model->worker_start_seconds : restarts->start_seconds;
}

/* ---- what is learnt ---- */

void restarts_asked(struct restarts *restarts)
{
        restarts->ours = true;
        restarts->settling = false;
        restarts->asked_seconds = 0;
        restarts->asked_workers = restarts->workers;
        restarts->smooth_windows = 0;
}

/* The first sign of a restart. Half of the window it shows in had passed. */
static void begin_restart(struct restarts *restarts, double window_seconds)
{
        double started = fmax(restarts->asked_seconds - window_seconds / 2, 0);

        restarts->settling = true;
        restarts->worst_age = restarts->unseen_seconds = 0;
        restarts->age_seen = false;
        restarts->failures += restarts->ours ? 0 : 1;
        restarts->stops = restarts->stops || restarts->ours;
        if (restarts->ours)
                restarts->start_seconds += START_GAIN * (started - restarts->start_seconds);
}

/* Nothing waits any more. Where nobody says how long records waited, half of what was not seen stands for it.
 * What was over before anybody looked took half the time between two looks at most, more or less: as long as
 * nothing shorter is expected. */
static void end_restart(struct restarts *restarts, int workers)
{
        struct downtime *downtime = restarts->ours ? &restarts->restart : &restarts->failure;
        double age = restarts->worst_age;

        if (!restarts->age_seen)
                age = fmax(age, restarts->unseen_seconds / 2);
        if (age < SHORTEST_SEEN)
                age = fmin(restarts->look_seconds / 2, setback_of(restarts, downtime, workers).age_seconds);
        learn_downtime(restarts, downtime, workers, age);
        restarts->settling = restarts->ours = false;
}

/*
 * A pool of pods changes in size without a stop: those that stay work on. What was asked for is there,
 * nothing restarted, and no record waited that was measured: whatever it took was too short to be seen.
 */
static void watch_smooth_change(struct restarts *restarts, const struct observation *observation, double age)
{
        bool changed = observation->workers > 0 && observation->workers != restarts->asked_workers;

        if (!restarts->ours || !changed || !(age < SHORTEST_SEEN)) {
                restarts->smooth_windows = 0;
                return;
        }
        if (++restarts->smooth_windows < SMOOTH_WINDOWS)
                return;
        learn_downtime(restarts, &restarts->restart, observation->workers, SHORTEST_SEEN);
        restarts->ours = restarts->stops = false;
}

/* A restart, from its first sign until nothing waits: how far back did it set the pipeline? */
static void watch_restart(struct restarts *restarts, const struct observation *observation,
                          double latency_seconds)
{
        double window = (double)observation->window_ms / MS_PER_SECOND;
        double waited = observation->latency_p99_seconds - latency_seconds;
        double behind = observation_backlog_seconds(observation);
        double age = fmax(waited, behind); /* NAN: neither is known */
        bool unseen = observation->missing & (MISSING_ALL | MISSING_RATES);
        bool begins = observation->restarting || observation->counters_reset;

        restarts->asked_seconds += window;
        if (begins && !restarts->settling)
                begin_restart(restarts, window);
        if (!restarts->settling) {
                watch_smooth_change(restarts, observation, unseen ? NAN : age);
                return;
        }
        if (unseen) {
                restarts->unseen_seconds += window;
                return;
        }
        restarts->age_seen = restarts->age_seen || !isnan(waited);
        if (isfinite(age))
                restarts->worst_age = fmax(restarts->worst_age, age);
        if (!begins && !(age > BEHIND_SECONDS))
                end_restart(restarts, observation->workers);
}

/*
 * What a restart takes, before one was seen: the job stops and starts, as it once did; reads its state back,
 * in about the time that it takes to write it; and reads again what came since the newest checkpoint.
 */
static void expect_restart(struct restarts *restarts, const struct observation *observation)
{
        const struct checkpoint_observation *checkpoints = &observation->checkpoints;

        if (restarts->model || restarts->restart.log_factor_variance < RESTART_FACTOR_VARIANCE ||
            !(observation->start_seconds > 0) || !(checkpoints->interval_seconds >= 0))
                return;
        restarts->restart.median_seconds =
                RESTART_STARTS * observation->start_seconds + fmax(checkpoints->duration_seconds, 0);
        restarts->replay_seconds = checkpoints->interval_seconds / 2;
}

void restarts_observe(struct restarts *restarts, const struct observation *observation,
                      double latency_seconds)
{
        watch_restart(restarts, observation, latency_seconds);
        if (observation->missing & (MISSING_ALL | MISSING_RATES | MISSING_CONFIGURATION))
                return;
        expect_restart(restarts, observation);
        restarts->workers = observation->workers;
        restarts->watched_seconds += (double)observation->window_ms / MS_PER_SECOND;
}

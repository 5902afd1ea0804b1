/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/capacity.h"

#include <math.h>

#include "core/clock.h"
#include "core/formulas.h"

#define COEFFICIENTS   4
#define LUCK           (COEFFICIENTS - 1) /* that of keys */
#define KEY_LUCK       0.02 /* relative sd of what the busiest of keyed subtasks has to do, about the law */
#define BUSY_MIN       0.05 /* below it a true rate is mostly rounding */
#define RATE_ERROR_MIN 0.02 /* a calibrated rate is never trusted closer */
#define DRIFT          1e-6 /* relative variance a rate takes on between observations */
#define SURPRISE_SLACK 1.0  /* standard deviations that a true rate may be off each time */
#define SURPRISE_CLIP  5.0  /* ... of one that count, so that one alone is no change */
#define SURPRISE_LIMIT 7.9  /* sum of what is beyond the slack that proves a change */
#define LEAST_EXPECTED 0.01 /* of what a record takes, whatever was learnt */
#define CPU_NOISE_MIN  0.05
#define CPU_BIAS       0.04 /* until a saturated window has shown what CPU use means */
#define CPU_SATURATED  1.0  /* a worker gets what it requests, and is not full before it uses that */
#define FORGET         0.05 /* weight of the newest value in running means */
#define BEHIND_PATIENCE                                                                                      \
        10 /* windows behind in a row after which slowness is no longer put down to catching up */
#define UNSURE           0.1 /* relative sd above which a saturated window is taken at its word */
#define CATCH_UP_MIN     0.5
#define CATCH_UP_SECONDS 200.0  /* that a catch-up lasts, roughly */
#define P99              2.3263 /* standard normal quantile */

/* One operator, or the pipeline as a whole. */
struct stage {
        bool known;
        bool fresh;     /* it has shown a true rate while nothing waited, or a model has */
        bool bounded;   /* by what it has carried alone: it never was busy enough to show a true rate */
        double least;   /* ... records/s of one subtask */
        double visits;  /* records it takes in for each record the pipeline takes in */
        double skew;    /* load of the busiest subtask over the mean, as the model knows it */
        int partitions; /* that it reads, as last seen; 0: not known, or no source */
        int runs;       /* subtasks it was last seen with, where no knob sets them; else 0 */
        double coefficient[COEFFICIENTS];
        double covariance[COEFFICIENTS][COEFFICIENTS];
        double luck;  /* relative sd of a parallelism's cost about the law: keys fall as they happen to; 0: no
                         keys */
        double at;    /* the parallelism whose luck is in the last coefficient */
        double noise; /* relative sd of a true rate */
        bool wild;    /* the newest true rate was so far off that it is the first of a change, or nothing */
        double surprise[2]; /* evidence that records have become cheaper, or dearer, at once */
};

struct capacity {
        const struct pipeline *pipeline;
        const struct model *model;
        bool whole; /* one stage for the pipeline as a whole */
        bool decided;
        int n_stages;
        struct stage *stages;
        double bias; /* relative sd of what the measure itself may be wrong by */

        struct restarts restarts;
        int quiet_windows;  /* complete windows since the job last (re)started or was behind */
        int behind_windows; /* windows in a row that ended behind */
        double unpaused;    /* share of time not spent in checkpoint alignment */
        double catch_up_ratio;
        double cpu_saturated;
        double latency, latency_square; /* running means of the p99 while keeping up */
        bool latency_seen;
};

/* ---- one stage ---- */

static void terms(const struct stage *stage, double p, double *ret_term)
{
        ret_term[0] = 1;
        ret_term[1] = p - 1;
        ret_term[2] = p * (p - 1);
        ret_term[LUCK] = stage->luck > 0 && p == stage->at;
}

/* Seconds squared that the keys' luck at a parallelism is unknown by, before it was seen. */
static double luck_variance(const struct stage *stage, double p)
{
        double sd = p > 1 ? stage->luck * stage->coefficient[0] : 0;

        return sd * sd;
}

/* Keys are dealt anew. */
static void stage_deal(struct stage *stage, double p)
{
        if (stage->luck <= 0 || p == stage->at)
                return;
        stage->at = p;
        stage->coefficient[LUCK] = 0;
        for (int i = 0; i < COEFFICIENTS; i++)
                stage->covariance[i][LUCK] = stage->covariance[LUCK][i] = 0;
        stage->covariance[LUCK][LUCK] = luck_variance(stage, p);
}

/* Seconds one subtask spends on a record when there are p: p / C(p). */
static struct estimate stage_seconds(const struct stage *stage, double p)
{
        double term[COEFFICIENTS], mean = 0, variance = 0;

        terms(stage, p, term);
        variance = p == stage->at ? 0 : luck_variance(stage, p);
        for (int i = 0; i < COEFFICIENTS; i++) {
                mean += stage->coefficient[i] * term[i];
                for (int j = 0; j < COEFFICIENTS; j++)
                        variance += stage->covariance[i][j] * term[i] * term[j];
        }
        /* more subtasks never make a record cheaper than it is to one */
        return (struct estimate){fmax(mean, stage->coefficient[0] * 0.5), sqrt(fmax(variance, 0))};
}

static void stage_prior(struct stage *stage, double rate, double rate_error, double sigma, double sigma_error,
                        double kappa, double kappa_error)
{
        double sd[COEFFICIENTS] = {rate_error / rate / rate, sigma_error / rate, kappa_error / rate, 0};

        stage->known = true;
        stage->noise = 0.03;
        stage->coefficient[0] = 1 / rate;
        stage->coefficient[1] = sigma / rate;
        stage->coefficient[2] = kappa / rate;
        stage->coefficient[LUCK] = stage->at = 0;
        for (int i = 0; i < COEFFICIENTS; i++)
                for (int j = 0; j < COEFFICIENTS; j++)
                        stage->covariance[i][j] = i == j ? sd[i] * sd[i] : 0;
}

/* Before any model: near-linear growth, with room for doubt that grows with the distance. */
static void stage_first(struct stage *stage, double p, double capacity)
{
        double rate = capacity / usl_speedup(p, 0.015, 1e-4);

        stage_prior(stage, rate, 0.1 * rate, 0.015, 0.015, 1e-4, 2e-4);
}

/* An operator that is hardly busy, or does not say, can take at least this. */
static void stage_bound(struct stage *stage, double p, double capacity)
{
        if ((stage->known && !stage->bounded) || capacity / p <= stage->least)
                return;
        stage->least = capacity / p;
        stage->bounded = true;
        stage_prior(stage, stage->least, 0.1 * stage->least, 0, 0.015, 0, 2e-4);
}

/* Page's cumulative sum test (Biometrika 41, 1954), on both sides: what a record costs has changed at once,
 * as when a subtask's machine slows down, and what was learnt before says nothing of it. `off` in standard
 * deviations. */
static bool is_surprised(struct stage *stage, double off)
{
        for (int side = 0; side < 2; side++) {
                double beyond = fmin(side ? off : -off, SURPRISE_CLIP) - SURPRISE_SLACK;

                stage->surprise[side] = fmax(stage->surprise[side] + beyond, 0);
                if (stage->surprise[side] < SURPRISE_LIMIT)
                        continue;
                stage->surprise[0] = stage->surprise[1] = 0;
                return true;
        }
        return false;
}

/* A record costs `factor` times what it did, whatever the parallelism: so much is known, and little more. */
static void stage_rescale(struct stage *stage, double factor)
{
        for (int i = 0; i < COEFFICIENTS; i++) {
                stage->coefficient[i] *= factor;
                for (int j = 0; j < COEFFICIENTS; j++)
                        stage->covariance[i][j] *= factor * factor;
        }
        stage->covariance[0][0] += 0.01 * stage->coefficient[0] * stage->coefficient[0];
}

/* Kalman step for one true rate `capacity` (records/s of all p subtasks) with relative noise. */
static void stage_learn(struct stage *stage, double p, double capacity, double noise)
{
        double term[COEFFICIENTS], gain[COEFFICIENTS], spread, innovation, off, seconds = p / capacity;

        if (!stage->known)
                stage_first(stage, p, capacity);
        stage_deal(stage, p);
        terms(stage, p, term);
        stage->covariance[0][0] += DRIFT * stage->coefficient[0] * stage->coefficient[0];
        spread = noise * noise * seconds * seconds;
        innovation = seconds;
        for (int i = 0; i < COEFFICIENTS; i++) {
                gain[i] = 0;
                for (int j = 0; j < COEFFICIENTS; j++)
                        gain[i] += stage->covariance[i][j] * term[j];
                spread += gain[i] * term[i];
                innovation -= stage->coefficient[i] * term[i];
        }
        off = innovation / sqrt(spread);
        if (is_surprised(stage, off)) {
                stage_rescale(stage, seconds / fmax(seconds - innovation, LEAST_EXPECTED * seconds));
                return;
        }
        /* One that is so far off is either the first of a change or nothing: what it would leave in the law
         * of growth, the next change back does not take out again. */
        stage->wild = fabs(off) >= SURPRISE_CLIP;
        if (stage->wild)
                return;
        stage->noise += FORGET * (fmin(fabs(innovation) / seconds * 1.25, 0.3) - stage->noise);
        for (int i = 0; i < COEFFICIENTS; i++) {
                stage->coefficient[i] += gain[i] / spread * innovation;
                for (int j = 0; j < COEFFICIENTS; j++)
                        stage->covariance[i][j] -= gain[i] * gain[j] / spread;
        }
        stage->coefficient[0] = fmax(stage->coefficient[0], LEAST_EXPECTED * seconds);
        for (int i = 1; i < LUCK; i++)
                stage->coefficient[i] = fmax(stage->coefficient[i], 0);
}

/* ---- skew ---- */

/* Subtasks that take part, and load of the busiest over their mean: partitions do not divide evenly, keys
 * neither. */
static double skew_of(const struct capacity *capacity, int i, int parallelism, double *ret_subtasks)
{
        int partitions = capacity->stages[i].partitions;
        double skew = fmax(capacity->stages[i].skew, 1);

        *ret_subtasks = parallelism;
        if (partitions > 0) {
                int subtasks = parallelism < partitions ? parallelism : partitions;
                int widest = (partitions + subtasks - 1) / subtasks;

                *ret_subtasks = subtasks;
                skew = fmax(skew, (double)widest * subtasks / partitions);
        }
        return *ret_subtasks > 1 ? skew : 1;
}

/* ---- prior ---- */

/* Records each operator takes in for one the pipeline takes in, from the edges' selectivities; sources share
 * alike. */
static void count_visits(const struct pipeline *pipeline, double *visits)
{
        int sources = 0;

        for (int i = 0; i < pipeline->n_operators; i++)
                sources += pipeline->operators[i].source;
        for (int i = 0; i < pipeline->n_operators; i++)
                visits[i] = pipeline->operators[i].source ? 1.0 / sources : 0;
        for (int e = 0; e < pipeline->n_edges; e++) {
                const struct edge *edge = &pipeline->edges[e];

                visits[edge->to] += visits[edge->from] * (isnan(edge->selectivity) ? 1 : edge->selectivity);
        }
}

/* Mean over a catch-up of CATCH_UP_SECONDS of a capacity that decays towards its floor. */
static double catch_up_ratio(const struct catch_up_model *model)
{
        double scale = model->time_constant_seconds / CATCH_UP_SECONDS;

        if (!(scale > 0))
                return 1;
        return 1 - (1 - model->floor_ratio) * (1 - scale * -expm1(-1 / scale));
}

static void take_times(struct capacity *capacity)
{
        const struct model *model = capacity->model;
        double base;

        if (model->checkpoints.interval_seconds > 0)
                capacity->unpaused =
                        1 - fmin(model->checkpoints.pause_seconds / model->checkpoints.interval_seconds, 0.9);
        capacity->catch_up_ratio = catch_up_ratio(&model->catch_up);
        base = model->latency.base_seconds * exp(model->latency.log_sd * P99);
        capacity->latency = base;
        capacity->latency_square = base * base * 1.01;
        capacity->latency_seen = base > 0;
}

static void take_operators(struct capacity *capacity)
{
        const struct operator_model *operators = capacity->model->operators.items;

        for (int i = 0; i < capacity->n_stages; i++) {
                const struct operator_model *model = &operators[i];
                double rate = model->rate_per_second;
                double error = fmax(model->rate_per_second_error / model->rate_per_second, RATE_ERROR_MIN);

                capacity->stages[i].skew = model->skew;
                capacity->stages[i].fresh = true;
                stage_prior(&capacity->stages[i], rate, error * rate, model->sigma,
                            fmax(model->sigma_error, 0.1 * model->sigma + 1e-3), model->kappa,
                            fmax(model->kappa_error, 0.1 * model->kappa + 1e-5));
        }
}

struct capacity *capacity_new(const struct pipeline *pipeline, const struct model *model, int64_t interval_ms)
{
        struct capacity *capacity = memory_new(1, sizeof *capacity);
        double visits[PIPELINE_MAX_OPERATORS];

        capacity->pipeline = pipeline;
        capacity->model = model;
        capacity->n_stages = pipeline->n_operators;
        capacity->stages = memory_new((size_t)capacity->n_stages, sizeof *capacity->stages);
        capacity->catch_up_ratio = capacity->unpaused = 1;
        capacity->cpu_saturated = CPU_SATURATED;
        restarts_expect(&capacity->restarts, model, interval_ms);
        count_visits(pipeline, visits);
        for (int e = 0; e < pipeline->n_edges; e++)
                if (pipeline->edges[e].hash)
                        capacity->stages[pipeline->edges[e].to].luck = KEY_LUCK;
        for (int i = 0; i < capacity->n_stages; i++) {
                capacity->stages[i].visits = visits[i];
                capacity->stages[i].partitions =
                        pipeline->operators[i].source ? pipeline->operators[i].partitions : 0;
        }
        if (model)
                take_times(capacity);
        if (model && model->operators.count == (size_t)pipeline->n_operators)
                take_operators(capacity);
        return capacity;
}

void capacity_free(struct capacity *capacity)
{
        if (!capacity)
                return;
        memory_free_cleanup(&capacity->stages);
        memory_free_cleanup(&capacity);
}

/* ---- what it says ---- */

static struct estimate stage_capacity(const struct capacity *capacity, int i, int parallelism)
{
        const struct stage *stage = &capacity->stages[i];
        struct estimate seconds;
        double subtasks, skew = 1, mean;

        if (!capacity->whole && stage->runs > 0)
                parallelism = stage->runs;
        subtasks = parallelism;
        if (!capacity->whole)
                skew = skew_of(capacity, i, parallelism, &subtasks);
        if (!stage->known || !(stage->visits > 0))
                return (struct estimate){INFINITY, 0};
        seconds = stage_seconds(stage, subtasks);
        mean = capacity->unpaused * subtasks / (seconds.mean * skew * stage->visits);
        return (struct estimate){mean, mean * hypot(seconds.sd / seconds.mean, capacity->bias)};
}

struct estimate capacity_of_operator(const struct capacity *capacity, int operator_index, int parallelism)
{
        return stage_capacity(capacity, operator_index, parallelism);
}

struct estimate capacity_of(const struct capacity *capacity, const struct deployment *deployment)
{
        struct estimate scarcest = {INFINITY, 0};

        if (capacity->whole)
                return stage_capacity(capacity, 0, deployment->workers);
        for (int i = 0; i < capacity->n_stages; i++) {
                struct estimate one = stage_capacity(capacity, i, deployment->parallelism[i]);

                if (one.mean < scarcest.mean)
                        scarcest = one;
        }
        return scarcest;
}

bool capacity_known(const struct capacity *capacity)
{
        bool any = false;

        for (int i = 0; i < capacity->n_stages; i++) {
                if (!capacity->stages[i].known && capacity->stages[i].visits > 0)
                        return false;
                any = any || capacity->stages[i].visits > 0;
        }
        return any;
}

bool capacity_changes_smoothly(const struct capacity *capacity)
{
        return capacity->whole && !capacity->model && !capacity->restarts.stops;
}

bool capacity_per_operator(const struct capacity *capacity)
{
        return !capacity->whole;
}

const struct restarts *capacity_restarts(const struct capacity *capacity)
{
        return &capacity->restarts;
}

double capacity_catch_up_ratio(const struct capacity *capacity)
{
        return capacity->catch_up_ratio;
}

struct estimate capacity_base_latency(const struct capacity *capacity)
{
        double variance = capacity->latency_square - capacity->latency * capacity->latency;

        if (!capacity->latency_seen)
                return (struct estimate){0, 0};
        return (struct estimate){capacity->latency, sqrt(fmax(variance, 0))};
}

/* ---- what it learns ---- */

/* Whether operators report busy time; without it the pipeline is one stage, its prior the model's curve. */
static void decide_stages(struct capacity *capacity, const struct observation *observation)
{
        struct stage whole = {.visits = 1};
        int most;

        capacity->decided = true;
        for (int i = 0; i < observation->n_operators; i++)
                if (!isnan(observation->operators[i].busy_ratio))
                        return;
        if (pipeline_per_operator(capacity->pipeline))
                return;
        capacity->bias = CPU_BIAS;
        if (capacity_known(capacity)) {
                int knob = pipeline_workers_knob(capacity->pipeline);
                struct configuration configuration = observation->configuration;
                struct deployment deployment;

                most = knob >= 0 ? (int)capacity->pipeline->knobs[knob].max : observation->workers;
                for (int workers = 1; knob >= 0 && workers <= most; workers++) {
                        struct estimate at;

                        configuration.value[knob] = workers;
                        pipeline_deployment(capacity->pipeline, &configuration, &deployment);
                        at = capacity_of(capacity, &deployment);
                        stage_learn(&whole, workers, at.mean, fmax(at.sd / at.mean, RATE_ERROR_MIN));
                }
                capacity->bias = 0.02;
        }
        capacity->whole = true;
        capacity->n_stages = 1;
        capacity->stages[0] = whole;
}

static double age_of(const struct observation *observation)
{
        return observation_backlog_seconds(observation);
}

static void learn_latency(struct capacity *capacity, double p99)
{
        double weight = capacity->latency_seen ? FORGET : 1;

        if (!(p99 > 0) || isinf(p99))
                return;
        capacity->latency_seen = true;
        capacity->latency += weight * (p99 - capacity->latency);
        capacity->latency_square += weight * (p99 * p99 - capacity->latency_square);
}

/* No knob sets its subtasks: an engine gives it as many as it was started with. */
static bool is_left_alone(const struct pipeline *pipeline, int i)
{
        return pipeline_parallelism_knob(pipeline, i) < 0 && pipeline_workers_knob(pipeline) < 0;
}

/* True rate of an operator: records in over the time its busiest subtask worked. */
static void learn_operator(struct capacity *capacity, int i, const struct operator_observation *seen)
{
        struct stage *stage = &capacity->stages[i];
        double busy = isnan(seen->busy_ratio_max) ? seen->busy_ratio : seen->busy_ratio_max;
        double subtasks, skew, rate;

        if (!(seen->in_per_second > 0) || seen->parallelism < 1)
                return;
        if (is_left_alone(capacity->pipeline, i))
                stage->runs = seen->parallelism;
        skew = skew_of(capacity, i, seen->parallelism, &subtasks);
        if (!(busy >= BUSY_MIN)) {
                stage_bound(stage, subtasks, seen->in_per_second / (isnan(busy) ? 1 : BUSY_MIN) * skew);
                return;
        }
        stage->known = stage->known && !stage->bounded;
        stage->bounded = false;
        rate = seen->sustained_per_second > 0 ? seen->sustained_per_second
                                              : seen->in_per_second / fmin(busy, 1);
        stage_learn(stage, subtasks, rate * skew, fmax(stage->noise, 0.01));
}

/* An operator that has been seen in a start alone, and at less than it takes now. */
static bool is_underrated(const struct capacity *capacity, int i, const struct operator_observation *seen)
{
        const struct stage *stage = &capacity->stages[i];
        double subtasks, skew, expected;

        if (stage->fresh || stage->bounded || seen->parallelism < 1)
                return false;
        skew = skew_of(capacity, i, seen->parallelism, &subtasks);
        expected = subtasks / (stage_seconds(stage, subtasks).mean * skew);
        return seen->in_per_second > (1 + UNSURE) * expected;
}

static void learn_visits(struct capacity *capacity, const struct observation *observation)
{
        for (int i = 0; i < observation->n_operators && i < capacity->n_stages; i++) {
                struct stage *stage = &capacity->stages[i];
                double visits = observation->operators[i].in_per_second / observation->throughput_per_second;

                if (isfinite(visits) && visits > 0)
                        stage->visits += FORGET * (visits - stage->visits);
        }
}

/* Saturated: more waits at the end of the window than can be an accident, and less was taken than came. */
static bool is_saturated(const struct observation *observation)
{
        return age_of(observation) > 1 &&
               observation->throughput_per_second < 0.99 * observation->offered_per_second;
}

static void learn_whole(struct capacity *capacity, const struct observation *observation)
{
        struct stage *stage = &capacity->stages[0];
        const struct cpu_model *cpu = capacity->model ? &capacity->model->cpu : NULL;
        double base = cpu ? cpu->base_ratio : 0, workers = observation->workers_ready;
        double saturated = capacity->cpu_saturated;

        if (workers < 1 || !(observation->throughput_per_second > 0))
                return;
        if (is_saturated(observation)) {
                stage_learn(stage, workers, observation->throughput_per_second, 0.03);
                capacity->bias = fmin(capacity->bias, CPU_BIAS / 2);
                if (observation->cpu_ratio > base)
                        capacity->cpu_saturated += 0.2 * (observation->cpu_ratio - saturated);
                return;
        }
        if (cpu && stage->known && cpu->worker_seconds_per_record > 0)
                saturated = base + cpu->worker_seconds_per_record / stage_seconds(stage, workers).mean;
        if (observation->cpu_ratio - base > BUSY_MIN)
                stage_learn(stage, workers,
                            observation->throughput_per_second * (saturated - base) /
                                    (observation->cpu_ratio - base),
                            fmax(stage->noise, CPU_NOISE_MIN));
}

/* While it works off a backlog it may be slower than it is when fresh; unless nothing better is known that is
 * no evidence of its capacity. */
static void learn_catching_up(struct capacity *capacity, const struct observation *observation)
{
        struct deployment deployment;
        struct estimate expected;
        double ratio;

        pipeline_deployment(capacity->pipeline, &observation->configuration, &deployment);
        expected = capacity_of(capacity, &deployment);
        ratio = observation->throughput_per_second / expected.mean;
        if (!(ratio > 0))
                return;
        if (expected.sd < UNSURE * expected.mean && ratio > CATCH_UP_MIN)
                capacity->catch_up_ratio += FORGET * (fmin(ratio, 1) - capacity->catch_up_ratio);
}

/* Topics grow. */
static void watch_partitions(struct capacity *capacity, const struct observation *observation)
{
        for (int i = 0; i < observation->n_operators && i < capacity->n_stages; i++)
                if (capacity->pipeline->operators[i].source && observation->operators[i].partitions > 0)
                        capacity->stages[i].partitions = observation->operators[i].partitions;
}

void capacity_observe(struct capacity *capacity, const struct observation *observation)
{
        bool behind = age_of(observation) > BEHIND_SECONDS;
        bool usable = !(observation->missing & (MISSING_ALL | MISSING_RATES | MISSING_CONFIGURATION));

        restarts_observe(&capacity->restarts, observation, capacity->latency);
        for (int i = 0; i < capacity->n_stages; i++)
                capacity->stages[i].wild = false;
        if (!usable)
                return;
        if (!capacity->decided)
                decide_stages(capacity, observation);
        watch_partitions(capacity, observation);
        if (observation->restarting || observation->counters_reset) {
                capacity->quiet_windows = -1; /* the next one still warms up within */
                return;
        }
        if (capacity->quiet_windows++ < 0)
                return;
        capacity->behind_windows = behind ? capacity->behind_windows + 1 : 0;
        if (behind) {
                learn_catching_up(capacity, observation);
                capacity->quiet_windows = 0;
        }
        if (capacity->whole) {
                if (!behind || is_saturated(observation))
                        learn_whole(capacity, observation);
        } else {
                bool all = !behind || !capacity_known(capacity) || capacity->behind_windows > BEHIND_PATIENCE;

                for (int i = 0; i < observation->n_operators && i < capacity->n_stages; i++) {
                        if (all || is_underrated(capacity, i, &observation->operators[i]))
                                learn_operator(capacity, i, &observation->operators[i]);
                        capacity->stages[i].fresh = capacity->stages[i].fresh || !behind;
                }
        }
        if (!behind) {
                learn_visits(capacity, observation);
                learn_latency(capacity, observation->latency_p99_seconds);
        }
}

bool capacity_is_unsettled(const struct capacity *capacity)
{
        for (int i = 0; i < capacity->n_stages; i++)
                if (capacity->stages[i].wild)
                        return true;
        return false;
}

void capacity_changed(struct capacity *capacity)
{
        restarts_asked(&capacity->restarts);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/engine_internal.h"

/* CPU that is used beyond (or, at the limit, short of) what the load would take, as a ratio of a worker:
 * starts cost some. */
static double cpu_beyond_load(const struct engine *engine, double loaded)
{
        double limit = engine->cpu.limit_ratio > 0 ? engine->cpu.limit_ratio : INFINITY;
        double used =
                engine->tick <= engine->warm_until ? fmax(loaded, engine->restart.warmup_cpu_ratio) : loaded;

        return fmin(used, limit) - loaded;
}

static void add_fast(struct window *window, double seconds, double records, double limit,
                     const struct engine *engine)
{
        window->offered += records;
        window->taken += records;
        window->up_seconds += seconds;
        window->capacity_integral += limit * seconds;
        window->worker_seconds += seconds * engine->workers_paid;
}

void measure_fast(struct engine *engine, int64_t ticks, double records)
{
        double seconds = (double)ticks * engine->step_seconds;

        add_fast(&engine->seen, seconds, records, engine->limit, engine);
        if (engine->timeline) {
                const struct latency_point *point = flow_point(engine, records / seconds);

                add_fast(&engine->charted, seconds, records, engine->limit, engine);
                engine->charted.latency_integral += point->p50 * seconds;
                engine->charted.latency_worst = fmax(engine->charted.latency_worst, point->p99);
        }
        if (engine->in_figures) {
                engine->figures.seconds += seconds;
                engine->figures.offered_records += records;
                engine->figures.processed_records += records;
        }
}

static void add_step(struct window *window, const struct engine *engine, double offered, double taken,
                     double delay, double p50, double p99, bool up)
{
        double dt = engine->step_seconds;
        double loaded = engine->cpu.base_ratio +
                        engine->cpu.worker_seconds_per_record * taken / fmax(engine->workers_ready, 1);

        window->offered += offered * dt;
        window->taken += taken * dt;
        window->delay_worst = fmax(window->delay_worst, delay);
        window->delay_integral += delay * dt;
        window->backlog_seconds += flow_backlog(engine) * dt;
        window->worker_seconds += dt * engine->workers_paid;
        if (!up) {
                window->restarted = true;
                return;
        }
        window->cpu_extra += cpu_beyond_load(engine, loaded) * dt;
        window->up_seconds += dt;
        window->capacity_integral += engine->limit * dt;
        window->latency_integral += p50 * dt;
        window->latency_worst = fmax(window->latency_worst, p99);
}

/* Whether somebody looks now; see engine_setup. */
static bool is_sampled(const struct engine *engine)
{
        const struct engine_setup *setup = &engine->setup;
        int64_t now = engine->tick * setup->step_ms;

        return setup->sample_ms <= setup->step_ms ||
               (now >= setup->first_sample_ms &&
                (now - setup->first_sample_ms) % setup->sample_ms < setup->step_ms);
}

static void sample_peaks(struct engine *engine, bool up)
{
        struct figures *figures = &engine->figures;
        double broker = flow_backlog(engine);

        if (!is_sampled(engine))
                return;
        figures->sampled_broker_peak_records = fmax(figures->sampled_broker_peak_records, broker);
        if (up && engine->tick >= engine->silent_until)
                figures->sampled_peak_records =
                        fmax(figures->sampled_peak_records, broker + flow_waiting(engine));
}

void measure_step(struct engine *engine, double offered, double taken, double delay, double p50, double p99,
                  bool up)
{
        const struct constraints *constraints = engine->setup.constraints;
        struct figures *figures = &engine->figures;

        add_step(&engine->seen, engine, offered, taken, delay, p50, p99, up);
        if (engine->timeline)
                add_step(&engine->charted, engine, offered, taken, delay, p50, p99, up);
        if (!engine->in_figures)
                return;
        figures->seconds += engine->step_seconds;
        figures->offered_records += offered * engine->step_seconds;
        figures->processed_records += taken * engine->step_seconds;
        figures->backlog_peak_records = fmax(figures->backlog_peak_records, flow_backlog(engine));
        sample_peaks(engine, up);
        figures->delay_peak_seconds = fmax(figures->delay_peak_seconds, delay);
        if (p99 > constraints->latency_p99_seconds || delay > constraints->latency_p99_seconds ||
            delay > constraints->backlog_seconds)
                figures->slo_missed_seconds += engine->step_seconds;
}

/* ---- timeline ---- */

void measure_timeline_new(struct engine *engine)
{
        struct timeline *timeline = memory_new(1, sizeof *timeline);
        int64_t ticks = (engine->setup.timeline_step_ms + engine->setup.step_ms - 1) / engine->setup.step_ms;
        size_t room = (size_t)(engine->end_tick / ticks) + 1;
        double **columns[] = {&timeline->offered,    &timeline->throughput, &timeline->capacity,
                              &timeline->workers,    &timeline->backlog,    &timeline->delay,
                              &timeline->cpu,        &timeline->metered,    &timeline->latency_p50,
                              &timeline->latency_p99};

        timeline->start_ms = engine->setup.start_ms;
        timeline->step_ms = ticks * engine->setup.step_ms;
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++)
                *columns[i] = memory_new(room, sizeof(double));
        timeline->restarted = memory_new(room, sizeof *timeline->restarted);
        timeline->parallelism = memory_new((size_t)engine->n + 1, sizeof(double *));
        for (int i = 0; i < engine->n; i++)
                timeline->parallelism[i] = memory_new(room, sizeof(double));
        engine->timeline = timeline;
}

void timeline_free(struct timeline *timeline)
{
        if (!timeline)
                return;
        free(timeline->offered);
        free(timeline->throughput);
        free(timeline->metered);
        free(timeline->capacity);
        free(timeline->workers);
        free(timeline->backlog);
        free(timeline->delay);
        free(timeline->cpu);
        free(timeline->latency_p50);
        free(timeline->latency_p99);
        free(timeline->restarted);
        for (double **column = timeline->parallelism; *column; column++)
                free(*column);
        free(timeline->parallelism);
        free(timeline);
}

static double cpu_of(const struct engine *engine, const struct window *window, double seconds)
{
        double rate = window->taken / seconds;

        return engine->cpu.base_ratio +
               engine->cpu.worker_seconds_per_record * rate / fmax(engine->workers_ready, 1) +
               window->cpu_extra / seconds;
}

void measure_chart(struct engine *engine)
{
        struct timeline *timeline = engine->timeline;
        struct window *window = &engine->charted;
        double seconds = (double)(engine->tick - window->start_tick) * engine->step_seconds;
        size_t i = timeline->count;

        if (seconds <= 0)
                return;
        timeline->offered[i] = window->offered / seconds;
        timeline->throughput[i] = window->taken / seconds;
        timeline->capacity[i] = window->capacity_integral / seconds;
        timeline->metered[i] = window->up_seconds > 0
                                       ? fmax(window->taken - window->unmetered, 0) / window->up_seconds
                                       : NAN;
        timeline->workers[i] = window->worker_seconds / seconds;
        timeline->backlog[i] = window->backlog_seconds / seconds;
        timeline->delay[i] = window->delay_worst;
        timeline->cpu[i] = cpu_of(engine, window, seconds);
        timeline->restarted[i] = window->restarted;
        timeline->latency_p50[i] =
                window->up_seconds > 0 ? window->latency_integral / window->up_seconds : NAN;
        timeline->latency_p99[i] = window->up_seconds > 0 ? window->latency_worst : NAN;
        for (int j = 0; j < engine->n; j++)
                timeline->parallelism[j][i] = engine->deployment.parallelism[j];
        timeline->count++;
        *window = (struct window){.start_tick = engine->tick};
}

struct timeline *engine_take_timeline(struct engine *engine)
{
        return TAKE(engine->timeline);
}

/* ---- collector ---- */

static double noisy(struct engine *engine, double value)
{
        double cv = engine->setup.model->metrics.rate_noise_cv;

        return cv > 0 ? value * fmax(1 + cv * gsl_ran_ugaussian(engine->rng_metrics), 0) : value;
}

/* Mean over the window of a first-order autoregressive process: its deviation shrinks with the window's
 * length. */
static double cpu_noise(struct engine *engine, double seconds)
{
        double scale = fmax(engine->cpu.noise_correlation_seconds, 1e-3);
        double u = seconds / scale, keep = exp(-u), mean_sd;

        if (!(engine->cpu.noise_sd > 0))
                return 0;
        mean_sd = engine->cpu.noise_sd / sqrt(fmax(engine->workers_ready, 1)) *
                  sqrt(2 / u - 2 / (u * u) * (1 - keep));
        engine->cpu_noise =
                keep * engine->cpu_noise + sqrt(1 - keep * keep) * gsl_ran_ugaussian(engine->rng_metrics);
        return mean_sd * engine->cpu_noise;
}

/* By how much the busiest subtask of a keyed operator stands above its share in a window: keys come at
 * random, so the records of a subtask scatter as a Poisson variable does, and this is the expected largest of
 * them (Blom's score of the highest order statistic). */
static double busiest_by_chance(const struct flow_operator *flow)
{
        double records = flow->taken / fmax(flow->subtasks, 1);

        if (!flow->keyed || flow->subtasks < 2 || !(records > 1))
                return 1;
        return 1 + gsl_cdf_ugaussian_Pinv((flow->subtasks - 0.375) / (flow->subtasks + 0.25)) / sqrt(records);
}

static void observe_operators(struct engine *engine, double seconds, struct observation *observation)
{
        double up = engine->seen.up_seconds;

        observation->n_operators = engine->n;
        for (int i = 0; i < engine->n; i++) {
                struct flow_operator *flow = &engine->flow[i];
                struct operator_observation *operator= & observation->operators[i];
                double busiest = up > 0 ? fmin(flow->busy_seconds / up, 1) : 0;
                double rate = noisy(engine, flow->taken / seconds);

                operator->parallelism = engine->state == JOB_RUNNING ? engine->deployment.parallelism[i] : 0;
                operator->partitions = pipeline_partitions(engine->setup.pipeline, &engine->running, i);
                operator->in_per_second = rate;
                operator->out_per_second = 0;
                operator->busy_ratio_max = fmin(busiest *busiest_by_chance(flow), 1);
                operator->busy_ratio = busiest / flow->skew;
                operator->backpressure_ratio = up> 0 ? fmin(flow->waiting_seconds / up, 1) : 0;
                operator->true_rate_per_second = operator->busy_ratio> 0
                        ? rate * (up > 0 ? seconds / up : 1) / operator->busy_ratio : INFINITY;
                operator->backlog_records = flow->share> 0 ? flow->backlog : NAN;
                flow->taken = flow->busy_seconds = flow->waiting_seconds = 0;
        }
        for (int e = 0; e < engine->setup.pipeline->n_edges; e++) {
                const struct edge *edge = &engine->setup.pipeline->edges[e];
                double selectivity = isnan(edge->selectivity) ? 1 : edge->selectivity;

                observation->operators[edge->from].out_per_second +=
                        observation->operators[edge->from].in_per_second * selectivity;
        }
}

/* Values are a little older or younger each time, never from the future. */
static int64_t read_at_ms(struct engine *engine)
{
        double jitter = engine->setup.model->metrics.jitter_seconds;

        return engine_time_ms(engine) -
               (jitter > 0 ? (int64_t)(fabs(jitter * gsl_ran_ugaussian(engine->rng_metrics)) * MS_PER_SECOND)
                           : 0);
}

static void observe(struct engine *engine, double seconds, struct observation *observation)
{
        const struct window *window = &engine->seen;
        const struct latency_point *point = flow_point(engine, window->taken / fmax(window->up_seconds, 1));
        double cpu = cpu_of(engine, window, seconds) + cpu_noise(engine, seconds);
        double waiting = flow_waiting(engine);

        observation->time_ms = read_at_ms(engine);
        observation->window_ms = (int64_t)(seconds * MS_PER_SECOND);
        observation->missing = 0;
        observation->restarting = engine->state != JOB_RUNNING || engine->tick < engine->warm_until ||
                                  engine->tick < engine->silent_until;
        observation->counters_reset = window->restarted;
        observation->restarts = (int)engine->restarts;
        observation->configuration = engine->state == JOB_RUNNING ? engine->running : engine->wanted;
        observation->workers = engine->workers_paid;
        observation->workers_ready = engine->state == JOB_RUNNING ? engine->workers_ready : 0;
        observation->offered_per_second = noisy(engine, window->offered / seconds);
        /* As collectors tell it: what fills the exchanges waits, and is no throughput. */
        observation->throughput_per_second =
                noisy(engine, fmax(window->taken - waiting + window->waiting, 0) / seconds);
        observation->backlog_records = flow_backlog(engine) + waiting;
        observation->latency_p50_seconds = point->p50 + window->delay_integral / seconds;
        observation->latency_p95_seconds = point->p95 + window->delay_worst;
        observation->latency_p99_seconds = fmax(point->p99 + window->delay_worst, window->latency_worst);
        observation->error_ratio = 0;
        observation->cpu_ratio = fmax(cpu, 0);
        observation->start_seconds = engine->setup.model->restart.median_seconds / RESTART_STARTS;
        observation->checkpoints =
                (struct checkpoint_observation){engine->setup.model->checkpoints.interval_seconds, NAN, NAN};
        observe_operators(engine, seconds, observation);
        engine->seen = (struct window){.start_tick = engine->tick, .waiting = waiting};
}

static void lose(const struct engine *engine, struct observation *observation)
{
        *observation = (struct observation){
                .time_ms = engine_time_ms(engine),
                .window_ms = 1,
                .missing = MISSING_ALL,
                .configuration = engine->running,
                .restarts = -1,
        };
}

/* Queues the newest observation and hands out the youngest that is old enough. */
static void delay_observation(struct engine *engine, struct observation *observation)
{
        int64_t due =
                observation->time_ms - (int64_t)(engine->setup.model->metrics.delay_seconds * MS_PER_SECOND);
        size_t ready = 0;

        if (engine->n_late == MAX_LATE)
                memmove(engine->late, engine->late + 1, (--engine->n_late) * sizeof *engine->late);
        engine->late[engine->n_late++] = *observation;
        while (ready < engine->n_late && engine->late[ready].time_ms <= due)
                ready++;
        if (ready == 0) {
                lose(engine, observation);
                return;
        }
        *observation = engine->late[ready - 1];
        engine->n_late -= ready - 1;
        memmove(engine->late, engine->late + ready - 1, engine->n_late * sizeof *engine->late);
}

static bool engine_collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct engine *engine = state;
        double seconds = (double)(engine->tick - engine->seen.start_tick) * engine->step_seconds;
        double missing = engine->setup.model->metrics.missing_ratio + engine->faults.missing_ratio;

        if (seconds <= 0)
                return error_set(err, ERROR_INCOMPLETE, NULL,
                                 "no time has passed since the last observation");
        if (missing > 0 && gsl_rng_uniform(engine->rng_metrics) < missing) {
                lose(engine, ret_observation);
                return true;
        }
        observe(engine, seconds, ret_observation);
        if (engine->late)
                delay_observation(engine, ret_observation);
        return true;
}

/* ---- actuator ---- */

static bool engine_actuate(void *state, const struct configuration *from, const struct configuration *to,
                           bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct engine *engine = state;
        char call[200] = "configure ";
        int64_t id = 0;
        bool failed;

        (void)from;
        if (calls) {
                configuration_describe(engine->setup.pipeline, to, call + strlen(call),
                                       sizeof call - strlen(call));
                if (!calls->begin(calls->context, call, &id, err))
                        return false;
        }
        if (dry_run)
                return true;
        failed = engine->faults.failed_apply_ratio > 0 &&
                 gsl_rng_uniform(engine->rng_faults) < engine->faults.failed_apply_ratio;
        if (!failed)
                engine_apply(engine, to);
        if (calls && !calls->end(calls->context, id, !failed, failed ? "unavailable" : "ok", err))
                return false;
        return failed ? error_set(err, ERROR_UNAVAILABLE, NULL, "the simulated engine refused the call")
                      : true;
}

static bool engine_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        const struct engine *engine = state;

        (void)err;
        *ret_configuration = engine->wanted;
        return true;
}

const struct collector engine_collector = {
        .name = "simulated",
        .summary = "The simulated streaming engine",
        .collect = engine_collect,
};

const struct actuator engine_actuator = {
        .name = "simulated",
        .summary = "The simulated streaming engine",
        .apply = engine_actuate,
        .read = engine_read,
};

/* ---- clock ---- */

static int64_t virtual_now_ms(void *context)
{
        return engine_time_ms(context);
}

static bool virtual_sleep_until(void *context, int64_t until_ms, struct error *err)
{
        struct engine *engine = context;
        int64_t ticks =
                (until_ms - engine->setup.start_ms + engine->setup.step_ms - 1) / engine->setup.step_ms;

        if (engine_at_end(engine))
                return error_set(err, ERROR_INTERRUPTED, "EndOfLoad", "the simulated time is over");
        engine_advance(engine, ticks);
        return true;
}

struct clock engine_clock(struct engine *engine)
{
        return (struct clock){.now_ms = virtual_now_ms,
                              .sleep_until = virtual_sleep_until,
                              .context = engine};
}

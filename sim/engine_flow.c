/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "core/formulas.h"
#include "sim/engine_internal.h"

#define TINY              1e-9
#define QUIET_UTILISATION 0.995 /* above it steps are taken one by one */

/* Most parts that one subtask gets. */
static int widest_share(int parts, int subtasks, double *ret_subtasks)
{
        if (parts <= 0 || subtasks <= parts) {
                *ret_subtasks = subtasks;
                return parts > 0 ? (parts + subtasks - 1) / subtasks : 0;
        }
        *ret_subtasks = parts;
        return 1;
}

/* Records an operator takes in a second, limited by its busiest subtask; parts: pipeline_parts. */
static double operator_capacity(int parts, const struct operator_model *model, int parallelism,
                                double *ret_subtasks, double *ret_skew)
{
        double subtasks, skew = fmax(model->skew, 1);
        int widest = widest_share(parts, parallelism, &subtasks);

        if (widest > 0)
                skew = fmax(skew, widest * subtasks / parts);
        *ret_subtasks = subtasks;
        *ret_skew = subtasks > 1 ? skew : 1;
        return model->rate_per_second * usl_speedup(subtasks, model->sigma, model->kappa) / *ret_skew;
}

static double edge_selectivity(const struct edge *edge)
{
        return isnan(edge->selectivity) ? 1 : edge->selectivity;
}

/* Records each operator takes in for one record offered to the pipeline; sources share the load alike. */
static void count_visits(const struct pipeline *pipeline, double *visits)
{
        int sources = 0;

        for (int i = 0; i < pipeline->n_operators; i++)
                sources += pipeline->operators[i].source;
        for (int i = 0; i < pipeline->n_operators; i++)
                visits[i] = pipeline->operators[i].source ? 1.0 / sources : 0;
        for (int e = 0; e < pipeline->n_edges; e++)
                visits[pipeline->edges[e].to] +=
                        visits[pipeline->edges[e].from] * edge_selectivity(&pipeline->edges[e]);
}

double engine_subtask_rate(const struct pipeline *pipeline, const struct model *model, int operator_index,
                           int parallelism, double *ret_skew)
{
        const struct operator_model *operators = model->operators.items;
        double subtasks,
                capacity = operator_capacity(pipeline_parts(pipeline, NULL, operator_index),
                                             &operators[operator_index], parallelism, &subtasks, ret_skew);

        return capacity * *ret_skew / subtasks;
}

double engine_sustainable_rate(const struct pipeline *pipeline, const struct model *model,
                               const struct deployment *deployment)
{
        const struct operator_model *operators = model->operators.items;
        double visits[PIPELINE_MAX_OPERATORS];
        double limit = INFINITY;

        count_visits(pipeline, visits);
        for (int i = 0; i < pipeline->n_operators; i++) {
                double subtasks, skew;
                double capacity = operator_capacity(pipeline_parts(pipeline, NULL, i), &operators[i],
                                                    deployment->parallelism[i], &subtasks, &skew);

                if (visits[i] > 0)
                        limit = fmin(limit, capacity / visits[i]);
        }
        return limit;
}

void flow_configure(struct engine *engine)
{
        const struct pipeline *pipeline = engine->setup.pipeline;
        double visits[PIPELINE_MAX_OPERATORS];

        count_visits(pipeline, visits);
        engine->limit = INFINITY;
        for (int i = 0; i < engine->n; i++) {
                struct flow_operator *flow = &engine->flow[i];

                flow->visits = visits[i];
                flow->capacity = operator_capacity(pipeline_parts(pipeline, &engine->running, i),
                                                   &engine->operators[i], engine->deployment.parallelism[i],
                                                   &flow->subtasks, &flow->skew);
                flow->keyed = pipeline_is_keyed(pipeline, i);
                flow->service_cv = engine->operators[i].service_cv;
                flow->room = engine->operators[i].buffer_records * flow->subtasks;
                flow->share = pipeline->operators[i].source ? visits[i] : 0;
                if (visits[i] > 0)
                        engine->limit = fmin(engine->limit, flow->capacity / visits[i]);
        }
        for (int e = 0; e < pipeline->n_edges; e++) {
                const struct edge *edge = &pipeline->edges[e];
                double whole = visits[edge->to];

                engine->edge_share[e] = whole > 0 ? visits[edge->from] * edge_selectivity(edge) / whole : 1;
        }
        memset(engine->point_known, 0, sizeof engine->point_known);
}

static double pause_factor(const struct engine *engine)
{
        const struct checkpoint_model *checkpoints = &engine->setup.model->checkpoints;

        if (checkpoints->interval_seconds <= 0)
                return 1;
        return 1 - fmin(checkpoints->pause_seconds / checkpoints->interval_seconds, .9);
}

/* Share of the whole capacity that is there now: warm-up after a start, slowdown while behind, checkpoints.
 */
static double capacity_factor(const struct engine *engine)
{
        double factor = 1 - (1 - engine->catch_up.floor_ratio) * engine->slowness;

        if (engine->tick < engine->warm_until) {
                double whole = (double)(engine->warm_until - engine->up_since);
                double done = (double)(engine->tick - engine->up_since) / whole;
                double start = engine->restart.warmup_capacity_ratio;

                factor *= start + (1 - start) * done;
        }
        return factor * pause_factor(engine);
}

/* Of the step in which the job comes up, seconds in which it is still down. */
static double late_seconds(const struct engine *engine)
{
        return engine->tick == engine->up_since ? engine->late_seconds : 0;
}

double flow_backlog(const struct engine *engine)
{
        double backlog = 0;

        for (int i = 0; i < engine->n; i++)
                backlog += engine->flow[i].backlog;
        return backlog;
}

/* Age of the oldest record that waits in the broker. */
double flow_delay_seconds(const struct engine *engine)
{
        const struct load *load = engine->setup.load;
        double into, within;

        if (engine->head >= engine->tick)
                return 0;
        into = engine->processed - load->cumulative_records[engine->head];
        within = load->cumulative_records[engine->head + 1] - load->cumulative_records[engine->head];
        return fmax((double)(engine->tick - engine->head) - (within > 0 ? into / within : 0), 0) *
               engine->step_seconds;
}

static void move_head(struct engine *engine)
{
        const struct load *load = engine->setup.load;

        while (engine->head < engine->tick &&
               load->cumulative_records[engine->head + 1] <= engine->processed * (1 + 1e-12) + TINY)
                engine->head++;
}

/* Source records that are in the exchanges: a restart drops them, and the source reads them again. */
double flow_in_flight(const struct engine *engine)
{
        double most = 0;

        for (int i = 0; i < engine->n; i++)
                if (engine->flow[i].visits > 0)
                        most = fmax(most, engine->flow[i].queued / engine->flow[i].visits);
        return most;
}

double flow_waiting(const struct engine *engine)
{
        double most = 0;

        for (int i = 0; i < engine->n; i++) {
                const struct flow_operator *flow = &engine->flow[i];

                if (flow->visits > 0)
                        most = fmax(most, (flow->queued - flow->rate * OBSERVATION_UNDER_WAY_SECONDS) /
                                                  flow->visits);
        }
        return most;
}

/* What came behind the barriers of a checkpoint that is just completed is what is in the exchanges. */
void flow_rewind(struct engine *engine, bool completed)
{
        double interval = engine->setup.model->checkpoints.interval_seconds;
        double since = interval > 0 && !completed
                               ? fmod((double)(engine->tick - engine->checkpoint_base) * engine->step_seconds,
                                      interval)
                               : 0;
        double replay = fmin(fmax(engine->recent_rate * since, flow_in_flight(engine)), engine->processed);
        const struct load *load = engine->setup.load;

        for (int i = 0; i < engine->n; i++) {
                engine->flow[i].backlog += engine->flow[i].share * replay;
                engine->flow[i].queued = 0;
        }
        engine->processed -= replay;
        engine->figures.replayed_records += engine->in_figures ? replay : 0;
        while (engine->head > 0 && load->cumulative_records[engine->head] > engine->processed)
                engine->head--;
}

/* Operators at the middle of a bin of utilisation. */
static void stages_at(const struct engine *engine, int bin, struct latency_stage *stages)
{
        double rate = (bin + .5) / UTILISATION_BINS * engine->limit;

        for (int i = 0; i < engine->n; i++) {
                const struct flow_operator *flow = &engine->flow[i];

                stages[i] = (struct latency_stage){
                        .arrivals_per_second = rate * flow->visits * flow->skew / flow->subtasks,
                        .service_per_second = flow->capacity * flow->skew / flow->subtasks,
                        .service_cv = flow->service_cv,
                };
        }
}

static double base_latency(const struct engine *engine)
{
        return engine->base_latency_seconds +
               engine->setup.model->latency.per_worker_seconds * engine->workers_ready;
}

const struct latency_point *flow_point(struct engine *engine, double rate_per_second)
{
        double utilisation = engine->limit > 0 ? rate_per_second / engine->limit : 1;
        int bin = utilisation >= 1 ? UTILISATION_BINS - 1 : (int)(utilisation * UTILISATION_BINS);
        struct latency_stage stages[PIPELINE_MAX_OPERATORS];

        if (engine->point_known[bin])
                return &engine->point_at[bin];
        stages_at(engine, bin, stages);
        latency_at(base_latency(engine), &engine->latency_scatter, stages, engine->n, &engine->point_at[bin]);
        engine->point_known[bin] = true;
        return &engine->point_at[bin];
}

void flow_fold(struct engine *engine)
{
        double bound = engine->setup.constraints->latency_p99_seconds;

        for (int bin = 0; bin < UTILISATION_BINS; bin++) {
                double seconds = engine->steps_at[bin] * engine->step_seconds;
                struct latency_stage stages[PIPELINE_MAX_OPERATORS];

                if (seconds <= 0)
                        continue;
                stages_at(engine, bin, stages);
                latency_add_point(&engine->figures.latency, seconds, base_latency(engine),
                                  &engine->latency_scatter, stages, engine->n);
                if (flow_point(engine, (bin + .5) / UTILISATION_BINS * engine->limit)->p99 > bound)
                        engine->figures.slo_missed_seconds += seconds;
                engine->steps_at[bin] = 0;
        }
}

/* Steps in which the pipeline keeps up: nothing is carried over, so a step is a look-up and two additions. */
static void run_quiet(struct engine *engine, int64_t until_tick)
{
        const double *rate = engine->setup.load->rate_per_second;
        double most = engine->limit * pause_factor(engine) * QUIET_UTILISATION;
        double scale = UTILISATION_BINS / engine->limit;
        double sum = 0;
        int64_t first = engine->tick, tick = first;

        for (; tick < until_tick && rate[tick] < most; tick++) {
                engine->steps_at[(int)(rate[tick] * scale)] += 1;
                sum += rate[tick];
        }
        if (tick == first) {
                engine->quiet = false;
                return;
        }
        engine->tick = tick;
        engine->head = tick;
        engine->processed = engine->setup.load->cumulative_records[tick];
        engine->recent_rate = rate[tick - 1];
        for (int i = 0; i < engine->n; i++) {
                struct flow_operator *flow = &engine->flow[i];
                double records = sum * engine->step_seconds * flow->visits;

                flow->taken += records;
                flow->busy_seconds += flow->capacity > 0 ? records / flow->capacity : 0;
        }
        measure_fast(engine, tick - first, sum * engine->step_seconds);
}

/* From the sinks up: what each operator could take in, given room downstream. */
static void reckon_accept(struct engine *engine, double factor)
{
        const struct pipeline *pipeline = engine->setup.pipeline;
        int e = pipeline->n_edges - 1;

        for (int i = engine->n - 1; i >= 0; i--) {
                struct flow_operator *flow = &engine->flow[i];

                flow->accept = flow->capacity * factor;
                flow->inflow = 0;
                for (; e >= 0 && pipeline->edges[e].from == i; e--) {
                        const struct flow_operator *next = &engine->flow[pipeline->edges[e].to];
                        double room = next->accept + (next->room - next->queued) / engine->step_seconds;
                        double selectivity = edge_selectivity(&pipeline->edges[e]);

                        if (selectivity > 0)
                                flow->accept = fmin(flow->accept,
                                                    fmax(room, 0) * engine->edge_share[e] / selectivity);
                }
        }
}

/* From the sources down: what is taken, in the share of the step in which the job is up. Returns source
 * records/s. */
static double flow_down(struct engine *engine, double offered, double factor, double up)
{
        const struct pipeline *pipeline = engine->setup.pipeline;
        double dt = engine->step_seconds, total = 0;
        int e = 0;

        for (int i = 0; i < engine->n; i++) {
                struct flow_operator *flow = &engine->flow[i];
                double waiting = (flow->share > 0 ? flow->backlog / dt + offered * flow->share : 0) +
                                 flow->queued / dt + flow->inflow;
                double rate = fmin(flow->accept, waiting);

                if (flow->share > 0) {
                        flow->backlog = fmax(flow->backlog + (offered * flow->share - rate) * dt, 0);
                        total += rate;
                } else {
                        flow->queued = fmax(flow->queued + (flow->inflow - rate) * dt, 0);
                }
                for (; e < pipeline->n_edges && pipeline->edges[e].from == i; e++)
                        engine->flow[pipeline->edges[e].to].inflow +=
                                rate * edge_selectivity(&pipeline->edges[e]);
                flow->rate = rate;
                flow->taken += rate * dt;
                flow->busy_seconds += rate * dt / (flow->capacity * factor);
                if (rate < waiting - TINY && rate < flow->capacity * factor * up - TINY)
                        flow->waiting_seconds += dt * (up - rate / (flow->capacity * factor));
        }
        return total;
}

double flow_queued_seconds(const struct engine *engine)
{
        double seconds = 0;

        for (int i = 0; i < engine->n; i++)
                if (engine->flow[i].queued > 0)
                        seconds += engine->flow[i].queued / engine->flow[i].capacity;
        return seconds;
}

static void age(struct engine *engine, double delay)
{
        double threshold = engine->catch_up.threshold_seconds;

        if (engine->catch_up.time_constant_seconds > 0 && delay > threshold)
                engine->slowness += (1 - engine->slowness) *
                                    -expm1(-engine->step_seconds / engine->catch_up.time_constant_seconds);
        else if (delay <= threshold)
                engine->slowness = 0;
}

static bool nothing_waits(const struct engine *engine, double delay)
{
        for (int i = 0; i < engine->n; i++)
                if (engine->flow[i].queued > TINY || engine->flow[i].backlog > 1e-6)
                        return false;
        return delay <= 0 && engine->tick >= engine->warm_until && engine->slowness <= 0;
}

static void run_step(struct engine *engine)
{
        double offered = engine->setup.load->rate_per_second[engine->tick];
        double factor = capacity_factor(engine), late = late_seconds(engine);
        double up = 1 - late / engine->step_seconds;
        /* What it takes first when it comes up has waited longest. */
        double oldest = engine->tick == engine->up_since ? flow_delay_seconds(engine) + late : 0;
        const struct latency_point *point;
        double taken, delay, queued, p50, p99;

        reckon_accept(engine, factor * up);
        taken = flow_down(engine, offered, factor, up);
        engine->processed += taken * engine->step_seconds;
        engine->tick++;
        if (flow_backlog(engine) <= 1e-6) {
                for (int i = 0; i < engine->n; i++)
                        engine->flow[i].backlog = 0;
                engine->head = engine->tick;
                engine->processed = engine->setup.load->cumulative_records[engine->tick];
        } else {
                move_head(engine);
        }
        engine->recent_rate = taken;
        delay = fmax(flow_delay_seconds(engine), oldest);
        age(engine, delay);
        queued = flow_queued_seconds(engine);
        point = flow_point(engine, fmin(taken / (factor * up), engine->limit));
        p50 = point->p50 + delay + queued;
        p99 = point->p99 + delay + queued;
        if (engine->in_figures && taken > 0) {
                latency_add(&engine->figures.latency, p50, .94 * engine->step_seconds);
                latency_add(&engine->figures.latency, point->p95 + delay + queued,
                            .05 * engine->step_seconds);
                latency_add(&engine->figures.latency, p99, .01 * engine->step_seconds);
        }
        measure_step(engine, offered, taken, delay, p50, p99, true);
        engine->quiet = nothing_waits(engine, delay);
}

void flow_run(struct engine *engine, int64_t until_tick)
{
        while (engine->tick < until_tick) {
                if (engine->quiet)
                        run_quiet(engine, until_tick);
                else
                        run_step(engine);
        }
}

void flow_wait(struct engine *engine, int64_t until_tick)
{
        engine->quiet = false;
        while (engine->tick < until_tick) {
                double offered = engine->setup.load->rate_per_second[engine->tick];

                for (int i = 0; i < engine->n; i++)
                        engine->flow[i].backlog += engine->flow[i].share * offered * engine->step_seconds;
                engine->tick++;
                engine->recent_rate = 0;
                measure_step(engine, offered, 0, flow_delay_seconds(engine), NAN, NAN, false);
        }
}

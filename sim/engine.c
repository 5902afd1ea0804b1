/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/engine.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "sim/engine_internal.h"

enum purpose { FOR_PARAMETERS, FOR_FAILURES, FOR_RESTARTS, FOR_METRICS, FOR_FAULTS };

int64_t engine_time_ms(const struct engine *engine)
{
        return engine->setup.start_ms + engine->tick * engine->setup.step_ms;
}

static int64_t ticks_of(const struct engine *engine, double seconds)
{
        double ticks = ceil(seconds / engine->step_seconds);

        return ticks > 4e15 ? NEVER / 2 : (int64_t)ticks;
}

/* A log-normal factor with the given relative standard error: rates stay positive, and what is next to
 * nothing stays so, however little is known of it. */
static double draw(gsl_rng *rng, double value, double error)
{
        double normal = gsl_ran_ugaussian(rng), ratio;

        if (!(error > 0) || value == 0)
                return value;
        ratio = fmin(error / fabs(value), 1e100);
        return value * exp(normal * sqrt(log1p(ratio * ratio)));
}

static void draw_parameters(struct engine *engine)
{
        const struct model *model = engine->setup.model;
        gsl_rng *rng autocall(gsl_rng_free) =
                random_new(engine->setup.seed, engine->setup.run, FOR_PARAMETERS);
        bool drawn = engine->setup.draw_parameters && engine->setup.run > 0;
        double on = drawn ? 1 : 0;

        for (int i = 0; i < engine->n; i++) {
                struct operator_model *operator= & engine->operators[i];

                *operator=((const struct operator_model *)model->operators.items)[i];
                operator->rate_per_second =
                        draw(rng, operator->rate_per_second, on *operator->rate_per_second_error);
                operator->sigma = draw(rng, operator->sigma, on *operator->sigma_error);
                operator->kappa = draw(rng, operator->kappa, on *operator->kappa_error);
        }
        engine->restart = model->restart;
        engine->restart.median_seconds =
                draw(rng, model->restart.median_seconds, on * model->restart.median_seconds_error);
        engine->failures = model->failures;
        engine->catch_up = model->catch_up;
        engine->catch_up.floor_ratio =
                fmin(draw(rng, model->catch_up.floor_ratio, on * model->catch_up.floor_ratio_error), 1);
        engine->base_latency_seconds =
                draw(rng, model->latency.base_seconds, on * model->latency.base_seconds_error);
        latency_scatter(model->latency.log_sd, &engine->latency_scatter);
        engine->cpu = model->cpu;
        engine->cpu.base_ratio = draw(rng, model->cpu.base_ratio, on * model->cpu.base_ratio_error);
        engine->cpu.worker_seconds_per_record = draw(rng, model->cpu.worker_seconds_per_record,
                                                     on * model->cpu.worker_seconds_per_record_error);
        for (int i = 0; i < engine->n; i++) {
                struct operator_model *operator= & engine->operators[i];

                operator->skew = 1 + draw(rng, fmax(operator->skew, 1) - 1, on * operator->skew_error);
                operator->service_cv = draw(rng, operator->service_cv, on *operator->service_cv_error);
        }
}

/* Time to the next loss: regular with jitter, or Poisson; spot preemptions on top. */
static double next_failure_seconds(struct engine *engine, bool first)
{
        const struct failure_model *failures = &engine->failures;
        double seconds = INFINITY, uniform = gsl_rng_uniform_pos(engine->rng_failures);
        double spot = failures->spot_per_hour * engine->workers_paid / 3600;

        if (failures->every_seconds > 0) {
                double jitter = fmin(failures->jitter_ratio, 1);
                double poisson = -log(uniform) * failures->every_seconds;
                double regular = first && failures->first_after_seconds > 0 ? failures->first_after_seconds
                                 : first ? uniform * failures->every_seconds
                                         : failures->every_seconds;

                seconds = jitter >= 1 ? poisson : regular * (1 + jitter * (2 * uniform - 1));
        }
        if (spot > 0)
                seconds = fmin(seconds, gsl_ran_exponential(engine->rng_failures, 1 / spot));
        return seconds;
}

static void plan_failure(struct engine *engine, bool first)
{
        double seconds = next_failure_seconds(engine, first);

        engine->failure_at = isfinite(seconds) ? engine->tick + ticks_of(engine, seconds) : NEVER;
}

static void settle_price(struct engine *engine)
{
        int64_t now = engine_time_ms(engine);

        if (now <= engine->priced_until_ms)
                return;
        if (engine->in_figures) {
                double seconds = (double)(now - engine->priced_until_ms) / MS_PER_SECOND;

                engine->cost += price_book_integral(engine->setup.prices, engine->priced_until_ms, now,
                                                    engine->workers_paid);
                engine->figures.carbon_grams +=
                        price_book_carbon_grams(engine->setup.prices, engine->priced_until_ms, now,
                                                engine->workers_paid);
                engine->figures.worker_seconds += seconds * engine->workers_paid;
        }
        engine->priced_until_ms = now;
}

/* Orders workers, or lets the youngest go: those are billed for their least time and rounded up. */
static void pay_for(struct engine *engine, int workers)
{
        int64_t now = engine_time_ms(engine);

        if (workers == engine->workers_paid)
                return;
        settle_price(engine);
        if (workers > engine->worker_room) {
                engine->worker_room = 2 * workers;
                engine->worker_since_ms = memory_resize(engine->worker_since_ms, (size_t)engine->worker_room,
                                                        sizeof *engine->worker_since_ms);
        }
        for (int i = engine->workers_paid; i < workers; i++)
                engine->worker_since_ms[i] = now;
        for (int i = workers; i < engine->workers_paid && engine->in_figures; i++)
                engine->cost +=
                        price_book_rounding(engine->setup.prices, now - engine->worker_since_ms[i], now);
        engine->workers_paid = workers;
}

static void go_down(struct engine *engine, bool at_checkpoint)
{
        double metered = fmin(engine->setup.model->metrics.meter_seconds,
                              (double)(engine->tick - engine->up_since) * engine->step_seconds);

        /* An average over the last minute counts each record for a minute, unless the meter dies before. */
        engine->charted.unmetered += engine->recent_rate * metered / 2;
        flow_fold(engine);
        flow_rewind(engine, at_checkpoint);
        engine->state = JOB_DOWN;
        engine->quiet = false;
        engine->seen.restarted = true;
        engine->seen.waiting = 0;
        engine->restarts++;
}

/* Log-normal about a median of which one part is shared by the workers. */
static void stay_down(struct engine *engine, gsl_rng *rng, double median_seconds, double worker_seconds,
                      double log_sd)
{
        double normal = gsl_ran_ugaussian(rng);
        double median = median_seconds + worker_seconds / fmax(engine->deployment.workers, 1);
        double ticks = fmin(median * exp(log_sd * normal) / engine->step_seconds, 4e15);

        engine->up_at = engine->tick + (int64_t)ticks;
        engine->late_seconds = (ticks - floor(ticks)) * engine->step_seconds;
}

static void take_configuration(struct engine *engine)
{
        engine->running = engine->wanted;
        pipeline_deployment(engine->setup.pipeline, &engine->running, &engine->deployment);
        pay_for(engine, engine->deployment.workers);
        engine->workers_ready = engine->deployment.workers;
        flow_configure(engine);
}

static void begin_restart(struct engine *engine)
{
        const struct restart_model *restart = &engine->restart;

        engine->restart_at = NEVER;
        go_down(engine, restart->checkpoint_seconds > 0);
        take_configuration(engine);
        stay_down(engine, engine->rng_restarts, restart->median_seconds, restart->worker_seconds,
                  restart->log_sd);
        engine->figures.rescales += engine->in_figures;
}

static void fail(struct engine *engine)
{
        const struct failure_model *failures = &engine->failures;

        go_down(engine, false);
        stay_down(engine, engine->rng_failures, failures->median_seconds, failures->worker_seconds,
                  failures->log_sd);
        plan_failure(engine, false);
        engine->figures.failures += engine->in_figures;
}

static void come_up(struct engine *engine)
{
        if (engine->state != JOB_DOWN || engine->tick < engine->up_at)
                return;
        engine->up_at = NEVER;
        engine->state = JOB_RUNNING;
        engine->up_since = engine->tick;
        engine->checkpoint_base = engine->tick;
        engine->warm_until = engine->tick + ticks_of(engine, engine->restart.warmup_seconds);
        engine->silent_until = engine->tick + ticks_of(engine, engine->setup.model->metrics.silent_seconds);
        engine->slowness = 0;
}

/* All that is due at this tick: a job that is down for less than a step is up again within it. */
static void handle_events(struct engine *engine)
{
        come_up(engine);
        if (engine->tick >= engine->failure_at) {
                fail(engine);
                come_up(engine);
        }
        if (engine->state == JOB_RUNNING && engine->tick >= engine->restart_at) {
                begin_restart(engine);
                come_up(engine);
        }
}

static int64_t next_event(const struct engine *engine, int64_t until_tick)
{
        int64_t next = until_tick;

        if (engine->state == JOB_DOWN && engine->up_at < next)
                next = engine->up_at;
        if (engine->state == JOB_RUNNING && engine->restart_at < next)
                next = engine->restart_at;
        if (engine->failure_at < next)
                next = engine->failure_at;
        return next > engine->tick ? next : engine->tick;
}

/* Figures begin after the warm-up: what the run did before is forgotten. */
static void begin_figures(struct engine *engine)
{
        settle_price(engine);
        flow_fold(engine);
        engine->figures = (struct figures){0};
        engine->in_figures = true;
}

static void advance_to(struct engine *engine, int64_t until_tick)
{
        while (engine->tick < until_tick) {
                int64_t next = next_event(engine, until_tick);

                if (engine->state == JOB_DOWN)
                        flow_wait(engine, next);
                else
                        flow_run(engine, next);
                handle_events(engine);
        }
}

/* Stops at every boundary of the timeline and of the warm-up on the way. */
void engine_advance(struct engine *engine, int64_t until_tick)
{
        int64_t chart = engine->timeline ? engine->timeline->step_ms / engine->setup.step_ms : 0;
        int64_t warm = engine->setup.warmup_ms / engine->setup.step_ms;

        if (until_tick > engine->end_tick)
                until_tick = engine->end_tick;
        while (engine->tick < until_tick) {
                int64_t next = until_tick;

                if (chart > 0 && (engine->tick / chart + 1) * chart < next)
                        next = (engine->tick / chart + 1) * chart;
                if (!engine->in_figures && warm < next)
                        next = warm;
                advance_to(engine, next);
                if (!engine->in_figures && engine->tick >= warm)
                        begin_figures(engine);
                if (chart > 0 && engine->tick % chart == 0)
                        measure_chart(engine);
        }
}

/*
 * Until a checkpoint is completed, from a moment that has nothing to do with when they begin. One takes as
 * long as what its barriers queue behind in the exchanges; the next begins after the interval, or when it is
 * completed where that is later.
 */
static double checkpoint_wait_seconds(struct engine *engine)
{
        double interval = engine->restart.checkpoint_seconds, takes = flow_queued_seconds(engine);
        double period = fmax(interval, takes), begun;

        if (!(interval > 0))
                return 0;
        begun = gsl_rng_uniform(engine->rng_restarts) * period;
        return begun < takes ? takes - begun : period - begun + takes;
}

/* New workers are paid from the order on; the job restarts when they are ready. Fewer workers: it restarts
 * first. */
bool engine_apply(struct engine *engine, const struct configuration *wanted)
{
        struct deployment next;
        double delay = engine->restart.trigger_delay_seconds;

        if (configuration_equal(wanted, &engine->wanted))
                return false;
        engine->wanted = *wanted;
        if (configuration_equal(wanted, &engine->running)) {
                engine->restart_at = NEVER;
                pay_for(engine, engine->deployment.workers);
                return true;
        }
        pipeline_deployment(engine->setup.pipeline, wanted, &next);
        if (next.workers > engine->workers_paid)
                pay_for(engine, next.workers);
        if (next.workers > engine->workers_ready)
                delay = fmax(delay, engine->setup.model->worker_start_seconds);
        engine->restart_at = engine->tick + ticks_of(engine, delay) +
                             llround(fmin(checkpoint_wait_seconds(engine) / engine->step_seconds, 4e15));
        return true;
}

static void begin(struct engine *engine)
{
        const struct engine_setup *setup = &engine->setup;

        pipeline_deployment(setup->pipeline, &engine->running, &engine->deployment);
        engine->priced_until_ms = setup->start_ms;
        pay_for(engine, engine->deployment.workers);
        engine->workers_ready = engine->deployment.workers;
        engine->restart_at = engine->up_at = NEVER;
        engine->quiet = true;
        engine->in_figures = setup->warmup_ms <= 0;
        draw_parameters(engine);
        flow_configure(engine);
        plan_failure(engine, true);
        if (setup->timeline_step_ms > 0)
                measure_timeline_new(engine);
}

struct engine *engine_new(const struct engine_setup *setup)
{
        struct engine *engine = memory_new(1, sizeof *engine);

        engine->setup = *setup;
        engine->n = setup->pipeline->n_operators;
        engine->step_seconds = (double)setup->step_ms / MS_PER_SECOND;
        engine->end_tick = (int64_t)setup->load->count;
        engine->operators = memory_new((size_t)engine->n, sizeof *engine->operators);
        engine->flow = memory_new((size_t)engine->n, sizeof *engine->flow);
        engine->edge_share = memory_new((size_t)setup->pipeline->n_edges, sizeof *engine->edge_share);
        engine->rng_failures = random_new(setup->seed, setup->run, FOR_FAILURES);
        engine->rng_restarts = random_new(setup->seed, setup->run, FOR_RESTARTS);
        engine->rng_metrics = random_new(setup->seed, setup->run, FOR_METRICS);
        engine->rng_faults = random_new(setup->seed, setup->run, FOR_FAULTS);
        engine->late =
                setup->model->metrics.delay_seconds > 0 ? memory_new(MAX_LATE, sizeof *engine->late) : NULL;
        engine->running = engine->wanted = setup->initial;
        begin(engine);
        return engine;
}

void engine_free(struct engine *engine)
{
        if (!engine)
                return;
        timeline_free(engine->timeline);
        gsl_rng_free(engine->rng_failures);
        gsl_rng_free(engine->rng_restarts);
        gsl_rng_free(engine->rng_metrics);
        gsl_rng_free(engine->rng_faults);
        free(engine->operators);
        free(engine->flow);
        free(engine->edge_share);
        free(engine->late);
        free(engine->worker_since_ms);
        free(engine);
}

bool engine_at_end(const struct engine *engine)
{
        return engine->tick >= engine->end_tick;
}

int64_t engine_end_ms(const struct engine *engine)
{
        return engine->setup.start_ms + engine->end_tick * engine->setup.step_ms;
}

void engine_finish(struct engine *engine, struct figures *ret_figures)
{
        settle_price(engine);
        flow_fold(engine);
        engine->figures.cost = price_sum_to_money(engine->cost);
        engine->figures.backlog_end_records = flow_backlog(engine);
        *ret_figures = engine->figures;
}

void engine_set_faults(struct engine *engine, const struct engine_faults *faults)
{
        engine->faults = *faults;
}

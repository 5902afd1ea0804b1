/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/formulas.h"
#include "sim/calibrate_internal.h"
#include "sim/fit.h"

#define LONG_BEHIND    240 /* steps: throughput is often a moving average of a minute, and latency lags */
#define SHORT_CATCH_UP 120 /* steps */
#define BLOCK          60  /* steps of one operator's samples that count as one */
#define STRIDE         10  /* steps between samples of a long catch-up */
#define FAR_BEHIND     600 /* s; what a pipeline does far behind counts for less: nobody runs one there */
#define EPISODE_WEIGHT 10  /* of a short catch-up, in samples */
#define SHORTEST_DRAIN 4   /* steps */
#define DRAIN_KEPT     0.7 /* of the fastest catch-up */
#define SLOWDOWN_AGE   600 /* s behind that must have been seen before a slowdown is fitted */
#define UNSEEN_MARGIN                                                                                        \
        10 /* an operator that was never seen busy is taken to be so many times faster than its load */

struct samples {
        struct capacity_sample *items;
        size_t count;
};

static void add_sample(struct samples *samples, const struct capacity_sample *sample)
{
        if (!(sample->rate > 0) || !(sample->subtasks > 0))
                return;
        if ((samples->count & (samples->count - 1)) == 0) /* doubles at each power of two */
                samples->items = memory_resize(samples->items, samples->count > 0 ? 2 * samples->count : 1,
                                               sizeof *samples->items);
        samples->items[samples->count++] = *sample;
}

/* ---- pipelines of which only the whole was measured ---- */

static double subtasks_at(const struct fitting *fitting, size_t r, size_t step)
{
        return recording_parallelism_at(fitting->recordings[r], fitting->pipeline, 0, step);
}

/* Records offered in [from, to), steps with fractions; before the start of the recording the first rate
 * holds. */
static double offered_between(const struct recording *recording, double from, double to)
{
        double sum = 0, first = recording->offered[0];

        if (from < 0) {
                sum = isnan(first) ? 0 : (fmin(to, 0) - from) * first;
                from = 0;
        }
        for (double t = from; t < to; t = floor(t) + 1) {
                double width = fmin(floor(t) + 1, to) - t;
                double at = fmin(t, (double)recording->count - 1);
                double rate = recording->offered[(size_t)at];

                sum += isnan(rate) ? 0 : rate * width;
        }
        return sum;
}

/*
 * Records leave in the order they came: between two instants the pipeline took in exactly what had been
 * offered between (first instant - delay then) and (second - delay then). Where work is dealt out unevenly
 * this is less than the throughput, and it is what the oldest record, hence the service level, depends on.
 * Returns records/s, NAN when a delay is not known.
 */
static double rate_by_delay(const struct fitting *fitting, size_t r, size_t first, size_t last)
{
        const struct recording *recording = fitting->recordings[r];
        double delay_first = episodes_delay(fitting->episodes[r], recording, first);
        double delay_last = episodes_delay(fitting->episodes[r], recording, last);

        return offered_between(recording, (double)first - delay_first, (double)last - delay_last) /
               (double)(last - first);
}

/* Throughput while behind: that is capacity, once the pipeline has been behind for longer than metrics lag.
 */
static void sample_behind(const struct fitting *fitting, size_t r, size_t start, size_t end, size_t episode,
                          struct samples *samples)
{
        const struct recording *recording = fitting->recordings[r];
        const struct episodes *episodes = fitting->episodes[r];
        size_t behind = 0;

        for (size_t i = start; recording->throughput && i < end; i++) {
                double delay = episodes_delay(episodes, recording, i);

                behind = delay > episodes->behind_seconds ? behind + 1 : 0;
                if (behind < LONG_BEHIND || i % STRIDE != 0 || episodes->still[i])
                        continue;
                add_sample(samples, &(struct capacity_sample){
                                            .subtasks = subtasks_at(fitting, r, i),
                                            .age_seconds = (double)behind,
                                            .rate = recording->throughput[i],
                                            .weight = 1 / (1 + pow(delay / FAR_BEHIND, 2)),
                                            .episode = episode,
                                    });
        }
}

/* A catch-up that is too short for a throughput meter, from its worst moment to its end. */
static void sample_drain(const struct fitting *fitting, size_t r, const struct episode *episode,
                         size_t number, struct samples *samples)
{
        const struct recording *recording = fitting->recordings[r];
        size_t first = episode->end, last = episode->caught_up;
        double most = 0;

        for (size_t i = episode->end; i < last; i++)
                if (episodes_delay(fitting->episodes[r], recording, i) > most) {
                        most = episodes_delay(fitting->episodes[r], recording, i);
                        first = i;
                }
        if (!recording->offered || last >= recording->count || last < first + SHORTEST_DRAIN)
                return;
        add_sample(samples, &(struct capacity_sample){
                                    .subtasks = subtasks_at(fitting, r, last),
                                    .age_seconds = (double)(last - episode->end) / 2,
                                    .rate = rate_by_delay(fitting, r, first, last),
                                    .weight = EPISODE_WEIGHT,
                                    .episode = number,
                            });
}

/* A catch-up can only have been slower than the capacity: with little load the metrics' own delay is longer
 * than it. So the ones well below the fastest of the recording are left out. */
static void keep_fastest(struct samples *samples, size_t first)
{
        double fastest = 0;
        size_t kept = first;

        for (size_t i = first; i < samples->count; i++)
                fastest = fmax(fastest, samples->items[i].rate / samples->items[i].subtasks);
        for (size_t i = first; i < samples->count; i++)
                if (samples->items[i].rate / samples->items[i].subtasks >= DRAIN_KEPT * fastest)
                        samples->items[kept++] = samples->items[i];
        samples->count = kept;
}

/* Each recording counts alike, however long it was behind. */
static void balance(struct samples *samples, size_t first)
{
        double sum = 0;

        for (size_t i = first; i < samples->count; i++)
                sum += samples->items[i].weight;
        for (size_t i = first; i < samples->count; i++)
                samples->items[i].weight /= sum;
}

static void sample_recording(const struct fitting *fitting, size_t r, size_t *episode,
                             struct samples *samples)
{
        const struct episodes *episodes = fitting->episodes[r];
        size_t first = samples->count, start = 0;

        for (size_t e = 0; episodes->calm && e < episodes->count; e++)
                if (episodes->items[e].caught_up < episodes->items[e].end + SHORT_CATCH_UP)
                        sample_drain(fitting, r, &episodes->items[e], (*episode)++, samples);
        keep_fastest(samples, first);
        for (size_t e = 0; e <= episodes->count; e++) {
                size_t next = e < episodes->count ? episodes->items[e].start : fitting->recordings[r]->count;

                sample_behind(fitting, r, start, next, (*episode)++, samples);
                start = e < episodes->count ? episodes->items[e].end : next;
        }
        balance(samples, first);
}

static size_t distinct_subtasks(const struct samples *samples)
{
        size_t distinct = 0;

        for (size_t i = 0; i < samples->count; i++) {
                bool seen = false;

                for (size_t j = 0; j < i && !seen; j++)
                        seen = samples->items[j].subtasks == samples->items[i].subtasks;
                distinct += !seen;
        }
        return distinct;
}

static double longest_behind(const struct samples *samples)
{
        double age = 0;

        for (size_t i = 0; i < samples->count; i++)
                age = fmax(age, samples->items[i].age_seconds);
        return age;
}

static double first_guess(const struct samples *samples, const struct capacity_fit *fit)
{
        double best = 0;

        for (size_t i = 0; i < samples->count; i++)
                best = fmax(best, samples->items[i].rate /
                                          usl_speedup(samples->items[i].subtasks, .02, fit->kappa));
        return best;
}

/* No subtask takes in more than its share of a worker's CPU allows, however fast a catch-up looked. */
static double cpu_bound(const struct fitting *fitting)
{
        const struct cpu_model *cpu = &fitting->result->model.cpu;

        if (!(cpu->limit_ratio > 0) || !(cpu->worker_seconds_per_record_error > 0))
                return INFINITY;
        return (cpu->limit_ratio - cpu->base_ratio) / cpu->worker_seconds_per_record /
               fitting->pipeline->slots_per_worker;
}

static void keep_fit(struct fitting *fitting, const struct capacity_fit *fit, const struct samples *samples)
{
        struct operator_model *operator= fitting->result->model.operators.items;
        struct catch_up_model *catch_up = &fitting->result->model.catch_up;
        char name[80];

        operator->rate_per_second = fmin(fit->rate, cpu_bound(fitting));
        operator->rate_per_second_error = fit->rate_error;
        operator->sigma = fit->sigma;
        operator->sigma_error = fit->sigma_error;
        operator->kappa = fit->kappa;
        operator->kappa_error = fit->kappa_error;
        snprintf(name, sizeof name, "operators.%s.ratePerSecond", operator->name);
        calibrate_note(fitting, name, "records/s", operator->rate_per_second, fit->rate_error,
                       "one subtask; from %zu samples while behind, scatter %.0f %%", samples->count,
                       100 * fit->residual_sd);
        snprintf(name, sizeof name, "operators.%s.sigma", operator->name);
        calibrate_note(fitting, name, NULL, fit->sigma, fit->free_sigma ? fit->sigma_error : NAN,
                       fit->free_sigma ? "contention, from %zu numbers of subtasks"
                                       : "only %zu number of subtasks was seen behind; kept from the spec",
                       distinct_subtasks(samples));
        calibrate_note(fitting, "catchUp.floorRatio", NULL, fit->floor,
                       fit->free_slowdown ? fit->floor_error : NAN,
                       fit->free_slowdown ? "capacity after a long time behind; it sinks with %.0f s"
                                          : "never behind for long (%.0f s at most); kept from the spec",
                       fit->free_slowdown ? fit->tau : longest_behind(samples));
        if (!fit->free_slowdown)
                return;
        catch_up->floor_ratio = fit->floor;
        catch_up->floor_ratio_error = fit->floor_error;
        catch_up->time_constant_seconds = fit->tau;
}

/* Never behind: what the CPU would allow. */
static void capacity_from_cpu(struct fitting *fitting)
{
        struct operator_model *operator= fitting->result->model.operators.items;
        const struct cpu_model *cpu = &fitting->result->model.cpu;
        char name[80];

        snprintf(name, sizeof name, "operators.%s.ratePerSecond", operator->name);
        if (!(cpu->worker_seconds_per_record_error > 0) || !(cpu->worker_seconds_per_record > 0)) {
                calibrate_note(fitting, name, "records/s", operator->rate_per_second, NAN,
                               "never behind and no CPU recorded; kept from the spec");
                return;
        }
        operator->rate_per_second =(1 - cpu->base_ratio) / cpu->worker_seconds_per_record /
                fitting->pipeline->slots_per_worker;
        operator->rate_per_second_error = operator->rate_per_second * .2;
        calibrate_note(fitting, name, "records/s", operator->rate_per_second, operator->rate_per_second_error,
                       "never behind: where the CPU would be used up, which may be off by a fifth");
}

static bool calibrate_whole(struct fitting *fitting, struct error *err)
{
        const struct operator_model *prior = fitting->result->model.operators.items;
        const struct catch_up_model *catch_up = &fitting->result->model.catch_up;
        struct capacity_fit fit = {.sigma = prior->sigma,
                                   .kappa = prior->kappa,
                                   .floor = catch_up->floor_ratio,
                                   .tau = fmax(catch_up->time_constant_seconds, 1)};
        struct samples samples = {0};
        size_t episode = 0;
        bool done;

        for (size_t r = 0; r < fitting->n; r++)
                sample_recording(fitting, r, &episode, &samples);
        if (samples.count < 4) {
                free(samples.items);
                capacity_from_cpu(fitting);
                return true;
        }
        fit.free_sigma = distinct_subtasks(&samples) >= 2;
        fit.free_kappa = distinct_subtasks(&samples) >= 3;
        fit.free_slowdown = longest_behind(&samples) >= SLOWDOWN_AGE;
        fit.rate = first_guess(&samples, &fit);
        done = fit_capacity(samples.items, samples.count, &fit, err);
        if (done)
                keep_fit(fitting, &fit, &samples);
        free(samples.items);
        return done;
}

/* ---- operators that were measured one by one ---- */

static void sample_operator(const struct fitting *fitting, size_t r, int i, struct samples *samples)
{
        const struct recording *recording = fitting->recordings[r];

        for (size_t step = 0; step < recording->count; step++) {
                double subtasks = recording_parallelism_at(recording, fitting->pipeline, i, step);
                double busy = recording->busy[i][step], rate = recording->rate[i][step];

                if (fitting->episodes[r]->disturbed[step] || !(busy > .02) || !(rate > 0))
                        continue;
                add_sample(samples, &(struct capacity_sample){
                                            .subtasks = subtasks,
                                            .rate = rate / busy,
                                            .weight = 1,
                                            .episode = step / BLOCK + r * recording->count,
                                    });
        }
}

static void unmeasured_operator(struct fitting *fitting, int i)
{
        struct operator_model *operator=(struct operator_model *) fitting->result->model.operators.items + i;
        double most = 0;
        char name[80];

        for (size_t r = 0; r < fitting->n; r++) {
                const struct recording *recording = fitting->recordings[r];
                const double *rate = recording->throughput ? recording->throughput : recording->offered;
                double peak = rate ? recording_quantile(rate, 0, recording->count, 1) : NAN;

                if (!isnan(peak))
                        most = fmax(most,
                                    peak / fmax(recording_parallelism_at(recording, fitting->pipeline, i, 0),
                                                1));
        }
        operator->rate_per_second = fmax(operator->rate_per_second, UNSEEN_MARGIN *most);
        snprintf(name, sizeof name, "operators.%s.ratePerSecond", operator->name);
        calibrate_note(fitting, name, "records/s", operator->rate_per_second, NAN,
                       "its busy time was not recorded; taken to be far from its limit");
}

static bool calibrate_operator(struct fitting *fitting, int i, struct error *err)
{
        struct operator_model *operator=(struct operator_model *) fitting->result->model.operators.items + i;
        struct capacity_fit fit = {.sigma = operator->sigma, .kappa = operator->kappa, .floor = 1, .tau = 1};
        struct samples samples = {0};
        char name[80];
        bool done;

        for (size_t r = 0; r < fitting->n; r++)
                if (fitting->recordings[r]->busy[i] && fitting->recordings[r]->rate[i])
                        sample_operator(fitting, r, i, &samples);
        if (samples.count < 4) {
                free(samples.items);
                unmeasured_operator(fitting, i);
                return true;
        }
        fit.free_sigma = distinct_subtasks(&samples) >= 2;
        fit.free_kappa = distinct_subtasks(&samples) >= 3;
        fit.rate = first_guess(&samples, &fit);
        done = fit_capacity(samples.items, samples.count, &fit, err);
        if (done) {
                operator->rate_per_second = fit.rate;
                operator->rate_per_second_error = fit.rate_error;
                operator->sigma = fit.sigma;
                operator->sigma_error = fit.sigma_error;
                operator->kappa = fit.kappa;
                operator->kappa_error = fit.kappa_error;
                snprintf(name, sizeof name, "operators.%s.ratePerSecond", operator->name);
                calibrate_note(fitting, name, "records/s", fit.rate, fit.rate_error,
                               "one subtask; %zu samples of rate and busy time, %zu number%s of subtasks",
                               samples.count, distinct_subtasks(&samples),
                               distinct_subtasks(&samples) == 1 ? "" : "s");
        }
        free(samples.items);
        return done || error_wrap(err, "operator %s", operator->name);
}

bool calibrate_operators(struct fitting *fitting, struct error *err)
{
        if (fitting->pipeline->n_operators == 1 && !fitting->recordings[0]->busy[0])
                return calibrate_whole(fitting, err);
        for (int i = 0; i < fitting->pipeline->n_operators; i++)
                if (!calibrate_operator(fitting, i, err))
                        return false;
        return true;
}

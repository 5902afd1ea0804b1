/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "sim/calibrate_internal.h"
#include "sim/fit.h"

#define CPU_BLOCK         60 /* steps averaged before the fit: neighbours are not independent */
#define REGULAR_CV        0.25
#define REGULAR_AT_LEAST  4
#define AROUND            15   /* steps before and after an episode in which a worker may be missing */
#define JUST_AFTER        60   /* steps after an episode in which the oldest record shows */
#define LATENCY_ELSEWHERE 0.25 /* on another number of workers: 0.17 and 0.27 where it was measured */
#define WARM_RATIO        1.5
#define LIMIT_NEARNESS    0.97
#define QUANTILES_ERROR                                                                                      \
        1.49 /* of the distance of the quantiles .84 and .5, times sqrt(n) over it: normal values */
#define NEARLY_ALL       .9999
#define REPLAYS_AT_LEAST 5
#define OTHER_SCALE                                                                                          \
        0.1 /* what a record costs on half as many workers may differ by so much: contention of 0.01 makes   \
               0.1 */
#define GUESSED    0.4 /* relative error of a restart's time that was not measured but reckoned */
#define WARM_STEPS 30  /* after a start in which the CPU is looked at */

/* What a recording that never kept up shows of restarts is mixed with its other troubles. */
static bool tells_restarts(const struct fitting *fitting, size_t r)
{
        for (size_t i = 0; i < fitting->n; i++)
                if (fitting->episodes[i]->calm)
                        return fitting->episodes[r]->calm;
        return true;
}

/* Downtime that is shared by the workers, as seen at two scales; nothing when there was one. */
struct sharing {
        double worker_seconds, few, many;
};

/* Of so many workers' downtime, what there is more than on the most that were seen. */
static double shared_beyond(const struct sharing *sharing, double workers)
{
        return sharing->worker_seconds > 0 ? sharing->worker_seconds * (1 / workers - 1 / sharing->many) : 0;
}

/* Downtimes of the episodes that were (or were not) rescales, as they would have been on the most workers
 * that were seen. Caller frees. */
static double *downtimes(const struct fitting *fitting, bool rescale, const struct sharing *sharing,
                         size_t *ret_count)
{
        double *seconds = NULL;
        size_t count = 0;

        for (size_t r = 0; r < fitting->n; r++) {
                double workers = recording_workers_at(fitting->recordings[r], fitting->pipeline, 0);

                for (size_t e = 0; tells_restarts(fitting, r) && e < fitting->episodes[r]->count; e++) {
                        const struct episode *episode = &fitting->episodes[r]->items[e];
                        double gap = (double)(episode->end - episode->start);

                        /* At the very start the job is being submitted; at the very end it is being
                         * cancelled. */
                        if (episode->rescale != rescale || episode->start == 0 ||
                            episode->end >= fitting->recordings[r]->count)
                                continue;
                        seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                        seconds[count++] = fmax(gap - shared_beyond(sharing, workers), 1);
                }
        }
        *ret_count = count;
        return seconds;
}

struct lognormal {
        double median, median_error, log_sd;
};

static struct lognormal fit_lognormal(double *values, size_t n)
{
        struct lognormal fit = {0};
        double spread;

        gsl_sort(values, 1, n);
        fit.median = sqrt(values[(n - 1) / 2] * values[n / 2]); /* halfway between logarithms */
        spread = gsl_stats_quantile_from_sorted_data(values, 1, n, .84) / fit.median;
        fit.log_sd = n > 2 && spread > 1 ? log(spread) : 0;
        /* Standard error of a median of log-normal values: 1.25 sd / sqrt(n). */
        fit.median_error = fit.median * 1.25 * fit.log_sd / sqrt((double)n);
        return fit;
}

/* Steps around an episode in which there were fewer workers than before it. */
static double worker_missing(const struct recording *recording, const struct episode *episode)
{
        size_t from = episode->start > AROUND ? episode->start - AROUND : 0;
        size_t to = episode->end + AROUND < recording->count ? episode->end + AROUND : recording->count;
        double missing = 0;

        for (size_t i = from; recording->workers && i < to; i++)
                missing += recording->workers[i] < recording->workers[from];
        return missing;
}

/* Without a recorded rescale: a job that lost a worker also waits for the worker, a rescale does not. So what
 * is left of the time it stood still after the worker was back is a restart's. Caller frees. */
static double *restarts_after_failures(const struct fitting *fitting, size_t *ret_count)
{
        double *seconds = NULL;
        size_t count = 0;

        for (size_t r = 0; r < fitting->n; r++)
                for (size_t e = 0; tells_restarts(fitting, r) && e < fitting->episodes[r]->count; e++) {
                        const struct episode *episode = &fitting->episodes[r]->items[e];
                        double missing = worker_missing(fitting->recordings[r], episode);

                        if (episode->rescale || episode->start == 0 || !(missing > 0))
                                continue;
                        seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                        seconds[count++] = fmax((double)(episode->end - episode->start) - missing, 1);
                }
        *ret_count = count;
        return seconds;
}

/*
 * After a restart the oldest record has waited through the gap and since the last checkpoint before it. That
 * is anything between nothing and a whole interval ago, so the interval shows in how much this differs from
 * one restart to the next (90 % of a uniform spread lie between the quantiles .05 and .95, and its ends tell
 * more of where it begins than its middle does). What is left of it is downtime that the metrics did not
 * show. Returns that.
 */
static double calibrate_replay(struct fitting *fitting)
{
        struct checkpoint_model *checkpoints = &fitting->result->model.checkpoints;
        double *seconds = NULL, least, most, interval;
        size_t count = 0;

        for (size_t r = 0; r < fitting->n; r++)
                for (size_t e = 0; tells_restarts(fitting, r) && e < fitting->episodes[r]->count; e++) {
                        const struct episode *episode = &fitting->episodes[r]->items[e];

                        if (!episode->seen || !(episode->peak_delay_seconds > 0))
                                continue;
                        seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                        seconds[count++] =
                                episode->peak_delay_seconds - (double)(episode->end - episode->start);
                }
        /* Where the gap itself was reckoned from the latency, what was read again is in it. */
        checkpoints->interval_seconds = 0;
        if (count < REPLAYS_AT_LEAST) {
                free(seconds);
                return 0;
        }
        gsl_sort(seconds, 1, count);
        least = gsl_stats_quantile_from_sorted_data(seconds, 1, count, .05);
        most = gsl_stats_quantile_from_sorted_data(seconds, 1, count, .95);
        interval = (most - least) / .9;
        free(seconds);
        checkpoints->interval_seconds = interval;
        calibrate_note(fitting, "checkpoints.intervalSeconds", "s", interval,
                       interval / sqrt(2.0 * (double)count),
                       "from how differently old the first records after %zu restarts are", count);
        return fmax((least + most - interval) / 2, 0);
}

/* Downtimes of restarts, by what tells best of them. */
struct downtime_evidence {
        double *seconds; /* owned */
        size_t count;
        const char *from;
        double log_sd;     /* of the starts that the engine told of; NAN: not told */
        double guessed;    /* relative error that is added */
        double resolution; /* s, the same where they are too short to scatter; 0: they were measured */
};

static struct downtime_evidence find_downtimes(const struct fitting *fitting)
{
        const struct sharing unknown = {0};
        struct downtime_evidence found = {.from = "rescales"};

        found.seconds = downtimes(fitting, true, &unknown, &found.count);
        if (found.count == 0) {
                free(found.seconds);
                found.seconds =
                        calibrate_quick_rescales(fitting, &found.count, &found.resolution, &found.log_sd);
                found.from = "rescales, each too short to be seen as a gap";
        }
        if (found.count == 0) {
                free(found.seconds);
                found = (struct downtime_evidence){
                        .from = "failures, less the time the worker was missing: no rescale was recorded",
                        .guessed = GUESSED,
                };
                found.seconds = restarts_after_failures(fitting, &found.count);
        }
        if (found.count == 0) {
                free(found.seconds);
                found.seconds = downtimes(fitting, false, &unknown, &found.count);
                found.from = "restarts after failures: no rescale was recorded";
        }
        return found;
}

/* Downtimes that were too short to be measured scatter as the starts in them do. */
static void keep_scatter_of_starts(struct fitting *fitting, const struct downtime_evidence *found)
{
        struct restart_model *restart = &fitting->result->model.restart;

        if (isnan(found->log_sd))
                return;
        restart->log_sd = found->log_sd;
        calibrate_note(fitting, "restart.logDeviation", NULL, found->log_sd,
                       found->log_sd / sqrt(2 * ((double)found->count - 1)),
                       "scatter of the logarithms of %zu starts that the engine told of", found->count);
}

void calibrate_restarts(struct fitting *fitting)
{
        struct restart_model *restart = &fitting->result->model.restart;
        struct downtime_evidence found = find_downtimes(fitting);
        struct lognormal fit;

        if (found.count == 0) {
                calibrate_note(fitting, "restart.medianSeconds", "s", restart->median_seconds, NAN,
                               "the job never stood still in the recordings; kept from the spec");
                free(found.seconds);
                return;
        }
        fit = fit_lognormal(found.seconds, found.count);
        free(found.seconds);
        restart->median_seconds = fit.median;
        restart->median_seconds_error =
                found.resolution > 0 ? found.resolution : hypot(fit.median_error, found.guessed * fit.median);
        fitting->hidden_downtime_seconds = calibrate_replay(fitting);
        calibrate_note(fitting, "restart.medianSeconds", "s", fit.median, restart->median_seconds_error,
                       "%zu %s", found.count, found.from);
        if (found.resolution > 0) {
                keep_scatter_of_starts(fitting, &found);
                return;
        }
        restart->log_sd = fit.log_sd;
        calibrate_note(fitting, "restart.logDeviation", NULL, fit.log_sd,
                       QUANTILES_ERROR * fit.log_sd / sqrt((double)found.count), "scatter of the logarithms");
}

/* Intervals between failures within each recording, and the first of each. */
static double *failure_intervals(const struct fitting *fitting, size_t *ret_count, double *ret_first,
                                 double *ret_total)
{
        double *seconds = NULL, first = 0;
        size_t count = 0, firsts = 0;

        *ret_total = 0;
        for (size_t r = 0; r < fitting->n; r++) {
                double last = NAN;

                if (!tells_restarts(fitting, r))
                        continue;
                *ret_total += (double)fitting->recordings[r]->count;
                for (size_t e = 0; e < fitting->episodes[r]->count; e++) {
                        const struct episode *episode = &fitting->episodes[r]->items[e];

                        if (episode->rescale || episode->start == 0 ||
                            episode->end >= fitting->recordings[r]->count)
                                continue;
                        if (isnan(last)) {
                                first += (double)episode->start;
                                firsts++;
                        } else {
                                seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                                seconds[count++] = (double)episode->start - last;
                        }
                        last = (double)episode->start;
                }
        }
        *ret_first = firsts > 0 ? first / (double)firsts : NAN;
        *ret_count = count;
        return seconds;
}

/* How long the oldest record waited through an episode, whatever had been waiting before: comparable between
 * a recording that shows gaps and one that bridges them. */
static double oldest_waited(const struct fitting *fitting, size_t r, const struct episode *episode)
{
        const struct recording *recording = fitting->recordings[r];
        size_t before = episode->start > 0 ? episode->start - 1 : 0;
        double waited = (double)(episode->end - episode->start), base;

        base = episodes_delay(fitting->episodes[r], recording, before);
        for (size_t i = episode->end; i < episode->end + JUST_AFTER && i < recording->count; i++) {
                double delay = episodes_delay(fitting->episodes[r], recording, i);

                if (delay - base > waited)
                        waited = delay - base;
        }
        return waited;
}

/* Median downtime of the recordings that ran on so many workers, of whatever kind; 0 when there is none. */
static double median_at(const struct fitting *fitting, double workers)
{
        double *seconds = NULL, median = 0;
        size_t count = 0;

        for (size_t r = 0; r < fitting->n; r++)
                for (size_t e = 0; e < fitting->episodes[r]->count; e++) {
                        const struct episode *episode = &fitting->episodes[r]->items[e];

                        if (episode->start == 0 || episode->end >= fitting->recordings[r]->count ||
                            recording_workers_at(fitting->recordings[r], fitting->pipeline, 0) != workers)
                                continue;
                        seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                        seconds[count++] = oldest_waited(fitting, r, episode);
                }
        if (count >= 3) {
                gsl_sort(seconds, 1, count);
                median = gsl_stats_median_from_sorted_data(seconds, 1, count);
        }
        free(seconds);
        return median;
}

/* State is restored by all workers at once: with two scales the part of the downtime that they share can be
 * told from the rest. */
static struct sharing shared_downtime(const struct fitting *fitting)
{
        struct sharing sharing = {.few = INFINITY};

        for (size_t r = 0; r < fitting->n; r++) {
                double workers = recording_workers_at(fitting->recordings[r], fitting->pipeline, 0);

                if (median_at(fitting, workers) <= 0)
                        continue;
                sharing.few = fmin(sharing.few, workers);
                sharing.many = fmax(sharing.many, workers);
        }
        if (sharing.few < sharing.many)
                sharing.worker_seconds =
                        fmax((median_at(fitting, sharing.few) - median_at(fitting, sharing.many)) /
                                     (1 / sharing.few - 1 / sharing.many),
                             0);
        return sharing;
}

/* Moves what is shared out of the median, which is that of the most workers. */
static void split_downtime(struct fitting *fitting, const struct sharing *sharing)
{
        struct failure_model *failures = &fitting->result->model.failures;

        failures->worker_seconds = 0;
        if (!(sharing->few < sharing->many))
                return;
        failures->worker_seconds = fmin(sharing->worker_seconds, failures->median_seconds * sharing->many);
        failures->median_seconds -= failures->worker_seconds / sharing->many;
        calibrate_note(fitting, "failures.workerSeconds", "s", failures->worker_seconds,
                       failures->worker_seconds / 3, "shared by the workers; from downtimes at %.0f and %.0f",
                       sharing->few, sharing->many);
}

/* A failure that left no trace makes one interval out of two: those near a multiple of the median are cut to
 * it. Sorts; returns the median. */
static double unfold(double *intervals, size_t count)
{
        double middle;

        gsl_sort(intervals, 1, count);
        middle = gsl_stats_median_from_sorted_data(intervals, 1, count);
        for (size_t i = 0; i < count; i++)
                intervals[i] /= fmax(round(intervals[i] / middle), 1);
        gsl_sort(intervals, 1, count);
        return gsl_stats_median_from_sorted_data(intervals, 1, count);
}

void calibrate_failures(struct fitting *fitting)
{
        struct failure_model *failures = &fitting->result->model.failures;
        size_t count, down_count;
        double first, total, middle, spread;
        autofree double *intervals = failure_intervals(fitting, &count, &first, &total);
        const struct sharing sharing = shared_downtime(fitting);
        autofree double *seconds = downtimes(fitting, false, &sharing, &down_count);
        struct lognormal fit;

        if (down_count == 0) {
                calibrate_note(fitting, "failures.everySeconds", "s", failures->every_seconds, NAN,
                               "no failure in the recordings; kept from the spec");
                return;
        }
        fit = fit_lognormal(seconds, down_count);
        failures->median_seconds = fit.median + fitting->hidden_downtime_seconds;
        split_downtime(fitting, &sharing);
        failures->log_sd = fit.log_sd;
        failures->every_seconds = total / (double)down_count;
        failures->jitter_ratio = 1;
        failures->first_after_seconds = 0;
        if (count >= REGULAR_AT_LEAST) {
                middle = unfold(intervals, count);
                spread = gsl_stats_quantile_from_sorted_data(intervals, 1, count, .84) -
                         gsl_stats_quantile_from_sorted_data(intervals, 1, count, .16);
                if (spread / 2 < REGULAR_CV * middle) {
                        failures->every_seconds = middle;
                        failures->first_after_seconds = first;
                        failures->jitter_ratio = spread / 2 / middle;
                }
        }
        calibrate_note(fitting, "failures.everySeconds", "s", failures->every_seconds,
                       failures->jitter_ratio < 1 ? failures->jitter_ratio * failures->every_seconds
                                                  : failures->every_seconds / sqrt((double)down_count),
                       "%zu failures, %s", down_count, failures->jitter_ratio < 1 ? "regular" : "at random");
        calibrate_note(fitting, "failures.medianSeconds", "s", failures->median_seconds, fit.median_error,
                       "downtime, with a scatter of %.2f of its logarithm", fit.log_sd);
}

/* Numbers of workers that the recordings ran on for long: 2 stands for several. */
static int scales_seen(const struct fitting *fitting)
{
        double first =
                recording_quantile(fitting->recordings[0]->workers, 0, fitting->recordings[0]->count, .5);

        for (size_t r = 0; r < fitting->n; r++)
                if (recording_quantile(fitting->recordings[r]->workers, 0, fitting->recordings[r]->count,
                                       .1) != first ||
                    recording_quantile(fitting->recordings[r]->workers, 0, fitting->recordings[r]->count,
                                       .9) != first)
                        return 2;
        return 1;
}

void calibrate_latency(struct fitting *fitting)
{
        struct latency_model *latency = &fitting->result->model.latency;
        double base = 0, sd = 0, latency_threshold = INFINITY;
        size_t n = 0;

        for (size_t r = 0; r < fitting->n; r++) {
                const struct episodes *episodes = fitting->episodes[r];

                if (isnan(episodes->base_latency_seconds) || !episodes->calm)
                        continue;
                latency_threshold = fmin(latency_threshold, episodes->behind_seconds);
                base += episodes->base_latency_seconds;
                sd += episodes->latency_log_sd;
                n++;
        }
        if (n == 0) {
                calibrate_note(
                        fitting, "latency.baseSeconds", "s", latency->base_seconds, NAN,
                        "no recording has the latency of a pipeline that keeps up; kept from the spec");
                return;
        }
        /* The median holds what records waited in queues, and the engine adds that. */
        latency->base_seconds =
                fitting->idle_latency_seconds > 0 ? fitting->idle_latency_seconds : base / (double)n;
        latency->base_seconds_error =
                latency->base_seconds * (scales_seen(fitting) < 2 ? LATENCY_ELSEWHERE : latency->log_sd / 10);
        latency->log_sd = sd / (double)n;
        latency->per_worker_seconds = 0;
        fitting->result->model.catch_up.threshold_seconds = latency_threshold;
        calibrate_note(fitting, "latency.baseSeconds", "s", latency->base_seconds,
                       latency->base_seconds_error, "%s while nothing waits, %zu recording%s",
                       fitting->idle_latency_seconds > 0 ? "without what queues add," : "median", n,
                       n == 1 ? "" : "s");
}

/* ---- CPU ---- */

struct cpu_samples {
        double *load, *cpu; /* records/s a worker; ratio */
        size_t count;
        double workers;
};

static void collect_cpu(const struct fitting *fitting, struct cpu_samples *samples)
{
        double workers = 0;

        for (size_t r = 0; r < fitting->n; r++) {
                const struct recording *recording = fitting->recordings[r];
                const double *rate = recording->throughput ? recording->throughput : recording->offered;

                if (!recording->cpu || !rate)
                        continue;
                samples->load =
                        memory_resize(samples->load, samples->count + recording->count, sizeof(double));
                samples->cpu = memory_resize(samples->cpu, samples->count + recording->count, sizeof(double));
                for (size_t i = 0; i < recording->count; i++) {
                        double there = recording_workers_at(recording, fitting->pipeline, i);

                        if (fitting->episodes[r]->disturbed[i] || isnan(recording->cpu[i]) ||
                            isnan(rate[i]) || !(there > 0))
                                continue;
                        samples->load[samples->count] = rate[i] / there;
                        samples->cpu[samples->count++] = recording->cpu[i];
                        workers += there;
                }
        }
        samples->workers = samples->count > 0 ? workers / (double)samples->count : NAN;
}

/* Correlation time of an AR(1) process from how much averaging over `block` samples takes off its scatter:
 * solves 2/u - 2/u^2 (1 - exp(-u)) = ratio for u = block / time. */
static double correlation_seconds(const double *residual, size_t n, size_t block)
{
        double sum2 = 0, block_sum2 = 0, ratio, low = 1e-3, high = 1e4;
        size_t blocks = n / block;

        for (size_t b = 0; b < blocks; b++) {
                double sum = 0;

                for (size_t i = b * block; i < (b + 1) * block; i++) {
                        sum += residual[i];
                        sum2 += residual[i] * residual[i];
                }
                block_sum2 += pow(sum / (double)block, 2);
        }
        ratio = block_sum2 / (double)blocks / (sum2 / (double)(blocks * block));
        for (int i = 0; i < 60; i++) {
                double u = sqrt(low * high);

                if (2 / u - 2 / (u * u) * -expm1(-u) > ratio)
                        low = u;
                else
                        high = u;
        }
        return (double)block / low;
}

/* Steps after an episode, once its backlog is worked off, in which the CPU is well above what the load takes;
 * adds what is used in them to *sum. Working off the backlog takes CPU, too, but the simulator knows that
 * from the load. */
static size_t warm_steps(const struct fitting *fitting, size_t r, const struct episode *episode, double *sum)
{
        const struct recording *recording = fitting->recordings[r];
        const struct cpu_model *cpu = &fitting->result->model.cpu;
        size_t steps = 0;

        for (size_t i = episode->caught_up; i < episode->caught_up + WARM_STEPS && i < recording->count;
             i++) {
                double load = recording->offered[i] / recording_workers_at(recording, fitting->pipeline, i);
                double expected = cpu->base_ratio + cpu->worker_seconds_per_record * load;

                if (recording->cpu[i] > WARM_RATIO * expected) {
                        *sum += recording->cpu[i];
                        steps++;
                }
        }
        return steps;
}

static void fit_warmup(struct fitting *fitting)
{
        struct restart_model *restart = &fitting->result->model.restart;
        size_t starts = 0, steps = 0;
        double sum = 0;

        for (size_t r = 0; r < fitting->n; r++) {
                const struct recording *recording = fitting->recordings[r];

                for (size_t e = 0; recording->cpu && recording->offered && e < fitting->episodes[r]->count;
                     e++) {
                        steps += warm_steps(fitting, r, &fitting->episodes[r]->items[e], &sum);
                        starts++;
                }
        }
        if (starts == 0)
                return;
        restart->warmup_seconds = (double)steps / (double)starts;
        restart->warmup_cpu_ratio = steps > 0 ? sum / (double)steps : 0;
        calibrate_note(fitting, "restart.warmupSeconds", "s", restart->warmup_seconds,
                       restart->warmup_seconds / sqrt((double)starts),
                       "CPU above the load's after %zu starts, beyond working off the backlog", starts);
}

/* Highest use while the pipeline kept up, single samples left out: that is what the load took, whatever the
 * limit is. */
static double highest_while_calm(const struct fitting *fitting, size_t r)
{
        const struct recording *recording = fitting->recordings[r];
        autofree double *calm = memory_new(recording->count, sizeof *calm);

        for (size_t i = 0; i < recording->count; i++)
                calm[i] = fitting->episodes[r]->disturbed[i] ? NAN : recording->cpu[i];
        return recording_quantile(calm, 0, recording->count, NEARLY_ALL);
}

/* Use that comes back to the same highest value, and only while a backlog is worked off, is held down by a
 * limit. */
static void fit_limit(struct fitting *fitting)
{
        double most = 0, calm = 0, nearly = INFINITY;

        for (size_t r = 0; r < fitting->n; r++) {
                const struct recording *recording = fitting->recordings[r];

                if (!recording->cpu)
                        continue;
                most = fmax(most, recording_quantile(recording->cpu, 0, recording->count, 1));
                nearly = fmin(nearly, recording_quantile(recording->cpu, 0, recording->count, NEARLY_ALL));
                calm = fmax(calm, highest_while_calm(fitting, r));
        }
        if (!(nearly > LIMIT_NEARNESS * most) || calm > LIMIT_NEARNESS * most)
                return;
        fitting->result->model.cpu.limit_ratio = most;
        calibrate_note(fitting, "cpu.limitRatio", NULL, most, most - nearly,
                       "the highest use, reached again and again while behind");
}

void calibrate_cpu(struct fitting *fitting)
{
        struct cpu_model *cpu = &fitting->result->model.cpu;
        struct cpu_samples samples = {0};
        struct error err = ERROR_INIT;
        struct line_fit fit;

        collect_cpu(fitting, &samples);
        if (fit_line_above_zero(samples.load, samples.cpu, samples.count, CPU_BLOCK, &fit, &err)) {
                cpu->base_ratio = fit.intercept;
                cpu->base_ratio_error = fit.intercept_error;
                cpu->worker_seconds_per_record = fit.slope;
                cpu->worker_seconds_per_record_error =
                        hypot(fit.slope_error, scales_seen(fitting) < 2 ? OTHER_SCALE * fit.slope : 0);
                cpu->noise_sd = fit.residual_sd * sqrt(samples.workers);
                for (size_t i = 0; i < samples.count; i++)
                        samples.cpu[i] -= fit.intercept + fit.slope * samples.load[i];
                cpu->noise_correlation_seconds =
                        correlation_seconds(samples.cpu, samples.count, CPU_BLOCK / 2);
                calibrate_note(fitting, "cpu.baseRatio", NULL, fit.intercept, fit.intercept_error,
                               "CPU of a worker without load");
                calibrate_note(fitting, "cpu.workerSecondsPerRecord", "s/record", fit.slope,
                               cpu->worker_seconds_per_record_error,
                               "%zu samples while nothing waits; scatter %.3f", samples.count,
                               fit.residual_sd);
                fit_warmup(fitting);
                fit_limit(fitting);
        } else {
                calibrate_note(fitting, "cpu.workerSecondsPerRecord", "s/record",
                               cpu->worker_seconds_per_record, NAN,
                               "CPU was not recorded, or not while the pipeline kept up; kept from the spec");
        }
        free(samples.load);
        free(samples.cpu);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/prometheus/fill.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define GAUGE_WINDOW_MS 60000 /* of Flink's own rates */
#define GAUGE_TRUST_MS  90000 /* a job that runs for so long has filled that window */

/* ---- the subtasks that run ---- */

struct running {
        const struct task *task;
        const struct subtask **subtasks; /* by index; NULL: not seen */
        int width;                       /* highest index + 1 */
        bool overlap;                    /* attempts of before and after a restart are both seen */
        int64_t newest_ms;
};

static void free_running(struct running *running)
{
        free(running->subtasks);
}

static bool same_place(const struct subtask *a, const struct subtask *b)
{
        return a->index == b->index && a->attempt == b->attempt;
}

static void find_running(const struct task *task, struct running *ret_running)
{
        struct running running = {.task = task, .newest_ms = INT64_MIN};

        for (size_t i = 0; task && i < task->n_subtasks; i++)
                if (!task->subtasks[i].chained && task->subtasks[i].index >= running.width)
                        running.width = task->subtasks[i].index + 1;
        running.subtasks = memory_new((size_t)running.width + 1, sizeof *running.subtasks);
        for (size_t i = 0; task && i < task->n_subtasks; i++) {
                const struct subtask *subtask = &task->subtasks[i];
                const struct subtask **slot = &running.subtasks[subtask->index];

                if (subtask->chained)
                        continue;
                running.overlap |= *slot && (*slot)->attempt != subtask->attempt;
                if (!*slot || subtask->time_ms > (*slot)->time_ms)
                        *slot = subtask;
                if (subtask->time_ms > running.newest_ms)
                        running.newest_ms = subtask->time_ms;
        }
        *ret_running = running;
}

#define auto_running __attribute__((cleanup(free_running))) struct running

/* ---- one operator ---- */

struct rates {
        double in, out;                       /* records/s, all subtasks */
        double busy, busy_max, backpressured; /* sums of ratios, and the greatest */
        int n_counted, n_fallen, n_still, n_unseen, n_begun;
        int64_t stalest_ms;
};

/* Growth a second of a counter; NAN when either sample is not known. */
static double growth(const struct subtask *now, const struct subtask *before, int quantity)
{
        return (now->value[quantity] - before->value[quantity]) * MS_PER_SECOND /
               (double)(now->time_ms - before->time_ms);
}

/* Counts of records never fall but when they begin anew. Flink's times do: of a task that waits it counts the
 * time as busy until the wait is over, and then takes it back. */
static bool fell(const struct subtask *now, const struct subtask *before)
{
        return now->value[SUBTASK_IN] < before->value[SUBTASK_IN] ||
               now->value[SUBTASK_OUT] < before->value[SUBTASK_OUT] || now->time_ms < before->time_ms;
}

/* Clocks and counters are not read at the very same time: a little above 1 is 1, a little below 0 is 0. */
static double as_ratio(double ratio)
{
        return ratio > 1 ? 1 : ratio < 0 ? 0 : ratio;
}

static void count_ratio(double ratio, double *sum, double *greatest)
{
        ratio = as_ratio(ratio);
        *sum += ratio;
        if (greatest)
                *greatest = isnan(ratio) || isnan(*greatest) ? NAN : fmax(*greatest, ratio);
}

static void count_growth(const struct subtask *now, const struct subtask *before, struct rates *rates)
{
        rates->n_counted++;
        rates->in += growth(now, before, SUBTASK_IN);
        rates->out += growth(now, before, SUBTASK_OUT);
        count_ratio(growth(now, before, SUBTASK_BUSY_MS) / MS_PER_SECOND, &rates->busy, &rates->busy_max);
        count_ratio(growth(now, before, SUBTASK_BACKPRESSURED_MS) / MS_PER_SECOND, &rates->backpressured,
                    NULL);
}

static void count_gauges(const struct subtask *now, struct rates *rates)
{
        const double *value = now->value;

        rates->n_counted++;
        rates->in += value[SUBTASK_IN_PER_SECOND];
        rates->out += value[SUBTASK_OUT_PER_SECOND];
        count_ratio(value[SUBTASK_BUSY_MS_PER_SECOND] / MS_PER_SECOND, &rates->busy, &rates->busy_max);
        count_ratio(value[SUBTASK_BACKPRESSURED_MS_PER_SECOND] / MS_PER_SECOND, &rates->backpressured, NULL);
}

/* Whether the rates that Flink tells can be used: there is nothing to compare with, and they are whole. */
static bool use_gauges(const struct fill *fill, const struct task *task)
{
        return !snapshot_same_task(fill->before, task) && fill->now->job[JOB_RUNNING_MS] >= GAUGE_TRUST_MS;
}

static void measure_subtask(const struct fill *fill, const struct running *running, const struct subtask *now,
                            struct rates *rates)
{
        const struct subtask *before = snapshot_same(fill->before, running->task, now);
        int64_t oldest_ms = fill->now->now_ms - fill->options->stale_seconds * MS_PER_SECOND;

        if (now->time_ms < oldest_ms) {
                rates->n_unseen++;
                rates->stalest_ms = now->time_ms < rates->stalest_ms ? now->time_ms : rates->stalest_ms;
        } else if (!before && use_gauges(fill, running->task)) {
                count_gauges(now, rates);
        } else if (!before) {
                rates->n_begun++;
        } else if (fell(now, before)) {
                rates->n_fallen++;
        } else if (now->time_ms == before->time_ms) {
                rates->n_still++;
        } else {
                count_growth(now, before, rates);
        }
}

/* Subtasks of before that are gone while others of their attempt go on: a worker that nobody scrapes. */
static int count_gone(const struct running *now, const struct running *before, bool *ret_goes_on)
{
        bool goes_on = false;
        int gone = 0;

        for (int i = 0; i < before->width; i++) {
                bool there = i < now->width && now->subtasks[i];

                if (!before->subtasks[i])
                        continue;
                goes_on |= there && same_place(now->subtasks[i], before->subtasks[i]);
                gone += !there;
        }
        *ret_goes_on = goes_on;
        return goes_on ? gone : 0;
}

static int measure_subtasks(const struct fill *fill, const struct task *task, struct rates *rates,
                            bool *overlap)
{
        const struct snapshot *known = fill->whole ? fill->whole : fill->partial ? NULL : fill->before;
        auto_running now = {0}, before = {0};
        bool goes_on = false;
        int gone, width;

        find_running(task, &now);
        find_running(snapshot_same_task(known, task), &before);
        *rates = (struct rates){.stalest_ms = INT64_MAX};
        for (int i = 0; i < now.width; i++) {
                if (now.subtasks[i])
                        measure_subtask(fill, &now, now.subtasks[i], rates);
                else
                        rates->n_unseen++;
        }
        gone = count_gone(&now, &before, &goes_on);
        width = gone && before.width > now.width ? before.width : now.width;
        if (width > now.width)
                rates->n_unseen += width - now.width;
        *overlap |= now.overlap;
        if (fill->partial && !goes_on) {
                rates->n_unseen++;
                return 0;
        }
        return width;
}

/* ---- backlog and errors, which chained operators tell ---- */

static double operator_backlog(const struct task *task)
{
        auto_running running = {0};
        double sum = NAN;

        find_running(task, &running);
        for (size_t i = 0; task && i < task->n_subtasks; i++) {
                const struct subtask *row = &task->subtasks[i];
                double pending = row->value[SUBTASK_PENDING];

                if (!row->chained || isnan(pending) || row->index >= running.width)
                        continue;
                if (running.subtasks[row->index] && same_place(running.subtasks[row->index], row))
                        sum = isnan(sum) ? pending : sum + pending;
        }
        return sum;
}

double fill_backlog(const struct pipeline *pipeline, const struct snapshot *snapshot)
{
        double sum = 0;

        for (int i = 0; i < pipeline->n_operators; i++)
                if (pipeline->operators[i].source)
                        sum += operator_backlog(snapshot_task(snapshot, i));
        return sum;
}

static double error_ratio(const struct fill *fill, const struct observation *observation)
{
        double errors = NAN, records = 0;

        for (int i = 0; i < fill->pipeline->n_operators; i++) {
                const struct task *task = snapshot_task(fill->now, i);

                for (size_t k = 0; task && k < task->n_subtasks; k++) {
                        const struct subtask *now = &task->subtasks[k];
                        const struct subtask *before = snapshot_same(fill->before, task, now);

                        if (before && now->chained && now->time_ms > before->time_ms &&
                            !isnan(growth(now, before, SUBTASK_ERRORS)))
                                errors = (isnan(errors) ? 0 : errors) + growth(now, before, SUBTASK_ERRORS);
                }
                if (fill->pipeline->operators[i].source)
                        records += observation->operators[i].in_per_second;
        }
        return errors == 0 ? 0 : as_ratio(errors / records);
}

/* ---- workers ---- */

static void keep_fuller(struct memory_use *use, const struct worker *worker, int used, int most)
{
        struct memory_use found = {worker->value[used], worker->value[most]};

        if (!(found.max_bytes > 0) || isnan(found.used_bytes))
                return;
        if (isnan(use->used_bytes) || found.used_bytes / found.max_bytes > use->used_bytes / use->max_bytes)
                *use = found;
}

static double worker_growth(const struct worker *now, const struct worker *before, int quantity)
{
        double difference;

        if (!before || now->time_ms <= before->time_ms)
                return NAN;
        difference = now->value[quantity] - before->value[quantity];
        return difference < 0 ? NAN : difference * MS_PER_SECOND / (double)(now->time_ms - before->time_ms);
}

static void fill_workers(const struct fill *fill, struct observation *observation)
{
        const struct snapshot *now = fill->now;
        struct memory_observation *memory = &observation->memory;
        double cpus = 0;

        if (!isnan(now->registered_workers))
                observation->workers = (int)fmin(now->registered_workers, 1e6);
        else if (now->n_workers > 0 && !fill->partial)
                observation->workers = (int)now->n_workers;
        observation->workers_ready = observation->workers;
        /* Of all workers, or not at all: the one that is not seen may be the busiest. */
        if (fill->partial)
                return;
        for (size_t i = 0; i < now->n_workers; i++) {
                const struct worker *worker = &now->workers[i];
                const struct worker *before = snapshot_same_worker(fill->before, worker);
                double gc = worker_growth(worker, before, WORKER_GC_MS) / MS_PER_SECOND;

                keep_fuller(&memory->heap, worker, WORKER_HEAP_USED, WORKER_HEAP_MAX);
                keep_fuller(&memory->managed, worker, WORKER_MANAGED_USED, WORKER_MANAGED_MAX);
                keep_fuller(&memory->network, worker, WORKER_NETWORK_USED, WORKER_NETWORK_MAX);
                keep_fuller(&memory->metaspace, worker, WORKER_METASPACE_USED, WORKER_METASPACE_MAX);
                memory->gc_ratio = fmax(memory->gc_ratio, as_ratio(gc));
                cpus += worker_growth(worker, before, WORKER_CPU_NS) / 1e9;
        }
        if (now->n_workers > 0)
                observation->cpu_ratio = cpus / (double)now->n_workers / fill->options->worker_cpus;
}

/* ---- the whole ---- */

static void fill_operator(const struct fill *fill, int operator_index, struct rates *rates,
                          struct observation *observation)
{
        struct operator_observation *operator= & observation->operators[operator_index];
        const struct task *task = snapshot_task(fill->now, operator_index);
        bool overlap = false;
        int width = measure_subtasks(fill, task, rates, &overlap);

        observation->restarting |= overlap;
        observation->counters_reset |= rates->n_fallen > 0 || (rates->n_begun > 0 && fill->before);
        operator->parallelism = width;
        if (fill->pipeline->operators[operator_index].source && rates->n_unseen == 0)
                operator->backlog_records = operator_backlog(task);
        if (width == 0 || rates->n_counted < width)
                return;
        operator->in_per_second = rates->in;
        operator->out_per_second = rates->out;
        operator->busy_ratio = rates->busy / width;
        operator->busy_ratio_max = rates->busy_max;
        operator->backpressure_ratio = rates->backpressured / width;
        /* Sources of before Flink 1.14 count what they send alone. */
        if (fill->pipeline->operators[operator_index].source && rates->in == 0)
                operator->in_per_second = rates->out;
}

/* Flink's latency markers start at the sources; before that a record waits in the backlog. */
static void fill_latency(const struct fill *fill, struct observation *observation)
{
        const double *latency_ms = fill->now->latency_ms;
        double taken = 0, wait;

        for (int i = 0; i < fill->pipeline->n_operators; i++)
                if (fill->pipeline->operators[i].source)
                        taken += observation->operators[i].in_per_second;
        wait = fill_backlog(fill->pipeline, fill->now);
        wait = wait > 0 ? wait / taken : 0;
        observation->latency_p50_seconds = latency_ms[LATENCY_P50] / MS_PER_SECOND + wait;
        observation->latency_p95_seconds = latency_ms[LATENCY_P95] / MS_PER_SECOND + wait;
        observation->latency_p99_seconds = latency_ms[LATENCY_P99] / MS_PER_SECOND + wait;
}

static void fill_job(const struct fill *fill, struct observation *observation)
{
        const double *job = fill->now->job;

        observation->restarting |=
                job[JOB_RUNNING_MS] == 0 || job[JOB_RESTARTING_MS] > 0 || job[JOB_INITIALIZING_MS] > 0;
        observation->restarting |= fill->now->n_tasks == 0 && *fill->now->job_name;
        if (!isnan(job[JOB_RESTARTS]))
                observation->restarts = (int)fmin(job[JOB_RESTARTS], 1e9);
        if (!fill->partial)
                fill_latency(fill, observation);
}

static bool check_fresh(const struct fill *fill, struct error *err)
{
        const struct snapshot *now = fill->now;

        if (now->newest_ms == INT64_MIN ||
            now->now_ms - now->newest_ms <= fill->options->stale_seconds * MS_PER_SECOND)
                return true;
        error_set(err, ERROR_INCOMPLETE, "StaleMetrics",
                  "the newest sample of job %.60s is %lld s old; expected at most %lld s", now->job_name,
                  (long long)((now->now_ms - now->newest_ms) / MS_PER_SECOND),
                  (long long)fill->options->stale_seconds);
        err->retry = true;
        return false;
}

static bool fail_still(const struct fill *fill, int still, struct error *err)
{
        error_set(err, ERROR_INCOMPLETE, "NoNewSample",
                  "%d subtask%s of job %.60s %s not been scraped since the last look, %.1f s ago", still,
                  still == 1 ? "" : "s", fill->now->job_name, still == 1 ? "has" : "have",
                  (double)(fill->now->now_ms - fill->before->now_ms) / MS_PER_SECOND);
        err->retry = true;
        return false;
}

static void say_unseen(const struct fill *fill, int operator_index, const struct rates *rates, int width,
                       char *why)
{
        size_t used = strlen(why);

        if (rates->n_unseen == 0)
                return;
        if (width == 0)
                snprintf(why + used, WHY_BYTES - used, "%show many subtasks %.40s has is not seen",
                         used ? "; " : "", fill->pipeline->operators[operator_index].name);
        else if (rates->stalest_ms != INT64_MAX)
                snprintf(why + used, WHY_BYTES - used, "%s%d of %d subtasks of %.40s are up to %lld s old",
                         used ? "; " : "", rates->n_unseen, width,
                         fill->pipeline->operators[operator_index].name,
                         (long long)((fill->now->now_ms - rates->stalest_ms) / MS_PER_SECOND));
        else
                snprintf(why + used, WHY_BYTES - used, "%s%d of %d subtasks of %.40s are not seen",
                         used ? "; " : "", rates->n_unseen, width,
                         fill->pipeline->operators[operator_index].name);
}

/* Samples of a clock that runs ahead are no news of tomorrow: after those, today's would be none. */
static int64_t time_of(const struct snapshot *now, int64_t local_ms)
{
        if (now->newest_ms == INT64_MIN || now->newest_ms > now->now_ms)
                return local_ms;
        return local_ms - (now->now_ms - now->newest_ms);
}

bool fill_measured(const struct fill *fill, int64_t local_ms, struct observation *ret_observation,
                   char *ret_why, struct error *err)
{
        const struct snapshot *now = fill->now, *before = fill->before;
        int64_t window_ms = GAUGE_WINDOW_MS;
        int still = 0;

        if (!check_fresh(fill, err))
                return false;
        if (before && before->newest_ms != INT64_MIN && before->newest_ms < now->newest_ms)
                window_ms = now->newest_ms - before->newest_ms;
        else if (before && now->newest_ms == INT64_MIN && before->now_ms < now->now_ms)
                window_ms = now->now_ms - before->now_ms;
        observation_clear(ret_observation, time_of(now, local_ms), window_ms, fill->pipeline->n_operators);
        *ret_why = '\0';
        for (int i = 0; i < fill->pipeline->n_operators; i++) {
                struct rates rates;

                fill_operator(fill, i, &rates, ret_observation);
                say_unseen(fill, i, &rates, ret_observation->operators[i].parallelism, ret_why);
                still += rates.n_still;
        }
        if (still > 0)
                return fail_still(fill, still, err);
        fill_job(fill, ret_observation);
        fill_workers(fill, ret_observation);
        if (!fill->partial)
                ret_observation->error_ratio = error_ratio(fill, ret_observation);
        return true;
}

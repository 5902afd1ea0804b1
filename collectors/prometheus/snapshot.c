/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/prometheus/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define MAX_TRUE_VALUE 1e18  /* 30 years of a billion records a second */
#define MAX_SUBTASKS   32768 /* Flink's largest parallelism */

/* ---- life ---- */

static void forget(double *values, size_t count)
{
        for (size_t i = 0; i < count; i++)
                values[i] = NAN;
}

struct snapshot *snapshot_new(const struct pipeline *pipeline, const char *job_wanted, int64_t now_ms,
                              int64_t max_samples)
{
        struct snapshot *snapshot = memory_new(1, sizeof *snapshot);

        snapshot->pipeline = pipeline;
        snapshot->job_wanted = job_wanted;
        snapshot->now_ms = now_ms;
        snapshot->newest_ms = INT64_MIN;
        snapshot->job_time_ms = INT64_MIN;
        snapshot->max_samples = (size_t)max_samples;
        snapshot->registered_workers = NAN;
        forget(snapshot->job, JOB_QUANTITIES);
        forget(snapshot->latency_ms, LATENCY_QUANTILES);
        return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
        if (!snapshot)
                return;
        for (size_t i = 0; i < snapshot->n_tasks; i++)
                free(snapshot->tasks[i].subtasks);
        free(snapshot->tasks);
        free(snapshot->workers);
        free(snapshot);
}

/* ---- rows ---- */

/* FNV-1a; never 0, which stands for what is not known. */
static uint64_t hash_text(struct exposition_text text)
{
        uint64_t hash = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < text.length; i++)
                hash = (hash ^ (unsigned char)text.bytes[i]) * UINT64_C(1099511628211);
        return text.length && hash ? hash : text.length != 0;
}

/* Makes room for one more row of `size` bytes, doubling. */
static void *grow(void *rows, size_t count, size_t *room, size_t size)
{
        if (count < *room)
                return rows;
        *room = *room ? 2 * *room : 8;
        return memory_resize(rows, *room, size);
}

/* Samples come sorted by metric, so that what is looked for is often the same or the next one. */
static struct task *task_row(struct snapshot *snapshot, struct exposition_text name)
{
        uint64_t hash = hash_text(name);
        struct task *task;

        for (size_t i = 0; i < snapshot->n_tasks; i++)
                if (snapshot->tasks[i].hash == hash)
                        return &snapshot->tasks[i];
        snapshot->tasks =
                grow(snapshot->tasks, snapshot->n_tasks, &snapshot->task_room, sizeof *snapshot->tasks);
        task = &snapshot->tasks[snapshot->n_tasks++];
        *task = (struct task){.hash = hash, .operator_index = -1};
        measure_mangle(name, task->name, sizeof task->name);
        return task;
}

/* Of every metric the subtasks come in the same order, mostly: the search begins where the last one ended. */
static struct subtask *find_subtask(struct task *task, int index, uint64_t attempt, uint64_t chained)
{
        for (size_t i = 0; i < task->n_subtasks; i++) {
                size_t at = (task->next + i) % task->n_subtasks;
                struct subtask *subtask = &task->subtasks[at];

                if (subtask->index == index && subtask->attempt == attempt && subtask->chained == chained) {
                        task->next = at + 1;
                        return subtask;
                }
        }
        return NULL;
}

static struct subtask *add_row(struct task *task, int index, uint64_t attempt, uint64_t chained)
{
        struct subtask *subtask;

        task->subtasks = grow(task->subtasks, task->n_subtasks, &task->room, sizeof *task->subtasks);
        subtask = &task->subtasks[task->n_subtasks++];
        *subtask = (struct subtask){.index = index,
                                    .attempt = attempt,
                                    .chained = chained,
                                    .time_ms = INT64_MIN};
        forget(subtask->value, SUBTASK_QUANTITIES);
        return subtask;
}

static struct worker *worker_row(struct snapshot *snapshot, uint64_t hash)
{
        struct worker *worker;

        for (size_t i = 0; i < snapshot->n_workers; i++)
                if (snapshot->workers[i].hash == hash)
                        return &snapshot->workers[i];
        snapshot->workers = grow(snapshot->workers, snapshot->n_workers, &snapshot->worker_room,
                                 sizeof *snapshot->workers);
        worker = &snapshot->workers[snapshot->n_workers++];
        *worker = (struct worker){.hash = hash, .time_ms = INT64_MIN};
        forget(worker->value, WORKER_QUANTITIES);
        return worker;
}

/* ---- fitting names ---- */

/*
 * How well a task's name fits an operator's, both mangled. Flink names a task after what is chained in it:
 * "Source: orders -> map", "sink: Writer".
 */
enum { FIT_NONE, FIT_CHAINED, FIT_PART, FIT_EXACT };

static bool has_part(const char *task, const char *operator)
{
        size_t length = strlen(operator);

        for (const char *at = task; (at = strstr(at, operator)); at++) {
                const char *end = at + length;
                bool begins = at == task || (at - task >= 2 && memcmp(at - 2, ":_", 2) == 0) ||
                              (at - task >= 4 && memcmp(at - 4, "____", 4) == 0);

                if (begins && (*end == '\0' || strncmp(end, ":_", 2) == 0 || strncmp(end, "____", 4) == 0))
                        return true;
        }
        return false;
}

static int fit_name(const char *task, const char *operator)
{
        if (strcmp(task, operator) == 0)
                return FIT_EXACT;
        /* Reporters may cut long names. */
        if (strlen(task) >= 80 && strncmp(task, operator, strlen(task)) == 0)
                return FIT_PART;
        return has_part(task, operator) ? FIT_PART : FIT_NONE;
}

/* Remembers the operator that a name of the task fits best. */
static void fit(const struct pipeline *pipeline, struct task *task, const char *name, int most)
{
        char operator[TASK_NAME_BYTES];

        for (int i = 0; i < pipeline->n_operators; i++) {
                const char *written = pipeline->operators[i].name;
                int score;

                measure_mangle((struct exposition_text){written, strlen(written)}, operator, sizeof operator);
                score = fit_name(name, operator);
                score = score < most ? score : most;
                if (score > task->score) {
                        task->score = score;
                        task->operator_index = i;
                }
        }
}

/* ---- samples ---- */

static double true_value(double value)
{
        return value >= 0 && value <= MAX_TRUE_VALUE ? value : NAN;
}

static bool read_index(struct exposition_text text, int *ret_index)
{
        int index = 0;

        if (text.length == 0 || text.length > 6)
                return false;
        for (size_t i = 0; i < text.length; i++) {
                if (text.bytes[i] < '0' || text.bytes[i] > '9')
                        return false;
                index = index * 10 + (text.bytes[i] - '0');
        }
        *ret_index = index;
        return index < MAX_SUBTASKS;
}

/* One name of a job, one id of it: metrics of two jobs added up would be of none. */
static bool check_job(struct snapshot *snapshot, const struct snapshot_sample *sample, bool *ret_ours,
                      struct error *err)
{
        uint64_t id = hash_text(sample->label[LABEL_JOB_ID]);
        char mangled[TASK_NAME_BYTES];

        measure_mangle(sample->label[LABEL_JOB_NAME], mangled, sizeof mangled);
        *ret_ours = !snapshot->job_wanted || strcmp(mangled, snapshot->job_wanted) == 0;
        if (!*ret_ours)
                return true;
        if (!*snapshot->job_name) {
                snapshot->job_id = id;
                memcpy(snapshot->job_name, mangled, sizeof mangled);
        }
        if (strcmp(snapshot->job_name, mangled) != 0)
                return error_set(
                        err, ERROR_INCOMPLETE, "SeveralJobs",
                        "the metrics are of several jobs, such as %.60s and %.60s; expected `job` to "
                        "name one",
                        snapshot->job_name, mangled);
        if (snapshot->job_id != id)
                return error_set(err, ERROR_INCOMPLETE, "SeveralJobs",
                                 "two jobs are called %.60s; expected `labels` that tell them apart",
                                 snapshot->job_name);
        return true;
}

/* The newer of two samples of the same thing. Where the time comes as a sample of its own there is one. */
static void put(double *value, int64_t *time_ms, const struct snapshot_sample *sample)
{
        if (sample->time_ms != INT64_MIN && sample->time_ms < *time_ms)
                return;
        if (sample->time_ms != INT64_MIN)
                *time_ms = sample->time_ms;
        *value = true_value(sample->value);
}

static int64_t time_of(const struct snapshot_sample *sample)
{
        double seconds = true_value(sample->value);

        return isnan(seconds) || seconds > 1e12 ? INT64_MIN : llround(seconds * MS_PER_SECOND);
}

/* Without a measure it is the time of the others. */
static void add_subtask(struct snapshot *snapshot, const struct measure *measure,
                        const struct snapshot_sample *sample)
{
        struct exposition_text operator= sample->label[LABEL_OPERATOR_NAME];
        uint64_t attempt = hash_text(sample->label[LABEL_ATTEMPT]), chained = 0;
        char name[TASK_NAME_BYTES];
        struct subtask *subtask;
        struct task *task;
        int index;

        if (!sample->label[LABEL_TASK_NAME].length || !read_index(sample->label[LABEL_SUBTASK], &index))
                return;
        task = task_row(snapshot, sample->label[LABEL_TASK_NAME]);
        if (measure && measure->scope == SCOPE_OPERATOR)
                chained = hash_text(operator);
        subtask = find_subtask(task, index, attempt, chained);
        if (!subtask) {
                subtask = add_row(task, index, attempt, chained);
                measure_mangle(operator, name, sizeof name);
                if (chained)
                        fit(snapshot->pipeline, task, name, FIT_CHAINED);
        }
        subtask->worker = hash_text(sample->label[LABEL_WORKER]);
        if (measure)
                put(&subtask->value[measure->quantity], &subtask->time_ms, sample);
        else
                subtask->time_ms = time_of(sample);
}

static void add_latency(struct snapshot *snapshot, const struct snapshot_sample *sample)
{
        static const char *const quantiles[] = {"0.5", "0.95", "0.99"};

        for (int i = 0; i < LATENCY_QUANTILES; i++)
                if (exposition_equal(sample->label[LABEL_QUANTILE], quantiles[i]))
                        snapshot->latency_ms[i] = fmax(snapshot->latency_ms[i], true_value(sample->value));
}

static void add_measure(struct snapshot *snapshot, const struct measure *measure,
                        const struct snapshot_sample *sample)
{
        struct worker *worker;

        switch (measure->scope) {
        case SCOPE_SUBTASK:
        case SCOPE_OPERATOR:
                add_subtask(snapshot, measure, sample);
                break;
        case SCOPE_JOB:
                put(&snapshot->job[measure->quantity], &snapshot->job_time_ms, sample);
                break;
        case SCOPE_WORKER:
                worker = worker_row(snapshot, hash_text(sample->label[LABEL_WORKER]));
                put(&worker->value[measure->quantity], &worker->time_ms, sample);
                break;
        case SCOPE_CLUSTER:
                snapshot->registered_workers = true_value(sample->value);
                break;
        case SCOPE_LATENCY:
                add_latency(snapshot, sample);
        }
}

static bool is_time(const struct snapshot_sample *sample)
{
        return exposition_equal(sample->label[LABEL_SAMPLE], "time");
}

bool snapshot_add(struct snapshot *snapshot, const struct snapshot_sample *sample, struct error *err)
{
        bool time = sample->label[LABEL_SAMPLE].length && is_time(sample), ours = true;
        const struct measure *measure = time ? NULL : measure_find(sample->metric);

        if (!time && !measure)
                return true;
        if (++snapshot->n_samples > snapshot->max_samples)
                return error_set(
                        err, ERROR_LIMIT, "TooManySamples",
                        "more than %zu samples; expected `labels` that narrow them down, or a higher "
                        "maxSamples",
                        snapshot->max_samples);
        if (sample->label[LABEL_JOB_NAME].length && !check_job(snapshot, sample, &ours, err))
                return false;
        if (!ours)
                return true;
        if (measure)
                add_measure(snapshot, measure, sample);
        else if (sample->label[LABEL_TASK_NAME].length)
                add_subtask(snapshot, NULL, sample);
        else
                snapshot->job_time_ms = time_of(sample);
        return true;
}

/* ---- the end ---- */

static struct worker *find_worker(const struct snapshot *snapshot, uint64_t hash)
{
        for (size_t i = 0; hash && i < snapshot->n_workers; i++)
                if (snapshot->workers[i].hash == hash)
                        return &snapshot->workers[i];
        return NULL;
}

/* What chained operators and workers said was scraped together with the task. */
static void spread_times(struct snapshot *snapshot, struct task *task)
{
        for (size_t i = 0; i < task->n_subtasks; i++) {
                struct subtask *subtask = &task->subtasks[i];
                struct worker *worker = find_worker(snapshot, subtask->worker);
                const struct subtask *whole =
                        subtask->chained ? find_subtask(task, subtask->index, subtask->attempt, 0) : NULL;

                if (whole)
                        subtask->time_ms = whole->time_ms;
                if (worker && subtask->time_ms > worker->time_ms)
                        worker->time_ms = subtask->time_ms;
                if (subtask->time_ms > snapshot->newest_ms)
                        snapshot->newest_ms = subtask->time_ms;
        }
}

static bool check_operator(struct snapshot *snapshot, int operator_index, struct error *err)
{
        const char *name = snapshot->pipeline->operators[operator_index].name;
        const struct task *best = snapshot_task(snapshot, operator_index);
        char names[200] = "";

        for (size_t i = 0; i < snapshot->n_tasks; i++) {
                struct task *task = &snapshot->tasks[i];
                size_t used = strlen(names);

                if (best && task != best && task->operator_index == operator_index) {
                        if (task->score == best->score)
                                return error_set(
                                        err, ERROR_INCOMPLETE, "UnknownOperator",
                                        "operator \"%.60s\" may be task %.60s or %.60s; expected the "
                                        "whole name of one",
                                        name, best->name, task->name);
                        task->operator_index = -1;
                }
                if (used < sizeof names - 1)
                        snprintf(names + used, sizeof names - used, "%s%.40s", used ? ", " : "", task->name);
        }
        return best || error_set(err, ERROR_INCOMPLETE, "UnknownOperator",
                                 "no task is called as operator \"%.60s\"; there are %s", name, names);
}

bool snapshot_finish(struct snapshot *snapshot, const struct snapshot *earlier, struct error *err)
{
        for (size_t i = 0; i < snapshot->n_tasks; i++) {
                fit(snapshot->pipeline, &snapshot->tasks[i], snapshot->tasks[i].name, FIT_EXACT);
                spread_times(snapshot, &snapshot->tasks[i]);
        }
        /* While the job starts, its tasks turn up one by one. */
        if (snapshot->n_tasks == 0 || snapshot->job[JOB_RUNNING_MS] == 0 ||
            snapshot->job[JOB_INITIALIZING_MS] > 0)
                return true;
        for (int i = 0; i < snapshot->pipeline->n_operators; i++)
                if (!(earlier && snapshot_task(earlier, i)) && !check_operator(snapshot, i, err))
                        return false;
        return true;
}

const struct task *snapshot_task(const struct snapshot *snapshot, int operator_index)
{
        const struct task *best = NULL;

        for (size_t i = 0; i < snapshot->n_tasks; i++) {
                const struct task *task = &snapshot->tasks[i];

                if (task->operator_index == operator_index && (!best || task->score > best->score))
                        best = task;
        }
        return best;
}

const struct task *snapshot_same_task(const struct snapshot *earlier, const struct task *task)
{
        for (size_t i = 0; earlier && task && i < earlier->n_tasks; i++)
                if (earlier->tasks[i].hash == task->hash)
                        return &earlier->tasks[i];
        return NULL;
}

const struct subtask *snapshot_same(const struct snapshot *earlier, const struct task *task,
                                    const struct subtask *subtask)
{
        const struct task *same = snapshot_same_task(earlier, task);

        for (size_t i = 0; same && i < same->n_subtasks; i++) {
                const struct subtask *found = &same->subtasks[i];

                if (found->index == subtask->index && found->attempt == subtask->attempt &&
                    found->chained == subtask->chained)
                        return found;
        }
        return NULL;
}

const struct worker *snapshot_same_worker(const struct snapshot *earlier, const struct worker *worker)
{
        return earlier ? find_worker(earlier, worker->hash) : NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/batch.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SETTINGS 10000
#define FIRST_ROOM   16

/* Ids to places in an array, as a tree of the C library's. */
struct batch_index {
        void *root;
};

struct place {
        int64_t id, attempt;
        char *name; /* instead of numbers */
        size_t place;
};

static int compare_places(const void *a, const void *b)
{
        const struct place *left = a, *right = b;

        if (left->name && right->name)
                return strcmp(left->name, right->name);
        if (left->id != right->id)
                return left->id < right->id ? -1 : 1;
        return (left->attempt > right->attempt) - (left->attempt < right->attempt);
}

static void place_free(void *object)
{
        struct place *node = object;

        free(node->name);
        free(node);
}

static const struct place *index_find(const struct batch_index *index, const struct place *key)
{
        struct place *const *found = tfind(key, &index->root, compare_places);

        return found ? *found : NULL;
}

static void index_add(struct batch_index *index, const struct place *key, size_t place)
{
        struct place *node = memory_new(1, sizeof *node);

        *node = (struct place){key->id, key->attempt, memory_copy_text(key->name), place};
        tsearch(node, &index->root, compare_places);
}

static void index_free(struct batch_index *index)
{
        if (index)
                tdestroy(index->root, place_free);
        free(index);
}

/* Room for one more in an array that doubles; the new one is zeroed. */
static void *grown(void *array, size_t count, size_t size)
{
        char *larger = array;

        if (count == 0 || (count >= FIRST_ROOM && (count & (count - 1)) == 0))
                larger = memory_resize(array, count ? count * 2 : FIRST_ROOM, size);
        memset(larger + count * size, 0, size);
        return larger;
}

struct batch_run *batch_run_new(void)
{
        struct batch_run *run = memory_new(1, sizeof *run);

        run->origin_ms = run->started_ms = run->ended_ms = run->exit_code = BATCH_UNKNOWN;
        run->stage_index = memory_new(1, sizeof *run->stage_index);
        run->executor_index = memory_new(1, sizeof *run->executor_index);
        run->job_index = memory_new(1, sizeof *run->job_index);
        run->query_index = memory_new(1, sizeof *run->query_index);
        return run;
}

static void stage_clear(struct batch_stage *stage)
{
        free(stage->name);
        free(stage->parents);
        free(stage->tasks);
}

void batch_run_free(struct batch_run *run)
{
        if (!run)
                return;
        for (size_t i = 0; i < run->n_stages; i++)
                stage_clear(&run->stages[i]);
        for (size_t i = 0; i < run->n_jobs; i++)
                free(run->jobs[i].stages);
        for (size_t i = 0; i < run->n_executors; i++)
                free(run->executors[i].name);
        for (size_t i = 0; i < run->n_queries; i++)
                free(run->queries[i].name);
        for (size_t i = 0; i < run->n_settings; i++) {
                free(run->settings[i].name);
                free(run->settings[i].value);
        }
        index_free(run->stage_index);
        index_free(run->executor_index);
        index_free(run->job_index);
        index_free(run->query_index);
        free(run->stages);
        free(run->jobs);
        free(run->executors);
        free(run->queries);
        free(run->settings);
        free(run->id);
        free(run->name);
        free(run->version);
        free(run);
}

static bool too_many(const char *what, size_t limit, struct error *err)
{
        return error_set(err, ERROR_LIMIT, NULL, "more than %zu %s", limit, what);
}

const struct batch_stage *batch_run_find_stage(const struct batch_run *run, int64_t id, int64_t attempt)
{
        const struct place *found =
                index_find(run->stage_index, &(struct place){.id = id, .attempt = attempt});

        return found ? &run->stages[found->place] : NULL;
}

bool batch_run_stage(struct batch_run *run, int64_t id, int64_t attempt, struct batch_stage **ret_stage,
                     struct error *err)
{
        const struct place key = {.id = id, .attempt = attempt};
        const struct place *found = index_find(run->stage_index, &key);
        struct batch_stage *stage;

        if (found) {
                *ret_stage = &run->stages[found->place];
                return true;
        }
        if (run->n_stages == BATCH_MAX_STAGES)
                return too_many("stages", BATCH_MAX_STAGES, err);
        run->stages = grown(run->stages, run->n_stages, sizeof *run->stages);
        index_add(run->stage_index, &key, run->n_stages);
        stage = &run->stages[run->n_stages++];
        stage->id = id;
        stage->attempt = attempt;
        stage->submitted_ms = stage->completed_ms = BATCH_UNKNOWN;
        *ret_stage = stage;
        return true;
}

bool batch_run_executor(struct batch_run *run, const char *name, uint32_t *ret_executor, struct error *err)
{
        autofree char *copy = memory_copy_text(name);
        const struct place key = {.name = copy};
        const struct place *found = index_find(run->executor_index, &key);
        struct batch_executor *executor;

        if (found) {
                *ret_executor = (uint32_t)found->place;
                return true;
        }
        if (run->n_executors == BATCH_MAX_EXECUTORS)
                return too_many("executors", BATCH_MAX_EXECUTORS, err);
        run->executors = grown(run->executors, run->n_executors, sizeof *run->executors);
        index_add(run->executor_index, &key, run->n_executors);
        *ret_executor = (uint32_t)run->n_executors;
        executor = &run->executors[run->n_executors++];
        executor->name = TAKE(copy);
        executor->added_ms = executor->removed_ms = BATCH_UNKNOWN;
        return true;
}

bool batch_run_job(struct batch_run *run, int64_t id, struct batch_job **ret_job, struct error *err)
{
        const struct place key = {.id = id};
        const struct place *found = index_find(run->job_index, &key);

        if (!found && run->n_jobs == BATCH_MAX_JOBS)
                return too_many("jobs", BATCH_MAX_JOBS, err);
        if (!found) {
                run->jobs = grown(run->jobs, run->n_jobs, sizeof *run->jobs);
                index_add(run->job_index, &key, run->n_jobs);
                run->jobs[run->n_jobs++] = (struct batch_job){.id = id,
                                                              .submitted_ms = BATCH_UNKNOWN,
                                                              .ended_ms = BATCH_UNKNOWN,
                                                              .query = -1};
        }
        *ret_job = &run->jobs[found ? found->place : run->n_jobs - 1];
        return true;
}

bool batch_run_query(struct batch_run *run, int64_t id, struct batch_query **ret_query, struct error *err)
{
        const struct place key = {.id = id};
        const struct place *found = index_find(run->query_index, &key);

        if (!found && run->n_queries == BATCH_MAX_QUERIES)
                return too_many("queries", BATCH_MAX_QUERIES, err);
        if (!found) {
                run->queries = grown(run->queries, run->n_queries, sizeof *run->queries);
                index_add(run->query_index, &key, run->n_queries);
                run->queries[run->n_queries++] = (struct batch_query){.id = id,
                                                                      .started_ms = BATCH_UNKNOWN,
                                                                      .ended_ms = BATCH_UNKNOWN};
        }
        *ret_query = &run->queries[found ? found->place : run->n_queries - 1];
        return true;
}

/* Grows by a quarter, so that the tasks of one huge stage do not take twice their room. */
bool batch_run_add_task(struct batch_run *run, struct batch_stage *stage, const struct batch_task *task,
                        struct error *err)
{
        if (run->n_tasks == BATCH_MAX_TASKS)
                return too_many("tasks", BATCH_MAX_TASKS, err);
        if (stage->n_tasks == stage->room) {
                stage->room += stage->room / 4 + 4;
                stage->tasks = memory_resize(stage->tasks, stage->room, sizeof *stage->tasks);
        }
        stage->tasks[stage->n_tasks++] = *task;
        run->n_tasks++;
        return true;
}

bool batch_run_set(struct batch_run *run, const char *name, const char *value, struct error *err)
{
        for (size_t i = 0; i < run->n_settings; i++) {
                if (strcmp(run->settings[i].name, name) == 0) {
                        free(run->settings[i].value);
                        run->settings[i].value = memory_copy_text(value);
                        return true;
                }
        }
        if (run->n_settings == MAX_SETTINGS)
                return too_many("settings", MAX_SETTINGS, err);
        run->settings = grown(run->settings, run->n_settings, sizeof *run->settings);
        run->settings[run->n_settings++] =
                (struct batch_setting){memory_copy_text(name), memory_copy_text(value)};
        return true;
}

const char *batch_run_setting(const struct batch_run *run, const char *name)
{
        for (size_t i = run->n_settings; i-- > 0;) {
                if (strcmp(run->settings[i].name, name) == 0)
                        return run->settings[i].value;
        }
        return NULL;
}

static void earlier(int64_t *first, int64_t candidate)
{
        if (candidate != BATCH_UNKNOWN && (*first == BATCH_UNKNOWN || candidate < *first))
                *first = candidate;
}

static void later(int64_t *last, int64_t candidate)
{
        if (candidate != BATCH_UNKNOWN && candidate > *last)
                *last = candidate;
}

int64_t batch_run_first_ms(const struct batch_run *run)
{
        int64_t first = run->started_ms;

        if (first != BATCH_UNKNOWN)
                return first;
        earlier(&first, run->origin_ms);
        for (size_t i = 0; i < run->n_jobs; i++)
                earlier(&first, run->jobs[i].submitted_ms);
        return first;
}

int64_t batch_run_last_ms(const struct batch_run *run)
{
        int64_t last = batch_run_first_ms(run);

        if (run->ended_ms != BATCH_UNKNOWN && run->ended_ms >= last)
                return run->ended_ms;
        for (size_t i = 0; i < run->n_jobs; i++)
                later(&last, run->jobs[i].ended_ms);
        for (size_t s = 0; s < run->n_stages; s++) {
                const struct batch_stage *stage = &run->stages[s];

                later(&last, stage->completed_ms);
                for (size_t t = 0; t < stage->n_tasks; t++)
                        later(&last, run->origin_ms + stage->tasks[t].launched_ms + stage->tasks[t].took_ms);
        }
        return last;
}

bool batch_run_failed(const struct batch_run *run)
{
        const struct batch_job *last = NULL;

        if (run->ended_ms == BATCH_UNKNOWN)
                return false;
        if (run->exit_code != BATCH_UNKNOWN && run->exit_code != 0)
                return true;
        for (size_t i = 0; i < run->n_jobs; i++) {
                if (run->jobs[i].ended_ms == BATCH_UNKNOWN)
                        return true;
                if (!last || run->jobs[i].ended_ms >= last->ended_ms)
                        last = &run->jobs[i];
        }
        return last && last->failed;
}

struct batch_held batch_run_held(const struct batch_run *run)
{
        struct batch_held sum = {0};

        for (size_t i = 0; i < run->n_executors; i++) {
                const struct batch_executor *executor = &run->executors[i];
                int64_t from =
                        executor->added_ms == BATCH_UNKNOWN ? batch_run_first_ms(run) : executor->added_ms;
                int64_t to =
                        executor->removed_ms == BATCH_UNKNOWN ? batch_run_last_ms(run) : executor->removed_ms;
                double seconds = to > from ? (double)(to - from) / 1e3 : 0;

                sum.executor_seconds += seconds;
                sum.core_seconds += seconds * (double)executor->cores;
        }
        return sum;
}

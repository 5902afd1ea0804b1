/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_BATCH_SCENE_H
#define OPTCTL_TESTS_SUPPORT_BATCH_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/batch.h"

/* A batch run, written down line by line. Times are milliseconds after START. */
#define START INT64_C(1700000000000)

static inline struct batch_run *run_new(int executors, int64_t cores, int64_t came_ms)
{
        struct batch_run *run = batch_run_new();
        struct error err = ERROR_INIT;

        run->started_ms = run->origin_ms = START;
        for (int i = 0; i < executors; i++) {
                autofree char *name = memory_format("%d", i);
                uint32_t place;

                assert_true(batch_run_executor(run, name, &place, &err));
                run->executors[place].cores = cores;
                run->executors[place].added_ms = START + came_ms;
        }
        return run;
}

static inline int64_t *ids(size_t count, const int64_t *values)
{
        int64_t *copy = memory_new(count + 1, sizeof *copy);

        for (size_t i = 0; i < count; i++)
                copy[i] = values[i];
        return copy;
}

static inline void add_job(struct batch_run *run, int64_t id, int64_t from_ms, int64_t to_ms, size_t n_stages,
                           const int64_t *stages)
{
        struct error err = ERROR_INIT;
        struct batch_job *job;

        assert_true(batch_run_job(run, id, &job, &err));
        job->submitted_ms = START + from_ms;
        job->ended_ms = START + to_ms;
        job->stages = ids(n_stages, stages);
        job->n_stages = n_stages;
}

static inline void add_stage(struct batch_run *run, int64_t id, int64_t from_ms, int64_t to_ms,
                             size_t n_parents, const int64_t *parents)
{
        struct error err = ERROR_INIT;
        struct batch_stage *stage;

        assert_true(batch_run_stage(run, id, 0, &stage, &err));
        stage->submitted_ms = START + from_ms;
        stage->completed_ms = START + to_ms;
        stage->parents = ids(n_parents, parents);
        stage->n_parents = n_parents;
}

static inline void add_task(struct batch_run *run, int64_t stage_id, uint32_t executor, uint32_t from_ms,
                            uint32_t took_ms)
{
        struct error err = ERROR_INIT;
        struct batch_stage *stage;
        struct batch_task task = {.launched_ms = from_ms,
                                  .took_ms = took_ms,
                                  .run_ms = took_ms,
                                  .executor = executor};

        assert_true(batch_run_stage(run, stage_id, 0, &stage, &err));
        task.index = (uint32_t)stage->n_tasks;
        assert_true(batch_run_add_task(run, stage, &task, &err));
}

#endif

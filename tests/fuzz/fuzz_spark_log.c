/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as an event log of Spark's, plain or compressed: read, or refused with one line; never a crash or
 * a hang, and what was read hangs together.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/spark/event_log.h"
#include "sim/batch_advice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct batch_run *run)
{
        size_t tasks = 0;

        for (size_t s = 0; s < run->n_stages; s++) {
                const struct batch_stage *stage = &run->stages[s];

                if (batch_run_find_stage(run, stage->id, stage->attempt) != stage)
                        abort();
                for (size_t t = 0; t < stage->n_tasks; t++) {
                        if (stage->tasks[t].executor >= run->n_executors ||
                            stage->tasks[t].run_ms > stage->tasks[t].took_ms)
                                abort();
                }
                tasks += stage->n_tasks;
        }
        if (tasks != run->n_tasks || batch_run_last_ms(run) < batch_run_first_ms(run))
                abort();
}

static void replay(const struct batch_run *run)
{
        static const struct batch_cluster clusters[] =
                {{.stretch = 1},
                 {.executors = 3, .stretch = 0.5, .warmup = 1, .waiting = 1, .garbage = -0.5},
                 {.executors = 1, .cores = 1, .stretch = 2, .partitions = 7, .beside = 1, .keys_whole = true},
                 {.stretch = 1, .dynamic = {.on = true, .most = 3, .idle_ms = 100, .start_ms = 10}}};
        autocall(batch_model_free) struct batch_model *model = NULL;
        struct error err = ERROR_INIT;

        if (!batch_model_new(run, &model, &err))
                return;
        for (size_t i = 0; i < ARRAY_LENGTH(clusters); i++) {
                struct batch_advice advice[BATCH_ADVICE_MAX];
                struct batch_replay result;

                if (!batch_replay(model, &clusters[i], &result, &err))
                        continue;
                if (!isfinite(result.seconds) || result.seconds < 0 || result.executor_seconds < 0)
                        abort();
                batch_advise(model, &result, advice);
        }
}

static void use(const struct batch_run *run)
{
        check(run);
        replay(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_spark_event_log log = {0};
        struct error err = ERROR_INIT;
        int descriptor = memfd_create("log", MFD_CLOEXEC);
        char path[64];

        if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size)
                abort();
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        if (spark_event_log_read(path, &log, &err))
                use(log.run);
        else if (err.message[0] == '\0' || strchr(err.message, '\n'))
                abort();
        if (log.damage && strchr(log.damage, '\n'))
                abort();
        close(descriptor);
        return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/spark/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "engines/spark/process.h"
#include "engines/spark/setting.h"

/* From an instant on, so many cores more or fewer. */
struct turn {
        int64_t at_ms, cores;
};

/* Who goes at an instant is gone when others come at it. */
static int by_time(const void *one, const void *other)
{
        const struct turn *a = one, *b = other;

        if (a->at_ms != b->at_ms)
                return a->at_ms < b->at_ms ? -1 : 1;
        return (a->cores > b->cores) - (a->cores < b->cores);
}

/* At the same time. */
static double most_cores(const struct batch_run *log)
{
        autofree struct turn *turns = memory_new(2 * log->n_executors + 1, sizeof *turns);
        int64_t cores = 0, most = 0;
        size_t count = 0;

        for (size_t i = 0; i < log->n_executors; i++) {
                const struct batch_executor *it = &log->executors[i];
                bool gone = it->removed_ms != BATCH_UNKNOWN;

                if (gone && it->removed_ms <= it->added_ms)
                        continue;
                turns[count++] = (struct turn){it->added_ms, it->cores};
                if (gone)
                        turns[count++] = (struct turn){it->removed_ms, -it->cores};
        }
        qsort(turns, count, sizeof *turns, by_time);
        for (size_t i = 0; i < count; i++) {
                cores += turns[i].cores;
                most = cores > most ? cores : most;
        }
        return most > 0 ? (double)most : NAN;
}

/* What it had of what it was not told; where it was on a standalone master that is all there is. */
static double had(const struct batch_run *log, const char *name)
{
        if (strcmp(name, "spark.cores.max") == 0)
                return most_cores(log);
        if (strcmp(name, "spark.executor.cores") == 0 && log->n_executors > 0 && log->executors[0].cores > 0)
                return (double)log->executors[0].cores;
        return NAN;
}

static double value_of(const struct batch_run *log, const char *name)
{
        const struct spark_setting setting = spark_setting_of_knob(name);
        const char *said = batch_run_setting(log, setting.name);
        double standard = spark_setting_default(&setting);

        if (said)
                return spark_setting_read(&setting, said);
        return isnan(standard) ? had(log, setting.name) : standard;
}

static bool cores_are_known(const struct batch_run *log)
{
        for (size_t i = 0; i < log->n_executors; i++)
                if (log->executors[i].cores <= 0)
                        return false;
        return log->n_executors > 0;
}

static void read_held(const struct batch_run *log, struct run_observation *run)
{
        struct batch_held held = batch_run_held(log);
        double seconds = (double)(run->ended_ms - run->begun_ms) / 1e3;

        if (log->n_executors == 0)
                return;
        run->worker_seconds = held.executor_seconds;
        if (cores_are_known(log))
                run->core_seconds = held.core_seconds + value_of(log, "spark.driver.cores") * seconds;
        run->byte_seconds = held.executor_seconds * spark_process_bytes(log, SPARK_EXECUTOR, 0) +
                            seconds * spark_process_bytes(log, SPARK_DRIVER, 0);
        if (log->peak_bytes > 0)
                run->peak_bytes = (double)log->peak_bytes;
}

/* What its stages read that no stage of its own had written. */
static double input_of(const struct batch_run *log)
{
        double bytes = 0;

        for (size_t i = 0; i < log->n_stages; i++)
                bytes += (double)log->stages[i].totals.input_bytes;
        return bytes > 0 ? bytes : NAN;
}

/* A standalone master knows of no number of executors. */
static bool is_heeded(const struct batch_run *log, const char *name)
{
        const char *master = batch_run_setting(log, "spark.master");

        return !master || !spark_setting_is_standalone(master) ||
               strcmp(name, "spark.executor.instances") != 0;
}

static void read_configuration(const struct batch_run *log, const struct pipeline *pipeline,
                               struct configuration *ret_configuration)
{
        *ret_configuration = (struct configuration){.count = pipeline->n_knobs};
        for (int i = 0; i < pipeline->n_knobs; i++) {
                struct spark_setting setting = spark_setting_of_knob(pipeline->knobs[i].name);

                ret_configuration->value[i] =
                        setting.name && is_heeded(log, setting.name) ? value_of(log, setting.name) : NAN;
        }
}

static void tell_end(const struct batch_run *log, struct run_observation *run, char *ret_why)
{
        *ret_why = '\0';
        run->failed = log->ended_ms == BATCH_UNKNOWN || batch_run_failed(log);
        if (log->ended_ms == BATCH_UNKNOWN)
                snprintf(ret_why, OBSERVATION_FAILURE_ROOM, "its event log has no end: the driver died");
        else if (run->failed && log->exit_code != BATCH_UNKNOWN && log->exit_code != 0)
                snprintf(ret_why, OBSERVATION_FAILURE_ROOM, "it ended with exit code %lld",
                         (long long)log->exit_code);
        else if (run->failed)
                snprintf(ret_why, OBSERVATION_FAILURE_ROOM, "its last job failed");
}

void spark_run_summary(const struct batch_run *log, const struct pipeline *pipeline,
                       struct run_observation *ret_run, char *ret_why)
{
        *ret_run = (struct run_observation){
                .periodic = true,
                .begun_ms = batch_run_first_ms(log),
                .ended_ms = batch_run_last_ms(log),
                .worker_seconds = NAN,
                .core_seconds = NAN,
                .byte_seconds = NAN,
                .peak_bytes = NAN,
                .input_bytes = input_of(log),
        };
        read_held(log, ret_run);
        read_configuration(log, pipeline, &ret_run->configuration);
        tell_end(log, ret_run, ret_why);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/spark/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engines/spark/setting.h"

#define OVERHEAD    0.10     /* of the memory (spark.executor.memoryOverheadFactor) ... */
#define LEAST_EXTRA 0x1.8p28 /* ... and at least 384 MiB */

static double cores_at(const struct batch_run *log, int64_t at_ms)
{
        double cores = 0;

        for (size_t i = 0; i < log->n_executors; i++) {
                const struct batch_executor *executor = &log->executors[i];
                bool gone = executor->removed_ms != BATCH_UNKNOWN && executor->removed_ms <= at_ms;

                if (executor->added_ms <= at_ms && !gone)
                        cores += (double)executor->cores;
        }
        return cores;
}

static double most_cores(const struct batch_run *log)
{
        double most = 0;

        for (size_t i = 0; i < log->n_executors; i++)
                most = fmax(most, cores_at(log, log->executors[i].added_ms));
        return most > 0 ? most : NAN;
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

static bool begins(const char *text, const char *start)
{
        return text && strncmp(text, start, strlen(start)) == 0;
}

/* Cluster managers that give a JVM a container give it some memory on top. */
static double process_bytes(const struct batch_run *log, const char *memory, const char *overhead)
{
        const char *master = batch_run_setting(log, "spark.master");
        double bytes = value_of(log, memory), extra = value_of(log, overhead);

        if (isnan(extra))
                extra = begins(master, "yarn") || begins(master, "k8s") ? fmax(OVERHEAD * bytes, LEAST_EXTRA)
                                                                        : 0;
        return bytes + extra;
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
        run->byte_seconds =
                held.executor_seconds *
                        process_bytes(log, "spark.executor.memory", "spark.executor.memoryOverhead") +
                seconds * process_bytes(log, "spark.driver.memory", "spark.driver.memoryOverhead");
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/prometheus/measures.h"

#include <ctype.h>
#include <string.h>

#include "core/memory.h"

#define TASK    "flink_taskmanager_job_task_"
#define JOB     "flink_jobmanager_job_"
#define STATUS  "flink_taskmanager_Status_"
#define LATENCY "latency_source_id_operator_id_operator_subtask_index_latency"

static const struct measure measures[] = {
        {TASK "numRecordsIn", SCOPE_SUBTASK, SUBTASK_IN},
        {TASK "numRecordsOut", SCOPE_SUBTASK, SUBTASK_OUT},
        {TASK "accumulateBusyTimeMs", SCOPE_SUBTASK, SUBTASK_BUSY_MS},
        {TASK "accumulateBackPressuredTimeMs", SCOPE_SUBTASK, SUBTASK_BACKPRESSURED_MS},
        {TASK "numRecordsInPerSecond", SCOPE_SUBTASK, SUBTASK_IN_PER_SECOND},
        {TASK "numRecordsOutPerSecond", SCOPE_SUBTASK, SUBTASK_OUT_PER_SECOND},
        {TASK "busyTimeMsPerSecond", SCOPE_SUBTASK, SUBTASK_BUSY_MS_PER_SECOND},
        {TASK "backPressuredTimeMsPerSecond", SCOPE_SUBTASK, SUBTASK_BACKPRESSURED_MS_PER_SECOND},
        {TASK "operator_pendingRecords", SCOPE_OPERATOR, SUBTASK_PENDING},
        {TASK "operator_numRecordsInErrors", SCOPE_OPERATOR, SUBTASK_ERRORS},
        {JOB "numRestarts", SCOPE_JOB, JOB_RESTARTS},
        {JOB "runningTime", SCOPE_JOB, JOB_RUNNING_MS},
        {JOB "restartingTime", SCOPE_JOB, JOB_RESTARTING_MS},
        {JOB "initializingTime", SCOPE_JOB, JOB_INITIALIZING_MS},
        {STATUS "JVM_Memory_Heap_Used", SCOPE_WORKER, WORKER_HEAP_USED},
        {STATUS "JVM_Memory_Heap_Max", SCOPE_WORKER, WORKER_HEAP_MAX},
        {STATUS "Flink_Memory_Managed_Used", SCOPE_WORKER, WORKER_MANAGED_USED},
        {STATUS "Flink_Memory_Managed_Total", SCOPE_WORKER, WORKER_MANAGED_MAX},
        {STATUS "Shuffle_Netty_UsedMemory", SCOPE_WORKER, WORKER_NETWORK_USED},
        {STATUS "Shuffle_Netty_TotalMemory", SCOPE_WORKER, WORKER_NETWORK_MAX},
        {STATUS "JVM_Memory_Metaspace_Used", SCOPE_WORKER, WORKER_METASPACE_USED},
        {STATUS "JVM_Memory_Metaspace_Max", SCOPE_WORKER, WORKER_METASPACE_MAX},
        {STATUS "JVM_GarbageCollector_All_Time", SCOPE_WORKER, WORKER_GC_MS},
        {STATUS "JVM_CPU_Time", SCOPE_WORKER, WORKER_CPU_NS},
        {"flink_jobmanager_numRegisteredTaskManagers", SCOPE_CLUSTER, 0},
        /* As Flink 2 and Flink 1 call it. */
        {TASK LATENCY, SCOPE_LATENCY, 0},
        {"flink_taskmanager_job_" LATENCY, SCOPE_LATENCY, 0},
};

const struct measure *measure_find(struct exposition_text metric)
{
        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
                if (exposition_equal(metric, measures[i].metric))
                        return &measures[i];
        return NULL;
}

const char *label_name(enum known_label label)
{
        static const char *const names[] = {"job_name",      "job_id",        "task_name",
                                            "operator_name", "subtask_index", "task_attempt_id",
                                            "tm_id",         "quantile",      "sample"};

        return names[label];
}

void measure_mangle(struct exposition_text name, char *buffer, size_t room)
{
        size_t length = 0;

        for (size_t i = 0; i < name.length && length + 1 < room; i++) {
                unsigned char c = (unsigned char)name.bytes[i];

                if ((c & 0xc0) == 0x80) /* the rest of a character */
                        continue;
                buffer[length++] = c < 0x80 && (isalnum(c) || c == ':') ? (char)c : '_';
        }
        buffer[length] = '\0';
}

/* ---- the query ---- */

/* A PromQL string in quotes; `regex`: that matches just this text. */
static void put_string(struct text *out, const char *text, bool regex)
{
        for (; *text; text++) {
                if (regex && strchr("\\.+*?()|[]{}^$", *text))
                        text_put(out, "\\\\");
                if (*text == '\n')
                        text_put(out, "\\n");
                else if (*text == '"' || *text == '\\')
                        text_format(out, "\\%c", *text);
                else
                        text_add(out, text, 1);
        }
}

/* The matchers that every series of the job meets: ,job_name=~"a_b|a-b",label="value". */
static char *make_selector(const struct prometheus_options *options, bool of_job)
{
        const struct prometheus_label *labels = options->labels.items;
        struct text out = {0};
        char mangled[256];

        text_put(&out, "");
        if (options->job && of_job) {
                measure_mangle((struct exposition_text){options->job, strlen(options->job)}, mangled,
                               sizeof mangled);
                text_put(&out, ",job_name=~\"");
                put_string(&out, mangled, true);
                if (strcmp(mangled, options->job) != 0) {
                        text_put(&out, "|");
                        put_string(&out, options->job, true);
                }
                text_put(&out, "\"");
        }
        for (size_t i = 0; i < options->labels.count; i++) {
                text_format(&out, ",%s=\"", labels[i].name);
                put_string(&out, labels[i].value, false);
                text_put(&out, "\"");
        }
        return text_take(&out);
}

/* {__name__=~"a|b|c",...}: all metrics of the scopes from..to. */
static void put_metrics(struct text *out, enum scope from, enum scope to, const char *selector)
{
        const char *before = "{__name__=~\"";

        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++) {
                if (measures[i].scope < from || measures[i].scope > to)
                        continue;
                text_format(out, "%s%s", before, measures[i].metric);
                before = "|";
        }
        text_format(out, "\"%s}", selector);
}

char *measure_query(const struct prometheus_options *options)
{
        static const char kept[] = "max by (__name__,job_name,job_id,task_name,operator_name,subtask_index,"
                                   "task_attempt_id,tm_id) (";
        autofree char *job = make_selector(options, true), *any = make_selector(options, false);
        autofree char *quantiles = memory_format(",quantile=~\"0.5|0.95|0.99\"%s", job);
        struct text out = {0};

        text_put(&out, kept);
        put_metrics(&out, SCOPE_SUBTASK, SCOPE_JOB, job);
        /* An instant query answers with the instant asked for, not with the time of the sample. */
        text_format(&out,
                    ") or label_replace(%stimestamp({__name__=~\"" TASK "numRecordsIn|" JOB
                    "numRestarts\"%s})),\"sample\",\"time\",\"\",\"\")",
                    kept, job);
        text_put(&out, " or max by (__name__,tm_id) (");
        put_metrics(&out, SCOPE_WORKER, SCOPE_WORKER, any);
        text_format(&out, " and on (instance,tm_id) {__name__=\"" TASK "numRecordsIn\"%s})", job);
        text_put(&out, " or max by (__name__) (");
        put_metrics(&out, SCOPE_CLUSTER, SCOPE_CLUSTER, any);
        text_format(&out, " and on (instance) {__name__=\"" JOB "numRestarts\"%s})", job);
        text_put(&out, " or max by (__name__,quantile) (");
        put_metrics(&out, SCOPE_LATENCY, SCOPE_LATENCY, quantiles);
        text_put(&out, ")");
        return text_take(&out);
}

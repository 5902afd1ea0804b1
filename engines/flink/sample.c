/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/client.h"
#include "core/json.h"
#include "core/text.h"
#include "engines/flink/engine.h"
#include "engines/flink/job.h"

#define MAX_SUBTASKS        100000
#define LONGEST_INTERVAL_MS (7 * 86400e3) /* Flink says 2^63 - 1 where there are no checkpoints */

struct flink_sample *flink_sample_new(int n_vertices)
{
        const struct memory_use unknown = {.used_bytes = NAN, .max_bytes = NAN};
        struct flink_sample *sample = memory_new(1, sizeof *sample);

        *sample = (struct flink_sample){
                .n_vertices = n_vertices,
                .vertices = memory_new((size_t)n_vertices, sizeof *sample->vertices),
                .restarts = NAN,
                .rescales = NAN,
                .checkpoint_seconds = NAN,
                .failed_checkpoints = NAN,
                .cpu_ratio = NAN,
                .network_bytes = NAN,
                .memory = {unknown, unknown, unknown, unknown, NAN, unknown, NAN, NAN},
        };
        for (int i = 0; i < FLINK_SIZES; i++)
                sample->sizes[i] = NAN;
        for (int i = 0; i < n_vertices; i++)
                sample->vertices[i] = (struct flink_vertex_sample){.pending_records = NAN,
                                                                   .failed_records = NAN,
                                                                   .latency_mean = NAN,
                                                                   .latency_max = NAN};
        return sample;
}

void flink_sample_free(struct flink_sample *sample)
{
        if (!sample)
                return;
        for (int i = 0; i < sample->n_vertices; i++)
                free(sample->vertices[i].subtasks);
        free(sample->vertices);
        free(sample);
}

/* ---- subtasks ---- */

/* A counter counts when Flink says that it has heard of it from the TaskManager. */
static double read_counter(const json_t *metrics, const char *key, const char *complete)
{
        return json_is_true(json_object_get(metrics, complete)) ? flink_number(json_object_get(metrics, key))
                                                                : NAN;
}

static void read_subtask(const json_t *answer, double now_ms, struct flink_subtask *ret_subtask)
{
        const json_t *metrics = json_object_get(answer, "metrics");
        double start = flink_number(json_object_get(answer, "start-time"));
        const char *status = "";
        double running = flink_number(json_object_get(json_object_get(answer, "status-duration"), "RUNNING"));

        (void)json_find_text(answer, "status", &status);
        *ret_subtask = (struct flink_subtask){
                .ended = strcmp(status, "FINISHED") == 0,
                .start_ms = isnan(start) ? 0 : (int64_t)start,
                .running_ms = running,
                .began_ms = now_ms - running,
                .read_records = read_counter(metrics, "read-records", "read-records-complete"),
                .written_records = read_counter(metrics, "write-records", "write-records-complete"),
                .written_bytes = read_counter(metrics, "write-bytes", "write-bytes-complete"),
                .busy_ms = flink_number(json_object_get(metrics, "accumulated-busy-time")),
                .idle_ms = flink_number(json_object_get(metrics, "accumulated-idle-time")),
                .blocked_ms = flink_number(json_object_get(metrics, "accumulated-backpressured-time")),
        };
}

void flink_sample_vertex(const json_t *answer, struct flink_vertex_sample *vertex)
{
        const json_t *subtasks = json_object_get(answer, "subtasks");
        double now_ms = flink_number(json_object_get(answer, "now"));
        size_t count = json_array_size(subtasks);

        if (count < 1 || count > MAX_SUBTASKS)
                return;
        vertex->subtasks = memory_new(count, sizeof *vertex->subtasks);
        vertex->n_subtasks = (int)count;
        for (size_t i = 0; i < count; i++)
                read_subtask(json_array_get(subtasks, i), now_ms, &vertex->subtasks[i]);
}

/* ---- lists of metrics: [{"id": NAME, KEY: VALUE}, ...] ---- */

static const json_t *find_metric(const json_t *list, const char *name)
{
        const char *id = NULL;
        size_t i;
        json_t *item;

        json_array_foreach(list, i,
                           item) if (json_find_text(item, "id", &id) && strcmp(id, name) == 0) return item;
        return NULL;
}

static double metric(const json_t *list, const char *name, const char *key)
{
        return flink_number(json_object_get(find_metric(list, name), key));
}

void flink_sample_job(const json_t *answer, struct flink_sample *sample)
{
        sample->restarts = metric(answer, "numRestarts", "value");
        sample->rescales = metric(answer, "numRescales", "value");
        sample->checkpoint_seconds = metric(answer, "lastCheckpointDuration", "value") / MS_PER_SECOND;
        sample->failed_checkpoints = metric(answer, "numberOfFailedCheckpoints", "value");
}

double flink_checkpoint_interval(const json_t *answer)
{
        double ms = flink_number(json_object_get(answer, "interval"));

        return ms > 0 && ms <= LONGEST_INTERVAL_MS ? ms / MS_PER_SECOND : NAN;
}

double flink_last_failure(const json_t *answer, char *words, size_t room)
{
        const json_t *history = json_object_get(answer, "exceptionHistory");
        const json_t *newest = json_array_get(json_object_get(history, "entries"), 0);
        const char *trace;

        words[0] = '\0';
        if (json_find_text(newest, "stacktrace", &trace))
                flink_cause_words(trace, words, room);
        return flink_number(json_object_get(newest, "timestamp"));
}

/* ---- workers ---- */

#define NETWORK  "Status.Shuffle.Netty.TotalMemory"
#define CPU_LOAD "Status.JVM.CPU.Load"
#define GC_TIME  "Status.JVM.GarbageCollector.All.TimeMsPerSecond"

static const struct {
        const char *used, *max;
        size_t offset;
} memories[] = {
        {"Status.JVM.Memory.Heap.Used", "Status.JVM.Memory.Heap.Max",
         offsetof(struct memory_observation, heap)},
        {"Status.Flink.Memory.Managed.Used", "Status.Flink.Memory.Managed.Total",
         offsetof(struct memory_observation, managed)},
        {"Status.Shuffle.Netty.UsedMemory", NETWORK, offsetof(struct memory_observation, network)},
        {"Status.JVM.Memory.Metaspace.Used", "Status.JVM.Memory.Metaspace.Max",
         offsetof(struct memory_observation, metaspace)},
};

/* Cores that are there for each one that was asked for: the JVM tells its load in shares of the former. */
static double cores_per_core(const json_t *taskmanagers)
{
        double there = 0, asked = 0;
        size_t i;
        json_t *worker;

        json_array_foreach(taskmanagers, i, worker)
        {
                there += flink_number(json_object_get(json_object_get(worker, "hardware"), "cpuCores"));
                asked += flink_number(json_object_get(json_object_get(worker, "totalResource"), "cpuCores"));
        }
        return asked > 0 ? there / asked : NAN;
}

static int fewest_slots(const json_t *taskmanagers)
{
        int fewest = 0;
        size_t i;
        json_t *worker;

        json_array_foreach(taskmanagers, i, worker)
        {
                int slots = flink_count(json_object_get(worker, "slotsNumber"), MAX_SUBTASKS);

                if (slots > 0 && (fewest == 0 || slots < fewest))
                        fewest = slots;
        }
        return fewest;
}

const char *const flink_size_knobs[FLINK_SIZES] = {"memory", "memory.heap", "memory.managed",
                                                   "memory.network", "memory.metaspace"};

/* All TaskManagers are given the same: that of the first one. */
static void read_sizes(const json_t *taskmanagers, double *sizes)
{
        static const char *const keys[FLINK_SIZES] = {"totalProcessMemory", "taskHeap", "managedMemory",
                                                      "networkMemory", "jvmMetaspace"};
        const json_t *given = json_object_get(json_array_get(taskmanagers, 0), "memoryConfiguration");

        for (int i = 0; i < FLINK_SIZES; i++)
                sizes[i] = flink_number(json_object_get(given, keys[i]));
}

void flink_sample_workers(const json_t *taskmanagers, const json_t *metrics, struct flink_sample *sample)
{
        const json_t *workers = json_object_get(taskmanagers, "taskmanagers");

        sample->slots_per_worker = fewest_slots(workers);
        read_sizes(workers, sample->sizes);
        sample->cpu_ratio = metric(metrics, CPU_LOAD, "avg") * cores_per_core(workers);
        sample->memory.gc_ratio = fmin(metric(metrics, GC_TIME, "max") / 1000, 1);
        sample->network_bytes = metric(metrics, NETWORK, "sum");
        if (isnan(metric(metrics, GC_TIME, "max")))
                sample->memory.gc_ratio = NAN;
        for (size_t i = 0; i < ARRAY_LENGTH(memories); i++) {
                struct memory_use *use = (struct memory_use *)((char *)&sample->memory + memories[i].offset);

                use->used_bytes = metric(metrics, memories[i].used, "max");
                use->max_bytes = metric(metrics, memories[i].max, "max");
        }
}

/* ---- which metrics there are ---- */

static void add_name(struct text *query, const char *name)
{
        autofree char *escaped = http_escape(name);

        text_format(query, "%s%s", query->length ? "," : "?get=", escaped);
}

static char *end_query(struct text *query)
{
        if (query->length == 0)
                return NULL;
        text_put(query, "&agg=sum,avg,max");
        return text_take(query);
}

char *flink_worker_query(const json_t *list)
{
        autotext query = {0};

        if (find_metric(list, CPU_LOAD))
                add_name(&query, CPU_LOAD);
        if (find_metric(list, GC_TIME))
                add_name(&query, GC_TIME);
        for (size_t i = 0; i < ARRAY_LENGTH(memories); i++) {
                if (!find_metric(list, memories[i].used) || !find_metric(list, memories[i].max))
                        continue;
                add_name(&query, memories[i].used);
                add_name(&query, memories[i].max);
        }
        return end_query(&query);
}

static bool ends_with(const char *text, const char *end)
{
        size_t length = strlen(text), end_length = strlen(end);

        return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool is_pending(const char *name)
{
        return ends_with(name, ".pendingRecords");
}

/* Of the two names of a sink's errors only one is asked for: they count the same. */
static bool is_failed(const char *name)
{
        return ends_with(name, ".numRecordsInErrors") || ends_with(name, ".numRecordsOutErrors");
}

/* KafkaSourceReader.topic.T.partition.N.currentOffset, and Pulsar's consumers likewise. */
static bool is_partition(const char *name)
{
        return strstr(name, ".topic.") && strstr(name, ".partition.") && ends_with(name, ".currentOffset");
}

#define MAX_QUERY_BYTES 3000 /* Flink takes no request line above 4096 bytes */

void flink_names_read(const json_t *list, bool source, const char *latency_metric,
                      struct flink_names *ret_names)
{
        autotext query = {0};
        const char *name = NULL;
        size_t i;
        json_t *item;

        *ret_names = (struct flink_names){NULL, 0};
        json_array_foreach(list, i, item)
        {
                if (!json_find_text(item, "id", &name))
                        continue;
                ret_names->partitions += source && is_partition(name);
                if (((source && is_pending(name)) || is_failed(name) ||
                     (latency_metric && strcmp(name, latency_metric) == 0)) &&
                    query.length + strlen(name) < MAX_QUERY_BYTES)
                        add_name(&query, name);
        }
        ret_names->query = end_query(&query);
}

void flink_names_free(struct flink_names *names)
{
        free(names->query);
        *names = (struct flink_names){NULL, 0};
}

/* NAN in, NAN out: of several sources in one vertex all must have said. */
static void add_to(double *sum, double value)
{
        *sum = isnan(*sum) ? value : *sum + value;
}

void flink_sample_metrics(const json_t *answer, const char *latency_metric,
                          struct flink_vertex_sample *vertex)
{
        const char *name = NULL;
        size_t i;
        json_t *item;

        json_array_foreach(answer, i, item)
        {
                if (!json_find_text(item, "id", &name))
                        continue;
                if (is_pending(name))
                        add_to(&vertex->pending_records, flink_number(json_object_get(item, "sum")));
                else if (is_failed(name))
                        add_to(&vertex->failed_records, flink_number(json_object_get(item, "sum")));
                if (latency_metric && strcmp(name, latency_metric) == 0) {
                        vertex->latency_mean = flink_number(json_object_get(item, "avg"));
                        vertex->latency_max = flink_number(json_object_get(item, "max"));
                }
        }
}

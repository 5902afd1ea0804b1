/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_PLAYED_FLINK_H
#define OPTCTL_TESTS_SUPPORT_PLAYED_FLINK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/*
 * The REST answers of a Flink job of three vertices (source, work, sink) that keeps up with a load that
 * swings about `rate_per_second`: shapes as Flink 2.2 gives them (tests/fixtures/flink), numbers in closed
 * form. The adaptive scheduler's requirements can be read and put; a change starts the job anew at once. A
 * worker has one slot. Header only: benches and tests link just their room.
 */
#define PLAYED_VERTICES  3
#define PLAYED_SWING     0.3    /* of the load about its mean */
#define PLAYED_SWING_SEC 1800.0 /* one swing */
#define PLAYED_COST_SEC  0.002  /* of `work`, for a record */

struct played_flink {
        int id;
        double rate_per_second;
        int parallelism[PLAYED_VERTICES];
        int64_t begun_ms, started_ms; /* the load; the newest start of the job */
        int restarts, puts;
};

static inline struct played_flink played_flink_new(int id, double rate_per_second, int64_t now_ms)
{
        return (struct played_flink){.id = id,
                                     .rate_per_second = rate_per_second,
                                     .parallelism = {1, 2, 1},
                                     .begun_ms = now_ms,
                                     .started_ms = now_ms - 600000};
}

/* Records from the load's beginning on: the integral of rate (1 + swing sin). */
static inline double played_records(const struct played_flink *flink, int64_t now_ms)
{
        double seconds = (double)(now_ms - flink->begun_ms) / 1000;
        double angle = 2 * M_PI * seconds / PLAYED_SWING_SEC;

        return flink->rate_per_second *
               (seconds + PLAYED_SWING * PLAYED_SWING_SEC / (2 * M_PI) * (1 - cos(angle)));
}

static inline int played_slots(const struct played_flink *flink)
{
        int widest = 1;

        for (int i = 0; i < PLAYED_VERTICES; i++)
                widest = flink->parallelism[i] > widest ? flink->parallelism[i] : widest;
        return widest;
}

static inline const char *played_name(int vertex)
{
        static const char *const names[PLAYED_VERTICES] = {"Source: source", "work", "sink: Writer"};

        return names[vertex];
}

static inline void played_put_overview(const struct played_flink *flink, int64_t now_ms, struct text *out)
{
        text_format(out,
                    "{\"jobs\":[{\"jid\":\"%032x\",\"name\":\"played\",\"start-time\":%lld,\"end-time\":-1,"
                    "\"duration\":%lld,\"state\":\"RUNNING\",\"last-modification\":%lld}]}",
                    flink->id + 1, (long long)flink->started_ms, (long long)(now_ms - flink->started_ms),
                    (long long)flink->started_ms);
}

static inline void played_put_job(const struct played_flink *flink, int64_t now_ms, struct text *out)
{
        text_format(out,
                    "{\"jid\":\"%032x\",\"name\":\"played\",\"state\":\"RUNNING\",\"start-time\":%lld,"
                    "\"end-time\":-1,\"now\":%lld,\"vertices\":[",
                    flink->id + 1, (long long)flink->started_ms, (long long)now_ms);
        for (int i = 0; i < PLAYED_VERTICES; i++)
                text_format(out,
                            "%s{\"id\":\"%032x\",\"slotSharingGroupId\":\"one\",\"name\":\"%s\","
                            "\"maxParallelism\":128,\"parallelism\":%d,\"status\":\"RUNNING\","
                            "\"tasks\":{\"RUNNING\":%d,\"FINISHED\":0,\"FAILED\":0}}",
                            i ? "," : "", i + 1, played_name(i), flink->parallelism[i],
                            flink->parallelism[i]);
        text_put(out, "],\"plan\":{\"nodes\":[");
        for (int i = 0; i < PLAYED_VERTICES; i++) {
                text_format(out, "%s{\"id\":\"%032x\",\"inputs\":[", i ? "," : "", i + 1);
                if (i > 0)
                        text_format(out, "{\"num\":0,\"id\":\"%032x\",\"ship_strategy\":\"HASH\"}", i);
                text_put(out, "]}");
        }
        text_put(out, "]}}");
}

static inline void played_put_subtask(const struct played_flink *flink, int vertex, int index, int64_t now_ms,
                                      struct text *out)
{
        double share = 1.0 / flink->parallelism[vertex];
        int64_t age_ms = now_ms - flink->started_ms;
        double records =
                (played_records(flink, now_ms) -
                 (flink->started_ms > flink->begun_ms ? played_records(flink, flink->started_ms) : 0)) *
                share;
        double busy_ms =
                fmin(records * 1000 * (vertex == 1 ? PLAYED_COST_SEC : PLAYED_COST_SEC / 20), (double)age_ms);

        text_format(
                out,
                "%s{\"subtask\":%d,\"status\":\"RUNNING\",\"attempt\":0,\"start-time\":%lld,\"end-time\":-1,"
                "\"metrics\":{\"read-bytes\":0,\"read-bytes-complete\":true,\"write-bytes\":%.0f,"
                "\"write-bytes-complete\":true,\"read-records\":%.0f,\"read-records-complete\":true,"
                "\"write-records\":%.0f,\"write-records-complete\":true,\"accumulated-backpressured-time\":0,"
                "\"accumulated-idle-time\":%.0f,\"accumulated-busy-time\":%.0f},"
                "\"status-duration\":{\"RUNNING\":%lld}}",
                index ? "," : "", index, (long long)flink->started_ms, 30 * records, records,
                vertex == 2 ? 0 : records, (double)age_ms - busy_ms, busy_ms, (long long)age_ms);
}

static inline void played_put_vertex(const struct played_flink *flink, int vertex, int64_t now_ms,
                                     struct text *out)
{
        text_format(out, "{\"id\":\"%032x\",\"name\":\"%s\",\"parallelism\":%d,\"now\":%lld,\"subtasks\":[",
                    vertex + 1, played_name(vertex), flink->parallelism[vertex], (long long)now_ms);
        for (int i = 0; i < flink->parallelism[vertex]; i++)
                played_put_subtask(flink, vertex, i, now_ms, out);
        text_put(out, "]}");
}

static inline void played_put_vertex_metrics(int vertex, bool values, struct text *out)
{
        const char *numbers = values ? ",\"max\":0,\"avg\":0,\"sum\":0" : "";

        if (vertex == 0)
                text_format(out,
                            "[{\"id\":\"Source__source.pendingRecords\"%s},"
                            "{\"id\":\"Source__source.numRecordsInErrors\"%s}]",
                            numbers, numbers);
        else
                text_format(out, "[{\"id\":\"work.numRecordsInErrors\"%s}]", numbers);
}

static inline void played_put_workers(const struct played_flink *flink, struct text *out)
{
        text_put(out, "{\"taskmanagers\":[");
        for (int i = 0; i < played_slots(flink); i++)
                text_format(out,
                            "%s{\"id\":\"tm-%d\",\"slotsNumber\":1,\"freeSlots\":0,\"totalResource\":"
                            "{\"cpuCores\":1},\"hardware\":{\"cpuCores\":2},\"memoryConfiguration\":"
                            "{\"taskHeap\":134217728,\"networkMemory\":50331648,\"managedMemory\":0,"
                            "\"jvmMetaspace\":134217728,\"totalProcessMemory\":520093696}}",
                            i ? "," : "", i);
        text_put(out, "]}");
}

static inline void played_put_worker_metrics(bool values, struct text *out)
{
        static const struct {
                const char *name;
                double value;
        } metrics[] = {
                {"Status.JVM.CPU.Load", 0.3},
                {"Status.JVM.GarbageCollector.All.TimeMsPerSecond", 1.5},
                {"Status.JVM.Memory.Heap.Used", 29043344},
                {"Status.JVM.Memory.Heap.Max", 194641920},
                {"Status.Flink.Memory.Managed.Used", 0},
                {"Status.Flink.Memory.Managed.Total", 0},
                {"Status.Shuffle.Netty.UsedMemory", 2621440},
                {"Status.Shuffle.Netty.TotalMemory", 50331648},
                {"Status.JVM.Memory.Metaspace.Used", 43390856},
                {"Status.JVM.Memory.Metaspace.Max", 134217728},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(metrics); i++) {
                text_format(out, "%s{\"id\":\"%s\"", i ? "," : "[", metrics[i].name);
                if (values)
                        text_format(out, ",\"max\":%g,\"avg\":%g,\"sum\":%g", metrics[i].value,
                                    metrics[i].value, metrics[i].value);
                text_put(out, "}");
        }
        text_put(out, "]");
}

static inline void played_put_requirements(const struct played_flink *flink, struct text *out)
{
        for (int i = 0; i < PLAYED_VERTICES; i++)
                text_format(out, "%s\"%032x\":{\"parallelism\":{\"lowerBound\":1,\"upperBound\":%d}}",
                            i ? "," : "{", i + 1, flink->parallelism[i]);
        text_put(out, "}");
}

/* A PUT of resource-requirements. The job starts anew where it changes anything. */
static inline void played_take_requirements(struct played_flink *flink, const char *body, int64_t now_ms)
{
        bool changed = false;

        for (int i = 0; i < PLAYED_VERTICES; i++) {
                char id[40];
                const char *at, *bound;
                int wanted;

                snprintf(id, sizeof id, "\"%032x\"", i + 1);
                at = strstr(body, id);
                bound = at ? strstr(at, "\"upperBound\"") : NULL;
                wanted = bound ? (int)strtol(bound + strcspn(bound, ":") + 1, NULL, 10) : 0;
                changed |= wanted > 0 && wanted != flink->parallelism[i];
                if (wanted > 0)
                        flink->parallelism[i] = wanted;
        }
        flink->puts++;
        if (changed) {
                flink->started_ms = now_ms;
                flink->restarts++;
        }
}

/* The answer to a path below the job manager's URL; false: there is no such thing. */
static inline bool played_answer(struct played_flink *flink, bool put, const char *path, const char *body,
                                 int64_t now_ms, struct text *out)
{
        bool values = strchr(path, '?');
        const char *vertices = strstr(path, "/vertices/");
        int vertex = vertices ? (int)strtol(vertices + strlen("/vertices/") + 31, NULL, 16) - 1 : -1;

        if (strncmp(path, "/jobs/overview", 14) == 0)
                played_put_overview(flink, now_ms, out);
        else if (vertex >= 0 && vertex < PLAYED_VERTICES && strstr(vertices, "/subtasks/metrics"))
                played_put_vertex_metrics(vertex, values, out);
        else if (vertex >= 0 && vertex < PLAYED_VERTICES)
                played_put_vertex(flink, vertex, now_ms, out);
        else if (strncmp(path, "/taskmanagers/metrics", 21) == 0)
                played_put_worker_metrics(values, out);
        else if (strncmp(path, "/taskmanagers", 13) == 0)
                played_put_workers(flink, out);
        else if (strstr(path, "/resource-requirements") && put) {
                played_take_requirements(flink, body, now_ms);
                text_put(out, "{}");
        } else if (strstr(path, "/resource-requirements"))
                played_put_requirements(flink, out);
        else if (strstr(path, "/metrics"))
                text_format(out,
                            "[{\"id\":\"numRestarts\",\"value\":\"%d\"},{\"id\":\"numRescales\",\"value\":\"%"
                            "d\"}]",
                            flink->restarts, flink->restarts);
        else if (strncmp(path, "/jobs/", 6) == 0 && strlen(path) == 6 + 32)
                played_put_job(flink, now_ms, out);
        else
                return false;
        return true;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SOAK_FLINK_H
#define OPTCTL_TESTS_SUPPORT_SOAK_FLINK_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "tests/support/played_flink.h"

/*
 * A Flink job with a memory: records wait when it is too small, it stands still while it starts anew, runs
 * what it was told when there are slots for it and a while later, and forgets what it was told when its job
 * manager dies. The load is a day long: 300 records/s at midnight, 1,500 at noon. `work` takes 3 ms a record.
 * Answers have the shapes of tests/support/played_flink.h.
 */
#define SOAK_SLOTS_EACH  2 /* of a TaskManager */
#define SOAK_WORK_COST   0.003
#define SOAK_RESCALE_MS  4000 /* from being told to beginning */
#define SOAK_DOWN_MS     6000
#define SOAK_MAX_PUTS    4096
#define SOAK_STEP_MS     250
#define SOAK_DAY_SECONDS 86400.0

struct soak_put {
        int64_t at_ms;
        int want[PLAYED_VERTICES];
        bool changed;
        bool answered; /* the answer said so, and nothing was done to it */
        int shocks;    /* so many things had happened to the job by then that nobody ordered */
};

struct soak_flink {
        int64_t day_ms, now_ms;
        int wish[PLAYED_VERTICES], runs[PLAYED_VERTICES];
        int workers, lost;  /* TaskManagers that there are, and how many of them are gone */
        int64_t follow_ms;  /* when it begins to follow its wish; 0: it runs what it can */
        int64_t up_ms;      /* stands still until then */
        int64_t started_ms; /* the newest attempt */
        double slow;        /* work takes so many times as long */
        double surge;       /* so many times the load */
        double backlog;
        double read, busy_ms[PLAYED_VERTICES],
                blocked_ms; /* of the attempt; all vertices take in what is read */
        int restarts, rescales, incarnation, shocks;
        bool deaf;           /* takes what it is told and does nothing */
        int64_t skew_ms;     /* of its clock */
        double late_seconds; /* with more than 30 s of load waiting */
        double seconds, slot_seconds;
        struct soak_put puts[SOAK_MAX_PUTS];
        int n_puts;
};

static inline void soak_flink_init(struct soak_flink *flink, int64_t day_ms)
{
        *flink = (struct soak_flink){.day_ms = day_ms,
                                     .now_ms = day_ms,
                                     .wish = {1, 2, 1},
                                     .runs = {1, 2, 1},
                                     .workers = 8,
                                     .started_ms = day_ms,
                                     .slow = 1,
                                     .surge = 1};
}

static inline double soak_load(const struct soak_flink *flink, int64_t at_ms)
{
        double seconds = (double)(at_ms - flink->day_ms) / 1000;
        double day = 900 - 600 * cos(2 * M_PI * seconds / SOAK_DAY_SECONDS);

        return flink->surge * day * (1 + 0.05 * sin(2 * M_PI * seconds / 600));
}

static inline double soak_cost(const struct soak_flink *flink, int vertex)
{
        return vertex == 1 ? SOAK_WORK_COST * flink->slow : 0.0001;
}

static inline bool soak_is_up(const struct soak_flink *flink)
{
        return flink->now_ms >= flink->up_ms;
}

static inline int soak_slots(const struct soak_flink *flink)
{
        return (flink->workers - flink->lost) * SOAK_SLOTS_EACH;
}

/* The attempt ends; the next one runs what fits after a while. */
static inline void soak_restart(struct soak_flink *flink, int64_t down_ms)
{
        flink->up_ms = flink->now_ms + down_ms;
        flink->started_ms = flink->up_ms;
        flink->read = flink->blocked_ms = 0;
        memset(flink->busy_ms, 0, sizeof flink->busy_ms);
        flink->restarts++;
        flink->follow_ms = 0;
        for (int i = 0; i < PLAYED_VERTICES; i++)
                flink->runs[i] = flink->wish[i] < soak_slots(flink) ? flink->wish[i] : soak_slots(flink);
}

/* What a job with these slots would run, when that is not what it runs. */
static inline bool soak_wants_more(const struct soak_flink *flink)
{
        for (int i = 0; i < PLAYED_VERTICES; i++) {
                int fits = flink->wish[i] < soak_slots(flink) ? flink->wish[i] : soak_slots(flink);

                if (fits != flink->runs[i])
                        return true;
        }
        return false;
}

static inline void soak_flow(struct soak_flink *flink, double seconds)
{
        double arrives = soak_load(flink, flink->now_ms) * seconds, most = INFINITY, taken;

        for (int i = 0; i < PLAYED_VERTICES; i++)
                most = fmin(most, flink->runs[i] / soak_cost(flink, i) * seconds);
        taken = soak_is_up(flink) ? fmin(arrives + flink->backlog, most) : 0;
        flink->backlog += arrives - taken;
        flink->read += taken;
        for (int i = 0; i < PLAYED_VERTICES; i++)
                flink->busy_ms[i] += taken * soak_cost(flink, i) * 1000;
        if (taken >= most)
                flink->blocked_ms += seconds * 1000 * flink->runs[0] - taken * soak_cost(flink, 0) * 1000;
        flink->seconds += seconds;
        flink->slot_seconds += seconds * (flink->runs[1] > flink->runs[0] ? flink->runs[1] : flink->runs[0]);
        flink->late_seconds += flink->backlog > 30 * soak_load(flink, flink->now_ms) ? seconds : 0;
}

static inline void soak_advance(struct soak_flink *flink, int64_t now_ms)
{
        while (flink->now_ms < now_ms) {
                int64_t step = now_ms - flink->now_ms < SOAK_STEP_MS ? now_ms - flink->now_ms : SOAK_STEP_MS;

                soak_flow(flink, (double)step / 1000);
                flink->now_ms += step;
                if (flink->follow_ms == 0 && soak_is_up(flink) && !flink->deaf && soak_wants_more(flink))
                        flink->follow_ms = flink->now_ms + SOAK_RESCALE_MS;
                if (flink->follow_ms > 0 && flink->now_ms >= flink->follow_ms) {
                        soak_restart(flink, SOAK_DOWN_MS);
                        flink->rescales++;
                }
        }
}

/* ---- what befalls it ---- */

static inline void soak_fails(struct soak_flink *flink)
{
        flink->shocks++;
        soak_restart(flink, SOAK_DOWN_MS);
}

static inline void soak_loses_workers(struct soak_flink *flink, int count)
{
        flink->shocks++;
        flink->lost = count;
        soak_restart(flink, SOAK_DOWN_MS);
}

static inline void soak_gets_workers_back(struct soak_flink *flink)
{
        flink->shocks++;
        flink->lost = 0;
}

/* Its state comes back from the last checkpoint; what it was told does not. */
static inline void soak_forgets(struct soak_flink *flink, bool new_id)
{
        static const int first[PLAYED_VERTICES] = {1, 2, 1};

        flink->shocks++;
        memcpy(flink->wish, first, sizeof first);
        soak_restart(flink, 2 * SOAK_DOWN_MS);
        flink->restarts = flink->rescales = 0;
        flink->incarnation += new_id;
}

/* ---- what it answers ---- */

static inline int64_t soak_says_ms(const struct soak_flink *flink, int64_t at_ms)
{
        return at_ms + flink->skew_ms;
}

static inline void soak_put_overview(const struct soak_flink *flink, struct text *out)
{
        text_format(out,
                    "{\"jobs\":[{\"jid\":\"%032x\",\"name\":\"soaked\",\"start-time\":%lld,\"end-time\":-1,"
                    "\"duration\":%lld,\"state\":\"%s\",\"last-modification\":%lld}]}",
                    flink->incarnation + 1, (long long)soak_says_ms(flink, flink->day_ms),
                    (long long)(flink->now_ms - flink->day_ms), soak_is_up(flink) ? "RUNNING" : "RESTARTING",
                    (long long)soak_says_ms(flink, flink->started_ms));
}

static inline void soak_put_job(const struct soak_flink *flink, struct text *out)
{
        bool up = soak_is_up(flink);

        text_format(out,
                    "{\"jid\":\"%032x\",\"name\":\"soaked\",\"state\":\"%s\",\"start-time\":%lld,"
                    "\"end-time\":-1,\"now\":%lld,\"vertices\":[",
                    flink->incarnation + 1, up ? "RUNNING" : "RESTARTING",
                    (long long)soak_says_ms(flink, flink->day_ms),
                    (long long)soak_says_ms(flink, flink->now_ms));
        for (int i = 0; i < PLAYED_VERTICES; i++)
                text_format(out,
                            "%s{\"id\":\"%032x\",\"slotSharingGroupId\":\"one\",\"name\":\"%s\","
                            "\"maxParallelism\":128,\"parallelism\":%d,\"status\":\"%s\","
                            "\"tasks\":{\"RUNNING\":%d,\"CREATED\":%d,\"FINISHED\":0,\"FAILED\":0}}",
                            i ? "," : "", i + 1, played_name(i), flink->runs[i], up ? "RUNNING" : "CREATED",
                            up ? flink->runs[i] : 0, up ? 0 : flink->runs[i]);
        text_put(out, "],\"plan\":{\"nodes\":[");
        for (int i = 0; i < PLAYED_VERTICES; i++) {
                text_format(out, "%s{\"id\":\"%032x\",\"inputs\":[", i ? "," : "", i + 1);
                if (i > 0)
                        text_format(out, "{\"num\":0,\"id\":\"%032x\",\"ship_strategy\":\"HASH\"}", i);
                text_put(out, "]}");
        }
        text_put(out, "]}}");
}

static inline void soak_put_vertex(const struct soak_flink *flink, int vertex, struct text *out)
{
        bool up = soak_is_up(flink);
        double age_ms = up ? (double)(flink->now_ms - flink->started_ms) : 0,
               share = 1.0 / flink->runs[vertex];
        double blocked_ms = vertex == 0 ? flink->blocked_ms * share : 0;
        double busy_ms = fmin(flink->busy_ms[vertex] * share, age_ms - blocked_ms);

        text_format(out, "{\"id\":\"%032x\",\"name\":\"%s\",\"parallelism\":%d,\"now\":%lld,\"subtasks\":[",
                    vertex + 1, played_name(vertex), flink->runs[vertex],
                    (long long)soak_says_ms(flink, flink->now_ms));
        for (int i = 0; i < flink->runs[vertex]; i++)
                text_format(out,
                            "%s{\"subtask\":%d,\"status\":\"%s\",\"attempt\":0,\"start-time\":%lld,"
                            "\"end-time\":-1,\"metrics\":{\"read-bytes\":0,\"read-bytes-complete\":true,"
                            "\"write-bytes\":%.0f,\"write-bytes-complete\":true,\"read-records\":%.0f,"
                            "\"read-records-complete\":true,\"write-records\":%.0f,\"write-records-"
                            "complete\":true,"
                            "\"accumulated-backpressured-time\":%.0f,\"accumulated-idle-time\":%.0f,"
                            "\"accumulated-busy-time\":%.0f},\"status-duration\":{\"RUNNING\":%.0f}}",
                            i ? "," : "", i, up ? "RUNNING" : "CREATED",
                            (long long)soak_says_ms(flink, flink->started_ms), 30 * flink->read * share,
                            flink->read * share, vertex == 2 ? 0 : flink->read * share, blocked_ms,
                            fmax(age_ms - busy_ms - blocked_ms, 0), busy_ms, age_ms);
        text_put(out, "]}");
}

static inline void soak_put_vertex_metrics(const struct soak_flink *flink, int vertex, bool values,
                                           struct text *out)
{
        if (vertex != 0 || !soak_is_up(flink))
                text_put(out, "[]");
        else if (values)
                text_format(
                        out,
                        "[{\"id\":\"Source__source.pendingRecords\",\"max\":%.0f,\"avg\":%.0f,\"sum\":%.0f}]",
                        flink->backlog, flink->backlog, flink->backlog);
        else
                text_put(out, "[{\"id\":\"Source__source.pendingRecords\"}]");
}

static inline void soak_put_workers(const struct soak_flink *flink, struct text *out)
{
        text_put(out, "{\"taskmanagers\":[");
        for (int i = 0; i < flink->workers - flink->lost; i++)
                text_format(out,
                            "%s{\"id\":\"tm-%d\",\"slotsNumber\":%d,\"freeSlots\":0,\"totalResource\":"
                            "{\"cpuCores\":1},\"hardware\":{\"cpuCores\":2},\"memoryConfiguration\":"
                            "{\"taskHeap\":134217728,\"networkMemory\":50331648,\"managedMemory\":0,"
                            "\"jvmMetaspace\":134217728,\"totalProcessMemory\":520093696}}",
                            i ? "," : "", i, SOAK_SLOTS_EACH);
        text_put(out, "]}");
}

static inline void soak_put_requirements(const struct soak_flink *flink, struct text *out)
{
        for (int i = 0; i < PLAYED_VERTICES; i++)
                text_format(out, "%s\"%032x\":{\"parallelism\":{\"lowerBound\":1,\"upperBound\":%d}}",
                            i ? "," : "{", i + 1, flink->wish[i]);
        text_put(out, "}");
}

static inline void soak_take_requirements(struct soak_flink *flink, const char *body)
{
        struct soak_put *put = &flink->puts[flink->n_puts];

        *put = (struct soak_put){.at_ms = flink->now_ms, .answered = true, .shocks = flink->shocks};
        for (int i = 0; i < PLAYED_VERTICES; i++) {
                char id[40];
                const char *at, *bound;

                snprintf(id, sizeof id, "\"%032x\"", i + 1);
                at = strstr(body, id);
                bound = at ? strstr(at, "\"upperBound\"") : NULL;
                put->want[i] =
                        bound ? (int)strtol(bound + strcspn(bound, ":") + 1, NULL, 10) : flink->wish[i];
                put->changed |= put->want[i] != flink->wish[i];
                flink->wish[i] = put->want[i];
        }
        flink->n_puts += flink->n_puts < SOAK_MAX_PUTS - 1;
}

/* The answer to a path below the job manager's URL; false: there is no such thing. */
static inline bool soak_answer(struct soak_flink *flink, bool put, const char *path, const char *body,
                               struct text *out)
{
        bool values = strchr(path, '?');
        const char *vertices = strstr(path, "/vertices/");
        int vertex = vertices ? (int)strtol(vertices + strlen("/vertices/") + 31, NULL, 16) - 1 : -1;
        char job[48];

        snprintf(job, sizeof job, "/jobs/%032x", flink->incarnation + 1);
        if (strncmp(path, "/jobs/overview", 14) == 0)
                soak_put_overview(flink, out);
        else if (strncmp(path, "/taskmanagers/metrics", 21) == 0)
                played_put_worker_metrics(values, out);
        else if (strncmp(path, "/taskmanagers", 13) == 0)
                soak_put_workers(flink, out);
        else if (strncmp(path, job, strlen(job)) != 0)
                return false;
        else if (vertex >= 0 && vertex < PLAYED_VERTICES && strstr(vertices, "/subtasks/metrics"))
                soak_put_vertex_metrics(flink, vertex, values, out);
        else if (vertex >= 0 && vertex < PLAYED_VERTICES)
                soak_put_vertex(flink, vertex, out);
        else if (strstr(path, "/resource-requirements") && put) {
                soak_take_requirements(flink, body);
                text_put(out, "{}");
        } else if (strstr(path, "/resource-requirements"))
                soak_put_requirements(flink, out);
        else if (strstr(path, "/metrics"))
                text_format(out,
                            "[{\"id\":\"numRestarts\",\"value\":\"%d\"},"
                            "{\"id\":\"numRescales\",\"value\":\"%d\"}]",
                            flink->restarts, flink->rescales);
        else
                soak_put_job(flink, out);
        return true;
}

#endif

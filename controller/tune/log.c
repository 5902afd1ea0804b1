/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/study/history_log.h"
#include "controller/study/shown_log.h"
#include "core/memory.h"
#include "engines/spark/event_log.h"
#include "engines/spark/history.h"
#include "engines/spark/log_folder.h"

#define PATIENCE_MS 30000 /* a History Server looks every ten seconds unless told otherwise */

/* ---- measures ---- */

static double run_seconds(const struct batch_run *run)
{
        return (double)(batch_run_last_ms(run) - batch_run_first_ms(run)) / 1e3;
}

static double core_seconds(const struct batch_run *run)
{
        return batch_run_held(run).core_seconds;
}

/* Of a member of struct batch_totals. */
static double total(const struct batch_run *run, size_t member)
{
        double sum = 0;

        for (size_t i = 0; i < run->n_stages; i++) {
                int64_t used;

                memcpy(&used, (const char *)&run->stages[i].totals + member, sizeof used);
                sum += (double)used;
        }
        return sum;
}

#define TOTAL(run, member) total(run, offsetof(struct batch_totals, member))

static double task_seconds(const struct batch_run *run)
{
        return TOTAL(run, run_ms) / 1e3;
}

static double cpu_seconds(const struct batch_run *run)
{
        return TOTAL(run, cpu_ns) / 1e9;
}

static double gc_seconds(const struct batch_run *run)
{
        return TOTAL(run, gc_ms) / 1e3;
}

/* Read from outside, not from other stages. */
static double input_bytes(const struct batch_run *run)
{
        return TOTAL(run, input_bytes);
}

static double shuffle_bytes(const struct batch_run *run)
{
        return TOTAL(run, shuffle_written_bytes);
}

static double spilled_bytes(const struct batch_run *run)
{
        return TOTAL(run, spilled_disk_bytes);
}

static double tasks(const struct batch_run *run)
{
        return (double)run->n_tasks;
}

static double failed_tasks(const struct batch_run *run)
{
        double count = 0;

        for (size_t i = 0; i < run->n_stages; i++)
                for (size_t t = 0; t < run->stages[i].n_tasks; t++)
                        count += run->stages[i].tasks[t].outcome == BATCH_FAILED;
        return count;
}

static const struct measure {
        const char *name;
        double (*of)(const struct batch_run *run);
} measures[] = {
        {"runSeconds", run_seconds},     {"coreSeconds", core_seconds},   {"taskSeconds", task_seconds},
        {"cpuSeconds", cpu_seconds},     {"gcSeconds", gc_seconds},       {"inputBytes", input_bytes},
        {"shuffleBytes", shuffle_bytes}, {"spilledBytes", spilled_bytes}, {"tasks", tasks},
        {"failedTasks", failed_tasks},
};

bool tune_log_is_measure(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
                if (strcmp(measures[i].name, name) == 0)
                        return true;
        return false;
}

/* ---- where the log is ---- */

/* NULL: there is none, or it is on a server. */
static char *local_place(const char *path)
{
        if (!path || spark_history_is(path))
                return NULL;
        return spark_event_log_is(path) ? memory_copy_text(path) : spark_event_log_find(path, NULL);
}

static bool find_place(const char *path, const struct history_request *request, struct history_log *history,
                       char **ret_place, struct error *err)
{
        if (spark_history_is(path)) {
                if (!history_log_open(request, history, err))
                        return false;
                *ret_place = memory_copy_text(history->path);
                return true;
        }
        *ret_place = local_place(path);
        return *ret_place || error_set(err, ERROR_INPUT, NULL,
                                       "%s: expected an event log of Spark, or a folder of some", path);
}

bool tune_log_read(const char *path, bool quiet, const struct http_options *connection, const char *base,
                   struct spark_event_log *ret_log, struct error *err)
{
        const struct history_request request = {.url = path,
                                                .connection = connection,
                                                .base = base,
                                                .patience_ms = PATIENCE_MS};
        auto_history_log history = {0};
        autofree char *place = NULL;

        return find_place(path, &request, &history, &place, err) &&
               shown_log_read(place, quiet, ret_log, err);
}

bool tune_log_is_there(const char *path)
{
        autofree char *place = local_place(path);

        return place || (path && spark_history_is(path));
}

char *tune_log_mark(const char *path)
{
        autofree char *place = local_place(path);
        struct stat status;

        if (!place || stat(place, &status) != 0)
                return NULL;
        return memory_format("%s %lld %lld.%09ld", place, (long long)status.st_size,
                             (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

json_t *tune_log_measures(const struct batch_run *run)
{
        json_t *found = json_object();

        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
                json_object_set_new(found, measures[i].name, json_real(measures[i].of(run)));
        return found;
}

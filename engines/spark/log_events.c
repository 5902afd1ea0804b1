/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/log_events.h"

#include <stdlib.h>
#include <string.h>

#include "core/json_fields.h"

#define NAME_BYTES        256
#define WORD_BYTES        48
#define MAX_ATTEMPT       1000000
#define MAX_PROCESS_BYTES (INT64_C(1) << 50)

/* What one line says. Which members mean something, its event tells. */
struct event {
        char name[NAME_BYTES], id[NAME_BYTES], version[WORD_BYTES];
        int64_t time_ms, ended_ms;
        int64_t job, query, exit_code;
        struct json_integers stages;
        char query_of_job[WORD_BYTES], result[WORD_BYTES];
        struct {
                int64_t id, attempt, tasks, submitted_ms, completed_ms;
                char name[NAME_BYTES], failure[2];
                struct json_integers parents;
        } stage;
        struct {
                char name[NAME_BYTES];
                int64_t cores;
        } executor;
        struct {
                int64_t stage, attempt, index, launched_ms, finished_ms;
                char executor[NAME_BYTES], locality[WORD_BYTES], reason[WORD_BYTES];
                bool speculative, failed, killed;
                int64_t run_ms;
                struct batch_totals used;
                int64_t remote_bytes, local_bytes;
                /* Of its executor by then, 0 where it was not measured. */
                int64_t heap_bytes, off_heap_bytes, resident_bytes, resident_python_bytes,
                        resident_other_bytes;
        } task;
};

struct spark_log_events {
        struct batch_run *run;
        struct json_fields *reader;
        struct event event;
};

/* ---- what is read of each event ---- */

#define AT(member) .offset = offsetof(struct event, member)
#define INTEGER(key, member)                                                                                 \
        {                                                                                                    \
                .name = key, .type = JSON_FIELD_INTEGER, AT(member)                                          \
        }
#define ID(key, member)                                                                                      \
        {                                                                                                    \
                .name = key, .type = JSON_FIELD_INTEGER, AT(member), .absent = -1                            \
        }
#define INSTANT(key, member)                                                                                 \
        {                                                                                                    \
                .name = key, .type = JSON_FIELD_INTEGER, AT(member), .absent = BATCH_UNKNOWN                 \
        }
#define BOOLEAN(key, member)                                                                                 \
        {                                                                                                    \
                .name = key, .type = JSON_FIELD_BOOLEAN, AT(member)                                          \
        }
#define TEXT(key, member)                                                                                    \
        {                                                                                                    \
                .name = key, .type = JSON_FIELD_TEXT, AT(member),                                            \
                .size = sizeof((struct event *)NULL)->member                                                 \
        }
#define INTEGERS(key, member)                                                                                \
        {                                                                                                    \
                .name = key, .type = JSON_FIELD_INTEGERS, AT(member)                                         \
        }
#define OBJECT(key, table)                                                                                   \
        {                                                                                                    \
                .name = key, .type = JSON_FIELD_OBJECT, .fields = table                                      \
        }
#define END                                                                                                  \
        {                                                                                                    \
                .name = NULL                                                                                 \
        }

static bool keep_stage(void *object, void *context, struct error *err);
static bool keep_setting(void *object, const char *name, const char *value, void *context, struct error *err);

static const struct json_field log_start_fields[] = {TEXT("Spark Version", version), END};

static const struct json_field application_start_fields[] = {TEXT("App Name", name), TEXT("App ID", id),
                                                             INSTANT("Timestamp", time_ms), END};

static const struct json_field application_end_fields[] =
        {INSTANT("Timestamp", time_ms),
         {.name = "ExitCode", .type = JSON_FIELD_INTEGER, AT(exit_code), .absent = BATCH_UNKNOWN},
         END};

static const struct json_field environment_fields[] = {{.name = "Spark Properties",
                                                        .type = JSON_FIELD_TEXTS,
                                                        .member = keep_setting},
                                                       END};

static const struct json_field executor_info_fields[] = {INTEGER("Total Cores", executor.cores), END};

static const struct json_field executor_fields[] = {INSTANT("Timestamp", time_ms),
                                                    TEXT("Executor ID", executor.name),
                                                    OBJECT("Executor Info", executor_info_fields), END};

static const struct json_field block_manager_id_fields[] = {TEXT("Executor ID", executor.name), END};

static const struct json_field block_manager_fields[] = {OBJECT("Block Manager ID", block_manager_id_fields),
                                                         INSTANT("Timestamp", time_ms), END};

static const struct json_field stage_info_fields[] = {ID("Stage ID", stage.id),
                                                      INTEGER("Stage Attempt ID", stage.attempt),
                                                      TEXT("Stage Name", stage.name),
                                                      INTEGER("Number of Tasks", stage.tasks),
                                                      INTEGERS("Parent IDs", stage.parents),
                                                      INSTANT("Submission Time", stage.submitted_ms),
                                                      INSTANT("Completion Time", stage.completed_ms),
                                                      TEXT("Failure Reason", stage.failure),
                                                      END};

static const struct json_field stage_fields[] = {OBJECT("Stage Info", stage_info_fields), END};

static const struct json_field job_properties_fields[] = {TEXT("spark.sql.execution.id", query_of_job), END};

static const struct json_field job_start_fields[] =
        {ID("Job ID", job),
         INSTANT("Submission Time", time_ms),
         {.name = "Stage Infos", .type = JSON_FIELD_LIST, .fields = stage_info_fields, .each = keep_stage},
         INTEGERS("Stage IDs", stages),
         OBJECT("Properties", job_properties_fields),
         END};

static const struct json_field job_result_fields[] = {TEXT("Result", result), END};

static const struct json_field job_end_fields[] = {ID("Job ID", job), INSTANT("Completion Time", time_ms),
                                                   OBJECT("Job Result", job_result_fields), END};

static const struct json_field query_start_fields[] = {ID("executionId", query), TEXT("description", name),
                                                       INSTANT("time", time_ms), END};

static const struct json_field query_end_fields[] = {ID("executionId", query), INSTANT("time", time_ms), END};

static const struct json_field task_reason_fields[] = {TEXT("Reason", task.reason), END};

static const struct json_field task_info_fields[] = {ID("Index", task.index),
                                                     INSTANT("Launch Time", task.launched_ms),
                                                     TEXT("Executor ID", task.executor),
                                                     TEXT("Locality", task.locality),
                                                     BOOLEAN("Speculative", task.speculative),
                                                     INSTANT("Finish Time", task.finished_ms),
                                                     BOOLEAN("Failed", task.failed),
                                                     BOOLEAN("Killed", task.killed),
                                                     END};

static const struct json_field shuffle_read_fields[] = {INTEGER("Fetch Wait Time", task.used.fetch_wait_ms),
                                                        INTEGER("Remote Bytes Read", task.remote_bytes),
                                                        INTEGER("Local Bytes Read", task.local_bytes), END};

static const struct json_field shuffle_write_fields[] = {INTEGER("Shuffle Bytes Written",
                                                                 task.used.shuffle_written_bytes),
                                                         INTEGER("Shuffle Write Time",
                                                                 task.used.shuffle_write_ns),
                                                         END};

static const struct json_field input_fields[] = {INTEGER("Bytes Read", task.used.input_bytes), END};

static const struct json_field output_fields[] = {INTEGER("Bytes Written", task.used.output_bytes), END};

static const struct json_field task_metrics_fields[] =
        {INTEGER("Executor Deserialize Time", task.used.deserialize_ms),
         INTEGER("Executor Run Time", task.run_ms),
         INTEGER("Executor CPU Time", task.used.cpu_ns),
         INTEGER("Peak Execution Memory", task.used.peak_memory_bytes),
         INTEGER("Result Size", task.used.result_bytes),
         INTEGER("JVM GC Time", task.used.gc_ms),
         INTEGER("Result Serialization Time", task.used.result_ms),
         INTEGER("Memory Bytes Spilled", task.used.spilled_memory_bytes),
         INTEGER("Disk Bytes Spilled", task.used.spilled_disk_bytes),
         OBJECT("Shuffle Read Metrics", shuffle_read_fields),
         OBJECT("Shuffle Write Metrics", shuffle_write_fields),
         OBJECT("Input Metrics", input_fields),
         OBJECT("Output Metrics", output_fields),
         END};

static const struct json_field executor_metrics_fields[] =
        {INTEGER("JVMHeapMemory", task.heap_bytes),
         INTEGER("JVMOffHeapMemory", task.off_heap_bytes),
         INTEGER("ProcessTreeJVMRSSMemory", task.resident_bytes),
         INTEGER("ProcessTreePythonRSSMemory", task.resident_python_bytes),
         INTEGER("ProcessTreeOtherRSSMemory", task.resident_other_bytes),
         END};

static const struct json_field task_fields[] = {ID("Stage ID", task.stage),
                                                INTEGER("Stage Attempt ID", task.attempt),
                                                OBJECT("Task End Reason", task_reason_fields),
                                                OBJECT("Task Info", task_info_fields),
                                                OBJECT("Task Executor Metrics", executor_metrics_fields),
                                                OBJECT("Task Metrics", task_metrics_fields),
                                                END};

/* ---- into the run ---- */

static bool expected(struct error *err, const char *what)
{
        return error_set(err, ERROR_INPUT, NULL, "expected %s", what);
}

static bool is_instant(int64_t time_ms)
{
        return time_ms >= 0 && time_ms <= BATCH_MAX_TIME_MS;
}

/* An instant that need not be there. */
static int64_t instant_or_unknown(int64_t time_ms)
{
        return is_instant(time_ms) ? time_ms : BATCH_UNKNOWN;
}

static bool is_id(int64_t id)
{
        return id >= 0 && id <= INT32_MAX;
}

static bool need_time(const struct event *event, struct error *err)
{
        return is_instant(event->time_ms) || expected(err, "the event's time");
}

/* Once: a log names its application twice only when two were put together. */
static void keep_text(char **kept, const char *text)
{
        if (!*kept && text[0])
                *kept = memory_copy_text(text);
}

static bool log_start(struct spark_log_events *events, struct error *err)
{
        (void)err;
        keep_text(&events->run->version, events->event.version);
        return true;
}

static bool application_start(struct spark_log_events *events, struct error *err)
{
        struct batch_run *run = events->run;

        if (!need_time(&events->event, err))
                return false;
        keep_text(&run->name, events->event.name);
        keep_text(&run->id, events->event.id);
        run->started_ms = events->event.time_ms;
        if (run->origin_ms == BATCH_UNKNOWN)
                run->origin_ms = run->started_ms;
        return true;
}

static bool application_end(struct spark_log_events *events, struct error *err)
{
        if (!need_time(&events->event, err))
                return false;
        events->run->ended_ms = events->event.time_ms;
        events->run->exit_code = events->event.exit_code;
        return true;
}

static bool keep_setting(void *object, const char *name, const char *value, void *context, struct error *err)
{
        struct spark_log_events *events = context;

        (void)object;
        return batch_run_set(events->run, name, value, err);
}

static bool environment(struct spark_log_events *events, struct error *err)
{
        (void)events;
        (void)err;
        return true; /* its settings were kept one by one */
}

static bool named_executor(struct spark_log_events *events, const char *name,
                           struct batch_executor **ret_executor, struct error *err)
{
        uint32_t place;

        if (!name[0])
                return expected(err, "the executor's id");
        if (!batch_run_executor(events->run, name, &place, err))
                return false;
        *ret_executor = &events->run->executors[place];
        return true;
}

static bool executor_added(struct spark_log_events *events, struct error *err)
{
        const struct event *event = &events->event;
        struct batch_executor *executor = NULL;

        if (!need_time(event, err) || !named_executor(events, event->executor.name, &executor, err))
                return false;
        executor->added_ms = event->time_ms;
        if (event->executor.cores > 0 && event->executor.cores <= INT16_MAX)
                executor->cores = event->executor.cores;
        return true;
}

static bool executor_removed(struct spark_log_events *events, struct error *err)
{
        struct batch_executor *executor = NULL;

        if (!need_time(&events->event, err) ||
            !named_executor(events, events->event.executor.name, &executor, err))
                return false;
        executor->removed_ms = events->event.time_ms;
        return true;
}

/* Old versions, and local ones, name an executor by its block manager alone. */
static bool block_manager_added(struct spark_log_events *events, struct error *err)
{
        const char *name = events->event.executor.name;
        struct batch_executor *executor = NULL;

        if (strcmp(name, "driver") == 0 || strcmp(name, "<driver>") == 0 ||
            !is_instant(events->event.time_ms))
                return true;
        if (!named_executor(events, name, &executor, err))
                return false;
        if (executor->added_ms == BATCH_UNKNOWN)
                executor->added_ms = events->event.time_ms;
        return true;
}

static void keep_ids(int64_t **kept, size_t *count, const struct json_integers *ids)
{
        if (ids->count == 0 || *kept)
                return;
        *kept = memory_new(ids->count, sizeof **kept);
        memcpy(*kept, ids->values, ids->count * sizeof **kept);
        *count = ids->count;
}

static bool keep_stage(void *object, void *context, struct error *err)
{
        const struct event *event = object;
        struct spark_log_events *events = context;
        struct batch_stage *stage;

        if (!is_id(event->stage.id) || event->stage.attempt < 0 || event->stage.attempt > MAX_ATTEMPT)
                return expected(err, "a stage's id and attempt");
        if (!batch_run_stage(events->run, event->stage.id, event->stage.attempt, &stage, err))
                return false;
        keep_text(&stage->name, event->stage.name);
        keep_ids(&stage->parents, &stage->n_parents, &event->stage.parents);
        if (event->stage.tasks > 0 && event->stage.tasks <= BATCH_MAX_TASKS)
                stage->declared_tasks = event->stage.tasks;
        if (is_instant(event->stage.submitted_ms))
                stage->submitted_ms = event->stage.submitted_ms;
        if (is_instant(event->stage.completed_ms))
                stage->completed_ms = event->stage.completed_ms;
        stage->failed |= event->stage.failure[0] != '\0';
        return true;
}

static bool stage_event(struct spark_log_events *events, struct error *err)
{
        return keep_stage(&events->event, events, err);
}

static bool find_job(struct spark_log_events *events, struct batch_job **ret_job, struct error *err)
{
        if (!is_id(events->event.job))
                return expected(err, "the job's id");
        return batch_run_job(events->run, events->event.job, ret_job, err);
}

static bool job_start(struct spark_log_events *events, struct error *err)
{
        const struct event *event = &events->event;
        struct batch_job *job;

        if (!find_job(events, &job, err))
                return false;
        job->submitted_ms = instant_or_unknown(event->time_ms);
        keep_ids(&job->stages, &job->n_stages, &event->stages);
        if (event->query_of_job[0])
                job->query = strtoll(event->query_of_job, NULL, 10);
        return true;
}

static bool job_end(struct spark_log_events *events, struct error *err)
{
        struct batch_job *job;

        if (!find_job(events, &job, err))
                return false;
        job->ended_ms = instant_or_unknown(events->event.time_ms);
        job->failed = strcmp(events->event.result, "JobSucceeded") != 0;
        return true;
}

static bool find_query(struct spark_log_events *events, struct batch_query **ret_query, struct error *err)
{
        if (!is_id(events->event.query) || !is_instant(events->event.time_ms))
                return expected(err, "the query's id and time");
        return batch_run_query(events->run, events->event.query, ret_query, err);
}

static bool query_start(struct spark_log_events *events, struct error *err)
{
        struct batch_query *query;

        if (!find_query(events, &query, err))
                return false;
        query->started_ms = events->event.time_ms;
        keep_text(&query->name, events->event.name);
        return true;
}

static bool query_end(struct spark_log_events *events, struct error *err)
{
        struct batch_query *query;

        if (!find_query(events, &query, err))
                return false;
        query->ended_ms = events->event.time_ms;
        return true;
}

/* ---- tasks ---- */

static int64_t not_negative(int64_t value)
{
        return value > 0 ? value : 0;
}

/* A log may say anything: what no stage can use is not told apart any more. */
static void add(int64_t *sum, int64_t value)
{
        int64_t more = not_negative(value);

        *sum = more < BATCH_MAX_TOTAL - *sum ? *sum + more : BATCH_MAX_TOTAL;
}

static void add_up(struct batch_totals *totals, const struct event *event)
{
        const struct batch_totals *used = &event->task.used;

        add(&totals->run_ms, event->task.run_ms);
        add(&totals->cpu_ns, used->cpu_ns);
        add(&totals->gc_ms, used->gc_ms);
        add(&totals->deserialize_ms, used->deserialize_ms);
        add(&totals->result_ms, used->result_ms);
        add(&totals->fetch_wait_ms, used->fetch_wait_ms);
        add(&totals->shuffle_write_ns, used->shuffle_write_ns);
        add(&totals->input_bytes, used->input_bytes);
        add(&totals->output_bytes, used->output_bytes);
        add(&totals->shuffle_read_bytes, event->task.remote_bytes);
        add(&totals->shuffle_read_bytes, event->task.local_bytes);
        add(&totals->shuffle_written_bytes, used->shuffle_written_bytes);
        add(&totals->result_bytes, used->result_bytes);
        add(&totals->spilled_memory_bytes, used->spilled_memory_bytes);
        add(&totals->spilled_disk_bytes, used->spilled_disk_bytes);
        if (used->peak_memory_bytes > totals->peak_memory_bytes)
                totals->peak_memory_bytes = used->peak_memory_bytes;
}

/* Bytes of a process; a log may say anything. */
static int64_t bytes_of(int64_t value)
{
        return value > 0 && value <= MAX_PROCESS_BYTES ? value : 0;
}

/* What its process tree held where that is measured (spark.executor.processTreeMetrics.enabled), else what
 * the JVM used. */
static void note_peak(struct batch_run *run, const struct event *event)
{
        int64_t used = bytes_of(event->task.heap_bytes) + bytes_of(event->task.off_heap_bytes);
        int64_t held = bytes_of(event->task.resident_bytes) + bytes_of(event->task.resident_python_bytes) +
                       bytes_of(event->task.resident_other_bytes);
        int64_t bytes = held > 0 ? held : used;

        if (bytes > run->peak_bytes)
                run->peak_bytes = bytes;
}

static enum batch_locality locality_of(const char *word)
{
        static const char *const words[] = {"NO_PREF", "PROCESS_LOCAL", "NODE_LOCAL", "RACK_LOCAL", "ANY"};

        for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
                if (strcmp(word, words[i]) == 0)
                        return (enum batch_locality)i;
        }
        return BATCH_NO_PREFERENCE;
}

static enum batch_outcome outcome_of(const struct event *event)
{
        if (event->task.killed || strcmp(event->task.reason, "TaskKilled") == 0)
                return BATCH_KILLED;
        return event->task.failed || strcmp(event->task.reason, "Success") != 0 ? BATCH_FAILED
                                                                                : BATCH_SUCCEEDED;
}

/* The times of a task within what a task can hold, or why not. */
static bool time_task(struct batch_run *run, const struct event *event, struct batch_task *task,
                      struct error *err)
{
        int64_t launched = event->task.launched_ms, finished = event->task.finished_ms, run_ms;

        if (!is_instant(launched) || !is_instant(finished) || finished < launched)
                return expected(err, "a task's launch and, after it, its finish");
        if (run->origin_ms == BATCH_UNKNOWN)
                run->origin_ms = launched;
        if (launched < run->origin_ms || finished - run->origin_ms > UINT32_MAX)
                return expected(err, "a task within 49 days from the application's start");
        run_ms = not_negative(event->task.run_ms);
        task->launched_ms = (uint32_t)(launched - run->origin_ms);
        task->took_ms = (uint32_t)(finished - launched);
        task->run_ms = run_ms < task->took_ms ? (uint32_t)run_ms : task->took_ms;
        return true;
}

static bool task_end(struct spark_log_events *events, struct error *err)
{
        const struct event *event = &events->event;
        struct batch_task task = {.outcome = outcome_of(event) & 3U,
                                  .locality = locality_of(event->task.locality) & 7U,
                                  .speculative = event->task.speculative};
        struct batch_stage *stage;
        uint32_t executor;

        if (!is_id(event->task.stage) || !is_id(event->task.index) || event->task.attempt < 0 ||
            event->task.attempt > MAX_ATTEMPT || !event->task.executor[0])
                return expected(err, "a task's stage, index and executor");
        if (!time_task(events->run, event, &task, err) ||
            !batch_run_stage(events->run, event->task.stage, event->task.attempt, &stage, err) ||
            !batch_run_executor(events->run, event->task.executor, &executor, err))
                return false;
        task.index = (uint32_t)event->task.index;
        task.executor = executor & 0xfffffU;
        add_up(&stage->totals, event);
        note_peak(events->run, event);
        return batch_run_add_task(events->run, stage, &task, err);
}

/* ---- which event ---- */

struct kind {
        const char *name;
        const struct json_field *fields;
        bool (*keep)(struct spark_log_events *events, struct error *err);
};

/* The most frequent first. */
static const struct kind kinds[] = {
        {"SparkListenerTaskEnd", task_fields, task_end},
        {"SparkListenerStageSubmitted", stage_fields, stage_event},
        {"SparkListenerStageCompleted", stage_fields, stage_event},
        {"SparkListenerJobStart", job_start_fields, job_start},
        {"SparkListenerJobEnd", job_end_fields, job_end},
        {"SparkListenerExecutorAdded", executor_fields, executor_added},
        {"SparkListenerExecutorRemoved", executor_fields, executor_removed},
        {"SparkListenerBlockManagerAdded", block_manager_fields, block_manager_added},
        {"org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart", query_start_fields, query_start},
        {"org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionEnd", query_end_fields, query_end},
        {"SparkListenerEnvironmentUpdate", environment_fields, environment},
        {"SparkListenerLogStart", log_start_fields, log_start},
        {"SparkListenerApplicationStart", application_start_fields, application_start},
        {"SparkListenerApplicationEnd", application_end_fields, application_end},
};

struct spark_log_events *spark_log_events_new(struct batch_run *run)
{
        struct spark_log_events *events = memory_new(1, sizeof *events);

        events->run = run;
        events->reader = json_fields_new();
        return events;
}

void spark_log_events_free(struct spark_log_events *events)
{
        if (!events)
                return;
        free(events->event.stages.values);
        free(events->event.stage.parents.values);
        json_fields_free(events->reader);
        free(events);
}

static bool has(const char *line, size_t length, const char *word)
{
        return length >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

/* Name of the event in a line as Spark writes it; NULL when the line starts in another way. */
static const char *name_of(const char *line, size_t length, size_t *ret_length)
{
        static const char start[] = "{\"Event\":\"";
        const char *name = line + sizeof start - 1, *end;

        if (!has(line, length, start))
                return NULL;
        end = memchr(name, '"', length - (sizeof start - 1));
        if (!end)
                return NULL;
        *ret_length = (size_t)(end - name);
        return name;
}

/* The name, wherever it stands: somebody may have written the log anew. */
static bool look_for_name(struct spark_log_events *events, const char *line, size_t length, struct error *err)
{
        static const struct json_field fields[] = {TEXT("Event", name), END};

        return json_fields_read(events->reader, line, length, fields, &events->event, events, err);
}

static const struct kind *kind_of(const char *name, size_t length)
{
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                if (strlen(kinds[i].name) == length && memcmp(name, kinds[i].name, length) == 0)
                        return &kinds[i];
        }
        return NULL;
}

bool spark_log_events_add(struct spark_log_events *events, const char *line, size_t length, bool *ret_known,
                          struct error *err)
{
        size_t name_length = 0;
        const char *name = name_of(line, length, &name_length);
        const struct kind *kind;

        *ret_known = false;
        if (!name) {
                if (!look_for_name(events, line, length, err))
                        return false;
                name = events->event.name;
                name_length = strlen(name);
        }
        if (name_length == 0)
                return expected(err, "a member \"Event\"");
        if (line[length - 1] != '}')
                return error_set(err, ERROR_INPUT, NULL, "not JSON: it ends too early");
        kind = kind_of(name, name_length);
        *ret_known = kind || memmem(name, name_length, "SparkListener", strlen("SparkListener"));
        if (!kind)
                return true;
        return json_fields_read(events->reader, line, length, kind->fields, &events->event, events, err) &&
               kind->keep(events, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "actuators/flink/savepoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/reactor.h"
#include "core/text.h"
#include "engines/flink/requirements.h"

#define FIRST_POLL_MS 200
#define LAST_POLL_MS  5000

/* ---- pure ---- */

static bool is_text(const json_t *object, const char *key, const char *value)
{
        const char *found = NULL;

        return json_find_text(object, key, &found) && strcmp(found, value) == 0;
}

static double trigger_ms(const json_t *checkpoint)
{
        double time = 0;

        (void)json_find_number(checkpoint, "trigger_timestamp", &time);
        return time;
}

const char *flink_stopped_with(const json_t *checkpoints)
{
        const json_t *latest = json_object_get(checkpoints, "latest");
        const json_t *savepoint = json_object_get(latest, "savepoint");

        /* A savepoint that was only taken is no end of a job. */
        if (!is_text(savepoint, "checkpoint_type", "SYNC_SAVEPOINT") ||
            !is_text(savepoint, "status", "COMPLETED") ||
            trigger_ms(json_object_get(latest, "completed")) > trigger_ms(savepoint))
                return NULL;
        return json_string_value(json_object_get(savepoint, "external_path"));
}

/* That it completed no checkpoint must be said: else there is state that is newer, and would be lost. */
const char *flink_started_from(const json_t *checkpoints)
{
        const json_t *latest = json_object_get(checkpoints, "latest");
        const json_t *completed = json_object_get(json_object_get(checkpoints, "counts"), "completed");
        const char *path;

        if (!json_is_integer(completed) || json_integer_value(completed) != 0 ||
            !json_is_null(json_object_get(latest, "completed")))
                return NULL;
        path = json_string_value(json_object_get(json_object_get(latest, "restored"), "external_path"));
        return path && *path ? path : NULL;
}

bool flink_stop_under_way(const json_t *checkpoints)
{
        const json_t *checkpoint;
        size_t i;

        json_array_foreach(json_object_get(checkpoints, "history"), i,
                           checkpoint) if (is_text(checkpoint, "checkpoint_type", "SYNC_SAVEPOINT") &&
                                           is_text(checkpoint, "status", "IN_PROGRESS")) return true;
        return flink_stopped_with(checkpoints) != NULL;
}

const char *flink_find_jar(const json_t *jars, const char *jar)
{
        const char *found = NULL, *id = NULL;
        double newest = -1;
        size_t i;
        json_t *file;

        json_array_foreach(json_object_get(jars, "files"), i, file)
        {
                double uploaded = 0;

                if (!json_find_text(file, "id", &id))
                        continue;
                if (strcmp(id, jar) == 0)
                        return id;
                (void)json_find_number(file, "uploaded", &uploaded);
                if (is_text(file, "name", jar) && uploaded > newest) {
                        found = id;
                        newest = uploaded;
                }
        }
        return found;
}

bool flink_savepoint_state(const json_t *answer, const char **ret_location, struct error *err)
{
        const json_t *operation = json_object_get(answer, "operation");
        const char *location = NULL, *trace = "Flink says neither where it is nor why";
        char words[300];

        *ret_location = NULL;
        if (!is_text(json_object_get(answer, "status"), "id", "COMPLETED"))
                return true;
        if (json_find_text(operation, "location", &location) && *location) {
                *ret_location = location;
                return true;
        }
        (void)json_find_text(json_object_get(operation, "failure-cause"), "stack-trace", &trace);
        flink_cause_words(trace, words, sizeof words);
        return error_set(err, ERROR_REFUSED, "SavepointFailed", "the savepoint failed: %s", words);
}

bool flink_takes_overrides(const char *version)
{
        char *end = NULL;

        return strncmp(version, "1.", 2) == 0 && strtol(version + 2, &end, 10) >= 17;
}

/* ---- waiting ---- */

struct patience {
        const struct flink_engine *engine;
        int64_t deadline_ms; /* by the reactor's clock, which nobody sets */
        int64_t pause_ms;
};

static struct patience patience_begin(const struct flink_engine *engine)
{
        return (struct patience){.engine = engine,
                                 .deadline_ms = reactor_steady_ms(engine->context.reactor) +
                                                engine->options->rescale_timeout_seconds * MS_PER_SECOND,
                                 .pause_ms = FIRST_POLL_MS};
}

/* Fails when there is no time left for what is awaited. */
static bool patience_wait(struct patience *patience, const char *what, struct error *err)
{
        const struct source_context *context = &patience->engine->context;

        if (reactor_steady_ms(context->reactor) >= patience->deadline_ms)
                return error_set(err, ERROR_TIMEOUT, "RescaleTimeout", "Flink at %s: %s took too long",
                                 http_peer_url(patience->engine->peer), what);
        if (!clock_sleep_until(context->clock, clock_now_ms(context->clock) + patience->pause_ms, err))
                return false;
        patience->pause_ms = patience->pause_ms * 2 > LAST_POLL_MS ? LAST_POLL_MS : patience->pause_ms * 2;
        return true;
}

/* ---- savepoints ---- */

static char *dump(json_t *take_object)
{
        struct text text = {0};

        json_put(take_object, 0, &text);
        json_decref(take_object);
        return text_take(&text);
}

static bool await_savepoint(struct flink_engine *engine, const char *job_id, const char *trigger,
                            char **ret_location, struct error *err)
{
        autofree char *path = memory_format("/jobs/%s/savepoints/%s", job_id, trigger);
        struct patience patience = patience_begin(engine);
        const char *location = NULL;

        for (;;) {
                autojson *answer = NULL;

                if (!flink_get(engine, path, &answer, err) || !flink_savepoint_state(answer, &location, err))
                        return false;
                if (location) {
                        *ret_location = memory_copy_text(location);
                        return true;
                }
                if (!patience_wait(&patience, "the savepoint", err))
                        return false;
        }
}

/* Triggers what answers with a trigger's id, and waits for its savepoint. */
static bool take_savepoint(const struct flink_caller *caller, const char *job_id, const char *verb,
                           json_t *take_body, const char *what, char **ret_location, struct error *err)
{
        autofree char *path = memory_format("/jobs/%s/%s", job_id, verb);
        autofree char *body = dump(take_body);
        autojson *answer = NULL;
        const struct flink_call call = {.method = "POST", .path = path, .body = body, .what = what};
        const char *trigger = NULL;

        if (!flink_call(caller, &call, &answer, err))
                return false;
        if (caller->dry_run) {
                *ret_location = memory_copy_text("that savepoint");
                return true;
        }
        if (!json_find_text(answer, "request-id", &trigger) || !flink_is_id(trigger))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer",
                                 "Flink names no savepoint to wait for");
        return await_savepoint(caller->engine, job_id, trigger, ret_location, err);
}

static bool await_end(struct flink_engine *engine, const char *job_id, struct error *err)
{
        autofree char *path = memory_format("/jobs/%s", job_id);
        struct patience patience = patience_begin(engine);

        for (;;) {
                autojson *answer = NULL;
                const char *state = "";

                if (!flink_get(engine, path, &answer, err))
                        return false;
                if (json_find_text(answer, "state", &state) && flink_state_is_final(state))
                        return true;
                if (!patience_wait(&patience, "the end of the job", err))
                        return false;
        }
}

static bool stop(const struct flink_caller *caller, const struct flink_job *job, char **ret_location,
                 struct error *err)
{
        const char *folder = caller->engine->options->savepoint_directory;
        json_t *trial = json_pack("{s:b, s:s*}", "cancel-job", 0, "target-directory", folder);
        json_t *final = json_pack("{s:b, s:s*}", "drain", 0, "targetDirectory", folder);
        autofree char *first = NULL;

        if (!take_savepoint(caller, job->id, "savepoints", trial, "to see that it can be saved", &first,
                            err)) {
                json_decref(final);
                return false;
        }
        return take_savepoint(caller, job->id, "stop", final, "with a savepoint", ret_location, err) &&
               (caller->dry_run || await_end(caller->engine, job->id, err));
}

/* ---- starting ---- */

/* 128 bits of FNV-1a as 32 hexadecimal digits. */
static void hash_id(const char *text, char ret_id[FLINK_ID_ROOM])
{
        unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
        unsigned __int128 hash = ((unsigned __int128)0x6c62272e07bb0142u << 64) + 0x62b821756295c58du;

        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * prime;
        snprintf(ret_id, FLINK_ID_ROOM, "%016llx%016llx", (unsigned long long)(hash >> 64),
                 (unsigned long long)hash);
}

static int widest(const struct flink_job *job, const int *wanted, const bool *tuned)
{
        int most = 1;

        for (int i = 0; i < job->n_vertices; i++)
                if (tuned[i] && wanted[i] > most)
                        most = wanted[i];
        return most;
}

static json_t *arguments_of(const struct flink_program *program)
{
        json_t *list = json_array();

        for (size_t i = 0; i < program->arguments.count; i++)
                json_array_append_new(list, json_string(((char *const *)program->arguments.items)[i]));
        return list;
}

static char *start_body(const struct flink_engine *engine, const struct flink_job *job, const int *wanted,
                        const bool *tuned, const char *location, const char *id)
{
        const struct flink_program *program = engine->options->program;
        autofree char *overrides = flink_overrides_text(job, wanted);

        return dump(json_pack("{s:s, s:s*, s:o, s:i, s:s, s:b, s:{s:s}}", "jobId", id, "entryClass",
                              program->entry_class, "programArgsList", arguments_of(program), "parallelism",
                              widest(job, wanted, tuned), "savepointPath", location, "allowNonRestoredState",
                              (int)program->allow_non_restored_state, "flinkConfiguration", FLINK_OVERRIDES,
                              overrides));
}

static bool find_jar(struct flink_engine *engine, char **ret_jar, struct error *err)
{
        const char *jar = engine->options->program->jar;
        autojson *jars = NULL;
        const char *found;

        if (!flink_get(engine, "/jars", &jars, err))
                return false;
        found = flink_find_jar(jars, jar);
        if (!found)
                return error_set(err, ERROR_NOT_FOUND, "JarNotFound",
                                 "Flink at %s: no jar \"%.100s\" was uploaded to the job manager",
                                 http_peer_url(engine->peer), jar);
        *ret_jar = http_escape(found);
        return true;
}

static bool start(const struct flink_caller *caller, const struct flink_job *job, const int *wanted,
                  const bool *tuned, const char *jar, const char *location, struct error *err)
{
        autofree char *seed = memory_format("%s %s", job->id, location);
        autofree char *path = memory_format("/jars/%s/run", jar);
        autofree char *what = memory_format("%d subtasks, from %.100s", widest(job, wanted, tuned), location);
        autofree char *body = NULL;
        autojson *answer = NULL;
        char id[FLINK_ID_ROOM];
        struct flink_call call = {.method = "POST", .path = path, .what = what};

        hash_id(seed, id);
        body = start_body(caller->engine, job, wanted, tuned, location, id);
        call.body = body;
        if (!flink_call(caller, &call, &answer, err) && !strstr(err->message, "already been submitted"))
                return error_wrap(err, "the job is stopped, its state is in %s", location);
        error_clear(err);
        if (!caller->dry_run)
                memcpy(caller->engine->job_id, id, FLINK_ID_ROOM);
        return true;
}

/* ---- restart ---- */

static bool check_overrides(struct flink_engine *engine, const struct flink_job *job, const int *wanted,
                            const bool *tuned, struct error *err)
{
        autojson *config = NULL;
        const char *version = "";
        int most = widest(job, wanted, tuned);

        if (!flink_get(engine, "/config", &config, err))
                return false;
        (void)json_find_text(config, "flink-version", &version);
        if (flink_takes_overrides(version))
                return true;
        for (int i = 0; i < job->n_vertices; i++)
                if (tuned[i] && wanted[i] != most)
                        return error_set(
                                err, ERROR_REFUSED, "OneParallelism",
                                "Flink %.20s starts a job with one parallelism for all operators; expected a "
                                "parallelism knob of scope Pipeline",
                                version);
        return true;
}

static bool get_checkpoints(struct flink_engine *engine, const char *job_id, json_t **ret_checkpoints,
                            struct error *err)
{
        autofree char *path = memory_format("/jobs/%s/checkpoints", job_id);

        return flink_get(engine, path, ret_checkpoints, err);
}

/* Where the state of a job is that never came up; it is cancelled, since it cannot be saved. */
static bool give_up(const struct flink_caller *caller, const struct flink_job *job, char **ret_location,
                    struct error *err)
{
        autofree char *path = memory_format("/jobs/%s?mode=cancel", job->id);
        const struct flink_call call = {.method = "PATCH",
                                        .path = path,
                                        .body = "",
                                        .what = "it never came up",
                                        .repeatable = true};
        autojson *checkpoints = NULL, *answer = NULL;
        const char *location;

        if (!get_checkpoints(caller->engine, job->id, &checkpoints, err))
                return false;
        location = flink_started_from(checkpoints);
        if (!location)
                return error_set(err, ERROR_UNAVAILABLE, "JobNotUp",
                                 "Flink at %s: the job \"%.60s\" is not up, so it cannot be saved",
                                 http_peer_url(caller->engine->peer), job->name);
        *ret_location = memory_copy_text(location);
        return flink_call(caller, &call, &answer, err) &&
               (caller->dry_run || await_end(caller->engine, job->id, err));
}

/* What a job that ended on the way to another parallelism is to be started from: it was stopped with a
 * savepoint, or given up before it came up. */
static bool find_stopped(struct flink_engine *engine, const struct flink_job *job, char **ret_location,
                         struct error *err)
{
        autojson *checkpoints = NULL;
        const char *location = NULL;

        if (!get_checkpoints(engine, job->id, &checkpoints, err))
                return false;
        if (strcmp(job->state, "FINISHED") == 0)
                location = flink_stopped_with(checkpoints);
        else if (strcmp(job->state, "CANCELED") == 0)
                location = flink_started_from(checkpoints);
        *ret_location = memory_copy_text(location);
        return true;
}

bool flink_was_stopped(struct flink_engine *engine, const struct flink_job *job, bool *ret_stopped,
                       struct error *err)
{
        autofree char *location = NULL;

        if (!find_stopped(engine, job, &location, err))
                return false;
        *ret_stopped = location;
        return true;
}

bool flink_is_stopping(struct flink_engine *engine, const struct flink_job *job, bool *ret_stopping,
                       struct error *err)
{
        autojson *checkpoints = NULL;

        if (!get_checkpoints(engine, job->id, &checkpoints, err))
                return false;
        *ret_stopping = flink_stop_under_way(checkpoints);
        return true;
}

/* What does not seem to be up is looked at until it is, or until Flink says in so many words that it is not:
 * who cannot be understood may be speaking of a job that runs. */
static bool await_word(struct flink_engine *engine, const struct flink_job *job, struct flink_job **ret_job,
                       struct error *err)
{
        autofree char *path = memory_format("/jobs/%s", job->id);
        struct patience patience = patience_begin(engine);

        for (;;) {
                autocall(flink_job_free) struct flink_job *now = NULL;
                autojson *answer = NULL;

                if (!flink_get(engine, path, &answer, err) || !flink_job_read(answer, &now, err))
                        return false;
                if (flink_job_is_up(now) || flink_job_is_told(now)) {
                        *ret_job = TAKE(now);
                        return true;
                }
                if (patience_wait(&patience, "word of the job", err))
                        continue;
                return err->code == ERROR_TIMEOUT &&
                       error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer",
                                 "Flink at %s does not say how the subtasks of job \"%.60s\" are; it is left "
                                 "as it is",
                                 http_peer_url(engine->peer), job->name);
        }
}

static bool save(const struct flink_caller *caller, const struct flink_job *found, char **ret_location,
                 struct error *err)
{
        autocall(flink_job_free) struct flink_job *told = NULL;
        const struct flink_job *job = found;

        if (!flink_job_is_up(job) && !flink_state_is_final(job->state)) {
                if (!await_word(caller->engine, found, &told, err))
                        return false;
                job = told;
        }
        if (flink_job_is_up(job))
                return stop(caller, job, ret_location, err);
        if (!flink_state_is_final(job->state))
                return give_up(caller, job, ret_location, err);
        if (!find_stopped(caller->engine, job, ret_location, err))
                return false;
        return *ret_location || error_set(err, ERROR_UNAVAILABLE, "JobEnded", "the job \"%.100s\" (%s) is %s",
                                          job->name, job->id, job->state);
}

bool flink_restart(const struct flink_caller *caller, const struct flink_job *job, const int *wanted,
                   const bool *tuned, struct error *err)
{
        autofree char *location = NULL, *jar = NULL;

        return find_jar(caller->engine, &jar, err) &&
               check_overrides(caller->engine, job, wanted, tuned, err) &&
               save(caller, job, &location, err) && start(caller, job, wanted, tuned, jar, location, err);
}

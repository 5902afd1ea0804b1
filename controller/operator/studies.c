/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/studies.h"

#include <stdlib.h>
#include <string.h>

#include "controller/operator/study_round.h"
#include "core/json.h"

#define SOON_MS INT64_C(1000)

static const struct kube_resource study_resource = {"optctl.dev", "v1alpha1", "tuningstudies"};

struct operator_studies {
        struct cluster_operator *op;
        struct kube_reflector *objects, *jobs;
};

/* What is kept of a study. */
struct study_object {
        int64_t generation;
        bool deleted;
        char *spec, *status; /* as JSON */
};

/* ---- objects ---- */

static void study_release(void *object)
{
        struct study_object *kept = object;

        free(kept->spec);
        free(kept->status);
        free(kept);
}

static void *study_project(void *context, const json_t *object, size_t *ret_bytes)
{
        const json_t *spec = json_object_get(object, "spec"), *status = json_object_get(object, "status");
        struct study_object *kept = memory_new(1, sizeof *kept);
        double number = 0;

        (void)context;
        (void)json_find_number(json_object_get(object, "metadata"), "generation", &number);
        kept->generation = (int64_t)number;
        kept->deleted = *kube_meta(object, "deletionTimestamp") != '\0';
        kept->spec = json_is_object(spec) ? json_dumps(spec, JSON_COMPACT) : memory_copy_text("{}");
        kept->status = json_is_object(status) ? json_dumps(status, JSON_COMPACT) : memory_copy_text("{}");
        *ret_bytes = sizeof *kept + strlen(kept->spec) + strlen(kept->status);
        return kept;
}

/* ---- what calls for work ---- */

static void want(const struct operator_studies *studies, const char *namespace, const char *name)
{
        autofree char *key = memory_format("//%s/%s", namespace, name);

        work_queue_add(studies->op->queue, key);
}

static void on_study(void *context, const char *namespace, const char *name, const void *before,
                     const void *now)
{
        (void)before;
        (void)now;
        want(context, namespace, name);
}

static void on_job(void *context, const char *namespace, const char *name, const void *before,
                   const void *now)
{
        const struct study_job_object *job = now ? now : before;

        (void)name;
        if (*job->study)
                want(context, namespace, job->study);
}

static void want_study(void *context, const char *namespace, const char *name, const void *kept)
{
        (void)kept;
        want(context, namespace, name);
}

void operator_want_studies(struct cluster_operator *op)
{
        if (op->studies)
                kube_reflector_each(op->studies->objects, want_study, op->studies);
}

/* ---- a round ---- */

static void round_close(struct study_round *round)
{
        free(round->namespace);
        free(round->name);
        free(round->uid);
        free(round->version);
        free(round->job_name);
        json_decref(round->spec);
        json_decref(round->before);
        json_decref(round->status);
        study_plan_free(round->plan);
        study_job_release(round->job);
}

static bool is_of_generation(const json_t *status, int64_t generation)
{
        double number;

        return json_find_number(status, "observedGeneration", &number) && (int64_t)number == generation;
}

bool operator_study_find(const struct cluster_operator *op, const char *namespace, const char *name,
                         json_t **ret_spec, json_t **ret_status)
{
        const struct study_object *object = kube_reflector_get(op->studies->objects, namespace, name);
        autojson *status = NULL;

        if (!object || object->deleted)
                return false;
        status = json_loads(object->status, 0, NULL);
        *ret_spec = json_loads(object->spec, 0, NULL);
        *ret_status = is_of_generation(status, object->generation) ? json_incref(status) : json_object();
        return true;
}

/* A copy of all that is needed: what a cache has lives until the next wait. */
static void round_open(struct study_round *round, const char *namespace, const char *name,
                       const struct study_object *object)
{
        const struct kube_reflector *objects = round->op->studies->objects;

        round->namespace = memory_copy_text(namespace);
        round->name = memory_copy_text(name);
        round->uid = memory_copy_text(kube_reflector_uid(objects, namespace, name));
        round->version = memory_copy_text(kube_reflector_version(objects, namespace, name));
        round->jobs = round->op->studies->jobs;
        round->owner = (struct study_owner){round->namespace, round->name, round->uid, object->generation};
        round->job_name = study_job_name(&round->owner);
        round->spec = json_loads(object->spec, 0, NULL);
        round->before = json_loads(object->status, 0, NULL);
        round->same_generation = is_of_generation(round->before, object->generation);
        round->status = json_deep_copy(round->before);
        round->accepted = (struct condition){"Accepted", "True", "Valid", "The study is valid."};
        round->complete = (struct condition){"Complete", "False", "Running", "Its Job runs."};
        round->failed = (struct condition){"Failed", "False", "NotFailed", "Nothing has failed for good."};
}

/* ---- status ---- */

static void tell(const struct study_round *round, bool warning, const struct condition *condition,
                 const char *action)
{
        const struct kube_news news = {.api_version = "optctl.dev/v1alpha1",
                                       .kind = STUDY_KIND,
                                       .namespace = round->namespace,
                                       .name = round->name,
                                       .uid = round->uid,
                                       .warning = warning,
                                       .reason = condition->reason,
                                       .action = action,
                                       .note = condition->message,
                                       .fence = operator_fence(round->op, round->shard)};

        kube_events_tell(round->op->events, &news);
}

/* Once each, since the status says what was told before. */
static void tell_news(const struct study_round *round)
{
        static const struct condition started = {"", "", "Started", "What runs it was created."};
        const json_t *old = round->same_generation ? round->before : NULL;

        if (strcmp(round->accepted.status, "False") == 0 && !old)
                tell(round, true, &round->accepted, "Read");
        if ((round->job || round->begun) && !study_round_was_started(round))
                tell(round, false, &started, "Start");
        if (strcmp(round->complete.status, "True") == 0)
                tell(round, false, &round->complete, "Finish");
        if (strcmp(round->failed.status, "True") == 0)
                tell(round, true, &round->failed, "Finish");
}

/* Of an earlier generation nothing is left; null takes it away. */
static void forget_results(struct study_round *round)
{
        static const char *const results[] = {"job",  "points",  "done",      "failed", "currency",
                                              "best", "results", "bestTrial", "front",  "trials"};

        for (size_t i = 0; i < ARRAY_LENGTH(results) && !round->same_generation; i++)
                if (json_object_get(round->status, results[i]))
                        json_object_set_new(round->status, results[i], json_null());
}

static bool write_status(struct study_round *round, struct error *err)
{
        const struct kube_target target = {&study_resource, round->namespace, round->name, "status"};
        const struct kube_write write = {.uid = round->uid, .resource_version = round->version};
        const struct condition all[] = {round->accepted, round->complete, round->failed};
        struct kube_client *client = round->op->setup.client;
        int64_t generation = round->owner.generation;
        autojson *patch = NULL;

        json_object_set_new(round->status, "observedGeneration", json_integer((json_int_t)generation));
        operator_put_conditions(round->op, round->status, all, ARRAY_LENGTH(all), generation);
        if (json_equal(round->before, round->status))
                return true;
        patch = json_pack("{s:O}", "status", round->status);
        if (!kube_merge(client, &target, patch, &write, NULL, err) &&
            !(study_may_repeat(err) && kube_merge(client, &target, patch, &write, NULL, err)))
                return error_wrap(err, "status");
        tell_news(round);
        return true;
}

/* ---- Jobs of earlier generations ---- */

struct old_jobs {
        const struct study_round *round;
        char *name, *uid; /* of one of them */
};

/* Trials have a number behind the name. */
static bool is_of_round(const struct study_round *round, const char *job_name)
{
        size_t length = strlen(round->job_name);

        return strncmp(job_name, round->job_name, length) == 0 &&
               (job_name[length] == '\0' || job_name[length] == '-');
}

static void note_old(void *context, const char *namespace, const char *name, const void *kept)
{
        struct old_jobs *old = context;
        const struct study_job_object *job = kept;
        const struct study_round *round = old->round;

        if (old->name || job->deleted || strcmp(namespace, round->namespace) != 0 ||
            strcmp(job->owner_uid, round->uid) != 0 || is_of_round(round, name))
                return;
        old->name = memory_copy_text(name);
        old->uid = memory_copy_text(job->uid);
}

/* One a round: its end calls for the next. */
static bool drop_old_job(const struct study_round *round, struct error *err)
{
        struct old_jobs old = {.round = round};
        bool done = true;

        kube_reflector_each(round->jobs, note_old, &old);
        if (old.name) {
                const struct kube_target target = {&study_job_resource, round->namespace, old.name, NULL};
                const struct kube_write write = {.uid = old.uid};

                done = kube_delete(round->op->setup.client, &target, &write, err) ||
                       err->code == ERROR_NOT_FOUND || error_wrap(err, "Job %s", old.name);
        }
        free(old.name);
        free(old.uid);
        return done;
}

/* ---- the key ---- */

static bool is_over(const struct study_round *round)
{
        return round->same_generation && (study_true_condition(round->before, "Complete") ||
                                          study_true_condition(round->before, "Failed"));
}

static enum work_result run_round(struct study_round *round, const char *key)
{
        struct cluster_operator *op = round->op;
        struct error err = ERROR_INIT;

        if (drop_old_job(round, &err)) {
                if (is_over(round))
                        return WORK_DONE;
                forget_results(round);
                if (study_round_go_on(round, &err) && (round->more || write_status(round, &err))) {
                        if (round->more || round->again_ms > 0)
                                work_queue_add_after(op->queue, key, round->more ? SOON_MS : round->again_ms);
                        return WORK_DONE;
                }
        }
        log_warning(op->setup.log, "study not brought to what its object says", LOG_TEXT("study", key + 2),
                    LOG_TEXT("reason", err.message));
        return WORK_FAILED;
}

enum work_result operator_sync_study(struct cluster_operator *op, const char *key)
{
        struct operator_studies *studies = op->studies;
        const char *slash = strchr(key + 2, '/');
        autofree char *namespace = memory_format("%.*s", (int)(slash - key - 2), key + 2);
        const struct study_object *object = kube_reflector_get(studies->objects, namespace, slash + 1);
        struct study_round round = {.op = op, .shard = operator_shard_of_key(op, key)};
        struct fence_scope scope;
        enum work_result result;

        if (!object || object->deleted)
                return WORK_FORGET;
        if (!operator_has(op, round.shard))
                return WORK_DONE;
        if (!kube_reflector_synced(studies->objects) || !kube_reflector_synced(studies->jobs) ||
            !kube_reflector_synced(op->pipelines)) {
                work_queue_add_after(op->queue, key, SOON_MS);
                return WORK_DONE;
        }
        round_open(&round, namespace, slash + 1, object);
        operator_enter(op, round.shard, &scope);
        result = run_round(&round, key);
        operator_leave(op, round.shard, &scope);
        round_close(&round);
        return result;
}

/* ---- life ---- */

struct operator_studies *operator_studies_new(struct cluster_operator *op)
{
        struct operator_studies *studies = memory_new(1, sizeof *studies);
        struct kube_reflector_options followed = {.resource = &study_resource,
                                                  .selection = {.namespace = op->setup.namespace},
                                                  .project = study_project,
                                                  .release = study_release,
                                                  .changed = on_study,
                                                  .context = studies,
                                                  .log = op->setup.log};

        studies->op = op;
        studies->objects = kube_reflector_new(op->setup.client, &followed);
        followed.resource = &study_job_resource;
        followed.selection.labels = STUDY_SELECTOR;
        followed.project = study_job_project;
        followed.release = study_job_release;
        followed.changed = on_job;
        studies->jobs = kube_reflector_new(op->setup.client, &followed);
        return studies;
}

void operator_studies_free(struct operator_studies *studies)
{
        if (!studies)
                return;
        kube_reflector_free(studies->objects);
        kube_reflector_free(studies->jobs);
        free(studies);
}

void operator_studies_start(struct operator_studies *studies)
{
        reactor_spawn(studies->op->setup.reactor, kube_reflector_run, studies->objects);
        reactor_spawn(studies->op->setup.reactor, kube_reflector_run, studies->jobs);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_round.h"

#include <stdlib.h>
#include <string.h>

#include "controller/operator/study_results.h"
#include "controller/operator/study_tuning.h"
#include "core/json.h"

#define AGAIN_MS (15 * INT64_C(1000)) /* what a study lacks may be there by now */

const struct kube_resource study_job_resource = {"batch", "v1", "jobs"};
static const struct kube_resource map_resource = {"", "v1", "configmaps"};
const struct kube_resource study_pod_resource = {"", "v1", "pods"};

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : "";
}

/* ---- Jobs ---- */

const json_t *study_true_condition(const json_t *status, const char *type)
{
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(status, "conditions"), i, one)
        {
                if (strcmp(text_of(one, "type"), type) == 0 && strcmp(text_of(one, "status"), "True") == 0)
                        return one;
        }
        return NULL;
}

void study_job_release(void *object)
{
        struct study_job_object *kept = object;

        if (!kept)
                return;
        free(kept->study);
        free(kept->owner_uid);
        free(kept->uid);
        free(kept->reason);
        free(kept->message);
        free(kept);
}

void *study_job_project(void *context, const json_t *object, size_t *ret_bytes)
{
        const json_t *metadata = json_object_get(object, "metadata"),
                     *status = json_object_get(object, "status");
        const json_t *owner = json_array_get(json_object_get(metadata, "ownerReferences"), 0);
        const json_t *complete = study_true_condition(status, "Complete"),
                     *failed = study_true_condition(status, "Failed");
        bool is_ours = strcmp(text_of(owner, "kind"), STUDY_KIND) == 0;
        struct study_job_object *kept = memory_new(1, sizeof *kept);

        (void)context;
        *kept = (struct study_job_object){.study = memory_copy_text(
                                                  text_of(json_object_get(metadata, "labels"), STUDY_LABEL)),
                                          .owner_uid = memory_copy_text(is_ours ? text_of(owner, "uid") : ""),
                                          .uid = memory_copy_text(kube_meta(object, "uid")),
                                          .deleted = *kube_meta(object, "deletionTimestamp") != '\0',
                                          .state = complete ? STUDY_JOB_COMPLETE
                                                   : failed ? STUDY_JOB_FAILED
                                                            : STUDY_JOB_RUNS,
                                          .reason = memory_copy_text(text_of(failed, "reason")),
                                          .message = memory_copy_text(text_of(failed, "message"))};
        *ret_bytes = sizeof *kept + strlen(kept->study) + strlen(kept->reason) + strlen(kept->message) + 80;
        return kept;
}

/* ---- verdicts ---- */

bool study_round_refuse(struct study_round *round, const char *reason, const char *words)
{
        snprintf(round->words, sizeof round->words, "%s", words);
        round->accepted = (struct condition){"Accepted", "False", reason, round->words};
        round->complete =
                round->begun ? (struct condition){"Complete", "False", "Waiting", "No further trial begins."}
                             : (struct condition){"Complete", "False", "NotStarted", "There is no Job yet."};
        round->again_ms = AGAIN_MS;
        return true;
}

bool study_round_give_up(struct study_round *round, const char *reason, const char *words)
{
        if (words != round->words)
                snprintf(round->words, sizeof round->words, "%s", words);
        round->complete = (struct condition){"Complete", "False", "Failed", "It failed."};
        round->failed = (struct condition){"Failed", "True", reason, round->words};
        return true;
}

/* What a right, a policy or a quota stands against may be allowed later. */
static bool put_off(struct study_round *round, struct error *err)
{
        snprintf(round->words, sizeof round->words, "%s", err->message);
        error_clear(err);
        round->complete = (struct condition){"Complete", "False", "NotStarted", round->words};
        round->again_ms = AGAIN_MS;
        return true;
}

/* ---- its objects in the cluster ---- */

bool study_may_repeat(struct error *err)
{
        if (!err->retry)
                return false;
        *err = (struct error)ERROR_INIT;
        return true;
}

/* Job or ConfigMap; *ret_object stays NULL when there is none. */
static bool get_own(struct study_round *round, const struct kube_resource *resource, json_t **ret_object,
                    struct error *err)
{
        const struct kube_target target = {resource, round->namespace, round->job_name, NULL};
        struct kube_client *client = round->op->setup.client;

        if (kube_get(client, &target, ret_object, err) ||
            (study_may_repeat(err) && kube_get(client, &target, ret_object, err)))
                return true;
        if (err->code != ERROR_NOT_FOUND)
                return error_wrap(err, "%s %s", resource->plural, round->job_name);
        *err = (struct error)ERROR_INIT;
        return true;
}

bool study_round_was_started(const struct study_round *round)
{
        return round->same_generation && strcmp(text_of(round->before, "job"), round->job_name) == 0;
}

static struct study_job_object *copy_of_job(const json_t *object)
{
        size_t bytes;

        return study_job_project(NULL, object, &bytes);
}

/* The cache may be behind what we made ourselves. */
static bool find_job(struct study_round *round, struct error *err)
{
        autojson *object = NULL;

        if (!study_round_was_started(round) &&
            !kube_reflector_get(round->jobs, round->namespace, round->job_name))
                return true;
        if (!get_own(round, &study_job_resource, &object, err))
                return false;
        round->job = object ? copy_of_job(object) : NULL;
        return true;
}

/* One that is there already is as good: names follow from the study. Whose it is the next round looks at,
 * which follows soon: no round has more than one write, so that each brings something about. */
static bool make(struct study_round *round, const struct kube_resource *resource, const json_t *object,
                 struct error *err)
{
        const struct kube_target all = {resource, round->namespace, NULL, NULL};
        struct kube_client *client = round->op->setup.client;

        round->more = true;
        if (kube_create(client, &all, object, NULL, NULL, err) ||
            (study_may_repeat(err) && kube_create(client, &all, object, NULL, NULL, err)))
                return true;
        if (strcmp(err->reason, "AlreadyExists") == 0) {
                error_clear(err);
                return true;
        }
        round->more = false;
        error_wrap(err, "%s %s", resource->plural, round->job_name);
        return err->code == ERROR_REFUSED && put_off(round, err);
}

/* The pipeline's object with its prices in it, or the reason why there is none. */
static json_t *pipeline_of(struct study_round *round, const char **ret_reason, char **ret_words)
{
        struct cluster_operator *op = round->op;
        const char *name = round->plan->options.pipeline;
        const struct tuned_object *object = kube_reflector_get(op->pipelines, round->namespace, name);
        struct pricing pricing = {0};
        json_t *pipeline = NULL;

        if (!object || object->deleted) {
                *ret_reason = "PipelineMissing";
                *ret_words = memory_format("There is no TunedPipeline %s.", name);
                return NULL;
        }
        pricing = operator_pricing(op, object);
        if (pricing_is_settled(&pricing)) {
                autofree char *priced = operator_priced_text(op, object, &pricing);

                pipeline = json_loads(priced ? priced : object->text, 0, NULL);
        } else {
                *ret_reason = "NotPriced";
                *ret_words = memory_copy_text(pricing.why);
        }
        pricing_clear(&pricing);
        return pipeline;
}

static bool make_job(struct study_round *round, struct error *err)
{
        autojson *wanted = study_job(round->plan, &round->owner, round->op->setup.study_image);

        return make(round, &study_job_resource, wanted, err);
}

static bool make_map(struct study_round *round, const json_t *data, struct error *err)
{
        autojson *found = NULL, *wanted = NULL;
        const json_t *owner;

        if (!get_own(round, &map_resource, &found, err))
                return false;
        if (!found) {
                wanted = study_config_map(&round->owner, round->job->uid, json_deep_copy(data));
                return make(round, &map_resource, wanted, err);
        }
        owner = json_array_get(json_object_get(json_object_get(found, "metadata"), "ownerReferences"), 0);
        return strcmp(text_of(owner, "uid"), round->job->uid) == 0 ||
               study_round_give_up(round, "NameTaken",
                                   "A ConfigMap of the name of its Job belongs to somebody else.");
}

/* Job first, so that the ConfigMap can be the Job's and go with it: pods wait for what they mount. */
static bool start(struct study_round *round, struct error *err)
{
        const char *reason = NULL;
        autofree char *words = NULL;
        autojson *pipeline = pipeline_of(round, &reason, &words), *data = NULL;
        struct error wrong = ERROR_INIT;

        if (!pipeline)
                return study_round_refuse(round, reason, words);
        if (!study_documents(round->plan, pipeline, &data, &wrong))
                return study_round_refuse(round, "InvalidSpec", wrong.message);
        if (!round->job)
                return make_job(round, err);
        if (strcmp(round->job->owner_uid, round->uid) != 0)
                return study_round_give_up(round, "NameTaken", "A Job of its name belongs to somebody else.");
        return make_map(round, data, err);
}

/* ---- results ---- */

static bool take_pod(void *context, const json_t *pod, struct error *err)
{
        (void)err;
        study_tally_pod(context, pod);
        return true;
}

static bool forget_pods(void *context, const char *version, struct error *err)
{
        struct study_tally *tally = context;
        const struct study_plan *plan = tally->plan;
        const char *job_uid = tally->job_uid;

        (void)version;
        (void)err;
        study_tally_close(tally);
        study_tally_open(tally, plan, job_uid);
        return true;
}

static void tell_complete(struct study_round *round)
{
        const json_t *best = json_array_get(json_object_get(round->status, "best"), 0);
        long long points = json_integer_value(json_object_get(round->status, "points"));

        if (best)
                snprintf(
                        round->words, sizeof round->words,
                        "All %lld simulations are over; under load %s %s is the cheapest that will do, at %s "
                        "%s a day.",
                        points, text_of(best, "load"), text_of(best, "candidate"),
                        text_of(best, "costPerDay"), text_of(round->status, "currency"));
        else
                snprintf(
                        round->words, sizeof round->words,
                        "All %lld simulations are over; no candidate keeps the service level under the first "
                        "loads.",
                        points);
        round->complete = (struct condition){"Complete", "True", "Done", round->words};
}

static void conclude(struct study_round *round, const struct study_tally *tally)
{
        const struct study_job_object *job = round->job;

        if (job->state == STUDY_JOB_COMPLETE)
                tell_complete(round);
        else if (job->state == STUDY_JOB_FAILED)
                study_round_give_up(round, *job->reason ? job->reason : "JobFailed",
                                    *job->message ? job->message : "Its Job failed.");
        else
                round->again_ms = STUDY_LOOK_MS;
        if (job->state != STUDY_JOB_RUNS || !tally->waiting)
                return;
        snprintf(round->words, sizeof round->words, "%s", tally->waiting);
        round->complete = (struct condition){"Complete", "False", "Waiting", round->words};
}

static bool collect(struct study_round *round, struct error *err)
{
        autofree char *labels = memory_format("batch.kubernetes.io/job-name=%s", round->job_name);
        const struct kube_selection selection = {.namespace = round->namespace, .labels = labels};
        const json_t *before = round->same_generation ? json_object_get(round->before, "results") : NULL;
        struct study_tally tally;
        const struct kube_visitor visitor = {forget_pods, take_pod, &tally};
        struct kube_client *client = round->op->setup.client;
        bool done;

        study_tally_open(&tally, round->plan, round->job->uid);
        done = kube_list(client, &study_pod_resource, &selection, &visitor, NULL, err) ||
               (study_may_repeat(err) &&
                kube_list(client, &study_pod_resource, &selection, &visitor, NULL, err));
        if (done) {
                json_object_set_new(round->status, "job", json_string(round->job_name));
                study_tally_put(&tally, before, round->job->state != STUDY_JOB_RUNS, round->status);
                conclude(round, &tally);
        }
        study_tally_close(&tally);
        return done || error_wrap(err, "pods of Job %s", round->job_name);
}

bool study_round_go_on(struct study_round *round, struct error *err)
{
        struct error wrong = ERROR_INIT;

        if (!study_plan_new(round->spec, STUDY_KIND, &round->plan, &wrong))
                return study_round_refuse(round, "InvalidSpec", wrong.message);
        if (round->plan->options.tuning)
                return study_tuning_go_on(round, err);
        if (!find_job(round, err))
                return false;
        if (!round->job && study_round_was_started(round))
                return study_round_give_up(round, "JobGone", "Its Job was deleted before it was over.");
        if (!study_round_was_started(round) && !start(round, err))
                return false;
        /* Results of a Job tell that it was started with all that it needs. */
        return round->more || round->again_ms > 0 || !round->job ||
               strcmp(round->failed.status, "True") == 0 || collect(round, err);
}

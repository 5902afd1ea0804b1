/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_tuning.h"

#include <stdlib.h>
#include <string.h>

#include "controller/operator/study_earlier.h"
#include "controller/operator/study_search.h"
#include "controller/operator/study_trials.h"
#include "core/json.h"
#include "core/prices.h"

#define WRITTEN_MS INT64_C(1000) /* the next round follows the status that this one writes */
#define NAME_TAKEN "A Job of a trial's name belongs to somebody else."

static const struct kube_resource template_resource = {"", "v1", "podtemplates"};

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : "";
}

/* ---- what there is ---- */

static bool begin(void *context, const char *version, struct error *err)
{
        (void)version;
        (void)err;
        study_trials_forget(context);
        return true;
}

static bool take_job(void *context, const json_t *job, struct error *err)
{
        (void)err;
        study_trials_job(context, job);
        return true;
}

static bool take_pod(void *context, const json_t *pod, struct error *err)
{
        (void)err;
        study_trials_pod(context, pod);
        return true;
}

static bool list(const struct study_round *round, const struct kube_resource *resource,
                 const struct kube_visitor *visitor, struct error *err)
{
        autofree char *labels = memory_format(STUDY_LABEL "=%s", round->name);
        const struct kube_selection selection = {.namespace = round->namespace, .labels = labels};
        struct kube_client *client = round->op->setup.client;

        return kube_list(client, resource, &selection, visitor, NULL, err) ||
               (study_may_repeat(err) && kube_list(client, resource, &selection, visitor, NULL, err)) ||
               error_wrap(err, "%s of its trials", resource->plural);
}

/* Jobs first: a pod that is looked at after its Job is at least as far. */
static bool look(const struct study_round *round, struct study_trials *trials, struct error *err)
{
        const struct kube_visitor of_jobs = {begin, take_job, trials}, of_pods = {NULL, take_pod, trials};

        return list(round, &study_job_resource, &of_jobs, err) &&
               list(round, &study_pod_resource, &of_pods, err);
}

/* ---- the next batch ---- */

struct asking {
        const struct study_tuning *tuning;
        json_t *told, *earlier;
        size_t count;
        json_t *points;
        bool done;
        struct error err;
};

static void ask(void *argument)
{
        struct asking *asking = argument;

        asking->done = study_search_points(asking->tuning, asking->told, asking->earlier, asking->count,
                                           &asking->points, &asking->err);
}

/* Settings of a batch, from all trials before it. In a thread: models of a hundred trials take a while.
 * *ret_points stays NULL where the study is refused. */
static bool points_of(struct study_round *round, const struct study_trials *trials, size_t first,
                      size_t count, json_t **ret_points, struct error *err)
{
        autojson *told = json_array(), *earlier = NULL;
        struct asking asking = {.tuning = round->plan->options.tuning, .told = told, .count = count};

        if (!study_earlier_read(round, &earlier))
                return true;
        asking.earlier = earlier;
        for (size_t i = 0; i < first; i++)
                json_array_append(told, trials->trials[i].row);
        reactor_offload(round->op->setup.reactor, ask, &asking);
        if (asking.done)
                *ret_points = asking.points;
        else if (asking.err.code == ERROR_INPUT)
                return study_earlier_refuse(round, asking.err.message);
        else
                *err = asking.err;
        return asking.done;
}

/* *ret_template stays NULL when there is none. */
static bool get_template(struct study_round *round, json_t **ret_template, struct error *err)
{
        const char *name = round->plan->options.tuning->pod_template;
        const struct kube_target target = {&template_resource, round->namespace, name, NULL};
        struct kube_client *client = round->op->setup.client;

        if (kube_get(client, &target, ret_template, err) ||
            (study_may_repeat(err) && kube_get(client, &target, ret_template, err)))
                return true;
        if (err->code != ERROR_NOT_FOUND)
                return error_wrap(err, "PodTemplate %s", name);
        *err = (struct error)ERROR_INIT;
        return true;
}

/* One that is there already is as good, if it is this study's and will be found: an answer may have been
 * lost. */
static bool check_owner(struct study_round *round, const json_t *job, struct error *err)
{
        const struct kube_target target = {&study_job_resource, round->namespace, kube_meta(job, "name"),
                                           NULL};
        autojson *found = NULL;
        const json_t *metadata;

        if (!kube_get(round->op->setup.client, &target, &found, err))
                return error_wrap(err, "Job of a trial");
        metadata = json_object_get(found, "metadata");
        if (strcmp(text_of(json_array_get(json_object_get(metadata, "ownerReferences"), 0), "uid"),
                   round->uid) != 0 ||
            strcmp(text_of(json_object_get(metadata, "labels"), STUDY_LABEL), round->name) != 0)
                return study_round_give_up(round, "NameTaken", NAME_TAKEN);
        round->more = true;
        return true;
}

/* What the API server does not want now it may want later: a quota, a pod's security. */
static bool make_job(struct study_round *round, const json_t *job, struct error *err)
{
        const struct kube_target all = {&study_job_resource, round->namespace, NULL, NULL};
        struct kube_client *client = round->op->setup.client;
        struct error wrong = ERROR_INIT;

        if (kube_create(client, &all, job, NULL, NULL, &wrong) ||
            (study_may_repeat(&wrong) && kube_create(client, &all, job, NULL, NULL, &wrong))) {
                round->more = true;
                return true;
        }
        if (strcmp(wrong.reason, "AlreadyExists") == 0)
                return check_owner(round, job, err);
        if (!wrong.retry)
                return study_round_refuse(round, "JobRefused", wrong.message);
        *err = wrong;
        return error_wrap(err, "Job of a trial");
}

/* Those that are missing, each by a write of its own; what is made is found by the next round. */
static bool make_missing(struct study_round *round, const struct study_trials *trials, size_t first,
                         const json_t *points, struct error *err)
{
        autojson *template = NULL;

        if (!get_template(round, &template, err))
                return false;
        if (!template)
                return study_round_refuse(round, "PodTemplateMissing", "There is no such PodTemplate.");
        for (size_t i = 0; i < json_array_size(points); i++) {
                autojson *job = NULL;

                if (trials->trials[first + i].row)
                        continue;
                job = study_trial_job(trials, first + i, json_array_get(points, i), template);
                if (!job)
                        return study_round_refuse(round, "InvalidSpec", "The PodTemplate has no container.");
                if (!make_job(round, job, err))
                        return false;
                if (!round->more)
                        return true;
        }
        return true;
}

/* ---- what is said ---- */

static long long number_of(const json_t *object, const char *key)
{
        return json_integer_value(json_object_get(object, key));
}

static void put_front(const json_t *front, struct text *out)
{
        const json_t *one;
        size_t i;

        text_put(out, "no other beats in both measures: trials ");
        json_array_foreach(front, i, one) text_format(out, "%s%lld", i ? ", " : "", number_of(one, "trial"));
        text_put(out, ".");
}

static bool tell_complete(struct study_round *round, const char *how)
{
        const json_t *best = json_object_get(round->status, "bestTrial"),
                     *front = json_object_get(round->status, "front");
        long long done = number_of(round->status, "done");
        autotext words = {0};

        if (done == number_of(round->status, "failed"))
                return study_round_give_up(round, "NoTrialSucceeded", "All of its trials failed.");
        /* What the generation before left is null. */
        if (!json_is_object(best) && json_array_size(front) == 0)
                return study_round_give_up(round, "NoTrialKeptConstraints",
                                           "None of its trials kept the constraints.");
        text_format(&words, "%s %lld trials are over; ", how, done);
        if (json_is_object(best))
                text_format(&words, "trial %lld is the best, with %s.", number_of(best, "trial"),
                            text_of(best, "value"));
        else
                put_front(front, &words);
        snprintf(round->words, sizeof round->words, "%s", words.data);
        round->complete = (struct condition){"Complete", "True", "Done", round->words};
        return true;
}

static void tell_running(struct study_round *round, const struct study_trials *trials)
{
        round->again_ms = STUDY_LOOK_MS;
        round->complete = (struct condition){"Complete", "False", "Running", "Its trials run."};
        if (!trials->waiting)
                return;
        snprintf(round->words, sizeof round->words, "%s", trials->waiting);
        round->complete = (struct condition){"Complete", "False", "Waiting", round->words};
}

/* Trials of the batch that were begun and are not over, and those that were not begun. */
static void count_batch(const struct study_trials *trials, size_t first, size_t count, size_t *ret_running,
                        size_t *ret_missing)
{
        *ret_running = *ret_missing = 0;
        for (size_t i = first; i < first + count; i++) {
                *ret_missing += !trials->trials[i].row;
                *ret_running += trials->trials[i].row && !study_trials_is_over(trials, i);
        }
}

/* So that the points of a batch can be found again, whatever happens to the Jobs before it. */
static bool are_rows_written(const struct study_round *round)
{
        const json_t *rows = json_object_get(round->status, "trials");

        return json_array_size(rows) == 0 ||
               (round->same_generation && json_equal(json_object_get(round->before, "trials"), rows));
}

static bool go_on(struct study_round *round, const struct study_trials *trials, struct error *err)
{
        autojson *points = NULL;
        size_t first, count, running, missing;

        if (!study_trials_batch(trials, &first, &count))
                return tell_complete(round, "All");
        count_batch(trials, first, count, &running, &missing);
        if (missing > 0 && !are_rows_written(round)) {
                tell_running(round, trials);
                round->again_ms = WRITTEN_MS;
                return true;
        }
        if (missing > 0) {
                if (!points_of(round, trials, first, count, &points, err))
                        return false;
                if (!points)
                        return true;
                /* Every point may have been tried: then the batch is smaller, and the last one. */
                if (running == 0 && json_array_size(points) <= count - missing)
                        return tell_complete(round, "Every point was tried:");
                if (!make_missing(round, trials, first, points, err))
                        return false;
                if (round->more || strcmp(round->accepted.status, "False") == 0 ||
                    strcmp(round->failed.status, "True") == 0)
                        return true;
        }
        tell_running(round, trials);
        return true;
}

/* ---- a round ---- */

/* *ret_prices stays NULL where nothing is counted by them. False: they are not known, and the round is
 * refused. */
static bool find_prices(struct study_round *round, struct price_book **ret_prices)
{
        const struct study_tuning *tuning = round->plan->options.tuning;
        struct error err = ERROR_INIT;

        if (!study_tuning_needs(tuning, STUDY_COST))
                return true;
        if (!operator_price_book(round->op, tuning->price_book, ret_prices, &err))
                return !study_round_refuse(round, "NotPriced", err.message);
        return price_book_has_resources(*ret_prices) ||
               !study_round_refuse(round, "NotPriced",
                                   "The PriceBook has no prices of cores and memory; expected resources.");
}

bool study_tuning_go_on(struct study_round *round, struct error *err)
{
        const json_t *before = round->same_generation ? json_object_get(round->before, "trials") : NULL;
        autocall(price_book_free) struct price_book *prices = NULL;
        struct study_trials trials;
        struct error wrong = ERROR_INIT;
        bool done;

        round->begun = study_round_was_started(round);
        if (!study_search_check(round->plan->options.tuning, &wrong) ||
            !study_earlier_check(round->plan->options.tuning, round->name, &wrong))
                return study_round_refuse(round, "InvalidSpec", wrong.message);
        if (!find_prices(round, &prices))
                return true;
        study_trials_open(&trials, round->plan, &round->owner, prices);
        done = look(round, &trials, err);
        if (done && trials.foreign) {
                done = study_round_give_up(round, "NameTaken", NAME_TAKEN);
        } else if (done) {
                study_trials_settle(&trials, before);
                study_trials_put(&trials, round->status);
                round->begun = trials.trials[0].row != NULL;
                if (round->begun)
                        json_object_set_new(round->status, "job", json_string(round->job_name));
                done = go_on(round, &trials, err);
        }
        study_trials_close(&trials);
        return done;
}

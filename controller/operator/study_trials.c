/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_trials.h"

#include <stdlib.h>
#include <string.h>

#include "controller/operator/study_measures.h"
#include "controller/operator/study_results.h"
#include "core/json.h"
#include "engines/kubernetes/fields.h"

#define TRIAL_LABEL         "optctl.dev/trial"
#define SETTINGS_ANNOTATION "optctl.dev/settings"
#define SETTINGS_BYTES      65536
#define DEADLINE            "DeadlineExceeded" /* reason of a pod that was active for too long */

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : "";
}

void study_trials_open(struct study_trials *trials, const struct study_plan *plan,
                       const struct study_owner *owner, const struct price_book *prices)
{
        autofree char *base = study_job_name(owner);
        size_t count = (size_t)plan->options.tuning->trials;

        *trials = (struct study_trials){.plan = plan,
                                        .owner = owner,
                                        .prices = prices,
                                        .prefix = memory_format("%s-", base),
                                        .count = count,
                                        .trials = memory_new(count, sizeof *trials->trials)};
        study_trials_forget(trials);
}

void study_trials_forget(struct study_trials *trials)
{
        for (size_t i = 0; i < trials->count; i++) {
                struct study_trial *trial = &trials->trials[i];

                study_job_release(trial->job);
                json_decref(trial->settings);
                json_decref(trial->row);
                json_decref(trial->measures);
                free(trial->words);
                free(trial->container);
                *trial = (struct study_trial){0};
        }
        free(trials->waiting);
        trials->waiting = NULL;
        trials->foreign = false;
}

void study_trials_close(struct study_trials *trials)
{
        study_trials_forget(trials);
        free(trials->trials);
        free(trials->prefix);
}

/* ---- Jobs ---- */

/* By the number behind the prefix, which is written without a leading zero; NULL: it is none of ours. */
static struct study_trial *trial_of(const struct study_trials *trials, const char *job_name)
{
        size_t length = strlen(trials->prefix);
        char *end;
        long number;

        if (strncmp(job_name, trials->prefix, length) != 0 || job_name[length] < '1' ||
            job_name[length] > '9')
                return NULL;
        number = strtol(job_name + length, &end, 10);
        return *end || number > (long)trials->count ? NULL : &trials->trials[number - 1];
}

/* Whoever may change Jobs may have changed them: they have to fit into the status. */
static bool are_settings(const struct study_tuning *tuning, const json_t *settings)
{
        const struct study_parameter *parameters = tuning->parameters.items;
        const json_t *setting;
        size_t i;

        if (json_array_size(settings) != tuning->parameters.count)
                return false;
        json_array_foreach(settings, i, setting)
        {
                if (json_object_size(setting) != 2 ||
                    strcmp(text_of(setting, "name"), parameters[i].name) != 0 ||
                    !json_is_string(json_object_get(setting, "value")) ||
                    strlen(text_of(setting, "value")) > STUDY_CHOICE_BYTES)
                        return false;
        }
        return true;
}

/* NULL: there are none that make sense. */
static json_t *settings_of(const struct study_tuning *tuning, const json_t *job)
{
        const char *text = text_of(kube_field(job, "metadata.annotations"), SETTINGS_ANNOTATION);
        struct error ignored = ERROR_INIT;
        autojson *settings = NULL;

        if (strlen(text) > SETTINGS_BYTES ||
            !json_parse_text(text, strlen(text), "settings", &settings, &ignored) ||
            !are_settings(tuning, settings))
                return NULL;
        return TAKE(settings);
}

void study_trials_job(struct study_trials *trials, const json_t *job)
{
        struct study_trial *trial = trial_of(trials, kube_meta(job, "name"));
        size_t bytes;

        if (!trial)
                return;
        study_job_release(trial->job);
        trial->job = study_job_project(NULL, job, &bytes);
        trials->foreign |= strcmp(trial->job->owner_uid, trials->owner->uid) != 0;
        free(trial->container);
        trial->container = memory_copy_text(
                text_of(json_array_get(kube_field(job, "spec.template.spec.containers"), 0), "name"));
        json_decref(trial->settings);
        trial->settings = settings_of(trials->plan->options.tuning, job);
}

/* ---- pods ---- */

/* By the time limit, after its program had begun: the limit counts from when a node takes the pod. */
static bool is_stopped(const json_t *pod, const json_t *state)
{
        return strcmp(kube_field_text(pod, "status.reason"), DEADLINE) == 0 && *text_of(state, "startedAt");
}

/* A pod that no node takes, or that does not begin. */
static void take_waiting(struct study_trials *trials, const struct study_trial *trial, const json_t *pod)
{
        const json_t *one;
        size_t i;

        json_array_foreach(kube_field(pod, "status.conditions"), i, one)
        {
                if (strcmp(text_of(one, "type"), "PodScheduled") == 0 &&
                    strcmp(text_of(one, "status"), "False") == 0)
                        study_take_waiting(&trials->waiting, one);
        }
        study_take_waiting(&trials->waiting, study_pod_state(pod, trial->container, "waiting"));
}

/* What the program said, or else what the pod or the container ended of. */
static const char *why_of(const json_t *pod, const json_t *ended)
{
        const char *message = text_of(ended, "message"), *reason = kube_field_text(pod, "status.reason");

        return *message ? message : *reason ? reason : text_of(ended, "reason");
}

/* A pod that had to make room has failed, too, and stands beside the one that took its place. */
static void take_failed(const struct study_trials *trials, struct study_trial *trial, const json_t *pod)
{
        const json_t *ended = study_pod_state(pod, trial->container, "terminated"),
                     *state = ended ? ended : study_pod_state(pod, trial->container, "running");

        study_take_words(&trial->words, why_of(pod, ended));
        if (!is_stopped(pod, state))
                return;
        trial->stopped = true;
        if (!trial->measures)
                trial->measures =
                        study_measures_stopped(trials->plan->options.tuning, trials->prices, pod, state);
}

void study_trials_pod(struct study_trials *trials, const json_t *pod)
{
        const json_t *owner = json_array_get(kube_field(pod, "metadata.ownerReferences"), 0);
        struct study_trial *trial = trial_of(trials, text_of(owner, "name"));
        const char *phase = kube_field_text(pod, "status.phase");

        if (!trial || !trial->job || strcmp(text_of(owner, "uid"), trial->job->uid) != 0)
                return;
        if (strcmp(phase, "Succeeded") == 0) {
                json_decref(trial->measures);
                trial->measures = study_measures_read(trials->plan->options.tuning, trials->prices, pod,
                                                      study_pod_state(pod, trial->container, "terminated"));
        } else if (strcmp(phase, "Failed") == 0) {
                take_failed(trials, trial, pod);
        } else {
                take_waiting(trials, trial, pod);
        }
}

/* ---- rows ---- */

static json_t *row_new(size_t trial, const json_t *settings, const char *state)
{
        return json_pack("{s:I, s:o, s:s}", "trial", (json_int_t)trial + 1, "settings",
                         json_is_array(settings) ? json_deep_copy(settings) : json_array(), "state", state);
}

static json_t *failed_row(size_t i, const json_t *settings, const char *words)
{
        json_t *row = row_new(i, settings, STUDY_FAILED);
        autofree char *first = NULL;

        study_take_words(&first, words);
        json_object_set_new(row, "message", json_from_text(first));
        return row;
}

/* Of a Job that failed for good. */
static json_t *row_of_failure(const struct study_trials *trials, size_t i)
{
        const struct study_trial *trial = &trials->trials[i];
        const struct study_tuning *tuning = trials->plan->options.tuning;
        json_t *row;

        if (!trial->stopped)
                return failed_row(i, trial->settings, trial->words ? trial->words : trial->job->message);
        row = row_new(i, trial->settings, STUDY_STOPPED);
        study_measures_put(tuning, trial->measures, row);
        json_object_set_new(row, "message", json_string("It took longer than timeLimitSeconds."));
        return row;
}

static json_t *row_of_success(const struct study_trials *trials, size_t i)
{
        const struct study_trial *trial = &trials->trials[i];
        const struct study_tuning *tuning = trials->plan->options.tuning;
        const char *missing = study_measures_missing(tuning, trial->measures);
        json_t *row;

        if (missing && strcmp(missing, STUDY_COST) == 0)
                return failed_row(i, trial->settings, "Its pod asks for nothing that has a price.");
        if (missing && tuning->values.count > 0) {
                autofree char *words = memory_format("Its message does not tell %s.", missing);

                return failed_row(i, trial->settings, words);
        }
        if (missing)
                return failed_row(i, trial->settings, "Its pod succeeded and left no number.");
        row = row_new(i, trial->settings, STUDY_SUCCEEDED);
        study_measures_put(tuning, trial->measures, row);
        return row;
}

static json_t *row_of(const struct study_trials *trials, size_t i)
{
        const struct study_trial *trial = &trials->trials[i];

        if (trial->job->state == STUDY_JOB_RUNS)
                return row_new(i, trial->settings, STUDY_RUNNING);
        if (trial->job->state == STUDY_JOB_FAILED)
                return row_of_failure(trials, i);
        return row_of_success(trials, i);
}

static bool is_row_over(const json_t *row)
{
        return row && strcmp(text_of(row, "state"), STUDY_RUNNING) != 0;
}

static const json_t *known_row(const json_t *rows, size_t trial)
{
        const json_t *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                if (json_integer_value(json_object_get(row, "trial")) == (json_int_t)trial + 1)
                        return row;
        }
        return NULL;
}

void study_trials_settle(struct study_trials *trials, const json_t *before)
{
        for (size_t i = 0; i < trials->count; i++) {
                struct study_trial *trial = &trials->trials[i];
                const json_t *known = known_row(before, i);

                json_decref(trial->row);
                trial->row = NULL;
                if (is_row_over(known))
                        trial->row = json_deep_copy(known);
                else if (trial->job)
                        trial->row = row_of(trials, i);
                else if (known)
                        trial->row = failed_row(i, json_object_get(known, "settings"),
                                                "Its Job was deleted before it was over.");
        }
}

bool study_trials_is_over(const struct study_trials *trials, size_t trial)
{
        return is_row_over(trials->trials[trial].row);
}

bool study_trials_batch(const struct study_trials *trials, size_t *ret_first, size_t *ret_count)
{
        size_t at_once = (size_t)trials->plan->options.parallelism;

        for (size_t i = 0; i < trials->count; i++) {
                if (study_trials_is_over(trials, i))
                        continue;
                *ret_first = i / at_once * at_once;
                *ret_count = trials->count - *ret_first < at_once ? trials->count - *ret_first : at_once;
                return true;
        }
        return false;
}

void study_trials_put(const struct study_trials *trials, json_t *status)
{
        json_t *rows = json_array();
        json_int_t done = 0, failed = 0;

        for (size_t i = 0; i < trials->count; i++) {
                const json_t *row = trials->trials[i].row;

                if (!row)
                        continue;
                done += is_row_over(row);
                failed += is_row_over(row) && strcmp(text_of(row, "state"), STUDY_SUCCEEDED) != 0;
                json_array_append_new(rows, json_deep_copy(row));
        }
        json_object_set_new(status, "points", json_integer((json_int_t)trials->count));
        json_object_set_new(status, "done", json_integer(done));
        json_object_set_new(status, "failed", json_integer(failed));
        if (trials->prices)
                json_object_set_new(status, "currency", json_string(price_book_currency(trials->prices)));
        study_measures_sum_up(trials->plan->options.tuning, rows, status);
        json_object_set_new(status, "trials", rows);
}

/* ---- making one ---- */

static bool is_set(const json_t *settings, const char *name)
{
        const json_t *setting;
        size_t i;

        json_array_foreach(settings, i, setting)
        {
                if (strcmp(text_of(setting, "name"), name) == 0)
                        return true;
        }
        return false;
}

/* The settings first, so that all other variables, and arguments, may refer to them. */
static json_t *environment_of(const json_t *settings, const json_t *container)
{
        json_t *environment = json_deep_copy(settings);
        const json_t *variable;
        size_t i;

        json_array_foreach(json_object_get(container, "env"), i, variable)
        {
                if (!is_set(settings, text_of(variable, "name")))
                        json_array_append_new(environment, json_deep_copy(variable));
        }
        return environment;
}

/* Parameters that are resources: the container asks for them, and a limit that it has goes with it. */
static void put_resources(const struct study_tuning *tuning, const json_t *settings, json_t *container)
{
        static const char *const names[] = {[STUDY_CPU] = "cpu", [STUDY_MEMORY] = "memory"};
        const struct study_parameter *parameters = tuning->parameters.items;

        for (size_t i = 0; i < tuning->parameters.count; i++) {
                json_t *value = json_object_get(json_array_get(settings, i), "value"), *resources, *limits;
                const char *name = names[parameters[i].resource];

                if (parameters[i].resource == STUDY_NO_RESOURCE)
                        continue;
                resources = study_section(container, "resources");
                limits = json_object_get(resources, "limits");
                json_object_set(study_section(resources, "requests"), name, value);
                if (json_object_get(limits, name))
                        json_object_set(limits, name, value);
        }
}

static json_t *labels_of(const struct study_trials *trials, size_t trial, const json_t *others)
{
        char number[16];
        json_t *labels = json_is_object(others) ? json_deep_copy(others) : json_object();

        snprintf(number, sizeof number, "%zu", trial + 1);
        json_object_set_new(labels, STUDY_LABEL, json_string(trials->owner->name));
        json_object_set_new(labels, TRIAL_LABEL, json_string(number));
        return labels;
}

static json_t *pod_of(const struct study_trials *trials, size_t trial, const json_t *settings,
                      const json_t *template)
{
        json_t *pod = json_deep_copy(json_object_get(template, "template"));
        json_t *spec = json_object_get(pod, "spec"), *metadata;
        json_t *container = json_array_get(json_object_get(spec, "containers"), 0);

        if (!json_is_object(container)) {
                json_decref(pod);
                return NULL;
        }
        metadata = study_section(pod, "metadata");
        json_object_set_new(metadata, "labels",
                            labels_of(trials, trial, json_object_get(metadata, "labels")));
        json_object_set_new(container, "env", environment_of(settings, container));
        put_resources(trials->plan->options.tuning, settings, container);
        json_object_set_new(spec, "restartPolicy", json_string("Never"));
        json_object_set_new(spec, "activeDeadlineSeconds",
                            json_integer((json_int_t)trials->plan->options.tuning->time_limit_seconds));
        return pod;
}

/* A pod that had to make room is no failure; any other failure is the trial's outcome. */
static json_t *failure_policy(void)
{
        return json_pack("{s:[{s:s, s:[{s:s, s:s}]}]}", "rules", "action", "Ignore", "onPodConditions",
                         "type", "DisruptionTarget", "status", "True");
}

json_t *study_trial_job(const struct study_trials *trials, size_t trial, const json_t *settings,
                        const json_t *template)
{
        autofree char *name = memory_format("%s%zu", trials->prefix, trial + 1);
        autofree char *text = json_dumps(settings, JSON_COMPACT);
        json_t *pod = pod_of(trials, trial, settings, template), *metadata;

        if (!pod)
                return NULL;
        metadata = study_metadata(trials->owner, name);
        json_object_set_new(metadata, "labels",
                            labels_of(trials, trial, json_object_get(metadata, "labels")));
        json_object_set_new(metadata, "annotations", json_pack("{s:s}", SETTINGS_ANNOTATION, text));
        return json_pack("{s:s, s:s, s:o, s:{s:s, s:i, s:i, s:i, s:o, s:o}}", "apiVersion", "batch/v1",
                         "kind", "Job", "metadata", metadata, "spec", "completionMode", "Indexed",
                         "completions", 1, "parallelism", 1, "backoffLimit", 0, "podFailurePolicy",
                         failure_policy(), "template", pod);
}

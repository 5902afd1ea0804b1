/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_TUNING_SCENE_H
#define OPTCTL_TESTS_SUPPORT_TUNING_SCENE_H

/* A TuningStudy "best" that searches, and its trials: Jobs of a played cluster, in which the test plays Job
 * controller and kubelet. */
#include "controller/operator/study_job.h"
#include "tests/support/operator_scene.h"

#define TEMPLATE                                                                                             \
        "{\"metadata\": {\"labels\": {\"team\": \"a\"}}, \"spec\": {\"restartPolicy\": \"Always\", "         \
        "\"containers\": [{\"name\": \"work\", \"image\": \"example.org/work:1\", \"args\": [\"$(n)\"], "    \
        "\"env\": [{\"name\": \"n\", \"value\": \"0\"}, {\"name\": \"HOME\", \"value\": \"/tmp\"}]}, "       \
        "{\"name\": \"sidecar\"}]}}"

static inline void start(struct scene *scene)
{
        start_operator(scene, (struct operator_setup){.study_image = "example.org/optctl:1"});
}

static inline void apply_template(struct scene *scene)
{
        kube_cluster_put(scene->cluster, "PodTemplate", "work", "template", TEMPLATE);
}

static inline void open_tuning(struct scene *scene, const char *spec)
{
        open_scene(scene);
        apply_template(scene);
        kube_cluster_apply_study(scene->cluster, "best", spec);
        start(scene);
        pass(scene, 60);
}

/* ---- what the cluster does ---- */

/* Of the study as it is now; lives until the next call. */
static inline const char *name_of(const struct scene *scene, int trial)
{
        static char name[80];
        const json_t *study = kube_cluster_find(scene->cluster, "TuningStudy", "best");
        const struct study_owner owner = {"n", "best", kube_meta(study, "uid"),
                                          json_integer_value(
                                                  json_object_get(json_object_get(study, "metadata"),
                                                                  "generation"))};
        autofree char *base = study_job_name(&owner);

        snprintf(name, sizeof name, "%s-%d", base, trial);
        return name;
}

static inline const json_t *job_of(const struct scene *scene, int trial)
{
        return kube_cluster_find(scene->cluster, "Job", name_of(scene, trial));
}

static inline const json_t *container_of(const struct scene *scene, int trial)
{
        const json_t *template = json_object_get(json_object_get(job_of(scene, trial), "spec"), "template");

        return json_array_get(json_object_get(json_object_get(template, "spec"), "containers"), 0);
}

static inline int setting_of(const struct scene *scene, int trial)
{
        const json_t *first = json_array_get(json_object_get(container_of(scene, trial), "env"), 0);

        assert_string_equal(json_string_value(json_object_get(first, "name")), "n");
        return atoi(json_string_value(json_object_get(first, "value")));
}

static inline void end_job(struct scene *scene, int trial, const char *condition, const char *reason)
{
        autofree char *status = memory_format("{\"conditions\": [{\"type\": \"%s\", \"status\": \"True\", "
                                              "\"reason\": \"%s\", \"message\": \"Said so.\"}]}",
                                              condition, reason);

        kube_cluster_put(scene->cluster, "Job", name_of(scene, trial), "status", status);
}

static inline void put_pod(struct scene *scene, int trial, const char *phase, const char *reason,
                           json_t *take_terminated)
{
        autofree char *name = memory_format("pod-of-%s", name_of(scene, trial));
        autojson *metadata = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s}]}", "name", name, "namespace", "n",
                                       "uid", name, "ownerReferences", "kind", "Job", "name",
                                       name_of(scene, trial), "uid", kube_meta(job_of(scene, trial), "uid"));
        autojson *status =
                json_pack("{s:s, s:s*, s:[{s:s, s:{s:o}}]}", "phase", phase, "reason", reason,
                          "containerStatuses", "name", "work", "state", "terminated", take_terminated);
        autofree char *said = json_dumps(status, JSON_COMPACT), *whose = json_dumps(metadata, JSON_COMPACT);

        kube_cluster_put(scene->cluster, "Pod", name, "status", said);
        kube_cluster_put(scene->cluster, "Pod", name, "metadata", whose);
}

static inline void end_well(struct scene *scene, int trial, const char *message)
{
        put_pod(scene, trial, "Succeeded", NULL, json_pack("{s:i, s:s}", "exitCode", 0, "message", message));
        end_job(scene, trial, "Complete", "CompletionsReached");
}

/* As a kubelet does with a pod that was active for too long; "" began nothing. */
static inline void stop_trial(struct scene *scene, int trial, const char *began)
{
        put_pod(scene, trial, "Failed", "DeadlineExceeded",
                json_pack("{s:i, s:s}", "exitCode", 137, "startedAt", began));
        end_job(scene, trial, "Failed", "BackoffLimitExceeded");
}

/* ---- what must be seen ---- */

static inline const json_t *status_of(const struct scene *scene)
{
        return json_object_get(kube_cluster_find(scene->cluster, "TuningStudy", "best"), "status");
}

static inline json_int_t number_of(const struct scene *scene, const char *key)
{
        return json_integer_value(json_object_get(status_of(scene), key));
}

static inline const json_t *row_of(const struct scene *scene, int trial)
{
        return json_array_get(json_object_get(status_of(scene), "trials"), (size_t)trial - 1);
}

static inline const char *of_trial(const struct scene *scene, int trial, const char *key)
{
        const json_t *row = row_of(scene, trial);
        const char *text;

        assert_int_equal(json_integer_value(json_object_get(row, "trial")), trial);
        return json_find_text(row, key, &text) ? text : "";
}

/* The message of a condition of the newest status; "" when it has none. */
static inline const char *message_of(const struct scene *scene, const char *type)
{
        const json_t *one;
        const char *text;
        size_t i;

        json_array_foreach(json_object_get(status_of(scene), "conditions"), i, one)
        {
                if (json_find_text(one, "type", &text) && strcmp(text, type) == 0)
                        return json_find_text(one, "message", &text) ? text : "";
        }
        return "";
}

static inline void check_conditions(const struct scene *scene, const char *wanted)
{
        autofree char *conditions = kube_cluster_study_conditions(scene->cluster, "best");

        assert_string_equal(conditions, wanted);
}

/* As a process that begins: nothing is left but the cluster. */
static inline void start_anew(struct scene *scene)
{
        autojson *kept = kube_cluster_keep(scene->cluster);

        close_scene(scene);
        *scene = (struct scene){0};
        open_kept_scene(scene, kept);
        start(scene);
        pass(scene, 60);
}

#endif

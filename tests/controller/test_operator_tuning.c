/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TuningStudies that search: trials are Jobs of a played cluster, in which the test plays Job controller and
 * kubelet. What a trial leaves is (n - 7)^2, so that the best one is known.
 */
#include "tests/support/tuning_scene.h"

#define TRIALS 12
#define TUNING                                                                                               \
        "{\"tuning\": {\"podTemplate\": \"work\", \"minimize\": \"Message\", \"trials\": 12, "               \
        "\"timeLimitSeconds\": 600, \"parameters\": [{\"name\": \"n\", \"low\": 1, \"high\": 12}]}, "        \
        "\"parallelism\": 3}"

static void run(struct scene *scene, int trial)
{
        int n = setting_of(scene, trial);
        autofree char *message = memory_format("%d\n", (n - 7) * (n - 7));

        end_well(scene, trial, message);
}

/* ---- what must be seen ---- */

#define RUNS      "Accepted=True/Valid Complete=False/Running Failed=False/NotFailed"
#define COMPLETES "Accepted=True/Valid Complete=True/Done Failed=False/NotFailed"

/* All twelve points were tried, each once, so the best is the least there is. */
static void check_all_tried(const struct scene *scene)
{
        const json_t *best = json_object_get(status_of(scene), "bestTrial");
        const json_t *setting = json_array_get(json_object_get(best, "settings"), 0);
        bool tried[TRIALS + 1] = {false};

        check_conditions(scene, COMPLETES);
        assert_int_equal(number_of(scene, "points"), TRIALS);
        assert_int_equal(number_of(scene, "done"), TRIALS);
        assert_int_equal(number_of(scene, "failed"), 0);
        assert_string_equal(json_string_value(json_object_get(best, "value")), "0");
        assert_string_equal(json_string_value(json_object_get(setting, "value")), "7");
        assert_int_equal(kube_cluster_created(scene->cluster, "Job"), TRIALS);
        for (int i = 1; i <= TRIALS; i++) {
                int n = setting_of(scene, i);

                assert_in_range(n, 1, TRIALS);
                assert_false(tried[n]);
                tried[n] = true;
                assert_int_equal(atoi(of_trial(scene, i, "value")), (n - 7) * (n - 7));
                assert_string_equal(of_trial(scene, i, "state"), "Succeeded");
                assert_int_equal(json_object_size(row_of(scene, i)), 4);
        }
}

/* ---- scenes ---- */

static void trials_are_made_in_batches_until_all_are_over(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, TUNING);
        for (int batch = 0; batch < TRIALS / 3; batch++) {
                check_conditions(&scene, RUNS);
                assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 3 * batch + 3);
                run(&scene, 3 * batch + 1);
                run(&scene, 3 * batch + 2);
                pass(&scene, 60);
                assert_int_equal(number_of(&scene, "done"), 3 * batch + 2);
                assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 3 * batch + 3);
                assert_string_equal(of_trial(&scene, 3 * batch + 3, "state"), "Running");
                run(&scene, 3 * batch + 3);
                pass(&scene, 60);
        }
        check_all_tried(&scene);
        close_scene(&scene);
}

static void a_trial_is_the_template_with_its_settings(void **state)
{
        struct scene scene = {0};
        const json_t *spec, *template, *pod, *environment, *owner;

        (void)state;
        open_tuning(&scene, TUNING);
        spec = json_object_get(job_of(&scene, 1), "spec");
        template = json_object_get(spec, "template");
        pod = json_object_get(template, "spec");
        environment = json_object_get(container_of(&scene, 1), "env");
        owner = json_array_get(json_object_get(json_object_get(job_of(&scene, 1), "metadata"),
                                               "ownerReferences"),
                               0);
        assert_string_equal(json_string_value(json_object_get(spec, "completionMode")), "Indexed");
        assert_int_equal(json_integer_value(json_object_get(spec, "completions")), 1);
        assert_int_equal(json_integer_value(json_object_get(spec, "backoffLimit")), 0);
        assert_null(json_object_get(spec, "activeDeadlineSeconds"));
        assert_int_equal(json_integer_value(json_object_get(pod, "activeDeadlineSeconds")), 600);
        assert_string_equal(json_string_value(json_object_get(pod, "restartPolicy")), "Never");
        assert_int_equal(json_array_size(json_object_get(pod, "containers")), 2);
        assert_int_equal(json_array_size(environment), 2);
        assert_string_equal(json_string_value(json_object_get(json_array_get(environment, 1), "name")),
                            "HOME");
        template = json_object_get(json_object_get(template, "metadata"), "labels");
        assert_string_equal(json_string_value(json_object_get(template, "team")), "a");
        assert_string_equal(json_string_value(json_object_get(template, "optctl.dev/study")), "best");
        assert_string_equal(json_string_value(json_object_get(owner, "uid")),
                            kube_meta(kube_cluster_find(scene.cluster, "TuningStudy", "best"), "uid"));
        close_scene(&scene);
}

/* What it asks for is what it is given; a limit that the template has goes with it, and none is made. */
static void settings_that_are_resources(void **state)
{
        struct scene scene = {0};
        const json_t *resources, *requests, *limits;

        (void)state;
        open_scene(&scene);
        kube_cluster_put(
                scene.cluster, "PodTemplate", "work", "template",
                "{\"spec\": {\"containers\": [{\"name\": \"work\", \"resources\": {\"requests\": {\"cpu\": "
                "\"1\", \"ephemeral-storage\": \"1Gi\"}, \"limits\": {\"memory\": \"1Gi\"}}}]}}");
        kube_cluster_apply_study(
                scene.cluster, "best",
                "{\"tuning\": {\"podTemplate\": \"work\", \"trials\": 1, \"parameters\": [{\"name\": \"n\", "
                "\"low\": 3, \"high\": 3, \"resource\": \"Cpu\"}, {\"name\": \"MEMORY\", \"choices\": "
                "[\"512Mi\"], \"resource\": \"Memory\"}]}}");
        start(&scene);
        pass(&scene, 60);
        assert_int_equal(setting_of(&scene, 1), 3);
        resources = json_object_get(container_of(&scene, 1), "resources");
        requests = json_object_get(resources, "requests");
        limits = json_object_get(resources, "limits");
        assert_int_equal(json_object_size(requests), 3);
        assert_string_equal(json_string_value(json_object_get(requests, "cpu")), "3");
        assert_string_equal(json_string_value(json_object_get(requests, "memory")), "512Mi");
        assert_int_equal(json_object_size(limits), 1);
        assert_string_equal(json_string_value(json_object_get(limits, "memory")), "512Mi");
        close_scene(&scene);
}

/* After each trial, so between batches and in the midst of them. */
static void an_operator_that_starts_anew_goes_on(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, TUNING);
        for (int trial = 1; trial <= TRIALS; trial++) {
                run(&scene, trial);
                start_anew(&scene);
        }
        check_all_tried(&scene);
        close_scene(&scene);
}

/* What does not end well is a trial, too. */
static void trials_that_fail(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, TUNING);
        put_pod(&scene, 1, "Failed", NULL, json_pack("{s:i, s:s}", "exitCode", 137, "reason", "OOMKilled"));
        end_job(&scene, 1, "Failed", "BackoffLimitExceeded");
        stop_trial(&scene, 2, "2026-01-05T08:00:00Z");
        end_well(&scene, 3, "many");
        pass(&scene, 60);
        assert_string_equal(of_trial(&scene, 1, "state"), "Failed");
        assert_string_equal(of_trial(&scene, 1, "message"), "OOMKilled");
        assert_string_equal(of_trial(&scene, 2, "state"), "Stopped");
        assert_string_equal(of_trial(&scene, 2, "value"), "");
        assert_string_equal(of_trial(&scene, 3, "message"), "Its pod succeeded and left no number.");
        assert_int_equal(number_of(&scene, "failed"), 3);
        kube_cluster_remove(scene.cluster, "Job", name_of(&scene, 4));
        pass(&scene, 60);
        assert_string_equal(of_trial(&scene, 4, "message"), "Its Job was deleted before it was over.");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 6);
        stop_trial(&scene, 5, "");
        pass(&scene, 60);
        assert_string_equal(of_trial(&scene, 5, "state"), "Failed");
        assert_string_equal(of_trial(&scene, 5, "message"), "DeadlineExceeded");
        for (int trial = 6; trial <= TRIALS; trial++) {
                end_job(&scene, trial, "Failed", "BackoffLimitExceeded");
                pass(&scene, 60);
        }
        check_conditions(&scene, "Accepted=True/Valid Complete=False/Failed Failed=True/NoTrialSucceeded");
        assert_string_equal(of_trial(&scene, 6, "message"), "Said so.");
        close_scene(&scene);
}

/* As it stands in the list beside the one that took its place. */
static void put_evicted(struct scene *scene, int trial, const char *name)
{
        autofree char *metadata =
                memory_format("{\"name\": \"%s\", \"namespace\": \"n\", \"uid\": \"%s\", "
                              "\"ownerReferences\": [{\"kind\": \"Job\", \"name\": \"%s\", "
                              "\"uid\": \"%s\"}]}",
                              name, name, name_of(scene, trial), kube_meta(job_of(scene, trial), "uid"));

        kube_cluster_put(scene->cluster, "Pod", name, "status",
                         "{\"phase\": \"Failed\", \"reason\": \"Evicted\", \"conditions\": [{\"type\": "
                         "\"DisruptionTarget\", \"status\": \"True\"}], \"containerStatuses\": [{\"name\": "
                         "\"work\", \"state\": {\"terminated\": {\"exitCode\": 137, \"startedAt\": "
                         "\"2026-01-05T08:00:00Z\"}}}]}");
        kube_cluster_put(scene->cluster, "Pod", name, "metadata", metadata);
}

static void a_pod_that_had_to_make_room(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, TUNING);
        put_evicted(&scene, 1, "a");
        run(&scene, 1);
        put_evicted(&scene, 1, "z");
        put_evicted(&scene, 2, "b");
        stop_trial(&scene, 2, "2026-01-05T08:00:00Z");
        put_evicted(&scene, 2, "y");
        pass(&scene, 60);
        assert_string_equal(of_trial(&scene, 1, "state"), "Succeeded");
        assert_true(strlen(of_trial(&scene, 1, "value")) > 0);
        assert_string_equal(of_trial(&scene, 2, "state"), "Stopped");
        close_scene(&scene);
}

/* By the whole seconds of the API; what was stopped would have been more than its limit. */
static void time_is_what_is_minimized(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene,
                    "{\"tuning\": {\"podTemplate\": \"work\", \"trials\": 2, \"timeLimitSeconds\": 90, "
                    "\"parameters\": [{\"name\": \"n\", \"choices\": [\"1\", \"2\"]}]}}");
        put_pod(&scene, 1, "Succeeded", NULL,
                json_pack("{s:i, s:s, s:s}", "exitCode", 0, "startedAt", "2026-01-05T08:00:00Z", "finishedAt",
                          "2026-01-05T08:01:05Z"));
        end_job(&scene, 1, "Complete", "CompletionsReached");
        stop_trial(&scene, 2, "2026-01-05T08:00:00Z");
        pass(&scene, 60);
        check_conditions(&scene, COMPLETES);
        assert_string_equal(of_trial(&scene, 1, "value"), "65");
        assert_string_equal(of_trial(&scene, 2, "value"), "90");
        assert_string_equal(of_trial(&scene, 2, "state"), "Stopped");
        assert_int_equal(json_integer_value(
                                 json_object_get(json_object_get(status_of(&scene), "bestTrial"), "trial")),
                         1);
        close_scene(&scene);
}

/* Five trials of two points: the rest would say nothing new. */
static void a_space_that_is_exhausted(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene,
                    "{\"tuning\": {\"podTemplate\": \"work\", \"minimize\": \"Message\", \"trials\": 5, "
                    "\"parameters\": [{\"name\": \"n\", \"choices\": [\"3\", \"9\"]}]}}");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 2);
        run(&scene, 1);
        run(&scene, 2);
        pass(&scene, 60);
        check_conditions(&scene, COMPLETES);
        assert_int_equal(number_of(&scene, "done"), 2);
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 2);
        close_scene(&scene);
}

/* What it lacks may come; what makes no sense is said. */
static void a_study_that_cannot_run_yet(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        kube_cluster_apply_study(scene.cluster, "best", TUNING);
        start(&scene);
        pass(&scene, 60);
        check_conditions(
                &scene, "Accepted=False/PodTemplateMissing Complete=False/NotStarted Failed=False/NotFailed");
        kube_cluster_put(scene.cluster, "PodTemplate", "work", "template", "{\"spec\": {}}");
        kube_cluster_apply_study(scene.cluster, "best", TUNING);
        pass(&scene, 60);
        check_conditions(&scene,
                         "Accepted=False/InvalidSpec Complete=False/NotStarted Failed=False/NotFailed");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 0);
        apply_template(&scene);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        close_scene(&scene);
}

#define TWICE_CPU                                                                                            \
        "{\"name\": \"n\", \"low\": 1, \"high\": 9, \"resource\": \"Cpu\"}, "                                \
        "{\"name\": \"m\", \"low\": 1, \"high\": 9, \"resource\": \"Cpu\"}"

/* What makes no sense, by the rules of docs/operator.md. */
static void a_study_that_makes_no_sense(void **state)
{
        static const char *const parameters[] =
                {"{\"name\": \"n\", \"low\": 0, \"high\": 9, \"scale\": \"Log\"}",
                 "{\"name\": \"n\", \"low\": 9, \"high\": 1}",
                 "{\"name\": \"n\"}",
                 "{\"name\": \"n\", \"low\": 0}",
                 "{\"name\": \"n\", \"low\": 0, \"high\": 9, \"choices\": [\"1\"]}",
                 "{\"name\": \"n\", \"choices\": [\"1\", \"2\"], \"scale\": \"Log\"}",
                 "{\"name\": \"1n\", \"low\": 0, \"high\": 9}",
                 (TWICE_CPU),
                 "{\"name\": \"n=1\", \"low\": 0, \"high\": 9}",
                 "{\"name\": \"n\", \"low\": 0, \"high\": 9}], \"trials\": [1"};
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_template(&scene);
        for (size_t i = 0; i < ARRAY_LENGTH(parameters); i++) {
                autofree char *spec =
                        memory_format("{\"tuning\": {\"podTemplate\": \"work\", \"parameters\": [%s]}}",
                                      parameters[i]);

                kube_cluster_apply_study(scene.cluster, "best", spec);
                if (i == 0)
                        start(&scene);
                pass(&scene, 60);
                check_conditions(
                        &scene,
                        "Accepted=False/InvalidSpec Complete=False/NotStarted Failed=False/NotFailed");
        }
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 0);
        close_scene(&scene);
}

static void another_generation_begins_anew(void **state)
{
        struct scene scene = {0};
        char before[80];

        (void)state;
        open_tuning(&scene, TUNING);
        snprintf(before, sizeof before, "%s", name_of(&scene, 2));
        run(&scene, 1);
        pass(&scene, 60);
        assert_int_equal(number_of(&scene, "done"), 1);
        kube_cluster_apply_study(
                scene.cluster, "best",
                "{\"tuning\": {\"podTemplate\": \"work\", \"minimize\": \"Message\", "
                "\"trials\": 1, \"parameters\": [{\"name\": \"n\", \"low\": 1, \"high\": 12}]}}");
        pass(&scene, 60);
        assert_null(kube_cluster_find(scene.cluster, "Job", before));
        assert_int_equal(number_of(&scene, "done"), 0);
        assert_null(json_object_get(status_of(&scene), "bestTrial"));
        run(&scene, 1);
        pass(&scene, 60);
        check_conditions(&scene, COMPLETES);
        close_scene(&scene);
}

static void a_job_of_the_name_that_is_not_ours(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_template(&scene);
        kube_cluster_apply_study(scene.cluster, "best", TUNING);
        kube_cluster_put(scene.cluster, "Job", name_of(&scene, 2), "spec", "{}");
        start(&scene);
        pass(&scene, 60);
        check_conditions(&scene, "Accepted=True/Valid Complete=False/Failed Failed=True/NameTaken");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 0);
        close_scene(&scene);
}

/* What others made of a Job's annotation must not keep the status from being written. */
static void settings_that_somebody_changed(void **state)
{
        static const char *const texts[] = {"",
                                            "{}",
                                            "[]",
                                            "[{\"name\":\"m\",\"value\":\"1\"}]",
                                            "[{\"name\":\"n\",\"value\":1}]",
                                            "[{\"name\":\"n\",\"value\":\"1\",\"more\":1}]"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                struct scene scene = {0};
                autojson *metadata = NULL;
                autofree char *text = NULL;

                open_tuning(&scene, TUNING);
                metadata = json_deep_copy(json_object_get(job_of(&scene, 1), "metadata"));
                json_object_set_new(metadata, "annotations",
                                    json_pack("{s:s}", "optctl.dev/settings", texts[i]));
                text = json_dumps(metadata, JSON_COMPACT);
                kube_cluster_put(scene.cluster, "Job", name_of(&scene, 1), "metadata", text);
                for (int trial = 1; trial <= 3; trial++)
                        end_well(&scene, trial, "1");
                pass(&scene, 60);
                assert_int_equal(number_of(&scene, "done"), 3);
                assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 6);
                close_scene(&scene);
        }
}

static void a_pod_that_no_node_takes(void **state)
{
        struct scene scene = {0};
        autofree char *name = NULL;

        (void)state;
        open_tuning(&scene, TUNING);
        put_pod(&scene, 1, "Pending", NULL, json_null());
        name = memory_format("pod-of-%s", name_of(&scene, 1));
        kube_cluster_put(
                scene.cluster, "Pod", name, "status",
                "{\"phase\": \"Pending\", \"conditions\": [{\"type\": \"PodScheduled\", \"status\": "
                "\"False\", \"reason\": \"Unschedulable\", \"message\": \"0/3 nodes are available\"}]}");
        pass(&scene, 60);
        check_conditions(&scene, "Accepted=True/Valid Complete=False/Waiting Failed=False/NotFailed");
        close_scene(&scene);
}

/* ---- earlier studies ---- */

#define WITH_EARLIER                                                                                         \
        "{\"tuning\": {\"podTemplate\": \"work\", \"minimize\": \"Message\", \"trials\": 12, "               \
        "\"parameters\": [{\"name\": \"n\", \"low\": 1, \"high\": 12}], \"earlier\": [\"small\"]}, "         \
        "\"parallelism\": 3}"
#define REFUSED(reason) "Accepted=False/" reason " Complete=False/NotStarted Failed=False/NotFailed"

/* A study of another parameter beside n that is over after `count` trials: what it found is (n - 9)^2 + 1,
 * and less at a point that the space of the study above does not have. */
static void put_earlier(struct scene *scene, const char *minimize, int count)
{
        static const int tried[] = {8, 10, 9, 7, 11, 5, 12, 3, 1, 40};
        autofree char *spec = memory_format(
                "{\"tuning\": {\"podTemplate\": \"work\", \"minimize\": \"%s\", \"parameters\": [{\"name\": "
                "\"m\", \"low\": 1, \"high\": 2}, {\"name\": \"n\", \"low\": 1, \"high\": 40}]}}",
                minimize);
        autojson *status = json_pack("{s:i, s:[{s:s, s:s}], s:[]}", "observedGeneration", 1, "conditions",
                                     "type", "Complete", "status", "True", "trials");
        autofree char *text = NULL;

        for (int i = 0; i < count; i++) {
                autofree char *n = memory_format("%d", tried[i]),
                              *value = memory_format("%d", tried[i] == 40
                                                                   ? -7
                                                                   : (tried[i] - 9) * (tried[i] - 9) + 1);

                json_array_append_new(json_object_get(status, "trials"),
                                      json_pack("{s:i, s:[{s:s, s:s}, {s:s, s:s}], s:s, s:s}", "trial", i + 1,
                                                "settings", "name", "m", "value", "1", "name", "n", "value",
                                                n, "state", "Succeeded", "value", value));
        }
        text = json_dumps(status, JSON_COMPACT);
        kube_cluster_remove(scene->cluster, "TuningStudy", "small");
        kube_cluster_apply_study(scene->cluster, "small", spec);
        kube_cluster_put(scene->cluster, "TuningStudy", "small", "status", text);
}

/* The first point is the best one of before, of those that this space has (docs/tune.md, "Earlier studies").
 */
static void an_earlier_study_says_where_to_begin(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_template(&scene);
        put_earlier(&scene, "Message", 10);
        kube_cluster_apply_study(scene.cluster, "best", WITH_EARLIER);
        start(&scene);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        assert_int_equal(setting_of(&scene, 1), 9);
        for (int trial = 1; trial <= TRIALS; trial++) {
                run(&scene, trial);
                start_anew(&scene);
        }
        check_all_tried(&scene);
        close_scene(&scene);
}

/* Each is tried again: it may be there, or be further, by then. */
static void an_earlier_study_that_does_not_help_yet(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, WITH_EARLIER);
        check_conditions(&scene, REFUSED("EarlierStudyMissing"));
        assert_string_equal(message_of(&scene, "Accepted"),
                            "spec.tuning.earlier[0]: there is no TuningStudy small.");
        put_earlier(&scene, "Seconds", 4);
        pass(&scene, 60);
        check_conditions(&scene, REFUSED("EarlierStudyUnusable"));
        assert_string_equal(
                message_of(&scene, "Accepted"),
                "spec.tuning.earlier[0]: no trial of small that is over tells what is minimized here: "
                "Message.");
        put_earlier(&scene, "Message", 2);
        pass(&scene, 60);
        check_conditions(&scene, REFUSED("EarlierStudyUnusable"));
        assert_string_equal(
                message_of(&scene, "Accepted"),
                "spec.tuning.earlier[0]: 2 of its trials ended well at points of this space; expected "
                "3 or more");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 0);
        put_earlier(&scene, "Message", 10);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        assert_int_equal(setting_of(&scene, 1), 9);
        close_scene(&scene);
}

static void a_study_is_not_earlier_than_itself(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene,
                    "{\"tuning\": {\"podTemplate\": \"work\", \"earlier\": [\"best\"], \"parameters\": "
                    "[{\"name\": \"n\", \"low\": 1, \"high\": 12}]}}");
        check_conditions(&scene, REFUSED("InvalidSpec"));
        assert_string_equal(message_of(&scene, "Accepted"),
                            "spec.tuning.earlier[0]: best is the study itself; expected another one");
        close_scene(&scene);
}

/* H1 to H4 of docs/operator.md: the end is that of the undisturbed run, and each Job is made once. */
static void a_server_that_stumbles(void **state)
{
        static const enum cluster_fault faults[] = {CLUSTER_BUSY, CLUSTER_FAILS, CLUSTER_UNAVAILABLE,
                                                    CLUSTER_RESET};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
                struct scene scene = {0};

                open_scene(&scene);
                apply_template(&scene);
                kube_cluster_apply_study(scene.cluster, "best", TUNING);
                kube_cluster_fault(scene.cluster, faults[i], 0);
                start(&scene);
                for (int trial = 1; trial <= TRIALS; trial++) {
                        pass(&scene, 600);
                        run(&scene, trial);
                }
                pass(&scene, 600);
                check_all_tried(&scene);
                close_scene(&scene);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(trials_are_made_in_batches_until_all_are_over),
                cmocka_unit_test(a_trial_is_the_template_with_its_settings),
                cmocka_unit_test(settings_that_are_resources),
                cmocka_unit_test(an_operator_that_starts_anew_goes_on),
                cmocka_unit_test(trials_that_fail),
                cmocka_unit_test(a_pod_that_had_to_make_room),
                cmocka_unit_test(time_is_what_is_minimized),
                cmocka_unit_test(a_space_that_is_exhausted),
                cmocka_unit_test(a_study_that_cannot_run_yet),
                cmocka_unit_test(a_study_that_makes_no_sense),
                cmocka_unit_test(another_generation_begins_anew),
                cmocka_unit_test(a_job_of_the_name_that_is_not_ours),
                cmocka_unit_test(settings_that_somebody_changed),
                cmocka_unit_test(a_pod_that_no_node_takes),
                cmocka_unit_test(an_earlier_study_says_where_to_begin),
                cmocka_unit_test(an_earlier_study_that_does_not_help_yet),
                cmocka_unit_test(a_study_is_not_earlier_than_itself),
                cmocka_unit_test(a_server_that_stumbles),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

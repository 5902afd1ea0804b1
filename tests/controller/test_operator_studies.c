/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TuningStudies in virtual time on a played cluster, in which Jobs and pods do what the test says. What pods
 * leave are documents of `optctl simulate` as docs/schema has them, with figures made up so that what follows
 * from them (savings, service level, the best) can be reckoned by hand.
 */
#include "controller/operator/study_job.h"
#include "tests/support/operator_scene.h"

static void start(struct scene *scene)
{
        start_operator(scene, (struct operator_setup){.study_image = "example.org/optctl:1"});
}

/* ---- what people write ---- */

static void apply_pipeline(struct scene *scene)
{
        kube_cluster_apply(
                scene->cluster, "orders",
                "{\"mode\": \"Observe\", \"engine\": {\"play\": {\"id\": 0}}, \"baseline\": {\"strategy\": "
                "\"static\"}, \"knobs\": [{\"name\": \"workers\", \"min\": 1, \"max\": 16}], \"initial\": "
                "[{\"knob\": \"workers\", \"value\": 12}], \"workload\": {\"scale\": \"1.5\", "
                "\"synthetic\": [{\"shape\": \"Constant\", \"basePerSecond\": 5000}]}, \"prices\": "
                "{\"currency\": \"EUR\", \"worker\": {\"perHour\": \"0.25\"}}}");
}

#define TWO_BY_TWO                                                                                           \
        "{\"pipeline\": \"orders\", \"candidates\": [{\"name\": \"as-is\"}, {\"name\": \"three\", "          \
        "\"configuration\": [{\"knob\": \"workers\", \"value\": 3}]}], \"loads\": [{\"name\": \"today\", "   \
        "\"scale\": 1}, {\"name\": \"twice\", \"scale\": \"2\"}], \"files\": \"recordings\", \"threads\": "  \
        "2, "                                                                                                \
        "\"memory\": \"1Gi\", \"parallelism\": 3, \"deadlineSeconds\": 60}"

/* ---- what the cluster does ---- */

/* The Job of the study as it is now. Lives until the next call. */
static const char *job_name(const struct scene *scene)
{
        static char name[64];
        const json_t *study = kube_cluster_find(scene->cluster, "TuningStudy", "sizes");
        const struct study_owner owner = {"n", "sizes", kube_meta(study, "uid"),
                                          json_integer_value(
                                                  json_object_get(json_object_get(study, "metadata"),
                                                                  "generation"))};
        autofree char *made = study_job_name(&owner);

        snprintf(name, sizeof name, "%s", made);
        return name;
}

static const json_t *job_of(const struct scene *scene)
{
        return kube_cluster_find(scene->cluster, "Job", job_name(scene));
}

static void end_job(struct scene *scene, const char *condition, const char *reason)
{
        autofree char *status = memory_format("{\"conditions\": [{\"type\": \"%s\", \"status\": \"True\", "
                                              "\"reason\": \"%s\", \"message\": \"Said "
                                              "so.\"}]}",
                                              condition, reason);

        kube_cluster_put(scene->cluster, "Job", job_name(scene), "status", status);
}

/* Whose pod is not the Job's, whatever else it says. */
#define STRANGER "stranger"

/* Somebody put another container into the pod; a kubelet tells of containers in the order of their names. */
#define INJECTED "{\"name\": \"proxy\", \"state\": {\"terminated\": {\"exitCode\": 0}}}, "

/* `state` of its container: JSON. */
static void put_pod(struct scene *scene, const char *name, int index, const char *phase, const char *state)
{
        const json_t *pod = kube_cluster_find(scene->cluster, "Pod", name);
        autofree char *status = memory_format(
                "{\"phase\": \"%s\", \"containerStatuses\": [%s{\"name\": \"study\", \"state\": %s}]}", phase,
                index % 2 ? INJECTED : "", state);
        autojson *metadata = NULL;
        autofree char *text = NULL, *number = memory_format("%d", index);

        if (!pod) {
                kube_cluster_put(scene->cluster, "Pod", name, "status", "{}");
                pod = kube_cluster_find(scene->cluster, "Pod", name);
        }
        metadata = json_deep_copy(json_object_get(pod, "metadata"));
        json_object_set_new(metadata, "annotations",
                            json_pack("{s:s}", "batch.kubernetes.io/job-completion-index", number));
        if (strcmp(name, STRANGER) != 0)
                json_object_set_new(metadata, "ownerReferences",
                                    json_pack("[{s:s}]", "uid", kube_meta(job_of(scene), "uid")));
        text = json_dumps(metadata, JSON_COMPACT);
        kube_cluster_put(scene->cluster, "Pod", name, "metadata", text);
        kube_cluster_put(scene->cluster, "Pod", name, "status", status);
}

static void end_named(struct scene *scene, const char *name, int index, bool well, const char *message)
{
        autojson *state =
                json_pack("{s:{s:i, s:s}}", "terminated", "exitCode", well ? 0 : 1, "message", message);
        autofree char *text = json_dumps(state, JSON_COMPACT);

        put_pod(scene, name, index, well ? "Succeeded" : "Failed", text);
}

static void end_pod(struct scene *scene, int index, bool well, const char *message)
{
        autofree char *name = memory_format("pod-%d", index);

        end_named(scene, name, index, well, message);
}

static void end_well(struct scene *scene, int index, double cost, double missed_minutes)
{
        autofree char *document = memory_format(
                "{\"kind\": \"simulation\", \"currency\": \"EUR\", \"constraints\": "
                "{\"latency_p99_seconds\": 5, "
                "\"confidence_percent\": 95}, \"strategies\": [{\"name\": \"static\", \"cost_per_day\": "
                "{\"mean\": "
                "%g, \"low\": %g, \"high\": %g}, \"slo_missed_minutes_per_day\": {\"mean\": %g, \"low\": 0, "
                "\"high\": 0}, \"workers_mean\": {\"mean\": 3.5}, \"latency_p99_seconds\": {\"mean\": "
                "null}}]}",
                cost, cost - 1, cost + 1, missed_minutes);

        end_pod(scene, index, true, document);
}

/* ---- what must be seen ---- */

static void check_conditions(const struct scene *scene, const char *wanted)
{
        autofree char *conditions = kube_cluster_study_conditions(scene->cluster, "sizes");

        assert_string_equal(conditions, wanted);
}

#define RUNS      "Accepted=True/Valid Complete=False/Running Failed=False/NotFailed"
#define COMPLETES "Accepted=True/Valid Complete=True/Done Failed=False/NotFailed"

static const json_t *status_of(const struct scene *scene)
{
        return json_object_get(kube_cluster_find(scene->cluster, "TuningStudy", "sizes"), "status");
}

static const char *message_of(const struct scene *scene, const char *type)
{
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(status_of(scene), "conditions"), i, one)
        {
                if (strcmp(json_string_value(json_object_get(one, "type")), type) == 0)
                        return json_string_value(json_object_get(one, "message"));
        }
        return "";
}

static void check_json(const json_t *found, const char *wanted)
{
        autojson *expected = json_loads(wanted, JSON_DECODE_ANY, NULL);
        autofree char *shown = json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY);

        assert_non_null(expected);
        if (!json_equal(expected, found))
                fail_msg("expected %s\n   found %s", wanted, shown);
}

static void check_counts(const struct scene *scene, int done, int failed)
{
        assert_int_equal(json_integer_value(json_object_get(status_of(scene), "done")), done);
        assert_int_equal(json_integer_value(json_object_get(status_of(scene), "failed")), failed);
}

/* Of point `index`: the knob's value and the load's scale. */
static void check_document(const struct scene *scene, const char *index, int workers, const char *scale)
{
        const json_t *map = kube_cluster_find(scene->cluster, "ConfigMap", job_name(scene));
        const char *text = json_string_value(json_object_get(json_object_get(map, "data"), index));
        autojson *document = json_loads(text, 0, NULL);
        const json_t *spec = json_object_get(document, "spec");
        autofree char *initial = memory_format("[{\"knob\": \"workers\", \"value\": %d}]", workers);

        assert_string_equal(json_string_value(json_object_get(document, "kind")), "TunedPipeline");
        check_json(json_object_get(spec, "initial"), initial);
        check_json(json_object_get(json_object_get(spec, "simulation"), "strategies"), "[\"static\"]");
        assert_string_equal(json_string_value(json_object_get(json_object_get(spec, "workload"), "scale")),
                            scale);
        assert_null(json_object_get(spec, "engine"));
        assert_null(json_object_get(spec, "baseline"));
}

/* ---- scenes ---- */

static void a_study_is_a_job_and_its_pods_are_the_results(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_pipeline(&scene);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        start(&scene);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        check_counts(&scene, 0, 0);
        end_well(&scene, 0, 72, 0);
        end_well(&scene, 1, 72, 72); /* 5 % of a day: as much as a confidence of 95 % allows */
        end_well(&scene, 2, 18, 0);
        end_well(&scene, 3, 18, 73);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        check_counts(&scene, 4, 0);
        end_job(&scene, "Complete", "CompletionsReached");
        pass(&scene, 60);
        check_conditions(&scene, COMPLETES);
        check_counts(&scene, 4, 0);
        check_json(json_object_get(status_of(&scene), "best"),
                   "[{\"load\": \"today\", \"candidate\": \"three\", \"costPerDay\": \"18\"}, {\"load\": "
                   "\"twice\", "
                   "\"candidate\": \"as-is\", \"costPerDay\": \"72\"}]");
        check_json(
                json_array_get(json_object_get(status_of(&scene), "results"), 3),
                "{\"candidate\": \"three\", \"load\": \"twice\", \"serviceLevel\": \"Missed\", "
                "\"costPerDay\": "
                "\"18\", \"costPerDayLow\": \"17\", \"costPerDayHigh\": \"19\", \"savingPercent\": \"75\", "
                "\"missedMinutesPerDay\": \"73\", \"workers\": \"3.5\"}");
        assert_string_equal(json_string_value(json_object_get(status_of(&scene), "currency")), "EUR");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 1);
        close_scene(&scene);
}

/* What a Job may be, by the fields of batch/v1. */
static void the_job_has_no_rights_and_what_it_asks_for(void **state)
{
        struct scene scene = {0};
        const json_t *spec, *pod, *container, *owner;

        (void)state;
        open_scene(&scene);
        apply_pipeline(&scene);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        start(&scene);
        pass(&scene, 60);
        spec = json_object_get(job_of(&scene), "spec");
        pod = json_object_get(json_object_get(spec, "template"), "spec");
        container = json_array_get(json_object_get(pod, "containers"), 0);
        owner = json_array_get(json_object_get(json_object_get(job_of(&scene), "metadata"),
                                               "ownerReferences"),
                               0);
        assert_string_equal(json_string_value(json_object_get(spec, "completionMode")), "Indexed");
        assert_int_equal(json_integer_value(json_object_get(spec, "completions")), 4);
        assert_int_equal(json_integer_value(json_object_get(spec, "parallelism")), 3);
        assert_int_equal(json_integer_value(json_object_get(spec, "activeDeadlineSeconds")), 60);
        assert_true(json_is_false(json_object_get(pod, "automountServiceAccountToken")));
        assert_string_equal(json_string_value(json_object_get(container, "image")), "example.org/optctl:1");
        check_json(json_object_get(container, "args"),
                   "[\"simulate\", \"/etc/optctl/study/$(JOB_COMPLETION_INDEX).json\", "
                   "\"--message=/dev/termination-log\", \"--threads=2\", \"--quiet\", "
                   "\"--data=/etc/optctl/files\"]");
        check_json(json_object_get(container, "resources"),
                   "{\"requests\": {\"cpu\": 2, \"memory\": \"1073741824\"}, \"limits\": {\"memory\": "
                   "\"1073741824\"}}");
        assert_string_equal(json_string_value(json_object_get(owner, "uid")),
                            kube_meta(kube_cluster_find(scene.cluster, "TuningStudy", "sizes"), "uid"));
        check_document(&scene, "0.json", 12, "1.5");
        check_document(&scene, "1.json", 12, "3");
        check_document(&scene, "2.json", 3, "1.5");
        check_document(&scene, "3.json", 3, "3");
        close_scene(&scene);
}

static void another_generation_is_another_job(void **state)
{
        struct scene scene = {0};
        char before[64];

        (void)state;
        open_scene(&scene);
        apply_pipeline(&scene);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        start(&scene);
        pass(&scene, 60);
        snprintf(before, sizeof before, "%s", job_name(&scene));
        end_well(&scene, 0, 72, 0);
        pass(&scene, 60);
        check_counts(&scene, 1, 0);
        kube_cluster_remove(scene.cluster, "Pod", "pod-0"); /* as they go with the Job */
        kube_cluster_apply_study(scene.cluster, "sizes",
                                 "{\"pipeline\": \"orders\", \"candidates\": [{\"name\": \"as-is\"}]}");
        pass(&scene, 60);
        assert_null(kube_cluster_find(scene.cluster, "Job", before));
        assert_non_null(job_of(&scene));
        check_conditions(&scene, RUNS);
        check_counts(&scene, 0, 0);
        end_well(&scene, 0, 50, 0);
        end_job(&scene, "Complete", "CompletionsReached");
        pass(&scene, 60);
        check_conditions(&scene, COMPLETES);
        check_json(json_object_get(status_of(&scene), "best"),
                   "[{\"load\": \"as-it-is\", \"candidate\": \"as-is\", \"costPerDay\": \"50\"}]");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 2);
        close_scene(&scene);
}

/* What it lacks may come; nothing is made before. */
static void a_study_that_cannot_run_yet(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        start(&scene);
        pass(&scene, 60);
        check_conditions(&scene,
                         "Accepted=False/PipelineMissing Complete=False/NotStarted Failed=False/NotFailed");
        apply_pipeline(&scene);
        kube_cluster_apply_study(
                scene.cluster, "sizes",
                "{\"pipeline\": \"orders\", \"candidates\": [{\"name\": \"odd\", \"strategy\": "
                "\"nonsense\"}]}");
        pass(&scene, 60);
        check_conditions(&scene,
                         "Accepted=False/InvalidSpec Complete=False/NotStarted Failed=False/NotFailed");
        assert_non_null(strstr(message_of(&scene, "Accepted"), "candidate odd"));
        assert_non_null(strstr(message_of(&scene, "Accepted"), "nonsense"));
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 0);
        kube_cluster_apply_study(scene.cluster, "sizes", "\"text\"");
        pass(&scene, 60);
        check_conditions(&scene,
                         "Accepted=False/InvalidSpec Complete=False/NotStarted Failed=False/NotFailed");
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        close_scene(&scene);
}

/* A pipeline that goes, or is not known yet to who leads next, between the Job and the ConfigMap that its
 * pods wait for. */
static void a_pipeline_that_goes_half_way(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_pipeline(&scene);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        start(&scene);
        while (!job_of(&scene))
                pass(&scene, 1);
        assert_null(kube_cluster_find(scene.cluster, "ConfigMap", job_name(&scene)));
        kube_cluster_delete(scene.cluster, "orders");
        pass(&scene, 60);
        check_conditions(&scene,
                         "Accepted=False/PipelineMissing Complete=False/NotStarted Failed=False/NotFailed");
        apply_pipeline(&scene);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        check_document(&scene, "0.json", 12, "1.5");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 1);
        close_scene(&scene);
}

/* A policy, or a right that is missing: told in the status, and made once it may be. */
static void objects_that_may_not_be_made(void **state)
{
        static const enum cluster_fault faults[] = {CLUSTER_JOBS_FORBIDDEN, CLUSTER_MAPS_FORBIDDEN};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
                struct scene scene = {0};

                open_scene(&scene);
                apply_pipeline(&scene);
                kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
                kube_cluster_fault(scene.cluster, faults[i], 0);
                start(&scene);
                pass(&scene, 60);
                check_conditions(&scene,
                                 "Accepted=True/Valid Complete=False/NotStarted Failed=False/NotFailed");
                assert_non_null(strstr(message_of(&scene, "Complete"), "Forbidden"));
                kube_cluster_fault(scene.cluster, CLUSTER_HEALTHY, 0);
                pass(&scene, 60);
                check_conditions(&scene, RUNS);
                check_document(&scene, "0.json", 12, "1.5");
                close_scene(&scene);
        }
}

/* A Job that somebody deleted is not made again; nor is one that is somebody else's taken. */
static void a_job_that_is_gone_or_not_ours(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_pipeline(&scene);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        start(&scene);
        pass(&scene, 60);
        end_well(&scene, 0, 72, 0);
        pass(&scene, 60);
        kube_cluster_remove(scene.cluster, "Job", job_name(&scene));
        pass(&scene, 60);
        check_conditions(&scene, "Accepted=True/Valid Complete=False/Failed Failed=True/JobGone");
        check_counts(&scene, 1, 0);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        kube_cluster_put(scene.cluster, "Job", job_name(&scene), "spec", "{}");
        pass(&scene, 60);
        check_conditions(&scene, "Accepted=True/Valid Complete=False/Failed Failed=True/NameTaken");
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 1);
        close_scene(&scene);
}

/* Pods are programs that may fail, or lie; what they said of points that are done holds when they are gone.
 */
static void pods_that_fail_or_make_no_sense(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_pipeline(&scene);
        kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
        start(&scene);
        pass(&scene, 60);
        put_pod(&scene, "pod-0", 0, "Pending",
                "{\"waiting\": {\"reason\": \"ErrImagePull\", \"message\": \"no such image\"}}");
        pass(&scene, 60);
        check_conditions(&scene, "Accepted=True/Valid Complete=False/Waiting Failed=False/NotFailed");
        assert_string_equal(message_of(&scene, "Complete"), "A pod waits: ErrImagePull: no such image");
        end_well(&scene, 0, 72, 0);
        pass(&scene, 60);
        kube_cluster_remove(scene.cluster, "Pod", "pod-0");
        end_pod(&scene, 1, true, "{\"strategies\": [{\"cost_per_day\": {\"mean\": \"much\"}}]}");
        end_pod(&scene, 2, false, "optctl: recordings/load.csv: No such file or directory\n");
        end_well(&scene, 9, 1, 0);
        end_named(&scene, STRANGER, 3, true, "{\"strategies\": [{\"cost_per_day\": {\"mean\": 1}}]}");
        put_pod(&scene, "pod-3", 3, "Failed",
                "{\"terminated\": {\"exitCode\": 137, \"reason\": \"OOMKilled\"}}");
        end_job(&scene, "Failed", "FailedIndexes");
        pass(&scene, 60);
        check_conditions(&scene, "Accepted=True/Valid Complete=False/Failed Failed=True/FailedIndexes");
        assert_string_equal(message_of(&scene, "Failed"), "Said so.");
        check_counts(&scene, 4, 3);
        check_json(json_object_get(json_array_get(json_object_get(status_of(&scene), "results"), 0),
                                   "costPerDay"),
                   "\"72\"");
        check_json(json_array_get(json_object_get(status_of(&scene), "results"), 1),
                   "{\"candidate\": \"as-is\", \"load\": \"twice\", \"message\": \"Its pod succeeded and "
                   "left no "
                   "figures.\"}");
        check_json(json_array_get(json_object_get(status_of(&scene), "results"), 2),
                   "{\"candidate\": \"three\", \"load\": \"today\", \"message\": \"optctl: "
                   "recordings/load.csv: No such "
                   "file or directory\"}");
        check_json(json_array_get(json_object_get(status_of(&scene), "results"), 3),
                   "{\"candidate\": \"three\", \"load\": \"twice\", \"message\": \"OOMKilled\"}");
        check_json(json_object_get(status_of(&scene), "best"),
                   "[{\"load\": \"today\", \"candidate\": \"as-is\", \"costPerDay\": \"72\"}]");
        close_scene(&scene);
}

/* H1 to H4 of docs/operator.md: the end is that of the undisturbed run, and everything is made once. */
static void a_server_that_stumbles(void **state)
{
        static const enum cluster_fault faults[] = {CLUSTER_BUSY, CLUSTER_FAILS, CLUSTER_UNAVAILABLE,
                                                    CLUSTER_RESET};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
                struct scene scene = {0};

                open_scene(&scene);
                apply_pipeline(&scene);
                kube_cluster_apply_study(scene.cluster, "sizes", TWO_BY_TWO);
                kube_cluster_fault(scene.cluster, faults[i], 0);
                start(&scene);
                pass(&scene, 600);
                for (int point = 0; point < 4; point++)
                        end_well(&scene, point, 72 - point, 0);
                end_job(&scene, "Complete", "CompletionsReached");
                pass(&scene, 600);
                check_conditions(&scene, COMPLETES);
                check_counts(&scene, 4, 0);
                assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 1);
                assert_int_equal(kube_cluster_created(scene.cluster, "ConfigMap"), 1);
                close_scene(&scene);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_study_is_a_job_and_its_pods_are_the_results),
                cmocka_unit_test(the_job_has_no_rights_and_what_it_asks_for),
                cmocka_unit_test(another_generation_is_another_job),
                cmocka_unit_test(a_study_that_cannot_run_yet),
                cmocka_unit_test(a_pipeline_that_goes_half_way),
                cmocka_unit_test(objects_that_may_not_be_made),
                cmocka_unit_test(a_job_that_is_gone_or_not_ours),
                cmocka_unit_test(pods_that_fail_or_make_no_sense),
                cmocka_unit_test(a_server_that_stumbles),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

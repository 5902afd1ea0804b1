/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pool of workers as the API server tells of it: whose pods they are, what they use, and who else writes.
 * Objects are as a real API server delivers them (tests/e2e/kube/record_targets), changed where a play says
 * so. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/owners.h"
#include "engines/kubernetes/pool.h"

#define NOW      INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */
#define A_MINUTE INT64_C(60000)

static json_t *parse(const char *text)
{
        json_t *object = json_loads(text, 0, NULL);

        assert_non_null(object);
        return object;
}

/* ---- whose pods ---- */

/* Pods as they come, by whom they belong to. */
struct crowd {
        struct kube_follower pods;
        size_t count;
        void *kept[8];
};

static void crowd_open(struct crowd *crowd)
{
        *crowd = (struct crowd){.pods.context = kube_pods_following.context_new()};
}

static void crowd_close(struct crowd *crowd)
{
        for (size_t i = 0; i < crowd->count; i++)
                kube_pods_following.release(crowd->kept[i]);
        kube_pods_following.context_free(crowd->pods.context);
}

static void crowd_put(struct crowd *crowd, const json_t *object)
{
        size_t bytes = 0;
        void *kept = kube_pods_following.project(crowd->pods.context, object, &bytes);

        assert_true(bytes > 0);
        kube_pods_following.changed(crowd->pods.context, "n", kube_field_text(object, "metadata.name"), NULL,
                                    kept);
        crowd->kept[crowd->count++] = kept;
}

/* ---- what a pod takes of its node ---- */

#define ASKS(cpu)    "{\"resources\": {\"requests\": {\"cpu\": \"" cpu "\"}}}"
#define SIDECAR(cpu) "{\"restartPolicy\": \"Always\", \"resources\": {\"requests\": {\"cpu\": \"" cpu "\"}}}"

/* By the rules of "Resource sharing within containers" (Kubernetes: sidecar containers, pod overhead). */
static void test_a_pod_takes_what_the_scheduler_counts(void **state)
{
        static const struct {
                const char *spec;
                double cores;
        } pods[] = {
                {"{\"containers\": [" ASKS("500m") ", " ASKS("1") "]}", 1.5},
                {"{\"containers\": [" ASKS("1") "], \"overhead\": {\"cpu\": \"250m\"}}", 1.25},
                {"{\"containers\": [{\"resources\": {\"limits\": {\"cpu\": \"2\"}}}, {}]}", 2},
                {"{\"initContainers\": [" ASKS("3") ", " ASKS("2") "], \"containers\": [" ASKS("1") "]}", 3},
                {"{\"initContainers\": [" SIDECAR("2") "], \"containers\": [" ASKS("1") "]}", 3},
                {"{\"initContainers\": [" ASKS("1") ", " SIDECAR("2") ", " ASKS("4") "], \"containers\": "
                                                                                     "[" ASKS("3") "]}",
                 6},
                {"{\"initContainers\": [" ASKS("4") ", " SIDECAR("2") "], \"containers\": [" ASKS("3") "]}",
                 5},
                {"{\"resources\": {\"requests\": {\"cpu\": \"4\"}}, \"containers\": [" ASKS("3") "]}", 4},
                {"{}", 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(pods); i++) {
                autofree char *text = memory_format("{\"spec\": %s}", pods[i].spec);
                autojson *object = parse(text);
                size_t bytes;
                struct kube_pod *pod = kube_pods_following.project(NULL, object, &bytes);

                assert_float_equal(pod->cores, pods[i].cores, 1e-12);
                kube_pods_following.release(pod);
        }
}

/* `owner`: "ReplicaSet/web-5d4f", with the hash "5d4f". */
static json_t *pod(const char *name, const char *kind, const char *owner, const char *hash)
{
        json_t *object =
                parse("{\"metadata\": {\"labels\": {}}, \"spec\": {\"nodeName\": \"a\", \"containers\": "
                      "[{\"name\": \"work\", \"resources\": {\"requests\": {\"cpu\": \"500m\"}}}]},"
                      "\"status\": {\"phase\": \"Running\", \"conditions\": [{\"type\": \"Ready\", "
                      "\"status\": \"True\"}]}}");
        json_t *meta = json_object_get(object, "metadata");

        json_object_set_new(meta, "name", json_string(name));
        json_object_set_new(meta, "ownerReferences",
                            json_pack("[{s:s, s:s, s:b}]", "kind", kind, "name", owner, "controller", 1));
        if (hash)
                json_object_set_new(json_object_get(meta, "labels"), "pod-template-hash", json_string(hash));
        return object;
}

static size_t count_of(const struct crowd *crowd, const char *kind, const char *name)
{
        const struct kube_pods_of *found = kube_pods_find(&crowd->pods, "n", kind, name);

        return found ? found->count : 0;
}

static void test_pods_belong_to_the_deployment_that_made_their_replica_set(void **state)
{
        struct crowd crowd;
        autojson *first = pod("web-5d4f-a", "ReplicaSet", "web-5d4f", "5d4f");
        autojson *second = pod("web-77c8-b", "ReplicaSet", "web-77c8", "77c8");
        autojson *by_hand = pod("set-x", "ReplicaSet", "set", NULL);
        autojson *of_set = pod("db-0", "StatefulSet", "db", NULL);

        (void)state;
        crowd_open(&crowd);
        crowd_put(&crowd, first);
        crowd_put(&crowd, second);
        crowd_put(&crowd, by_hand);
        crowd_put(&crowd, of_set);
        assert_int_equal(count_of(&crowd, "Deployment", "web"), 2);
        assert_int_equal(count_of(&crowd, "ReplicaSet", "set"), 1);
        assert_int_equal(count_of(&crowd, "StatefulSet", "db"), 1);
        assert_int_equal(count_of(&crowd, "Deployment", "db"), 0);

        kube_pods_following.changed(crowd.pods.context, "n", "web-5d4f-a", crowd.kept[0], NULL);
        assert_int_equal(count_of(&crowd, "Deployment", "web"), 1);
        crowd_close(&crowd);
}

/* ---- what is observed ---- */

struct scene {
        struct crowd crowd;
        struct kube_workload_options options;
        struct kube_workload workload;
        struct kube_workload_status status;
        struct kube_usage *usage; /* NULL: it is not known */
        struct kube_pool_memory memory;
        struct knob knobs[2];
        struct pipeline pipeline;
        struct observation seen;
};

static void scene_open(struct scene *scene)
{
        *scene = (struct scene){.memory = {.restarts = -1, .killed_ms = INT64_MIN}};
        crowd_open(&scene->crowd);
        scene->workload = (struct kube_workload){.kind = &kube_deployment_kind, .options = &scene->options};
        scene->knobs[0] = (struct knob){.name = "workers", .role = KNOB_WORKERS, .operator_index = -1};
        scene->knobs[1] = (struct knob){.name = "worker.cpu", .role = KNOB_OTHER, .operator_index = -1};
        scene->pipeline = (struct pipeline){.n_operators = 1, .knobs = scene->knobs, .n_knobs = 2};
        scene->status = (struct kube_workload_status){.replicas = 3,
                                                      .useful = 3,
                                                      .existing = 3,
                                                      .updated = 3,
                                                      .ready = 3,
                                                      .observed = true,
                                                      .asked = {.cpu_request = 0.5},
                                                      .container = "work"};
}

static void look(struct scene *scene, int64_t now_ms)
{
        const struct kube_pool_sight sight = {.workload = &scene->workload,
                                              .status = &scene->status,
                                              .pods = kube_pods_find(&scene->crowd.pods, "n", "Deployment",
                                                                     "web"),
                                              .usage = scene->usage,
                                              .now_ms = now_ms};

        observation_clear(&scene->seen, now_ms, 1, 1);
        scene->seen.configuration = (struct configuration){.count = 2, .value = {NAN, NAN}};
        kube_pool_observe(&sight, &scene->pipeline, &scene->memory, &scene->seen);
}

static void put_three(struct scene *scene, json_t *last)
{
        autojson *first = pod("web-5d4f-a", "ReplicaSet", "web-5d4f", "5d4f");
        autojson *second = pod("web-5d4f-b", "ReplicaSet", "web-5d4f", "5d4f");

        crowd_put(&scene->crowd, first);
        crowd_put(&scene->crowd, second);
        crowd_put(&scene->crowd, last);
        json_decref(last);
}

static void test_a_pod_that_waits_for_a_node_does_not_run(void **state)
{
        struct scene scene;
        json_t *last = pod("web-5d4f-c", "ReplicaSet", "web-5d4f", "5d4f");

        (void)state;
        scene_open(&scene);
        json_object_del(json_object_get(last, "spec"), "nodeName");
        put_three(&scene, last);
        scene.status.ready = 2;
        look(&scene, NOW);
        assert_float_equal(scene.seen.configuration.value[0], 2, 0);
        assert_float_equal(scene.seen.configuration.value[1], 0.5, 0);
        assert_int_equal(scene.seen.workers_ready, 2);
        assert_false(scene.seen.restarting);
        assert_int_equal(scene.seen.missing, MISSING_RATES | MISSING_BACKLOG | MISSING_LATENCY | MISSING_CPU);
        crowd_close(&scene.crowd);
}

/* PodMetrics of one container; `cpu` NULL: it does not say. */
static void put_usage(struct kube_usage *usage, const char *name, const char *cpu)
{
        autojson *object = json_pack("{s:{s:s}, s:[{s:s, s:{s:s*}}]}", "metadata", "name", name, "containers",
                                     "name", "work", "usage", "cpu", cpu);
        struct error err = ERROR_INIT;

        assert_true(kube_usage_add(usage, object, &err));
}

/* A pod that is too new for the metrics API, one of which it does not say the CPU, and one that is not ready
 * have no part in the mean, and are not counted as if they had: 0.4 of the 0.5 cores that one asks for. */
static void test_cpu_is_of_the_pods_that_it_is_known_of(void **state)
{
        autocall(kube_usage_free) struct kube_usage *usage = kube_usage_new();
        struct scene scene;
        autojson *waiting = pod("web-5d4f-d", "ReplicaSet", "web-5d4f", "5d4f");

        (void)state;
        scene_open(&scene);
        put_three(&scene, pod("web-5d4f-c", "ReplicaSet", "web-5d4f", "5d4f"));
        json_object_del(json_object_get(waiting, "status"), "conditions");
        crowd_put(&scene.crowd, waiting);
        put_usage(usage, "web-5d4f-d", "500m");
        put_usage(usage, "web-5d4f-c", NULL);
        put_usage(usage, "web-5d4f-a", "400m");
        kube_usage_sort(usage);
        scene.usage = usage;
        look(&scene, NOW);
        assert_int_equal(scene.seen.workers_ready, 3);
        assert_int_equal(scene.seen.cpu_workers, 1);
        assert_float_equal(scene.seen.cpu_ratio, 0.8, 1e-12);
        assert_false(scene.seen.missing & MISSING_CPU);

        put_usage(usage, "web-5d4f-b", "100m");
        kube_usage_sort(usage);
        look(&scene, NOW + A_MINUTE);
        assert_int_equal(scene.seen.cpu_workers, 2);
        assert_float_equal(scene.seen.cpu_ratio, 0.5, 1e-12);
        crowd_close(&scene.crowd);
}

static void test_no_cpu_is_known_of_any_pod(void **state)
{
        autocall(kube_usage_free) struct kube_usage *usage = kube_usage_new();
        struct scene scene;

        (void)state;
        scene_open(&scene);
        put_three(&scene, pod("web-5d4f-c", "ReplicaSet", "web-5d4f", "5d4f"));
        scene.usage = usage;
        look(&scene, NOW);
        assert_int_equal(scene.seen.cpu_workers, 0);
        assert_true(isnan(scene.seen.cpu_ratio));
        assert_true(scene.seen.missing & MISSING_CPU);
        crowd_close(&scene.crowd);
}

static void test_a_rollout_is_a_restart_until_no_old_pod_is_left(void **state)
{
        struct scene scene;

        (void)state;
        scene_open(&scene);
        put_three(&scene, pod("web-5d4f-c", "ReplicaSet", "web-5d4f", "5d4f"));
        scene.status.asked.cpu_request = 0.8;
        scene.status.updated = 1;
        look(&scene, NOW);
        assert_true(scene.seen.restarting);
        assert_float_equal(scene.seen.configuration.value[1], 0.5, 0);

        scene.status.paused = true; /* nothing is being replaced */
        look(&scene, NOW + A_MINUTE);
        assert_false(scene.seen.restarting);

        scene.status.paused = false;
        scene.status.updated = 3;
        scene.status.observed = false; /* the status is about what it was told before */
        look(&scene, NOW + 2 * A_MINUTE);
        assert_true(scene.seen.restarting);
        crowd_close(&scene.crowd);
}

static json_t *killed(int restarts)
{
        json_t *object = pod("web-5d4f-c", "ReplicaSet", "web-5d4f", "5d4f");

        json_object_set_new(json_object_get(object, "status"), "containerStatuses",
                            json_pack("[{s:s, s:i, s:{s:{s:s, s:s}}}]", "name", "work", "restartCount",
                                      restarts, "lastState", "terminated", "reason", "OOMKilled",
                                      "finishedAt", "2026-01-05T07:59:30Z"));
        return object;
}

static void test_a_kill_for_want_of_memory_is_told_once(void **state)
{
        struct scene scene;
        autojson *object = killed(5);

        (void)state;
        scene_open(&scene);
        put_three(&scene, pod("web-5d4f-c", "ReplicaSet", "web-5d4f", "5d4f"));
        look(&scene, NOW - A_MINUTE);
        assert_int_equal(scene.seen.restarts, 0);
        assert_string_equal(scene.seen.failure, "");

        kube_pods_following.changed(scene.crowd.pods.context, "n", "web-5d4f-c", scene.crowd.kept[2], NULL);
        crowd_put(&scene.crowd, object);
        look(&scene, NOW);
        assert_int_equal(scene.seen.restarts, 5);
        assert_float_equal(scene.seen.memory.killed, 1, 0);
        assert_string_equal(scene.seen.failure, "OOMKilled: container work of pod web-5d4f-c");
        look(&scene, NOW + A_MINUTE);
        assert_int_equal(scene.seen.restarts, 5);
        assert_float_equal(scene.seen.memory.killed, 0, 0);
        assert_string_equal(scene.seen.failure, "");

        /* A pod that goes takes its restarts with it; they were counted. */
        kube_pods_following.changed(scene.crowd.pods.context, "n", "web-5d4f-c", scene.crowd.kept[3], NULL);
        look(&scene, NOW + 2 * A_MINUTE);
        assert_int_equal(scene.seen.restarts, 5);
        crowd_close(&scene.crowd);
}

/* ---- requests and limits ---- */

static void test_a_limit_keeps_its_proportion(void **state)
{
        autojson *written =
                parse("{\"requests\": {\"cpu\": \"500m\", \"memory\": \"1Gi\"}, \"limits\": {\"cpu\": 1}}");
        struct kube_resources resources = kube_resources_read(written);
        const struct knob cpu = {.name = "worker.cpu"}, memory = {.name = "memory"};
        autojson *wanted = NULL;

        (void)state;
        kube_resources_set(&resources, &cpu, 0.8);
        kube_resources_set(&resources, &memory, 3e9);
        wanted = kube_resources_json(&resources);
        assert_string_equal(kube_field_text(wanted, "requests.cpu"), "800m");
        assert_string_equal(kube_field_text(wanted, "limits.cpu"), "1600m");
        assert_string_equal(kube_field_text(wanted, "requests.memory"), "3000000000");
        assert_null(kube_field(wanted, "limits.memory"));
}

static void test_a_request_that_is_not_said_is_the_limit(void **state)
{
        autojson *written = parse("{\"limits\": {\"cpu\": \"2\", \"memory\": \"64Mi\"}}");
        struct kube_resources resources = kube_resources_default(kube_resources_read(written));

        (void)state;
        assert_float_equal(resources.cpu_request, 2, 0);
        assert_float_equal(resources.memory_request, 67108864, 0);
}

/* ---- who else writes ---- */

static json_t *managed(const char *manager, const char *operation)
{
        return json_pack("{s:{s:[{s:s, s:s, s:{s:{s:{}}}}]}}", "metadata", "managedFields", "manager",
                         manager, "operation", operation, "fieldsV1", "f:spec", "f:replicas");
}

static void test_who_applies_a_field_keeps_it(void **state)
{
        static const struct {
                const char *manager, *operation;
                bool keeps;
        } cases[] = {
                {"flux", "Apply", true},
                {"argocd-controller", "Update", true},
                {"kubectl-create", "Update", false},
                {"kube-controller-manager", "Update", false},
                {"optctl", "Apply", false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autojson *object = managed(cases[i].manager, cases[i].operation);
                const char *owner = kube_field_owner(object, "f:spec|f:replicas");

                if (cases[i].keeps)
                        assert_string_equal(owner, cases[i].manager);
                else
                        assert_null(owner);
                assert_null(kube_field_owner(object, "f:spec|f:paused"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pods_belong_to_the_deployment_that_made_their_replica_set),
                cmocka_unit_test(test_a_pod_takes_what_the_scheduler_counts),
                cmocka_unit_test(test_a_pod_that_waits_for_a_node_does_not_run),
                cmocka_unit_test(test_cpu_is_of_the_pods_that_it_is_known_of),
                cmocka_unit_test(test_no_cpu_is_known_of_any_pod),
                cmocka_unit_test(test_a_rollout_is_a_restart_until_no_old_pod_is_left),
                cmocka_unit_test(test_a_kill_for_want_of_memory_is_told_once),
                cmocka_unit_test(test_a_limit_keeps_its_proportion),
                cmocka_unit_test(test_a_request_that_is_not_said_is_the_limit),
                cmocka_unit_test(test_who_applies_a_field_keeps_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

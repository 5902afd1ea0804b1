/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is told of the runs of a CronJob. Objects are as a real API server and the Job controller made them
 * (tests/e2e/kube/record_targets): four pods of half a core and 256 MiB, changed where a play says so. What a
 * run held is each pod's requests for as long as it had a node. */
#include <stdlib.h>

#include "engines/kubernetes/workload.h"
#include "tests/conformance/kube_recording.h"

extern const struct collector cron_job_collector;

#define JOBS  "/apis/batch/v1/namespaces/default/jobs"
#define CRON  "/apis/batch/v1/namespaces/default/cronjobs"
#define PODS  "/api/v1/namespaces/default/pods"
#define RUN   "work-cronjob-1"
#define KNOBS 3

struct scene {
        struct stand stand;
        struct kube_recording *recording;
        json_t *job, *cron_job; /* laid over the run, and over the CronJob */
        const char *pods;       /* laid over the end of each container of the run; NULL: its pods are gone */
        const char *others;     /* runs beside it, each laid over a copy of it; NULL: none */
        int version;            /* of what is laid over, above what was recorded */
        void *collector;
        struct observation *seen;
        bool done;
        struct error err;
};

static json_t *parse(const char *text)
{
        json_t *object = json_loads(text, 0, NULL);

        assert_non_null(object);
        return object;
}

static void set_version(const struct scene *scene, json_t *object)
{
        json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                            json_sprintf("%d", 1000000 + scene->version));
}

static bool is_of_run(const json_t *object)
{
        const json_t *owner =
                json_array_get(json_object_get(json_object_get(object, "metadata"), "ownerReferences"), 0);
        const char *name = json_string_value(json_object_get(owner, "name"));

        return name && strcmp(name, RUN) == 0;
}

/* A pod had a node half a minute after its run began. */
static void edit_pod(const struct scene *scene, json_t *pod)
{
        json_t *status = json_object_get(pod, "status");
        json_t *container = json_array_get(json_object_get(status, "containerStatuses"), 0);
        autojson *ended = parse(scene->pods);

        json_object_set_new(status, "startTime", json_string("2026-01-05T07:48:30Z"));
        json_object_set_new(json_object_get(json_object_get(container, "state"), "terminated"), "finishedAt",
                            json_string("2026-01-05T07:58:00Z"));
        json_object_update(json_object_get(json_object_get(container, "state"), "terminated"), ended);
        set_version(scene, pod);
}

/* The run took ten minutes, and ended two minutes before the scene begins. */
static void edit_job(const struct scene *scene, json_t *job)
{
        json_t *status = json_object_get(job, "status");

        json_object_set_new(status, "startTime", json_string("2026-01-05T07:48:00Z"));
        json_object_set_new(status, "completionTime", json_string("2026-01-05T07:58:00Z"));
        json_object_update_recursive(job, scene->job);
        set_version(scene, job);
}

static void add_others(const struct scene *scene, json_t *items, const json_t *run)
{
        autojson *others = scene->others ? parse(scene->others) : NULL;
        size_t i;
        json_t *other;

        json_array_foreach(others, i, other)
        {
                json_t *added = json_deep_copy(run);

                json_object_update_recursive(added, other);
                json_array_append_new(items, added);
        }
}

static json_t *edited(const struct scene *scene, const char *path, const json_t *recorded)
{
        json_t *list = json_deep_copy(recorded), *items = json_object_get(list, "items");

        for (size_t i = json_array_size(items); i-- > 0;) {
                json_t *item = json_array_get(items, i);
                const char *name =
                        json_string_value(json_object_get(json_object_get(item, "metadata"), "name"));

                if (strncmp(path, PODS, strlen(PODS)) == 0 && is_of_run(item)) {
                        if (scene->pods)
                                edit_pod(scene, item);
                        else
                                json_array_remove(items, i);
                } else if (strncmp(path, JOBS, strlen(JOBS)) == 0 && strcmp(name, RUN) == 0) {
                        edit_job(scene, item);
                        add_others(scene, items, item);
                } else if (strncmp(path, CRON, strlen(CRON)) == 0) {
                        json_object_update_recursive(item, scene->cron_job);
                }
        }
        set_version(scene, list);
        return list;
}

static char *answer(void *context, const struct scripted_request *request, struct scripted_answer *how)
{
        const struct scene *scene = context;
        const json_t *body = kube_recording_find(scene->recording, "GET", request->path);
        autojson *list = NULL;

        (void)how;
        if (strstr(request->path, "watch=true"))
                return memory_copy_text("");
        if (!body)
                fail_msg("no answer to %s was recorded", request->path);
        list = edited(scene, request->path, body);
        return json_dumps(list, 0);
}

static struct scene *scene_open(const char *job, const char *cron_job, const char *pods)
{
        static const struct knob knobs[KNOBS] = {
                {.name = "workers", .role = KNOB_WORKERS, .operator_index = -1, .min = 1, .max = 64},
                {.name = "worker.cpu", .role = KNOB_OTHER, .operator_index = -1, .min = 0, .max = 64},
                {.name = "memory", .role = KNOB_MEMORY, .operator_index = -1, .min = 0, .max = 1e12},
        };
        const struct subject subject = {.name = "runs",
                                        .options = "name: work-cronjob\n",
                                        .kubernetes = true,
                                        .pool = true};
        struct scene *scene = memory_new(1, sizeof *scene);
        struct error err = ERROR_INIT;

        stand_open(&scene->stand, &subject, cron_job_collector.options, NULL, NULL);
        memcpy(scene->stand.chain.knobs, knobs, sizeof knobs);
        scene->stand.chain.pipeline.n_knobs = KNOBS;
        scene->recording = kube_recording_read();
        scene->job = parse(job);
        scene->cron_job = parse(cron_job);
        scene->pods = pods;
        scene->seen = memory_new(1, sizeof *scene->seen);
        scripted_peer_answer(scene->stand.http->script, "GET *",
                             &(struct scripted_answer){.by = answer, .context = scene});
        assert_true(cron_job_collector.open(&scene->stand.context, scene->stand.options, &scene->collector,
                                            &err));
        return scene;
}

static void scene_close(struct scene *scene)
{
        cron_job_collector.close(scene->collector);
        stand_close(&scene->stand, cron_job_collector.options);
        kube_recording_forget(scene->recording);
        json_decref(scene->job);
        json_decref(scene->cron_job);
        free(scene->seen);
        free(scene);
}

static void run_collect(void *argument)
{
        struct scene *scene = argument;

        error_clear(&scene->err);
        observation_clear(scene->seen, clock_now_ms(&scene->stand.http->clock), 1, PIPELINE_OPERATORS);
        scene->seen->configuration = (struct configuration){.count = KNOBS, .value = {NAN, NAN, NAN}};
        scene->done = cron_job_collector.collect(scene->collector, scene->seen, &scene->err);
}

static const struct run_observation *look(struct scene *scene)
{
        reactor_call(scene->stand.http->reactor, run_collect, scene);
        if (!scene->done)
                fail_msg("%s", scene->err.message);
        assert_true(scene->seen->run.periodic);
        return &scene->seen->run;
}

/* What is laid over holds from now on; everything is listed again by then. */
static void change(struct scene *scene, const char *job, const char *pods)
{
        json_decref(scene->job);
        scene->job = parse(job);
        scene->pods = pods;
        scene->version++;
        stand_pass(&scene->stand, 660000);
}

#define NOT_YET "{\"status\": {\"conditions\": []}}"
#define FAILED                                                                                               \
        "{\"status\": {\"completionTime\": null, \"conditions\": [{\"type\": \"Failed\", \"status\": "       \
        "\"True\", "                                                                                         \
        "\"reason\": \"BackoffLimitExceeded\", \"message\": \"Job has reached the specified backoff "        \
        "limit\", \"lastTransitionTime\": \"2026-01-05T07:58:00Z\"}]}}"

/* ---- plays ---- */

static void test_a_run_and_what_its_pods_held(void **state)
{
        const double seconds = 4 * 570, mebibyte = 0x1p20;
        struct scene *scene = scene_open("{}", "{}", "{}");
        const struct run_observation *run = look(scene);

        (void)state;
        assert_true(run->ended_ms == STAGE_START - 120000 && run->begun_ms == STAGE_START - 720000);
        assert_true(!run->failed && run->configuration.count == KNOBS);
        assert_true(run->configuration.value[0] == 4 && run->configuration.value[1] == 0.5);
        assert_true(run->configuration.value[2] == 256 * mebibyte);
        assert_float_equal(run->worker_seconds, seconds, 1e-9);
        assert_float_equal(run->core_seconds, seconds / 2, 1e-9);
        assert_float_equal(run->byte_seconds, seconds * 256 * mebibyte, 1);
        assert_true(scene->seen->missing & MISSING_RATES && scene->seen->missing & MISSING_BACKLOG);
        scene_close(scene);
}

/* The next run is what the template says, whatever the newest one was. */
static void test_the_next_run_is_as_the_template_says(void **state)
{
        struct scene *scene =
                scene_open("{}", "{\"spec\": {\"jobTemplate\": {\"spec\": {\"parallelism\": 7}}}}", "{}");
        const struct run_observation *run = look(scene);

        (void)state;
        assert_true(scene->seen->configuration.value[0] == 7 && run->configuration.value[0] == 4);
        assert_true(scene->seen->configuration.value[1] == 0.5);
        scene_close(scene);
}

/* As many as could run, for as long as the run took; what they asked for together is not known. */
static void test_pods_that_are_gone(void **state)
{
        struct scene *scene = scene_open("{\"spec\": {\"completions\": 3}}", "{}", NULL);
        const struct run_observation *run = look(scene);

        (void)state;
        assert_float_equal(run->worker_seconds, 3 * 600, 1e-9);
        assert_true(isnan(run->core_seconds) && isnan(run->byte_seconds));
        scene_close(scene);
}

static void expect_none(const char *job)
{
        struct scene *scene = scene_open(job, "{}", "{}");

        assert_true(look(scene)->ended_ms == 0);
        scene_close(scene);
}

static void test_what_is_no_run_of_it_that_has_ended(void **state)
{
        (void)state;
        expect_none(NOT_YET);
        expect_none("{\"status\": {\"conditions\": [{\"type\": \"SuccessCriteriaMet\", \"status\": "
                    "\"True\"}]}}");
        expect_none("{\"metadata\": {\"ownerReferences\": []}}");
        expect_none("{\"metadata\": {\"ownerReferences\": [{\"kind\": \"CronJob\", \"name\": "
                    "\"work-cronjob\", \"uid\": \"of-one-before-it\"}]}}");
}

#define OTHER(name, second)                                                                                  \
        "{\"metadata\": {\"name\": \"" name "\", \"uid\": \"" name                                           \
        "\"}, \"status\": {\"completionTime\": \"" second "\"}}"

static int64_t end_beside(struct scene *scene, const char *others)
{
        scene->others = others;
        change(scene, "{}", "{}");
        return look(scene)->ended_ms;
}

/* The API server tells when a run ended by the second: each is told of, and once. */
static void test_runs_that_end_in_one_second_are_two(void **state)
{
        const int64_t end = STAGE_START - 120000;
        struct scene *scene = scene_open("{}", "{}", "{}");

        (void)state;
        assert_true(look(scene)->ended_ms == end);
        assert_true(end_beside(scene, "[" OTHER("0", "2026-01-05T07:58:00Z") "]") == end + 1);
        assert_true(look(scene)->ended_ms == end + 1);
        assert_true(end_beside(scene, "[" OTHER("0", "2026-01-05T07:58:00Z") "," OTHER(
                                              "z", "2026-01-05T07:58:00Z") "]") == end + 2);
        assert_true(look(scene)->ended_ms == end + 2);
        assert_true(end_beside(scene, "[" OTHER("0", "2026-01-05T07:58:01Z") "]") == end + 1000);
        scene_close(scene);
}

/* By the clock of a node that is years ahead; those that come after it count. */
static void test_an_end_that_is_yet_to_come_is_not_believed(void **state)
{
        static const char ahead[] = "[" OTHER("x", "2031-01-01T00:00:00Z") "]";
        static const char then[] =
                "[" OTHER("x", "2031-01-01T00:00:00Z") "," OTHER("y", "2026-01-05T07:59:00Z") "]";
        struct scene *scene = scene_open("{}", "{}", "{}");

        (void)state;
        scene->others = ahead;
        assert_true(look(scene)->ended_ms == STAGE_START - 120000);
        assert_true(end_beside(scene, then) == STAGE_START - 60000);
        scene_close(scene);
}

/* Not that of a run that had ended before anybody looked. */
static void test_why_a_run_failed_is_told_once(void **state)
{
        struct scene *scene = scene_open(NOT_YET, "{}", "{}");

        (void)state;
        assert_string_equal((look(scene), scene->seen->failure), "");
        change(scene, FAILED, "{\"exitCode\": 1, \"reason\": \"Error\"}");
        assert_true(look(scene)->failed && scene->seen->run.ended_ms == STAGE_START - 120000);
        assert_string_equal(scene->seen->failure,
                            "BackoffLimitExceeded: Job has reached the specified backoff limit");
        assert_string_equal((look(scene), scene->seen->failure), "");
        scene_close(scene);
        scene = scene_open(FAILED, "{}", "{}");
        assert_true(look(scene)->failed);
        assert_string_equal(scene->seen->failure, "");
        scene_close(scene);
}

static void test_who_was_killed_for_want_of_memory_is_the_reason(void **state)
{
        struct scene *scene = scene_open(NOT_YET, "{}", "{}");

        (void)state;
        (void)look(scene);
        change(scene, FAILED, "{\"exitCode\": 137, \"reason\": \"OOMKilled\"}");
        assert_true(look(scene)->failed);
        assert_float_equal(scene->seen->memory.killed, 4, 0);
        assert_memory_equal(scene->seen->failure, "OOMKilled: container work of pod work-cronjob-1-", 40);
        assert_true(look(scene)->failed);
        assert_float_equal(scene->seen->memory.killed, 0, 0);
        scene_close(scene);
}

static void expect_refused(const char *cron_job, const char *reason)
{
        struct scene *scene = scene_open("{}", cron_job, "{}");

        reactor_call(scene->stand.http->reactor, run_collect, scene);
        assert_false(scene->done);
        assert_string_equal(scene->err.reason, reason);
        scene_close(scene);
}

static void test_what_cannot_be_tuned_is_said(void **state)
{
        (void)state;
        expect_refused("{\"spec\": {\"suspend\": true}}", "Suspended");
        /* One pod that does it all: two would do everything twice. */
        expect_refused("{\"spec\": {\"jobTemplate\": {\"spec\": {\"parallelism\": null, \"completions\": "
                       "null}}}}",
                       "SinglePod");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run_and_what_its_pods_held),
                cmocka_unit_test(test_the_next_run_is_as_the_template_says),
                cmocka_unit_test(test_pods_that_are_gone),
                cmocka_unit_test(test_what_is_no_run_of_it_that_has_ended),
                cmocka_unit_test(test_runs_that_end_in_one_second_are_two),
                cmocka_unit_test(test_an_end_that_is_yet_to_come_is_not_believed),
                cmocka_unit_test(test_why_a_run_failed_is_told_once),
                cmocka_unit_test(test_who_was_killed_for_want_of_memory_is_the_reason),
                cmocka_unit_test(test_what_cannot_be_tuned_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

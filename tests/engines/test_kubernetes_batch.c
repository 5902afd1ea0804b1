/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a Job says of how much there is to do, and how it ended. Expected is what Kubernetes' documentation of
 * Jobs says ("Parallel execution for Jobs", "Elastic Indexed Jobs", "Terminal Job conditions"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/json.h"
#include "engines/kubernetes/batch.h"

static json_t *parse(const char *text)
{
        json_t *object = json_loads(text, 0, NULL);

        assert_non_null(object);
        return object;
}

static void test_for_how_many_pods_there_is_work(void **state)
{
        static const struct {
                const char *spec, *status;
                int64_t wanted, useful;
        } cases[] = {
                {"{\"parallelism\": 4, \"completions\": 40}", "{\"succeeded\": 10}", 4, 4},
                {"{\"parallelism\": 4, \"completions\": 40}", "{\"succeeded\": 38, \"active\": 2}", 4, 2},
                {"{\"parallelism\": 4, \"completions\": 3}", "{}", 4, 3},
                {"{\"parallelism\": 4, \"completions\": 3}", "{\"succeeded\": 9}", 4, 0},
                {"{\"parallelism\": 4}", "{\"active\": 4}", 4, 4},
                /* A pod has found the queue empty: no other one is made. */
                {"{\"parallelism\": 4}", "{\"succeeded\": 1, \"active\": 3}", 4, 3},
                {"{\"parallelism\": 0, \"completions\": 3}", "{}", 0, 0},
                {"{}", "{}", 1, 1},
                {"{\"parallelism\": -3, \"completions\": \"a\"}", "{\"succeeded\": 1e300}", 1, 1},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                json_t *object = json_pack("{s:o, s:o}", "spec", parse(cases[i].spec), "status",
                                           parse(cases[i].status));
                autojson *kept = kube_job_cut(object);
                struct kube_workload_status status;

                kube_workload_read(&kube_job_kind, kept, NULL, &status);
                if (status.replicas != cases[i].wanted || status.useful != cases[i].useful)
                        fail_msg("%s, %s: %lld of %lld", cases[i].spec, cases[i].status,
                                 (long long)status.useful, (long long)status.replicas);
                json_decref(object);
        }
}

static void test_how_it_ended(void **state)
{
        static const struct {
                const char *status;
                bool ended, failed;
                int64_t time_ms;
        } cases[] = {
                {"{\"conditions\": [{\"type\": \"Complete\", \"status\": \"True\"}], \"completionTime\": "
                 "\"2026-01-05T08:00:00Z\"}",
                 true, false, INT64_C(1767600000000)},
                {"{\"conditions\": [{\"type\": \"Failed\", \"status\": \"True\", \"lastTransitionTime\": "
                 "\"2026-01-05T08:00:00Z\"}]}",
                 true, true, INT64_C(1767600000000)},
                {"{\"conditions\": [{\"type\": \"Complete\", \"status\": \"False\"}]}", false, false,
                 INT64_MIN},
                /* Its last pods still end. */
                {"{\"conditions\": [{\"type\": \"FailureTarget\", \"status\": \"True\"}]}", false, false,
                 INT64_MIN},
                {"{\"conditions\": {}}", false, false, INT64_MIN},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                json_t *object = json_pack("{s:o}", "status", parse(cases[i].status));
                const struct kube_job_end end = kube_job_end_read(object);

                assert_true(end.ended == cases[i].ended && end.failed == cases[i].failed);
                assert_true(end.time_ms == cases[i].time_ms);
                json_decref(object);
        }
}

static bool check(const struct kube_workload_kind *kind, bool elastic, const char *text, struct error *err)
{
        struct knob knob = {.name = "workers", .role = KNOB_WORKERS, .operator_index = -1};
        const struct pipeline pipeline = {.knobs = &knob, .n_knobs = 1};
        const struct kube_workload_options options = {.completions = elastic ? KUBE_COMPLETIONS_ELASTIC
                                                                             : KUBE_COMPLETIONS_FIXED};
        const struct kube_workload workload = {.kind = kind,
                                               .options = &options,
                                               .context = {.pipeline = &pipeline}};
        json_t *object = parse(text);
        bool done = kind->check(&workload, object, err);

        json_decref(object);
        return done;
}

static void test_which_can_be_tuned(void **state)
{
        static const struct {
                const char *object, *reason; /* NULL: it can */
                bool elastic;
        } cases[] = {
                {"{\"spec\": {\"parallelism\": 2}}", NULL, false},
                {"{\"spec\": {\"parallelism\": 2}}", "NotElastic", true},
                {"{\"spec\": {\"parallelism\": 2, \"completions\": 2}}", "NotElastic", true},
                {"{\"spec\": {\"parallelism\": 2, \"completions\": 9, \"completionMode\": \"Indexed\"}}",
                 "NotElastic", true},
                {"{\"spec\": {\"parallelism\": 2, \"completions\": 2, \"completionMode\": \"Indexed\"}}",
                 NULL, true},
                {"{\"spec\": {}}", "SinglePod", false},
                {"{\"spec\": {\"parallelism\": 2, \"suspend\": true}}", "Suspended", false},
                {"{\"spec\": {\"parallelism\": 2}, \"status\": {\"conditions\": [{\"type\": \"Complete\", "
                 "\"status\": \"True\"}]}}",
                 "Finished", false},
                {"{\"spec\": {\"parallelism\": 2}, \"metadata\": {\"ownerReferences\": [{\"kind\": "
                 "\"JobSet\", \"name\": \"theirs\", \"controller\": true}]}}",
                 "Conflicted", false},
                {"{\"spec\": {\"parallelism\": 2}, \"metadata\": {\"ownerReferences\": [{\"kind\": "
                 "\"CronJob\", \"name\": \"nightly\", \"controller\": true}]}}",
                 NULL, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = ERROR_INIT;
                bool done = check(&kube_job_kind, cases[i].elastic, cases[i].object, &err);

                if (done != !cases[i].reason || (!done && strcmp(err.reason, cases[i].reason) != 0))
                        fail_msg("%s: %s: %s", cases[i].object, err.reason, err.message);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_for_how_many_pods_there_is_work),
                cmocka_unit_test(test_how_it_ended),
                cmocka_unit_test(test_which_can_be_tuned),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

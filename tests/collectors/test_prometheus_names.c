/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of tasks and jobs, queries of the user's own, and servers that answer badly or not at all. */
#include "tests/collectors/prometheus_job.h"
#include "tests/support/set_clock.h"

/* ---- names ---- */

static void test_names_that_fit(void **state)
{
        static const struct {
                const char *operator, * task;
        } fits[] = {
                {"work", "work"},
                {"log: Writer", "log:_Writer"},
                {"orders", "Source:_orders"},
                {"orders", "Source: orders"}, /* a reporter that leaves values as they are */
                {"map", "Source:_orders____map____filter"},
                {"Source: orders -> map", "Source:_orders____map"},
                {"w\xc3\xbcrfel-1.2", "w_rfel_1_2"},
                {"a very long name that goes on and on, longer than what is left of it after eighty letters",
                 "a_very_long_name_that_goes_on_and_on__longer_than_what_is_left_of_it_after_eight"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(fits); i++) {
                struct job job;

                open_job(&job, "job: rate-job\n");
                job.stage.chain.operators[1].name = fits[i].operator;
                job.told[2].task = job.told[3].task = fits[i].task;
                text_free(&job.before);
                put_all(&job, &job.before, now_seconds(&job) - 60);
                tell(&job);
                prometheus_stage_turn(&job.stage);
                assert_int_equal(job.stage.seen.operators[1].parallelism, 2);
                close_job(&job);
        }
}

static void test_names_that_do_not_fit(void **state)
{
        static const struct {
                const char *operator, * message;
        } misfits[] = {
                {"wor",
                 "no task is called as operator \"wor\"; there are Source:_source, work, sink:_Writer"},
                {"ork", "no task is called as operator \"ork\""},
                {"Work", "no task is called as operator \"Work\""},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(misfits); i++) {
                struct job job;

                open_job(&job, "job: rate-job\n");
                job.stage.chain.operators[1].name = misfits[i].operator;
                prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE, misfits[i].message);
                assert_string_equal(job.stage.err.reason, "UnknownOperator");
                close_job(&job);
        }
}

static void test_names_that_fit_twice(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        job.told[3].task = "sink:_work";
        job.told[2].task = "work____x";
        tell(&job);
        prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE,
                                 "operator \"work\" may be task work____x or sink:_work");
        close_job(&job);
}

/* ---- jobs ---- */

static void test_several_jobs(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "staleSeconds: 60\n");
        put_number(
                &job.now,
                "\"__name__\":\"flink_jobmanager_job_numRestarts\",\"job_name\":\"other\",\"job_id\":\"2\"",
                0);
        prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE,
                                 "of several jobs, such as rate_job and other; expected `job`");
        close_job(&job);
        open_job(&job, "job: rate-job\n");
        put_number(&job.now,
                   "\"__name__\":\"flink_jobmanager_job_numRestarts\",\"job_name\":\"rate_job\","
                   "\"job_id\":\"2\"",
                   0);
        prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE,
                                 "two jobs are called rate_job; expected `labels`");
        close_job(&job);
}

static void test_no_job(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: other\n");
        job.n_told = 0;
        tell(&job);
        prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE, "knows no series of Flink job other");
        assert_true(job.stage.err.retry);
        close_job(&job);
}

static void test_too_many_samples(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\nmaxSamples: 20\n");
        prometheus_stage_refused(&job.stage, ERROR_LIMIT, "more than 20 samples");
        close_job(&job);
}

/* ---- queries of the user's own ---- */

static char *serve_number(void *context, const struct scripted_request *request,
                          struct scripted_answer *answer)
{
        (void)request;
        (void)answer;
        return memory_copy_text(context);
}

static void answer_query(struct job *job, const char *query, const char *body)
{
        union {
                const char *in;
                void *out;
        } text = {body};
        autofree char *escaped = http_escape(query),
                      *request = memory_format(GET_QUERY "?query=%s*", escaped);

        scripted_peer_answer(job->stage.http->script, request,
                             &(struct scripted_answer){.by = serve_number, .context = text.out});
}

static void open_with_queries(struct job *job, const char *options)
{
        open_job(job, options);
        scripted_peer_forget_answers(job->stage.http->script);
        answer_query(job, "lag",
                     "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
                     "[{\"metric\":{},\"value\":[1,\"900\"]}]}}");
        answer_query(job, "p99",
                     "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":"
                     "[1,\"0.25\"]}}");
        answer_query(job, "nan",
                     "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":"
                     "[1,\"NaN\"]}}");
        answer_query(job, "none",
                     "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
                     "[]}}");
        answer_query(job, "two",
                     "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
                     "[{\"metric\":{},\"value\":[1,\"1\"]},{\"metric\":{},\"value\":[1,\"2\"]}]}}");
        scripted_peer_answer(job->stage.http->script, GET_QUERY "?query=bad*",
                             &(struct scripted_answer){.status = 400,
                                                       .body = "{\"status\":\"error\",\"errorType\":"
                                                               "\"bad_data\",\"error\":\"no\"}"});
        scripted_peer_answer(job->stage.http->script, GET_QUERY,
                             &(struct scripted_answer){.by = serve, .context = job});
}

static void test_own_queries(void **state)
{
        struct job job;

        (void)state;
        open_with_queries(&job, "job: rate-job\nqueries:\n"
                                "- {value: backlog, operator: source, query: lag}\n"
                                "- {value: latencyP99Seconds, query: p99}\n"
                                "- {value: cpuRatio, query: nan}\n"
                                "- {value: workers, query: none}\n"
                                "- {value: partitions, operator: source, query: lag}\n"
                                "- {value: busyRatio, operator: sink, query: two}\n"
                                "- {value: recordsInPerSecond, operator: work, query: bad}\n");
        prometheus_stage_turn(&job.stage);
        NEAR(job.stage.seen.backlog_records, 900);
        NEAR(job.stage.seen.latency_p99_seconds, 0.25);
        assert_true(isnan(job.stage.seen.cpu_ratio));
        assert_int_equal(job.stage.seen.workers, -1);
        assert_int_equal(job.stage.seen.operators[0].partitions, 900);
        assert_true(isnan(job.stage.seen.operators[2].busy_ratio));
        assert_true(isnan(job.stage.seen.operators[1].in_per_second));
        assert_int_equal(job.stage.seen.missing, MISSING_RATES);
        assert_int_equal(scripted_peer_connections_at_once(job.stage.http->script), 1);
        close_job(&job);
}

/* Metrics of no engine that we know: what the queries give, and nothing else. */
static void test_queries_alone(void **state)
{
        struct job job;

        (void)state;
        open_with_queries(&job, "engine: None\nqueries:\n"
                                "- {value: backlog, operator: source, query: lag}\n"
                                "- {value: throughputPerSecond, query: p99}\n");
        prometheus_stage_turn(&job.stage);
        assert_int_equal(scripted_peer_count(job.stage.http->script, "*"), 2);
        NEAR(job.stage.seen.backlog_records, 900);
        NEAR(job.stage.seen.throughput_per_second, 0.25);
        /* What arrives only a second look tells; how busy operators are nobody asks for. */
        assert_int_equal(job.stage.seen.missing, MISSING_BACKLOG | MISSING_CONFIGURATION);
        prometheus_stage_pass(&job.stage, 30000);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.window_ms, 30000);
        NEAR(job.stage.seen.offered_per_second, 0.25);
        assert_int_equal(job.stage.seen.missing, MISSING_CONFIGURATION);
        close_job(&job);
}

/* ---- servers that do not answer ---- */

static void test_silent_server_is_left_alone(void **state)
{
        struct job job;
        int asked;

        (void)state;
        open_job(&job, "job: rate-job\nconnection: {retries: 0}\n");
        scripted_peer_fault(job.stage.http->script, &(struct scripted_answer){.status = 503});
        prometheus_stage_refused(&job.stage, ERROR_UNAVAILABLE, "503");
        asked = scripted_peer_count(job.stage.http->script, "*");
        prometheus_stage_refused(&job.stage, ERROR_UNAVAILABLE, "not asked for another 2 s, after 1 failure");
        prometheus_stage_pass(&job.stage, 2000);
        assert_int_equal(scripted_peer_count(job.stage.http->script, "*"), asked);
        prometheus_stage_refused(&job.stage, ERROR_UNAVAILABLE, "503");
        prometheus_stage_pass(&job.stage, 3000);
        prometheus_stage_refused(&job.stage, ERROR_UNAVAILABLE,
                                 "not asked for another 1 s, after 2 failures");
        scripted_peer_fault(job.stage.http->script, NULL);
        prometheus_stage_pass(&job.stage, 2000);
        tell(&job);
        prometheus_stage_turn(&job.stage);
        close_job(&job);
}

static void test_a_clock_that_is_set_back_prolongs_no_pause(void **state)
{
        struct set_clock set;
        struct clock calendar;
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\nconnection: {retries: 0}\n");
        set = (struct set_clock){.beneath = &job.stage.http->clock};
        calendar = set_clock(&set);
        job.stage.context.clock = &calendar;
        scripted_peer_fault(job.stage.http->script, &(struct scripted_answer){.status = 503});
        prometheus_stage_refused(&job.stage, ERROR_UNAVAILABLE, "503");
        set.ahead_ms = -3600 * MS_PER_SECOND;
        prometheus_stage_refused(&job.stage, ERROR_UNAVAILABLE, "not asked for another 2 s");
        prometheus_stage_pass(&job.stage, 3000);
        prometheus_stage_refused(&job.stage, ERROR_UNAVAILABLE, "503");
        close_job(&job);
}

static void test_answers_that_are_none(void **state)
{
        static const struct {
                const char *body;
                enum error_code code;
                const char *message;
        } answers[] = {
                {"", ERROR_INCOMPLETE, ""},
                {"<html>", ERROR_INCOMPLETE, ""},
                {"{}", ERROR_INCOMPLETE, "it has no status"},
                {"[]", ERROR_INCOMPLETE, "it has no status"},
                {"null", ERROR_INCOMPLETE, ""},
                {"{\"status\":\"success\"}", ERROR_INCOMPLETE, "resultType is absent"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
                 ERROR_INCOMPLETE, "resultType is matrix; expected vector"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":{}}}",
                 ERROR_INCOMPLETE, "expected vector"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[1]}}",
                 ERROR_INCOMPLETE, "an element is not"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
                 "[{\"metric\":{},\"value\":[1,2]}]}}",
                 ERROR_INCOMPLETE, "an element is not"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
                 "[{\"metric\":{},\"value\":[\"1\",\"2\"]}]}}",
                 ERROR_INCOMPLETE, "an element is not"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
                 "[{\"metric\":{},\"value\":[1e300,\"2\"]}]}}",
                 ERROR_INCOMPLETE, "an element is not"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
                 "[{\"metric\":{},\"value\":[1,\"0x10\"]}]}}",
                 ERROR_INCOMPLETE, "an element is not"},
                {"{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"query timed out\"}",
                 ERROR_REFUSED, "query timed out"},
                {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
                 ERROR_INCOMPLETE, "knows no series"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
                struct prometheus_stage stage;

                prometheus_stage_open(&stage, "job: rate-job\n");
                scripted_peer_answer(stage.http->script, GET_QUERY,
                                     &(struct scripted_answer){.body = answers[i].body});
                prometheus_stage_refused(&stage, answers[i].code, answers[i].message);
                assert_null(strchr(stage.err.message, '\n'));
                prometheus_stage_close(&stage);
        }
}

/* Labels of the wrong type are as if they were not there. */
static void test_labels_of_wrong_types(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
#define WRONG(labels)                                                                                        \
        put_number(&job.now, "\"__name__\":\"flink_taskmanager_job_task_numRecordsIn\"," labels, 1)
        WRONG("\"job_name\":\"rate_job\",\"job_id\":\"f00\",\"task_name\":7,\"subtask_index\":\"0\"");
        WRONG("\"job_name\":\"rate_job\",\"job_id\":\"f00\",\"task_name\":\"work\",\"subtask_index\":0");
        WRONG("\"job_name\":\"rate_job\",\"job_id\":\"f00\",\"task_name\":\"work\",\"subtask_index\":\"-1\"");
        WRONG("\"job_name\":\"rate_job\",\"job_id\":\"f00\",\"task_name\":\"work\",\"subtask_index\":"
              "\"99999\"");
        WRONG("\"job_name\":\"rate_job\",\"job_id\":\"f00\",\"task_name\":\"work\",\"subtask_index\":"
              "\"1e3\"");
        WRONG("\"job_name\":\"rate_job\",\"job_id\":\"f00\",\"task_name\":\"work\"");
#undef WRONG
        put_number(&job.now, "\"__name__\":{}", 1);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.missing, 0);
        assert_int_equal(job.stage.seen.operators[1].parallelism, 2);
        NEAR(job.stage.seen.operators[1].in_per_second, 200);
        close_job(&job);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_that_fit),
                cmocka_unit_test(test_names_that_do_not_fit),
                cmocka_unit_test(test_names_that_fit_twice),
                cmocka_unit_test(test_several_jobs),
                cmocka_unit_test(test_no_job),
                cmocka_unit_test(test_too_many_samples),
                cmocka_unit_test(test_own_queries),
                cmocka_unit_test(test_queries_alone),
                cmocka_unit_test(test_silent_server_is_left_alone),
                cmocka_unit_test(test_a_clock_that_is_set_back_prolongs_no_pause),
                cmocka_unit_test(test_answers_that_are_none),
                cmocka_unit_test(test_labels_of_wrong_types),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

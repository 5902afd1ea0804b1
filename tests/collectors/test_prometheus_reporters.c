/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The collector without a server, before scripted reporters; and its options. */
#include "tests/collectors/prometheus_stage.h"

#define NEAR(found, wanted) assert_true(fabs((double)(found) - (wanted)) < 1e-6)

/* Two task managers; source 0 and work 0 run on the first, work 1 and the sink on the second. */
struct reporters {
        struct prometheus_stage stage;
        double seconds;   /* since the job began */
        const char *tail; /* of the first page */
        bool processes;   /* pages tell of the task managers themselves, too */
};

static void put_line(struct text *page, const char *metric, const char *task, int index, double value)
{
        text_format(page,
                    "flink_taskmanager_job_task_%s{job_id=\"f00\",task_name=\"%s\",job_name=\"rate_job\","
                    "task_attempt_id=\"a\",subtask_index=\"%d\",tm_id=\"t%d\",host=\"h\",%s} %.17g\n",
                    metric, task, index, index,
                    strstr(metric, "operator_") ? "operator_name=\"Source:_source\"," : "", value);
}

static void put_subtask(struct text *page, const char *task, int index, double seconds)
{
        put_line(page, "numRecordsIn", task, index, 100 * seconds);
        put_line(page, "numRecordsOut", task, index, 100 * seconds);
        put_line(page, "accumulateBusyTimeMs", task, index, 250 * seconds);
        put_line(page, "accumulateBackPressuredTimeMs", task, index, 0);
        put_line(page, "unheard_of", task, index, 5);
}

/* Half a processor in use, and latency as Flink's markers tell it. */
static void put_process(struct text *page, const struct reporters *reporters, int index)
{
        if (!reporters->processes)
                return;
        text_format(page, "flink_taskmanager_Status_JVM_CPU_Time{host=\"h\",tm_id=\"t%d\",} %.17g\n", index,
                    0.5e9 * reporters->seconds);
        text_format(page,
                    "flink_taskmanager_job_latency_source_id_operator_id_operator_subtask_index_latency{"
                    "job_id=\"f00\",job_name=\"rate_job\",source_id=\"s\",operator_id=\"o\","
                    "operator_subtask_index=\"%d\",quantile=\"0.99\",tm_id=\"t%d\",host=\"h\",} %d\n",
                    index, index, 50 + index);
}

static char *serve_first(void *context, const struct scripted_request *request,
                         struct scripted_answer *answer)
{
        const struct reporters *reporters = context;
        struct text page = {0};

        (void)request;
        answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
        text_put(&page, "# TYPE flink_taskmanager_job_task_numRecordsIn gauge\n");
        put_subtask(&page, "Source:_source", 0, reporters->seconds);
        put_line(&page, "operator_pendingRecords", "Source:_source", 0, 40);
        put_subtask(&page, "work", 0, reporters->seconds);
        put_process(&page, reporters, 0);
        text_put(&page, reporters->tail);
        return text_take(&page);
}

static char *serve_second(void *context, const struct scripted_request *request,
                          struct scripted_answer *answer)
{
        const struct reporters *reporters = context;
        struct text page = {0};

        (void)request;
        answer->content_type = "text/plain";
        put_subtask(&page, "work", 1, reporters->seconds);
        put_subtask(&page, "sink:_Writer", 0, reporters->seconds);
        put_process(&page, reporters, 1);
        return text_take(&page);
}

/* `pages`: which paths are scraped, "12": each once. */
static void open_reporters(struct reporters *reporters, const char *pages)
{
        autotext options = {0};

        *reporters = (struct reporters){.seconds = 1000, .tail = ""};
        prometheus_stage_begin(&reporters->stage);
        text_put(&options, "job: rate-job\nworkerCpus: 1\nconnection: {retries: 0}\nscrape:\n");
        for (; *pages; pages++)
                text_format(&options, "- %s/%c\n", scripted_peer_url(reporters->stage.http->script), *pages);
        if (!prometheus_stage_try(&reporters->stage, options.data))
                fail_msg("%s", reporters->stage.err.message);
        scripted_peer_answer(reporters->stage.http->script, "GET /1",
                             &(struct scripted_answer){.by = serve_first, .context = reporters});
        scripted_peer_answer(reporters->stage.http->script, "GET /2",
                             &(struct scripted_answer){.by = serve_second, .context = reporters});
}

static void go_on(struct reporters *reporters, int64_t seconds)
{
        prometheus_stage_pass(&reporters->stage, seconds * 1000);
        reporters->seconds += (double)seconds;
}

static void test_two_scrapes(void **state)
{
        struct reporters reporters;
        const struct observation *seen = &reporters.stage.seen;

        (void)state;
        open_reporters(&reporters, "12");
        prometheus_stage_turn(&reporters.stage);
        assert_int_equal(seen->missing, MISSING_RATES); /* nothing to compare with yet */
        assert_false(seen->counters_reset);
        assert_int_equal(seen->time_ms, STAGE_START);
        go_on(&reporters, 30);
        prometheus_stage_turn(&reporters.stage);
        assert_int_equal(seen->missing, 0);
        assert_int_equal(seen->window_ms, 30000);
        NEAR(seen->throughput_per_second, 100);
        NEAR(seen->offered_per_second, 100);
        NEAR(seen->backlog_records, 40);
        NEAR(seen->operators[1].in_per_second, 200);
        NEAR(seen->operators[1].busy_ratio, 0.25);
        assert_int_equal(seen->operators[1].parallelism, 2);
        assert_int_equal(seen->operators[2].parallelism, 1);
        prometheus_stage_close(&reporters.stage);
}

/* The same reporter by two names: nothing counts twice. */
static void test_scraped_twice(void **state)
{
        struct reporters reporters;

        (void)state;
        open_reporters(&reporters, "1212");
        prometheus_stage_turn(&reporters.stage);
        go_on(&reporters, 30);
        prometheus_stage_turn(&reporters.stage);
        NEAR(reporters.stage.seen.throughput_per_second, 100);
        NEAR(reporters.stage.seen.backlog_records, 40);
        NEAR(reporters.stage.seen.operators[1].in_per_second, 200);
        prometheus_stage_close(&reporters.stage);
}

static void test_reporter_that_is_gone(void **state)
{
        struct reporters reporters;

        (void)state;
        open_reporters(&reporters, "12");
        prometheus_stage_turn(&reporters.stage);
        go_on(&reporters, 30);
        scripted_peer_forget_answers(reporters.stage.http->script);
        scripted_peer_answer(reporters.stage.http->script, "GET /1",
                             &(struct scripted_answer){.by = serve_first, .context = &reporters});
        prometheus_stage_turn(&reporters.stage);
        assert_int_equal(reporters.stage.seen.missing, MISSING_RATES | MISSING_CONFIGURATION);
        assert_int_equal(reporters.stage.seen.operators[1].parallelism, 2);
        assert_int_equal(reporters.stage.seen.operators[2].parallelism, 0); /* all of the sink */
        assert_true(isnan(reporters.stage.seen.operators[1].in_per_second));
        NEAR(reporters.stage.seen.operators[0].in_per_second, 100);
        prometheus_stage_close(&reporters.stage);
}

static void serve_pages(struct reporters *reporters, bool second)
{
        scripted_peer_forget_answers(reporters->stage.http->script);
        scripted_peer_answer(reporters->stage.http->script, "GET /1",
                             &(struct scripted_answer){.by = serve_first, .context = reporters});
        if (second)
                scripted_peer_answer(reporters->stage.http->script, "GET /2",
                                     &(struct scripted_answer){.by = serve_second, .context = reporters});
}

/* However long one process is silent, what the others run is not taken for all there is. */
static void test_reporter_that_stays_silent(void **state)
{
        struct reporters reporters;
        const struct observation *seen = &reporters.stage.seen;

        (void)state;
        open_reporters(&reporters, "12");
        reporters.processes = true;
        prometheus_stage_turn(&reporters.stage);
        go_on(&reporters, 30);
        prometheus_stage_turn(&reporters.stage);
        assert_int_equal(seen->missing, 0);
        assert_int_equal(seen->workers, 2);
        NEAR(seen->cpu_ratio, 0.5);
        assert_false(isnan(seen->latency_p99_seconds));
        serve_pages(&reporters, false);
        for (int i = 0; i < 3; i++) {
                go_on(&reporters, 30);
                prometheus_stage_turn(&reporters.stage);
                assert_int_equal(seen->missing,
                                 MISSING_RATES | MISSING_CONFIGURATION | MISSING_LATENCY | MISSING_CPU);
                assert_true(isnan(seen->operators[1].in_per_second));
                assert_true(isnan(seen->operators[2].in_per_second));
                assert_int_equal(seen->operators[1].parallelism, 2);
                assert_int_equal(seen->workers, -1);
                assert_int_equal(seen->workers_ready, -1);
                assert_true(isnan(seen->cpu_ratio));
                assert_true(isnan(seen->latency_p99_seconds));
                assert_true(isnan(seen->error_ratio));
                /* All of the source runs where it can be seen, and goes on there. */
                NEAR(seen->operators[0].in_per_second, 100);
                NEAR(seen->backlog_records, 40);
        }
        serve_pages(&reporters, true);
        go_on(&reporters, 30);
        prometheus_stage_turn(&reporters.stage);
        go_on(&reporters, 30);
        prometheus_stage_turn(&reporters.stage);
        assert_int_equal(seen->missing, 0);
        assert_int_equal(seen->workers, 2);
        NEAR(seen->operators[1].in_per_second, 200);
        prometheus_stage_close(&reporters.stage);
}

/* How much there is of anything, only who is silent might tell. */
static void test_reporter_that_was_never_heard(void **state)
{
        struct reporters reporters;
        const struct observation *seen = &reporters.stage.seen;

        (void)state;
        open_reporters(&reporters, "12");
        reporters.processes = true;
        reporters.tail = "flink_taskmanager_job_task_numRecordsIn{job_id=\"f00\",task_name=\"sink:_Writer\","
                         "job_name=\"rate_job\",task_attempt_id=\"a\",subtask_index=\"0\",tm_id=\"t0\","
                         "host=\"h\",} 5\n";
        serve_pages(&reporters, false);
        for (int i = 0; i < 3; i++) {
                prometheus_stage_turn(&reporters.stage);
                for (int k = 0; k < 3; k++) {
                        assert_int_equal(seen->operators[k].parallelism, 0);
                        assert_true(isnan(seen->operators[k].in_per_second));
                }
                assert_true(isnan(seen->backlog_records));
                assert_int_equal(seen->missing, MISSING_RATES | MISSING_BACKLOG | MISSING_CONFIGURATION);
                assert_int_equal(seen->workers, -1);
                go_on(&reporters, 30);
        }
        prometheus_stage_close(&reporters.stage);
}

static void test_nobody_answers(void **state)
{
        struct reporters reporters;

        (void)state;
        open_reporters(&reporters, "12");
        scripted_peer_fault(reporters.stage.http->script, &(struct scripted_answer){.status = 503});
        prometheus_stage_refused(&reporters.stage, ERROR_UNAVAILABLE, "503");
        prometheus_stage_close(&reporters.stage);
}

/* Half of a page is none, and must not pass for a job that lost half of its subtasks. */
static void test_page_that_cannot_be_read(void **state)
{
        static const char *const tails[] = {"half a li", "bad{} line\n", "m{a=\"\xff\"} 1\n"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(tails); i++) {
                struct reporters reporters;

                open_reporters(&reporters, "12");
                reporters.tail = tails[i];
                prometheus_stage_refused(&reporters.stage, ERROR_INCOMPLETE, "/1: line 1");
                assert_string_equal(reporters.stage.err.reason, "BadExposition");
                prometheus_stage_close(&reporters.stage);
        }
}

static void test_escapes_in_labels(void **state)
{
        struct reporters reporters;

        (void)state;
        open_reporters(&reporters, "12");
        reporters.stage.chain.operators[0].name = "a \"b\" \\c";
        reporters.tail = "flink_taskmanager_job_task_numRecordsIn{job_id=\"f00\",job_name=\"rate-job\","
                         "task_name=\"a \\\"b\\\" \\\\c\",subtask_index=\"0\",task_attempt_id=\"a\"} 1\n";
        prometheus_stage_turn(&reporters.stage);
        assert_int_equal(reporters.stage.seen.operators[0].parallelism, 1);
        prometheus_stage_close(&reporters.stage);
}

/* ---- options ---- */

static void refuse(const char *options, const char *message)
{
        struct prometheus_stage stage;

        prometheus_stage_begin(&stage);
        assert_false(prometheus_stage_try(&stage, options));
        assert_int_equal(stage.err.code, ERROR_INPUT);
        if (!strstr(stage.err.message, message))
                fail_msg("\"%s\": said \"%s\", expected \"%s\"", options, stage.err.message, message);
        prometheus_stage_close(&stage);
}

static void test_options_that_are_wrong(void **state)
{
        (void)state;
        refuse("{}", "names both or none; expected either url or scrape");
        refuse("url: http://a\nscrape: [http://b]\n", "names both or none; expected either url or scrape");
        refuse("url: prometheus:9090\n", "options.yaml:1:6: url: \"prometheus:9090\" is not a URL");
        refuse("scrape: [http://a, ftp://b]\n", "\"ftp://b\" is not a URL; expected http://");
        refuse("scrape: [http://a]\nqueries: [{value: workers, query: x}]\n",
               "queries: need a server, since reporters answer no queries; expected url");
        refuse("url: http://a\nengine: None\n", "None leaves nothing to measure without queries");
        refuse("url: http://a\nengine: Spark\n", "Flink");
        refuse("url: http://a\nlabels: [{name: 'a-b', value: x}]\n", "\"a-b\" is not the name of a label");
        refuse("url: http://a\nlabels: [{name: 1a, value: x}]\n", "is not the name of a label");
        refuse("url: http://a\nlabels: [{name: a}]\n", "value");
        refuse("url: http://a\nqueries: [{value: backlog, query: x}]\n",
               "names no operator; backlog is a value of one operator");
        refuse("url: http://a\nqueries: [{value: workers, operator: work, query: x}]\n",
               "stands beside workers, which is a value of the whole pipeline");
        refuse("url: http://a\nqueries: [{value: backlog, operator: nosuch, query: x}]\n",
               "the pipeline has no operator \"nosuch\"");
        refuse("url: http://a\nqueries: [{value: lag, operator: work, query: x}]\n", "lag");
        refuse("url: http://a\nstaleSeconds: 0\n", "staleSeconds");
        refuse("url: http://user:secret@a\n", "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_two_scrapes),
                cmocka_unit_test(test_scraped_twice),
                cmocka_unit_test(test_reporter_that_is_gone),
                cmocka_unit_test(test_reporter_that_stays_silent),
                cmocka_unit_test(test_reporter_that_was_never_heard),
                cmocka_unit_test(test_nobody_answers),
                cmocka_unit_test(test_page_that_cannot_be_read),
                cmocka_unit_test(test_escapes_in_labels),
                cmocka_unit_test(test_options_that_are_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

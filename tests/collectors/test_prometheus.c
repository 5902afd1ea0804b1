/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The collector before a scripted server. What is expected follows from the numbers told, by hand. */
#include "tests/collectors/prometheus_job.h"

/* ---- a healthy server ---- */

static void test_first_turn_looks_back(void **state)
{
        struct job job;
        const struct observation *seen = &job.stage.seen;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        assert_int_equal(seen->missing, 0);
        assert_int_equal(seen->time_ms, STAGE_START - 1000);
        assert_int_equal(seen->window_ms, 60000);
        assert_false(seen->restarting || seen->counters_reset);
        NEAR(seen->operators[0].in_per_second, 200);
        NEAR(seen->operators[0].out_per_second, 200);
        NEAR(seen->operators[0].busy_ratio, 0.1);
        NEAR(seen->operators[0].backpressure_ratio, 0.025);
        NEAR(seen->operators[0].backlog_records, 400);
        NEAR(seen->operators[1].in_per_second, 200);
        NEAR(seen->operators[1].out_per_second, 198);
        NEAR(seen->operators[1].busy_ratio, 0.65);
        NEAR(seen->operators[1].busy_ratio_max, 0.8);
        NEAR(seen->operators[1].true_rate_per_second, 200 / 0.65);
        assert_true(isnan(seen->operators[1].backlog_records));
        NEAR(seen->operators[2].in_per_second, 198);
        NEAR(seen->operators[2].out_per_second, 0);
        NEAR(seen->throughput_per_second, 200);
        NEAR(seen->offered_per_second, 200); /* as much waited a minute ago */
        NEAR(seen->backlog_records, 400);
        close_job(&job);
}

static void test_parallelism_from_series(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.configuration.count, 3);
        assert_true(job.stage.seen.configuration.value[0] == 2);
        assert_true(job.stage.seen.configuration.value[1] == 2);
        assert_true(job.stage.seen.configuration.value[2] == 1);
        assert_int_equal(job.stage.seen.operators[1].parallelism, 2);
        assert_int_equal(job.stage.seen.restarts, -1);
        close_job(&job);
}

static void test_one_query_a_turn(void **state)
{
        struct job job;
        const struct scripted_request *first, *second;

        (void)state;
        open_job(&job, "job: rate-job\nwindowSeconds: 60\nmaxSamples: 500\n");
        prometheus_stage_turn(&job.stage);
        assert_int_equal(scripted_peer_count(job.stage.http->script, "*"), 2);
        first = scripted_peer_request(job.stage.http->script, "*", 0);
        second = scripted_peer_request(job.stage.http->script, "*", 1);
        assert_string_equal(first->method, "GET");
        assert_non_null(strstr(first->path, "&timeout=10s&limit=501"));
        assert_null(strstr(first->path, "&time="));
        assert_non_null(strstr(second->path, "&time=1767599940.000"));
        assert_int_equal(scripted_peer_connections(job.stage.http->script), 1);
        go_on(&job, 1060);
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(scripted_peer_count(job.stage.http->script, "*"), 3);
        close_job(&job);
}

/* 50 records/s less than arrive are read: the backlog grows by that. */
static void test_offered_load(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        go_on(&job, 1060);
        job.told[0].pending += 3000;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        NEAR(job.stage.seen.throughput_per_second, 200);
        NEAR(job.stage.seen.backlog_records, 3400);
        NEAR(job.stage.seen.offered_per_second, 250);
        close_job(&job);
}

/* What counts is how old a sample is for the server. */
static void test_clocks_that_differ(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        job.stage.ahead_ms = 7200000;
        tell_steady(&job, 940);
        text_free(&job.before);
        put_all(&job, &job.before, now_seconds(&job) - 60);
        tell_steady(&job, 1000);
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.time_ms, STAGE_START - 1000);
        assert_int_equal(job.stage.seen.window_ms, 60000);
        NEAR(job.stage.seen.throughput_per_second, 200);
        close_job(&job);
}

/* A worker's clock that runs ahead makes no observation of tomorrow. */
static void test_samples_of_tomorrow(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        for (int i = 0; i < job.n_told; i++)
                job.told[i].age_seconds = -86400;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.time_ms, STAGE_START);
        close_job(&job);
}

static void test_memory_and_workers(void **state)
{
        struct job job;
        const struct memory_observation *memory = &job.stage.seen.memory;

        (void)state;
        open_job(&job, "job: rate-job\nworkerCpus: 2\n");
#define WORKER(metric, worker) "\"__name__\":\"flink_taskmanager_Status_" metric "\",\"tm_id\":\"" worker "\""
        put_number(&job.before, WORKER("JVM_CPU_Time", "t1"), 10e9);
        put_number(&job.before, WORKER("JVM_CPU_Time", "t2"), 10e9);
        put_number(&job.before, WORKER("JVM_GarbageCollector_All_Time", "t1"), 1000);
        put_number(&job.now, WORKER("JVM_CPU_Time", "t1"), 70e9);  /* one of two CPUs */
        put_number(&job.now, WORKER("JVM_CPU_Time", "t2"), 130e9); /* both */
        put_number(&job.now, WORKER("JVM_GarbageCollector_All_Time", "t1"), 4000);
        put_number(&job.now, WORKER("JVM_Memory_Heap_Used", "t1"), 50);
        put_number(&job.now, WORKER("JVM_Memory_Heap_Max", "t1"), 200);
        put_number(&job.now, WORKER("JVM_Memory_Heap_Used", "t2"), 40);
        put_number(&job.now, WORKER("JVM_Memory_Heap_Max", "t2"), 100);
        put_number(&job.now, WORKER("Flink_Memory_Managed_Used", "t1"), 0);
        put_number(&job.now, WORKER("Flink_Memory_Managed_Total", "t1"), 0);
        put_number(&job.now, "\"__name__\":\"flink_jobmanager_numRegisteredTaskManagers\"", 3);
#undef WORKER
        prometheus_stage_turn(&job.stage);
        NEAR(memory->heap.used_bytes, 40);
        NEAR(memory->heap.max_bytes, 100);
        assert_true(isnan(memory->managed.used_bytes));
        assert_true(isnan(memory->metaspace.used_bytes));
        NEAR(memory->gc_ratio, 0.05);
        NEAR(job.stage.seen.cpu_ratio, 0.75);
        assert_int_equal(job.stage.seen.workers, 3);
        assert_int_equal(job.stage.seen.workers_ready, 3);
        close_job(&job);
}

/* 400 wait at 200/s: two seconds before a marker starts. */
static void test_latency(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
#define LATENCY                                                                                              \
        "\"__name__\":\"flink_taskmanager_job_task_latency_source_id_operator_id_operator_subtask_index_"    \
        "latency\",\"quantile\":"
        put_number(&job.now, LATENCY "\"0.5\"", 100);
        put_number(&job.now, LATENCY "\"0.99\"", 1500);
#undef LATENCY
        prometheus_stage_turn(&job.stage);
        NEAR(job.stage.seen.latency_p50_seconds, 2.1);
        assert_true(isnan(job.stage.seen.latency_p95_seconds));
        NEAR(job.stage.seen.latency_p99_seconds, 3.5);
        close_job(&job);
}

/* ---- what the query asks for ---- */

static void test_query_is_the_recorded_one(void **state)
{
        struct job job;
        autofree char *query = NULL, *escaped = NULL;
        size_t length;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(text_read_file("tests/fixtures/prometheus/query.txt", 1 << 16, &query, &length, &err));
        query[length - 1] = '\0';
        escaped = http_escape(query);
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        assert_non_null(strstr(scripted_peer_request(job.stage.http->script, "*", 0)->path, escaped));
        close_job(&job);
}

/* As PromQL wants it: a regular expression within a string, each with its own escapes. */
static void test_names_are_quoted(void **state)
{
        struct job job;
        autofree char *name = http_escape("job_name=~\"a_b___|a\\\\.b \\\"\\\\(\"");
        autofree char *label = http_escape("namespace=\"x\\\\y.\\\"z\"");
        const char *path;

        (void)state;
        open_job(&job, "job: 'a.b \"('\nlabels: [{name: namespace, value: 'x\\y.\"z'}]\n");
        prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE, "knows no series of Flink job a_b___");
        path = scripted_peer_request(job.stage.http->script, "*", 0)->path;
        assert_non_null(strstr(path, name));
        assert_non_null(strstr(path, label));
        close_job(&job);
}

/* ---- stale, begun anew, gone ---- */

static void test_stale(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\nstaleSeconds: 60\n");
        prometheus_stage_turn(&job.stage);
        go_on(&job, 1060);
        for (int i = 0; i < job.n_told; i++)
                job.told[i].age_seconds = 61 + i;
        tell(&job);
        prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE,
                                 "the newest sample of job rate_job is 61 s old");
        assert_string_equal(job.stage.err.reason, "StaleMetrics");
        assert_true(job.stage.err.retry);
        close_job(&job);
}

/* One reporter is stuck, the others are not. */
static void test_partly_stale(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\nstaleSeconds: 60\n");
        prometheus_stage_turn(&job.stage);
        go_on(&job, 1060);
        job.told[2].age_seconds = 63;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.missing, MISSING_RATES);
        assert_false(job.stage.seen.counters_reset);
        assert_true(isnan(job.stage.seen.operators[1].in_per_second));
        NEAR(job.stage.seen.operators[0].in_per_second, 200);
        assert_int_equal(job.stage.seen.operators[1].parallelism, 2);
        close_job(&job);
}

/* Asked more often than the server scrapes: the next window holds both. */
static void test_no_new_sample(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        prometheus_stage_pass(&job.stage, 5000);
        for (int i = 0; i < job.n_told; i++)
                job.told[i].age_seconds += 5;
        tell(&job);
        prometheus_stage_refused(&job.stage, ERROR_INCOMPLETE, "5 subtasks of job rate_job have not been");
        assert_string_equal(job.stage.err.reason, "NoNewSample");
        go_on(&job, 1065);
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.window_ms, 65000);
        NEAR(job.stage.seen.throughput_per_second, 200);
        assert_int_equal(scripted_peer_count(job.stage.http->script, "*"), 4);
        close_job(&job);
}

static void test_counter_that_fell(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        go_on(&job, 1060);
        job.told[1].in = 7;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_true(job.stage.seen.counters_reset);
        assert_int_equal(job.stage.seen.missing, MISSING_RATES);
        assert_true(isnan(job.stage.seen.throughput_per_second));
        assert_true(isnan(job.stage.seen.offered_per_second));
        /* And goes on from there. */
        go_on(&job, 1120);
        job.told[1].in = 7 + 6000;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_false(job.stage.seen.counters_reset);
        NEAR(job.stage.seen.throughput_per_second, 200);
        close_job(&job);
}

/* A source that waits for room downstream, as seen on Flink 2.2.1: 480 ms, 5 s later 472, 10 s later 467. */
static void test_busy_time_that_falls(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        go_on(&job, 1060);
        job.told[0].busy_ms = 100 * 1000 - 13;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_false(job.stage.seen.counters_reset);
        assert_int_equal(job.stage.seen.missing, 0);
        NEAR(job.stage.seen.operators[0].in_per_second, 200);
        NEAR(job.stage.seen.operators[0].busy_ratio, 0.05); /* none, and the other one's 0.1 */
        close_job(&job);
}

static void test_rescale(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        go_on(&job, 1060);
        for (int i = 0; i < job.n_told; i++)
                job.told[i].attempt = "d";
        job.told[job.n_told] = job.told[3];
        job.told[job.n_told++].index = 2;
        tell(&job);
        put_job(&job.now, "runningTime", 12000);
        put_job(&job.now, "numRestarts", 1);
        prometheus_stage_turn(&job.stage);
        assert_true(job.stage.seen.counters_reset);
        assert_false(job.stage.seen.restarting);
        assert_int_equal(job.stage.seen.missing, MISSING_RATES);
        assert_true(job.stage.seen.configuration.value[1] == 3);
        assert_int_equal(job.stage.seen.restarts, 1);
        NEAR(job.stage.seen.backlog_records, 400);
        close_job(&job);
}

/* Task managers are scraped one after the other: for a moment both attempts are there. */
static void test_both_attempts_seen(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        go_on(&job, 1060);
        job.told[job.n_told] = job.told[3];
        job.told[job.n_told].attempt = "d";
        job.told[job.n_told++].age_seconds = 0.5;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_true(job.stage.seen.restarting);
        assert_int_equal(job.stage.seen.operators[1].parallelism, 2);
        close_job(&job);
}

/* Neither stale nor begun anew: the job goes on where we do not see it, for however long. */
static void test_worker_that_is_gone(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        for (int i = 0; i < 3; i++) {
                go_on(&job, 1060 + 60 * i);
                job.told[1] = job.told[2]; /* t2 ran source 1 and work 1 */
                job.told[2] = job.told[4];
                job.n_told = 3;
                tell(&job);
                prometheus_stage_turn(&job.stage);
                assert_false(job.stage.seen.counters_reset || job.stage.seen.restarting);
                assert_int_equal(job.stage.seen.missing, MISSING_RATES | MISSING_BACKLOG);
                assert_true(isnan(job.stage.seen.operators[0].in_per_second));
                assert_true(isnan(job.stage.seen.operators[1].busy_ratio));
                assert_true(isnan(job.stage.seen.backlog_records));
                assert_int_equal(job.stage.seen.operators[0].parallelism, 2);
                assert_int_equal(job.stage.seen.operators[1].parallelism, 2);
        }
        close_job(&job);
}

static void test_gap_among_subtasks(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        text_free(&job.before);
        job.told[2].index = 2; /* works 1 and 2 of at least 3 */
        tell(&job);
        put_job(&job.now, "runningTime", 1000000);
        prometheus_stage_turn(&job.stage);
        assert_true(job.stage.seen.missing & MISSING_RATES);
        assert_int_equal(job.stage.seen.operators[1].parallelism, 3);
        close_job(&job);
}

static void test_job_that_restarts(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        prometheus_stage_turn(&job.stage);
        prometheus_stage_pass(&job.stage, 60000);
        job.n_told = 0;
        tell(&job);
        put_job(&job.now, "runningTime", 0);
        put_job(&job.now, "restartingTime", 4000);
        prometheus_stage_turn(&job.stage);
        assert_true(job.stage.seen.restarting);
        assert_int_equal(job.stage.seen.missing, MISSING_RATES | MISSING_BACKLOG | MISSING_CONFIGURATION);
        assert_int_equal(job.stage.seen.operators[0].parallelism, 0);
        assert_true(isnan(job.stage.seen.configuration.value[0]));
        close_job(&job);
}

/* ---- a first turn without history ---- */

static void test_flinks_own_rates(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        text_free(&job.before);
        for (int i = 0; i < job.n_told; i++) {
                job.told[i].in_rate = 90 + i;
                job.told[i].busy_rate = 400;
        }
        tell(&job);
        put_job(&job.now, "runningTime", 91000);
        prometheus_stage_turn(&job.stage);
        NEAR(job.stage.seen.operators[0].in_per_second, 181);
        NEAR(job.stage.seen.operators[1].busy_ratio, 0.4);
        assert_int_equal(job.stage.seen.window_ms, 60000);
        assert_true(isnan(job.stage.seen.offered_per_second)); /* what waited before is not known */
        close_job(&job);
}

static void test_flinks_own_rates_too_early(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        text_free(&job.before);
        for (int i = 0; i < job.n_told; i++)
                job.told[i].in_rate = job.told[i].busy_rate = 100;
        tell(&job);
        put_job(&job.now, "runningTime", 30000);
        prometheus_stage_turn(&job.stage);
        assert_true(job.stage.seen.missing & MISSING_RATES);
        assert_true(isnan(job.stage.seen.throughput_per_second));
        close_job(&job);
}

/* ---- values that cannot be true ---- */

static void test_values_that_cannot_be(void **state)
{
        static const double values[] = {NAN, INFINITY, -INFINITY, -1, 1e300, -0.5};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
                struct job job;
                char words[40], *place;

                open_job(&job, "job: rate-job\n");
                snprintf(words, sizeof words, "\"%.17g\"", 100000.0);
                /* The first value is that of numRecordsIn of source 0. */
                place = strstr(job.now.data, words);
                assert_non_null(place);
                snprintf(words, sizeof words, "%.6g", values[i]);
                memset(place + 1, ' ', 6);
                memcpy(place + 1, words, strlen(words));
                memmove(place + 1 + strlen(words), place + 7, strlen(place + 7) + 1);
                prometheus_stage_turn(&job.stage);
                assert_true(isnan(job.stage.seen.operators[0].in_per_second));
                assert_true(isnan(job.stage.seen.throughput_per_second));
                assert_true(isnan(job.stage.seen.offered_per_second));
                assert_int_equal(job.stage.seen.missing, MISSING_RATES);
                close_job(&job);
        }
}

static void test_backlog_not_told(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        job.told[0].pending = job.told[1].pending = NAN;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.missing, MISSING_BACKLOG);
        assert_true(isnan(job.stage.seen.backlog_records));
        assert_true(isnan(job.stage.seen.offered_per_second));
        NEAR(job.stage.seen.throughput_per_second, 200);
        close_job(&job);
}

/* A subtask without partitions tells no backlog, and has none. */
static void test_backlog_of_some(void **state)
{
        struct job job;

        (void)state;
        open_job(&job, "job: rate-job\n");
        job.told[1].pending = NAN;
        tell(&job);
        prometheus_stage_turn(&job.stage);
        assert_int_equal(job.stage.seen.missing, 0);
        NEAR(job.stage.seen.backlog_records, 300);
        close_job(&job);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first_turn_looks_back),
                cmocka_unit_test(test_parallelism_from_series),
                cmocka_unit_test(test_one_query_a_turn),
                cmocka_unit_test(test_offered_load),
                cmocka_unit_test(test_clocks_that_differ),
                cmocka_unit_test(test_samples_of_tomorrow),
                cmocka_unit_test(test_memory_and_workers),
                cmocka_unit_test(test_latency),
                cmocka_unit_test(test_query_is_the_recorded_one),
                cmocka_unit_test(test_names_are_quoted),
                cmocka_unit_test(test_stale),
                cmocka_unit_test(test_partly_stale),
                cmocka_unit_test(test_no_new_sample),
                cmocka_unit_test(test_counter_that_fell),
                cmocka_unit_test(test_busy_time_that_falls),
                cmocka_unit_test(test_rescale),
                cmocka_unit_test(test_both_attempts_seen),
                cmocka_unit_test(test_worker_that_is_gone),
                cmocka_unit_test(test_gap_among_subtasks),
                cmocka_unit_test(test_job_that_restarts),
                cmocka_unit_test(test_flinks_own_rates),
                cmocka_unit_test(test_flinks_own_rates_too_early),
                cmocka_unit_test(test_values_that_cannot_be),
                cmocka_unit_test(test_backlog_not_told),
                cmocka_unit_test(test_backlog_of_some),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Event logs of Spark's. Expected values of the recorded one (tests/fixtures/spark) were counted with
 * Python's own JSON module.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zstd.h>

#include "core/text.h"
#include "engines/spark/event_log.h"
#include "tests/support/data.h"
#include "tests/support/scratch.h"

#define FOLDER  "tests/fixtures/spark/"
#define STARTED 1795278044132

static struct spark_event_log read_log(const char *path)
{
        struct spark_event_log log = {0};
        struct error err = ERROR_INIT;

        if (!spark_event_log_read(path, &log, &err))
                fail_msg("%s", err.message);
        return log;
}

static void assert_refused(const char *path, const char *message)
{
        struct spark_event_log log = {0};
        struct error err = ERROR_INIT;

        assert_false(spark_event_log_read(path, &log, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_string_equal(err.message, message);
}

/* ---- the recorded log ---- */

static void check_application(const struct batch_run *run)
{
        assert_string_equal(run->id, "app-20261121162052-0000");
        assert_string_equal(run->name, "waiting");
        assert_string_equal(run->version, "4.3.0");
        assert_int_equal(run->started_ms, STARTED);
        assert_int_equal(run->ended_ms, 1795278186053);
        assert_string_equal(batch_run_setting(run, "spark.master"), "local-cluster[2,2,512]");
        assert_null(batch_run_setting(run, "spark.executor.cores"));
        assert_int_equal(run->n_executors, 2);
        assert_string_equal(run->executors[1].name, "1");
        assert_int_equal(run->executors[1].cores, 2);
        assert_int_equal(run->executors[1].added_ms, 1795278089736);
        assert_int_equal(run->executors[1].removed_ms, BATCH_UNKNOWN);
}

static void check_jobs(const struct batch_run *run)
{
        assert_int_equal(run->n_jobs, 2);
        assert_int_equal(run->jobs[0].submitted_ms, 1795278067926);
        assert_int_equal(run->jobs[0].ended_ms, 1795278175026);
        assert_int_equal(run->jobs[0].n_stages, 3);
        assert_int_equal(run->jobs[0].query, -1);
        assert_false(run->jobs[0].failed);
        assert_int_equal(run->jobs[1].stages[0], 3);
}

static void check_stages(const struct batch_run *run)
{
        const struct batch_stage *stage = batch_run_find_stage(run, 2, 0);
        const struct batch_task *last;

        assert_int_equal(run->n_stages, 4);
        assert_int_equal(run->n_tasks, 64);
        assert_string_equal(stage->name, "collect at job.py:21");
        assert_int_equal(stage->declared_tasks, 12);
        assert_int_equal(stage->n_tasks, 12);
        assert_int_equal(stage->n_parents, 1);
        assert_int_equal(stage->parents[0], 1);
        assert_int_equal(stage->submitted_ms, 1795278158206);
        assert_int_equal(stage->completed_ms, 1795278175021);
        assert_int_equal(stage->totals.run_ms, 30911);
        assert_int_equal(stage->totals.cpu_ns, 165574186);
        assert_int_equal(stage->totals.gc_ms, 2695);
        assert_int_equal(stage->totals.deserialize_ms, 8841);
        assert_int_equal(stage->totals.shuffle_read_bytes, 922);
        assert_int_equal(stage->totals.fetch_wait_ms, 1507);
        assert_int_equal(stage->totals.result_bytes, 29390);
        assert_int_equal(batch_run_find_stage(run, 0, 0)->totals.shuffle_written_bytes, 1672);
        assert_int_equal(batch_run_find_stage(run, 0, 0)->totals.shuffle_write_ns, 2153768976);
        last = &stage->tasks[11];
        assert_int_equal(last->index, 11);
        assert_int_equal(last->launched_ms, 1795278167065 - STARTED);
        assert_int_equal(last->took_ms, 7929);
        assert_int_equal(last->run_ms, 6471);
        assert_int_equal(last->executor, 0);
        assert_int_equal(last->locality, BATCH_NODE);
        assert_int_equal(last->outcome, BATCH_SUCCEEDED);
}

static void recorded_in_every_codec(void **state)
{
        static const char *const paths[] = {FOLDER "waiting", FOLDER "waiting.zstd", FOLDER "waiting.lz4",
                                            FOLDER "waiting.snappy"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
                auto_spark_event_log log = read_log(paths[i]);

                assert_null(log.damage);
                assert_int_equal(log.lines, 150);
                check_application(log.run);
                check_jobs(log.run);
                check_stages(log.run);
        }
}

/* ---- rolling logs ---- */

/* Lines `from` to `to` of the recorded log as a file of a folder. */
static void write_part(const struct scratch *scratch, const char *name, size_t from, size_t to)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        char *start, *end;

        assert_true(text_read_file(FOLDER "waiting", 1 << 20, &text, NULL, &err));
        for (start = text; --from > 0;)
                start = strchr(start, '\n') + 1;
        for (end = text; to-- > 0;)
                end = strchr(end, '\n') + 1;
        *end = '\0';
        scratch_write(scratch, name, start);
}

/* Spark keeps 12 lines of the files it made one of; 10 comes after 9. */
static void rolling_and_compacted(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *folder = NULL;
        struct spark_event_log log;

        (void)state;
        scratch_folder(&scratch, "eventlog_v2_a");
        scratch_write(&scratch, "eventlog_v2_a/appstatus_a.inprogress", "");
        write_part(&scratch, "eventlog_v2_a/events_1_a", 1, 40);
        write_part(&scratch, "eventlog_v2_a/events_2_a.compact", 1, 12);
        write_part(&scratch, "eventlog_v2_a/events_9_a", 61, 100);
        write_part(&scratch, "eventlog_v2_a/events_10_a", 101, 150);
        folder = scratch_path(&scratch, "eventlog_v2_a");
        log = read_log(folder);
        assert_null(log.damage);
        assert_int_equal(log.lines, 12 + 40 + 50);
        check_application(log.run);
        assert_int_equal(batch_run_find_stage(log.run, 3, 0)->n_tasks, 16);
        spark_event_log_clear(&log);
        scratch_close(&scratch);
}

/* ---- damage ---- */

/* A log that was written until the 100th line's middle, as after a crash. */
static void cut_in_a_line(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "app.inprogress");
        autofree char *text = NULL, *damage = NULL;
        struct error err = ERROR_INIT;
        struct spark_event_log log;
        char *at;

        (void)state;
        assert_true(text_read_file(FOLDER "waiting", 1 << 20, &text, NULL, &err));
        at = text;
        for (int line = 1; line < 100; line++)
                at = strchr(at, '\n') + 1;
        at[150] = '\0';
        scratch_write(&scratch, "app.inprogress", text);
        log = read_log(path);
        damage = memory_format("%s:100: not JSON: it ends too early; the application's end is missing: it "
                               "still runs, or the log was cut off after line 100; what is there is used",
                               path);
        assert_string_equal(log.damage, damage);
        assert_int_equal(log.damaged_lines, 1);
        assert_int_equal(log.run->ended_ms, BATCH_UNKNOWN);
        spark_event_log_clear(&log);
        scratch_close(&scratch);
}

static void damaged_lines(void **state)
{
        static const char text[] =
                "{\"Event\":\"SparkListenerLogStart\",\"Spark Version\":\"3.5.1\"}\n"
                "{\"Event\":\"SparkListenerApplicationStart\",\"App Name\":\"a\\u00e9\",\"Timestamp\":1000}\n"
                "{\"Event\":\"SparkListenerJobStart\",\"Job ID\":0,_\"Submission Time\":2000}\n"
                "\n"
                "{\"Event\":\"SparkListenerJobStart\",\"Job ID\":true}\n"
                "{\"Event\":\"SparkListenerJobStartOfAnotherKind\",\"Job ID\":0}\n"
                "{\"Timestamp\" : 3000, \"Event\" : \"SparkListenerApplicationEnd\"}\r\n";
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log"), *damage = NULL;
        struct spark_event_log log;

        (void)state;
        scratch_write(&scratch, "log", text);
        log = read_log(path);
        damage = memory_format(
                "%s:3: not JSON at byte 45: lexical error: invalid char in json text, and 1 more "
                "such places; left out, the rest is used",
                path);
        assert_string_equal(log.damage, damage);
        assert_string_equal(log.run->name, "a\xc3\xa9");
        assert_int_equal(log.run->ended_ms, 3000);
        assert_int_equal(log.run->n_jobs, 0);
        spark_event_log_clear(&log);
        scratch_close(&scratch);
}

/* What a codec wrote without its last 100 bytes: the lines before them are read. */
static void cut_in_a_block(void **state)
{
        static const char *const codecs[] = {"zstd", "lz4", "snappy"};
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log");

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(codecs); i++) {
                autofree char *from = memory_format(FOLDER "waiting.%s", codecs[i]);
                autofree char *bytes = NULL;
                struct error err = ERROR_INIT;
                struct spark_event_log log;
                size_t length;

                assert_true(text_read_file(from, 1 << 20, &bytes, &length, &err));
                assert_true(text_write_file(path, bytes, length - 100, &err));
                log = read_log(path);
                assert_non_null(strstr(log.damage, "the data stops in the middle"));
                assert_non_null(strstr(log.damage, codecs[i]));
                assert_true(log.lines > 50);
                spark_event_log_clear(&log);
        }
        scratch_close(&scratch);
}

/* A few kilobytes that would keep a reader busy for as long as somebody likes. */
static void packed_a_thousandfold(void **state)
{
        const size_t plain = (size_t)96 << 20, room = ZSTD_compressBound(plain);
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log"), *text = memory_new(plain, 1),
                      *packed = memory_new(room, 1);
        struct spark_event_log log = {0};
        struct error err = ERROR_INIT;
        size_t length;

        (void)state;
        memset(text, '\n', plain);
        length = ZSTD_compress(packed, room, text, plain, 1);
        assert_true(length < plain / 1000);
        assert_true(text_write_file(path, packed, length, &err));
        assert_false(spark_event_log_read(path, &log, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, ": zstd: it unpacks to more than 1000 times its size"));
        scratch_close(&scratch);
}

static void what_is_no_log(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log"), *message = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        scratch_write(&scratch, "log", "");
        message = memory_format("%s: not an event log of Spark: it holds no event", path);
        assert_refused(path, message);
        scratch_write(&scratch, "log", "{\"Event\":\"Other\"}\n");
        assert_refused(path, message);
        /* snappy-java's header, and no chunk behind it */
        assert_true(text_write_file(path, "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16, &err));
        assert_refused(path, message);
        assert_refused("tests/fixtures/spark/README.md",
                       "tests/fixtures/spark/README.md:1: not a JSON object; not an event log of Spark");
        assert_refused("tests", "tests: no event log: a folder is one when it holds files events_1_..., "
                                "events_2_...");
        assert_refused("/dev/null", "/dev/null: not a file");
        scratch_close(&scratch);
}

/* Values no Spark writes: none of them may become a task. */
static void lies(void **state)
{
        static const char *const tasks[] = {
                "\"Index\":0,\"Launch Time\":5000,\"Executor ID\":\"1\",\"Finish Time\":4000",
                "\"Index\":-1,\"Launch Time\":5000,\"Executor ID\":\"1\",\"Finish Time\":6000",
                "\"Index\":0,\"Launch Time\":5000,\"Executor ID\":\"\",\"Finish Time\":6000",
                "\"Index\":0,\"Launch Time\":5e300,\"Executor ID\":\"1\",\"Finish Time\":6e300",
                "\"Index\":0,\"Launch Time\":5000,\"Executor ID\":\"1\",\"Finish Time\":9000000000000",
                "\"Index\":0,\"Launch Time\":\"5000\",\"Executor ID\":\"1\",\"Finish Time\":6000",
        };
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log");
        autotext text = {0};
        struct spark_event_log log;

        (void)state;
        text_put(&text,
                 "{\"Event\":\"SparkListenerApplicationStart\",\"App Name\":\"a\",\"Timestamp\":1000}\n");
        for (size_t i = 0; i < ARRAY_LENGTH(tasks); i++)
                text_format(&text,
                            "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0,\"Stage Attempt ID\":0,"
                            "\"Task Info\":{%s}}\n",
                            tasks[i]);
        scratch_write(&scratch, "log", text.data);
        log = read_log(path);
        assert_int_equal(log.damaged_lines, ARRAY_LENGTH(tasks));
        assert_int_equal(log.run->n_tasks, 0);
        spark_event_log_clear(&log);
        scratch_close(&scratch);
}

/* Amounts no task can use: sums of them stay at what they may be at most, and do not turn negative. */
static void heaps_of_bytes(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log");
        autotext text = {0};
        struct spark_event_log log;

        (void)state;
        for (int i = 0; i < 20; i++)
                text_format(
                        &text,
                        "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":%d,\"Stage Attempt ID\":0,"
                        "\"Task End Reason\":{\"Reason\":\"Success\"},\"Task Info\":{\"Index\":%d,"
                        "\"Launch Time\":5000,\"Executor ID\":\"1\",\"Finish Time\":6000},\"Task Metrics\":{"
                        "\"Executor CPU Time\":8000000000000000000,\"Shuffle Read Metrics\":{"
                        "\"Remote Bytes Read\":8000000000000000000,\"Local Bytes "
                        "Read\":8000000000000000000}}}\n",
                        i % 2, i);
        scratch_write(&scratch, "log", text.data);
        log = read_log(path);
        assert_int_equal(log.run->n_tasks, 20);
        for (int stage = 0; stage < 2; stage++) {
                const struct batch_totals *totals = &batch_run_find_stage(log.run, stage, 0)->totals;

                assert_true(totals->cpu_ns == BATCH_MAX_TOTAL &&
                            totals->shuffle_read_bytes == BATCH_MAX_TOTAL);
        }
        spark_event_log_clear(&log);
        scratch_close(&scratch);
}

/* ---- logs of others ---- */

static void all_of_a_large_one(void **state)
{
        char path[DATA_PATH_BYTES];
        struct spark_event_log log;
        size_t ran = 0;

        (void)state;
        data_path("spark-eventlogs/nds_q72_dataproc_2_2.zstd", path);
        log = read_log(path);
        assert_null(log.damage);
        assert_int_equal(log.lines, 27321);
        assert_int_equal(log.run->n_tasks, 13504);
        assert_int_equal(log.run->n_jobs, 49);
        assert_int_equal(log.run->n_queries, 25);
        assert_int_equal(log.run->n_executors, 8);
        assert_int_equal(log.run->executors[7].cores, 16);
        for (size_t i = 0; i < log.run->n_stages; i++)
                ran += log.run->stages[i].n_tasks > 0;
        assert_int_equal(ran, 49);
        spark_event_log_clear(&log);
}

static void one_broken_on_purpose(void **state)
{
        char path[DATA_PATH_BYTES];
        struct spark_event_log log;

        (void)state;
        data_path("spark-eventlogs/malformed_json_eventlog.zstd", path);
        log = read_log(path);
        assert_int_equal(log.damaged_lines, 1);
        assert_non_null(strstr(log.damage, "malformed_json_eventlog.zstd:4: not JSON at byte 43"));
        assert_int_equal(log.run->n_tasks, 217);
        spark_event_log_clear(&log);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(recorded_in_every_codec), cmocka_unit_test(rolling_and_compacted),
                cmocka_unit_test(cut_in_a_line),           cmocka_unit_test(damaged_lines),
                cmocka_unit_test(cut_in_a_block),          cmocka_unit_test(packed_a_thousandfold),
                cmocka_unit_test(what_is_no_log),          cmocka_unit_test(lies),
                cmocka_unit_test(heaps_of_bytes),          cmocka_unit_test(all_of_a_large_one),
                cmocka_unit_test(one_broken_on_purpose),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

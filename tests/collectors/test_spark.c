/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is told of runs by their event logs, in a folder and on a History Server. The log and the server's
 * answers are a real Spark's (tests/fixtures/spark): two executors of two cores and 512 MiB, there for 98.114
 * and 96.317 s of 141.921; other logs are made of its lines.
 */
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/spark/job.h"
#include "tests/conformance/subject.h"
#include "tests/support/scratch.h"

extern const struct collector spark_collector;

#define RECORDED "tests/fixtures/spark/"
#define BEGUN    1795278044132
#define ENDED    1795278186053
#define HELD     194.431   /* seconds of executors */
#define PEAK     182622200 /* the most of JVMHeapMemory and JVMOffHeapMemory in "Task Executor Metrics" */
#define API      "/api/v1/applications"
#define APP      "app-20261121162052-000"

struct scene {
        struct stand stand;
        struct scratch scratch;
        void *collector;
        struct observation *seen;
        bool done;
        struct error err;
};

static void open_collector(struct scene *scene)
{
        struct error err = ERROR_INIT;

        if (!spark_collector.open(&scene->stand.context, scene->stand.options, &scene->collector, &err))
                fail_msg("%s", err.message);
}

/* Of the knobs workers and memory. `source`: "eventLogs: logs", or "historyServer: %s". */
static struct scene *scene_open(const char *source)
{
        autofree char *options =
                memory_format("application: waiting\ndefaults: spark-defaults.conf\n%s\n", source);
        const struct subject subject = {.name = "runs", .options = options, .pool = true};
        struct scene *scene = memory_new(1, sizeof *scene);

        scene->scratch = scratch_open();
        scratch_folder(&scene->scratch, "logs");
        stand_open(&scene->stand, &subject, &spark_job_table, NULL, NULL);
        scene->stand.context.base = scene->scratch.folder;
        scene->stand.chain.knobs[1].name = "memory";
        scene->stand.chain.pipeline.n_knobs = 2;
        scene->seen = memory_new(1, sizeof *scene->seen);
        open_collector(scene);
        stand_pass(&scene->stand, ENDED + 86400000 - STAGE_START); /* runs are over by then */
        return scene;
}

static void scene_close(struct scene *scene)
{
        spark_collector.close(scene->collector);
        stand_close(&scene->stand, &spark_job_table);
        scratch_close(&scene->scratch);
        free(scene->seen);
        free(scene);
}

static void run_collect(void *argument)
{
        struct scene *scene = argument;

        error_clear(&scene->err);
        observation_clear(scene->seen, clock_now_ms(&scene->stand.http->clock), 1, PIPELINE_OPERATORS);
        scene->seen->configuration = (struct configuration){.count = 2, .value = {NAN, NAN}};
        scene->done = spark_collector.collect(scene->collector, scene->seen, &scene->err);
}

static const struct run_observation *look_once(struct scene *scene)
{
        reactor_call(scene->stand.http->reactor, run_collect, scene);
        if (!scene->done)
                fail_msg("%s", scene->err.message);
        assert_true(scene->seen->run.periodic);
        assert_int_equal(scene->seen->missing, MISSING_RATES | MISSING_BACKLOG);
        return &scene->seen->run;
}

/* At the newest run, after those before it that were not told of yet. */
static const struct run_observation *look(struct scene *scene)
{
        const struct run_observation *run = look_once(scene);

        while (run->more)
                run = look_once(scene);
        return run;
}

static void expect_refused(struct scene *scene, enum error_code code, const char *words)
{
        reactor_call(scene->stand.http->reactor, run_collect, scene);
        assert_false(scene->done);
        if (scene->err.code != code || !strstr(scene->err.message, words))
                fail_msg("%d: %s", scene->err.code, scene->err.message);
}

/* ---- logs ---- */

/* Seconds behind the recorded end, since that is what the newest one is known by. */
static void touch(const struct scene *scene, const char *name, int64_t seconds)
{
        autofree char *path = scratch_path(&scene->scratch, name);
        const struct timespec at = {.tv_sec = ENDED / 1000 + seconds};

        assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){at, at}, 0), 0);
}

static void put_text(const struct scene *scene, const char *name, const char *text, int64_t seconds)
{
        scratch_write(&scene->scratch, name, text);
        touch(scene, name, seconds);
}

static void put_recorded(const struct scene *scene, const char *fixture, const char *name, int64_t seconds)
{
        autofree char *from = memory_format(RECORDED "%s", fixture), *bytes = NULL;
        autofree char *to = scratch_path(&scene->scratch, name);
        size_t length;
        struct error err = ERROR_INIT;

        if (!text_read_file(from, 1 << 20, &bytes, &length, &err) ||
            !text_write_file(to, bytes, length, &err))
                fail_msg("%s", err.message);
        touch(scene, name, seconds);
}

#define START(name, seconds)                                                                                 \
        "{\"Event\":\"SparkListenerLogStart\",\"Spark Version\":\"4.3.0\"}\n"                                \
        "{\"Event\":\"SparkListenerEnvironmentUpdate\",\"Spark "                                             \
        "Properties\":{\"spark.executor.instances\":\"3\","                                                  \
        "\"spark.executor.memory\":\"2g\"}}\n"                                                               \
        "{\"Event\":\"SparkListenerApplicationStart\",\"App Name\":\"" name "\",\"App ID\":\"app-1\","       \
        "\"Timestamp\":" seconds "000,\"User\":\"nobody\"}\n"
#define JOB(seconds, result)                                                                                 \
        "{\"Event\":\"SparkListenerJobStart\",\"Job ID\":0,\"Submission Time\":" seconds                     \
        "000,\"Stage Infos\":[],\"Stage IDs\":[]}\n"                                                         \
        "{\"Event\":\"SparkListenerJobEnd\",\"Job ID\":0,\"Completion Time\":" seconds                       \
        "001,\"Job Result\":{\"Result\":\"" result "\"}}\n"
#define STOP(seconds, more)                                                                                  \
        "{\"Event\":\"SparkListenerApplicationEnd\",\"Timestamp\":" seconds "000" more "}\n"

/* ---- plays ---- */

static void expect_recorded(const struct run_observation *run)
{
        assert_true(run->begun_ms == BEGUN && run->ended_ms == ENDED && !run->failed);
        assert_float_equal(run->worker_seconds, HELD, 1e-9);
        assert_float_equal(run->core_seconds, 2 * HELD + 141.921, 1e-9); /* and the driver's core */
        assert_float_equal(run->byte_seconds, HELD * 0x1p29 + 141.921 * 0x1p30, 1);
        assert_true(run->peak_bytes == PEAK);
}

static void test_a_run_in_a_folder(void **state)
{
        static const char *const codecs[] = {"waiting", "waiting.zstd", "waiting.lz4", "waiting.snappy"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(codecs); i++) {
                struct scene *scene = scene_open("eventLogs: logs");

                assert_true(look(scene)->ended_ms == 0);
                put_recorded(scene, codecs[i], "logs/app-1", 0);
                expect_recorded(look(scene));
                assert_string_equal(scene->seen->failure, "");
                /* How many executors nobody said. */
                assert_int_equal(scene->seen->run.configuration.count, 0);
                assert_true(isnan(scene->seen->configuration.value[0]));
                assert_true(scene->seen->configuration.value[1] == 0x1p29);
                scene_close(scene);
        }
}

/* The file goes before the newest run, and that before what Spark takes by itself. */
static void test_what_the_next_run_will_have(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");
        const double *value = scene->seen->configuration.value;

        (void)state;
        look(scene);
        assert_true(isnan(value[0]) && value[1] == 0x1p30);
        put_text(scene, "logs/app-1", START("waiting", "1795270000") STOP("1795270060", ""), 0);
        look(scene);
        assert_true(value[0] == 3 && value[1] == 0x1p31);
        put_text(scene, "spark-defaults.conf", "spark.executor.memory 4g\n", 0);
        look(scene);
        assert_true(value[0] == 3 && value[1] == 0x1p32);
        assert_true(scene->seen->run.configuration.count == 2 &&
                    scene->seen->run.configuration.value[1] == 0x1p31);
        put_text(scene, "spark-defaults.conf", "spark.executor.memory lots\n", 0);
        expect_refused(scene, ERROR_REFUSED, "spark-defaults.conf: spark.executor.memory is \"lots\"");
        scene_close(scene);
}

static void test_the_newest_of_its_name_that_has_ended(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");

        (void)state;
        put_text(scene, "logs/app-1", START("waiting", "1795270000") STOP("1795270060", ""), -1000);
        put_recorded(scene, "waiting", "logs/app-2", 0);
        put_text(scene, "logs/app-3", START("another", "1795290000") STOP("1795290060", ""), 1000);
        put_text(scene, "logs/app-4.inprogress", START("waiting", "1795278200"), 2000);
        put_text(scene, "logs/notes", "a file of somebody's\n", 3000);
        put_text(scene, "logs/.app-2.crc", "x", 4000);
        expect_recorded(look(scene));
        /* A rolling log that goes on, and ends. */
        scratch_folder(&scene->scratch, "logs/eventlog_v2_app-5");
        put_text(scene, "logs/eventlog_v2_app-5/events_1_app-5", START("waiting", "1795280000"), 5000);
        put_text(scene, "logs/eventlog_v2_app-5/appstatus_app-5.inprogress", "", 5000);
        touch(scene, "logs/eventlog_v2_app-5", 5000);
        touch(scene, "logs/app-4.inprogress", 15000);
        expect_recorded(look(scene));
        put_text(scene, "logs/eventlog_v2_app-5/events_2_app-5", STOP("1795280070", ""), 6000);
        put_text(scene, "logs/eventlog_v2_app-5/appstatus_app-5", "", 6000);
        scratch_remove(&scene->scratch, "logs/eventlog_v2_app-5/appstatus_app-5.inprogress");
        touch(scene, "logs/eventlog_v2_app-5", 6000);
        assert_true(look(scene)->ended_ms == 1795280070000);
        scene_close(scene);
}

/* What is under way has not died; once a later run has begun after its last sign it has. */
static void test_a_driver_that_died(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");

        (void)state;
        put_text(scene, "logs/app-1.inprogress",
                 START("waiting", "1795278100") JOB("1795278110", "JobSucceeded"), 0);
        assert_true(look(scene)->ended_ms == 0);
        put_text(scene, "logs/app-2.inprogress", START("waiting", "1795280000"), 2000);
        assert_true(look(scene)->ended_ms == 1795278110001 && scene->seen->run.failed);
        assert_string_equal(scene->seen->failure, "its event log has no end: the driver died");
        look(scene);
        assert_string_equal(scene->seen->failure, "");
        put_text(scene, "logs/app-2", START("waiting", "1795280000") STOP("1795280060", ",\"ExitCode\":0"),
                 3000);
        scratch_remove(&scene->scratch, "logs/app-2.inprogress");
        assert_true(look(scene)->ended_ms == 1795280060000 && !scene->seen->run.failed);
        scene_close(scene);
}

static void expect_end(const char *log, bool failed, const char *why)
{
        struct scene *scene = scene_open("eventLogs: logs");

        look(scene);
        put_text(scene, "logs/app-1", log, 0);
        assert_true(look(scene)->failed == failed);
        assert_string_equal(scene->seen->failure, why);
        scene_close(scene);
}

/* Spark has written down the exit code since 4.0. It is 0 where a Python program died of a job that failed:
 * Spark 4.3.0 was seen to do so, tests/e2e/spark. */
static void test_how_a_run_ended(void **state)
{
        (void)state;
        expect_end(START("waiting", "1795270000") JOB("1795270010", "JobFailed")
                           STOP("1795270060", ",\"ExitCode\":0"),
                   true, "its last job failed");
        expect_end(START("waiting", "1795270000") JOB("1795270010", "JobFailed")
                           JOB("1795270020", "JobSucceeded") STOP("1795270060", ",\"ExitCode\":0"),
                   false, "");
        expect_end(START("waiting", "1795270000") STOP("1795270060", ",\"ExitCode\":137"), true,
                   "it ended with exit code 137");
        expect_end(START("waiting", "1795270000") JOB("1795270010", "JobFailed") STOP("1795270060", ""), true,
                   "its last job failed");
        expect_end(START("waiting", "1795270000") JOB("1795270010", "JobSucceeded") STOP("1795270060", ""),
                   false, "");
}

#define PAST_RUNS 33

/* Runs from before the first look are told of, the last thirty of them (collectors/spark/place.h), and later
 * those that ended between two looks, as they ended. */
static void test_each_run_is_told_of_in_its_turn(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");
        const struct run_observation *run;

        (void)state;
        for (int i = 0; i < PAST_RUNS; i++) {
                autofree char *name = memory_format("logs/app-%d", 100 - i);
                autofree char *log =
                        memory_format(START("waiting", "17952700%02d") STOP("17952701%02d", ""), i, i);

                put_text(scene, name, log, i);
        }
        look_once(scene); /* opens it */
        for (int i = PAST_RUNS - 30; i < PAST_RUNS; i++) {
                run = look_once(scene);
                assert_true(run->ended_ms == (int64_t)(1795270100 + i) * 1000);
                assert_true(run->more == (i + 1 < PAST_RUNS));
        }
        assert_false(look_once(scene)->more);
        put_text(scene, "logs/app-2", START("waiting", "1795271000") STOP("1795271060", ",\"ExitCode\":1"),
                 1000);
        put_text(scene, "logs/app-1", START("waiting", "1795272000") STOP("1795272060", ""), 2000);
        run = look_once(scene);
        assert_true(run->ended_ms == 1795271060000 && run->failed && run->more);
        assert_string_equal(scene->seen->failure, "it ended with exit code 1");
        run = look_once(scene);
        assert_true(run->ended_ms == 1795272060000 && !run->failed && !run->more);
        assert_string_equal(scene->seen->failure, "");
        scene_close(scene);
}

#define ALONE                                                                                                \
        "{\"Event\":\"SparkListenerEnvironmentUpdate\",\"Spark Properties\":{\"spark.executor.instances\":"  \
        "\"3\",\"spark.master\":\"spark://night:7077\"}}\n"                                                  \
        "{\"Event\":\"SparkListenerApplicationStart\",\"App "                                                \
        "Name\":\"waiting\",\"Timestamp\":1795270000000}\n"
#define ADDED(id, seconds)                                                                                   \
        "{\"Event\":\"SparkListenerExecutorAdded\",\"Timestamp\":" seconds "000,\"Executor ID\":\"" id       \
        "\",\"Executor Info\":{\"Host\":\"a\",\"Total Cores\":4}}\n"
#define REMOVED(id, seconds)                                                                                 \
        "{\"Event\":\"SparkListenerExecutorRemoved\",\"Timestamp\":" seconds "000,\"Executor ID\":\"" id     \
        "\",\"Removed Reason\":\"lost\"}\n"

/* A standalone master gives all cores there are to who does not say how many, and heeds no number of
 * executors. The executor that is lost is replaced by another one. */
static void test_a_run_on_a_standalone_master(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");

        (void)state;
        put_text(scene, "logs/app-1",
                 ALONE ADDED("0", "1795270001") ADDED("1", "1795270002") REMOVED("0", "1795270010")
                         ADDED("2", "1795270020") STOP("1795270060", ""),
                 0);
        assert_int_equal(look(scene)->configuration.count, 0);
        touch(scene, "logs/app-1", 1);
        scene->stand.chain.knobs[0].name = "spark.cores.max";
        assert_true(look(scene)->configuration.value[0] == 8);
        touch(scene, "logs/app-1", 2);
        scene->stand.chain.knobs[0].name = "spark.executor.cores";
        assert_true(look(scene)->configuration.value[0] == 4);
        scene_close(scene);
}

/* Ten thousand executors of four cores, each of which goes when the next but one comes: never more than two.
 */
static void test_a_run_whose_executors_come_and_go(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");
        autotext log = {0};

        (void)state;
        text_put(&log, ALONE);
        for (int i = 0; i < 10000; i++) {
                autofree char *id = memory_format("%d", i), *gone = memory_format("%d", i - 2);

                if (i >= 2)
                        text_format(&log, REMOVED("%s", "%d"), 1795270001 + i, gone);
                text_format(&log, ADDED("%s", "%d"), 1795270001 + i, id);
        }
        text_put(&log, STOP("1795290060", ""));
        scene->stand.chain.knobs[0].name = "spark.cores.max";
        put_text(scene, "logs/app-1", log.data, 0);
        look(scene);
        assert_true(look(scene)->configuration.value[0] == 8);
        scene_close(scene);
}

/* A log is read once: what stands in its place, as old and as long, is not looked at. */
static void test_a_log_that_did_not_change_is_not_read_again(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");

        (void)state;
        put_text(scene, "logs/app-1", START("waiting", "1795270000") STOP("1795270060", ""), 0);
        assert_true(look(scene)->ended_ms == 1795270060000);
        put_text(scene, "logs/app-1", START("waiting", "1795270000") STOP("1795270061", ""), 0);
        assert_true(look(scene)->ended_ms == 1795270060000);
        touch(scene, "logs/app-1", 1);
        assert_true(look(scene)->ended_ms == 1795270061000);
        scene_close(scene);
}

/* The run before a log that cannot be read (here, since it is too large) stays the newest that is known of.
 */
static void test_a_log_that_is_given_up(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");
        autofree char *large = scratch_path(&scene->scratch, "logs/app-2");

        (void)state;
        put_text(scene, "logs/app-1", START("waiting", "1795270000") STOP("1795270060", ""), 0);
        look(scene);
        scratch_write(&scene->scratch, "logs/app-2", START("waiting", "1795275000"));
        assert_int_equal(truncate(large, (off_t)17 << 30), 0);
        touch(scene, "logs/app-2", 1000);
        for (int looks = 1; looks <= 5; looks++) {
                assert_true(look(scene)->ended_ms == 1795270060000 &&
                            scene->seen->run.configuration.count == 2);
                assert_string_equal(scene->seen->failure, "");
        }
        put_text(scene, "logs/app-3", START("waiting", "1795276000") STOP("1795276060", ""), 2000);
        assert_true(look(scene)->ended_ms == 1795276060000);
        scene_close(scene);
}

static void test_a_folder_that_is_none(void **state)
{
        struct scene *scene = scene_open("eventLogs: nowhere");

        (void)state;
        expect_refused(scene, ERROR_NOT_FOUND, "nowhere: there is no such folder");
        scene_close(scene);
}

/* ---- a History Server ---- */

static void serve(struct scene *scene, const char *path, const char *file)
{
        autofree char *request = memory_format("GET %s", path),
                      *from = memory_format(RECORDED "history/%s", file);
        autofree char *bytes = NULL;
        size_t length;
        struct error err = ERROR_INIT;

        if (!text_read_file(from, 1 << 20, &bytes, &length, &err))
                fail_msg("%s", err.message);
        scripted_peer_answer(scene->stand.http->script, request,
                             &(struct scripted_answer){.content_type = strstr(file, ".zip")
                                                                               ? "application/octet-stream"
                                                                               : NULL,
                                                       .body = bytes,
                                                       .length = length});
}

/* The answers of a real server about single applications, as a list of them. */
static void serve_list(struct scene *scene, const char *request, const char *more)
{
        autofree char *body = NULL, *plain = NULL;
        struct error err = ERROR_INIT;

        if (!text_read_file(RECORDED "history/plain.json", 1 << 20, &plain, NULL, &err))
                fail_msg("%s", err.message);
        body = memory_format("[%s%s]", more, plain);
        scripted_peer_json(scene->stand.http->script, request, body);
}

static void test_a_run_on_a_server(void **state)
{
        struct scene *scene = scene_open("historyServer: %s");
        struct scripted_peer *script = scene->stand.http->script;

        (void)state;
        serve_list(
                scene, "GET " API "?limit=2000",
                "{\"id\":\"app-7\",\"name\":\"another\",\"attempts\":[{\"completed\":true,\"startTimeEpoch\":"
                "1795290000000,\"endTimeEpoch\":1795290001000}]},"
                "{\"id\":\"app-8\",\"name\":\"waiting\",\"attempts\":[{\"completed\":false,"
                "\"startTimeEpoch\":"
                "1795278100000,\"endTimeEpoch\":-1,\"lastUpdatedEpoch\":1795290000000}]},"
                "{\"id\":\"app-9\",\"name\":\"waiting\",\"attempts\":[]},7,");
        serve(scene, API "/" APP "0", "plain.json");
        serve(scene, API "/" APP "0/logs", "plain.zip");
        expect_recorded(look(scene));
        assert_int_equal(scripted_peer_count(script, "* *"), 3);
        /* It is not asked for the log again, and of what ended long ago no more. */
        serve_list(scene, "GET " API "?limit=2000&minEndDate=2026-11-20", "");
        expect_recorded(look(scene));
        assert_int_equal(scripted_peer_count(script, "* *"), 4);
        scene_close(scene);
}

static void test_the_last_attempt_on_a_server(void **state)
{
        struct scene *scene = scene_open("historyServer: %s");
        autofree char *attempts = NULL, *body = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(text_read_file(RECORDED "history/attempts.json", 1 << 20, &attempts, NULL, &err));
        body = memory_format("[%s]", attempts);
        scripted_peer_json(scene->stand.http->script, "GET " API "?limit=2000", body);
        serve(scene, API "/" APP "3", "attempts.json");
        serve(scene, API "/" APP "3/2/logs", "attempt-2.zip");
        assert_true(look(scene)->begun_ms == BEGUN + 2);
        scene_close(scene);
}

/* What a server hands out in place of a log may be something of somebody's on the way, but not for ever. */
static void test_a_log_that_is_none(void **state)
{
        struct scene *scene = scene_open("historyServer: %s");

        (void)state;
        serve_list(scene, "GET " API "?limit=2000", "");
        serve(scene, API "/" APP "0", "plain.json");
        scripted_peer_json(scene->stand.http->script, "GET " API "/" APP "0/logs", "no such app");
        for (int looks = 1; looks <= 3; looks++) {
                assert_true(look(scene)->ended_ms == 0);
                assert_int_equal(scripted_peer_count(scene->stand.http->script, "* *"), 3 * looks);
        }
        look(scene);
        assert_int_equal(scripted_peer_count(scene->stand.http->script, "* *"), 10);
        scene_close(scene);
}

/* By a clock that is years ahead: of the folder's, or of the driver's. Runs that come after it count. */
static void an_end_that_is_yet_to_come_is_not_believed(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");

        (void)state;
        put_text(scene, "logs/app-1", START("waiting", "1795270000") STOP("1795270060", ""), 0);
        put_text(scene, "logs/app-2", START("waiting", "1795271000") STOP("1795271060", ""), 100000000);
        assert_true(look(scene)->ended_ms == 1795270060000);
        put_text(scene, "logs/app-3", START("waiting", "1995270000") STOP("1995270060", ""), 10);
        put_text(scene, "logs/app-4", START("waiting", "1795272000") STOP("1995270060", ",\"ExitCode\":1"),
                 20);
        for (int looks = 0; looks < 5; looks++) {
                assert_true(look(scene)->ended_ms == 1795270060000);
                assert_string_equal(scene->seen->failure, "");
        }
        put_text(scene, "logs/app-5", START("waiting", "1795273000") STOP("1795273060", ""), 30);
        assert_true(look(scene)->ended_ms == 1795273060000);
        scene_close(scene);
}

/* The baseline is what the newest run had, though the runs are told from the oldest on. */
static void first_look_is_of_the_newest(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");
        double first;

        (void)state;
        put_text(scene, "logs/app-1",
                 "{\"Event\":\"SparkListenerLogStart\",\"Spark Version\":\"4.3.0\"}\n"
                 "{\"Event\":\"SparkListenerEnvironmentUpdate\",\"Spark "
                 "Properties\":{\"spark.executor.instances\":\"2\"}}\n"
                 "{\"Event\":\"SparkListenerApplicationStart\",\"App Name\":\"waiting\",\"App ID\":\"app-1\","
                 "\"Timestamp\":1795260000000,\"User\":\"nobody\"}\n" STOP("1795260060", ""),
                 0);
        put_text(scene, "logs/app-2", START("waiting", "1795270000") STOP("1795270060", ""), 10);
        look_once(scene);
        first = scene->seen->configuration.value[0];
        look_once(scene);
        assert_true(scene->seen->run.ended_ms == 1795260060000);
        look_once(scene);
        assert_true(scene->seen->run.ended_ms == 1795270060000);
        assert_true(first == 3);
        scene_close(scene);
}

/* Logs that were copied within one tick of the file system's clock. */
static void logs_of_one_time_are_all_told(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");

        (void)state;
        put_text(scene, "logs/app-1", START("waiting", "1795260000") STOP("1795260060", ""), 0);
        put_text(scene, "logs/app-2", START("waiting", "1795270000") STOP("1795270060", ""), 0);
        put_text(scene, "logs/app-3", START("waiting", "1795271000") STOP("1795271060", ""), 0);
        look_once(scene);
        for (int i = 0; i < 3; i++) {
                look_once(scene);
        }
        assert_true(scene->seen->run.ended_ms == 1795271060000);
        scene_close(scene);
}

#define RUN_OF(id, begun, ended)                                                                             \
        "{\"Event\":\"SparkListenerApplicationStart\",\"App Name\":\"waiting\",\"App ID\":\"" id             \
        "\",\"Timestamp\":" begun "000,\"User\":\"nobody\"}\n" STOP(ended, "")

static void expect_ends(struct scene *scene, const int64_t *ends, size_t count)
{
        for (size_t i = 0; i < count; i++)
                assert_int_equal(look_once(scene)->ended_ms, 1795260060000 + ends[i]);
}

/* As core/observation.h has it, each is told a millisecond after the one before. Who looks anew, or at a log
 * that was touched, or at a copy, hears of none twice. */
static void runs_that_end_at_once_are_told_apart(void **state)
{
        struct scene *scene = scene_open("eventLogs: logs");

        (void)state;
        put_text(scene, "logs/app-1", RUN_OF("app-1", "1795260000", "1795260060"), 0);
        put_text(scene, "logs/app-2", RUN_OF("app-2", "1795260030", "1795260060"), 0);
        look_once(scene); /* opens it */
        expect_ends(scene, (const int64_t[]){0, 1, 1}, 3);
        put_text(scene, "logs/app-0", RUN_OF("app-0", "1795260020", "1795260060"), 10);
        expect_ends(scene, (const int64_t[]){2, 2}, 2);
        touch(scene, "logs/app-1", 20);
        put_text(scene, "logs/app-2.bak", RUN_OF("app-2", "1795260030", "1795260060"), 30);
        expect_ends(scene, (const int64_t[]){0, 1}, 2);
        put_text(scene, "logs/app-3", RUN_OF("app-3", "1795260030", "1795260061"), 40);
        expect_ends(scene, (const int64_t[]){1000, 1000}, 2);
        scene_close(scene);
        scene = scene_open("eventLogs: logs");
        put_text(scene, "logs/app-1", RUN_OF("app-1", "1795260000", "1795260060"), 0);
        put_text(scene, "logs/app-2", RUN_OF("app-2", "1795260030", "1795260060"), 0);
        put_text(scene, "logs/app-0", RUN_OF("app-0", "1795260020", "1795260060"), 10);
        look_once(scene);
        expect_ends(scene, (const int64_t[]){0, 1, 2, 2}, 4);
        scene_close(scene);
}

/* A log that the server lists and does not hand out holds up those that came after it for a few looks. */
static void a_log_that_is_not_handed_out_is_passed_over(void **state)
{
        struct scene *scene = scene_open("historyServer: %s");
        const char *older = "{\"id\":\"app-1\",\"name\":\"waiting\",\"attempts\":[{\"completed\":true,"
                            "\"startTimeEpoch\":1795270000000,\"endTimeEpoch\":1795270001000}]},";
        int looks = 0;

        (void)state;
        serve_list(scene, "GET " API "?limit=2000", older);
        serve_list(scene, "GET " API "?limit=2000&minEndDate=2026-11-20", older);
        serve(scene, API "/" APP "0", "plain.json");
        serve(scene, API "/" APP "0/logs", "plain.zip");
        scripted_peer_json(scene->stand.http->script, "GET " API "/app-1", "{}");
        for (; looks < 12; looks++) {
                reactor_call(scene->stand.http->reactor, run_collect, scene);
                if (looks > 0 && scene->done && scene->seen->run.ended_ms == ENDED && !scene->seen->run.more)
                        break;
        }
        assert_true(looks < 12);
        scene_close(scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run_in_a_folder),
                cmocka_unit_test(test_what_the_next_run_will_have),
                cmocka_unit_test(test_the_newest_of_its_name_that_has_ended),
                cmocka_unit_test(test_a_driver_that_died),
                cmocka_unit_test(test_how_a_run_ended),
                cmocka_unit_test(test_each_run_is_told_of_in_its_turn),
                cmocka_unit_test(test_a_run_on_a_standalone_master),
                cmocka_unit_test(test_a_run_whose_executors_come_and_go),
                cmocka_unit_test(test_a_log_that_did_not_change_is_not_read_again),
                cmocka_unit_test(test_a_log_that_is_given_up),
                cmocka_unit_test(test_a_folder_that_is_none),
                cmocka_unit_test(test_a_run_on_a_server),
                cmocka_unit_test(test_the_last_attempt_on_a_server),
                cmocka_unit_test(test_a_log_that_is_none),
                cmocka_unit_test(an_end_that_is_yet_to_come_is_not_believed),
                cmocka_unit_test(first_look_is_of_the_newest),
                cmocka_unit_test(a_log_that_is_not_handed_out_is_passed_over),
                cmocka_unit_test(logs_of_one_time_are_all_told),
                cmocka_unit_test(runs_that_end_at_once_are_told_apart),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

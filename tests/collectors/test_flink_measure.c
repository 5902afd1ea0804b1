/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a real job did, while it was given a load by a script, becomes observations. The recording's README
 * says what was offered and what the operators can take: that is what must be seen.
 */
#include <math.h>
#include <stdio.h>

#include "engines/flink/measure.h"
#include "tests/support/flink.h"
#include "tests/support/peer.h"

#define RECORDING "tests/fixtures/flink/2.2.1-load-and-rescale.jsonl"

struct play {
        struct peer_pipeline chain;
        struct flink_measure measure;
        int64_t set_back_ms; /* the calendar, since the moment before */
};

static void play_begin(struct play *play)
{
        peer_operators(&play->chain, 3, 64);
        play->set_back_ms = 0;
        play->chain.operators[2].name = "Writer";
        play->measure = (struct flink_measure){.pipeline = &play->chain.pipeline,
                                               .warm_up_ms = 5000,
                                               .latency_scale = 0.001,
                                               .latency_wanted = true,
                                               .restarts = -1};
}

static struct flink_sample *sample_of(const struct flink_moment *moment, const struct flink_job *job,
                                      const int *vertices)
{
        struct flink_sample *sample = flink_sample_new(3);
        char path[200];

        sample->received_ms = sample->steady_ms = moment->at_ms;
        flink_sample_job(flink_moment_get(moment, "/metrics?"), sample);
        flink_sample_workers(json_object_get(moment->answers, "/taskmanagers"),
                             json_object_get(moment->answers, "/taskmanagers/metrics?"), sample);
        for (int i = 0; i < 3; i++) {
                snprintf(path, sizeof path, "/vertices/%s", job->vertices[vertices[i]].id);
                flink_sample_vertex(flink_moment_get(moment, path), &sample->vertices[i]);
                strcat(path, "/subtasks/metrics?");
                flink_sample_metrics(flink_moment_get(moment, path), "work.arrivalLagMs",
                                     &sample->vertices[i]);
        }
        return sample;
}

static void observe(struct play *play, const struct flink_moment *moment, struct observation *ret_observation)
{
        autocall(flink_job_free) struct flink_job *job = NULL;
        int vertices[PIPELINE_MAX_OPERATORS];
        struct error err = ERROR_INIT;
        struct flink_sample *sample;

        assert_true(flink_job_read(flink_moment_get(moment, ""), &job, &err));
        assert_true(flink_job_match(job, &play->chain.pipeline, vertices, &err));
        observation_clear(ret_observation, moment->at_ms, 1, 3);
        ret_observation->configuration.count = 3;
        for (int i = 0; i < 3; i++)
                ret_observation->configuration.value[i] = NAN;
        sample = sample_of(moment, job, vertices);
        sample->received_ms -= play->set_back_ms;
        flink_measure_take(&play->measure, job, vertices, sample, ret_observation);
}

/* Moments of the recording, by what was done before them (its README). */
enum moment {
        STEADY = 0,   /* three, 600 records/s offered */
        OVERLOAD = 3, /* four, 2000 records/s; the operator "work" can take 4 / 3 ms */
        TOLD_7 = 7,
        STARTED = 9,      /* the first that shows the new attempt */
        CATCHING_UP = 10, /* four, 2000 records/s, 7 subtasks */
        RELAXED = 15,     /* 600 records/s */
        TOLD_40 = 16,     /* of which 12 fit */
        MOMENTS = 18,
};

struct story {
        struct flink_recording recording;
        struct play play;
        struct observation seen[MOMENTS];
};

static int story_open(void **state)
{
        struct story *story = memory_new(1, sizeof *story);

        story->recording = flink_recording_read(RECORDING);
        assert_int_equal(story->recording.count, MOMENTS);
        play_begin(&story->play);
        for (int i = 0; i < MOMENTS; i++)
                observe(&story->play, &story->recording.moments[i], &story->seen[i]);
        *state = story;
        return 0;
}

static int story_close(void **state)
{
        struct story *story = *state;

        flink_measure_free(&story->play.measure);
        flink_recording_free(&story->recording);
        free(story);
        return 0;
}

/* The recording, and a measure that has seen nothing of it yet. */
struct film {
        struct flink_recording recording;
        struct play play;
};

static int film_open(void **state)
{
        struct film *film = memory_new(1, sizeof *film);

        film->recording = flink_recording_read(RECORDING);
        play_begin(&film->play);
        *state = film;
        return 0;
}

static int film_close(void **state)
{
        struct film *film = *state;

        flink_measure_free(&film->play.measure);
        flink_recording_free(&film->recording);
        free(film);
        return 0;
}

/* A subtask of "work" sleeps 3 ms for each record; the operating system makes 3.02 ms of that. */
#define SUBTASK_PER_SECOND (1 / 0.00302)

static void expect_near(double value, double expected, double ratio)
{
        if (!(fabs(value - expected) <= ratio * expected))
                fail_msg("%g is not within %g %% of %g", value, 100 * ratio, expected);
}

static void test_rates_are_those_of_the_script(void **state)
{
        struct story *story = *state;

        for (int i = STEADY + 1; i < OVERLOAD; i++) {
                assert_int_equal(story->seen[i].missing, 0);
                assert_false(story->seen[i].restarting);
                expect_near(story->seen[i].offered_per_second, 600, 0.002);
                expect_near(story->seen[i].throughput_per_second, 600, 0.01);
                expect_near(story->seen[i].operators[1].in_per_second, 600, 0.01);
                expect_near(story->seen[i].operators[1].true_rate_per_second, 4 * SUBTASK_PER_SECOND, 0.03);
                expect_near(story->seen[i].operators[1].busy_ratio, 600 / (4 * SUBTASK_PER_SECOND), 0.03);
                assert_true(story->seen[i].operators[1].busy_ratio_max >=
                            story->seen[i].operators[1].busy_ratio);
                assert_true(story->seen[i].backlog_records == 0);
                assert_true(story->seen[i].operators[0].backlog_records == 0);
                assert_true(isnan(story->seen[i].operators[1].backlog_records));
                assert_true(story->seen[i].error_ratio == 0);
        }
}

static void test_the_first_window_has_no_rates(void **state)
{
        struct story *story = *state;

        assert_int_equal(story->seen[STEADY].missing, MISSING_RATES);
        assert_true(isnan(story->seen[STEADY].throughput_per_second));
        assert_false(story->seen[STEADY].counters_reset);
        assert_true(story->seen[STEADY].configuration.value[1] == 4);
        assert_int_equal(story->seen[STEADY].workers, 4);
        assert_int_equal(story->seen[STEADY].workers_ready, 4);
}

/*
 * No record ever waits in the source: they are read as they come, and fill network buffers. The job itself
 * measures how long ago the record arrived that is worked on ("work.arrivalLagMs"): what arrived since waits.
 */
static void test_what_fills_network_buffers_is_backlog(void **state)
{
        struct story *story = *state;

        for (int i = OVERLOAD + 1; i < TOLD_7; i++) {
                const struct observation *seen = &story->seen[i];

                expect_near(seen->offered_per_second, 2000, 0.002);
                expect_near(seen->throughput_per_second, 4 * SUBTASK_PER_SECOND, 0.02);
                expect_near(seen->operators[0].in_per_second, 2000, 0.002);
                assert_true(seen->operators[0].backlog_records == 0);
                assert_true(observation_falls_behind(seen));
                expect_near(seen->backlog_records - story->seen[i - 1].backlog_records,
                            (2000 - 4 * SUBTASK_PER_SECOND) * (double)seen->window_ms / 1000, 0.1);
                expect_near(seen->operators[1].busy_ratio, 1, 0.001);
        }
        expect_near(story->seen[TOLD_7 - 1].backlog_records,
                    story->seen[TOLD_7 - 1].latency_p99_seconds * 2000, 0.1);
        for (int i = CATCHING_UP; i < CATCHING_UP + 4; i++)
                expect_near(story->seen[i].throughput_per_second, 7 * SUBTASK_PER_SECOND, 0.02);
        assert_true(story->seen[RELAXED].backlog_records < 0.05 * story->seen[CATCHING_UP].backlog_records);
}

/* A window that is quiet first, so that its mean is, and ends with full buffers. */
static void test_a_burst_at_the_end_of_a_window(void **state)
{
        struct film *film = *state;
        struct observation seen;

        observe(&film->play, &film->recording.moments[STEADY], &seen);
        observe(&film->play, &film->recording.moments[STEADY + 1], &seen);
        observe(&film->play, &film->recording.moments[OVERLOAD + 1], &seen);
        assert_true(seen.operators[1].busy_ratio_max < 0.8);
        expect_near(seen.backlog_records,
                    (seen.offered_per_second - seen.operators[1].in_per_second) * (double)seen.window_ms /
                            1000,
                    0.15);
}

/* Who comes when buffers are full already sees it at once. */
static void test_full_buffers_from_the_start(void **state)
{
        struct film *film = *state;
        struct observation seen;

        observe(&film->play, &film->recording.moments[OVERLOAD + 2], &seen);
        observe(&film->play, &film->recording.moments[OVERLOAD + 3], &seen);
        expect_near(seen.backlog_records, seen.latency_p99_seconds * 2000, 0.1);
        expect_near(seen.throughput_per_second, 4 * SUBTASK_PER_SECOND, 0.02);
}

static json_t *subtasks_of_work(const struct flink_moment *moment)
{
        const char *path;
        json_t *answer;

        json_object_foreach(moment->answers, path,
                            answer) if (json_is_array(json_object_get(answer, "subtasks")) &&
                                        strcmp(json_string_value(json_object_get(answer, "name")), "work") ==
                                                0) return json_object_get(answer, "subtasks");
        return NULL;
}

/* As with a side output: the receiver counts half of what the sender does, and has nothing to wait for. */
static void test_counters_that_differ_are_no_backlog(void **state)
{
        struct film *film = *state;
        struct observation seen;

        for (int i = STEADY; i < OVERLOAD; i++) {
                size_t j;
                json_t *subtask;

                json_array_foreach(subtasks_of_work(&film->recording.moments[i]), j, subtask)
                {
                        json_t *metrics = json_object_get(subtask, "metrics");

                        json_object_set_new(metrics, "read-records",
                                            json_integer(json_integer_value(
                                                                 json_object_get(metrics, "read-records")) /
                                                         2));
                }
                observe(&film->play, &film->recording.moments[i], &seen);
                assert_true(i == STEADY || seen.backlog_records == 0);
                if (i > STEADY)
                        expect_near(seen.throughput_per_second, 600, 0.01);
        }
}

static void set_number(json_t *metrics, const char *key, double value)
{
        json_object_set_new(metrics, key, json_integer((json_int_t)value));
}

static double number(const json_t *metrics, const char *key)
{
        return json_number_value(json_object_get(metrics, key));
}

/* Since `from` the first of the subtasks of "work" took in half of what it was sent, and was busy all the
 * time. */
static void slow_down(const struct flink_moment *from, const struct flink_moment *moment)
{
        const json_t *before = json_object_get(json_array_get(subtasks_of_work(from), 0), "metrics");
        json_t *now = json_object_get(json_array_get(subtasks_of_work(moment), 0), "metrics");
        double read = number(before, "read-records"), idle = number(before, "accumulated-idle-time");

        set_number(now, "read-records", read + (number(now, "read-records") - read) / 2);
        set_number(now, "accumulated-busy-time",
                   number(now, "accumulated-busy-time") + number(now, "accumulated-idle-time") - idle);
        set_number(now, "accumulated-idle-time", idle);
}

/*
 * 600 records/s over four subtasks of which one takes 75 records/s and is sent 150: the operator can take
 * 300, though it goes on to take 525 until what waits has filled the network buffers.
 */
static void test_a_slow_subtask_is_the_limit_before_buffers_are_full(void **state)
{
        struct film *film = *state;
        struct observation seen;

        observe(&film->play, &film->recording.moments[STEADY], &seen);
        slow_down(&film->recording.moments[STEADY], &film->recording.moments[STEADY + 1]);
        observe(&film->play, &film->recording.moments[STEADY + 1], &seen);
        expect_near(seen.operators[1].in_per_second, 525, 0.02);
        expect_near(seen.operators[1].sustained_per_second, 300, 0.05);
}

/* As long as subtasks keep up nothing better is known than their busy time. */
static void test_what_is_sustained_is_told_of_full_subtasks(void **state)
{
        struct story *story = *state;

        assert_true(isnan(story->seen[OVERLOAD - 1].operators[1].sustained_per_second));
        for (int i = OVERLOAD + 1; i < TOLD_7; i++)
                expect_near(story->seen[i].operators[1].sustained_per_second, 4 * SUBTASK_PER_SECOND, 0.03);
}

/* The recorded answers' own durations: "work" was deployed and initialized within 0.3 s at first, in 1.9 s
 * with new TaskManagers. */
static void test_how_long_the_start_took(void **state)
{
        struct story *story = *state;

        assert_in_range((int)(1000 * story->seen[STEADY].start_seconds), 280, 400);
        assert_in_range((int)(1000 * story->seen[CATCHING_UP].start_seconds), 1300, 1500);
}

/* Deployed sooner, and ran for longer, than was recorded. */
static void set_attempt(json_t *subtask, double sooner_ms, double longer_ms, const char *status)
{
        json_t *durations = json_object_get(subtask, "status-duration");

        set_number(subtask, "start-time", number(subtask, "start-time") - sooner_ms);
        set_number(durations, "RUNNING", number(durations, "RUNNING") + longer_ms);
        json_object_set_new(subtask, "status", json_string(status));
}

/* Of all tasks three have run for an hour, as where Flink starts a region of the job again by itself: the
 * start took no hour. A source that has ended does not tell any more when it began. */
static void test_a_part_that_starts_again_is_a_start_of_its_own(void **state)
{
        struct flink_recording recording = flink_recording_read(RECORDING);
        json_t *subtasks = subtasks_of_work(&recording.moments[STEADY]);
        struct observation seen;
        struct play play;

        (void)state;
        play_begin(&play);
        for (size_t j = 0; j < 3; j++)
                set_attempt(json_array_get(subtasks, j), 3600e3, 3600e3, "RUNNING");
        observe(&play, &recording.moments[STEADY], &seen);
        assert_in_range((int)(1000 * seen.start_seconds), 280, 400);
        set_attempt(json_array_get(subtasks, 0), 0, -1800e3, "FINISHED");
        flink_measure_free(&play.measure);
        play_begin(&play);
        observe(&play, &recording.moments[STEADY], &seen);
        assert_in_range((int)(1000 * seen.start_seconds), 280, 400);
        flink_measure_free(&play.measure);
        flink_recording_free(&recording);
}

/* The job manager's clock was two days slow when it deployed the task. */
static void test_a_clock_that_was_set_is_no_start(void **state)
{
        struct film *film = *state;
        struct observation seen;

        set_attempt(json_array_get(subtasks_of_work(&film->recording.moments[STEADY]), 0), 48 * 3600e3, 0,
                    "RUNNING");
        observe(&film->play, &film->recording.moments[STEADY], &seen);
        assert_true(isnan(seen.start_seconds));
}

static void test_a_rescale_is_a_reset_and_no_restart(void **state)
{
        struct story *story = *state;
        const struct observation *seen = &story->seen[STARTED];

        assert_true(seen->counters_reset);
        assert_true(seen->restarting); /* warming up */
        /* Records wait since the overload, and the new source says that nothing does. */
        assert_int_equal(seen->missing, MISSING_RATES | MISSING_BACKLOG);
        assert_true(story->seen[TOLD_7 - 1].backlog_records > 1000);
        for (int i = 0; i < 3; i++)
                assert_true(seen->configuration.value[i] == 7);
        assert_false(story->seen[CATCHING_UP].counters_reset);
        assert_false(story->seen[CATCHING_UP].restarting);
        /* What waited is not load of the first window. */
        assert_true(isnan(story->seen[CATCHING_UP].offered_per_second));
        for (int i = 0; i < MOMENTS; i++)
                assert_int_equal(story->seen[i].restarts, 0);
        /* What runs, not what was wished for. */
        assert_true(story->seen[TOLD_40].configuration.value[1] == 12);
        assert_int_equal(story->seen[TOLD_40].workers, 12);
}

/* From the TaskManagers' flags: -Xmx192m, 128 MB of metaspace, 48 MB of network memory, none managed; a core
 * each of two. */
static void test_workers_memory_and_cpu(void **state)
{
        struct story *story = *state;
        const struct memory_observation *memory = &story->seen[STEADY].memory;

        expect_near(memory->heap.max_bytes, 192.0 * (1 << 20), 0.05);
        assert_true(memory->heap.used_bytes > 0 && memory->heap.used_bytes < memory->heap.max_bytes);
        assert_true(memory->metaspace.max_bytes == 128.0 * (1 << 20));
        assert_true(memory->network.max_bytes == 48.0 * (1 << 20));
        assert_true(memory->managed.used_bytes == 0 && memory->managed.max_bytes == 0);
        assert_true(memory->gc_ratio >= 0 && memory->gc_ratio < 0.05);
        assert_true(story->seen[STEADY].cpu_ratio > 0 && story->seen[STEADY].cpu_ratio < 0.2);
}

/* taskmanager.memory.*.size of the recording's cluster: 128 MB of task heap, 48 MB network, 128 MB metaspace.
 */
static void test_memory_knobs_are_what_workers_were_given(void **state)
{
        struct film *film = *state;
        static const struct {
                const char *name;
                double megabytes;
        } knobs[] = {{"memory.heap", 128}, {"memory.network", 48}, {"memory.metaspace", 128}};
        struct observation seen;

        for (int i = 0; i < 3; i++)
                film->play.chain.knobs[i] =
                        (struct knob){.name = knobs[i].name, .role = KNOB_MEMORY, .operator_index = -1};
        observe(&film->play, &film->recording.moments[STEADY], &seen);
        for (int i = 0; i < 3; i++)
                assert_true(seen.configuration.value[i] == knobs[i].megabytes * (1 << 20));
}

/* Other versions answer in other shapes: of the same job, with 3 subtasks of "work". */
static void test_other_versions(void **state)
{
        static const char *const recordings[] = {"tests/fixtures/flink/1.20.3-steady.jsonl",
                                                 "tests/fixtures/flink/2.3.0-steady.jsonl"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(recordings); i++) {
                struct flink_recording recording = flink_recording_read(recordings[i]);
                struct observation seen;
                struct play play;

                play_begin(&play);
                observe(&play, &recording.moments[0], &seen);
                observe(&play, &recording.moments[1], &seen);
                assert_int_equal(seen.missing, 0);
                expect_near(seen.offered_per_second, 600, 0.005);
                expect_near(seen.throughput_per_second, 600, 0.01);
                expect_near(seen.operators[1].true_rate_per_second, 3 * SUBTASK_PER_SECOND, 0.05);
                assert_true(seen.configuration.value[0] == 3 && seen.workers == 3);
                assert_true(seen.backlog_records == 0);
                assert_true(seen.memory.heap.max_bytes > 0 && seen.cpu_ratio > 0);
                flink_measure_free(&play.measure);
                flink_recording_free(&recording);
        }
}

/* ---- answers that are not whole ---- */

/* Plays two moments, the second one after `spoil` has changed its answers and somebody the clock. */
static void observe_spoilt(void (*spoil)(struct flink_moment *moment), struct observation *ret_observation)
{
        struct flink_recording recording = flink_recording_read(RECORDING);
        struct play play;

        play_begin(&play);
        observe(&play, &recording.moments[STEADY], ret_observation);
        spoil(&recording.moments[STEADY + 1]);
        play.set_back_ms = 3600 * MS_PER_SECOND;
        observe(&play, &recording.moments[STEADY + 1], ret_observation);
        flink_measure_free(&play.measure);
        flink_recording_free(&recording);
}

static json_t *answer_that_holds(struct flink_moment *moment, const char *part)
{
        const char *path;
        json_t *answer;

        json_object_foreach(moment->answers, path, answer)
        {
                autofree char *text = json_dumps(answer, 0);

                if (strstr(path, "/vertices/") && strstr(text, part))
                        return answer;
        }
        fail_msg("nothing holds %s", part);
        return NULL;
}

static json_t *first_metrics(struct flink_moment *moment)
{
        return json_object_get(json_array_get(json_object_get(answer_that_holds(moment, "\"name\": \"work\""),
                                                              "subtasks"),
                                              0),
                               "metrics");
}

static void lose_a_subtask(struct flink_moment *moment)
{
        json_object_set_new(first_metrics(moment), "read-records-complete", json_false());
}

static void send_nan(struct flink_moment *moment)
{
        json_object_set_new(first_metrics(moment), "accumulated-busy-time", json_string("NaN"));
}

static void send_words(struct flink_moment *moment)
{
        json_object_set_new(first_metrics(moment), "read-records", json_string("many"));
}

static void count_backwards(struct flink_moment *moment)
{
        json_object_set_new(first_metrics(moment), "read-records", json_integer(1));
}

static void lose_pending(struct flink_moment *moment)
{
        json_array_clear(answer_that_holds(moment, "pendingRecords"));
}

static void send_pending_nan(struct flink_moment *moment)
{
        json_t *list = answer_that_holds(moment, "pendingRecords");
        size_t i;
        json_t *item;

        json_array_foreach(list, i, item) json_object_set_new(item, "sum", json_string("NaN"));
}

static void show_created(struct flink_moment *moment)
{
        json_object_set_new(json_object_get(moment->answers, moment->job), "state", json_string("CREATED"));
}

static void test_what_is_not_said_is_missing(void **state)
{
        struct observation seen;

        (void)state;
        observe_spoilt(lose_a_subtask, &seen);
        assert_int_equal(seen.missing, MISSING_RATES);
        assert_true(isnan(seen.throughput_per_second) && isnan(seen.operators[1].in_per_second));
        observe_spoilt(send_words, &seen);
        assert_int_equal(seen.missing, MISSING_RATES);
        observe_spoilt(lose_pending, &seen);
        assert_int_equal(seen.missing, MISSING_BACKLOG);
        assert_true(isnan(seen.backlog_records) && isnan(seen.offered_per_second));
        expect_near(seen.throughput_per_second, 600, 0.01);
        observe_spoilt(send_pending_nan, &seen);
        assert_int_equal(seen.missing, MISSING_BACKLOG);
}

/* Flink says NaN of the busy time of sources of the old interface: the rate is known all the same, whatever
 * becomes of the calendar meanwhile. */
static void test_busy_time_that_is_not_known(void **state)
{
        struct observation seen;

        (void)state;
        observe_spoilt(send_nan, &seen);
        assert_int_equal(seen.missing, 0);
        assert_true(isnan(seen.operators[1].busy_ratio) && isnan(seen.operators[1].busy_ratio_max));
        assert_true(isnan(seen.operators[1].true_rate_per_second));
        expect_near(seen.operators[1].in_per_second, 600, 0.05);
}

static void test_counters_that_go_back_are_a_reset(void **state)
{
        struct observation seen;

        (void)state;
        observe_spoilt(count_backwards, &seen);
        assert_true(seen.counters_reset);
        assert_int_equal(seen.missing, MISSING_RATES);
}

/* While a job starts, Flink shows the parallelism of its submission. */
static void test_a_job_that_starts_has_no_configuration(void **state)
{
        struct observation seen;

        (void)state;
        observe_spoilt(show_created, &seen);
        assert_true(seen.restarting);
        assert_true(seen.missing & MISSING_CONFIGURATION);
        assert_true(isnan(seen.configuration.value[0]));
        assert_int_equal(seen.operators[0].parallelism, 0);
}

/* The fetcher is lazy: the same counters again are no window, and do not become zero rates. */
static void test_the_same_counters_again(void **state)
{
        struct film *film = *state;
        struct observation seen;

        observe(&film->play, &film->recording.moments[STEADY], &seen);
        observe(&film->play, &film->recording.moments[STEADY], &seen);
        assert_int_equal(seen.missing, MISSING_RATES);
        observe(&film->play, &film->recording.moments[STEADY + 1], &seen);
        assert_int_equal(seen.missing, 0);
        expect_near(seen.offered_per_second, 600, 0.002);
}

/* The same job under a new id, as after a restart from a savepoint. */
static void test_a_job_with_a_new_id(void **state)
{
        struct film *film = *state;
        struct observation seen;

        observe(&film->play, &film->recording.moments[STEADY], &seen);
        json_object_set_new(json_object_get(film->recording.moments[STEADY + 1].answers,
                                            film->recording.moments[0].job),
                            "jid", json_string("0123456789abcdef0123456789abcdef"));
        observe(&film->play, &film->recording.moments[STEADY + 1], &seen);
        assert_true(seen.counters_reset);
}

/* ---- which metrics there are ---- */

static void test_names_that_are_asked_for(void **state)
{
        struct flink_recording recording = flink_recording_read(RECORDING);
        struct flink_names names;
        char path[200];

        (void)state;
        snprintf(path, sizeof path, "/vertices/%s/subtasks/metrics", "e5a72f353fc1e6bbf3bd96a41384998c");
        flink_names_read(flink_moment_get(&recording.moments[0], path), true, NULL, &names);
        assert_non_null(strstr(names.query, "Source__source.pendingRecords"));
        assert_non_null(strstr(names.query, "&agg=sum,avg,max"));
        flink_names_free(&names);
        snprintf(path, sizeof path, "/vertices/%s/subtasks/metrics", "674df9b0384c0348e0b9d1034a44c46c");
        flink_names_read(flink_moment_get(&recording.moments[0], path), false, "work.arrivalLagMs", &names);
        assert_string_equal(names.query, "?get=work.arrivalLagMs&agg=sum,avg,max");
        flink_names_free(&names);
        flink_names_read(flink_moment_get(&recording.moments[0], path), false, NULL, &names);
        assert_null(names.query);
        flink_recording_free(&recording);
}

/* As Flink's Kafka source names them (docs of the Kafka connector, "Monitoring"). */
static void test_partitions_of_kafka_are_counted(void **state)
{
        autojson *list =
                json_pack("[{s:s},{s:s},{s:s},{s:s}]", "id",
                          "Source__in.KafkaSourceReader.topic.orders.partition.0.currentOffset", "id",
                          "Source__in.KafkaSourceReader.topic.orders.partition.0.committedOffset", "id",
                          "Source__in.KafkaSourceReader.topic.orders.partition.1.currentOffset", "id",
                          "numRecordsIn");
        struct flink_names names;

        (void)state;
        flink_names_read(list, true, NULL, &names);
        assert_int_equal(names.partitions, 2);
        assert_null(names.query);
        flink_names_read(list, false, NULL, &names);
        assert_int_equal(names.partitions, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_rates_are_those_of_the_script, story_open, story_close),
                cmocka_unit_test_setup_teardown(test_the_first_window_has_no_rates, story_open, story_close),
                cmocka_unit_test_setup_teardown(test_what_fills_network_buffers_is_backlog, story_open,
                                                story_close),
                cmocka_unit_test_setup_teardown(test_what_is_sustained_is_told_of_full_subtasks, story_open,
                                                story_close),
                cmocka_unit_test_setup_teardown(test_how_long_the_start_took, story_open, story_close),
                cmocka_unit_test(test_a_part_that_starts_again_is_a_start_of_its_own),
                cmocka_unit_test_setup_teardown(test_a_clock_that_was_set_is_no_start, film_open, film_close),
                cmocka_unit_test_setup_teardown(test_a_slow_subtask_is_the_limit_before_buffers_are_full,
                                                film_open, film_close),
                cmocka_unit_test_setup_teardown(test_a_rescale_is_a_reset_and_no_restart, story_open,
                                                story_close),
                cmocka_unit_test_setup_teardown(test_workers_memory_and_cpu, story_open, story_close),
                cmocka_unit_test_setup_teardown(test_a_burst_at_the_end_of_a_window, film_open, film_close),
                cmocka_unit_test_setup_teardown(test_full_buffers_from_the_start, film_open, film_close),
                cmocka_unit_test_setup_teardown(test_counters_that_differ_are_no_backlog, film_open,
                                                film_close),
                cmocka_unit_test_setup_teardown(test_memory_knobs_are_what_workers_were_given, film_open,
                                                film_close),
                cmocka_unit_test(test_other_versions),
                cmocka_unit_test(test_what_is_not_said_is_missing),
                cmocka_unit_test(test_busy_time_that_is_not_known),
                cmocka_unit_test(test_counters_that_go_back_are_a_reset),
                cmocka_unit_test(test_a_job_that_starts_has_no_configuration),
                cmocka_unit_test_setup_teardown(test_the_same_counters_again, film_open, film_close),
                cmocka_unit_test_setup_teardown(test_a_job_with_a_new_id, film_open, film_close),
                cmocka_unit_test(test_names_that_are_asked_for),
                cmocka_unit_test(test_partitions_of_kafka_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a real Prometheus 2.42 said of a real Flink 2.2.1 (tests/e2e/record_prometheus), held against what
 * Flink's REST API said of the same minute: the collector must say the same within a few percent.
 */
#include <jansson.h>

#include "core/json.h"
#include "tests/collectors/prometheus_stage.h"

#define FIXTURES "tests/fixtures/prometheus/"

static char *read_fixture(const char *folder, const char *name)
{
        autofree char *path = memory_format(FIXTURES "%s%s", folder, name);
        struct error err = ERROR_INIT;
        char *text;

        if (!text_read_file(path, 1 << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        return text;
}

/* The server's clock as it was then. */
static double time_of(const char *answer)
{
        autojson *root = json_loads(answer, 0, NULL);
        json_t *result = json_object_get(json_object_get(root, "data"), "result");

        return json_number_value(json_array_get(json_object_get(json_array_get(result, 0), "value"), 0));
}

struct scene {
        struct prometheus_stage stage;
        char *now, *before;
        double at_seconds;
};

static json_t *read_rest(const char *folder)
{
        autofree char *text = read_fixture(folder, "/rest.json");
        json_t *rest = json_loads(text, 0, NULL);

        assert_non_null(rest);
        return rest;
}

static char *serve_scene(void *context, const struct scripted_request *request,
                         struct scripted_answer *answer)
{
        const struct scene *scene = context;
        const char *time = strstr(request->path, "&time=");

        (void)answer;
        if (time)
                assert_true(fabs(strtod(time + 6, NULL) - (scene->at_seconds - 60)) < 0.002);
        return memory_copy_text(time ? scene->before : scene->now);
}

static void open_scene(struct scene *scene, const char *folder)
{
        prometheus_stage_open(&scene->stage, "job: rate-job\nworkerCpus: 1\n");
        scene->now = read_fixture(folder, "/now.json");
        scene->before = read_fixture(folder, "/before.json");
        scene->at_seconds = time_of(scene->now);
        scripted_peer_answer(scene->stage.http->script, GET_QUERY,
                             &(struct scripted_answer){.by = serve_scene, .context = scene});
        prometheus_stage_turn(&scene->stage);
}

static void close_scene(struct scene *scene)
{
        prometheus_stage_close(&scene->stage);
        free(scene->now);
        free(scene->before);
}

static void near(const char *name, const char *what, double found, double wanted, double ratio, double more)
{
        if (!(fabs(found - wanted) <= ratio * fabs(wanted) + more))
                fail_msg("%s: %s is %g; the REST API says %g", name, what, found, wanted);
}

/* Rates within 3 %, shares of time within 0.03. */
static void compare(const struct observation *seen, const char *folder)
{
        autojson *rest = read_rest(folder);
        static const char *const names[] = {"Source: source", "work", "sink: Writer"};
        const json_t *vertices = json_object_get(rest, "vertices");

        for (int i = 0; i < 3; i++) {
                const struct operator_observation *operator= & seen->operators[i];
                const json_t *vertex = json_object_get(vertices, names[i]);

#define SAID(name) json_number_value(json_object_get(vertex, name))
                assert_int_equal(operator->parallelism, SAID("parallelism"));
                near(names[i], "in", operator->in_per_second, SAID("in_per_second"), 0.03, 0);
                near(names[i], "out", operator->out_per_second, SAID("out_per_second"), 0.03, 0);
                near(names[i], "busy", operator->busy_ratio, SAID("busy_ratio"), 0, 0.03);
                near(names[i], "backpressure", operator->backpressure_ratio, SAID("backpressure_ratio"), 0,
                     0.03);
#undef SAID
        }
        assert_int_equal(seen->workers, json_integer_value(json_object_get(rest, "workers")));
        assert_int_equal(seen->restarts, json_integer_value(json_object_get(rest, "restarts")));
}

static void test_steady(void **state)
{
        struct scene scene;
        const struct observation *seen = &scene.stage.seen;

        (void)state;
        open_scene(&scene, "steady");
        compare(seen, "steady");
        assert_int_equal(seen->missing, 0);
        assert_false(seen->restarting || seen->counters_reset);
        assert_true(seen->window_ms > 50000 && seen->window_ms < 70000);
        near("job", "throughput", seen->throughput_per_second, 600, 0.02, 0); /* the load that was given */
        near("job", "offered", seen->offered_per_second, 600, 0.02, 0);
        near("work", "rate", seen->operators[1].true_rate_per_second, 600.41 / 0.8138, 0.04, 0);
        assert_true(seen->latency_p50_seconds > 0 && seen->latency_p50_seconds <= seen->latency_p99_seconds);
        assert_true(seen->memory.heap.used_bytes > 1e6 &&
                    seen->memory.heap.used_bytes < seen->memory.heap.max_bytes);
        assert_true(seen->memory.network.max_bytes == 48 << 20); /* as it was configured */
        assert_true(seen->memory.gc_ratio >= 0 && seen->memory.gc_ratio < 0.5);
        assert_true(seen->cpu_ratio > 0 && seen->cpu_ratio < 2);
        close_scene(&scene);
}

/* The job's source tells its backlog when it reads, which is rarely now: of 1,500/s that arrive some are not
 * seen. */
static void test_overload(void **state)
{
        autojson *rest = read_rest("overload");
        struct scene scene;
        const struct observation *seen = &scene.stage.seen;

        (void)state;
        open_scene(&scene, "overload");
        compare(seen, "overload");
        assert_int_equal(seen->missing, 0);
        near("job", "backlog", seen->backlog_records,
             json_number_value(json_object_get(rest, "backlog_records")), 0.2, 500);
        assert_true(seen->operators[1].busy_ratio > 0.98);
        assert_true(observation_falls_behind(seen));
        close_scene(&scene);
}

/* The window holds a rescale from 3 to 5: no rate can be told, the new size can. */
static void test_rescaled(void **state)
{
        struct scene scene;
        const struct observation *seen = &scene.stage.seen;

        (void)state;
        open_scene(&scene, "rescaled");
        assert_true(seen->counters_reset);
        assert_int_equal(seen->missing, MISSING_RATES);
        assert_true(isnan(seen->throughput_per_second));
        assert_true(seen->configuration.value[1] == 5);
        assert_int_equal(seen->restarts, 1);
        close_scene(&scene);
}

/* A task manager stopped answering seconds ago; the job goes on, as far as its job manager knows. */
static void test_stuck_worker(void **state)
{
        struct scene scene;
        const struct observation *seen = &scene.stage.seen;

        (void)state;
        open_scene(&scene, "stuck");
        assert_true(seen->missing & MISSING_RATES);
        assert_false(seen->counters_reset || seen->restarting);
        assert_true(isnan(seen->throughput_per_second));
        assert_int_equal(seen->operators[1].parallelism, 5);
        close_scene(&scene);
}

/* It was killed, and the job restarts without it. */
static void test_lost_worker(void **state)
{
        struct scene scene;
        const struct observation *seen = &scene.stage.seen;

        (void)state;
        open_scene(&scene, "lost");
        assert_true(seen->restarting || seen->counters_reset);
        assert_true(seen->missing & MISSING_RATES);
        assert_true(isnan(seen->throughput_per_second));
        assert_true(seen->restarts >= 2);
        close_scene(&scene);
}

/* ---- the same minute from the reporters' own pages ---- */

#define REPORTERS 4

struct pages {
        struct prometheus_stage stage;
        bool later;
};

/* Its first line is the time at which it was taken, in a comment. */
static char *serve_page(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        const struct pages *pages = context;

        answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
        return read_fixture(pages->later ? "steady/pages-now" : "steady/pages-before", request->path);
}

static int64_t page_time_ms(const char *folder)
{
        autofree char *page = read_fixture(folder, "/1.txt");

        return (int64_t)(strtod(page + 2, NULL) * 1000);
}

static void test_reporters(void **state)
{
        struct pages pages = {.later = false};
        struct prometheus_stage *stage = &pages.stage;
        autotext options = {0};

        (void)state;
        prometheus_stage_begin(stage);
        text_put(&options, "job: rate-job\nscrape:\n");
        for (int i = 0; i < REPORTERS; i++)
                text_format(&options, "- %s/%d.txt\n", scripted_peer_url(stage->http->script), i);
        if (!prometheus_stage_try(stage, options.data))
                fail_msg("%s", stage->err.message);
        scripted_peer_answer(stage->http->script, "GET *",
                             &(struct scripted_answer){.by = serve_page, .context = &pages});
        prometheus_stage_turn(stage);
        pages.later = true;
        prometheus_stage_pass(stage, page_time_ms("steady/pages-now") - page_time_ms("steady/pages-before"));
        prometheus_stage_turn(stage);
        compare(&stage->seen, "steady");
        assert_int_equal(stage->seen.missing, 0);
        near("job", "throughput", stage->seen.throughput_per_second, 600, 0.03, 0);
        assert_int_equal(scripted_peer_count(stage->http->script, "GET *"), 2 * REPORTERS);
        prometheus_stage_close(stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_steady),      cmocka_unit_test(test_overload),
                cmocka_unit_test(test_rescaled),    cmocka_unit_test(test_stuck_worker),
                cmocka_unit_test(test_lost_worker), cmocka_unit_test(test_reporters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job's state and graph, from what real Flinks answered (tests/fixtures/flink) and from answers that lie.
 */
#include <math.h>

#include "engines/flink/job.h"
#include "tests/support/flink.h"

static struct flink_job *read_job(const json_t *answer)
{
        struct error err = ERROR_INIT;
        struct flink_job *job = NULL;

        if (!flink_job_read(answer, &job, &err))
                fail_msg("%s", err.message);
        return job;
}

static struct flink_job *read_text(const char *text)
{
        struct error err = ERROR_INIT;
        autojson *answer = NULL;

        if (!json_parse_text(text, strlen(text), "answer", &answer, &err))
                fail_msg("%s", err.message);
        return read_job(answer);
}

/* The job of the recordings: "Source: source" -hash-> "work" -rebalance-> "sink: Writer". */
static void expect_graph(const struct flink_job *job)
{
        assert_int_equal(job->n_vertices, 3);
        assert_string_equal(job->vertices[0].name, "Source: source");
        assert_string_equal(job->vertices[0].short_name, "source");
        assert_string_equal(job->vertices[1].short_name, "work");
        assert_string_equal(job->vertices[2].short_name, "Writer");
        assert_true(job->vertices[0].source);
        assert_false(job->vertices[1].source);
        assert_int_equal(job->vertices[1].max_parallelism, 128);
        assert_int_equal(job->n_edges, 2);
        assert_int_equal(job->edges[0].from, 0);
        assert_int_equal(job->edges[0].to, 1);
        assert_true(job->edges[0].hash);
        assert_false(job->edges[1].hash);
}

static void test_a_recorded_job(void **state)
{
        struct flink_recording recording =
                flink_recording_read("tests/fixtures/flink/2.2.1-load-and-rescale.jsonl");
        autocall(flink_job_free) struct flink_job *job = NULL;

        (void)state;
        job = read_job(flink_moment_get(&recording.moments[0], ""));
        expect_graph(job);
        assert_string_equal(job->name, "rate-job");
        assert_true(flink_job_is_up(job));
        assert_int_equal(job->vertices[1].parallelism, 4);
        assert_int_equal(flink_job_slots(job), 4);
        flink_recording_free(&recording);
}

#define HEAD                                                                                                 \
        "{\"jid\":\"b4cf755675fb61ffa9c6e76da43065b5\",\"name\":\"j\",\"state\":\"RUNNING\",\"vertices\":["
#define VERTEX(digit, name, parallelism, running, group)                                                     \
        "{\"id\":\"" digit "000000000000000000000000000000a\",\"name\":\"" name                              \
        "\",\"parallelism\":" parallelism ",\"maxParallelism\":128,\"tasks\":{\"RUNNING\":" running          \
        "},\"slotSharingGroupId\":\"" group "\"}"

static void test_names_are_short_where_that_is_clear(void **state)
{
        autocall(flink_job_free) struct flink_job *job =
                read_text(HEAD VERTEX("0", "Source: in", "1", "1",
                                      "a") "," VERTEX("1", "sink: Writer", "1", "1",
                                                      "a") "," VERTEX("2", "copy: Writer", "1", "1",
                                                                      "a") "," VERTEX("3", "odd: ", "1", "1",
                                                                                      "a") "]}");

        (void)state;
        assert_string_equal(job->vertices[0].short_name, "in");
        assert_string_equal(job->vertices[1].short_name, "sink: Writer");
        assert_string_equal(job->vertices[2].short_name, "copy: Writer");
        assert_string_equal(job->vertices[3].short_name, "odd: ");
}

/* Flink takes a program with two operators "Map", and a guess would steer the wrong one. */
static void test_vertices_of_the_same_name_are_told_apart(void **state)
{
        autocall(flink_job_free) struct flink_job *job =
                read_text(HEAD VERTEX("0", "Source: in", "1", "1",
                                      "a") "," VERTEX("1", "Map", "1", "1", "a") "," VERTEX("2", "Map", "1",
                                                                                            "1", "a") "]}");
        struct operator_info operators[] = {{.name = "in", .source = true}, {.name = "Map@20000000"}};
        struct pipeline pipeline = {.n_operators = 2, .operators = operators};
        int vertices[PIPELINE_MAX_OPERATORS];
        struct error err = ERROR_INIT;

        (void)state;
        assert_string_equal(job->vertices[1].short_name, "Map@10000000");
        assert_string_equal(job->vertices[2].short_name, "Map@20000000");
        assert_true(flink_job_match(job, &pipeline, vertices, &err));
        assert_int_equal(vertices[1], 2);
        operators[1].name = "Map";
        assert_false(flink_job_match(job, &pipeline, vertices, &err));
        assert_string_equal(err.reason, "OperatorAmbiguous");
        assert_non_null(strstr(err.message, "expected one of \"Map@10000000\", \"Map@20000000\""));
}

/* Flink names a vertex after all that is chained in it, and a spec takes 200 bytes for a name. */
static void test_long_names_are_cut(void **state)
{
        char name[3001], text[4000];
        struct flink_job *job;

        (void)state;
        for (size_t i = 0; i + 1 < sizeof name; i += 2)
                memcpy(name + i, "\u00fc", 2);
        name[sizeof name - 1] = '\0';
        snprintf(text, sizeof text,
                 HEAD "{\"id\":\"c27dcf7b54ef6bfd6cff02ca8870b681\",\"name\":\"Source: %s\"}]}", name);
        job = read_text(text);
        assert_int_equal(strlen(job->vertices[0].short_name), 200);
        assert_non_null(strstr(job->vertices[0].short_name, "\u00fc?@c27dcf7b"));
        assert_true(strlen(job->vertices[0].name) <= 1000);
        flink_job_free(job);
}

/* They are shown on terminals. */
static void test_names_are_one_line(void **state)
{
        autocall(flink_job_free) struct flink_job *job =
                read_text(HEAD VERTEX("0", "Source: \\u001b]0;x\\u0007a\\nb\\u009bc", "1", "1", "a") "]}");

        (void)state;
        assert_string_equal(job->vertices[0].name, "Source:  ]0;x a b c");
        assert_string_equal(job->vertices[0].short_name, " ]0;x a b c");
}

static void test_operators_find_their_vertices(void **state)
{
        autocall(flink_job_free) struct flink_job *job =
                read_text(HEAD VERTEX("0", "Source: in", "1", "1", "a") "," VERTEX("1", "sink: Writer", "1",
                                                                                   "1", "a") "]}");
        struct operator_info operators[] = {{.name = "in", .source = true}, {.name = "sink: Writer"}};
        struct pipeline pipeline = {.n_operators = 2, .operators = operators};
        int vertices[PIPELINE_MAX_OPERATORS];
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(flink_job_match(job, &pipeline, vertices, &err));
        assert_int_equal(vertices[0], 0);
        assert_int_equal(vertices[1], 1);
        operators[1].name = "Wrtier";
        assert_false(flink_job_match(job, &pipeline, vertices, &err));
        assert_int_equal(err.code, ERROR_NOT_FOUND);
        assert_non_null(strstr(err.message, "no vertex for operator \"Wrtier\"; it has \"in\", \"Writer\""));
}

/* Taken over by a new job manager, a job shows no vertices at first. */
static void test_a_job_without_a_graph_is_asked_again(void **state)
{
        autocall(flink_job_free) struct flink_job *job = read_text(HEAD "]}");
        struct operator_info operators[] = {{.name = "in", .source = true}};
        struct pipeline pipeline = {.n_operators = 1, .operators = operators};
        int vertices[PIPELINE_MAX_OPERATORS];
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(flink_job_match(job, &pipeline, vertices, &err));
        assert_int_equal(err.code, ERROR_UNAVAILABLE);
        assert_true(err.retry);
}

static void test_slots_are_shared_within_a_group(void **state)
{
        autocall(flink_job_free) struct flink_job *job =
                read_text(HEAD VERTEX("0", "a", "3", "3", "x") "," VERTEX("1", "b", "5", "5",
                                                                          "x") "," VERTEX("2", "c", "2", "1",
                                                                                          "y") "]}");

        (void)state;
        assert_int_equal(flink_job_slots(job), 7);
        assert_false(flink_job_is_up(job));
}

static void refuse(const char *text)
{
        struct error err = ERROR_INIT;
        struct flink_job *job = NULL;
        autojson *answer = json_loads(text, JSON_DECODE_ANY, NULL);

        assert_non_null(answer);
        assert_false(flink_job_read(answer, &job, &err));
        assert_null(job);
        assert_int_equal(err.code, ERROR_INCOMPLETE);
}

static void test_answers_that_are_no_job(void **state)
{
        (void)state;
        refuse("[]");
        refuse("{}");
        refuse("\"RUNNING\"");
        refuse("{\"jid\":\"../../x\",\"name\":\"j\",\"state\":\"RUNNING\",\"vertices\":[]}");
        refuse("{\"jid\":\"b4cf755675fb61ffa9c6e76da43065b5\",\"name\":7,\"state\":\"RUNNING\",\"vertices\":["
               "]}");
        refuse("{\"jid\":\"b4cf755675fb61ffa9c6e76da43065b5\",\"name\":\"j\",\"state\":\"RUNNING\"}");
        refuse(HEAD "{\"id\":\"zz\",\"name\":\"a\"}]}");
        refuse(HEAD "{\"id\":\"0000000000000000000000000000000a\"}]}");
}

static void test_numbers_as_flink_writes_them(void **state)
{
        static const struct {
                const char *text;
                double value;
        } cases[] = {
                {"12", 12},       {"1.5", 1.5},      {"\"17\"", 17}, {"\"NaN\"", NAN}, {"null", NAN},
                {"-1", NAN},      {"1e300", NAN},    {"true", NAN},  {"[1]", NAN},     {"\"\"", NAN},
                {"\"1 2\"", NAN}, {"\"-0.5\"", NAN}, {"0.0", 0},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autojson *value = json_loads(cases[i].text, JSON_DECODE_ANY, NULL);
                double number = flink_number(value);

                if (isnan(cases[i].value) ? !isnan(number) : number != cases[i].value)
                        fail_msg("%s is %g", cases[i].text, number);
        }
        assert_true(isnan(flink_number(NULL)));
}

/* ---- which job ---- */

#define A "\"jid\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
#define B "\"jid\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\""

static const char *choose(const char *jobs, const char *wanted, enum error_code code)
{
        static char id[FLINK_ID_ROOM];
        struct error err = ERROR_INIT;
        autofree char *text = memory_format("{\"jobs\":[%s]}", jobs);
        autojson *overview = json_loads(text, 0, NULL);
        bool found;

        assert_non_null(overview);
        memset(id, 0, sizeof id);
        found = flink_job_choose(overview, wanted, id, &err);
        assert_int_equal(found ? ERROR_NONE : err.code, code);
        return found ? id : memory_copy_text(err.message);
}

static void expect_words(const char *jobs, const char *wanted, enum error_code code, const char *words)
{
        const char *message = choose(jobs, wanted, code);

        if (!strstr(message, words))
                fail_msg("\"%s\" lacks \"%s\"", message, words);
        free((void *)(uintptr_t)message);
}

static void test_the_job_is_found_by_name_again(void **state)
{
        const char *jobs = "{" A ",\"name\":\"j\",\"state\":\"FINISHED\",\"start-time\":1},"
                           "{" B ",\"name\":\"j\",\"state\":\"RUNNING\",\"start-time\":2}";

        (void)state;
        assert_string_equal(choose(jobs, "j", ERROR_NONE), "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
        assert_string_equal(choose(jobs, NULL, ERROR_NONE), "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
        expect_words(jobs, "k", ERROR_NOT_FOUND,
                     "no job \"k\" there; what runs is \"j\" (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)");
        expect_words("", NULL, ERROR_NOT_FOUND, "no job there");
        assert_string_equal(choose("{" A ",\"name\":\"j\",\"state\":\"FAILED\",\"start-time\":3},"
                                   "{" B ",\"name\":\"j\",\"state\":\"CANCELED\",\"start-time\":2}",
                                   "j", ERROR_NONE),
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static void test_one_of_several_must_be_named(void **state)
{
        const char *jobs = "{" A ",\"name\":\"j\",\"state\":\"RUNNING\"},"
                           "{" B ",\"name\":\"j\",\"state\":\"RESTARTING\"}";

        (void)state;
        expect_words(jobs, NULL, ERROR_INPUT, "2 jobs run there");
        expect_words(jobs, "j", ERROR_INPUT, "expected the name or id of one in the engine's `job`");
        assert_string_equal(choose(jobs, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ERROR_NONE),
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_recorded_job),
                cmocka_unit_test(test_names_are_short_where_that_is_clear),
                cmocka_unit_test(test_vertices_of_the_same_name_are_told_apart),
                cmocka_unit_test(test_long_names_are_cut),
                cmocka_unit_test(test_names_are_one_line),
                cmocka_unit_test(test_operators_find_their_vertices),
                cmocka_unit_test(test_a_job_without_a_graph_is_asked_again),
                cmocka_unit_test(test_slots_are_shared_within_a_group),
                cmocka_unit_test(test_answers_that_are_no_job),
                cmocka_unit_test(test_numbers_as_flink_writes_them),
                cmocka_unit_test(test_the_job_is_found_by_name_again),
                cmocka_unit_test(test_one_of_several_must_be_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

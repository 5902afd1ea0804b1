/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TuningStudies whose trials leave several numbers: constraints, and the front of two measures. What a trial
 * with n leaves is a cost of n and 7 - n by which it is late, so that what is best is known.
 */
#include "controller/operator/study_measures.h"
#include "tests/support/tuning_scene.h"

#define TRIALS 12
#define SPEC(rest)                                                                                           \
        "{\"tuning\": {\"podTemplate\": \"work\", \"trials\": 12, \"timeLimitSeconds\": 90, "                \
        "\"parameters\": [{\"name\": \"n\", \"low\": 1, \"high\": 12}], " rest "}, \"parallelism\": 3}"
#define VALUES "\"values\": [{\"name\": \"cost\", \"path\": \"runs.0.cost\"}, {\"name\": \"late\"}]"

#define RUNS        "Accepted=True/Valid Complete=False/Running Failed=False/NotFailed"
#define COMPLETES   "Accepted=True/Valid Complete=True/Done Failed=False/NotFailed"
#define FAILED(why) "Accepted=True/Valid Complete=False/Failed Failed=True/" why

static void run(struct scene *scene, int trial)
{
        int n = setting_of(scene, trial);
        autofree char *message =
                memory_format("{\"runs\": [{\"cost\": %d}], \"late\": %d, \"note\": \"x\"}\n", n, 7 - n);

        end_well(scene, trial, message);
}

/* By an operator that is started anew after each batch: what it goes by is in the cluster. */
static void run_all(struct scene *scene)
{
        for (int trial = 1; trial <= TRIALS; trial++) {
                run(scene, trial);
                if (trial % 3 == 0)
                        start_anew(scene);
        }
}

static double number_at(const json_t *row, const char *key)
{
        const char *text;

        return json_find_text(row, key, &text) ? strtod(text, NULL) : NAN;
}

/* Of `values` of a row; NAN: it does not say. */
static double value_of(const struct scene *scene, int trial, const char *name)
{
        const json_t *one;
        size_t i;

        json_array_foreach(json_object_get(row_of(scene, trial), "values"), i, one)
        {
                if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
                        return number_at(one, "value");
        }
        return NAN;
}

/* ---- scenes ---- */

static void the_best_keeps_the_constraints(void **state)
{
        struct scene scene = {0};
        const json_t *best;

        (void)state;
        open_tuning(&scene,
                    SPEC("\"minimize\": \"cost\", " VALUES ", \"constraints\": [{\"value\": \"late\", "
                         "\"max\": 0}]"));
        run_all(&scene);
        check_conditions(&scene, COMPLETES);
        best = json_object_get(status_of(&scene), "bestTrial");
        assert_float_equal(number_at(best, "value"), 7, 0);
        for (int i = 1; i <= TRIALS; i++) {
                int n = setting_of(&scene, i);

                assert_string_equal(of_trial(&scene, i, "state"), "Succeeded");
                assert_int_equal(atoi(of_trial(&scene, i, "value")), n);
                assert_float_equal(value_of(&scene, i, "late"), 7 - n, 0);
                assert_true(isnan(value_of(&scene, i, "cost")));
                assert_string_equal(of_trial(&scene, i, "constraints"), n >= 7 ? "Kept" : "Broken");
        }
        assert_null(json_object_get(status_of(&scene), "front"));
        close_scene(&scene);
}

/* No trial beats another in both: of those that cost no more than 5 each stays. */
static void a_front_of_what_keeps_the_constraints(void **state)
{
        struct scene scene = {0};
        const json_t *front;

        (void)state;
        open_tuning(&scene, SPEC("\"minimize\": \"cost\", \"alsoMinimize\": \"late\", " VALUES
                                 ", \"constraints\": [{\"value\": \"cost\", \"max\": \"5\"}]"));
        run_all(&scene);
        check_conditions(&scene, COMPLETES);
        front = json_object_get(status_of(&scene), "front");
        assert_int_equal(json_array_size(front), 5);
        for (int n = 1; n <= 5; n++) {
                const json_t *one = json_array_get(front, (size_t)n - 1);
                int trial = (int)json_integer_value(json_object_get(one, "trial"));

                assert_int_equal(setting_of(&scene, trial), n);
                assert_float_equal(number_at(one, "value"), n, 0);
                assert_float_equal(number_at(one, "second"), 7 - n, 0);
        }
        assert_null(json_object_get(status_of(&scene), "bestTrial"));
        assert_non_null(strstr(message_of(&scene, "Complete"),
                               "All 12 trials are over; no other beats in both measures: trials "));
        close_scene(&scene);
}

static void no_trial_that_keeps_the_constraints(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene,
                    SPEC("\"minimize\": \"cost\", " VALUES ", \"constraints\": [{\"value\": \"late\", "
                         "\"max\": -6}]"));
        run_all(&scene);
        check_conditions(&scene, FAILED("NoTrialKeptConstraints"));
        assert_int_equal(number_of(&scene, "failed"), 0);
        assert_null(json_object_get(status_of(&scene), "bestTrial"));
        close_scene(&scene);
}

/* What is asked for and not told is a failure; what is told beside it does not matter. */
static void messages_that_do_not_tell(void **state)
{
        static const char *const messages[] = {"{\"runs\": [{\"cost\": 1}]}",
                                               "{\"late\": 1, \"cost\": 1}",
                                               "{\"runs\": {\"0\": {\"cost\": 1}}, \"late\": \"1\"}",
                                               "7",
                                               "{\"runs\": [{\"cost\": 1}], \"late\": 1",
                                               "{\"runs\": [{\"cost\": 1e999}], \"late\": 1}"};
        static const char *const missing[] = {"late", "cost", "late", "cost", "cost", "cost"};
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, SPEC("\"minimize\": \"cost\", \"alsoMinimize\": \"late\", " VALUES));
        for (int i = 0; i < (int)ARRAY_LENGTH(messages); i++) {
                autofree char *words = memory_format("Its message does not tell %s.", missing[i]);

                end_well(&scene, i + 1, messages[i]);
                pass(&scene, 60);
                assert_string_equal(of_trial(&scene, i + 1, "state"), "Failed");
                assert_string_equal(of_trial(&scene, i + 1, "message"), words);
        }
        close_scene(&scene);
}

/* A message of the length that there is room for (4096 bytes) is as deep as it likes, and its numbers as
 * long; of two that are called the same the last one counts. */
static void odd_messages(void **state)
{
        struct scene scene = {0};
        autotext deep = {0}, shut = {0};

        (void)state;
        for (int i = 0; i < 2000; i++)
                text_put(&deep, "[");
        for (int i = 0; i < 4096; i++)
                text_put(&shut, "[");
        for (int i = 0; i < 2000; i++)
                text_put(&deep, "]");
        autofree char *nested = memory_format("{\"late\": 3, \"deep\": %s}", deep.data);
        const char *const messages[] = {nested, "{\"late\": 7, \"seed\": 18446744073709551615, \"late\": 4}",
                                        shut.data, "{\"late\": 1, \"loss\": NaN}",
                                        "{\"late\": 99999999999999999999}"};
        static const char *const values[] = {"3", "4", "", "", "1e+20"};

        open_tuning(&scene, SPEC("\"minimize\": \"late\", " VALUES));
        for (int i = 0; i < (int)ARRAY_LENGTH(messages); i++) {
                end_well(&scene, i + 1, messages[i]);
                pass(&scene, 60);
                assert_string_equal(of_trial(&scene, i + 1, "value"), values[i]);
        }
        close_scene(&scene);
}

/* Of what grows with the time the limit is told; of all else nothing is known. */
static void a_trial_that_is_stopped(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene,
                    SPEC("\"minimize\": \"cost\", " VALUES ", \"constraints\": [{\"value\": \"Seconds\", "
                         "\"max\": 60}]"));
        stop_trial(&scene, 1, "2026-01-05T08:00:00Z");
        put_pod(&scene, 2, "Succeeded", NULL,
                json_pack("{s:i, s:s, s:s, s:s}", "exitCode", 0, "startedAt", "2026-01-05T08:00:00Z",
                          "finishedAt", "2026-01-05T08:01:01Z", "message",
                          "{\"runs\": [{\"cost\": 2}], \"late\": 0}"));
        end_job(&scene, 2, "Complete", "CompletionsReached");
        run(&scene, 3);
        pass(&scene, 60);
        assert_string_equal(of_trial(&scene, 1, "state"), "Stopped");
        assert_string_equal(of_trial(&scene, 1, "value"), "");
        assert_float_equal(value_of(&scene, 1, "Seconds"), 90, 0);
        assert_string_equal(of_trial(&scene, 2, "value"), "2");
        assert_float_equal(value_of(&scene, 2, "Seconds"), 61, 0);
        assert_string_equal(of_trial(&scene, 2, "constraints"), "Broken");
        assert_string_equal(of_trial(&scene, 3, "message"), "Its message does not tell Seconds.");
        assert_null(json_object_get(status_of(&scene), "bestTrial"));
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 6);
        close_scene(&scene);
}

/* A second measure of a trial that was stopped is not known, unless it is the time. */
static void a_front_with_a_trial_that_is_stopped(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene,
                    SPEC("\"minimize\": \"Seconds\", \"alsoMinimize\": \"late\", \"values\": [{\"name\": "
                         "\"late\"}]"));
        stop_trial(&scene, 1, "2026-01-05T08:00:00Z");
        for (int trial = 2; trial <= 3; trial++) {
                put_pod(&scene, trial, "Succeeded", NULL,
                        json_pack("{s:i, s:s, s:s, s:s}", "exitCode", 0, "startedAt", "2026-01-05T08:00:00Z",
                                  "finishedAt", "2026-01-05T08:01:01Z", "message", "{\"late\": 4}"));
                end_job(&scene, trial, "Complete", "CompletionsReached");
        }
        pass(&scene, 60);
        assert_string_equal(of_trial(&scene, 1, "value"), "90");
        assert_int_equal(json_array_size(json_object_get(status_of(&scene), "front")), 1);
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 6);
        close_scene(&scene);
}

/* Another generation that minimizes otherwise has nothing of the one before. */
static void what_was_best_is_forgotten(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, SPEC("\"minimize\": \"cost\", \"alsoMinimize\": \"late\", " VALUES));
        run_all(&scene);
        assert_int_equal(json_array_size(json_object_get(status_of(&scene), "front")), TRIALS);
        kube_cluster_apply_study(scene.cluster, "best", SPEC("\"minimize\": \"cost\", " VALUES));
        pass(&scene, 60);
        assert_null(json_object_get(status_of(&scene), "front"));
        for (int trial = 1; trial <= 3; trial++)
                run(&scene, trial);
        pass(&scene, 60);
        assert_non_null(json_object_get(status_of(&scene), "bestTrial"));
        close_scene(&scene);
}

#define THREE(max)                                                                                           \
        "{\"tuning\": {\"podTemplate\": \"work\", \"trials\": 3, \"minimize\": \"cost\", \"values\": "       \
        "[{\"name\": \"cost\", \"path\": \"runs.0.cost\"}], \"constraints\": [{\"value\": \"cost\", "        \
        "\"max\": " #max                                                                                     \
        "}], \"parameters\": [{\"name\": \"n\", \"low\": 1, \"high\": 12}]}, \"parallelism\": 3}"

/* Its trials may be over before anything was said of it. */
static void what_was_best_is_forgotten_at_once(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene, THREE(12));
        for (int trial = 1; trial <= 3; trial++)
                run(&scene, trial);
        pass(&scene, 60);
        check_conditions(&scene, COMPLETES);
        kube_cluster_apply_study(scene.cluster, "best", THREE(0));
        for (int second = 0; second < 60 && !job_of(&scene, 3); second++)
                pass(&scene, 1);
        for (int trial = 1; trial <= 3; trial++)
                run(&scene, trial);
        pass(&scene, 60);
        check_conditions(&scene, FAILED("NoTrialKeptConstraints"));
        close_scene(&scene);
}

/* What is minimized here was measured there beside something else. */
static void an_earlier_study_that_minimized_something_else(void **state)
{
        struct scene scene = {0};
        autojson *trials = json_array(), *status = NULL;
        autofree char *text = NULL;

        (void)state;
        open_scene(&scene);
        apply_template(&scene);
        for (int n = 5; n <= 12; n++) {
                autofree char *tried = memory_format("%d", n),
                              *cost = memory_format("%d", (n - 9) * (n - 9) + 1);

                json_array_append_new(trials, json_pack("{s:i, s:[{s:s, s:s}], s:s, s:s, s:[{s:s, s:s}]}",
                                                        "trial", n - 4, "settings", "name", "n", "value",
                                                        tried, "state", "Succeeded", "value", tried, "values",
                                                        "name", "cost", "value", cost));
        }
        status = json_pack("{s:i, s:[{s:s, s:s}], s:O}", "observedGeneration", 1, "conditions", "type",
                           "Complete", "status", "True", "trials", trials);
        text = json_dumps(status, JSON_COMPACT);
        kube_cluster_apply_study(scene.cluster, "small", SPEC("\"values\": [{\"name\": \"cost\"}]"));
        kube_cluster_put(scene.cluster, "TuningStudy", "small", "status", text);
        kube_cluster_apply_study(scene.cluster, "best",
                                 SPEC("\"minimize\": \"cost\", " VALUES ", \"earlier\": [\"small\"]"));
        start(&scene);
        pass(&scene, 60);
        assert_int_equal(setting_of(&scene, 1), 9);
        close_scene(&scene);
}

#define ASKS                                                                                                 \
        "{\"containers\": [{\"name\": \"work\", \"resources\": {\"requests\": {\"cpu\": 2, \"memory\": "     \
        "\"4Gi\"}}}]}"

static void put_spec(struct scene *scene, int trial)
{
        autofree char *pod = memory_format("pod-of-%s", name_of(scene, trial));

        kube_cluster_put(scene->cluster, "Pod", pod, "spec", ASKS);
}

/* Two cores at 0.04 and 4 GiB at 0.005 are 0.1 an hour. */
static void cost_is_what_is_minimized(void **state)
{
        static const char *const refused =
                "Accepted=False/NotPriced Complete=False/NotStarted Failed=False/NotFailed";
        struct scene scene = {0};

        (void)state;
        open_tuning(&scene,
                    "{\"tuning\": {\"podTemplate\": \"work\", \"minimize\": \"Cost\", \"trials\": 3, "
                    "\"timeLimitSeconds\": 7200, \"constraints\": [{\"value\": \"Seconds\", \"max\": 3600}], "
                    "\"parameters\": [{\"name\": \"n\", \"low\": 1, \"high\": 12}]}, \"parallelism\": 3}");
        check_conditions(&scene, refused);
        assert_string_equal(message_of(&scene, "Accepted"), "There is no PriceBook default.");
        kube_cluster_apply_book(scene.cluster, "default",
                                "{\"currency\": \"EUR\", \"worker\": {\"perHour\": \"1\"}}");
        pass(&scene, 60);
        check_conditions(&scene, refused);
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 0);
        kube_cluster_apply_book(scene.cluster, "default",
                                "{\"currency\": \"EUR\", \"resources\": {\"perCoreHour\": \"0.04\", "
                                "\"perGibibyteHour\": \"0.005\"}}");
        pass(&scene, 60);
        for (int trial = 1; trial <= 2; trial++) {
                put_pod(&scene, trial, "Succeeded", NULL,
                        json_pack("{s:i, s:s, s:s}", "exitCode", 0, "startedAt", "2026-01-05T08:00:00Z",
                                  "finishedAt", "2026-01-05T09:00:00Z"));
                if (trial == 1)
                        put_spec(&scene, trial);
                end_job(&scene, trial, "Complete", "CompletionsReached");
        }
        stop_trial(&scene, 3, "2026-01-05T08:00:00Z");
        put_spec(&scene, 3);
        pass(&scene, 60);
        check_conditions(&scene, COMPLETES);
        assert_string_equal(of_trial(&scene, 1, "value"), "0.1");
        assert_float_equal(value_of(&scene, 1, "Seconds"), 3600, 0);
        assert_string_equal(of_trial(&scene, 1, "constraints"), "Kept");
        assert_string_equal(of_trial(&scene, 2, "message"), "Its pod asks for nothing that has a price.");
        assert_string_equal(of_trial(&scene, 3, "state"), "Stopped");
        assert_string_equal(of_trial(&scene, 3, "value"), "0.2");
        assert_string_equal(json_string_value(json_object_get(status_of(&scene), "currency")), "EUR");
        close_scene(&scene);
}

#define PRICES                                                                                               \
        "{\"currency\": \"EUR\", \"resources\": {\"perCoreHour\": \"0.04\", \"perGibibyteHour\": "           \
        "\"0.005\"}}"

static void open_priced(struct scene *scene)
{
        open_scene(scene);
        apply_template(scene);
        kube_cluster_apply_book(scene->cluster, "default", PRICES);
        kube_cluster_apply_study(scene->cluster, "best", SPEC("\"minimize\": \"Cost\""));
        start(scene);
        pass(scene, 60);
        check_conditions(scene, RUNS);
}

#define WAITS "Accepted=False/NotPriced Complete=False/Waiting Failed=False/NotFailed"

/* What was begun is said to be so. */
static void prices_that_go_and_come_back(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_priced(&scene);
        kube_cluster_remove(scene.cluster, "PriceBook", "default");
        pass(&scene, 60);
        check_conditions(&scene, WAITS);
        kube_cluster_apply_book(scene.cluster, "default", PRICES);
        pass(&scene, 60);
        check_conditions(&scene, RUNS);
        close_scene(&scene);
}

/* Why is said, and what was begun before. */
static void prices_that_cannot_be_read(void **state)
{
        struct scene scene = {0};
        autojson *kept = NULL;

        (void)state;
        open_priced(&scene);
        kept = kube_cluster_keep(scene.cluster);
        close_scene(&scene);
        scene = (struct scene){0};
        open_kept_scene(&scene, kept);
        kube_cluster_fault(scene.cluster, CLUSTER_BOOKS_FORBIDDEN, 0);
        start(&scene);
        pass(&scene, 60);
        check_conditions(&scene, WAITS);
        assert_non_null(strstr(message_of(&scene, "Accepted"), "PriceBooks are not read yet: "));
        close_scene(&scene);
}

static void a_study_that_makes_no_sense(void **state)
{
        static const struct {
                const char *spec, *words;
        } wrong[] = {
                {SPEC("\"minimize\": \"Secnds\""), "spec.tuning.minimize: Secnds is not measured; expected "
                                                   "Seconds, Cost, Message, or a name of values"},
                {SPEC("\"minimize\": \"Message\", " VALUES), "spec.tuning.minimize: Message is not measured; "
                                                             "expected Seconds, Cost, or a name of values"},
                {SPEC("\"alsoMinimize\": \"Seconds\""),
                 "spec.tuning.alsoMinimize: Seconds is minimized already; expected another measure"},
                {SPEC("\"alsoMinimize\": \"cost\""), "spec.tuning.alsoMinimize: cost is not measured; "
                                                     "expected Seconds, Cost, Message, or a name of values"},
                {SPEC("\"constraints\": [{\"value\": \"cost\", \"max\": 1}]"),
                 "spec.tuning.constraints: cost is not measured; expected Seconds, Cost, Message, or a name "
                 "of "
                 "values"},
                {SPEC("\"values\": [{\"name\": \"Message\"}]"),
                 "spec.tuning.values: has Message, which is measured anyway; expected another name"},
        };
        struct scene scene = {0};

        (void)state;
        open_scene(&scene);
        apply_template(&scene);
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                kube_cluster_apply_study(scene.cluster, "best", wrong[i].spec);
                if (i == 0)
                        start(&scene);
                pass(&scene, 60);
                assert_non_null(strstr(message_of(&scene, "Accepted"), wrong[i].words));
        }
        assert_int_equal(kube_cluster_created(scene.cluster, "Job"), 0);
        close_scene(&scene);
}

/* A text of that length that is another one for each number. Lives until the next call. */
static const char *long_text(int number, int length)
{
        static char text[STUDY_CHOICE_BYTES + 1];

        snprintf(text, sizeof text, "%0*d", length, number);
        return text;
}

static json_t *largest_row(const struct study_tuning *tuning, const json_t *measures, int trial)
{
        json_t *row = json_pack("{s:i, s:[], s:s, s:s}", "trial", trial, "settings", "state", STUDY_SUCCEEDED,
                                "message", long_text(0, STUDY_CHOICE_BYTES));

        for (int i = 0; i < STUDY_MAX_PARAMETERS; i++) {
                json_t *setting = json_object();

                json_object_set_new(setting, "name", json_string(long_text(i, 63)));
                json_object_set_new(setting, "value", json_string(long_text(i, STUDY_CHOICE_BYTES)));
                json_array_append_new(json_object_get(row, "settings"), setting);
        }
        study_measures_put(tuning, measures, row);
        return row;
}

/* etcd takes requests of 1.5 MiB (its --max-request-bytes): as many trials, settings and values as there may
 * be, with the longest names, are a third of it. */
static void the_largest_status_fits_into_an_object(void **state)
{
        struct study_value values[STUDY_MAX_VALUES] = {0};
        struct study_constraint constraints[] = {{(char *)(uintptr_t)STUDY_SECONDS, 1e300},
                                                 {(char *)(uintptr_t)STUDY_COST, 1e300}};
        struct study_tuning tuning = {.minimize = (char *)(uintptr_t)STUDY_MESSAGE,
                                      .values = {values, STUDY_MAX_VALUES},
                                      .constraints = {constraints, ARRAY_LENGTH(constraints)}};
        autojson *measures = json_pack("{s:f, s:f, s:f}", STUDY_SECONDS, -1 / 3e200, STUDY_MESSAGE,
                                       -1 / 3e200, STUDY_COST, -1 / 3e200);
        autojson *rows = json_array();
        autofree char *text = NULL;

        (void)state;
        for (int i = 0; i < STUDY_MAX_VALUES; i++) {
                values[i].name = memory_copy_text(long_text(i, 63));
                json_object_set_new(measures, values[i].name, json_real(-1 / 3e200));
        }
        for (int trial = 1; trial <= STUDY_MAX_TRIALS; trial++)
                json_array_append_new(rows, largest_row(&tuning, measures, trial));
        assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 0), "values")),
                         STUDY_MAX_VALUES + 2);
        text = json_dumps(rows, JSON_COMPACT);
        assert_in_range(strlen(text), 400000, 550000);
        for (int i = 0; i < STUDY_MAX_VALUES; i++)
                free(values[i].name);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_best_keeps_the_constraints),
                cmocka_unit_test(a_front_of_what_keeps_the_constraints),
                cmocka_unit_test(no_trial_that_keeps_the_constraints),
                cmocka_unit_test(messages_that_do_not_tell),
                cmocka_unit_test(odd_messages),
                cmocka_unit_test(a_trial_that_is_stopped),
                cmocka_unit_test(a_front_with_a_trial_that_is_stopped),
                cmocka_unit_test(what_was_best_is_forgotten),
                cmocka_unit_test(what_was_best_is_forgotten_at_once),
                cmocka_unit_test(an_earlier_study_that_minimized_something_else),
                cmocka_unit_test(cost_is_what_is_minimized),
                cmocka_unit_test(prices_that_go_and_come_back),
                cmocka_unit_test(prices_that_cannot_be_read),
                cmocka_unit_test(the_largest_status_fits_into_an_object),
                cmocka_unit_test(a_study_that_makes_no_sense),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

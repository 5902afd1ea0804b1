/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pipelines and the PriceBooks they are counted by, in virtual time on a played cluster. What runs costs its
 * workers times the price of a worker-hour; at 100 records/s a worker a load of 950 takes ten of them.
 */
#include "tests/support/operator_scene.h"

#define COST "optctl_pipeline_cost_per_hour"

/* Two workers each, and too much to do for them. */
static void open_parts(struct scene *scene)
{
        open_scene(scene);
        for (int i = 0; i < N_PIPELINES; i++) {
                world[i].parallelism = 2;
                world[i].load = 950;
        }
}

static void start(struct scene *scene)
{
        start_operator(scene, (struct operator_setup){.lease_name = NULL});
}

/* ---- what people write ---- */

/* `more` goes into the spec: prices or the name of a book. The first one is tuned, others are looked at: two
 * workers each. */
static void apply(struct scene *scene, const char *name, int id, const char *more)
{
        autofree char *spec = memory_format(
                "{\"mode\": \"%s\", \"strategy\": \"ds2\", \"strategies\": {\"ds2\": "
                "{\"policyIntervalSeconds\": 10, \"warmUpIntervals\": 0}}, \"engine\": {\"play\": {\"id\": "
                "%d}}, \"knobs\": [{\"name\": \"parallelism\", \"scope\": \"Operator\", \"operator\": "
                "\"work\", \"min\": 1, \"max\": 64}]%s}",
                id == 0 ? "Auto" : "Observe", id, more);

        kube_cluster_apply(scene->cluster, name, spec);
}

#define NAMES(book) ", \"priceBook\": \"" book "\""

static void put_book(struct scene *scene, const char *name, const char *currency, const char *per_hour)
{
        autofree char *spec = memory_format("{\"currency\": \"%s\", \"worker\": {\"perHour\": \"%s\"}}",
                                            currency, per_hour);

        kube_cluster_apply_book(scene->cluster, name, spec);
}

/* ---- what must be seen ---- */

/* -1: nothing is said of it. */
static double cost_of(const struct scene *scene, const char *name, const char *currency)
{
        autofree char *start = memory_format(COST "{pipeline=\"n/%s\",currency=\"%s\"} ", name, currency);
        autotext text = {0};
        const char *at;

        metrics_expose(scene->metrics, &text);
        at = text.data ? strstr(text.data, start) : NULL;
        return at ? strtod(at + strlen(start), NULL) : -1;
}

static void check_condition(const struct scene *scene, const char *name, const char *wanted)
{
        autofree char *conditions = kube_cluster_conditions(scene->cluster, name);

        if (!strstr(conditions, wanted))
                fail_msg("%s: expected %s, is %s", name, wanted, conditions);
}

/* Of its only condition, and that it is of the newest generation. */
static void check_book(const struct scene *scene, const char *name, const char *status, const char *reason)
{
        const json_t *book = kube_cluster_get_book(scene->cluster, name);
        const json_t *said = json_object_get(book, "status");
        const json_t *ready = json_array_get(json_object_get(said, "conditions"), 0);
        json_int_t generation =
                json_integer_value(json_object_get(json_object_get(book, "metadata"), "generation"));

        assert_int_equal(json_integer_value(json_object_get(said, "observedGeneration")), generation);
        assert_int_equal(json_integer_value(json_object_get(ready, "observedGeneration")), generation);
        assert_string_equal(json_string_value(json_object_get(ready, "type")), "Ready");
        assert_string_equal(json_string_value(json_object_get(ready, "status")), status);
        assert_string_equal(json_string_value(json_object_get(ready, "reason")), reason);
}

/* ---- scenes ---- */

static void a_changed_book_reprices_those_that_use_it(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_parts(&scene);
        put_book(&scene, "eu", "EUR", "0.25");
        put_book(&scene, "us", "USD", "0.5");
        apply(&scene, "orders", 0, NAMES("eu"));
        apply(&scene, "clicks", 1, NAMES("us"));
        apply(&scene, "own", 2, ", \"prices\": {\"currency\": \"GBP\", \"worker\": {\"perHour\": \"3\"}}");
        start(&scene);
        pass(&scene, 60);
        check_condition(&scene, "orders", "Priced=True/PriceBook");
        check_condition(&scene, "own", "Priced=True/OwnPrices");
        check_book(&scene, "eu", "True", "Valid");
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 10 * 0.25, 1e-9);
        assert_float_equal(cost_of(&scene, "clicks", "USD"), 2 * 0.5, 1e-9);
        assert_float_equal(cost_of(&scene, "own", "GBP"), 2 * 3, 1e-9);
        put_book(&scene, "eu", "EUR", "0.4");
        pass(&scene, 30);
        check_book(&scene, "eu", "True", "Valid");
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 10 * 0.4, 1e-9);
        assert_float_equal(cost_of(&scene, "clicks", "USD"), 2 * 0.5, 1e-9);
        assert_int_equal(world[0].applied, 1);
        close_scene(&scene);
}

static void who_names_no_book_is_counted_by_the_default_one(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_parts(&scene);
        apply(&scene, "orders", 0, "");
        apply(&scene, "own", 1, ", \"prices\": {\"currency\": \"GBP\", \"worker\": {\"perHour\": \"3\"}}");
        start(&scene);
        pass(&scene, 60);
        check_condition(&scene, "orders", "Priced=False/NoPrices");
        check_condition(&scene, "orders", "Ready=True/Tuned");
        assert_float_equal(cost_of(&scene, "orders", "XXX"), 10, 1e-9);
        put_book(&scene, "default", "EUR", "0.25");
        pass(&scene, 30);
        check_condition(&scene, "orders", "Priced=True/PriceBook");
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 10 * 0.25, 1e-9);
        assert_float_equal(cost_of(&scene, "own", "GBP"), 2 * 3, 1e-9);
        kube_cluster_delete_book(scene.cluster, "default");
        pass(&scene, 30);
        check_condition(&scene, "orders", "Priced=False/NoPrices");
        assert_float_equal(cost_of(&scene, "orders", "XXX"), 10, 1e-9);
        close_scene(&scene);
}

/* Without what it is counted by a pipeline is left as it is, however the load changes. */
static void a_book_that_is_missing_or_wrong_holds_the_pipeline(void **state)
{
        static const char wrong[] = "{\"currency\": \"EUR\", \"worker\": {\"perHour\": \"1\"}, \"energy\": "
                                    "{\"perMegawattHour\": 80}}";
        struct scene scene = {0};

        (void)state;
        open_parts(&scene);
        apply(&scene, "orders", 0, NAMES("eu"));
        start(&scene);
        pass(&scene, 60);
        check_condition(&scene, "orders", "Priced=False/PriceBookMissing");
        check_condition(&scene, "orders", "Ready=False/PriceBookMissing");
        assert_int_equal(world[0].applied, 0);
        kube_cluster_apply_book(scene.cluster, "eu", wrong);
        pass(&scene, 30);
        check_book(&scene, "eu", "False", "InvalidPrices");
        check_condition(&scene, "orders", "Priced=False/InvalidPriceBook");
        check_condition(&scene, "orders", "Ready=False/InvalidPriceBook");
        assert_int_equal(world[0].applied, 0);
        put_book(&scene, "eu", "EUR", "0.25");
        pass(&scene, 60);
        check_condition(&scene, "orders", "Ready=True/Tuned");
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 10 * 0.25, 1e-9);
        kube_cluster_delete_book(scene.cluster, "eu");
        pass(&scene, 10);
        world[0].load = 290;
        pass(&scene, 60);
        check_condition(&scene, "orders", "Ready=False/PriceBookMissing");
        assert_int_equal(world[0].parallelism, 10);
        put_book(&scene, "eu", "EUR", "0.5");
        pass(&scene, 60);
        assert_int_equal(world[0].parallelism, 3);
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 3 * 0.5, 1e-9);
        close_scene(&scene);
}

/* A file that a price book names is looked for again, once a minute. */
static void a_file_of_prices_that_comes_later(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_parts(&scene);
        kube_cluster_apply_book(scene.cluster, "eu",
                                "{\"currency\": \"EUR\", \"worker\": {\"file\": \"prices.csv\"}}");
        apply(&scene, "orders", 0, NAMES("eu"));
        start(&scene);
        pass(&scene, 30);
        check_condition(&scene, "orders", "Ready=False/InvalidPriceBook");
        /* START is 2023-11-14T22:13:20Z. */
        scratch_write(&scene.scratch, "prices.csv",
                      "time,price\n2023-11-14T22:00:00Z,0.5\n2023-11-14T23:00:00Z,0.7\n");
        pass(&scene, 120);
        check_book(&scene, "eu", "True", "Valid");
        check_condition(&scene, "orders", "Ready=True/Tuned");
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 10 * 0.5, 1e-9);
        pass(&scene, 3600);
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 10 * 0.7, 1e-9);
        close_scene(&scene);
}

/* That nothing is known of books is no reason to take them for missing. */
static void books_that_cannot_be_read(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_parts(&scene);
        put_book(&scene, "eu", "EUR", "0.25");
        apply(&scene, "orders", 0, NAMES("eu"));
        apply(&scene, "free", 1, "");
        apply(&scene, "own", 2, ", \"prices\": {\"currency\": \"GBP\", \"worker\": {\"perHour\": \"3\"}}");
        kube_cluster_fault(scene.cluster, CLUSTER_BOOKS_FORBIDDEN, 0);
        start(&scene);
        pass(&scene, 90);
        check_condition(&scene, "orders", "Ready=Unknown/NotRead");
        check_condition(&scene, "free", "Ready=Unknown/NotRead");
        check_condition(&scene, "own", "Ready=True/Tuned");
        kube_cluster_fault(scene.cluster, CLUSTER_HEALTHY, 0);
        pass(&scene, 120);
        check_condition(&scene, "orders", "Priced=True/PriceBook");
        check_condition(&scene, "free", "Priced=False/NoPrices");
        assert_float_equal(cost_of(&scene, "orders", "EUR"), 10 * 0.25, 1e-9);
        assert_float_equal(cost_of(&scene, "free", "XXX"), 2, 1e-9);
        close_scene(&scene);
}

/* With rights in one namespace there are none. */
static void an_operator_without_books(void **state)
{
        struct scene scene = {0};

        (void)state;
        open_parts(&scene);
        kube_cluster_fault(scene.cluster, CLUSTER_BOOKS_FORBIDDEN, 0);
        apply(&scene, "orders", 0, NAMES("eu"));
        apply(&scene, "free", 1, "");
        start_operator(&scene, (struct operator_setup){.no_price_books = true});
        pass(&scene, 60);
        check_condition(&scene, "orders", "Ready=False/PriceBookMissing");
        check_condition(&scene, "free", "Ready=True/Tuned");
        assert_float_equal(cost_of(&scene, "free", "XXX"), 2, 1e-9);
        close_scene(&scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_changed_book_reprices_those_that_use_it),
                cmocka_unit_test(who_names_no_book_is_counted_by_the_default_one),
                cmocka_unit_test(a_book_that_is_missing_or_wrong_holds_the_pipeline),
                cmocka_unit_test(a_file_of_prices_that_comes_later),
                cmocka_unit_test(books_that_cannot_be_read),
                cmocka_unit_test(an_operator_without_books),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nodes cost by a PriceBook, in closed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node_prices.h"

static struct node_prices *read_book(const char *text)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct node_prices *prices = NULL;
        struct error err = ERROR_INIT;

        if (!yaml_parse(text, strlen(text), "book", &document, &err) ||
            !node_prices_parse(yaml_root(document), &prices, &err))
                fail_msg("%s", err.message);
        return prices;
}

static double price_of(const struct node_prices *prices, const struct node_shape *shape)
{
        struct node_rates rates;

        if (!node_prices_of(prices, shape, &rates))
                return -1;
        return rates.core * shape->cores + rates.gibibyte * shape->gibibytes;
}

static void a_listed_type_costs_what_the_list_says(void **state)
{
        autocall(node_prices_free) struct node_prices *prices =
                read_book("{currency: USD, worker: {perHour: 1}, nodes: {types: [{instanceType: m, perHour: "
                          "3.2, spotPerHour: 0.8}, {instanceType: n, perHour: 2}]}}");

        (void)state;
        assert_float_equal(price_of(prices, &(struct node_shape){"m", false, 32, 256}), 3.2, 1e-12);
        assert_float_equal(price_of(prices, &(struct node_shape){"m", true, 32, 256}), 0.8, 1e-12);
        assert_float_equal(price_of(prices, &(struct node_shape){"m", false, 4, 1}), 3.2, 1e-12);
        assert_float_equal(price_of(prices, &(struct node_shape){"n", true, 32, 256}), 2, 1e-12);
        assert_true(price_of(prices, &(struct node_shape){"unlisted", false, 32, 256}) < 0);
        assert_true(price_of(prices, &(struct node_shape){"", false, 32, 256}) < 0);
        /* Nothing is known of it yet. */
        assert_true(price_of(prices, &(struct node_shape){"m", false, 0, 0}) < 0);
}

/* By OpenCost's prices of a core and a GiB where the book has none of its own. */
static void a_price_is_split_in_proportion(void **state)
{
        autocall(node_prices_free) struct node_prices *usual =
                read_book("{currency: USD, worker: {perHour: 1}, nodes: {types: [{instanceType: m, perHour: "
                          "0.197296}]}}");
        autocall(node_prices_free) struct node_prices *own =
                read_book("{currency: USD, worker: {perHour: 1}, nodes: {perCoreHour: 0.04, perGibibyteHour: "
                          "0.005, types: [{instanceType: m, perHour: 3.2}]}}");
        struct node_rates rates;

        (void)state;
        assert_true(node_prices_of(usual, &(struct node_shape){"m", false, 2, 8}, &rates));
        assert_float_equal(rates.core / rates.gibibyte, 0.031611 / 0.004237, 1e-9);
        assert_float_equal(2 * rates.core + 8 * rates.gibibyte, 0.197296, 1e-12);
        /* 32 * 0.04 + 256 * 0.005 = 2.56; 3.2 is 1.25 times as much. */
        assert_true(node_prices_of(own, &(struct node_shape){"m", false, 32, 256}, &rates));
        assert_float_equal(rates.core, 0.05, 1e-12);
        assert_float_equal(rates.gibibyte, 0.00625, 1e-12);
        assert_true(node_prices_of(own, &(struct node_shape){"other", false, 32, 256}, &rates));
        assert_float_equal(rates.core, 0.04, 1e-12);
        assert_float_equal(rates.gibibyte, 0.005, 1e-12);
}

static void a_book_without_nodes(void **state)
{
        (void)state;
        assert_null(read_book("{currency: USD, worker: {perHour: 1}}"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_listed_type_costs_what_the_list_says),
                cmocka_unit_test(a_price_is_split_in_proportion),
                cmocka_unit_test(a_book_without_nodes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

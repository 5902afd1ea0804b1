/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Quantities against the grammar and examples of the Kubernetes documentation (resource quantities), money
 * against ISO 4217. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/quantity.h"

static void test_kubernetes_quantities(void **state)
{
        static const struct {
                const char *text;
                double value;
        } cases[] = {
                {"0", 0},
                {"1", 1},
                {"1.5", 1.5},
                {"-2", -2},
                {"+3", 3},
                {"5.", 5},
                {".5", 0.5},
                {"100m", 0.1},
                {"0.1", 0.1},
                {"1500m", 1.5},
                {"1k", 1e3},
                {"1M", 1e6},
                {"1G", 1e9},
                {"1T", 1e12},
                {"1P", 1e15},
                {"1E", 1e18},
                {"1Ki", 1024},
                {"64Mi", 67108864},
                {"2Gi", 2147483648},
                {"1Ti", 0x1p40},
                {"1Pi", 0x1p50},
                {"1Ei", 0x1p60},
                {"128974848", 128974848},
                {"129e6", 129e6},
                {"129M", 129e6},
                {"128974848000m", 128974848},
                {"123Mi", 128974848},
                {"1e3", 1000},
                {"1E3", 1000},
                {"12e-1", 1.2},
                {"250n", 250e-9},
                {"3u", 3e-6},
        };
        static const char *const wrong[] = {"",    "m",    "Ki",     "1K",  "1ki",   "1GB",  "1 Gi", " 1",
                                            "1 ",  "1e",   "1e+",    "e3",  "1.2.3", ".",    "-",    "nan",
                                            "inf", "0x10", "1e9999", "1,5", "--1",   "1Mi2", "1e3Mi"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                double value = -1;

                if (!quantity_parse(cases[i].text, &value) || value != cases[i].value)
                        fail_msg("%s is %.17g, expected %.17g", cases[i].text, value, cases[i].value);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                double value = 7;

                if (quantity_parse(wrong[i], &value))
                        fail_msg("\"%s\" was taken for a quantity", wrong[i]);
                assert_true(value == 7);
        }
}

static void test_quantities_read_back(void **state)
{
        static const char *const texts[] = {"2Gi", "512Mi", "100m",   "1500m", "0",
                                            "7",   "1Ti",   "1536Mi", "1e15"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                autotext out = {0};
                double value, again;

                assert_true(quantity_parse(texts[i], &value));
                quantity_put(&out, value);
                assert_true(quantity_parse(out.data, &again));
                assert_true(value == again);
        }
}

struct shown {
        double value;
        const char *text;
};

static void test_money(void **state)
{
        static const struct {
                double amount;
                const char *currency, *text;
        } cases[] = {
                {86.4, "USD", "$ 86.40"},    {-3.5, "EUR", "-€ 3.50"},  {4, "GBP", "£ 4.00"},
                {12.3, "CZK", "CZK 12.30"},  {1200, "JPY", "JPY 1200"}, {1.2345, "KWD", "KWD 1.234"},
                {0.0034, "USD", "$ 0.0034"}, {0, "USD", "$ 0.00"},      {0.5, "USD", "$ 0.50"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autotext out = {0};

                money_put(&out, cases[i].amount, cases[i].currency);
                assert_string_equal(out.data, cases[i].text);
        }
        assert_true(currency_known("USD") && currency_known("ZWG") && currency_known("AED"));
        assert_false(currency_known("usd") || currency_known("XXX") || currency_known("US") ||
                     currency_known("D A") || currency_known("EDA") || currency_known(""));
}

static void test_durations(void **state)
{
        static const struct shown cases[] = {
                {604800, "7 d"},   {64800, "18 h"},  {90, "90 s"},       {0, "0 s"},
                {0.25, "250 ms"},  {5400, "90 min"}, {86400, "1 d"},     {60, "1 min"},
                {200, "3.33 min"}, {-90, "-90 s"},   {8640000, "100 d"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autotext out = {0};

                duration_put(&out, cases[i].value);
                assert_string_equal(out.data, cases[i].text);
        }
}

static void test_rates(void **state)
{
        static const struct shown cases[] = {
                {41200, "41.2 k rec/s"}, {118000, "118 k rec/s"}, {850, "850 rec/s"},
                {0, "0 rec/s"},          {999.6, "1 k rec/s"},    {1.25e6, "1.25 M rec/s"},
                {999499, "999 k rec/s"}, {5e12, "5e+03 G rec/s"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autotext out = {0};

                rate_put(&out, cases[i].value);
                assert_string_equal(out.data, cases[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kubernetes_quantities),
                cmocka_unit_test(test_quantities_read_back),
                cmocka_unit_test(test_money),
                cmocka_unit_test(test_durations),
                cmocka_unit_test(test_rates),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

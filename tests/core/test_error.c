/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors: code, reason, retry, one line of words, exit status. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"

static void test_codes(void **state)
{
        static const struct {
                enum error_code code;
                const char *reason;
                bool retry;
                int exit_status;
        } cases[] = {
                {ERROR_INPUT, "InvalidInput", false, 2},     {ERROR_INCOMPLETE, "Incomplete", true, 1},
                {ERROR_NOT_FOUND, "NotFound", false, 1},     {ERROR_IO, "InputOutput", true, 1},
                {ERROR_TIMEOUT, "Timeout", true, 1},         {ERROR_UNAVAILABLE, "Unavailable", true, 1},
                {ERROR_CONFLICT, "Conflict", true, 1},       {ERROR_REFUSED, "Refused", false, 1},
                {ERROR_LIMIT, "LimitExceeded", false, 2},    {ERROR_INTERRUPTED, "Interrupted", false, 3},
                {ERROR_NUMERIC, "NumericFailure", false, 1},
        };
        struct error err = ERROR_INIT;

        (void)state;
        assert_int_equal(error_exit_status(&err), 0);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                assert_false(error_set(&err, cases[i].code, NULL, "case %zu", i));
                assert_string_equal(err.reason, cases[i].reason);
                assert_int_equal(err.retry, cases[i].retry);
                assert_int_equal(error_exit_status(&err), cases[i].exit_status);
        }
        error_set(&err, ERROR_REFUSED, "QuotaExceeded", "no room");
        assert_string_equal(err.reason, "QuotaExceeded");
        error_clear(&err);
        assert_int_equal(err.code, ERROR_NONE);
        assert_string_equal(err.message, "");
}

static void test_context_goes_in_front(void **state)
{
        struct error err = ERROR_INIT;

        (void)state;
        error_set(&err, ERROR_TIMEOUT, NULL, "no answer in %d s", 5);
        assert_false(error_wrap(&err, "while reading %s", "prices"));
        assert_string_equal(err.message, "while reading prices: no answer in 5 s");
        assert_int_equal(err.code, ERROR_TIMEOUT);
        assert_false(error_errno(&err, ENOENT, "%s", "load.csv"));
        assert_string_equal(err.message, "load.csv: No such file or directory");
        assert_int_equal(err.code, ERROR_IO);
}

static void test_long_or_strange_words_stay_one_line(void **state)
{
        struct error err = ERROR_INIT;
        char text[3000];

        (void)state;
        error_set(&err, ERROR_INPUT, NULL, "a\nb\tc%c", 0x7f);
        assert_string_equal(err.message, "a b c ");
        error_set(&err, ERROR_INPUT, NULL,
                  "\xc2\x9b"
                  "2J%.4s",
                  "abc\u00fc");
        assert_string_equal(err.message, " 2Jabc?");
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\0';
        error_set(&err, ERROR_INPUT, NULL, "%s", text);
        assert_int_equal(strlen(err.message), sizeof err.message - 1);
        error_wrap(&err, "%s\n", text);
        assert_int_equal(strlen(err.message), sizeof err.message - 1);
        error_errno(&err, EIO, "%s", text);
        assert_true(strlen(err.message) < sizeof err.message);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_codes),
                cmocka_unit_test(test_context_goes_in_front),
                cmocka_unit_test(test_long_or_strange_words_stay_one_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text: buffers, the nearest name, whole files, strict numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/text.h"

static void test_buffers_grow(void **state)
{
        autotext text = {0};
        autofree char *taken = NULL;

        (void)state;
        for (int i = 0; i < 1000; i++)
                text_format(&text, "%d,", i);
        assert_int_equal(text.length, 10 * 2 + 90 * 3 + 900 * 4);
        assert_int_equal(strlen(text.data), text.length);
        taken = text_take(&text);
        assert_int_equal(strncmp(taken, "0,1,2,", 6), 0);
        assert_null(text.data);
        free(text_take(&text)); /* an empty buffer gives an empty text */
}

static void test_nearest_name(void **state)
{
        static const char *const names[] =
                {"latencyP99Milliseconds", "backlogSeconds", "errorRatePercent", "min", "max", NULL};
        static const char *const none[] = {NULL};

        (void)state;
        assert_string_equal(text_nearest("latencyP99Miliseconds", names), "latencyP99Milliseconds");
        assert_string_equal(text_nearest("latencyp99milliseconds", names), "latencyP99Milliseconds");
        assert_string_equal(text_nearest("backlogSecond", names), "backlogSeconds");
        assert_string_equal(text_nearest("mni", names), "min");
        assert_null(text_nearest("replicas", names));
        assert_null(text_nearest("", none));
}

static void test_files(void **state)
{
        char folder[] = "/tmp/optctl-text-XXXXXX";
        autofree char *path = NULL, *beside = NULL, *text = NULL, *bytes = NULL;
        struct error err = ERROR_INIT;
        size_t length;

        (void)state;
        assert_non_null(mkdtemp(folder));
        path = memory_format("%s/file", folder);
        beside = memory_format("%s.%ld.tmp", path, (long)getpid());
        assert_true(text_write_file(path, "old", 3, &err));
        assert_true(text_write_file(path, "a\0b", 3, &err));
        assert_int_equal(access(beside, F_OK), -1);
        assert_true(text_read_file(path, 3, &bytes, &length, &err));
        assert_int_equal(length, 3);
        assert_memory_equal(bytes, "a\0b", 4);
        assert_false(text_read_file(path, 3, &text, NULL, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "holds NUL bytes"));
        assert_false(text_read_file(path, 2, &text, &length, &err));
        assert_int_equal(err.code, ERROR_LIMIT);
        assert_false(text_read_file(beside, 2, &text, &length, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_false(text_read_file(folder, 2, &text, &length, &err));
        assert_null(text);
        assert_false(text_write_file("/proc/none/file", "a", 1, &err));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
}

static void expect_content(const char *path, const char *expected)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;

        assert_true(text_read_file(path, 100, &text, NULL, &err));
        assert_string_equal(text, expected);
}

/* Who can write to the folder puts a link where the new content goes first: it leads nowhere. A file stays as
 * private as it was, and what a link of the user's leads to is what is written. */
static void test_links_and_modes_of_what_is_written(void **state)
{
        char folder[] = "/tmp/optctl-text-XXXXXX";
        autofree char *path = NULL, *beside = NULL, *other = NULL, *link = NULL;
        struct error err = ERROR_INIT;
        struct stat status;

        (void)state;
        assert_non_null(mkdtemp(folder));
        path = memory_format("%s/file", folder);
        other = memory_format("%s/other", folder);
        link = memory_format("%s/link", folder);
        beside = memory_format("%s.%ld.tmp", path, (long)getpid());
        assert_true(text_write_file(other, "theirs", 6, &err));
        assert_int_equal(symlink(other, beside), 0);
        assert_true(text_write_file(path, "ours", 4, &err));
        expect_content(other, "theirs");
        assert_int_equal(chmod(path, 0640), 0);
        assert_true(text_write_file(path, "new", 3, &err));
        assert_true(stat(path, &status) == 0 && (status.st_mode & 07777) == 0640);
        assert_int_equal(symlink("file", link), 0);
        assert_true(text_write_file(link, "newer", 5, &err));
        expect_content(path, "newer");
        assert_true(lstat(link, &status) == 0 && S_ISLNK(status.st_mode));
        assert_true(unlink(link) == 0 && unlink(path) == 0 && unlink(other) == 0 && rmdir(folder) == 0);
}

/* As a shell's `3>>file`: the name leads to what is open, which stays the file that it is, though its own
 * name may be gone. */
static void test_a_name_of_what_is_open(void **state)
{
        char path[] = "/tmp/optctl-text-XXXXXX", held[16] = "";
        int fd = mkstemp(path), standard_output = dup(STDOUT_FILENO);
        autofree char *name = memory_format("/dev/fd/%d", fd), *deleted = memory_format("%s (deleted)", path);
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(fd >= 0 && standard_output >= 0);
        assert_int_equal(write(fd, "log ", 4), 4);
        assert_true(text_write_file(name, "more ", 5, &err));
        assert_int_equal(unlink(path), 0);
        assert_true(text_write_file(name, "and ", 4, &err));
        assert_int_equal(lseek(fd, 0, SEEK_END), 13);
        fflush(stdout);
        assert_true(dup2(fd, STDOUT_FILENO) >= 0);
        assert_true(text_write_file("/dev/stdout", "out", 3, &err));
        assert_true(dup2(standard_output, STDOUT_FILENO) >= 0);
        assert_true(pread(fd, held, sizeof held, 0) == 16 && memcmp(held, "log more and out", 16) == 0);
        assert_int_equal(access(deleted, F_OK), -1);
        close(standard_output);
        close(fd);
}

static void test_percents(void **state)
{
        (void)state;
        assert_int_equal(text_percent_byte("%2Fx", 4), '/');
        assert_int_equal(text_percent_byte("%2f", 3), '/');
        assert_int_equal(text_percent_byte("%fF", 3), 0xff);
        assert_int_equal(text_percent_byte("%2F", 2), -1);
        assert_int_equal(text_percent_byte("%2g", 3), -1);
        assert_int_equal(text_percent_byte("%@0", 3), -1);
        assert_int_equal(text_percent_byte("a2F", 3), -1);
}

static void test_numbers_are_strict(void **state)
{
        static const char *const not_numbers[] = {"",    " 1", "1 ", "0x10", "inf", "nan", "1e999", "1,5",
                                                  "--1", "1e", "e5", ".",    "-",   "1_0", "1.2.3", "0x1p3"};
        static const char *const not_integers[] = {"",     " 1", "1 ", "1.0", "1e3", "9223372036854775808",
                                                   "0x10", "+",  "-"};
        double number;
        long long whole;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(not_numbers); i++)
                if (text_to_double(not_numbers[i], &number))
                        fail_msg("\"%s\" was taken for a number", not_numbers[i]);
        for (size_t i = 0; i < ARRAY_LENGTH(not_integers); i++)
                if (text_to_int64(not_integers[i], &whole))
                        fail_msg("\"%s\" was taken for an integer", not_integers[i]);
        assert_true(text_to_double("-1.5e3", &number) && number == -1500);
        assert_true(text_to_double(".5", &number) && number == 0.5);
        assert_true(text_to_int64("-9223372036854775808", &whole) && whole == INT64_MIN);
        assert_true(text_to_int64("9223372036854775807", &whole) && whole == INT64_MAX);
}

static void expect_line(const char *from, const char *to)
{
        char text[200];

        snprintf(text, sizeof text, "%s", from);
        text_to_line(text);
        assert_string_equal(text, to);
}

/* ECMA-48: C0, C1 and DEL; UAX #9: marks of direction; what terminals and JSON readers stumble over. */
static void test_what_others_wrote_becomes_a_line(void **state)
{
        (void)state;
        expect_line("Bestell\u00fcbersicht \u2192 \u4f60\u597d \U0001f600 100 \u20ac",
                    "Bestell\u00fcbersicht \u2192 \u4f60\u597d \U0001f600 100 \u20ac");
        expect_line("a\nb\tc\rd\177e", "a b c d e");
        expect_line("\033]0;title\007\033[2J", " ]0;title  [2J");
        expect_line("\xc2\x9b"
                    "31mred\xc2\x85next",
                    " 31mred next");
        expect_line("right\u202eto left\u2066isolated\u2069\u2028line\u2029",
                    "right to left isolated  line ");
        expect_line("cut \xe2\x82", "cut ??");
        expect_line("\xff\xc0\x80 overlong, \xed\xa0\x80 half a pair", "??? overlong, ??? half a pair");
        expect_line("", "");
}

static void test_plurals(void **state)
{
        (void)state;
        assert_string_equal(text_plural(0), "s");
        assert_string_equal(text_plural(1), "");
        assert_string_equal(text_plural(2), "s");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_buffers_grow),
                cmocka_unit_test(test_nearest_name),
                cmocka_unit_test(test_plurals),
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_a_name_of_what_is_open),
                cmocka_unit_test(test_percents),
                cmocka_unit_test(test_links_and_modes_of_what_is_written),
                cmocka_unit_test(test_numbers_are_strict),
                cmocka_unit_test(test_what_others_wrote_becomes_a_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

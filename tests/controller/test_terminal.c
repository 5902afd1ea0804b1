/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "controller/cli/terminal.h"
#include "core/memory.h"

/* A file in memory whose text is read back. */
struct sheet {
        char *text;
        size_t length;
        FILE *file;
};

static void sheet_open(struct sheet *sheet)
{
        sheet->file = open_memstream(&sheet->text, &sheet->length);
        assert_non_null(sheet->file);
}

static void sheet_close(struct sheet *sheet, const char *expected)
{
        fclose(sheet->file);
        assert_string_equal(sheet->text, expected);
        free(sheet->text);
}

/* Widths of UAX #11 and wcwidth(3): é is one, e + combining acute is one, 猫 and 🚀 are two each. */
static void test_width(void **state)
{
        (void)state;
        assert_int_equal(terminal_text_width(""), 0);
        assert_int_equal(terminal_text_width("café"), 4);
        assert_int_equal(terminal_text_width("cafe\xcc\x81"), 4);
        assert_int_equal(terminal_text_width("猫🚀"), 4);
        assert_int_equal(terminal_text_width("€ 5 ±"), 5);
        assert_int_equal(terminal_text_width("\xe2\x82"), 2);
        assert_int_equal(terminal_text_width("a\xff"), 2);
}

static struct terminal_table *sample(void)
{
        struct terminal_table *table = terminal_table_new();

        terminal_table_column(table, TERMINAL_LEFT, "name");
        terminal_table_column(table, TERMINAL_RIGHT, "cost");
        terminal_table_column(table, TERMINAL_LEFT, "note");
        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", "café");
        terminal_table_cell(table, TERMINAL_GOOD, "€ %.2f", 7.5);
        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_PLAIN, "static");
        terminal_table_cell(table, TERMINAL_BAD, "-");
        terminal_table_cell(table, TERMINAL_FAINT, "ok");
        return table;
}

static void test_table_is_aligned(void **state)
{
        struct terminal_table *table = sample();
        struct sheet sheet;

        (void)state;
        sheet_open(&sheet);
        terminal_table_print(table, sheet.file, false);
        sheet_close(&sheet, "name      cost  note\n"
                            "café    € 7.50\n"
                            "static       -  ok\n");
        terminal_table_free(table);
}

/* Colour changes no column: with the escapes taken out it is the same table (ECMA-48 SGR 1, 2, 31, 32). */
static void test_color_does_not_move_columns(void **state)
{
        struct terminal_table *table = sample();
        struct sheet sheet;

        (void)state;
        sheet_open(&sheet);
        terminal_table_print(table, sheet.file, true);
        sheet_close(&sheet, "\033[1mname\033[0m      \033[1mcost\033[0m  \033[1mnote\033[0m\n"
                            "café    \033[32m€ 7.50\033[0m\n"
                            "static       \033[31m-\033[0m  \033[2mok\033[0m\n");
        terminal_table_free(table);
}

static void test_no_color_for_a_file(void **state)
{
        FILE *file = tmpfile();

        (void)state;
        assert_non_null(file);
        assert_false(terminal_has_color(file));
        fclose(file);
}

/* A pseudo terminal: what is written to `file` comes out of `master`. */
struct screen {
        int master;
        FILE *file;
};

static void screen_open(struct screen *screen)
{
        int slave;

        screen->master = posix_openpt(O_RDWR | O_NOCTTY);
        if (screen->master < 0 || grantpt(screen->master) != 0 || unlockpt(screen->master) != 0) {
                print_message("skipped: no pseudo terminal here\n");
                skip();
        }
        slave = open(ptsname(screen->master), O_RDWR | O_NOCTTY);
        assert_true(slave >= 0);
        screen->file = fdopen(slave, "w");
        assert_non_null(screen->file);
}

/* What was written may come out in pieces; after the last one, reading a terminal that nobody holds open
 * fails. */
static void screen_close(struct screen *screen, const char *expected)
{
        char seen[1024];
        size_t length = 0;
        ssize_t got;

        fclose(screen->file);
        while ((got = read(screen->master, seen + length, sizeof seen - 1 - length)) > 0)
                length += (size_t)got;
        seen[length] = '\0';
        assert_string_equal(seen, expected);
        close(screen->master);
}

static int64_t told_ms(void *context)
{
        return *(int64_t *)context;
}

static void test_progress_waits_two_seconds(void **state)
{
        int64_t now_ms = 50000;
        struct clock clock = {.now_ms = told_ms, .context = &now_ms};
        struct progress *progress;
        struct screen screen;

        (void)state;
        screen_open(&screen);
        progress = progress_new(screen.file, true, &clock, "simulating", "runs", 40);
        now_ms = 51999;
        progress_add(progress, 4);
        now_ms = 53000;
        progress_add(progress, 6);
        now_ms = 53099;
        progress_add(progress, 1);
        progress_free(progress);
        /* 10 of 40 in 3 s: a quarter is done, three quarters take 9 s more. */
        screen_close(&screen,
                     "\r\033[Ksimulating  10 of 40 runs [#####---------------]  25 %, 9 s left\r\033[K");
}

static void set_columns(const struct screen *screen, unsigned short columns)
{
        const struct winsize size = {.ws_row = 24, .ws_col = columns};

        assert_int_equal(ioctl(screen->master, TIOCSWINSZ, &size), 0);
}

/* What goes on in the next row would stay there when the line is drawn again. */
static void test_a_line_that_is_drawn_again_fits_into_a_row(void **state)
{
        struct screen screen;

        (void)state;
        screen_open(&screen);
        set_columns(&screen, 11);
        terminal_redraw(screen.file, "0123456789");
        terminal_redraw(screen.file, "01234567890");
        /* Wide letters take two columns each, and are not cut in between: UAX #11. */
        terminal_redraw(screen.file, "x\u6f22\u5b57\u6f22\u5b57\u6f22");
        terminal_redraw(screen.file, "");
        screen_close(&screen,
                     "\r\033[K0123456789\r\033[K0123456789\r\033[Kx\u6f22\u5b57\u6f22\u5b57\r\033[K");
}

static void test_progress_fits_into_a_row(void **state)
{
        int64_t now_ms = 0;
        struct clock clock = {.now_ms = told_ms, .context = &now_ms};
        struct progress *progress;
        struct screen screen;

        (void)state;
        screen_open(&screen);
        set_columns(&screen, 40);
        progress = progress_new(screen.file, true, &clock, "simulating", "runs", 40);
        now_ms = 3000;
        progress_add(progress, 10);
        progress_free(progress);
        screen_close(&screen, "\r\033[Ksimulating  10 of 40 runs [#####-------\r\033[K");
}

static void test_progress_is_silent_when_short_or_not_wanted(void **state)
{
        int64_t now_ms = 0;
        struct clock clock = {.now_ms = told_ms, .context = &now_ms};
        struct progress *progress;
        struct screen screen;

        (void)state;
        screen_open(&screen);
        progress = progress_new(screen.file, true, &clock, "simulating", "runs", 1);
        progress_add(progress, 1);
        progress_free(progress);
        progress = progress_new(screen.file, false, &clock, "simulating", "runs", 1);
        now_ms = 60000;
        progress_add(progress, 1);
        progress_free(progress);
        screen_close(&screen, "");
}

static void test_progress_is_silent_in_a_file(void **state)
{
        int64_t now_ms = 0;
        struct clock clock = {.now_ms = told_ms, .context = &now_ms};
        FILE *file = tmpfile();
        struct progress *progress;

        (void)state;
        assert_non_null(file);
        progress = progress_new(file, true, &clock, "simulating", "runs", 2);
        now_ms = 60000;
        progress_add(progress, 1);
        progress_free(progress);
        assert_int_equal(ftell(file), 0);
        fclose(file);
}

#define THREADS 4
#define ADDS    1000

static void *add_many(void *context)
{
        for (int i = 0; i < ADDS; i++)
                progress_add(context, 1);
        return NULL;
}

/* The clock jumps on for the last addition alone, so the one line that is drawn has counted all the others.
 */
static void test_progress_counts_from_many_threads(void **state)
{
        int64_t now_ms = 0;
        struct clock clock = {.now_ms = told_ms, .context = &now_ms};
        pthread_t threads[THREADS];
        struct progress *progress;
        struct screen screen;

        (void)state;
        screen_open(&screen);
        progress = progress_new(screen.file, true, &clock, "x", "runs", THREADS * ADDS + 1);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, add_many, progress), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        now_ms = 5000;
        progress_add(progress, 1);
        progress_free(progress);
        screen_close(&screen, "\r\033[Kx  4001 of 4001 runs [####################] 100 %, 0 s left\r\033[K");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_width),
                cmocka_unit_test(test_table_is_aligned),
                cmocka_unit_test(test_color_does_not_move_columns),
                cmocka_unit_test(test_no_color_for_a_file),
                cmocka_unit_test(test_progress_waits_two_seconds),
                cmocka_unit_test(test_a_line_that_is_drawn_again_fits_into_a_row),
                cmocka_unit_test(test_progress_fits_into_a_row),
                cmocka_unit_test(test_progress_is_silent_when_short_or_not_wanted),
                cmocka_unit_test(test_progress_is_silent_in_a_file),
                cmocka_unit_test(test_progress_counts_from_many_threads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

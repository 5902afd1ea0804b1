/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A picture that is shown again and again, on a terminal (a pseudo terminal) and on a pipe. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/cli/watch.h"
#include "core/memory.h"

#define START_MS INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */

/* Time that jumps, until somebody presses Ctrl-C. */
struct stage {
        struct clock clock;
        int64_t now_ms, stop_ms;
        int pictures, fails_at; /* that picture cannot be had; 0: all can */
        int terminal;           /* its other side; -1: none */
        int rows_after;         /* the window gets so many rows after a second; 0: stays */
};

static int64_t now(void *context)
{
        return ((struct stage *)context)->now_ms;
}

static bool sleep_until(void *context, int64_t until_ms, struct error *err)
{
        struct stage *stage = context;
        const struct winsize size = {.ws_row = (unsigned short)stage->rows_after, .ws_col = 80};

        if (until_ms > stage->stop_ms)
                return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
        stage->now_ms = until_ms;
        if (stage->rows_after > 0 && until_ms >= START_MS + MS_PER_SECOND)
                assert_int_equal(ioctl(stage->terminal, TIOCSWINSZ, &size), 0);
        return true;
}

static bool print(void *context, FILE *out, struct error *err)
{
        struct stage *stage = context;

        if (++stage->pictures == stage->fails_at)
                return error_set(err, ERROR_UNAVAILABLE, NULL, "nobody listens");
        fprintf(out, "one %d\ntwo\nthree\nfour\n", stage->pictures);
        return true;
}

/* What was written, which the caller frees. */
static char *play(struct stage *stage, FILE *out, int from, bool in_place)
{
        struct error err = ERROR_INIT;
        const struct watch watch = {&stage->clock, 2000, out, in_place, print, stage};
        char buffer[8192] = "";
        size_t length = 0;
        ssize_t more;

        stage->clock = (struct clock){.now_ms = now, .sleep_until = sleep_until, .context = stage};
        stage->now_ms = START_MS;
        if (!watch_run(&watch, &err))
                fail_msg("%s", err.message);
        fclose(out);
        /* A terminal that nobody has open any more says so with an error. */
        while ((more = read(from, buffer + length, sizeof buffer - 1 - length)) > 0)
                length += (size_t)more;
        close(from);
        return memory_copy_text(buffer);
}

static void test_on_a_pipe_pictures_follow_one_another_without_escapes(void **state)
{
        struct stage stage = {.stop_ms = START_MS + 5000, .terminal = -1};
        autofree char *seen = NULL;
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        seen = play(&stage, fdopen(ends[1], "w"), ends[0], false);
        assert_string_equal(seen, "2026-01-05T08:00:00Z, every 2 s\n\none 1\ntwo\nthree\nfour\n\n"
                                  "2026-01-05T08:00:02Z, every 2 s\n\none 2\ntwo\nthree\nfour\n\n"
                                  "2026-01-05T08:00:04Z, every 2 s\n\none 3\ntwo\nthree\nfour\n\n");
}

static void test_a_picture_that_cannot_be_had_leaves_the_last_one(void **state)
{
        struct stage stage = {.stop_ms = START_MS + 3000, .terminal = -1, .fails_at = 2};
        autofree char *seen = NULL;
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        seen = play(&stage, fdopen(ends[1], "w"), ends[0], false);
        assert_non_null(strstr(seen, "08:00:02Z, every 2 s: nobody listens\n\none 1\n"));
}

static void test_the_first_picture_has_to_be_had(void **state)
{
        struct stage stage = {.stop_ms = START_MS, .fails_at = 1};
        const struct watch watch = {&stage.clock, 2000, stdout, false, print, &stage};
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(watch_run(&watch, &err));
        assert_string_equal(err.message, "nobody listens");
}

static FILE *open_terminal(struct stage *stage, int rows)
{
        const struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = 80};
        struct termios raw;
        int side;

        stage->terminal = posix_openpt(O_RDWR | O_NOCTTY);
        assert_true(stage->terminal >= 0);
        assert_int_equal(grantpt(stage->terminal), 0);
        assert_int_equal(unlockpt(stage->terminal), 0);
        side = open(ptsname(stage->terminal), O_RDWR | O_NOCTTY);
        assert_true(side >= 0);
        assert_int_equal(tcgetattr(side, &raw), 0);
        cfmakeraw(&raw);
        assert_int_equal(tcsetattr(side, TCSANOW, &raw), 0);
        assert_int_equal(ioctl(side, TIOCSWINSZ, &size), 0);
        return fdopen(side, "w");
}

#define BEGIN "\033[?1049h\033[?7l\033[?25l"
#define END   "\033[?25h\033[?7h\033[?1049l"

/* Drawn over what was there and never cleared before, so that it does not flicker; left as it was found. */
static void test_on_a_terminal_each_picture_is_drawn_over_the_last(void **state)
{
        struct stage stage = {.stop_ms = START_MS + 3000};
        FILE *terminal = open_terminal(&stage, 24);
        autofree char *seen = play(&stage, terminal, stage.terminal, true);

        (void)state;
        assert_string_equal(seen,
                            BEGIN "\033[H2026-01-05T08:00:00Z, every 2 s\033[K\r\n\033[K\r\none 1\033[K\r\n"
                                  "two\033[K\r\nthree\033[K\r\nfour\033[K\r\n\033[J"
                                  "\033[H2026-01-05T08:00:02Z, every 2 s\033[K\r\n\033[K\r\none 2\033[K\r\n"
                                  "two\033[K\r\nthree\033[K\r\nfour\033[K\r\n\033[J" END);
}

/* A window of four rows shows three lines and where the next would stand; once it has five, one more, at
 * once. */
static void test_a_window_of_another_size_is_filled_at_once(void **state)
{
        struct stage stage = {.stop_ms = START_MS + 1900, .rows_after = 5};
        FILE *terminal = open_terminal(&stage, 4);
        autofree char *seen = play(&stage, terminal, stage.terminal, true);

        (void)state;
        assert_string_equal(seen, BEGIN
                            "\033[H2026-01-05T08:00:00Z, every 2 s\033[K\r\n\033[K\r\none 1\033[K\r\n\033[J"
                            "\033[H2026-01-05T08:00:00Z, every 2 s\033[K\r\n\033[K\r\none 1\033[K\r\n"
                            "two\033[K\r\n\033[J" END);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_on_a_pipe_pictures_follow_one_another_without_escapes),
                cmocka_unit_test(test_a_picture_that_cannot_be_had_leaves_the_last_one),
                cmocka_unit_test(test_the_first_picture_has_to_be_had),
                cmocka_unit_test(test_on_a_terminal_each_picture_is_drawn_over_the_last),
                cmocka_unit_test(test_a_window_of_another_size_is_filled_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

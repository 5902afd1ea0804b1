/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/memory.h"
#include "core/series/series.h"
#include "core/text.h"

#define LOOK_MS     200 /* between looks at the window's size */
#define ROWS_UNTOLD 24

/* The other screen, whose lines are cut at the window's edge, without a cursor; and back. */
#define BEGIN "\033[?1049h\033[?7l\033[?25l"
#define END   "\033[?25h\033[?7h\033[?1049l"

struct window {
        int rows, columns;
};

static struct window window_of(FILE *out)
{
        struct winsize size = {0};

        if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
                return (struct window){ROWS_UNTOLD, 0};
        return (struct window){size.ws_row, size.ws_col};
}

/* ---- pictures ---- */

static void put_head(const struct watch *watch, const struct error *failure, struct text *text)
{
        char now[32];

        time_format(clock_now_ms(watch->clock), now);
        text_format(text, "%s, every %lld s", now, (long long)(watch->every_ms / MS_PER_SECOND));
        if (failure->code != ERROR_NONE)
                text_format(text, ": %s", failure->message);
        text_put(text, "\n\n");
}

/* The caller frees *ret_picture, which is replaced on success only. */
static bool take_picture(const struct watch *watch, char **ret_picture, struct error *err)
{
        char *picture = NULL;
        size_t length = 0;
        FILE *memory = open_memstream(&picture, &length);
        bool done;

        if (!memory)
                return error_errno(err, errno, "cannot hold a picture");
        done = watch->print(watch->context, memory, err);
        fclose(memory);
        if (done) {
                free(*ret_picture);
                *ret_picture = picture;
        } else
                free(picture);
        return done;
}

/* From the top left, every line cleared behind its end, and what is left below. */
static void put_in_place(const char *page, int rows, struct text *out)
{
        text_put(out, "\033[H");
        for (int row = 1; *page && row < rows; row++) {
                size_t length = strcspn(page, "\n");

                text_add(out, page, length);
                text_put(out, "\033[K\r\n");
                page += length + (page[length] == '\n');
        }
        text_put(out, "\033[J");
}

static bool show(const struct watch *watch, const char *page, struct error *err)
{
        autotext out = {0};

        if (watch->in_place)
                put_in_place(page, window_of(watch->out).rows, &out);
        else
                text_format(&out, "%s\n", page);
        return (fwrite(out.data, 1, out.length, watch->out) == out.length && fflush(watch->out) == 0) ||
               error_errno(err, errno, "standard output");
}

/* ---- time ---- */

/* False when interrupted. A window of another size is drawn anew at once. */
static bool wait_for_next(const struct watch *watch, const char *page, int64_t next_ms, struct error *err)
{
        struct window before = window_of(watch->out);
        int64_t now_ms;

        while ((now_ms = clock_now_ms(watch->clock)) < next_ms) {
                int64_t look_ms = watch->in_place && now_ms + LOOK_MS < next_ms ? now_ms + LOOK_MS : next_ms;
                struct window now;

                if (!clock_sleep_until(watch->clock, look_ms, err))
                        return false;
                now = window_of(watch->out);
                if (watch->in_place && (now.rows != before.rows || now.columns != before.columns) &&
                    !show(watch, page, err))
                        return false;
                before = now;
        }
        return true;
}

static bool keep_showing(const struct watch *watch, char **picture, struct error *err)
{
        struct error failure = ERROR_INIT;
        int64_t next_ms = clock_now_ms(watch->clock);
        bool going = true;

        while (going) {
                autotext page = {0};

                put_head(watch, &failure, &page);
                text_put(&page, *picture);
                next_ms += watch->every_ms;
                going = show(watch, page.data, err) && wait_for_next(watch, page.data, next_ms, err);
                error_clear(&failure);
                if (going && !take_picture(watch, picture, &failure))
                        going = failure.code != ERROR_INTERRUPTED;
        }
        if (err->code == ERROR_INTERRUPTED)
                error_clear(err);
        return err->code == ERROR_NONE;
}

bool watch_run(const struct watch *watch, struct error *err)
{
        autofree char *picture = NULL;
        bool done;

        if (!take_picture(watch, &picture, err))
                return false;
        if (watch->in_place)
                fputs(BEGIN, watch->out);
        done = keep_showing(watch, &picture, err);
        if (watch->in_place) {
                fputs(END, watch->out);
                fflush(watch->out);
        }
        return done;
}

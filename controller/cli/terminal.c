/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/terminal.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/text.h"

#define GAP               "  "
#define USUAL_COLUMNS     80 /* of a terminal that does not tell */
#define PROGRESS_DELAY_MS 2000
#define PROGRESS_EVERY_MS 100
#define PROGRESS_CELLS    20

bool terminal_has_color(FILE *out)
{
        const char *refused = getenv("NO_COLOR");
        const char *kind = getenv("TERM");

        return isatty(fileno(out)) && (!refused || !*refused) && (!kind || strcmp(kind, "dumb") != 0);
}

struct range {
        uint32_t first, last;
};

static bool in_ranges(uint32_t point, const struct range *ranges, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (point >= ranges[i].first && point <= ranges[i].last)
                        return true;
        return false;
}

/* The blocks of Unicode 15 that occur in names: combining marks, and Wide or Fullwidth of UAX #11. */
static int point_width(uint32_t point)
{
        static const struct range none[] = {
                {0x0300, 0x036f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
        };
        static const struct range wide[] = {
                {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
                {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
        };

        if (in_ranges(point, none, ARRAY_LENGTH(none)))
                return 0;
        return in_ranges(point, wide, ARRAY_LENGTH(wide)) ? 2 : 1;
}

/* Bytes of the sequence that starts here, 1 for a broken one; ret_point is its code point. */
static size_t decode(const unsigned char *bytes, uint32_t *ret_point)
{
        size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc0 ? 2 : 1;
        uint32_t point = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);

        for (size_t i = 1; i < length; i++) {
                if ((bytes[i] & 0xc0) != 0x80) {
                        *ret_point = 0xfffd;
                        return 1;
                }
                point = point << 6 | (bytes[i] & 0x3f);
        }
        *ret_point = point;
        return length;
}

int terminal_text_width(const char *text)
{
        const unsigned char *at = (const unsigned char *)text;
        int width = 0;

        while (*at) {
                uint32_t point;

                at += decode(at, &point);
                width += point_width(point);
        }
        return width;
}

static int columns_of(FILE *out)
{
        struct winsize size;

        return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL_COLUMNS;
}

void terminal_redraw(FILE *out, const char *line)
{
        /* In the last column some terminals begin the next row. */
        int left = columns_of(out) - 1;
        const unsigned char *at = (const unsigned char *)line;

        while (*at) {
                uint32_t point;
                size_t length = decode(at, &point);

                left -= point_width(point);
                if (left < 0)
                        break;
                at += length;
        }
        fprintf(out, "\r\033[K%.*s", (int)(at - (const unsigned char *)line), line);
        fflush(out);
}

struct column {
        enum terminal_align align;
        char *title;
};

struct cell {
        enum terminal_style style;
        char *text;
};

struct terminal_table {
        size_t n_columns;
        struct column *columns;
        size_t n_rows;
        struct cell *cells; /* n_rows x n_columns */
        size_t filled;      /* cells of the last row */
};

struct terminal_table *terminal_table_new(void)
{
        return memory_new(1, sizeof(struct terminal_table));
}

void terminal_table_free(struct terminal_table *table)
{
        if (!table)
                return;
        for (size_t i = 0; i < table->n_columns; i++)
                free(table->columns[i].title);
        for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
                free(table->cells[i].text);
        free(table->columns);
        free(table->cells);
        free(table);
}

void terminal_table_column(struct terminal_table *table, enum terminal_align align, const char *title)
{
        table->columns = memory_resize(table->columns, table->n_columns + 1, sizeof *table->columns);
        table->columns[table->n_columns++] = (struct column){align, memory_copy_text(title)};
        text_to_line(table->columns[table->n_columns - 1].title);
}

void terminal_table_row(struct terminal_table *table)
{
        struct cell *row;

        table->cells =
                memory_resize(table->cells, (table->n_rows + 1) * table->n_columns, sizeof *table->cells);
        row = table->cells + table->n_rows++ * table->n_columns;
        memset(row, 0, table->n_columns * sizeof *row);
        table->filled = 0;
}

void terminal_table_cell(struct terminal_table *table, enum terminal_style style, const char *format, ...)
{
        struct cell *cell = table->cells + (table->n_rows - 1) * table->n_columns + table->filled++;
        va_list args;

        cell->style = style;
        va_start(args, format);
        if (vasprintf(&cell->text, format, args) < 0)
                cell->text = memory_copy_text("");
        va_end(args);
        text_to_line(cell->text);
}

static int column_width(const struct terminal_table *table, size_t column)
{
        int width = terminal_text_width(table->columns[column].title);

        for (size_t row = 0; row < table->n_rows; row++) {
                const char *text = table->cells[row * table->n_columns + column].text;
                int needed = text ? terminal_text_width(text) : 0;

                width = needed > width ? needed : width;
        }
        return width;
}

static void add_styled(struct text *line, enum terminal_style style, const char *text, bool color)
{
        static const char *const codes[] = {[TERMINAL_STRONG] = "1",
                                            [TERMINAL_FAINT] = "2",
                                            [TERMINAL_GOOD] = "32",
                                            [TERMINAL_BAD] = "31"};

        if (!color || style == TERMINAL_PLAIN || !*text)
                text_put(line, text);
        else
                text_format(line, "\033[%sm%s\033[0m", codes[style], text);
}

/* Pads are kept back until something follows, so that no line ends in blanks. */
static void add_padded(struct text *line, int *pending, const struct column *column, int width,
                       const struct cell *cell, bool color)
{
        const char *text = cell->text ? cell->text : "";
        int pad = width - terminal_text_width(text);
        int before = column->align == TERMINAL_RIGHT ? pad : 0;

        if (*text) {
                text_format(line, "%*s", *pending + before, "");
                add_styled(line, cell->style, text, color);
                *pending = pad - before;
        } else {
                *pending += width;
        }
        *pending += (int)strlen(GAP);
}

static void print_cells(const struct terminal_table *table, const int *widths, const struct cell *cells,
                        bool color, FILE *out)
{
        autotext line = {0};
        int pending = 0;

        for (size_t i = 0; i < table->n_columns; i++)
                add_padded(&line, &pending, &table->columns[i], widths[i], &cells[i], color);
        fprintf(out, "%s\n", line.data ? line.data : "");
}

void terminal_table_print(const struct terminal_table *table, FILE *out, bool color)
{
        autofree int *widths = memory_new(table->n_columns, sizeof *widths);
        autofree struct cell *titles = memory_new(table->n_columns, sizeof *titles);

        for (size_t i = 0; i < table->n_columns; i++) {
                widths[i] = column_width(table, i);
                titles[i] = (struct cell){TERMINAL_STRONG, table->columns[i].title};
        }
        print_cells(table, widths, titles, color, out);
        for (size_t row = 0; row < table->n_rows; row++)
                print_cells(table, widths, table->cells + row * table->n_columns, color, out);
}

struct progress {
        FILE *out;
        bool shown;
        const struct clock *clock;
        const char *what, *unit;
        int64_t total;
        int64_t start_ms;
        pthread_mutex_t lock; /* guards what follows and the drawing */
        int64_t done;
        int64_t drawn_ms;
        bool drawn;
};

struct progress *progress_new(FILE *out, bool wanted, const struct clock *clock, const char *what,
                              const char *unit, int64_t total)
{
        struct progress *progress = memory_new(1, sizeof *progress);

        *progress = (struct progress){.out = out,
                                      .shown = wanted && isatty(fileno(out)),
                                      .clock = clock,
                                      .what = what,
                                      .unit = unit,
                                      .total = total,
                                      .start_ms = clock_now_ms(clock)};
        pthread_mutex_init(&progress->lock, NULL);
        return progress;
}

static void add_remaining(struct text *line, double seconds)
{
        if (seconds >= 3600)
                text_format(line, ", %.1f h left", seconds / 3600);
        else if (seconds >= 100)
                text_format(line, ", %.0f min left", ceil(seconds / 60));
        else
                text_format(line, ", %.0f s left", ceil(seconds));
}

static void draw(struct progress *progress, int64_t now_ms)
{
        double share = progress->total > 0 ? fmin(1, (double)progress->done / (double)progress->total) : 0;
        int cells = (int)(share * PROGRESS_CELLS);
        autotext line = {0};

        text_format(&line, "%s  %lld of %lld %s [", progress->what, (long long)progress->done,
                    (long long)progress->total, progress->unit);
        for (int i = 0; i < PROGRESS_CELLS; i++)
                text_put(&line, i < cells ? "#" : "-");
        text_format(&line, "] %3.0f %%", floor(100 * share));
        if (share > 0)
                add_remaining(&line,
                              (double)(now_ms - progress->start_ms) / MS_PER_SECOND * (1 - share) / share);
        terminal_redraw(progress->out, line.data);
        progress->drawn_ms = now_ms;
        progress->drawn = true;
}

void progress_add(struct progress *progress, int64_t done)
{
        int64_t now_ms;

        if (!progress->shown)
                return;
        now_ms = clock_now_ms(progress->clock);
        pthread_mutex_lock(&progress->lock);
        progress->done += done;
        if (now_ms - progress->start_ms >= PROGRESS_DELAY_MS &&
            now_ms - progress->drawn_ms >= PROGRESS_EVERY_MS)
                draw(progress, now_ms);
        pthread_mutex_unlock(&progress->lock);
}

void progress_free(struct progress *progress)
{
        if (!progress)
                return;
        if (progress->drawn)
                terminal_redraw(progress->out, "");
        pthread_mutex_destroy(&progress->lock);
        free(progress);
}

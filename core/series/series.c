/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/series/series.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/series/read.h"
#include "core/text.h"

#define CHUNK_BYTES 65536

struct series *series_new(size_t count)
{
        struct series *series = memory_new(1, sizeof *series);

        series->count = count;
        series->time_ms = memory_new(count, sizeof *series->time_ms);
        series->value = memory_new(count, sizeof *series->value);
        return series;
}

void series_free(struct series *series)
{
        if (!series)
                return;
        free(series->time_ms);
        free(series->value);
        free(series);
}

enum series_added series_add(struct series_builder *builder, int64_t time_ms, double value)
{
        struct series *series = builder->series;

        if (series->count > 0 && time_ms < series->time_ms[series->count - 1])
                return SERIES_GOES_BACK;
        if (series->count > 0 && time_ms == series->time_ms[series->count - 1]) {
                series->value[series->count - 1] = value;
                return SERIES_ADDED;
        }
        if (series->count >= SERIES_MAX_POINTS)
                return SERIES_TOO_LONG;
        if (series->count == builder->room) {
                builder->room = builder->room ? builder->room * 2 : 4096;
                series->time_ms = memory_resize(series->time_ms, builder->room, sizeof *series->time_ms);
                series->value = memory_resize(series->value, builder->room, sizeof *series->value);
        }
        series->time_ms[series->count] = time_ms;
        series->value[series->count++] = value;
        return SERIES_ADDED;
}

static bool is_json(const char *bytes, size_t length)
{
        size_t at = 0;

        while (at < length && strchr(" \t\r\n", bytes[at]) && bytes[at])
                at++;
        return at < length && (bytes[at] == '{' || bytes[at] == '[');
}

bool series_parse(const char *bytes, size_t length, const char *name, const struct series_format *format,
                  struct series **ret_series, struct error *err)
{
        static const struct series_format by_content = {0};
        autocall(series_free) struct series *series = series_new(0);
        struct series_builder builder = {.series = series};

        if (!format)
                format = &by_content;
        if (length > 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
                bytes += 3;
                length -= 3;
        }
        if (is_json(bytes, length)) {
                if (!series_parse_prometheus(bytes, length, name, format, &builder, err))
                        return false;
        } else if (!series_parse_text(bytes, length, name, format, &builder, err)) {
                return false;
        }
        if (series->count == 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s: holds no points; expected a time and a value each line", name);
        *ret_series = TAKE(series);
        return true;
}

/* What went wrong in zlib or, below it, in the system. */
static bool read_error(gzFile file, const char *path, struct error *err)
{
        int number = errno;
        int code;
        const char *words = gzerror(file, &code);

        if (code == Z_ERRNO)
                return text_read_error(path, number, err);
        return error_set(err, ERROR_INPUT, NULL, "%s: broken gzip data (%s)", path, words);
}

/* gzread hands plain files through, joins several gzip members, and needs no more memory than the chunk. */
static bool read_unpacked(gzFile file, const char *path, struct text *text, struct error *err)
{
        char chunk[CHUNK_BYTES];
        int got, code;

        while ((got = gzread(file, chunk, sizeof chunk)) > 0) {
                if (text->length + (size_t)got > SERIES_MAX_BYTES)
                        return error_set(err, ERROR_LIMIT, NULL,
                                         "%s: larger than the %u MiB that are accepted", path,
                                         SERIES_MAX_BYTES >> 20);
                text_add(text, chunk, (size_t)got);
        }
        (void)gzerror(file, &code);
        if (got < 0 || code != Z_OK)
                return read_error(file, path, err);
        return true;
}

bool series_read(const char *path, const struct series_format *format, struct series **ret_series,
                 struct error *err)
{
        autotext text = {0};
        gzFile file;
        bool done;

        if (strcmp(path, "-") == 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "a series is read from a file; expected a file name, not -");
        errno = 0;
        file = gzopen(path, "rbe");
        if (!file)
                return text_read_error(path, errno ? errno : ENOMEM, err);
        gzbuffer(file, 2 * CHUNK_BYTES);
        done = read_unpacked(file, path, &text, err);
        gzclose_r(file);
        return done && series_parse(text.data ? text.data : "", text.length, path, format, ret_series, err);
}

/* glob's special characters in the folder stand for themselves. */
static void put_escaped(struct text *pattern, const char *folder)
{
        for (; *folder; folder++) {
                if (strchr("*?[]\\", *folder))
                        text_put(pattern, "\\");
                text_add(pattern, folder, 1);
        }
}

static bool one_match(const glob_t *found, const char *pattern, char **ret_path, struct error *err)
{
        autotext names = {0};

        if (found->gl_pathc == 1) {
                *ret_path = memory_copy_text(found->gl_pathv[0]);
                return true;
        }
        for (size_t i = 0; i < found->gl_pathc && i < 5; i++)
                text_format(&names, "%s%s", i ? ", " : "", found->gl_pathv[i]);
        if (found->gl_pathc > 5)
                text_put(&names, ", ...");
        return error_set(err, ERROR_INPUT, NULL, "%s: matches %zu files (%s); expected exactly one", pattern,
                         found->gl_pathc, names.data);
}

bool series_find_file(const char *base, const char *name, char **ret_path, struct error *err)
{
        bool absolute = name[0] == '/' || !base || !*base;
        autofree char *plain = absolute ? memory_copy_text(name) : memory_format("%s/%s", base, name);
        autotext pattern = {0};
        glob_t found = {0};
        int status;
        bool done;

        if (access(plain, F_OK) == 0) {
                *ret_path = TAKE(plain);
                return true;
        }
        if (!absolute) {
                put_escaped(&pattern, base);
                text_put(&pattern, "/");
        }
        text_put(&pattern, name);
        status = glob(pattern.data ? pattern.data : "", 0, NULL, &found);
        if (status == 0)
                done = one_match(&found, plain, ret_path, err);
        else
                done = error_set(err, ERROR_INPUT, NULL, "%s: there is no such file", plain);
        globfree(&found);
        return done;
}

/* Index of the last point at or before the instant; -1 when there is none. */
static ptrdiff_t last_before(const struct series *series, int64_t time_ms)
{
        size_t low = 0, high = series->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (series->time_ms[middle] <= time_ms)
                        low = middle + 1;
                else
                        high = middle;
        }
        return (ptrdiff_t)low - 1;
}

double series_at(const struct series *series, int64_t time_ms)
{
        ptrdiff_t at = last_before(series, time_ms);

        if (at < 0 || time_ms > series->time_ms[series->count - 1])
                return NAN;
        return series->value[at];
}

double series_interpolate(const struct series *series, int64_t time_ms)
{
        ptrdiff_t at = last_before(series, time_ms);
        double share;

        if (at < 0 || time_ms > series->time_ms[series->count - 1])
                return NAN;
        if (series->time_ms[at] == time_ms)
                return series->value[at];
        share = (double)(time_ms - series->time_ms[at]) /
                (double)(series->time_ms[at + 1] - series->time_ms[at]);
        return series->value[at] + share * (series->value[at + 1] - series->value[at]);
}

static int compare_int64(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

int64_t series_step_ms(const struct series *series)
{
        autofree int64_t *steps = NULL;
        size_t count = series->count;

        if (count < 2)
                return 0;
        steps = memory_new(count - 1, sizeof *steps);
        for (size_t i = 0; i + 1 < count; i++)
                steps[i] = series->time_ms[i + 1] - series->time_ms[i];
        qsort(steps, count - 1, sizeof *steps, compare_int64);
        return steps[(count - 2) / 2];
}

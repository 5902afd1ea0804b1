/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SERIES_SERIES_H
#define OPTCTL_CORE_SERIES_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"

/*
 * A recorded time series: instants in milliseconds since 1970 UTC, strictly increasing, and a value each; NAN
 * where the source said null. Owned; free with series_free.
 */
struct series {
        size_t count;
        int64_t *time_ms;
        double *value;
};

/*
 * How to read a file. Formats are told from the content: Prometheus range-query JSON; text with one of the
 * separators , ; | or tab, with or without a header, plain or gzip. "-" is not accepted.
 */
struct series_format {
        const char *time_column;  /* NULL: "timestamp", "time", "date" or "t" by name, or the first column;
                                     "DATE,TIME": a time that is spread over two columns */
        const char *value_column; /* NULL: the first column that is not the time */
        const char *time_zone; /* IANA name for local times without an offset; NULL: UTC. A repeated hour (end
                                  of daylight saving) is taken first as summer, then as standard time; days
                                  whose hours are numbered through (23 or 25 of them) are recognised */
        const char *match; /* Prometheus JSON with several series: the one whose labels contain this text */
        bool seconds_from_zero; /* times are seconds since the start of the recording */
};

#define SERIES_MAX_BYTES  (512u << 20) /* after decompression */
#define SERIES_MAX_POINTS (40u << 20)

/* Errors name file:line:column, in JSON the path of the element. Infinite values count as null. Times that go
 * back are an error; a repeated time keeps the last value. */
bool series_read(const char *path, const struct series_format *format, struct series **ret_series,
                 struct error *err);
/* The same from memory, for tests and fuzzing; `name` stands for the file in messages. */
bool series_parse(const char *bytes, size_t length, const char *name, const struct series_format *format,
                  struct series **ret_series, struct error *err);
void series_free(struct series *series);
DEFINE_CLEANUP(series_free, struct series);

struct series *series_new(size_t count);

/*
 * Resolves a file name from a spec: relative to `base`; may hold the wildcards of glob(7), and must then
 * match exactly one file (ERROR_INPUT names the matches or says there is none). Caller frees.
 */
bool series_find_file(const char *base, const char *name, char **ret_path, struct error *err);

/* Value in force at an instant: the last one at or before it (step), or linear between neighbours. NAN
 * outside. */
double series_at(const struct series *series, int64_t time_ms);
double series_interpolate(const struct series *series, int64_t time_ms);

/* Median distance of neighbouring instants (the lower of two); 0 with fewer than two points. */
int64_t series_step_ms(const struct series *series);

/* RFC 3339 with offset or Z, or "YYYY-MM-DD[ T]HH:MM[:SS[.fff]]" in `time_zone` (NULL: UTC). */
bool time_parse(const char *text, const char *time_zone, int64_t *ret_ms, struct error *err);
void time_format(int64_t time_ms, char buffer[32]); /* RFC 3339 UTC, seconds unless there are milliseconds */

#endif

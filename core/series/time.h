/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SERIES_TIME_H
#define OPTCTL_CORE_SERIES_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* How the readers of a series understand one field; bytes from `at` to `end`, not NUL-ended. */

/* A date and a time of day as written. */
struct written_time {
        int64_t date_ms;  /* from 1970-01-01 to the date */
        int64_t clock_ms; /* the time of day; a day of milliseconds for 24:00 */
        bool has_offset;  /* and so UTC is known: date_ms + clock_ms - offset_ms */
        int64_t offset_ms;
};

/* "YYYY-MM-DD", alone or with "[T ]HH:MM[:SS[.fff]]" and "Z", "+HH:MM". */
bool written_time_parse(const char *at, const char *end, struct written_time *ret_time);

/* A decimal number, correctly rounded; the whole field, finite. */
bool number_parse(const char *at, const char *end, double *ret_value);

/* A measured value: a number; or null, NaN, NA, an infinity or nothing at all, which all give NAN. */
bool value_parse(const char *at, const char *end, double *ret_value);

/* Epoch seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude (seconds to the year
 * 5138). */
bool epoch_to_ms(double epoch, int64_t *ret_ms);

/* Seconds to milliseconds, rounded; false beyond the year 5138 in either direction. */
bool seconds_to_ms(double seconds, int64_t *ret_ms);

#endif

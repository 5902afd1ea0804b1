/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a recorded series: read, or refused with one line; never a crash, a leak or a hang. The first
 * byte picks how the file is said to look, so that named columns, zones and labels are reached as well.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/series/series.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct series_format formats[] = {
        {0},
        {.time_column = "date,time_from", .value_column = "price", .time_zone = "Europe/Prague"},
        {.time_column = "t", .value_column = "value", .seconds_from_zero = true},
        {.time_zone = "America/New_York"},
        {.match = "job=\"a\""},
};

/* What the header promises of every series that was read. */
static void check(const struct series *series)
{
        if (series->count == 0)
                abort();
        for (size_t i = 0; i < series->count; i++) {
                if ((i > 0 && series->time_ms[i] <= series->time_ms[i - 1]) || isinf(series->value[i]))
                        abort();
        }
        series_at(series, series->time_ms[0]);
        series_interpolate(series, series->time_ms[series->count - 1]);
        if (series->count > 1 && series_step_ms(series) <= 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        autocall(series_free) struct series *series = NULL;
        struct error err = ERROR_INIT;
        const struct series_format *format;

        if (size == 0)
                return 0;
        format = &formats[data[0] % ARRAY_LENGTH(formats)];
        if (series_parse((const char *)data + 1, size - 1, "fuzz", format, &series, &err))
                check(series);
        else if (err.code == ERROR_NONE || err.message[0] == '\0' || strchr(err.message, '\n'))
                abort();
        return 0;
}

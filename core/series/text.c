/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/series/read.h"
#include "core/series/time.h"
#include "core/text.h"
#include "core/zone.h"

/*
 * Separated values. Written by hand because the one C library for it (libcsv) does not say where in the file
 * a field stood, and an error without line and column is of no use in a file of a hundred thousand lines.
 */
#define MAX_COLUMNS 256

struct field {
        const char *at, *end;
};

struct row {
        struct field fields[MAX_COLUMNS];
        size_t count; /* of fields on the line, kept or not */
};

struct reader {
        const char *name;
        const char *at, *end;
        const char *line_start;
        long line; /* of line_start, from 1 */
        char separator;
};

/* Which columns to read. */
struct columns {
        size_t time;
        size_t time_of_day; /* the same as `time` when one column holds both */
        size_t value;
        size_t needed; /* fields that a line must have */
};

/* How times become UTC. */
struct stamps {
        struct zone *zone;
        bool seconds_from_zero;
        bool count_hours;    /* the time of day is the time passed since the day began */
        bool no_wall_clock;  /* found a time that a clock on the wall never shows */
        int64_t previous_ms; /* of the last point */
};

static bool fail_at(const struct reader *reader, const char *at, struct error *err, const char *wrong,
                    const char *expected)
{
        return error_set(err, ERROR_INPUT, NULL, "%s:%ld:%zu: %s; expected %s", reader->name, reader->line,
                         (size_t)(at - reader->line_start) + 1, wrong, expected);
}

/* One field; reader->at stops at the separator or the end of the line. Blanks around it are not part of it.
 */
static bool next_field(struct reader *reader, struct field *field, struct error *err)
{
        const char *at = reader->at, *end = reader->end;

        while (at < end && *at == ' ')
                at++;
        if (at < end && *at == '"') {
                const char *open = at++;

                field->at = at;
                while (at < end && (*at != '"' || (at + 1 < end && at[1] == '"')))
                        at += 1 + (*at == '"');
                if (at >= end)
                        return fail_at(reader, open, err, "a quote is never closed", "\" after the field");
                field->end = at++;
                while (at < end && *at != reader->separator && *at != '\n')
                        at++;
        } else {
                field->at = at;
                while (at < end && *at != reader->separator && *at != '\n')
                        at++;
                field->end = at;
                while (field->end > field->at && (field->end[-1] == ' ' || field->end[-1] == '\r'))
                        field->end--;
        }
        reader->at = at;
        return true;
}

static void skip_blank_lines(struct reader *reader)
{
        const char *at = reader->line_start;

        while (reader->at < reader->end && (*reader->at == '\n' || *reader->at == '\r'))
                reader->at++;
        while ((at = memchr(at, '\n', (size_t)(reader->at - at)))) {
                reader->line++;
                at++;
        }
        reader->line_start = reader->at;
}

/* The next line that is not blank; no fields at the end of the text. A quoted field may span several lines.
 */
static bool next_row(struct reader *reader, struct row *row, struct error *err)
{
        row->count = 0;
        skip_blank_lines(reader);
        while (reader->at < reader->end) {
                struct field field;

                if (!next_field(reader, &field, err))
                        return false;
                if (row->count < MAX_COLUMNS)
                        row->fields[row->count] = field;
                row->count++;
                if (reader->at == reader->end || *reader->at++ == '\n')
                        break;
        }
        return true;
}

/* The separator that the first line holds most often; the earlier in the list where two are even. */
static char find_separator(const char *bytes, size_t length)
{
        static const char separators[] = "|\t;,";
        size_t counts[sizeof separators] = {0};
        bool quoted = false;
        size_t best = 0;

        for (size_t i = 0; i < length && (bytes[i] != '\n' || quoted); i++) {
                const char *found = memchr(separators, bytes[i], sizeof separators - 1);

                quoted ^= bytes[i] == '"';
                if (found && !quoted)
                        counts[found - separators]++;
        }
        for (size_t i = 1; i + 1 < sizeof separators; i++) {
                if (counts[i] > counts[best])
                        best = i;
        }
        return separators[best];
}

static bool names_field(const struct field *field, const char *name, size_t length)
{
        return (size_t)(field->end - field->at) == length && strncasecmp(field->at, name, length) == 0;
}

static bool find_column(const struct row *header, const char *name, size_t length, size_t *ret_column)
{
        for (size_t i = 0; i < header->count && i < MAX_COLUMNS; i++) {
                if (names_field(&header->fields[i], name, length)) {
                        *ret_column = i;
                        return true;
                }
        }
        return false;
}

/* A line of names: its first field is neither a time nor a number. */
static bool is_header(const struct row *row)
{
        const struct field *first = &row->fields[0];
        struct written_time time;
        double value;

        return !written_time_parse(first->at, first->end, &time) &&
               !number_parse(first->at, first->end, &value);
}

static bool no_column(const struct reader *reader, const struct row *header, const char *name,
                      struct error *err)
{
        autotext names = {0};

        if (!is_header(header))
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s:1:1: the first line holds no names; expected a column \"%s\"",
                                 reader->name, name);
        for (size_t i = 0; i < header->count && i < MAX_COLUMNS && names.length < 400; i++) {
                const struct field *field = &header->fields[i];

                text_format(&names, "%s%.*s", i ? ", " : "", (int)(field->end - field->at), field->at);
        }
        return error_set(err, ERROR_INPUT, NULL,
                         "%s:%ld:1: there is no column \"%s\"; expected one of %.480s", reader->name,
                         reader->line, name, names.data ? names.data : "");
}

/* "NAME", or "DATE,TIME" for a time that is spread over two columns. */
static bool find_time_columns(const struct reader *reader, const struct row *header, const char *name,
                              struct columns *columns, struct error *err)
{
        static const char *const usual[] = {"timestamp", "time", "date", "t"};
        const char *comma = name ? strchr(name, ',') : NULL;

        columns->time = columns->time_of_day = 0;
        for (size_t i = 0; !name && i < ARRAY_LENGTH(usual); i++) {
                if (find_column(header, usual[i], strlen(usual[i]), &columns->time))
                        break;
        }
        if (!name || find_column(header, name, strlen(name), &columns->time)) {
                columns->time_of_day = columns->time;
                return true;
        }
        if (!comma || !find_column(header, name, (size_t)(comma - name), &columns->time) ||
            !find_column(header, comma + 1, strlen(comma + 1), &columns->time_of_day))
                return no_column(reader, header, name, err);
        return true;
}

static bool find_columns(const struct reader *reader, const struct row *header,
                         const struct series_format *format, struct columns *columns, struct error *err)
{
        const char *value = format->value_column;

        if (!find_time_columns(reader, header, format->time_column, columns, err))
                return false;
        columns->value = columns->time == 0 ? 1 : 0;
        if (value && !find_column(header, value, strlen(value), &columns->value))
                return no_column(reader, header, value, err);
        columns->needed = columns->time > columns->value ? columns->time : columns->value;
        if (columns->time_of_day > columns->needed)
                columns->needed = columns->time_of_day;
        columns->needed++;
        return true;
}

/*
 * UTC of a local time. The hour that the end of daylight saving repeats is recognised by its second coming:
 * time would stand still or go back. Power exchanges number the hours of a day through instead, 23 or 25 of
 * them; such a file gives itself away by a time that no clock shows, 24:00 or one within the hour that is
 * skipped.
 */
static int64_t local_to_utc(struct stamps *stamps, const struct written_time *time)
{
        struct civil local;
        int64_t utc_ms;

        civil_from_ms(stamps->count_hours ? time->date_ms : time->date_ms + time->clock_ms, &local);
        switch (zone_to_utc(stamps->zone, &local, ZONE_FIRST, &utc_ms)) {
        case ZONE_SKIPPED:
                stamps->no_wall_clock |= !stamps->count_hours;
                break;
        case ZONE_REPEATED:
                if (!stamps->count_hours && utc_ms <= stamps->previous_ms)
                        zone_to_utc(stamps->zone, &local, ZONE_SECOND, &utc_ms);
                break;
        case ZONE_UNIQUE:
                stamps->no_wall_clock |= !stamps->count_hours && time->clock_ms >= MS_PER_DAY;
                break;
        }
        return stamps->count_hours ? utc_ms + time->clock_ms : utc_ms;
}

/* A number is seconds from zero or an epoch; anything else a date. */
static bool read_time(const struct row *row, const struct columns *columns, struct stamps *stamps,
                      int64_t *ret_ms)
{
        const struct field *field = &row->fields[columns->time];
        const struct field *clock = &row->fields[columns->time_of_day];
        struct written_time time;
        char joined[64];
        int length;
        double number;

        if (columns->time != columns->time_of_day) {
                length = snprintf(joined, sizeof joined, "%.*s %.*s", (int)(field->end - field->at),
                                  field->at, (int)(clock->end - clock->at), clock->at);
                if (length < 0 || (size_t)length >= sizeof joined ||
                    !written_time_parse(joined, joined + length, &time))
                        return false;
        } else if (number_parse(field->at, field->end, &number)) {
                return stamps->seconds_from_zero ? seconds_to_ms(number, ret_ms)
                                                 : epoch_to_ms(number, ret_ms);
        } else if (!written_time_parse(field->at, field->end, &time)) {
                return false;
        }
        if (time.has_offset)
                *ret_ms = time.date_ms + time.clock_ms - time.offset_ms;
        else
                *ret_ms = local_to_utc(stamps, &time);
        return true;
}

static bool read_row(const struct reader *reader, const struct row *row, const struct columns *columns,
                     struct stamps *stamps, struct series_builder *builder, struct error *err)
{
        const struct field *time = &row->fields[columns->time];
        const struct field *field = &row->fields[columns->value];
        char before[32], now[32], wrong[96];
        int64_t time_ms;
        double value;

        if (row->count < columns->needed) {
                snprintf(wrong, sizeof wrong, "the line has %zu field%s separated by '%c'", row->count,
                         text_plural((double)row->count), reader->separator);
                snprintf(now, sizeof now, "at least %zu", columns->needed);
                return fail_at(reader, reader->line_start, err, wrong, now);
        }
        if (!read_time(row, columns, stamps, &time_ms))
                return fail_at(reader, time->at, err, "unreadable time",
                               "seconds or milliseconds since 1970, or YYYY-MM-DD HH:MM:SS");
        if (!value_parse(field->at, field->end, &value))
                return fail_at(reader, field->at, err, "unreadable value",
                               "a number, or null where it is not known");
        switch (series_add(builder, time_ms, value)) {
        case SERIES_ADDED:
                stamps->previous_ms = time_ms;
                return true;
        case SERIES_TOO_LONG:
                return error_set(err, ERROR_LIMIT, NULL,
                                 "%s:%ld:1: more than the %u points that are accepted", reader->name,
                                 reader->line, SERIES_MAX_POINTS);
        case SERIES_GOES_BACK:
                break;
        }
        time_format(stamps->previous_ms, before);
        time_format(time_ms, now);
        snprintf(wrong, sizeof wrong, "time goes back from %s to %s", before, now);
        return fail_at(reader, time->at, err, wrong, "times in order");
}

static bool read_rows(struct reader reader, const struct columns *columns, struct stamps *stamps,
                      struct series_builder *builder, struct error *err)
{
        struct row row;

        builder->series->count = 0;
        stamps->previous_ms = INT64_MIN;
        for (;;) {
                if (!next_row(&reader, &row, err))
                        return false;
                if (row.count == 0)
                        return true;
                if (!read_row(&reader, &row, columns, stamps, builder, err))
                        return false;
        }
}

bool series_parse_text(const char *bytes, size_t length, const char *name, const struct series_format *format,
                       struct series_builder *builder, struct error *err)
{
        autocall(zone_free) struct zone *zone = NULL;
        struct reader reader = {.name = name,
                                .at = bytes,
                                .end = bytes + length,
                                .line_start = bytes,
                                .line = 1};
        struct stamps stamps = {.seconds_from_zero = format->seconds_from_zero};
        struct columns columns;
        struct reader rows;
        struct row first;

        if (!zone_load(format->time_zone, &zone, err))
                return error_wrap(err, "%s", name);
        stamps.zone = zone;
        reader.separator = find_separator(bytes, length);
        rows = reader;
        if (!next_row(&reader, &first, err))
                return false;
        if (first.count == 0)
                return true;
        if (!find_columns(&reader, &first, format, &columns, err))
                return false;
        if (is_header(&first))
                rows = reader;
        if (!read_rows(rows, &columns, &stamps, builder, err) && !stamps.no_wall_clock)
                return false;
        if (!stamps.no_wall_clock)
                return true;
        error_clear(err);
        stamps.count_hours = true;
        return read_rows(rows, &columns, &stamps, builder, err);
}

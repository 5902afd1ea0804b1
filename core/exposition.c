/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/exposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

#define MAX_NUMBER    128 /* bytes; a double needs 24 */
#define MAX_TIME_MS   (INT64_C(1) << 53)
#define EXACT_INTEGER (UINT64_C(1) << 53) /* doubles hold every integer up to here */
#define EXACT_POWER   22                  /* and every power of ten up to here */

struct reader {
        const char *text; /* start of the line */
        const char *at, *end;
        size_t line;
        enum exposition_format format;
        bool ended; /* by # EOF */
        struct exposition_sample sample;
        struct exposition_label labels[EXPOSITION_MAX_LABELS];
        struct error *err;
};

static bool fail(const struct reader *reader, const char *expected)
{
        return error_set(reader->err, ERROR_INCOMPLETE, "BadExposition", "line %zu, byte %td: expected %s",
                         reader->line, reader->at - reader->text + 1, expected);
}

/* ---- characters ---- */

enum { NAME_START = 1, NAME = 2, COLON = 4, BLANK = 8, NUMBER = 16 };

static const unsigned char classes[256] = {
        ['a' ... 'z'] = NAME_START | NAME | NUMBER,
        ['A' ... 'Z'] = NAME_START | NAME | NUMBER,
        ['_'] = NAME_START | NAME,
        ['0' ... '9'] = NAME | NUMBER,
        [':'] = COLON,
        [' '] = BLANK,
        ['\t'] = BLANK,
        ['\r'] = BLANK,
        ['+'] = NUMBER,
        ['-'] = NUMBER,
        ['.'] = NUMBER,
};

static bool is(const struct reader *reader, unsigned char wanted)
{
        return reader->at < reader->end && (classes[(unsigned char)*reader->at] & wanted);
}

static bool at_char(const struct reader *reader, char wanted)
{
        return reader->at < reader->end && *reader->at == wanted;
}

static void skip(struct reader *reader, unsigned char wanted)
{
        const char *at = reader->at;

        while (at < reader->end && (classes[(unsigned char)*at] & wanted))
                at++;
        reader->at = at;
}

static bool is_ascii(const char *bytes, size_t length)
{
        unsigned char high = 0;

        for (size_t i = 0; i < length; i++)
                high |= (unsigned char)bytes[i];
        return high < 0x80;
}

static bool is_utf8(const char *bytes, size_t length)
{
        size_t step;

        if (is_ascii(bytes, length))
                return true;
        for (; length > 0; bytes += step, length -= step)
                if ((step = text_utf8_length(bytes, length)) == 0)
                        return false;
        return true;
}

/* ---- numbers ---- */

/* The digits up to an exponent, as an integer and the power of ten it is to be multiplied with. False when
 * there are none, or more than a double holds. */
static bool read_digits(const char **at, const char *end, uint64_t *ret_digits, int *ret_power)
{
        const char *start = *at;
        bool point = false;

        *ret_digits = 0;
        *ret_power = 0;
        for (; *at < end; ++*at) {
                if (**at == '.' && !point) {
                        point = true;
                        continue;
                }
                if (**at < '0' || **at > '9')
                        break;
                *ret_digits = *ret_digits * 10 + (uint64_t)(**at - '0');
                if (*ret_digits > EXACT_INTEGER)
                        return false;
                *ret_power -= point;
        }
        return *at - start > point;
}

/* E7, e-12: adds it to *power. */
static bool read_exponent(const char **at, const char *end, int *power)
{
        int exponent = 0, sign = 1;

        if (*at == end)
                return true;
        if (**at != 'E' && **at != 'e')
                return false;
        if (++*at < end && **at == '-') {
                sign = -1;
                ++*at;
        }
        if (end - *at < 1 || end - *at > 3)
                return false;
        for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
                exponent = exponent * 10 + (**at - '0');
        *power += sign * exponent;
        return *at == end;
}

/* Numbers whose digits and power of ten are both exact in doubles, so that one operation rounds as it should.
 * False for all others. */
static bool read_exact(const char *at, const char *end, double *ret_value)
{
        static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
        bool negative = at < end && *at == '-';
        uint64_t digits;
        int power;

        at += negative;
        if (!read_digits(&at, end, &digits, &power) || !read_exponent(&at, end, &power))
                return false;
        if (power < -EXACT_POWER || power > EXACT_POWER)
                return false;
        *ret_value = power < 0 ? (double)digits / powers[-power] : (double)digits * powers[power];
        if (negative)
                *ret_value = -*ret_value;
        return true;
}

/* What is not finite, and what needs more care with rounding. */
static bool read_inexact(const char *bytes, size_t length, double *ret_value)
{
        char copy[MAX_NUMBER + 1], *stopped;

        /* No hexadecimal numbers, and no nan(...), which strtod would take. */
        if (length > MAX_NUMBER || memchr(bytes, 'x', length) || memchr(bytes, 'X', length))
                return false;
        memcpy(copy, bytes, length);
        copy[length] = '\0';
        *ret_value = strtod(copy, &stopped);
        return length > 0 && *stopped == '\0';
}

static bool read_number(struct reader *reader, double *ret_value)
{
        const char *start = reader->at;

        skip(reader, NUMBER);
        if (reader->at < reader->end && !is(reader, BLANK))
                return fail(reader, "a blank or the end of the line");
        if (read_exact(start, reader->at, ret_value) ||
            read_inexact(start, (size_t)(reader->at - start), ret_value))
                return true;
        reader->at = start;
        return fail(reader, "a number");
}

static bool is_integer(const char *at, const char *end)
{
        for (at += *at == '-'; at < end && *at >= '0' && *at <= '9';)
                at++;
        return at == end;
}

static bool read_time(struct reader *reader)
{
        const char *start = reader->at;
        double time;

        if (!read_number(reader, &time))
                return false;
        if (reader->format == EXPOSITION_OPENMETRICS)
                time = round(time * 1000);
        if (!(fabs(time) <= (double)MAX_TIME_MS) ||
            (reader->format == EXPOSITION_TEXT && !is_integer(start, reader->at))) {
                reader->at = start;
                return fail(reader, "a time stamp");
        }
        reader->sample.timed = true;
        reader->sample.time_ms = (int64_t)time;
        return true;
}

/* ---- names and labels ---- */

/* What stands between quotes; reader->at is on the first. */
static bool read_quoted(struct reader *reader, struct exposition_text *ret_text, bool *ret_escaped)
{
        const char *start = ++reader->at, *quote = start;

        for (;; quote++) {
                const char *before;

                quote = memchr(quote, '"', (size_t)(reader->end - quote));
                if (!quote) {
                        reader->at = reader->end;
                        return fail(reader, "a closing quote");
                }
                for (before = quote; before > start && before[-1] == '\\';)
                        before--;
                if ((quote - before) % 2 == 0)
                        break;
        }
        *ret_text = (struct exposition_text){start, (size_t)(quote - start)};
        *ret_escaped = memchr(start, '\\', ret_text->length) != NULL;
        if (!is_utf8(start, ret_text->length))
                return fail(reader, "UTF-8");
        reader->at = quote + 1;
        return true;
}

static bool read_name(struct reader *reader, unsigned char also, struct exposition_text *ret_name)
{
        const char *start = reader->at;
        bool escaped;

        if (at_char(reader, '"'))
                return read_quoted(reader, ret_name, &escaped);
        if (!is(reader, NAME_START | also))
                return fail(reader, "a name");
        skip(reader, NAME | also);
        *ret_name = (struct exposition_text){start, (size_t)(reader->at - start)};
        return true;
}

/* One entry of the braces: a label, or the quoted name of the metric. */
static bool read_entry(struct reader *reader)
{
        struct exposition_sample *sample = &reader->sample;
        struct exposition_label *label = &reader->labels[sample->n_labels];
        bool quoted = at_char(reader, '"');

        if (sample->n_labels == EXPOSITION_MAX_LABELS)
                return error_set(reader->err, ERROR_LIMIT, NULL, "line %zu: more than %d labels",
                                 reader->line, EXPOSITION_MAX_LABELS);
        if (!read_name(reader, 0, &label->name))
                return false;
        skip(reader, BLANK);
        if (quoted && !sample->name.bytes && !at_char(reader, '=')) {
                sample->name = label->name;
                return true;
        }
        if (!at_char(reader, '='))
                return fail(reader, "\"=\"");
        reader->at++;
        skip(reader, BLANK);
        if (!at_char(reader, '"'))
                return fail(reader, "a value in quotes");
        if (!read_quoted(reader, &label->value, &label->escaped))
                return false;
        sample->n_labels++;
        skip(reader, BLANK);
        return true;
}

/* reader->at is behind the opening brace. */
static bool read_labels(struct reader *reader)
{
        for (;;) {
                skip(reader, BLANK);
                if (at_char(reader, '}'))
                        break;
                if (!read_entry(reader))
                        return false;
                if (at_char(reader, ','))
                        reader->at++;
                else if (!at_char(reader, '}'))
                        return fail(reader, "\",\" or \"}\"");
        }
        reader->at++;
        return true;
}

/* ---- lines ---- */

static bool read_sample(struct reader *reader)
{
        struct exposition_sample *sample = &reader->sample;

        *sample = (struct exposition_sample){.labels = reader->labels};
        if (!at_char(reader, '{') && !read_name(reader, COLON, &sample->name))
                return false;
        skip(reader, BLANK);
        if (at_char(reader, '{')) {
                reader->at++;
                if (!read_labels(reader))
                        return false;
                skip(reader, BLANK);
        }
        if (!sample->name.bytes)
                return fail(reader, "the metric's name among the labels");
        if (!read_number(reader, &sample->value))
                return false;
        skip(reader, BLANK);
        if (reader->at == reader->end || *reader->at == '#')
                return true;
        if (!read_time(reader))
                return false;
        skip(reader, BLANK);
        return reader->at == reader->end || *reader->at == '#' || fail(reader, "the end of the line");
}

static bool is_eof(const struct reader *reader)
{
        return reader->format == EXPOSITION_OPENMETRICS && reader->end - reader->at == 5 &&
               memcmp(reader->at, "# EOF", 5) == 0;
}

static bool read_line(struct reader *reader, exposition_take *take, void *context)
{
        if (reader->end - reader->at > EXPOSITION_MAX_LINE)
                return error_set(reader->err, ERROR_LIMIT, NULL, "line %zu: longer than %d bytes",
                                 reader->line, EXPOSITION_MAX_LINE);
        if (reader->ended)
                return fail(reader, "nothing after # EOF");
        reader->ended = is_eof(reader);
        skip(reader, BLANK);
        if (reader->at == reader->end || *reader->at == '#')
                return true;
        return read_sample(reader) && take(context, &reader->sample, reader->err);
}

bool exposition_parse(const char *bytes, size_t length, enum exposition_format format, exposition_take *take,
                      void *context, struct error *err)
{
        const char *next = bytes, *end = bytes + length;
        struct reader reader;

        reader.format = format;
        reader.err = err;
        reader.ended = false;
        for (reader.line = 1; next < end; reader.line++) {
                reader.text = reader.at = next;
                reader.end = memchr(next, '\n', (size_t)(end - next));
                /* OpenMetrics lets the line feed of its last line go. */
                if (!reader.end && format == EXPOSITION_OPENMETRICS)
                        reader.end = end;
                if (!reader.end) {
                        reader.at = end;
                        return fail(&reader, "a line feed, but the text ends in the middle of a line");
                }
                next = reader.end + 1;
                if (!read_line(&reader, take, context))
                        return false;
        }
        reader.text = reader.at = end;
        return format == EXPOSITION_TEXT || reader.ended || fail(&reader, "# EOF, but the text ends");
}

/* ---- helpers ---- */

enum exposition_format exposition_format_of(const char *content_type)
{
        static const char openmetrics[] = "application/openmetrics-text";

        return strncasecmp(content_type, openmetrics, sizeof openmetrics - 1) == 0 ? EXPOSITION_OPENMETRICS
                                                                                   : EXPOSITION_TEXT;
}

bool exposition_equal(struct exposition_text text, const char *string)
{
        return strlen(string) == text.length && memcmp(text.bytes, string, text.length) == 0;
}

const struct exposition_label *exposition_find(const struct exposition_sample *sample, const char *name)
{
        for (size_t i = 0; i < sample->n_labels; i++)
                if (exposition_equal(sample->labels[i].name, name))
                        return &sample->labels[i];
        return NULL;
}

size_t exposition_unescape(const struct exposition_label *label, char *buffer, size_t room)
{
        const char *at = label->value.bytes, *end = at + label->value.length;
        size_t length = 0;

        while (at < end && length + 1 < room) {
                char c = *at++;

                if (c == '\\' && at < end && (*at == '\\' || *at == '"' || *at == 'n')) {
                        c = *at == 'n' ? '\n' : *at;
                        at++;
                }
                buffer[length++] = c;
        }
        buffer[length] = '\0';
        return length;
}

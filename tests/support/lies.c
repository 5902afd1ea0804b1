/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/lies.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

#define DEPTH 100000

/* ---- numbers and texts ---- */

/* What is said for a number; `quoted`: it stood in quotes, as Flink's and Prometheus' values do. */
static void put_number(double value, bool quoted, enum lie lie, struct text *out)
{
        const char *quote = quoted ? "\"" : "";

        switch (lie) {
        case LIE_OTHER_TYPES:
                text_put(out, quoted ? "7" : "\"seven\"");
                break;
        case LIE_NULLS:
                text_put(out, "null");
                break;
        case LIE_NAN:
                text_put(out, "\"NaN\"");
                break;
        case LIE_INFINITE:
                text_put(out, quoted ? "\"+Inf\"" : "\"Infinity\"");
                break;
        case LIE_HUGE:
                text_format(out, "%s1e308%s", quote, quote);
                break;
        case LIE_NEGATIVE:
                text_format(out, "%s%.17g%s", quote, -value - 1, quote);
                break;
        case LIE_FRACTIONS:
                text_format(out, "%s%.17g%s", quote, value + 0.5, quote);
                break;
        default:
                text_format(out, "%s%.17g%s", quote, value, quote);
        }
}

static void put_string(const char *text, enum lie lie, struct text *out)
{
        autojson *string = json_string(text);
        double value;

        if (text_to_double(text, &value)) {
                put_number(value, true, lie, out);
        } else if (lie == LIE_OTHER_TYPES) {
                text_put(out, "[7]");
        } else if (lie == LIE_NULLS) {
                text_put(out, "null");
        } else {
                size_t begin = out->length;

                json_put(string, 0, out);
                if (lie == LIE_NOT_UTF8 && out->length > begin + 2)
                        out->data[begin + 1] = (char)0xff;
        }
}

/* ---- JSON ---- */

static void put_value(const json_t *value, enum lie lie, struct text *out);

static void put_member(const char *key, const json_t *value, enum lie lie, struct text *out)
{
        text_format(out, "\"%s%s\":", lie == LIE_OTHER_NAMES ? "the-" : "", key);
        put_value(value, lie, out);
        if (lie == LIE_TWICE)
                text_format(out, ",\"%s\":null", key);
}

static void put_object(const json_t *object, enum lie lie, struct text *out)
{
        const char *key, *comma = "";
        json_t *value;

        text_put(out, "{");
        json_object_foreach((json_t *)(uintptr_t)object, key, value)
        {
                text_put(out, comma);
                put_member(key, value, lie, out);
                comma = ",";
        }
        text_put(out, "}");
}

static void put_value(const json_t *value, enum lie lie, struct text *out)
{
        if (json_is_object(value)) {
                put_object(value, lie, out);
        } else if (json_is_array(value)) {
                text_put(out, "[");
                for (size_t i = 0; i < json_array_size(value); i++) {
                        text_put(out, i ? "," : "");
                        put_value(json_array_get(value, i), lie, out);
                }
                text_put(out, "]");
        } else if (json_is_number(value)) {
                put_number(json_number_value(value), false, lie, out);
        } else if (json_is_string(value)) {
                put_string(json_string_value(value), lie, out);
        } else {
                json_put(value, 0, out);
        }
}

/* ---- the text that Prometheus scrapes ---- */

static const char *said_for_a_sample(enum lie lie)
{
        switch (lie) {
        case LIE_OTHER_TYPES:
                return "[7]";
        case LIE_NULLS:
                return "null";
        case LIE_NAN:
                return "NaN";
        case LIE_INFINITE:
                return "+Inf";
        case LIE_HUGE:
                return "1e308";
        case LIE_NEGATIVE:
                return "-7";
        case LIE_FRACTIONS:
                return "0.5";
        default:
                return NULL;
        }
}

/* "name{labels} value" */
static void put_sample(const char *line, size_t length, enum lie lie, struct text *out)
{
        const char *said = said_for_a_sample(lie);
        const char *blank = memrchr(line, ' ', length);

        if (length == 0 || *line == '#' || !blank) {
                text_add(out, line, length);
        } else if (said) {
                text_add(out, line, (size_t)(blank - line) + 1);
                text_put(out, said);
        } else if (lie == LIE_OTHER_NAMES) {
                text_put(out, "the_");
                text_add(out, line, length);
        } else {
                size_t begin = out->length;
                char *quote;

                text_add(out, line, length);
                quote = memchr(out->data + begin, '"', length);
                if (lie == LIE_NOT_UTF8 && quote)
                        quote[1] = (char)0xff;
                if (lie == LIE_TWICE) {
                        text_put(out, "\n");
                        text_add(out, line, length);
                }
        }
}

static void put_samples(const char *answer, enum lie lie, struct text *out)
{
        for (const char *line = answer; *line;) {
                size_t length = strcspn(line, "\n");

                put_sample(line, length, lie, out);
                text_put(out, "\n");
                line += length + (line[length] != '\0');
        }
}

char *lie_about(const char *answer, enum lie lie)
{
        autojson *value = json_loads(answer, JSON_DECODE_ANY, NULL);
        struct text out = {0};

        if (lie == LIE_NESTED) {
                char *nested = memory_new(DEPTH + 1, 1);

                memset(nested, '[', DEPTH);
                return nested;
        }
        if (lie == LIE_NONE || lie == LIE_TRUNCATED)
                text_add(&out, answer, strlen(answer) / (lie == LIE_NONE ? 1 : 2));
        else if (value)
                put_value(value, lie, &out);
        else
                put_samples(answer, lie, &out);
        return text_take(&out);
}

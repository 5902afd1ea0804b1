/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/log.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/redact.h"
#include "core/series/series.h"
#include "core/text.h"

#define MESSAGE_COLUMNS 40

struct log {
        FILE *file;
        enum log_format format;
        enum log_level least;
        const struct clock *clock;
};

struct log *log_new(FILE *file, enum log_format format, enum log_level least, const struct clock *clock)
{
        struct log *log = memory_new(1, sizeof *log);

        *log = (struct log){.file = file, .format = format, .least = least, .clock = clock};
        return log;
}

void log_free(struct log *log)
{
        free(log);
}

static const char *level_name(enum log_level level)
{
        static const char *const names[] = {
                [LOG_LEVEL_DEBUG] = "DEBUG",
                [LOG_LEVEL_INFO] = "INFO",
                [LOG_LEVEL_WARNING] = "WARN",
                [LOG_LEVEL_ERROR] = "ERROR",
        };

        return names[level];
}

/* The value as JSON: both formats are made from it. */
static json_t *field_value(const struct log_field *field)
{
        autofree char *clean = NULL;
        char time[32];

        if (redact_key(field->key))
                return json_string("***");
        switch (field->type) {
        case LOG_TYPE_TEXT:
                clean = redact_text(field->value.text);
                return clean ? json_string(clean) : json_null();
        case LOG_TYPE_INTEGER:
                return json_integer(field->value.integer);
        case LOG_TYPE_NUMBER:
                return isfinite(field->value.number) ? json_real(field->value.number) : json_null();
        case LOG_TYPE_BOOL:
                return json_boolean(field->value.truth);
        case LOG_TYPE_TIME:
                time_format(field->value.integer, time);
                return json_string(time);
        }
        return json_null();
}

/* Plain when it is one word, else as a JSON string: a value can neither break the line nor forge a field. */
static void put_value(struct text *out, const json_t *value)
{
        const char *text = json_string_value(value);
        bool plain = text && *text;
        char *dump;

        for (const char *c = text; plain && *c; c++)
                plain = !isspace((unsigned char)*c) && !iscntrl((unsigned char)*c) && !strchr("\"=\\", *c);
        if (plain) {
                text_put(out, text);
                return;
        }
        dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        if (dump)
                text_put(out, dump);
        free(dump);
}

static void put_text_line(struct text *out, const char *time, enum log_level level, const char *message,
                          const struct log_field *fields)
{
        size_t start;

        text_format(out, "%s  %-5s  ", time, level_name(level));
        start = out->length;
        text_put(out, message);
        if (fields->key && out->length - start < MESSAGE_COLUMNS)
                text_format(out, "%*s", (int)(MESSAGE_COLUMNS - (out->length - start)), "");
        for (; fields->key; fields++) {
                json_t *value = field_value(fields);

                text_format(out, " %s=", fields->key);
                put_value(out, value);
                json_decref(value);
        }
}

static void put_json_line(struct text *out, const char *time, enum log_level level, const char *message,
                          const struct log_field *fields)
{
        json_t *line = json_object();
        char *dump;

        json_object_set_new(line, "time", json_string(time));
        json_object_set_new(line, "level", json_string(level_name(level)));
        json_object_set_new(line, "message", json_string(message));
        for (; fields->key; fields++)
                json_object_set_new(line, fields->key, field_value(fields));
        dump = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
        text_put(out, dump ? dump : "{}");
        free(dump);
        json_decref(line);
}

void log_write(struct log *log, enum log_level level, const char *message, const struct log_field *fields)
{
        autofree char *clean = NULL;
        autotext line = {0};
        char time[32];

        if (!log || level < log->least)
                return;
        clean = redact_text(message);
        time_format(clock_now_ms(log->clock), time);
        if (log->format == LOG_FORMAT_JSON)
                put_json_line(&line, time, level, clean, fields);
        else
                put_text_line(&line, time, level, clean, fields);
        text_to_line(line.data);
        line.length = strlen(line.data);
        text_put(&line, "\n");
        /* One call, so that lines of several threads do not mix. */
        fwrite(line.data, 1, line.length, log->file);
        fflush(log->file);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LOG_H
#define OPTCTL_CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/memory.h"

/*
 * The log for people and for machines: a line an event, with a time from the clock that was passed in, a
 * message that does not vary (so that it can be searched for), and what varies as named values.
 *
 *     log_info(log, "configuration applied", LOG_TEXT("pipeline", name), LOG_INTEGER("workers", 12));
 *
 *     2026-01-05T08:00:00Z  INFO   configuration applied                  pipeline=clickstream workers=12
 *     {"time":"2026-01-05T08:00:00Z","level":"INFO","message":"configuration
 * applied","pipeline":"clickstream",...}
 *
 * Secrets are masked (core/redact.h). A line is written whole, from any thread. A NULL log is silent; a line
 * that cannot be written is lost, never an error: the log does not stop the loop.
 */
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log;

/* `file` and `clock` are borrowed; events below `least` are dropped. */
struct log *log_new(FILE *file, enum log_format format, enum log_level least, const struct clock *clock);
void log_free(struct log *log);
DEFINE_CLEANUP(log_free, struct log);

enum log_type { LOG_TYPE_TEXT, LOG_TYPE_INTEGER, LOG_TYPE_NUMBER, LOG_TYPE_BOOL, LOG_TYPE_TIME };

struct log_field {
        const char *key; /* lowerCamelCase; NULL ends a list */
        enum log_type type;
        union {
                const char *text; /* NULL is written as null */
                int64_t integer;  /* LOG_TYPE_TIME: milliseconds since 1970 UTC */
                double number;    /* null when it is not finite */
                bool truth;
        } value;
};

#define LOG_TEXT(name, what) ((struct log_field){.key = (name), .type = LOG_TYPE_TEXT, .value.text = (what)})
#define LOG_INTEGER(name, what)                                                                              \
        ((struct log_field){.key = (name), .type = LOG_TYPE_INTEGER, .value.integer = (what)})
#define LOG_NUMBER(name, what)                                                                               \
        ((struct log_field){.key = (name), .type = LOG_TYPE_NUMBER, .value.number = (what)})
#define LOG_BOOL(name, what) ((struct log_field){.key = (name), .type = LOG_TYPE_BOOL, .value.truth = (what)})
#define LOG_TIME(name, what)                                                                                 \
        ((struct log_field){.key = (name), .type = LOG_TYPE_TIME, .value.integer = (what)})

/* `fields` ends with a NULL key. */
void log_write(struct log *log, enum log_level level, const char *message, const struct log_field *fields);

#define LOG_FIELDS(...)                                                                                      \
        (const struct log_field[])                                                                           \
        {                                                                                                    \
                __VA_ARGS__ __VA_OPT__(, )                                                                   \
                {                                                                                            \
                        .key = NULL                                                                          \
                }                                                                                            \
        }
#define log_debug(log, message, ...)   log_write(log, LOG_LEVEL_DEBUG, message, LOG_FIELDS(__VA_ARGS__))
#define log_info(log, message, ...)    log_write(log, LOG_LEVEL_INFO, message, LOG_FIELDS(__VA_ARGS__))
#define log_warning(log, message, ...) log_write(log, LOG_LEVEL_WARNING, message, LOG_FIELDS(__VA_ARGS__))
#define log_error(log, message, ...)   log_write(log, LOG_LEVEL_ERROR, message, LOG_FIELDS(__VA_ARGS__))

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/event_log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"
#include "engines/spark/log_events.h"
#include "engines/spark/log_lines.h"

#define SEEN_BYTES (4 << 20) /* of text, from one look of who waits to the next */

struct reading {
        const struct spark_event_log_watch *watch; /* NULL: nobody waits */
        size_t seen;                               /* bytes of text at the last look */
        struct spark_log_lines *lines;
        struct spark_log_events *events;
        struct spark_event_log *log;
        struct error first; /* what was damaged first */
        size_t known;       /* events of Spark's */
};

/* Damage is put down and gone round; anything else ends the reading. */
static bool put_down(struct reading *reading, const struct error *damage, struct error *err)
{
        if (damage->code != ERROR_INPUT) {
                *err = *damage;
                return false;
        }
        if (reading->log->damaged_lines++ == 0)
                reading->first = *damage;
        return true;
}

static bool read_line(struct reading *reading, const struct spark_log_line *line, struct error *err)
{
        struct error damage = ERROR_INIT;
        bool known, read;

        reading->log->lines++;
        read = spark_log_events_add(reading->events, line->bytes, line->length, &known, &damage);
        reading->known += known && read;
        if (read)
                return true;
        error_wrap(&damage, "%s:%zu", line->file, line->number);
        return put_down(reading, &damage, err);
}

static void show(struct reading *reading)
{
        size_t bytes = spark_log_lines_bytes(reading->lines), read, stored;

        if (!reading->watch || bytes - reading->seen < SEEN_BYTES)
                return;
        reading->seen = bytes;
        spark_log_lines_progress(reading->lines, &read, &stored);
        reading->watch->seen(reading->watch->context, read, stored);
}

static bool read_lines(struct reading *reading, struct error *err)
{
        bool more = true;

        while (more) {
                struct error damage = ERROR_INIT;
                struct spark_log_line line;

                if (!spark_log_lines_next(reading->lines, &line, &more, &damage)) {
                        more = true;
                        if (!put_down(reading, &damage, err))
                                return false;
                } else if (more && !read_line(reading, &line, err))
                        return false;
                show(reading);
        }
        reading->log->bytes = spark_log_lines_bytes(reading->lines);
        return true;
}

static bool is_log(const char *path, const struct reading *reading, struct error *err)
{
        if (reading->known > 0)
                return true;
        if (reading->log->damaged_lines > 0)
                return error_set(err, ERROR_INPUT, "NoEventLog", "%s; not an event log of Spark",
                                 reading->first.message);
        return error_set(err, ERROR_INPUT, "NoEventLog", "%s: not an event log of Spark: it holds no event",
                         path);
}

static char *damage_text(const char *path, const struct reading *reading)
{
        size_t damaged = reading->log->damaged_lines;
        bool cut = reading->log->run->ended_ms == BATCH_UNKNOWN;
        autotext words = {0};

        if (damaged > 0)
                text_put(&words, reading->first.message);
        if (damaged > 1)
                text_format(&words, ", and %zu more such places", damaged - 1);
        if (damaged > 0)
                text_put(&words, cut ? "; " : "; left out, the rest is used");
        else if (cut)
                text_format(&words, "%s: ", path);
        if (cut)
                text_format(&words,
                            "the application's end is missing: it still runs, or the log was cut off after "
                            "line %zu; what is there is used",
                            reading->log->lines);
        return words.length ? text_take(&words) : NULL;
}

bool spark_event_log_read_watched(const char *path, const struct spark_event_log_watch *watch,
                                  struct spark_event_log *ret_log, struct error *err)
{
        autocall(batch_run_free) struct batch_run *run = batch_run_new();
        autocall(spark_log_events_free) struct spark_log_events *events = spark_log_events_new(run);
        autocall(spark_log_lines_close) struct spark_log_lines *lines = NULL;
        struct spark_event_log log = {0};
        struct reading reading = {.watch = watch, .events = events, .log = &log, .first = ERROR_INIT};

        if (!spark_log_lines_open(path, &lines, err))
                return false;
        reading.lines = lines;
        if (!read_lines(&reading, err) || !is_log(path, &reading, err))
                return false;
        log.run = TAKE(run);
        log.damage = damage_text(path, &reading);
        *ret_log = log;
        return true;
}

bool spark_event_log_read(const char *path, struct spark_event_log *ret_log, struct error *err)
{
        return spark_event_log_read_watched(path, NULL, ret_log, err);
}

void spark_event_log_clear(struct spark_event_log *log)
{
        batch_run_free(log->run);
        free(log->damage);
        *log = (struct spark_event_log){0};
}

/* A pipe is left alone: who writes to it would see it closed. */
bool spark_event_log_is(const char *path)
{
        static const char start[] = "{\"Event\":\"";
        autocall(spark_log_lines_close) struct spark_log_lines *lines = NULL;
        struct spark_log_line line;
        struct error err = ERROR_INIT;
        struct stat status;
        bool more;

        if (stat(path, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) ||
            !spark_log_lines_open(path, &lines, &err))
                return false;
        /* Only what is compressed can be damaged before its first line. */
        if (!spark_log_lines_next(lines, &line, &more, &err))
                return err.code == ERROR_INPUT;
        return more && line.length >= strlen(start) && memcmp(line.bytes, start, strlen(start)) == 0;
}

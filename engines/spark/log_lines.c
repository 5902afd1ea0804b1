/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/log_lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"
#include "engines/spark/log_input.h"

#define FIRST_ROOM (1 << 20)
#define PREFIX     "events_"

struct part {
        char *path;
        long long number;
        bool compact; /* stands for itself and all parts before it */
};

struct spark_log_lines {
        struct part *parts;
        size_t n_parts, first, part;   /* first: that counts */
        struct spark_log_input *input; /* of the part; NULL: not opened yet */
        char *bytes;
        size_t room, start, end;
        size_t searched; /* from start: no line ends before */
        size_t number;
        bool ended;    /* the input, not yet the buffer */
        bool skipping; /* the rest of a line that is too long */
        size_t total;
};

/* ---- which files ---- */

static int compare_parts(const void *a, const void *b)
{
        const struct part *left = a, *right = b;

        if (left->number != right->number)
                return left->number < right->number ? -1 : 1;
        return left->compact - right->compact;
}

/* events_12_application_1.zstd.compact: 12, compact. */
static bool part_of(const char *folder, const char *name, struct part *ret_part)
{
        const char *suffix = ".compact", *digits = name + strlen(PREFIX);
        char *end;
        long long number;
        size_t length = strlen(name);

        if (*digits < '0' || *digits > '9')
                return false;
        errno = 0;
        number = strtoll(digits, &end, 10);
        if (errno || *end != '_')
                return false;
        *ret_part = (struct part){
                .path = memory_format("%s/%s", folder, name),
                .number = number,
                .compact = length > strlen(suffix) && strcmp(name + length - strlen(suffix), suffix) == 0,
        };
        return true;
}

/* In order, from the last compacted one on. */
static void arrange(struct spark_log_lines *lines)
{
        size_t first = 0;

        qsort(lines->parts, lines->n_parts, sizeof *lines->parts, compare_parts);
        for (size_t i = 0; i < lines->n_parts; i++) {
                if (lines->parts[i].compact)
                        first = i;
        }
        lines->first = lines->part = first;
}

static int may_be_part(const struct dirent *entry)
{
        return strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0;
}

static bool list_folder(struct spark_log_lines *lines, const char *folder, struct error *err)
{
        struct dirent **entries;
        int count = scandir(folder, &entries, may_be_part, alphasort);

        if (count < 0)
                return text_read_error(folder, errno, err);
        lines->parts = memory_new((size_t)count + 1, sizeof *lines->parts);
        for (int i = 0; i < count; i++) {
                if (part_of(folder, entries[i]->d_name, &lines->parts[lines->n_parts]))
                        lines->n_parts++;
                free(entries[i]);
        }
        free(entries);
        if (lines->n_parts == 0)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "%s: no event log: a folder is one when it holds files events_1_..., events_2_...",
                        folder);
        arrange(lines);
        return true;
}

static bool find_parts(struct spark_log_lines *lines, const char *path, struct error *err)
{
        struct stat status;

        if (stat(path, &status) != 0)
                return text_read_error(path, errno, err);
        if (S_ISDIR(status.st_mode))
                return list_folder(lines, path, err);
        lines->parts = memory_new(1, sizeof *lines->parts);
        lines->parts[lines->n_parts++].path = memory_copy_text(path);
        return true;
}

bool spark_log_lines_open(const char *path, struct spark_log_lines **ret_lines, struct error *err)
{
        autocall(spark_log_lines_close) struct spark_log_lines *lines = memory_new(1, sizeof *lines);

        if (!find_parts(lines, path, err) ||
            !spark_log_input_open(lines->parts[lines->part].path, &lines->input, err))
                return false;
        lines->room = FIRST_ROOM;
        lines->bytes = memory_new(lines->room, 1);
        *ret_lines = TAKE(lines);
        return true;
}

void spark_log_lines_close(struct spark_log_lines *lines)
{
        if (!lines)
                return;
        for (size_t i = 0; i < lines->n_parts; i++)
                free(lines->parts[i].path);
        spark_log_input_close(lines->input);
        free(lines->parts);
        free(lines->bytes);
        free(lines);
}

static size_t size_of(const struct part *part)
{
        struct stat status;

        return stat(part->path, &status) == 0 && status.st_size > 0 ? (size_t)status.st_size : 0;
}

void spark_log_lines_progress(const struct spark_log_lines *lines, size_t *ret_read, size_t *ret_stored)
{
        *ret_read = lines->input ? spark_log_input_position(lines->input) : 0;
        *ret_stored = 0;
        for (size_t i = lines->first; i < lines->n_parts; i++) {
                size_t size = size_of(&lines->parts[i]);

                *ret_stored += size;
                *ret_read += i < lines->part ? size : 0;
        }
}

size_t spark_log_lines_bytes(const struct spark_log_lines *lines)
{
        return lines->total;
}

/* ---- lines ---- */

static void next_part(struct spark_log_lines *lines)
{
        spark_log_input_close(lines->input);
        lines->input = NULL;
        lines->part++;
        lines->start = lines->end = lines->searched = lines->number = 0;
        lines->ended = lines->skipping = false;
}

/* More bytes behind those that are there. What stops in the middle has ended, too: what came before it is
 * still handed out. */
static bool fill(struct spark_log_lines *lines, struct error *err)
{
        size_t got;

        if (lines->start > 0) {
                memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
                lines->end -= lines->start;
                lines->start = 0;
        }
        if (lines->end == lines->room) {
                lines->room *= 2;
                lines->bytes = memory_resize(lines->bytes, lines->room, 1);
        }
        if (!spark_log_input_read(lines->input, lines->bytes + lines->end, lines->room - lines->end, &got,
                                  err)) {
                lines->ended = true;
                return error_wrap(err, "%s:%zu", lines->parts[lines->part].path, lines->number + 1);
        }
        lines->end += got;
        lines->total += got;
        lines->ended = got == 0;
        return true;
}

/* Hands out `length` bytes from the start, and steps over them and `end` more. */
static void take(struct spark_log_lines *lines, size_t length, size_t end, struct spark_log_line *ret_line)
{
        *ret_line = (struct spark_log_line){
                .bytes = lines->bytes + lines->start,
                .length = length,
                .file = lines->parts[lines->part].path,
                .number = ++lines->number,
                .whole = end > 0,
        };
        if (length > 0 && ret_line->bytes[length - 1] == '\r')
                ret_line->length--;
        lines->start += length + end;
        lines->searched = 0;
}

/* A line out of the buffer, if one ends there. */
static bool buffered(struct spark_log_lines *lines, struct spark_log_line *ret_line)
{
        const char *from = lines->bytes + lines->start + lines->searched;
        const char *end = memchr(from, '\n', lines->end - lines->start - lines->searched);

        if (!end) {
                lines->searched = lines->end - lines->start;
                return false;
        }
        take(lines, (size_t)(end - lines->bytes) - lines->start, 1, ret_line);
        return true;
}

static bool too_long(struct spark_log_lines *lines, struct error *err)
{
        lines->skipping = true;
        lines->start = lines->end = lines->searched = 0;
        return error_set(err, ERROR_INPUT, NULL, "%s:%zu: the line is longer than %d MiB",
                         lines->parts[lines->part].path, lines->number + 1, SPARK_LOG_MAX_LINE >> 20);
}

/* One line of the part that is open, its last one without a line's end included; *ret_more false: it has none
 * left. */
static bool part_line(struct spark_log_lines *lines, struct spark_log_line *ret_line, bool *ret_more,
                      struct error *err)
{
        *ret_more = true;
        for (;;) {
                bool skipped = lines->skipping;

                if (buffered(lines, ret_line)) {
                        lines->skipping = false;
                        if (skipped || ret_line->length == 0)
                                continue;
                        return true;
                }
                if (skipped)
                        lines->start = lines->end = lines->searched = 0;
                if (lines->ended)
                        break;
                if (lines->end - lines->start >= SPARK_LOG_MAX_LINE)
                        return too_long(lines, err);
                if (!fill(lines, err))
                        return false;
        }
        *ret_more = lines->end > lines->start;
        if (*ret_more)
                take(lines, lines->end - lines->start, 0, ret_line);
        return true;
}

bool spark_log_lines_next(struct spark_log_lines *lines, struct spark_log_line *ret_line, bool *ret_more,
                          struct error *err)
{
        for (; lines->part < lines->n_parts; next_part(lines)) {
                if (!lines->input &&
                    !spark_log_input_open(lines->parts[lines->part].path, &lines->input, err)) {
                        next_part(lines);
                        return false;
                }
                if (!part_line(lines, ret_line, ret_more, err))
                        return false;
                if (*ret_more)
                        return true;
        }
        *ret_more = false;
        return true;
}

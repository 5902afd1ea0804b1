/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_EXPOSITION_H
#define OPTCTL_CORE_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/*
 * Reads what a Prometheus reporter or exporter says: its text format (version 0.0.4, with the quoted names of
 * 1.0.0), and OpenMetrics. One pass, nothing is copied or allocated: names and values point into the text.
 *
 * HELP, TYPE and UNIT are comments here: no value depends on them, and reporters are not to be trusted with
 * them (Flink's calls every counter a gauge). Exemplars are skipped.
 */
enum exposition_format {
        EXPOSITION_TEXT,        /* time stamps are milliseconds */
        EXPOSITION_OPENMETRICS, /* time stamps are seconds, and the last line is # EOF */
};

/* By the Content-Type of the answer; text for whatever is not OpenMetrics. */
enum exposition_format exposition_format_of(const char *content_type);

struct exposition_text {
        const char *bytes; /* not NUL-ended */
        size_t length;
};

struct exposition_label {
        struct exposition_text name, value; /* as written; exposition_unescape undoes escapes */
        bool escaped;                       /* the value holds a backslash */
};

struct exposition_sample {
        struct exposition_text name;
        const struct exposition_label *labels; /* in the order of the text; names may repeat */
        size_t n_labels;
        double value; /* NAN and infinities as they come */
        bool timed;
        int64_t time_ms; /* with `timed` */
};

#define EXPOSITION_MAX_LABELS 64        /* of one sample */
#define EXPOSITION_MAX_LINE   (1 << 20) /* bytes */

/* Called for each sample, in order. The sample is valid during the call. False (with the error set) ends the
 * reading. */
typedef bool exposition_take(void *context, const struct exposition_sample *sample, struct error *err);

/*
 * Reads the whole text, or fails with ERROR_INCOMPLETE ("BadExposition": "line 7, byte 12: expected ...";
 * also when the text ends in the middle), ERROR_LIMIT (a line or its labels), or the error of `take`. Samples
 * that came before a bad line were taken: whoever fails throws them away.
 *
 * Numbers are decimal (no hexadecimal ones), or NaN, Inf, Infinity in any case with an optional sign.
 */
bool exposition_parse(const char *bytes, size_t length, enum exposition_format format, exposition_take *take,
                      void *context, struct error *err);

/* Value of the first label of that name; NULL when there is none. */
const struct exposition_label *exposition_find(const struct exposition_sample *sample, const char *name);

bool exposition_equal(struct exposition_text text, const char *string);

/* A label's value with its escapes undone (\\, \", \n; a backslash before anything else stays), cut at `room`
 * - 1 bytes and NUL-ended. Returns the bytes written without the NUL. */
size_t exposition_unescape(const struct exposition_label *label, char *buffer, size_t room);

#endif

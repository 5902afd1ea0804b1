/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_FLINK_H
#define OPTCTL_TESTS_SUPPORT_FLINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/json.h"
#include "core/text.h"

/* Answers of a real Flink, recorded by tests/e2e/record_flink: a line is what it answered at one time. Header
 * only: each test links just its room. */
#define FLINK_MAX_MOMENTS 32

struct flink_moment {
        int64_t at_ms;
        json_t *line, *answers; /* of paths, without queries but with the "?" */
        char job[64];           /* "/jobs/ID" */
};

struct flink_recording {
        int count;
        struct flink_moment moments[FLINK_MAX_MOMENTS];
};

static inline struct flink_moment flink_moment_read(json_t *take_line)
{
        struct flink_moment moment = {.line = take_line, .answers = json_object_get(take_line, "answers")};
        const char *path;
        json_t *answer;

        moment.at_ms = json_integer_value(json_object_get(take_line, "at_ms"));
        json_object_foreach(moment.answers, path,
                            answer) if (strncmp(path, "/jobs/", 6) == 0 && strlen(path) == 6 + 32)
                snprintf(moment.job, sizeof moment.job, "%s", path);
        return moment;
}

static inline struct flink_recording flink_recording_read(const char *path)
{
        struct flink_recording recording = {0};
        struct error err = ERROR_INIT;
        char *text = NULL, *save = NULL;

        if (!text_read_file(path, 8u << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                json_t *value = NULL;

                assert_true(recording.count < FLINK_MAX_MOMENTS);
                if (!json_parse_text(line, strlen(line), path, &value, &err))
                        fail_msg("%s", err.message);
                recording.moments[recording.count++] = flink_moment_read(value);
        }
        free(text);
        return recording;
}

static inline void flink_recording_free(struct flink_recording *recording)
{
        for (int i = 0; i < recording->count; i++)
                json_decref(recording->moments[i].line);
}

/* The answer to the job's path and what follows it; NULL when none was recorded. */
static inline const json_t *flink_moment_get(const struct flink_moment *moment, const char *below_job)
{
        char path[300];

        snprintf(path, sizeof path, "%s%s", moment->job, below_job);
        return json_object_get(moment->answers, path);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/requirements.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"

#define MAX_PARALLELISM 32768 /* Flink's own limit */

void flink_wanted_set(const struct pipeline *pipeline, const struct configuration *configuration,
                      const int *vertices, int *wanted)
{
        for (int i = 0; i < pipeline->n_operators; i++) {
                int knob = pipeline_parallelism_knob(pipeline, i), most = MAX_PARALLELISM;

                if (knob < 0 || knob >= configuration->count || !(configuration->value[knob] >= 1))
                        continue;
                /* What is said of all of them goes as far as each can. */
                if (pipeline->knobs[knob].operator_index < 0 && pipeline->operators[i].max_parallelism > 0)
                        most = pipeline->operators[i].max_parallelism;
                wanted[vertices[i]] = (int)lround(fmin(configuration->value[knob], most));
        }
}

void flink_wanted_get(const struct pipeline *pipeline, const int *vertices, const int *wanted,
                      struct configuration *configuration)
{
        for (int k = 0; k < pipeline->n_knobs && k < configuration->count; k++)
                if (pipeline->knobs[k].role == KNOB_PARALLELISM)
                        configuration->value[k] = 0;
        for (int i = 0; i < pipeline->n_operators; i++) {
                int knob = pipeline_parallelism_knob(pipeline, i);

                if (knob >= 0 && knob < configuration->count)
                        configuration->value[knob] = fmax(configuration->value[knob], wanted[vertices[i]]);
        }
}

char *flink_wanted_words(const struct flink_job *job, const int *wanted)
{
        struct text words = {0};

        for (int i = 0; i < job->n_vertices && words.length < 400; i++)
                text_format(&words, "%s%.40s %d", i ? ", " : "", job->vertices[i].short_name, wanted[i]);
        return text_take(&words);
}

bool flink_requirements_read(const struct flink_job *job, const json_t *answer, int *ret_wanted,
                             struct error *err)
{
        for (int i = 0; i < job->n_vertices; i++) {
                const json_t *bounds =
                        json_object_get(json_object_get(answer, job->vertices[i].id), "parallelism");
                int upper = flink_count(json_object_get(bounds, "upperBound"), MAX_PARALLELISM);

                if (upper < 1)
                        return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer",
                                         "Flink says no upper bound for vertex \"%.60s\" of \"%.60s\"",
                                         job->vertices[i].name, job->name);
                ret_wanted[i] = upper;
        }
        return true;
}

char *flink_requirements_body(const struct flink_job *job, const int *wanted)
{
        struct text body = {0};

        for (int i = 0; i < job->n_vertices; i++)
                text_format(&body, "%s\"%s\":{\"parallelism\":{\"lowerBound\":1,\"upperBound\":%d}}",
                            i ? "," : "{", job->vertices[i].id, wanted[i]);
        text_put(&body, "}");
        return text_take(&body);
}

char *flink_overrides_text(const struct flink_job *job, const int *wanted)
{
        struct text text = {0};

        for (int i = 0; i < job->n_vertices; i++)
                text_format(&text, "%s%s:%d", i ? "," : "", job->vertices[i].id, wanted[i]);
        return text_take(&text);
}

/* "5, ..." -> 5; 0: none that a vertex can have. */
static int read_width(const char *text)
{
        char *end;
        long width = strtol(text, &end, 10);

        return end > text && width >= 1 && width <= MAX_PARALLELISM ? (int)width : 0;
}

void flink_overrides_read(const struct flink_job *job, const char *text, int *wanted)
{
        for (int i = 0; i < job->n_vertices; i++) {
                const char *found = strstr(text, job->vertices[i].id);
                size_t length = strlen(job->vertices[i].id);
                int width = found && found[length] == ':' ? read_width(found + length + 1) : 0;

                if (width > 0)
                        wanted[i] = width;
        }
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/prometheus/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"

#define MAX_SECONDS 1e11 /* the year 5138 */

static bool fail(struct error *err, const char *what)
{
        error_set(err, ERROR_INCOMPLETE, "BadAnswer", "%s; expected the answer of a Prometheus server", what);
        err->retry = true;
        return false;
}

bool answer_result(const json_t *answer, const char *type, const json_t **ret_result, struct error *err)
{
        const json_t *data = json_object_get(answer, "data"), *result = json_object_get(data, "result");
        const char *status = json_string_value(json_object_get(answer, "status"));
        const char *words = json_string_value(json_object_get(answer, "error"));
        const char *found = json_string_value(json_object_get(data, "resultType"));

        if (status && strcmp(status, "error") == 0)
                return error_set(err, ERROR_REFUSED, "QueryFailed", "%.300s",
                                 words ? words : "no reason given");
        if (!status || strcmp(status, "success") != 0)
                return fail(err, "it has no status");
        if (!found || strcmp(found, type) != 0 || !json_is_array(result)) {
                error_set(err, ERROR_INCOMPLETE, "BadAnswer", "resultType is %.40s; expected %s",
                          found ? found : "absent", type);
                err->retry = true;
                return false;
        }
        *ret_result = result;
        return true;
}

/* Values are texts, so that they may be NaN and infinite. */
static bool read_value(const char *text, double *ret_value)
{
        char *end;

        if (!text || !*text || text[strspn(text, "0123456789+-.eEnNaAiIfFtTyY")])
                return false;
        *ret_value = strtod(text, &end);
        return *end == '\0';
}

bool answer_point(const json_t *point, int64_t *ret_time_ms, double *ret_value)
{
        const json_t *time = json_array_get(point, 0);
        double seconds = json_number_value(time);

        if (json_array_size(point) != 2 || !json_is_number(time) || !(fabs(seconds) <= MAX_SECONDS) ||
            !read_value(json_string_value(json_array_get(point, 1)), ret_value))
                return false;
        *ret_time_ms = llround(seconds * MS_PER_SECOND);
        return true;
}

static struct exposition_text text_of(const json_t *value)
{
        return (struct exposition_text){json_string_value(value), json_string_length(value)};
}

static bool add_element(const json_t *element, struct snapshot *snapshot, struct error *err)
{
        const json_t *metric = json_object_get(element, "metric");
        struct snapshot_sample sample = {.time_ms = INT64_MIN};
        int64_t now_ms;

        if (!json_is_object(metric) ||
            !answer_point(json_object_get(element, "value"), &now_ms, &sample.value))
                return fail(err, "an element is not {\"metric\": {...}, \"value\": [time, \"value\"]}");
        sample.metric = text_of(json_object_get(metric, "__name__"));
        for (int i = 0; i < KNOWN_LABELS; i++)
                sample.label[i] = text_of(json_object_get(metric, label_name((enum known_label)i)));
        snapshot->now_ms = now_ms;
        return snapshot_add(snapshot, &sample, err);
}

bool answer_add(const json_t *answer, struct snapshot *snapshot, struct error *err)
{
        const json_t *result;

        if (!answer_result(answer, "vector", &result, err))
                return false;
        for (size_t i = 0; i < json_array_size(result); i++)
                if (!add_element(json_array_get(result, i), snapshot, err))
                        return false;
        return true;
}

bool answer_number(const json_t *answer, double *ret_value, struct error *err)
{
        const json_t *data = json_object_get(answer, "data"), *result;
        const char *type = json_string_value(json_object_get(data, "resultType"));
        int64_t time_ms;

        if (type && strcmp(type, "scalar") == 0) {
                if (!answer_result(answer, "scalar", &result, err))
                        return false;
        } else {
                if (!answer_result(answer, "vector", &result, err))
                        return false;
                if (json_array_size(result) > 1)
                        return error_set(err, ERROR_INCOMPLETE, "SeveralValues",
                                         "the answer has %zu values; expected one: sum(...), max(...)",
                                         json_array_size(result));
                if (json_array_size(result) == 0) {
                        *ret_value = NAN;
                        return true;
                }
                result = json_object_get(json_array_get(result, 0), "value");
        }
        return answer_point(result, &time_ms, ret_value) || fail(err, "the value is not [time, \"value\"]");
}

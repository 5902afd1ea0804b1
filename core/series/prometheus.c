/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "core/series/read.h"
#include "core/series/time.h"
#include "core/text.h"

/* Prometheus answers at most 11,000 points a series; this allows for 500 such series. */
#define PROMETHEUS_MAX_BYTES (128u << 20)

static void delete_json(json_t **value)
{
        json_decref(*value);
}

/* Labels as PromQL writes them: {instance="a",job="b"}. */
static char *format_labels(json_t *metric)
{
        struct text text = {0};
        const char *key;
        json_t *value;
        bool first = true;

        text_put(&text, "{");
        json_object_foreach(metric, key, value)
        {
                text_format(&text, "%s%s=\"%s\"", first ? "" : ",", key,
                            json_is_string(value) ? json_string_value(value) : "?");
                first = false;
        }
        text_put(&text, "}");
        return text_take(&text);
}

/* The list of series in the answer. */
static json_t *answer_result(json_t *root, const char *name, struct error *err)
{
        const char *status = json_string_value(json_object_get(root, "status"));
        json_t *data = json_object_get(root, "data");
        const char *type = json_string_value(json_object_get(data, "resultType"));
        json_t *result = json_object_get(data, "result");

        if (status && strcmp(status, "error") == 0) {
                const char *words = json_string_value(json_object_get(root, "error"));

                error_set(err, ERROR_INPUT, NULL,
                          "%s: is an answer with an error (%.200s); expected status success", name,
                          words ? words : "without words");
                return NULL;
        }
        if (!type || strcmp(type, "matrix") != 0 || !json_is_array(result)) {
                error_set(err, ERROR_INPUT, NULL,
                          "%s: data.resultType is %.40s; expected a Prometheus range query's matrix", name,
                          type ? type : "absent");
                return NULL;
        }
        return result;
}

/* The one series whose labels contain `match`; NULL matches all. */
static json_t *choose_series(json_t *result, const char *match, const char *name, size_t *ret_index,
                             struct error *err)
{
        autotext seen = {0};
        json_t *chosen = NULL;
        size_t index, matches = 0;
        json_t *series;

        json_array_foreach(result, index, series)
        {
                autofree char *labels = format_labels(json_object_get(series, "metric"));

                if (match && !strstr(labels, match))
                        continue;
                if (matches++ < 3)
                        text_format(&seen, "%s%.160s", matches > 1 ? ", " : "", labels);
                chosen = series;
                *ret_index = index;
        }
        if (matches == 1)
                return chosen;
        error_set(err, ERROR_INPUT, NULL, "%s: data.result holds %zu series%s%s%s%s%s; expected exactly one",
                  name, matches, match ? " whose labels contain " : "", match ? match : "",
                  matches ? " (" : "", matches ? seen.data : "", matches ? ")" : "");
        return NULL;
}

static bool read_point(json_t *point, const struct series_format *format, int64_t *ret_ms, double *ret_value)
{
        json_t *time = json_array_get(point, 0);
        json_t *value = json_array_get(point, 1);
        const char *words = json_string_value(value);
        double seconds = json_number_value(time);

        if (!json_is_number(time) || json_array_size(point) != 2)
                return false;
        if (!(format->seconds_from_zero ? seconds_to_ms(seconds, ret_ms) : epoch_to_ms(seconds, ret_ms)))
                return false;
        if (json_is_number(value))
                *ret_value = json_number_value(value);
        else if (json_is_null(value))
                *ret_value = NAN;
        else
                return words && value_parse(words, words + strlen(words), ret_value);
        return true;
}

bool series_parse_prometheus(const char *bytes, size_t length, const char *name,
                             const struct series_format *format, struct series_builder *builder,
                             struct error *err)
{
        __attribute__((cleanup(delete_json))) json_t *root = NULL;
        json_error_t where;
        json_t *series, *values, *point;
        size_t index = 0, i;

        if (length > PROMETHEUS_MAX_BYTES)
                return error_set(err, ERROR_LIMIT, NULL,
                                 "%s: larger than the %u MiB of JSON that are accepted", name,
                                 PROMETHEUS_MAX_BYTES >> 20);
        root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where);
        if (!root)
                return error_set(err, ERROR_INPUT, NULL, "%s:%d:%d: %s; expected a Prometheus answer in JSON",
                                 name, where.line, where.column, where.text);
        series = answer_result(root, name, err);
        if (!series || !(series = choose_series(series, format->match, name, &index, err)))
                return false;
        values = json_object_get(series, "values");
        if (!json_is_array(values))
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s: data.result[%zu].values is no list; expected [time, "
                                 "\"value\"] pairs",
                                 name, index);
        json_array_foreach(values, i, point)
        {
                int64_t time_ms;
                double value;

                if (!read_point(point, format, &time_ms, &value))
                        return error_set(
                                err, ERROR_INPUT, NULL,
                                "%s: data.result[%zu].values[%zu] is unreadable; expected [time, \"value\"]",
                                name, index, i);
                if (series_add(builder, time_ms, value) != SERIES_ADDED)
                        return error_set(
                                err, ERROR_INPUT, NULL,
                                "%s: data.result[%zu].values[%zu]: time goes back; expected times in order",
                                name, index, i);
        }
        return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/prometheus/range.h"

#include "collectors/prometheus/answer.h"
#include "core/clock.h"
#include "core/json.h"

#define MAX_POINTS 1000000

static int64_t round_down(int64_t time_ms, int64_t step_ms)
{
        return time_ms / step_ms * step_ms;
}

char *prometheus_range_path(const struct prometheus_range *range, int64_t *start_ms)
{
        int64_t from = round_down(*start_ms, range->step_ms), to = round_down(range->end_ms, range->step_ms);
        autofree char *query = NULL;

        if (from > to)
                return NULL;
        if (to - from > (PROMETHEUS_MAX_POINTS - 1) * range->step_ms)
                to = from + (PROMETHEUS_MAX_POINTS - 1) * range->step_ms;
        *start_ms = to + range->step_ms;
        query = http_escape(range->query);
        return memory_format("/api/v1/query_range?query=%s&start=%.3f&end=%.3f&step=%.3f", query,
                             (double)from / MS_PER_SECOND, (double)to / MS_PER_SECOND,
                             (double)range->step_ms / MS_PER_SECOND);
}

static bool add_series(const json_t *series, size_t *left, prometheus_take_point *take, void *context,
                       struct error *err)
{
        const json_t *labels = json_object_get(series, "metric"), *points = json_object_get(series, "values");
        int64_t time_ms;
        double value;

        for (size_t i = 0; i < json_array_size(points); i++) {
                if (!answer_point(json_array_get(points, i), &time_ms, &value))
                        return error_set(err, ERROR_INCOMPLETE, "BadAnswer",
                                         "point %zu is unreadable; expected [time, \"value\"]", i);
                if (*left == 0)
                        return error_set(
                                err, ERROR_LIMIT, NULL,
                                "more points than are accepted; expected fewer series or a longer step");
                --*left;
                if (!take(context, labels, time_ms, value, err))
                        return false;
        }
        return true;
}

bool prometheus_range_answer(const json_t *answer, size_t *left, prometheus_take_point *take, void *context,
                             struct error *err)
{
        const json_t *result;

        if (!answer_result(answer, "matrix", &result, err))
                return false;
        for (size_t i = 0; i < json_array_size(result); i++)
                if (!add_series(json_array_get(result, i), left, take, context, err))
                        return false;
        return true;
}

bool prometheus_range(struct http_peer *server, const struct prometheus_range *range,
                      prometheus_take_point *take, void *context, struct error *err)
{
        size_t left = range->max_points ? range->max_points : MAX_POINTS;
        int64_t at = range->start_ms;

        if (range->step_ms < MS_PER_SECOND || range->end_ms < range->start_ms || range->start_ms < 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "the range from %lld to %lld ms by %lld ms is empty or too fine",
                                 (long long)range->start_ms, (long long)range->end_ms,
                                 (long long)range->step_ms);
        if ((range->end_ms - range->start_ms) / range->step_ms > (int64_t)left)
                return error_set(err, ERROR_LIMIT, NULL,
                                 "more than %zu points; expected a shorter range or a longer step", left);
        for (;;) {
                autofree char *path = prometheus_range_path(range, &at);
                autojson *answer = NULL;

                if (!path)
                        return true;
                if (!http_get_json(server, path, &answer, err))
                        return false;
                if (!prometheus_range_answer(answer, &left, take, context, err))
                        return error_wrap(err, "%s", http_peer_url(server));
        }
}

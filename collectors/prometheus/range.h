/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_PROMETHEUS_RANGE_H
#define OPTCTL_COLLECTORS_PROMETHEUS_RANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/http/client.h"

/*
 * History from a server, for recordings: /api/v1/query_range in pieces that a server accepts (at most 11,000
 * points each), one after the other. Instants are multiples of the step, so that the same history asked for
 * twice is the same, and a cache in between is of use.
 */
struct prometheus_range {
        const char *query;
        int64_t start_ms, end_ms; /* both included, once rounded down to the step */
        int64_t step_ms;          /* at least 1,000 */
        size_t max_points;        /* of all series together; 0: a million */
};

#define PROMETHEUS_MAX_POINTS 11000 /* of one series in one answer */

/* Called for each point, piece by piece, in a piece series by series: `labels` is the series' JSON map. False
 * (with the error set) ends the reading. */
typedef bool prometheus_take_point(void *context, const json_t *labels, int64_t time_ms, double value,
                                   struct error *err);

/* In a fiber. ERROR_INPUT: the range is empty or too fine; ERROR_LIMIT: more points than that. */
bool prometheus_range(struct http_peer *server, const struct prometheus_range *range,
                      prometheus_take_point *take, void *context, struct error *err);

/* ---- parts, for tests ---- */

/* Path and query of the piece that begins at *start_ms, which moves behind it; NULL when the range is over.
 */
char *prometheus_range_path(const struct prometheus_range *range, int64_t *start_ms);

/* Adds the points of one answer, counting down *left. */
bool prometheus_range_answer(const json_t *answer, size_t *left, prometheus_take_point *take, void *context,
                             struct error *err);

#endif

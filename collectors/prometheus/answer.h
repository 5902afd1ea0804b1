/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_PROMETHEUS_ANSWER_H
#define OPTCTL_COLLECTORS_PROMETHEUS_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/prometheus/snapshot.h"
#include "core/error.h"

/*
 * What a server answers: {"status":"success","data":{"resultType":...,"result":[...]}}. What does not look
 * like that is ERROR_INCOMPLETE ("BadAnswer"), what the server refuses ERROR_REFUSED ("QueryFailed").
 */

/* The result of an answer that must be of one of the types ("vector"); it lives as long as `answer`. */
bool answer_result(const json_t *answer, const char *type, const json_t **ret_result, struct error *err);

/* [time, "value"] */
bool answer_point(const json_t *point, int64_t *ret_time_ms, double *ret_value);

/* All elements of the answer to measure_query. */
bool answer_add(const json_t *answer, struct snapshot *snapshot, struct error *err);

/* The one number of a scalar or a vector; NAN where there is none. Fails when there are several. */
bool answer_number(const json_t *answer, double *ret_value, struct error *err);

#endif

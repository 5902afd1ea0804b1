/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_measures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/pods.h"
#include "optimizer/search/pareto.h"

#define DIGITS "%.10g"

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : "";
}

static bool is_text(const json_t *object, const char *key, const char *text)
{
        return strcmp(text_of(object, key), text) == 0;
}

static const struct study_constraint *constraint_of(const struct study_tuning *tuning, size_t i)
{
        return &((const struct study_constraint *)tuning->constraints.items)[i];
}

/* ---- of a pod ---- */

/* The whole text as a number; NAN: it is none. */
static double number_of(const char *text)
{
        char *end;
        double value = strtod(text, &end);

        return end != text && end[strspn(end, " \t\r\n")] == '\0' && isfinite(value) ? value : NAN;
}

/* Whole seconds, which is all that the API says. */
static double seconds_of(const json_t *terminated)
{
        int64_t begun_ms = kube_field_time(terminated, "startedAt"),
                ended_ms = kube_field_time(terminated, "finishedAt");

        return begun_ms == INT64_MIN || ended_ms < begun_ms ? NAN
                                                            : (double)(ended_ms - begun_ms) / MS_PER_SECOND;
}

static double said_of(const struct study_value *value, const json_t *said)
{
        double number;

        if (value->path)
                return json_number_at(said, value->path);
        return json_find_number(said, value->name, &number) ? number : NAN;
}

static void keep(json_t *measures, const char *name, double value)
{
        if (isfinite(value))
                json_object_set_new(measures, name, json_real(value));
}

/* What it asks for is paid for while it runs. A pod that asks for nothing tells no cost. */
static void keep_cost(json_t *measures, const struct price_book *prices, const json_t *pod,
                      const json_t *state)
{
        int64_t begun_ms = kube_field_time(state, "startedAt");
        double seconds, cores, memory, cost;

        if (!prices || begun_ms == INT64_MIN || !json_find_number(measures, STUDY_SECONDS, &seconds))
                return;
        kube_pod_takes(pod, &cores, &memory);
        cost = price_book_run(prices, begun_ms,
                              &(struct price_held){.worker_seconds = NAN,
                                                   .core_seconds = cores * seconds,
                                                   .byte_seconds = memory * seconds});
        if (cores > 0 || memory > 0)
                keep(measures, STUDY_COST, cost);
}

json_t *study_measures_read(const struct study_tuning *tuning, const struct price_book *prices,
                            const json_t *pod, const json_t *terminated)
{
        const struct study_value *values = tuning->values.items;
        const char *message = text_of(terminated, "message");
        /* A whole number of any size: the seed beside a measure may have 64 bits. */
        autojson *said = tuning->values.count > 0 ? json_loads(message, JSON_DECODE_INT_AS_REAL, NULL) : NULL;
        json_t *measures = json_object();

        keep(measures, STUDY_SECONDS, seconds_of(terminated));
        keep(measures, STUDY_MESSAGE, number_of(message));
        keep_cost(measures, prices, pod, terminated);
        for (size_t i = 0; i < tuning->values.count; i++)
                keep(measures, values[i].name, said_of(&values[i], said));
        return measures;
}

json_t *study_measures_stopped(const struct study_tuning *tuning, const struct price_book *prices,
                               const json_t *pod, const json_t *state)
{
        json_t *measures = json_pack("{s:f}", STUDY_SECONDS, (double)tuning->time_limit_seconds);

        keep_cost(measures, prices, pod, state);
        return measures;
}

/* ---- what is asked of it ---- */

const char *study_measures_missing(const struct study_tuning *tuning, const json_t *measures)
{
        if (!json_object_get(measures, tuning->minimize))
                return tuning->minimize;
        if (tuning->also_minimize && !json_object_get(measures, tuning->also_minimize))
                return tuning->also_minimize;
        for (size_t i = 0; i < tuning->constraints.count; i++)
                if (!json_object_get(measures, constraint_of(tuning, i)->value))
                        return constraint_of(tuning, i)->value;
        return NULL;
}

/* ---- rows ---- */

/* Objects carry no floats. */
static json_t *digits_of(double value)
{
        char digits[32];

        snprintf(digits, sizeof digits, DIGITS, value);
        return json_string(digits);
}

/* Of a row: the same after the operator starts anew. */
static bool keeps(const struct study_tuning *tuning, const json_t *row)
{
        for (size_t i = 0; i < tuning->constraints.count; i++) {
                const struct study_constraint *constraint = constraint_of(tuning, i);

                if (!(study_measures_of(tuning, row, constraint->value) <= constraint->max))
                        return false;
        }
        return true;
}

static bool is_good(const struct study_tuning *tuning, const json_t *row)
{
        return is_text(row, "state", STUDY_SUCCEEDED) && keeps(tuning, row);
}

static void put_other(const struct study_tuning *tuning, const json_t *measures, const char *name,
                      json_t *others)
{
        double value;

        if (strcmp(name, tuning->minimize) != 0 && json_find_number(measures, name, &value))
                json_array_append_new(others,
                                      json_pack("{s:s, s:o}", "name", name, "value", digits_of(value)));
}

void study_measures_put(const struct study_tuning *tuning, const json_t *measures, json_t *row)
{
        static const char *const own[] = {STUDY_SECONDS, STUDY_MESSAGE, STUDY_COST};
        const struct study_value *values = tuning->values.items;
        autojson *others = json_array();
        double value;

        if (json_find_number(measures, tuning->minimize, &value))
                json_object_set_new(row, "value", digits_of(value));
        for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
                if (study_tuning_needs(tuning, own[i]))
                        put_other(tuning, measures, own[i], others);
        for (size_t i = 0; i < tuning->values.count; i++)
                put_other(tuning, measures, values[i].name, others);
        if (json_array_size(others) > 0)
                json_object_set(row, "values", others);
        if (tuning->constraints.count > 0 && is_text(row, "state", STUDY_SUCCEEDED))
                json_object_set_new(row, "constraints",
                                    json_string(keeps(tuning, row) ? STUDY_KEPT : STUDY_BROKEN));
}

double study_measures_of(const struct study_tuning *tuning, const json_t *row, const char *measure)
{
        const json_t *one;
        size_t i;

        if (strcmp(measure, tuning->minimize) == 0)
                return number_of(text_of(row, "value"));
        json_array_foreach(json_object_get(row, "values"), i, one)
        {
                if (is_text(one, "name", measure))
                        return number_of(text_of(one, "value"));
        }
        return NAN;
}

/* ---- the best ---- */

/* Borrowed; NULL: there is none. */
static const json_t *best_of(const struct study_tuning *tuning, const json_t *rows)
{
        const json_t *best = NULL, *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                if (is_good(tuning, row) &&
                    (!best || study_measures_of(tuning, row, tuning->minimize) <
                                      study_measures_of(tuning, best, tuning->minimize)))
                        best = row;
        }
        return best;
}

static json_t *front_of(const struct study_tuning *tuning, const json_t *rows)
{
        autofree struct pareto_point *points = memory_new(json_array_size(rows) + 1, sizeof *points);
        json_t *front = json_array();
        const json_t *row;
        int count = 0;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                struct pareto_point *point = &points[count];

                point->of = (int)json_integer_value(json_object_get(row, "trial"));
                point->y[0] = study_measures_of(tuning, row, tuning->minimize);
                point->y[1] = study_measures_of(tuning, row, tuning->also_minimize);
                count += is_good(tuning, row) && isfinite(point->y[0]) && isfinite(point->y[1]);
        }
        count = pareto_front(points, count);
        for (int p = 0; p < count; p++)
                json_array_append_new(front, json_pack("{s:i, s:o, s:o}", "trial", points[p].of, "value",
                                                       digits_of(points[p].y[0]), "second",
                                                       digits_of(points[p].y[1])));
        return front;
}

void study_measures_sum_up(const struct study_tuning *tuning, const json_t *rows, json_t *status)
{
        const json_t *best = tuning->also_minimize ? NULL : best_of(tuning, rows);

        if (tuning->also_minimize)
                json_object_set_new(status, "front", front_of(tuning, rows));
        if (best)
                json_object_set_new(status, "bestTrial",
                                    json_pack("{s:O, s:O, s:O}", "trial", json_object_get(best, "trial"),
                                              "value", json_object_get(best, "value"), "settings",
                                              json_object_get(best, "settings")));
}

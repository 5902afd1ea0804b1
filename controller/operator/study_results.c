/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client.h"
#include "core/text.h"

#define INDEX_ANNOTATION "batch.kubernetes.io/job-completion-index"
#define WORDS_BYTES      400 /* of why a point has no figures: there may be 256 of them in an object */
#define MINUTES_PER_DAY  1440.0

void study_tally_open(struct study_tally *tally, const struct study_plan *plan, const char *job_uid)
{
        *tally = (struct study_tally){.plan = plan,
                                      .job_uid = job_uid,
                                      .points = memory_new(study_plan_points(plan), sizeof *tally->points)};
}

void study_tally_close(struct study_tally *tally)
{
        for (size_t i = 0; tally->points && i < study_plan_points(tally->plan); i++) {
                json_decref(tally->points[i].document);
                free(tally->points[i].wrong);
        }
        free(tally->points);
        free(tally->waiting);
        *tally = (struct study_tally){0};
}

/* ---- pods ---- */

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : NULL;
}

static bool is_text(const json_t *row, const char *key, const char *text)
{
        const char *found = text_of(row, key);

        return found && strcmp(found, text) == 0;
}

/* NULL: it is none of the Job's points. */
static struct study_point *point_of(const struct study_tally *tally, const json_t *pod)
{
        const json_t *metadata = json_object_get(pod, "metadata");
        const json_t *owner = json_array_get(json_object_get(metadata, "ownerReferences"), 0);
        const char *index = text_of(json_object_get(metadata, "annotations"), INDEX_ANNOTATION);
        char *end;
        long number = index ? strtol(index, &end, 10) : -1;

        if (!is_text(owner, "uid", tally->job_uid) || number < 0 || *end ||
            (size_t)number >= study_plan_points(tally->plan))
                return NULL;
        return &tally->points[number];
}

const json_t *study_pod_state(const json_t *pod, const char *container, const char *state)
{
        const json_t *all = json_object_get(json_object_get(pod, "status"), "containerStatuses"), *one;
        size_t i;

        json_array_foreach(all, i, one)
        {
                if (is_text(one, "name", container))
                        return json_object_get(json_object_get(one, "state"), state);
        }
        return NULL;
}

static const json_t *only_strategy(const json_t *document)
{
        return json_array_get(json_object_get(document, "strategies"), 0);
}

/* NAN: it does not say. */
static double mean_of(const json_t *document, const char *figure)
{
        double value;

        return json_find_number(json_object_get(only_strategy(document), figure), "mean", &value) ? value
                                                                                                  : NAN;
}

/* The first of it; programs end what they say with a new line. */
void study_take_words(char **words, const char *text)
{
        size_t length = text ? strnlen(text, WORDS_BYTES) : 0;

        while (length > 0 && text[length - 1] == '\n')
                length--;
        free(*words);
        *words = length > 0 ? memory_format("%.*s", (int)length, text) : memory_copy_text("It said nothing.");
}

static void take_success(struct study_point *point, const char *message)
{
        json_t *document = message ? json_loads(message, 0, NULL) : NULL;

        if (isfinite(mean_of(document, "cost_per_day"))) {
                json_decref(point->document);
                point->document = document;
                return;
        }
        json_decref(document);
        study_take_words(&point->wrong, "Its pod succeeded and left no figures.");
}

/* Images and ConfigMaps that are not there; what begins soon is no news. */
void study_take_waiting(char **words, const json_t *waiting)
{
        const char *reason = text_of(waiting, "reason"), *message = text_of(waiting, "message");

        if (!reason || strcmp(reason, "ContainerCreating") == 0 || strcmp(reason, "PodInitializing") == 0)
                return;
        free(*words);
        *words = memory_format("A pod waits: %.64s%s%.300s", reason, message ? ": " : ".",
                               message ? message : "");
}

void study_tally_pod(struct study_tally *tally, const json_t *pod)
{
        struct study_point *point = point_of(tally, pod);
        const json_t *status = json_object_get(pod, "status"),
                     *ended = study_pod_state(pod, STUDY_CONTAINER, "terminated");
        const char *phase = text_of(status, "phase"), *message = text_of(ended, "message");

        if (!point || !phase)
                return;
        if (strcmp(phase, "Succeeded") == 0)
                take_success(point, message);
        else if (strcmp(phase, "Failed") == 0 && message)
                study_take_words(&point->wrong, message);
        else if (strcmp(phase, "Failed") == 0)
                study_take_words(&point->wrong, text_of(ended ? ended : status, "reason"));
        else
                study_take_waiting(&tally->waiting, study_pod_state(pod, STUDY_CONTAINER, "waiting"));
}

/* ---- rows ---- */

/* Objects carry no floats. */
static void put_digits(json_t *row, const char *key, double value)
{
        char digits[32];

        if (!isfinite(value))
                return;
        snprintf(digits, sizeof digits, "%.6g", value);
        json_object_set_new(row, key, json_string(digits));
}

static double digits_of(const json_t *row, const char *key)
{
        const char *text = text_of(row, key);

        return text ? strtod(text, NULL) : NAN;
}

static void put_figures(json_t *row, const json_t *document)
{
        static const char *const figures[][2] = {{"costPerDay", "cost_per_day"},
                                                 {"missedMinutesPerDay", "slo_missed_minutes_per_day"},
                                                 {"latencyP99Seconds", "latency_p99_seconds"},
                                                 {"workers", "workers_mean"}};
        const json_t *cost = json_object_get(only_strategy(document), "cost_per_day");
        double missed = mean_of(document, "slo_missed_minutes_per_day"), confidence = NAN, low, high;

        for (size_t i = 0; i < ARRAY_LENGTH(figures); i++)
                put_digits(row, figures[i][0], mean_of(document, figures[i][1]));
        if (json_find_number(cost, "low", &low) && json_find_number(cost, "high", &high)) {
                put_digits(row, "costPerDayLow", low);
                put_digits(row, "costPerDayHigh", high);
        }
        (void)json_find_number(json_object_get(document, "constraints"), "confidence_percent", &confidence);
        if (isfinite(missed) && isfinite(confidence))
                json_object_set_new(row, "serviceLevel",
                                    json_string(missed <= MINUTES_PER_DAY * (1 - confidence / 100)
                                                        ? "Kept"
                                                        : "Missed"));
}

/* With figures; NULL: there is none. */
static json_t *known_row(const json_t *rows, const char *candidate, const char *load)
{
        json_t *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                if (is_text(row, "candidate", candidate) && is_text(row, "load", load) &&
                    json_object_get(row, "costPerDay"))
                        return row;
        }
        return NULL;
}

/* NULL: there is nothing to say of it yet. */
static json_t *row_of(const struct study_tally *tally, size_t i, const json_t *before, bool finished)
{
        const struct study_point *point = &tally->points[i];
        const char *candidate = study_plan_candidate(tally->plan, i)->name;
        const char *load = study_plan_load(tally->plan, i);
        json_t *known = point->document ? NULL : known_row(before, candidate, load);
        json_t *row;

        if (known)
                return json_deep_copy(known);
        if (!point->document && !finished)
                return NULL;
        row = json_pack("{s:s, s:s}", "candidate", candidate, "load", load);
        if (point->document)
                put_figures(row, point->document);
        else
                json_object_set_new(row, "message",
                                    json_from_text(point->wrong ? point->wrong : "Its pod did not end."));
        return row;
}

static void put_savings(const struct study_tally *tally, json_t *rows)
{
        const char *first = study_plan_candidate(tally->plan, 0)->name;
        json_t *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                const json_t *against = known_row(rows, first, text_of(row, "load"));

                put_digits(row, "savingPercent",
                           100 * (1 - digits_of(row, "costPerDay") / digits_of(against, "costPerDay")));
        }
}

/* NULL: none will do. Borrowed. */
static const json_t *cheapest(const json_t *rows, const char *load)
{
        const json_t *best = NULL, *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                if (is_text(row, "load", load) && is_text(row, "serviceLevel", "Kept") &&
                    (!best || digits_of(row, "costPerDay") < digits_of(best, "costPerDay")))
                        best = row;
        }
        return best;
}

static json_t *best_of(const struct study_tally *tally, const json_t *rows)
{
        json_t *all = json_array();

        for (size_t load = 0; load < study_plan_loads(tally->plan); load++) {
                const char *name = study_plan_load(tally->plan, load);
                const json_t *best = cheapest(rows, name);

                if (best)
                        json_array_append_new(all, json_pack("{s:s, s:O, s:O}", "load", name, "candidate",
                                                             json_object_get(best, "candidate"), "costPerDay",
                                                             json_object_get(best, "costPerDay")));
        }
        return all;
}

static void put_currency(const struct study_tally *tally, json_t *status)
{
        for (size_t i = 0; i < study_plan_points(tally->plan); i++) {
                const char *currency = text_of(tally->points[i].document, "currency");

                if (currency)
                        json_object_set_new(status, "currency", json_string(currency));
        }
}

void study_tally_put(const struct study_tally *tally, const json_t *before, bool finished, json_t *status)
{
        json_t *rows = json_array();
        json_int_t failed = 0;

        for (size_t i = 0; i < study_plan_points(tally->plan); i++) {
                json_t *row = row_of(tally, i, before, finished);

                if (row)
                        json_array_append_new(rows, row);
                failed += row && !json_object_get(row, "costPerDay");
        }
        put_savings(tally, rows);
        put_currency(tally, status);
        json_object_set_new(status, "points", json_integer((json_int_t)study_plan_points(tally->plan)));
        json_object_set_new(status, "done", json_integer((json_int_t)json_array_size(rows)));
        json_object_set_new(status, "failed", json_integer(failed));
        json_object_set_new(status, "best", best_of(tally, rows));
        json_object_set_new(status, "results", rows);
}

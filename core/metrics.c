/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/metrics.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/redact.h"

#define VALUE_MAX_BYTES 256     /* of a label; what is longer is cut */
#define MAX_SERIES      1000000 /* of a family; later ones are not kept */

/* Of one set of label values. */
struct series {
        double value;     /* of a histogram: the sum */
        uint64_t *counts; /* of a histogram: one for each bound, and for what is above the last */
};

/* Names of series are found in a hash that also keeps their order; it says where in the array one stands. */
struct family {
        const struct metric_family *family;
        json_t *places; /* by labels as they are exposed: `a="b",c="d"` */
        json_t *groups; /* with several labels: by the first, `a="b"`, an object with the labels it begins */
        struct series *series;
        size_t n_series, room;
        size_t *unused; /* places of forgotten series */
        size_t n_unused;
};

struct metrics {
        struct family *families; /* by name */
        size_t count, room;
};

struct metrics *metrics_new(void)
{
        return memory_new(1, sizeof(struct metrics));
}

static void family_free(struct family *family)
{
        for (size_t i = 0; i < family->n_series; i++)
                free(family->series[i].counts);
        free(family->series);
        free(family->unused);
        json_decref(family->places);
        json_decref(family->groups);
}

void metrics_free(struct metrics *metrics)
{
        if (!metrics)
                return;
        for (size_t i = 0; i < metrics->count; i++)
                family_free(&metrics->families[i]);
        free(metrics->families);
        free(metrics);
}

/* ---- families ---- */

static struct family *insert_family(struct metrics *metrics, size_t at, const struct metric_family *family)
{
        if (metrics->count == metrics->room) {
                metrics->room = metrics->room ? 2 * metrics->room : 32;
                metrics->families =
                        memory_resize(metrics->families, metrics->room, sizeof *metrics->families);
        }
        memmove(metrics->families + at + 1, metrics->families + at,
                (metrics->count - at) * sizeof *metrics->families);
        metrics->families[at] =
                (struct family){.family = family, .places = json_object(), .groups = json_object()};
        metrics->count++;
        return &metrics->families[at];
}

static struct family *family_of(struct metrics *metrics, const struct metric_family *family)
{
        size_t low = 0, high = metrics->count;

        while (low < high) {
                size_t middle = (low + high) / 2;
                int order = strcmp(metrics->families[middle].family->name, family->name);

                if (order == 0) {
                        /* Two declarations of one name would be two families in the exposition. */
                        assert(metrics->families[middle].family == family);
                        return &metrics->families[middle];
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return insert_family(metrics, low, family);
}

/* ---- series ---- */

static void put_escaped(struct text *out, const char *string, bool quotes)
{
        for (; *string; string++) {
                if (*string == '\\')
                        text_put(out, "\\\\");
                else if (*string == '\n')
                        text_put(out, "\\n");
                else if (*string == '"' && quotes)
                        text_put(out, "\\\"");
                else
                        text_add(out, string, 1);
        }
}

/* At most VALUE_MAX_BYTES, and no character cut in two. */
static void put_value(struct text *out, const char *value)
{
        autofree char *clean = redact_text(value ? value : "");
        size_t length = strlen(clean);

        if (length > VALUE_MAX_BYTES) {
                length = VALUE_MAX_BYTES;
                while (length > 0 && ((unsigned char)clean[length] & 0xc0) == 0x80)
                        length--;
                clean[length] = '\0';
        }
        put_escaped(out, clean, true);
}

static void put_label(struct text *out, const char *name, const char *value)
{
        text_format(out, "%s=\"", name);
        put_value(out, value);
        text_put(out, "\"");
}

/* Never without data, so that it can be a key. */
static void put_labels(struct text *out, const struct metric_family *family, const char *const *values)
{
        text_put(out, "");
        for (size_t i = 0; family->labels && family->labels[i]; i++) {
                text_put(out, i ? "," : "");
                put_label(out, family->labels[i], values[i]);
        }
}

static size_t place_for(struct family *family)
{
        if (family->n_unused > 0)
                return family->unused[--family->n_unused];
        if (family->n_series == family->room) {
                family->room = family->room ? 2 * family->room : 4;
                family->series = memory_resize(family->series, family->room, sizeof *family->series);
        }
        return family->n_series++;
}

static bool has_groups(const struct family *family)
{
        return family->family->labels && family->family->labels[0] && family->family->labels[1];
}

static void join_group(struct family *family, const char *labels, const char *first_value)
{
        autotext first = {0};
        json_t *group;

        put_label(&first, family->family->labels[0], first_value);
        group = json_object_get(family->groups, first.data);
        if (!group) {
                group = json_object();
                json_object_set_new_nocheck(family->groups, first.data, group);
        }
        json_object_set_new_nocheck(group, labels, json_null());
}

static struct series *insert_series(struct family *family, const char *labels, const char *const *values)
{
        size_t n_counts = (size_t)family->family->n_upper_bounds + 1;
        size_t place;

        if (json_object_size(family->places) >= MAX_SERIES)
                return NULL;
        place = place_for(family);
        family->series[place] = (struct series){.value = 0};
        if (family->family->type == METRIC_HISTOGRAM)
                family->series[place].counts = memory_new(n_counts, sizeof(uint64_t));
        json_object_set_new_nocheck(family->places, labels, json_integer((json_int_t)place));
        if (has_groups(family))
                join_group(family, labels, values[0]);
        return &family->series[place];
}

static struct series *series_at(const struct family *family, const json_t *place)
{
        return &family->series[json_integer_value(place)];
}

/* NULL when there are too many. */
static struct series *series_of(struct metrics *metrics, const struct metric_family *declared,
                                const char *const *values)
{
        struct family *family = family_of(metrics, declared);
        autotext labels = {0};
        const json_t *place;

        put_labels(&labels, declared, values);
        place = json_object_get(family->places, labels.data);
        return place ? series_at(family, place) : insert_series(family, labels.data, values);
}

static void forget_labels(struct family *family, const char *labels)
{
        const json_t *place = json_object_get(family->places, labels);
        struct series *series;

        if (!place)
                return;
        series = series_at(family, place);
        free(series->counts);
        *series = (struct series){.value = 0};
        family->unused = memory_resize(family->unused, family->n_unused + 1, sizeof *family->unused);
        family->unused[family->n_unused++] = (size_t)json_integer_value(place);
        json_object_del(family->places, labels);
}

void metrics_add(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                 double amount)
{
        struct series *series;

        assert(family->type == METRIC_GAUGE || (family->type == METRIC_COUNTER && !(amount < 0)));
        if (!metrics || !isfinite(amount))
                return;
        series = series_of(metrics, family, values);
        if (series)
                series->value += amount;
}

/* What is not known is not exposed: a sum over pipelines stays a number. */
static void forget_one(struct metrics *metrics, const struct metric_family *declared,
                       const char *const *values)
{
        struct family *family = family_of(metrics, declared);
        autotext labels = {0}, first = {0};

        put_labels(&labels, declared, values);
        forget_labels(family, labels.data);
        if (!has_groups(family))
                return;
        put_label(&first, declared->labels[0], values[0]);
        json_object_del(json_object_get(family->groups, first.data), labels.data);
}

void metrics_set(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                 double value)
{
        struct series *series;

        assert(family->type == METRIC_GAUGE);
        if (!metrics)
                return;
        if (isnan(value)) {
                forget_one(metrics, family, values);
                return;
        }
        series = series_of(metrics, family, values);
        if (series)
                series->value = value;
}

void metrics_observe(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                     double value)
{
        struct series *series;
        int at = 0;

        assert(family->type == METRIC_HISTOGRAM);
        if (!metrics || !isfinite(value))
                return;
        series = series_of(metrics, family, values);
        if (!series)
                return;
        while (at < family->n_upper_bounds && value > family->upper_bounds[at])
                at++;
        series->counts[at]++;
        series->value += value;
}

/* Not by going through all series: peers come and go while there are thousands. */
static void forget_in(struct family *family, const char *first_label_value)
{
        autotext first = {0};
        const char *labels;
        json_t *unused;

        put_label(&first, family->family->labels[0], first_label_value);
        if (!has_groups(family)) {
                forget_labels(family, first.data);
                return;
        }
        json_object_foreach(json_object_get(family->groups, first.data), labels, unused)
                forget_labels(family, labels);
        json_object_del(family->groups, first.data);
}

void metrics_forget(struct metrics *metrics, const char *first_label_value)
{
        for (size_t i = 0; metrics && i < metrics->count; i++)
                if (metrics->families[i].family->labels)
                        forget_in(&metrics->families[i], first_label_value);
}

/* ---- exposition ---- */

/* The fewest digits that read back as the same number. */
static void put_number(struct text *out, double value)
{
        char digits[32];

        if (isinf(value)) {
                text_put(out, value > 0 ? "+Inf" : "-Inf");
                return;
        }
        for (int precision = 15; precision <= 17; precision++) {
                snprintf(digits, sizeof digits, "%.*g", precision, value);
                if (strtod(digits, NULL) == value)
                        break;
        }
        text_put(out, digits);
}

static void put_sample(struct text *out, const char *name, const char *suffix, const char *labels,
                       double value)
{
        text_put(out, name);
        text_put(out, suffix);
        if (*labels) {
                text_put(out, "{");
                text_put(out, labels);
                text_put(out, "}");
        }
        text_put(out, " ");
        put_number(out, value);
        text_put(out, "\n");
}

static void put_bucket(struct text *out, const char *name, const char *labels, double bound, uint64_t count)
{
        text_format(out, "%s_bucket{%s%sle=\"", name, labels, *labels ? "," : "");
        put_number(out, bound);
        text_format(out, "\"} %llu\n", (unsigned long long)count);
}

static void put_histogram(struct text *out, const struct metric_family *family, const char *labels,
                          const struct series *series)
{
        uint64_t count = 0;

        for (int i = 0; i <= family->n_upper_bounds; i++) {
                count += series->counts[i];
                put_bucket(out, family->name, labels,
                           i < family->n_upper_bounds ? family->upper_bounds[i] : INFINITY, count);
        }
        put_sample(out, family->name, "_sum", labels, series->value);
        put_sample(out, family->name, "_count", labels, (double)count);
}

static void put_family(struct text *out, const struct family *family)
{
        static const char *const types[] =
                {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
        const struct metric_family *declared = family->family;
        const char *labels;
        json_t *place;

        if (json_object_size(family->places) == 0)
                return;
        text_format(out, "# HELP %s ", declared->name);
        put_escaped(out, declared->help, false);
        text_format(out, "\n# TYPE %s %s\n", declared->name, types[declared->type]);
        json_object_foreach(family->places, labels, place)
        {
                if (declared->type == METRIC_HISTOGRAM)
                        put_histogram(out, declared, labels, series_at(family, place));
                else
                        put_sample(out, declared->name, "", labels, series_at(family, place)->value);
        }
}

void metrics_expose(const struct metrics *metrics, struct text *out)
{
        for (size_t i = 0; i < metrics->count; i++)
                put_family(out, &metrics->families[i]);
}

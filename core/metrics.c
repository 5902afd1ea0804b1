/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/label_sets.h"
#include "core/redact.h"

#define VALUE_MAX_BYTES 256     /* of a label; what is longer is cut */
#define MAX_SERIES      1000000 /* of a family; later ones are not kept */
#define WHOLE_MOST      1e15    /* up to which a whole number is written as one */

/* Of one set of label values. */
struct series {
        double value;     /* of a histogram: the sum */
        uint64_t *counts; /* of a histogram: one for each bound, and for what is above the last */
        const struct label_set *labels; /* NULL: forgotten, and free for another one */
};

struct family {
        const struct metric_family *family;
        uint32_t number; /* in the order they came */
        struct series *series;
        uint32_t n_series, room;
        uint32_t *unused; /* places of forgotten series */
        uint32_t n_unused, unused_room;
};

struct metrics {
        struct family **families; /* by number */
        struct family **by_name;
        uint32_t count, room;
        struct label_sets labels;
};

struct metrics *metrics_new(void)
{
        return memory_new(1, sizeof(struct metrics));
}

static void family_free(struct family *family)
{
        for (uint32_t i = 0; i < family->n_series; i++)
                free(family->series[i].counts);
        free(family->series);
        free(family->unused);
        free(family);
}

void metrics_free(struct metrics *metrics)
{
        if (!metrics)
                return;
        for (uint32_t i = 0; i < metrics->count; i++)
                family_free(metrics->families[i]);
        free(metrics->families);
        free(metrics->by_name);
        label_sets_clear(&metrics->labels);
        free(metrics);
}

/* ---- families ---- */

static struct family *insert_family(struct metrics *metrics, uint32_t at,
                                    const struct metric_family *declared)
{
        struct family *family = memory_new(1, sizeof *family);

        if (metrics->count == metrics->room) {
                metrics->room = metrics->room ? 2 * metrics->room : 32;
                metrics->families = memory_resize(metrics->families, metrics->room, sizeof(struct family *));
                metrics->by_name = memory_resize(metrics->by_name, metrics->room, sizeof(struct family *));
        }
        family->family = declared;
        family->number = metrics->count;
        memmove(metrics->by_name + at + 1, metrics->by_name + at,
                (metrics->count - at) * sizeof(struct family *));
        metrics->families[metrics->count++] = metrics->by_name[at] = family;
        return family;
}

/* Place by name of a family, or of the first one after it. */
static uint32_t place_of(const struct metrics *metrics, const char *name)
{
        uint32_t low = 0, high = metrics->count;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (strcmp(metrics->by_name[middle]->family->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct family *family_of(struct metrics *metrics, const struct metric_family *family)
{
        uint32_t at = place_of(metrics, family->name);

        if (at == metrics->count || strcmp(metrics->by_name[at]->family->name, family->name) != 0)
                return insert_family(metrics, at, family);
        /* Two declarations of one name would be two families in the exposition. */
        assert(metrics->by_name[at]->family == family);
        return metrics->by_name[at];
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

static uint32_t place_for(struct family *family)
{
        if (family->n_unused > 0)
                return family->unused[--family->n_unused];
        if (family->n_series == family->room) {
                family->room += family->room / 2 + 4;
                family->series = memory_resize(family->series, family->room, sizeof *family->series);
        }
        return family->n_series++;
}

static struct series *insert_series(struct family *family, struct label_set *labels)
{
        size_t n_counts = (size_t)family->family->n_upper_bounds + 1;
        uint32_t place;

        if (family->n_series - family->n_unused >= MAX_SERIES)
                return NULL;
        place = place_for(family);
        family->series[place] = (struct series){.labels = labels};
        if (family->family->type == METRIC_HISTOGRAM)
                family->series[place].counts = memory_new(n_counts, sizeof(uint64_t));
        label_set_add(labels, (struct label_place){.family = family->number, .series = place});
        return &family->series[place];
}

static struct label_set *find_labels(const struct metrics *metrics, const struct metric_family *declared,
                                     const char *const *values)
{
        autotext labels = {0};

        put_labels(&labels, declared, values);
        return label_sets_find(&metrics->labels, labels.data);
}

static struct label_set *make_labels(struct metrics *metrics, const struct metric_family *declared,
                                     const char *const *values)
{
        struct label_set *found = find_labels(metrics, declared, values);
        autotext labels = {0}, first = {0};

        if (found)
                return found;
        put_labels(&labels, declared, values);
        text_put(&first, "");
        if (declared->labels && declared->labels[0])
                put_label(&first, declared->labels[0], values[0]);
        return label_sets_make(&metrics->labels, labels.data, first.data);
}

/* NULL when there are too many. */
static struct series *series_of(struct metrics *metrics, const struct metric_family *declared,
                                const char *const *values)
{
        struct family *family = family_of(metrics, declared);
        struct label_set *labels = make_labels(metrics, declared, values);
        const struct label_place *place = label_set_place(labels, family->number);

        return place ? &family->series[place->series] : insert_series(family, labels);
}

static void forget_series(const struct metrics *metrics, const struct label_place *place)
{
        struct family *family = metrics->families[place->family];

        free(family->series[place->series].counts);
        family->series[place->series] = (struct series){.value = 0};
        if (family->n_unused == family->unused_room) {
                family->unused_room += family->unused_room / 2 + 4;
                family->unused = memory_resize(family->unused, family->unused_room, sizeof *family->unused);
        }
        family->unused[family->n_unused++] = place->series;
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
        const struct family *family = family_of(metrics, declared);
        struct label_set *labels = find_labels(metrics, declared, values);
        const struct label_place *place = labels ? label_set_place(labels, family->number) : NULL;

        if (!place)
                return;
        forget_series(metrics, place);
        label_set_drop(labels, family->number);
}

void metrics_set(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                 double value)
{
        struct series *series;

        assert(family->type != METRIC_HISTOGRAM);
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

static void forget_group(struct metrics *metrics, const char *first_label)
{
        struct label_set *first = label_sets_find(&metrics->labels, first_label);

        for (const struct label_set *set = first; set; set = set->next)
                for (uint32_t i = 0; i < set->count; i++)
                        forget_series(metrics, &set->places[i]);
        label_sets_remove_group(&metrics->labels, first);
}

/* Not by going through all series: peers come and go while there are thousands. */
void metrics_forget(struct metrics *metrics, const char *first_label_value)
{
        for (uint32_t i = 0; metrics && i < metrics->count; i++) {
                const char *const *labels = metrics->families[i]->family->labels;
                autotext first = {0};

                if (!labels || !labels[0])
                        continue;
                put_label(&first, labels[0], first_label_value);
                forget_group(metrics, first.data);
        }
}

/* ---- exposition ---- */

/* The fewest digits that read back as the same number. */
static void put_number(struct text *out, double value)
{
        char digits[32];

        if (fabs(value) < WHOLE_MOST && value == (double)(int64_t)value) {
                snprintf(digits, sizeof digits, "%lld", (long long)value);
                text_put(out, digits);
                return;
        }
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

static void put_head(struct text *out, const struct metric_family *declared)
{
        text_format(out, "# HELP %s ", declared->name);
        put_escaped(out, declared->help, false);
        text_format(out, "\n# TYPE %s %s\n", declared->name, metric_type_name(declared));
}

static void put_series(struct text *out, const struct family *family, const struct series *series)
{
        if (!series->labels)
                return;
        if (family->family->type == METRIC_HISTOGRAM)
                put_histogram(out, family->family, series->labels->text, series);
        else
                put_sample(out, family->family->name, "", series->labels->text, series->value);
}

/* From *series on, until `out` is as long as asked; the head comes with the first one. True: these were the
 * last ones. */
static bool put_family(struct text *out, const struct family *family, uint32_t *series, size_t length)
{
        if (*series == 0 && family->n_series > family->n_unused)
                put_head(out, family->family);
        while (*series < family->n_series && (*series == 0 || out->length < length))
                put_series(out, family, &family->series[(*series)++]);
        return *series >= family->n_series;
}

bool metrics_expose_some(const struct metrics *metrics, struct metrics_place *place, size_t bytes,
                         struct text *out)
{
        size_t length = out->length + bytes;
        uint32_t at = place->family ? place_of(metrics, place->family->name) : 0;

        for (; at < metrics->count && out->length < length; at++) {
                const struct family *family = metrics->by_name[at];

                if (place->family != family->family)
                        *place = (struct metrics_place){.family = family->family};
                if (!put_family(out, family, &place->series, length))
                        return true;
        }
        return at < metrics->count;
}

void metrics_expose(const struct metrics *metrics, struct text *out)
{
        struct metrics_place place = {0};

        (void)metrics_expose_some(metrics, &place, SIZE_MAX / 2, out);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_METRICS_H
#define OPTCTL_CORE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/text.h"

/*
 * What optctl says about itself, in Prometheus' exposition format. A family is declared once, by whoever
 * counts it: name, type, help and labels on /metrics, the reference page and the dashboards' check of what
 * they ask for come from there. The name ends with the unit (metric_unit), that of a counter with _total
 * behind it.
 */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_family {
        const char *name; /* "optctl_http_requests_total" */
        enum metric_type type;
        const char *help;
        const char *const *labels;  /* names, ends with NULL; NULL: none */
        const double *upper_bounds; /* METRIC_HISTOGRAM, ascending */
        int n_upper_bounds;
};

/* Puts a static table of families into the catalogue; METRIC_FAMILY a single one. At file scope. */
struct metric_declaration {
        const struct metric_family *families;
        size_t count;
};
#define METRIC_DECLARE(name, first, n)                                                                       \
        static const struct metric_declaration name##_declaration = {.families = (first), .count = (n)};     \
        static const struct metric_declaration *const name##_declared                                        \
                __attribute__((used, section("metric_declarations"))) = &name##_declaration
#define METRIC_FAMILIES(table) METRIC_DECLARE(table, table, ARRAY_LENGTH(table))
#define METRIC_FAMILY(family)  METRIC_DECLARE(family, &(family), 1)

/* All declared families of the program, by name; *ret_count of them. The caller frees the list. */
const struct metric_family **metrics_catalogue(size_t *ret_count);

/* By what its name ends with: "seconds", "records/s"; "" for what is only counted. */
const char *metric_unit(const struct metric_family *family);
const char *metric_type_name(const struct metric_family *family);

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(metrics_free, struct metrics);

/* `values`: of the family's labels, in their order; NULL without labels. A NULL `metrics` takes everything
 * and keeps nothing. Label values are redacted (core/redact.h) and escaped. */
void metrics_add(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                 double amount); /* counters; gauges, too */
void metrics_set(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                 double value); /* gauges; counters whose sum is kept elsewhere */
void metrics_observe(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                     double value); /* histograms */
/* Forgets the series whose first label has this value (a pipeline that is gone). */
void metrics_forget(struct metrics *metrics, const char *first_label_value);

/* Families by name, series in the order they were first written; one that comes late may stand in the place
 * of one that was forgotten. */
void metrics_expose(const struct metrics *metrics, struct text *out);

/* The same in pieces, between which others may count: adds at least so many bytes from *place on (`{0}`: from
 * the start), and says whether more is to come. */
struct metrics_place {
        const struct metric_family *family;
        uint32_t series;
};
bool metrics_expose_some(const struct metrics *metrics, struct metrics_place *place, size_t bytes,
                         struct text *out);

#endif

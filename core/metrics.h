/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_METRICS_H
#define OPTCTL_CORE_METRICS_H

#include <stdint.h>

#include "core/memory.h"
#include "core/text.h"

/*
 * What optctl says about itself, in Prometheus' exposition format. Families are declared in one static table,
 * so that name, type, help, labels and the reference page come from one place (STYLE: varnish's way).
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

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(metrics_free, struct metrics);

/* `values`: of the family's labels, in their order; NULL without labels. A NULL `metrics` takes everything
 * and keeps nothing. Label values are redacted (core/redact.h) and escaped. */
void metrics_add(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                 double amount); /* counters; gauges, too */
void metrics_set(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                 double value); /* gauges */
void metrics_observe(struct metrics *metrics, const struct metric_family *family, const char *const *values,
                     double value); /* histograms */
/* Forgets the series whose first label has this value (a pipeline that is gone). */
void metrics_forget(struct metrics *metrics, const char *first_label_value);

/* Families by name, series in the order they were first written. */
void metrics_expose(const struct metrics *metrics, struct text *out);

#endif

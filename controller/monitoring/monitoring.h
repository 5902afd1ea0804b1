/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_MONITORING_MONITORING_H
#define OPTCTL_CONTROLLER_MONITORING_MONITORING_H

#include <jansson.h>
#include <stdbool.h>

#include "core/text.h"

/*
 * What Prometheus and Grafana need to watch optctl: dashboards, rules, and the list of metrics. All of it is
 * data; tests/controller/test_monitoring.c holds what it asks for against the catalogue of metrics, and
 * tests/e2e/monitoring against a real Prometheus.
 */

/* ---- dashboards ---- */

struct query {
        const char *expression; /* PromQL with Grafana's variables; NULL ends a list */
        const char *legend;
};

enum panel_kind { PANEL_NUMBER, PANEL_LINES, PANEL_BARS };

#define PANEL_MAX_QUERIES 4

struct panel {
        const char *section; /* a heading above this panel; NULL: none */
        const char *title;   /* NULL ends a list */
        const char *description;
        const char *unit; /* Grafana's name of it */
        enum panel_kind kind;
        int width; /* of 24 */
        bool band; /* the second query and those behind it are an interval around the first */
        struct query queries[PANEL_MAX_QUERIES + 1];
};

struct dashboard {
        const char *name, *title, *description;
        const char *from;           /* begin of the time that it shows first: "now-7d" */
        bool by_pipeline;           /* has a variable `pipeline`, and shows decisions */
        const struct panel *panels; /* ends with a NULL title */
};

/* By name; NULL when there is none. The list ends with a NULL name. */
extern const struct dashboard dashboards[];
const struct dashboard *dashboard_find(const char *name);

/* As Grafana imports it. The caller owns it. */
json_t *dashboard_json(const struct dashboard *dashboard);

/* ---- rules ---- */

struct recording_rule {
        const char *name, *expression; /* "level:metric:operations"; NULL ends the list */
};

struct alert {
        const char *name; /* NULL ends the list; its runbook is docs/runbooks/NAME.md */
        const char *expression;
        const char *lasts;    /* for so long: "10m" */
        const char *severity; /* critical: act now; warning: today; info: know it */
        const char *summary, *description;
};

extern const struct recording_rule recording_rules[];
extern const struct alert alerts[];

/* Where they are in the sources: whoever serves them elsewhere says so. */
#define RUNBOOKS_URL "docs/runbooks"

/* Rule files of Prometheus as a document for json_put_yaml. `runbooks`: where they are, without a slash at
 * the end. The caller owns them. */
json_t *recording_rules_json(void);
json_t *alerts_json(const char *runbooks);

/* ---- the list of metrics ---- */

/* docs/metrics.md */
void metrics_page(struct text *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dashboards as Grafana's JSON: what the rules of its dashboard-linter ask for, and where panels stand. */
#include <string.h>

#include "controller/monitoring/monitoring.h"
#include "core/memory.h"

#define COLUMNS        24
#define NUMBER_HEIGHT  5
#define GRAPH_HEIGHT   8
#define SCHEMA_VERSION 39

#define DECISIONS_QUERY                                                                                      \
        "max by (pipeline) (optctl_pipeline_last_change_timestamp_seconds{job=~\"$job\","                    \
        "instance=~\"$instance\",pipeline=~\"$pipeline\"}) * 1000"
#define TAKEN_BACK_QUERY                                                                                     \
        "sum by (pipeline, outcome) (increase(optctl_pipeline_changes_total{job=~\"$job\","                  \
        "instance=~\"$instance\",pipeline=~\"$pipeline\",outcome=~\"Reverted|Failed\"}[2m])) > 0"

const struct dashboard *dashboard_find(const char *name)
{
        for (const struct dashboard *one = dashboards; one->name; one++)
                if (strcmp(one->name, name) == 0)
                        return one;
        return NULL;
}

static json_t *source_json(void)
{
        return json_pack("{s:s, s:s}", "type", "prometheus", "uid", "${datasource}");
}

/* ---- variables ---- */

/* Values of a label of a metric that is always there. */
static json_t *label_variable(const char *name, const char *label, const char *query)
{
        return json_pack("{s:s, s:s, s:s, s:o, s:s, s:{s:s, s:s}, s:b, s:b, s:s, s:i, s:i, s:{s:[s], s:[s]}}",
                         "name", name, "label", label, "type", "query", "datasource", source_json(),
                         "definition", query, "query", "query", query, "refId", name, "multi", true,
                         "includeAll", true, "allValue", ".+", "refresh", 2, "sort", 1, "current", "text",
                         "All", "value", "$__all");
}

static json_t *variables(const struct dashboard *dashboard)
{
        json_t *list = json_array();

        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", "datasource", "label",
                                              "Data source", "type", "datasource", "query", "prometheus",
                                              "refresh", 1));
        json_array_append_new(list, label_variable("job", "Job", "label_values(optctl_build_info, job)"));
        json_array_append_new(list,
                              label_variable("instance", "Instance",
                                             "label_values(optctl_build_info{job=~\"$job\"}, instance)"));
        if (dashboard->by_pipeline)
                json_array_append_new(list, label_variable("pipeline", "Pipeline",
                                                           "label_values(optctl_pipeline_up{job=~\"$job\","
                                                           "instance=~\"$instance\"}, pipeline)"));
        return list;
}

/* ---- annotations ---- */

static json_t *decisions_json(void)
{
        return json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:s, s:s, s:s}", "name", "Decisions", "datasource",
                         source_json(), "enable", true, "iconColor", "blue", "expr", DECISIONS_QUERY, "step",
                         "60s", "useValueForTime", "on", "titleFormat", "{{pipeline}} was changed",
                         "textFormat", "optctl history says to what, optctl explain NUMBER why.");
}

static json_t *taken_back_json(void)
{
        return json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:s, s:s}", "name", "Taken back", "datasource",
                         source_json(), "enable", true, "iconColor", "red", "expr", TAKEN_BACK_QUERY, "step",
                         "60s", "titleFormat", "{{pipeline}}: a change ended {{outcome}}", "textFormat",
                         "optctl explain NUMBER says why.");
}

static json_t *annotations(const struct dashboard *dashboard)
{
        json_t *list = json_array();

        if (dashboard->by_pipeline) {
                json_array_append_new(list, decisions_json());
                json_array_append_new(list, taken_back_json());
        }
        return list;
}

/* ---- panels ---- */

static json_t *queries_json(const struct panel *panel)
{
        json_t *list = json_array();

        for (const struct query *query = panel->queries; query->expression; query++) {
                const char letter[] = {(char)('A' + (query - panel->queries)), '\0'};

                json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s, s:b, s:b}", "refId", letter,
                                                      "datasource", source_json(), "expr", query->expression,
                                                      "legendFormat", query->legend, "instant",
                                                      panel->kind == PANEL_NUMBER, "range",
                                                      panel->kind != PANEL_NUMBER));
        }
        return list;
}

/* The ends of an interval are thin and dashed. */
static json_t *overrides_json(const struct panel *panel)
{
        json_t *list = json_array();

        for (int i = 1; panel->band && panel->queries[i].expression; i++) {
                const char letter[] = {(char)('A' + i), '\0'};

                json_array_append_new(list,
                                      json_pack("{s:{s:s, s:s}, s:[{s:s, s:{s:s, s:[i, i]}}, {s:s, s:i}]}",
                                                "matcher", "id", "byFrameRefID", "options", letter,
                                                "properties", "id", "custom.lineStyle", "value", "fill",
                                                "dash", "dash", 6, 6, "id", "custom.fillOpacity", "value",
                                                0));
        }
        return list;
}

static json_t *fields_json(const struct panel *panel)
{
        json_t *defaults = json_pack("{s:s, s:o}", "unit", panel->unit, "custom", json_object());
        json_t *custom = json_object_get(defaults, "custom");

        if (panel->kind != PANEL_NUMBER)
                json_object_update_new(custom, json_pack("{s:s, s:i, s:s, s:b}", "drawStyle",
                                                         panel->kind == PANEL_BARS ? "bars" : "line",
                                                         "fillOpacity", panel->kind == PANEL_BARS ? 60 : 8,
                                                         "showPoints", "auto", "spanNulls", false));
        return json_pack("{s:o, s:o}", "defaults", defaults, "overrides", overrides_json(panel));
}

static json_t *options_json(const struct panel *panel)
{
        if (panel->kind == PANEL_NUMBER)
                return json_pack("{s:{s:[s], s:s, s:b}, s:s, s:s}", "reduceOptions", "calcs", "lastNotNull",
                                 "fields", "", "values", false, "colorMode", "value", "graphMode", "none");
        return json_pack("{s:{s:s, s:s, s:b}, s:{s:s, s:s}}", "legend", "displayMode", "list", "placement",
                         "bottom", "showLegend", true, "tooltip", "mode", "multi", "sort", "desc");
}

static json_t *place_json(int x, int y, int width, int height)
{
        return json_pack("{s:i, s:i, s:i, s:i}", "x", x, "y", y, "w", width, "h", height);
}

static json_t *panel_json(const struct panel *panel, int id, json_t *place)
{
        return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", id, "type",
                         panel->kind == PANEL_NUMBER ? "stat" : "timeseries", "title", panel->title,
                         "description", panel->description, "datasource", source_json(), "gridPos", place,
                         "fieldConfig", fields_json(panel), "options", options_json(panel), "targets",
                         queries_json(panel));
}

static json_t *heading_json(const char *title, int id, int y)
{
        return json_pack("{s:i, s:s, s:s, s:b, s:o, s:[]}", "id", id, "type", "row", "title", title,
                         "collapsed", false, "gridPos", place_json(0, y, COLUMNS, 1), "panels");
}

/* From left to right, and on below where a row is full; panels of a row are of the same height. */
static json_t *panels_json(const struct dashboard *dashboard)
{
        json_t *list = json_array();
        int x = 0, y = 0, row_height = 0, id = 1;

        for (const struct panel *panel = dashboard->panels; panel->title; panel++) {
                int height = panel->kind == PANEL_NUMBER ? NUMBER_HEIGHT : GRAPH_HEIGHT;

                if (panel->section || x + panel->width > COLUMNS) {
                        x = 0;
                        y += row_height;
                }
                if (panel->section)
                        json_array_append_new(list, heading_json(panel->section, id++, y++));
                json_array_append_new(list, panel_json(panel, id++, place_json(x, y, panel->width, height)));
                x += panel->width;
                row_height = height;
        }
        return list;
}

json_t *dashboard_json(const struct dashboard *dashboard)
{
        autofree char *uid = memory_format("optctl-%s", dashboard->name);

        return json_pack("{s:s, s:s, s:s, s:[s], s:b, s:i, s:s, s:s, s:{s:s, s:s}, s:{s:o}, s:{s:o}, s:o}",
                         "uid", uid, "title", dashboard->title, "description", dashboard->description, "tags",
                         "optctl", "editable", false, "schemaVersion", SCHEMA_VERSION, "timezone", "",
                         "refresh", "1m", "time", "from", dashboard->from, "to", "now", "annotations", "list",
                         annotations(dashboard), "templating", "list", variables(dashboard), "panels",
                         panels_json(dashboard));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rule files as Prometheus reads them. */
#include "controller/monitoring/monitoring.h"
#include "core/memory.h"

static json_t *groups_json(const char *name, json_t *rules)
{
        return json_pack("{s:[{s:s, s:o}]}", "groups", "name", name, "rules", rules);
}

json_t *recording_rules_json(void)
{
        json_t *rules = json_array();

        for (const struct recording_rule *rule = recording_rules; rule->name; rule++)
                json_array_append_new(rules, json_pack("{s:s, s:s}", "record", rule->name, "expr",
                                                       rule->expression));
        return groups_json("optctl.rules", rules);
}

static json_t *alert_json(const struct alert *alert, const char *runbooks)
{
        autofree char *runbook = memory_format("%s/%s.md", runbooks, alert->name);

        return json_pack("{s:s, s:s, s:s, s:{s:s}, s:{s:s, s:s, s:s}}", "alert", alert->name, "expr",
                         alert->expression, "for", alert->lasts, "labels", "severity", alert->severity,
                         "annotations", "summary", alert->summary, "description", alert->description,
                         "runbook_url", runbook);
}

json_t *alerts_json(const char *runbooks)
{
        json_t *rules = json_array();

        for (const struct alert *alert = alerts; alert->name; alert++)
                json_array_append_new(rules, alert_json(alert, runbooks));
        return groups_json("optctl.alerts", rules);
}

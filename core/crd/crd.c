/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/crd/crd.h"

#include <string.h>

#include "core/crd/internal.h"
#include "core/option_internal.h"
#include "core/spec.h"
#include "core/tuning_study.h"

#define API_GROUP   "optctl.dev"
#define API_VERSION "v1alpha1"

/* Names become names of other objects and labels: no longer and no wider than those may be. */
#define NAME_RULE    "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')"
#define NAME_MESSAGE "metadata.name: expected 1 to 63 of a-z, 0-9 and -, not at the ends"

/* A column of `kubectl get`; `wide`: only with -o wide. */
struct column {
        const char *name, *type, *path, *description;
        bool wide;
};

static const struct column pipeline_columns[] = {
        {"Target", "string", ".status.target", "What is tuned.", false},
        {"Mode", "string", ".spec.mode", "Whether optctl observes, recommends or acts.", false},
        {"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", "Whether it is tuned.", false},
        {"Current", "integer", ".status.currentWorkers", "Workers that run.", false},
        {"Desired", "integer", ".status.desiredWorkers", "Workers that ought to run.", false},
        {"Reason", "string", ".status.lastDecision.reason", "What was decided last.", false},
        {"Age", "date", ".metadata.creationTimestamp", "Time since it was created.", false},
        {"Cost/h", "string", ".status.cost.podsPerHour", "What its pods ask for, by the prices of nodes.",
         true},
        {"Idle%", "integer", ".status.cost.idlePercent", "What of their nodes is idle.", true},
        {"Decided", "date", ".status.lastDecision.time", "Time since the last decision.", true},
        {"Why", "string", ".status.lastDecision.message", "Why it was decided so.", true},
        {0},
};

static const struct column prices_columns[] = {
        {"Currency", "string", ".spec.currency", "Currency of all prices.", false},
        {"Worker", "string", ".spec.worker.perHour", "Price of a worker for an hour.", false},
        {"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", "Whether it is used.", false},
        {"Age", "date", ".metadata.creationTimestamp", "Time since it was created.", false},
        {0},
};

static const struct column study_columns[] = {
        {"Pipeline", "string", ".spec.pipeline", "Whose spec is simulated.", false},
        {"Complete", "string", ".status.conditions[?(@.type==\"Complete\")].status", "Whether all is there.",
         false},
        {"Done", "integer", ".status.done", "Simulations or trials that are over.", false},
        {"Points", "integer", ".status.points", "Simulations or trials that there are.", false},
        {"Best", "string", ".status.best[0].candidate", "The cheapest candidate that will do, first load.",
         false},
        {"Cost/d", "string", ".status.best[0].costPerDay", "What that one costs a day.", false},
        {"Least", "string", ".status.bestTrial.value", "The least value of a trial.", false},
        {"Age", "date", ".metadata.creationTimestamp", "Time since it was created.", false},
        {"Why", "string", ".status.conditions[?(@.type==\"Complete\")].message", "In words.", true},
        {0},
};

struct definition {
        const char *kind, *singular, *plural, *short_name, *scope, *help;
        const struct option_table *spec; /* NULL: that of a pipeline, which plugins lay out */
        const struct option_table *status;
        const struct column *columns;
};

static const struct definition definitions[] = {
        {
                .kind = "TunedPipeline",
                .singular = "tunedpipeline",
                .plural = "tunedpipelines",
                .short_name = "tp",
                .scope = "Namespaced",
                .help = "A pipeline that optctl tunes. The same file serves `optctl simulate` and `kubectl "
                        "apply`.",
                .status = &crd_pipeline_status_table,
                .columns = pipeline_columns,
        },
        {
                .kind = "PriceBook",
                .singular = "pricebook",
                .plural = "pricebooks",
                .short_name = "pb",
                .scope = "Cluster",
                .help = "What workers, energy and carbon cost over time, for all pipelines of a cluster.",
                .spec = &price_book_table,
                .status = &crd_prices_status_table,
                .columns = prices_columns,
        },
        {
                .kind = "TuningStudy",
                .singular = "tuningstudy",
                .plural = "tuningstudies",
                .short_name = "ts",
                .scope = "Namespaced",
                .help = "A what-if study: candidates for a TunedPipeline, simulated by a Job of the cluster; "
                        "or a tuning study: the best settings of a program, searched by running it.",
                .spec = &tuning_study_table,
                .status = &crd_study_status_table,
                .columns = study_columns,
        },
};

const char *const crd_kinds[] = {"TunedPipeline", "PriceBook", "TuningStudy", NULL};

static const struct definition *find_definition(const char *kind)
{
        size_t i = 0;

        while (strcmp(definitions[i].kind, kind) != 0)
                i++;
        return &definitions[i];
}

static json_t *columns_to_json(const struct column *columns)
{
        json_t *array = json_array();

        for (; columns->name; columns++) {
                json_t *column =
                        json_pack("{s:s, s:s, s:s, s:s}", "name", columns->name, "type", columns->type,
                                  "jsonPath", columns->path, "description", columns->description);

                if (columns->wide)
                        json_object_set_new(column, "priority", json_integer(1));
                json_array_append_new(array, column);
        }
        return array;
}

static json_t *described(const char *type, const char *words)
{
        return json_pack("{s:s, s:s}", "type", type, "description", words);
}

/* The layout of the whole object, which begins as every Kubernetes object does. */
static json_t *object_schema(const struct definition *definition, const struct option_table *spec)
{
        json_t *properties =
                json_pack("{s:o, s:o, s:o, s:o, s:o}", "apiVersion",
                          described("string", "Version of this layout: " API_GROUP "/" API_VERSION "."),
                          "kind", described("string", "Kind of the object."), "metadata",
                          json_pack("{s:s}", "type", "object"), "spec", crd_section_schema(spec), "status",
                          crd_section_schema(definition->status));

        return json_pack("{s:s, s:s, s:o, s:[s], s:[{s:s, s:s}]}", "type", "object", "description",
                         definition->help, "properties", properties, "required", "spec",
                         "x-kubernetes-validations", "rule", NAME_RULE, "message", NAME_MESSAGE);
}

static json_t *version_to_json(const struct definition *definition, const struct option_table *spec)
{
        return json_pack("{s:s, s:b, s:b, s:{s:{}}, s:o, s:{s:o}}", "name", API_VERSION, "served", 1,
                         "storage", 1, "subresources", "status", "additionalPrinterColumns",
                         columns_to_json(definition->columns), "schema", "openAPIV3Schema",
                         object_schema(definition, spec));
}

json_t *crd_new(const char *kind, const struct registry *registry)
{
        const struct definition *definition = find_definition(kind);
        const struct option_table *spec =
                definition->spec ? definition->spec : option_named(spec_table(registry), "spec")->table;
        autofree char *name = memory_format("%s." API_GROUP, definition->plural);
        json_t *names = json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[s]}", "kind", definition->kind, "listKind",
                                  "", "plural", definition->plural, "singular", definition->singular,
                                  "shortNames", definition->short_name, "categories", "optctl");
        autofree char *list_kind = memory_format("%sList", definition->kind);

        json_object_set_new(names, "listKind", json_string(list_kind));
        return json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:o, s:s, s:[o]}}", "apiVersion",
                         "apiextensions.k8s.io/v1", "kind", "CustomResourceDefinition", "metadata", "name",
                         name, "spec", "group", API_GROUP, "names", names, "scope", definition->scope,
                         "versions", version_to_json(definition, spec));
}

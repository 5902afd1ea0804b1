/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The graph and the knobs as written become the pipeline as everybody uses it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/spec_file.h"

const struct yaml_node *spec_item(const struct yaml_node *section, const char *name, size_t i,
                                  const char *field)
{
        const struct yaml_node *list = yaml_get(section, name);
        const struct yaml_node *value;

        if (!list || i >= list->count)
                return section;
        value = field ? yaml_get(list->items[i], field) : NULL;
        return value ? value : list->items[i];
}

static int find_operator(const struct pipeline *pipeline, const char *name)
{
        for (int i = 0; i < pipeline->n_operators; i++)
                if (strcmp(pipeline->operators[i].name, name) == 0)
                        return i;
        return -1;
}

int spec_find_operator(const struct pipeline *pipeline, const char *name, const struct yaml_node *node,
                       struct error *err)
{
        const char *names[PIPELINE_MAX_OPERATORS + 1] = {NULL};
        int index = find_operator(pipeline, name);
        const char *nearest;

        if (index >= 0)
                return index;
        for (int i = 0; i < pipeline->n_operators; i++)
                names[i] = pipeline->operators[i].name;
        nearest = text_nearest(name, names);
        yaml_error(node, err, "no operator \"%.60s\" in spec.pipeline; %s %s%s", name,
                   nearest ? "did you mean" : "expected one such as", nearest ? nearest : names[0],
                   nearest ? "?" : "");
        return -1;
}

void spec_pipeline_free(struct pipeline *pipeline)
{
        free(pipeline->operators);
        free(pipeline->edges);
        free(pipeline->knobs);
        pipeline->operators = NULL;
        pipeline->edges = NULL;
        pipeline->knobs = NULL;
}

/* ---- the graph ---- */

static bool make_operators(const struct written_pipeline *written, const struct yaml_node *section,
                           struct pipeline *pipeline, struct error *err)
{
        const struct written_operator *operators = written->operators.items;
        size_t count = written->operators.count;

        pipeline->operators = memory_new(count + 1, sizeof *pipeline->operators);
        if (count == 0)
                pipeline->operators[pipeline->n_operators++] =
                        (struct operator_info){.name = "pipeline", .source = true};
        for (size_t i = 0; i < count; i++) {
                if (operators[i].partitions > 0 && !operators[i].source)
                        return yaml_error(spec_item(section, "operators", i, "partitions"), err,
                                          "only a source reads partitions; expected source: true");
                pipeline->operators[pipeline->n_operators++] = (struct operator_info){
                        .name = operators[i].name,
                        .source = operators[i].source,
                        .partitions = (int)operators[i].partitions,
                        .max_parallelism = (int)operators[i].max_parallelism,
                };
        }
        return true;
}

static bool has_edge(const struct pipeline *pipeline, int from, int to)
{
        for (int i = 0; i < pipeline->n_edges; i++)
                if (pipeline->edges[i].from == from && pipeline->edges[i].to == to)
                        return true;
        return false;
}

static bool make_edges(const struct written_pipeline *written, const struct yaml_node *section,
                       struct pipeline *pipeline, struct error *err)
{
        const struct written_edge *edges = written->edges.items;

        pipeline->edges = memory_new(written->edges.count, sizeof *pipeline->edges);
        for (size_t i = 0; i < written->edges.count; i++) {
                int from = spec_find_operator(pipeline, edges[i].from, spec_item(section, "edges", i, "from"),
                                              err);
                int to = from < 0 ? -1
                                  : spec_find_operator(pipeline, edges[i].to,
                                                       spec_item(section, "edges", i, "to"), err);

                if (to < 0)
                        return false;
                if (has_edge(pipeline, from, to))
                        return yaml_error(spec_item(section, "edges", i, NULL), err,
                                          "is there already; expected one edge between two operators");
                if (pipeline->operators[to].source)
                        return yaml_error(spec_item(section, "edges", i, "to"), err,
                                          "\"%.60s\" is a source; expected an operator that takes records in",
                                          edges[i].to);
                pipeline->edges[pipeline->n_edges++] = (struct edge){.from = from,
                                                                     .to = to,
                                                                     .hash = edges[i].hash,
                                                                     .selectivity = edges[i].selectivity};
        }
        return true;
}

/* Kahn's algorithm, always taking the first operator as written that is free: stable. Returns how many could
 * be ordered; the rest form or follow a cycle. */
static int order_operators(const struct pipeline *pipeline, int *ret_order)
{
        int waits[PIPELINE_MAX_OPERATORS] = {0};
        int count = 0;

        for (int i = 0; i < pipeline->n_edges; i++)
                waits[pipeline->edges[i].to]++;
        for (int next = 0; next < pipeline->n_operators; next++) {
                if (waits[next] != 0)
                        continue;
                waits[next] = -1;
                ret_order[count++] = next;
                for (int i = 0; i < pipeline->n_edges; i++)
                        if (pipeline->edges[i].from == next)
                                waits[pipeline->edges[i].to]--;
                next = -1;
        }
        return count;
}

static int compare_edges(const void *a, const void *b)
{
        const struct edge *left = a, *right = b;

        return left->from != right->from ? left->from - right->from : left->to - right->to;
}

static void apply_order(struct pipeline *pipeline, const int *order)
{
        struct operator_info operators[PIPELINE_MAX_OPERATORS];
        int place[PIPELINE_MAX_OPERATORS] = {0};

        memcpy(operators, pipeline->operators, (size_t)pipeline->n_operators * sizeof *operators);
        for (int i = 0; i < pipeline->n_operators; i++) {
                pipeline->operators[i] = operators[order[i]];
                place[order[i]] = i;
        }
        for (int i = 0; i < pipeline->n_edges; i++) {
                pipeline->edges[i].from = place[pipeline->edges[i].from];
                pipeline->edges[i].to = place[pipeline->edges[i].to];
        }
        qsort(pipeline->edges, (size_t)pipeline->n_edges, sizeof *pipeline->edges, compare_edges);
}

/* Every operator that could not be ordered has a predecessor that could not: going back from any one, as many
 * steps as there are operators, ends on a cycle. */
static bool fail_cycle(const struct pipeline *pipeline, const int *order, int n_ordered,
                       const struct yaml_node *section, struct error *err)
{
        bool ordered[PIPELINE_MAX_OPERATORS] = {false};
        int edge = 0, at = 0;

        for (int i = 0; i < n_ordered; i++)
                ordered[order[i]] = true;
        while (ordered[at])
                at++;
        for (int step = 0; step < pipeline->n_operators; step++) {
                edge = 0;
                while (pipeline->edges[edge].to != at || ordered[pipeline->edges[edge].from])
                        edge++;
                at = pipeline->edges[edge].from;
        }
        return yaml_error(spec_item(section, "edges", (size_t)edge, NULL), err,
                          "the edges form a cycle through \"%.60s\"; expected none",
                          pipeline->operators[at].name);
}

/* Operators stand in topological order. */
static bool check_reached(const struct pipeline *pipeline, const struct yaml_node *section, struct error *err)
{
        bool reached[PIPELINE_MAX_OPERATORS] = {false};
        int n_sources = 0;

        for (int i = 0; i < pipeline->n_operators; i++) {
                reached[i] |= pipeline->operators[i].source;
                n_sources += pipeline->operators[i].source;
                for (int j = 0; j < pipeline->n_edges; j++)
                        if (pipeline->edges[j].from == i)
                                reached[pipeline->edges[j].to] |= reached[i];
        }
        if (n_sources == 0)
                return yaml_error(yaml_get(section, "operators"), err,
                                  "no operator is a source; expected source: true at one");
        for (int i = 0; i < pipeline->n_operators; i++)
                if (!reached[i])
                        return yaml_error(
                                yaml_get(section, "operators"), err,
                                "operator \"%.60s\" is not reached from any source; expected an edge to it",
                                pipeline->operators[i].name);
        return true;
}

static bool make_graph(const struct written_pipeline *written, const struct yaml_node *section,
                       struct pipeline *pipeline, struct error *err)
{
        int order[PIPELINE_MAX_OPERATORS];
        int n_ordered;

        pipeline->slots_per_worker = (int)written->slots_per_worker;
        if (!make_operators(written, section, pipeline, err) || !make_edges(written, section, pipeline, err))
                return false;
        n_ordered = order_operators(pipeline, order);
        if (n_ordered < pipeline->n_operators)
                return fail_cycle(pipeline, order, n_ordered, section, err);
        apply_order(pipeline, order);
        return check_reached(pipeline, section, err);
}

/* ---- the knobs ---- */

static enum knob_role role_of(const char *name)
{
        static const struct {
                const char *name;
                enum knob_role role;
        } roles[] = {
                {"workers", KNOB_WORKERS},       {"parallelism", KNOB_PARALLELISM},
                {"partitions", KNOB_PARTITIONS}, {"memory", KNOB_MEMORY},
                {"memory.heap", KNOB_MEMORY},    {"memory.managed", KNOB_MEMORY},
                {"memory.network", KNOB_MEMORY}, {"memory.metaspace", KNOB_MEMORY},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(roles); i++)
                if (strcmp(roles[i].name, name) == 0)
                        return roles[i].role;
        return KNOB_OTHER;
}

/* Counts have steps of one; bytes, and what is not known here, may take any value. */
static double default_step(enum knob_role role)
{
        return role == KNOB_MEMORY || role == KNOB_OTHER ? 0 : 1;
}

static int find_knob(const struct pipeline *pipeline, const char *name, int operator_index)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (strcmp(pipeline->knobs[i].name, name) == 0 &&
                    pipeline->knobs[i].operator_index == operator_index)
                        return i;
        return -1;
}

/* Only sources read partitions, and they only grow: there are never fewer than now. */
static bool check_partitions(const struct pipeline *pipeline, const struct written_knob *written,
                             int operator_index, const struct yaml_node *node, double *min, struct error *err)
{
        const struct operator_info *info;

        if (operator_index < 0)
                return yaml_error(node, err, "partitions are read by one source; expected scope Operator");
        info = &pipeline->operators[operator_index];
        if (!info->source)
                return yaml_error(node, err, "only a source reads partitions, and \"%.60s\" is none",
                                  info->name);
        if (written->max < info->partitions)
                return yaml_error(node, err,
                                  "\"%.60s\" has %d partitions, and they only grow; expected a "
                                  "greater max",
                                  info->name, info->partitions);
        *min = fmax(*min, info->partitions);
        return true;
}

static bool add_knob(struct pipeline *pipeline, const struct written_knob *written, int operator_index,
                     const struct yaml_node *node, struct error *err)
{
        enum knob_role role = role_of(written->name);
        double min = written->min;
        double step = isnan(written->step) ? default_step(role) : written->step;

        if (find_knob(pipeline, written->name, operator_index) >= 0)
                return yaml_error(node, err, "knob \"%.60s\" is there already; expected each once",
                                  written->name);
        if (pipeline->n_knobs == CONFIGURATION_MAX_KNOBS)
                return yaml_error(node, err, "makes more than %d knobs; expected fewer",
                                  CONFIGURATION_MAX_KNOBS);
        if (role == KNOB_PARTITIONS && !check_partitions(pipeline, written, operator_index, node, &min, err))
                return false;
        pipeline->knobs[pipeline->n_knobs++] = (struct knob){
                .name = written->name,
                .role = role,
                .operator_index = operator_index,
                .min = min,
                .max = written->max,
                .step = step,
                .scale = (enum knob_scale)written->scale,
        };
        return true;
}

/* Whether a knob of this name was written for the one operator. */
static bool is_written(const struct spec_file *file, const char *knob, const char *operator_name)
{
        const struct written_knob *knobs = file->knobs.items;

        for (size_t i = 0; i < file->knobs.count; i++)
                if (strcmp(knobs[i].name, knob) == 0 && knobs[i].operator_name &&
                    strcmp(knobs[i].operator_name, operator_name) == 0)
                        return true;
        return false;
}

static bool add_operator_knobs(struct spec_file *file, const struct written_knob *written,
                               const struct yaml_node *node, struct error *err)
{
        struct pipeline *pipeline = &file->spec.pipeline;

        bool sources_only = role_of(written->name) == KNOB_PARTITIONS;

        for (int i = 0; i < pipeline->n_operators; i++)
                if (!is_written(file, written->name, pipeline->operators[i].name) &&
                    (!sources_only || pipeline->operators[i].source) &&
                    !add_knob(pipeline, written, i, node, err))
                        return false;
        return true;
}

static bool make_knobs(struct spec_file *file, const struct yaml_node *section, struct error *err)
{
        struct pipeline *pipeline = &file->spec.pipeline;
        const struct written_knob *knobs = file->knobs.items;

        pipeline->knobs = memory_new(CONFIGURATION_MAX_KNOBS, sizeof *pipeline->knobs);
        for (size_t i = 0; i < file->knobs.count; i++) {
                const struct yaml_node *node = spec_item(section, "knobs", i, "name");
                int operator_index = -1;
                bool done;

                if (knobs[i].operator_name && file->spec.lacks_graph)
                        continue;
                if (knobs[i].operator_name) {
                        operator_index = spec_find_operator(pipeline, knobs[i].operator_name,
                                                            spec_item(section, "knobs", i, "operator"), err);
                        if (operator_index < 0)
                                return false;
                }
                if (knobs[i].scope == SCOPE_OPERATOR && !knobs[i].operator_name)
                        done = add_operator_knobs(file, &knobs[i], node, err);
                else
                        done = add_knob(pipeline, &knobs[i], operator_index, node, err);
                if (!done)
                        return false;
        }
        /* Specs are many, and most have few knobs. */
        pipeline->knobs = memory_resize(pipeline->knobs, (size_t)pipeline->n_knobs, sizeof *pipeline->knobs);
        return true;
}

bool spec_make_pipeline(struct spec_file *file, const struct yaml_node *section, struct error *err)
{
        file->spec.pipeline.name = file->spec.name;
        return make_graph(&file->pipeline, yaml_get(section, "pipeline"), &file->spec.pipeline, err) &&
               make_knobs(file, section, err);
}

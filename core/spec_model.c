/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model of a spec, brought into the order of the pipeline and completed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/spec_file.h"

/* CPU ratio of a worker at full capacity when spec.model.cpu does not say: nothing uses all that it may. */
#define FULL_CPU_RATIO 0.95

static bool order_operators(struct spec *spec, const struct yaml_node *section, struct error *err)
{
        struct operator_model *written = spec->model.operators.items;
        struct operator_model ordered[PIPELINE_MAX_OPERATORS];
        bool seen[PIPELINE_MAX_OPERATORS] = {false};

        for (size_t i = 0; i < spec->model.operators.count; i++) {
                const struct yaml_node *node = spec_item(section, "operators", i, "name");
                int index = spec_find_operator(&spec->pipeline, written[i].name, node, err);

                if (index < 0)
                        return false;
                seen[index] = true;
                ordered[index] = written[i];
        }
        for (int i = 0; i < spec->pipeline.n_operators; i++)
                if (!seen[i])
                        return yaml_error(yaml_get(section, "operators"), err,
                                          "lacks operator \"%.60s\" of spec.pipeline",
                                          spec->pipeline.operators[i].name);
        memcpy(written, ordered, spec->model.operators.count * sizeof *written);
        return true;
}

/* Source records one worker can take in: its slots of the operator that is narrowest for them. Sources share
 * the input evenly, there being nothing to say otherwise. */
static double worker_capacity(const struct spec *spec)
{
        const struct pipeline *pipeline = &spec->pipeline;
        const struct operator_model *operators = spec->model.operators.items;
        double visits[PIPELINE_MAX_OPERATORS] = {0};
        double capacity = INFINITY;
        int n_sources = 0;

        for (int i = 0; i < pipeline->n_operators; i++)
                n_sources += pipeline->operators[i].source;
        for (int i = 0; i < pipeline->n_operators; i++) {
                if (pipeline->operators[i].source)
                        visits[i] = 1.0 / n_sources;
                for (int j = 0; j < pipeline->n_edges; j++)
                        if (pipeline->edges[j].from == i)
                                visits[pipeline->edges[j].to] += visits[i] * pipeline->edges[j].selectivity;
                if (visits[i] > 0)
                        capacity = fmin(capacity, pipeline->slots_per_worker * operators[i].rate_per_second /
                                                          visits[i]);
        }
        return capacity;
}

bool spec_order_model(struct spec *spec, const struct yaml_node *section, struct error *err)
{
        struct cpu_model *cpu = &spec->model.cpu;

        if (spec->model.operators.count > 0 && !order_operators(spec, section, err))
                return false;
        if (!isnan(cpu->worker_seconds_per_record))
                return true;
        cpu->worker_seconds_per_record =
                spec->model.operators.count > 0
                        ? fmax(FULL_CPU_RATIO - cpu->base_ratio, 0) / worker_capacity(spec)
                        : 0;
        return true;
}

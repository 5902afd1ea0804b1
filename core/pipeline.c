/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/pipeline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/quantity.h"
#include "core/text.h"

static int find_knob(const struct pipeline *pipeline, enum knob_role role, int operator_index)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (pipeline->knobs[i].role == role && pipeline->knobs[i].operator_index == operator_index)
                        return i;
        return -1;
}

int pipeline_parallelism_knob(const struct pipeline *pipeline, int operator_index)
{
        int own = find_knob(pipeline, KNOB_PARALLELISM, operator_index);

        return own >= 0 ? own : find_knob(pipeline, KNOB_PARALLELISM, -1);
}

int pipeline_workers_knob(const struct pipeline *pipeline)
{
        return find_knob(pipeline, KNOB_WORKERS, -1);
}

bool pipeline_per_operator(const struct pipeline *pipeline)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (pipeline->knobs[i].role == KNOB_PARALLELISM)
                        return true;
        return false;
}

static int at_most(int value, int limit)
{
        return limit > 0 && value > limit ? limit : value;
}

void pipeline_deployment(const struct pipeline *pipeline, const struct configuration *configuration,
                         struct deployment *ret_deployment)
{
        int workers_knob = pipeline_workers_knob(pipeline);
        int workers = workers_knob >= 0 ? (int)lround(configuration->value[workers_knob]) : 0;
        int slots = workers * pipeline->slots_per_worker;
        int widest = 1;

        for (int i = 0; i < pipeline->n_operators; i++) {
                int knob = pipeline_parallelism_knob(pipeline, i);
                int wanted = knob >= 0 ? (int)lround(configuration->value[knob]) : slots;

                wanted = at_most(wanted, pipeline->operators[i].max_parallelism);
                if (workers_knob >= 0)
                        wanted = at_most(wanted, slots);
                ret_deployment->parallelism[i] = wanted < 1 ? 1 : wanted;
                if (ret_deployment->parallelism[i] > widest)
                        widest = ret_deployment->parallelism[i];
        }
        if (workers_knob < 0)
                workers = (widest + pipeline->slots_per_worker - 1) / pipeline->slots_per_worker;
        ret_deployment->workers = workers;
}

/* Of the least that can be told of it so many make one; 0: any number can be told. */
static double parts_of_one(const struct knob *knob)
{
        if (knob->role == KNOB_MEMORY)
                return 1;
        return strcmp(knob->name, "worker.cpu") == 0 ? 1000 : 0;
}

double knob_grain(const struct knob *knob)
{
        double parts = parts_of_one(knob);

        return parts > 0 ? 1 / parts : 0;
}

double knob_fit(const struct knob *knob, double value)
{
        double parts = parts_of_one(knob), whole;

        if (knob->step > 0)
                value = knob->min + round((value - knob->min) / knob->step) * knob->step;
        value = fmin(fmax(value, knob->min), knob->max);
        whole = ceil(value * parts - 1e-6);
        return parts > 0 && whole / parts <= knob->max ? whole / parts : value;
}

void pipeline_configuration(const struct pipeline *pipeline, const struct deployment *deployment,
                            const struct configuration *base, struct configuration *ret_configuration)
{
        struct configuration result = *base;

        result.count = pipeline->n_knobs;
        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                int widest = 1;

                for (int j = 0; j < pipeline->n_operators; j++)
                        if (deployment->parallelism[j] > widest)
                                widest = deployment->parallelism[j];
                if (knob->role == KNOB_WORKERS)
                        result.value[i] = knob_fit(knob, deployment->workers);
                else if (knob->role == KNOB_PARALLELISM)
                        result.value[i] =
                                knob_fit(knob, knob->operator_index < 0
                                                       ? widest
                                                       : deployment->parallelism[knob->operator_index]);
        }
        *ret_configuration = result;
}

struct deployment_change pipeline_change(const struct pipeline *pipeline, const struct configuration *from,
                                         const struct configuration *to)
{
        struct deployment before, after;
        struct deployment_change change;

        pipeline_deployment(pipeline, from, &before);
        pipeline_deployment(pipeline, to, &after);
        change.grows = after.workers > before.workers;
        change.shrinks = after.workers < before.workers;
        for (int i = 0; i < pipeline->n_operators; i++) {
                change.grows |= after.parallelism[i] > before.parallelism[i];
                change.shrinks |= after.parallelism[i] < before.parallelism[i];
        }
        return change;
}

struct configuration configuration_from_values(const struct pipeline *pipeline, const double *values)
{
        struct configuration configuration = {.count = pipeline->n_knobs};

        memcpy(configuration.value, values, (size_t)pipeline->n_knobs * sizeof *values);
        return configuration;
}

bool configuration_equal(const struct configuration *a, const struct configuration *b)
{
        if (a->count != b->count)
                return false;
        for (int i = 0; i < a->count; i++)
                if (a->value[i] != b->value[i])
                        return false;
        return true;
}

int pipeline_partitions(const struct pipeline *pipeline, const struct configuration *configuration,
                        int operator_index)
{
        int knob = find_knob(pipeline, KNOB_PARTITIONS, operator_index);

        if (knob >= 0 && configuration->value[knob] >= 1)
                return (int)lround(configuration->value[knob]);
        return pipeline->operators[operator_index].source ? pipeline->operators[operator_index].partitions
                                                          : 0;
}

bool pipeline_is_keyed(const struct pipeline *pipeline, int operator_index)
{
        for (int e = 0; e < pipeline->n_edges; e++)
                if (pipeline->edges[e].to == operator_index && pipeline->edges[e].hash)
                        return true;
        return false;
}

int pipeline_parts(const struct pipeline *pipeline, const struct configuration *configuration,
                   int operator_index)
{
        const struct operator_info *info = &pipeline->operators[operator_index];

        if (info->source)
                return configuration ? pipeline_partitions(pipeline, configuration, operator_index)
                                     : info->partitions;
        for (int e = 0; e < pipeline->n_edges; e++)
                if (pipeline->edges[e].to == operator_index && !pipeline->edges[e].hash)
                        return 0;
        return pipeline_is_keyed(pipeline, operator_index) ? info->max_parallelism : 0;
}

void configuration_keep_grown(const struct pipeline *pipeline, const struct configuration *running,
                              struct configuration *back)
{
        for (int i = 0; i < pipeline->n_knobs && i < back->count; i++)
                if (pipeline->knobs[i].role == KNOB_PARTITIONS && running->value[i] > back->value[i])
                        back->value[i] = running->value[i];
}

/* Of what is sized by other knobs alone nobody said how many workers there are. */
static bool has_deployment(const struct pipeline *pipeline)
{
        return pipeline->n_knobs == 0 || pipeline_workers_knob(pipeline) >= 0 ||
               pipeline_per_operator(pipeline);
}

static void describe_deployment(const struct pipeline *pipeline, const struct configuration *configuration,
                                struct text *out)
{
        struct deployment deployment;
        const char *s;

        pipeline_deployment(pipeline, configuration, &deployment);
        s = text_plural(deployment.workers);
        if (!pipeline_per_operator(pipeline)) {
                text_format(out, "%d worker%s", deployment.workers, s);
                return;
        }
        for (int i = 0; i < pipeline->n_operators; i++)
                text_format(out, "%s%s %d", i ? ", " : "", pipeline->operators[i].name,
                            deployment.parallelism[i]);
        text_format(out, " (%d worker%s)", deployment.workers, s);
}

/* Of those that a deployment does not tell. */
static void describe_knob(const struct pipeline *pipeline, const struct knob *knob, double value,
                          struct text *out)
{
        const char *comma = out->length > 0 ? ", " : "";

        switch (knob->role) {
        case KNOB_PARALLELISM:
        case KNOB_WORKERS:
                break;
        case KNOB_PARTITIONS:
                text_format(out, "%s%.0f partition%s of %s", comma, value, text_plural(value),
                            pipeline->operators[knob->operator_index].name);
                break;
        case KNOB_MEMORY:
                text_format(out, "%s%s ", comma, knob->name);
                quantity_put(out, value);
                break;
        case KNOB_OTHER:
                text_format(out, "%s%s %.10g", comma, knob->name, value);
                break;
        }
}

void configuration_describe(const struct pipeline *pipeline, const struct configuration *configuration,
                            char *buffer, unsigned long room)
{
        autotext words = {0};

        if (configuration->count < pipeline->n_knobs) {
                snprintf(buffer, room, "not known");
                return;
        }
        if (has_deployment(pipeline))
                describe_deployment(pipeline, configuration, &words);
        for (int i = 0; i < pipeline->n_knobs; i++)
                describe_knob(pipeline, &pipeline->knobs[i], configuration->value[i], &words);
        snprintf(buffer, room, "%s", words.data);
        text_to_line(buffer);
}

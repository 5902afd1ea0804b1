/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/resources.h"

#include <math.h>
#include <string.h>

#include "core/json.h"
#include "engines/kubernetes/fields.h"

struct kube_resources kube_resources_read(const json_t *resources)
{
        return (struct kube_resources){
                .cpu_request = kube_field_quantity(resources, "requests.cpu"),
                .memory_request = kube_field_quantity(resources, "requests.memory"),
                .cpu_limit = kube_field_quantity(resources, "limits.cpu"),
                .memory_limit = kube_field_quantity(resources, "limits.memory"),
        };
}

struct kube_resources kube_resources_default(struct kube_resources resources)
{
        if (isnan(resources.cpu_request))
                resources.cpu_request = resources.cpu_limit;
        if (isnan(resources.memory_request))
                resources.memory_request = resources.memory_limit;
        return resources;
}

static void add(double *sum, double part)
{
        if (!isnan(part))
                *sum = isnan(*sum) ? part : *sum + part;
}

void kube_resources_add(struct kube_resources *sum, const struct kube_resources *part)
{
        add(&sum->cpu_request, part->cpu_request);
        add(&sum->memory_request, part->memory_request);
        add(&sum->cpu_limit, part->cpu_limit);
        add(&sum->memory_limit, part->memory_limit);
}

double *kube_resources_of_knob(struct kube_resources *resources, const struct knob *knob)
{
        if (strcmp(knob->name, "worker.cpu") == 0)
                return &resources->cpu_request;
        return strcmp(knob->name, "memory") == 0 ? &resources->memory_request : NULL;
}

void kube_resources_set(struct kube_resources *resources, const struct knob *knob, double value)
{
        double *request = kube_resources_of_knob(resources, knob), *limit;

        if (!request)
                return;
        limit = request == &resources->cpu_request ? &resources->cpu_limit : &resources->memory_limit;
        if (!isnan(*limit))
                *limit = *request > 0 ? value * (*limit / *request) : fmax(*limit, value);
        *request = value;
}

static void put(json_t *to, const char *key, double value, double scale, const char *suffix)
{
        if (!isnan(value))
                json_object_set_new(to, key, json_sprintf("%.0f%s", ceil(value * scale - 1e-6), suffix));
}

json_t *kube_resources_json(const struct kube_resources *resources)
{
        json_t *requests = json_object(), *limits = json_object();

        put(requests, "cpu", resources->cpu_request, 1000, "m");
        put(requests, "memory", resources->memory_request, 1, "");
        put(limits, "cpu", resources->cpu_limit, 1000, "m");
        put(limits, "memory", resources->memory_limit, 1, "");
        return json_pack("{s:o, s:o}", "requests", requests, "limits", limits);
}

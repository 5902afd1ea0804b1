/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/vertical.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/resources.h"

bool kube_sized_by(const struct kube_workload *workload, const char *container, struct kube_sized *ret_sized)
{
        const struct pipeline *pipeline = workload->context.pipeline;
        struct kube_resources asked;

        *ret_sized = (struct kube_sized){.namespace = workload->namespace,
                                         .kind = workload->kind->kind,
                                         .name = workload->options->name,
                                         .container = container};
        for (int i = 0; i < pipeline->n_knobs; i++) {
                const double *request = kube_workload_request(workload->kind, &asked, &pipeline->knobs[i]);

                ret_sized->cpu |= request == &asked.cpu_request;
                ret_sized->memory |= request == &asked.memory_request;
        }
        return ret_sized->cpu || ret_sized->memory;
}

/* ---- what it says ---- */

/* Of the container by its name, else of all of them; NULL: there is none. */
static const json_t *policy_of(const json_t *object, const char *container)
{
        const json_t *all = NULL;
        size_t i;
        json_t *policy;

        json_array_foreach(kube_field(object, "spec.resourcePolicy.containerPolicies"), i, policy)
        {
                const char *name = kube_field_text(policy, "containerName");

                if (strcmp(name, container) == 0)
                        return policy;
                if (strcmp(name, "*") == 0)
                        all = policy;
        }
        return all;
}

static bool is_controlled(const json_t *policy, const char *resource)
{
        const json_t *controlled = json_object_get(policy, "controlledResources");
        size_t i;
        json_t *each;

        if (strcmp(kube_field_text(policy, "mode"), "Off") == 0)
                return false;
        if (!json_is_array(controlled))
                return true;
        json_array_foreach(controlled, i, each)
        {
                if (json_is_string(each) && strcmp(json_string_value(each), resource) == 0)
                        return true;
        }
        return false;
}

static bool is_of(const json_t *object, const struct kube_sized *sized)
{
        const json_t *target = kube_field(object, "spec.targetRef");

        return strcmp(kube_field_text(target, "kind"), sized->kind) == 0 &&
               strcmp(kube_field_text(target, "name"), sized->name) == 0;
}

bool kube_vertical_sizes(const json_t *object, const struct kube_sized *sized)
{
        const json_t *policy = policy_of(object, sized->container);

        /* One that is Off only recommends; one that says no mode evicts. */
        return is_of(object, sized) &&
               strcmp(kube_field_text(object, "spec.updatePolicy.updateMode"), "Off") != 0 &&
               ((sized->cpu && is_controlled(policy, "cpu")) ||
                (sized->memory && is_controlled(policy, "memory")));
}

static struct request_advice advice_of(const json_t *recommended, const char *resource)
{
        struct request_advice advice = {
                .lower = kube_field_quantity(json_object_get(recommended, "lowerBound"), resource),
                .target = kube_field_quantity(json_object_get(recommended, "target"), resource),
                .upper = kube_field_quantity(json_object_get(recommended, "upperBound"), resource),
        };

        /* Bounds are not required of it: without one any request on that side is right. */
        if (!isnan(advice.target)) {
                advice.lower = fmin(isnan(advice.lower) ? 0 : advice.lower, advice.target);
                advice.upper = fmax(isnan(advice.upper) ? INFINITY : advice.upper, advice.target);
        }
        return advice;
}

struct kube_vertical_advice kube_vertical_advises(const json_t *object, const struct kube_sized *sized)
{
        const json_t *all = kube_field(object, "status.recommendation.containerRecommendations");
        const json_t *recommended = NULL;
        size_t i;
        json_t *each;

        json_array_foreach(all, i, each)
        {
                if (is_of(object, sized) &&
                    strcmp(kube_field_text(each, "containerName"), sized->container) == 0)
                        recommended = each;
        }
        return (struct kube_vertical_advice){advice_of(recommended, "cpu"), advice_of(recommended, "memory")};
}

/* ---- all of a namespace ---- */

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        static const char *const kept[] = {"targetRef", "updatePolicy", "resourcePolicy"};
        json_t *spec = json_object(), *status = json_object();

        (void)context;
        for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
                kube_field_copy(spec, kept[i], json_object_get(object, "spec"));
        kube_field_copy(status, "recommendation", json_object_get(object, "status"));
        *ret_bytes = 4096; /* about what jansson needs for it */
        return json_pack("{s:o, s:o}", "spec", spec, "status", status);
}

static void release(void *kept)
{
        json_decref(kept);
}

static const struct kube_following following = {.project = project, .release = release};

/* NULL: the API server serves none. */
static bool follow(struct kube_shared *kubernetes, const char *namespace, struct kube_reflector **ret_all,
                   struct error *err)
{
        const struct kube_resource *resource;
        struct kube_follower follower;

        *ret_all = NULL;
        if (!kube_shared_served(kubernetes, "autoscaling.k8s.io", "verticalpodautoscalers", &resource, err)) {
                if (strcmp(err->reason, "KindNotServed") != 0)
                        return false;
                error_clear(err);
                return true;
        }
        if (!kube_shared_follow(kubernetes, resource, &following, namespace, &follower, err))
                return false;
        *ret_all = follower.reflector;
        return true;
}

struct search {
        const struct kube_sized *sized;
        char found[254];
        struct kube_vertical_advice advice;
};

static void visit(void *context, const char *namespace, const char *name, const void *kept)
{
        struct search *search = context;

        if (strcmp(namespace, search->sized->namespace) == 0 && kube_vertical_sizes(kept, search->sized))
                snprintf(search->found, sizeof search->found, "%s", name);
}

bool kube_check_vertical(struct kube_shared *kubernetes, const struct kube_sized *sized, struct error *err)
{
        struct search search = {.sized = sized};
        struct kube_reflector *all;

        if (!follow(kubernetes, sized->namespace, &all, err))
                return error_wrap(err, "whether something else sizes it is not known");
        if (all)
                kube_reflector_each(all, visit, &search);
        return !*search.found || error_set(err, ERROR_REFUSED, "Conflicted",
                                           "its requests belong to the VerticalPodAutoscaler %.253s; set its "
                                           "updateMode to Off, or leave them to it",
                                           search.found);
}

static void visit_advice(void *context, const char *namespace, const char *name, const void *kept)
{
        struct search *search = context;
        struct kube_vertical_advice advice;

        if (strcmp(namespace, search->sized->namespace) != 0 ||
            (*search->found && strcmp(search->found, name) <= 0))
                return;
        advice = kube_vertical_advises(kept, search->sized);
        if (isnan(advice.cpu.target) && isnan(advice.memory.target))
                return;
        snprintf(search->found, sizeof search->found, "%s", name);
        search->advice = advice;
}

bool kube_take_vertical(struct kube_shared *kubernetes, const struct kube_sized *sized,
                        struct kube_vertical_advice *ret_advice, struct error *err)
{
        const struct request_advice none = {NAN, NAN, NAN};
        struct search search = {.sized = sized, .advice = {none, none}};
        struct kube_reflector *all;

        if (!follow(kubernetes, sized->namespace, &all, err))
                return error_wrap(err, "what a VerticalPodAutoscaler recommends is not known");
        if (all)
                kube_reflector_each(all, visit_advice, &search);
        *ret_advice = search.advice;
        return true;
}

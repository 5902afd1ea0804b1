/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/pods.h"

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "engines/kubernetes/fields.h"

const struct kube_resource kube_pods_resource = {"", "v1", "pods"};

#define MAX_CONTAINERS 64

/* ---- a pod ---- */

static void pod_free(void *kept)
{
        struct kube_pod *pod = kept;

        for (size_t i = 0; i < pod->n_containers; i++)
                free(pod->containers[i].name);
        free(pod->containers);
        free(pod->name);
        free(pod->owner_kind);
        free(pod->owner);
        free(pod->node);
        free(pod);
}

static const json_t *controller_of(const json_t *object)
{
        size_t i;
        json_t *owner;

        json_array_foreach(kube_field(object, "metadata.ownerReferences"), i, owner)
        {
                if (json_is_true(json_object_get(owner, "controller")))
                        return owner;
        }
        return NULL;
}

static void find_owner(const json_t *object, struct kube_pod *pod)
{
        const json_t *owner = controller_of(object);
        const char *kind = kube_field_text(owner, "kind"), *name = kube_field_text(owner, "name");
        const char *hash = json_string_value(
                json_object_get(kube_field(object, "metadata.labels"), "pod-template-hash"));
        size_t length = strlen(name), tail = hash ? strlen(hash) + 1 : 0;
        bool made = strcmp(kind, "ReplicaSet") == 0 && tail > 0 && tail < length &&
                    name[length - tail] == '-' && strcmp(name + length - tail + 1, hash) == 0;

        pod->owner_kind = memory_copy_text(made ? "Deployment" : kind);
        pod->owner = memory_format("%.*s", (int)(made ? length - tail : length), name);
}

static bool is_ready(const json_t *object)
{
        size_t i;
        json_t *condition;

        json_array_foreach(kube_field(object, "status.conditions"), i, condition)
        {
                if (strcmp(kube_field_text(condition, "type"), "Ready") == 0)
                        return strcmp(kube_field_text(condition, "status"), "True") == 0;
        }
        return false;
}

static int64_t killed_ms(const json_t *status)
{
        static const char *const states[] = {"state.terminated", "lastState.terminated"};

        for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
                const json_t *ended = kube_field(status, states[i]);

                if (strcmp(kube_field_text(ended, "reason"), "OOMKilled") == 0)
                        return kube_field_time(ended, "finishedAt");
        }
        return INT64_MIN;
}

/* Of a pod all of whose containers have ended for good. */
static int64_t last_end_ms(const json_t *object)
{
        int64_t last_ms = INT64_MIN;
        size_t i;
        json_t *status;

        json_array_foreach(kube_field(object, "status.containerStatuses"), i, status)
        {
                int64_t ended_ms = kube_field_time(status, "state.terminated.finishedAt");

                last_ms = ended_ms > last_ms ? ended_ms : last_ms;
        }
        return last_ms;
}

static void read_containers(const json_t *object, struct kube_pod *pod)
{
        const json_t *list = kube_field(object, "spec.containers");
        const json_t *statuses = kube_field(object, "status.containerStatuses");
        size_t i;
        json_t *container;

        pod->containers = memory_new(json_array_size(list) + 1, sizeof *pod->containers);
        json_array_foreach(list, i, container)
        {
                const char *name = kube_field_text(container, "name");
                const json_t *status = *name ? kube_field_named(statuses, name) : NULL;

                if (pod->n_containers == MAX_CONTAINERS)
                        return;
                pod->containers[pod->n_containers++] = (struct kube_container){
                        .name = memory_copy_text(name),
                        .asked = kube_resources_default(
                                kube_resources_read(json_object_get(container, "resources"))),
                        .restarts = kube_field_count(status, "restartCount", 0),
                        .killed_ms = killed_ms(status),
                };
        }
}

/* ---- what it takes of its node ---- */

struct taken {
        double cores, memory;
};

static double known(double value)
{
        return isnan(value) ? 0 : value;
}

static struct taken container_takes(const json_t *container)
{
        const struct kube_resources asked =
                kube_resources_default(kube_resources_read(json_object_get(container, "resources")));

        return (struct taken){known(asked.cpu_request), known(asked.memory_request)};
}

static struct taken sum(struct taken a, struct taken b)
{
        return (struct taken){a.cores + b.cores, a.memory + b.memory};
}

static struct taken larger(struct taken a, struct taken b)
{
        return (struct taken){fmax(a.cores, b.cores), fmax(a.memory, b.memory)};
}

/*
 * As the scheduler counts it (k8s.io/component-helpers/resource): all containers and the sidecars together,
 * or what starting takes at its most, one init container after the other beside the sidecars that run
 * already; and the overhead of the pod's sandbox. What the pod as a whole asks for counts instead of its
 * containers.
 */
static struct taken pod_takes(const json_t *object)
{
        struct taken running = {0}, sidecars = {0}, starting = {0};
        const json_t *whole = kube_field(object, "spec.resources");
        const struct kube_resources asked = kube_resources_default(kube_resources_read(whole));
        double cores = kube_field_quantity(object, "spec.overhead.cpu");
        double memory = kube_field_quantity(object, "spec.overhead.memory");
        size_t i;
        json_t *container;

        json_array_foreach(kube_field(object, "spec.containers"), i, container)
        {
                running = sum(running, container_takes(container));
        }
        json_array_foreach(kube_field(object, "spec.initContainers"), i, container)
        {
                struct taken takes = container_takes(container);

                if (strcmp(kube_field_text(container, "restartPolicy"), "Always") == 0)
                        sidecars = sum(sidecars, takes);
                else
                        starting = larger(starting, sum(takes, sidecars));
        }
        running = larger(sum(running, sidecars), starting);
        if (!isnan(asked.cpu_request))
                running.cores = asked.cpu_request;
        if (!isnan(asked.memory_request))
                running.memory = asked.memory_request;
        return sum(running, (struct taken){known(cores), known(memory)});
}

void kube_pod_takes(const json_t *pod, double *ret_cores, double *ret_memory)
{
        struct taken takes = pod_takes(pod);

        *ret_cores = takes.cores;
        *ret_memory = takes.memory;
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        const char *phase = kube_field_text(object, "status.phase");
        struct kube_pod *pod = memory_new(1, sizeof *pod);
        struct taken takes = pod_takes(object);
        bool over;

        (void)context;
        pod->name = memory_copy_text(kube_field_text(object, "metadata.name"));
        find_owner(object, pod);
        pod->ready = is_ready(object);
        pod->node = memory_copy_text(kube_field_text(object, "spec.nodeName"));
        pod->bound = *pod->node;
        pod->cores = takes.cores;
        pod->memory = takes.memory;
        over = strcmp(phase, "Failed") == 0 || strcmp(phase, "Succeeded") == 0;
        pod->ended = over || kube_field(object, "metadata.deletionTimestamp");
        pod->begun_ms = kube_field_time(object, "status.startTime");
        pod->ended_ms = over ? last_end_ms(object) : INT64_MIN;
        read_containers(object, pod);
        *ret_bytes = sizeof *pod + pod->n_containers * sizeof *pod->containers + 64;
        return pod;
}

/* ---- by whom they belong to ---- */

struct owner {
        char *key; /* namespace/kind/name */
        struct kube_pods_of of;
};

static int by_key(const void *a, const void *b)
{
        return strcmp(((const struct owner *)a)->key, ((const struct owner *)b)->key);
}

static struct owner *find(void *const *tree, const char *namespace, const char *kind, const char *name)
{
        autofree char *key = memory_format("%s/%s/%s", namespace, kind, name);
        const struct owner wanted = {.key = key};
        struct owner *const *found = tfind(&wanted, tree, by_key);

        return found ? *found : NULL;
}

static void add(void **tree, const char *namespace, const struct kube_pod *pod)
{
        struct owner *owner = find(tree, namespace, pod->owner_kind, pod->owner);

        if (!owner) {
                owner = memory_new(1, sizeof *owner);
                owner->key = memory_format("%s/%s/%s", namespace, pod->owner_kind, pod->owner);
                (void)tsearch(owner, tree, by_key);
        }
        owner->of.pods = memory_resize(owner->of.pods, owner->of.count + 1, sizeof(struct kube_pod *));
        owner->of.pods[owner->of.count++] = pod;
}

static void owner_free(void *thing)
{
        struct owner *owner = thing;

        free(owner->key);
        free(owner->of.pods);
        free(owner);
}

static void drop(void **tree, const char *namespace, const struct kube_pod *pod)
{
        struct owner *owner = find(tree, namespace, pod->owner_kind, pod->owner);
        size_t i = 0;

        while (owner && i < owner->of.count && owner->of.pods[i] != pod)
                i++;
        if (!owner || i == owner->of.count)
                return;
        owner->of.pods[i] = owner->of.pods[--owner->of.count];
        if (owner->of.count > 0)
                return;
        (void)tdelete(owner, tree, by_key);
        owner_free(owner);
}

static void changed(void *context, const char *namespace, const char *name, const void *before,
                    const void *now)
{
        void **tree = context;

        (void)name;
        if (before)
                drop(tree, namespace, before);
        if (now)
                add(tree, namespace, now);
}

static void *tree_new(void)
{
        return memory_new(1, sizeof(void *));
}

static void tree_free(void *context)
{
        void **tree = context;

        tdestroy(*tree, owner_free);
        free(tree);
}

const struct kube_following kube_pods_following = {
        .project = project,
        .release = pod_free,
        .changed = changed,
        .context_new = tree_new,
        .context_free = tree_free,
};

const struct kube_pods_of *kube_pods_find(const struct kube_follower *pods, const char *namespace,
                                          const char *kind, const char *name)
{
        const struct owner *owner = find(pods->context, namespace, kind, name);

        return owner ? &owner->of : NULL;
}

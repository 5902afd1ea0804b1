/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/usage.h"

#include <stdlib.h>
#include <string.h>

#include "engines/kubernetes/fields.h"

#define FRESH_MS (10 * MS_PER_SECOND)
#define NONE_MS  (60 * MS_PER_SECOND) /* that there is no metrics API is believed for so long */
#define LOOK_MS  50
#define MAX_PODS 50000

static const struct kube_resource resource = {"metrics.k8s.io", "v1beta1", "pods"};

struct kube_usage {
        int64_t asked_ms; /* steady; 0: never */
        bool asking;
        struct error trouble; /* of the last list */
        size_t count, room;
        struct kube_pod_usage *pods; /* by name */
};

static void forget(struct kube_usage *usage)
{
        for (size_t i = 0; i < usage->count; i++) {
                for (size_t j = 0; j < usage->pods[i].n_containers; j++)
                        free(usage->pods[i].containers[j].name);
                free(usage->pods[i].containers);
                free(usage->pods[i].name);
        }
        free(usage->pods);
        usage->pods = NULL;
        usage->count = usage->room = 0;
}

struct kube_usage *kube_usage_new(void)
{
        return memory_new(1, sizeof(struct kube_usage));
}

void kube_usage_free(struct kube_usage *usage)
{
        if (!usage)
                return;
        forget(usage);
        free(usage);
}

static void *keep_new(void)
{
        return kube_usage_new();
}

static void keep_free(void *thing)
{
        kube_usage_free(thing);
}

/* ---- the list ---- */

static bool begin(void *context, const char *version, struct error *err)
{
        (void)version;
        (void)err;
        forget(context);
        return true;
}

bool kube_usage_add(struct kube_usage *usage, const json_t *object, struct error *err)
{
        const json_t *containers = json_object_get(object, "containers");
        struct kube_pod_usage *pod;
        size_t i;
        json_t *container;

        if (usage->count == MAX_PODS)
                return error_set(err, ERROR_LIMIT, "TooManyObjects", "more than %d pods", MAX_PODS);
        if (usage->count == usage->room) {
                usage->room = usage->room ? 2 * usage->room : 16;
                usage->pods = memory_resize(usage->pods, usage->room, sizeof *usage->pods);
        }
        pod = &usage->pods[usage->count++];
        *pod = (struct kube_pod_usage){.name = memory_copy_text(kube_field_text(object, "metadata.name")),
                                       .time_ms = kube_field_time(object, "timestamp")};
        pod->containers = memory_new(json_array_size(containers) + 1, sizeof *pod->containers);
        json_array_foreach(containers, i, container) pod->containers[pod->n_containers++] =
                (struct kube_container_usage){
                        .name = memory_copy_text(kube_field_text(container, "name")),
                        .cpu_cores = kube_field_quantity(container, "usage.cpu"),
                        .memory_bytes = kube_field_quantity(container, "usage.memory"),
                };
        return true;
}

static bool take(void *context, const json_t *object, struct error *err)
{
        return kube_usage_add(context, object, err);
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct kube_pod_usage *)a)->name, ((const struct kube_pod_usage *)b)->name);
}

void kube_usage_sort(struct kube_usage *usage)
{
        if (usage->count > 0)
                qsort(usage->pods, usage->count, sizeof *usage->pods, by_name);
}

static bool ask(struct kube_shared *kubernetes, const char *namespace, struct kube_usage *usage,
                struct error *err)
{
        const struct kube_selection selection = {.namespace = namespace};
        const struct kube_visitor visitor = {.begin = begin, .object = take, .context = usage};
        struct kube_client *client;

        if (!kube_shared_client(kubernetes, &client, err) ||
            !kube_list(client, &resource, &selection, &visitor, NULL, err)) {
                forget(usage);
                return false;
        }
        kube_usage_sort(usage);
        return true;
}

/* ---- for those who ask ---- */

static bool is_fresh(const struct kube_shared *kubernetes, const struct kube_usage *usage)
{
        int64_t age_ms = reactor_steady_ms(kube_shared_access(kubernetes)->reactor) - usage->asked_ms;
        bool none = strcmp(usage->trouble.reason, "KindNotServed") == 0;

        return usage->asked_ms > 0 && age_ms < (none ? NONE_MS : FRESH_MS);
}

bool kube_usage_take(struct kube_shared *kubernetes, const char *namespace,
                     const struct kube_usage **ret_usage, struct error *err)
{
        struct reactor *reactor = kube_shared_access(kubernetes)->reactor;
        struct clock clock = reactor_clock(reactor);
        autofree char *name = memory_format("usage/%s", namespace);
        struct kube_usage *usage = kube_shared_keep(kubernetes, name, keep_new, keep_free);

        while (usage->asking)
                if (!clock_sleep_until(&clock, clock_now_ms(&clock) + LOOK_MS, err))
                        return false;
        if (!is_fresh(kubernetes, usage)) {
                usage->asking = true;
                error_clear(&usage->trouble);
                (void)ask(kubernetes, namespace, usage, &usage->trouble);
                usage->asked_ms = reactor_steady_ms(reactor);
                usage->asking = false;
        }
        if (usage->trouble.code != ERROR_NONE) {
                *err = usage->trouble;
                return error_wrap(err, "what pods use");
        }
        *ret_usage = usage;
        return true;
}

const struct kube_pod_usage *kube_usage_of(const struct kube_usage *usage, const char *pod)
{
        const struct kube_pod_usage wanted = {.name = (char *)(uintptr_t)pod};

        return usage->count > 0 ? bsearch(&wanted, usage->pods, usage->count, sizeof *usage->pods, by_name)
                                : NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/discovery.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"

#define ACCEPT "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

struct served {
        struct kube_resource resource; /* texts are of `answers` */
        const json_t *subresources;
};

struct kube_discovery {
        json_t *answers[2];
        struct served *all; /* in the order of the server's preference */
        size_t count;
};

void kube_discovery_free(struct kube_discovery *discovery)
{
        if (!discovery)
                return;
        for (size_t i = 0; i < ARRAY_LENGTH(discovery->answers); i++)
                json_decref(discovery->answers[i]);
        free(discovery->all);
        free(discovery);
}

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = "";

        (void)json_find_text(object, key, &text);
        return text;
}

static void take_resource(struct kube_discovery *discovery, const char *group, const char *version,
                          const json_t *resource)
{
        const char *plural = text_of(resource, "resource");

        if (!*plural || !*version)
                return;
        discovery->all = memory_resize(discovery->all, discovery->count + 1, sizeof *discovery->all);
        discovery->all[discovery->count++] =
                (struct served){{group, version, plural}, json_object_get(resource, "subresources")};
}

static void take_group(struct kube_discovery *discovery, const json_t *group)
{
        const json_t *versions = json_object_get(group, "versions");
        const char *name = kube_meta(group, "name");
        size_t i, j;
        json_t *version, *resource;

        json_array_foreach(versions, i, version)
        {
                const json_t *resources = json_object_get(version, "resources");

                json_array_foreach(resources, j, resource)
                        take_resource(discovery, name, text_of(version, "version"), resource);
        }
}

/* `at`: "/api" for the core group, "/apis" for all others. */
static bool read_part(struct kube_client *client, struct kube_discovery *discovery, const char *at,
                      json_t **ret_answer, struct error *err)
{
        const struct kube_ask ask = {.path = at, .accept = ACCEPT};
        size_t i;
        json_t *group;

        if (!kube_send_json(client, &ask, ret_answer, err))
                return false;
        if (strcmp(text_of(*ret_answer, "kind"), "APIGroupDiscoveryList") != 0)
                return error_set(
                        err, ERROR_INCOMPLETE, "NotADiscovery",
                        "%s: the server does not say what it serves in one answer; expected Kubernetes "
                        "1.26 or later",
                        at);
        json_array_foreach(json_object_get(*ret_answer, "items"), i, group) take_group(discovery, group);
        return true;
}

bool kube_discovery_read(struct kube_client *client, struct kube_discovery **ret_discovery, struct error *err)
{
        autocall(kube_discovery_free) struct kube_discovery *discovery = memory_new(1, sizeof *discovery);

        if (!read_part(client, discovery, "/api", &discovery->answers[0], err) ||
            !read_part(client, discovery, "/apis", &discovery->answers[1], err))
                return false;
        *ret_discovery = TAKE(discovery);
        return true;
}

static bool is_same(const struct kube_resource *a, const char *group, const char *version, const char *plural)
{
        return strcmp(a->group, group) == 0 && strcmp(a->plural, plural) == 0 &&
               (!version || strcmp(a->version, version) == 0);
}

static const struct served *find(const struct kube_discovery *discovery, const char *group,
                                 const char *version, const char *plural)
{
        for (size_t i = 0; i < discovery->count; i++)
                if (is_same(&discovery->all[i].resource, group, version, plural))
                        return &discovery->all[i];
        return NULL;
}

const struct kube_resource *kube_discovery_find(const struct kube_discovery *discovery, const char *group,
                                                const char *plural)
{
        const struct served *served = find(discovery, group, NULL, plural);

        return served ? &served->resource : NULL;
}

bool kube_discovery_serves(const struct kube_discovery *discovery, const struct kube_resource *resource)
{
        return find(discovery, resource->group, resource->version, resource->plural) != NULL;
}

bool kube_discovery_has(const struct kube_discovery *discovery, const struct kube_resource *resource,
                        const char *subresource)
{
        const struct served *served = find(discovery, resource->group, resource->version, resource->plural);
        size_t i;
        json_t *item;

        if (!served)
                return false;
        json_array_foreach(served->subresources, i,
                           item) if (strcmp(text_of(item, "subresource"), subresource) == 0) return true;
        return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/owners.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "engines/kubernetes/fields.h"

#define OURS "optctl"

/* Who writes a whole object again and again without applying it. */
static const char *const synchronisers[] = {"argocd-controller", "argocd-application-controller",
                                            "kustomize-controller", "helm-controller"};

/* Keys with | between them, since keys of lists hold dots and commas. */
static bool has_field(const json_t *fields, const char *path)
{
        while (fields && *path) {
                char key[300];
                size_t length = strcspn(path, "|");

                snprintf(key, sizeof key, "%.*s", (int)length, path);
                fields = json_object_get(fields, key);
                path += length + (path[length] == '|');
        }
        return fields != NULL;
}

static bool is_synchroniser(const char *manager)
{
        for (size_t i = 0; i < ARRAY_LENGTH(synchronisers); i++)
                if (strcmp(manager, synchronisers[i]) == 0)
                        return true;
        return false;
}

const char *kube_field_owner(const json_t *object, const char *path)
{
        size_t i;
        json_t *entry;

        json_array_foreach(kube_field(object, "metadata.managedFields"), i, entry)
        {
                const char *manager = kube_field_text(entry, "manager");
                bool applies = strcmp(kube_field_text(entry, "operation"), "Apply") == 0;

                if (strcmp(manager, OURS) != 0 && (applies || is_synchroniser(manager)) &&
                    has_field(json_object_get(entry, "fieldsV1"), path))
                        return manager;
        }
        return NULL;
}

bool kube_field_is_ours(const json_t *object, const char *path)
{
        size_t i;
        json_t *entry;

        json_array_foreach(kube_field(object, "metadata.managedFields"), i, entry)
        {
                if (strcmp(kube_field_text(entry, "manager"), OURS) == 0 &&
                    strcmp(kube_field_text(entry, "operation"), "Apply") == 0 &&
                    has_field(json_object_get(entry, "fieldsV1"), path))
                        return true;
        }
        return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_CONFIG_H
#define OPTCTL_CORE_KUBERNETES_CONFIG_H

#include <stdbool.h>

#include "core/error.h"
#include "core/kubernetes/plugin.h"
#include "core/memory.h"
#include "core/secret.h"

/*
 * Where an API server is, and who we are there: a context of a kubeconfig, or the service account of the pod
 * that we run in.
 *
 * Files are named and not read: what replaces them (a rotated token, a renewed certificate) counts from then
 * on. What a kubeconfig holds inline is decoded; keys and tokens live in memory for secrets.
 */
struct kube_config {
        char *server;    /* https://host:port */
        char *namespace; /* of the context, of the service account; else "default" */
        char *shown;     /* for messages: "context kind of FILE", "service account of this pod" */
        char *ca_file, *ca_pem;
        char *certificate_file, *certificate_pem;
        char *key_file, *key_pem; /* key_pem is secret memory */
        char *token_file;
        struct secret *token;       /* inline */
        struct kube_plugin *plugin; /* gives tokens; NULL: none */
        char *server_name;          /* in the server's certificate, when it is not the host's */
        char *proxy;
};

/*
 * `path`: kubeconfig files, separated by colons; of an entry that several have the first counts, and relative
 * paths start from their file's folder. `context` NULL: the current one.
 *
 * ERROR_INPUT names file, line and column: what is missing or contradicts itself; and what optctl does not
 * do: to trust a server without looking at its certificate, passwords, impersonation, and plugins that want
 * a terminal or to be told of the cluster.
 */
bool kube_config_read(const char *path, const char *context, struct kube_config **ret_config,
                      struct error *err);

/* `folder` NULL: where Kubernetes mounts it. The server's address is in the environment
 * (KUBERNETES_SERVICE_HOST and _PORT). */
bool kube_config_in_cluster(const char *folder, struct kube_config **ret_config, struct error *err);

/* What kubectl would do: `path` if there is one, $KUBECONFIG, the pod's service account, ~/.kube/config. */
bool kube_config_find(const char *path, const char *context, struct kube_config **ret_config,
                      struct error *err);

void kube_config_free(struct kube_config *config);
DEFINE_CLEANUP(kube_config_free, struct kube_config);

#endif

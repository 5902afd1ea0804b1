/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_PLUGIN_H
#define OPTCTL_CORE_KUBERNETES_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/reactor.h"
#include "core/secret.h"

/*
 * A program that a kubeconfig names to fetch a token (client.authentication.k8s.io/v1). It is run as it is
 * named, by no shell, with optctl's environment and what the kubeconfig adds to it, and nothing to read. What
 * it prints is an ExecCredential with a token. One that needs somebody at a terminal, or that answers with a
 * certificate, is refused.
 */
struct kube_plugin {
        char **arguments;   /* NULL-ended; the first is the program, looked up in PATH when it has no slash */
        char **environment; /* NULL-ended: "NAME=value", before those of optctl */
        char *install_hint; /* for who does not have it; NULL: none */
        char *api_version;
};

void kube_plugin_free(struct kube_plugin *plugin);
DEFINE_CLEANUP(kube_plugin_free, struct kube_plugin);

/* Runs it in a thread, in a fiber, for 30 s at most. *ret_expires_ms: calendar; INT64_MAX: it does not say.
 * ERROR_INPUT: it is not there, failed, or what it printed is no token. */
bool kube_plugin_run(struct reactor *reactor, const struct kube_plugin *plugin, struct secret *token,
                     int64_t *ret_expires_ms, struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_POOL_WRITE_H
#define OPTCTL_ENGINES_KUBERNETES_POOL_WRITE_H

#include "core/plugin.h"
#include "engines/kubernetes/workload.h"

/*
 * An actuator of any pool of workers (core/plugin.h): replicas by /scale, requests and limits of the template
 * by server-side apply, which makes the object's controller replace its pods. Of a kind without /scale all of
 * that is one server-side apply. What somebody else keeps is refused as Conflicted, and nothing is written.
 */
bool kube_pool_write_open(const struct source_context *context, const struct kube_workload_kind *kind,
                          const void *options, void **ret_state, struct error *err);
bool kube_pool_controls(void *opaque, const struct knob *knob);
bool kube_pool_apply(void *opaque, const struct configuration *from, const struct configuration *to,
                     bool dry_run, const struct call_recorder *calls, struct error *err);
bool kube_pool_read(void *opaque, struct configuration *ret_configuration, struct error *err);
int64_t kube_pool_patience_ms(void *opaque);
void kube_pool_write_close(void *opaque);

/* The static table of such an actuator. */
#define KUBE_POOL_ACTUATOR(plugin_name, words, open_function)                                                \
        {                                                                                                    \
                .name = plugin_name, .summary = words, .open = open_function,                                \
                .controls = kube_pool_controls, .apply = kube_pool_apply, .read = kube_pool_read,            \
                .patience_ms = kube_pool_patience_ms, .close = kube_pool_write_close,                        \
        }

#endif

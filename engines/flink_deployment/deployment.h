/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_DEPLOYMENT_DEPLOYMENT_H
#define OPTCTL_ENGINES_FLINK_DEPLOYMENT_DEPLOYMENT_H

#include "core/kubernetes/shared.h"
#include "core/plugin.h"
#include "engines/flink/options.h"

/*
 * A FlinkDeployment of the Flink Kubernetes operator, as its collector and its actuator see it. What the job
 * is to run stands in the object, and Flink's operator brings it there; what it runs, and how it does, its
 * own job manager says.
 */
struct flink_deployment_options {
        char *name, *namespace;
        struct flink_options flink; /* the way to the job; without a URL the service of the operator */
};

/* Of the collector, and of the actuator of the same name. */
extern const struct option_table flink_deployment_table;

struct flink_deployment {
        const struct flink_deployment_options *options;
        struct source_context context;
        struct kube_shared *kubernetes;
        char *namespace;            /* NULL: not known yet, flink_deployment_reach tells */
        struct flink_options flink; /* likewise; borrows from the options */
};

bool flink_deployment_open(const struct source_context *context,
                           const struct flink_deployment_options *options,
                           struct flink_deployment **ret_deployment, struct error *err);
void flink_deployment_close(struct flink_deployment *deployment);
DEFINE_CLEANUP(flink_deployment_close, struct flink_deployment);

/* The client, and the kind as the cluster serves it. ERROR_NOT_FOUND (KindNotServed): the operator is not
 * installed. In a fiber. */
bool flink_deployment_reach(struct flink_deployment *deployment, struct kube_client **ret_client,
                            const struct kube_resource **ret_resource, struct error *err);

/* "flinkDeployment n/orders: ..." in front of an error; returns false. */
bool flink_deployment_fail(const struct flink_deployment *deployment, struct error *err);

/* ---- what stands in the object; pure ---- */

/* A setting of Flink in spec.flinkConfiguration, written flat ("a.b": "x") or nested; NULL: there is none. */
const json_t *flink_deployment_setting(const json_t *object, const char *key);
/* Whether it stands there with this value, as text or as YAML would have it. */
bool flink_deployment_has_setting(const json_t *object, const char *key, const char *value);

/* {1, 17} of "v1_17"; zeros: it does not say. */
struct flink_release {
        int major, minor;
};
struct flink_release flink_deployment_release(const json_t *object);

/* Bytes of "2048m", "2 gb", "2Gi", each by powers of 1024 as Flink takes them; NAN: it is none. */
double flink_memory_read(const char *text);
/* "2048m"; bytes where those are no whole MiB. Caller frees. */
char *flink_memory_text(double bytes);

#endif

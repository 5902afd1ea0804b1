/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "engines/kubernetes/pool.h"
#include "engines/kubernetes/scaler_internal.h"

static const struct kube_workload_kind *const kinds[] = {&kube_deployment_kind, &kube_stateful_set_kind};

static const struct kube_workload_kind *kind_of(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
                if (strcmp(kinds[i]->kind, name) == 0)
                        return kinds[i];
        return NULL;
}

/* What it scales, as a pool; another one when it was pointed elsewhere. */
static bool take_pool(struct scaler *scaler, const struct kube_scaler_status *status, struct error *err)
{
        const struct kube_workload_kind *kind = kind_of(status->target_kind);

        if (scaler->pool && strcmp(scaler->seen.target, status->target) == 0 &&
            strcmp(scaler->seen.target_kind, status->target_kind) == 0)
                return true;
        if (!kind)
                return error_set(err, ERROR_REFUSED, "KindNotRead",
                                 "it scales a %.60s, which is not read; expected a Deployment or a "
                                 "StatefulSet",
                                 status->target_kind);
        kube_pool_close(scaler->pool);
        scaler->pool = NULL;
        memory_free_cleanup(&scaler->pool_options.name);
        memory_free_cleanup(&scaler->pool_options.namespace);
        scaler->pool_options = (struct kube_workload_options){
                .name = memory_copy_text(status->target),
                .namespace = memory_copy_text(scaler->namespace),
                .ready_seconds = scaler->options->ready_seconds,
        };
        return kube_pool_open(&scaler->context, kind, &scaler->pool_options, &scaler->pool, err);
}

static bool look(struct scaler *scaler, struct kube_scaler_status *ret_status, struct error *err)
{
        const struct kube_resource *resource;
        struct kube_follower follower;
        struct kube_client *client;
        const json_t *object;

        if (!scaler_reach(scaler, &client, &resource, err) ||
            !kube_shared_follow(scaler->kubernetes, resource, &kube_scalers_following, scaler->namespace,
                                &follower, err))
                return false;
        object = kube_reflector_get(follower.reflector, scaler->namespace, scaler->options->name);
        if (!object)
                return error_set(err, ERROR_NOT_FOUND, NULL, "there is none");
        return kube_scaler_read(scaler->kind, object, ret_status, err);
}

/* Of the workers as many run as it was told to have at least; those above are its own affair. */
static void observe(struct scaler *scaler, struct observation *observation)
{
        const struct pipeline *pipeline = scaler->context.pipeline;

        for (int i = 0; i < pipeline->n_knobs && i < observation->configuration.count; i++) {
                const double *said = kube_scaler_of_knob(&scaler->seen, &pipeline->knobs[i]);
                double *value = &observation->configuration.value[i];

                if (said)
                        *value = pipeline->knobs[i].role == KNOB_WORKERS ? fmin(*said, *value) : *said;
                if (said && isnan(*value))
                        observation->missing |= MISSING_CONFIGURATION;
        }
}

bool kube_scaler_collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct scaler *scaler = opaque;
        struct kube_scaler_status status;

        if (!look(scaler, &status, err) || !take_pool(scaler, &status, err))
                return scaler_fail(scaler, err);
        scaler->seen = status;
        if (!kube_pool_collect(scaler->pool, ret_observation, err))
                return scaler_fail(scaler, err);
        observe(scaler, ret_observation);
        return true;
}

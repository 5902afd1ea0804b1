/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_OBJECT_H
#define OPTCTL_CONTROLLER_OPERATOR_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kubernetes/client.h"

extern const struct kube_resource tuned_resource; /* TunedPipelines */

/* A pipeline is paused while its object has this annotation; its value says why ("false": it is not). */
#define PAUSE_ANNOTATION "optctl.dev/paused"

struct tuned_workload {
        const char *kind;       /* "Deployment" */
        char *namespace, *name; /* NULL: it is none whose pods are known */
};

/* What the operator keeps of a TunedPipeline as the API server has it. */
struct tuned_object {
        char *uid, *created; /* created: RFC 3339, so that texts sort as times do */
        int64_t generation;
        bool deleted;    /* on its way out */
        char *paused;    /* why; NULL: it is not */
        char *text;      /* apiVersion, kind, name, namespace and spec, as JSON */
        char *status;    /* as JSON; NULL: none yet */
        char *shown;     /* the target for people: "flink/orders"; "" where the spec names none */
        bool has_prices; /* of its own */
        struct tuned_workload workload; /* whose pods run it */
        char *book;                     /* the PriceBook that it names; NULL: none */
        char *steered;     /* what it is about, the same for all pipelines that are about it; NULL: nothing */
        const char *claim; /* the same, while no other pipeline may steer it; NULL: it does not steer */
};

/* The projection of a reflector (core/kubernetes/reflector.h). */
void *tuned_object_project(void *context, const json_t *object, size_t *ret_bytes);
void tuned_object_free(void *object);

#endif

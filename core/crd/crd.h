/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_CRD_CRD_H
#define OPTCTL_CORE_CRD_CRD_H

#include <jansson.h>

#include "core/plugin.h"

/*
 * The API optctl.dev/v1alpha1 as CustomResourceDefinitions, made from the option tables: a structural schema
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/) whose
 * rules the API server checks in CEL, so that it refuses what the parser would refuse. Rules over a whole
 * spec (a knob of an operator that the graph lacks) are left to the parser.
 */

/* Kinds in the order they are printed; ends with NULL. */
extern const char *const crd_kinds[];

/* The definition of a kind in crd_kinds. Caller owns. */
json_t *crd_new(const char *kind, const struct registry *registry);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_CRD_INTERNAL_H
#define OPTCTL_CORE_CRD_INTERNAL_H

#include <jansson.h>

#include "core/option.h"

/* Shared by crd*.c. */

/* What the operator writes into the status of each kind (crd_status.c). */
extern const struct option_table crd_pipeline_status_table, crd_prices_status_table, crd_study_status_table;

/* A section as a structural schema (crd_schema.c). Caller owns. */
json_t *crd_section_schema(const struct option_table *table);

/* x-kubernetes-validations of a section, or of one option in its place; NULL when there is nothing to check
 * (crd_rules.c). Caller owns. */
json_t *crd_section_rules(const struct option_table *table);
json_t *crd_option_rules(const struct option *option);

#endif

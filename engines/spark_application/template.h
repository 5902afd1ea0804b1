/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_APPLICATION_TEMPLATE_H
#define OPTCTL_ENGINES_SPARK_APPLICATION_TEMPLATE_H

#include <jansson.h>

#include "core/error.h"
#include "core/pipeline.h"

/*
 * What stands in the spec of a SparkApplication (sparkoperator.k8s.io/v1beta2), or in the template of a
 * scheduled one, and which of it a knob sets. A setting has a field of its own (executor.instances), or
 * stands in sparkConf; of one that could stand in either the field counts, as it does for Spark's operator.
 */

/* Whether a knob sets something there. */
bool spark_template_controls(const struct knob *knob);

/*
 * Sets the knobs that the spec tells, and leaves the others alone. ERROR_REFUSED: DynamicAllocation, where a
 * knob counts executors that come and go; NotANumber, where something else stands.
 */
bool spark_template_read(const json_t *spec, const struct pipeline *pipeline,
                         struct configuration *configuration, struct error *err);

/* The part of the spec that is to be another so that it says `to`; an empty object: none. `what` takes what
 * that is for people: "executor.instances 2 -> 4". Caller frees. */
struct text;
json_t *spark_template_change(const json_t *spec, const struct pipeline *pipeline,
                              const struct configuration *to, struct text *what);

/* Where a knob stands in it, as managedFields have it: "f:executor|f:instances". Caller frees. */
char *spark_template_path(const json_t *spec, const struct knob *knob);

/* What the application is to hold while it runs. */
struct spark_allocation {
        double executors; /* NAN: they come and go */
        double executor_cores, executor_bytes, driver_cores, driver_bytes;
};
struct spark_allocation spark_template_allocation(const json_t *spec);

/* Only what the functions above look at. Caller frees. */
json_t *spark_template_essence(const json_t *spec);
size_t spark_template_settings(const json_t *spec); /* how many stand in it */

#endif

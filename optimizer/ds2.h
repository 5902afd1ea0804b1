/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_DS2_H
#define OPTCTL_OPTIMIZER_DS2_H

#include "core/error.h"
#include "core/observation.h"
#include "core/pipeline.h"

/* Rates of one operator, all instances together, in records/s. "True" means per second of useful time. */
struct ds2_rates {
        int instances;
        double true_processing; /* not used for sources */
        double true_output;
        double observed_output; /* used for sources */
};

struct ds2_options {
        double scaling_factor;              /* share of instances to add on top, >= 0 */
        double target_rate_ratio_threshold; /* >= 1; INFINITY: never correct */
};

/*
 * Instances each operator needs so that the pipeline sustains its sources' true output (Kalavri et al., OSDI
 * 2018, section 3.2; controller/src/policy/scaling.rs). Like DS2 it sends the whole output of an operator to
 * each of its successors, without a selectivity by edge, and never changes sources.
 *
 * Correction: when nobody is scaled up and yet a source's true output is more than the threshold times its
 * observed one, all are widened by that ratio.
 *
 * rates              in the order of pipeline->operators
 * ret_instances      length pipeline->n_operators; set on success only
 *
 * Fails with ERROR_INCOMPLETE when the rates of an operator are not known or not finite.
 */
bool ds2_plan(const struct pipeline *pipeline, const struct ds2_rates *rates,
              const struct ds2_options *options, int *ret_instances, struct error *err);

/*
 * DS2's rates from an observation: useful time is busy time, and a source's true output is what arrives for
 * it. Length of ret_rates: pipeline->n_operators. Fails with ERROR_INCOMPLETE like ds2_plan.
 */
bool ds2_measure(const struct pipeline *pipeline, const struct observation *observation,
                 struct ds2_rates *ret_rates, struct error *err);

/* DS2's test of significance: some operator gets more instances, or loses more than one. Sources do not
 * count. */
bool ds2_significant(const struct pipeline *pipeline, const struct ds2_rates *rates, const int *instances);

/* Records/s that have to pass each operator under DS2's assumptions; length pipeline->n_operators. */
bool ds2_demand(const struct pipeline *pipeline, const struct ds2_rates *rates, double *ret_demand,
                struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/ds2.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static bool usable(double rate)
{
        return isfinite(rate) && rate > 0;
}

static bool unknown(const struct pipeline *pipeline, int index, struct error *err)
{
        return error_set(err, ERROR_INCOMPLETE, NULL, "the true rates of operator %s are not known",
                         pipeline->operators[index].name);
}

bool ds2_demand(const struct pipeline *pipeline, const struct ds2_rates *rates, double *ret_demand,
                struct error *err)
{
        double demand[PIPELINE_MAX_OPERATORS] = {0};
        double output[PIPELINE_MAX_OPERATORS];
        int edge = 0;

        /* Operators come in topological order and edges sorted by where they start: one sweep is enough. */
        for (int i = 0; i < pipeline->n_operators; i++) {
                output[i] = rates[i].true_output;
                if (!pipeline->operators[i].source) {
                        if (!usable(rates[i].true_processing) || !isfinite(output[i]) ||
                            rates[i].instances <= 0)
                                return unknown(pipeline, i, err);
                        output[i] *= demand[i] / rates[i].true_processing;
                } else if (!isfinite(output[i])) {
                        return unknown(pipeline, i, err);
                }
                for (; edge < pipeline->n_edges && pipeline->edges[edge].from == i; edge++)
                        demand[pipeline->edges[edge].to] += output[i];
        }
        memcpy(ret_demand, demand, sizeof demand[0] * (size_t)pipeline->n_operators);
        return true;
}

static int to_instances(double instances)
{
        double whole = fmax(ceil(instances), 1);

        return whole > INT_MAX ? INT_MAX : (int)whole;
}

static double worst_source_ratio(const struct pipeline *pipeline, const struct ds2_rates *rates)
{
        double worst = 0;

        for (int i = 0; i < pipeline->n_operators; i++)
                if (pipeline->operators[i].source && rates[i].observed_output > 0)
                        worst = fmax(worst, rates[i].true_output / rates[i].observed_output);
        return worst;
}

bool ds2_plan(const struct pipeline *pipeline, const struct ds2_rates *rates,
              const struct ds2_options *options, int *ret_instances, struct error *err)
{
        double demand[PIPELINE_MAX_OPERATORS];
        double ratio = worst_source_ratio(pipeline, rates);
        bool scaled_up = false;

        if (!ds2_demand(pipeline, rates, demand, err))
                return false;
        for (int i = 0; i < pipeline->n_operators; i++) {
                double optimal;

                ret_instances[i] = rates[i].instances;
                if (pipeline->operators[i].source)
                        continue;
                optimal = demand[i] / (rates[i].true_processing / rates[i].instances);
                ret_instances[i] = to_instances(optimal * (1 + options->scaling_factor));
                scaled_up |= ret_instances[i] > rates[i].instances;
        }
        for (int i = 0; i < pipeline->n_operators; i++)
                if (!scaled_up && ratio > options->target_rate_ratio_threshold &&
                    !pipeline->operators[i].source)
                        ret_instances[i] = to_instances(ratio * ret_instances[i]);
        return true;
}

bool ds2_measure(const struct pipeline *pipeline, const struct observation *observation,
                 struct ds2_rates *ret_rates, struct error *err)
{
        double behind = observation->offered_per_second / observation->throughput_per_second;

        for (int i = 0; i < pipeline->n_operators; i++) {
                const struct operator_observation *seen = &observation->operators[i];
                struct ds2_rates *rates = &ret_rates[i];

                rates->instances = seen->parallelism;
                rates->true_processing = seen->true_rate_per_second;
                rates->true_output = seen->true_rate_per_second * seen->out_per_second / seen->in_per_second;
                rates->observed_output = seen->out_per_second;
                if (pipeline->operators[i].source)
                        rates->true_output = seen->out_per_second * behind;
                if (rates->instances <= 0 || !isfinite(rates->true_output))
                        return unknown(pipeline, i, err);
        }
        return true;
}

bool ds2_significant(const struct pipeline *pipeline, const struct ds2_rates *rates, const int *instances)
{
        for (int i = 0; i < pipeline->n_operators; i++)
                if (!pipeline->operators[i].source &&
                    (instances[i] > rates[i].instances || instances[i] < rates[i].instances - 1))
                        return true;
        return false;
}

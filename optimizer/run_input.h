/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_RUN_INPUT_H
#define OPTCTL_OPTIMIZER_RUN_INPUT_H

#include "optimizer/run_history.h"

/*
 * How much runs of a job that runs from time to time read. It is given and not chosen: a night with twice the
 * data costs more whatever the setting. So runs are compared at what the next one is expected to read: the
 * mean, by logarithms, of the last three runs of its day of the week (UTC), where it comes as long after the
 * newest as that came after the one before; of a day that has not been seen yet the mean of the last seven
 * runs. And more than that by 1.64 standard deviations of one more run about the mean of n of its day, those
 * between runs of one day times sqrt(1 + 1/n), because what is set for less may take too long: one run of 20
 * reads more.
 *
 * Of one setting the value is taken to go with a power of the input: the slope of log value on log input
 * within settings, by least squares, with a prior that is worth little (mean 0.8, standard deviation 0.4).
 */
#define RUN_INPUT_RATIO 1.05 /* inputs that differ by less say nothing */

/* A run with less than this share of the next one's input does not show that its setting does with that. */
#define RUN_INPUT_SHARE 0.5

/* Standard deviation between settings of the power that values go with, before any is known. */
#define RUN_POWER_SD 0.4

/* Of the runs from `from` on. next is NAN when too few of them tell what they read (less than three of four,
 * of the good ones), or all read the same: then input is not looked at. */
void run_input_make(const struct run_history *history, const struct run_terms *terms, size_t from,
                    int64_t at_ms, struct run_input *ret_input);

/* What a run read; what the next one is expected to where it does not tell. */
double run_input_of(const struct run_input *input, const struct past_run *run);

/* What a run's value is multiplied with to be that of a run of the same setting which reads what the next one
 * is expected to. 1 where input is not looked at. */
double run_input_factor(const struct run_input *input, const struct past_run *run);

/*
 * Probability that another run of the same setting which reads what the next one is expected to keeps the
 * limit: that of a normal law of log seconds. What a setting takes goes with the input by a power of its own,
 * that lies RUN_POWER_SD about the one of all; and both runs scatter by `noise`, of log values. 1 without a
 * limit (NAN).
 */
double run_input_chance(const struct run_input *input, const struct past_run *run, double most_seconds,
                        double noise);

#endif

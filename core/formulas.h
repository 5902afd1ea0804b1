/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_FORMULAS_H
#define OPTCTL_CORE_FORMULAS_H

/*
 * Closed forms that the simulator and the optimizer share. Rates per second, times in seconds, utilisation
 * without unit. Arguments outside the domain give NAN, an unstable queue INFINITY.
 */

/* Universal Scalability Law (Gunther): capacity of n subtasks over that of one. sigma, kappa >= 0. */
double usl_speedup(double n, double sigma, double kappa);

/* Smallest n in [1, limit] with rate * usl_speedup(n) >= demand, or limit when none reaches it. */
int usl_subtasks(double demand, double rate, double sigma, double kappa, int limit);

/* Erlang B and C: probability that c servers with offered load a = lambda / mu are all busy (loss), that one
 * waits. */
double erlang_b(int servers, double offered);
double erlang_c(int servers, double offered);

/* Mean wait in M/M/c; Allen-Cunneen for G/G/c: that times (ca2 + cs2) / 2, squared coefficients of variation.
 */
double queue_wait_mmc(double lambda, double mu, int servers);
double queue_wait_allen_cunneen(double lambda, double mu, int servers, double ca2, double cs2);

/* The wait in G/G/c as far as its quantiles need it: P(wait > t) = P(wait > 0) exp(-t P(wait > 0) / mean
 * wait), exact for M/M/c. */
struct queue_wait {
        double probability, mean; /* of waiting at all; seconds */
};
struct queue_wait queue_wait_of(double lambda, double mu, int servers, double ca2, double cs2);
double queue_wait_at(struct queue_wait wait, double q);

/* Both at once. */
double queue_wait_quantile(double lambda, double mu, int servers, double ca2, double cs2, double q);

/* Seconds to work off `backlog` records; INFINITY when capacity does not exceed the rate. */
double backlog_drain_seconds(double backlog, double rate, double capacity);

/* Inverse of the standard normal distribution, 0 < p < 1. */
double normal_quantile(double p);

/* For what is kept by the thousands: NAN stays NAN, and what is too large becomes the largest there is. */
float float_nearest(double value);

#endif

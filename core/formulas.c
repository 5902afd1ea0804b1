/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/formulas.h"

#include <float.h>
#include <math.h>

#include <gsl/gsl_cdf.h>

double usl_speedup(double n, double sigma, double kappa)
{
        return n / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

int usl_subtasks(double demand, double rate, double sigma, double kappa, int limit)
{
        for (int n = 1; n < limit; n++)
                if (rate * usl_speedup(n, sigma, kappa) >= demand)
                        return n;
        return limit;
}

double erlang_b(int servers, double offered)
{
        double blocked = 1;

        if (servers < 0 || !(offered >= 0))
                return NAN;
        for (int i = 1; i <= servers; i++)
                blocked = offered * blocked / (i + offered * blocked);
        return blocked;
}

double erlang_c(int servers, double offered)
{
        double blocked, utilisation;

        if (servers < 1 || !(offered >= 0))
                return NAN;
        if (offered >= servers)
                return 1;
        blocked = erlang_b(servers, offered);
        utilisation = offered / servers;
        return blocked / (1 - utilisation * (1 - blocked));
}

double queue_wait_mmc(double lambda, double mu, int servers)
{
        if (!(lambda >= 0) || !(mu > 0) || servers < 1)
                return NAN;
        if (lambda >= servers * mu)
                return INFINITY;
        return erlang_c(servers, lambda / mu) / (servers * mu - lambda);
}

double queue_wait_allen_cunneen(double lambda, double mu, int servers, double ca2, double cs2)
{
        return queue_wait_mmc(lambda, mu, servers) * (ca2 + cs2) / 2;
}

struct queue_wait queue_wait_of(double lambda, double mu, int servers, double ca2, double cs2)
{
        return (struct queue_wait){
                .probability = erlang_c(servers, lambda / mu),
                .mean = queue_wait_allen_cunneen(lambda, mu, servers, ca2, cs2),
        };
}

double queue_wait_at(struct queue_wait wait, double q)
{
        if (!(wait.mean > 0) || isinf(wait.mean))
                return wait.mean;
        if (wait.probability <= 1 - q)
                return 0;
        return wait.mean / wait.probability * log(wait.probability / (1 - q));
}

double queue_wait_quantile(double lambda, double mu, int servers, double ca2, double cs2, double q)
{
        return queue_wait_at(queue_wait_of(lambda, mu, servers, ca2, cs2), q);
}

double backlog_drain_seconds(double backlog, double rate, double capacity)
{
        if (backlog <= 0)
                return 0;
        return capacity > rate ? backlog / (capacity - rate) : INFINITY;
}

double normal_quantile(double p)
{
        return gsl_cdf_ugaussian_Pinv(p);
}

float float_nearest(double value)
{
        if (isnan(value))
                return NAN;
        return (float)fmin(fmax(value, -(double)FLT_MAX), (double)FLT_MAX);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/normal.h"

#include <math.h>

#define LOG_ROOT_TWO_PI  0.91893853320467274178
#define LOG_ROOT_HALF_PI 0.22579135264472743236
#define SERIES_FROM      25.0 /* erfcx: from here on four terms of its series are exact to 1e-12 */
#define TAIL_FROM        -5.0 /* erfc keeps its relative accuracy above */
#define IMPROVEMENT_FROM -1.0 /* density and z cdf cancel below */
#define ASYMPTOTE_FROM   -1e6 /* log h is its first term below */

double normal_erfcx(double x)
{
        double t = 1 / (x * x);

        if (x < SERIES_FROM)
                return exp(x * x) * erfc(x);
        return (1 - t * (0.5 - t * (0.75 - t * (1.875 - 6.5625 * t)))) / (x * sqrt(M_PI));
}

double normal_log_density(double z)
{
        return -0.5 * z * z - LOG_ROOT_TWO_PI;
}

double normal_log_cdf(double z)
{
        if (z > TAIL_FROM)
                return z > 0 ? log1p(-0.5 * erfc(z * M_SQRT1_2)) : log(0.5 * erfc(-z * M_SQRT1_2));
        return -0.5 * z * z + log(0.5 * normal_erfcx(-z * M_SQRT1_2));
}

/* log(1 - exp(x)) for x < 0. */
static double log_one_minus_exp(double x)
{
        return x > -M_LN2 ? log(-expm1(x)) : log1p(-exp(x));
}

double normal_log_improvement(double z)
{
        if (z > IMPROVEMENT_FROM)
                return log(exp(normal_log_density(z)) + 0.5 * z * erfc(-z * M_SQRT1_2));
        if (z > ASYMPTOTE_FROM)
                return normal_log_density(z) +
                       log_one_minus_exp(log(normal_erfcx(-z * M_SQRT1_2) * -z) + LOG_ROOT_HALF_PI);
        return normal_log_density(z) - 2 * log(-z);
}

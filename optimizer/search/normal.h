/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_NORMAL_H
#define OPTCTL_OPTIMIZER_SEARCH_NORMAL_H

/*
 * What a search asks of the standard normal distribution, in logarithms, so that a hopeless point is still
 * told from a more hopeless one. Relative errors are below 1e-11 wherever the result is not near zero.
 */

/* exp(x^2) erfc(x), the scaled complementary error function; finite for x > -26. */
double normal_erfcx(double x);

double normal_log_density(double z);
double normal_log_cdf(double z);

/* log of h(z) = density(z) + z cdf(z): a point whose mean is z standard deviations better than the best
 * improves on it by sd h(z) in expectation. Ament et al., NeurIPS 2023 ("Unexpected improvements to expected
 * improvement"), equation 9. */
double normal_log_improvement(double z);

#endif

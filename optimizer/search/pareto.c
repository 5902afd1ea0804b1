/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/pareto.h"

#include <math.h>
#include <stdlib.h>

#include "optimizer/search/normal.h"

#define NEARLY_SAME 1e-7

bool pareto_dominates(const struct pareto_point *a, const struct pareto_point *b)
{
        return a->y[0] <= b->y[0] && a->y[1] <= b->y[1] && (a->y[0] < b->y[0] || a->y[1] < b->y[1]);
}

static int by_values(const void *left, const void *right)
{
        const struct pareto_point *a = left, *b = right;

        for (int k = 0; k < PARETO_OBJECTIVES; k++)
                if (a->y[k] != b->y[k])
                        return a->y[k] < b->y[k] ? -1 : 1;
        return (a->of > b->of) - (a->of < b->of);
}

int pareto_front(struct pareto_point *points, int count)
{
        int kept = 0;

        qsort(points, (size_t)count, sizeof *points, by_values);
        for (int i = 0; i < count; i++)
                if (kept == 0 || points[i].y[1] < points[kept - 1].y[1]) {
                        const struct pareto_point point = points[i];

                        points[i] = points[kept];
                        points[kept++] = point;
                }
        return kept;
}

double pareto_hypervolume(const struct pareto_point *front, int count, const double *reference)
{
        double area = 0, ceiling = reference[1];

        for (int i = 0; i < count; i++) {
                double width = reference[0] - front[i].y[0], height = ceiling - front[i].y[1];

                if (width <= 0 || height <= 0)
                        continue;
                area += width * height;
                ceiling = front[i].y[1];
        }
        return area;
}

/* log(exp(a) + exp(b)), log(exp(a) - exp(b)) for a > b; either may be -INFINITY. */
static double log_sum(double a, double b)
{
        double most = fmax(a, b);

        return isfinite(most) ? most + log1p(exp(fmin(a, b) - most)) : most;
}

static double log_difference(double a, double b)
{
        return a > b ? a + log(-expm1(b - a)) : -INFINITY;
}

/* log E max(bound - Y, 0). Of a log-normal Y it is the price of a put option (Black and Scholes 1973); where
 * its two terms are nearly the same, Y lies so close below the bound that bound - Y is bound log(bound / Y).
 */
static double log_shortfall(double bound, const struct pareto_belief *of)
{
        double z = ((of->log ? log(bound) : bound) - of->mean) / of->sd, all, above;

        if (!of->log)
                return log(of->sd) + normal_log_improvement(z);
        all = log(bound) + normal_log_cdf(z);
        above = of->mean + 0.5 * of->sd * of->sd + normal_log_cdf(z - of->sd);
        return all - above > NEARLY_SAME ? log_difference(all, above)
                                         : log(bound * of->sd) + normal_log_improvement(z);
}

double pareto_log_improvement(const struct pareto_point *front, int count, const double *reference,
                              const struct pareto_belief *belief)
{
        double sum = -INFINITY, left = -INFINITY, ceiling = reference[1];

        for (int i = 0; i <= count; i++) {
                double end = i < count ? front[i].y[0] : reference[0];
                double right = log_shortfall(end, &belief[0]);

                sum = log_sum(sum, log_difference(right, left) + log_shortfall(ceiling, &belief[1]));
                left = right;
                if (i < count)
                        ceiling = front[i].y[1];
        }
        return sum;
}

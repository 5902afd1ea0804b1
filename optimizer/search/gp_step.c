/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/gp_step.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

#define STEP_VARIANCE 2.0 /* of its height, where targets have a variance near 1 */
#define STEP_ODDS     1.0 /* that there is one */
#define APART         1e-9

struct placed {
        double x;
        int point;
};

static int by_place(const void *left, const void *right)
{
        const struct placed *a = left, *b = right;

        return (a->x > b->x) - (a->x < b->x);
}

/* Lower half of K^-1, which is symmetric. */
static double inverse_at(const double *inverse, size_t n, int i, int j)
{
        return i > j ? inverse[(size_t)i + (size_t)j * n] : inverse[(size_t)j + (size_t)i * n];
}

/* With h the points below the step: log of N(y; 0, K + v h h') / N(y; 0, K), by Sherman and Morrison. */
static double gain_of(double h_inverse_h, double h_weight)
{
        double grown = 1 + STEP_VARIANCE * h_inverse_h;

        return 0.5 * (STEP_VARIANCE * h_weight * h_weight / grown - log(grown));
}

/* Places in one number; returns how many. Points go below the step one by one. */
static int places_in(const struct gp *gp, const double *inverse, int feature,
                     struct gp_step_place *ret_places)
{
        size_t n = (size_t)gp->n, d = (size_t)gp->d;
        autofree struct placed *order = memory_new(n + 1, sizeof *order);
        autofree double *inverse_h = memory_new(n + 1, sizeof *inverse_h);
        double h_inverse_h = 0, h_weight = 0;
        int count = 0;

        for (size_t i = 0; i < n; i++)
                order[i] = (struct placed){gp->x[i * d + (size_t)feature], (int)i};
        qsort(order, n, sizeof *order, by_place);
        for (size_t i = 0; i + 1 < n; i++) {
                int below = order[i].point;

                h_inverse_h += 2 * inverse_h[below] + inverse_at(inverse, n, below, below);
                h_weight += gp->weight[below];
                for (size_t j = 0; j < n; j++)
                        inverse_h[j] += inverse_at(inverse, n, (int)j, below);
                if (order[i + 1].x - order[i].x > APART)
                        ret_places[count++] = (struct gp_step_place){feature, order[i].x, order[i + 1].x,
                                                                     gain_of(h_inverse_h, h_weight)};
        }
        return count;
}

int gp_step_places(const struct gp *gp, struct gp_step_place *ret_places)
{
        autofree double *inverse = memory_new((size_t)gp->n * (size_t)gp->n + 1, sizeof *inverse);
        int count = 0;

        cholesky_inverse(&gp->factor, inverse);
        for (int k = 0; k < gp->d; k++)
                if (!gp->category[k])
                        count += places_in(gp, inverse, k, ret_places + count);
        return count;
}

static int numbers_of(const struct gp *gp)
{
        int numbers = 0;

        for (int k = 0; k < gp->d; k++)
                numbers += !gp->category[k];
        return numbers;
}

bool gp_step_draw(struct gp *gp, gsl_rng *rng, struct error *err)
{
        autofree struct gp_step_place *places = memory_new((size_t)gp->n * (size_t)gp->d + 1, sizeof *places);
        double most = 0, sum, drawn;
        int count;

        gp->step = gp_no_step;
        if (!gp_condition(gp, err))
                return false;
        count = gp_step_places(gp, places);
        for (int p = 0; p < count; p++) {
                places[p].gain += log(STEP_ODDS / numbers_of(gp) * (places[p].high - places[p].low));
                most = fmax(most, places[p].gain);
        }
        sum = exp(-most);
        for (int p = 0; p < count; p++)
                sum += exp(places[p].gain - most);
        drawn = gsl_rng_uniform(rng) * sum - exp(-most);
        for (int p = 0; p < count && drawn >= 0; p++) {
                drawn -= exp(places[p].gain - most);
                if (drawn < 0)
                        gp->step = (struct gp_step){places[p].feature,
                                                    places[p].low + (places[p].high - places[p].low) *
                                                                            gsl_rng_uniform(rng),
                                                    STEP_VARIANCE};
        }
        return true;
}

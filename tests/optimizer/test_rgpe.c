/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Weights of earlier tasks. Expected losses and weights were worked out with numpy 2 from the formulas of
 * Feurer et al. 2018 and of optimizer/gp.h: 400,000 joint draws (multivariate_normal) from each model, the
 * own model solved anew without each point; what is left out of them is below 0.004 in a loss and 0.0006 in a
 * weight.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/random.h"
#include "optimizer/search/rgpe.h"

#define SAMPLES 20000
#define MODELS  4 /* the last is the own one */

static const bool number[] = {false};
static const double wanted_losses[MODELS] = {6.0149, 2.1742, 13.9851, 4.0082};
static const double wanted_weights[MODELS] = {0.00003, 0.8718, 0, 0.1282};

static struct gp *model(const double *x, const double *y, int n)
{
        struct gp *gp = gp_new(1, number);
        struct error err = ERROR_INIT;

        gp->theta[GP_VARIANCE] = 0;
        gp->theta[GP_NOISE] = log(0.01);
        gp->theta[GP_SLOPE] = log(0.1);
        gp->theta[GP_LENGTH] = log(0.4);
        for (int i = 0; i < n; i++)
                gp_add(gp, x + i, y[i], 1);
        assert_true(gp_condition(gp, &err));
        return gp;
}

static int make_models(void **state)
{
        static const double x[] = {0, 0.25, 0.5, 0.75, 1}, own[] = {0.1, 0.3, 0.5, 0.7, 0.9};
        static const double y[MODELS][5] = {{1.3, 0.2, -1.2, -0.4, 0.9},
                                            {0.8, 0.5, -0.2, -0.7, 0.6},
                                            {-1.3, -0.2, 1.2, 0.4, -0.9},
                                            {0.4, 0.9, -0.5, -0.7, 0.3}};
        struct gp **models = memory_new(MODELS, sizeof *models);

        for (int m = 0; m < MODELS; m++)
                models[m] = model(m == MODELS - 1 ? own : x, y[m], 5);
        *state = models;
        return 0;
}

static int free_models(void **state)
{
        struct gp **models = *state;

        for (int m = 0; m < MODELS; m++)
                gp_free(models[m]);
        free(models);
        return 0;
}

static double mean_of(const int *losses)
{
        double sum = 0;

        for (int s = 0; s < SAMPLES; s++)
                sum += losses[s];
        return sum / SAMPLES;
}

static void losses_are_those_of_the_paper(void **state)
{
        struct gp **models = *state;
        autofree int *losses = memory_new(SAMPLES, sizeof *losses);
        autocall(gsl_rng_free) gsl_rng *rng = random_new(1, 0, 0);
        struct error err = ERROR_INIT;

        for (int m = 0; m < MODELS - 1; m++) {
                assert_true(rgpe_losses(models[m], models[MODELS - 1], SAMPLES, rng, losses, &err));
                assert_float_equal(mean_of(losses), wanted_losses[m], 0.06);
        }
        rgpe_losses_left_out(models[MODELS - 1], SAMPLES, rng, losses);
        assert_float_equal(mean_of(losses), wanted_losses[MODELS - 1], 0.06);
}

static void weights_are_those_of_the_paper(void **state)
{
        struct gp **models = *state;
        autocall(gsl_rng_free) gsl_rng *rng = random_new(2, 0, 0);
        struct error err = ERROR_INIT;
        double weights[MODELS], sum = 0;

        assert_true(rgpe_weights(models, MODELS - 1, models[MODELS - 1], SAMPLES, rng, weights, &err));
        for (int m = 0; m < MODELS - 1; m++) {
                assert_float_equal(weights[m], wanted_weights[m], 0.01);
                sum += weights[m];
        }
        assert_float_equal(1 - sum, wanted_weights[MODELS - 1], 0.01);
}

static void without_two_points_all_weigh_the_same(void **state)
{
        static const double x = 0.5, y = 1;
        struct gp **models = *state, *own = model(&x, &y, 1);
        autocall(gsl_rng_free) gsl_rng *rng = random_new(3, 0, 0);
        struct error err = ERROR_INIT;
        double weights[MODELS];

        assert_true(rgpe_weights(models, MODELS - 1, own, 10, rng, weights, &err));
        for (int m = 0; m < MODELS - 1; m++)
                assert_float_equal(weights[m], 0.25, 1e-12);
        gp_free(own);
}

/* By hand: draws in which several are best are shared; the third model's median is above all but one in
 * twenty of the own model's losses, so that its four best draws are not its own. */
static void a_model_that_is_mostly_bad_gets_nothing(void **state)
{
        int losses[4][20];
        double weights[4];

        (void)state;
        for (int s = 0; s < 20; s++) {
                losses[0][s] = s < 10 ? 2 : 8;
                losses[1][s] = s < 5 ? 2 : s < 10 ? 3 : s < 19 ? 8 : 6;
                losses[2][s] = s < 4 ? 0 : 10;
                losses[3][s] = s == 19 ? 20 : 4;
        }
        rgpe_shares(&losses[0][0], 4, 20, weights);
        /* 0 to 4 are shared by the first two, 5 to 9 are the first's, 10 to 18 the own model's, 19 the
         * second's */
        assert_float_equal(weights[0], 7.5 / 20, 1e-12);
        assert_float_equal(weights[1], 3.5 / 20, 1e-12);
        assert_float_equal(weights[2], 0, 1e-12);
        assert_float_equal(weights[3], 9.0 / 20, 1e-12);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(losses_are_those_of_the_paper, make_models, free_models),
                cmocka_unit_test_setup_teardown(weights_are_those_of_the_paper, make_models, free_models),
                cmocka_unit_test_setup_teardown(without_two_points_all_weigh_the_same, make_models,
                                                free_models),
                cmocka_unit_test(a_model_that_is_mostly_bad_gets_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

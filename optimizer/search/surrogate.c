/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/surrogate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "optimizer/search/gp_sample.h"
#include "optimizer/search/gp_step.h"

#define PURPOSE           7
#define MEMBERS_UNTIL     60 /* points; with more, parameters are known well enough */
#define SAMPLE_STEPS      12 /* between two members */
#define FIT_EVALUATIONS   60
#define TRIAL_EVALUATIONS 40
#define FIT_POINTS        200 /* that parameters are fitted to */
#define LOG_UNTIL         6   /* points below which positive values are taken by their logarithm unasked */
#define NO_PRIOR_PENALTY  2.0
#define NO_LOG_PENALTY    3.0
#define SAME              1e-12
#define VARIANCE_LEAST    1e-14
#define OPEN_POINTS       4.0 /* of tables */
#define PRIOR_SCALE                                                                                          \
        0.3 /* of logarithms: values differ by so much from a prior mean, before two of them tell */

static const struct gp_prior rough_noise = {-3.5, 2, -16, 0};

struct surrogate *surrogate_new(int d, const bool *category, bool rough, uint64_t seed)
{
        struct surrogate *surrogate = memory_new(1, sizeof *surrogate);

        surrogate->d = d;
        surrogate->open_points = rough ? OPEN_POINTS : 0;
        surrogate->rng = random_new(seed, 0, PURPOSE);
        for (int m = 0; m < SURROGATE_MAX_MEMBERS; m++) {
                surrogate->gp[m] = gp_new(d, category);
                if (!rough)
                        continue;
                surrogate->gp[m]->prior[GP_NOISE] = rough_noise;
                surrogate->gp[m]->theta[GP_NOISE] = rough_noise.mean;
        }
        return surrogate;
}

void surrogate_free(struct surrogate *surrogate)
{
        if (!surrogate)
                return;
        for (int m = 0; m < SURROGATE_MAX_MEMBERS; m++)
                gp_free(surrogate->gp[m]);
        gsl_rng_free(surrogate->rng);
        free(surrogate);
}

double surrogate_scale(const struct surrogate *surrogate, double y)
{
        return surrogate->log ? log(y) : y;
}

double surrogate_value(const struct surrogate *surrogate, double scaled)
{
        return surrogate->log ? exp(scaled) : scaled;
}

void surrogate_moments(const struct surrogate *surrogate, double mean, double sd, double *ret_mean,
                       double *ret_sd)
{
        *ret_mean = surrogate->log ? exp(mean + 0.5 * sd * sd) : mean;
        *ret_sd = surrogate->log ? *ret_mean * sqrt(expm1(sd * sd)) : sd;
}

/* ---- learning ---- */

/* What a form says of a point beside what the usual one says, weighed. */
static double beside_usual(const struct surrogate *surrogate, const struct surrogate_prior *prior, int form)
{
        if (form == 0 || surrogate->prior_weight == 0)
                return 0;
        return surrogate->prior_weight * (run_form_log(&surrogate->forms->form[form], prior->resources) -
                                          run_form_log(&surrogate->forms->form[0], prior->resources));
}

/* What a process has to explain of a value: all but the weighed prior. */
static double residual(const struct surrogate *surrogate, const struct surrogate_data *data, int form, int i)
{
        double y = surrogate_scale(surrogate, data->y[i]);

        if (!data->prior)
                return y;
        return y - surrogate->prior_weight * data->prior[i].mean -
               beside_usual(surrogate, &data->prior[i], form);
}

/* ret_residuals: data->n. Returns their mean. */
static double residuals(const struct surrogate *surrogate, const struct surrogate_data *data, int form,
                        double *ret_residuals)
{
        double sum = 0;

        for (int i = 0; i < data->n; i++)
                sum += ret_residuals[i] = residual(surrogate, data, form, i);
        return sum / data->n;
}

static void standardise(struct surrogate *surrogate, const struct surrogate_data *data)
{
        autofree double *y = memory_new((size_t)data->n, sizeof *y);
        double square = 0;

        surrogate->centre = residuals(surrogate, data, 0, y);
        for (int i = 0; i < data->n; i++)
                square += pow(y[i] - surrogate->centre, 2);
        surrogate->scale = sqrt(square / data->n);
        /* all the same, but for rounding: any scale does */
        if (!(surrogate->scale > SAME * fabs(surrogate->centre)) || surrogate->scale == 0)
                surrogate->scale = data->prior && (surrogate->log || surrogate->forms) ? PRIOR_SCALE : 1;
}

/* Gives a process its points, less the prior mean of its form. */
static void fill(struct surrogate *surrogate, int member, int form, const struct surrogate_data *data)
{
        autofree double *y = memory_new((size_t)data->n, sizeof *y);
        struct gp *gp = surrogate->gp[member];
        double centre = residuals(surrogate, data, form, y);

        surrogate->form[member] = form;
        surrogate->own_centre[member] = centre;
        gp_clear(gp);
        for (int i = 0; i < data->n; i++)
                gp_add(gp, data->x + (size_t)i * (size_t)surrogate->d, (y[i] - centre) / surrogate->scale,
                       data->share[i]);
}

/* -log of how likely the values themselves are on a scale, with parameters fitted to it. */
static double unlikeliness(struct surrogate *surrogate, const struct surrogate_data *data)
{
        struct gp *gp = surrogate->gp[0];
        struct error err = ERROR_INIT;
        double jacobian;

        standardise(surrogate, data);
        fill(surrogate, 0, 0, data);
        if (!gp_fit(gp, 0, TRIAL_EVALUATIONS, &err))
                return INFINITY;
        jacobian = data->n * log(surrogate->scale);
        for (int i = 0; surrogate->log && i < data->n; i++)
                jacobian += log(data->y[i]);
        return gp_objective(gp, gp->theta, NULL) + jacobian;
}

struct scale {
        bool log;
        double prior_weight;
};

/* Values that may be taken by their logarithm are, where something is expected of them. */
static bool may_be(const struct scale *scale, const struct surrogate_data *data, bool positive)
{
        if (scale->prior_weight > 0 && !data->prior)
                return false;
        if (scale->log || !positive)
                return scale->log == positive;
        return !data->prior && data->n >= LOG_UNTIL;
}

/* The scale (logarithm or not, prior or not) under which the values are likeliest; what is expected of it
 * beforehand has to be spoken against. Keeps the parameters that were fitted on it. */
static void choose_scale(struct surrogate *surrogate, const struct surrogate_data *data, bool positive)
{
        static const struct scale scales[] = {{true, 1}, {true, 0}, {false, 1}, {false, 0}};
        double start[GP_MAX_PARAMETERS], theta[GP_MAX_PARAMETERS], least = INFINITY;
        struct scale best = {positive, data->prior ? 1 : 0};

        memcpy(start, surrogate->gp[0]->theta, sizeof start);
        memcpy(theta, start, sizeof theta);
        for (size_t i = 0; i < ARRAY_LENGTH(scales); i++) {
                double value = data->prior && scales[i].prior_weight == 0 ? NO_PRIOR_PENALTY : 0;

                if (!may_be(&scales[i], data, positive))
                        continue;
                surrogate->log = scales[i].log;
                surrogate->prior_weight = scales[i].prior_weight;
                memcpy(surrogate->gp[0]->theta, start, sizeof start);
                value += unlikeliness(surrogate, data) + (positive && !scales[i].log ? NO_LOG_PENALTY : 0);
                if (value >= least)
                        continue;
                least = value;
                best = scales[i];
                memcpy(theta, surrogate->gp[0]->theta, sizeof theta);
        }
        surrogate->log = best.log;
        surrogate->prior_weight = best.prior_weight;
        memcpy(surrogate->gp[0]->theta, theta, sizeof theta);
}

/* One of several, by the logarithm of how likely each is, which is lost. */
static int draw_one(gsl_rng *rng, double *gain, int count)
{
        double most = -INFINITY, sum = 0, drawn;
        int one = 0;

        for (int i = 0; i < count; i++)
                most = fmax(most, gain[i]);
        for (int i = 0; i < count; i++)
                sum += gain[i] = exp(gain[i] - most);
        drawn = gsl_rng_uniform(rng) * sum;
        while (one + 1 < count && (drawn -= gain[one]) >= 0)
                one++;
        return one;
}

/* A form from its posterior at the parameters of a process, which is conditioned and has no step. */
static int draw_form(struct surrogate *surrogate, int member, const struct surrogate_data *data)
{
        size_t n = (size_t)data->n;
        autofree double *off = memory_new(n * RUN_FORMS, sizeof *off);
        double gain[RUN_FORMS];

        for (int f = 0; f < RUN_FORMS; f++) {
                double *y = off + (size_t)f * n, centre = residuals(surrogate, data, f, y);

                for (size_t i = 0; i < n; i++)
                        y[i] = (y[i] - centre) / surrogate->scale;
        }
        cholesky_solve_lower(&surrogate->gp[member]->factor, off, RUN_FORMS);
        for (int f = 0; f < RUN_FORMS; f++) {
                gain[f] = log(f == 0 ? surrogate->usual : (1 - surrogate->usual) / (RUN_FORMS - 1));
                for (size_t i = 0; i < n; i++)
                        gain[f] -= 0.5 * off[(size_t)f * n + i] * off[(size_t)f * n + i];
        }
        return draw_one(surrogate->rng, gain, RUN_FORMS);
}

/* The others continue the chain of samples that the first, the likeliest, begins. */
static bool draw_members(struct surrogate *surrogate, const struct surrogate_data *data, struct error *err)
{
        for (int m = 1; m < surrogate->members; m++) {
                struct gp *gp = surrogate->gp[m];

                fill(surrogate, m, surrogate->form[m - 1], data);
                memcpy(gp->theta, surrogate->gp[m - 1]->theta, sizeof gp->theta);
                gp->step = gp_no_step;
                if (surrogate->forms && data->prior && surrogate->prior_weight > 0) {
                        if (!gp_condition(gp, err))
                                return false;
                        fill(surrogate, m, draw_form(surrogate, m, data), data);
                }
                if (surrogate->steps && data->prior && !gp_step_draw(gp, surrogate->rng, err))
                        return false;
                gp_sample(gp, SAMPLE_STEPS, surrogate->rng);
                if (!gp_condition(gp, err))
                        return false;
        }
        return true;
}

/* Every so-manieth of many points: parameters are known well enough by a part of them. */
static struct surrogate_data thinned(const struct surrogate_data *data, int d, double *x, double *columns,
                                     struct surrogate_prior *prior)
{
        struct surrogate_data part = {.n = FIT_POINTS, .x = x, .y = columns, .share = columns + FIT_POINTS};

        for (int i = 0; i < FIT_POINTS; i++) {
                int from = (int)((long)i * data->n / FIT_POINTS);

                memcpy(x + (size_t)i * (size_t)d, data->x + (size_t)from * (size_t)d, (size_t)d * sizeof *x);
                columns[i] = data->y[from];
                columns[FIT_POINTS + i] = data->share[from];
                if (data->prior)
                        prior[i] = data->prior[from];
        }
        part.prior = data->prior ? prior : NULL;
        return part;
}

/* Scale and parameters; what was learnt before is where the search for them begins. */
static bool refit_to(struct surrogate *surrogate, const struct surrogate_data *data, bool positive,
                     struct error *err)
{
        autofree double *x = memory_new((size_t)FIT_POINTS * (size_t)surrogate->d + 1, sizeof *x);
        autofree double *columns = memory_new((size_t)2 * FIT_POINTS, sizeof *columns);
        autofree struct surrogate_prior *prior = memory_new(FIT_POINTS, sizeof *prior);
        struct surrogate_data part =
                data->n > FIT_POINTS ? thinned(data, surrogate->d, x, columns, prior) : *data;

        choose_scale(surrogate, &part, positive);
        standardise(surrogate, &part);
        fill(surrogate, 0, 0, &part);
        return gp_fit(surrogate->gp[0], data->n <= MEMBERS_UNTIL, FIT_EVALUATIONS, err);
}

bool surrogate_learn(struct surrogate *surrogate, const struct surrogate_data *data, bool positive,
                     bool refit, struct error *err)
{
        surrogate->members = data->n <= MEMBERS_UNTIL ? SURROGATE_MAX_MEMBERS : 1;
        surrogate->learnt = data->n;
        if (refit && !refit_to(surrogate, data, positive, err))
                return false;
        standardise(surrogate, data);
        fill(surrogate, 0, 0, data);
        return gp_condition(surrogate->gp[0], err) && draw_members(surrogate, data, err);
}

bool surrogate_believe(struct surrogate *surrogate, const double *x, double deviations, struct error *err)
{
        for (int m = 0; m < surrogate->members; m++) {
                double mean, variance;

                gp_predict(surrogate->gp[m], x, 1, &mean, &variance);
                if (!gp_append(surrogate->gp[m], x, mean + deviations * sqrt(variance), 1, err))
                        return false;
        }
        return true;
}

/* ---- predictions ---- */

/* Variance of the values for one of the processes. Their centre and scale come from the same few points, and
 * are taken as known by the processes: as in Student's t, which a normal law of more variance stands for.
 * Where points may lie as close as they like that only drives a search away from the best (Ackley's
 * function). */
static double unit_variance(const struct surrogate *surrogate)
{
        return surrogate->scale * surrogate->scale * (1 + surrogate->open_points / surrogate->learnt);
}

void surrogate_predict(const struct surrogate *surrogate, const double *x,
                       const struct surrogate_prior *prior, int count, double *ret_mean, double *ret_variance)
{
        autofree double *mean = memory_new((size_t)count, sizeof *mean);
        autofree double *variance = memory_new((size_t)count, sizeof *variance);
        double share = 1.0 / surrogate->members;

        memset(ret_mean, 0, (size_t)count * sizeof *ret_mean);
        memset(ret_variance, 0, (size_t)count * sizeof *ret_variance);
        for (int m = 0; m < surrogate->members; m++) {
                gp_predict(surrogate->gp[m], x, count, mean, variance);
                for (int c = 0; c < count; c++) {
                        mean[c] += (surrogate->own_centre[m] - surrogate->centre +
                                    (prior ? beside_usual(surrogate, &prior[c], surrogate->form[m]) : 0)) /
                                   surrogate->scale;
                        ret_mean[c] += share * mean[c];
                        ret_variance[c] += share * (variance[c] + mean[c] * mean[c]);
                }
        }
        for (int c = 0; c < count; c++) {
                ret_variance[c] = fmax(ret_variance[c] - ret_mean[c] * ret_mean[c], VARIANCE_LEAST) *
                                  unit_variance(surrogate);
                ret_mean[c] = surrogate->centre + surrogate->scale * ret_mean[c] +
                              (prior ? surrogate->prior_weight * prior[c].mean : 0);
        }
}

double surrogate_noise(const struct surrogate *surrogate)
{
        double noise = 0;

        for (int m = 0; m < surrogate->members; m++)
                noise += exp(surrogate->gp[m]->theta[GP_NOISE]) / surrogate->members;
        return noise * unit_variance(surrogate);
}

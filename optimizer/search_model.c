/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/normal.h"
#include "optimizer/search_internal.h"

#define REFIT_ALWAYS  40  /* trials until which every one leads to new parameters */
#define FAILED_BEYOND 0.3 /* of the range of y: where failed runs are put above the worst */
/* Power of the resources that a run time falls with. By Amdahl's law with an eighth of the work serial, eight
 * times the resources are 4.27 times as fast: 8^0.7. */
#define SPEED_POWER 0.7

void search_model_free(struct search_model *model)
{
        surrogate_free(model->objective);
        for (int c = 0; c <= SEARCH_FAILING; c++)
                surrogate_free(model->constraints[c]);
}

bool search_has_prior(const struct search *search)
{
        return search->options.price >= 0 || search->options.n_resources > 0;
}

/* of: as in search_options, a column or a parameter. */
static double log_known(const struct search_space *space, int of, const double *point, int candidate)
{
        return log(of >= space->n_columns ? point[of - space->n_columns]
                                          : space->columns[of].value[candidate]);
}

double search_prior(const struct search *search, const double *point, int candidate)
{
        const struct search_options *options = &search->options;
        double sum = options->price < 0 ? 0 : log_known(search->space, options->price, point, candidate);

        for (int r = 0; r < options->n_resources; r++)
                sum -= SPEED_POWER * log_known(search->space, options->resources[r], point, candidate);
        return sum;
}

/* ---- what is known ---- */

/* Trials of the same point become one, with the mean of its values. */
struct known {
        int n;
        int *trial; /* n: the first of each point */
        double *x, *y, *share, *prior;
};

static void known_free(struct known *known)
{
        free(known->trial);
        free(known->x);
        free(known->y);
        free(known->share);
        free(known->prior);
}

static bool same_point(const struct search *search, int a, int b)
{
        return memcmp(search->trials[a].point, search->trials[b].point,
                      (size_t)search->space->n * sizeof(double)) == 0;
}

static int find_point(const struct search *search, const struct known *known, int trial)
{
        for (int i = 0; i < known->n; i++)
                if (same_point(search, known->trial[i], trial))
                        return i;
        return -1;
}

static void known_add(const struct search *search, struct known *known, int trial, double y)
{
        const struct search_trial *of = &search->trials[trial];
        int at = find_point(search, known, trial);

        if (at < 0) {
                at = known->n++;
                known->trial[at] = trial;
                known->y[at] = y;
                known->share[at] = 1;
                known->prior[at] = search_prior(search, of->point, of->candidate);
                search_features_encode(&search->features, search->space, of->point, of->candidate,
                                       known->x + (size_t)at * (size_t)search->features.d);
                return;
        }
        /* running mean: the share of a point is one over its runs */
        known->y[at] += (y - known->y[at]) / (1 / known->share[at] + 1);
        known->share[at] = 1 / (1 / known->share[at] + 1);
}

static void known_new(const struct search *search, struct known *known)
{
        size_t n = (size_t)search->n_trials + 1;

        *known = (struct known){
                .trial = memory_new(n, sizeof *known->trial),
                .x = memory_new(n * (size_t)search->features.d + 1, sizeof *known->x),
                .y = memory_new(n, sizeof *known->y),
                .share = memory_new(n, sizeof *known->share),
                .prior = memory_new(n, sizeof *known->prior),
        };
}

int search_told(const struct search *search)
{
        int told = 0;

        for (int t = 0; t < search->n_trials; t++)
                told += search->trials[t].status != SEARCH_PENDING;
        return told;
}

/* ---- the objective ---- */

static bool is_positive(const struct search *search)
{
        for (int t = 0; t < search->n_trials; t++)
                if (search->trials[t].status != SEARCH_PENDING && search->trials[t].status != SEARCH_FAILED &&
                    !(search->trials[t].y > 0))
                        return false;
        return true;
}

/* y that a failed run counts as: beyond the worst, so that the like of it does not look good. */
static double failed_y(const struct search *search, bool positive)
{
        double low = INFINITY, high = -INFINITY;

        for (int t = 0; t < search->n_trials; t++)
                if (search->trials[t].status == SEARCH_OK) {
                        low = fmin(low, search->trials[t].y);
                        high = fmax(high, search->trials[t].y);
                }
        if (!(high >= low))
                return NAN;
        return positive ? high * pow(high / low, FAILED_BEYOND) : high + FAILED_BEYOND * (high - low);
}

static bool learn_objective(struct search *search, bool refit, struct error *err)
{
        struct surrogate *objective = search->model.objective;
        bool positive = is_positive(search), done;
        double failed = failed_y(search, positive);
        struct known known;

        known_new(search, &known);
        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];

                if (trial->status == SEARCH_OK)
                        known_add(search, &known, t, trial->y);
                else if (trial->status == SEARCH_FAILED && isfinite(failed) &&
                         find_point(search, &known, t) < 0)
                        known_add(search, &known, t, failed);
        }
        const struct surrogate_data data = {known.n, known.x, known.y, known.share,
                                            positive && search_has_prior(search) ? known.prior : NULL};
        done = known.n > 0 && surrogate_learn(objective, &data, positive, refit, err);
        known_free(&known);
        return done;
}

/* Runs that were stopped are taken to end where the others say that runs that last so long end. */
static bool believe_censored(struct search *search, const struct search_trial *trial, const double *x,
                             double prior, struct error *err)
{
        struct surrogate *objective = search->model.objective;
        double mean, variance, beyond, hazard;

        surrogate_predict(objective, x, &prior, 1, &mean, &variance);
        beyond = (surrogate_scale(objective, trial->y) - mean) / sqrt(variance);
        hazard = exp(normal_log_density(beyond) - normal_log_cdf(-beyond));
        return surrogate_believe(objective, x, hazard, err);
}

static bool believe_unknown(struct search *search, struct error *err)
{
        double x[GP_MAX_FEATURES];

        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];
                double prior = search_prior(search, trial->point, trial->candidate);

                if (trial->status == SEARCH_OK || trial->status == SEARCH_FAILED)
                        continue;
                search_features_encode(&search->features, search->space, trial->point, trial->candidate, x);
                if (trial->status == SEARCH_CENSORED ? !believe_censored(search, trial, x, prior, err)
                                                     : !surrogate_believe(search->model.objective, x, 0, err))
                        return false;
        }
        return true;
}

/* ---- constraints, and failing as one of them ---- */

static double constraint_value(const struct search_trial *trial, int c)
{
        if (trial->status == SEARCH_PENDING)
                return NAN;
        if (c == SEARCH_FAILING)
                return trial->status == SEARCH_FAILED ? 1 : -1;
        return trial->constraints[c];
}

static bool learn_constraint(struct search *search, int c, bool refit, struct error *err)
{
        struct search_model *model = &search->model;
        bool failing = c == SEARCH_FAILING, any = !failing, done = true;
        struct known known;

        known_new(search, &known);
        for (int t = 0; t < search->n_trials; t++) {
                double value = constraint_value(&search->trials[t], c);

                any |= failing && value > 0;
                if (isfinite(value))
                        known_add(search, &known, t, value);
        }
        model->used[c] = any && known.n > 1;
        if (model->used[c]) {
                const struct surrogate_data data = {known.n, known.x, known.y, known.share, NULL};

                if (!model->constraints[c])
                        model->constraints[c] =
                                surrogate_new(search->features.d, search->features.category,
                                              search->enumerated, search->options.seed + 1 + (uint64_t)c);
                done = surrogate_learn(model->constraints[c], &data, false, refit, err);
        }
        known_free(&known);
        return done;
}

/* ---- together ---- */

static bool keeps_all(const struct search *search, const struct search_trial *trial)
{
        for (int c = 0; c < search->n_constraints; c++)
                if (trial->constraints[c] > 0)
                        return false;
        return trial->status == SEARCH_OK;
}

static bool is_noisy(const struct search *search)
{
        for (int a = 0; a < search->n_trials; a++)
                for (int b = 0; b < a; b++)
                        if (search->trials[a].status == SEARCH_OK && search->trials[b].status == SEARCH_OK &&
                            search->trials[a].y != search->trials[b].y && same_point(search, a, b))
                                return true;
        return false;
}

static double mean_at(const struct search *search, const struct search_trial *trial)
{
        double x[GP_MAX_FEATURES], prior = search_prior(search, trial->point, trial->candidate), mean,
                                   variance;

        search_features_encode(&search->features, search->space, trial->point, trial->candidate, x);
        surrogate_predict(search->model.objective, x, &prior, 1, &mean, &variance);
        return mean;
}

/* Where no run was repeated, or repeating it changed nothing, a value stays what it is, and the best is the
 * least. Where runs of a point differ, the least y may be luck, and the best is the least mean. */
static void find_best(struct search *search)
{
        struct search_model *model = &search->model;

        model->noisy = is_noisy(search);
        model->has_best = false;
        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];
                double mean;

                if (!keeps_all(search, trial))
                        continue;
                mean = model->noisy ? mean_at(search, trial) : surrogate_scale(model->objective, trial->y);
                if (model->has_best && mean >= model->best)
                        continue;
                model->has_best = true;
                model->best = mean;
        }
}

const double *search_best(const struct search *search, double *ret_y)
{
        const double *best = NULL;

        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];

                if (!keeps_all(search, trial) || (best && trial->y >= *ret_y))
                        continue;
                best = trial->point;
                *ret_y = trial->y;
        }
        return best;
}

static bool is_refit_due(const struct search *search, int told)
{
        int since = told - search->model.learnt;

        if (told < REFIT_ALWAYS)
                return since > 0;
        return since >= (told < 100 ? 2 : told < 300 ? 5 : 20);
}

bool search_model_learn(struct search *search, struct error *err)
{
        struct search_model *model = &search->model;
        int told = search_told(search);
        bool refit = is_refit_due(search, told);

        if (!model->objective)
                model->objective = surrogate_new(search->features.d, search->features.category,
                                                 search->enumerated, search->options.seed);
        if (!learn_objective(search, refit, err))
                return false;
        for (int c = 0; c <= SEARCH_FAILING; c++)
                if ((c < search->n_constraints || c == SEARCH_FAILING) &&
                    !learn_constraint(search, c, refit, err))
                        return false;
        if (refit)
                model->learnt = told;
        find_best(search);
        return believe_unknown(search, err);
}

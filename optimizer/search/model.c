/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/search/normal.h"
#include "optimizer/search/internal.h"

#define REFIT_ALWAYS  40  /* trials until which every one leads to new parameters */
#define RANKED_LEAST  6   /* trials whose ranks say something */
#define HEAPED        0.3 /* of the range of y, logarithms or not: y is heaped if its better half spans less */
#define FAILED_BEYOND 0.3  /* of the range of y: where failed runs are put above the worst */
#define LIKELIER      0.5  /* than not */
#define FRONT_BEYOND  0.1  /* of the range of a front: where areas are measured from */
#define TIME_LEAST    1e-6 /* of its limit that a run may take: what is told is no time below */
/* Probability that the run time of y depends on resources as is usual. In tables of several kinds of
 * machines, where what else differs matters more, forms that are freer cost more trials than they save; a
 * limit on the time has to be known more exactly (docs/evidence.md, "Search"). */
#define USUAL       0.8
#define SECOND_SEED (SEARCH_FAILING + 2) /* behind those of the constraints */

void search_model_free(struct search_model *model)
{
        surrogate_free(model->objective);
        surrogate_free(model->second);
        free(model->front);
        surrogate_free(model->ranks);
        for (int c = 0; c <= SEARCH_FAILING; c++)
                surrogate_free(model->constraints[c]);
}

/* ---- what is known ---- */

void search_known_free(struct search_known *known)
{
        free(known->trial);
        free(known->x);
        free(known->y);
        free(known->share);
        free(known->prior);
}

static bool same_values(const double *a, const double *b, int count)
{
        for (int i = 0; i < count; i++)
                if (a[i] != b[i])
                        return false;
        return true;
}

static bool same_point(const struct search *search, int a, int b)
{
        const struct search_trial *one = &search->trials[a], *other = &search->trials[b];

        return same_values(one->point, other->point, search->space->n) &&
               same_values(one->context, other->context, search->space->n_context);
}

static int find_point(const struct search *search, const struct search_known *known, int trial)
{
        for (int i = 0; i < known->n; i++)
                if (same_point(search, known->trial[i], trial))
                        return i;
        return -1;
}

static void known_add(const struct search *search, struct search_known *known, int trial, double y)
{
        const struct search_trial *of = &search->trials[trial];
        int at = find_point(search, known, trial);

        if (at < 0) {
                at = known->n++;
                known->trial[at] = trial;
                known->y[at] = y;
                known->share[at] = 1;
                known->prior[at] = search_prior_trial(search, of);
                search_encode_trial(search, of, known->x + (size_t)at * (size_t)search->features.d);
                return;
        }
        /* running mean: the share of a point is one over its runs */
        known->y[at] += (y - known->y[at]) / (1 / known->share[at] + 1);
        known->share[at] = 1 / (1 / known->share[at] + 1);
}

static void known_new(const struct search *search, struct search_known *known)
{
        size_t n = (size_t)search->n_trials + 1;

        *known = (struct search_known){
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

/* One of the values that are to be small: the first, or the second of a front. */
static double value_of(const struct search_trial *trial, int objective)
{
        return objective == 0 ? trial->y : trial->second;
}

bool search_is_positive(const struct search *search, int objective)
{
        for (int t = 0; t < search->n_trials; t++)
                if (search->trials[t].status != SEARCH_PENDING && search->trials[t].status != SEARCH_FAILED &&
                    value_of(&search->trials[t], objective) <= 0)
                        return false;
        return true;
}

/* y that a failed run counts as: beyond the worst, so that the like of it does not look good. */
static double failed_y(const struct search *search, int objective, bool positive)
{
        double low = INFINITY, high = -INFINITY;

        for (int t = 0; t < search->n_trials; t++)
                if (search->trials[t].status == SEARCH_OK) {
                        low = fmin(low, value_of(&search->trials[t], objective));
                        high = fmax(high, value_of(&search->trials[t], objective));
                }
        if (!(high >= low))
                return NAN;
        return positive ? high * pow(high / low, FAILED_BEYOND) : high + FAILED_BEYOND * (high - low);
}

void search_known_runs(const struct search *search, int objective, bool positive, bool stopped,
                       struct search_known *ret_known)
{
        double failed = failed_y(search, objective, positive);

        known_new(search, ret_known);
        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];

                if (trial->status == SEARCH_OK || (stopped && trial->status == SEARCH_CENSORED))
                        known_add(search, ret_known, t, value_of(trial, objective));
                else if (trial->status == SEARCH_FAILED && isfinite(failed) &&
                         find_point(search, ret_known, t) < 0)
                        known_add(search, ret_known, t, failed);
        }
}

/* What is known beforehand is of the first value. */
static bool learn_objective(struct search *search, int objective, struct surrogate *surrogate, bool refit,
                            struct error *err)
{
        bool linear = objective == 0 && search->linear, done,
             positive = !linear && search_is_positive(search, objective);
        struct search_known known;

        search_known_runs(search, objective, positive, false, &known);
        const struct surrogate_data data = {known.n, known.x, known.y, known.share,
                                            objective == 0 && (positive || linear) && search_has_prior(search)
                                                    ? known.prior
                                                    : NULL};
        done = known.n > 0 && surrogate_learn(surrogate, &data, positive, refit, err);
        search_known_free(&known);
        return done;
}

/* ---- the objective by its ranks ---- */

/* Scores of ranks, as a normal law has them; values that are the same share theirs. */
static void put_ranks(struct search_known *known)
{
        autofree double *y = memory_new((size_t)known->n, sizeof *y);

        memcpy(y, known->y, (size_t)known->n * sizeof *y);
        for (int i = 0; i < known->n; i++) {
                double below = 0;

                for (int k = 0; k < known->n; k++)
                        below += y[k] < y[i] ? 1 : y[k] == y[i] ? 0.5 : 0;
                known->y[i] = gsl_cdf_ugaussian_Pinv(below / known->n);
        }
}

static bool believe_pending(struct search *search, struct surrogate *surrogate, struct error *err)
{
        double x[GP_MAX_FEATURES];

        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];

                if (trial->status != SEARCH_PENDING)
                        continue;
                search_encode_trial(search, trial, x);
                if (!surrogate_believe(surrogate, x, 0, err))
                        return false;
        }
        return true;
}

static bool learn_ranks(struct search *search, bool refit, struct error *err)
{
        struct search_model *model = &search->model;
        struct search_known known;
        bool done;

        if (!model->ranks)
                model->ranks = surrogate_new(search->features.d, search->features.category, true,
                                             search->options.seed);
        search_known_runs(search, 0, search_is_positive(search, 0), true, &known);
        put_ranks(&known);
        const struct surrogate_data data = {known.n, known.x, known.y, known.share, NULL};

        done = surrogate_learn(model->ranks, &data, false, refit, err) &&
               believe_pending(search, model->ranks, err);
        search_known_free(&known);
        return done;
}

static int by_value(const void *left, const void *right)
{
        const double *a = left, *b = right;

        return (*a > *b) - (*a < *b);
}

/* Where y lies in heaps far from one another the differences that matter, within the best heap, are nothing
 * beside those between heaps: ranks show them. They do not show how much there is to be gained elsewhere, so
 * that they take turns with the values. What is known beforehand is of the values, and so are bounds; and a
 * context makes heaps of its own. */
static bool is_heaped(const struct search *search)
{
        autofree double *y = memory_new((size_t)search->n_trials + 1, sizeof *y);
        int n = 0;

        if (!search->enumerated || search_has_prior(search) || search->n_constraints > 0 ||
            search->options.pareto || search->space->n_context > 0)
                return false;
        for (int t = 0; t < search->n_trials; t++)
                if (search->trials[t].status == SEARCH_OK)
                        y[n++] = surrogate_scale(search->model.objective, search->trials[t].y);
        qsort(y, (size_t)n, sizeof *y, by_value);
        return n >= RANKED_LEAST && y[n / 2] - y[0] < HEAPED * (y[n - 1] - y[0]);
}

/* Runs that were stopped are taken to end where the others say that runs that last so long end. */
static bool believe_censored(struct surrogate *surrogate, double y, const double *x,
                             const struct surrogate_prior *prior, struct error *err)
{
        double mean, variance, beyond, hazard;

        surrogate_predict(surrogate, x, prior, 1, &mean, &variance);
        beyond = (surrogate_scale(surrogate, y) - mean) / sqrt(variance);
        hazard = exp(normal_log_density(beyond) - normal_log_cdf(-beyond));
        return surrogate_believe(surrogate, x, hazard, err);
}

static bool believe_unknown(struct search *search, int objective, struct surrogate *surrogate,
                            struct error *err)
{
        double x[GP_MAX_FEATURES];

        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];
                struct surrogate_prior prior = search_prior_trial(search, trial);
                double y = value_of(trial, objective);

                if (trial->status == SEARCH_OK || trial->status == SEARCH_FAILED)
                        continue;
                search_encode_trial(search, trial, x);
                if (trial->status == SEARCH_CENSORED && isfinite(y)
                            ? !believe_censored(surrogate, y, x, objective == 0 ? &prior : NULL, err)
                            : !surrogate_believe(surrogate, x, 0, err))
                        return false;
        }
        return true;
}

/* ---- constraints, and failing as one of them ---- */

/* Of a limit on the run time the logarithm of what it takes up of it. NAN: nothing is known; so of a run that
 * failed within the limit, which does not show how long it would have taken. */
static double constraint_value(const struct search *search, const struct search_trial *trial, int c)
{
        double limit = search->time_limit[c], told;

        if (trial->status == SEARCH_PENDING)
                return NAN;
        if (c == SEARCH_FAILING)
                return trial->status == SEARCH_FAILED ? 1 : -1;
        told = trial->constraints[c];
        if (limit <= 0 || isnan(told))
                return told;
        if (trial->status == SEARCH_FAILED && told <= 0)
                return NAN;
        return log(fmax(told / limit + 1, TIME_LEAST));
}

static struct surrogate *constraint_new(const struct search *search, int c)
{
        struct surrogate *constraint =
                surrogate_new(search->features.d, search->features.category, search->enumerated,
                              search->options.seed + 1 + (uint64_t)c);

        if (search->time_limit[c] > 0) {
                constraint->steps = true;
                constraint->forms = &search->forms;
                constraint->usual = 1.0 / RUN_FORMS;
        }
        return constraint;
}

static bool learn_constraint(struct search *search, int c, bool refit, struct error *err)
{
        struct search_model *model = &search->model;
        bool failing = c == SEARCH_FAILING, any = !failing, done = true;
        struct search_known known;

        known_new(search, &known);
        for (int t = 0; t < search->n_trials; t++) {
                double value = constraint_value(search, &search->trials[t], c);

                any |= failing && value > 0;
                if (isfinite(value))
                        known_add(search, &known, t, value);
        }
        for (int i = 0; i < known.n; i++)
                known.prior[i] = search_prior_time(search, &known.prior[i]);
        model->used[c] = any && known.n > 1;
        if (model->used[c]) {
                const struct surrogate_data data = {known.n, known.x, known.y, known.share,
                                                    search->time_limit[c] > 0 ? known.prior : NULL};

                if (!model->constraints[c])
                        model->constraints[c] = constraint_new(search, c);
                done = surrogate_learn(model->constraints[c], &data, false, refit, err);
        }
        search_known_free(&known);
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
                            (search->trials[a].y != search->trials[b].y ||
                             (search->options.pareto &&
                              search->trials[a].second != search->trials[b].second)) &&
                            same_point(search, a, b))
                                return true;
        return false;
}

/* At the context that holds. */
static double mean_at(const struct search *search, const struct search_trial *trial, int objective)
{
        struct surrogate_prior prior = search_prior(search, trial->point, trial->candidate);
        double x[GP_MAX_FEATURES], mean, variance;

        search_encode(search, trial->point, trial->candidate, x);
        surrogate_predict(objective == 0 ? search->model.objective : search->model.second, x,
                          objective == 0 ? &prior : NULL, 1, &mean, &variance);
        return mean;
}

/* Of a context it is the model that says what a trial's point does at the one that holds. */
static bool is_by_model(const struct search *search)
{
        return search->model.noisy || search->space->n_context > 0;
}

/* What was tried at another context is good where it is likelier than not to keep the constraints here. */
static bool is_good(const struct search *search, const struct search_trial *trial)
{
        struct surrogate_prior prior;
        double x[GP_MAX_FEATURES], log_feasible;

        if (search->space->n_context == 0 || trial->status != SEARCH_OK)
                return keeps_all(search, trial);
        prior = search_prior(search, trial->point, trial->candidate);
        search_encode(search, trial->point, trial->candidate, x);
        search_log_feasible(search, x, &prior, 1, &log_feasible);
        return log_feasible >= log(LIKELIER);
}

/* Where no run was repeated, or repeating it changed nothing, a value stays what it is, and the best is the
 * least. Where runs of a point differ, the least y may be luck, and the best is the least mean. */
static void find_best(struct search *search)
{
        struct search_model *model = &search->model;

        model->has_best = false;
        for (int t = 0; t < search->n_trials; t++) {
                const struct search_trial *trial = &search->trials[t];
                double mean;

                if (!is_good(search, trial))
                        continue;
                mean = is_by_model(search) ? mean_at(search, trial, 0)
                                           : surrogate_scale(model->objective, trial->y);
                if (model->has_best && mean >= model->best)
                        continue;
                model->has_best = true;
                model->best = mean;
                model->best_trial = t;
        }
}

/* By its runs, or, as the best is, by the model. */
static struct pareto_point front_point(const struct search *search, int trial)
{
        const struct search_model *model = &search->model;
        const struct search_trial *at = &search->trials[trial];

        if (!is_by_model(search))
                return (struct pareto_point){{at->y, at->second}, trial};
        return (struct pareto_point){{surrogate_value(model->objective, mean_at(search, at, 0)),
                                      surrogate_value(model->second, mean_at(search, at, 1))},
                                     trial};
}

/* The corner that areas are measured from: the worst of the front, and a tenth of its range beyond, so that
 * its ends may go further; of all points in which the front has no range. */
static void put_reference(struct search_model *model, int count)
{
        for (int k = 0; k < PARETO_OBJECTIVES; k++) {
                double low = INFINITY, high = -INFINITY, worst = -INFINITY, range;

                for (int i = 0; i < count; i++) {
                        low = fmin(low, model->front[i].y[k]);
                        high = fmax(high, model->front[i].y[k]);
                        worst = i < model->n_front ? high : worst;
                }
                range = model->n_front > 1 ? worst - low : high - low;
                model->reference[k] = worst + FRONT_BEYOND * (range > 0 ? range : fabs(worst));
        }
}

static void find_front(struct search *search)
{
        struct search_model *model = &search->model;
        int count = 0;

        model->front = memory_resize(model->front, (size_t)search->n_trials + 1, sizeof *model->front);
        for (int t = 0; t < search->n_trials; t++)
                if (is_good(search, &search->trials[t]))
                        model->front[count++] = front_point(search, t);
        model->n_front = pareto_front(model->front, count);
        put_reference(model, count);
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

const double *search_best_now(struct search *search, double *ret_y)
{
        const struct search_model *model = &search->model;
        struct error ignored = ERROR_INIT;

        if (search->space->n_context == 0 || !search_has_model(search) ||
            (!model->current && !search_model_learn(search, &ignored)))
                return search_best(search, ret_y);
        if (!model->has_best)
                return NULL;
        *ret_y = surrogate_value(model->objective, model->best);
        return search->trials[model->best_trial].point;
}

/* learnt: trials told when parameters were last looked for. */
static bool is_refit_due(int learnt, int told)
{
        int since = told - learnt;

        if (told < REFIT_ALWAYS)
                return since > 0;
        return since >= (told < 100 ? 2 : told < 300 ? 5 : 20);
}

static bool learn_second(struct search *search, bool refit, struct error *err)
{
        struct search_model *model = &search->model;

        if (!search->options.pareto)
                return true;
        if (!model->second)
                model->second = surrogate_new(search->features.d, search->features.category,
                                              search->enumerated, search->options.seed + SECOND_SEED);
        return learn_objective(search, 1, model->second, refit, err);
}

bool search_model_learn(struct search *search, struct error *err)
{
        struct search_model *model = &search->model;
        int told = search_told(search);
        bool refit = is_refit_due(model->learnt, told), rerank = is_refit_due(model->ranked, told);

        if (!model->objective)
                model->objective = surrogate_new(search->features.d, search->features.category,
                                                 search->enumerated, search->options.seed);
        model->objective->steps = search->options.n_resources > 0;
        model->objective->forms = search->options.n_resources > 0 && !search->linear ? &search->forms : NULL;
        model->objective->usual = USUAL;
        if (!search_earlier_weigh(search, err) || !learn_objective(search, 0, model->objective, refit, err) ||
            !learn_second(search, refit, err))
                return false;
        for (int c = 0; c <= SEARCH_FAILING; c++)
                if ((c < search->n_constraints || c == SEARCH_FAILING) &&
                    !learn_constraint(search, c, refit, err))
                        return false;
        if (refit)
                model->learnt = told;
        model->noisy = is_noisy(search);
        find_best(search);
        if (search->options.pareto)
                find_front(search);
        model->heaped = is_heaped(search);
        model->by_rank = model->heaped && search->n_trials % 2 == 1;
        if (model->by_rank && !learn_ranks(search, rerank, err))
                return false;
        if (model->by_rank && rerank)
                model->ranked = told;
        model->current = believe_unknown(search, 0, model->objective, err) &&
                         (!search->options.pareto || believe_unknown(search, 1, model->second, err));
        return model->current;
}

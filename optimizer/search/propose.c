/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_qrng.h>
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/search/normal.h"
#include "optimizer/search/internal.h"

#define SPREAD_TRIES    256 /* points looked at for each of the first ones */
#define SPREAD_DRAWS    32
#define ALIKE           1e-9 /* of logarithms */
#define LIMIT_TRIES     64   /* to draw a point that limits allow */
#define QRNG_DIMENSIONS 40   /* that GSL's Sobol sequence has */
#define DRAWS_MOST      2048
#define DRAWS_LEAST     256
#define DRAW_WORK       400000 /* draws times points of the model */
#define NEAR_SHARE      4      /* one of so many draws is made once more, near the best */
#define NEAR_KEPT       0.7
#define NEAR_RADIUS     0.1
#define NEAR_SHRINK     0.01
#define STARTS          6 /* draws from which a local search begins */
#define STARTS_LEAST    2 /* where a point takes long to look at */
#define ROUNDS          8
#define FIRST_RADIUS    0.05
#define LATER_RADIUS    0.02
#define CLIMB_BASE      30 /* evaluations of a local search ... */
#define CLIMB_EACH      20 /* ... and for each parameter */
#define CLIMB_NEAR      1e-6
#define CLIMB_BETTER    1e-7
#define FORBIDDEN       1e10
#define LEVELS_ALL      16 /* parameters with no more values are tried at all of them */
#define BETTER          1e-9
#define HOPELESS        -1e8 /* log of the least improvement that is told apart from none */
#define BOUND_SD        2.0
#define GREED           1.0 /* standard deviations below the mean that a point is taken at its word */
#define GREED_KNOWN     0.5 /* where resources say how y falls */
#define GREED_WIDE      3.0 /* between looks by rank, which keep to what is good already */
#define FEASIBLE_LEAST                                                                                       \
        0.3 /* while there are others, points that are less likely to keep the constraints wait */

/* ---- scores ---- */

void search_log_feasible(const struct search *search, const double *x, const struct surrogate_prior *prior,
                         int count, double *ret_log)
{
        const struct search_model *model = &search->model;
        autofree double *mean = memory_new((size_t)count, sizeof *mean);
        autofree double *variance = memory_new((size_t)count, sizeof *variance);
        autofree struct surrogate_prior *time = memory_new((size_t)count, sizeof *time);

        for (int i = 0; i < count; i++)
                time[i] = search_prior_time(search, &prior[i]);
        memset(ret_log, 0, (size_t)count * sizeof *ret_log);
        for (int c = 0; c <= SEARCH_FAILING; c++) {
                if (!model->used[c])
                        continue;
                surrogate_predict(model->constraints[c], x, search->time_limit[c] > 0 ? time : NULL, count,
                                  mean, variance);
                for (int i = 0; i < count; i++)
                        ret_log[i] += normal_log_cdf(
                                -mean[i] / sqrt(variance[i] + surrogate_noise(model->constraints[c])));
        }
}

static double front_improvement(const struct search_model *model, const struct search_score *of)
{
        const struct pareto_belief belief[] = {{model->objective->log, of->mean, sqrt(of->variance)},
                                               {model->second->log, of->second_mean,
                                                sqrt(of->second_variance)}};

        return fmax(pareto_log_improvement(model->front, model->n_front, model->reference, belief), HOPELESS);
}

static double score_one(const struct search *search, const struct search_score *of, double greed)
{
        const struct search_model *model = &search->model;
        double sd = sqrt(of->variance);

        if (!model->has_best)
                return of->log_feasible;
        if (search->options.pareto)
                return of->log_feasible + front_improvement(model, of) -
                       (of->log_feasible < log(FEASIBLE_LEAST) ? FORBIDDEN : 0);
        if (isfinite(greed))
                return of->log_feasible * model->objective->scale - (of->mean - greed * sd);
        return of->log_feasible + log(sd) + normal_log_improvement((model->best - of->mean) / sd) -
               (of->log_feasible < log(FEASIBLE_LEAST) ? FORBIDDEN : 0);
}

static void predict_second(const struct search *search, const double *x, int count,
                           struct search_score *ret_scores)
{
        autofree double *mean = memory_new((size_t)count, sizeof *mean);
        autofree double *variance = memory_new((size_t)count, sizeof *variance);
        double noise = search->model.noisy ? 0 : surrogate_noise(search->model.second);

        surrogate_predict(search->model.second, x, NULL, count, mean, variance);
        for (int i = 0; i < count; i++) {
                ret_scores[i].second_mean = mean[i];
                ret_scores[i].second_variance = variance[i] + noise;
        }
}

void search_score(const struct search *search, const double *x, const struct surrogate_prior *prior,
                  int count, double greed, struct search_score *ret_scores)
{
        autofree double *mean = memory_new((size_t)count, sizeof *mean);
        autofree double *variance = memory_new((size_t)count, sizeof *variance);
        autofree double *feasible = memory_new((size_t)count, sizeof *feasible);

        surrogate_predict(search->model.objective, x, prior, count, mean, variance);
        search_log_feasible(search, x, prior, count, feasible);
        for (int i = 0; i < count; i++) {
                if (!search->model.noisy)
                        variance[i] += surrogate_noise(search->model.objective);
                ret_scores[i] = (struct search_score){0, mean[i], variance[i], feasible[i], NAN, NAN};
        }
        if (search->options.pareto)
                predict_second(search, x, count, ret_scores);
        for (int i = 0; i < count; i++)
                ret_scores[i].score = score_one(search, &ret_scores[i], greed);
}

/* Scores of all listed points by the ranks of y; keeps what else ret_scores says. */
static void score_ranks(const struct search *search, struct search_score *ret_scores)
{
        const struct surrogate *ranks = search->model.ranks;
        autofree double *mean = memory_new((size_t)search->n_points + 1, sizeof *mean);
        autofree double *variance = memory_new((size_t)search->n_points + 1, sizeof *variance);
        double own = search->model.noisy ? 0 : surrogate_noise(ranks);

        surrogate_predict(ranks, search->encoded, NULL, search->n_points, mean, variance);
        for (int i = 0; i < search->n_points; i++)
                ret_scores[i].score = ret_scores[i].log_feasible * ranks->scale -
                                      (mean[i] - GREED * sqrt(variance[i] + own));
}

/* What y may still come down to at any of these points: two standard deviations below the mean. */
static double least_bound(const struct search_score *scores, int count)
{
        double least = INFINITY;

        for (int i = 0; i < count; i++)
                least = fmin(least, scores[i].mean - BOUND_SD * sqrt(scores[i].variance));
        return least;
}

/* ---- points that may be proposed ---- */

static bool is_taken(const struct search *search, const double *point)
{
        for (int t = 0; t < search->n_trials; t++) {
                const double *trial = search->trials[t].point;

                /* the first number tells most points apart, without a call */
                if (trial[0] == point[0] &&
                    memcmp(trial, point, (size_t)search->space->n * sizeof *point) == 0 &&
                    search_like_now(search, &search->trials[t]))
                        return true;
        }
        return false;
}

static double distance(const struct search_features *features, const double *a, const double *b)
{
        double sum = 0;

        for (int k = 0; k < features->d; k++)
                sum += features->category[k] ? (a[k] != b[k] ? 0.5 : 0) : (a[k] - b[k]) * (a[k] - b[k]);
        return sum;
}

/* Squared distance to the nearest trial; to the middle, turned round, while there is none. */
static double loneliness(const struct search *search, const double *x)
{
        double other[GP_MAX_FEATURES], nearest = INFINITY, off = 0;

        for (int t = 0; t < search->n_trials; t++) {
                search_encode_trial(search, &search->trials[t], other);
                nearest = fmin(nearest, distance(&search->features, x, other));
        }
        if (search->n_trials > 0)
                return nearest;
        for (int k = 0; k < search->features.d; k++)
                off += search->features.category[k] ? 0 : (x[k] - 0.5) * (x[k] - 0.5);
        return -off;
}

/* ---- small spaces ---- */

static bool take_listed(const struct search *search, int at, double *ret_point, int *ret_candidate)
{
        size_t n = (size_t)search->space->n;

        if (at < 0)
                return false;
        memcpy(ret_point, search->points + (size_t)at * n, n * sizeof *ret_point);
        *ret_candidate = search->space->n_candidates > 0 ? at : -1;
        return true;
}

static bool propose_listed(struct search *search, double greed, double *ret_point, int *ret_candidate)
{
        autofree struct search_score *scores = memory_new((size_t)search->n_points + 1, sizeof *scores);
        autofree struct surrogate_prior *prior = memory_new((size_t)search->n_points + 1, sizeof *prior);
        int best = -1;

        for (int i = 0; i < search->n_points; i++)
                prior[i] = search_prior_listed(search, i);
        search_score(search, search->encoded, prior, search->n_points, greed, scores);
        search->least = least_bound(scores, search->n_points);
        if (search->model.by_rank)
                score_ranks(search, scores);
        for (int i = 0; i < search->n_points; i++)
                if (!search->taken[i] && (best < 0 || scores[i].score > scores[best].score))
                        best = i;
        return take_listed(search, best, ret_point, ret_candidate);
}

/* Of points that are expected to be alike one drawn by chance. */
static int least_known(struct search *search)
{
        unsigned long count = (unsigned long)search->n_points;
        size_t start = gsl_rng_uniform_int(search->rng, count), best = start;
        double least = INFINITY;

        for (size_t j = 0; j < count; j++) {
                size_t i = (start + j) % count;
                double known = search_prior_listed(search, (int)i).mean;

                if (known >= least - ALIKE)
                        continue;
                least = known;
                best = i;
        }
        return (int)best;
}

static bool spread_listed(struct search *search, double *ret_point, int *ret_candidate)
{
        size_t d = (size_t)search->features.d;
        double most = -INFINITY;
        int best = -1;

        for (int try = 0; try < SPREAD_TRIES && search->n_points > 0; try++) {
                int i = (int)gsl_rng_uniform_int(search->rng, (unsigned long)search->n_points);
                double lonely =
                        search->taken[i] ? -INFINITY : loneliness(search, search->encoded + (size_t)i * d);

                if (lonely <= most)
                        continue;
                most = lonely;
                best = i;
        }
        for (int i = 0; i < search->n_points && best < 0; i++)
                if (!search->taken[i])
                        best = i;
        return take_listed(search, best, ret_point, ret_candidate);
}

/* ---- large spaces: draws, then local search from the best of them ---- */

struct draws {
        gsl_qrng *sequence;
        unsigned dimensions;
        double shift[SEARCH_MAX_PARAMETERS];
};

static void draws_open(struct draws *draws, struct search *search)
{
        unsigned n = (unsigned)search->space->n;

        draws->dimensions = n < QRNG_DIMENSIONS ? n : QRNG_DIMENSIONS;
        draws->sequence = gsl_qrng_alloc(gsl_qrng_sobol, draws->dimensions);
        for (unsigned i = 0; i < n; i++)
                draws->shift[i] = gsl_rng_uniform(search->rng);
}

/* A point of Sobol's sequence, shifted as a whole (Cranley and Patterson 1976), that limits allow if
 * possible. */
static void draw(struct draws *draws, struct search *search, double *ret_point)
{
        double unit[SEARCH_MAX_PARAMETERS] = {0};

        for (int try = 0; try < LIMIT_TRIES; try++) {
                gsl_qrng_get(draws->sequence, unit);
                for (int i = 0; i < search->space->n; i++) {
                        const struct search_parameter *parameter = &search->space->parameters[i];
                        double levels = search_parameter_levels(parameter), u, whole;

                        u = (unsigned)i < draws->dimensions ? unit[i] : gsl_rng_uniform(search->rng);
                        u = modf(u + draws->shift[i], &whole);
                        if (isfinite(levels) && !parameter->log)
                                ret_point[i] =
                                        search_parameter_round(parameter,
                                                               parameter->low +
                                                                       parameter->step * floor(u * levels));
                        else
                                ret_point[i] = search_parameter_value(parameter, u);
                }
                search_space_settle(search->space, ret_point);
                if (search_space_allows(search->space, ret_point))
                        return;
        }
}

static bool spread_drawn(struct search *search, double *ret_point)
{
        size_t bytes = (size_t)search->space->n * sizeof *ret_point;
        double point[SEARCH_MAX_PARAMETERS], x[GP_MAX_FEATURES], most = -INFINITY;
        struct draws draws;

        draws_open(&draws, search);
        for (int try = 0; try < SPREAD_DRAWS; try++) {
                double lonely;

                draw(&draws, search, point);
                search_encode(search, point, -1, x);
                lonely = loneliness(search, x);
                if (is_taken(search, point) || !search_space_allows(search->space, point) || lonely <= most)
                        continue;
                most = lonely;
                memcpy(ret_point, point, bytes);
        }
        gsl_qrng_free(draws.sequence);
        return isfinite(most);
}

struct place {
        double point[SEARCH_MAX_PARAMETERS];
        double score;
};

static double score_at(struct search *search, const double *point, double greed)
{
        struct surrogate_prior prior = search_prior(search, point, -1);
        double x[GP_MAX_FEATURES];
        struct search_score score;

        search_encode(search, point, -1, x);
        search_score(search, x, &prior, 1, greed, &score);
        return score.score;
}

struct climb {
        struct search *search;
        double greed;
        int n;
        int parameter[SEARCH_MAX_PARAMETERS];
        struct place best;
};

static double climb_step(unsigned n, const double *unit, double *gradient, void *user)
{
        struct climb *climb = user;
        double point[SEARCH_MAX_PARAMETERS], score;

        (void)gradient;
        memcpy(point, climb->best.point, sizeof point);
        for (unsigned i = 0; i < n; i++)
                point[climb->parameter[i]] =
                        search_parameter_value(&climb->search->space->parameters[climb->parameter[i]],
                                               unit[i]);
        if (!search_space_allows(climb->search->space, point))
                return FORBIDDEN;
        score = score_at(climb->search, point, climb->greed);
        if (score > climb->best.score && !is_taken(climb->search, point)) {
                memcpy(climb->best.point, point, sizeof point);
                climb->best.score = score;
        }
        return -score;
}

/* The continuous parameters of a place, by Powell's BOBYQA. */
static void climb_floats(struct search *search, double greed, struct place *place, double radius)
{
        struct climb climb = {.search = search, .greed = greed, .best = *place};
        double unit[SEARCH_MAX_PARAMETERS], value;
        nlopt_opt optimiser;

        for (int i = 0; i < search->space->n; i++)
                if (!isfinite(search_parameter_levels(&search->space->parameters[i])) &&
                    search_parameter_active(search->space, place->point, i)) {
                        unit[climb.n] = search_parameter_unit(&search->space->parameters[i], place->point[i]);
                        climb.parameter[climb.n++] = i;
                }
        if (climb.n == 0)
                return;
        optimiser = nlopt_create(climb.n > 1 ? NLOPT_LN_BOBYQA : NLOPT_LN_COBYLA, (unsigned)climb.n);
        nlopt_set_lower_bounds1(optimiser, 0);
        nlopt_set_upper_bounds1(optimiser, 1);
        nlopt_set_initial_step1(optimiser, radius);
        nlopt_set_min_objective(optimiser, climb_step, &climb);
        nlopt_set_maxeval(optimiser, CLIMB_BASE + CLIMB_EACH * climb.n);
        nlopt_set_xtol_abs1(optimiser, CLIMB_NEAR);
        nlopt_set_ftol_abs(optimiser, CLIMB_BETTER);
        nlopt_optimize(optimiser, unit, &value);
        nlopt_destroy(optimiser);
        *place = climb.best;
}

/* Takes the place to another value of a parameter when that scores better. */
static bool try_value(struct search *search, double greed, struct place *place, int parameter, double value)
{
        struct place other = *place;

        if (value < search->space->parameters[parameter].low ||
            value > search->space->parameters[parameter].high)
                return false;
        other.point[parameter] = search_parameter_round(&search->space->parameters[parameter], value);
        search_space_settle(search->space, other.point);
        if (!search_space_allows(search->space, other.point) || is_taken(search, other.point))
                return false;
        other.score = score_at(search, other.point, greed);
        if (other.score <= place->score + BETTER)
                return false;
        *place = other;
        return true;
}

/* The discrete parameters, one at a time: all values of those with few, else steps that double. True when a
 * better value was found. */
static bool climb_choices(struct search *search, double greed, struct place *place)
{
        bool better = false;

        for (int i = 0; i < search->space->n; i++) {
                const struct search_parameter *parameter = &search->space->parameters[i];
                double levels = search_parameter_levels(parameter), here = place->point[i];

                if (!isfinite(levels) || !search_parameter_active(search->space, place->point, i))
                        continue;
                for (double by = 1; by < levels; by = levels <= LEVELS_ALL ? by + 1 : by * 2) {
                        better |= try_value(search, greed, place, i, here + by * parameter->step);
                        better |= try_value(search, greed, place, i, here - by * parameter->step);
                }
        }
        return better;
}

static int by_score(const void *left, const void *right)
{
        const struct place *a = left, *b = right;

        return (a->score < b->score) - (a->score > b->score);
}

static int draws_for(const struct search *search)
{
        int told = search_told(search), draws = DRAW_WORK / (told * search->model.objective->members + 1);

        return draws > DRAWS_MOST ? DRAWS_MOST : draws < DRAWS_LEAST ? DRAWS_LEAST : draws;
}

/* A point near another: most parameters as there, the others moved a little, choices drawn anew. */
static void draw_near(struct search *search, const double *centre, double *point)
{
        if (!centre)
                return;
        for (int i = 0; i < search->space->n; i++) {
                const struct search_parameter *parameter = &search->space->parameters[i];
                double radius = NEAR_RADIUS * pow(NEAR_SHRINK, gsl_rng_uniform(search->rng));
                double unit = search_parameter_unit(parameter, centre[i]) +
                              radius * (2 * gsl_rng_uniform(search->rng) - 1);

                if (gsl_rng_uniform(search->rng) < NEAR_KEPT)
                        point[i] = centre[i];
                else if (parameter->type != SEARCH_CATEGORY)
                        point[i] = search_parameter_value(parameter, fmin(fmax(unit, 0), 1));
        }
        search_space_settle(search->space, point);
}

/* The best one; of a front any. NULL: there is none. */
static const double *good_point(struct search *search)
{
        const struct search_model *model = &search->model;
        double y = NAN;
        unsigned long any;

        if (!search->options.pareto || model->n_front == 0)
                return search_best_now(search, &y);
        any = gsl_rng_uniform_int(search->rng, (unsigned long)model->n_front);
        return search->trials[model->front[any].of].point;
}

/* Points all over the space, and a quarter as many near the best; returns how many may be proposed. */
static int draw_places(struct search *search, int count, struct place *ret_places)
{
        struct draws draws;
        int kept = 0;

        draws_open(&draws, search);
        for (int i = 0; i < count + count / NEAR_SHARE; i++) {
                double *point = ret_places[kept].point;

                draw(&draws, search, point);
                if (i >= count)
                        draw_near(search, good_point(search), point);
                kept += search_space_allows(search->space, point) && !is_taken(search, point);
        }
        gsl_qrng_free(draws.sequence);
        return kept;
}

static void score_places(struct search *search, double greed, struct place *places, int count)
{
        size_t d = (size_t)search->features.d;
        autofree double *x = memory_new((size_t)count * d + 1, sizeof *x);
        autofree struct surrogate_prior *prior = memory_new((size_t)count, sizeof *prior);
        autofree struct search_score *scores = memory_new((size_t)count, sizeof *scores);

        for (int i = 0; i < count; i++) {
                search_encode(search, places[i].point, -1, x + (size_t)i * d);
                prior[i] = search_prior(search, places[i].point, -1);
        }
        search_score(search, x, prior, count, greed, scores);
        search->least = least_bound(scores, count);
        for (int i = 0; i < count; i++)
                places[i].score = scores[i].score;
}

static bool propose_drawn(struct search *search, double greed, double *ret_point)
{
        int count = draws_for(search), kept, best = 0,
            starts = count > DRAWS_LEAST * 2 ? STARTS : STARTS_LEAST;
        autofree struct place *places =
                memory_new((size_t)count + (size_t)(count / NEAR_SHARE) + 1, sizeof *places);

        kept = draw_places(search, count, places);
        if (kept == 0)
                return false;
        score_places(search, greed, places, kept);
        qsort(places, (size_t)kept, sizeof *places, by_score);
        for (int s = 0; s < starts && s < kept; s++) {
                for (int round = 0; round < ROUNDS; round++) {
                        climb_floats(search, greed, &places[s], round ? LATER_RADIUS : FIRST_RADIUS);
                        if (!climb_choices(search, greed, &places[s]))
                                break;
                }
                if (places[s].score > places[best].score)
                        best = s;
        }
        memcpy(ret_point, places[best].point, (size_t)search->space->n * sizeof *ret_point);
        return true;
}

/* ---- both ---- */

/* In a table the lower bound at one standard deviation found good rows sooner than expected improvement did,
 * and at half of one where resources are told: there less has to be found out, and what is left of the spread
 * is of single rows; at three where y lies in heaps, in turn with one of ranks. Where points may lie as close
 * as they like bound and improvement take turns. Constraints and fronts are weighed by expected improvement
 * alone. */
static double greed_now(const struct search *search)
{
        if (search->n_constraints > 0 || search->options.pareto)
                return NAN;
        if (search->enumerated)
                return search->options.n_resources > 0 ? GREED_KNOWN
                       : search->model.heaped          ? GREED_WIDE
                                                       : GREED;
        return search_told(search) % 2 ? GREED : NAN;
}

bool search_propose(struct search *search, double *ret_point, int *ret_candidate)
{
        *ret_candidate = -1;
        return search->enumerated ? propose_listed(search, greed_now(search), ret_point, ret_candidate)
                                  : propose_drawn(search, greed_now(search), ret_point);
}

bool search_begins_known(const struct search *search)
{
        if (search->n_trials > 0 || search->n_constraints > 0)
                return false;
        return search->n_earlier > 0 ||
               (search->enumerated && search->n_points > 0 && search->options.n_resources > 0);
}

/* The best by what is known beforehand: of a large space one that an earlier study tried. */
static bool begin_known(struct search *search, double *ret_point, int *ret_candidate)
{
        const double *best;

        if (search->enumerated)
                return search->n_points > 0 &&
                       take_listed(search, least_known(search), ret_point, ret_candidate);
        best = search_earlier_best(search);
        if (best)
                memcpy(ret_point, best, (size_t)search->space->n * sizeof *ret_point);
        return best;
}

bool search_spread(struct search *search, double *ret_point, int *ret_candidate)
{
        *ret_candidate = -1;
        if (search_begins_known(search) && begin_known(search, ret_point, ret_candidate))
                return true;
        return search->enumerated ? spread_listed(search, ret_point, ret_candidate)
                                  : spread_drawn(search, ret_point);
}

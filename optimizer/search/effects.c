/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/effects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "optimizer/search/internal.h"

#define PURPOSE 9
#define PAIRS   1024 /* of points, by which variances are estimated */
#define BAND_SD 1.6448536269514722

static int by_value(const void *left, const void *right)
{
        const double *a = left, *b = right;

        return (*a > *b) - (*a < *b);
}

/* ---- predictions ---- */

/* On the model's scale. row: of each point in the table, or NULL. */
static void predict(const struct search *search, const double *points, const int *row, int count,
                    struct search_score *ret_scores)
{
        size_t n = (size_t)search->space->n, d = (size_t)search->features.d;
        autofree double *x = memory_new((size_t)count * d + 1, sizeof *x);
        autofree struct surrogate_prior *prior = memory_new((size_t)count + 1, sizeof *prior);

        for (int i = 0; i < count; i++) {
                const double *point = points + (size_t)i * n;

                prior[i] = search_prior(search, point, row ? row[i] : -1);
                search_encode(search, point, row ? row[i] : -1, x + (size_t)i * d);
        }
        search_score(search, x, prior, count, NAN, ret_scores);
}

static void put_band(const struct search *search, struct search_effect *effect, double value, double mean,
                     double sd)
{
        const struct surrogate *objective = search->model.objective;
        int i = effect->count++;

        effect->value[i] = value;
        effect->mean[i] = surrogate_value(objective, mean);
        effect->low[i] = surrogate_value(objective, mean - BAND_SD * sd);
        effect->high[i] = surrogate_value(objective, mean + BAND_SD * sd);
}

/* ---- a space without a table ---- */

/* The whole space, whatever limits allow of it: what is asked is how y goes with a parameter. */
static void draw_points(const struct search *search, gsl_rng *rng, double *ret_points)
{
        const struct search_space *space = search->space;

        for (int p = 0; p < PAIRS; p++) {
                for (int i = 0; i < space->n; i++)
                        ret_points[p * space->n + i] =
                                search_parameter_value(&space->parameters[i], gsl_rng_uniform(rng));
                search_space_settle(space, ret_points + (size_t)p * (size_t)space->n);
        }
}

static double variance_of(const struct search_score *scores, int count)
{
        double sum = 0, square = 0;

        for (int i = 0; i < count; i++)
                sum += scores[i].mean;
        for (int i = 0; i < count; i++)
                square += pow(scores[i].mean - sum / count, 2);
        return square / count;
}

/* By Jansen's estimator: half the mean square of what changing that parameter alone changes. */
static double total_effect(const struct search *search, const double *points, const double *others,
                           const struct search_score *scores, int parameter)
{
        size_t n = (size_t)search->space->n;
        autofree double *changed = memory_new(PAIRS * n, sizeof *changed);
        autofree struct search_score *there = memory_new(PAIRS, sizeof *there);
        double square = 0, variance = variance_of(scores, PAIRS);

        memcpy(changed, points, PAIRS * n * sizeof *changed);
        for (size_t p = 0; p < PAIRS; p++) {
                changed[p * n + (size_t)parameter] = others[p * n + (size_t)parameter];
                search_space_settle(search->space, changed + p * n);
        }
        predict(search, changed, NULL, PAIRS, there);
        for (int p = 0; p < PAIRS; p++)
                square += pow(scores[p].mean - there[p].mean, 2);
        return variance > 0 ? fmin(square / PAIRS / 2 / variance, 1) : 0;
}

/* Every value, where there are few; else some, evenly along the scale, and the one that the slice goes
 * through. */
static int slice_values(const struct search_parameter *parameter, double through, double *ret_values)
{
        double levels = search_parameter_levels(parameter);
        int count = levels <= SEARCH_SLICE_MOST ? (int)levels : SEARCH_SLICE_MOST;

        for (int i = 0; i < count; i++)
                ret_values[i] =
                        levels <= SEARCH_SLICE_MOST
                                ? search_parameter_round(parameter, parameter->low + i * parameter->step)
                                : search_parameter_value(parameter, i / (SEARCH_SLICE_MOST - 2.0));
        if (levels > SEARCH_SLICE_MOST)
                ret_values[count - 1] = through;
        qsort(ret_values, (size_t)count, sizeof *ret_values, by_value);
        return count;
}

static void slice(const struct search *search, const double *point, int parameter,
                  struct search_effect *effect)
{
        size_t n = (size_t)search->space->n;
        double values[SEARCH_SLICE_MOST], points[SEARCH_SLICE_MOST * SEARCH_MAX_PARAMETERS];
        int count = slice_values(&search->space->parameters[parameter], point[parameter], values);
        struct search_score scores[SEARCH_SLICE_MOST];

        for (int i = 0; i < count; i++) {
                memcpy(points + (size_t)i * n, point, n * sizeof *point);
                points[(size_t)i * n + (size_t)parameter] = values[i];
                search_space_settle(search->space, points + (size_t)i * n);
        }
        predict(search, points, NULL, count, scores);
        for (int i = 0; i < count; i++)
                if (effect->count == 0 || values[i] > effect->value[effect->count - 1])
                        put_band(search, effect, values[i], scores[i].mean, sqrt(scores[i].variance));
}

static void effects_of_space(const struct search *search, const double *point,
                             struct search_effect *ret_effects)
{
        size_t n = (size_t)search->space->n;
        autofree double *points = memory_new(PAIRS * n, sizeof *points);
        autofree double *others = memory_new(PAIRS * n, sizeof *others);
        autofree struct search_score *scores = memory_new(PAIRS, sizeof *scores);
        gsl_rng *rng = random_new(search->options.seed, 0, PURPOSE);

        draw_points(search, rng, points);
        draw_points(search, rng, others);
        gsl_rng_free(rng);
        predict(search, points, NULL, PAIRS, scores);
        for (int i = 0; i < search->space->n; i++) {
                ret_effects[i].importance = total_effect(search, points, others, scores, i);
                slice(search, point, i, &ret_effects[i]);
        }
}

/* ---- a table ---- */

/* The values that a parameter has in the table, ascending; the first ones, when there are more than fit. */
static int values_in_table(const struct search_space *space, int parameter, double *ret_values)
{
        autofree double *all = memory_new((size_t)space->n_candidates, sizeof *all);
        int count = 0;

        for (int r = 0; r < space->n_candidates; r++)
                all[r] = space->candidates[r * space->n + parameter];
        qsort(all, (size_t)space->n_candidates, sizeof *all, by_value);
        for (int r = 0; r < space->n_candidates && count < SEARCH_SLICE_MOST; r++)
                if (count == 0 || all[r] > ret_values[count - 1])
                        ret_values[count++] = all[r];
        return count;
}

static void effect_in_table(const struct search *search, const struct search_score *scores, int parameter,
                            struct search_effect *effect)
{
        const struct search_space *space = search->space;
        double values[SEARCH_SLICE_MOST], variance = variance_of(scores, space->n_candidates), between = 0,
                                          all = 0;
        int count = values_in_table(space, parameter, values);

        for (int r = 0; r < space->n_candidates; r++)
                all += scores[r].mean / space->n_candidates;
        for (int i = 0; i < count; i++) {
                double mean = 0, sd = 0;
                int rows = 0;

                for (int r = 0; r < space->n_candidates; r++)
                        if (space->candidates[r * space->n + parameter] == values[i]) {
                                mean += scores[r].mean;
                                sd += sqrt(scores[r].variance);
                                rows++;
                        }
                put_band(search, effect, values[i], mean / rows, sd / rows);
                between += rows * pow(mean / rows - all, 2) / space->n_candidates;
        }
        effect->importance = variance > 0 ? fmin(between / variance, 1) : 0;
}

static void effects_of_table(const struct search *search, struct search_effect *ret_effects)
{
        size_t rows = (size_t)search->space->n_candidates;
        autofree struct search_score *scores = memory_new(rows, sizeof *scores);
        autofree int *row = memory_new(rows, sizeof *row);

        for (size_t r = 0; r < rows; r++)
                row[r] = (int)r;
        predict(search, search->space->candidates, row, (int)rows, scores);
        for (int i = 0; i < search->space->n; i++)
                effect_in_table(search, scores, i, &ret_effects[i]);
}

/* ---- both ---- */

static bool learn(struct search *search, struct error *err)
{
        if (!search_has_model(search))
                return error_set(err, ERROR_INCOMPLETE, NULL, "there are too few trials for a model");
        return search_model_learn(search, err);
}

bool search_effects(struct search *search, const double *point, struct search_effect *ret_effects,
                    struct error *err)
{
        if (!learn(search, err))
                return false;
        memset(ret_effects, 0, (size_t)search->space->n * sizeof *ret_effects);
        if (search->space->n_candidates > 0)
                effects_of_table(search, ret_effects);
        else
                effects_of_space(search, point, ret_effects);
        return true;
}

/* Of points anywhere, or of the table's. */
static bool score_points(struct search *search, const double *points, int count,
                         struct search_score *ret_scores, struct error *err)
{
        size_t n = (size_t)search->space->n;
        autofree int *row = memory_new((size_t)count + 1, sizeof *row);

        if (!learn(search, err))
                return false;
        for (int i = 0; i < count; i++) {
                row[i] = search_space_candidate(search->space, points + (size_t)i * n);
                if (row[i] < 0 && search->space->n_candidates > 0)
                        return error_set(err, ERROR_INPUT, NULL, "point %d is none of the table's", i);
        }
        predict(search, points, row, count, ret_scores);
        return true;
}

bool search_bands(struct search *search, const double *points, int count, double *ret_mean, double *ret_low,
                  double *ret_high, struct error *err)
{
        autofree struct search_score *scores = memory_new((size_t)count + 1, sizeof *scores);

        if (!score_points(search, points, count, scores, err))
                return false;
        for (int i = 0; i < count; i++) {
                struct search_effect band = {.count = 0};

                put_band(search, &band, 0, scores[i].mean, sqrt(scores[i].variance));
                ret_mean[i] = band.mean[0];
                ret_low[i] = band.low[0];
                ret_high[i] = band.high[0];
        }
        return true;
}

bool search_expect(struct search *search, const double *points, int count,
                   struct search_expectation *ret_expected, struct error *err)
{
        const struct search_model *model = &search->model;
        autofree struct search_score *scores = memory_new((size_t)count + 1, sizeof *scores);

        if (!score_points(search, points, count, scores, err))
                return false;
        for (int i = 0; i < count; i++) {
                double noise = model->noisy ? surrogate_noise(model->objective) : 0;

                surrogate_moments(model->objective, scores[i].mean, sqrt(scores[i].variance + noise),
                                  &ret_expected[i].mean, &ret_expected[i].sd);
                ret_expected[i].feasible = exp(scores[i].log_feasible);
        }
        return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books/runs.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

#include "core/json.h"
#include "core/prices.h"
#include "core/text.h"

/* What is believed of the growth of cost with the input, and how sure that is. */
#define GROWTH_PRIOR    1.0
#define GROWTH_PRIOR_SD 0.3
#define GROWTH_RIDGE    (RUN_NOISE_PRIOR * RUN_NOISE_PRIOR / (GROWTH_PRIOR_SD * GROWTH_PRIOR_SD))
#define GROWTH_MOST     2.0
#define INPUT_BEYOND    10.0 /* times the baseline's own; more of it counts as so much */
#define INPUTS_USUAL    30   /* runs whose inputs make the usual one */

/* Sums of squares about the means of settings. */
struct within {
        double freedom, inputs_squared, products, values_squared;
};

struct model {
        double growth, growth_sd, scatter, freedom;
};

int64_t run_books_setting(const struct configuration *configuration)
{
        uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
        unsigned char bytes[sizeof(double)];

        if (configuration->count == 0)
                return 0;
        for (int i = 0; i < configuration->count; i++) {
                double value = configuration->value[i] + 0.0; /* of both zeros the positive one */

                memcpy(bytes, &value, sizeof bytes);
                for (size_t k = 0; k < sizeof bytes; k++)
                        hash = (hash ^ bytes[k]) * UINT64_C(1099511628211);
        }
        return (int64_t)(hash >> 1) | 1;
}

/* ---- the model ---- */

static void add_level(const struct run_level *level, struct within *within)
{
        double n = (double)level->n;

        if (level->n < 2)
                return;
        within->freedom += n - 1;
        within->inputs_squared += fmax(level->inputs_squared - level->inputs * level->inputs / n, 0);
        within->products += level->products - level->inputs * level->values / n;
        within->values_squared += fmax(level->values_squared - level->values * level->values / n, 0);
}

static struct model model_of(const struct run_books *books)
{
        struct within within = {books->freedom, books->inputs_squared, books->products,
                                books->values_squared};
        struct model model = {0};
        double squares;

        for (int i = 0; i < books->n_levels; i++)
                add_level(&books->levels[i], &within);
        model.growth = fmin(fmax((GROWTH_RIDGE * GROWTH_PRIOR + within.products) /
                                         (GROWTH_RIDGE + within.inputs_squared),
                                 0),
                            GROWTH_MOST);
        squares = within.values_squared - 2 * model.growth * within.products +
                  model.growth * model.growth * within.inputs_squared;
        model.scatter = run_noise(fmax(squares, 0), within.freedom);
        model.freedom = RUN_NOISE_PRIOR_COUNT + within.freedom;
        model.growth_sd = model.scatter / sqrt(GROWTH_RIDGE + within.inputs_squared);
        return model;
}

static bool tells_input(const struct run_spend *run)
{
        return run->input_bytes > 0 && isfinite(run->input_bytes);
}

/* Its logarithm, relative to the first that was told. One that is not told is taken to be the usual one. */
static double input_of(const struct run_books *books, const struct run_spend *run)
{
        return tells_input(run) && books->told > 0 ? log(run->input_bytes) - books->origin : books->usual;
}

static void learn_input(struct run_books *books, const struct run_spend *run)
{
        if (!tells_input(run))
                return;
        if (books->told == 0)
                books->origin = log(run->input_bytes);
        books->told = fmin(books->told + 1, INPUTS_USUAL);
        books->usual += (log(run->input_bytes) - books->origin - books->usual) / books->told;
}

/* Logarithm of a run's input over the baseline's, by which it is held against it. What the baseline would
 * cost on a hundred times what it has ever run on nobody knows: such a run claims no more than one on ten
 * times. */
static double input_beyond(const struct run_books *books, const struct run_spend *run)
{
        return fmin(input_of(books, run) - books->input, log(INPUT_BEYOND));
}

/* Of a run with known settings other than the baseline's, which is known, too. */
static bool is_held_against_baseline(const struct run_books *books, const struct run_spend *run)
{
        return run->kind == SPEND_RUN_OTHER && books->weight > 0 && run->value > 0;
}

double run_books_baseline(const struct run_books *books, double cost, const struct run_spend *run)
{
        struct model model = model_of(books);

        if (!is_held_against_baseline(books, run))
                return cost;
        if (run->failed)
                return 0;
        return cost / run->value * exp(books->value + model.growth * input_beyond(books, run));
}

/* ---- levels ---- */

/* Of a level that goes the scatter is kept. */
static void keep_scatter(struct run_books *books, const struct run_level *level)
{
        struct within within = {books->freedom, books->inputs_squared, books->products,
                                books->values_squared};

        add_level(level, &within);
        books->freedom = within.freedom;
        books->inputs_squared = within.inputs_squared;
        books->products = within.products;
        books->values_squared = within.values_squared;
}

/* The one that was tried least, but for the baseline's. */
static void drop_least(struct run_books *books)
{
        int least = books->levels[0].setting == books->followed;

        for (int i = least + 1; i < books->n_levels; i++)
                if (books->levels[i].setting != books->followed &&
                    books->levels[i].n < books->levels[least].n)
                        least = i;
        keep_scatter(books, &books->levels[least]);
        books->n_levels--;
        memmove(&books->levels[least], &books->levels[least + 1],
                (size_t)(books->n_levels - least) * sizeof books->levels[0]);
}

static struct run_level *level_of(struct run_books *books, int64_t setting)
{
        for (int i = 0; i < books->n_levels; i++)
                if (books->levels[i].setting == setting)
                        return &books->levels[i];
        if (books->n_levels == RUN_BOOKS_SETTINGS)
                drop_least(books);
        books->levels[books->n_levels] = (struct run_level){.setting = setting};
        return &books->levels[books->n_levels++];
}

static void add_point(struct run_level *level, const struct run_point *point, double sign)
{
        double input = point->input - level->input, value = point->value - level->value;

        level->n += sign > 0 ? 1 : -1;
        level->inputs += sign * input;
        level->values += sign * value;
        level->inputs_squared += sign * input * input;
        level->products += sign * input * value;
        level->values_squared += sign * value * value;
}

static void put_point(struct run_level *level, const struct run_point *point)
{
        if (level->n == 0) {
                level->input = point->input;
                level->value = point->value;
        }
        add_point(level, point, 1);
        memmove(level->newest, level->newest + 1, sizeof level->newest - sizeof level->newest[0]);
        level->newest[ARRAY_LENGTH(level->newest) - 1] = *point;
}

static double without_growth(const struct run_point *point, double growth)
{
        return point->value - growth * point->input;
}

/* By how much the job has changed, when the newest three runs of a setting lie beyond those before; else 0.
 * `ret_before` is the level without the three. */
static double shift_of(const struct run_level *level, double growth, struct run_level *ret_before)
{
        double mean, squares = 0, bound, least = INFINITY, most = -INFINITY, sum = 0;
        struct within within = {0};

        *ret_before = *level;
        for (size_t i = 0; i < ARRAY_LENGTH(level->newest); i++)
                add_point(ret_before, &level->newest[i], -1);
        mean = level->value + ret_before->values / (double)ret_before->n -
               growth * (level->input + ret_before->inputs / (double)ret_before->n);
        add_level(ret_before, &within);
        if (within.freedom > 0)
                squares = fmax(within.values_squared - 2 * growth * within.products +
                                       growth * growth * within.inputs_squared,
                               0) /
                          within.freedom;
        bound = fmax(RUN_SHIFT_LEAST, RUN_SHIFT_SD * sqrt(squares));
        for (size_t i = 0; i < ARRAY_LENGTH(level->newest); i++) {
                double distance = without_growth(&level->newest[i], growth) - mean;

                least = fmin(least, distance);
                most = fmax(most, distance);
                sum += distance;
        }
        return least > bound || most < -bound ? sum / RUN_NEWEST : 0;
}

/* What the runs from before the job changed say is their scatter alone. */
static void begin_levels_anew(struct run_books *books)
{
        for (int i = 0; i < books->n_levels; i++)
                keep_scatter(books, &books->levels[i]);
        books->n_levels = 0;
}

/* The three newest runs are of the job as it is now, and of the baseline's level they tell how far it moved.
 */
static void follow_shift(struct run_books *books, struct run_level *level, bool baseline)
{
        const struct run_level whole = *level;
        double growth = model_of(books).growth, newest = RUN_NEWEST, shift;
        struct run_level before;

        if (level->n <= (int64_t)ARRAY_LENGTH(level->newest))
                return;
        shift = shift_of(level, growth, &before);
        if (shift == 0)
                return;
        *level = before; /* whose scatter is kept */
        begin_levels_anew(books);
        level = level_of(books, whole.setting);
        for (size_t i = 0; i < ARRAY_LENGTH(whole.newest); i++)
                put_point(level, &whole.newest[i]);
        if (baseline) {
                books->input = level->input + level->inputs / newest;
                books->value = level->value + level->values / newest;
                books->weight = newest;
        } else if (books->weight > 0) {
                books->value += shift;
                books->weight = 1 / (1 / books->weight + 1 / newest + 1 / (double)before.n);
        }
}

/* A baseline that was another one when the run was booked does not count any more. */
static bool is_baseline(const struct run_books *books, const struct run_spend *run)
{
        return books->baseline ? run->setting == books->baseline : run->kind == SPEND_RUN_BASELINE;
}

static void learn(struct run_books *books, const struct run_spend *run)
{
        struct run_point point;
        bool baseline = is_baseline(books, run);
        struct run_level *level;

        if (run->failed || run->kind == SPEND_RUN_UNKNOWN || !(run->value > 0))
                return;
        if (baseline && run->setting != books->followed) {
                books->followed = run->setting;
                books->weight = 0;
        }
        learn_input(books, run);
        point = (struct run_point){input_of(books, run), log(run->value)};
        if (baseline) {
                books->weight += 1; /* the first one alone makes the level */
                books->input += (point.input - books->input) / books->weight;
                books->value += (point.value - books->value) / books->weight;
        }
        level = level_of(books, run->setting);
        put_point(level, &point);
        follow_shift(books, level, baseline);
}

/* ---- what was saved ---- */

void run_books_count(const struct run_books *books, const struct spend *spend, struct run_tally *tally)
{
        const struct run_spend *run = &spend->run;
        double cost = price_sum_to_money(spend->cost);
        double baseline = price_sum_to_money(spend->baseline_cost);

        tally->runs++;
        tally->baseline_runs += run->kind == SPEND_RUN_BASELINE;
        tally->failed += run->failed;
        tally->dearer += spend->cost > spend->baseline_cost;
        tally->cost += cost;
        tally->baseline_cost += baseline;
        if (!is_held_against_baseline(books, run))
                return;
        tally->squares += baseline * baseline;
        tally->spread += baseline / sqrt(books->weight);
        tally->leverage += baseline * input_beyond(books, run);
}

void run_books_take(struct run_books *books, const struct spend *spend, struct run_tally *tally)
{
        if (tally)
                run_books_count(books, spend, tally);
        learn(books, &spend->run);
}

double run_books_half_width(const struct run_books *books, const struct run_tally *tally, double confidence)
{
        struct model model = model_of(books);
        double runs = tally->squares + tally->spread * tally->spread;
        double variance = model.scatter * model.scatter * runs + pow(model.growth_sd * tally->leverage, 2);

        return gsl_cdf_tdist_Pinv(0.5 + confidence / 2, model.freedom) * sqrt(variance);
}

json_t *run_tally_json(const struct run_tally *tally, bool baseline_seen)
{
        double runs = (double)tally->runs;

        return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:b}", "count", (json_int_t)tally->runs, "baseline",
                         (json_int_t)tally->baseline_runs, "failed", (json_int_t)tally->failed, "dearer",
                         (json_int_t)tally->dearer, "cost", json_from_double(tally->cost / runs),
                         "baseline_cost", json_from_double(tally->baseline_cost / runs), "baseline_seen",
                         baseline_seen);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "optimizer/search/normal.h"
#include "optimizer/search/internal.h"

#define PURPOSE      8
#define FIRST_TRIALS 3
#define FIRST_EACH   4 /* one more for so many features */
#define FIRST_KNOWN  2 /* where resources or earlier studies say the rest: level and scale */
#define FIRST_LISTED 1 /* the same in a listed space: the first point is what they say is best */
#define FIRST_ROOM   64
#define STOP_LEAST   6 /* trials before a search may be ended: a model of fewer is not to be trusted */
#define MIDDLE       0.5
#define MOST_TOLD    1e100
#define LIKE         0.05 /* of the range of a context: what lies as near is the same for what was tried there */

static const char *const why_first = "one of the first points, far from the others";
static const char *const why_known = "the least by what price and resources say beforehand";
static const char *const why_earlier = "the best by what earlier studies say";
static const char *const why_improvement = "most improvement expected";
static const char *const why_front = "most growth of the front expected";
static const char *const why_feasible = "likeliest to keep the constraints, which no run has kept yet";

void search_encode(const struct search *search, const double *point, int candidate, double *ret_x)
{
        search_features_encode(&search->features, search->space, point, candidate, search->context, ret_x);
}

void search_encode_trial(const struct search *search, const struct search_trial *trial, double *ret_x)
{
        search_features_encode(&search->features, search->space, trial->point, trial->candidate,
                               trial->context, ret_x);
}

bool search_like_now(const struct search *search, const struct search_trial *trial)
{
        return search->space->n_context == 0 ||
               search_features_apart(&search->features, search->space, trial->context, search->context) <=
                       LIKE;
}

/* ---- the context ---- */

/* What depends on it: the points as the models see them, and which of them are out. */
static void encode_points(struct search *search)
{
        size_t n = (size_t)search->space->n, d = (size_t)search->features.d;

        for (int i = 0; i < search->n_points; i++)
                search_encode(search, search->points + (size_t)i * n, i, search->encoded + (size_t)i * d);
}

static void mark_taken(struct search *search, const struct search_trial *trial)
{
        size_t n = (size_t)search->space->n;

        if (search->n_points == 0 || !search_like_now(search, trial))
                return;
        for (int i = 0; i < search->n_points; i++)
                if (memcmp(search->points + (size_t)i * n, trial->point, n * sizeof *trial->point) == 0)
                        search->taken[i] = true;
}

static void mark_all(struct search *search)
{
        if (search->enumerated)
                memset(search->taken, 0, (size_t)search->n_points * sizeof *search->taken);
        for (int t = 0; t < search->n_trials; t++)
                mark_taken(search, &search->trials[t]);
}

static bool check_context(const struct search *search, const double *context, struct error *err)
{
        for (int i = 0; context && i < search->space->n_context; i++)
                if (!search_context_fits(&search->space->context[i], context[i]))
                        return error_set(err, ERROR_INPUT, NULL, "context: %s cannot be %.10g",
                                         search->space->context[i].name, context[i]);
        return true;
}

bool search_set_context(struct search *search, const double *context, struct error *err)
{
        size_t bytes = (size_t)search->space->n_context * sizeof *context;

        if (!check_context(search, context, err))
                return false;
        if (memcmp(search->context, context, bytes) == 0)
                return true;
        memcpy(search->context, context, bytes);
        search->model.current = false;
        if (search->enumerated) {
                encode_points(search);
                search_earlier_list(search);
                mark_all(search);
        }
        return true;
}

const double *search_context(const struct search *search)
{
        return search->context;
}

/* ---- life ---- */

static void list_points(struct search *search)
{
        search->points = search_space_points(search->space, SEARCH_MAX_CANDIDATES, &search->n_points);
        search->enumerated = search->points != NULL;
        if (!search->enumerated)
                return;
        search->encoded = memory_new((size_t)search->n_points * (size_t)search->features.d + 1,
                                     sizeof *search->encoded);
        search->taken = memory_new((size_t)search->n_points + 1, sizeof *search->taken);
        encode_points(search);
}

struct search *search_new(struct search_space *space, const struct search_options *options)
{
        struct search *search = memory_new(1, sizeof *search);

        search->space = space;
        search->options = *options;
        search->rng = random_new(options->seed, 0, PURPOSE);
        search_features_init(&search->features, space, options->price);
        for (int i = 0; i < space->n_context; i++)
                search->context[i] = search_parameter_value(&space->context[i], MIDDLE);
        list_points(search);
        search_known_init(search);
        return search;
}

void search_free(struct search *search)
{
        if (!search)
                return;
        for (int c = 0; c < search->n_constraints; c++)
                free(search->names[c]);
        search_model_free(&search->model);
        for (int e = 0; e < search->n_earlier; e++)
                search_earlier_free(&search->earlier[e]);
        gp_free(search->own);
        search_space_free(search->space);
        gsl_rng_free(search->rng);
        free(search->trials);
        free(search->points);
        free(search->encoded);
        free(search->taken);
        free(search);
}

const struct search_space *search_space_of(const struct search *search)
{
        return search->space;
}

static double time_limit(const struct search_options *options, const char *name)
{
        for (int i = 0; i < options->n_time_limits && options->n_resources > 0; i++)
                if (strcmp(options->time_limits[i].name, name) == 0)
                        return options->time_limits[i].limit;
        return 0;
}

static int find_constraint(const struct search *search, const char *name)
{
        int c = 0;

        while (c < search->n_constraints && strcmp(search->names[c], name) != 0)
                c++;
        return c;
}

int search_constraints_open(const struct search *search)
{
        return SEARCH_MAX_CONSTRAINTS - search->n_constraints;
}

bool search_has_constraint(const struct search *search, const char *name)
{
        return find_constraint(search, name) < search->n_constraints;
}

bool search_constraint(struct search *search, const char *name, int *ret_index, struct error *err)
{
        int c = find_constraint(search, name);

        if (c == SEARCH_MAX_CONSTRAINTS)
                return error_set(err, ERROR_LIMIT, NULL, "there may be %d constraints", c);
        if (c == search->n_constraints) {
                search->names[search->n_constraints++] = memory_copy_text(name);
                search->time_limit[c] = time_limit(&search->options, name);
                for (int t = 0; t < search->n_trials; t++)
                        search->trials[t].constraints[c] = NAN;
        }
        *ret_index = c;
        return true;
}

/* ---- trials ---- */

static struct search_trial *add_trial(struct search *search, int64_t id, const double *point, int candidate)
{
        struct search_trial *trial;

        if (search->n_trials == search->room) {
                search->room = search->room ? 2 * search->room : FIRST_ROOM;
                search->trials = memory_resize(search->trials, (size_t)search->room, sizeof *search->trials);
        }
        trial = &search->trials[search->n_trials++];
        *trial = (struct search_trial){.id = id, .candidate = candidate};
        memcpy(trial->point, point, (size_t)search->space->n * sizeof *point);
        memcpy(trial->context, search->context, sizeof trial->context);
        mark_taken(search, trial);
        return trial;
}

static bool find_trial(struct search *search, int64_t id, struct search_trial **ret_trial, struct error *err)
{
        for (int t = 0; t < search->n_trials; t++) {
                if (search->trials[t].id != id)
                        continue;
                if (search->trials[t].status != SEARCH_PENDING)
                        return error_set(err, ERROR_CONFLICT, NULL, "id %lld has been told already",
                                         (long long)id);
                *ret_trial = &search->trials[t];
                return true;
        }
        return error_set(err, ERROR_NOT_FOUND, NULL, "id %lld was never asked for", (long long)id);
}

/* A point of the user's own, as a point of the space. */
static bool foreign_point(const struct search *search, const double *wanted, double *ret_point,
                          int *ret_candidate, struct error *err)
{
        memcpy(ret_point, wanted, (size_t)search->space->n * sizeof *ret_point);
        search_space_settle(search->space, ret_point);
        *ret_candidate = search_space_candidate(search->space, ret_point);
        if (search->n_trials >= SEARCH_MAX_TRIALS)
                return error_set(err, ERROR_LIMIT, NULL, "there are %d trials already", search->n_trials);
        if (search->space->n_candidates > 0 && *ret_candidate < 0)
                return error_set(err, ERROR_INPUT, NULL, "x is none of the candidates");
        return true;
}

bool search_check(struct search *search, const struct search_outcome *outcome, struct error *err)
{
        double point[SEARCH_MAX_PARAMETERS];
        struct search_trial *trial;
        int candidate;

        if (outcome->status != SEARCH_FAILED && !isfinite(outcome->y))
                return error_set(err, ERROR_INPUT, NULL, "y is not a finite number");
        if (search->options.pareto && outcome->status == SEARCH_OK && !isfinite(outcome->second))
                return error_set(err, ERROR_INPUT, NULL, "the second y is not a finite number");
        if (!check_context(search, outcome->context, err))
                return false;
        return outcome->id ? find_trial(search, outcome->id, &trial, err)
                           : foreign_point(search, outcome->point, point, &candidate, err);
}

double search_bounded(double value)
{
        return isnan(value) ? value : fmin(fmax(value, -MOST_TOLD), MOST_TOLD);
}

/* It may have come otherwise than it was forecast, and then its point is out somewhere else. */
static void take_context(struct search *search, struct search_trial *trial, const double *context)
{
        if (!context || search->space->n_context == 0)
                return;
        memcpy(trial->context, context, (size_t)search->space->n_context * sizeof *context);
        mark_all(search);
}

bool search_tell(struct search *search, const struct search_outcome *outcome, struct error *err)
{
        double point[SEARCH_MAX_PARAMETERS];
        struct search_trial *trial = NULL;
        int candidate;

        if (!search_check(search, outcome, err))
                return false;
        if (!outcome->id && foreign_point(search, outcome->point, point, &candidate, err))
                trial = add_trial(search, 0, point, candidate);
        else if (!find_trial(search, outcome->id, &trial, err))
                return false;
        search->model.current = false;
        take_context(search, trial, outcome->context);
        trial->status = outcome->status;
        trial->y = search_bounded(outcome->y);
        trial->second = search_bounded(outcome->second);
        for (int c = 0; c < SEARCH_MAX_CONSTRAINTS; c++)
                trial->constraints[c] = search_bounded(outcome->constraints[c]);
        return true;
}

void search_asked_context(const struct search *search, int64_t id, double *ret_context)
{
        const double *context = search->context;

        for (int t = 0; t < search->n_trials; t++)
                if (search->trials[t].id == id && search->trials[t].status == SEARCH_PENDING)
                        context = search->trials[t].context;
        memcpy(ret_context, context, (size_t)search->space->n_context * sizeof *context);
}

/* ---- suggestions ---- */

static int first_trials(const struct search *search)
{
        int first = FIRST_TRIALS + search->features.d / FIRST_EACH;

        if (search_earlier_speaks(search) && search->n_constraints == 0)
                first = FIRST_KNOWN;
        if (search->options.n_resources > 0)
                first = search->enumerated && search->n_constraints == 0 ? FIRST_LISTED : FIRST_KNOWN;
        return search->options.budget > 0 && first > search->options.budget / 3 ? search->options.budget / 3
                                                                                : first;
}

static int told_well(const struct search *search)
{
        int count = 0;

        for (int t = 0; t < search->n_trials; t++)
                count += search->trials[t].status == SEARCH_OK;
        return count;
}

bool search_has_model(const struct search *search)
{
        return search_told(search) >= first_trials(search) && told_well(search) > 0;
}

/* Expected improvement on the best so far, as a value of y, of a mean and sd on the objective's scale. */
static double improvement(const struct search_model *model, double mean, double sd)
{
        double z = (model->best - mean) / sd;

        if (!model->objective->log)
                return sd * exp(normal_log_improvement(z));
        return fmax(exp(model->best + normal_log_cdf(z)) - exp(mean + 0.5 * sd * sd + normal_log_cdf(z - sd)),
                    0);
}

/* Stops when what the next trial is expected to save, over all runs to come, is less than what the trial
 * costs; y is what a run costs. */
static void weigh_stopping(const struct search *search, struct search_suggestion *suggestion, double mean,
                           double sd)
{
        const struct search_model *model = &search->model;

        if (!model->has_best || search->options.pareto)
                return;
        suggestion->improvement = suggestion->feasible * improvement(model, mean, sd);
        suggestion->left = fmax(surrogate_value(model->objective, model->best) -
                                        surrogate_value(model->objective, search->least),
                                0);
        suggestion->stop = search->options.runs > 0 && search_told(search) >= STOP_LEAST &&
                           search->options.runs * suggestion->improvement < suggestion->mean;
}

/* What the model says of the point that is proposed. */
static void predict(struct search *search, struct search_suggestion *suggestion)
{
        const struct surrogate *objective = search->model.objective;
        struct surrogate_prior prior = search_prior(search, suggestion->point, suggestion->candidate);
        double x[GP_MAX_FEATURES];
        double noise = search->model.noisy ? surrogate_noise(objective) : 0, sd;
        struct search_score score;

        search_encode(search, suggestion->point, suggestion->candidate, x);
        search_score(search, x, &prior, 1, NAN, &score);
        sd = sqrt(score.variance + noise);
        suggestion->feasible = exp(score.log_feasible);
        suggestion->why = !search->model.has_best  ? why_feasible
                          : search->options.pareto ? why_front
                                                   : why_improvement;
        suggestion->predicted = true;
        surrogate_moments(objective, score.mean, sd, &suggestion->mean, &suggestion->sd);
        weigh_stopping(search, suggestion, score.mean, sqrt(score.variance));
}

bool search_ask(struct search *search, struct search_suggestion *ret_suggestion, struct error *err)
{
        struct search_suggestion suggestion = {.why = why_first,
                                               .feasible = NAN,
                                               .improvement = NAN,
                                               .left = NAN};
        bool model, known = search_begins_known(search), found;

        if (search->n_trials >= SEARCH_MAX_TRIALS)
                return error_set(err, ERROR_LIMIT, NULL, "there are %d trials already", search->n_trials);
        if (!search_earlier_weigh(search, err))
                return false;
        model = search_has_model(search);
        if (model && !search_model_learn(search, err))
                return false;
        found = model ? search_propose(search, suggestion.point, &suggestion.candidate)
                      : search_spread(search, suggestion.point, &suggestion.candidate);
        if (found) {
                suggestion.id = ++search->asked;
                if (known)
                        suggestion.why = search->options.n_resources > 0 ? why_known : why_earlier;
                if (model)
                        predict(search, &suggestion);
                add_trial(search, suggestion.id, suggestion.point, suggestion.candidate);
        }
        *ret_suggestion = suggestion;
        return true;
}

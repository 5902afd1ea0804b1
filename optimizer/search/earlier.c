/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What earlier studies say of a search: a process for each, weighed by how well it ranks the trials of this
 * one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "optimizer/search/rgpe.h"
#include "optimizer/search/internal.h"

#define PURPOSE           10
#define FIT_EVALUATIONS   60
#define TRIAL_EVALUATIONS 40
#define FIT_STARTS        1
#define OWN_POINTS        40  /* of this search that earlier studies are asked to rank */
#define SELDOM            10  /* after so many points: a tenth more trials before studies are weighed again */
#define SAMPLES           256 /* of each posterior */
#define HEARD             2   /* points by which studies are weighed */
#define HEARD_KNOWN       3   /* the same where resources are told, by which earlier studies have to gain */
#define PENALTY           3.0 /* log of how much likelier values have to be for what another job did to be believed */

void search_earlier_free(struct search_earlier *earlier)
{
        gp_free(earlier->gp);
        free(earlier->trials);
        free(earlier->listed);
}

/* ---- what a process is of ---- */

/* The search as it would be with other trials, and no earlier studies. */
static struct search with_trials(const struct search *search, struct search_trial *trials, int count)
{
        struct search other = *search;

        other.trials = trials;
        other.n_trials = count;
        other.n_earlier = 0;
        return other;
}

/* Values in their standard deviations from their mean; returns one of these, 1 where they are all the same.
 */
static double standardise(double *y, int n)
{
        double sum = 0, square = 0, scale;

        for (int i = 0; i < n; i++)
                sum += y[i];
        for (int i = 0; i < n; i++)
                square += (y[i] - sum / n) * (y[i] - sum / n);
        scale = square > 0 ? sqrt(square / n) : 1;
        for (int i = 0; i < n; i++)
                y[i] = (y[i] - sum / n) / scale;
        return scale;
}

/* Learns y, less what is known of it beforehand, in its own standard deviations: at most `most` points, every
 * so-manieth of more. `of`: without earlier studies. */
static bool learn_residual(const struct search *of, bool linear, int most, int starts, struct gp *gp,
                           double *ret_scale, struct error *err)
{
        struct search_known known;
        int n;

        search_known_runs(of, 0, !linear, true, &known);
        n = known.n < most ? known.n : most;
        gp_clear(gp);
        for (int i = 0; i < n; i++) {
                int from = (int)((long)i * known.n / n);

                gp_add(gp, known.x + (size_t)from * (size_t)gp->d,
                       linear ? known.y[from] : log(known.y[from]) - known.prior[from].mean,
                       known.share[from]);
        }
        search_known_free(&known);
        *ret_scale = standardise(gp->y, n);
        return gp_fit(gp, starts, FIT_EVALUATIONS, err);
}

static bool learn_earlier(const struct search *search, struct search_earlier *earlier, struct error *err)
{
        struct search of = with_trials(search, earlier->trials, earlier->n_trials);

        if (!learn_residual(&of, search->linear, SEARCH_EARLIER_TRIALS, FIT_STARTS, earlier->gp,
                            &earlier->scale, err))
                return false;
        gp_mean(earlier->gp, search->encoded, search->n_points, earlier->listed);
        return true;
}

void search_earlier_list(struct search *search)
{
        for (int e = 0; e < search->n_earlier; e++)
                gp_mean(search->earlier[e].gp, search->encoded, search->n_points, search->earlier[e].listed);
}

/* ---- telling ---- */

static void take_trials(const struct search *search, const struct search_outcome *runs, int count,
                        struct search_earlier *earlier)
{
        size_t bytes = (size_t)search->space->n * sizeof(double),
               context = (size_t)search->space->n_context * sizeof(double);
        int every = (count + SEARCH_EARLIER_TRIALS - 1) / SEARCH_EARLIER_TRIALS;

        earlier->trials = memory_new((size_t)count + 1, sizeof *earlier->trials);
        for (int i = 0; i < count; i += every) {
                struct search_trial *trial = &earlier->trials[earlier->n_trials];

                *trial = (struct search_trial){.status = runs[i].status, .y = search_bounded(runs[i].y)};
                memcpy(trial->point, runs[i].point, bytes);
                memcpy(trial->context, runs[i].context ? runs[i].context : search->context, context);
                search_space_settle(search->space, trial->point);
                trial->candidate = search_space_candidate(search->space, trial->point);
                earlier->n_trials += search->space->n_candidates == 0 || trial->candidate >= 0;
        }
}

static bool check_trials(const struct search *search, const struct search_earlier *earlier, struct error *err)
{
        struct search of = with_trials(search, earlier->trials, earlier->n_trials);
        int good = 0;

        for (int t = 0; t < earlier->n_trials; t++)
                good += earlier->trials[t].status == SEARCH_OK;
        if (good < SEARCH_EARLIER_LEAST)
                return error_set(err, ERROR_INPUT, NULL,
                                 "%d of its trials ended well at points of this space; expected %d or more",
                                 good, SEARCH_EARLIER_LEAST);
        return search_is_positive(&of, 0) || !search_has_known(search) ||
               error_set(err, ERROR_INPUT, NULL,
                         "what is minimised has to be above 0 where price or resources are told");
}

/* Values that cannot be taken by their logarithm, here or there, are compared as they are. */
static bool is_linear(const struct search *search)
{
        bool positive = search_is_positive(search, 0);

        for (int e = 0; e < search->n_earlier; e++) {
                struct search of =
                        with_trials(search, search->earlier[e].trials, search->earlier[e].n_trials);

                positive = positive && search_is_positive(&of, 0);
        }
        return !positive;
}

static bool settle_scale(struct search *search, struct error *err)
{
        bool linear = is_linear(search), changed = linear != search->linear;

        search->linear = linear;
        for (int e = 0; e < search->n_earlier; e++)
                if ((changed || search->earlier[e].scale == 0) &&
                    !learn_earlier(search, &search->earlier[e], err))
                        return false;
        return true;
}

/* Before there are trials to rank all weigh the same, and with them the search itself. Resources say how y
 * falls: then earlier studies have to be heard first. */
static void weigh_unheard(struct search *search)
{
        for (int e = 0; e < search->n_earlier; e++)
                search->earlier[e].weight =
                        search->options.n_resources > 0 ? 0 : 1.0 / (search->n_earlier + 1);
}

bool search_add_earlier(struct search *search, const struct search_outcome *runs, int count, bool foretold,
                        struct error *err)
{
        struct search_earlier earlier = {.foretold = foretold};

        if (search->n_earlier == SEARCH_MAX_EARLIER)
                return error_set(err, ERROR_LIMIT, NULL, "there may be %d earlier studies",
                                 SEARCH_MAX_EARLIER);
        take_trials(search, runs, count, &earlier);
        if (!check_trials(search, &earlier, err)) {
                search_earlier_free(&earlier);
                return false;
        }
        earlier.gp = gp_new(search->features.d, search->features.category);
        earlier.listed = memory_new((size_t)search->n_points + 1, sizeof *earlier.listed);
        search->earlier[search->n_earlier++] = earlier;
        search->weighed = 0;
        weigh_unheard(search);
        return settle_scale(search, err);
}

int search_earlier_count(const struct search *search)
{
        return search->n_earlier;
}

double search_earlier_weight(const struct search *search, int earlier)
{
        return search->earlier[earlier].weight;
}

/* ---- weighing ---- */

/* -log of how likely the search's own values (y, in standard deviations of theirs) are when that much of what
 * earlier studies say of them is taken away. Leaves the own process with what is left. */
static double unlikeliness(struct search *search, const double *y, const double *said, double share)
{
        struct gp *own = search->own;
        struct error err = ERROR_INIT;
        double scale;

        for (int i = 0; i < own->n; i++)
                own->y[i] = y[i] - share * said[i];
        scale = standardise(own->y, own->n);
        if (!gp_fit(own, 0, TRIAL_EVALUATIONS, &err))
                return INFINITY;
        return gp_objective(own, own->theta, NULL) + own->n * log(scale);
}

/* The part of what is said that other jobs did. */
static double share_of_others(const struct search *search)
{
        double sum = 0, others = 0;

        for (int e = 0; e < search->n_earlier; e++) {
                sum += search->earlier[e].weight;
                others += search->earlier[e].foretold ? 0 : search->earlier[e].weight;
        }
        return sum > 0 ? others / sum : 0;
}

/* How much of what the earlier studies say, each with its weight, makes the values likelier: none, half or
 * all of it. That they rank well is not enough: few points are ranked well by chance, and how far values
 * differ from each other counts, too. scale: standard deviation of the own process. */
static double choose_share(struct search *search, double scale)
{
        static const double shares[] = {0, 0.5, 1};
        double y[OWN_POINTS], said[OWN_POINTS] = {0}, mean[OWN_POINTS], theta[GP_MAX_PARAMETERS];
        double least = INFINITY, best = 0, penalty = PENALTY * share_of_others(search);
        struct gp *own = search->own;
        size_t bytes = (size_t)own->n * sizeof *y;

        memcpy(y, own->y, bytes);
        memcpy(theta, own->theta, sizeof theta);
        for (int e = 0; e < search->n_earlier; e++) {
                const struct search_earlier *earlier = &search->earlier[e];

                gp_mean(earlier->gp, own->x, own->n, mean);
                for (int i = 0; i < own->n; i++)
                        said[i] += earlier->weight * earlier->scale / scale * mean[i];
        }
        for (size_t s = 0; s < ARRAY_LENGTH(shares); s++) {
                double value;

                memcpy(own->theta, theta, sizeof theta);
                value = unlikeliness(search, y, said, shares[s]) + penalty * shares[s];
                if (value >= least)
                        continue;
                least = value;
                best = shares[s];
        }
        memcpy(own->y, y, bytes);
        memcpy(own->theta, theta, sizeof theta);
        return best;
}

/* By rank, and then by how likely they make the values. scale: as above. */
static bool weigh_by_own(struct search *search, double scale, struct error *err)
{
        autocall(gsl_rng_free) gsl_rng *rng =
                random_new(search->options.seed, (uint64_t)search_told(search), PURPOSE);
        struct gp *models[SEARCH_MAX_EARLIER];
        double weights[SEARCH_MAX_EARLIER], share;

        for (int e = 0; e < search->n_earlier; e++)
                models[e] = search->earlier[e].gp;
        if (!rgpe_weights(models, search->n_earlier, search->own, SAMPLES, rng, weights, err))
                return false;
        for (int e = 0; e < search->n_earlier; e++)
                search->earlier[e].weight = weights[e];
        share = choose_share(search, scale);
        for (int e = 0; e < search->n_earlier; e++)
                search->earlier[e].weight *= share;
        return true;
}

/* At every trial at first, then at every tenth of them. */
static bool is_due(int weighed, int told)
{
        return told < OWN_POINTS ? told != weighed : told - weighed > told / SELDOM;
}

bool search_earlier_weigh(struct search *search, struct error *err)
{
        struct search own = with_trials(search, search->trials, search->n_trials);
        int told = search_told(search);
        double scale;

        if (search->n_earlier == 0 || !is_due(search->weighed, told))
                return true;
        if (!search->own)
                search->own = gp_new(search->features.d, search->features.category);
        if (!settle_scale(search, err) ||
            !learn_residual(&own, search->linear, OWN_POINTS, 0, search->own, &scale, err))
                return false;
        search->weighed = told;
        if (search->own->n >= (search->options.n_resources > 0 ? HEARD_KNOWN : HEARD))
                return weigh_by_own(search, scale, err);
        weigh_unheard(search);
        return true;
}

/* ---- what they say ---- */

bool search_earlier_speaks(const struct search *search)
{
        for (int e = 0; e < search->n_earlier; e++)
                if (search->earlier[e].weight > 0)
                        return true;
        return false;
}

double search_earlier_mean(const struct search *search, const double *x)
{
        double sum = 0, mean;

        for (int e = 0; e < search->n_earlier; e++) {
                if (search->earlier[e].weight == 0)
                        continue;
                gp_mean(search->earlier[e].gp, x, 1, &mean);
                sum += search->earlier[e].weight * search->earlier[e].scale * mean;
        }
        return sum;
}

double search_earlier_listed(const struct search *search, int index)
{
        double sum = 0;

        for (int e = 0; e < search->n_earlier; e++)
                sum += search->earlier[e].weight * search->earlier[e].scale *
                       search->earlier[e].listed[index];
        return sum;
}

const double *search_earlier_best(const struct search *search)
{
        const double *best = NULL;
        double least = INFINITY;

        for (int e = 0; e < search->n_earlier; e++)
                for (int t = 0; t < search->earlier[e].n_trials; t++) {
                        const struct search_trial *trial = &search->earlier[e].trials[t];
                        double expected = search_prior(search, trial->point, trial->candidate).mean;

                        if (trial->status != SEARCH_OK || expected >= least ||
                            !search_space_allows(search->space, trial->point))
                                continue;
                        least = expected;
                        best = trial->point;
                }
        return best;
}

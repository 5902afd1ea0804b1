/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "optimizer/search/internal.h"

/* What is expected of a point beforehand: by its price, its resources, and earlier studies. */

bool search_has_known(const struct search *search)
{
        return search->options.price >= 0 || search->options.n_resources > 0;
}

bool search_has_prior(const struct search *search)
{
        return (!search->linear && search_has_known(search)) || search_earlier_speaks(search);
}

/* of: as in search_options, a column or a parameter. */
static double log_known(const struct search_space *space, int of, const double *point, int candidate)
{
        int p = of - space->n_columns;

        return log(p >= 0 ? search_parameter_number(&space->parameters[p], point[p])
                          : space->columns[of].value[candidate]);
}

/* Log of how much works on a run; NAN: not told. */
static double resources_of(const struct search *search, const double *point, int candidate)
{
        const struct search_options *options = &search->options;
        double sum = options->n_resources > 0 ? 0 : NAN;

        for (int r = 0; r < options->n_resources; r++)
                sum += log_known(search->space, options->resources[r], point, candidate);
        return sum;
}

/* By price and resources. */
static struct surrogate_prior known_prior(const struct search *search, const double *point, int candidate)
{
        int price = search->options.price;
        double resources = resources_of(search, point, candidate), mean = 0;

        if (!search->linear)
                mean = (price < 0 ? 0 : log_known(search->space, price, point, candidate)) +
                       run_form_log(&search->forms.form[0], resources);
        return (struct surrogate_prior){mean, resources};
}

struct surrogate_prior search_prior(const struct search *search, const double *point, int candidate)
{
        struct surrogate_prior prior = known_prior(search, point, candidate);
        double x[GP_MAX_FEATURES];

        if (search_earlier_speaks(search)) {
                search_encode(search, point, candidate, x);
                prior.mean += search_earlier_mean(search, x);
        }
        return prior;
}

struct surrogate_prior search_prior_trial(const struct search *search, const struct search_trial *trial)
{
        struct surrogate_prior prior = known_prior(search, trial->point, trial->candidate);
        double x[GP_MAX_FEATURES];

        if (search_earlier_speaks(search)) {
                search_encode_trial(search, trial, x);
                prior.mean += search_earlier_mean(search, x);
        }
        return prior;
}

struct surrogate_prior search_prior_listed(const struct search *search, int index)
{
        struct surrogate_prior prior =
                known_prior(search, search->points + (size_t)index * (size_t)search->space->n, index);

        prior.mean += search_earlier_listed(search, index);
        return prior;
}

struct surrogate_prior search_prior_time(const struct search *search, const struct surrogate_prior *prior)
{
        return (struct surrogate_prior){run_form_log(&search->forms.form[0], prior->resources),
                                        prior->resources};
}

/* Adds the log of the least and of the most that a quantity may be. */
static void add_range(const struct search_space *space, int of, double *low, double *high)
{
        double least = INFINITY, most = -INFINITY;
        int p = of - space->n_columns;

        if (p >= 0) {
                least = search_parameter_number(&space->parameters[p], space->parameters[p].low);
                most = search_parameter_number(&space->parameters[p], space->parameters[p].high);
        } else {
                for (int c = 0; c < space->n_candidates; c++) {
                        least = fmin(least, space->columns[of].value[c]);
                        most = fmax(most, space->columns[of].value[c]);
                }
        }
        *low += log(least);
        *high += log(most);
}

void search_known_init(struct search *search)
{
        const struct search_options *options = &search->options;
        size_t n = (size_t)search->space->n;
        double low = search->enumerated ? INFINITY : 0, high = -low;

        for (int i = 0; i < search->n_points && options->n_resources > 0; i++) {
                double resources = resources_of(search, search->points + (size_t)i * n, i);

                low = fmin(low, resources);
                high = fmax(high, resources);
        }
        for (int r = 0; r < options->n_resources && !search->enumerated; r++)
                add_range(search->space, options->resources[r], &low, &high);
        if (options->n_resources > 0)
                run_forms_init(&search->forms, low, high);
}

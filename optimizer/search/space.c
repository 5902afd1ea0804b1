/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDING 1e-9 /* relative, of sums that stand at their limit */

static void parameter_clear(struct search_parameter *parameter)
{
        for (int c = 0; parameter->choices && c < parameter->n_choices; c++)
                free(parameter->choices[c]);
        free(parameter->choices);
        free(parameter->name);
}

void search_space_free(struct search_space *space)
{
        if (!space)
                return;
        for (int i = 0; i < space->n; i++)
                parameter_clear(&space->parameters[i]);
        for (int i = 0; i < space->n_context; i++)
                parameter_clear(&space->context[i]);
        for (int i = 0; i < space->n_columns; i++) {
                free(space->columns[i].name);
                free(space->columns[i].value);
        }
        free(space->candidates);
        free(space);
}

/* ---- one parameter ---- */

double search_parameter_round(const struct search_parameter *parameter, double value)
{
        if (parameter->step > 0)
                value = parameter->low + parameter->step * round((value - parameter->low) / parameter->step);
        if (value > parameter->high && parameter->step > 0)
                value = parameter->low +
                        parameter->step *
                                floor((parameter->high - parameter->low) / parameter->step + ROUNDING);
        return fmin(fmax(value, parameter->low), parameter->high);
}

double search_parameter_unit(const struct search_parameter *parameter, double value)
{
        double low = parameter->low, high = parameter->high;

        if (high <= low)
                return 0.5;
        if (parameter->log)
                return log(value / low) / log(high / low);
        return (value - low) / (high - low);
}

double search_parameter_value(const struct search_parameter *parameter, double unit)
{
        double low = parameter->low, high = parameter->high;

        if (parameter->log)
                return search_parameter_round(parameter, low * pow(high / low, unit));
        return search_parameter_round(parameter, low + (high - low) * unit);
}

bool search_context_fits(const struct search_parameter *parameter, double value)
{
        if (parameter->n_choices > 0)
                return value >= 0 && value < parameter->n_choices && value == floor(value);
        return isfinite(value) && (!parameter->log || value > 0);
}

double search_parameter_levels(const struct search_parameter *parameter)
{
        if (parameter->type == SEARCH_FLOAT && parameter->step <= 0)
                return parameter->high > parameter->low ? INFINITY : 1;
        return floor((parameter->high - parameter->low) / parameter->step + ROUNDING) + 1;
}

/* ---- points ---- */

bool search_parameter_active(const struct search_space *space, const double *point, int parameter)
{
        for (int at = parameter; space->parameters[at].when >= 0; at = space->parameters[at].when) {
                int choice = (int)point[space->parameters[at].when];

                if (!(space->parameters[at].when_choices >> choice & 1))
                        return false;
        }
        return true;
}

double search_parameter_number(const struct search_parameter *parameter, double value)
{
        return parameter->type == SEARCH_ORDINAL ? parameter->values[(int)value] : value;
}

static bool limit_holds(const struct search_space *space, const struct search_limit *limit,
                        const double *point)
{
        double sum = limit->product ? 1 : 0;

        for (int i = 0; i < space->n; i++) {
                if (limit->factor[i] == 0)
                        continue;
                if (limit->product)
                        sum *= pow(search_parameter_number(&space->parameters[i], point[i]),
                                   limit->factor[i]);
                else
                        sum += limit->factor[i] * search_parameter_number(&space->parameters[i], point[i]);
        }
        return sum <= limit->most + ROUNDING * fabs(limit->most);
}

bool search_space_allows(const struct search_space *space, const double *point)
{
        for (int i = 0; i < space->n_limits; i++)
                if (!limit_holds(space, &space->limits[i], point))
                        return false;
        return true;
}

void search_space_settle(const struct search_space *space, double *point)
{
        for (int i = 0; i < space->n; i++)
                if (!search_parameter_active(space, point, i))
                        point[i] = space->parameters[i].low;
}

int search_space_candidate(const struct search_space *space, const double *point)
{
        size_t bytes = (size_t)space->n * sizeof *point;

        for (int c = 0; c < space->n_candidates; c++)
                if (memcmp(space->candidates + (size_t)c * (size_t)space->n, point, bytes) == 0)
                        return c;
        return -1;
}

/* ---- all of them ---- */

/* The next point of the product, the last parameter first; false after the last. */
static bool advance(const struct search_space *space, double *point)
{
        for (int i = space->n - 1; i >= 0; i--) {
                const struct search_parameter *parameter = &space->parameters[i];

                double next = search_parameter_round(parameter, point[i] + parameter->step);

                /* One of a single value, or whose step is lost in rounding, has no next one. */
                if (point[i] + parameter->step <= parameter->high + ROUNDING && next > point[i]) {
                        point[i] = next;
                        return true;
                }
                point[i] = parameter->low;
        }
        return false;
}

static bool is_settled(const struct search_space *space, const double *point)
{
        for (int i = 0; i < space->n; i++)
                if (point[i] != space->parameters[i].low && !search_parameter_active(space, point, i))
                        return false;
        return true;
}

static double *product_points(const struct search_space *space, int most, int *ret_count)
{
        double point[SEARCH_MAX_PARAMETERS], count = 1;
        size_t bytes = (size_t)space->n * sizeof *point;
        double *points;

        for (int i = 0; i < space->n; i++) {
                point[i] = space->parameters[i].low;
                count *= search_parameter_levels(&space->parameters[i]);
        }
        *ret_count = 0;
        if (!(count <= most))
                return NULL;
        points = memory_new((size_t)count * (size_t)space->n, sizeof *points);
        do {
                if (search_space_allows(space, point) && is_settled(space, point))
                        memcpy(points + (size_t)(*ret_count)++ * (size_t)space->n, point, bytes);
        } while (*ret_count < (int)count && advance(space, point));
        return points;
}

double *search_space_points(const struct search_space *space, int most, int *ret_count)
{
        size_t bytes = (size_t)space->n_candidates * (size_t)space->n * sizeof(double);
        double *points;

        if (space->n_candidates == 0)
                return product_points(space, most, ret_count);
        points = memory_new((size_t)space->n_candidates * (size_t)space->n, sizeof *points);
        memcpy(points, space->candidates, bytes);
        *ret_count = space->n_candidates;
        return points;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_SPACE_H
#define OPTCTL_OPTIMIZER_SEARCH_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

/*
 * What a search may choose from: parameters, limits that bind several of them, and perhaps a table of the
 * only points allowed, whose other columns are known of a point before it is tried (memory, a price).
 *
 * A point is one double a parameter: the value itself, or the index of a choice.
 *
 * A context is what is given and not chosen, and what y depends on beside the point: the size of the input,
 * the load, the day of the week. Its values are one double each in the same way. `low` and `high` say where
 * they usually lie, for the model's scale: what happens is not bound by them.
 */
#define SEARCH_MAX_PARAMETERS 48
#define SEARCH_MAX_COLUMNS    48
#define SEARCH_MAX_CHOICES    64
#define SEARCH_MAX_LIMITS     16
#define SEARCH_MAX_CANDIDATES 20000 /* a space with more points is not listed */
#define SEARCH_MAX_CONTEXT    8

enum search_type {
        SEARCH_FLOAT,
        SEARCH_INTEGER,
        SEARCH_ORDINAL,  /* one of several numbers; neighbours behave alike */
        SEARCH_CATEGORY, /* one of several names; no order */
};

struct search_parameter {
        char *name;
        enum search_type type;
        double low, high; /* inclusive; of choices 0 and n_choices - 1 */
        double step;      /* of floats: values are low + i step; 0: none. Of all others 1 or more */
        bool log;         /* ratios count, not differences */
        bool cyclic;      /* of a context: `high` is `low` again, as the hours 24 and 0 are; not with log */
        int n_choices;
        char **choices;                    /* texts of categories, else NULL */
        bool literal;                      /* the texts are JSON, not texts in JSON */
        double values[SEARCH_MAX_CHOICES]; /* of an ordinal, ascending */
        /* Conditional: means something only while the choice of an earlier parameter is among `when_choices`
         * (bit i: choice i). */
        int when; /* index, or -1 */
        uint64_t when_choices;
};

/* sum factor_i value_i <= most, or product value_i ^ factor_i <= most. */
struct search_limit {
        bool product;
        double factor[SEARCH_MAX_PARAMETERS];
        double most;
};

struct search_column {
        char *name;
        bool category;
        double *value; /* n_candidates; of categories small integers */
};

struct search_space {
        int n;
        struct search_parameter parameters[SEARCH_MAX_PARAMETERS];
        int n_limits;
        struct search_limit limits[SEARCH_MAX_LIMITS];
        int n_candidates;   /* 0: all points within the limits are allowed */
        double *candidates; /* n_candidates x n */
        int n_columns;
        struct search_column columns[SEARCH_MAX_COLUMNS];
        int n_context;
        struct search_parameter context[SEARCH_MAX_CONTEXT];
};

void search_space_free(struct search_space *space); /* and what it holds */
DEFINE_CLEANUP(search_space_free, struct search_space);

/* The number that a value of a point stands for: of an ordinal the choice itself. */
double search_parameter_number(const struct search_parameter *parameter, double value);

/* The point nearest to `value` that the parameter can take. */
double search_parameter_round(const struct search_parameter *parameter, double value);

/* Position of a value in [0, 1] on the parameter's scale, and the value (rounded) at a position. */
double search_parameter_unit(const struct search_parameter *parameter, double value);
double search_parameter_value(const struct search_parameter *parameter, double unit);

/* Whether a value of a context can be: a finite number, above 0 where ratios count, or the index of a choice.
 */
bool search_context_fits(const struct search_parameter *parameter, double value);

/* How many values it has; INFINITY for a float without a step. */
double search_parameter_levels(const struct search_parameter *parameter);

bool search_parameter_active(const struct search_space *space, const double *point, int parameter);

/* Whether all limits hold. */
bool search_space_allows(const struct search_space *space, const double *point);

/* Gives parameters without a meaning their lowest value, so that equal configurations are equal points. */
void search_space_settle(const struct search_space *space, double *point);

/* Row of the table that is the point, or -1. */
int search_space_candidate(const struct search_space *space, const double *point);

/* All points, when there are at most `most`: the table, or the product of all values that limits allow and
 * that differ. Caller frees; NULL (and *ret_count 0) when there are more. */
double *search_space_points(const struct search_space *space, int most, int *ret_count);

#endif

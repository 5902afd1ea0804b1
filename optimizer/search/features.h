/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_FEATURES_H
#define OPTCTL_OPTIMIZER_SEARCH_FEATURES_H

#include "optimizer/search/gp.h"
#include "optimizer/search/space.h"

/*
 * How a model sees a point: numbers in [0, 1], on a logarithmic scale where ratios count, and categories.
 * They come from parameters, from other columns of the table, and from whether a conditional parameter means
 * anything. A category that is no more than a name for what the numbers of the table say is left out. The
 * value is taken after rounding, so that two points that would be run the same are the same to the model.
 * What is known of the context comes last: numbers on the scale that its usual range says, and up to a whole
 * range beyond it; what goes round as a point on a circle, which is two numbers.
 */
enum search_feature_kind {
        FEATURE_PARAMETER,
        FEATURE_COLUMN,
        FEATURE_ACTIVE,
        FEATURE_PRODUCT,
        FEATURE_CONTEXT,
        FEATURE_SINE, /* of a context that goes round */
        FEATURE_COSINE
};

struct search_feature {
        enum search_feature_kind kind;
        int index;        /* of the parameter, column or context */
        uint64_t factors; /* of a product: the features that are multiplied (bit i: feature i) */
        bool log;
        double low, high; /* after the logarithm */
};

struct search_features {
        int d;
        int n_context; /* the last so many of them */
        struct search_feature features[GP_MAX_FEATURES];
        bool category[GP_MAX_FEATURES];
};

/* left_out: index of a column that is no feature (the known price), or -1. */
void search_features_init(struct search_features *features, const struct search_space *space, int left_out);

/* candidate: the point's row in the table, -1 without a table. context: space->n_context. ret_x: features->d.
 */
void search_features_encode(const struct search_features *features, const struct search_space *space,
                            const double *point, int candidate, const double *context, double *ret_x);

/* Distance of two contexts along the feature that has the most of it: 1 is a range, or another choice. */
double search_features_apart(const struct search_features *features, const struct search_space *space,
                             const double *a, const double *b);

#endif

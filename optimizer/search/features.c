/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/features.h"

#include <math.h>
#include <string.h>

#define LOG_RATIO 3.0 /* a positive column that spans more than this is taken by its ratios */
#define BEYOND    1.0 /* ranges that a context may lie outside of its own: a model says nothing further out */

static double raw_value(const struct search_features *features, const struct search_feature *feature,
                        const struct search_space *space, const double *point, int candidate);

static double product_value(const struct search_features *features, const struct search_feature *feature,
                            const struct search_space *space, const double *point, int candidate)
{
        double product = 1;

        for (int k = 0; k < features->d && feature->factors >> k; k++)
                if (feature->factors >> k & 1)
                        product *= raw_value(features, &features->features[k], space, point, candidate);
        return product;
}

static double raw_value(const struct search_features *features, const struct search_feature *feature,
                        const struct search_space *space, const double *point, int candidate)
{
        const struct search_parameter *parameter = &space->parameters[feature->index];

        if (feature->kind == FEATURE_COLUMN)
                return space->columns[feature->index].value[candidate];
        if (feature->kind == FEATURE_PRODUCT)
                return product_value(features, feature, space, point, candidate);
        if (feature->kind == FEATURE_ACTIVE)
                return search_parameter_active(space, point, feature->index);
        return parameter->type == SEARCH_ORDINAL ? parameter->values[(int)point[feature->index]]
                                                 : point[feature->index];
}

static void add(struct search_features *features, struct search_feature feature, bool category)
{
        if (features->d == GP_MAX_FEATURES - features->n_context)
                return;
        features->category[features->d] = category;
        features->features[features->d++] = feature;
}

/* The range that the table has, which may be less than what the parameters could take. */
static void table_range(const struct search_features *features, const struct search_space *space,
                        const struct search_feature *feature, double *ret_low, double *ret_high)
{
        *ret_low = INFINITY;
        *ret_high = -INFINITY;
        for (int c = 0; c < space->n_candidates; c++) {
                double value = raw_value(features, feature, space,
                                         space->candidates + (size_t)c * (size_t)space->n, c);

                *ret_low = fmin(*ret_low, value);
                *ret_high = fmax(*ret_high, value);
        }
}

static void add_number(struct search_features *features, const struct search_space *space,
                       struct search_feature feature, double low, double high, bool log_wanted)
{
        if (space->n_candidates > 0)
                table_range(features, space, &feature, &low, &high);
        if (!(high > low))
                return;
        feature.log = low > 0 && (log_wanted || high / low > LOG_RATIO);
        feature.low = feature.log ? log(low) : low;
        feature.high = feature.log ? log(high) : high;
        add(features, feature, false);
}

static void add_parameter(struct search_features *features, const struct search_space *space, int index)
{
        const struct search_parameter *parameter = &space->parameters[index];
        struct search_feature feature = {.kind = FEATURE_PARAMETER, .index = index};
        double low = parameter->low, high = parameter->high;
        size_t before = (size_t)features->d;

        if (parameter->type == SEARCH_ORDINAL) {
                low = parameter->values[0];
                high = parameter->values[parameter->n_choices - 1];
                add_number(features, space, feature, low, high, parameter->log);
        } else if (space->n_candidates > 0) {
                add_number(features, space, feature, low, high, parameter->log);
        } else if (high > low) {
                feature.log = parameter->log;
                feature.low = feature.log ? log(low) : low;
                feature.high = feature.log ? log(high) : high;
                add(features, feature, false);
        }
        if (parameter->when >= 0 && (size_t)features->d > before) {
                feature = (struct search_feature){.kind = FEATURE_ACTIVE, .index = index, .high = 1};
                add(features, feature, false);
        }
}

/* ---- products ---- */

static bool is_ratio(const struct search_features *features, int k)
{
        return features->features[k].log && features->features[k].kind != FEATURE_PRODUCT;
}

static bool is_count(const struct search_features *features, const struct search_space *space, int k)
{
        return is_ratio(features, k) && features->features[k].kind == FEATURE_PARAMETER &&
               space->parameters[features->features[k].index].type != SEARCH_FLOAT;
}

static void add_product(struct search_features *features, const struct search_space *space, uint64_t factors)
{
        struct search_feature product = {.kind = FEATURE_PRODUCT, .factors = factors};
        double low = 1, high = 1;

        for (int k = 0; k < features->d; k++)
                if (factors >> k & 1) {
                        low *= exp(features->features[k].low);
                        high *= exp(features->features[k].high);
                }
        add_number(features, space, product, low, high, true);
}

static void add_products(struct search_features *features, const struct search_space *space)
{
        int base = features->d;

        for (int c = 0; c < base; c++)
                for (int b = 0; b < base && is_count(features, space, c); b++) {
                        if (b == c || !is_ratio(features, b) || (b < c && is_count(features, space, b)))
                                continue;
                        add_product(features, space, UINT64_C(1) << c | UINT64_C(1) << b);
                        for (int a = 0; a < b; a++) {
                                if (a == c || !is_ratio(features, a) ||
                                    (a < c && is_count(features, space, a)))
                                        continue;
                                add_product(features, space,
                                            UINT64_C(1) << c | UINT64_C(1) << b | UINT64_C(1) << a);
                        }
                }
}

static bool is_context(const struct search_feature *feature)
{
        return feature->kind >= FEATURE_CONTEXT;
}

/* All features but those of the context. */
static void encode_point(const struct search_features *features, const struct search_space *space,
                         const double *point, int candidate, double *ret_x)
{
        for (int k = 0; k < features->d; k++) {
                const struct search_feature *feature = &features->features[k];
                double value;

                if (is_context(feature))
                        return;
                value = raw_value(features, feature, space, point, candidate);
                if (feature->kind == FEATURE_PARAMETER &&
                    !search_parameter_active(space, point, feature->index))
                        ret_x[k] = 0.5;
                else if (features->category[k])
                        ret_x[k] = value;
                else
                        ret_x[k] = ((feature->log ? log(value) : value) - feature->low) /
                                   (feature->high - feature->low);
        }
}

/* Whether rows that agree in all features so far agree in this category, too. */
static bool says_nothing_new(const struct search_features *features, const struct search_space *space,
                             const struct search_feature *feature)
{
        size_t n = (size_t)space->n, d = (size_t)features->d;
        autofree double *x = NULL, *named = NULL;
        bool nothing = d > 0 && space->n_candidates > 0 && space->n_candidates <= 5000;

        if (!nothing)
                return false;
        x = memory_new((size_t)space->n_candidates * d, sizeof *x);
        named = memory_new((size_t)space->n_candidates, sizeof *named);
        for (int c = 0; c < space->n_candidates; c++) {
                const double *point = space->candidates + (size_t)c * n;

                encode_point(features, space, point, c, x + (size_t)c * d);
                named[c] = raw_value(features, feature, space, point, c);
        }
        for (int a = 0; a < space->n_candidates && nothing; a++)
                for (int b = 0; b < a && nothing; b++)
                        nothing = named[a] == named[b] ||
                                  memcmp(x + (size_t)a * d, x + (size_t)b * d, d * sizeof *x) != 0;
        return nothing;
}

static void add_category(struct search_features *features, const struct search_space *space,
                         struct search_feature feature)
{
        if (!says_nothing_new(features, space, &feature))
                add(features, feature, true);
}

/* ---- the context ---- */

static void put_context(struct search_features *features, struct search_feature feature, bool category)
{
        features->category[features->d] = category;
        features->features[features->d++] = feature;
}

static int context_features(const struct search_parameter *parameter)
{
        if (parameter->type == SEARCH_CATEGORY)
                return parameter->n_choices > 1;
        return parameter->high > parameter->low ? 1 + parameter->cyclic : 0;
}

static void add_context(struct search_features *features, const struct search_space *space, int index)
{
        const struct search_parameter *parameter = &space->context[index];
        bool ordinal = parameter->type == SEARCH_ORDINAL;
        double low = ordinal ? parameter->values[0] : parameter->low,
               high = ordinal ? parameter->values[parameter->n_choices - 1] : parameter->high;
        struct search_feature feature = {.kind = FEATURE_CONTEXT, .index = index, .log = parameter->log};

        feature.low = feature.log ? log(low) : low;
        feature.high = feature.log ? log(high) : high;
        if (context_features(parameter) == 1)
                put_context(features, feature, parameter->type == SEARCH_CATEGORY);
        for (int k = 0; context_features(parameter) == 2 && k < 2; k++) {
                feature.kind = k ? FEATURE_COSINE : FEATURE_SINE;
                put_context(features, feature, false);
        }
}

void search_features_init(struct search_features *features, const struct search_space *space, int left_out)
{
        *features = (struct search_features){0};
        for (int i = 0; i < space->n_context; i++)
                features->n_context += context_features(&space->context[i]);
        for (int i = 0; i < space->n; i++)
                if (space->parameters[i].type != SEARCH_CATEGORY)
                        add_parameter(features, space, i);
        for (int i = 0; i < space->n_columns; i++)
                if (!space->columns[i].category && i != left_out)
                        add_number(features, space,
                                   (struct search_feature){.kind = FEATURE_COLUMN, .index = i}, 0, 0, false);
        add_products(features, space);
        for (int i = 0; i < space->n; i++)
                if (space->parameters[i].type == SEARCH_CATEGORY)
                        add_category(features, space,
                                     (struct search_feature){.kind = FEATURE_PARAMETER, .index = i});
        for (int i = 0; i < space->n_columns; i++)
                if (space->columns[i].category)
                        add_category(features, space,
                                     (struct search_feature){.kind = FEATURE_COLUMN, .index = i});
        for (int i = 0; i < space->n_context; i++)
                add_context(features, space, i);
}

static double context_value(const struct search_feature *feature, const struct search_space *space,
                            const double *context)
{
        const struct search_parameter *parameter = &space->context[feature->index];
        double value = context[feature->index], angle, x;

        if (parameter->type == SEARCH_CATEGORY)
                return value;
        if (parameter->type == SEARCH_ORDINAL)
                value = parameter->values[(int)value];
        x = ((feature->log ? log(value) : value) - feature->low) / (feature->high - feature->low);
        if (feature->kind == FEATURE_CONTEXT)
                return fmin(fmax(x, -BEYOND), 1 + BEYOND);
        angle = 2 * M_PI * x;
        return 0.5 + 0.5 * (feature->kind == FEATURE_SINE ? sin(angle) : cos(angle));
}

void search_features_encode(const struct search_features *features, const struct search_space *space,
                            const double *point, int candidate, const double *context, double *ret_x)
{
        encode_point(features, space, point, candidate, ret_x);
        for (int k = features->d - features->n_context; k < features->d; k++)
                ret_x[k] = context_value(&features->features[k], space, context);
}

double search_features_apart(const struct search_features *features, const struct search_space *space,
                             const double *a, const double *b)
{
        double most = 0;

        for (int k = features->d - features->n_context; k < features->d; k++) {
                double off = context_value(&features->features[k], space, a) -
                             context_value(&features->features[k], space, b);

                most = fmax(most, features->category[k] && off != 0 ? 1 : fabs(off));
        }
        return most;
}

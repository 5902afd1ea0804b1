/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/scale_out.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

#define LEAST_ERROR 1e-3 /* of a form that hits what it has not seen: chance, when sizes are few */

/* Which terms a form has, a bit each. */
static const unsigned terms_of[SCALE_OUT_FORMS] = {
        [SCALE_OUT_ERNEST] = 0x0f,
        [SCALE_OUT_SQUARE] = 0x1f,
        [SCALE_OUT_SQUARE_ALONE] = 0x11,
};

/* Median run times of the sizes, sorted. */
struct medians {
        double size[SCALE_OUT_MAX_SIZES], seconds[SCALE_OUT_MAX_SIZES];
        size_t count;
};

static double term(size_t which, double size)
{
        switch (which) {
        case 0:
                return 1;
        case 1:
                return 1 / size;
        case 2:
                return log(size);
        case 3:
                return size;
        default:
                return 1 / (size * size);
        }
}

static double value(const double coefficients[SCALE_OUT_TERMS], double size)
{
        double sum = 0;

        for (size_t i = 0; i < SCALE_OUT_TERMS; i++) {
                if (coefficients[i] > 0)
                        sum += coefficients[i] * term(i, size);
        }
        return sum;
}

/* ---- least squares with coefficients of 0 or more ---- */

struct fitting {
        gsl_matrix *rows;
        gsl_vector *ones, *solution;
        gsl_matrix *covariance;
        gsl_multifit_linear_workspace *work;
};

static struct fitting fitting_new(size_t rows, size_t columns)
{
        return (struct fitting){gsl_matrix_alloc(rows, columns), gsl_vector_alloc(rows),
                                gsl_vector_alloc(columns), gsl_matrix_alloc(columns, columns),
                                gsl_multifit_linear_alloc(rows, columns)};
}

static void fitting_free(struct fitting *fitting)
{
        gsl_matrix_free(fitting->rows);
        gsl_vector_free(fitting->ones);
        gsl_vector_free(fitting->solution);
        gsl_matrix_free(fitting->covariance);
        gsl_multifit_linear_free(fitting->work);
}

/* The terms of `set` alone; false when one of them would have to be negative. */
static bool fit_set(const struct medians *medians, size_t left_out, unsigned set,
                    double ret_coefficients[SCALE_OUT_TERMS], double *ret_squares)
{
        size_t columns = (size_t)__builtin_popcount(set), rows = medians->count - (left_out < medians->count);
        __attribute__((cleanup(fitting_free))) struct fitting fitting = fitting_new(rows, columns);
        double found[SCALE_OUT_TERMS] = {0};
        size_t row = 0, column = 0;

        for (size_t i = 0; i < medians->count; i++) {
                if (i == left_out)
                        continue;
                for (size_t t = 0, at = 0; t < SCALE_OUT_TERMS; t++) {
                        if (set & (1U << t))
                                gsl_matrix_set(fitting.rows, row, at++,
                                               term(t, medians->size[i]) / medians->seconds[i]);
                }
                gsl_vector_set(fitting.ones, row++, 1);
        }
        if (gsl_multifit_linear(fitting.rows, fitting.ones, fitting.solution, fitting.covariance, ret_squares,
                                fitting.work) != 0)
                return false;
        for (size_t t = 0; t < SCALE_OUT_TERMS; t++) {
                if (!(set & (1U << t)))
                        continue;
                found[t] = gsl_vector_get(fitting.solution, column++);
                if (!(found[t] >= 0))
                        return false;
        }
        memcpy(ret_coefficients, found, sizeof found);
        return true;
}

/* The best of all subsets of a form's terms is the least squares fit under the bounds: there are 31 at most.
 * No more terms than sizes, and of two that fit alike the one with fewer terms. */
static void fit_form(const struct medians *medians, size_t left_out, unsigned terms,
                     double coefficients[SCALE_OUT_TERMS])
{
        size_t rows = medians->count - (left_out < medians->count);
        double least = INFINITY;

        memset(coefficients, 0, SCALE_OUT_TERMS * sizeof *coefficients);
        for (size_t many = 1; many <= SCALE_OUT_TERMS && many <= rows; many++) {
                for (unsigned set = 1; set < 1U << SCALE_OUT_TERMS; set++) {
                        double found[SCALE_OUT_TERMS], squares;

                        if ((set & ~terms) || (size_t)__builtin_popcount(set) != many ||
                            !fit_set(medians, left_out, set, found, &squares) ||
                            squares >= least * (1 - 1e-9) || squares >= least - 1e-18)
                                continue;
                        least = squares;
                        memcpy(coefficients, found, sizeof found);
                }
        }
}

/* ---- what is to be fitted ---- */

static int compare_runs(const void *a, const void *b)
{
        const struct scale_out_run *left = a, *right = b;

        if (left->size != right->size)
                return left->size < right->size ? -1 : 1;
        return (left->seconds > right->seconds) - (left->seconds < right->seconds);
}

static bool check_runs(const struct scale_out_run *runs, size_t count, struct error *err)
{
        if (count > SCALE_OUT_MAX_RUNS)
                return error_set(err, ERROR_INPUT, NULL, "%zu runs; at most %d can be fitted", count,
                                 SCALE_OUT_MAX_RUNS);
        for (size_t i = 0; i < count; i++) {
                if (!(runs[i].size >= 1) || !isfinite(runs[i].size) || !(runs[i].seconds > 0) ||
                    !isfinite(runs[i].seconds))
                        return error_set(err, ERROR_INPUT, NULL,
                                         "expected sizes of 1 or more and run times above 0");
        }
        return true;
}

/* Scatter within sizes goes to *ret_noise: 0 where no size ran twice. */
static bool take_medians(const struct scale_out_run *runs, size_t count, struct medians *medians,
                         double *ret_noise, struct error *err)
{
        autofree struct scale_out_run *sorted = memory_new(count + 1, sizeof *sorted);
        double squares = 0;
        size_t repeats = 0;

        for (size_t i = 0; i < count; i++)
                sorted[i] = runs[i];
        qsort(sorted, count, sizeof *sorted, compare_runs);
        for (size_t from = 0, to; from < count; from = to) {
                double middle;

                for (to = from + 1; to < count && sorted[to].size == sorted[from].size; to++)
                        ;
                if (medians->count == SCALE_OUT_MAX_SIZES)
                        return error_set(err, ERROR_INPUT, NULL, "runs at more than %d sizes",
                                         SCALE_OUT_MAX_SIZES);
                middle = (sorted[(from + to - 1) / 2].seconds + sorted[(from + to) / 2].seconds) / 2;
                medians->size[medians->count] = sorted[from].size;
                medians->seconds[medians->count++] = middle;
                for (size_t i = from; i < to; i++)
                        squares += pow(sorted[i].seconds / middle - 1, 2);
                repeats += to - from - 1;
        }
        *ret_noise = repeats > 0 ? sqrt(squares / (double)repeats) : 0;
        return true;
}

/* ---- how good it is ---- */

/* Relative errors of every form at every size that it has not seen. */
static void leave_out(const struct medians *medians, double (*errors)[SCALE_OUT_FORMS])
{
        for (size_t i = 0; i < medians->count; i++) {
                for (size_t form = 0; form < SCALE_OUT_FORMS; form++) {
                        double coefficients[SCALE_OUT_TERMS];

                        fit_form(medians, i, terms_of[form], coefficients);
                        errors[i][form] = value(coefficients, medians->size[i]) / medians->seconds[i] - 1;
                }
        }
}

/* By the inverse of the mean squared error, squared. */
static void weigh(struct scale_out *model, double (*errors)[SCALE_OUT_FORMS])
{
        double sum = 0;

        for (size_t form = 0; form < SCALE_OUT_FORMS; form++) {
                double squares = 0;

                for (size_t i = 0; i < model->sizes; i++)
                        squares += errors[i][form] * errors[i][form];
                model->weights[form] = pow(squares / (double)model->sizes + LEAST_ERROR * LEAST_ERROR, -2);
                sum += model->weights[form];
        }
        for (size_t form = 0; form < SCALE_OUT_FORMS; form++)
                model->weights[form] /= sum;
}

static void sum_errors(struct scale_out *model, double (*errors)[SCALE_OUT_FORMS])
{
        double inner = 0, outer = 0;

        for (size_t i = 0; i < model->sizes; i++) {
                bool at_end = i == 0 || i == model->sizes - 1;
                double error = 0;

                for (size_t form = 0; form < SCALE_OUT_FORMS; form++)
                        error += model->weights[form] * errors[i][form];
                inner += at_end ? 0 : error * error;
                outer += at_end ? error * error : 0;
        }
        model->inner_error = sqrt(inner / (double)(model->sizes - 2));
        model->outer_error = sqrt(outer / 2);
}

bool scale_out_fit(const struct scale_out_run *runs, size_t count, struct scale_out *ret_model,
                   struct error *err)
{
        autofree struct medians *medians = memory_new(1, sizeof *medians);
        autofree double(*errors)[SCALE_OUT_FORMS] = NULL;
        struct scale_out model = {0};

        if (!check_runs(runs, count, err) || !take_medians(runs, count, medians, &model.noise, err))
                return false;
        if (medians->count < 2)
                return error_set(err, ERROR_INCOMPLETE, "OneSize", "expected runs at two sizes at least");
        model.sizes = medians->count;
        model.smallest = medians->size[0];
        model.largest = medians->size[medians->count - 1];
        for (size_t form = 0; form < SCALE_OUT_FORMS; form++) {
                model.weights[form] = 1.0 / SCALE_OUT_FORMS;
                fit_form(medians, SIZE_MAX, terms_of[form], model.coefficients[form]);
        }
        if (model.sizes > 2) {
                errors = memory_new(model.sizes, sizeof *errors);
                leave_out(medians, errors);
                weigh(&model, errors);
                sum_errors(&model, errors);
        }
        *ret_model = model;
        return true;
}

double scale_out_predict_form(const struct scale_out *model, enum scale_out_form form, double size)
{
        return value(model->coefficients[form], size);
}

struct scale_out_guess scale_out_predict(const struct scale_out *model, double size)
{
        bool inside = size >= model->smallest && size <= model->largest;
        double error = inside ? model->inner_error : fmax(model->inner_error, model->outer_error);
        double freedom = model->sizes > 3 ? (double)model->sizes - 2 : 1;
        struct scale_out_guess guess = {0};
        double spread = 0, band;

        for (size_t form = 0; form < SCALE_OUT_FORMS; form++)
                guess.seconds += model->weights[form] * value(model->coefficients[form], size);
        for (size_t form = 0; form < SCALE_OUT_FORMS; form++)
                spread += model->weights[form] *
                          pow(value(model->coefficients[form], size) / guess.seconds - 1, 2);
        band = gsl_cdf_tdist_Pinv(0.95, freedom) * sqrt(error * error + spread + model->noise * model->noise);
        guess.low = guess.seconds * fmax(1 - band, 0);
        guess.high = guess.seconds * (1 + band);
        return guess;
}

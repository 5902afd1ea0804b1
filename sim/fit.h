/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_FIT_H
#define OPTCTL_SIM_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* y = intercept + slope x by least squares, with standard errors that allow for residuals that are correlated
 * in time: samples are averaged over blocks of `block` neighbours first. Needs three blocks. */
struct line_fit {
        double intercept, slope, intercept_error, slope_error;
        double residual_sd; /* of single samples */
};
bool fit_line(const double *x, const double *y, size_t n, size_t block, struct line_fit *ret_fit,
              struct error *err);

/* The same of quantities that are never below zero, x, intercept and slope: where the line of least squares
 * has a part below zero, the best one without that part (least squares under bounds, Lawson and Hanson 1974,
 * which of two parts leaves out one). The errors stay those of the line without bounds. */
bool fit_line_above_zero(const double *x, const double *y, size_t n, size_t block, struct line_fit *ret_fit,
                         struct error *err);

/*
 * Capacity of a pipeline that is behind: rate * usl(subtasks; sigma, kappa) * (1 - (1 - floor) (1 - exp(-age
 * / tau))), by robust (Huber) least squares on logarithms. Parameters that are not free keep the value they
 * come with.
 */
struct capacity_sample {
        double subtasks;
        double age_seconds; /* behind for so long */
        double rate;        /* records/s */
        double weight;
        size_t episode; /* samples of one episode are not independent */
};

struct capacity_fit {
        double rate, sigma, kappa, floor, tau;
        double rate_error, sigma_error, kappa_error, floor_error;
        bool free_sigma, free_kappa, free_slowdown;
        double residual_sd; /* of the logarithm */
};
bool fit_capacity(const struct capacity_sample *samples, size_t n, struct capacity_fit *fit,
                  struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_CALIBRATE_H
#define OPTCTL_SIM_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/model.h"
#include "core/pipeline.h"
#include "sim/recording.h"

/*
 * Fits the simulated engine's model to recordings of the real one.
 *
 * Each parameter comes with a standard error, or with the reason why the recordings cannot tell it: then it
 * keeps the value it has in `prior` (the spec's model, or the defaults).
 */
struct calibration_parameter {
        char name[80];    /* as in a spec: "restart.medianSeconds", "operators.work.ratePerSecond" */
        const char *unit; /* static */
        double value, error;
        bool identified;
        char note[200]; /* what it rests on, or why it could not be told */
};

struct calibration {
        struct model model;
        size_t count;
        struct calibration_parameter *parameters;
};

bool calibrate(const struct pipeline *pipeline, const struct model *prior,
               struct recording *const *recordings, size_t n, struct calibration **ret_calibration,
               struct error *err);
void calibration_free(struct calibration *calibration);
DEFINE_CLEANUP(calibration_free, struct calibration);

#endif

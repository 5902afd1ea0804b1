/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_BACKTEST_H
#define OPTCTL_CONTROLLER_STUDY_BACKTEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/loop/source.h"
#include "core/error.h"
#include "sim/calibrate.h"

/*
 * How far to trust the simulator: fit it to some recorded runs, predict others that ran another strategy or
 * scale, and set what was measured beside what was predicted. Nothing of a predicted run but its offered
 * load, its configuration at the start and the strategy that steered it is looked at.
 */
struct backtest_request {
        const struct source *source;
        char *const *sets; /* PATH=VALUE, NULL-ended */
        int64_t threads;   /* 0: one a core */
        bool quiet;
};

/* The document of docs/schema/backtest.schema.json. */
bool backtest_run(const struct backtest_request *request, json_t **ret_document, struct error *err);

/* Only the fit: the document of docs/schema/calibrate.schema.json and the model as a spec fragment (caller
 * frees). */
bool backtest_calibrate(const struct backtest_request *request, json_t **ret_document, char **ret_fragment,
                        struct error *err);

/* What a fit came to: `model` of docs/schema/calibrate.schema.json. */
json_t *backtest_model_json(const struct calibration *calibration);

#endif

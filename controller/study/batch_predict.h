/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_BATCH_PREDICT_H
#define OPTCTL_CONTROLLER_STUDY_BATCH_PREDICT_H

#include <stdbool.h>

#include "controller/study/batch_wanted.h"
#include "core/error.h"
#include "sim/batch_model.h"
#include "sim/batch_replay.h"

/* What a measured run would have taken on something else: in the middle, and as fast and as slow as what one
 * log leaves open lets it be. */
enum batch_case { BATCH_MIDDLE, BATCH_FAST, BATCH_SLOW, BATCH_CASES };

struct batch_prediction {
        struct batch_replay
                cases[BATCH_CASES]; /* not in order of their seconds where it is the other way round */
};

/*
 * as_measured  the run replayed on what it had
 *
 * ERROR_INPUT when partitions are asked about and no stage goes by their number, and what batch_replay says.
 */
bool batch_predict(const struct batch_model *model, const struct batch_replay *as_measured,
                   const struct batch_wanted *wanted, struct batch_prediction *ret_prediction,
                   struct error *err);

/* The middle of it alone. */
bool batch_predict_middle(const struct batch_model *model, const struct batch_replay *as_measured,
                          const struct batch_wanted *wanted, struct batch_replay *ret_replay,
                          struct error *err);

/* Whether partitions can be asked about. */
bool batch_predict_knows_partitions(const struct batch_model *model);

/* A sentence about what the prediction cannot count: memory that does not suffice; NULL: nothing. Caller
 * frees. */
char *batch_predict_warning(const struct batch_model *model, const struct batch_wanted *wanted);

#endif

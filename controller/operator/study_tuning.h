/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_TUNING_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_TUNING_H

#include "controller/operator/study_round.h"

/* A round of a study with a section `tuning`: collects what its trials left, and begins the next batch of
 * them once all that were begun are over. No write to the study. Waits. */
bool study_tuning_go_on(struct study_round *round, struct error *err);

#endif

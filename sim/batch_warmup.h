/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_BATCH_WARMUP_H
#define OPTCTL_SIM_BATCH_WARMUP_H

#include "sim/batch_model.h"

/*
 * What an executor's first tasks of a stage take more than those after them: code has to be fetched, compiled
 * and warmed up in every executor anew, so more executors make a run's tasks longer in sum. Of each stage it
 * is the difference of the medians, less what chance would make of it, and drawn towards the share that the
 * whole run shows, by which stages that never had a second wave are judged. Sets `first_ms` of the nodes and
 * marks the first tasks in their order.
 */
void batch_warmup_find(struct batch_model *model);

#endif

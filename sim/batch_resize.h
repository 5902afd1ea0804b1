/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_BATCH_RESIZE_H
#define OPTCTL_SIM_BATCH_RESIZE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The tasks of a stage, had its work been cut into another number of parts. Work stays what it was in sum,
 * and its parts keep their order; what a task takes beside its work comes once a task.
 *
 * took        milliseconds of each of `n` tasks
 * beside      of those beside its work
 * keys_whole  what a task takes beyond twice the median's work is one key, which no finer cut divides
 * parts       how many tasks are wanted; above 0
 * ret_took    of each of them
 */
void batch_resize(const double *took, size_t n, double beside, bool keys_whole, size_t parts,
                  double *ret_took);

#endif

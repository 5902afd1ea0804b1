/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_OBSERVE_H
#define OPTCTL_CONTROLLER_LOOP_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/observation.h"

/*
 * Whether an observation is fresh and whole enough to change a pipeline on. True when it is; else says in
 * `reason` what is wrong: something is missing or not a number, it is no newer than the one before, the job
 * is restarting or warming up, or its counters began anew.
 *
 * previous_ms  end of the window before; INT64_MIN: there was none
 */
bool observe_usable(const struct observation *observation, int64_t previous_ms, char *reason, size_t room);

#endif

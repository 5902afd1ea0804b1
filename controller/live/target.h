/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_TARGET_H
#define OPTCTL_CONTROLLER_LIVE_TARGET_H

#include "core/memory.h"
#include "core/plugin.h"
#include "core/spec.h"

/*
 * All actuators of a live pipeline as one: each is asked for the knobs it controls. The broker comes before
 * the engine, since more subtasks than partitions have nothing to do.
 */
struct target;

/* `context` is borrowed until target_free, the spec too. */
bool target_open(const struct source_context *context, const struct spec *spec, struct target **ret_target,
                 struct error *err);
void target_free(struct target *target);
DEFINE_CLEANUP(target_free, struct target);

/* Its state is a struct target. */
extern const struct actuator target_actuator;

#endif

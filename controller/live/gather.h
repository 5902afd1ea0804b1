/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_GATHER_H
#define OPTCTL_CONTROLLER_LIVE_GATHER_H

#include "core/memory.h"
#include "core/plugin.h"
#include "core/spec.h"

/*
 * All sources of a live pipeline as one collector: they are asked at the same time, and their answers become
 * one observation. Of what several know, the first one in the order of spec->sources counts (engine, broker,
 * metrics), but for the offered load, which the broker sees whole.
 *
 * What no source knows of the configuration is taken from spec->initial for knobs that no actuator controls,
 * since nothing here changes them.
 */
struct gather;

/* `context` is borrowed until gather_free, the spec too. Fails when a source cannot be opened. */
bool gather_open(const struct source_context *context, const struct spec *spec, struct gather **ret_gather,
                 struct error *err);
void gather_free(struct gather *gather);
DEFINE_CLEANUP(gather_free, struct gather);

/* Its state is a struct gather. Fails when no source answered; the error is that of the first. */
extern const struct collector gather_collector;

/* Puts what `part` knows, and *whole does not, into *whole. `broker`: whether part is what a broker said. */
void gather_merge(struct observation *whole, const struct observation *part, bool broker);

#endif

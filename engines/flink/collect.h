/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_COLLECT_H
#define OPTCTL_ENGINES_FLINK_COLLECT_H

#include "core/plugin.h"
#include "engines/flink/options.h"

/* A collector of a job (core/plugin.h), whoever keeps it running: all that is measured is asked of its job
 * manager. */
bool flink_collect_open(const struct source_context *context, const struct flink_options *options,
                        void **ret_state, struct error *err);
bool flink_collect_discover(void *state, json_t **ret_pipeline, struct error *err);
bool flink_collect(void *state, struct observation *ret_observation, struct error *err);
void flink_collect_close(void *opaque);

#endif

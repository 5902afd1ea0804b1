/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_SOURCE_H
#define OPTCTL_CONTROLLER_LOOP_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/plugin.h"
#include "core/spec.h"

/* A spec that is parsed again and again, each time with other fields set: read once, so that it may come from
 * a pipe. */
struct source {
        const char *path, *data; /* borrowed; data may be NULL */
        const struct registry *registry;
        char *text;
        size_t length;
        bool object; /* of the API server, in JSON; `path` is what messages call it */
};

bool source_open(const char *path, const char *data, const struct registry *registry,
                 struct source *ret_source, struct error *err);
void source_close(struct source *source);

/* sets: PATH=VALUE, NULL-ended, may be NULL. */
bool source_spec(const struct source *source, const char *const *sets, struct spec **ret_spec,
                 struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_CLAIMS_H
#define OPTCTL_CONTROLLER_OPERATOR_CLAIMS_H

#include <stdbool.h>

#include "core/memory.h"

/*
 * Who of several pipelines that want to steer one target does: the one whose object is the oldest, whatever
 * came to be known first.
 */
struct claims;

struct claims *claims_new(void);
void claims_free(struct claims *claims);
DEFINE_CLEANUP(claims_free, struct claims);

/* Texts are copied. `key`: the pipeline's. */
void claims_add(struct claims *claims, const char *target, const char *created, const char *uid,
                const char *key);
void claims_remove(struct claims *claims, const char *name, const char *key);

/* The key of who steers it; NULL: nobody wants it. */
const char *claims_owner(const struct claims *claims, const char *name);
void claims_each(const struct claims *claims, const char *name, void (*visit)(void *context, const char *key),
                 void *context);

#endif

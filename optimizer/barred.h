/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_BARRED_H
#define OPTCTL_OPTIMIZER_BARRED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pipeline.h"

/* Configurations that were taken back: each is kept away from for an hour, twice as long at each further
 * time. All zero is none. */
struct barred {
        int count;
        struct barred_one *items;
};

bool barred_has(const struct barred *barred, const struct configuration *configuration, int64_t now_ms);
/* With eight of them, the one that ends first gives way. */
void barred_add(struct barred *barred, const struct configuration *configuration, int64_t now_ms);
void barred_clear(struct barred *barred);

#endif

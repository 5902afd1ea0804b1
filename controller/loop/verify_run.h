/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_VERIFY_RUN_H
#define OPTCTL_CONTROLLER_LOOP_VERIFY_RUN_H

#include <stddef.h>

#include "controller/loop/verify.h"
#include "core/prices.h"

/*
 * Did a change to a job that runs from time to time do what was predicted? The first run tells that ended
 * after those that were known and had what was wanted; however long it takes to come, it is waited for. It is
 * worse when it failed, took longer or cost more than the prediction allows. Runs that had something else
 * tell nothing; after three of them in a row nothing more is waited for.
 */
struct verify_run {
        const struct price_book *prices;
        struct run_prediction prediction;
        struct configuration wanted;
        int64_t seen_ms; /* end of the newest run that was looked at */
        int others;      /* runs since that had something else */
};

void verify_run_begin(struct verify_run *verify, const struct price_book *prices,
                      const struct run_prediction *prediction, const struct configuration *wanted);

/* Once for each observation since. Anything but VERIFY_WAITING is final and fills `reason`. */
enum verify_result verify_run_observe(struct verify_run *verify, const struct observation *observation,
                                      char *reason, size_t room);

#endif

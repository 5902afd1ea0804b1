/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_BATCH_ADVICE_H
#define OPTCTL_SIM_BATCH_ADVICE_H

#include <stddef.h>

#include "sim/batch_model.h"
#include "sim/batch_replay.h"

/* What in a measured run costs time or money, and what would help. */
enum batch_advice_kind {
        BATCH_ADVICE_SKEW,        /* one task of a stage takes much longer than the others */
        BATCH_ADVICE_FEW_TASKS,   /* a stage has fewer tasks than there are slots */
        BATCH_ADVICE_SMALL_TASKS, /* tasks so short that what each costs beside its work outweighs it */
        BATCH_ADVICE_SPILL,       /* what did not fit into memory was written to disk and read again */
        BATCH_ADVICE_GARBAGE,     /* collecting garbage took a good part of the tasks' time */
        BATCH_ADVICE_DRIVER,      /* no task ran for most of the time */
        BATCH_ADVICE_IDLE,        /* most slots stood idle most of the time */
};

#define BATCH_ADVICE_WORDS 320
#define BATCH_ADVICE_MAX   8

struct batch_advice {
        enum batch_advice_kind kind;
        const struct batch_stage *stage; /* NULL: the whole application */
        double seconds; /* of the run, at stake: at most so much could be won; 0 for money alone */
        char words[BATCH_ADVICE_WORDS]; /* what was seen, and what would help */
};

extern const char *const batch_advice_names[];

/* The gravest first. Stages that last less than a twentieth of the run are passed over, and
 * what could win less than a fiftieth. Returns how many. */
size_t batch_advise(const struct batch_model *model, const struct batch_replay *as_measured,
                    struct batch_advice advice[BATCH_ADVICE_MAX]);

#endif

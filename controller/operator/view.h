/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_VIEW_H
#define OPTCTL_CONTROLLER_OPERATOR_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/live/live.h"

/* What the newest turn of a pipeline showed, as far as its object's status tells it. */
struct view {
        bool looked, reached;       /* there was a turn; it measured something */
        char reason[48], why[240];  /* why it was not reached */
        char conflict[240];         /* whose what it steers is; empty: nobody else's */
        char pause[240];            /* why it is paused; empty: it is not */
        int64_t workers, desired;   /* -1: not known */
        json_t *decision;           /* status.lastDecision, as the API lays it out; NULL: none is known */
        struct loop_status counted; /* as of that turn */
};

/* After a turn. True: what the status tells of it is not what it was. */
bool view_take(struct view *view, struct live *live);
/* Of one that is not open yet, which may have been paused in an earlier life. */
void view_take_pause(struct view *view, const struct live *live);
void view_clear(struct view *view);

#endif

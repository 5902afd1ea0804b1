/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_WATCH_H
#define OPTCTL_CONTROLLER_CLI_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/error.h"

/*
 * Shows something again and again until it is interrupted, which is its end and no error. On a terminal in
 * its place: each picture is written at once over the one before, cut to the window, which may change its
 * size. Elsewhere one after the other, as plain text.
 */
struct watch {
        const struct clock *clock;
        int64_t every_ms;
        FILE *out;
        bool in_place; /* `out` is a terminal */
        /* Puts the whole picture. When it fails the last one stays, with the reason above it. */
        bool (*print)(void *context, FILE *out, struct error *err);
        void *context;
};

/* Fails when the first picture does, or when nobody takes what is written. */
bool watch_run(const struct watch *watch, struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_TURNS_H
#define OPTCTL_CONTROLLER_LOOP_TURNS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When the next turn of a loop is due, in milliseconds like all of these; `*place_ms` is when a regular one
 * was due last, at first the first one.
 *
 * Regular turns keep their places, an interval apart: those that were slept or worked through are left out,
 * not made up for, and pipelines do not come together where many were late at once. A clock that was set back
 * begins anew. Where what was seen may be an accident (`unsure`), turns come in between, a quarter of the
 * interval apart, and five seconds at least, since engines refresh their counters about as rarely; none comes
 * so late that the regular one would hardly see more.
 */
int64_t turns_next_ms(int64_t *place_ms, int64_t interval_ms, int64_t now_ms, bool unsure);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_WORK_QUEUE_H
#define OPTCTL_CORE_WORK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/metrics.h"
#include "core/reactor.h"

/*
 * What has to be looked at, by key, for any number of workers: fibers of one reactor.
 *
 * A key that waits is there once, however often it was added; one that is being worked on is worked on again
 * afterwards when it was added meanwhile, and never by two at once. What failed is due again after a pause
 * that doubles with each failure in a row, from half a second to a minute.
 */
struct work_queue;

struct work_queue *work_queue_new(struct reactor *reactor, struct metrics *metrics);
void work_queue_free(struct work_queue *queue); /* once nobody waits for it and the reactor has run out */
DEFINE_CLEANUP(work_queue_free, struct work_queue);

void work_queue_add(struct work_queue *queue, const char *key);
/* In so many ms, if it is not added before. */
void work_queue_add_after(struct work_queue *queue, const char *key, int64_t ms);

/* ---- for workers ---- */

/* Waits for a key, which is this fiber's until work_queue_done. False: the reactor stops. */
bool work_queue_take(struct work_queue *queue, const char **ret_key);
enum work_result {
        WORK_DONE,
        WORK_FAILED, /* due again after the key's pause, or at once where it was added meanwhile */
        WORK_FORGET, /* as WORK_DONE, of a key that is no more: nothing is kept of it */
};
void work_queue_done(struct work_queue *queue, const char *key, enum work_result result);

/* Keys that wait to be taken now. */
int64_t work_queue_depth(const struct work_queue *queue);

/* Brings the gauges up to date: depth, and how long the slowest worker has been at it. */
void work_queue_measure(struct work_queue *queue);

#endif

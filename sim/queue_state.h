/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_QUEUE_STATE_H
#define OPTCTL_SIM_QUEUE_STATE_H

#include <gsl/gsl_rng.h>

#include "sim/queue.h"
#include "sim/queue_heap.h"
#include "sim/queue_time.h"

/* What adds up over time at one station. */
struct queue_totals {
        double customer_seconds, busy_seconds; /* integrals of the numbers inside and in service */
        double wait_seconds, sojourn_seconds;  /* added when a service starts, for its whole length */
        int64_t arrivals, lost, started, waited, served;
};

struct queue_place {
        struct queue_totals totals;
        double known_until; /* customer_seconds and busy_seconds reach to here */
        int64_t busy, servers;
        int64_t number, capacity;
        struct queue_sampler service, arrivals;
        double *routing; /* cumulative probabilities of all stations; NULL: all leave */
        double *waiting; /* when they arrived: a ring of `room`, a power of two */
        size_t first, n_waiting, room;
        const char *name;
        double busy_cost;
        double busy_seconds_priced; /* busy_seconds that busy_cost accounts for */
};

struct queue_state {
        double now;
        uint64_t events;
        int64_t arrivals, left; /* of the network */
        size_t n_places;
        struct queue_place *places;
        struct queue_heap heap;
        gsl_rng *rng;
};

/* Brings the integrals of a place up to `now`. */
static inline void queue_touch(struct queue_place *place, double now)
{
        double seconds = now - place->known_until;

        place->totals.customer_seconds += seconds * (double)place->number;
        place->totals.busy_seconds += seconds * (double)place->busy;
        place->known_until = now;
}

/* Empty stations at time 0 with the first arrivals pending. */
bool queue_state_new(const struct queue_network *network, uint64_t seed, uint64_t run,
                     struct queue_state **ret_state, struct error *err);
void queue_state_free(struct queue_state *state);
DEFINE_CLEANUP(queue_state_free, struct queue_state);

/* Conservation and Little's law at `state->now`, since time 0; all places must be touched. */
bool queue_state_check(const struct queue_state *state, struct error *err);

/* Batch means of what the places added up. */
struct queue_batches;

struct queue_batches *queue_batches_new(const struct queue_state *state);
void queue_batches_free(struct queue_batches *batches);
DEFINE_CLEANUP(queue_batches_free, struct queue_batches);

/* What happened since the last end (or since queue_batches_new) is one more batch; all places must be
 * touched. */
void queue_batches_end(struct queue_batches *batches, const struct queue_state *state);

/* Estimates over all batches; costs are left to the caller. */
struct queue_figures *queue_batches_figures(const struct queue_batches *batches,
                                            const struct queue_state *state);

#endif

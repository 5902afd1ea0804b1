/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/queue_state.h"

#include <math.h>
#include <stdlib.h>

#include "core/random.h"

#define PURPOSE_QUEUE 0x71756575 /* of the random stream; see random_new */
/* Sums over 10^9 events lose about this share to rounding. */
#define LITTLE_TOLERANCE 1e-6

static bool check_station(const struct queue_station *station, struct error *err)
{
        const char *name = station->name ? station->name : "?";

        if (station->servers < 1 || station->servers > QUEUE_MAX_SERVERS)
                return error_set(err, ERROR_INPUT, NULL, "station %s: %d servers; expected 1 to %d", name,
                                 station->servers, QUEUE_MAX_SERVERS);
        if (station->capacity != 0 && station->capacity < station->servers)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "station %s: room for %lld customers; expected 0 (any number), or one for each of "
                        "the %d servers",
                        name, (long long)station->capacity, station->servers);
        return true;
}

static bool make_routing(const struct queue_station *station, const char *name, size_t n_stations,
                         double **ret_routing, struct error *err)
{
        autofree double *routing = NULL;
        double sum = 0;

        if (!station->routing)
                return true;
        routing = memory_new(n_stations, sizeof *routing);
        for (size_t i = 0; i < n_stations; i++) {
                if (!(station->routing[i] >= 0))
                        return error_set(err, ERROR_INPUT, NULL,
                                         "station %s: a routing probability of %g; expected 0 to 1", name,
                                         station->routing[i]);
                sum += station->routing[i];
                routing[i] = sum;
        }
        if (sum > 1 + 1e-9)
                return error_set(err, ERROR_INPUT, NULL,
                                 "station %s: routing probabilities add up to %g; expected 1 or less", name,
                                 sum);
        *ret_routing = TAKE(routing);
        return true;
}

static bool make_place(const struct queue_station *station, size_t n_stations, struct queue_place *place,
                       struct error *err)
{
        if (!check_station(station, err))
                return false;
        place->name = station->name ? station->name : "?";
        place->servers = station->servers;
        place->capacity = station->capacity ? station->capacity : INT64_MAX;
        return queue_sampler_make(&station->service, place->name, &place->service, err) &&
               (station->arrivals.mean_seconds == 0 ||
                queue_sampler_make(&station->arrivals, place->name, &place->arrivals, err)) &&
               make_routing(station, place->name, n_stations, &place->routing, err);
}

bool queue_state_new(const struct queue_network *network, uint64_t seed, uint64_t run,
                     struct queue_state **ret_state, struct error *err)
{
        autocall(queue_state_free) struct queue_state *state = memory_new(1, sizeof *state);
        size_t room = network->n_stations; /* an arrival pending for each, a departure for each server */

        if (network->n_stations < 1 || network->n_stations > QUEUE_MAX_STATIONS)
                return error_set(err, ERROR_INPUT, NULL, "queue: %zu stations; expected 1 to %d",
                                 network->n_stations, QUEUE_MAX_STATIONS);
        state->rng = random_new(seed, run, PURPOSE_QUEUE);
        state->places = memory_new(network->n_stations, sizeof *state->places);
        for (; state->n_places < network->n_stations; state->n_places++) {
                struct queue_place *place = &state->places[state->n_places];

                if (!make_place(&network->stations[state->n_places], network->n_stations, place, err))
                        return false;
                room += (size_t)place->servers;
        }
        if (room > QUEUE_MAX_SERVERS + network->n_stations)
                return error_set(err, ERROR_LIMIT, NULL, "queue: more than %d servers", QUEUE_MAX_SERVERS);
        state->heap.events = memory_new(room, sizeof *state->heap.events);
        for (size_t i = 0; i < state->n_places; i++) {
                struct queue_place *place = &state->places[i];

                if (network->stations[i].arrivals.mean_seconds != 0)
                        queue_heap_push(&state->heap,
                                        (struct queue_event){.time = queue_draw(&place->arrivals, state->rng),
                                                             .what = (uint32_t)i * 2 + 1});
        }
        *ret_state = TAKE(state);
        return true;
}

void queue_state_free(struct queue_state *state)
{
        if (!state)
                return;
        for (size_t i = 0; i < state->n_places; i++) {
                free(state->places[i].routing);
                free(state->places[i].waiting);
        }
        free(state->places);
        free(state->heap.events);
        if (state->rng)
                gsl_rng_free(state->rng);
        free(state);
}

/* Time that customers have spent at all places by now: sojourns of those whose service has begun, less what
 * of it lies ahead, and what the waiting have waited. */
static double seconds_spent(const struct queue_state *state)
{
        double seconds = 0;

        for (size_t i = 0; i < state->n_places; i++) {
                const struct queue_place *place = &state->places[i];

                seconds += place->totals.sojourn_seconds;
                for (size_t k = 0; k < place->n_waiting; k++)
                        seconds += state->now - place->waiting[(place->first + k) & (place->room - 1)];
        }
        for (size_t i = 0; i < state->heap.count; i++) {
                if (!(state->heap.events[i].what & 1))
                        seconds -= state->heap.events[i].time - state->now;
        }
        return seconds;
}

bool queue_state_check(const struct queue_state *state, struct error *err)
{
        double spent = seconds_spent(state);
        double customer_seconds = 0;
        int64_t inside = 0;

        for (size_t i = 0; i < state->n_places; i++) {
                const struct queue_place *place = &state->places[i];
                const struct queue_totals *totals = &place->totals;

                if (totals->arrivals - totals->lost - totals->served != place->number ||
                    place->number - place->busy != (int64_t)place->n_waiting)
                        return error_set(err, ERROR_NUMERIC, NULL, "station %s: customers are not conserved",
                                         place->name);
                customer_seconds += totals->customer_seconds;
                inside += place->number;
        }
        if (state->arrivals - state->left != inside)
                return error_set(err, ERROR_NUMERIC, NULL, "queue: customers are not conserved");
        if (!(fabs(spent - customer_seconds) <= LITTLE_TOLERANCE * customer_seconds))
                return error_set(err, ERROR_NUMERIC, NULL,
                                 "queue: Little's law is broken: customers spent %.17g s, their number adds "
                                 "up to %.17g",
                                 spent, customer_seconds);
        return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/queue.h"

#include <math.h>
#include <stdlib.h>

#include "core/clock.h"
#include "sim/queue_state.h"

#define SECONDS_PER_HOUR 3600

/* The price in force, and the virtual time at which it ends. */
struct current_price {
        const struct price_book *book;
        int64_t start_ms;
        double per_second, until;
};

static bool grow_waiting(struct queue_place *place, struct error *err)
{
        size_t room = place->room ? place->room * 2 : 64;
        double *waiting;

        if (room > QUEUE_MAX_WAITING)
                return error_set(
                        err, ERROR_LIMIT, NULL,
                        "station %s: more than %d customers wait; expected service to keep up with arrivals",
                        place->name, QUEUE_MAX_WAITING);
        waiting = memory_new(room, sizeof *waiting);
        for (size_t i = 0; i < place->n_waiting; i++)
                waiting[i] = place->waiting[(place->first + i) & (place->room - 1)];
        free(place->waiting);
        place->waiting = waiting;
        place->first = 0;
        place->room = room;
        return true;
}

/* Seconds that the service begun now will take. */
static double start_service(struct queue_state *state, struct queue_place *place, double wait_seconds)
{
        double seconds = queue_draw(&place->service, state->rng);

        place->totals.started++;
        place->totals.wait_seconds += wait_seconds;
        place->totals.sojourn_seconds += wait_seconds + seconds;
        return seconds;
}

/* A customer comes to a station. */
static bool enter(struct queue_state *state, size_t index, struct error *err)
{
        struct queue_place *place = &state->places[index];

        queue_touch(place, state->now);
        place->totals.arrivals++;
        if (place->number >= place->capacity) {
                place->totals.lost++;
                state->left++;
                return true;
        }
        place->number++;
        if (place->busy < place->servers) {
                place->busy++;
                queue_heap_push(&state->heap,
                                (struct queue_event){.time = state->now + start_service(state, place, 0),
                                                     .what = (uint32_t)index * 2});
                return true;
        }
        if (place->n_waiting == place->room && !grow_waiting(place, err))
                return false;
        place->waiting[(place->first + place->n_waiting++) & (place->room - 1)] = state->now;
        place->totals.waited++;
        return true;
}

/* The pending arrival on top of the heap is there; the next one takes its place. */
static bool arrive(struct queue_state *state, size_t index, struct error *err)
{
        double gap = queue_draw(&state->places[index].arrivals, state->rng);

        queue_heap_replace(&state->heap,
                           (struct queue_event){.time = state->now + gap, .what = (uint32_t)index * 2 + 1});
        state->arrivals++;
        return enter(state, index, err);
}

/* Where a served customer goes; the number of stations for out. */
static size_t choose_route(const struct queue_state *state, const struct queue_place *place)
{
        double point = gsl_rng_uniform(state->rng);
        size_t low = 0, high = state->n_places;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (point < place->routing[middle])
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

/* The end of service on top of the heap: its server takes the next customer or falls idle. */
static bool finish(struct queue_state *state, size_t index, struct error *err)
{
        struct queue_place *place = &state->places[index];
        size_t target = state->n_places;

        queue_touch(place, state->now);
        place->totals.served++;
        place->number--;
        if (place->n_waiting > 0) {
                double wait_seconds = state->now - place->waiting[place->first];

                place->first = (place->first + 1) & (place->room - 1);
                place->n_waiting--;
                queue_heap_replace(&state->heap,
                                   (struct queue_event){.time = state->now +
                                                                start_service(state, place, wait_seconds),
                                                        .what = (uint32_t)index * 2});
        } else {
                place->busy--;
                queue_heap_pop(&state->heap);
        }
        if (place->routing)
                target = choose_route(state, place);
        if (target < state->n_places)
                return enter(state, target, err);
        state->left++;
        return true;
}

static bool advance(struct queue_state *state, double until, struct error *err)
{
        while (state->heap.count > 0 && state->heap.events[0].time < until) {
                struct queue_event event = state->heap.events[0];

                state->now = event.time;
                state->events++;
                if (!(event.what & 1 ? arrive(state, event.what >> 1, err)
                                     : finish(state, event.what >> 1, err)))
                        return false;
        }
        state->now = until;
        for (size_t i = 0; i < state->n_places; i++)
                queue_touch(&state->places[i], until);
        return true;
}

static int64_t to_ms(const struct current_price *price, double seconds)
{
        return price->start_ms + llround(seconds * MS_PER_SECOND);
}

/* Busy time since the last settlement is paid for at the price that was in force. */
static void settle(struct queue_state *state, const struct current_price *price)
{
        for (size_t i = 0; i < state->n_places; i++) {
                struct queue_place *place = &state->places[i];

                place->busy_cost +=
                        (place->totals.busy_seconds - place->busy_seconds_priced) * price->per_second;
                place->busy_seconds_priced = place->totals.busy_seconds;
        }
}

static void look_up_price(struct current_price *price, double now)
{
        int64_t now_ms = to_ms(price, now);
        int64_t next_ms = price->book ? price_book_next_change(price->book, now_ms) : INT64_MAX;

        price->per_second = price->book ? price_book_worker_hour(price->book, now_ms) / SECONDS_PER_HOUR : 0;
        price->until = next_ms == INT64_MAX ? INFINITY : (double)(next_ms - price->start_ms) / MS_PER_SECOND;
}

/* Runs to `until`, stopping where the price changes. */
static bool advance_priced(struct queue_state *state, struct current_price *price, double until,
                           struct error *err)
{
        while (price->until < until) {
                if (!advance(state, price->until, err))
                        return false;
                settle(state, price);
                look_up_price(price, state->now);
        }
        if (!advance(state, until, err))
                return false;
        settle(state, price);
        return true;
}

static void fill_costs(struct queue_figures *figures, const struct queue_state *state,
                       const struct current_price *price, const struct queue_setup *setup)
{
        int64_t from_ms = to_ms(price, setup->warmup_seconds);
        int64_t to = to_ms(price, setup->warmup_seconds + setup->seconds);

        for (size_t i = 0; price->book && i < state->n_places; i++) {
                const struct queue_place *place = &state->places[i];
                double cost =
                        price_sum_to_money(price_book_integral(price->book, from_ms, to, place->servers));

                figures->stations[i].busy_cost = place->busy_cost;
                figures->stations[i].idle_cost = cost - place->busy_cost;
                figures->cost += cost;
        }
}

static bool check_setup(const struct queue_setup *setup, struct error *err)
{
        if (!(setup->warmup_seconds >= 0 && setup->seconds > 0 &&
              isfinite(setup->warmup_seconds + setup->seconds)))
                return error_set(err, ERROR_INPUT, NULL, "queue: expected a time to simulate above 0 s");
        if (setup->batches < 2)
                return error_set(err, ERROR_INPUT, NULL, "queue: %d batches; expected 2 or more",
                                 setup->batches);
        return true;
}

bool queue_run(const struct queue_network *network, const struct queue_setup *setup,
               struct queue_figures **ret_figures, struct error *err)
{
        autocall(queue_state_free) struct queue_state *state = NULL;
        autocall(queue_batches_free) struct queue_batches *batches = NULL;
        struct current_price price = {.book = setup->prices, .start_ms = setup->start_ms};
        struct queue_figures *figures;

        if (!check_setup(setup, err) || !queue_state_new(network, setup->seed, setup->run, &state, err) ||
            !advance(state, setup->warmup_seconds, err))
                return false;
        batches = queue_batches_new(state);
        for (size_t i = 0; i < state->n_places; i++)
                state->places[i].busy_seconds_priced = state->places[i].totals.busy_seconds;
        look_up_price(&price, state->now);
        for (int batch = 1; batch <= setup->batches; batch++) {
                double end = setup->warmup_seconds + setup->seconds * batch / setup->batches;

                if (!advance_priced(state, &price, end, err))
                        return false;
                queue_batches_end(batches, state);
        }
        if (!queue_state_check(state, err))
                return false;
        figures = queue_batches_figures(batches, state);
        fill_costs(figures, state, &price, setup);
        *ret_figures = figures;
        return true;
}

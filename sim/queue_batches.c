/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "sim/queue_state.h"

enum { WAIT, SOJOURN, NUMBER, UTILISATION, LOSS, WAITED, N_STATION_FIGURES };
enum { NETWORK_NUMBER, RESIDENCE, N_NETWORK_FIGURES };

/* Running mean and sum of squared deviations (Welford, Technometrics 1962). */
struct spread {
        double mean, squares;
};

/* The totals of the whole network at one instant. */
struct mark {
        double now;
        int64_t arrivals, left;
        struct queue_totals *totals; /* of each place */
        int64_t *numbers;
};

struct queue_batches {
        size_t n_places;
        int count;
        struct mark begin, last;
        struct spread (*places)[N_STATION_FIGURES];
        struct spread network[N_NETWORK_FIGURES];
};

static void mark_new(struct mark *mark, size_t n_places)
{
        mark->totals = memory_new(n_places, sizeof *mark->totals);
        mark->numbers = memory_new(n_places, sizeof *mark->numbers);
}

static void mark_set(struct mark *mark, const struct queue_state *state)
{
        mark->now = state->now;
        mark->arrivals = state->arrivals;
        mark->left = state->left;
        for (size_t i = 0; i < state->n_places; i++) {
                mark->totals[i] = state->places[i].totals;
                mark->numbers[i] = state->places[i].number;
        }
}

struct queue_batches *queue_batches_new(const struct queue_state *state)
{
        struct queue_batches *batches = memory_new(1, sizeof *batches);

        batches->n_places = state->n_places;
        batches->places = memory_new(state->n_places, sizeof *batches->places);
        mark_new(&batches->begin, state->n_places);
        mark_new(&batches->last, state->n_places);
        mark_set(&batches->begin, state);
        mark_set(&batches->last, state);
        return batches;
}

void queue_batches_free(struct queue_batches *batches)
{
        if (!batches)
                return;
        free(batches->begin.totals);
        free(batches->begin.numbers);
        free(batches->last.totals);
        free(batches->last.numbers);
        free(batches->places);
        free(batches);
}

static double ratio(double part, double whole)
{
        return whole > 0 ? part / whole : 0;
}

/* Figures of a place between a mark and now. */
static void place_values(const struct queue_place *place, const struct queue_totals *then, double seconds,
                         double values[N_STATION_FIGURES])
{
        const struct queue_totals *now = &place->totals;
        double started = (double)(now->started - then->started);
        double arrivals = (double)(now->arrivals - then->arrivals);
        double lost = (double)(now->lost - then->lost);

        values[WAIT] = ratio(now->wait_seconds - then->wait_seconds, started);
        values[SOJOURN] = ratio(now->sojourn_seconds - then->sojourn_seconds, started);
        values[NUMBER] = (now->customer_seconds - then->customer_seconds) / seconds;
        values[UTILISATION] = (now->busy_seconds - then->busy_seconds) / (seconds * (double)place->servers);
        values[LOSS] = ratio(lost, arrivals);
        values[WAITED] = ratio((double)(now->waited - then->waited), arrivals - lost);
}

static void network_values(const struct queue_state *state, const struct mark *then,
                           double values[N_NETWORK_FIGURES])
{
        double customer_seconds = 0, sojourn_seconds = 0;

        for (size_t i = 0; i < state->n_places; i++) {
                const struct queue_totals *now = &state->places[i].totals;

                customer_seconds += now->customer_seconds - then->totals[i].customer_seconds;
                sojourn_seconds += now->sojourn_seconds - then->totals[i].sojourn_seconds;
        }
        values[NETWORK_NUMBER] = customer_seconds / (state->now - then->now);
        values[RESIDENCE] = ratio(sojourn_seconds, (double)(state->arrivals - then->arrivals));
}

static void add_value(struct spread *spread, double value, int count)
{
        double difference = value - spread->mean;

        spread->mean += difference / count;
        spread->squares += difference * (value - spread->mean);
}

void queue_batches_end(struct queue_batches *batches, const struct queue_state *state)
{
        double values[N_STATION_FIGURES], network[N_NETWORK_FIGURES];

        batches->count++;
        for (size_t i = 0; i < state->n_places; i++) {
                place_values(&state->places[i], &batches->last.totals[i], state->now - batches->last.now,
                             values);
                for (int k = 0; k < N_STATION_FIGURES; k++)
                        add_value(&batches->places[i][k], values[k], batches->count);
        }
        network_values(state, &batches->last, network);
        for (int k = 0; k < N_NETWORK_FIGURES; k++)
                add_value(&batches->network[k], network[k], batches->count);
        mark_set(&batches->last, state);
}

/* The mean over all time, with the error of the mean of batches. */
static struct queue_estimate estimate(const struct spread *spread, double value, int count)
{
        return (struct queue_estimate){.mean = value, .error = sqrt(spread->squares / (count - 1) / count)};
}

static void fill_station(const struct queue_batches *batches, const struct queue_state *state, size_t i,
                         struct queue_station_figures *figures)
{
        const struct queue_totals *now = &state->places[i].totals;
        const struct queue_totals *then = &batches->begin.totals[i];
        const struct spread *spread = batches->places[i];
        double values[N_STATION_FIGURES];
        int count = batches->count;

        place_values(&state->places[i], then, state->now - batches->begin.now, values);
        *figures = (struct queue_station_figures){
                .wait_seconds = estimate(&spread[WAIT], values[WAIT], count),
                .sojourn_seconds = estimate(&spread[SOJOURN], values[SOJOURN], count),
                .number = estimate(&spread[NUMBER], values[NUMBER], count),
                .utilisation = estimate(&spread[UTILISATION], values[UTILISATION], count),
                .loss_ratio = estimate(&spread[LOSS], values[LOSS], count),
                .wait_ratio = estimate(&spread[WAITED], values[WAITED], count),
                .arrivals = now->arrivals - then->arrivals,
                .lost = now->lost - then->lost,
                .served = now->served - then->served,
                .inside_before = batches->begin.numbers[i],
                .inside_after = state->places[i].number,
        };
}

struct queue_figures *queue_batches_figures(const struct queue_batches *batches,
                                            const struct queue_state *state)
{
        struct queue_figures *figures = memory_new(1, sizeof *figures);
        double values[N_NETWORK_FIGURES];

        network_values(state, &batches->begin, values);
        figures->events = state->events;
        figures->seconds = state->now - batches->begin.now;
        figures->number = estimate(&batches->network[NETWORK_NUMBER], values[NETWORK_NUMBER], batches->count);
        figures->residence_seconds =
                estimate(&batches->network[RESIDENCE], values[RESIDENCE], batches->count);
        figures->arrivals = state->arrivals - batches->begin.arrivals;
        figures->left = state->left - batches->begin.left;
        figures->n_stations = state->n_places;
        figures->stations = memory_new(state->n_places, sizeof *figures->stations);
        for (size_t i = 0; i < state->n_places; i++)
                fill_station(batches, state, i, &figures->stations[i]);
        return figures;
}

void queue_figures_free(struct queue_figures *figures)
{
        if (!figures)
                return;
        free(figures->stations);
        free(figures);
}

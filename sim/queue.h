/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_QUEUE_H
#define OPTCTL_SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/prices.h"

/*
 * A network of stations with queues, customer by customer on a virtual clock: G/G/c/K stations, first come
 * first served, with probabilistic routing between them. Servers are workers and cost what the price book
 * says.
 */
enum queue_law {
        QUEUE_EXPONENTIAL,
        QUEUE_DETERMINISTIC,
        QUEUE_GAMMA,
        QUEUE_LOGNORMAL,
        QUEUE_HYPEREXPONENTIAL
};

struct queue_time {
        enum queue_law law;
        double mean_seconds;
        double cv; /* coefficient of variation; not used by the first two. At least 1 for
                      QUEUE_HYPEREXPONENTIAL (two phases with balanced means) */
};

struct queue_station {
        const char *name;
        int servers;
        int64_t capacity; /* customers that fit, in service and waiting; 0: any number. Others are lost */
        struct queue_time arrivals; /* between arrivals from outside; mean 0: none */
        struct queue_time service;
        const double *routing; /* probability of going on to each station; the rest leaves. NULL: all leave */
};

struct queue_network {
        size_t n_stations;
        const struct queue_station *stations;
};

struct queue_setup {
        double warmup_seconds; /* left out of the figures */
        double seconds;        /* after the warm-up */
        int batches;           /* of equal length, for the standard errors; at least 2 */
        uint64_t seed, run;
        const struct price_book *prices; /* NULL: no cost */
        int64_t start_ms;                /* of the virtual clock, for the prices */
};

#define QUEUE_MAX_STATIONS 65536
#define QUEUE_MAX_SERVERS  1000000   /* of all stations together */
#define QUEUE_MAX_WAITING  (1 << 24) /* at one station */

/* A mean and its standard error by batch means. */
struct queue_estimate {
        double mean, error;
};

struct queue_station_figures {
        struct queue_estimate wait_seconds;    /* in the queue, of those let in */
        struct queue_estimate sojourn_seconds; /* wait and service */
        struct queue_estimate number;          /* in service and waiting */
        struct queue_estimate utilisation;     /* busy servers over all */
        struct queue_estimate loss_ratio;      /* of arrivals */
        struct queue_estimate wait_ratio;      /* had to wait, of those let in */
        int64_t arrivals, lost, served;        /* arrivals: from outside and from other stations */
        int64_t inside_before, inside_after;   /* at the ends of the time that counts */
        double busy_cost, idle_cost;           /* in the book's currency */
};

struct queue_figures {
        uint64_t events; /* arrivals from outside and ends of service, the warm-up included */
        double seconds;
        struct queue_estimate number;            /* in the whole network */
        struct queue_estimate residence_seconds; /* from arrival to leaving, by all visits */
        int64_t arrivals, left;                  /* from outside; for good, losses included */
        double cost;                             /* all servers, busy or idle */
        size_t n_stations;
        struct queue_station_figures *stations;
};

/*
 * Every run checks itself: customers are conserved, and the time customers spent is the integral of their
 * number (Little's law over a finite window); ERROR_NUMERIC otherwise. ERROR_INPUT for an impossible network,
 * ERROR_LIMIT when a queue grows without bound.
 */
bool queue_run(const struct queue_network *network, const struct queue_setup *setup,
               struct queue_figures **ret_figures, struct error *err);
void queue_figures_free(struct queue_figures *figures);
DEFINE_CLEANUP(queue_figures_free, struct queue_figures);

#endif

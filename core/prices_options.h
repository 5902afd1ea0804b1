/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_PRICES_OPTIONS_H
#define OPTCTL_CORE_PRICES_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

/* The objects of prices_table. Numbers that were not given are NAN. */

/* A price that changes over time, from a file. */
struct price_file {
        char *file; /* NULL: a constant price */
        char *time_column, *value_column, *time_zone, *match;
        bool repeat;
        int64_t shift_seconds;
};

struct worker_price {
        double per_hour;
        int64_t minimum_seconds, granularity_seconds;
        struct price_file recorded; /* per hour */
};

struct spot_price {
        double ratio; /* of the workers that run on spot */
        double per_hour;
        struct price_file recorded;
};

struct energy_price {
        double watts_per_worker;
        double per_megawatt_hour;
        char *currency;             /* NULL: the book's */
        double exchange_rate;       /* of the book's currency for one of `currency` */
        struct price_file recorded; /* per MWh */
};

struct carbon_price {
        double watts_per_worker; /* NAN: the energy's */
        double grams_per_kilowatt_hour;
        struct price_file recorded; /* g/kWh */
};

/* Of what runs hold that come and go: numbers of cores and gibibytes, and not of workers. */
struct resource_price {
        double per_core_hour, per_gibibyte_hour;
};

struct price_change {
        int64_t at_ms;
        double worker_per_hour, spot_per_hour, energy_per_megawatt_hour, grams_per_kilowatt_hour;
};

struct price_options {
        char *currency;
        struct worker_price worker;
        struct spot_price spot;
        struct energy_price energy;
        struct carbon_price carbon;
        struct resource_price resources;
        struct option_list changes; /* of struct price_change */
};

/* ---- a PriceBook: the same, and what nodes cost ---- */

struct node_price {
        char *type;
        double per_hour, spot_per_hour;
};

struct node_price_options {
        double per_core_hour, per_gibibyte_hour;
        struct option_list types; /* of struct node_price */
};

/* The object of price_book_table; it begins as that of prices_table. */
struct price_book_options {
        struct price_options prices;
        struct node_price_options *nodes; /* NULL: it says nothing of them */
};

#define CURRENCY_NONE "XXX" /* ISO 4217: no currency. Cost is then counted in worker-hours */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_PRICES_H
#define OPTCTL_CORE_PRICES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"

/*
 * The price book: what a worker costs and how much carbon its energy carries, over time. Prices are step
 * functions: each holds from its instant until the next. Reckoned in integers (10^-9 of the currency per
 * worker-hour), so that an integral over any split of an interval is the same to the last digit.
 */
struct price_book;

/* Layout of spec.prices: currency, worker {perHour, minimumSeconds, granularitySeconds}, spot {ratio,
 * perHour}, energy {wattsPerWorker, perMegawattHour, currency, exchangeRate}, carbon {wattsPerWorker,
 * gramsPerKilowattHour}, resources {perCoreHour, perGibibyteHour}; all but the last each with a `file` and
 * its columns instead of the constant; changes [{at, ...}] of the constants. */
extern const struct option_table prices_table;

/* Layout of the spec of a PriceBook: the same, and nodes (core/node_prices.h). */
extern const struct option_table price_book_table;

/* `options` was filled by option_parse of one of these; files are relative to `base`. */
bool price_book_new(const void *options, const char *base, struct price_book **ret_book, struct error *err);
/* The same of a section as it was written, laid out by one of these tables. */
bool price_book_parse(const struct option_table *table, const struct yaml_node *section, const char *base,
                      struct price_book **ret_book, struct error *err);
void price_book_free(struct price_book *book);
DEFINE_CLEANUP(price_book_free, struct price_book);

/* ISO 4217: "USD"; "XXX" (no currency) when no price was given, and a worker-hour then costs 1. */
const char *price_book_currency(const struct price_book *book);
/* "0.0042 USD": two decimals, four below 1 so that minutes of a small job do not read as nothing. */
void money_text(double amount, const char *currency, char ret_text[48]);

/* ERROR_INPUT when a file of prices does not reach over the interval. Outside it its first or last price
 * holds. */
bool price_book_covers(const struct price_book *book, int64_t from_ms, int64_t to_ms, struct error *err);

/* Price of one worker-hour in force at an instant, energy included, in the book's currency. */
double price_book_worker_hour(const struct price_book *book, int64_t time_ms);

/* First instant after `time_ms` at which that price may be another; INT64_MAX when it never is. */
int64_t price_book_next_change(const struct price_book *book, int64_t time_ms);

/* Cost of `workers` from `from_ms` to `to_ms`, in units of 10^-9 currency * ms / h: add up as integers,
 * convert once. */
typedef __int128 price_sum;
price_sum price_book_integral(const struct price_book *book, int64_t from_ms, int64_t to_ms, int64_t workers);
double price_sum_to_money(price_sum sum);
price_sum price_sum_of_money(double money);

/* What a worker that lived `lived_ms` and was stopped at `at_ms` costs beyond its time: the minimum that is
 * billed and the rounding up to the granularity. */
price_sum price_book_rounding(const struct price_book *book, int64_t lived_ms, int64_t at_ms);

/* What a run held (struct run_observation); NAN: not known. */
struct price_held {
        double worker_seconds, core_seconds, byte_seconds;
};

/* What a run costs at the prices in force at an instant: its cores and memory where the book has prices of
 * them, else its workers; NAN when it is not known what it held of them. */
double price_book_run(const struct price_book *book, int64_t time_ms, const struct price_held *held);

/* Whether the book has prices of cores and memory, so that a run pays for those and not for workers. */
bool price_book_has_resources(const struct price_book *book);

/* Grams of CO2 for `workers` over the interval. */
double price_book_carbon_grams(const struct price_book *book, int64_t from_ms, int64_t to_ms, double workers);

/* Carbon intensity in force, g/kWh; 0 when the book has none. */
double price_book_carbon_intensity(const struct price_book *book, int64_t time_ms);

#endif

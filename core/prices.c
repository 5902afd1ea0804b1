/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/prices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/prices_options.h"
#include "core/prices_steps.h"
#include "core/series/series.h"

#define UNITS_PER_CURRENCY 1e9
#define MAX_UNITS          1e18 /* of an hour's price: fits in 64 bits */

struct price_book {
        char *currency;
        struct price_steps *worker; /* per worker-hour, times the share that is not on spot; NULL: nothing */
        struct price_steps *spot;   /* the same for the share on spot; NULL: none */
        struct price_steps *energy; /* per worker-hour; NULL: none */
        struct price_steps *carbon; /* 10^-9 g/kWh; NULL: none */
        double carbon_kilowatts;    /* one worker */
        int64_t minimum_ms, granularity_ms;
        double per_core_hour, per_gibibyte_hour; /* NAN: runs pay for workers */
};

/* One price of the book: where it comes from, and what one unit of it is in the book. */
struct source {
        const char *name;
        double constant;
        const struct price_file *recorded;
        size_t change_offset; /* of the price within struct price_change */
        double factor;
};

static bool to_units(double price, const struct source *source, int64_t time_ms, int64_t *ret_units,
                     struct error *err)
{
        double units = price * source->factor * UNITS_PER_CURRENCY;
        char when[32];

        if (fabs(units) < MAX_UNITS) {
                *ret_units = llround(units);
                return true;
        }
        time_format(time_ms, when);
        if (isnan(price))
                return error_set(err, ERROR_INPUT, NULL, "%s: no price at %s; expected a number in every row",
                                 source->name, when);
        return error_set(err, ERROR_INPUT, NULL, "%s: %g at %s is out of range", source->name, price, when);
}

static bool read_recorded(const struct source *source, const char *base, struct series **ret_series,
                          struct error *err)
{
        const struct price_file *recorded = source->recorded;
        struct series_format format = {.time_column = recorded->time_column,
                                       .value_column = recorded->value_column,
                                       .time_zone = recorded->time_zone,
                                       .match = recorded->match};
        autofree char *path = NULL;

        return series_find_file(base, recorded->file, &path, err) &&
               series_read(path, &format, ret_series, err);
}

static bool recorded_steps(const struct source *source, const char *base, struct price_steps **ret_steps,
                           struct error *err)
{
        autocall(series_free) struct series *series = NULL;
        autocall(price_steps_free) struct price_steps *steps = NULL;
        int64_t shift_ms = source->recorded->shift_seconds * MS_PER_SECOND;
        int64_t step_ms;

        if (!read_recorded(source, base, &series, err))
                return error_wrap(err, "prices.%s", source->name);
        steps = price_steps_new(series->count);
        for (size_t i = 0; i < series->count; i++) {
                steps->from_ms[i] = series->time_ms[i] + shift_ms;
                if (!to_units(series->value[i], source, series->time_ms[i], &steps->value[i], err))
                        return error_wrap(err, "%s", source->recorded->file);
        }
        step_ms = series_step_ms(series);
        steps->end_ms = steps->from_ms[steps->count - 1] + (step_ms ? step_ms : MS_PER_HOUR);
        steps->repeat = source->recorded->repeat;
        price_steps_seal(steps);
        *ret_steps = TAKE(steps);
        return true;
}

static double changed_price(const struct price_change *change, const struct source *source)
{
        double price;

        memcpy(&price, (const char *)change + source->change_offset, sizeof price);
        return price;
}

static bool constant_steps(const struct source *source, const struct option_list *changes,
                           struct price_steps **ret_steps, struct error *err)
{
        autocall(price_steps_free) struct price_steps *steps = price_steps_new(changes->count + 1);
        const struct price_change *change = changes->items;
        size_t last = 0;

        if (!to_units(source->constant, source, 0, &steps->value[0], err))
                return false;
        for (size_t i = 0; i < changes->count; i++) {
                double price = changed_price(&change[i], source);

                if (isnan(price))
                        continue;
                /* The price before the first change has no beginning; any instant before the change will do.
                 */
                if (last == 0)
                        steps->from_ms[0] = change[i].at_ms - MS_PER_HOUR;
                steps->from_ms[++last] = change[i].at_ms;
                if (!to_units(price, source, change[i].at_ms, &steps->value[last], err))
                        return false;
        }
        steps->count = last + 1;
        price_steps_seal(steps);
        *ret_steps = TAKE(steps);
        return true;
}

/* *ret_steps stays NULL where the source gives no price. */
static bool make_steps(const struct source *source, const struct option_list *changes, const char *base,
                       struct price_steps **ret_steps, struct error *err)
{
        if (source->recorded->file)
                return recorded_steps(source, base, ret_steps, err);
        return isnan(source->constant) || constant_steps(source, changes, ret_steps, err);
}

/* A book without any price counts worker-hours. */
static double worker_constant(const struct price_options *prices)
{
        bool counts_hours = strcmp(prices->currency, CURRENCY_NONE) == 0 &&
                            isnan(prices->energy.per_megawatt_hour) && !prices->energy.recorded.file;

        return isnan(prices->worker.per_hour) && counts_hours ? 1 : prices->worker.per_hour;
}

static bool fill_book(struct price_book *book, const struct price_options *prices, const char *base,
                      struct error *err)
{
        const struct energy_price *energy = &prices->energy;
        double rate = isnan(energy->exchange_rate) ? 1 : energy->exchange_rate;
        bool spot = prices->spot.ratio > 0;
        struct source worker_source = {"worker", worker_constant(prices), &prices->worker.recorded,
                                       offsetof(struct price_change, worker_per_hour),
                                       1 - prices->spot.ratio};
        struct source spot_source = {"spot", prices->spot.per_hour, &prices->spot.recorded,
                                     offsetof(struct price_change, spot_per_hour), prices->spot.ratio};
        struct source energy_source = {"energy", energy->per_megawatt_hour, &energy->recorded,
                                       offsetof(struct price_change, energy_per_megawatt_hour),
                                       energy->watts_per_worker * rate / 1e6};
        struct source carbon_source = {"carbon", prices->carbon.grams_per_kilowatt_hour,
                                       &prices->carbon.recorded,
                                       offsetof(struct price_change, grams_per_kilowatt_hour), 1};

        return make_steps(&worker_source, &prices->changes, base, &book->worker, err) &&
               (!spot || make_steps(&spot_source, &prices->changes, base, &book->spot, err)) &&
               make_steps(&energy_source, &prices->changes, base, &book->energy, err) &&
               make_steps(&carbon_source, &prices->changes, base, &book->carbon, err);
}

bool price_book_new(const void *options, const char *base, struct price_book **ret_book, struct error *err)
{
        const struct price_options *prices = options;
        autocall(price_book_free) struct price_book *book = memory_new(1, sizeof *book);
        double watts = prices->carbon.watts_per_worker;

        book->currency = memory_copy_text(prices->currency);
        book->minimum_ms = prices->worker.minimum_seconds * MS_PER_SECOND;
        book->granularity_ms = prices->worker.granularity_seconds * MS_PER_SECOND;
        book->per_core_hour = prices->resources.per_core_hour;
        book->per_gibibyte_hour = prices->resources.per_gibibyte_hour;
        book->carbon_kilowatts = (isnan(watts) ? prices->energy.watts_per_worker : watts) / 1000;
        if (!fill_book(book, prices, base, err))
                return false;
        *ret_book = TAKE(book);
        return true;
}

bool price_book_parse(const struct option_table *table, const struct yaml_node *section, const char *base,
                      struct price_book **ret_book, struct error *err)
{
        void *options = NULL;
        bool done;

        if (!option_new(table, section, &options, err))
                return false;
        done = price_book_new(options, base, ret_book, err);
        option_delete(table, options);
        return done;
}

void price_book_free(struct price_book *book)
{
        if (!book)
                return;
        free(book->currency);
        price_steps_free(book->worker);
        price_steps_free(book->spot);
        price_steps_free(book->energy);
        price_steps_free(book->carbon);
        free(book);
}

void money_text(double amount, const char *currency, char ret_text[48])
{
        snprintf(ret_text, 48, "%.*f %s", fabs(amount) < 1 ? 4 : 2, amount, currency);
}

const char *price_book_currency(const struct price_book *book)
{
        return book->currency;
}

static bool covers(const struct price_steps *steps, const char *name, int64_t from_ms, int64_t to_ms,
                   struct error *err)
{
        char first[32], last[32], wanted_first[32], wanted_last[32];

        if (!steps || steps->repeat || steps->end_ms == INT64_MAX ||
            (steps->from_ms[0] <= from_ms && to_ms <= steps->end_ms))
                return true;
        time_format(steps->from_ms[0], first);
        time_format(steps->end_ms, last);
        time_format(from_ms, wanted_first);
        time_format(to_ms, wanted_last);
        return error_set(
                err, ERROR_INPUT, "PricesMissing",
                "prices.%s: the file runs from %s to %s; expected %s to %s (repeat: true starts it over, "
                "shiftSeconds moves it)",
                name, first, last, wanted_first, wanted_last);
}

bool price_book_covers(const struct price_book *book, int64_t from_ms, int64_t to_ms, struct error *err)
{
        return covers(book->worker, "worker", from_ms, to_ms, err) &&
               covers(book->spot, "spot", from_ms, to_ms, err) &&
               covers(book->energy, "energy", from_ms, to_ms, err) &&
               covers(book->carbon, "carbon", from_ms, to_ms, err);
}

double price_book_worker_hour(const struct price_book *book, int64_t time_ms)
{
        return (double)(price_steps_at(book->worker, time_ms) + price_steps_at(book->spot, time_ms) +
                        price_steps_at(book->energy, time_ms)) /
               UNITS_PER_CURRENCY;
}

int64_t price_book_next_change(const struct price_book *book, int64_t time_ms)
{
        int64_t worker_ms = price_steps_next(book->worker, time_ms);
        int64_t spot_ms = price_steps_next(book->spot, time_ms);
        int64_t energy_ms = price_steps_next(book->energy, time_ms);
        int64_t first_ms = worker_ms < spot_ms ? worker_ms : spot_ms;

        return first_ms < energy_ms ? first_ms : energy_ms;
}

price_sum price_book_integral(const struct price_book *book, int64_t from_ms, int64_t to_ms, int64_t workers)
{
        return workers * (price_steps_integral(book->worker, from_ms, to_ms) +
                          price_steps_integral(book->spot, from_ms, to_ms) +
                          price_steps_integral(book->energy, from_ms, to_ms));
}

double price_sum_to_money(price_sum sum)
{
        const price_sum units = (price_sum)UNITS_PER_CURRENCY * MS_PER_HOUR;
        const price_sum whole = sum / units;

        return (double)whole + (double)(sum - whole * units) / (double)units;
}

price_sum price_sum_of_money(double money)
{
        return (price_sum)roundl((long double)money * UNITS_PER_CURRENCY * MS_PER_HOUR);
}

price_sum price_book_rounding(const struct price_book *book, int64_t lived_ms, int64_t at_ms)
{
        int64_t steps = (lived_ms + book->granularity_ms - 1) / book->granularity_ms;
        int64_t billed_ms = steps * book->granularity_ms;

        if (billed_ms < book->minimum_ms)
                billed_ms = book->minimum_ms;
        /* Time that is billed but not run draws no energy. */
        return (price_sum)(billed_ms - lived_ms) *
               (price_steps_at(book->worker, at_ms) + price_steps_at(book->spot, at_ms));
}

bool price_book_has_resources(const struct price_book *book)
{
        return !isnan(book->per_core_hour);
}

double price_book_run(const struct price_book *book, int64_t time_ms, const struct price_held *held)
{
        const double gibibyte = 1073741824.0, hour = (double)MS_PER_HOUR / MS_PER_SECOND;

        if (!price_book_has_resources(book))
                return held->worker_seconds / hour * price_book_worker_hour(book, time_ms);
        return (held->core_seconds * book->per_core_hour +
                held->byte_seconds / gibibyte * book->per_gibibyte_hour) /
               hour;
}

double price_book_carbon_grams(const struct price_book *book, int64_t from_ms, int64_t to_ms, double workers)
{
        return workers * book->carbon_kilowatts *
               price_sum_to_money(price_steps_integral(book->carbon, from_ms, to_ms));
}

double price_book_carbon_intensity(const struct price_book *book, int64_t time_ms)
{
        return (double)price_steps_at(book->carbon, time_ms) / UNITS_PER_CURRENCY;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/prices_options.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/prices.h"

#define MAX_PRICE 1e6

/* The options of a price that is read from a file, in the struct `section`. */
/* clang-format off */
#define PRICE_FILE_OPTIONS(section, what)                                                                    \
        {.name = "file", .type = OPTION_TEXT, .offset = offsetof(section, recorded.file),                    \
         .help = "File with " what " over time: CSV, gzip, or the answer of a Prometheus range query."},     \
        {.name = "timeColumn", .type = OPTION_TEXT, .offset = offsetof(section, recorded.time_column),       \
         .help = "Column with the time; \"DATE,TIME\" when date and time of day stand in two columns."},     \
        {.name = "valueColumn", .type = OPTION_TEXT, .offset = offsetof(section, recorded.value_column),     \
         .help = "Column with the value. Default: the first one that is not the time."},                     \
        {.name = "timeZone", .type = OPTION_TEXT, .offset = offsetof(section, recorded.time_zone),           \
         .help = "IANA name of the zone of times that have no offset. Default: UTC."},                       \
        {.name = "match", .type = OPTION_TEXT, .offset = offsetof(section, recorded.match),                  \
         .help = "Text that the labels of the wanted Prometheus series contain."},                           \
        {.name = "repeat", .type = OPTION_BOOL, .offset = offsetof(section, recorded.repeat),                \
         .fallback = "false", .help = "Starts the file over before its beginning and after its end."},       \
        {.name = "shiftSeconds", .type = OPTION_INT, .offset = offsetof(section, recorded.shift_seconds),    \
         .unit = "s", .min = -1e11, .max = 1e11, .fallback = "0",                                            \
         .help = "Added to every time of the file."}
/* clang-format on */

static const struct option worker_options[] = {
        {.name = "perHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct worker_price, per_hour),
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "Price of one worker for an hour."},
        {.name = "minimumSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct worker_price, minimum_seconds),
         .unit = "s",
         .max = 31536000,
         .fallback = "60",
         .help = "Shortest time that is billed for a worker once it has started."},
        {.name = "granularitySeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct worker_price, granularity_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "1",
         .help = "A worker's time is rounded up to a multiple of this."},
        PRICE_FILE_OPTIONS(struct worker_price, "the price of a worker-hour"),
        {0},
};

static const struct option spot_options[] = {
        {.name = "ratio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct spot_price, ratio),
         .max = 1,
         .fallback = "0",
         .help = "Share of the workers that run on spot capacity, 0 to 1."},
        {.name = "perHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct spot_price, per_hour),
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "Price of one spot worker for an hour."},
        PRICE_FILE_OPTIONS(struct spot_price, "the price of a spot worker's hour"),
        {0},
};

static const struct option energy_options[] = {
        {.name = "wattsPerWorker",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct energy_price, watts_per_worker),
         .unit = "W",
         .max = 1e6,
         .fallback = "0",
         .help = "Power that one worker draws, its share of cooling included."},
        {.name = "perMegawattHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct energy_price, per_megawatt_hour),
         .unit = "currency/MWh",
         .min = -MAX_PRICE,
         .max = MAX_PRICE,
         .help = "Price of energy, on top of the worker's own; may be negative."},
        {.name = "currency",
         .type = OPTION_TEXT,
         .offset = offsetof(struct energy_price, currency),
         .help = "Currency of the price of energy (ISO 4217). Default: that of the price book."},
        {.name = "exchangeRate",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct energy_price, exchange_rate),
         .min = 1e-6,
         .max = 1e6,
         .help = "Units of the price book's currency for one of energy's currency."},
        PRICE_FILE_OPTIONS(struct energy_price, "the price of a MWh"),
        {0},
};

static const struct option carbon_options[] = {
        {.name = "wattsPerWorker",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct carbon_price, watts_per_worker),
         .unit = "W",
         .max = 1e6,
         .help = "Power that one worker draws. Default: energy.wattsPerWorker."},
        {.name = "gramsPerKilowattHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct carbon_price, grams_per_kilowatt_hour),
         .unit = "g/kWh",
         .max = 1e5,
         .help = "Carbon dioxide that a kWh stands for."},
        PRICE_FILE_OPTIONS(struct carbon_price, "the grams of carbon dioxide in a kWh"),
        {0},
};

static const struct option change_options[] = {
        {.name = "at",
         .type = OPTION_TIME,
         .offset = offsetof(struct price_change, at_ms),
         .required = true,
         .help = "When the new prices begin."},
        {.name = "workerPerHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct price_change, worker_per_hour),
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "New price of a worker. Default: as before."},
        {.name = "spotPerHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct price_change, spot_per_hour),
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "New price of a spot worker. Default: as before."},
        {.name = "energyPerMegawattHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct price_change, energy_per_megawatt_hour),
         .unit = "currency/MWh",
         .min = -MAX_PRICE,
         .max = MAX_PRICE,
         .help = "New price of energy. Default: as before."},
        {.name = "gramsPerKilowattHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct price_change, grams_per_kilowatt_hour),
         .unit = "g/kWh",
         .max = 1e5,
         .help = "New carbon intensity. Default: as before."},
        {0},
};

static const struct option resource_options[] = {
        {.name = "perCoreHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct resource_price, per_core_hour),
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "Price of a core that a run holds for an hour."},
        {.name = "perGibibyteHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct resource_price, per_gibibyte_hour),
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "Price of a GiB of memory that a run holds for an hour."},
        {0},
};

static const struct option_rule worker_rules[] = {
        {RULE_AT_MOST_ONE, {"perHour", "file"}, "both perHour and file; expected one of them"},
        {0},
};
static const struct option_table worker_table = {
        .name = "worker",
        .size = sizeof(struct worker_price),
        .options = worker_options,
        .rules = worker_rules,
        .help = "What a worker costs. Without any price, cost is counted in worker-hours.",
};
static const struct option_rule spot_rules[] = {
        {RULE_AT_MOST_ONE, {"perHour", "file"}, "both perHour and file; expected one of them"},
        {0},
};
static const struct option_table spot_table = {
        .name = "spot",
        .size = sizeof(struct spot_price),
        .options = spot_options,
        .rules = spot_rules,
        .help = "Workers on spot capacity: their share and their price.",
};
static const struct option_rule energy_rules[] = {
        {RULE_AT_MOST_ONE,
         {"perMegawattHour", "file"},
         "both perMegawattHour and file; expected one of them"},
        {0},
};
static const struct option_table energy_table = {
        .name = "energy",
        .size = sizeof(struct energy_price),
        .options = energy_options,
        .rules = energy_rules,
        .help = "Energy that is paid for beside the workers.",
};
static const struct option_rule carbon_rules[] = {
        {RULE_AT_MOST_ONE,
         {"gramsPerKilowattHour", "file"},
         "both gramsPerKilowattHour and file; expected one of them"},
        {0},
};
static const struct option_table carbon_table = {
        .name = "carbon",
        .size = sizeof(struct carbon_price),
        .options = carbon_options,
        .rules = carbon_rules,
        .help = "How much carbon dioxide the workers' energy carries.",
};
static const struct option_table change_table = {
        .name = "changes",
        .size = sizeof(struct price_change),
        .options = change_options,
        .help = "A change of constant prices at a date.",
};

static const struct option_rule resource_rules[] = {
        {RULE_TOGETHER,
         {"perCoreHour", "perGibibyteHour"},
         "perCoreHour and perGibibyteHour only together; expected both or neither"},
        {0},
};
static const struct option_table resource_table = {
        .name = "resources",
        .size = sizeof(struct resource_price),
        .options = resource_options,
        .rules = resource_rules,
        .help = "What a run of a job that runs from time to time pays for its cores and its memory. Without "
                "it "
                "it pays for its workers.",
};

/* Of spec.prices, and of a PriceBook. */
/* clang-format off */
#define PRICE_OPTIONS \
        {.name = "currency", \
         .type = OPTION_TEXT, \
         .offset = offsetof(struct price_options, currency), \
         .fallback = CURRENCY_NONE, \
         .min = 3, \
         .max = 3, \
         .immutable = true, \
         .help = "Currency of all prices, an ISO 4217 code such as EUR. XXX stands for none: worker-hours."}, \
        {.name = "worker", \
         .type = OPTION_SECTION, \
         .offset = offsetof(struct price_options, worker), \
         .table = &worker_table, \
         .help = "What a worker costs."}, \
        {.name = "spot", \
         .type = OPTION_SECTION, \
         .offset = offsetof(struct price_options, spot), \
         .table = &spot_table, \
         .help = "Workers on spot capacity."}, \
        {.name = "energy", \
         .type = OPTION_SECTION, \
         .offset = offsetof(struct price_options, energy), \
         .table = &energy_table, \
         .help = "Energy that is paid for beside the workers."}, \
        {.name = "carbon", \
         .type = OPTION_SECTION, \
         .offset = offsetof(struct price_options, carbon), \
         .table = &carbon_table, \
         .help = "Carbon dioxide of the workers' energy."}, \
        {.name = "resources", \
         .type = OPTION_SECTION, \
         .offset = offsetof(struct price_options, resources), \
         .table = &resource_table, \
         .help = "Cores and memory of runs."}, \
        {.name = "changes", \
         .type = OPTION_LIST, \
         .offset = offsetof(struct price_options, changes), \
         .table = &change_table, \
         .max = 1000, \
         .help = "Changes of the constant prices, in order of time. A price from a file cannot be changed " \
                 "here."}
/* clang-format on */

static const struct option price_options[] = {PRICE_OPTIONS, {0}};

static const struct option node_price_options[] = {
        {.name = "instanceType",
         .type = OPTION_TEXT,
         .offset = offsetof(struct node_price, type),
         .required = true,
         .min = 1,
         .max = 63,
         .help = "The type, as the label node.kubernetes.io/instance-type has it."},
        {.name = "perHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct node_price, per_hour),
         .required = true,
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "Price of such a node for an hour."},
        {.name = "spotPerHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct node_price, spot_per_hour),
         .unit = "currency/h",
         .max = MAX_PRICE,
         .help = "Its price on spot capacity. Default: perHour."},
        {0},
};

static const struct option_table node_price_table = {
        .name = "types",
        .size = sizeof(struct node_price),
        .options = node_price_options,
        .help = "What a node of an instance type costs.",
};

static const struct option nodes_options[] = {
        {.name = "perCoreHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct node_price_options, per_core_hour),
         .unit = "currency/h",
         .min = 1e-9,
         .max = MAX_PRICE,
         .help = "Price of a core for an hour, of nodes whose type is not listed. The price of a listed one "
                 "is split over its cores and its memory in the proportion of these two; without them a core "
                 "counts as much as 7.46 GiB."},
        {.name = "perGibibyteHour",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct node_price_options, per_gibibyte_hour),
         .unit = "currency/h",
         .min = 1e-9,
         .max = MAX_PRICE,
         .help = "Price of a GiB of memory for an hour, likewise."},
        {.name = "types",
         .type = OPTION_LIST,
         .offset = offsetof(struct node_price_options, types),
         .table = &node_price_table,
         .key = "instanceType",
         .min = 0,
         .max = 1000,
         .help = "Prices of nodes by instance type."},
        {0},
};

static const struct option_rule nodes_rules[] = {
        {RULE_TOGETHER,
         {"perCoreHour", "perGibibyteHour"},
         "perCoreHour and perGibibyteHour only together; expected both or neither"},
        {0},
};

static const struct option_table nodes_table = {
        .name = "nodes",
        .size = sizeof(struct node_price_options),
        .options = nodes_options,
        .rules = nodes_rules,
        .help = "What nodes cost, and so the pods on them.",
};

static const struct option book_options[] = {
        PRICE_OPTIONS,
        {.name = "nodes",
         .type = OPTION_POINTER,
         .offset = offsetof(struct price_book_options, nodes),
         .table = &nodes_table,
         .help = "What nodes cost: from it comes what pods cost, and what of it is idle (optctl controller "
                 "--node-prices)."},
        {0},
};

static bool is_currency(const char *code)
{
        return strlen(code) == 3 && isupper((unsigned char)code[0]) && isupper((unsigned char)code[1]) &&
               isupper((unsigned char)code[2]);
}

static bool refuse(const struct yaml_node *section, const char *name, struct error *err, const char *words)
{
        const struct yaml_node *node = section ? yaml_get(section, name) : NULL;

        if (!node)
                node = section;
        return node ? yaml_error(node, err, "%s", words)
                    : error_set(err, ERROR_INPUT, NULL, "prices: %s", words);
}

static bool check_currencies(const struct price_options *prices, const struct yaml_node *node,
                             struct error *err)
{
        const struct energy_price *energy = &prices->energy;
        bool converted = energy->currency && strcmp(energy->currency, prices->currency) != 0;

        if (!is_currency(prices->currency))
                return refuse(node, "currency", err,
                              "unknown currency; expected three capitals as in ISO 4217, "
                              "such as EUR");
        if (energy->currency && !is_currency(energy->currency))
                return refuse(node, "energy", err,
                              "unknown currency; expected three capitals as in ISO 4217, "
                              "such as EUR");
        if (converted && isnan(energy->exchange_rate))
                return refuse(node, "energy", err,
                              "energy has another currency than the price book; expected an "
                              "exchangeRate");
        if (!converted && !isnan(energy->exchange_rate))
                return refuse(node, "energy", err,
                              "an exchangeRate without a currency of its own; expected both or "
                              "neither");
        return true;
}

static bool has_price(double constant, const struct price_file *recorded)
{
        return !isnan(constant) || recorded->file;
}

static bool check_sources(const struct price_options *prices, const struct yaml_node *node, struct error *err)
{
        const struct worker_price *worker = &prices->worker;
        const struct spot_price *spot = &prices->spot;
        const struct energy_price *energy = &prices->energy;
        bool has_energy = has_price(energy->per_megawatt_hour, &energy->recorded);

        if (spot->ratio > 0 && !has_price(spot->per_hour, &spot->recorded))
                return refuse(node, "spot", err, "spot workers without a price; expected perHour or file");
        if (has_energy && !(energy->watts_per_worker > 0))
                return refuse(node, "energy", err,
                              "energy has a price but a worker draws none; expected "
                              "wattsPerWorker");
        if (!has_price(worker->per_hour, &worker->recorded) && !has_energy &&
            isnan(prices->resources.per_core_hour) && strcmp(prices->currency, CURRENCY_NONE) != 0)
                return refuse(node, "currency", err,
                              "a currency without a price; expected worker.perHour or "
                              "worker.file");
        return true;
}

static bool check_changes(const struct price_options *prices, const struct yaml_node *node, struct error *err)
{
        const struct price_change *changes = prices->changes.items;

        for (size_t i = 0; i < prices->changes.count; i++) {
                if (i > 0 && changes[i].at_ms <= changes[i - 1].at_ms)
                        return refuse(node, "changes", err,
                                      "changes are not in order; expected each later than the "
                                      "one before");
                if ((!isnan(changes[i].worker_per_hour) && isnan(prices->worker.per_hour)) ||
                    (!isnan(changes[i].spot_per_hour) && isnan(prices->spot.per_hour)) ||
                    (!isnan(changes[i].energy_per_megawatt_hour) &&
                     isnan(prices->energy.per_megawatt_hour)) ||
                    (!isnan(changes[i].grams_per_kilowatt_hour) &&
                     isnan(prices->carbon.grams_per_kilowatt_hour)))
                        return refuse(node, "changes", err,
                                      "a change of a price that has no constant value before "
                                      "it; expected one");
        }
        return true;
}

static bool check_prices(const void *object, const struct yaml_node *node, struct error *err)
{
        return check_currencies(object, node, err) && check_sources(object, node, err) &&
               check_changes(object, node, err);
}

const struct option_table prices_table = {
        .name = "prices",
        .help = "What workers, energy and carbon cost over time.",
        .size = sizeof(struct price_options),
        .options = price_options,
        .check = check_prices,
};

const struct option_table price_book_table = {
        .name = "spec",
        .help = "What workers, energy, carbon and nodes cost over time.",
        .size = sizeof(struct price_book_options),
        .options = book_options,
        .check = check_prices,
};

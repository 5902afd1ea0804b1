/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/batch_study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/option.h"
#include "core/prices.h"
#include "core/text.h"
#include "core/yaml.h"
#include "engines/spark/event_log.h"
#include "sim/batch_advice.h"
#include "sim/batch_replay.h"

#define MAX_ALTERNATIVES 100

/*
 * How much longer tasks take on more executors, one log cannot tell: they share network, disks and memory,
 * and less of what they read is near. In the published traces of Decima (SIGCOMM 2019, TPC-H) the median task
 * took 2.3 times as long on 100 executors as on 5 at 100 GB, and 3.9 times at 2 GB: exponents of 0.28 and
 * 0.45. The interval goes from none of it to that of the large input, and the middle is halfway.
 */
static const double exponents[] = {0.15, 0, 0.3};

struct studying {
        const struct batch_request *request;
        const struct batch_run *run;
        struct batch_model *model;
        struct price_book *prices; /* NULL: none */
        struct batch_replay as_measured;
        double error; /* of the replay on what the run had */
};

/* ---- prices ---- */

static bool bad_prices(const char *path, struct error *err)
{
        return error_set(err, ERROR_INPUT, NULL,
                         "%s: expected a PriceBook, or a TunedPipeline with spec.prices", path);
}

/* Where prices stand in a file, and how they are laid out: all of a PriceBook's spec, one section of a
 * pipeline's. */
static const struct yaml_node *prices_in(struct yaml_document *document,
                                         const struct option_table **ret_table)
{
        const struct yaml_node *root = yaml_root(document);
        const struct yaml_node *kind = root && root->kind == YAML_MAP ? yaml_get(root, "kind") : NULL;
        const struct yaml_node *spec = kind && kind->kind == YAML_SCALAR ? yaml_get(root, "spec") : NULL;

        if (!spec || spec->kind != YAML_MAP)
                return NULL;
        *ret_table = strcmp(kind->scalar, "PriceBook") == 0 ? &price_book_table : &prices_table;
        if (*ret_table == &price_book_table)
                return spec;
        return strcmp(kind->scalar, "TunedPipeline") == 0 ? yaml_get(spec, "prices") : NULL;
}

static bool read_prices(const char *path, struct price_book **ret_prices, struct error *err)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        const char *slash = strrchr(path, '/');
        autofree char *base =
                slash ? memory_format("%.*s", (int)(slash - path + 1), path) : memory_copy_text(".");
        const struct option_table *table;
        const struct yaml_node *node;

        if (!yaml_read_file(path, &document, err))
                return false;
        node = prices_in(document, &table);
        return node ? price_book_parse(table, node, base, ret_prices, err) : bad_prices(path, err);
}

/* Of executors that lived so long in all, from the run's start on. A book without prices counts worker-hours.
 */
static double cost_of(const struct studying *studying, double seconds, double executor_seconds,
                      int64_t executors)
{
        int64_t from = batch_run_first_ms(studying->run), to = from + (int64_t)(seconds * 1e3);
        price_sum sum;

        if (!studying->prices)
                return executor_seconds / 3600;
        if (to <= from || executors < 1)
                return 0;
        sum = price_book_rounding(studying->prices, (int64_t)(executor_seconds * 1e3) / executors, to) *
              executors;
        return price_sum_to_money(price_book_integral(studying->prices, from, to, 1)) * executor_seconds /
                       seconds +
               price_sum_to_money(sum);
}

/* ---- one size ---- */

struct alternative {
        int64_t executors, cores;
        struct batch_replay replay; /* the middle one */
        double low, high, cost, cost_low, cost_high;
};

static bool compute(const struct studying *studying, struct alternative *it, struct error *err)
{
        double ratio, margin = fabs(studying->error);

        it->low = it->cost_low = INFINITY;
        for (size_t i = 0; i < ARRAY_LENGTH(exponents); i++) {
                struct batch_cluster cluster = {it->executors, it->cores, 1};
                struct batch_replay replay;
                double cost;

                ratio = (double)it->executors / (double)studying->as_measured.executors;
                cluster.stretch = pow(ratio, exponents[i]);
                if (!batch_replay(studying->model, &cluster, &replay, err))
                        return false;
                cost = cost_of(studying, replay.seconds, replay.executor_seconds, replay.executors);
                if (i == 0) {
                        it->replay = replay;
                        it->cost = cost;
                }
                it->low = fmin(it->low, replay.seconds * (1 - margin));
                it->high = fmax(it->high, replay.seconds * (1 + margin));
                it->cost_low = fmin(it->cost_low, cost * (1 - margin));
                it->cost_high = fmax(it->cost_high, cost * (1 + margin));
        }
        return true;
}

static json_t *alternative_to_json(const struct studying *studying, const struct alternative *it,
                                   double measured_cost)
{
        const struct batch_replay *replay = &it->replay;
        double saved = measured_cost - it->cost;
        double idle = replay->slot_seconds > 0 ? fmax(1 - replay->busy_seconds / replay->slot_seconds, 0) : 0;

        if (fabs(saved) < 1e-9 * measured_cost)
                saved = 0; /* sums in another order */
        return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "executors",
                         (json_int_t)it->executors, "cores",
                         (json_int_t)(it->cores ? it->cores : studying->model->cores), "slots",
                         (json_int_t)replay->slots, "seconds", json_from_double(replay->seconds), "low",
                         json_from_double(it->low), "high", json_from_double(it->high), "cost",
                         json_from_double(it->cost), "costLow", json_from_double(it->cost_low), "costHigh",
                         json_from_double(it->cost_high), "saved", json_from_double(saved), "idlePercent",
                         json_from_double(idle * 100), "idleCost", json_from_double(it->cost * idle),
                         "driverSeconds", json_from_double(replay->driver_seconds));
}

/* ---- the document ---- */

static bool wanted_sizes(const struct studying *studying, int64_t *sizes, size_t *ret_count,
                         struct error *err)
{
        static const double ratios[] = {0.25, 0.5, 1, 2, 4};
        char *const *words = studying->request->executors;
        size_t count = 0;
        long long number;

        for (; words[count]; count++) {
                if (count == MAX_ALTERNATIVES || !text_to_int64(words[count], &number) || number < 1 ||
                    number > BATCH_REPLAY_MAX_EXECUTORS)
                        return error_set(
                                err, ERROR_INPUT, NULL,
                                "simulate: --executors %s: expected numbers from 1 to %d, %d at most",
                                words[count], BATCH_REPLAY_MAX_EXECUTORS, MAX_ALTERNATIVES);
                sizes[count] = number;
        }
        for (size_t i = 0; !words[0] && i < ARRAY_LENGTH(ratios); i++) {
                double size = ratios[i] * (double)studying->as_measured.executors;

                if (size >= 1 && size <= BATCH_REPLAY_MAX_EXECUTORS && size == floor(size))
                        sizes[count++] = (int64_t)size;
        }
        *ret_count = count;
        return true;
}

static size_t stages_that_ran(const struct batch_run *run)
{
        size_t count = 0;

        for (size_t i = 0; i < run->n_stages; i++)
                count += run->stages[i].n_tasks > 0;
        return count;
}

/* What begins with the log's path, with its name instead. The caller frees it. */
static char *in_its_name(const struct batch_request *request, const char *words)
{
        size_t length = strlen(request->log);

        if (!request->name || strncmp(words, request->log, length) != 0)
                return memory_copy_text(words);
        return memory_format("%s%s", request->name, words + length);
}

static json_t *text_or_null(const char *text)
{
        return text ? json_string(text) : json_null();
}

/* From each executor's arrival to its removal or the end, as measured. One that was only ever told to have
 * gone was never there. */
static double lived_seconds(const struct studying *studying)
{
        const struct batch_run *run = studying->run;
        int64_t end = batch_run_last_ms(run), first = batch_run_first_ms(run), sum = 0;

        for (size_t i = 0; i < run->n_executors; i++) {
                const struct batch_executor *it = &run->executors[i];
                int64_t from = it->added_ms == BATCH_UNKNOWN || it->added_ms < first ? first : it->added_ms;
                int64_t to = it->removed_ms == BATCH_UNKNOWN ? end : it->removed_ms;

                if (studying->model->slots[i] > 0 && to > from)
                        sum += to - from;
        }
        return (double)sum / 1e3;
}

static json_t *measured_to_json(const struct studying *studying, double *ret_cost)
{
        const struct batch_run *run = studying->run;
        const struct batch_replay *replay = &studying->as_measured;
        double seconds = (double)studying->model->measured_ms / 1e3;

        *ret_cost = cost_of(studying, seconds, lived_seconds(studying), replay->executors);
        return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o}", "application",
                         text_or_null(run->id), "name", text_or_null(run->name), "sparkVersion",
                         text_or_null(run->version), "executors", (json_int_t)replay->executors, "cores",
                         (json_int_t)studying->model->cores, "slots", (json_int_t)replay->slots, "seconds",
                         json_from_double(seconds), "jobs", (json_int_t)run->n_jobs, "stages",
                         (json_int_t)stages_that_ran(run), "tasks", (json_int_t)run->n_tasks, "cost",
                         json_from_double(*ret_cost));
}

static bool alternatives_to_json(const struct studying *studying, double measured_cost, json_t *list,
                                 struct error *err)
{
        int64_t sizes[MAX_ALTERNATIVES];
        size_t count = 0;

        if (!wanted_sizes(studying, sizes, &count, err))
                return false;
        for (size_t i = 0; i < count; i++) {
                struct alternative it = {.executors = sizes[i], .cores = studying->request->cores};

                if (!compute(studying, &it, err))
                        return false;
                json_array_append_new(list, alternative_to_json(studying, &it, measured_cost));
        }
        return true;
}

/* What stands out in the run. */
static json_t *advice_to_json(const struct studying *studying)
{
        struct batch_advice advice[BATCH_ADVICE_MAX];
        size_t count = batch_advise(studying->model, &studying->as_measured, advice);
        json_t *list = json_array();

        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s}", "kind",
                                                      batch_advice_names[advice[i].kind], "stage",
                                                      advice[i].stage ? json_integer(advice[i].stage->id)
                                                                      : json_null(),
                                                      "seconds", json_from_double(advice[i].seconds), "words",
                                                      advice[i].words));
        return list;
}

static bool study(struct studying *studying, const struct spark_event_log *log, json_t **ret_document,
                  struct error *err)
{
        const struct batch_cluster as_measured = {.stretch = 1};
        autojson *alternatives = json_array();
        autofree char *damage = log->damage ? in_its_name(studying->request, log->damage) : NULL;
        double cost;
        json_t *measured;

        if (!batch_replay(studying->model, &as_measured, &studying->as_measured, err))
                return false;
        studying->error = studying->as_measured.seconds * 1e3 / (double)studying->model->measured_ms - 1;
        measured = measured_to_json(studying, &cost);
        if (!alternatives_to_json(studying, cost, alternatives, err)) {
                json_decref(measured);
                return false;
        }
        *ret_document =
                json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:O, s:o}", "kind", "batch", "version",
                          OPTCTL_VERSION, "log",
                          studying->request->name ? studying->request->name : studying->request->log,
                          "damage", text_or_null(damage), "currency",
                          studying->prices ? price_book_currency(studying->prices) : "XXX", "measured",
                          measured, "replayedSeconds", json_from_double(studying->as_measured.seconds),
                          "replayErrorPercent", json_from_double(studying->error * 100), "alternatives",
                          alternatives, "advice", advice_to_json(studying));
        return true;
}

static bool study_log(const struct batch_request *request, json_t **ret_document, struct error *err)
{
        auto_spark_event_log log = {0};
        autocall(batch_model_free) struct batch_model *model = NULL;
        autocall(price_book_free) struct price_book *prices = NULL;
        struct studying studying = {.request = request};

        if (request->prices && !read_prices(request->prices, &prices, err))
                return false;
        if (!spark_event_log_read(request->log, &log, err))
                return false;
        if (!batch_model_new(log.run, &model, err) || model->measured_ms <= 0)
                return error_set(err, ERROR_INPUT, "NoTasks",
                                 "%s: no task has ended, so there is nothing to replay", request->log);
        studying.run = log.run;
        studying.model = model;
        studying.prices = prices;
        return study(&studying, &log, ret_document, err);
}

bool batch_study(const struct batch_request *request, json_t **ret_document, struct error *err)
{
        autofree char *words = NULL;

        if (study_log(request, ret_document, err))
                return true;
        words = in_its_name(request, err->message);
        snprintf(err->message, sizeof err->message, "%s", words);
        return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/batch_study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/study/batch_predict.h"
#include "controller/study/batch_runs.h"
#include "controller/study/batch_wanted.h"
#include "controller/study/shown_log.h"
#include "core/json.h"
#include "core/option.h"
#include "core/prices.h"
#include "core/text.h"
#include "core/yaml.h"
#include "engines/spark/event_log.h"
#include "engines/spark/process.h"
#include "sim/batch_advice.h"
#include "sim/batch_replay.h"

struct studying {
        const struct batch_request *request;
        const struct batch_run *run;
        struct batch_model *model;
        struct price_book *prices; /* NULL: none */
        struct batch_replay as_measured;
        double error; /* of the replay on what the run had */
        bool several; /* runs were given, and what they say together is: */
        struct scale_out by_slots;
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

/* What executors were there for, and what each of them is. */
struct held {
        double seconds;                        /* of the run */
        double executor_seconds, core_seconds; /* of all executors */
        int64_t executors;
        double heap_bytes; /* of each; 0: as they had */
};

/* From the run's start on. A book without prices counts worker-hours. */
static double cost_of(const struct studying *studying, const struct held *held)
{
        int64_t from = batch_run_first_ms(studying->run), to = from + (int64_t)(held->seconds * 1e3);
        const struct price_held resources = {.core_seconds = held->core_seconds,
                                             .byte_seconds =
                                                     held->executor_seconds *
                                                     spark_process_bytes(studying->run, SPARK_EXECUTOR,
                                                                         held->heap_bytes)};
        price_sum sum;

        if (!studying->prices)
                return held->executor_seconds / 3600;
        if (to <= from || held->executors < 1)
                return 0;
        if (price_book_has_resources(studying->prices))
                return price_book_run(studying->prices, from, &resources);
        sum = price_book_rounding(studying->prices, (int64_t)(held->executor_seconds * 1e3) / held->executors,
                                  to) *
              held->executors;
        return price_sum_to_money(price_book_integral(studying->prices, from, to, 1)) *
                       held->executor_seconds / held->seconds +
               price_sum_to_money(sum);
}

/* ---- one alternative ---- */

static json_t *text_or_null(const char *text)
{
        return text ? json_string(text) : json_null();
}

struct alternative {
        const struct batch_wanted *wanted;
        struct batch_replay replay; /* the middle one */
        double low, high, cost, cost_low, cost_high;
};

static bool compute(const struct studying *studying, struct alternative *it, struct error *err)
{
        double margin = fabs(studying->error);
        double cores = (double)(it->wanted->cores ? it->wanted->cores : studying->model->cores);
        struct batch_prediction prediction;

        if (!batch_predict(studying->model, &studying->as_measured, it->wanted, &prediction, err))
                return false;
        it->replay = prediction.cases[BATCH_MIDDLE];
        it->low = it->cost_low = INFINITY;
        for (size_t i = 0; i < BATCH_CASES; i++) {
                const struct batch_replay *replay = &prediction.cases[i];
                const struct held held = {replay->seconds, replay->executor_seconds,
                                          replay->executor_seconds * cores, replay->executors,
                                          it->wanted->memory};
                double cost = cost_of(studying, &held);

                if (i == BATCH_MIDDLE)
                        it->cost = cost;
                it->low = fmin(it->low, replay->seconds * (1 - margin));
                it->high = fmax(it->high, replay->seconds * (1 + margin));
                it->cost_low = fmin(it->cost_low, cost * (1 - margin));
                it->cost_high = fmax(it->cost_high, cost * (1 + margin));
        }
        return true;
}

/* What the runs say together, where nothing but executors and their cores is another. */
static json_t *from_runs(const struct studying *studying, const struct alternative *it)
{
        struct scale_out_guess guess;

        if (!studying->several || it->wanted->dynamic.on || it->wanted->memory > 0 ||
            it->wanted->partitions > 0 || it->replay.slots < 1)
                return json_null();
        guess = scale_out_predict(&studying->by_slots, (double)it->replay.slots);
        return json_pack("{s:o, s:o, s:o}", "seconds", json_from_double(guess.seconds), "low",
                         json_from_double(guess.low), "high", json_from_double(guess.high));
}

static json_t *alternative_to_json(const struct studying *studying, const struct alternative *it,
                                   double measured_cost)
{
        const struct batch_replay *replay = &it->replay;
        autofree char *warning = batch_predict_warning(studying->model, it->wanted);
        int64_t executors =
                it->wanted->executors && !it->wanted->dynamic.on ? it->wanted->executors : replay->executors;
        double saved = measured_cost - it->cost;
        double idle = replay->slot_seconds > 0 ? fmax(1 - replay->busy_seconds / replay->slot_seconds, 0) : 0;

        if (fabs(saved) < 1e-9 * measured_cost)
                saved = 0; /* sums in another order */
        return json_pack(
                "{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}",
                "executors", (json_int_t)executors, "cores",
                (json_int_t)(it->wanted->cores ? it->wanted->cores : studying->model->cores), "slots",
                (json_int_t)replay->slots, "seconds", json_from_double(replay->seconds), "low",
                json_from_double(it->low), "high", json_from_double(it->high), "cost",
                json_from_double(it->cost), "costLow", json_from_double(it->cost_low), "costHigh",
                json_from_double(it->cost_high), "saved", json_from_double(saved), "idlePercent",
                json_from_double(idle * 100), "idleCost", json_from_double(it->cost * idle), "driverSeconds",
                json_from_double(replay->driver_seconds), "settings", text_or_null(it->wanted->settings),
                "dynamic", it->wanted->dynamic.on, "warning", text_or_null(warning), "fromRuns",
                from_runs(studying, it), "taskSeconds", json_from_double(replay->busy_seconds));
}

/* ---- the document ---- */

/* A quarter to four times as many executors as there were, rounded, each number once. */
static void usual_sizes(const struct studying *studying, struct batch_wanted_list *list)
{
        static const double ratios[] = {0.25, 0.5, 1, 2, 4};
        int64_t before = 0;

        free(list->wanted);
        list->wanted = memory_new(ARRAY_LENGTH(ratios), sizeof *list->wanted);
        for (size_t i = 0; i < ARRAY_LENGTH(ratios); i++) {
                int64_t size = llround(ratios[i] * (double)studying->as_measured.executors);

                if (size <= before || size > BATCH_REPLAY_MAX_EXECUTORS)
                        continue;
                list->wanted[list->count++] =
                        (struct batch_wanted){.executors = size, .cores = studying->request->cores};
                before = size;
        }
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

/* From each executor's arrival to its removal or the end, as measured. One that was only ever told to have
 * gone was never there. */
static struct held held_as_measured(const struct studying *studying)
{
        const struct batch_run *run = studying->run;
        int64_t end = batch_run_last_ms(run), first = batch_run_first_ms(run);
        struct held held = {.seconds = (double)studying->model->measured_ms / 1e3,
                            .executors = studying->as_measured.executors};

        for (size_t i = 0; i < run->n_executors; i++) {
                const struct batch_executor *it = &run->executors[i];
                int64_t from = it->added_ms == BATCH_UNKNOWN || it->added_ms < first ? first : it->added_ms;
                int64_t to = it->removed_ms == BATCH_UNKNOWN ? end : it->removed_ms;
                int64_t cores = it->cores > 0 ? it->cores : studying->model->cores;

                if (studying->model->slots[i] == 0 || to <= from)
                        continue;
                held.executor_seconds += (double)(to - from) / 1e3;
                held.core_seconds += (double)((to - from) * cores) / 1e3;
        }
        return held;
}

/* What the tasks' time went to, in percent of all of it. */
static json_t *tasks_to_json(const struct batch_model *model)
{
        double took = 0, waiting = 0, garbage = 0, beside = 0;

        for (size_t n = 0; n < model->n_nodes; n++) {
                const struct batch_node *node = &model->nodes[n];
                double sum = 0;

                for (size_t t = 0; t < node->stage->n_tasks; t++)
                        sum += node->stage->tasks[t].took_ms;
                took += sum;
                waiting += sum * node->waiting_share;
                garbage += sum * node->garbage_share;
                beside += node->beside_ms * (double)node->stage->n_tasks;
        }
        took = fmax(took, 1);
        return json_pack("{s:o, s:o, s:o, s:o}", "waitingPercent", json_from_double(100 * waiting / took),
                         "garbagePercent", json_from_double(100 * garbage / took), "besidePercent",
                         json_from_double(100 * beside / took), "firstPercent",
                         json_from_double(100 * model->first_share));
}

static json_t *measured_to_json(const struct studying *studying, double *ret_cost)
{
        const struct batch_run *run = studying->run;
        const struct batch_replay *replay = &studying->as_measured;
        const struct held held = held_as_measured(studying);

        *ret_cost = cost_of(studying, &held);
        return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o}", "application",
                         text_or_null(run->id), "name", text_or_null(run->name), "sparkVersion",
                         text_or_null(run->version), "executors", (json_int_t)replay->executors, "cores",
                         (json_int_t)studying->model->cores, "slots", (json_int_t)replay->slots, "seconds",
                         json_from_double(held.seconds), "jobs", (json_int_t)run->n_jobs, "stages",
                         (json_int_t)stages_that_ran(run), "tasks", (json_int_t)run->n_tasks, "cost",
                         json_from_double(*ret_cost));
}

static bool alternatives_to_json(const struct studying *studying, double measured_cost, json_t *list,
                                 struct error *err)
{
        const struct batch_request *request = studying->request;
        auto_batch_wanted wanted = {0};

        if (!batch_wanted_parse(studying->run, request->sets, request->sweeps, request->executors,
                                request->cores, &wanted, err))
                return false;
        if (wanted.count == 0)
                usual_sizes(studying, &wanted);
        for (size_t i = 0; i < wanted.count; i++) {
                struct alternative it = {.wanted = &wanted.wanted[i]};

                if (wanted.wanted[i].cores > 0 && wanted.wanted[i].executors == 0)
                        wanted.wanted[i].executors = studying->as_measured.executors;
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

/* The other runs: null when none was given. */
static bool other_runs(struct studying *studying, json_t **ret_runs, struct error *err)
{
        char *const *logs = studying->request->others;

        studying->several = logs && logs[0];
        *ret_runs = json_null();
        return !studying->several ||
               batch_runs_fit(studying->run, (double)studying->as_measured.slots,
                              (double)studying->model->measured_ms / 1e3, logs, studying->request->quiet,
                              &studying->by_slots, ret_runs, err);
}

static bool study(struct studying *studying, const struct spark_event_log *log, json_t **ret_document,
                  struct error *err)
{
        const struct batch_cluster as_measured = {.stretch = 1};
        autojson *alternatives = json_array(), *measured = NULL, *runs = NULL;
        autofree char *damage = log->damage ? in_its_name(studying->request, log->damage) : NULL;
        double cost;

        if (!batch_replay(studying->model, &as_measured, &studying->as_measured, err))
                return false;
        studying->error = studying->as_measured.seconds * 1e3 / (double)studying->model->measured_ms - 1;
        measured = measured_to_json(studying, &cost);
        if (!other_runs(studying, &runs, err) || !alternatives_to_json(studying, cost, alternatives, err))
                return false;
        *ret_document =
                json_pack("{s:s, s:s, s:s, s:o, s:s, s:O, s:o, s:o, s:O, s:o, s:o, s:O}", "kind", "batch",
                          "version", OPTCTL_VERSION, "log",
                          studying->request->name ? studying->request->name : studying->request->log,
                          "damage", text_or_null(damage), "currency",
                          studying->prices ? price_book_currency(studying->prices) : "XXX", "measured",
                          measured, "replayedSeconds", json_from_double(studying->as_measured.seconds),
                          "replayErrorPercent", json_from_double(studying->error * 100), "alternatives",
                          alternatives, "advice", advice_to_json(studying), "tasks",
                          tasks_to_json(studying->model), "runs", runs);
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
        if (!shown_log_read(request->log, request->quiet, &log, err))
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/log_study.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

#include "controller/cli/terminal.h"
#include "controller/study/batch_predict.h"
#include "controller/tune/context.h"
#include "controller/tune/log.h"
#include "controller/tune/log_settings.h"
#include "controller/tune/search_document.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/random.h"

#define PURPOSE     12
#define LIMIT_TRIES 6000 /* draws, where limits allow few of them */

/* ---- at which points ---- */

static int choose(const double *points, int count, size_t bytes, gsl_rng *rng, double *ret_points)
{
        int n = count < SEARCH_EARLIER_TRIALS ? count : SEARCH_EARLIER_TRIALS;

        if (n > 0)
                (void)gsl_ran_choose(rng, ret_points, (size_t)n, (void *)(uintptr_t)points, (size_t)count,
                                     bytes);
        return n;
}

static int draw(const struct search_space *space, gsl_rng *rng, double *ret_points)
{
        int n = 0;

        for (int try = 0; try < LIMIT_TRIES && n < SEARCH_EARLIER_TRIALS; try++) {
                double *point = ret_points + (size_t)n * (size_t)space->n;

                for (int i = 0; i < space->n; i++)
                        point[i] = search_parameter_value(&space->parameters[i], gsl_rng_uniform(rng));
                search_space_settle(space, point);
                n += search_space_allows(space, point);
        }
        return n;
}

/* ret_points: SEARCH_EARLIER_TRIALS x space->n. Returns how many. */
static int points_of(const struct search_space *space, double *ret_points)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(0, 0, PURPOSE);
        int count;
        autofree double *listed = search_space_points(space, SEARCH_MAX_CANDIDATES, &count);

        return listed ? choose(listed, count, (size_t)space->n * sizeof *listed, rng, ret_points)
                      : draw(space, rng, ret_points);
}

/* ---- what the run would have taken ---- */

struct replaying {
        const struct tune_study *study;
        const struct batch_run *run;
        const struct batch_model *model;
        struct batch_replay as_measured;
        const json_t *settings; /* of the entry, or NULL */
        bool partitions;        /* the log tells of them */
};

/* Cores of each executor. */
static double cores_of(const struct replaying *replaying, const struct batch_wanted *wanted)
{
        return (double)(wanted->cores > 0 ? wanted->cores : replaying->model->cores);
}

static double cost_of(const struct replaying *replaying, const json_t *x, double seconds)
{
        const struct tune_study *study = replaying->study;

        return price_book_worker_hour(study->prices, batch_run_first_ms(replaying->run)) / 3600 * seconds *
               tune_workers(study, x);
}

/* What is minimised as the log calls it; NULL: nothing that a log foretells. */
static const char *measure_of(const struct tune_study *study)
{
        const struct tune_value *values = study->options.values.items;
        const char *minimize = study->options.minimize;

        if (strcmp(minimize, "seconds") == 0)
                return "runSeconds";
        if (tune_study_is_money(study, minimize))
                return minimize;
        for (size_t i = 0; i < study->options.values.count; i++)
                if (strcmp(values[i].name, minimize) == 0)
                        return values[i].event_log;
        return NULL;
}

static double value_of(const struct replaying *replaying, const char *measure, const json_t *x,
                       const struct batch_wanted *wanted, const struct batch_replay *replay)
{
        if (strcmp(measure, "runSeconds") == 0)
                return replay->seconds;
        if (strcmp(measure, "coreSeconds") == 0)
                return replay->executor_seconds * cores_of(replaying, wanted);
        return cost_of(replaying, x, replay->seconds);
}

/* NAN: it cannot run there. */
static bool foretell(const struct replaying *replaying, const json_t *x, double *ret_value, struct error *err)
{
        auto_log_settings settings;
        struct error cannot = ERROR_INIT;
        struct batch_wanted wanted;
        struct batch_replay replay;

        *ret_value = NAN;
        log_settings_open(replaying->study, replaying->settings, x, replaying->as_measured.executors,
                          &settings);
        if (!batch_wanted_read(replaying->run, log_settings_value, &settings, &wanted, err))
                return false;
        if (!replaying->partitions)
                wanted.partitions = 0;
        if (batch_predict_middle(replaying->model, &replaying->as_measured, &wanted, &replay, &cannot))
                *ret_value = value_of(replaying, measure_of(replaying->study), x, &wanted, &replay);
        return true;
}

/* ---- as trials ---- */

/* The context of all of them: what the log tells of it, as of a trial, else what holds now. */
static json_t *context_of(const struct replaying *replaying, const struct search *search)
{
        const struct search_space *space = search_space_of(search);
        const struct tune_value *values = replaying->study->options.values.items;
        json_t *context = search_document_context_json(space, search_context(search));
        autojson *measures = tune_log_measures(replaying->run), *told = json_object();
        autojson *result = json_pack("{s:O}", "values", told);

        for (size_t i = 0; i < replaying->study->options.values.count; i++)
                if (values[i].event_log)
                        json_object_set(told, values[i].name, json_object_get(measures, values[i].event_log));
        tune_context_settle(space, context, result);
        return context;
}

static bool add_trials(const struct replaying *replaying, const struct search *search, json_t *trials,
                       struct error *err)
{
        const struct search_space *space = search_space_of(search);
        autofree double *points = memory_new(SEARCH_EARLIER_TRIALS, (size_t)space->n * sizeof *points);
        autojson *context = context_of(replaying, search);
        int count = points_of(space, points);
        struct clock clock = clock_system();
        autocall(progress_free) struct progress *progress =
                progress_new(stderr, true, &clock, "replaying", "points", count);
        double least = INFINITY, most = -INFINITY;

        for (int i = 0; i < count; i++) {
                autojson *x = search_document_x(space, points + (size_t)i * (size_t)space->n);
                double y;

                if (!foretell(replaying, x, &y, err))
                        return false;
                progress_add(progress, 1);
                if (!isfinite(y))
                        continue;
                least = fmin(least, y);
                most = fmax(most, y);
                json_array_append_new(trials,
                                      json_pack("{s:O, s:f, s:O}", "x", x, "y", y, "context", context));
        }
        if (json_array_size(trials) < SEARCH_EARLIER_LEAST)
                return error_set(err, ERROR_INPUT, NULL,
                                 "it can be replayed at %zu points of the space; expected %d or more",
                                 json_array_size(trials), SEARCH_EARLIER_LEAST);
        return most > least ||
               error_set(
                       err, ERROR_INPUT, NULL,
                       "it tells the same at all points: expected a parameter that a setting of Spark takes, "
                       "behind spark-submit, in a file or in `settings`, such as "
                       "spark.executor.instances={%s}",
                       space->parameters[0].name);
}

static bool foretells(const struct tune_study *study, struct error *err)
{
        const char *measure = measure_of(study);

        return (measure && (strcmp(measure, "runSeconds") == 0 || strcmp(measure, "coreSeconds") == 0 ||
                            strcmp(measure, "cost") == 0)) ||
               error_set(err, ERROR_INPUT, NULL,
                         "%s: not foretold by an event log; expected seconds, cost, or a value with eventLog "
                         "runSeconds or coreSeconds to be minimised",
                         study->options.minimize);
}

static bool check_settings(const json_t *settings, struct error *err)
{
        const char *name;
        json_t *value;

        if (settings && !json_is_object(settings))
                return error_set(err, ERROR_INPUT, NULL, "settings: expected an object");
        json_object_foreach((json_t *)(uintptr_t)settings, name, value)
        {
                if (!json_is_string(value))
                        return error_set(err, ERROR_INPUT, NULL,
                                         "settings.%s: expected a text such as {NAME}", name);
        }
        return true;
}

static bool check_keys(const json_t *named, struct error *err)
{
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)named, name, value)
        {
                if (strcmp(name, "eventLog") != 0 && strcmp(name, "settings") != 0)
                        return error_set(err, ERROR_INPUT, NULL, "%s: expected eventLog or settings", name);
        }
        return json_is_string(json_object_get(named, "eventLog")) ||
               error_set(err, ERROR_INPUT, NULL, "eventLog: expected the path of an event log of Spark");
}

bool log_study_check(const json_t *named, const struct tune_study *study, struct error *err)
{
        return check_keys(named, err) && check_settings(json_object_get(named, "settings"), err) &&
               foretells(study, err);
}

bool log_study_trials(const json_t *named, const char *path, const struct tune_study *study,
                      const struct search *search, json_t **ret_trials, struct error *err)
{
        struct replaying replaying = {.study = study, .settings = json_object_get(named, "settings")};
        autocall(batch_model_free) struct batch_model *model = NULL;
        auto_spark_event_log log = {0};
        autojson *trials = json_array();

        if (!tune_log_read(path, false, study->options.event_log_connection, study->folder, &log, err))
                return false;
        if (!batch_model_new(log.run, &model, err))
                return error_wrap(err, "%s", path);
        replaying.run = log.run;
        replaying.model = model;
        replaying.partitions = batch_predict_knows_partitions(model);
        if (!batch_replay(model, &(struct batch_cluster){.stretch = 1}, &replaying.as_measured, err) ||
            !add_trials(&replaying, search, trials, err))
                return error_wrap(err, "%s", path);
        *ret_trials = TAKE(trials);
        return true;
}

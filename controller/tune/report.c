/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/report.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "controller/tune/context.h"
#include "controller/tune/front.h"
#include "controller/tune/search_document.h"
#include "core/json.h"
#include "optimizer/search/effects.h"

#define JACKKNIFE_GROUPS 10

/* ---- trials ---- */

static json_t *copy_of(const json_t *object, const char *name)
{
        json_t *value = json_object_get(object, name);

        return value ? json_incref(value) : json_null();
}

static json_t *trial_json(const struct tune_runs *runs, const struct tune_trial *trial)
{
        return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:O, s:b, s:o, s:b, s:O*}", "id",
                         (json_int_t)trial->id, "status", tune_runs_status(runs, trial), "why",
                         copy_of(trial->result, "why"), "y", copy_of(trial->result, "y"), "seconds",
                         copy_of(trial->result, "seconds"), "mean", json_from_double(trial->mean), "sd",
                         json_from_double(trial->sd), "x", trial->x, "good", tune_runs_is_good(trial),
                         "second", copy_of(trial->result, "second"), "front", tune_front_has(runs, trial),
                         "context", trial->context);
}

/* Settings of all trials, as points. */
static double *points_of(const struct tune_runs *runs)
{
        const struct search_space *space = search_space_of(tune_runs_search(runs));
        size_t count, n = (size_t)space->n;
        const struct tune_trial *list = tune_runs_trials(runs, &count);
        double *points = memory_new(count * n + 1, sizeof *points);
        struct error ignored = ERROR_INIT;

        for (size_t i = 0; i < count; i++)
                (void)search_document_point(space, list[i].x, points + i * n, &ignored);
        return points;
}

/* What each good trial came to; where there is a context what its settings are expected to come to at the one
 * that holds. NAN: it was not good. low, high: the band in which the model now expects another run of it;
 * false when there is none. */
static bool expect(const struct tune_runs *runs, double *ret_y, double *ret_low, double *ret_high)
{
        struct search *search = tune_runs_search(runs);
        size_t count;
        const struct tune_trial *list = tune_runs_trials(runs, &count);
        autofree double *points = points_of(runs), *mean = memory_new(count + 1, sizeof *mean);
        struct error ignored = ERROR_INIT;
        bool known = search_bands(search, points, (int)count, mean, ret_low, ret_high, &ignored);

        for (size_t i = 0; i < count; i++) {
                ret_y[i] = NAN;
                if (!tune_runs_is_good(&list[i]))
                        continue;
                (void)json_find_number(list[i].result, "y", &ret_y[i]);
                if (known && search_space_of(search)->n_context > 0)
                        ret_y[i] = mean[i];
        }
        return known;
}

/* The best after each trial: which one it was, and its band. */
static void put_bests(const struct tune_runs *runs, json_t *trials)
{
        size_t count = json_array_size(trials), best = count;
        autofree double *y = memory_new(count + 1, sizeof *y), *low = memory_new(count + 1, sizeof *low),
                        *high = memory_new(count + 1, sizeof *high);
        bool known = expect(runs, y, low, high);

        for (size_t i = 0; i < count; i++) {
                json_t *trial = json_array_get(trials, i);

                if (isfinite(y[i]) && (best == count || y[i] < y[best]))
                        best = i;
                json_object_set_new(trial, "best",
                                    best < count ? copy_of(json_array_get(trials, best), "id") : json_null());
                json_object_set_new(trial, "least", json_from_double(best < count ? y[best] : NAN));
                if (!known || best == count)
                        continue;
                json_object_set_new(trial, "low", json_from_double(low[best]));
                json_object_set_new(trial, "high", json_from_double(high[best]));
        }
}

static json_t *trials_json(const struct tune_runs *runs)
{
        size_t count;
        const struct tune_trial *list = tune_runs_trials(runs, &count);
        json_t *trials = json_array();

        for (size_t i = 0; i < count; i++)
                json_array_append_new(trials, trial_json(runs, &list[i]));
        put_bests(runs, trials);
        return trials;
}

/* ---- parameters ---- */

/* A value as the space was declared with it. */
static json_t *value_json(const struct search_space *space, const double *best, int parameter, double value)
{
        double point[SEARCH_MAX_PARAMETERS];
        autojson *x = NULL;

        memcpy(point, best, (size_t)space->n * sizeof *point);
        point[parameter] = value;
        x = search_document_x(space, point);
        return copy_of(x, space->parameters[parameter].name);
}

static json_t *parameter_json(const struct search_space *space, const double *best, int parameter,
                              const struct search_effect *effect, double half)
{
        const struct search_parameter *of = &space->parameters[parameter];
        json_t *values = json_array(), *mean = json_array(), *low = json_array(), *high = json_array();

        for (int i = 0; i < effect->count; i++) {
                json_array_append_new(values, value_json(space, best, parameter, effect->value[i]));
                json_array_append_new(mean, json_from_double(effect->mean[i]));
                json_array_append_new(low, json_from_double(effect->low[i]));
                json_array_append_new(high, json_from_double(effect->high[i]));
        }
        double least = fmax(effect->importance - half, 0), most = fmin(effect->importance + half, 1);

        return json_pack("{s:s, s:b, s:b, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", of->name, "log",
                         of->log && of->low > 0, "choice",
                         of->type == SEARCH_CATEGORY || of->type == SEARCH_ORDINAL, "importance",
                         effect->importance, "importance_low", json_from_double(isnan(half) ? NAN : least),
                         "importance_high", json_from_double(isnan(half) ? NAN : most), "best",
                         value_json(space, best, parameter, best[parameter]), "values", values, "mean", mean,
                         "low", low, "high", high);
}

/* By a search that follows from the study alone, so that who draws it again sees the same. */
static bool effects_of(const struct tune_runs *runs, const json_t *x, size_t left_out, size_t groups,
                       struct search_effect *ret_effects)
{
        autocall(search_free) struct search *search = NULL;
        double point[SEARCH_MAX_PARAMETERS];
        struct error ignored = ERROR_INIT;

        return tune_runs_retell(runs, left_out, groups, &search, &ignored) &&
               search_document_point(search_space_of(search), x, point, &ignored) &&
               search_effects(search, point, ret_effects, &ignored);
}

/*
 * Half of the 90 % interval of each parameter's importance, by the jackknife over groups of trials (Efron and
 * Tibshirani 1993, chapter 11): how much it hangs on which trials there are. NAN with too few of them.
 */
static void importance_widths(const struct tune_runs *runs, const json_t *x, int n, double *ret_half)
{
        autofree struct search_effect *effects = memory_new((size_t)n, sizeof *effects);
        double sum[SEARCH_MAX_PARAMETERS] = {0}, squares[SEARCH_MAX_PARAMETERS] = {0};
        size_t trials, groups;
        bool done;

        (void)tune_runs_trials(runs, &trials);
        groups = trials < JACKKNIFE_GROUPS ? trials : JACKKNIFE_GROUPS;
        done = groups >= 3;
        for (size_t g = 0; g < groups && done; g++) {
                done = effects_of(runs, x, g, groups, effects);
                for (int i = 0; i < n && done; i++) {
                        sum[i] += effects[i].importance;
                        squares[i] += effects[i].importance * effects[i].importance;
                }
        }
        for (int i = 0; i < n; i++) {
                double about_mean = fmax(squares[i] - sum[i] * sum[i] / (double)groups, 0);

                ret_half[i] = done ? gsl_cdf_tdist_Pinv(0.95, (double)groups - 1) *
                                              sqrt((double)(groups - 1) / (double)groups * about_mean)
                                   : NAN;
        }
}

static json_t *parameters_json(const struct tune_runs *runs, const struct tune_trial *best)
{
        const struct search_space *space = search_space_of(tune_runs_search(runs));
        autofree struct search_effect *effects = memory_new((size_t)space->n, sizeof *effects);
        double point[SEARCH_MAX_PARAMETERS], half[SEARCH_MAX_PARAMETERS];
        json_t *parameters = json_array();
        struct error ignored = ERROR_INIT;

        if (!best || !search_document_point(space, best->x, point, &ignored) ||
            !effects_of(runs, best->x, SIZE_MAX, 1, effects))
                return parameters;
        importance_widths(runs, best->x, space->n, half);
        for (int i = 0; i < space->n; i++)
                if (effects[i].count > 0)
                        json_array_append_new(parameters,
                                              parameter_json(space, point, i, &effects[i], half[i]));
        return parameters;
}

/* ---- earlier studies ---- */

/* What they weigh after all trials, by a search that follows from the study alone; NULL: there are none. */
static json_t *earlier_json(const struct tune_study *study, const struct tune_runs *runs)
{
        autocall(search_free) struct search *search = NULL;
        struct error ignored = ERROR_INIT;
        json_t *list;

        if (json_array_size(study->earlier) == 0 || !tune_runs_retell(runs, SIZE_MAX, 1, &search, &ignored) ||
            !search_earlier_weigh(search, &ignored))
                return NULL;
        list = json_array();
        for (int e = 0; e < search_earlier_count(search); e++)
                json_array_append_new(list, json_pack("{s:O, s:f}", "study",
                                                      json_array_get(study->earlier_names, (size_t)e),
                                                      "weight", search_earlier_weight(search, e)));
        return list;
}

/* ---- the whole ---- */

static const char *unit_of(const struct tune_study *study, const char *measure)
{
        if (tune_study_is_money(study, measure))
                return "money";
        if (strcmp(measure, "memoryBytes") == 0)
                return "bytes";
        return strcmp(measure, "seconds") == 0 || strcmp(measure, "cpuSeconds") == 0 ? "seconds" : "";
}

char *tune_report_context(const struct tune_runs *runs)
{
        autojson *context = tune_runs_context(runs);
        autotext out = {0};
        const char *name;
        json_t *value;

        json_object_foreach(context, name, value)
        {
                autofree char *words = json_is_real(value) ? memory_format("%.6g", json_real_value(value))
                                                           : tune_value_text(value);

                text_format(&out, "%s%s=%s", out.length ? " " : "", name, words);
        }
        return context ? text_take(&out) : NULL;
}

char *tune_report_command(const struct tune_study *study, const struct tune_runs *runs,
                          const struct tune_trial *trial)
{
        autofree char *place = tune_runs_place(runs, trial);
        autojson *holds = tune_runs_context(runs), *settings = tune_context_settings(study, trial->x, holds);
        autotext out = {0};

        for (char *const *word = study->command; *word; word++) {
                autofree char *rendered = tune_render(*word, settings, place);

                text_format(&out, "%s%s", out.length ? " " : "", rendered);
        }
        return text_take(&out);
}

json_t *tune_report_document(const struct tune_study *study, const struct tune_runs *runs, const char *name)
{
        const char *minimize = study->options.minimize, *also = study->options.also_minimize;
        const struct tune_trial *best = tune_runs_best(runs, NULL);
        autofree char *command = best && !also ? tune_report_command(study, runs, best) : NULL;
        json_t *parameters = parameters_json(runs, best);

        return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s?, s:s, s:o?, s:o, s:o, s:b, s:s*, s:s*, s:o*, s:o*}",
                         "kind", "tune", "version", OPTCTL_VERSION, "pipeline", json_from_text(name),
                         "measure", minimize, "unit", unit_of(study, minimize), "currency",
                         study->prices ? price_book_currency(study->prices) : NULL, "ending",
                         tune_runs_ending(runs), "command", command ? json_from_text(command) : NULL,
                         "trials", trials_json(runs), "parameters", parameters, "table",
                         search_space_of(tune_runs_search(runs))->n_candidates > 0, "second", also,
                         "second_unit", also ? unit_of(study, also) : NULL, "context",
                         tune_runs_context(runs), "earlier", earlier_json(study, runs));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/study/internal.h"
#include "core/json.h"

#define MAX_SWEEPS     10000
#define FRONT_MAX_RUNS 5 /* a point of the front is a mean over so many runs at the most */

/* Runs the chosen strategies with some fields set otherwise; *ret_list takes their figures. */
static bool simulate_with(const struct study_request *request, const char *const *sets, int64_t runs,
                          struct progress *progress, json_t **ret_list, struct error *err)
{
        struct variant *variant autocall(variant_free) = NULL;
        struct variant_runs *results;
        size_t count;
        bool done;

        if (!variant_open(request->source, sets, runs, request->seed, &variant, err))
                return false;
        results = study_choose(request, variant->spec, &count);
        done = variant_simulate(variant, results, count, false, (size_t)request->threads, progress, err);
        if (done) {
                study_reckon_savings(variant, results, count);
                *ret_list = study_strategies(request, variant, results, count);
        }
        variant_runs_free(results, count);
        return done;
}

static double mean_of(const json_t *strategy, const char *metric)
{
        double value;

        return json_find_number(json_object_get(strategy, metric), "mean", &value) ? value : NAN;
}

static size_t length_of(char *const *list)
{
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

/* The sets of the request and one more. The caller frees the array, not its texts. */
static const char **with_set(const struct study_request *request, const char *set)
{
        size_t n = length_of(request->sets);
        const char **sets = memory_new(n + 2, sizeof *sets);

        for (size_t i = 0; i < n; i++)
                sets[i] = request->sets[i];
        sets[n] = set;
        return sets;
}

/* The front is that of the others: plan is the point to be held against it. */
static bool in_front(const struct study_request *request, const struct variant *variant,
                     const struct strategy *strategy)
{
        return strategy->comparator && strategy->sweep_option &&
               study_chosen(request, variant->spec, strategy->name);
}

static bool front_point(const struct study_request *request, const struct strategy *strategy, double value,
                        int64_t runs, json_t *front, struct error *err)
{
        autofree char *set =
                memory_format("spec.strategies.%s.%s=%.10g", strategy->name, strategy->sweep_option, value);
        char *names[] = {memory_copy_text(strategy->name), NULL};
        struct study_request one = *request;
        const char **sets = with_set(request, set);
        autojson *list = NULL;
        bool done;

        one.strategies = names;
        done = simulate_with(&one, sets, runs, NULL, &list, err);
        free(sets);
        free(names[0]);
        if (!done)
                return err->code == ERROR_INTERRUPTED ? false
                                                      : error_wrap(err, "front of %s", strategy->name);
        json_array_append_new(front,
                              json_pack("{s:s, s:s, s:f, s:o, s:o}", "strategy", strategy->name, "option",
                                        strategy->sweep_option, "value", value, "cost_per_day",
                                        json_from_double(mean_of(json_array_get(list, 0), "cost_per_day")),
                                        "slo_missed_minutes_per_day",
                                        json_from_double(mean_of(json_array_get(list, 0),
                                                                 "slo_missed_minutes_per_day"))));
        return true;
}

/* Each comparator swept over the option that trades cost against service level. */
bool study_draw_front(const struct study_request *request, const struct variant *variant,
                      struct progress *progress, json_t **ret_front, struct error *err)
{
        autojson *front = json_array();
        int64_t runs = variant->runs < FRONT_MAX_RUNS ? variant->runs : FRONT_MAX_RUNS;

        for (size_t i = 0; i < variant->spec->n_strategies; i++) {
                const struct strategy *strategy = variant->spec->strategies[i].strategy;

                if (!in_front(request, variant, strategy))
                        continue;
                for (size_t v = 0; v < strategy->n_sweep_values; v++) {
                        if (!front_point(request, strategy, strategy->sweep_values[v], runs, front, err))
                                return false;
                        progress_add(progress, runs);
                }
        }
        *ret_front = TAKE(front);
        return true;
}

/* One sweep: "PATH=A,B,C" cut into its values. */
struct axis {
        char *path;
        char **values;
        size_t count;
};

static bool cut_axis(const char *text, struct axis *ret_axis, struct error *err)
{
        const char *equals = strchr(text, '=');
        struct axis axis = {0};
        char *rest, *cursor, *value;

        if (!equals || equals == text || !equals[1])
                return error_set(err, ERROR_INPUT, NULL, "--sweep %s: expected PATH=A,B,C", text);
        axis.path = memory_format("%.*s", (int)(equals - text), text);
        rest = cursor = memory_copy_text(equals + 1);
        while ((value = strsep(&cursor, ","))) {
                axis.values = memory_resize(axis.values, axis.count + 1, sizeof *axis.values);
                axis.values[axis.count++] = memory_copy_text(value);
        }
        free(rest);
        *ret_axis = axis;
        return true;
}

static void free_axes(struct axis *axes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                for (size_t v = 0; v < axes[i].count; v++)
                        free(axes[i].values[v]);
                free(axes[i].values);
                free(axes[i].path);
        }
        free(axes);
}

static bool check_value(const struct study_request *request, const struct axis *axis, const char *value,
                        struct error *err)
{
        autofree char *set = memory_format("%s=%s", axis->path, value);
        size_t n = length_of(request->sets);
        autofree const char **sets = memory_new(n + 2, sizeof *sets);
        struct spec *spec autocall(spec_free) = NULL;

        for (size_t i = 0; i < n; i++)
                sets[i] = request->sets[i];
        sets[n] = set;
        return source_spec(request->source, sets, &spec, err) || error_wrap(err, "--sweep %s", axis->path);
}

bool study_check_sweeps(const struct study_request *request, struct error *err)
{
        for (char *const *text = request->sweeps; text && *text; text++) {
                struct axis *axis = memory_new(1, sizeof *axis);
                bool done = cut_axis(*text, axis, err);

                for (size_t v = 0; done && v < axis->count; v++)
                        done = check_value(request, axis, axis->values[v], err);
                free_axes(axis, 1);
                if (!done)
                        return false;
        }
        return true;
}

/* Combination number `index` of the axes: the last one turns fastest. */
static bool sweep_point(const struct study_request *request, const struct axis *axes, size_t n_axes,
                        size_t index, struct progress *progress, json_t *sweep, struct error *err)
{
        size_t n = length_of(request->sets);
        const char **sets = memory_new(n + n_axes + 1, sizeof *sets);
        char **own = memory_new(n_axes, sizeof *own);
        json_t *values = json_object(), *list = NULL;
        bool done;

        for (size_t i = 0; i < n; i++)
                sets[i] = request->sets[i];
        for (size_t a = n_axes; a-- > 0;) {
                const char *value = axes[a].values[index % axes[a].count];

                index /= axes[a].count;
                own[a] = memory_format("%s=%s", axes[a].path, value);
                sets[n + a] = own[a];
                json_object_set_new(values, axes[a].path, json_string(value));
        }
        done = simulate_with(request, sets, request->runs, progress, &list, err);
        for (size_t a = 0; a < n_axes; a++)
                free(own[a]);
        free(own);
        free(sets);
        if (!done) {
                json_decref(values);
                return false;
        }
        json_array_append_new(sweep, json_pack("{s:o, s:o}", "set", values, "strategies", list));
        return true;
}

bool study_sweep(const struct study_request *request, size_t runs_each, json_t **ret_sweep, struct error *err)
{
        size_t n_axes = length_of(request->sweeps), points = 1;
        struct axis *axes = memory_new(n_axes, sizeof *axes);
        json_t *sweep = json_array();
        struct clock clock = clock_system();
        struct progress *progress;
        bool done = true;

        for (size_t a = 0; done && a < n_axes; a++) {
                done = cut_axis(request->sweeps[a], &axes[a], err);
                points *= done ? axes[a].count : 1;
                if (done && points > MAX_SWEEPS)
                        done = error_set(err, ERROR_INPUT, NULL, "--sweep: more than %d combinations",
                                         MAX_SWEEPS);
        }
        progress = progress_new(stderr, !request->quiet, &clock, "sweeping", "runs",
                                (int64_t)(points * runs_each));
        for (size_t i = 0; done && i < points; i++)
                done = sweep_point(request, axes, n_axes, i, progress, sweep, err);
        progress_free(progress);
        free_axes(axes, n_axes);
        if (done)
                *ret_sweep = sweep;
        else
                json_decref(sweep);
        return done;
}

size_t study_front_runs(const struct study_request *request, const struct variant *variant)
{
        size_t points = 0;

        for (size_t i = 0; request->for_report && i < variant->spec->n_strategies; i++) {
                const struct strategy *strategy = variant->spec->strategies[i].strategy;

                if (in_front(request, variant, strategy))
                        points += strategy->n_sweep_values;
        }
        return points * (size_t)(variant->runs < FRONT_MAX_RUNS ? variant->runs : FRONT_MAX_RUNS);
}

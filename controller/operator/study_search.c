/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/operator/study_measures.h"
#include "controller/tune/earlier.h"
#include "controller/tune/search_document.h"
#include "core/json.h"

#define SEED     1
#define ROUNDING 1e-9 /* that digits of a setting bring with them, relative */

static const struct study_parameter *parameter_of(const struct study_tuning *tuning, size_t i)
{
        return &((const struct study_parameter *)tuning->parameters.items)[i];
}

static const struct study_constraint *constraint_of(const struct study_tuning *tuning, size_t i)
{
        return &((const struct study_constraint *)tuning->constraints.items)[i];
}

static const char *choice_of(const struct study_parameter *parameter, size_t i)
{
        return ((const char *const *)parameter->choices.items)[i];
}

/* ---- the space ---- */

static bool is_number(const char *text)
{
        char *end;
        double value = strtod(text, &end);

        return end != text && !*end && isfinite(value);
}

/* Numbers keep their order and distance where all are numbers. */
static json_t *choice_json(const struct study_parameter *parameter, size_t i)
{
        bool numbers = true;

        for (size_t j = 0; j < parameter->choices.count; j++)
                numbers &= is_number(choice_of(parameter, j));
        return numbers ? json_real(strtod(choice_of(parameter, i), NULL))
                       : json_string(choice_of(parameter, i));
}

static json_t *parameter_json(const struct study_parameter *parameter)
{
        json_t *choices, *made;

        if (parameter->choices.count == 0) {
                made = json_pack("{s:s, s:s, s:f, s:f}", "name", parameter->name, "type",
                                 parameter->type == STUDY_INTEGER ? "int" : "float", "low", parameter->low,
                                 "high", parameter->high);
                if (parameter->scale != STUDY_SCALE_AUTO)
                        json_object_set_new(made, "log", json_boolean(parameter->scale == STUDY_SCALE_LOG));
                return made;
        }
        choices = json_array();
        for (size_t i = 0; i < parameter->choices.count; i++)
                json_array_append_new(choices, choice_json(parameter, i));
        return json_pack("{s:s, s:s, s:o}", "name", parameter->name, "type", "cat", "choices", choices);
}

/* Constraints are known beforehand, by their order. */
static bool put_constraints(const struct study_tuning *tuning, struct search *search, struct error *err)
{
        int index;

        for (size_t i = 0; i < tuning->constraints.count; i++)
                if (!search_constraint(search, constraint_of(tuning, i)->value, &index, err))
                        return false;
        return true;
}

static bool search_of(const struct study_tuning *tuning, struct search **ret_search, struct error *err)
{
        autojson *document =
                json_pack("{s:[], s:i, s:I}", "space", "seed", SEED, "budget", (json_int_t)tuning->trials);
        autocall(search_free) struct search *search = NULL;
        struct search_space *space;
        struct search_options options;

        for (size_t i = 0; i < tuning->parameters.count; i++)
                json_array_append_new(json_object_get(document, "space"),
                                      parameter_json(parameter_of(tuning, i)));
        if (!search_document_read(document, &space, &options, err))
                return error_wrap(err, "spec.tuning.parameters");
        options.pareto = tuning->also_minimize != NULL;
        search = search_new(space, &options);
        if (!put_constraints(tuning, search, err))
                return false;
        *ret_search = TAKE(search);
        return true;
}

bool study_search_check(const struct study_tuning *tuning, struct error *err)
{
        struct search *search;

        if (!search_of(tuning, &search, err))
                return false;
        search_free(search);
        return true;
}

/* ---- settings ---- */

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : "";
}

static char *setting_text(const struct study_parameter *parameter, const json_t *value)
{
        if (parameter->choices.count == 0)
                return parameter->type == STUDY_INTEGER ? memory_format("%.0f", json_number_value(value))
                                                        : memory_format("%.10g", json_number_value(value));
        for (size_t i = 0; i < parameter->choices.count; i++) {
                autojson *choice = choice_json(parameter, i);
                bool same = json_is_string(choice) ? json_equal(choice, value)
                                                   : json_number_value(choice) == json_number_value(value);

                if (same)
                        return memory_copy_text(choice_of(parameter, i));
        }
        return memory_copy_text("");
}

static json_t *settings_of(const struct study_tuning *tuning, const json_t *x)
{
        json_t *settings = json_array();

        for (size_t i = 0; i < tuning->parameters.count; i++) {
                const struct study_parameter *parameter = parameter_of(tuning, i);
                autofree char *text = setting_text(parameter, json_object_get(x, parameter->name));

                json_array_append_new(settings,
                                      json_pack("{s:s, s:s}", "name", parameter->name, "value", text));
        }
        return settings;
}

/* Digits are rounded, so an end of the range may have been passed by. */
static double number_of(const struct study_parameter *parameter, const char *text)
{
        double value = strtod(text, NULL), inside = fmin(fmax(value, parameter->low), parameter->high);

        return fabs(value - inside) <= ROUNDING * fabs(inside) ? inside : value;
}

/* As the space is declared. What is none of its values stays the text that it is: the search says so. */
static json_t *value_of(const struct study_parameter *parameter, const char *text)
{
        if (parameter->choices.count == 0)
                return is_number(text) ? json_real(number_of(parameter, text)) : json_from_text(text);
        for (size_t i = 0; i < parameter->choices.count; i++)
                if (strcmp(choice_of(parameter, i), text) == 0)
                        return choice_json(parameter, i);
        return json_from_text(text);
}

/* Settings of other names are passed over. */
static json_t *x_of(const struct study_tuning *tuning, const json_t *settings)
{
        json_t *x = json_object();
        const json_t *setting;
        size_t i;

        json_array_foreach(settings, i, setting)
        {
                for (size_t p = 0; p < tuning->parameters.count; p++) {
                        const struct study_parameter *parameter = parameter_of(tuning, p);

                        if (strcmp(text_of(setting, "name"), parameter->name) == 0)
                                json_object_set_new(x, parameter->name,
                                                    value_of(parameter, text_of(setting, "value")));
                }
        }
        return x;
}

/* ---- trials ---- */

/* False: it is not over, or does not tell that measure. *ret_y: NAN where it failed. What only grows with the
 * time is told of a trial that was stopped, too. */
static bool read_row(const struct study_tuning *of, const json_t *row, const char *measure,
                     enum search_status *ret_status, double *ret_y)
{
        const char *state = text_of(row, "state");
        double y = study_measures_of(of, row, measure);
        bool good = strcmp(state, STUDY_SUCCEEDED) == 0,
             stopped = strcmp(state, STUDY_STOPPED) == 0 && isfinite(y);

        *ret_status = good ? SEARCH_OK : stopped ? SEARCH_CENSORED : SEARCH_FAILED;
        *ret_y = good || stopped ? y : NAN;
        return good ? isfinite(y) : strcmp(state, STUDY_RUNNING) != 0;
}

json_t *study_search_earlier(const struct study_tuning *tuning, const struct study_tuning *theirs,
                             const json_t *rows)
{
        json_t *trials = json_array();
        const json_t *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                static const char *const words[] =
                        {[SEARCH_OK] = "ok", [SEARCH_FAILED] = "failed", [SEARCH_CENSORED] = "censored"};
                enum search_status status;
                double y;

                if (read_row(theirs, row, tuning->minimize, &status, &y))
                        json_array_append_new(trials,
                                              json_pack("{s:o, s:s, s:o}", "x",
                                                        x_of(tuning, json_object_get(row, "settings")),
                                                        "status", words[status], "y", json_from_double(y)));
        }
        return trials;
}

static bool tell(struct search *search, const struct study_tuning *tuning, const json_t *row,
                 struct error *err)
{
        autojson *x = x_of(tuning, json_object_get(row, "settings"));
        double point[SEARCH_MAX_PARAMETERS];
        struct search_outcome outcome = {.point = point, .second = NAN};
        struct error ignored = ERROR_INIT;

        if (!read_row(tuning, row, tuning->minimize, &outcome.status, &outcome.y))
                return true;
        if (tuning->also_minimize && outcome.status != SEARCH_FAILED)
                outcome.second = study_measures_of(tuning, row, tuning->also_minimize);
        for (int i = 0; i < SEARCH_MAX_CONSTRAINTS; i++)
                outcome.constraints[i] = NAN;
        for (size_t i = 0; i < tuning->constraints.count; i++) {
                const struct study_constraint *constraint = constraint_of(tuning, i);
                int index;

                if (!search_constraint(search, constraint->value, &index, err))
                        return false;
                outcome.constraints[index] =
                        study_measures_of(tuning, row, constraint->value) - constraint->max;
        }
        if (search_document_point(search_space_of(search), x, point, &ignored))
                (void)search_tell(search, &outcome, &ignored);
        return true;
}

bool study_search_points(const struct study_tuning *tuning, const json_t *told, const json_t *earlier,
                         size_t count, json_t **ret_points, struct error *err)
{
        autocall(search_free) struct search *search = NULL;
        autojson *points = json_array();
        const json_t *row;
        size_t i;

        if (!search_of(tuning, &search, err) || !earlier_tell(earlier, search, err))
                return false;
        json_array_foreach(told, i, row)
        {
                if (!tell(search, tuning, row, err))
                        return false;
        }
        for (i = 0; i < count; i++) {
                struct search_suggestion suggestion;
                autojson *x = NULL;

                if (!search_ask(search, &suggestion, err))
                        return false;
                if (suggestion.id == 0)
                        break;
                x = search_document_x(search_space_of(search), suggestion.point);
                json_array_append_new(points, settings_of(tuning, x));
        }
        *ret_points = TAKE(points);
        return true;
}

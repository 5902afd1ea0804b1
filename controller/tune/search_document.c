/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/search_document.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

/* Every message about a document begins with its place: "space[0].low: expected ...". */
static bool wrong(struct error *err, const char *place, const char *expected)
{
        return error_set(err, ERROR_INPUT, NULL, "%s: expected %s", place, expected);
}

static bool wrong_key(struct error *err, const char *place, const char *key, const char *expected)
{
        return error_set(err, ERROR_INPUT, NULL, "%s%s%s: expected %s", place, *place ? "." : "", key,
                         expected);
}

/* ---- one parameter ---- */

static bool only_keys(const json_t *object, const char *const *keys, const char *place, struct error *err)
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)object, key, value)
        {
                size_t k = 0;

                (void)value;
                while (keys[k] && strcmp(keys[k], key) != 0)
                        k++;
                if (!keys[k]) {
                        const char *nearest = text_nearest(key, keys);

                        return error_set(err, ERROR_INPUT, NULL, "%s%s%.100s: unknown key%s%s%s", place,
                                         *place ? "." : "", key, nearest ? "; did you mean " : "",
                                         nearest ? nearest : "", nearest ? "?" : "");
                }
        }
        return true;
}

/* What a value that is no number a search can be told ought to be. */
static const char *number_wanted(const json_t *value)
{
        return json_is_number(value) ? "a number from -1e15 to 1e15" : "a number";
}

/* The number under a key: absent leaves *value as it is. */
static bool read_number(const json_t *object, const char *key, const char *place, double *value,
                        struct error *err)
{
        const json_t *found = json_object_get(object, key);

        if (!found)
                return true;
        if (!json_is_number(found) || !(fabs(json_number_value(found)) <= SEARCH_DOCUMENT_MOST))
                return wrong_key(err, place, key, number_wanted(found));
        *value = json_number_value(found);
        return true;
}

static bool is_ordinal(const json_t *choices)
{
        double before = -INFINITY;

        for (size_t i = 0; i < json_array_size(choices); i++) {
                const json_t *choice = json_array_get(choices, i);

                if (!json_is_number(choice) || !(json_number_value(choice) > before))
                        return false;
                before = json_number_value(choice);
        }
        return true;
}

/* What a choice is called: its text, or its JSON when it is none. */
static char *choice_text(const json_t *choice)
{
        return json_is_string(choice) ? memory_copy_text(json_string_value(choice))
                                      : json_dumps(choice, JSON_ENCODE_ANY | JSON_COMPACT);
}

static int find_choice(const struct search_parameter *parameter, const json_t *value)
{
        autofree char *text = NULL;

        if (parameter->literal == json_is_string(value))
                return -1;
        if (parameter->type == SEARCH_ORDINAL) {
                for (int c = 0; json_is_number(value) && c < parameter->n_choices; c++)
                        if (parameter->values[c] == json_number_value(value))
                                return c;
                return -1;
        }
        text = choice_text(value);
        for (int c = 0; c < parameter->n_choices; c++)
                if (strcmp(parameter->choices[c], text) == 0)
                        return c;
        return -1;
}

static bool add_choice(struct search_parameter *parameter, const json_t *choice, const char *place,
                       struct error *err)
{
        if (parameter->n_choices == SEARCH_MAX_CHOICES)
                return error_set(err, ERROR_INPUT, NULL, "%s.choices: expected at most %d", place,
                                 SEARCH_MAX_CHOICES);
        if (json_is_object(choice) || json_is_array(choice) || json_is_null(choice))
                return wrong_key(err, place, "choices", "texts, numbers or true and false");
        if (parameter->literal == json_is_string(choice))
                return wrong_key(err, place, "choices", "texts alone, or none");
        if (find_choice(parameter, choice) >= 0)
                return wrong_key(err, place, "choices", "each of them once");
        if (parameter->type == SEARCH_ORDINAL)
                parameter->values[parameter->n_choices] = json_number_value(choice);
        else
                parameter->choices[parameter->n_choices] = choice_text(choice);
        parameter->n_choices++;
        return true;
}

static bool read_choices(struct search_parameter *parameter, const json_t *choices, const char *place,
                         struct error *err)
{
        if (json_array_size(choices) == 0)
                return wrong_key(err, place, "choices", "a list");
        parameter->type = is_ordinal(choices) ? SEARCH_ORDINAL : SEARCH_CATEGORY;
        parameter->literal = !json_is_string(json_array_get(choices, 0));
        if (parameter->type == SEARCH_CATEGORY)
                parameter->choices = memory_new(SEARCH_MAX_CHOICES, sizeof *parameter->choices);
        for (size_t i = 0; i < json_array_size(choices); i++)
                if (!add_choice(parameter, json_array_get(choices, i), place, err))
                        return false;
        parameter->low = 0;
        parameter->high = parameter->n_choices - 1;
        parameter->step = 1;
        return true;
}

/* Counts that span more than this are taken by their ratios, when nothing else is said. */
#define COUNT_RATIO 8.0

static bool check_range(const struct search_parameter *parameter, bool whole, const char *place,
                        struct error *err)
{
        if (!(parameter->low <= parameter->high))
                return wrong(err, place, "low and high, low not above high");
        if (whole && parameter->low != round(parameter->low))
                return wrong_key(err, place, "low", "a whole number");
        if (whole && parameter->high != round(parameter->high))
                return wrong_key(err, place, "high", "a whole number");
        if (parameter->log && !(parameter->low > 0))
                return wrong_key(err, place, "low", "more than 0, since log is true");
        return true;
}

/* required: no table says what low and high are. */
static bool read_range(struct search_parameter *parameter, const json_t *object, bool whole, bool required,
                       const char *place, struct error *err)
{
        const json_t *log = json_object_get(object, "log");
        double least = whole ? 1 : 0;

        parameter->type = whole ? SEARCH_INTEGER : SEARCH_FLOAT;
        parameter->step = least;
        parameter->low = INFINITY;
        parameter->high = -INFINITY;
        if (!read_number(object, "low", place, &parameter->low, err) ||
            !read_number(object, "high", place, &parameter->high, err) ||
            !read_number(object, "step", place, &parameter->step, err))
                return false;
        if (!(parameter->step >= least) || (whole && parameter->step != round(parameter->step)))
                return wrong_key(err, place, "step", whole ? "a whole number above 0" : "more than 0");
        if (log && !json_is_boolean(log))
                return wrong_key(err, place, "log", "true or false");
        parameter->log = log ? json_is_true(log)
                             : whole && parameter->low > 0 && parameter->high / parameter->low >= COUNT_RATIO;
        return !required || check_range(parameter, whole, place, err);
}

/* {"when":{"NAME":[CHOICE,...]}} about an earlier parameter with choices. */
static bool read_when(struct search_space *space, struct search_parameter *parameter, const json_t *when,
                      const char *place, struct error *err)
{
        void *at = json_object_iter((json_t *)(uintptr_t)when);
        const char *name = at ? json_object_iter_key(at) : NULL;
        const json_t *choices = at ? json_object_iter_value(at) : NULL;

        if (!when)
                return true;
        if (!name || json_object_size(when) != 1 || json_array_size(choices) == 0)
                return wrong_key(err, place, "when", "{\"NAME\":[CHOICE,...]}");
        for (int i = 0; i < space->n; i++)
                if (strcmp(space->parameters[i].name, name) == 0)
                        parameter->when = i;
        if (parameter->when < 0 || space->parameters[parameter->when].n_choices == 0)
                return wrong_key(err, place, "when", "the name of an earlier parameter with choices");
        for (size_t i = 0; i < json_array_size(choices); i++) {
                int choice = find_choice(&space->parameters[parameter->when], json_array_get(choices, i));

                if (choice < 0)
                        return wrong_key(err, place, "when", "choices of that parameter");
                parameter->when_choices |= UINT64_C(1) << choice;
        }
        return true;
}

static bool read_type(struct search_parameter *parameter, const json_t *object, bool table, const char *place,
                      struct error *err)
{
        autojson *both = json_pack("[b, b]", 0, 1);
        const char *type = "";

        json_find_text(object, "type", &type);
        if (strcmp(type, "float") == 0 || strcmp(type, "int") == 0)
                return read_range(parameter, object, type[0] == 'i', !table, place, err);
        if (strcmp(type, "cat") == 0)
                return read_choices(parameter, json_object_get(object, "choices"), place, err);
        if (strcmp(type, "bool") == 0)
                return read_choices(parameter, both, place, err);
        return wrong_key(err, place, "type",
                         place[0] == 'c' ? "float, int, cat, bool or weekday" : "float, int, cat or bool");
}

static bool read_parameter(struct search_space *space, const json_t *object, bool table, struct error *err)
{
        static const char *const keys[] = {"name",    "type", "low",  "high", "log",
                                           "choices", "step", "when", NULL};
        struct search_parameter *parameter = &space->parameters[space->n];
        autofree char *place = memory_format("space[%d]", space->n);
        const char *name = "";

        json_find_text(object, "name", &name);
        if (!json_is_object(object) || !name[0] || strlen(name) > SEARCH_DOCUMENT_NAME_MAX)
                return wrong(err, place, "an object with a name, a text");
        for (int i = 0; i < space->n; i++)
                if (strcmp(space->parameters[i].name, name) == 0)
                        return wrong_key(err, place, "name", "one that no other parameter has");
        /* counted at once, so that the space frees what it holds when something is wrong */
        *parameter = (struct search_parameter){.name = memory_copy_text(name), .when = -1};
        space->n++;
        return only_keys(object, keys, place, err) && read_type(parameter, object, table, place, err) &&
               read_when(space, parameter, json_object_get(object, "when"), place, err);
}

/* ---- the context ---- */

static bool read_weekday(struct search_parameter *parameter, const char *place, struct error *err)
{
        autojson *days = json_pack("[s, s, s, s, s, s, s]", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun");

        return read_choices(parameter, days, place, err);
}

static bool read_cyclic(struct search_parameter *parameter, const json_t *cyclic, const char *place,
                        struct error *err)
{
        if (cyclic && !json_is_boolean(cyclic))
                return wrong_key(err, place, "cyclic", "true or false");
        parameter->cyclic = json_is_true(cyclic);
        if (parameter->cyclic && (parameter->n_choices > 0 || parameter->log))
                return wrong_key(err, place, "cyclic", "low and high, and no log");
        return true;
}

static bool is_named(const struct search_space *space, const char *name)
{
        bool found = false;

        for (int i = 0; i < space->n; i++)
                found |= strcmp(space->parameters[i].name, name) == 0;
        for (int i = 0; i < space->n_context; i++)
                found |= strcmp(space->context[i].name, name) == 0;
        return found;
}

static bool read_one_context(struct search_space *space, const json_t *object, struct error *err)
{
        static const char *const keys[] = {"name", "type", "low", "high", "log", "choices", "cyclic", NULL};
        struct search_parameter *parameter = &space->context[space->n_context];
        autofree char *place = memory_format("context[%d]", space->n_context);
        const json_t *cyclic = json_object_get(object, "cyclic");
        const char *name = "", *type = "";

        json_find_text(object, "name", &name);
        json_find_text(object, "type", &type);
        if (!json_is_object(object) || !name[0] || strlen(name) > SEARCH_DOCUMENT_NAME_MAX)
                return wrong(err, place, "an object with a name, a text");
        if (is_named(space, name))
                return wrong_key(err, place, "name", "one that nothing else has");
        if (strchr(name, '='))
                return wrong_key(err, place, "name", "one without =, which --context NAME=VALUE is cut at");
        *parameter = (struct search_parameter){.name = memory_copy_text(name), .when = -1};
        space->n_context++;
        if (!only_keys(object, keys, place, err))
                return false;
        if (strcmp(type, "weekday") == 0)
                return read_weekday(parameter, place, err) && read_cyclic(parameter, cyclic, place, err);
        return read_type(parameter, object, false, place, err) && read_cyclic(parameter, cyclic, place, err);
}

static bool read_context(struct search_space *space, const json_t *context, struct error *err)
{
        if (!context)
                return true;
        if (!json_is_array(context) || json_array_size(context) > SEARCH_MAX_CONTEXT)
                return error_set(err, ERROR_INPUT, NULL, "context: expected a list of at most %d",
                                 SEARCH_MAX_CONTEXT);
        for (size_t i = 0; i < json_array_size(context); i++)
                if (!read_one_context(space, json_array_get(context, i), err))
                        return false;
        return true;
}

/* ---- points ---- */

static bool read_value(const struct search_parameter *parameter, const json_t *value, double *ret_value,
                       struct error *err)
{
        if (parameter->n_choices > 0) {
                int choice = find_choice(parameter, value);

                if (choice < 0)
                        return error_set(err, ERROR_INPUT, NULL, "%s: none of its choices", parameter->name);
                *ret_value = choice;
                return true;
        }
        if (!json_is_number(value) || !(fabs(json_number_value(value)) <= SEARCH_DOCUMENT_MOST))
                return error_set(err, ERROR_INPUT, NULL, "%s: expected %s", parameter->name,
                                 number_wanted(value));
        *ret_value = json_number_value(value);
        if (parameter->type == SEARCH_INTEGER && *ret_value != round(*ret_value))
                return error_set(err, ERROR_INPUT, NULL, "%s: expected a whole number", parameter->name);
        return true;
}

static bool within(const struct search_parameter *parameter, double value, struct error *err)
{
        if (value >= parameter->low && value <= parameter->high)
                return true;
        return error_set(err, ERROR_INPUT, NULL, "%s: %.10g is not between %.10g and %.10g", parameter->name,
                         value, parameter->low, parameter->high);
}

static bool is_known_key(const struct search_space *space, const char *key)
{
        for (int i = 0; i < space->n; i++)
                if (strcmp(space->parameters[i].name, key) == 0)
                        return true;
        return space->n_candidates > 0; /* other columns */
}

bool search_document_point(const struct search_space *space, const json_t *x, double *ret_point,
                           struct error *err)
{
        double point[SEARCH_MAX_PARAMETERS];
        const char *key;
        json_t *value;

        if (!json_is_object(x))
                return wrong(err, "x", "an object");
        json_object_foreach((json_t *)(uintptr_t)x, key, value)
        {
                (void)value;
                if (!is_known_key(space, key))
                        return error_set(err, ERROR_INPUT, NULL, "x: no parameter is called %s", key);
        }
        for (int i = 0; i < space->n; i++) {
                const struct search_parameter *parameter = &space->parameters[i];
                const json_t *given = json_object_get(x, parameter->name);

                point[i] = parameter->low;
                if (!given && !search_parameter_active(space, point, i))
                        continue;
                if (!given)
                        return error_set(err, ERROR_INPUT, NULL, "x: %s is missing", parameter->name);
                if (!read_value(parameter, given, &point[i], err) || !within(parameter, point[i], err))
                        return false;
        }
        memcpy(ret_point, point, (size_t)space->n * sizeof *point);
        return true;
}

bool search_document_context(const struct search_space *space, const json_t *object, bool all,
                             double *context, struct error *err)
{
        double values[SEARCH_MAX_CONTEXT] = {0};
        size_t known = 0;

        if (object && !json_is_object(object))
                return wrong(err, "context", "an object");
        for (int i = 0; i < space->n_context; i++) {
                const struct search_parameter *parameter = &space->context[i];
                const json_t *given = json_object_get(object, parameter->name);

                values[i] = context[i];
                known += given != NULL;
                if (!given && all)
                        return error_set(err, ERROR_INPUT, NULL, "context: %s is missing", parameter->name);
                if (given && !read_value(parameter, given, &values[i], err))
                        return error_wrap(err, "context");
                if (!search_context_fits(parameter, values[i]))
                        return error_set(err, ERROR_INPUT, NULL,
                                         "context: %s: expected more than 0, since log is true",
                                         parameter->name);
        }
        if (known != json_object_size(object))
                return error_set(err, ERROR_INPUT, NULL, "context: expected names of the space's context");
        memcpy(context, values, (size_t)space->n_context * sizeof *context);
        return true;
}

static json_t *value_json(const struct search_parameter *parameter, double value)
{
        switch (parameter->type) {
        case SEARCH_FLOAT:
                return json_real(value);
        case SEARCH_INTEGER:
                return json_integer((json_int_t)value);
        case SEARCH_ORDINAL:
                return json_from_double(parameter->values[(int)value]);
        case SEARCH_CATEGORY:
                break;
        }
        return parameter->literal ? json_loads(parameter->choices[(int)value], JSON_DECODE_ANY, NULL)
                                  : json_string(parameter->choices[(int)value]);
}

json_t *search_document_x(const struct search_space *space, const double *point)
{
        json_t *x = json_object();

        for (int i = 0; i < space->n; i++)
                if (search_parameter_active(space, point, i))
                        json_object_set_new(x, space->parameters[i].name,
                                            value_json(&space->parameters[i], point[i]));
        return x;
}

json_t *search_document_context_json(const struct search_space *space, const double *context)
{
        json_t *object = json_object();

        for (int i = 0; i < space->n_context; i++)
                json_object_set_new(object, space->context[i].name,
                                    value_json(&space->context[i], context[i]));
        return object;
}

bool search_document_status(const json_t *status, enum search_status *ret_status)
{
        static const char *const names[] =
                {[SEARCH_OK] = "ok", [SEARCH_FAILED] = "failed", [SEARCH_CENSORED] = "censored"};

        for (enum search_status i = SEARCH_OK; i <= SEARCH_CENSORED; i++)
                if (json_is_string(status) && strcmp(json_string_value(status), names[i]) == 0) {
                        *ret_status = i;
                        return true;
                }
        return false;
}

/* ---- the table ---- */

static bool read_row(struct search_space *space, const json_t *row, int at, struct error *err)
{
        autofree char *place = memory_format("candidates[%d]", at);
        double *point = space->candidates + (size_t)at * (size_t)space->n;

        if (!json_is_object(row))
                return wrong(err, place, "an object");
        for (int i = 0; i < space->n; i++) {
                struct search_parameter *parameter = &space->parameters[i];
                const json_t *value = json_object_get(row, parameter->name);

                if (!value)
                        return error_set(err, ERROR_INPUT, NULL, "%s: %s is missing", place, parameter->name);
                if (!read_value(parameter, value, &point[i], err))
                        return error_wrap(err, "%s", place);
                if (parameter->n_choices == 0) {
                        parameter->low = fmin(parameter->low, point[i]);
                        parameter->high = fmax(parameter->high, point[i]);
                }
        }
        for (int other = 0; other < at; other++)
                if (memcmp(space->candidates + (size_t)other * (size_t)space->n, point,
                           (size_t)space->n * sizeof *point) == 0)
                        return error_set(err, ERROR_INPUT, NULL, "%s: the same point as candidates[%d]",
                                         place, other);
        return true;
}

/* Number of a text among those seen: a category's small integer. */
static double text_number(json_t *seen, const char *text)
{
        const json_t *known = json_object_get(seen, text);

        if (!known) {
                json_object_set_new(seen, text, json_integer((json_int_t)json_object_size(seen)));
                known = json_object_get(seen, text);
        }
        return (double)json_integer_value(known);
}

/* A key that stands in every row with a number, or in every row with a text, is a column; others say too
 * little. */
static void read_column(struct search_space *space, const json_t *rows, const char *key)
{
        struct search_column *column = &space->columns[space->n_columns];
        bool text = json_is_string(json_object_get(json_array_get(rows, 0), key));
        autofree double *values = memory_new((size_t)space->n_candidates, sizeof *values);
        autojson *seen = json_object();

        for (int c = 0; c < space->n_candidates; c++) {
                const json_t *value = json_object_get(json_array_get(rows, (size_t)c), key);

                if (text ? !json_is_string(value) : !json_is_number(value) && !json_is_boolean(value))
                        return;
                if (text)
                        values[c] = text_number(seen, json_string_value(value));
                else
                        values[c] = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
        }
        *column = (struct search_column){.name = memory_copy_text(key),
                                         .category = text,
                                         .value = TAKE(values)};
        space->n_columns++;
}

static bool read_candidates(struct search_space *space, const json_t *rows, struct error *err)
{
        const char *key;
        json_t *value;

        if (!rows)
                return true;
        if (json_array_size(rows) == 0 || json_array_size(rows) > SEARCH_MAX_CANDIDATES)
                return error_set(err, ERROR_INPUT, NULL, "candidates: expected a list of 1 to %d objects",
                                 SEARCH_MAX_CANDIDATES);
        space->n_candidates = (int)json_array_size(rows);
        space->candidates =
                memory_new((size_t)space->n_candidates * (size_t)space->n, sizeof *space->candidates);
        for (int c = 0; c < space->n_candidates; c++)
                if (!read_row(space, json_array_get(rows, (size_t)c), c, err))
                        return false;
        json_object_foreach(json_array_get(rows, 0), key, value)
        {
                bool parameter = false;

                (void)value;
                for (int i = 0; i < space->n; i++)
                        parameter |= strcmp(space->parameters[i].name, key) == 0;
                if (!parameter && space->n_columns < SEARCH_MAX_COLUMNS)
                        read_column(space, rows, key);
        }
        return true;
}

/* ---- limits ---- */

/* {"sum":{"NAME":FACTOR,...},"max":N} or {"product":{"NAME":POWER,...},"max":N}. */
static bool read_limit(struct search_space *space, const json_t *object, struct error *err)
{
        static const char *const keys[] = {"sum", "product", "max", NULL};
        autofree char *place = memory_format("limits[%d]", space->n_limits);
        struct search_limit *limit = &space->limits[space->n_limits];
        const json_t *terms = json_object_get(object, "sum");
        size_t found = 0;

        *limit = (struct search_limit){.product = !terms, .most = NAN};
        terms = terms ? terms : json_object_get(object, "product");
        if (!json_is_object(terms) || !read_number(object, "max", place, &limit->most, err) ||
            isnan(limit->most))
                return wrong(err, place, "sum or product, an object, and max, a number");
        for (int i = 0; i < space->n; i++) {
                if (!json_object_get(terms, space->parameters[i].name))
                        continue;
                found++;
                if (space->parameters[i].type == SEARCH_CATEGORY)
                        return wrong(err, place, "parameters that are numbers");
                if (!read_number(terms, space->parameters[i].name, place, &limit->factor[i], err))
                        return false;
        }
        if (found == 0 || found != json_object_size(terms))
                return wrong(err, place, "names of parameters");
        space->n_limits++;
        return only_keys(object, keys, place, err);
}

static bool read_limits(struct search_space *space, const json_t *limits, struct error *err)
{
        if (!limits)
                return true;
        if (!json_is_array(limits) || json_array_size(limits) > SEARCH_MAX_LIMITS)
                return error_set(err, ERROR_INPUT, NULL, "limits: expected a list of at most %d",
                                 SEARCH_MAX_LIMITS);
        for (size_t i = 0; i < json_array_size(limits); i++)
                if (!read_limit(space, json_array_get(limits, i), err))
                        return false;
        return true;
}

/* ---- together ---- */

/* What is multiplied with others, squared and added to its like has to stay a number. */
static bool check_known(const char *key, double number, struct error *err)
{
        if (!(number > 0))
                return wrong(err, key, "numbers above 0");
        return (number >= 1 / SEARCH_DOCUMENT_MOST && number <= SEARCH_DOCUMENT_MOST) ||
               wrong(err, key, "numbers from 1e-15 to 1e15");
}

/* Index of a known quantity as search_options has it: a column, or a parameter after all columns. key: where
 * it was named. */
static bool find_known(const struct search_space *space, const char *key, const json_t *named, int *ret_index,
                       struct error *err)
{
        const char *name = json_string_value(named);
        int found = -1;

        for (int i = 0; name && i < space->n_columns; i++)
                if (strcmp(space->columns[i].name, name) == 0 && !space->columns[i].category)
                        found = i;
        for (int i = 0; name && i < space->n; i++)
                if (strcmp(space->parameters[i].name, name) == 0 &&
                    space->parameters[i].type != SEARCH_CATEGORY)
                        found = space->n_columns + i;
        if (found < 0)
                return wrong(err, key,
                             "the name of a column of numbers of the candidates, or of a parameter");
        for (int c = 0; found < space->n_columns && c < space->n_candidates; c++)
                if (!check_known(key, space->columns[found].value[c], err))
                        return false;
        if (found >= space->n_columns) {
                const struct search_parameter *parameter = &space->parameters[found - space->n_columns];

                if (!check_known(key, search_parameter_number(parameter, parameter->low), err) ||
                    !check_known(key, search_parameter_number(parameter, parameter->high), err))
                        return false;
        }
        *ret_index = found;
        return true;
}

/* The price per hour, and the resources that work on a run. */
static bool read_known(const struct search_space *space, const json_t *document,
                       struct search_options *options, struct error *err)
{
        const json_t *price = json_object_get(document, "price"),
                     *resources = json_object_get(document, "resources");
        size_t count = json_array_size(resources);

        options->price = -1;
        if (price && !find_known(space, "price", price, &options->price, err))
                return false;
        if (resources && (count == 0 || count > SEARCH_MAX_RESOURCES))
                return error_set(err, ERROR_INPUT, NULL, "resources: expected a list of 1 to %d names",
                                 SEARCH_MAX_RESOURCES);
        for (size_t i = 0; i < count; i++) {
                if (!find_known(space, "resources", json_array_get(resources, i), &options->resources[i],
                                err))
                        return false;
                for (size_t j = 0; j < i; j++)
                        if (options->resources[j] == options->resources[i])
                                return wrong(err, "resources", "each name once");
        }
        options->n_resources = (int)count;
        return true;
}

/* Constraints that are limits on the run time. */
static bool read_time_limits(const json_t *limits, struct search_options *options, struct error *err)
{
        const char *name;
        json_t *limit;

        if (limits && (!json_is_object(limits) || json_object_size(limits) > SEARCH_MAX_CONSTRAINTS))
                return error_set(err, ERROR_INPUT, NULL,
                                 "timeLimits: expected an object of at most %d limits",
                                 SEARCH_MAX_CONSTRAINTS);
        json_object_foreach((json_t *)(uintptr_t)limits, name, limit)
        {
                struct search_time_limit *of = &options->time_limits[options->n_time_limits++];

                if (strlen(name) >= sizeof of->name)
                        return error_set(err, ERROR_INPUT, NULL,
                                         "timeLimits: expected names of at most %zu bytes",
                                         sizeof of->name - 1);
                snprintf(of->name, sizeof of->name, "%s", name);
                of->limit = json_number_value(limit);
                if (!(of->limit > 0))
                        return wrong(err, "timeLimits", "numbers above 0");
        }
        return true;
}

static bool read_options(const struct search_space *space, const json_t *document,
                         struct search_options *ret_options, struct error *err)
{
        struct search_options options = {.seed = 0};
        double seed = 1, budget = 0;

        if (!read_known(space, document, &options, err) ||
            !read_time_limits(json_object_get(document, "timeLimits"), &options, err) ||
            !read_number(document, "seed", "", &seed, err) ||
            !read_number(document, "budget", "", &budget, err) ||
            !read_number(document, "runs", "", &options.runs, err))
                return false;
        if (seed < 0 || seed != round(seed))
                return wrong(err, "seed", "a whole number from 0 on");
        if (budget < 0 || budget != round(budget) || budget > SEARCH_MAX_TRIALS)
                return error_set(err, ERROR_INPUT, NULL, "budget: expected a whole number from 0 to %d",
                                 SEARCH_MAX_TRIALS);
        if (options.runs < 0)
                return wrong(err, "runs", "a number from 0 on");
        options.seed = (uint64_t)seed;
        options.budget = (int)budget;
        *ret_options = options;
        return true;
}

bool search_document_read(const json_t *document, struct search_space **ret_space,
                          struct search_options *ret_options, struct error *err)
{
        static const char *const keys[] = {"space",  "candidates", "context",    "limits",
                                           "price",  "resources",  "timeLimits", "seed",
                                           "budget", "runs",       "earlier",    NULL};
        autocall(search_space_free) struct search_space *space = memory_new(1, sizeof *space);
        const json_t *parameters = json_object_get(document, "space"),
                     *rows = json_object_get(document, "candidates");

        if (!only_keys(document, keys, "", err))
                return false;
        if (json_array_size(parameters) == 0 || json_array_size(parameters) > SEARCH_MAX_PARAMETERS)
                return error_set(err, ERROR_INPUT, NULL, "space: expected a list of 1 to %d parameters",
                                 SEARCH_MAX_PARAMETERS);
        for (size_t i = 0; i < json_array_size(parameters); i++)
                if (!read_parameter(space, json_array_get(parameters, i), rows != NULL, err))
                        return false;
        if (!read_candidates(space, rows, err) ||
            !read_context(space, json_object_get(document, "context"), err) ||
            !read_limits(space, json_object_get(document, "limits"), err) ||
            !read_options(space, document, ret_options, err))
                return false;
        *ret_space = TAKE(space);
        return true;
}

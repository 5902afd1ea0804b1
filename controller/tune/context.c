/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/context.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "controller/tune/search_document.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/yaml.h"

static const json_t *declared(const struct tune_study *study)
{
        return json_object_get(study->search_json, "context");
}

static bool is_weekday(const struct tune_study *study, int index)
{
        const char *type = "";

        (void)json_find_text(json_array_get(declared(study), (size_t)index), "type", &type);
        return strcmp(type, "weekday") == 0;
}

/* Whether trials tell it. */
static bool is_read(const struct tune_study *study, const char *name)
{
        const struct tune_value *values = study->options.values.items;

        for (size_t i = 0; i < study->options.values.count; i++)
                if (strcmp(values[i].name, name) == 0)
                        return true;
        return false;
}

/* ---- what is given ---- */

static int find_context(const struct search_space *space, const char *name, size_t length)
{
        for (int i = 0; i < space->n_context; i++)
                if (strlen(space->context[i].name) == length &&
                    strncmp(space->context[i].name, name, length) == 0)
                        return i;
        return -1;
}

static json_t *value_of(const struct search_parameter *parameter, const char *text)
{
        double number;

        if (parameter->n_choices > 0 && !parameter->literal)
                return json_string(text);
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
                return json_boolean(text[0] == 't');
        return text_to_double(text, &number) ? json_real(number) : json_string(text);
}

static bool add_given(const struct search_space *space, const char *text, json_t *given, struct error *err)
{
        size_t length = strcspn(text, "=");
        int at = text[length] ? find_context(space, text, length) : -1;

        if (at < 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "--context %.100s: expected NAME=VALUE with a name of search.context", text);
        json_object_set_new(given, space->context[at].name, value_of(&space->context[at], text + length + 1));
        return true;
}

static bool check_sources(const struct tune_study *study, const struct search_space *space,
                          const json_t *given, struct error *err)
{
        for (int i = 0; i < space->n_context; i++) {
                const char *name = space->context[i].name;
                autofree char *path = memory_format("search.context[%d].name", i);
                const struct yaml_node *place = tune_study_at(study, path);

                if (is_read(study, name) && space->context[i].n_choices > 0)
                        return yaml_error(place, err, "%s is read of trials: expected type float or int",
                                          name);
                if (!json_object_get(given, name) && !is_read(study, name) && !is_weekday(study, i))
                        return yaml_error(place, err,
                                          "nothing says %s; expected --context %s=VALUE, or values with that "
                                          "name",
                                          name, name);
        }
        return true;
}

bool tune_context_given(const struct tune_study *study, const struct search_space *space, char *const *texts,
                        json_t **ret_given, struct error *err)
{
        autojson *given = json_object();
        double ignored[SEARCH_MAX_CONTEXT] = {0};

        for (int i = 0; i < space->n_context; i++)
                ignored[i] = space->context[i].low;
        for (; texts && *texts; texts++)
                if (!add_given(space, *texts, given, err))
                        return false;
        if (!search_document_context(space, given, false, ignored, err))
                return error_wrap(err, "--context");
        if (!check_sources(study, space, given, err))
                return false;
        *ret_given = json_incref(given);
        return true;
}

/* ---- what holds ---- */

/* Monday is 0, as search_document has it. */
static int weekday_at(int64_t at_ms)
{
        const time_t seconds = (time_t)(at_ms / MS_PER_SECOND);
        struct tm there = {0};

        (void)localtime_r(&seconds, &there);
        return (there.tm_wday + 6) % 7;
}

void tune_context_now(const struct tune_study *study, const struct search_space *space, const json_t *given,
                      const json_t *newest, int64_t at_ms, double *context)
{
        struct error ignored = ERROR_INIT;

        if (newest)
                (void)search_document_context(space, newest, false, context, &ignored);
        for (int i = 0; i < space->n_context; i++)
                if (is_weekday(study, i))
                        context[i] = weekday_at(at_ms);
        (void)search_document_context(space, given, false, context, &ignored);
}

/* What a search can be told of a value. Where ratios count nothing at all lies a range below `low`, further
 * down than which the model does not see. */
static double nearest(const struct search_parameter *parameter, double value)
{
        double below = fmax(parameter->low * (parameter->low / parameter->high), DBL_MIN);

        value = fmin(fmax(value, -SEARCH_DOCUMENT_MOST), SEARCH_DOCUMENT_MOST);
        if (parameter->type == SEARCH_INTEGER) {
                value = round(value);
                below = 1;
        }
        return parameter->log && value <= 0 ? below : value;
}

void tune_context_settle(const struct search_space *space, json_t *context, const json_t *result)
{
        const json_t *values = json_object_get(result, "values");

        for (int i = 0; i < space->n_context; i++) {
                const struct search_parameter *parameter = &space->context[i];
                double value;

                if (!json_find_number(values, parameter->name, &value))
                        continue;
                value = nearest(parameter, value);
                json_object_set_new(context, parameter->name,
                                    parameter->type == SEARCH_INTEGER ? json_integer((json_int_t)value)
                                                                      : json_real(value));
        }
}

const char *tune_context_untold(const struct tune_study *study, const json_t *values)
{
        const json_t *one;
        size_t i;

        json_array_foreach(declared(study), i, one)
        {
                const char *name = "";

                (void)json_find_text(one, "name", &name);
                if (is_read(study, name) && !json_object_get(values, name))
                        return name;
        }
        return NULL;
}

json_t *tune_context_settings(const struct tune_study *study, const json_t *x, const json_t *context)
{
        json_t *settings = json_copy((json_t *)(uintptr_t)x), *value;
        const char *name;

        json_object_foreach((json_t *)(uintptr_t)context, name, value)
        {
                if (!is_read(study, name))
                        json_object_set(settings, name, value);
        }
        return settings;
}

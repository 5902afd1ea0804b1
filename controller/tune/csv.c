/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/csv.h"

#include <math.h>
#include <string.h>

#include "controller/tune/front.h"
#include "core/json.h"

static const char *const measures[] = {"seconds", "cpuSeconds", "memoryBytes", "cost", "attempts"};

static void put_text(const char *value, struct text *out)
{
        if (!value[strcspn(value, ",\"\r\n")]) {
                text_put(out, value);
                return;
        }
        text_put(out, "\"");
        for (; *value; value++)
                text_add(out, *value == '"' ? "\"\"" : value, *value == '"' ? 2 : 1);
        text_put(out, "\"");
}

static void put_cell(const json_t *value, struct text *out)
{
        text_put(out, ",");
        if (json_is_string(value)) {
                put_text(json_string_value(value), out);
        } else if (value && !json_is_null(value)) {
                autofree char *words = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

                text_put(out, words ? words : "");
        }
}

/* The names of the parameters, in the order of the search. */
static const json_t *parameters_of(const struct tune_study *study)
{
        return json_object_get(study->search_json, "space");
}

static const json_t *contexts_of(const struct tune_study *study)
{
        return json_object_get(study->search_json, "context");
}

static void put_head(const struct tune_study *study, struct text *out)
{
        const struct tune_value *values = study->options.values.items;
        const json_t *parameter;
        size_t i;

        text_put(out, "trial,status,y,predicted");
        text_put(out, study->options.also_minimize ? ",second,front" : "");
        for (i = 0; i < ARRAY_LENGTH(measures); i++)
                text_format(out, ",%s", measures[i]);
        for (i = 0; i < study->options.values.count; i++) {
                text_put(out, ",");
                put_text(values[i].name, out);
        }
        json_array_foreach(parameters_of(study), i, parameter)
                put_cell(json_object_get(parameter, "name"), out);
        json_array_foreach(contexts_of(study), i, parameter)
        {
                autofree char *name =
                        memory_format("context.%s", json_string_value(json_object_get(parameter, "name")));

                text_put(out, ",");
                put_text(name, out);
        }
        text_put(out, "\r\n");
}

static void put_row(const struct tune_study *study, const struct tune_runs *runs,
                    const struct tune_trial *trial, struct text *out)
{
        const struct tune_value *values = study->options.values.items;
        const json_t *found = json_object_get(trial->result, "values"), *parameter;
        autojson *predicted = json_from_double(trial->mean);
        size_t i;

        text_format(out, "%lld,", (long long)trial->id);
        put_text(tune_runs_status(runs, trial), out);
        put_cell(json_object_get(trial->result, "y"), out);
        put_cell(predicted, out);
        if (study->options.also_minimize) {
                put_cell(json_object_get(trial->result, "second"), out);
                text_put(out, tune_front_has(runs, trial) ? ",true" : ",false");
        }
        for (i = 0; i < ARRAY_LENGTH(measures); i++)
                put_cell(json_object_get(trial->result, measures[i]), out);
        for (i = 0; i < study->options.values.count; i++)
                put_cell(json_object_get(found, values[i].name), out);
        json_array_foreach(parameters_of(study), i, parameter)
                put_cell(json_object_get(trial->x, json_string_value(json_object_get(parameter, "name"))),
                         out);
        json_array_foreach(contexts_of(study), i, parameter)
                put_cell(json_object_get(trial->context,
                                         json_string_value(json_object_get(parameter, "name"))),
                         out);
        text_put(out, "\r\n");
}

void tune_csv(const struct tune_study *study, const struct tune_runs *runs, struct text *out)
{
        size_t count;
        const struct tune_trial *trials = tune_runs_trials(runs, &count);

        put_head(study, out);
        for (size_t i = 0; i < count; i++)
                put_row(study, runs, &trials[i], out);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark_application/template.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/text.h"
#include "engines/kubernetes/fields.h"
#include "engines/spark/setting.h"

#define CONF        "sparkConf"
#define DYNAMIC     "dynamicAllocation"
#define VALUE_ROOM  40
#define OVERHEAD    0.10 /* of the memory, Spark's own default (spark.executor.memoryOverheadFactor) ... */
#define LEAST_EXTRA 0x1.8p28 /* ... and at least 384 MiB */

/* Settings with a field of their own. */
static const struct field {
        const char *setting, *section, *key;
        bool number;
        double otherwise; /* where nothing says it */
} fields[] = {
        {"spark.executor.instances", "executor", "instances", true, 1},
        {"spark.executor.cores", "executor", "cores", true, 1},
        {"spark.executor.memory", "executor", "memory", false, 0x1p30},
        {"spark.executor.memoryOverhead", "executor", "memoryOverhead", false, NAN},
        {"spark.driver.cores", "driver", "cores", true, 1},
        {"spark.driver.memory", "driver", "memory", false, 0x1p30},
        {"spark.driver.memoryOverhead", "driver", "memoryOverhead", false, NAN},
        {"spark.dynamicAllocation.initialExecutors", DYNAMIC, "initialExecutors", true, NAN},
        {"spark.dynamicAllocation.minExecutors", DYNAMIC, "minExecutors", true, NAN},
        {"spark.dynamicAllocation.maxExecutors", DYNAMIC, "maxExecutors", true, NAN},
};

/* Where a setting stands, or would be written. */
struct place {
        struct spark_setting setting;
        const char *section, *key;
        const struct field *field; /* NULL: in sparkConf */
        const json_t *value;       /* NULL: it does not say */
        double otherwise;
};

static const json_t *conf_of(const json_t *spec, const char *name)
{
        return json_object_get(json_object_get(spec, CONF), name);
}

/* The section for dynamic allocation does nothing unless it says so. */
static bool has_dynamic_section(const json_t *spec)
{
        return json_is_true(kube_field(spec, DYNAMIC ".enabled"));
}

static bool is_dynamic(const json_t *spec)
{
        const char *said = json_string_value(conf_of(spec, "spark.dynamicAllocation.enabled"));

        return has_dynamic_section(spec) || (said && strcasecmp(said, "true") == 0);
}

static bool has_field(const json_t *spec, const struct field *field)
{
        return strcmp(field->section, DYNAMIC) != 0 || has_dynamic_section(spec);
}

static struct place find_place(const json_t *spec, struct spark_setting setting)
{
        struct place place = {.setting = setting, .section = CONF, .key = setting.name, .otherwise = NAN};
        const json_t *conf = conf_of(spec, setting.name);

        place.value = conf;
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
                const struct field *field = &fields[i];
                const json_t *own = json_object_get(json_object_get(spec, field->section), field->key);

                if (strcmp(field->setting, setting.name) != 0 || !has_field(spec, field))
                        continue;
                place.otherwise = field->otherwise;
                if (conf && !own)
                        break;
                place.section = field->section;
                place.key = field->key;
                place.field = field;
                place.value = own;
        }
        return place;
}

static double count_of(json_int_t number)
{
        return number >= 0 && number <= INT32_MAX ? (double)number : NAN;
}

/* NAN: something else than a number stands there. */
static double read_place(const struct place *place)
{
        if (!place->value)
                return place->otherwise;
        if (json_is_string(place->value))
                return spark_setting_read(&place->setting, json_string_value(place->value));
        return json_is_integer(place->value) ? count_of(json_integer_value(place->value)) : NAN;
}

bool spark_template_controls(const struct knob *knob)
{
        return spark_setting_of_knob(knob->name).name != NULL;
}

static bool check_executors(const json_t *spec, const struct spark_setting *setting, struct error *err)
{
        return strcmp(setting->name, "spark.executor.instances") != 0 || !is_dynamic(spec) ||
               error_set(err, ERROR_REFUSED, "DynamicAllocation",
                         "its executors come and go (dynamicAllocation), so there is no number of them to be "
                         "set; expected the knob dynamicAllocation.maxExecutors instead of workers");
}

bool spark_template_read(const json_t *spec, const struct pipeline *pipeline,
                         struct configuration *configuration, struct error *err)
{
        for (int i = 0; i < pipeline->n_knobs && i < configuration->count; i++) {
                struct spark_setting setting = spark_setting_of_knob(pipeline->knobs[i].name);
                struct place place;
                double value;

                if (!setting.name)
                        continue;
                place = find_place(spec, setting);
                if (!check_executors(spec, &setting, err))
                        return false;
                value = read_place(&place);
                if (isnan(value) && place.value)
                        return error_set(err, ERROR_REFUSED, "NotANumber",
                                         "its %s is no number that knob %s could set", setting.name,
                                         pipeline->knobs[i].name);
                if (!isnan(value))
                        configuration->value[i] = value;
        }
        return true;
}

/* ---- a change ---- */

static json_t *value_of(const struct place *place, double value)
{
        autofree char *text = NULL;

        if (place->field && place->field->number)
                return json_integer((json_int_t)llround(value));
        text = spark_setting_text(&place->setting, value, json_string_value(place->value));
        return json_string(text);
}

static void describe_value(const json_t *value, char words[VALUE_ROOM])
{
        if (json_is_string(value))
                snprintf(words, VALUE_ROOM, "%s", json_string_value(value));
        else if (json_is_number(value))
                snprintf(words, VALUE_ROOM, "%.15g", json_number_value(value));
        else
                snprintf(words, VALUE_ROOM, "unset");
}

static void change_place(const struct place *place, double value, json_t *change, struct text *what)
{
        json_t *section = json_object_get(change, place->section), *wanted = value_of(place, value);
        char before[VALUE_ROOM], after[VALUE_ROOM];

        describe_value(place->value, before);
        describe_value(wanted, after);
        text_format(what, "%s%s%s%s %s -> %s", what->length > 0 ? "; " : "",
                    place->field ? place->section : "", place->field ? "." : "", place->key, before, after);
        if (!section) {
                section = json_object();
                json_object_set_new(change, place->section, section);
        }
        json_object_set_new(section, place->key, wanted);
}

json_t *spark_template_change(const json_t *spec, const struct pipeline *pipeline,
                              const struct configuration *to, struct text *what)
{
        json_t *change = json_object();

        for (int i = 0; i < pipeline->n_knobs && i < to->count; i++) {
                struct spark_setting setting = spark_setting_of_knob(pipeline->knobs[i].name);
                struct place place;

                if (!setting.name || !isfinite(to->value[i]))
                        continue;
                place = find_place(spec, setting);
                if (read_place(&place) != to->value[i])
                        change_place(&place, to->value[i], change, what);
        }
        return change;
}

char *spark_template_path(const json_t *spec, const struct knob *knob)
{
        struct place place = find_place(spec, spark_setting_of_knob(knob->name));

        return memory_format("f:%s|f:%s", place.section, place.key);
}

/* ---- what it holds ---- */

static double value_at(const json_t *spec, const char *setting)
{
        struct place place = find_place(spec, spark_setting_of_knob(setting));

        return read_place(&place);
}

/* Of a pod: what the JVM may have, and what it may take beside. */
static double pod_bytes(const json_t *spec, const char *memory, const char *overhead)
{
        double bytes = value_at(spec, memory), extra = value_at(spec, overhead);

        return bytes + (isnan(extra) ? fmax(OVERHEAD * bytes, LEAST_EXTRA) : extra);
}

struct spark_allocation spark_template_allocation(const json_t *spec)
{
        return (struct spark_allocation){
                .executors = is_dynamic(spec) ? NAN : value_at(spec, "spark.executor.instances"),
                .executor_cores = value_at(spec, "spark.executor.cores"),
                .executor_bytes = pod_bytes(spec, "spark.executor.memory", "spark.executor.memoryOverhead"),
                .driver_cores = value_at(spec, "spark.driver.cores"),
                .driver_bytes = pod_bytes(spec, "spark.driver.memory", "spark.driver.memoryOverhead"),
        };
}

static void keep(const json_t *from, const char *section, const char *key, json_t *to)
{
        json_t *value = json_object_get(json_object_get(from, section), key);

        if (!value)
                return;
        if (!json_object_get(to, section))
                json_object_set_new(to, section, json_object());
        json_object_set_new(json_object_get(to, section), key, json_deep_copy(value));
}

json_t *spark_template_essence(const json_t *spec)
{
        const json_t *conf = json_object_get(spec, CONF);
        json_t *essence = json_object();

        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
                keep(spec, fields[i].section, fields[i].key, essence);
        keep(spec, DYNAMIC, "enabled", essence);
        if (conf)
                json_object_set_new(essence, CONF, json_deep_copy(conf));
        return essence;
}

size_t spark_template_settings(const json_t *spec)
{
        const char *name;
        json_t *section;
        size_t count = 0;

        json_object_foreach((json_t *)(uintptr_t)spec, name, section) count += json_object_size(section);
        return count;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/batch_wanted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "engines/spark/setting.h"
#include "sim/batch_replay.h"

#define MOST_DIMENSIONS 16
#define MEMORY          "spark.executor.memory"
#define DEFAULT_HEAP    0x1p30
#define DYNAMIC         "spark.dynamicAllocation."

enum kind { COUNT, BYTES, SECONDS, SWITCH };

static const char *const expected[] = {[COUNT] = "a whole number",
                                       [BYTES] = "memory, as in 4g",
                                       [SECONDS] = "a time, as in 60s",
                                       [SWITCH] = "true or false"};

/* Settings that one log tells something about. Integers are int64_t. */
static const struct field {
        const char *name;
        enum kind kind;
        size_t offset;
        double most;
        bool dynamic;
} fields[] = {
        {"spark.executor.instances", COUNT, offsetof(struct batch_wanted, executors),
         BATCH_REPLAY_MAX_EXECUTORS, false},
        {"spark.executor.cores", COUNT, offsetof(struct batch_wanted, cores), 65536, false},
        {MEMORY, BYTES, offsetof(struct batch_wanted, memory), 0x1p60, false},
        {"spark.sql.shuffle.partitions", COUNT, offsetof(struct batch_wanted, partitions),
         BATCH_REPLAY_MAX_PARTS, false},
        {DYNAMIC "enabled", SWITCH, offsetof(struct batch_wanted, dynamic.on), 1, true},
        {DYNAMIC "minExecutors", COUNT, offsetof(struct batch_wanted, dynamic.least),
         BATCH_REPLAY_MAX_EXECUTORS, true},
        {DYNAMIC "maxExecutors", COUNT, offsetof(struct batch_wanted, dynamic.most),
         BATCH_REPLAY_MAX_EXECUTORS, true},
        {DYNAMIC "initialExecutors", COUNT, offsetof(struct batch_wanted, dynamic.initial),
         BATCH_REPLAY_MAX_EXECUTORS, true},
        {DYNAMIC "executorIdleTimeout", SECONDS, offsetof(struct batch_wanted, dynamic.idle_ms), 1e9, true},
        {DYNAMIC "schedulerBacklogTimeout", SECONDS, offsetof(struct batch_wanted, dynamic.backlog_ms), 1e9,
         true},
        {DYNAMIC "sustainedSchedulerBacklogTimeout", SECONDS,
         offsetof(struct batch_wanted, dynamic.sustained_ms), 1e9, true},
};

static const struct field *field_of(const char *name, size_t length)
{
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
                if (strlen(fields[i].name) == length && memcmp(fields[i].name, name, length) == 0)
                        return &fields[i];
        }
        return NULL;
}

/* "60s", "500ms", "2m"; a bare number is in seconds. NAN: none. */
static double read_seconds(const char *text)
{
        static const struct {
                const char *unit;
                double seconds;
        } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
        size_t digits = strspn(text, "0123456789");
        autofree char *number = memory_format("%.*s", (int)digits, text);
        double value;

        for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
                if (strcmp(text + digits, units[i].unit) == 0 && text_to_double(number, &value))
                        return value * units[i].seconds;
        }
        return NAN;
}

static double read_value(const struct field *field, const char *text)
{
        const struct spark_setting setting = {field->name, field->kind == BYTES};
        double value = field->kind == SECONDS ? read_seconds(text) : spark_setting_read(&setting, text);

        if (field->kind == SWITCH && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
                return NAN;
        if (field->kind == COUNT && value != floor(value))
                return NAN;
        return value;
}

static double least_of(const struct field *field)
{
        return field->dynamic ? 0 : 1;
}

/* `before`: what the message begins with. Returns false. */
static bool refuse_value(const char *before, const struct field *field, const char *text, struct error *err)
{
        if (field->kind == COUNT)
                return error_set(err, ERROR_INPUT, NULL, "%s%s=%s: expected %s from %.0f to %.0f", before,
                                 field->name, text, expected[COUNT], least_of(field), field->most);
        return error_set(err, ERROR_INPUT, NULL, "%s%s=%s: expected %s", before, field->name, text,
                         expected[field->kind]);
}

static bool set_value(struct batch_wanted *wanted, const struct field *field, const char *text)
{
        double value = read_value(field, text);
        void *at = (char *)wanted + field->offset;

        if (!(value >= least_of(field)) || value > field->most)
                return false;
        if (field->kind == COUNT)
                *(int64_t *)at = (int64_t)value;
        else if (field->kind == SWITCH)
                *(bool *)at = value != 0;
        else
                *(double *)at = field->kind == SECONDS ? value * 1e3 : value;
        wanted->dynamic_said |= field->dynamic;
        return true;
}

/* ---- what the run had ---- */

double batch_wanted_heap(const struct batch_run *run)
{
        const struct spark_setting setting = {MEMORY, true};
        const char *text = batch_run_setting(run, MEMORY);
        double bytes = text ? spark_setting_read(&setting, text) : DEFAULT_HEAP;

        return bytes > 0 ? bytes : DEFAULT_HEAP;
}

/* Dynamic allocation as the run's settings have it, or Spark by default; it begins with no fewer executors
 * than a run without it has. */
static void begin(const struct batch_run *run, struct batch_wanted *wanted)
{
        const char *instances = batch_run_setting(run, "spark.executor.instances");
        struct batch_wanted had = {0};

        had.dynamic = (struct batch_dynamic){.most = BATCH_REPLAY_MAX_EXECUTORS,
                                             .backlog_ms = 1000,
                                             .sustained_ms = -1,
                                             .idle_ms = 60000};
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
                const char *text = fields[i].dynamic ? batch_run_setting(run, fields[i].name) : NULL;

                if (text)
                        set_value(&had, &fields[i], text);
        }
        if (instances && set_value(&had, &fields[0], instances) && had.executors > had.dynamic.initial)
                had.dynamic.initial = had.executors;
        wanted->dynamic = had.dynamic;
        wanted->dynamic.on = false; /* until it is asked for */
}

static bool is_true(const struct batch_run *run, const char *name)
{
        const char *text = batch_run_setting(run, name);

        return text && strcmp(text, "true") == 0;
}

/* A number of executors is where dynamic allocation starts from. */
static void finish(const struct batch_run *run, struct batch_wanted *wanted)
{
        struct batch_dynamic *rules = &wanted->dynamic;

        if (!wanted->dynamic_said || !rules->on) {
                *rules = (struct batch_dynamic){0};
                return;
        }
        if (rules->sustained_ms < 0)
                rules->sustained_ms = rules->backlog_ms;
        if (wanted->executors > rules->initial)
                rules->initial = wanted->executors;
        rules->keeps = !is_true(run, "spark.shuffle.service.enabled");
        if (rules->most < 1)
                rules->most = 1;
        if (rules->least > rules->most)
                rules->least = rules->most;
}

/* ---- combinations ---- */

struct dimension {
        const struct field *field;
        char **values; /* ends with NULL; owned */
        size_t count;
        bool told; /* it is named in the answer's settings */
};

struct dimensions {
        struct dimension all[MOST_DIMENSIONS];
        size_t count;
};

static void free_values(struct dimension *dimension)
{
        for (size_t i = 0; i < dimension->count; i++)
                free(dimension->values[i]);
        free(dimension->values);
}

static void dimensions_free(struct dimensions *dimensions)
{
        for (size_t i = 0; i < dimensions->count; i++)
                free_values(&dimensions->all[i]);
}

static void add_value(struct dimension *dimension, const char *text, size_t length)
{
        dimension->values = memory_resize(dimension->values, dimension->count + 1, sizeof *dimension->values);
        dimension->values[dimension->count++] = memory_format("%.*s", (int)length, text);
}

static bool unknown_setting(const char *option, const char *word, struct error *err)
{
        autotext names = {0};

        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
                text_format(&names, "%s%s", i ? ", " : "", fields[i].name);
        return error_set(err, ERROR_INPUT, NULL,
                         "simulate: %s %s: an event log is asked about NAME=VALUE of %s", option, word,
                         names.data);
}

static bool wrong_value(const struct field *field, const char *value, struct error *err)
{
        if (strcmp(field->name, "spark.executor.instances") == 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "simulate: --executors %s: expected numbers from 1 to %d, %d at most", value,
                                 BATCH_REPLAY_MAX_EXECUTORS, BATCH_WANTED_MOST);
        return refuse_value("simulate: ", field, value, err);
}

static bool check_values(const struct dimension *dimension, struct error *err)
{
        for (size_t i = 0; i < dimension->count; i++) {
                struct batch_wanted scratch = {0};

                if (!set_value(&scratch, dimension->field, dimension->values[i]))
                        return wrong_value(dimension->field, dimension->values[i], err);
        }
        return true;
}

static bool add_word(struct dimensions *dimensions, const char *option, const char *word, bool list,
                     struct error *err)
{
        const char *equals = strchr(word, '='), *at = equals ? equals + 1 : NULL;
        const struct field *field = equals ? field_of(word, (size_t)(equals - word)) : NULL;
        struct dimension *dimension;

        if (!field)
                return unknown_setting(option, word, err);
        if (dimensions->count == MOST_DIMENSIONS)
                return error_set(err, ERROR_INPUT, NULL, "simulate: more than %d settings", MOST_DIMENSIONS);
        dimension = &dimensions->all[dimensions->count++];
        *dimension = (struct dimension){.field = field, .told = true};
        while (at) {
                const char *comma = list ? strchr(at, ',') : NULL;

                add_value(dimension, at, comma ? (size_t)(comma - at) : strlen(at));
                at = comma ? comma + 1 : NULL;
        }
        return check_values(dimension, err);
}

static bool add_executors(struct dimensions *dimensions, char *const *executors, struct error *err)
{
        struct dimension *dimension = &dimensions->all[dimensions->count];

        if (!executors[0])
                return true;
        if (dimensions->count == MOST_DIMENSIONS)
                return error_set(err, ERROR_INPUT, NULL, "simulate: more than %d settings", MOST_DIMENSIONS);
        dimensions->count++;
        *dimension = (struct dimension){.field = &fields[0]};
        for (size_t i = 0; executors[i]; i++)
                add_value(dimension, executors[i], strlen(executors[i]));
        return check_values(dimension, err);
}

/* The last dimension changes the fastest. */
static void combine(const struct batch_run *run, const struct dimensions *dimensions, size_t number,
                    int64_t cores, struct batch_wanted *wanted)
{
        size_t left = number, block = 1;
        autotext told = {0};

        begin(run, wanted);
        wanted->cores = cores;
        for (size_t i = 1; i < dimensions->count; i++)
                block *= dimensions->all[i].count;
        for (size_t i = 0; i < dimensions->count; i++) {
                const struct dimension *it = &dimensions->all[i];
                const char *value = it->values[left / block];

                set_value(wanted, it->field, value);
                if (it->told)
                        text_format(&told, "%s%s=%s", told.length ? " " : "", it->field->name, value);
                left %= block;
                block /= i + 1 < dimensions->count ? dimensions->all[i + 1].count : 1;
        }
        if (told.length > 0)
                wanted->settings = text_take(&told);
        finish(run, wanted);
}

static bool add_all(struct dimensions *dimensions, char *const *words, const char *option, bool list,
                    struct error *err)
{
        for (size_t i = 0; words && words[i]; i++) {
                if (!add_word(dimensions, option, words[i], list, err))
                        return false;
        }
        return true;
}

bool batch_wanted_parse(const struct batch_run *run, char *const *sets, char *const *sweeps,
                        char *const *executors, int64_t cores, struct batch_wanted_list *ret_list,
                        struct error *err)
{
        __attribute__((cleanup(dimensions_free))) struct dimensions dimensions = {0};
        struct batch_wanted_list list = {0};
        size_t count = 1;

        if (!add_all(&dimensions, sets, "--set", false, err) ||
            !add_all(&dimensions, sweeps, "--sweep", true, err) ||
            !add_executors(&dimensions, executors, err))
                return false;
        for (size_t i = 0; i < dimensions.count && count <= BATCH_WANTED_MOST; i++)
                count *= dimensions.all[i].count;
        if (count > BATCH_WANTED_MOST)
                return error_set(err, ERROR_INPUT, NULL, "simulate: more than %d combinations",
                                 BATCH_WANTED_MOST);
        list.count = dimensions.count > 0 ? count : 0;
        list.wanted = memory_new(list.count + 1, sizeof *list.wanted);
        for (size_t i = 0; i < list.count; i++)
                combine(run, &dimensions, i, cores, &list.wanted[i]);
        *ret_list = list;
        return true;
}

void batch_wanted_close(struct batch_wanted_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->wanted[i].settings);
        free(list->wanted);
        *list = (struct batch_wanted_list){0};
}

bool batch_wanted_read(const struct batch_run *run, char *(*value_of)(const void *context, const char *name),
                       const void *context, struct batch_wanted *ret_wanted, struct error *err)
{
        struct batch_wanted wanted = {0};

        begin(run, &wanted);
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
                autofree char *text = value_of(context, fields[i].name);

                if (text && !set_value(&wanted, &fields[i], text))
                        return refuse_value("", &fields[i], text, err);
        }
        finish(run, &wanted);
        *ret_wanted = wanted;
        return true;
}

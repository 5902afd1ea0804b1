/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/setting.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/text.h"

#define MEBIBYTE 0x1p20
#define PREFIX   "spark."

static const struct {
        const char *knob;
        struct spark_setting setting;
} known[] = {
        {"workers", {"spark.executor.instances", false}},
        {"executor.cores", {"spark.executor.cores", false}},
        {"memory", {"spark.executor.memory", true}},
        {"executor.memoryOverhead", {"spark.executor.memoryOverhead", true}},
        {"driver.cores", {"spark.driver.cores", false}},
        {"driver.memory", {"spark.driver.memory", true}},
        {"driver.memoryOverhead", {"spark.driver.memoryOverhead", true}},
        {"dynamicAllocation.initialExecutors", {"spark.dynamicAllocation.initialExecutors", false}},
        {"dynamicAllocation.minExecutors", {"spark.dynamicAllocation.minExecutors", false}},
        {"dynamicAllocation.maxExecutors", {"spark.dynamicAllocation.maxExecutors", false}},
};

struct spark_setting spark_setting_of_knob(const char *knob)
{
        for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
                if (strcmp(known[i].knob, knob) == 0 || strcmp(known[i].setting.name, knob) == 0)
                        return known[i].setting;
        return (struct spark_setting){.name = strncmp(knob, PREFIX, strlen(PREFIX)) == 0 ? knob : NULL};
}

/* Spark writes times with the same letters. */
static bool may_be_size(const struct spark_setting *setting)
{
        static const char *const words[] = {"memory", "bytes", "size", "buffer"};

        for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
                if (strcasestr(setting->name, words[i]))
                        return true;
        return setting->size;
}

/* NAN: it is none. */
static double unit_of(const char *text)
{
        static const char letters[] = "kmgtp";
        const char *at = *text ? strchr(letters, tolower((unsigned char)*text)) : NULL;

        if (strcasecmp(text, "b") == 0)
                return 1;
        if (!at || (text[1] && strcasecmp(text + 1, "b") != 0))
                return NAN;
        return pow(1024, (double)(at - letters) + 1);
}

double spark_setting_read(const struct spark_setting *setting, const char *text)
{
        double number;
        char *end;

        if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
                return tolower((unsigned char)*text) == 't';
        if (text_to_double(text, &number))
                return setting->size ? number * MEBIBYTE : number;
        if (!isdigit((unsigned char)*text) || !may_be_size(setting))
                return NAN;
        number = strtod(text, &end);
        return number * unit_of(end);
}

double spark_setting_default(const struct spark_setting *setting)
{
        static const struct {
                const char *name;
                double value;
        } defaults[] = {
                {"spark.executor.memory", 1024 * MEBIBYTE},
                {"spark.driver.memory", 1024 * MEBIBYTE},
                {"spark.driver.cores", 1},
                {"spark.memory.fraction", 0.6},
                {"spark.memory.storageFraction", 0.5},
                {"spark.sql.shuffle.partitions", 200},
                {"spark.sql.autoBroadcastJoinThreshold", 10 * MEBIBYTE},
                {"spark.sql.files.maxPartitionBytes", 128 * MEBIBYTE},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(defaults); i++)
                if (strcmp(defaults[i].name, setting->name) == 0)
                        return defaults[i].value;
        return NAN;
}

char *spark_setting_text(const struct spark_setting *setting, double value, const char *present)
{
        size_t length = present ? strlen(present) : 0;
        bool has_unit = length > 0 && isalpha((unsigned char)present[length - 1]);
        bool size = setting->size || (has_unit && may_be_size(setting));
        double whole = ceil(value - 1e-6);

        if (present && (strcasecmp(present, "true") == 0 || strcasecmp(present, "false") == 0))
                return memory_copy_text(value != 0 ? "true" : "false");
        if (!size)
                return memory_format("%.15g", value);
        return fmod(whole, MEBIBYTE) == 0 ? memory_format("%.0fm", whole / MEBIBYTE)
                                          : memory_format("%.0fb", whole);
}

bool spark_setting_is_standalone(const char *master)
{
        return strncmp(master, "spark://", strlen("spark://")) == 0;
}

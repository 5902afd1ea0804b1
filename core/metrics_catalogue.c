/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/metrics.h"

/* The linker puts a section's ends there; a program without any declaration has none. */
extern const struct metric_declaration *const __start_metric_declarations[] __attribute__((weak));
extern const struct metric_declaration *const __stop_metric_declarations[] __attribute__((weak));

static int by_name(const void *a, const void *b)
{
        const struct metric_family *const *left = a, *const *right = b;

        return strcmp((*left)->name, (*right)->name);
}

const struct metric_family **metrics_catalogue(size_t *ret_count)
{
        const struct metric_declaration *const *first = __start_metric_declarations;
        const struct metric_declaration *const *end = __stop_metric_declarations;
        const struct metric_family **all;
        size_t count = 0;

        /* cppcheck-suppress comparePointers ; the linker lays them out side by side */
        for (const struct metric_declaration *const *one = first; one < end; one++)
                count += (*one)->count;
        all = memory_new(count + 1, sizeof(struct metric_family *));
        count = 0;
        /* cppcheck-suppress comparePointers ; as above */
        for (const struct metric_declaration *const *one = first; one < end; one++)
                for (size_t i = 0; i < (*one)->count; i++)
                        all[count++] = &(*one)->families[i];
        qsort(all, count, sizeof *all, by_name);
        *ret_count = count;
        return all;
}

static const struct {
        const char *end, *unit;
} units[] = {
        {"timestamp_seconds", "seconds since 1970"},
        {"start_time_seconds", "seconds since 1970"},
        {"seconds", "seconds"},
        {"bytes", "bytes"},
        {"ratio", "ratio"},
        {"records", "records"},
        {"records_per_second", "records/s"},
        {"workers", "workers"},
        {"grams_per_hour", "g/h"},
        {"grams_per_kilowatt_hour", "g/kWh"},
        {"cost", "currency"},
        {"cost_per_hour", "currency/h"},
        {"saving", "currency"},
        {"saving_low", "currency"},
        {"saving_high", "currency"},
};

const char *metric_unit(const struct metric_family *family)
{
        static const char total[] = "_total";
        size_t length = strlen(family->name), tail = strlen(total);

        if (length > tail && strcmp(family->name + length - tail, total) == 0)
                length -= tail;
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
                size_t room = strlen(units[i].end);

                if (length > room && family->name[length - room - 1] == '_' &&
                    strncmp(family->name + length - room, units[i].end, room) == 0)
                        return units[i].unit;
        }
        return "";
}

const char *metric_type_name(const struct metric_family *family)
{
        static const char *const names[] =
                {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

        return names[family->type];
}

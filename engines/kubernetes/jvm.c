/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/jvm.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "engines/kubernetes/fields.h"

#define KEPT       "jvmHeap"
#define BYTES_MOST 1e15 /* beyond it a number is a mistake */

static const struct {
        const char *flag;
        bool share;
} flags[] = {
        {"-Xmx", false},
        {"-XX:MaxHeapSize=", false},
        {"-XX:MaxRAMPercentage=", true},
        {"-XX:MaxRAMFraction=", true},
};

/* A number with the java command's k, m, g or t, or none; NAN: it is none. */
static double size_of(const char *text)
{
        static const char units[] = "kmgt";
        char *end;
        double size = strtod(text, &end);
        const char *unit;

        if (end == text || !(size > 0))
                return NAN;
        unit = *end ? strchr(units, *end | 0x20) : NULL;
        if (unit)
                size *= pow(1024, (double)(unit - units) + 1);
        return size < BYTES_MOST ? size : NAN;
}

static double more(double a, double b)
{
        return isnan(a) || b > a ? b : a;
}

static double heap_of_text(const char *text)
{
        double most = NAN;

        for (size_t i = 0; text && i < ARRAY_LENGTH(flags); i++)
                for (const char *at = strstr(text, flags[i].flag); at; at = strstr(at + 1, flags[i].flag)) {
                        double size = size_of(at + strlen(flags[i].flag));

                        if (!isnan(size))
                                most = more(most, flags[i].share ? INFINITY : size);
                }
        return most;
}

double kube_jvm_heap_bytes(const json_t *container)
{
        static const char *const words[] = {"command", "args"};
        double most = NAN;
        size_t i;
        json_t *item;

        json_array_foreach(json_object_get(container, "env"), i, item) most =
                more(most, heap_of_text(json_string_value(json_object_get(item, "value"))));
        for (size_t k = 0; k < ARRAY_LENGTH(words); k++)
                json_array_foreach(json_object_get(container, words[k]), i, item) most =
                        more(most, heap_of_text(json_string_value(item)));
        return most;
}

void kube_jvm_keep(json_t *cut, const json_t *container)
{
        double bytes = kube_jvm_heap_bytes(container);

        if (!isnan(bytes))
                json_object_set_new(cut, KEPT, isinf(bytes) ? json_true() : json_real(bytes));
}

double kube_jvm_kept(const json_t *cut)
{
        const json_t *kept = json_object_get(cut, KEPT);

        if (json_is_true(kept))
                return INFINITY;
        return json_is_real(kept) ? json_real_value(kept) : NAN;
}

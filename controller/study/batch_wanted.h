/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_BATCH_WANTED_H
#define OPTCTL_CONTROLLER_STUDY_BATCH_WANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/batch.h"
#include "core/error.h"
#include "core/memory.h"
#include "sim/batch_dynamic.h"

/* What an event log is asked about: other executors and other settings of Spark, by Spark's own names. */
#define BATCH_WANTED_MOST 100

struct batch_wanted {
        int64_t executors;  /* 0: not said */
        int64_t cores;      /* of each; 0: as they had */
        double memory;      /* bytes of heap, of each; 0: as they had */
        int64_t partitions; /* of shuffles; 0: as they were */
        bool dynamic_said;
        struct batch_dynamic dynamic; /* of the run's settings, where nothing else is said */
        char *settings;               /* what was said of them, "NAME=VALUE ..."; NULL: nothing */
};

struct batch_wanted_list {
        struct batch_wanted *wanted;
        size_t count;
};

/*
 * Every combination of what was asked. Each list of words ends with NULL.
 *
 * sets       "NAME=VALUE"
 * sweeps     "NAME=A,B,C"
 * executors  numbers
 *
 * ERROR_INPUT, about `simulate`, when a setting is not one of those that a log tells about, a value is none
 * of its kind, or there are more than BATCH_WANTED_MOST combinations.
 */
bool batch_wanted_parse(const struct batch_run *run, char *const *sets, char *const *sweeps,
                        char *const *executors, int64_t cores, struct batch_wanted_list *ret_list,
                        struct error *err);
void batch_wanted_close(struct batch_wanted_list *list);

/* The one combination of the values that `value_of` says of settings by Spark's own names: a text that the
 * caller of it frees, or NULL where it says nothing. ERROR_INPUT as above, without a word of a command. */
bool batch_wanted_read(const struct batch_run *run, char *(*value_of)(const void *context, const char *name),
                       const void *context, struct batch_wanted *ret_wanted, struct error *err);

/* Bytes of an executor's heap by the run's settings, or Spark's default. */
double batch_wanted_heap(const struct batch_run *run);

#define auto_batch_wanted __attribute__((cleanup(batch_wanted_close))) struct batch_wanted_list

#endif

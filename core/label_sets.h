/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LABEL_SETS_H
#define OPTCTL_CORE_LABEL_SETS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Labels as they are exposed (`a="b",c="d"`), each text once whatever the number of families that have a
 * series of it: with thousands of pipelines the names would be most of what metrics take. Part of
 * core/metrics, for nobody else.
 */
struct label_place {
        uint32_t family, series; /* by their numbers in core/metrics.c */
};

struct label_set {
        char *text;
        struct label_set *next; /* of those with the same first label; the first of them is the label alone */
        struct label_place *places;
        uint32_t count, room;
};

/* `{0}` is empty. Found by their text (open addressing, linear probing). */
struct label_sets {
        struct label_set **slots;
        size_t room, count;
};

void label_sets_clear(struct label_sets *sets);

struct label_set *label_sets_find(const struct label_sets *sets, const char *text); /* or NULL */

/* `first`: the first label alone; the text itself when it has only one, or none. */
struct label_set *label_sets_make(struct label_sets *sets, const char *text, const char *first);

/* The set of a first label alone and all that begin with it. */
void label_sets_remove_group(struct label_sets *sets, struct label_set *first);

/* NULL: this family has no series of it. */
struct label_place *label_set_place(const struct label_set *set, uint32_t family);
void label_set_add(struct label_set *set, struct label_place place);
void label_set_drop(struct label_set *set, uint32_t family);

#endif

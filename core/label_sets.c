/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/label_sets.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

#define FIRST_ROOM 64 /* a power of two, as all of them */

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_of(const char *text)
{
        uint64_t hash = UINT64_C(14695981039346656037);

        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
        return hash;
}

/* The slot of a text, or the free one where it belongs. */
static size_t slot_of(const struct label_sets *sets, const char *text)
{
        size_t slot = (size_t)hash_of(text) & (sets->room - 1);

        while (sets->slots[slot] && strcmp(sets->slots[slot]->text, text) != 0)
                slot = (slot + 1) & (sets->room - 1);
        return slot;
}

static void set_free(struct label_set *set)
{
        free(set->places);
        free(set->text);
        free(set);
}

void label_sets_clear(struct label_sets *sets)
{
        for (size_t i = 0; i < sets->room; i++)
                if (sets->slots[i])
                        set_free(sets->slots[i]);
        free(sets->slots);
        *sets = (struct label_sets){.slots = NULL};
}

struct label_set *label_sets_find(const struct label_sets *sets, const char *text)
{
        return sets->room > 0 ? sets->slots[slot_of(sets, text)] : NULL;
}

/* At most two thirds are taken. */
static void make_room(struct label_sets *sets)
{
        struct label_sets wider = {.room = sets->room ? 2 * sets->room : FIRST_ROOM, .count = sets->count};

        if (3 * (sets->count + 1) <= 2 * sets->room)
                return;
        wider.slots = memory_new(wider.room, sizeof(struct label_set *));
        for (size_t i = 0; i < sets->room; i++)
                if (sets->slots[i])
                        wider.slots[slot_of(&wider, sets->slots[i]->text)] = sets->slots[i];
        free(sets->slots);
        *sets = wider;
}

static struct label_set *insert(struct label_sets *sets, const char *text)
{
        struct label_set *set = memory_new(1, sizeof *set);

        make_room(sets);
        set->text = memory_copy_text(text);
        sets->slots[slot_of(sets, text)] = set;
        sets->count++;
        return set;
}

struct label_set *label_sets_make(struct label_sets *sets, const char *text, const char *first)
{
        struct label_set *set = label_sets_find(sets, text), *head;

        if (set)
                return set;
        set = insert(sets, text);
        if (strcmp(text, first) == 0)
                return set;
        head = label_sets_find(sets, first);
        if (!head)
                head = insert(sets, first);
        set->next = head->next;
        head->next = set;
        return set;
}

/* What stands behind a free slot moves up, unless it would be before where it belongs. */
static void remove_slot(struct label_sets *sets, size_t slot)
{
        size_t mask = sets->room - 1, free_slot = slot;

        sets->slots[free_slot] = NULL;
        for (size_t i = (slot + 1) & mask; sets->slots[i]; i = (i + 1) & mask) {
                size_t home = (size_t)hash_of(sets->slots[i]->text) & mask;

                if (((i - home) & mask) < ((i - free_slot) & mask))
                        continue;
                sets->slots[free_slot] = sets->slots[i];
                sets->slots[i] = NULL;
                free_slot = i;
        }
        sets->count--;
}

void label_sets_remove_group(struct label_sets *sets, struct label_set *first)
{
        while (first) {
                struct label_set *next = first->next;

                remove_slot(sets, slot_of(sets, first->text));
                set_free(first);
                first = next;
        }
}

struct label_place *label_set_place(const struct label_set *set, uint32_t family)
{
        for (uint32_t i = 0; i < set->count; i++)
                if (set->places[i].family == family)
                        return &set->places[i];
        return NULL;
}

void label_set_add(struct label_set *set, struct label_place place)
{
        if (set->count == set->room) {
                set->room += set->room / 2 + 2;
                set->places = memory_resize(set->places, set->room, sizeof *set->places);
        }
        set->places[set->count++] = place;
}

void label_set_drop(struct label_set *set, uint32_t family)
{
        struct label_place *place = label_set_place(set, family);

        if (place)
                *place = set->places[--set->count];
}

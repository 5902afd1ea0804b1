/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_PACKED_H
#define OPTCTL_CORE_PACKED_H

#include <stddef.h>

/*
 * Memory for what works now and then and rests most of the time. It is laid out for the largest there may be,
 * so that most of it is zeros; while it rests, they take no room. It comes back at the same place: pointers
 * into it stay good.
 */
struct packed;

/* Zeroed pages of its own. */
void *packed_memory_new(size_t size);
void packed_memory_free(void *memory, size_t size); /* NULL-safe; resting or not */

/* Lays it to rest: until packed_restore nobody may look at it. The caller frees what is returned. */
struct packed *packed_new(void *memory, size_t size);

/* As it was. */
void packed_restore(const struct packed *packed, void *memory);

size_t packed_bytes(const struct packed *packed); /* that it takes */

#endif

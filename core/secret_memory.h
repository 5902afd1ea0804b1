/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SECRET_MEMORY_H
#define OPTCTL_CORE_SECRET_MEMORY_H

#include <stddef.h>

/* Zeroed pages for text that must not leave the process: locked in memory as far as the system lets us, left
 * out of core files, wiped before they are given back. At least a page each: for few and small things. */
char *secret_memory_new(size_t bytes) __attribute__((returns_nonnull));
void secret_memory_free(char *memory, size_t bytes); /* NULL-safe; the same size as for _new */

#endif

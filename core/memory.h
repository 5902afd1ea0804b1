/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_MEMORY_H
#define OPTCTL_CORE_MEMORY_H

#include <stddef.h>

/*
 * Allocation that cannot fail: out of memory ends the process with one line. The loop is crash-safe, so dying
 * is better than a half-handled failure nobody has tested. All memory handed out is zeroed where it is new.
 */
void *memory_new(size_t count, size_t size) __attribute__((returns_nonnull));
void *memory_resize(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *memory_copy_text(const char *text); /* NULL stays NULL */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

void memory_free_cleanup(void *pointer_to_pointer);

/* A local that frees itself: `autofree char *text = NULL;` */
#define autofree __attribute__((cleanup(memory_free_cleanup)))

/* Declares `static inline void TYPE_cleanup(TYPE **)` for use with __attribute__((cleanup(...))). */
#define DEFINE_CLEANUP(function, type)                                                                       \
        static inline void function##_cleanup(type **pointer)                                                \
        {                                                                                                    \
                function(*pointer);                                                                          \
        }                                                                                                    \
        struct function##_needs_semicolon

#define autocall(function) __attribute__((cleanup(function##_cleanup)))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Moves a pointer out of an auto variable, so that its cleanup sees NULL. */
#define TAKE(pointer)                                                                                        \
        ({                                                                                                   \
                __typeof__(pointer) taken_ = (pointer);                                                      \
                (pointer) = NULL;                                                                            \
                taken_;                                                                                      \
        })

#endif

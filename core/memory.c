/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *pointer)
{
        if (!pointer) {
                fputs("optctl: out of memory\n", stderr);
                abort();
        }
        return pointer;
}

void *memory_new(size_t count, size_t size)
{
        return must(calloc(count ? count : 1, size ? size : 1));
}

void *memory_resize(void *old, size_t count, size_t size)
{
        return must(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *memory_copy_text(const char *text)
{
        return text ? must(strdup(text)) : NULL;
}

char *memory_format(const char *format, ...)
{
        char *text = NULL;
        va_list args;
        int used;

        va_start(args, format);
        used = vasprintf(&text, format, args);
        va_end(args);
        return must(used < 0 ? NULL : text);
}

void memory_free_cleanup(void *pointer_to_pointer)
{
        void *pointer;

        memcpy(&pointer, pointer_to_pointer, sizeof pointer);
        free(pointer);
}

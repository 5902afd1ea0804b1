/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_HEAP_H
#define OPTCTL_TESTS_SUPPORT_HEAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>

#define HEAP_PROBE_BYTES 4096

static inline size_t heap_now(void)
{
        struct mallinfo2 heap = mallinfo2();

        return heap.uordblks + heap.hblkhd;
}

/* Bytes that are in use. Skips the test where the allocator is another than glibc's (sanitizers). */
static inline size_t heap_bytes(void)
{
        size_t before = heap_now(), with;
        void *volatile probe = malloc(HEAP_PROBE_BYTES);

        with = heap_now();
        free(probe);
        if (with < before + HEAP_PROBE_BYTES)
                skip();
        return before;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/secret_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t whole_pages(size_t bytes)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);

        return (bytes + page - 1) / page * page;
}

char *secret_memory_new(size_t bytes)
{
        size_t room = whole_pages(bytes > 0 ? bytes : 1);
        /* cppcheck-suppress invalidFunctionArg ; without a file the descriptor is -1 */
        void *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED) {
                fputs("optctl: out of memory\n", stderr);
                abort();
        }
        /* Beyond the limit of locked memory it may be swapped: still better than not working. */
        (void)mlock(memory, room);
        (void)madvise(memory, room, MADV_DONTDUMP);
        return memory;
}

void secret_memory_free(char *memory, size_t bytes)
{
        if (!memory)
                return;
        explicit_bzero(memory, bytes);
        munmap(memory, whole_pages(bytes > 0 ? bytes : 1));
}

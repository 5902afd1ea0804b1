/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/packed.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define PACKED_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define PACKED_SANITIZED
#endif

#ifdef PACKED_SANITIZED
#include <sanitizer/asan_interface.h>
#define FORBID(memory, size) ASAN_POISON_MEMORY_REGION(memory, size)
#define ALLOW(memory, size)  ASAN_UNPOISON_MEMORY_REGION(memory, size)
#else
#define FORBID(memory, size) ((void)(memory), (void)(size))
#define ALLOW(memory, size)  ((void)(memory), (void)(size))
#endif

/* Words that are not zero, after each run of those that are. */
struct packed {
        size_t size; /* of the memory */
        size_t n_words;
        uint64_t words[]; /* a word that says how many zeros and how many others come, then the others */
};

#define OTHERS_BITS 32
#define OTHERS_MASK ((UINT64_C(1) << OTHERS_BITS) - 1)

/* ---- pages ---- */

static size_t whole_pages(size_t size)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);

        return (size + page - 1) / page * page;
}

static size_t words_of(size_t size)
{
        return (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

void *packed_memory_new(size_t size)
{
        const int no_file = -1;
        size_t whole = whole_pages(size);
        /* cppcheck-suppress invalidFunctionArg ; what goes with MAP_ANONYMOUS */
        void *memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, no_file, 0);

        if (memory == MAP_FAILED) {
                perror("optctl: out of memory");
                abort();
        }
        /* Large pages would be resident as a whole. */
        (void)madvise(memory, whole, MADV_NOHUGEPAGE);
        return memory;
}

void packed_memory_free(void *memory, size_t size)
{
        if (!memory)
                return;
        ALLOW(memory, whole_pages(size));
        munmap(memory, whole_pages(size));
}

/* ---- packing ---- */

static size_t run_of_zeros(const uint64_t *word, const uint64_t *end)
{
        const uint64_t *at = word;

        while (at < end && *at == 0)
                at++;
        return (size_t)(at - word);
}

static size_t run_of_others(const uint64_t *word, const uint64_t *end)
{
        const uint64_t *at = word;

        while (at < end && *at != 0)
                at++;
        return (size_t)(at - word);
}

/* Counts where `out` is NULL. */
static size_t pack(const uint64_t *word, const uint64_t *end, uint64_t *out)
{
        size_t used = 0;

        while (word < end) {
                size_t zeros = run_of_zeros(word, end);
                size_t others = run_of_others(word + zeros, end);

                if (out) {
                        out[used] = (uint64_t)zeros << OTHERS_BITS | others;
                        memcpy(out + used + 1, word + zeros, others * sizeof *out);
                }
                used += 1 + others;
                word += zeros + others;
        }
        return used;
}

struct packed *packed_new(void *memory, size_t size)
{
        const uint64_t *words = memory;
        size_t count = words_of(size), n_words = pack(words, words + count, NULL);
        struct packed *packed = memory_new(1, sizeof *packed + n_words * sizeof *packed->words);

        packed->size = size;
        packed->n_words = n_words;
        (void)pack(words, words + count, packed->words);
        /* The pages read as zeros when they are touched again. */
        if (madvise(memory, whole_pages(size), MADV_DONTNEED) != 0)
                memset(memory, 0, whole_pages(size));
        FORBID(memory, whole_pages(size));
        return packed;
}

void packed_restore(const struct packed *packed, void *memory)
{
        uint64_t *word = memory;

        ALLOW(memory, whole_pages(packed->size));
        for (size_t i = 0; i < packed->n_words;) {
                size_t others = (size_t)(packed->words[i] & OTHERS_MASK);

                word += packed->words[i++] >> OTHERS_BITS;
                memcpy(word, packed->words + i, others * sizeof *word);
                word += others;
                i += others;
        }
}

size_t packed_bytes(const struct packed *packed)
{
        return sizeof *packed + packed->n_words * sizeof *packed->words;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rests comes back as it was, and zeros took no room meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/packed.h"

#define SIZE 70000 /* neither whole pages nor whole words of 64 bits */

static void fill_somewhere(unsigned char *bytes, unsigned seed)
{
        for (size_t i = 0; i < SIZE; i++) {
                seed = seed * 1103515245u + 12345u;
                if (seed >> 16 & 1 << (i / 7000 % 4))
                        bytes[i] = (unsigned char)(seed >> 20);
        }
}

static void test_comes_back_as_it_was(void **state)
{
        (void)state;
        for (unsigned seed = 0; seed < 50; seed++) {
                unsigned char *memory = packed_memory_new(SIZE);
                autofree unsigned char *copy = memory_new(SIZE, 1);
                autofree struct packed *packed = NULL;

                fill_somewhere(memory, seed);
                memcpy(copy, memory, SIZE);
                packed = packed_new(memory, SIZE);
                packed_restore(packed, memory);
                assert_memory_equal(memory, copy, SIZE);
                packed_memory_free(memory, SIZE);
        }
}

static void test_pointers_into_it_stay_good(void **state)
{
        struct {
                char text[SIZE];
                const char *word;
        } *thing = packed_memory_new(sizeof *thing);
        autofree struct packed *packed = NULL;

        (void)state;
        strcpy(thing->text + 40000, "still here");
        thing->word = thing->text + 40000;
        packed = packed_new(thing, sizeof *thing);
        packed_restore(packed, thing);
        assert_string_equal(thing->word, "still here");
        packed_memory_free(thing, sizeof *thing);
}

static void test_zeros_take_no_room(void **state)
{
        unsigned char *memory = packed_memory_new(SIZE);
        autofree struct packed *packed = NULL;

        (void)state;
        memset(memory + 50000, 1, 1000);
        packed = packed_new(memory, SIZE);
        assert_in_range(packed_bytes(packed), 1000, 1100);
        packed_memory_free(memory, SIZE);
}

static void test_edges(void **state)
{
        static const size_t ends[] = {0, SIZE - 1};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
                unsigned char *memory = packed_memory_new(SIZE);
                autofree struct packed *packed = NULL;

                memory[ends[i]] = 7;
                packed = packed_new(memory, SIZE);
                packed_restore(packed, memory);
                assert_int_equal(memory[ends[i]], 7);
                packed_memory_free(memory, SIZE);
        }
        packed_memory_free(NULL, SIZE);
}

static void test_nothing_at_all(void **state)
{
        unsigned char *memory = packed_memory_new(SIZE);
        autofree struct packed *packed = packed_new(memory, SIZE);

        (void)state;
        assert_in_range(packed_bytes(packed), 1, 64);
        packed_restore(packed, memory);
        for (size_t i = 0; i < SIZE; i++)
                assert_int_equal(memory[i], 0);
        packed_memory_free(memory, SIZE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_comes_back_as_it_was),
                cmocka_unit_test(test_pointers_into_it_stay_good),
                cmocka_unit_test(test_zeros_take_no_room),
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_nothing_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

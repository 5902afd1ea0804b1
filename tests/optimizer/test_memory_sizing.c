/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workers' memory from what was measured: the formula of the Flink Kubernetes Operator's memory tuning by
 * arithmetic, and what must never happen (metaspace starved, slowness by garbage taken for lack of workers).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/clock.h"
#include "optimizer/memory_sizing.h"

#define MI          ((double)(1 << 20))
#define START_MS    ((int64_t)1000 * MS_PER_HOUR)
#define MINUTE_MS   ((int64_t)60 * MS_PER_SECOND)
#define GIVEN(u, m) ((struct memory_use){(u)*MI, (m)*MI})

static struct operator_info operators[] = {{.name = "read", .source = true},
                                           {.name = "work"},
                                           {.name = "write"}};
static struct edge edges[] = {{.from = 0, .to = 1, .hash = true, .selectivity = 1},
                              {.from = 1, .to = 2, .selectivity = 1}};
static struct knob parts[] = {
        {.name = "memory.heap", .role = KNOB_MEMORY, .operator_index = -1, .min = 64 * MI, .max = 4096 * MI},
        {.name = "memory.managed", .role = KNOB_MEMORY, .operator_index = -1, .min = 0, .max = 4096 * MI},
        {.name = "memory.network",
         .role = KNOB_MEMORY,
         .operator_index = -1,
         .min = 1 * MI,
         .max = 1024 * MI},
        {.name = "memory.metaspace",
         .role = KNOB_MEMORY,
         .operator_index = -1,
         .min = 64 * MI,
         .max = 1024 * MI},
};
static struct knob whole[] = {
        {.name = "memory",
         .role = KNOB_MEMORY,
         .operator_index = -1,
         .min = 512 * MI,
         .max = 8192 * MI,
         .step = 256 * MI},
};

enum { HEAP, MANAGED, NETWORK, METASPACE };

struct play {
        struct pipeline pipeline;
        struct memory_sizing_options options;
        struct memory_sizing *sizing;
        struct observation seen;
        struct deployment next;
        struct configuration wanted;
        char reason[400];
};

static void play_open(struct play *play, struct knob *knobs, int n_knobs)
{
        struct error err = ERROR_INIT;

        memset(play, 0, sizeof *play);
        play->pipeline = (struct pipeline){.n_operators = 3,
                                           .operators = operators,
                                           .n_edges = 2,
                                           .edges = edges,
                                           .slots_per_worker = 2,
                                           .n_knobs = n_knobs,
                                           .knobs = knobs};
        assert_true(option_parse(&memory_sizing_table, NULL, &play->options, &err));
        play->sizing = memory_sizing_new(&play->options, &play->pipeline);
        observation_clear(&play->seen, START_MS, 60000, 3);
        play->seen.workers = 2;
        play->seen.memory = (struct memory_observation){.heap = GIVEN(700, 1000),
                                                        .managed = GIVEN(100, 400),
                                                        .network = GIVEN(10, 64),
                                                        .metaspace = GIVEN(120, 256),
                                                        .gc_ratio = 0.01};
        play->next = (struct deployment){.workers = 2, .parallelism = {2, 4, 4}};
        play->seen.configuration.count = n_knobs;
        if (n_knobs == 4)
                for (int i = 0; i < n_knobs; i++)
                        play->seen.configuration.value[i] = (double[]){1000, 400, 64, 256}[i] * MI;
        else
                play->seen.configuration.value[0] = 2048 * MI;
}

/* A turn at so many minutes from the start; true when memory should change. */
static bool turn(struct play *play, int64_t minute)
{
        play->seen.time_ms = START_MS + minute * MINUTE_MS;
        memory_sizing_observe(play->sizing, &play->seen);
        play->wanted = play->seen.configuration;
        return memory_sizing_propose(play->sizing, &play->seen, &play->next, &play->wanted, play->reason,
                                     sizeof play->reason);
}

/*
 * read 2 -hash-> work 4 -forward-> write 4, 2 buffers a channel, 8 a gate, segments of 32 KiB, 2 slots:
 *   read's output to 4: 16; work's input from 2: 12; work's output and write's input, one to one: 10 each
 *   48 segments x 32 KiB x 2 slots = 3 MiB
 * With write at 3 the second edge joins all with all: 3 x 2 + 8 and 4 x 2 + 8, so 58 segments.
 */
static void network(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        assert_float_equal(memory_sizing_network(&play.options, &play.pipeline, (int[]){2, 4, 4}), 3 * MI, 0);
        assert_float_equal(memory_sizing_network(&play.options, &play.pipeline, (int[]){2, 4, 3}),
                           58 * 32768.0 * 2, 0);
        memory_sizing_free(play.sizing);
}

/* After a day: heap 700 x 1.2 (nearer than a fifth: stays), managed as it is since some is used, network 10
 * x 1.2, metaspace 120 x 1.2. Not before. */
static void what_is_too_much(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        for (int hour = 0; hour < 24; hour++)
                assert_false(turn(&play, hour * 60));
        assert_true(turn(&play, 24 * 60));
        assert_float_equal(play.wanted.value[HEAP], 1000 * MI, 0);
        assert_float_equal(play.wanted.value[MANAGED], 400 * MI, 0);
        assert_float_equal(play.wanted.value[NETWORK], 12 * MI, 0);
        assert_float_equal(play.wanted.value[METASPACE], 144 * MI, 0);
        assert_non_null(strstr(play.reason, "memory.metaspace 256Mi -> 144Mi (at most 120Mi used)"));
        /* Nobody followed: it is not said again at once. */
        assert_false(turn(&play, 24 * 60 + 1));
        memory_sizing_free(play.sizing);
}

/* The peak of a day counts, for a day: 200 x 1.2 is 240 of 256. */
static void a_peak(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        for (int hour = 0; hour < 9 + 24; hour++) {
                play.seen.memory.metaspace.used_bytes = (hour == 9 ? 200 : 120) * MI;
                play.seen.memory.network.used_bytes = 50 * MI;
                assert_false(turn(&play, hour * 60));
        }
        assert_true(turn(&play, (9 + 24) * 60));
        assert_float_equal(play.wanted.value[METASPACE], 144 * MI, 0);
        memory_sizing_free(play.sizing);
}

static void unused_managed_memory(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        play.seen.memory.managed.used_bytes = 0;
        for (int hour = 0; hour < 24; hour++)
                turn(&play, hour * 60);
        assert_true(turn(&play, 24 * 60));
        assert_float_equal(play.wanted.value[MANAGED], 0, 0);
        memory_sizing_free(play.sizing);
}

/* Metaspace that is nearly full grows at once: 250 x 1.2. */
static void metaspace_is_never_starved(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        play.seen.memory.metaspace.used_bytes = 250 * MI;
        assert_true(turn(&play, 0));
        assert_float_equal(play.wanted.value[METASPACE], 300 * MI, 0);
        assert_float_equal(play.wanted.value[HEAP], 1000 * MI, 0);
        memory_sizing_free(play.sizing);
}

/* A heap that is full but hardly collected has what it needs: JVMs fill what they are given. */
static void a_full_heap_is_no_small_heap(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        play.seen.memory.heap.used_bytes = 990 * MI;
        assert_false(turn(&play, 0));
        /* Without a word about garbage, it might be: 990 x 1.2. */
        play.seen.memory.gc_ratio = NAN;
        assert_true(turn(&play, 1));
        assert_float_equal(play.wanted.value[HEAP], 1188 * MI, 0);
        memory_sizing_free(play.sizing);
}

/* Half the workers hold twice the heap: 700 x 1.2 x 2. */
static void fewer_workers_hold_more(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        play.next.workers = 1;
        assert_true(turn(&play, 0));
        assert_float_equal(play.wanted.value[HEAP], 1680 * MI, 0);
        memory_sizing_free(play.sizing);
}

/* Wide layouts need more buffers, at once and however recent the last change is. */
static void wide_layouts(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        play.next = (struct deployment){.workers = 100, .parallelism = {200, 200, 200}};
        assert_false(turn(&play, 0)); /* 2 x 408 + 2 x 10 = 836 segments, 2 slots: 52.25 MiB of 64 */
        play.seen.memory.gc_ratio = 0.4;
        assert_true(turn(&play, 1));
        play.seen.configuration = play.wanted;
        play.next.parallelism[0] = play.next.parallelism[1] = play.next.parallelism[2] = 400;
        assert_true(turn(&play, 2)); /* 2 x 808 + 2 x 10 = 1636: 102.25 MiB */
        assert_float_equal(play.wanted.value[NETWORK], 103 * MI, 0);
        assert_float_equal(play.wanted.value[HEAP], 1500 * MI, 0);
        memory_sizing_free(play.sizing);
}

/* ---- garbage ---- */

static void garbage_comes_first(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        play.seen.memory.gc_ratio = 0.4;
        play.seen.time_ms = START_MS;
        assert_false(memory_sizing_observe(play.sizing, &play.seen));
        assert_true(memory_sizing_first(play.sizing, &play.seen));
        assert_true(turn(&play, 1));
        assert_float_equal(play.wanted.value[HEAP], 1500 * MI, 0);
        assert_non_null(strstr(play.reason, "garbage"));
        /* Where it does not help, or nobody follows, the rest goes on after a quarter of an hour ... */
        turn(&play, 14);
        assert_true(memory_sizing_first(play.sizing, &play.seen));
        turn(&play, 16);
        assert_false(memory_sizing_first(play.sizing, &play.seen));
        /* ... and after half an hour that is how fast this job is. */
        play.seen.time_ms = START_MS + 29 * MINUTE_MS;
        assert_false(memory_sizing_observe(play.sizing, &play.seen));
        play.seen.time_ms = START_MS + 31 * MINUTE_MS;
        assert_true(memory_sizing_observe(play.sizing, &play.seen));
        memory_sizing_free(play.sizing);
}

/* Starting up collects garbage, too; and what is not known is no pressure. */
static void what_is_no_pressure(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        play.seen.memory.gc_ratio = 0.4;
        play.seen.restarting = true;
        assert_true(memory_sizing_observe(play.sizing, &play.seen));
        play.seen.restarting = false;
        play.seen.memory.gc_ratio = NAN;
        assert_true(memory_sizing_observe(play.sizing, &play.seen));
        play.seen.memory.gc_ratio = 0.09;
        assert_true(memory_sizing_observe(play.sizing, &play.seen));
        assert_false(memory_sizing_first(play.sizing, &play.seen));
        memory_sizing_free(play.sizing);
}

/* With one knob for all of it: 2 Gi + half of the heap of 1000 Mi, up to the next step of 256 Mi: 2560 Mi. */
static void memory_as_a_whole(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, whole, 1);
        play.seen.memory.gc_ratio = 0.4;
        assert_true(turn(&play, 0));
        assert_float_equal(play.wanted.value[0], 2560 * MI, 0);
        play.seen.configuration.value[0] = 8192 * MI; /* no more than the knob allows */
        assert_false(turn(&play, 7 * 60));
        memory_sizing_free(play.sizing);
}

static void nothing_measured(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, parts, 4);
        observation_clear(&play.seen, START_MS, 60000, 3);
        play.seen.configuration.count = 4;
        for (int hour = 0; hour <= 48; hour++)
                assert_false(turn(&play, hour * 60));
        memory_sizing_free(play.sizing);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(network),
                cmocka_unit_test(what_is_too_much),
                cmocka_unit_test(a_peak),
                cmocka_unit_test(unused_managed_memory),
                cmocka_unit_test(metaspace_is_never_starved),
                cmocka_unit_test(a_full_heap_is_no_small_heap),
                cmocka_unit_test(fewer_workers_hold_more),
                cmocka_unit_test(wide_layouts),
                cmocka_unit_test(garbage_comes_first),
                cmocka_unit_test(what_is_no_pressure),
                cmocka_unit_test(memory_as_a_whole),
                cmocka_unit_test(nothing_measured),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

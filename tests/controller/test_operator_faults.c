/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The operator killed at each of its writes, and an API server that is behind, silent, forgetful, broken or
 * away: the end is that of the undisturbed run, and no target is changed once more than there. What each
 * fault stands for is in the fault plan of docs/operator.md, by its number.
 */
#include "tests/support/operator_life.h"

/* Ten; three; and, once it is no longer paused, six: a load that takes eight, by a spec that allows no more.
 */
static void paused_and_resumed(void **state)
{
        static const struct play over = {
                .acts = {{1, create},
                         {45, calm},
                         {90, allow_six},
                         {135, pause_it},
                         {136, storm},
                         {180, resume_it}},
                .end_seconds = 240,
        };
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 6, 3, 2);
}

/* Ten, three, six; a process that died leaves time for the next one to lead before anything else happens. */
static const struct play all_of_it = {
        .acts = {{1, create}, {55, calm}, {100, allow_six}, {111, storm}},
        .end_seconds = 170,
};

struct run {
        struct scratch scratch;
        pid_t child;
};

/* I1 to I4, from the `first` write on. True: all of them were made, so that there are more. */
static bool kill_at(int first, bool after)
{
        struct run runs[AT_ONCE];
        bool more = true;

        for (int i = 0; i < AT_ONCE; i++) {
                runs[i].scratch = scratch_open();
                runs[i].child = start_life(&all_of_it, &runs[i].scratch, first + i, after);
        }
        for (int i = 0; i < AT_ONCE; i++) {
                more = end_of_life(runs[i].child);
                runs[i].child = more ? start_life(&all_of_it, &runs[i].scratch, 0, false) : 0;
        }
        for (int i = 0; i < AT_ONCE; i++) {
                struct ending_state ending;

                if (runs[i].child)
                        assert_false(end_of_life(runs[i].child));
                ending = ending_of(&runs[i].scratch);
                if (ending.applied != 3)
                        print_message("killed %s write %d\n", after ? "after" : "before", first + i);
                check(&ending, 6, 3, 2);
                scratch_close(&runs[i].scratch);
        }
        return more;
}

/* Before each write, and after it, when its answer is on its way. */
static void I_killed_at_every_write(void **state)
{
        (void)state;
        for (int after = 0; after < 2; after++) {
                int first = 1;

                while (kill_at(first, after != 0))
                        first += AT_ONCE;
                assert_true(first > AT_ONCE);
        }
}

/* A fault, from the start or from the first change on; then, after a while, another load. */
static void check_fault(enum cluster_fault fault, int64_t seconds, int64_t patience_seconds)
{
        struct play plays[2];
        struct ending_state endings[2];

        for (int i = 0; i < 2; i++) {
                int64_t from = 20 * i, calm_at = from + seconds + patience_seconds;

                plays[i] = (struct play){.acts = {{1, create}, {calm_at, calm}},
                                         .end_seconds = calm_at + 90,
                                         .fault = fault,
                                         .from_seconds = from,
                                         .until_seconds = from + seconds};
        }
        play_all(plays, 2, endings);
        for (int i = 0; i < 2; i++) {
                check(&endings[i], 3, 2, 1);
                assert_in_range(endings[i].status_writes, 3, 12);
        }
}

#define FAULT_TEST(name, fault, seconds)                                                                     \
        static void name(void **state)                                                                       \
        {                                                                                                    \
                (void)state;                                                                                 \
                check_fault(fault, seconds, 60);                                                             \
        }

FAULT_TEST(H1_conflicts, CLUSTER_CONFLICTS, 60)
FAULT_TEST(H2_busy, CLUSTER_BUSY, 60)
FAULT_TEST(H3_fails, CLUSTER_FAILS, 60)
FAULT_TEST(H3_unavailable, CLUSTER_UNAVAILABLE, 60)
FAULT_TEST(H4_reset_mid_body, CLUSTER_RESET, 60)
FAULT_TEST(H5_slow_loris, CLUSTER_SLOW, 60)
FAULT_TEST(H6_unauthorized, CLUSTER_UNAUTHORIZED, 60)
FAULT_TEST(H7_forbidden, CLUSTER_FORBIDDEN, 60)
FAULT_TEST(H8_down_for_ten_minutes, CLUSTER_DOWN, 600)
FAULT_TEST(H9_definition_deleted, CLUSTER_UNSERVED, 60)
FAULT_TEST(S4_frozen_watch, CLUSTER_FROZEN, 60)
FAULT_TEST(U4_watch_gone, CLUSTER_GONE, 60)
FAULT_TEST(U_events_dropped, CLUSTER_DROPPED, 60)
FAULT_TEST(U_events_doubled, CLUSTER_DOUBLED, 60)

/* An object whose event is lost is seen with the next list, ten minutes after the one before. */
static void U5_bookmarks_alone(void **state)
{
        (void)state;
        check_fault(CLUSTER_BOOKMARKS, 60, 640);
}

/* A change whose event is lost is found when the next write of the status meets it: a list is asked for.
 * Until then the old spec holds, by which eight are right. */
static void U_a_lost_change_is_found_by_a_conflict(void **state)
{
        static const struct play over = {
                .acts = {{1, create}, {45, allow_six}, {70, storm}, {150, flood}},
                .end_seconds = 240,
                .fault = CLUSTER_BOOKMARKS,
                .from_seconds = 40,
                .until_seconds = 60,
        };
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 6, 3, 2);
}

/* S1: started anew on a list of before its last decision, and of another spec. Ten were right by the old
 * spec; more than four are wrong by the new one. */
static void S1_restart_on_an_old_list(void **state)
{
        static const struct play stale = {
                .acts = {{1, calm}, {2, create}, {45, allow_four}, {71, storm}},
                .end_seconds = 300,
                .fault = CLUSTER_OLD_LIST,
                .from_seconds = 70,
                .until_seconds = 200,
        };
        struct scratch scratch = scratch_open();
        struct play first = stale;
        struct ending_state ending;

        (void)state;
        first.fault = CLUSTER_HEALTHY;
        first.end_seconds = 70;
        run_life(&first, &scratch);
        assert_int_equal(ending_of(&scratch).parallelism, 3);
        first = stale;
        first.end_seconds = 190;
        run_life(&first, &scratch);
        assert_int_equal(ending_of(&scratch).parallelism, 3);
        run_life(&stale, &scratch);
        ending = ending_of(&scratch);
        assert_int_equal(ending.parallelism, 4);
        scratch_close(&scratch);
}

static void U1_there_and_back(void **state)
{
        static const struct play over = {.acts = {{1, create}, {45, there_and_back}, {90, calm}},
                                         .end_seconds = 150};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 3, 2, 3);
}

static void U2_deleted_and_made_anew(void **state)
{
        static const struct play over = {.acts = {{1, create}, {45, replace}, {90, calm}},
                                         .end_seconds = 150};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 3, 2, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(paused_and_resumed),
                cmocka_unit_test(I_killed_at_every_write),
                cmocka_unit_test(H1_conflicts),
                cmocka_unit_test(H2_busy),
                cmocka_unit_test(H3_fails),
                cmocka_unit_test(H3_unavailable),
                cmocka_unit_test(H4_reset_mid_body),
                cmocka_unit_test(H5_slow_loris),
                cmocka_unit_test(H6_unauthorized),
                cmocka_unit_test(H7_forbidden),
                cmocka_unit_test(H8_down_for_ten_minutes),
                cmocka_unit_test(H9_definition_deleted),
                cmocka_unit_test(S1_restart_on_an_old_list),
                cmocka_unit_test(S4_frozen_watch),
                cmocka_unit_test(U1_there_and_back),
                cmocka_unit_test(U2_deleted_and_made_anew),
                cmocka_unit_test(U4_watch_gone),
                cmocka_unit_test(U5_bookmarks_alone),
                cmocka_unit_test(U_a_lost_change_is_found_by_a_conflict),
                cmocka_unit_test(U_events_dropped),
                cmocka_unit_test(U_events_doubled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * More rows of the fault plan (docs/operator.md) by their number, in virtual time: what a user asks of a
 * pipeline, what somebody else does to its target, metrics that stand still, and a ledger that a power cut
 * tore.
 */
#include <sys/stat.h>

#include "controller/operator/object.h"
#include "core/text.h"
#include "tests/support/operator_life.h"

/* ---- looks while it goes on ---- */

static void look(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "not so: %s\n", what);
        _exit(1);
}

static void says(const struct life *life, const char *condition)
{
        autofree char *all = kube_cluster_conditions(life->cluster, "orders");

        look(strstr(all, condition) != NULL, all);
}

/* ---- S5 ---- */

static void ask_for_fresh(struct life *life)
{
        apply_more(life, "Auto", 1, 64, "\"guardrails\": {\"maxAgeSeconds\": 30}, ");
}

static void stand_still(struct life *life)
{
        const struct clock clock = reactor_clock(life->reactor);

        world[0].seen_ms = clock_now_ms(&clock);
}

static void go_on(struct life *life)
{
        (void)life;
        look(world[0].parallelism == 10 && world[0].applied == 1, "nothing is changed by what is old");
        world[0].seen_ms = 0;
}

/* Metrics that stand still decide nothing once they are old, whatever they show. */
static void S5_metrics_stand_still(void **state)
{
        static const struct play over =
                {.acts = {{1, ask_for_fresh}, {75, stand_still}, {110, flood}, {160, go_on}},
                 .guarded = true,
                 .end_seconds = 230};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 20, 2, 1);
}

/* ---- U3 ---- */

#define HOLD_A_MINUTE "\"guardrails\": {\"foreignChangeHoldSeconds\": 60}, "

static void create_patient(struct life *life)
{
        apply_more(life, "Auto", 1, 64, HOLD_A_MINUTE);
}

static void set_twelve(struct life *life)
{
        (void)life;
        world[0].parallelism = 12;
}

static void twelve_run(struct life *life)
{
        (void)life;
        look(world[0].parallelism == 12 && world[0].applied == 1, "twelve run, as somebody else set it");
}

/* Somebody else's change stays as long as the spec says. */
static void U3_scaled_by_somebody_else(void **state)
{
        static const struct play over = {.acts = {{1, create_patient}, {75, set_twelve}, {130, twelve_run}},
                                         .end_seconds = 200};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 10, 2, 1);
}

/* ---- A: what a user asks for ---- */

static void ask_wrongly(struct life *life)
{
        apply_with(life, "Auto", 8, 4);
}

static void is_invalid(struct life *life)
{
        says(life, "Accepted=False/InvalidSpec");
        says(life, "Ready=False/InvalidSpec");
        look(world[0].applied == 1, "nothing is changed by a spec that is wrong");
}

static void A3_min_above_max_and_back(void **state)
{
        static const struct play over =
                {.acts = {{1, create}, {75, ask_wrongly}, {110, is_invalid}, {111, create}},
                 .end_seconds = 160};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 10, 1, 3);
}

static void allow_thousands(struct life *life)
{
        apply_with(life, "Auto", 1, 100000);
        world[0].load = 99950;
}

static void A3_a_thousand(void **state)
{
        static const struct play over = {.acts = {{1, allow_thousands}}, .end_seconds = 100};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 1000, 1, 1);
}

static void stop_it(struct life *life)
{
        (void)life;
        world[0].parallelism = 0;
}

static void is_not_reached(struct life *life)
{
        says(life, "Reached=False");
        says(life, "Ready=False");
        look(world[0].applied == 1, "what is stopped is not started");
}

static void start_it(struct life *life)
{
        (void)life;
        world[0].parallelism = 10;
}

static void A3_stopped_and_started(void **state)
{
        static const struct play over =
                {.acts = {{1, create}, {75, stop_it}, {110, is_not_reached}, {111, start_it}},
                 .end_seconds = 160};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 10, 1, 1);
}

static void host_four(struct life *life)
{
        apply_more(life, "Auto", 1, 64,
                   "\"guardrails\": {\"maxWorkers\": 4}, \"prices\": "
                   "{\"currency\": \"USD\", \"worker\": {\"perHour\": \"1\"}}, ");
}

/* Optional sections are taken away: as if they had never been there. */
static void A6_optional_sections_go(void **state)
{
        static const struct play over = {.acts = {{1, host_four}, {80, create}}, .end_seconds = 160};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 10, 2, 2);
}

static void freeze_for_good(struct life *life)
{
        apply_more(life, "Auto", 1, 64,
                   "\"guardrails\": {\"freeze\": [{\"cron\": \"* * * * *\", \"seconds\": 3600}]}, ");
}

static void is_held(struct life *life)
{
        says(life, "Ready=True/Tuned");
        look(world[0].parallelism == 2 && world[0].applied == 0, "nothing is changed in a freeze window");
}

/* Rules that nothing can meet hold the pipeline as it is, until they go. */
static void A10_rules_that_nothing_meets(void **state)
{
        static const struct play over = {.acts = {{1, freeze_for_good}, {70, is_held}, {71, create}},
                                         .guarded = true,
                                         .end_seconds = 150};
        const struct ending_state ending = play(&over);

        (void)state;
        check(&ending, 10, 1, 2);
}

/* ---- A11 ---- */

#define EDITS 20
#define PATHS 8

static void edit(struct life *life)
{
        unsigned drawn = (life->play->drawn_by * 7919 + (unsigned)life->acts_done * 104729) % 8191 % 8;

        switch (drawn) {
        case 0:
                apply_with(life, "Observe", 1, 64);
                break;
        case 1:
                apply_with(life, "Recommend", 1, 64);
                break;
        case 2:
                pause_it(life);
                break;
        case 3:
                resume_it(life);
                break;
        case 4:
                ask_wrongly(life);
                break;
        case 5:
                host_four(life);
                break;
        case 6:
                replace(life);
                break;
        default:
                apply_with(life, "Auto", 1, 3 + (int)(drawn + life->play->drawn_by) % 9);
        }
}

/* The last of all edits, that nobody keeps it paused, and more to do than seven can, whatever runs. */
static void allow_seven(struct life *life)
{
        apply_with(life, "Auto", 1, 7);
        resume_it(life);
        world[0].load = 1950;
}

/* Whatever was asked for before, what comes of it is what comes of the last edit alone. */
static void A11_any_path_of_edits(void **state)
{
        struct play plays[1 + PATHS] = {{.acts = {{1, allow_seven}}, .end_seconds = 100}};
        struct ending_state endings[1 + PATHS];

        (void)state;
        for (unsigned i = 1; i <= PATHS; i++) {
                plays[i] = (struct play){.acts = {{1, create}, [EDITS + 1] = {200, allow_seven}},
                                         .end_seconds = 330,
                                         .drawn_by = i};
                for (int n = 1; n <= EDITS; n++)
                        plays[i].acts[n] = (struct act){1 + 9 * n, edit};
        }
        play_all(plays, 1 + PATHS, endings);
        assert_int_equal(endings[0].parallelism, 7);
        for (int i = 1; i <= PATHS; i++) {
                assert_string_equal(endings[i].conditions, endings[0].conditions);
                assert_int_equal(endings[i].parallelism, endings[0].parallelism);
                assert_int_equal(endings[i].workers, endings[0].workers);
        }
}

/* ---- I6 ---- */

static void allow_six_patiently(struct life *life)
{
        apply_more(life, "Auto", 1, 6, HOLD_A_MINUTE);
}

/* A change that the ledger forgot passes for somebody else's, and is held for a minute. */
static const struct play all_of_it = {
        .acts = {{1, create_patient}, {75, calm}, {155, allow_six_patiently}, {166, storm}},
        .end_seconds = 290,
};

/* What a power cut leaves of the ledger: half of what was written last, none of it, rubbish, nothing at all.
 */
static void tear(const struct scratch *scratch, int how)
{
        autofree char *ledger = scratch_path(scratch, "ledger.db");
        autofree char *log = scratch_path(scratch, "ledger.db-wal");
        autofree char *index = scratch_path(scratch, "ledger.db-shm");
        static const char rubbish[] = "SQLite format 3 was here, and then the lights went out.";
        struct error err = ERROR_INIT;
        struct stat found;

        unlink(index);
        if (how == 0 && stat(log, &found) == 0)
                assert_int_equal(truncate(log, found.st_size / 2), 0);
        if (how > 0)
                unlink(log);
        if (how == 2)
                assert_true(text_write_file(ledger, rubbish, sizeof rubbish - 1, &err));
        if (how == 3)
                unlink(ledger);
}

struct run {
        struct scratch scratch;
        pid_t child;
};

/* From the `first` write on. True: all of them were made, so that there are more. */
static bool cut_at(int first)
{
        struct run runs[AT_ONCE];
        bool more = true;

        for (int i = 0; i < AT_ONCE; i++) {
                runs[i].scratch = scratch_open();
                runs[i].child = start_life(&all_of_it, &runs[i].scratch, first + i, true);
        }
        for (int i = 0; i < AT_ONCE; i++) {
                more = end_of_life(runs[i].child);
                tear(&runs[i].scratch, (first + i) % 4);
                runs[i].child = more ? start_life(&all_of_it, &runs[i].scratch, 0, false) : 0;
        }
        for (int i = 0; i < AT_ONCE; i++) {
                struct ending_state ending;

                if (runs[i].child)
                        assert_false(end_of_life(runs[i].child));
                ending = ending_of(&runs[i].scratch);
                if (ending.parallelism != 6 || ending.applied != 3)
                        print_message("torn after write %d\n", first + i);
                check_steered(&ending, 6, 3, 2);
                assert_string_not_equal(ending.outcome, "Pending");
                scratch_close(&runs[i].scratch);
        }
        return more;
}

/* Torn after any write: it is opened, or another one begun, and the target changed as often as ever. What
 * became of the newest change may be forgotten; that it is under way no object goes on saying. */
static void I6_power_cut(void **state)
{
        int first = 1;

        (void)state;
        while (cut_at(first))
                first += AT_ONCE;
        assert_true(first > 1);
}

/* ---- L ---- */

static struct ending_state earlier; /* the end of a life that may still have a write under way */

static void deliver_late(struct life *life)
{
        const struct kube_target target = {&tuned_resource, "n", "orders", "status"};
        const struct kube_write write = {.uid = earlier.uid, .resource_version = earlier.version};
        autojson *status = json_pack("{s:{s:i}}", "status", "currentWorkers", 99), *written = NULL;
        struct kube_client *client = kube_cluster_client(life->cluster, life->http);
        struct error err = ERROR_INIT;

        look(!kube_merge(client, &target, status, &write, &written, &err), "a late write is refused");
        look(err.code == ERROR_CONFLICT, err.message);
        kube_client_free(client);
}

/* Nothing happens to the pipeline between two leaders: what the first one sent and a network held back is
 * refused all the same, since the second one has said that it leads. */
static void L3_a_late_write_of_an_earlier_leader(void **state)
{
        static const struct play over = {.acts = {{1, create}, {110, deliver_late}}, .end_seconds = 120};
        struct play first = over;
        struct scratch scratch = scratch_open();
        struct ending_state ending;

        (void)state;
        first.end_seconds = 60;
        run_life(&first, &scratch);
        earlier = ending_of(&scratch);
        check(&earlier, 10, 1, 1);
        run_life(&over, &scratch);
        ending = ending_of(&scratch);
        check(&ending, 10, 1, 1);
        assert_string_not_equal(ending.leader, earlier.leader);
        scratch_close(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(I6_power_cut),
                cmocka_unit_test(S5_metrics_stand_still),
                cmocka_unit_test(U3_scaled_by_somebody_else),
                cmocka_unit_test(A3_min_above_max_and_back),
                cmocka_unit_test(A3_a_thousand),
                cmocka_unit_test(A3_stopped_and_started),
                cmocka_unit_test(A6_optional_sections_go),
                cmocka_unit_test(A10_rules_that_nothing_meets),
                cmocka_unit_test(A11_any_path_of_edits),
                cmocka_unit_test(L3_a_late_write_of_an_earlier_leader),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

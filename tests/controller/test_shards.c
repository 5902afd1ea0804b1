/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replicas that divide work into shards, in virtual time: whatever comes, goes and is cut off, a shard is
 * nobody's or one replica's, and soon all have as many. The times are those of one Lease: 15 s, 10 s, 2 s
 * (tests/core/test_kubernetes_elector.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/operator/shards.h"
#include "core/json.h"
#include "core/random.h"
#include "core/text.h"
#include "tests/support/http_stage.h"
#include "tests/support/kube_cluster.h"

#define SECOND   INT64_C(1000)
#define LOOK_MS  INT64_C(250)
#define REPLICAS 4
#define SHARDS   6

#define TAKEN_MS (20 * SECOND) /* after somebody is gone without a word */
#define MOVED_MS (15 * SECOND) /* after somebody came, or left in order */

struct replica {
        struct scene *scene;
        char identity[16];
        struct scripted_peer *door;
        struct kube_client *client;
        struct shards *shards; /* NULL: it has not come yet */
        bool busy;             /* something is under way in all that it has */
};

struct scene {
        struct http_stage *stage;
        struct kube_cluster *cluster;
        struct replica replicas[REPLICAS];
        bool over;
        void (*play)(struct scene *scene);
};

/* ---- replicas ---- */

static void on_changed(void *context, int shard)
{
        (void)context;
        assert_in_range(shard, 0, SHARDS - 1);
}

static bool is_empty(void *context, int shard)
{
        (void)shard;
        return !((const struct replica *)context)->busy;
}

static void come_with(struct scene *scene, int number, int count)
{
        struct replica *replica = &scene->replicas[number];
        struct shards_setup setup = {.reactor = scene->stage->reactor,
                                     .namespace = "n",
                                     .name = "optctl",
                                     .identity = replica->identity,
                                     .count = count,
                                     .changed = on_changed,
                                     .is_empty = is_empty,
                                     .context = replica};

        replica->scene = scene;
        snprintf(replica->identity, sizeof replica->identity, "optctl-%d", number);
        replica->door = scripted_peer_new(scene->stage->reactor);
        kube_cluster_open_door(scene->cluster, replica->door);
        replica->client = kube_cluster_client_by(scene->cluster, scene->stage->client, replica->door);
        setup.client = replica->client;
        replica->shards = shards_new(&setup);
        shards_start(replica->shards);
}

static void come(struct scene *scene, int number)
{
        come_with(scene, number, SHARDS);
}

/* Nothing that it sends is carried out, and no answer comes. */
static void cut_off(struct scene *scene, int number)
{
        struct scripted_peer *door = scene->replicas[number].door;

        scripted_peer_forget_answers(door);
        scripted_peer_answer(door, "* *", &(struct scripted_answer){.how = SCRIPTED_HANG});
}

static void mend(struct scene *scene, int number)
{
        kube_cluster_open_door(scene->cluster, scene->replicas[number].door);
}

static int held_by(const struct scene *scene, int number)
{
        const struct shards *shards = scene->replicas[number].shards;

        return shards ? shards_held(shards) : 0;
}

/* ---- what holds at all times ---- */

static int owners_of(const struct scene *scene, int shard)
{
        int owners = 0;

        for (int i = 0; i < REPLICAS; i++) {
                const struct shards *shards = scene->replicas[i].shards;

                owners += shards && shard < shards_count(shards) && shards_left_ms(shards, shard) > 0;
        }
        return owners;
}

/* Who divides otherwise has nothing while others have something. */
static void check_division(const struct scene *scene)
{
        int count = 0;

        for (int i = 0; i < REPLICAS; i++) {
                if (held_by(scene, i) == 0)
                        continue;
                assert_true(count == 0 || count == shards_count(scene->replicas[i].shards));
                count = shards_count(scene->replicas[i].shards);
        }
}

static void watch_all(void *argument)
{
        struct scene *scene = argument;
        const struct clock *clock = &scene->stage->clock;
        struct error err = ERROR_INIT;

        while (!scene->over && clock_sleep_until(clock, clock_now_ms(clock) + LOOK_MS, &err)) {
                for (int shard = 0; shard < SHARDS; shard++)
                        assert_in_range(owners_of(scene, shard), 0, 1);
                check_division(scene);
        }
}

/* ---- plays ---- */

static void pass(struct scene *scene, int64_t ms)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&scene->stage->clock, clock_now_ms(&scene->stage->clock) + ms, &err));
}

/* "3 2 1 0": how many each has. */
static char *shares(const struct scene *scene)
{
        return memory_format("%d %d %d %d", held_by(scene, 0), held_by(scene, 1), held_by(scene, 2),
                             held_by(scene, 3));
}

static void wait_for(struct scene *scene, const char *wanted, int64_t within_ms)
{
        int64_t until_ms = http_stage_now(scene->stage) + within_ms;

        for (;;) {
                autofree char *now = shares(scene);

                if (strcmp(now, wanted) == 0)
                        return;
                if (http_stage_now(scene->stage) > until_ms)
                        fail_msg("%s, not %s, after %lld ms", now, wanted, (long long)within_ms);
                pass(scene, LOOK_MS);
        }
}

/* All are somebody's, whoever has more. */
static void wait_until_all_are_had(struct scene *scene, int64_t within_ms)
{
        int64_t until_ms = http_stage_now(scene->stage) + within_ms;

        while (held_by(scene, 0) + held_by(scene, 1) + held_by(scene, 2) + held_by(scene, 3) < SHARDS) {
                if (http_stage_now(scene->stage) > until_ms)
                        fail_msg("not all are taken within %lld ms", (long long)within_ms);
                pass(scene, LOOK_MS);
        }
}

static void play_and_stop(void *argument)
{
        struct scene *scene = argument;

        scene->play(scene);
        scene->over = true;
        reactor_stop(scene->stage->reactor);
}

static void run(void (*play)(struct scene *scene))
{
        struct scene *scene = memory_new(1, sizeof *scene);

        scene->stage = http_stage_open(NULL);
        scene->cluster = kube_cluster_new(scene->stage->reactor, NULL);
        scene->play = play;
        reactor_spawn(scene->stage->reactor, watch_all, scene);
        reactor_spawn(scene->stage->reactor, play_and_stop, scene);
        reactor_run(scene->stage->reactor);
        for (int i = 0; i < REPLICAS; i++) {
                shards_free(scene->replicas[i].shards);
                if (!scene->replicas[i].client)
                        continue;
                kube_client_free(scene->replicas[i].client);
                scripted_peer_free(scene->replicas[i].door);
        }
        kube_cluster_free(scene->cluster);
        http_stage_close(scene->stage);
        free(scene);
}

/* Leases that were not there are waited for like any other; then each who comes has its part. */
static void play_come(struct scene *scene)
{
        come(scene, 0);
        pass(scene, 14 * SECOND);
        assert_int_equal(held_by(scene, 0), 0);
        wait_for(scene, "6 0 0 0", 8 * SECOND);
        come(scene, 1);
        wait_for(scene, "3 3 0 0", MOVED_MS);
        come(scene, 2);
        wait_for(scene, "2 2 2 0", MOVED_MS);
        come(scene, 3);
        wait_for(scene, "2 2 1 1", MOVED_MS);
        for (int i = 0; i < 60; i++) {
                autofree char *now = shares(scene);

                assert_string_equal(now, "2 2 1 1");
                pass(scene, SECOND);
        }
}

static void each_who_comes_gets_a_part(void **state)
{
        (void)state;
        run(play_come);
}

static void come_all(struct scene *scene, int count)
{
        for (int i = 0; i < count; i++)
                come(scene, i);
        wait_for(scene, count == 2 ? "3 3 0 0" : "2 2 2 0", 40 * SECOND);
}

static void play_cut_off(struct scene *scene)
{
        come_all(scene, 3);
        for (int i = 0; i < 3; i++) {
                cut_off(scene, i);
                wait_until_all_are_had(scene, 3 * SECOND); /* it still believes that it has them */
                pass(scene, 10 * SECOND);
                assert_int_equal(held_by(scene, i), 0);
                wait_until_all_are_had(scene, TAKEN_MS - 10 * SECOND);
                mend(scene, i);
                wait_for(scene, "2 2 2 0", MOVED_MS + 10 * SECOND);
        }
}

static void who_is_cut_off_has_nothing_and_others_take_it(void **state)
{
        (void)state;
        run(play_cut_off);
}

static void play_leave(struct scene *scene)
{
        struct error err = ERROR_INIT;
        struct replica *first = &scene->replicas[0];

        come_all(scene, 2);
        if (!shards_release(first->shards, &err))
                fail_msg("%s", err.message);
        cut_off(scene, 0); /* its process is gone */
        assert_int_equal(held_by(scene, 0), 0);
        wait_for(scene, "0 6 0 0", 8 * SECOND);
}

static void what_is_given_up_is_taken_at_once(void **state)
{
        (void)state;
        run(play_leave);
}

/* "optctl-1 optctl-2": who has an annotation at the replicas' Lease. */
static char *counted(const struct scene *scene)
{
        autojson *all = kube_cluster_keep(scene->cluster);
        const json_t *lease = json_object_get(json_object_get(all, "leases"), "optctl-replicas");
        json_t *annotations = json_object_get(json_object_get(lease, "metadata"), "annotations"), *value;
        autotext text = {0};
        const char *key;

        json_object_foreach(annotations, key, value) text_format(&text, " %s", strchr(key, '/') + 1);
        return text.data ? text_take(&text) : memory_copy_text("");
}

static void must_count(const struct scene *scene, const char *wanted)
{
        autofree char *now = counted(scene);

        assert_string_equal(now, wanted);
}

/* Replicas have another name after each start: who is gone leaves nothing behind. */
static void play_gone(struct scene *scene)
{
        struct error err = ERROR_INIT;

        come_all(scene, 3);
        must_count(scene, " optctl-0 optctl-1 optctl-2");
        assert_true(shards_release(scene->replicas[0].shards, &err));
        must_count(scene, " optctl-1 optctl-2");
        cut_off(scene, 0);
        cut_off(scene, 1);
        pass(scene, 50 * SECOND);
        must_count(scene, " optctl-1 optctl-2");
        pass(scene, 20 * SECOND);
        must_count(scene, " optctl-2");
        assert_int_equal(held_by(scene, 2), SHARDS);
}

static void who_is_gone_is_forgotten(void **state)
{
        (void)state;
        run(play_gone);
}

/* What is under way keeps a shard, though somebody else wants it; nothing new begins in it. */
static void play_under_way(struct scene *scene)
{
        const struct shards *shards;
        int begun = 0;

        come(scene, 0);
        wait_for(scene, "6 0 0 0", 30 * SECOND);
        shards = scene->replicas[0].shards;
        scene->replicas[0].busy = true;
        come(scene, 1);
        pass(scene, 60 * SECOND);
        assert_int_equal(held_by(scene, 0), 6);
        for (int i = 0; i < SHARDS; i++)
                begun += shards_has(shards, i);
        assert_int_equal(begun, 3);
        scene->replicas[0].busy = false;
        wait_for(scene, "3 3 0 0", MOVED_MS);
}

static void what_is_under_way_ends_first(void **state)
{
        (void)state;
        run(play_under_way);
}

/* An upgrade from one leader to shards, and back to other shards: never both. */
static void play_division(struct scene *scene)
{
        struct error err = ERROR_INIT;

        come_with(scene, 0, 1);
        wait_for(scene, "1 0 0 0", 30 * SECOND);
        come_with(scene, 1, 4);
        pass(scene, 60 * SECOND);
        assert_int_equal(held_by(scene, 1), 0);
        assert_true(shards_release(scene->replicas[0].shards, &err));
        cut_off(scene, 0);
        wait_for(scene, "0 4 0 0", 20 * SECOND);
        come_with(scene, 2, SHARDS);
        pass(scene, 60 * SECOND);
        assert_int_equal(held_by(scene, 2), 0);
        assert_int_equal(held_by(scene, 1), 4);
        cut_off(scene, 1);
        wait_for(scene, "0 0 6 0", 60 * SECOND);
}

static void who_divides_otherwise_waits(void **state)
{
        (void)state;
        run(play_division);
}

/* Drawn moments at which ways are cut and mended. */
static void play_drawn(struct scene *scene)
{
        gsl_rng *random = random_new(7, 0, 0);
        bool cut[REPLICAS] = {false};

        for (int i = 0; i < REPLICAS; i++)
                come(scene, i);
        for (int i = 0; i < 120; i++) {
                int number = (int)gsl_rng_uniform_int(random, REPLICAS);

                (cut[number] ? mend : cut_off)(scene, number);
                cut[number] = !cut[number];
                pass(scene, (int64_t)(gsl_rng_uniform(random) * 25 * SECOND));
        }
        for (int i = 0; i < REPLICAS; i++)
                if (cut[i])
                        mend(scene, i);
        wait_for(scene, "2 2 1 1", 60 * SECOND);
        gsl_rng_free(random);
}

static void never_two_whatever_happens(void **state)
{
        (void)state;
        run(play_drawn);
}

/* Pipelines are spread evenly, whatever their names have in common: of 4,000 over 4 shards each has 1000 +-
 * 27 (one standard deviation of the binomial), and none of them is without any of the first forty. */
static void names_are_spread_evenly(void **state)
{
        static const char *const around[][2] = {{"flink url=http://f:8081/job-", " namespace= name= job="},
                                                {"deployment url= namespace=n name=", " job="},
                                                {"flink url=http://f:8081 namespace= name= job=j", ""},
                                                {"", ""}};
        struct http_stage *stage = http_stage_open(NULL);
        struct kube_cluster *cluster = kube_cluster_new(stage->reactor, NULL);
        struct kube_client *client = kube_cluster_client(cluster, stage->client);
        struct shards_setup setup = {.reactor = stage->reactor,
                                     .client = client,
                                     .namespace = "n",
                                     .name = "optctl",
                                     .identity = "a",
                                     .count = 4};
        struct shards *shards = shards_new(&setup);

        (void)state;
        for (size_t n = 0; n < ARRAY_LENGTH(around); n++) {
                int counts[4] = {0}, few[4] = {0};

                for (int i = 0; i < 4000; i++) {
                        autofree char *name = memory_format("%s%d%s", around[n][0], i, around[n][1]);
                        int shard = shards_of(shards, name);

                        counts[shard]++;
                        few[shard] += i < 40;
                }
                for (int i = 0; i < 4; i++) {
                        assert_in_range(counts[i], 1000 - 4 * 27, 1000 + 4 * 27);
                        assert_in_range(few[i], 1, 24);
                }
        }
        shards_free(shards);
        kube_client_free(client);
        kube_cluster_free(cluster);
        http_stage_close(stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_who_comes_gets_a_part),
                cmocka_unit_test(who_is_cut_off_has_nothing_and_others_take_it),
                cmocka_unit_test(what_is_given_up_is_taken_at_once),
                cmocka_unit_test(who_is_gone_is_forgotten),
                cmocka_unit_test(what_is_under_way_ends_first),
                cmocka_unit_test(who_divides_otherwise_waits),
                cmocka_unit_test(never_two_whatever_happens),
                cmocka_unit_test(names_are_spread_evenly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

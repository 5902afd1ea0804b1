/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Three operators that share the pipelines of one scripted API server, in virtual time: each pipeline is in
 * one of them at any time, and steered soon after its operator was cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/operator/internal.h"
#include "tests/support/fleet_stage.h"
#include "tests/support/http_stage.h"
#include "tests/support/kube_cluster.h"

#define SECOND    INT64_C(1000)
#define LOOK_MS   INT64_C(250)
#define OPERATORS 3
#define SHARDS    6
#define PIPELINES 12

struct process {
        char identity[16];
        struct scripted_peer *door;
        struct kube_client *client;
        struct fleet *fleet;
        struct cluster_operator *op; /* NULL: it does not run */
};

struct scene {
        struct http_stage *stage;
        struct kube_cluster *cluster;
        struct registry registry;
        struct process processes[OPERATORS];
        bool over;
        void (*play)(struct scene *scene);
};

static struct scene *playing; /* for what an engine tells */

/* ---- processes ---- */

static void begin(struct scene *scene, int number)
{
        struct process *process = &scene->processes[number];
        const struct fleet_setup in_fleet = {.reactor = scene->stage->reactor, .registry = &scene->registry};
        struct operator_setup setup = {.reactor = scene->stage->reactor,
                                       .shards = SHARDS,
                                       .lease_namespace = "n",
                                       .lease_name = "optctl",
                                       .data = "."};

        snprintf(process->identity, sizeof process->identity, "optctl-%d", number);
        process->door = scripted_peer_new(scene->stage->reactor);
        kube_cluster_open_door(scene->cluster, process->door);
        process->client = kube_cluster_client_by(scene->cluster, scene->stage->client, process->door);
        process->fleet = fleet_new(&in_fleet);
        setup.identity = process->identity;
        setup.client = process->client;
        setup.fleet = process->fleet;
        process->op = operator_new(&setup);
}

static void end(struct process *process)
{
        operator_free(process->op);
        fleet_free(process->fleet);
        kube_client_free(process->client);
        scripted_peer_free(process->door);
}

static void cut_off(struct scene *scene, int number)
{
        struct scripted_peer *door = scene->processes[number].door;

        scripted_peer_forget_answers(door);
        scripted_peer_answer(door, "* *", &(struct scripted_answer){.how = SCRIPTED_HANG});
}

static void mend(struct scene *scene, int number)
{
        kube_cluster_open_door(scene->cluster, scene->processes[number].door);
}

static char *name_of(int number)
{
        return memory_format("p%d", number);
}

static void create_all(const struct scene *scene)
{
        for (int i = 0; i < PIPELINES; i++) {
                autofree char *name = name_of(i);
                autofree char *spec = memory_format(
                        "{\"mode\": \"Auto\", \"strategy\": \"ds2\", \"strategies\": {\"ds2\": "
                        "{\"policyIntervalSeconds\": 5, \"warmUpIntervals\": 0}}, \"engine\": {\"play\": "
                        "{\"id\": %d, \"job\": \"%s\"}}, \"knobs\": [{\"name\": \"parallelism\", \"scope\": "
                        "\"Operator\", \"operator\": \"work\", \"min\": 1, \"max\": 64}]}",
                        i, name);

                world[i].parallelism = 2;
                world[i].load = 950;
                kube_cluster_apply(scene->cluster, name, spec);
        }
}

/* ---- what holds at all times ---- */

/* Whether it may change the pipeline's target now. */
static bool may_steer(const struct process *process, const char *key)
{
        const struct tuned *tuned = process->op ? operator_find(process->op, key) : NULL;

        return tuned && tuned->started && shards_left_ms(process->op->leases, tuned->shard) > 0;
}

static int owner_of(const struct scene *scene, int number)
{
        autofree char *name = name_of(number), *key = memory_format("n/%s", name);
        int owner = -1;

        for (int i = 0; i < OPERATORS; i++) {
                if (!may_steer(&scene->processes[i], key))
                        continue;
                if (owner >= 0)
                        fail_msg("%s is steered by %d and %d", name, owner, i);
                owner = i;
        }
        return owner;
}

static void check_all(const struct scene *scene)
{
        for (int i = 0; i < PIPELINES; i++)
                (void)owner_of(scene, i);
}

static void on_engine(bool done)
{
        (void)done;
        check_all(playing);
}

static void watch_all(void *argument)
{
        struct scene *scene = argument;
        const struct clock *clock = &scene->stage->clock;
        struct error err = ERROR_INIT;

        while (!scene->over && clock_sleep_until(clock, clock_now_ms(clock) + LOOK_MS, &err))
                check_all(scene);
}

/* ---- plays ---- */

static void pass(const struct scene *scene, int64_t ms)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&scene->stage->clock, clock_now_ms(&scene->stage->clock) + ms, &err));
}

static bool all_run(double parallelism)
{
        for (int i = 0; i < PIPELINES; i++)
                if (world[i].parallelism != parallelism)
                        return false;
        return true;
}

static void wait_until_all_run(const struct scene *scene, double parallelism, int64_t within_ms)
{
        int64_t until_ms = http_stage_now(scene->stage) + within_ms;

        while (!all_run(parallelism)) {
                if (http_stage_now(scene->stage) > until_ms)
                        fail_msg("not all run %g within %lld ms", parallelism, (long long)within_ms);
                pass(scene, LOOK_MS);
        }
}

/* What each pipeline's object says of who has it is who has it. */
static void check_leaders(const struct scene *scene, int n_leaders)
{
        int of[OPERATORS] = {0}, leaders = 0;

        for (int i = 0; i < PIPELINES; i++) {
                autofree char *name = name_of(i);
                const json_t *status = json_object_get(kube_cluster_get(scene->cluster, name), "status");
                int owner = owner_of(scene, i);
                const char *leader = "";

                assert_in_range(owner, 0, OPERATORS - 1);
                assert_true(json_find_text(status, "leader", &leader));
                assert_string_equal(leader, scene->processes[owner].identity);
                of[owner]++;
        }
        for (int i = 0; i < OPERATORS; i++)
                leaders += of[i] > 0;
        assert_int_equal(leaders, n_leaders);
}

static int applied(void)
{
        int sum = 0;

        for (int i = 0; i < PIPELINES; i++)
                sum += world[i].applied;
        return sum;
}

static void offer(double load)
{
        for (int i = 0; i < PIPELINES; i++)
                world[i].load = load;
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
        static const struct collector *const collectors[] = {&played_collector, NULL};
        static const struct actuator *const actuators[] = {&played_actuator, NULL};
        struct scene *scene = memory_new(1, sizeof *scene);

        memset(world, 0, sizeof world);
        scene->stage = http_stage_open(NULL);
        scene->cluster = kube_cluster_new(scene->stage->reactor, NULL);
        scene->play = play;
        scene->registry = *registry_all();
        scene->registry.collectors = collectors;
        scene->registry.actuators = actuators;
        playing = scene;
        engine_written = on_engine;
        create_all(scene);
        reactor_spawn(scene->stage->reactor, watch_all, scene);
        reactor_spawn(scene->stage->reactor, play_and_stop, scene);
        reactor_run(scene->stage->reactor);
        for (int i = 0; i < OPERATORS; i++)
                if (scene->processes[i].op)
                        end(&scene->processes[i]);
        kube_cluster_free(scene->cluster);
        http_stage_close(scene->stage);
        free(scene);
}

/* One comes after the other, each has its part, and what was done stays done. */
static void play_come(struct scene *scene)
{
        begin(scene, 0);
        wait_until_all_run(scene, 10, 60 * SECOND);
        check_leaders(scene, 1);
        begin(scene, 1);
        begin(scene, 2);
        pass(scene, 60 * SECOND);
        check_leaders(scene, 3);
        assert_int_equal(applied(), PIPELINES);
        offer(450);
        wait_until_all_run(scene, 5, 60 * SECOND);
        assert_int_equal(applied(), 2 * PIPELINES);
}

static void each_operator_has_a_part_of_the_pipelines(void **state)
{
        (void)state;
        run(play_come);
}

/* A loss begins anew only what was lost: the others' loops remember when they began. */
static void play_cut_off(struct scene *scene)
{
        int kept = 0, owners[PIPELINES];
        int64_t written_ms[PIPELINES];

        for (int i = 0; i < OPERATORS; i++)
                begin(scene, i);
        wait_until_all_run(scene, 10, 90 * SECOND);
        pass(scene, 30 * SECOND);
        check_leaders(scene, 3);
        for (int i = 0; i < PIPELINES; i++) {
                autofree char *name = name_of(i), *key = memory_format("n/%s", name);

                owners[i] = owner_of(scene, i);
                written_ms[i] = operator_find(scene->processes[owners[i]].op, key)->written_ms;
        }
        cut_off(scene, 0);
        pass(scene, 20 * SECOND);
        for (int i = 0; i < PIPELINES; i++) {
                autofree char *name = name_of(i), *key = memory_format("n/%s", name);

                if (owners[i] == 0)
                        continue;
                assert_int_equal(owner_of(scene, i), owners[i]);
                assert_int_equal(operator_find(scene->processes[owners[i]].op, key)->written_ms,
                                 written_ms[i]);
                kept++;
        }
        assert_in_range(kept, 1, PIPELINES - 1);
        offer(1950);
        wait_until_all_run(scene, 20, 60 * SECOND);
        check_leaders(scene, 2);
        mend(scene, 0);
        pass(scene, 60 * SECOND);
        check_leaders(scene, 3);
        assert_int_equal(applied(), 2 * PIPELINES);
}

static void who_is_cut_off_loses_its_pipelines_and_nobody_else_does(void **state)
{
        (void)state;
        run(play_cut_off);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_operator_has_a_part_of_the_pipelines),
                cmocka_unit_test(who_is_cut_off_loses_its_pipelines_and_nobody_else_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_OPERATOR_LIFE_H
#define OPTCTL_TESTS_SUPPORT_OPERATOR_LIFE_H

/*
 * Plays of the operator in virtual time against a scripted API server. Each life is a process of its own,
 * which dies as kill -9 makes it; the cluster and the engine outlive it, and so does its ledger.
 */
#include <sys/wait.h>

#include "controller/operator/operator.h"
#include "tests/support/fleet_stage.h"
#include "tests/support/kube_cluster.h"

#define DIED       9
#define STATE_FILE "state.json"
#define TUNED                                                                                                \
        "Accepted=True/Valid Conflicted=False/SoleOwner Paused=False/NotPaused Priced=False/NoPrices "       \
        "Reached=True/Measured Ready=True/Tuned"

struct life;

/* Something that a user, a load or a network does at a second of the play. */
struct act {
        int64_t at_seconds;
        void (*act)(struct life *life);
};

struct play {
        struct act acts[24];
        int64_t end_seconds;
        enum cluster_fault fault; /* for `from` to `until` */
        int64_t from_seconds, until_seconds;
        unsigned drawn_by; /* a number, for acts that differ from play to play */
        bool guarded;      /* by all guardrails, and not by those alone that hold a comparator back */
};

/* One process. What is `kept` comes from the one before. */
struct life {
        const struct play *play;
        const struct scratch *scratch;
        int die_at; /* of its writes; 0: it lives on */
        bool die_after;
        int64_t begun_ms;
        int acts_done;
        struct reactor *reactor;
        struct kube_cluster *cluster;
        struct http_client *http;
};

extern const struct strategy ds2_strategy;

static struct life *alive; /* in its process */
static int writes;

/* ---- what outlives a process ---- */

static inline void keep(const struct life *life)
{
        autofree char *path = scratch_path(life->scratch, STATE_FILE);
        const struct clock clock = reactor_clock(life->reactor);
        autojson *kept =
                json_pack("{s:o, s:f, s:f, s:i, s:I, s:i}", "cluster", kube_cluster_keep(life->cluster),
                          "parallelism", world[0].parallelism, "load", world[0].load, "applied",
                          world[0].applied, "now", (json_int_t)clock_now_ms(&clock), "acts", life->acts_done);

        if (json_dump_file(kept, path, JSON_COMPACT) != 0)
                _exit(1);
}

static inline json_t *kept_of(const struct scratch *scratch)
{
        autofree char *path = scratch_path(scratch, STATE_FILE);

        return json_load_file(path, 0, NULL);
}

/* ---- deaths ---- */

static inline void on_write(bool done)
{
        writes += !done;
        if (writes != alive->die_at || done != alive->die_after)
                return;
        keep(alive);
        _exit(DIED);
}

/* ---- a life ---- */

static inline void act_one(void *argument)
{
        struct life *life = argument;
        const struct act *act = &life->play->acts[life->acts_done++];

        act->act(life);
}

static inline void begin_fault(void *argument)
{
        const struct life *life = argument;

        kube_cluster_fault(life->cluster, life->play->fault, 1);
}

static inline void end_fault(void *argument)
{
        const struct life *life = argument;

        kube_cluster_fault(life->cluster, CLUSTER_HEALTHY, 0);
}

static inline void end_life(void *argument)
{
        reactor_stop(((const struct life *)argument)->reactor);
}

static inline void schedule_play(struct life *life)
{
        const struct play *play = life->play;

        for (int i = life->acts_done; play->acts[i].act; i++)
                reactor_spawn_at(life->reactor, START + play->acts[i].at_seconds * MS_PER_SECOND, act_one,
                                 life);
        if (play->fault) {
                reactor_spawn_at(life->reactor, START + play->from_seconds * MS_PER_SECOND, begin_fault,
                                 life);
                reactor_spawn_at(life->reactor, START + play->until_seconds * MS_PER_SECOND, end_fault, life);
        }
        reactor_spawn_at(life->reactor, START + play->end_seconds * MS_PER_SECOND, end_life, life);
}

static inline void release(void *argument)
{
        struct error err = ERROR_INIT;

        (void)operator_release(argument, &err);
}

static inline void recall(struct life *life, const json_t *kept)
{
        if (!kept)
                return;
        world[0].parallelism = json_number_value(json_object_get(kept, "parallelism"));
        world[0].load = json_number_value(json_object_get(kept, "load"));
        world[0].applied = (int)json_integer_value(json_object_get(kept, "applied"));
        life->acts_done = (int)json_integer_value(json_object_get(kept, "acts"));
        life->begun_ms = json_integer_value(json_object_get(kept, "now")) + MS_PER_SECOND;
}

static inline void must(bool good, const struct error *err)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", err->message);
        _exit(1);
}

static inline void run_operator(struct life *life, struct http_client *http, struct ledger *ledger)
{
        static const struct collector *const collectors[] = {&played_collector, NULL};
        static const struct actuator *const actuators[] = {&played_actuator, NULL};
        struct registry registry = *registry_all();
        struct strategy guarded = ds2_strategy;
        const struct strategy *const strategies[] = {&guarded, NULL};
        const struct fleet_setup in_fleet = {.reactor = life->reactor,
                                             .registry = &registry,
                                             .ledger = ledger};
        autofree char *identity = memory_format("optctl_%lld", (long long)life->begun_ms);
        struct operator_setup setup = {.reactor = life->reactor,
                                       .lease_namespace = "n",
                                       .lease_name = "optctl",
                                       .identity = identity,
                                       .data = "."};
        struct cluster_operator *op;

        registry.collectors = collectors;
        registry.actuators = actuators;
        guarded.comparator = false;
        if (life->play->guarded)
                registry.strategies = strategies;
        setup.client = kube_cluster_client(life->cluster, http);
        setup.fleet = fleet_new(&in_fleet);
        op = operator_new(&setup);
        reactor_run(life->reactor);
        reactor_call(life->reactor, release, op);
        operator_free(op);
        fleet_free(setup.fleet);
        kube_client_free(setup.client);
}

/* Never returns. */
static inline void live(struct life *life)
{
        autofree char *path = scratch_path(life->scratch, "ledger.db");
        autojson *kept = kept_of(life->scratch);
        struct reactor_options options;
        struct clock clock;
        struct http_client *http = NULL;
        struct ledger *ledger = NULL;
        struct error err = ERROR_INIT;

        memset(world, 0, sizeof world);
        world[0].parallelism = 2;
        world[0].load = 950;
        life->begun_ms = START;
        recall(life, kept);
        options = (struct reactor_options){.virtual_start_ms = life->begun_ms};
        must(reactor_new(&options, &life->reactor, &err), &err);
        clock = reactor_clock(life->reactor);
        must(ledger_open(&(struct ledger_options){.path = path, .clock = &clock}, &ledger, &err), &err);
        must(http_client_new(life->reactor, NULL, NULL, &http, &err), &err);
        life->cluster = kube_cluster_new(life->reactor, json_object_get(kept, "cluster"));
        life->http = http;
        alive = life;
        writes = 0;
        engine_written = on_write;
        kube_cluster_on_write(life->cluster, on_write);
        schedule_play(life);
        run_operator(life, http, ledger);
        ledger_close(ledger);
        http_client_free(http);
        keep(life);
        _exit(0);
}

static inline pid_t start_life(const struct play *play, const struct scratch *scratch, int die_at,
                               bool die_after)
{
        struct life life = {.play = play, .scratch = scratch, .die_at = die_at, .die_after = die_after};
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
                live(&life);
        return child;
}

/* Whether the process died at its write. */
static inline bool end_of_life(pid_t child)
{
        int status;

        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != DIED))
                fail_msg("a process ended with status %d", status);
        return WEXITSTATUS(status) == DIED;
}

static inline void run_life(const struct play *play, const struct scratch *scratch)
{
        assert_false(end_of_life(start_life(play, scratch, 0, false)));
}

/* ---- what came of it ---- */

struct ending_state {
        double parallelism;
        int applied;
        int64_t status_writes;
        char conditions[400], outcome[16];
        int64_t workers, generation, changed_to; /* changed_to: by status.lastDecision */
        char uid[16], version[64], leader[64];
};

static inline void take_decision(const json_t *decision, struct ending_state *ending)
{
        const json_t *change = json_array_get(json_object_get(decision, "changes"), 0);
        const char *outcome = "";

        (void)json_find_text(decision, "outcome", &outcome);
        snprintf(ending->outcome, sizeof ending->outcome, "%s", outcome);
        ending->changed_to = json_integer_value(json_object_get(change, "to"));
}

static inline void take_version(const json_t *object, struct ending_state *ending)
{
        const char *leader = "";

        (void)json_find_text(json_object_get(object, "status"), "leader", &leader);
        snprintf(ending->leader, sizeof ending->leader, "%s", leader);
        snprintf(ending->uid, sizeof ending->uid, "%s", kube_meta(object, "uid"));
        snprintf(ending->version, sizeof ending->version, "%s", kube_meta(object, "resourceVersion"));
}

static inline struct ending_state ending_of(const struct scratch *scratch)
{
        autojson *kept = kept_of(scratch);
        struct reactor_options options = {.virtual_start_ms = START};
        struct ending_state ending = {.parallelism = json_number_value(json_object_get(kept, "parallelism")),
                                      .applied = (int)json_integer_value(json_object_get(kept, "applied"))};
        struct error err = ERROR_INIT;
        struct reactor *reactor;
        struct kube_cluster *cluster;
        const json_t *status;

        assert_true(reactor_new(&options, &reactor, &err));
        cluster = kube_cluster_new(reactor, json_object_get(kept, "cluster"));
        status = json_object_get(kube_cluster_get(cluster, "orders"), "status");
        {
                autofree char *conditions = kube_cluster_conditions(cluster, "orders");

                snprintf(ending.conditions, sizeof ending.conditions, "%s", conditions);
        }
        ending.workers = json_integer_value(json_object_get(status, "currentWorkers"));
        ending.generation = json_integer_value(json_object_get(status, "observedGeneration"));
        take_decision(json_object_get(status, "lastDecision"), &ending);
        take_version(kube_cluster_get(cluster, "orders"), &ending);
        ending.status_writes = kube_cluster_status_writes(cluster);
        kube_cluster_free(cluster);
        reactor_free(reactor);
        return ending;
}

static inline void check_steered(const struct ending_state *ending, double parallelism, int applied,
                                 int64_t generation)
{
        assert_string_equal(ending->conditions, TUNED);
        assert_int_equal(ending->parallelism, parallelism);
        assert_int_equal(ending->workers, parallelism);
        assert_int_equal(ending->generation, generation);
        assert_int_equal(ending->applied, applied);
}

static inline void check(const struct ending_state *ending, double parallelism, int applied,
                         int64_t generation)
{
        check_steered(ending, parallelism, applied, generation);
        assert_int_equal(ending->changed_to, parallelism);
        assert_string_equal(ending->outcome, "Unknown"); /* ds2 predicts nothing that could be verified */
}

/* ---- acts: at 100 records/s a subtask, a load of 950 takes ten ---- */

/* `more`: sections, each with a comma behind it. */
static inline void apply_more(const struct life *life, const char *mode, int min, int max, const char *more)
{
        autofree char *spec = memory_format(
                "{%s\"mode\": \"%s\", \"strategy\": \"ds2\", \"strategies\": {\"ds2\": "
                "{\"policyIntervalSeconds\": 10, "
                "\"warmUpIntervals\": 0}}, \"engine\": {\"play\": {\"id\": 0}}, \"knobs\": [{\"name\": "
                "\"parallelism\", \"scope\": \"Operator\", \"operator\": \"work\", \"min\": %d, \"max\": "
                "%d}]}",
                more, mode, min, max);

        kube_cluster_apply(life->cluster, "orders", spec);
}

static inline void apply_with(const struct life *life, const char *mode, int min, int max)
{
        apply_more(life, mode, min, max, "");
}

static inline void create(struct life *life)
{
        apply_with(life, "Auto", 1, 64);
}

static inline void allow_six(struct life *life)
{
        apply_with(life, "Auto", 1, 6);
}

static inline void allow_four(struct life *life)
{
        apply_with(life, "Auto", 1, 4);
}

static inline void calm(struct life *life)
{
        (void)life;
        world[0].load = 290;
}

static inline void storm(struct life *life)
{
        (void)life;
        world[0].load = 790;
}

static inline void flood(struct life *life)
{
        (void)life;
        world[0].load = 1950;
}

static inline void pause_it(struct life *life)
{
        kube_cluster_annotate(life->cluster, "orders", "optctl.dev/paused", "release");
}

static inline void resume_it(struct life *life)
{
        kube_cluster_annotate(life->cluster, "orders", "optctl.dev/paused", NULL);
}

static inline void there_and_back(struct life *life)
{
        apply_with(life, "Observe", 1, 64);
        apply_with(life, "Auto", 1, 64);
}

static inline void replace(struct life *life)
{
        kube_cluster_delete(life->cluster, "orders");
        apply_with(life, "Auto", 1, 64);
}

/* ---- scenes ---- */

#define AT_ONCE 16 /* processes that mostly wait */

/* At most AT_ONCE of them, all at once. */
static inline void play_all(const struct play *plays, int count, struct ending_state *ret_endings)
{
        struct scratch scratches[AT_ONCE];
        pid_t children[AT_ONCE];

        for (int i = 0; i < count; i++) {
                scratches[i] = scratch_open();
                children[i] = start_life(&plays[i], &scratches[i], 0, false);
        }
        for (int i = 0; i < count; i++) {
                assert_false(end_of_life(children[i]));
                ret_endings[i] = ending_of(&scratches[i]);
                scratch_close(&scratches[i]);
        }
}

static inline struct ending_state play(const struct play *play)
{
        struct ending_state ending;

        play_all(play, 1, &ending);
        return ending;
}

#endif

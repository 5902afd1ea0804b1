/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_LEDGER_SCENE_H
#define OPTCTL_TESTS_SUPPORT_LEDGER_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/loop/loop.h"
#include "core/ledger/ledger.h"
#include "tests/support/play.h"

/* The loop on the stage (tests/support/play.h), with the ledger on the disk as its journal. */
struct world {
        struct play *play;
        struct loop *loop;
        struct ledger *ledger;
        struct journal journal;
        struct configuration baseline;
        enum spec_mode mode;
        struct spec_guardrail guardrail; /* its only one; none without a name */
        char path[64];
};

static inline void must(bool done, const struct error *err)
{
        if (!done)
                fail_msg("%s", err->message);
}

static inline void open_world(struct world *world, bool regresses)
{
        *world = (struct world){.play = play_new(), .baseline = play_configuration(4, 8), .mode = SPEC_AUTO};
        snprintf(world->path, sizeof world->path, "%s/optctl-loop-%ld.db",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
        play_want(world->play, regresses ? 1 : 3, regresses ? 3 : 8);
        world->play->rate_of_wanted_ratio = regresses ? 0.6 : 1;
}

static inline void stop_process(struct world *world)
{
        loop_free(world->loop);
        ledger_close(world->ledger);
        world->loop = NULL;
        world->ledger = NULL;
}

static inline void close_world(struct world *world)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};

        stop_process(world);
        play_free(world->play);
        for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
                autofree char *name = memory_format("%s%s", world->path, suffixes[i]);

                unlink(name);
        }
}

static inline void start_process(struct world *world)
{
        struct play *play = world->play;
        const struct ledger_options options = {.path = world->path, .clock = &play->clock};
        const struct ledger_subject subject = {.pipeline = &play->pipeline, .prices = play->prices};
        struct loop_setup setup = {.pipeline = &play->pipeline,
                                   .constraints = &play->constraints,
                                   .prices = play->prices,
                                   .clock = &play->clock,
                                   .collector = &play->collector,
                                   .collector_state = play,
                                   .actuator = &play->actuator,
                                   .actuator_state = play,
                                   .strategy = &play->strategy,
                                   .strategy_state = play,
                                   .interval_ms = PLAY_WINDOW_MS,
                                   .journal = &world->journal,
                                   .mode = world->mode,
                                   .guardrails = &world->guardrail,
                                   .n_guardrails = world->guardrail.guardrail != NULL,
                                   .baseline = &world->baseline};
        struct error err = ERROR_INIT;

        play_restart(play);
        must(ledger_open(&options, &world->ledger, &err), &err);
        must(ledger_journal(world->ledger, &subject, &world->journal, &err), &err);
        world->loop = loop_new(&setup);
}

static inline void run(struct world *world, int turns)
{
        for (int i = 0; i < turns; i++) {
                world->play->now_ms += PLAY_WINDOW_MS;
                loop_turn(world->loop);
        }
}

#endif

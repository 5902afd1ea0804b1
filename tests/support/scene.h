/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SCENE_H
#define OPTCTL_TESTS_SUPPORT_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/loop/loop.h"
#include "tests/support/play.h"

/* A loop with everything around it played (tests/support/play.h), and what is looked at after some turns. */
struct scene {
        struct play *play;
        struct loop *loop;
        struct configuration baseline;
};

static inline struct loop_setup setup_of(struct scene *scene, enum spec_mode mode)
{
        struct play *play = scene->play;

        scene->baseline = play_configuration(4, 8);
        return (struct loop_setup){.pipeline = &play->pipeline,
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
                                   .journal = &play->journal,
                                   .mode = mode,
                                   .baseline = &scene->baseline};
}

static inline void open_scene(struct scene *scene, enum spec_mode mode)
{
        struct loop_setup setup;

        scene->play = play_new();
        setup = setup_of(scene, mode);
        scene->loop = loop_new(&setup);
}

static inline void close_scene(struct scene *scene)
{
        loop_free(scene->loop);
        play_free(scene->play);
}

static inline void turns(struct scene *scene, int count)
{
        struct error err = ERROR_INIT;

        assert_true(loop_run(scene->loop, scene->play->now_ms + (int64_t)count * PLAY_WINDOW_MS, &err));
}

static inline void assert_target(const struct scene *scene, double source, double work)
{
        assert_true(scene->play->target.value[0] == source);
        assert_true(scene->play->target.value[1] == work);
}

static inline const struct play_intent *last_intent(const struct scene *scene)
{
        assert_true(scene->play->n_intents > 0);
        return &scene->play->intents[scene->play->n_intents - 1];
}

static inline void assert_ended(const struct scene *scene, enum outcome outcome, const char *reason)
{
        const struct play_intent *intent = last_intent(scene);

        assert_true(intent->ended);
        assert_string_equal(outcome_name(intent->outcome), outcome_name(outcome));
        if (!strstr(intent->reason, reason))
                fail_msg("said \"%s\", expected \"%s\"", intent->reason, reason);
        assert_int_equal(intent->calls_begun, intent->calls_ended);
}

static inline void assert_why(const struct scene *scene, const char *why)
{
        const struct loop_status *status = loop_status(scene->loop);

        if (!strstr(status->why, why))
                fail_msg("said \"%s\", expected \"%s\"", status->why, why);
}

#endif

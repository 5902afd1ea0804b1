/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_KAFKA_SCENE_H
#define OPTCTL_TESTS_SUPPORT_KAFKA_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/plugin.h"
#include "core/reactor.h"
#include "core/shared.h"
#include "core/text.h"
#include "core/yaml.h"
#include "engines/kafka/kafka_options.h"

/* A pipeline `read -> work` whose source reads from Kafka, and what a live collector or actuator needs to
 * work with it. */
struct kafka_scene {
        struct reactor *reactor;
        struct shared *shared;
        struct clock clock;
        struct operator_info operators[2];
        struct edge edge;
        struct knob knobs[3];
        struct pipeline pipeline;
        struct source_context context;
        struct yaml_document *document;
        struct kafka_options options;
};

/* `options` as they stand in a spec, after bootstrapServers. */
static inline void kafka_scene_open(struct kafka_scene *scene, const char *servers, const char *options)
{
        autofree char *yaml = memory_format("bootstrapServers: \"%s\"\n%s", servers, options);
        struct error err = ERROR_INIT;

        memset(scene, 0, sizeof *scene);
        assert_true(reactor_new(NULL, &scene->reactor, &err));
        scene->shared = shared_new();
        scene->clock = reactor_clock(scene->reactor);
        scene->operators[0] = (struct operator_info){.name = "read", .source = true};
        scene->operators[1] = (struct operator_info){.name = "work"};
        scene->edge = (struct edge){.from = 0, .to = 1, .selectivity = 1};
        scene->knobs[0] = (struct knob){.name = "partitions",
                                        .role = KNOB_PARTITIONS,
                                        .operator_index = 0,
                                        .min = 1,
                                        .max = 64,
                                        .step = 1};
        scene->knobs[1] = (struct knob){.name = "topic.segment.bytes",
                                        .role = KNOB_OTHER,
                                        .operator_index = 0,
                                        .min = 1e6,
                                        .max = 1e9};
        scene->knobs[2] = (struct knob){.name = "parallelism",
                                        .role = KNOB_PARALLELISM,
                                        .operator_index = -1,
                                        .min = 1,
                                        .max = 8,
                                        .step = 1};
        scene->pipeline = (struct pipeline){.name = "scene",
                                            .n_operators = 2,
                                            .operators = scene->operators,
                                            .n_edges = 1,
                                            .edges = &scene->edge,
                                            .slots_per_worker = 1,
                                            .n_knobs = 3,
                                            .knobs = scene->knobs};
        scene->context = (struct source_context){.pipeline = &scene->pipeline,
                                                 .name = "scene",
                                                 .clock = &scene->clock,
                                                 .reactor = scene->reactor,
                                                 .shared = scene->shared};
        assert_true(yaml_parse(yaml, strlen(yaml), "scene.yaml", &scene->document, &err));
        if (!option_parse(&kafka_options_table, yaml_root(scene->document), &scene->options, &err))
                fail_msg("%s", err.message);
}

static inline void kafka_scene_close(struct kafka_scene *scene)
{
        option_free(&kafka_options_table, &scene->options);
        yaml_document_free(scene->document);
        shared_free(scene->shared);
        reactor_free(scene->reactor);
}

/* ---- one question to a collector ---- */

struct kafka_look {
        struct kafka_scene *scene;
        const struct collector *collector;
        void *state;
        bool done;
        struct observation observation;
        struct error err;
};

static inline void kafka_look_run(void *argument)
{
        struct kafka_look *look = argument;
        int n_knobs = look->scene->pipeline.n_knobs;

        error_clear(&look->err);
        observation_clear(&look->observation, 0, 1, look->scene->pipeline.n_operators);
        look->observation.configuration.count = n_knobs;
        look->done = look->collector->collect(look->state, &look->observation, &look->err);
}

/* Collects, and fails the test when that fails. */
static inline const struct observation *kafka_look(struct kafka_look *look)
{
        reactor_call(look->scene->reactor, kafka_look_run, look);
        if (!look->done)
                fail_msg("%s", look->err.message);
        return &look->observation;
}

/* Collects, and fails the test when that does not fail. */
static inline const struct error *kafka_look_in_vain(struct kafka_look *look)
{
        reactor_call(look->scene->reactor, kafka_look_run, look);
        assert_false(look->done);
        return &look->err;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_PEER_H
#define OPTCTL_TESTS_SUPPORT_PEER_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/plugin.h"

/* A strategy under test on a small pipeline. Header only: each test links just its room. */
struct peer {
        const struct strategy *strategy;
        const struct pipeline *pipeline;
        struct yaml_document *document;
        void *options, *state;
};

#define PEER_MAX 8

/* A chain source -> work -> sink with a workers knob from `min` to `max`, or with one parallelism knob an
 * operator. */
struct peer_pipeline {
        struct pipeline pipeline;
        struct operator_info operators[PEER_MAX];
        struct edge edges[PEER_MAX];
        struct knob knobs[PEER_MAX];
};

static inline void peer_chain(struct peer_pipeline *chain, int n_operators)
{
        static const char *const names[] = {"source", "work", "sink", "d", "e", "f", "g", "h"};

        memset(chain, 0, sizeof *chain);
        chain->pipeline = (struct pipeline){
                .name = "chain",
                .n_operators = n_operators,
                .operators = chain->operators,
                .n_edges = n_operators - 1,
                .edges = chain->edges,
                .slots_per_worker = 1,
                .knobs = chain->knobs,
        };
        for (int i = 0; i < n_operators; i++)
                chain->operators[i] = (struct operator_info){.name = names[i], .source = i == 0};
        for (int i = 0; i + 1 < n_operators; i++)
                chain->edges[i] = (struct edge){.from = i, .to = i + 1, .selectivity = 1};
}

static inline void peer_workers(struct peer_pipeline *chain, double min, double max)
{
        peer_chain(chain, 3);
        chain->knobs[0] = (struct knob){.name = "workers",
                                        .role = KNOB_WORKERS,
                                        .operator_index = -1,
                                        .min = min,
                                        .max = max,
                                        .step = 1};
        chain->pipeline.n_knobs = 1;
}

static inline void peer_operators(struct peer_pipeline *chain, int n_operators, double max)
{
        peer_chain(chain, n_operators);
        for (int i = 0; i < n_operators; i++)
                chain->knobs[i] = (struct knob){.name = "parallelism",
                                                .role = KNOB_PARALLELISM,
                                                .operator_index = i,
                                                .min = 1,
                                                .max = max,
                                                .step = 1};
        chain->pipeline.n_knobs = n_operators;
}

/* `text`: the strategy's options as YAML; NULL for the defaults. */
static inline struct peer peer_open(const struct strategy *strategy, const struct peer_pipeline *chain,
                                    const char *text)
{
        struct peer peer = {.strategy = strategy, .pipeline = &chain->pipeline};
        const struct strategy_context context = {.pipeline = &chain->pipeline};
        struct error err = ERROR_INIT;

        if (text && !yaml_parse(text, strlen(text), "options.yaml", &peer.document, &err))
                fail_msg("%s", err.message);
        if (!option_new(strategy->options, text ? yaml_root(peer.document) : NULL, &peer.options, &err))
                fail_msg("%s", err.message);
        if (!strategy->open(&context, peer.options, &peer.state, &err))
                fail_msg("%s", err.message);
        return peer;
}

static inline void peer_close(struct peer *peer)
{
        peer->strategy->close(peer->state);
        option_delete(peer->strategy->options, peer->options);
        yaml_document_free(peer->document);
}

static inline struct proposal peer_turn(struct peer *peer, const struct observation *observation)
{
        /* Filled with rubbish: propose has to set every field. */
        struct proposal proposal;
        struct error err = ERROR_INIT;

        memset(&proposal, 0x5a, sizeof proposal);
        if (!peer->strategy->propose(peer->state, observation, &proposal, &err))
                fail_msg("%s", err.message);
        assert_string_equal(proposal.strategy, peer->strategy->name);
        assert_true(proposal.kind == PROPOSAL_CHANGE || proposal.kind == PROPOSAL_HOLD);
        assert_int_equal(proposal.kind == PROPOSAL_HOLD,
                         configuration_equal(&proposal.configuration, &observation->configuration));
        assert_false(proposal.prediction.present);
        assert_int_equal(proposal.n_alternatives, 0);
        assert_true(strnlen(proposal.reason, sizeof proposal.reason) < sizeof proposal.reason);
        if (proposal.kind == PROPOSAL_CHANGE)
                assert_true(proposal.reason[0] != '\0');
        return proposal;
}

/* Workers of a proposal for a pipeline with a workers knob only. */
static inline int peer_workers_of(const struct proposal *proposal)
{
        return (int)lround(proposal->configuration.value[0]);
}

static inline struct observation peer_observation(const struct peer_pipeline *chain, int64_t time_ms,
                                                  int workers)
{
        struct observation observation = {
                .time_ms = time_ms,
                .window_ms = 15000,
                .workers = workers,
                .workers_ready = workers,
                .cpu_ratio = NAN,
                .n_operators = chain->pipeline.n_operators,
        };

        observation.configuration.count = chain->pipeline.n_knobs;
        for (int i = 0; i < chain->pipeline.n_knobs; i++)
                observation.configuration.value[i] = workers;
        return observation;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books/replay_path.h"

#include <math.h>

#include "core/memory.h"

struct state {
        const struct path *path;
        size_t at;
};

static int64_t interval_ms(const void *options)
{
        return ((const struct path *)options)->interval_ms;
}

static bool path_open(const struct strategy_context *context, const void *options, void **ret_state,
                      struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        (void)context;
        (void)err;
        state->path = options;
        *ret_state = state;
        return true;
}

static bool path_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                         struct error *err)
{
        struct state *state = opaque;
        const struct path *path = state->path;
        const struct configuration *wanted;

        (void)err;
        /* At the nearest turn. */
        while (state->at + 1 < path->count &&
               path->steps[state->at + 1].time_ms <= observation->time_ms + path->interval_ms / 2)
                state->at++;
        wanted = &path->steps[state->at].configuration;
        *ret_proposal = (struct proposal){.kind = PROPOSAL_HOLD,
                                          .strategy = path_strategy.name,
                                          .configuration = observation->configuration,
                                          .expected_saving = NAN};
        if (!(observation->missing & (MISSING_ALL | MISSING_CONFIGURATION)) &&
            !configuration_equal(wanted, &observation->configuration)) {
                ret_proposal->kind = PROPOSAL_CHANGE;
                ret_proposal->configuration = *wanted;
        }
        return true;
}

static void path_close(void *state)
{
        memory_free_cleanup(&state);
}

const struct strategy path_strategy = {
        .name = "path",
        .summary = "Runs what ran",
        .comparator = true,
        .interval_ms = interval_ms,
        .open = path_open,
        .propose = path_propose,
        .close = path_close,
};

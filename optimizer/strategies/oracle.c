/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "optimizer/candidates.h"
#include "optimizer/capacity.h"
#include "optimizer/planner.h"
#include "optimizer/proposal.h"

/*
 * The yardstick of regret: knows the load to come and the engine's true model, and plays the cheapest
 * schedule there is under the same prices of compute, changes and lateness that `plan` reckons with. Only
 * failures surprise it.
 */
#define MAX_BLOCKS 20000
#define SLACK      0.015 /* of the capacity: what is full to the brim never works off what an accident leaves */

struct oracle_options {
        int64_t block_seconds;
        double late_factor;
};

static const struct option options[] = {
        {
                .name = "blockSeconds",
                .type = OPTION_INT,
                .offset = offsetof(struct oracle_options, block_seconds),
                .unit = "s",
                .min = 1,
                .max = 3600,
                .fallback = "30",
                .help = "Shortest time between two changes of the schedule.",
        },
        {
                .name = "lateFactor",
                .type = OPTION_NUMBER,
                .offset = offsetof(struct oracle_options, late_factor),
                .min = 0.01,
                .max = 100000,
                .help = "What time out of bounds costs, over what the pipeline's compute costs in that time. "
                        "Without "
                        "it c / (1 - c) for the confidence c of the constraints.",
        },
        {0},
};

static const struct option_table oracle_table = {
        .name = "oracle",
        .help = "The best schedule in hindsight, by dynamic programming over the known load. Runs in "
                "simulations only.",
        .size = sizeof(struct oracle_options),
        .options = options,
};

struct oracle {
        struct strategy_context context;
        struct foresight foresight;
        double late_factor;
        struct capacity *capacity;
        int64_t block_ms, lead_ms;
        int n_blocks; /* 0 until the first turn */
        uint8_t *path;
        int n_candidates;
        struct candidate candidates[PLANNER_MAX_CANDIDATES];
};

static bool oracle_open(const struct strategy_context *context, const void *given, void **ret_state,
                        struct error *err)
{
        const struct oracle_options *wanted = given;
        const struct foresight *foresight = context->foresight;
        struct oracle *oracle;
        int64_t least;

        if (!foresight || !foresight->model || foresight->count == 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "strategy oracle needs to know the future: it runs in simulations only");
        oracle = memory_new(1, sizeof *oracle);
        oracle->context = *context;
        oracle->foresight = *foresight;
        oracle->late_factor = candidates_late_factor(context->constraints, wanted->late_factor);
        oracle->capacity = capacity_new(context->pipeline, foresight->model);
        least = (int64_t)foresight->count * foresight->step_ms / MAX_BLOCKS;
        oracle->block_ms = wanted->block_seconds * MS_PER_SECOND;
        oracle->block_ms = oracle->block_ms < least ? least : oracle->block_ms;
        oracle->lead_ms = (int64_t)(fmax(foresight->model->worker_start_seconds,
                                         foresight->model->restart.trigger_delay_seconds) *
                                    MS_PER_SECOND);
        *ret_state = oracle;
        return true;
}

static void oracle_close(void *state)
{
        struct oracle *oracle = state;

        if (!oracle)
                return;
        capacity_free(oracle->capacity);
        memory_free_cleanup(&oracle->path);
        memory_free_cleanup(&oracle);
}

static int64_t oracle_interval_ms(const void *given)
{
        return ((const struct oracle_options *)given)->block_seconds * MS_PER_SECOND;
}

/* Load of a block: the highest mean over as long as a record may wait, so that what fits never is late. */
static double block_load(const struct foresight *foresight, size_t from, size_t until, size_t window)
{
        double sum = 0, most = 0;

        if (window > until - from)
                window = until - from;
        for (size_t i = from; i < until; i++) {
                sum += foresight->rate_per_second[i];
                if (i - from >= window)
                        sum -= foresight->rate_per_second[i - window];
                if (i - from + 1 >= window)
                        most = fmax(most, sum / (double)window);
        }
        return most;
}

struct horizon {
        double *seconds, *worker_second, *load;
};

static void lay_blocks(struct oracle *oracle, double late_after_seconds, const struct horizon *horizon,
                       double *ret_price, double *ret_load)
{
        const struct foresight *foresight = &oracle->foresight;
        double wait = late_after_seconds * MS_PER_SECOND / (double)foresight->step_ms;
        double price = 0, load = 0;

        for (int b = 0; b < oracle->n_blocks; b++) {
                size_t from = (size_t)(b * oracle->block_ms / foresight->step_ms);
                size_t until = (size_t)((b + 1) * oracle->block_ms / foresight->step_ms);

                until = until > foresight->count ? foresight->count : until;
                horizon->seconds[b] = (double)((int64_t)(until - from) * foresight->step_ms) / MS_PER_SECOND;
                horizon->load[b] = block_load(foresight, from, until, wait < 1 ? 1 : (size_t)wait);
                horizon->worker_second[b] =
                        price_book_worker_hour(oracle->context.prices, foresight->start_ms +
                                                                               b * oracle->block_ms +
                                                                               oracle->block_ms / 2) /
                        3600;
                price += horizon->worker_second[b];
                load += horizon->load[b];
        }
        *ret_price = price / oracle->n_blocks;
        *ret_load = load / oracle->n_blocks;
}

static void make_schedule(struct oracle *oracle, const struct configuration *current)
{
        const struct foresight *foresight = &oracle->foresight;
        int64_t length = (int64_t)foresight->count * foresight->step_ms;
        size_t blocks = (size_t)((length + oracle->block_ms - 1) / oracle->block_ms);
        autofree double *seconds = memory_new(blocks, sizeof *seconds);
        autofree double *worker_second = memory_new(blocks, sizeof *worker_second);
        autofree double *load = memory_new(blocks, sizeof *load);
        struct planner_chain certain = {.n = 1, .weight = {1}};
        struct planner_candidate weighed[PLANNER_MAX_CANDIDATES];
        struct planner_problem problem = {
                .step_seconds = seconds,
                .worker_second = worker_second,
                .load = load,
                .chain = &certain,
        };
        double price, mean;

        oracle->n_blocks = problem.n_steps = (int)blocks;
        oracle->path = memory_new(blocks, sizeof *oracle->path);
        oracle->n_candidates = candidates_list(oracle->capacity, oracle->context.pipeline, current,
                                               oracle->candidates, &problem.current);
        candidates_problem(oracle->capacity, oracle->context.constraints, oracle->candidates,
                           oracle->n_candidates, weighed, &problem);
        for (int j = 0; j < oracle->n_candidates; j++)
                weighed[j] = (struct planner_candidate){.workers = weighed[j].workers,
                                                        .capacity = weighed[j].capacity * (1 - SLACK)};
        lay_blocks(oracle, problem.late_after_seconds, &(struct horizon){seconds, worker_second, load},
                   &price, &mean);
        problem.late_second = oracle->late_factor * fmax(price, 0) *
                              candidates_sufficient(oracle->candidates, oracle->n_candidates, mean);
        planner_path(&problem, oracle->path);
}

/* What the schedule runs at an instant; before and after it, what it begins and ends with. */
static const struct candidate *scheduled(const struct oracle *oracle, int64_t time_ms)
{
        int64_t block = (time_ms - oracle->foresight.start_ms) / oracle->block_ms;

        block = block < 0 ? 0 : block;
        block = block >= oracle->n_blocks ? oracle->n_blocks - 1 : block;
        return &oracle->candidates[oracle->path[block]];
}

static bool oracle_propose(void *state, const struct observation *observation, struct proposal *ret_proposal,
                           struct error *err)
{
        struct oracle *oracle = state;
        const struct candidate *next;
        struct deployment running;

        (void)err;
        proposal_hold(ret_proposal, "oracle", observation, "");
        if (observation->missing & (MISSING_ALL | MISSING_CONFIGURATION))
                return true;
        if (!oracle->path)
                make_schedule(oracle, &observation->configuration);
        /* new workers are ordered ahead, so that they are there when the schedule wants them */
        pipeline_deployment(oracle->context.pipeline, &observation->configuration, &running);
        next = scheduled(oracle, observation->time_ms + oracle->lead_ms);
        if (next->deployment.workers <= running.workers)
                next = scheduled(oracle, observation->time_ms);
        if (observation->restarting || configuration_equal(&next->configuration, &observation->configuration))
                return true;
        ret_proposal->kind = PROPOSAL_CHANGE;
        ret_proposal->configuration = next->configuration;
        snprintf(ret_proposal->reason, sizeof ret_proposal->reason,
                 "the cheapest schedule in hindsight says so");
        return true;
}

const struct strategy oracle_strategy = {
        .name = "oracle",
        .summary = "Best schedule in hindsight: knows the load to come; the yardstick of regret",
        .options = &oracle_table,
        .comparator = true,
        .needs_foresight = true,
        .interval_ms = oracle_interval_ms,
        .open = oracle_open,
        .propose = oracle_propose,
        .close = oracle_close,
};

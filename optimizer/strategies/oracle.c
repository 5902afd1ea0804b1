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
#define MAX_BLOCKS      20000
#define SETTLE_MS       (15 * 60 * MS_PER_SECOND)
#define RECOVERY_BLOCKS 480
#define SLACK           0.015 /* of the capacity: what is full to the brim never works off what an accident leaves */

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
                        "Without it 0.5 / (1 - c) for the confidence c of the constraints, as in plan.",
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
        int64_t settled_ms; /* until then what waits is no accident but the last change */
        struct planner_chain certain;
        struct planner_problem problem; /* all blocks; n_steps 0 until the first turn */
        double *seconds, *worker_second, *load;
        uint8_t *next;
        struct candidate candidates[PLANNER_MAX_CANDIDATES];
        struct planner_candidate weighed[PLANNER_MAX_CANDIDATES];
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
        oracle->settled_ms = INT64_MIN;
        oracle->context = *context;
        oracle->foresight = *foresight;
        oracle->late_factor = candidates_late_factor(context->constraints, wanted->late_factor);
        oracle->capacity =
                capacity_new(context->pipeline, foresight->model, wanted->block_seconds * MS_PER_SECOND);
        least = (int64_t)foresight->count * foresight->step_ms / MAX_BLOCKS;
        oracle->block_ms = wanted->block_seconds * MS_PER_SECOND;
        oracle->block_ms = oracle->block_ms < least ? least : oracle->block_ms;
        oracle->lead_ms = (int64_t)((fmax(foresight->model->worker_start_seconds,
                                          foresight->model->restart.trigger_delay_seconds) +
                                     foresight->model->restart.checkpoint_seconds / 2) *
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
        memory_free_cleanup(&oracle->seconds);
        memory_free_cleanup(&oracle->worker_second);
        memory_free_cleanup(&oracle->load);
        memory_free_cleanup(&oracle->next);
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

/* Fills the blocks. Returns the mean load. */
static double lay_blocks(struct oracle *oracle)
{
        const struct foresight *foresight = &oracle->foresight;
        double wait = oracle->problem.late_after_seconds * MS_PER_SECOND / (double)foresight->step_ms;
        autofree int64_t *middle_ms = memory_new((size_t)oracle->problem.n_steps, sizeof *middle_ms);
        double load = 0;

        for (int b = 0; b < oracle->problem.n_steps; b++) {
                int64_t from_ms = b * oracle->block_ms;
                size_t from = (size_t)(from_ms / foresight->step_ms);
                size_t until = (size_t)((from_ms + oracle->block_ms) / foresight->step_ms);

                until = until > foresight->count ? foresight->count : until;
                oracle->seconds[b] = (double)((int64_t)(until - from) * foresight->step_ms) / MS_PER_SECOND;
                oracle->load[b] = block_load(foresight, from, until, wait < 1 ? 1 : (size_t)wait);
                middle_ms[b] = foresight->start_ms + from_ms + oracle->block_ms / 2;
                load += oracle->load[b];
        }
        candidates_prices(oracle->context.prices, middle_ms, oracle->problem.n_steps, oracle->worker_second);
        return load / oracle->problem.n_steps;
}

static void make_schedule(struct oracle *oracle, const struct configuration *current)
{
        struct planner_problem *problem = &oracle->problem;
        int64_t length = (int64_t)oracle->foresight.count * oracle->foresight.step_ms;
        size_t blocks = (size_t)((length + oracle->block_ms - 1) / oracle->block_ms);
        double price = 0, mean;

        oracle->seconds = memory_new(blocks, sizeof *oracle->seconds);
        oracle->worker_second = memory_new(blocks, sizeof *oracle->worker_second);
        oracle->load = memory_new(blocks, sizeof *oracle->load);
        oracle->certain = (struct planner_chain){.n = 1, .weight = {1}};
        problem->n_candidates = candidates_list(oracle->capacity, oracle->context.pipeline, current,
                                                oracle->candidates, &problem->current);
        candidates_problem(oracle->capacity, oracle->context.constraints, oracle->candidates,
                           problem->n_candidates, oracle->weighed, problem);
        for (int j = 0; j < problem->n_candidates; j++) {
                oracle->weighed[j].capacity *= 1 - SLACK;
                oracle->weighed[j].capacity_sd = 0;
        }
        problem->n_steps = (int)blocks;
        problem->step_seconds = oracle->seconds;
        problem->worker_second = oracle->worker_second;
        problem->load = oracle->load;
        problem->chain = &oracle->certain;
        problem->reaction_steps = 1;
        mean = lay_blocks(oracle);
        for (int b = 0; b < problem->n_steps; b++)
                price += oracle->worker_second[b] / problem->n_steps;
        problem->late_second = oracle->late_factor * price *
                               candidates_sufficient(oracle->candidates, problem->n_candidates, mean);
        oracle->next = memory_new(blocks * (size_t)problem->n_candidates, sizeof *oracle->next);
        planner_policy(problem, oracle->next);
}

/* Block of an instant; before and after the load its first and last. */
static int block_at(const struct oracle *oracle, int64_t time_ms)
{
        int64_t block = (time_ms - oracle->foresight.start_ms) / oracle->block_ms;

        if (block < 0)
                return 0;
        return block < oracle->problem.n_steps ? (int)block : oracle->problem.n_steps - 1;
}

static int candidate_of(const struct oracle *oracle, const struct configuration *configuration)
{
        for (int j = 0; j < oracle->problem.n_candidates; j++)
                if (configuration_equal(&oracle->candidates[j].configuration, configuration))
                        return j;
        return oracle->problem.current;
}

static int workers_of(const struct oracle *oracle, int candidate)
{
        return oracle->weighed[candidate].workers;
}

/* The schedule's next candidate. New workers are ordered ahead, so that they are there when they are needed.
 */
static int scheduled(const struct oracle *oracle, int64_t time_ms, int at)
{
        int n = oracle->problem.n_candidates, ahead = at;
        int last = block_at(oracle, time_ms + oracle->lead_ms);

        for (int block = block_at(oracle, time_ms); block <= last; block++)
                ahead = oracle->next[block * n + ahead];
        if (workers_of(oracle, ahead) > workers_of(oracle, at))
                return ahead;
        return oracle->next[block_at(oracle, time_ms) * n + at];
}

/* An accident left work behind: the best way out of it over the next hours. */
static int recover(const struct oracle *oracle, int64_t time_ms, int at, double age_seconds)
{
        struct planner_problem problem = oracle->problem;
        struct planner_cost costs[PLANNER_MAX_CANDIDATES];
        int block = block_at(oracle, time_ms), best = at;

        problem.n_steps -= block;
        problem.n_steps = problem.n_steps < RECOVERY_BLOCKS ? problem.n_steps : RECOVERY_BLOCKS;
        problem.step_seconds += block;
        problem.worker_second += block;
        problem.load += block;
        problem.current = at;
        problem.age_seconds = age_seconds;
        planner_weigh(&problem, costs);
        for (int j = 0; j < problem.n_candidates; j++)
                if (workers_of(oracle, j) >= workers_of(oracle, at) &&
                    planner_total(&costs[j]) < planner_total(&costs[best]))
                        best = j;
        return best;
}

static bool oracle_propose(void *state, const struct observation *observation, struct proposal *ret_proposal,
                           struct error *err)
{
        struct oracle *oracle = state;
        double age = observation->backlog_records / observation->offered_per_second;
        bool behind;
        int at, next;

        (void)err;
        proposal_hold(ret_proposal, "oracle", observation, "");
        if (observation->missing & (MISSING_ALL | MISSING_CONFIGURATION))
                return true;
        if (!oracle->next)
                make_schedule(oracle, &observation->configuration);
        if (observation->restarting)
                return true;
        at = candidate_of(oracle, &observation->configuration);
        behind = age > oracle->problem.late_after_seconds;
        if (behind && observation->time_ms < oracle->settled_ms)
                return true;
        next = behind ? recover(oracle, observation->time_ms, at, age)
                      : scheduled(oracle, observation->time_ms, at);
        if (configuration_equal(&oracle->candidates[next].configuration, &observation->configuration))
                return true;
        oracle->settled_ms = observation->time_ms + oracle->lead_ms + SETTLE_MS;
        ret_proposal->kind = PROPOSAL_CHANGE;
        ret_proposal->configuration = oracle->candidates[next].configuration;
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

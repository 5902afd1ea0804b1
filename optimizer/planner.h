/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_PLANNER_H
#define OPTCTL_OPTIMIZER_PLANNER_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizer/capacity.h"

/*
 * The cheapest sequence of deployments over a horizon, by dynamic programming.
 *
 * A step with deployment j costs its workers' price, and the price of lateness times the seconds that are
 * expected late: because the load exceeds its capacity, or because a worker is lost and the backlog has to be
 * caught up. A change costs its downtime and what it takes to catch up from it. The price of a change depends
 * on where it leads, not on where it comes from, so one backward pass takes steps x candidates (Bellman
 * 1957).
 *
 * Uncertain load comes as scenarios: strata of its distribution at every step, and a Markov chain between
 * them. A step's choice may differ by scenario, since by then it is known which one it is, but not by what
 * comes later; so waiting is worth just what it will teach. The first deployment is chosen before anything is
 * known (stochastic programming with recourse; Birge and Louveaux, section 2.4).
 */
#define PLANNER_MAX_CANDIDATES 64
#define PLANNER_MAX_SCENARIOS  8

struct planner_candidate {
        int workers;
        double capacity, capacity_sd;    /* source records/s */
        struct setback restart, failure; /* into it; while it runs */
        double failures_per_second;
        bool barred; /* must not be chosen */
};

/* How load moves between its strata: ranks follow a Gaussian autoregression, so one number, their correlation
 * from step to step, gives the matrix. */
#define PLANNER_CHAIN_GRID 32

struct planner_chain {
        int n;
        double weight[PLANNER_MAX_SCENARIOS]; /* mass of each stratum; they add up to 1 */
        double middle[PLANNER_MAX_SCENARIOS]; /* what stands for it, in standard deviations */
        double upto[PLANNER_MAX_SCENARIOS];   /* its upper end; INFINITY: the last one's */
        /* Matrices (from, to) are made when they are first asked for. */
        bool known[PLANNER_CHAIN_GRID + 1];
        double move[PLANNER_CHAIN_GRID + 1][PLANNER_MAX_SCENARIOS][PLANNER_MAX_SCENARIOS];
};

/* `quantile` stands for each stratum, ascending. */
void planner_chain_lay(struct planner_chain *chain, const double *weight, const double *quantile, int n);

/* From, to; at a correlation of `grid` parts of PLANNER_CHAIN_GRID. Stays good until the chain is laid anew.
 */
const double (*planner_chain_move(struct planner_chain *chain, int grid))[PLANNER_MAX_SCENARIOS];

struct planner_problem {
        int n_steps, n_candidates;
        const double *step_seconds;  /* by step */
        const double *worker_second; /* price of one worker for one second, by step */
        struct planner_chain *chain;
        const double *load; /* records/s, [scenario * n_steps + step] */
        /* How far a step keeps the scenario it begins in, 0..1, and how far catching up from a change at it
         * does; NULL: wholly. */
        const double *persistence, *change_persistence;
        const double
                *correlation; /* of the load's rank at a step with that at the next; NULL with one scenario */
        double most_capacity; /* of all candidates, source records/s */
        double usual_load;    /* once more than the largest carries is over, records/s; 0: not known */
        double load_cv;       /* scatter of the load about its mean within a step */
        const struct planner_candidate *candidates; /* ascending capacity is not required */
        int current;                                /* index of what runs */
        double age_seconds;                         /* of the oldest waiting record now */
        double late_after_seconds;                  /* a record that waits longer is late */
        double late_second;                         /* price of one second in which records are late */
        double catch_up_ratio;                      /* capacity while behind, over the whole */
        double worker_start_seconds;                /* new workers are paid for this long before they help */
        bool near_as_needed;  /* a first change is caught up with in the load of as long as that takes; false:
                                 in the  mean of ten minutes */
        double delay_seconds; /* from a step's beginning until a change made then takes effect */
        int reaction_steps;   /* the first deployment stays that long */
        double answer_seconds; /* from when load exceeds what runs until a change because of that takes
                                  effect; 0: it is late at once */
        double unseen_seconds; /* by which the oldest record may be older than age_seconds */
        int grow_steps; /* until then only a larger one may follow: what was changed is being verified */
        double shifts_per_second; /* of the load to a multiple of x or more with probability 1 / x^2,
                                     unforeseen */
        double shift_seconds;     /* late seconds until one that exceeds the capacity has been answered */
        double change_seconds;    /* late seconds that a change is worth at least: it may go wrong */
};

struct planner_cost {
        double compute, change, penalty;
        double price;      /* of the first change alone; 0 for what runs */
        double hold;       /* of running it through the whole horizon, whatever comes */
        double late_ratio; /* share of the horizon that is expected to be late */
};

static inline double planner_total(const struct planner_cost *cost)
{
        return cost->compute + cost->change + cost->penalty;
}

/* Seconds late after a setback when `capacity` meets `load`; at most an hour. */
double planner_late_seconds(const struct planner_problem *problem, const struct setback *setback,
                            double capacity, double load);

/* Expected cost over the horizon of each candidate as the first deployment, with the best that can follow. */
void planner_weigh(const struct planner_problem *problem, struct planner_cost *ret_costs);

/* What to run at each step when there is one scenario, the future known, from whatever runs then: next[step *
 * n_candidates + candidate]. Returns the cost from the current one on. */
double planner_policy(const struct planner_problem *problem, uint8_t *ret_next);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/planner.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

#include "core/formulas.h"
#include "core/memory.h"

#define LATE_CAP_SECONDS 3600.0 /* by then something else has been decided */
#define CATCH_UP_SECONDS 600.0
#define RECOVERY_SPARE   0.3 /* spare capacity, over the load, that what was left behind is caught up with */

static double catch_up_seconds(const struct planner_problem *problem, double age, double capacity,
                               double load)
{
        double spare = capacity * problem->catch_up_ratio / load - 1;

        if (age <= problem->late_after_seconds)
                return 0;
        return spare > 0 ? fmin((age - problem->late_after_seconds) / spare, LATE_CAP_SECONDS)
                         : LATE_CAP_SECONDS;
}

double planner_late_seconds(const struct planner_problem *problem, const struct setback *setback,
                            double capacity, double load)
{
        double over = setback->age_seconds - problem->late_after_seconds;

        if (over <= 0 || load <= 0)
                return 0;
        return fmin(over, setback->down_seconds) +
               catch_up_seconds(problem, setback->age_seconds, capacity, load);
}

/* Normal distribution function to 1 % of itself, ten times as fast as erfc: the logistic of a cubic (Page
 * 1977). */
static double normal_below(double z)
{
        return 1 / (1 + exp(-z * (1.5976 + 0.070565992 * z * z)));
}

struct overload {
        double probability; /* that load exceeds capacity */
        double excess;      /* mean of load - capacity where positive, records/s */
};

static struct overload overload_of(const struct planner_problem *problem,
                                   const struct planner_candidate *candidate, double load)
{
        double noise = problem->load_cv * load;
        double sd = sqrt(candidate->capacity_sd * candidate->capacity_sd + noise * noise);
        double z = (load - candidate->capacity) / fmax(sd, 1e-9 * candidate->capacity);
        struct overload overload;

        if (z < -5)
                return (struct overload){0, 0};
        overload.probability = z > 5 ? 1 : normal_below(z);
        overload.excess = (load - candidate->capacity) * overload.probability;
        if (z < 5)
                overload.excess += sd * 0.39894228 * exp(-z * z / 2);
        overload.excess = fmax(overload.excess, 0);
        return overload;
}

/* Late seconds expected within a step that runs on this candidate throughout. */
static double late_in_step(const struct planner_problem *problem, const struct planner_candidate *candidate,
                           double load, double seconds)
{
        struct overload overload = overload_of(problem, candidate, load);
        double failures =
                problem->failures_per_second + problem->failures_per_worker_second * candidate->workers;
        double late = overload.probability;

        if (overload.excess > 0)
                late += overload.excess / (RECOVERY_SPARE * load);
        if (failures > 0 && overload.probability < 0.5)
                late += failures *
                        planner_late_seconds(problem, &problem->failure, candidate->capacity, load);
        return late * seconds;
}

static double compute_cost(const struct planner_problem *problem, int j, int step)
{
        return problem->candidates[j].workers * problem->worker_second[step] * problem->step_seconds[step];
}

/* Money of the future from a step on, by scenario and candidate that runs then. */
struct outlook {
        double compute[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];
        double change[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];
        double penalty[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];
};

void planner_chain_lay(struct planner_chain *chain, const double *weight, const double *quantile, int n)
{
        chain->n = n;
        for (int i = 0; i < n; i++)
                chain->weight[i] = weight[i];
        for (int g = 0; g <= PLANNER_CHAIN_GRID; g++) {
                double correlation = (double)g / PLANNER_CHAIN_GRID;
                double scatter = sqrt(fmax(1 - correlation * correlation, 1e-12));

                for (int from = 0; from < n; from++) {
                        double mean = correlation * normal_quantile(quantile[from]);
                        double mass = 0, below = 0;

                        for (int to = 0; to < n; to++) {
                                double upto;

                                mass += weight[to];
                                upto = to + 1 == n ? 1
                                                   : gsl_cdf_ugaussian_P((normal_quantile(mass) - mean) /
                                                                         scatter);
                                chain->move[g][from][to] = upto - below;
                                below = upto;
                        }
                }
        }
}

static void mix_one(double (*values)[PLANNER_MAX_CANDIDATES], const double (*move)[PLANNER_MAX_SCENARIOS],
                    int n_scenarios, int n_candidates)
{
        double mixed[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];

        for (int from = 0; from < n_scenarios; from++) {
                memset(mixed[from], 0, (size_t)n_candidates * sizeof mixed[from][0]);
                for (int to = 0; to < n_scenarios; to++)
                        for (int j = 0; j < n_candidates; j++)
                                mixed[from][j] += move[from][to] * values[to][j];
        }
        for (int from = 0; from < n_scenarios; from++)
                memcpy(values[from], mixed[from], (size_t)n_candidates * sizeof mixed[from][0]);
}

/* What is expected at a step of the time after it, given the scenario at the step. */
static void mix(const struct planner_problem *problem, int step, struct outlook *outlook)
{
        int n = problem->chain->n, grid;

        if (n == 1)
                return;
        grid = (int)lround(fmin(fmax(problem->correlation[step], 0), 1) * PLANNER_CHAIN_GRID);
        mix_one(outlook->compute, problem->chain->move[grid], n, problem->n_candidates);
        mix_one(outlook->change, problem->chain->move[grid], n, problem->n_candidates);
        mix_one(outlook->penalty, problem->chain->move[grid], n, problem->n_candidates);
}

/* What a step costs on each candidate, and what a change to it would, by scenario. */
struct stage {
        double penalty[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];
        double price[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];
};

/* A step begins in its scenario; as far as load does not persist through it, it sees all of them. */
static void spread_stage(const struct planner_problem *problem, double persistence,
                         double (*values)[PLANNER_MAX_CANDIDATES])
{
        const struct planner_chain *chain = problem->chain;

        for (int j = 0; j < problem->n_candidates && persistence < 1; j++) {
                double mean = 0;

                for (int s = 0; s < chain->n; s++)
                        mean += chain->weight[s] * values[s][j];
                for (int s = 0; s < chain->n; s++)
                        values[s][j] = mean + persistence * (values[s][j] - mean);
        }
}

static void price_stage(const struct planner_problem *problem, int step, struct stage *ret)
{
        for (int s = 0; s < problem->chain->n; s++) {
                double load = problem->load[s * problem->n_steps + step];

                for (int j = 0; j < problem->n_candidates; j++) {
                        const struct planner_candidate *candidate = &problem->candidates[j];

                        ret->penalty[s][j] = problem->late_second * late_in_step(problem, candidate, load,
                                                                                 problem->step_seconds[step]);
                        ret->price[s][j] =
                                problem->late_second *
                                planner_late_seconds(problem, &problem->restart, candidate->capacity, load);
                }
        }
        if (problem->persistence)
                spread_stage(problem, problem->persistence[step], ret->penalty);
        if (problem->change_persistence)
                spread_stage(problem, problem->change_persistence[step], ret->price);
}

/* One step back in one scenario. Returns the candidate to change to at this step, and who does: leaves[j].
 * Who leaves still pays for what runs until the change takes effect. */
static int step_back(const struct planner_problem *problem, const struct stage *stage, int scenario, int step,
                     struct outlook *outlook, bool *leaves)
{
        double *compute = outlook->compute[scenario], *change = outlook->change[scenario];
        double *penalty = outlook->penalty[scenario];
        const double *late = stage->penalty[scenario], *price = stage->price[scenario];
        double old = fmin(problem->delay_seconds / problem->step_seconds[step], 1), rest = 1 - old;
        double best_compute = 0, best_change = 0, best_penalty = 0, best_total = INFINITY;
        int best = -1;

        for (int j = 0; j < problem->n_candidates; j++) {
                double now = compute_cost(problem, j, step);
                double total = compute[j] + change[j] + penalty[j] + price[j] + rest * (now + late[j]);

                if (problem->candidates[j].barred || total >= best_total)
                        continue;
                best = j;
                best_total = total;
                best_compute = compute[j] + rest * now;
                best_change = change[j] + price[j];
                best_penalty = penalty[j] + rest * late[j];
        }
        for (int j = 0; j < problem->n_candidates; j++) {
                double now = compute_cost(problem, j, step);

                leaves[j] = j != best && best_total + old * (now + late[j]) <
                                                 compute[j] + change[j] + penalty[j] + now + late[j];
                compute[j] = leaves[j] ? best_compute + old * now : compute[j] + now;
                penalty[j] = leaves[j] ? best_penalty + old * late[j] : penalty[j] + late[j];
                change[j] = leaves[j] ? best_change : change[j];
        }
        return best;
}

/* Mean load while a change made now is caught up with. */
static double near_load(const struct planner_problem *problem, const double *load)
{
        double records = 0, seconds = 0;

        for (int step = 0; step < problem->n_steps && seconds < CATCH_UP_SECONDS; step++) {
                records += load[step] * problem->step_seconds[step];
                seconds += problem->step_seconds[step];
        }
        return fmax(records / seconds, 1e-9);
}

/* Money until the reaction time is over, on candidate j from now on, in one scenario. */
static struct planner_cost first_stage(const struct planner_problem *problem, const double *load, int j)
{
        const struct planner_candidate *candidate = &problem->candidates[j];
        const struct planner_candidate *current = &problem->candidates[problem->current];
        struct planner_cost cost = {0};
        double age = problem->age_seconds, near = near_load(problem, load);

        if (j == problem->current) {
                cost.penalty =
                        problem->late_second * catch_up_seconds(problem, age, candidate->capacity, near);
        } else {
                struct setback setback = problem->restart;
                int more = candidate->workers - current->workers;

                if (more > 0) {
                        cost.compute = more * problem->worker_start_seconds * problem->worker_second[0];
                        age += fmax(1 - current->capacity / near, 0) * problem->worker_start_seconds;
                }
                setback.age_seconds += age;
                cost.change = problem->late_second *
                              planner_late_seconds(problem, &setback, candidate->capacity, near);
                cost.price = cost.change + cost.compute;
        }
        for (int step = 0; step < problem->reaction_steps; step++) {
                cost.compute += compute_cost(problem, j, step);
                cost.penalty += problem->late_second *
                                late_in_step(problem, candidate, load[step], problem->step_seconds[step]);
        }
        return cost;
}

void planner_weigh(const struct planner_problem *problem, struct planner_cost *ret_costs)
{
        const struct planner_chain *chain = problem->chain;
        bool leaves[PLANNER_MAX_CANDIDATES];
        struct outlook outlook;
        struct stage stage;
        double horizon = 0;

        memset(&outlook, 0, sizeof outlook);
        memset(ret_costs, 0, (size_t)problem->n_candidates * sizeof *ret_costs);
        for (int step = problem->n_steps - 1; step >= problem->reaction_steps; step--) {
                if (step < problem->n_steps - 1)
                        mix(problem, step, &outlook);
                price_stage(problem, step, &stage);
                for (int s = 0; s < chain->n; s++)
                        step_back(problem, &stage, s, step, &outlook, leaves);
        }
        for (int s = 0; s < chain->n; s++)
                for (int j = 0; j < problem->n_candidates; j++) {
                        struct planner_cost first =
                                first_stage(problem, problem->load + s * problem->n_steps, j);

                        ret_costs[j].compute += chain->weight[s] * (first.compute + outlook.compute[s][j]);
                        ret_costs[j].change += chain->weight[s] * (first.change + outlook.change[s][j]);
                        ret_costs[j].price += chain->weight[s] * first.price;
                        ret_costs[j].penalty += chain->weight[s] * (first.penalty + outlook.penalty[s][j]);
                }
        for (int step = 0; step < problem->n_steps; step++)
                horizon += problem->step_seconds[step];
        for (int j = 0; j < problem->n_candidates; j++)
                ret_costs[j].late_ratio =
                        (ret_costs[j].change + ret_costs[j].penalty) / (problem->late_second * horizon);
}

double planner_path(const struct planner_problem *problem, uint8_t *ret_path)
{
        size_t steps = (size_t)problem->n_steps, candidates = (size_t)problem->n_candidates;
        autofree bool *leaves = memory_new(steps * candidates, sizeof *leaves);
        autofree int *target = memory_new(steps, sizeof *target);
        struct outlook outlook;
        struct stage stage;
        int at = problem->current;

        memset(&outlook, 0, sizeof outlook);
        for (size_t step = steps; step-- > 0;) {
                price_stage(problem, (int)step, &stage);
                target[step] = step_back(problem, &stage, 0, (int)step, &outlook, leaves + step * candidates);
        }
        for (size_t step = 0; step < steps; step++) {
                if (leaves[step * candidates + (size_t)at])
                        at = target[step];
                ret_path[step] = (uint8_t)at;
        }
        at = problem->current;
        return outlook.compute[0][at] + outlook.change[0][at] + outlook.penalty[0][at];
}

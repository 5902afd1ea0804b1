/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/planner.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

#include "core/formulas.h"

#define LATE_CAP_SECONDS 3600.0 /* by then something else has been decided */
#define CATCH_UP_SECONDS 600.0
#define LEAST_SPARE      0.05 /* of the load: who has less to catch up with is given more */
#define RECOVERY_SPARE   0.3  /* spare capacity, over the load, that what was left behind is caught up with */
#define SURE_DEVIATIONS  5    /* standard deviations beyond which a normal variable is not expected */

#define NORMAL_DENSITY 0.3989423 /* of the standard normal distribution at 0 */

/* fmin and fmax without the care for NAN, which costs a call each in the innermost loops. */
static inline double smaller(double a, double b)
{
        return a < b ? a : b;
}

static inline double larger(double a, double b)
{
        return a > b ? a : b;
}

/* Load that even the largest candidate does not carry: what it leaves behind is caught up with once it is
 * over. */
static inline bool exceeds_all(const struct planner_problem *problem, double load)
{
        return problem->usual_load > 0 && problem->most_capacity * problem->catch_up_ratio < load;
}

/* Capacity that is left over then. */
static inline double usual_spare(const struct planner_problem *problem, double capacity)
{
        return larger(capacity * problem->catch_up_ratio - problem->usual_load,
                      LEAST_SPARE * problem->usual_load);
}

/* Seconds it takes to catch up with one second of waiting. */
static inline double drain_of(const struct planner_problem *problem, double capacity, double load)
{
        double spare = capacity * problem->catch_up_ratio - load;

        if (exceeds_all(problem, load))
                return load / usual_spare(problem, capacity);
        if (problem->answer_seconds > 0)
                spare = larger(spare, LEAST_SPARE * load);
        return spare > 0 ? load / spare : INFINITY;
}

/* Normal distribution function to 1 % of itself, ten times as fast as erfc: the logistic of a cubic (Page
 * 1977). */
static double normal_below(double z)
{
        return 1 / (1 + exp(-z * (1.5976 + 0.070565992 * z * z)));
}

/* A setback as expected late seconds: those until it runs again, and what waits too long then. */
struct lateness {
        double down, over;
};

/* Mean of what a normal variable exceeds 0 by. */
static double mean_excess(double mean, double sd)
{
        double z = mean / sd;

        if (!(sd > 0) || z > SURE_DEVIATIONS)
                return larger(mean, 0);
        if (z < -SURE_DEVIATIONS)
                return 0;
        return larger(mean * normal_below(z) + sd * NORMAL_DENSITY * exp(-z * z / 2), 0);
}

static struct lateness lateness_of(const struct planner_problem *problem, const struct setback *setback)
{
        double over = mean_excess(setback->age_seconds - problem->late_after_seconds, setback->age_sd);

        return (struct lateness){smaller(over, setback->down_seconds), over};
}

static inline double late_seconds(const struct lateness *lateness, double drain)
{
        if (lateness->over <= 0)
                return 0;
        return lateness->down + smaller(lateness->over * drain, LATE_CAP_SECONDS);
}

double planner_late_seconds(const struct planner_problem *problem, const struct setback *setback,
                            double capacity, double load)
{
        struct lateness lateness = lateness_of(problem, setback);

        return late_seconds(&lateness, drain_of(problem, capacity, load));
}

/*
 * Records wait longer by the share of the load that is left lying. So load that exceeds the capacity until it
 * is answered is late only when it exceeds it by this share of itself: what waits then, and what the answer
 * itself adds, is as old as the bound.
 */
static double grace_of(const struct planner_problem *problem, const struct planner_candidate *candidate,
                       double age_seconds)
{
        double left = problem->late_after_seconds - age_seconds - candidate->restart.age_seconds;

        return problem->answer_seconds > 0 && left > 0 ? smaller(left / problem->answer_seconds, 1) : 0;
}

/* Share of a step that is late because load exceeds capacity, by more than the grace: while it does, and
 * while what it left behind is caught up with (the mean of what is too much where positive, at the recovery's
 * spare capacity; where no candidate carries the load, at what this one will have to spare). */
static double overload_of(const struct planner_problem *problem, const struct planner_candidate *candidate,
                          double load, double grace)
{
        double noise = problem->load_cv * load, over = load * (1 - grace) - candidate->capacity;
        double spare = exceeds_all(problem, load) ? usual_spare(problem, candidate->capacity)
                                                  : RECOVERY_SPARE * load;
        double sd, z, probability, excess;

        if (over < -SURE_DEVIATIONS * (candidate->capacity_sd + noise))
                return 0;
        sd = sqrt(candidate->capacity_sd * candidate->capacity_sd + noise * noise);
        if (over > SURE_DEVIATIONS * sd)
                return 1 + over / spare;
        z = over / sd;
        probability = normal_below(z);
        excess = larger(over * probability + sd * NORMAL_DENSITY * exp(-z * z / 2), 0);
        return probability + excess / spare;
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
        double mass = 0;

        chain->n = n;
        memset(chain->known, 0, sizeof chain->known);
        for (int i = 0; i < n; i++) {
                mass += weight[i];
                chain->weight[i] = weight[i];
                chain->middle[i] = normal_quantile(quantile[i]);
                chain->upto[i] = i + 1 == n ? INFINITY : normal_quantile(mass);
        }
}

const double (*planner_chain_move(struct planner_chain *chain, int grid))[PLANNER_MAX_SCENARIOS]
{
        double correlation = (double)grid / PLANNER_CHAIN_GRID;
        double scatter = sqrt(fmax(1 - correlation * correlation, 1e-12));

        for (int from = 0; from < chain->n && !chain->known[grid]; from++) {
                double mean = correlation * chain->middle[from], below = 0;

                for (int to = 0; to < chain->n; to++) {
                        double upto = isinf(chain->upto[to])
                                              ? 1
                                              : gsl_cdf_ugaussian_P((chain->upto[to] - mean) / scatter);

                        chain->move[grid][from][to] = upto - below;
                        below = upto;
                }
        }
        chain->known[grid] = true;
        return chain->move[grid];
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
        const double(*move)[PLANNER_MAX_SCENARIOS];
        int n = problem->chain->n, grid;

        if (n == 1)
                return;
        grid = (int)lround(fmin(fmax(problem->correlation[step], 0), 1) * PLANNER_CHAIN_GRID);
        move = planner_chain_move(problem->chain, grid);
        mix_one(outlook->compute, move, n, problem->n_candidates);
        mix_one(outlook->change, move, n, problem->n_candidates);
        mix_one(outlook->penalty, move, n, problem->n_candidates);
}

/* What a step costs on each candidate, what it costs while that is being left, and what a change to it would,
 * by scenario. */
struct stage {
        double penalty[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];
        double leaving[PLANNER_MAX_SCENARIOS][PLANNER_MAX_CANDIDATES];
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

/* What follows from a candidate alone. */
struct prepared {
        struct lateness restart[PLANNER_MAX_CANDIDATES], failure[PLANNER_MAX_CANDIDATES];
        double grace[PLANNER_MAX_CANDIDATES];
};

static void prepare(const struct planner_problem *problem, struct prepared *ret)
{
        for (int j = 0; j < problem->n_candidates; j++) {
                ret->restart[j] = lateness_of(problem, &problem->candidates[j].restart);
                ret->failure[j] = lateness_of(problem, &problem->candidates[j].failure);
                ret->grace[j] = grace_of(problem, &problem->candidates[j], 0);
        }
}

/* Share of a step on candidate j that is expected late. */
static inline double late_share(const struct planner_problem *problem, const struct prepared *prepared, int j,
                                double load, double drain, double grace)
{
        const struct planner_candidate *candidate = &problem->candidates[j];
        double filled = smaller(load / candidate->capacity, 1);

        return overload_of(problem, candidate, load, grace) +
               problem->shifts_per_second * problem->shift_seconds * filled * filled +
               candidate->failures_per_second * late_seconds(&prepared->failure[j], drain);
}

static void price_stage(const struct planner_problem *problem, const struct prepared *prepared, int step,
                        struct stage *ret)
{
        double second = problem->late_second, seconds = problem->step_seconds[step];

        for (int s = 0; s < problem->chain->n; s++) {
                double load = problem->load[s * problem->n_steps + step];

                for (int j = 0; j < problem->n_candidates; j++) {
                        double drain = drain_of(problem, problem->candidates[j].capacity, load);

                        ret->penalty[s][j] =
                                second * seconds * late_share(problem, prepared, j, load, drain, 0);
                        ret->leaving[s][j] = prepared->grace[j] > 0
                                                     ? second * seconds *
                                                               late_share(problem, prepared, j, load, drain,
                                                                          prepared->grace[j])
                                                     : ret->penalty[s][j];
                        ret->price[s][j] = second * larger(late_seconds(&prepared->restart[j], drain),
                                                           problem->change_seconds);
                }
        }
        if (problem->persistence) {
                spread_stage(problem, problem->persistence[step], ret->penalty);
                spread_stage(problem, problem->persistence[step], ret->leaving);
        }
        if (problem->change_persistence)
                spread_stage(problem, problem->change_persistence[step], ret->price);
}

/* Money from a step on, of one who changes to a candidate at it. */
struct target {
        int candidate; /* -1: there is none */
        double compute, change, penalty, total;
};

/* One step back in one scenario. Who leaves for the best candidate still pays for what runs until the change
 * takes effect. leaves[j]: who does; returns where they go from the smallest. */
static int step_back(const struct planner_problem *problem, const struct stage *stage, int scenario, int step,
                     struct outlook *outlook, bool *leaves)
{
        double *compute = outlook->compute[scenario], *change = outlook->change[scenario];
        double *penalty = outlook->penalty[scenario];
        const double *late = stage->penalty[scenario], *price = stage->price[scenario];
        const double *leaving = stage->leaving[scenario];
        /* what runs may take longer to be left than the step lasts: then it is late for longer, too */
        double delay = problem->delay_seconds / problem->step_seconds[step];
        double old = fmin(delay, 1), rest = 1 - old;
        bool grow_only = step < problem->grow_steps;
        struct target best = {.candidate = -1, .total = INFINITY};

        /* Candidates ascend by workers: downwards, the best so far is the best of the larger ones. */
        for (int pass = grow_only ? 1 : 0; pass < 2; pass++)
                for (int j = problem->n_candidates - 1; j >= 0; j--) {
                        double now = compute_cost(problem, j, step);
                        double stay = compute[j] + change[j] + penalty[j];
                        double total = stay + price[j] + rest * (now + late[j]);
                        struct target here = {j, compute[j] + rest * now, change[j] + price[j],
                                              penalty[j] + rest * late[j], total};

                        if (pass == 1) {
                                leaves[j] =
                                        best.candidate >= 0 && best.candidate != j &&
                                        best.total + old * now + delay * leaving[j] < stay + now + late[j];
                                compute[j] = leaves[j] ? best.compute + old * now : compute[j] + now;
                                penalty[j] =
                                        leaves[j] ? best.penalty + delay * leaving[j] : penalty[j] + late[j];
                                change[j] = leaves[j] ? best.change : change[j];
                        }
                        if ((pass == 0 || grow_only) && !problem->candidates[j].barred && total < best.total)
                                best = here;
                }
        return best.candidate;
}

/* Mean load while `waiting_seconds` of load, as it is at first, are caught up with by `capacity`; at most
 * that of CATCH_UP_SECONDS. */
static double near_load(const struct planner_problem *problem, const double *load, double waiting_seconds,
                        double capacity)
{
        double waiting = waiting_seconds * load[0], records = 0, seconds = 0;

        for (int step = 0; step < problem->n_steps && seconds < CATCH_UP_SECONDS; step++) {
                records += load[step] * problem->step_seconds[step];
                seconds += problem->step_seconds[step];
                waiting += (load[step] - capacity * problem->catch_up_ratio) * problem->step_seconds[step];
                if (waiting <= 0 && problem->near_as_needed)
                        break;
        }
        return larger(records / seconds, 1e-9);
}

/* What it costs to get from the current deployment, with what waits now, to candidate j. The more waits
 * already, the less of that is the change's own price: what is late on any candidate for as long as is
 * reckoned with would otherwise be a reason to stay for ever. */
static struct planner_cost first_change(const struct planner_problem *problem, const double *load, int j)
{
        const struct planner_candidate *to = &problem->candidates[j];
        const struct planner_candidate *from = &problem->candidates[problem->current];
        const struct setback waiting = {.age_seconds = problem->age_seconds};
        double near = near_load(problem, load, waiting.age_seconds, to->capacity);
        double late = planner_late_seconds(problem, &waiting, to->capacity, near);
        struct setback setback = to->restart;
        struct planner_cost cost = {0};
        int more = to->workers - from->workers;

        if (j == problem->current) {
                cost.penalty = problem->late_second * late;
                return cost;
        }
        setback.age_seconds += problem->age_seconds;
        if (more > 0) {
                cost.compute = more * problem->worker_start_seconds * problem->worker_second[0];
                setback.age_seconds +=
                        larger(1 - from->capacity / larger(load[0], 1e-9), 0) * problem->worker_start_seconds;
        }
        near = near_load(problem, load, setback.age_seconds, to->capacity);
        cost.change =
                problem->late_second *
                larger(planner_late_seconds(problem, &setback, to->capacity, near), problem->change_seconds);
        cost.price = cost.change + cost.compute - problem->late_second * late * (late / LATE_CAP_SECONDS);
        return cost;
}

/* Money until the reaction time is over, on candidate j from now on, in one scenario. */
static struct planner_cost first_stage(const struct planner_problem *problem, const struct prepared *prepared,
                                       const double *load, int j)
{
        struct planner_cost cost = first_change(problem, load, j);
        double unseen = j == problem->current ? problem->unseen_seconds : 0;
        double grace = grace_of(problem, &problem->candidates[j], problem->age_seconds + unseen);

        for (int step = 0; step < problem->reaction_steps; step++) {
                double drain = drain_of(problem, problem->candidates[j].capacity, load[step]);

                cost.compute += compute_cost(problem, j, step);
                cost.penalty += problem->late_second * problem->step_seconds[step] *
                                late_share(problem, prepared, j, load[step], drain, grace);
        }
        return cost;
}

static void add_first_stages(const struct planner_problem *problem, const struct prepared *prepared,
                             const struct outlook *outlook, struct planner_cost *costs)
{
        for (int s = 0; s < problem->chain->n; s++) {
                const double *load = problem->load + s * problem->n_steps;
                double weight = problem->chain->weight[s];

                for (int j = 0; j < problem->n_candidates; j++) {
                        struct planner_cost first = first_stage(problem, prepared, load, j);

                        costs[j].hold += weight * (first.compute + first.penalty);
                        costs[j].compute += weight * (first.compute + outlook->compute[s][j]);
                        costs[j].change += weight * (first.change + outlook->change[s][j]);
                        costs[j].price += weight * first.price;
                        costs[j].penalty += weight * (first.penalty + outlook->penalty[s][j]);
                }
        }
}

static void add_hold(const struct planner_problem *problem, const struct stage *stage, int step,
                     struct planner_cost *costs)
{
        for (int j = 0; j < problem->n_candidates; j++) {
                costs[j].hold += compute_cost(problem, j, step);
                for (int s = 0; s < problem->chain->n; s++)
                        costs[j].hold += problem->chain->weight[s] * stage->penalty[s][j];
        }
}

void planner_weigh(const struct planner_problem *problem, struct planner_cost *ret_costs)
{
        const struct planner_chain *chain = problem->chain;
        bool leaves[PLANNER_MAX_CANDIDATES];
        struct outlook outlook;
        struct stage stage;
        struct prepared prepared;
        double horizon = 0;

        prepare(problem, &prepared);
        memset(&outlook, 0, sizeof outlook);
        memset(ret_costs, 0, (size_t)problem->n_candidates * sizeof *ret_costs);
        for (int step = problem->n_steps - 1; step >= problem->reaction_steps; step--) {
                if (step < problem->n_steps - 1)
                        mix(problem, step, &outlook);
                price_stage(problem, &prepared, step, &stage);
                add_hold(problem, &stage, step, ret_costs);
                for (int s = 0; s < chain->n; s++)
                        step_back(problem, &stage, s, step, &outlook, leaves);
        }
        add_first_stages(problem, &prepared, &outlook, ret_costs);
        for (int step = 0; step < problem->n_steps; step++)
                horizon += problem->step_seconds[step];
        for (int j = 0; j < problem->n_candidates; j++)
                ret_costs[j].late_ratio =
                        (ret_costs[j].change + ret_costs[j].penalty) / (problem->late_second * horizon);
}

double planner_policy(const struct planner_problem *problem, uint8_t *ret_next)
{
        int current = problem->current, n = problem->n_candidates;
        struct outlook outlook;
        struct stage stage;
        struct prepared prepared;

        prepare(problem, &prepared);
        memset(&outlook, 0, sizeof outlook);
        for (int step = problem->n_steps - 1; step >= 0; step--) {
                bool leaves[PLANNER_MAX_CANDIDATES];
                int target;

                price_stage(problem, &prepared, step, &stage);
                target = step_back(problem, &stage, 0, step, &outlook, leaves);
                for (int j = 0; j < n; j++)
                        ret_next[step * n + j] = (uint8_t)(leaves[j] ? target : j);
        }
        return outlook.compute[0][current] + outlook.change[0][current] + outlook.penalty[0][current];
}

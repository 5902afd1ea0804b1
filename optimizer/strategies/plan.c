/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "optimizer/barred.h"
#include "optimizer/beside.h"
#include "optimizer/candidates.h"
#include "optimizer/capacity.h"
#include "optimizer/forecast.h"
#include "optimizer/plan_options.h"
#include "optimizer/planner.h"
#include "optimizer/proposal.h"
#include "optimizer/steady.h"
#include "optimizer/steps.h"

/*
 * The strategy of our own: a receding horizon. Each turn it learns from the observation, forecasts the load,
 * weighs the deployments by what they are expected to cost over the horizon (compute, changes, lateness) and
 * takes the first step of the cheapest sequence. A change that does not earn back its price within the
 * horizon is not made.
 */
#define RISK               0.05 /* when the constraints name no confidence */
#define LOAD_CV            0.01 /* scatter of the load within a minute that no forecast sees */
#define MEAN_SECONDS       (7 * 86400.0)
#define REACTION_STEPS     2
#define PATIENCE_INTERVALS 30 /* that a size may take to catch up before a larger one is looked for */
#define SETTLE_INTERVALS   10 /* that a change is verified for, about */
#define YOUNG_LATE_SHARE   0.5
#define UNSURE             0.1  /* relative sd of what is known of the capacity that runs */
#define MARGIN             1.0  /* of its price that a change to less must save beyond it ... */
#define MARGIN_NOISE       10.0 /* ... after one to more, besides, when the load scatters by NOISE ... */
#define MARGIN_SAME        40.0 /* ... to take back a part of what was chosen for the same load */
#define SURE               5.0  /* standard deviations of a smaller capacity above the load */
#define NEARLY             0.8  /* of the most that growth saves */
#define NOISE              0.1
#define SAME_LOAD          0.15
#define SAME_CAPACITY      0.25
#define UNSEEN             0.05 /* of the time that an operator is full, by which records may have aged unseen */
#define KNOWN_INTERVALS    60 /* horizon that any history is good for */
#define SATURATED_RATIO    0.95
#define BEHIND_SECONDS     5.0
#define PENDING_LIMIT_MS   (15 * 60 * MS_PER_SECOND)
#define TEXT_MS            (30 * 60 * MS_PER_SECOND)

/* Middle quantiles of strata of the load's distribution, finer where it hurts, and their masses. */
static const double scenario_quantile[] = {0.075, 0.275, 0.525, 0.75, 0.905, 0.98};
static const double scenario_weight[] = {0.15, 0.25, 0.25, 0.20, 0.11, 0.04};
#define N_SCENARIOS ((int)ARRAY_LENGTH(scenario_quantile))

struct plan {
        struct strategy_context context;
        struct plan_options options;
        struct forecast *forecast;
        struct capacity *capacity;
        struct beside *beside;
        struct steady steady;
        double late_factor;
        double risk; /* probability of being late that is accepted */

        double mean_load; /* records/s */
        int64_t n_seen;
        double late_share;             /* of the time, lately */
        struct configuration *pending; /* applied and not yet seen to run; NULL: none is */
        bool grew;                     /* by the newest change */
        double full_seconds;           /* that an operator has been full for now */
        double sized_for,
                sized_to; /* load that it was chosen for, and its capacity, records/s; NAN: none was */
        int64_t pending_until_ms; /* INT64_MIN: nothing is pending */
        struct barred barred;
        struct turn *turn; /* while one lasts: it is large, and pipelines are many */
};

/* What a turn works with. */
struct turn {
        struct steps steps;
        int n_steps; /* as far as is looked ahead now */
        struct planner_chain chain;
        double worker_second[STEPS_MAX];
        double correlation[STEPS_MAX], persistence[STEPS_MAX], change_persistence[STEPS_MAX];
        double quantiles[STEPS_MAX * PLANNER_MAX_SCENARIOS];
        double load[STEPS_MAX * PLANNER_MAX_SCENARIOS];
        int n_candidates, current;
        struct candidate candidates[PLANNER_MAX_CANDIDATES];
        struct planner_candidate weighed[PLANNER_MAX_CANDIDATES];
        struct planner_cost costs[PLANNER_MAX_CANDIDATES];
        struct planner_cost growing[PLANNER_MAX_CANDIDATES]; /* when only larger ones may follow */
};

/* ---- life ---- */

static bool plan_open(const struct strategy_context *context, const void *given, void **ret_state,
                      struct error *err)
{
        struct plan *plan = memory_new(1, sizeof *plan);
        struct steps steps;
        int64_t interval;

        (void)err;
        plan->context = *context;
        plan->options = *(const struct plan_options *)given;
        interval = plan->options.interval_seconds * MS_PER_SECOND;
        plan->late_factor = candidates_late_factor(context->constraints, plan->options.late_factor);
        plan->risk = isnan(context->constraints->confidence) ? RISK : 1 - context->constraints->confidence;
        plan->pending_until_ms = INT64_MIN;
        plan->sized_for = plan->sized_to = NAN;
        steps_lay(&steps, interval, plan->options.horizon_minutes * 60 * MS_PER_SECOND);
        plan->forecast = forecast_new(interval, steps.middle_ms[steps.n_laid - 1] + STEPS_LONGEST_MS);
        plan->capacity = capacity_new(context->pipeline, context->model, interval);
        plan->beside = beside_new(&plan->options.beside, context->pipeline);
        steady_init(&plan->steady, plan->options.keep_seconds);
        *ret_state = plan;
        return true;
}

static void plan_close(void *state)
{
        struct plan *plan = state;

        if (!plan)
                return;
        forecast_free(plan->forecast);
        capacity_free(plan->capacity);
        beside_free(plan->beside);
        memory_free_cleanup(&plan->pending);
        barred_clear(&plan->barred);
        memory_free_cleanup(&plan);
}

static int64_t plan_interval_ms(const void *given)
{
        return ((const struct plan_options *)given)->interval_seconds * MS_PER_SECOND;
}

/* ---- weighing ---- */

/* What has been seen for so long may be expected to last as long again, and no longer: savings that take more
 * time to add up are not counted on. */
static void look_ahead(struct plan *plan)
{
        int64_t interval = plan->options.interval_seconds * MS_PER_SECOND;
        int64_t known = (plan->n_seen < KNOWN_INTERVALS ? KNOWN_INTERVALS : plan->n_seen) * interval;

        for (plan->turn->n_steps = 0; plan->turn->n_steps < plan->turn->steps.n_laid; plan->turn->n_steps++)
                if (plan->turn->steps.from_ms[plan->turn->n_steps] >= known)
                        return;
}

static double horizon_seconds(const struct plan *plan)
{
        double seconds = 0;

        for (int step = 0; step < plan->turn->n_steps; step++)
                seconds += plan->turn->steps.seconds[step];
        return seconds;
}

/* Steps that begin within so many turns. */
static int steps_within(const struct plan *plan, int64_t turns)
{
        int64_t until = turns * plan->options.interval_seconds * MS_PER_SECOND;
        int steps = 0;

        while (steps < plan->turn->n_steps && plan->turn->steps.from_ms[steps] < until)
                steps++;
        return steps;
}

static void see_ahead(struct plan *plan, int64_t now_ms)
{
        int64_t middle_ms[STEPS_MAX];

        forecast_quantiles(plan->forecast, plan->turn->steps.middle_ms, plan->turn->n_steps,
                           scenario_quantile, N_SCENARIOS, plan->turn->quantiles);
        for (int step = 0; step < plan->turn->n_steps; step++) {
                middle_ms[step] = now_ms + plan->turn->steps.from_ms[step] + plan->turn->steps.half_ms[step];
                for (int s = 0; s < N_SCENARIOS; s++)
                        plan->turn->load[s * plan->turn->n_steps + step] =
                                plan->turn->quantiles[step * N_SCENARIOS + s];
        }
        candidates_prices(plan->context.prices, middle_ms, plan->turn->n_steps, plan->turn->worker_second);
}

static double spread_at(const double *quantiles, int step)
{
        return quantiles[2 * step + 1] - quantiles[2 * step];
}

/* Squared correlation that is left when `unknown` of a spread opens anew. */
static double kept(double unknown, double spread)
{
        return spread > 0 ? fmax(1 - unknown * unknown / (spread * spread), 0) : 1;
}

/*
 * Once the load at a step is known, the step after it is as uncertain as a forecast over the time between
 * them: so the squared correlation is 1 - V(between) / V(next), V the squared spread of the forecast by lead.
 * That is that of a random walk when the spread grows with the root of the lead, and none when all leads are
 * alike. In the same way load persists within a step, or while catching up, as far as the spread over half
 * that time is below that at the step.
 */
static void see_correlations(struct plan *plan)
{
        static const double q[] = {0.1, 0.9};
        double ahead[2 * STEPS_MAX], between[2 * STEPS_MAX], within[2 * STEPS_MAX], after[2 * STEPS_MAX];
        double interval_seconds = (double)plan->options.interval_seconds;

        forecast_quantiles(plan->forecast, plan->turn->steps.middle_ms, plan->turn->n_steps, q, 2, ahead);
        forecast_quantiles(plan->forecast, plan->turn->steps.between_ms, plan->turn->n_steps, q, 2, between);
        forecast_quantiles(plan->forecast, plan->turn->steps.half_ms, plan->turn->n_steps, q, 2, within);
        forecast_quantiles(plan->forecast, plan->turn->steps.catch_up_ms, plan->turn->n_steps, q, 2, after);
        for (int step = 0; step < plan->turn->n_steps; step++) {
                int next = step + 1 < plan->turn->n_steps ? step + 1 : step;

                plan->turn->correlation[step] = sqrt(kept(spread_at(between, step), spread_at(ahead, next)));
                plan->turn->persistence[step] =
                        plan->turn->steps.seconds[step] <= interval_seconds
                                ? 1
                                : kept(spread_at(within, step), spread_at(ahead, step));
                plan->turn->change_persistence[step] = kept(spread_at(after, step), spread_at(ahead, step));
        }
}

/* While little has been seen, capacities are reckoned with care, and so a part of what is reckoned as late
 * will not be: caution is not paid for twice. Where what runs has just turned out to take less than was
 * known, there was none. */
static double believed(const struct plan *plan)
{
        const struct estimate *now = &plan->turn->candidates[plan->turn->current].capacity;

        return forecast_is_young(plan->forecast) && now->sd < UNSURE * now->mean ? YOUNG_LATE_SHARE : 1;
}

/* Price of a late second: the factor times what the cheapest deployment that carries the mean load of late
 * costs. */
static double late_second(const struct plan *plan)
{
        int workers =
                candidates_sufficient(plan->turn->candidates, plan->turn->n_candidates, plan->mean_load);
        double price = 0, seconds = 0;

        for (int step = 0; step < plan->turn->n_steps; step++) {
                price += plan->turn->worker_second[step] * plan->turn->steps.seconds[step];
                seconds += plan->turn->steps.seconds[step];
        }
        return believed(plan) * plan->late_factor * fmax(plan->late_share / plan->risk, 1) * workers * price /
               seconds;
}

/* What waits may then wait in exchanges, where nobody sees it. */
static bool is_full(const struct observation *observation)
{
        return observation_busiest_ratio(observation) > SATURATED_RATIO;
}

/* Means over about a week: what lateness is worth must not follow the load from hour to hour. */
static void follow_means(struct plan *plan, const struct observation *observation)
{
        const struct constraints *constraints = plan->context.constraints;
        double weight = (double)plan->options.interval_seconds / MEAN_SECONDS;
        bool late = observation->latency_p99_seconds > constraints->latency_p99_seconds ||
                    observation_backlog_seconds(observation) > constraints->backlog_seconds;

        if (!(observation->offered_per_second >= 0))
                return;
        if (forecast_is_first(plan->forecast))
                plan->n_seen = 0;
        plan->n_seen++;
        plan->full_seconds =
                is_full(observation) ? plan->full_seconds + (double)plan->options.interval_seconds : 0;
        plan->mean_load += fmax(weight, 1.0 / (double)plan->n_seen) *
                           (observation->offered_per_second - plan->mean_load);
        plan->late_share += weight * (late - plan->late_share);
}

/* Who falls behind may go to what was taken back, if that is larger: staying is worse. */
static bool is_way_out(const struct plan *plan, int j, const struct observation *observation)
{
        return observation_falls_behind(observation) &&
               plan->turn->candidates[j].capacity.mean >
                       plan->turn->candidates[plan->turn->current].capacity.mean;
}

/* Of the oldest record that waits: what waits over what arrives (not over what was read: while it was down
 * nothing was read). A full operator's busiest subtask has more waiting than the others, and its latency says
 * how much. */
static double age_seconds(const struct plan *plan, const struct observation *observation)
{
        double age = observation->backlog_records / observation->offered_per_second;
        double late = observation->latency_p99_seconds - capacity_base_latency(plan->capacity).mean;

        age = isfinite(age) ? age : 0;
        return is_full(observation) && isfinite(late) && late > age ? late : age;
}

static void weigh(struct plan *plan, const struct observation *observation)
{
        struct planner_problem problem = {
                .n_steps = plan->turn->n_steps,
                .step_seconds = plan->turn->steps.seconds,
                .worker_second = plan->turn->worker_second,
                .load = plan->turn->load,
                .chain = &plan->turn->chain,
                .correlation = plan->turn->correlation,
                .persistence = plan->turn->persistence,
                .change_persistence = plan->turn->change_persistence,
                .usual_load = plan->mean_load,
                .load_cv = hypot(LOAD_CV, forecast_level_error(plan->forecast)),
                .current = plan->turn->current,
                .age_seconds = age_seconds(plan, observation),
                .unseen_seconds = UNSEEN * plan->full_seconds,
                .late_second = late_second(plan),
                .reaction_steps = plan->turn->n_steps < REACTION_STEPS ? plan->turn->n_steps : REACTION_STEPS,
                .grow_steps = forecast_is_young(plan->forecast) ? steps_within(plan, SETTLE_INTERVALS) : 0,
                .shifts_per_second = forecast_shifts_per_second(plan->forecast),
                .shift_seconds = plan->options.change_seconds + 2 * (double)plan->options.interval_seconds,
                .change_seconds = plan->options.change_seconds,
                .near_as_needed = forecast_is_young(plan->forecast),
        };

        candidates_problem(plan->capacity, plan->context.constraints, plan->turn->candidates,
                           plan->turn->n_candidates, plan->turn->weighed, &problem);
        problem.delay_seconds = (double)plan->options.interval_seconds / 2 + problem.worker_start_seconds;
        problem.answer_seconds =
                REACTION_STEPS * (double)plan->options.interval_seconds + problem.worker_start_seconds;
        for (int j = 0; j < plan->turn->n_candidates; j++)
                plan->turn->weighed[j].barred =
                        barred_has(&plan->barred, &plan->turn->candidates[j].configuration,
                                   observation->time_ms) &&
                        !is_way_out(plan, j, observation);
        planner_weigh(&problem, plan->turn->costs);
        if (!forecast_is_young(plan->forecast))
                return;
        problem.grow_steps = plan->turn->n_steps;
        planner_weigh(&problem, plan->turn->growing);
}

/* Neither late work nor a full operator allows a smaller deployment. */
static bool may_shrink(const struct observation *observation)
{
        return observation_backlog_seconds(observation) < BEHIND_SECONDS && !is_full(observation);
}

static bool is_smaller(const struct candidate *candidate, const struct candidate *current)
{
        return candidate->deployment.workers < current->deployment.workers ||
               candidate->capacity.mean < current->capacity.mean;
}

static double load_now(const struct plan *plan)
{
        return forecast_mean(plan->forecast, plan->options.interval_seconds * MS_PER_SECOND);
}

/* Whether the load is what the size was chosen for, and that size takes no more than was expected of it. */
static bool is_same_load(const struct plan *plan)
{
        return fabs(load_now(plan) / plan->sized_for - 1) < SAME_LOAD &&
               plan->turn->candidates[plan->turn->current].capacity.mean <
                       (1 + SAME_CAPACITY) * plan->sized_to;
}

/* What was chosen for this very load is working off what came before it ran, and soon will have. */
static bool is_catching_up(const struct plan *plan, const struct observation *observation)
{
        double load = load_now(plan),
               spare = plan->turn->candidates[plan->turn->current].capacity.mean - load;
        double seconds = PATIENCE_INTERVALS * (double)plan->options.interval_seconds;

        return forecast_is_young(plan->forecast) && is_same_load(plan) &&
               !observation_falls_behind(observation) &&
               age_seconds(plan, observation) * load < spare * seconds;
}

/* What coming down to j saves when nothing smaller than it may follow, but what turns out too small is left
 * again. */
static double saved_by_less(const struct plan *plan, int j)
{
        return planner_total(&plan->turn->growing[plan->turn->current]) -
               planner_total(&plan->turn->growing[j]);
}

/* What going up to j saves with nothing changed after it. */
static double saved_by_more(const struct plan *plan, int j)
{
        const struct planner_cost *now = &plan->turn->costs[plan->turn->current],
                                  *then = &plan->turn->costs[j];

        return now->hold - then->hold - then->price;
}

/* Of its price, what coming down has to save beyond it. The noisier the load is, the sooner what was given
 * for a peak of it is wanted back; and what was chosen for this very load was chosen to catch up, too. */
static double margin_down(const struct plan *plan)
{
        double noise = forecast_scatter(plan->forecast) / NOISE;

        if (is_same_load(plan))
                return MARGIN_SAME;
        return MARGIN + (plan->grew ? MARGIN_NOISE * fmin(noise * noise, 4) : 0);
}

/* A smaller one carries the load of now, whatever of what is known of it is off. */
static bool surely_carries(const struct plan *plan, int j)
{
        const struct estimate *capacity = &plan->turn->candidates[j].capacity;

        return capacity->mean - SURE * capacity->sd > load_now(plan);
}

/* While little has been seen nobody knows what the load will do next: then a change has to earn back its
 * price without another one after it, and one to less takes more: its change is cheap
 * where a restart is, and a size that does not carry the load is left again at once. */
static bool pays(const struct plan *plan, int j)
{
        if (!forecast_is_young(plan->forecast))
                return true;
        if (!is_smaller(&plan->turn->candidates[j], &plan->turn->candidates[plan->turn->current]))
                return saved_by_more(plan, j) > 0;
        return surely_carries(plan, j) &&
               saved_by_less(plan, j) > margin_down(plan) * plan->turn->costs[j].price;
}

/* Where a change stops nothing, it has to be another size worth the name. The least and the most there may be
 * always are. */
static bool is_notable(const struct plan *plan, int j)
{
        const struct candidate *candidates = plan->turn->candidates;

        return !capacity_changes_smoothly(plan->capacity) || j == 0 || j == plan->turn->n_candidates - 1 ||
               steady_is_notable(candidates[plan->turn->current].deployment.workers,
                                 candidates[j].deployment.workers);
}

static bool is_allowed(const struct plan *plan, int j, const struct observation *observation)
{
        const struct turn *turn = plan->turn;
        bool smaller = is_smaller(&turn->candidates[j], &turn->candidates[turn->current]);

        return !turn->weighed[j].barred &&
               (smaller ? may_shrink(observation) : !is_catching_up(plan, observation)) &&
               is_notable(plan, j) && pays(plan, j);
}

static bool carries_none(const struct plan *plan)
{
        double load = load_now(plan);

        for (int j = 0; j < plan->turn->n_candidates; j++)
                if (plan->turn->candidates[j].capacity.mean > load)
                        return false;
        return true;
}

/* While little has been seen, the smallest growth that saves nearly as much as the best: the further from
 * what runs, the less is known of it. Not where every bit is wanted. */
static int grow_less(const struct plan *plan, int best, const struct observation *observation)
{
        const struct turn *turn = plan->turn;
        const double staying = planner_total(&turn->costs[turn->current]);
        const double least = NEARLY * (staying - planner_total(&turn->costs[best]));

        if (!forecast_is_young(plan->forecast) || carries_none(plan))
                return best;
        for (int j = turn->current + 1; j < best; j++)
                if (staying - planner_total(&turn->costs[j]) >= least && is_allowed(plan, j, observation))
                        return j;
        return best;
}

/* Least expected money among what is allowed. */
static int choose(const struct plan *plan, const struct observation *observation)
{
        const struct turn *turn = plan->turn;
        int best = turn->current;

        for (int j = 0; j < turn->n_candidates; j++)
                if (planner_total(&turn->costs[j]) < planner_total(&turn->costs[best]) &&
                    is_allowed(plan, j, observation))
                        best = j;
        return grow_less(plan, best, observation);
}

/* There, too, who comes down stays at what the load needed lately. */
static int keep_needed(const struct plan *plan, int best, int64_t now_ms)
{
        const struct turn *turn = plan->turn;
        double needed = steady_needed(&plan->steady, now_ms), staying;

        if (best >= turn->current || !capacity_changes_smoothly(plan->capacity))
                return best;
        while (best < turn->current && turn->candidates[best].capacity.mean < needed)
                best++;
        staying = planner_total(&turn->costs[turn->current]);
        if (turn->weighed[best].barred || !is_notable(plan, best) ||
            planner_total(&turn->costs[best]) >= staying)
                return turn->current;
        return best;
}

/* ---- words ---- */

static void describe_rate(double rate, char buffer[24])
{
        if (rate >= 1e6)
                snprintf(buffer, 24, "%.2f M", rate / 1e6);
        else if (rate >= 1e4)
                snprintf(buffer, 24, "%.1f k", rate / 1e3);
        else
                snprintf(buffer, 24, "%.0f", rate);
}

static void explain(const struct plan *plan, int best, struct proposal *proposal)
{
        const struct candidate *to = &plan->turn->candidates[best],
                               *from = &plan->turn->candidates[plan->turn->current];
        const char *currency = price_book_currency(plan->context.prices);
        char low[24], high[24], capacity[24], sd[24], name[96], saving[48], price[48];

        describe_rate(forecast_quantile(plan->forecast, TEXT_MS, 0.05), low);
        describe_rate(forecast_quantile(plan->forecast, TEXT_MS, 0.95), high);
        describe_rate(to->capacity.mean, capacity);
        describe_rate(to->capacity.sd, sd);
        configuration_describe(plan->context.pipeline, &to->configuration, name, sizeof name);
        money_text(proposal->expected_saving, currency, saving);
        money_text(plan->turn->costs[best].price, currency, price);
        snprintf(proposal->reason, sizeof proposal->reason,
                 "load of %s-%s rec/s expected in 30 min; %s sustains %s +- %s rec/s; saves %s in %d min "
                 "against staying at %d worker%s, its change costs %s",
                 low, high, name, capacity, sd, saving, (int)(horizon_seconds(plan) / 60),
                 from->deployment.workers, from->deployment.workers == 1 ? "" : "s", price);
}

static void add_alternative(const struct plan *plan, int j, int best, struct proposal *proposal)
{
        const struct planner_cost *cost;
        struct alternative *alternative;
        char more[48];

        if (proposal->n_alternatives >= PROPOSAL_MAX_ALTERNATIVES || j < 0 || j >= plan->turn->n_candidates)
                return;
        cost = &plan->turn->costs[j];
        alternative = &proposal->alternatives[proposal->n_alternatives++];
        *alternative = (struct alternative){
                .compute_cost = cost->compute,
                .change_cost = cost->change,
                .penalty_cost = cost->penalty,
                .feasible = cost->late_ratio <= plan->risk && !plan->turn->weighed[j].barred,
        };
        configuration_describe(plan->context.pipeline, &plan->turn->candidates[j].configuration,
                               alternative->configuration, sizeof alternative->configuration);
        if (j == best)
                return;
        if (plan->turn->weighed[j].barred)
                snprintf(alternative->why_not, sizeof alternative->why_not,
                         "was taken back a short time ago");
        else if (cost->late_ratio > plan->risk)
                snprintf(alternative->why_not, sizeof alternative->why_not,
                         "would be late %.1f %% of the time", fmin(100 * cost->late_ratio, 100));
        else {
                money_text(planner_total(cost) - planner_total(&plan->turn->costs[best]),
                           price_book_currency(plan->context.prices), more);
                snprintf(alternative->why_not, sizeof alternative->why_not, "costs %s more", more);
        }
}

/* The chosen one, staying, and the neighbours of the chosen one. */
static void list_alternatives(const struct plan *plan, int best, struct proposal *proposal)
{
        static const int neighbours[] = {-1, 1, -2, 2};

        add_alternative(plan, best, best, proposal);
        if (best != plan->turn->current)
                add_alternative(plan, plan->turn->current, best, proposal);
        for (size_t i = 0; i < ARRAY_LENGTH(neighbours); i++)
                if (best + neighbours[i] != plan->turn->current)
                        add_alternative(plan, best + neighbours[i], best, proposal);
}

static void predict(const struct plan *plan, int best, int64_t now_ms, struct prediction *ret)
{
        const struct candidate *to = &plan->turn->candidates[best];
        struct estimate latency = capacity_base_latency(plan->capacity);
        const struct restarts *restarts = capacity_restarts(plan->capacity);
        double age = restarts_asked_for(restarts, to->deployment.workers).age_seconds;
        double capacity = to->capacity.mean * capacity_catch_up_ratio(plan->capacity);
        /* more than it carries is caught up with once it is over */
        double load = load_now(plan) < capacity ? load_now(plan) : plan->mean_load;
        double spare = fmax(capacity / fmax(load, 1e-9) - 1, 0.02);
        double seconds = restarts_worker_start_seconds(restarts) + age * (1 + 1 / spare);

        *ret = (struct prediction){
                .present = true,
                .capacity_mean = to->capacity.mean,
                .capacity_sd = to->capacity.sd,
                .latency_p99_mean = latency.mean,
                .latency_p99_sd = fmax(latency.sd, 0.1 * latency.mean),
                .cost_per_hour_mean =
                        to->deployment.workers * price_book_worker_hour(plan->context.prices, now_ms),
                .settle_ms = (int64_t)(fmin(seconds, 3600) * MS_PER_SECOND),
        };
}

static void propose_candidate(const struct plan *plan, int best, const struct observation *observation,
                              struct proposal *proposal)
{
        explain(plan, best, proposal);
        proposal->kind = PROPOSAL_CHANGE;
        proposal->configuration = plan->turn->candidates[best].configuration;
        predict(plan, best, observation->time_ms, &proposal->prediction);
        list_alternatives(plan, best, proposal);
}

/* Partitions and memory, with the deployment that was chosen. */
static void propose_beside(struct plan *plan, int best, const struct observation *observation,
                           struct proposal *proposal)
{
        const struct beside_outlook outlook = {
                .n_steps = plan->turn->n_steps,
                .n_scenarios = N_SCENARIOS,
                .step_seconds = plan->turn->steps.seconds,
                .scenario_weight = scenario_weight,
                .load = plan->turn->load,
                .worker_second = plan->turn->worker_second,
                .late_second = late_second(plan),
                .capacity = plan->capacity,
                .next = plan->turn->candidates[best].deployment,
        };
        bool alone = proposal->kind == PROPOSAL_HOLD;
        size_t used = alone ? 0 : strlen(proposal->reason);
        char words[sizeof proposal->reason];

        if (!beside_propose(plan->beside, observation, &outlook, &proposal->configuration, words,
                            sizeof words))
                return;
        proposal->kind = PROPOSAL_CHANGE;
        snprintf(proposal->reason + used, sizeof proposal->reason - used, "%s%s", alone ? "" : "; ", words);
        if (!alone)
                return;
        predict(plan, best, observation->time_ms, &proposal->prediction);
        list_alternatives(plan, best, proposal);
}

/* ---- turns ---- */

static void forget_pending(struct plan *plan)
{
        free(plan->pending);
        plan->pending = NULL;
        plan->pending_until_ms = INT64_MIN;
}

/* What stands in the way of a decision; NULL: nothing. */
static const char *obstacle(struct plan *plan, const struct observation *observation)
{
        if (observation->missing & (MISSING_ALL | MISSING_RATES | MISSING_BACKLOG | MISSING_CONFIGURATION))
                return "holds: there is no complete observation";
        if (observation->restarting)
                return "holds: the job is starting";
        if (plan->pending_until_ms > observation->time_ms) {
                if (!configuration_equal(plan->pending, &observation->configuration))
                        return "holds: the last change has not taken effect yet";
                forget_pending(plan);
        }
        if (!capacity_known(plan->capacity))
                return "holds: no operator has shown yet how much it can take";
        if (!forecast_ready(plan->forecast))
                return "holds: no load has been seen yet";
        return forecast_unsettled(plan->forecast) ? "holds: the load may just be shifting" : NULL;
}

static void decide(struct plan *plan, const struct observation *observation, struct proposal *ret_proposal)
{
        autofree struct turn *turn = memory_new(1, sizeof *turn);
        int best;

        plan->turn = turn;
        steps_lay(&turn->steps, plan->options.interval_seconds * MS_PER_SECOND,
                  plan->options.horizon_minutes * 60 * MS_PER_SECOND);
        planner_chain_lay(&turn->chain, scenario_weight, scenario_quantile, N_SCENARIOS);
        plan->turn->n_candidates =
                candidates_list(plan->capacity, plan->context.pipeline, &observation->configuration,
                                plan->turn->candidates, &plan->turn->current);
        look_ahead(plan);
        see_ahead(plan, observation->time_ms);
        see_correlations(plan);
        weigh(plan, observation);
        best = beside_memory_first(plan->beside, observation) ? plan->turn->current
                                                              : choose(plan, observation);
        best = keep_needed(plan, best, observation->time_ms);
        ret_proposal->expected_saving = planner_total(&plan->turn->costs[plan->turn->current]) -
                                        planner_total(&plan->turn->costs[best]);
        if (best != plan->turn->current)
                propose_candidate(plan, best, observation, ret_proposal);
        propose_beside(plan, best, observation, ret_proposal);
        plan->turn = NULL;
}

static void plan_recall(void *state, const struct observation *observation)
{
        struct plan *plan = state;
        bool absent = observation->missing & (MISSING_ALL | MISSING_RATES);

        forecast_add(plan->forecast, observation->time_ms, absent ? NAN : observation->offered_per_second);
        if (!absent)
                follow_means(plan, observation);
        if (!absent && forecast_ready(plan->forecast) && !forecast_unsettled(plan->forecast))
                steady_note(&plan->steady, observation->time_ms, load_now(plan));
        if (beside_observe(plan->beside, observation))
                capacity_observe(plan->capacity, observation);
}

static bool plan_propose(void *state, const struct observation *observation, struct proposal *ret_proposal,
                         struct error *err)
{
        struct plan *plan = state;
        const char *why;

        (void)err;
        plan_recall(plan, observation);
        why = obstacle(plan, observation);
        proposal_hold(ret_proposal, "plan", observation, why ? why : "no change would earn back its price");
        if (!why)
                decide(plan, observation, ret_proposal);
        ret_proposal->unsure = (forecast_ready(plan->forecast) && forecast_unsettled(plan->forecast)) ||
                               capacity_is_unsettled(plan->capacity);
        return true;
}

static void remember_size(struct plan *plan, const struct configuration *from, const struct configuration *to)
{
        struct deployment deployment;

        pipeline_deployment(plan->context.pipeline, to, &deployment);
        plan->sized_for = load_now(plan);
        plan->sized_to = capacity_of(plan->capacity, &deployment).mean;
        plan->grew = pipeline_change(plan->context.pipeline, from, to).grows;
}

static void plan_told(void *state, const struct proposal *proposal, const struct verdict *verdict,
                      enum outcome outcome, const struct observation *observation)
{
        struct plan *plan = state;

        (void)proposal;
        switch (outcome) {
        case OUTCOME_PENDING:
                if (verdict->judgement == JUDGEMENT_REFUSED)
                        return;
                capacity_changed(plan->capacity);
                if (!plan->pending)
                        plan->pending = memory_new(1, sizeof *plan->pending);
                *plan->pending = verdict->configuration;
                remember_size(plan, &observation->configuration, &verdict->configuration);
                plan->pending_until_ms = observation->time_ms + PENDING_LIMIT_MS;
                return;
        case OUTCOME_REVERTED:
                capacity_changed(plan->capacity);
                barred_add(&plan->barred, &verdict->configuration, observation->time_ms);
                forget_pending(plan);
                return;
        case OUTCOME_CONFIRMED:
        case OUTCOME_FAILED:
        case OUTCOME_UNKNOWN:
                forget_pending(plan);
                return;
        }
}

static const double sweep_values[] = {1, 3, 8, 19, 50, 150, 500};

const struct strategy plan_strategy = {
        .name = "plan",
        .summary =
                "Plans ahead for the least expected money: forecast, learnt capacity, price of each change",
        .options = &plan_options_table,
        .sweep_option = "lateFactor",
        .sweep_values = sweep_values,
        .n_sweep_values = ARRAY_LENGTH(sweep_values),
        .interval_ms = plan_interval_ms,
        .open = plan_open,
        .propose = plan_propose,
        .told = plan_told,
        .recall = plan_recall,
        .close = plan_close,
};

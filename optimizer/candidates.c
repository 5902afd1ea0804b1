/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/candidates.h"

#include <math.h>

#include "optimizer/proposal.h"

#define SPARE 1.15 /* capacity of the operators that are not scarce, over the scarcest one's */
#define BETTER                                                                                               \
        1.03 /* what a layout must sustain over the one that runs on as many workers, to be weighed          \
              */
#define CONFIDENCE     0.95 /* when the constraints name none */
#define CONFIDENCE_MAX 0.9999
#define NO_BOUND       60.0 /* seconds a record may wait when no constraint says */
#define LATE_AFTER_MIN 0.25
#define NEAR           8  /* workers about the current number that are all weighed */
#define STEPS_ASIDE    20 /* on either side of those */

struct range {
        int least, most, step;
};

/* Numbers of workers that the knobs allow. */
static struct range worker_range(const struct pipeline *pipeline)
{
        struct worker_bounds bounds = proposal_worker_bounds(pipeline);
        int knob = pipeline_workers_knob(pipeline);
        double step = knob >= 0 ? pipeline->knobs[knob].step : 1;

        return (struct range){bounds.min < 1 ? 1 : bounds.min, bounds.max, step > 1 ? (int)step : 1};
}

/* Subtasks an operator may have on `slots` slots. One that no knob is for stays as it is now. */
static struct range subtask_range(const struct pipeline *pipeline, const struct deployment *now, int i,
                                  int slots)
{
        int index = pipeline_parallelism_knob(pipeline, i);
        const struct knob *knob = &pipeline->knobs[index >= 0 ? index : 0];
        int limit = pipeline->operators[i].max_parallelism;
        struct range range = {(int)knob->min, (int)knob->max, knob->step > 1 ? (int)knob->step : 1};

        if (index < 0)
                return (struct range){now->parallelism[i], now->parallelism[i], 1};
        if (limit > 0 && range.most > limit)
                range.most = limit;
        if (range.most > slots)
                range.most = slots;
        if (range.most < range.least)
                range.most = range.least;
        return range;
}

/* How far an operator has been looked at; slots only grow from one candidate to the next. */
struct climb {
        int looked; /* subtasks whose capacity is known */
        int widest; /* ... of which so many sustain most */
        double most;
        int enough; /* no fewer subtasks were enough for the candidate before */
};

static void climb_to(const struct capacity *capacity, int i, const struct range *range, struct climb *climb)
{
        if (climb->looked < range->least) {
                climb->looked = climb->widest = climb->enough = range->least;
                climb->most = capacity_of_operator(capacity, i, range->least).mean;
        }
        while (climb->looked + range->step <= range->most) {
                double mean;

                climb->looked += range->step;
                mean = capacity_of_operator(capacity, i, climb->looked).mean;
                if (mean > climb->most * (1 + 1e-9)) {
                        climb->most = mean;
                        climb->widest = climb->looked;
                }
        }
}

/* Balances the operators on so many slots: all that the scarcest can do, and a little more than that of the
 * others. */
static void balance(const struct capacity *capacity, const struct pipeline *pipeline,
                    const struct deployment *now, int slots, struct climb *climbs,
                    struct deployment *deployment)
{
        double scarcest = INFINITY;

        for (int i = 0; i < pipeline->n_operators; i++) {
                struct range range = subtask_range(pipeline, now, i, slots);

                climb_to(capacity, i, &range, &climbs[i]);
                scarcest = fmin(scarcest, climbs[i].most);
        }
        for (int i = 0; i < pipeline->n_operators; i++) {
                struct range range = subtask_range(pipeline, now, i, slots);
                struct climb *climb = &climbs[i];

                while (climb->enough < climb->widest &&
                       capacity_of_operator(capacity, i, climb->enough).mean < SPARE * scarcest)
                        climb->enough += range.step;
                if (climb->enough > climb->widest)
                        climb->enough = climb->widest;
                deployment->parallelism[i] = climb->enough;
        }
}

/* With more workers no operator gets fewer subtasks than it has: what grows must not take from anyone. */
static void lay_out(const struct capacity *capacity, const struct pipeline *pipeline,
                    const struct configuration *current, const struct deployment *now, int workers,
                    struct climb *climbs, struct candidate *ret)
{
        struct deployment wanted;
        int slots = workers * (pipeline->slots_per_worker > 0 ? pipeline->slots_per_worker : 1);

        wanted.workers = workers;
        for (int i = 0; i < pipeline->n_operators; i++)
                wanted.parallelism[i] = slots;
        if (pipeline_per_operator(pipeline) && capacity_per_operator(capacity))
                balance(capacity, pipeline, now, slots, climbs, &wanted);
        for (int i = 0; i < pipeline->n_operators && workers >= now->workers; i++)
                if (wanted.parallelism[i] < now->parallelism[i])
                        wanted.parallelism[i] = now->parallelism[i];
        pipeline_configuration(pipeline, &wanted, current, &ret->configuration);
        pipeline_deployment(pipeline, &ret->configuration, &ret->deployment);
        ret->capacity = capacity_of(capacity, &ret->deployment);
}

/* The next number of workers to look at: all when they are few, else all near `about`, and geometric steps on
 * either side of that. */
static int next_workers(int workers, int about, const struct range *range)
{
        int near = NEAR * range->step, step = range->step;
        double ratio = 1;

        if ((range->most - range->least) / range->step >= PLANNER_MAX_CANDIDATES - 2) {
                if (workers < about - near)
                        ratio = pow((double)(about - near) / range->least, 1.0 / STEPS_ASIDE);
                else if (workers >= about + near)
                        ratio = pow((double)range->most / (about + near), 1.0 / STEPS_ASIDE);
        }
        step *= (int)fmax(ceil(workers * (ratio - 1) / step - 1e-9), 1);
        if (workers < about - near && workers + step > about - near)
                return about - near;
        return workers < range->most && workers + step > range->most ? range->most : workers + step;
}

int candidates_list(const struct capacity *capacity, const struct pipeline *pipeline,
                    const struct configuration *current, struct candidate *ret_candidates, int *ret_current)
{
        struct range range = worker_range(pipeline);
        struct candidate now = {.configuration = *current};
        struct climb climbs[PIPELINE_MAX_OPERATORS] = {0};
        bool placed = false;
        int count = 0;

        pipeline_deployment(pipeline, current, &now.deployment);
        now.capacity = capacity_of(capacity, &now.deployment);
        for (int workers = range.least; workers <= range.most && count < PLANNER_MAX_CANDIDATES - 1;
             workers = next_workers(workers, now.deployment.workers, &range)) {
                struct candidate *candidate = &ret_candidates[count];

                if (!placed && workers >= now.deployment.workers) {
                        placed = true;
                        *ret_current = count;
                        ret_candidates[count++] = now;
                        candidate++;
                }
                lay_out(capacity, pipeline, current, &now.deployment, workers, climbs, candidate);
                if (candidate->deployment.workers != now.deployment.workers ||
                    candidate->capacity.mean > BETTER * now.capacity.mean)
                        count++;
        }
        if (!placed) {
                *ret_current = count;
                ret_candidates[count++] = now;
        }
        return count;
}

int candidates_sufficient(const struct candidate *candidates, int n_candidates, double load)
{
        for (int j = 0; j < n_candidates; j++)
                if (candidates[j].capacity.mean >= load)
                        return candidates[j].deployment.workers;
        return candidates[n_candidates - 1].deployment.workers;
}

void candidates_prices(const struct price_book *prices, const int64_t *time_ms, int count,
                       double *ret_worker_second)
{
        double sum = 0;

        for (int i = 0; i < count; i++)
                sum += ret_worker_second[i] = price_book_worker_hour(prices, time_ms[i]) / 3600;
        for (int i = 0; i < count && sum <= 0; i++)
                ret_worker_second[i] = 1.0 / 3600;
}

double candidates_late_factor(const struct constraints *constraints, double given)
{
        double confidence = isnan(constraints->confidence) ? CONFIDENCE : constraints->confidence;

        confidence = fmin(confidence, CONFIDENCE_MAX);
        return isnan(given) ? 0.5 / (1 - confidence) : given;
}

/* How long a record may wait in the broker. */
static double late_after(const struct constraints *constraints, double base_latency)
{
        double bound = INFINITY;

        if (!isnan(constraints->latency_p99_seconds))
                bound = constraints->latency_p99_seconds - base_latency;
        if (!isnan(constraints->backlog_seconds))
                bound = fmin(bound, constraints->backlog_seconds);
        return isinf(bound) ? NO_BOUND : fmax(bound, LATE_AFTER_MIN);
}

void candidates_problem(const struct capacity *capacity, const struct constraints *constraints,
                        const struct candidate *candidates, int n_candidates,
                        struct planner_candidate *weighed, struct planner_problem *ret_problem)
{
        struct planner_problem *problem = ret_problem;

        problem->most_capacity = 0;
        for (int j = 0; j < n_candidates; j++) {
                int workers = candidates[j].deployment.workers;

                weighed[j] = (struct planner_candidate){
                        .workers = workers,
                        .capacity = candidates[j].capacity.mean,
                        .capacity_sd = candidates[j].capacity.sd,
                        .restart = restarts_asked_for(capacity_restarts(capacity), workers),
                        .failure = restarts_failure(capacity_restarts(capacity), workers),
                        .failures_per_second =
                                restarts_failures_per_second(capacity_restarts(capacity), workers),
                };
                problem->most_capacity = fmax(problem->most_capacity, weighed[j].capacity);
        }
        problem->candidates = weighed;
        problem->n_candidates = n_candidates;
        problem->late_after_seconds = late_after(constraints, capacity_base_latency(capacity).mean);
        problem->catch_up_ratio = capacity_catch_up_ratio(capacity);
        problem->worker_start_seconds = restarts_worker_start_seconds(capacity_restarts(capacity));
}

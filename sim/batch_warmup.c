/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/batch_warmup.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#define PRIOR_TASKS 2    /* the whole run's share counts as much as so many tasks of a stage */
#define MOST_SHARE  0.9  /* of a first task: something it has to do */
#define FROM_MAD    1.48 /* to a standard deviation, of a normal distribution */
#define OF_MEDIAN   1.25 /* a median's standard error against a mean's */

/* Times of a stage's tasks: of those that were the first on their executor, and of the others. */
struct times {
        double *first, *later;
        size_t n_first, n_later;
};

/* An executor's first tasks of a stage are as many as it has slots. `seen` counts them, and is left at 0. */
static void mark_first(const struct batch_model *model, struct batch_node *node, uint32_t *seen)
{
        const struct batch_stage *stage = node->stage;

        for (size_t t = 0; t < stage->n_tasks; t++) {
                uint32_t executor = stage->tasks[node->order[t]].executor;

                if ((int64_t)seen[executor]++ < model->slots[executor])
                        node->order[t] |= BATCH_FIRST;
        }
        for (size_t t = 0; t < stage->n_tasks; t++)
                seen[stage->tasks[t].executor] = 0;
}

static void take_times(const struct batch_node *node, struct times *times)
{
        times->n_first = times->n_later = 0;
        for (size_t t = 0; t < node->stage->n_tasks; t++) {
                const struct batch_task *task = &node->stage->tasks[node->order[t] & ~BATCH_FIRST];

                if (task->outcome != BATCH_SUCCEEDED)
                        continue;
                if (node->order[t] & BATCH_FIRST)
                        times->first[times->n_first++] = task->took_ms;
                else
                        times->later[times->n_later++] = task->took_ms;
        }
}

static double take_median(double *values, size_t count, double *ret_error)
{
        double median;

        gsl_sort(values, 1, count);
        median = gsl_stats_median_from_sorted_data(values, 1, count);
        for (size_t i = 0; i < count; i++)
                values[i] = fabs(values[i] - median);
        gsl_sort(values, 1, count);
        *ret_error = OF_MEDIAN * FROM_MAD * gsl_stats_median_from_sorted_data(values, 1, count) /
                     sqrt((double)count);
        return median;
}

/* Median of the first ones, and by how much it is above that of the others: as much of it as chance leaves.
 */
struct difference {
        double first, more;
        size_t tasks; /* that it rests on; 0: it has no second wave */
};

static struct difference compare(struct times *times)
{
        struct difference it = {0};
        double first_error, later_error, later, squares;

        if (times->n_first == 0)
                return it;
        it.first = take_median(times->first, times->n_first, &first_error);
        if (times->n_later == 0)
                return it;
        later = take_median(times->later, times->n_later, &later_error);
        squares = first_error * first_error + later_error * later_error;
        it.tasks = times->n_first < times->n_later ? times->n_first : times->n_later;
        if (it.first > later)
                it.more = (it.first - later) * fmax(1 - squares / pow(it.first - later, 2), 0);
        return it;
}

static double share_of_run(const struct difference *differences, size_t count)
{
        double more = 0, first = 0;

        for (size_t n = 0; n < count; n++) {
                if (differences[n].tasks == 0)
                        continue;
                more += differences[n].more;
                first += differences[n].first;
        }
        return first > 0 ? more / first : 0;
}

void batch_warmup_find(struct batch_model *model)
{
        autofree struct difference *differences = memory_new(model->n_nodes + 1, sizeof *differences);
        autofree uint32_t *seen = memory_new(model->run->n_executors + 1, sizeof *seen);
        autofree double *first = memory_new(model->run->n_tasks + 1, sizeof *first);
        autofree double *later = memory_new(model->run->n_tasks + 1, sizeof *later);
        double share;

        for (size_t n = 0; n < model->n_nodes; n++) {
                struct times times = {.first = first, .later = later};

                mark_first(model, &model->nodes[n], seen);
                take_times(&model->nodes[n], &times);
                differences[n] = compare(&times);
        }
        share = share_of_run(differences, model->n_nodes);
        for (size_t n = 0; n < model->n_nodes; n++) {
                const struct difference *it = &differences[n];
                double more = ((double)it->tasks * it->more + PRIOR_TASKS * share * it->first) /
                              ((double)it->tasks + PRIOR_TASKS);

                model->nodes[n].first_ms = fmin(more, MOST_SHARE * it->first);
        }
        model->first_share = share;
}

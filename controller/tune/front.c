/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/front.h"

#include "core/json.h"
#include "core/memory.h"
#include "optimizer/search/pareto.h"

size_t *tune_front(const struct tune_runs *runs, size_t *ret_count)
{
        size_t n;
        const struct tune_trial *trials = tune_runs_trials(runs, &n);
        autofree struct pareto_point *points = memory_new(n + 1, sizeof *points);
        size_t *front = memory_new(n + 1, sizeof *front);
        int count = 0;

        for (size_t i = 0; i < n; i++) {
                const struct tune_trial *trial = &trials[i];
                struct pareto_point *point = &points[count];

                point->of = (int)i;
                count += tune_runs_is_good(trial) && json_find_number(trial->result, "y", &point->y[0]) &&
                         json_find_number(trial->result, "second", &point->y[1]);
        }
        *ret_count = (size_t)pareto_front(points, count);
        for (size_t i = 0; i < *ret_count; i++)
                front[i] = (size_t)points[i].of;
        return front;
}

bool tune_front_has(const struct tune_runs *runs, const struct tune_trial *trial)
{
        size_t count, n;
        const struct tune_trial *trials = tune_runs_trials(runs, &n);
        autofree size_t *front = tune_front(runs, &count);

        for (size_t i = 0; i < count; i++)
                if (&trials[front[i]] == trial)
                        return true;
        return false;
}

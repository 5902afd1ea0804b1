/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/steps.h"

#define STEP_GROWTH      0.15                     /* of a step, over the time already planned */
#define CATCH_UP_HALF_MS (5 * 60 * MS_PER_SECOND) /* half the time that catching up after a change takes */

void steps_lay(struct steps *steps, int64_t interval, int64_t horizon)
{
        int64_t at = 0;

        steps->n_laid = 0;
        while (steps->n_laid < STEPS_MAX && at < horizon) {
                int64_t length = (int64_t)(STEP_GROWTH * (double)at) / interval * interval;

                length = length < interval ? interval : length;
                length = length > STEPS_LONGEST_MS && STEPS_LONGEST_MS > interval ? STEPS_LONGEST_MS : length;
                steps->from_ms[steps->n_laid] = at;
                steps->middle_ms[steps->n_laid] = at + (length + interval) / 2;
                steps->seconds[steps->n_laid++] = (double)length / MS_PER_SECOND;
                at += length;
        }
        for (int step = 0; step < steps->n_laid; step++) {
                int64_t half = (int64_t)(steps->seconds[step] * MS_PER_SECOND / 2);

                steps->half_ms[step] = half;
                steps->catch_up_ms[step] = half > CATCH_UP_HALF_MS ? half : CATCH_UP_HALF_MS;
        }
        for (int step = 0; step + 1 < steps->n_laid; step++)
                steps->between_ms[step] = steps->middle_ms[step + 1] - steps->middle_ms[step];
}

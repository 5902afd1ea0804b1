/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/verifier.h"

#include <math.h>

void verifier_begin(struct verifier *verifier, const struct verifier_setup *setup,
                    const struct intent *intent, const struct observation *before)
{
        verifier->of_run = intent->prediction.run.present;
        if (verifier->of_run)
                verify_run_begin(&verifier->run, setup->prices, &intent->prediction.run, &intent->to);
        else
                verify_begin(&verifier->windows, setup->options, setup->constraints, &intent->prediction,
                             &intent->to, before, intent->applied_ms);
}

enum verify_result verifier_observe(struct verifier *verifier, const struct observation *observation,
                                    int64_t now_ms, char *reason, size_t room)
{
        return verifier->of_run ? verify_run_observe(&verifier->run, observation, reason, room)
                                : verify_observe(&verifier->windows, observation, now_ms, reason, room);
}

void verifier_expect_up(struct verifier *verifier, int64_t by_ms)
{
        if (!verifier->of_run)
                verify_expect_up(&verifier->windows, by_ms);
}

bool verifier_came_up(const struct verifier *verifier)
{
        return verifier->of_run || verifier->windows.came_up_once;
}

bool verifier_minds_load(const struct verifier *verifier)
{
        return !verifier->of_run;
}

double verifier_capacity(const struct verifier *verifier)
{
        return verifier->of_run ? NAN : verify_capacity(&verifier->windows);
}

double verifier_carried(const struct verifier *verifier)
{
        return verifier->of_run ? NAN : verifier->windows.carried_per_second;
}

bool verifier_compare(const struct verifier *verifier, enum verify_measure measure,
                      struct verify_comparison *ret_comparison)
{
        return !verifier->of_run && verify_compare(&verifier->windows, measure, ret_comparison);
}

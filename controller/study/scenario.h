/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_SCENARIO_H
#define OPTCTL_CONTROLLER_STUDY_SCENARIO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/ledger/journal.h"
#include "core/plugin.h"
#include "core/spec.h"
#include "sim/engine.h"

/*
 * One simulated run: a strategy steers the simulated engine through the loop that also runs live.
 *
 * Everything a run depends on is in here; it reads nothing else and writes nothing but its result. So runs
 * may be computed in any order, by any number of threads.
 */
struct scenario {
        const struct spec *spec;
        const struct model *model; /* of the engine that is simulated */
        const struct model *known; /* the same for a strategy that may know it; NULL */
        const struct price_book *prices;
        const struct load *load;
        const struct strategy *strategy;
        const void *strategy_options;
        struct configuration initial;
        int64_t start_ms, step_ms, warmup_ms;
        int64_t late_ms; /* the loop takes its first turn so much later than the load begins */
        uint64_t seed, run;
        bool draw_parameters;
        int64_t timeline_step_ms;           /* 0: keep neither timeline nor changes */
        int64_t sample_ms, first_sample_ms; /* as in struct engine_setup */
        bool keep_changes;
        const struct journal *journal; /* of the loop; NULL: none */
        struct engine_faults faults;
};

struct scenario_result {
        struct figures figures;
        struct timeline *timeline; /* owned; NULL when none was asked for */
        json_t *changes;           /* array as in docs/schema/simulate.schema.json; NULL when not asked for */
};

bool scenario_run(const struct scenario *scenario, struct scenario_result *ret_result, struct error *err);
void scenario_result_free(struct scenario_result *result); /* what it points to, not itself */

#endif

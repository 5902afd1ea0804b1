/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_VARIANT_H
#define OPTCTL_CONTROLLER_STUDY_VARIANT_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/study/scenario.h"
#include "controller/loop/source.h"
#include "controller/study/summary.h"
#include "controller/cli/terminal.h"
#include "core/spec.h"
#include "sim/workload.h"

/* A spec with some of its fields set otherwise, made ready to be simulated: its model, prices and load. */
struct variant {
        struct spec *spec;
        struct price_book *prices;
        struct workload *workload;
        struct model model; /* from the spec, or calibrated on its recordings */
        int64_t runs, seed;
};

/* sets: PATH=VALUE, NULL-ended, may be NULL. runs, seed: -1 as the spec says. */
bool variant_open(const struct source *source, const char *const *sets, int64_t runs, int64_t seed,
                  struct variant **ret_variant, struct error *err);
void variant_free(struct variant *variant);
DEFINE_CLEANUP(variant_free, struct variant);

/* All runs of one strategy. */
struct variant_runs {
        const struct strategy *strategy;
        const void *options;
        bool baseline;                /* starts from, and with static holds, the spec's baseline */
        struct summary *runs;         /* variant->runs of them */
        struct scenario_result first; /* of run 0: its timeline and changes, when they were asked for */
};

/* One run of one strategy, without timeline and journal; borrows from all three. */
struct scenario variant_scenario(const struct variant *variant, const struct variant_runs *one,
                                 const struct load *load, size_t run);

/* Simulates each strategy variant->runs times; `results` has `count` items with `strategy` and `options` set.
 * Run r of every strategy sees the same load, failures and parameters. keep: the timeline and the changes of
 * the first run. */
bool variant_simulate(const struct variant *variant, struct variant_runs *results, size_t count, bool keep,
                      size_t threads, struct progress *progress, struct error *err);
void variant_runs_free(struct variant_runs *results, size_t count);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_INTERNAL_H
#define OPTCTL_CONTROLLER_STUDY_INTERNAL_H

#include "controller/study/study.h"
#include "controller/study/variant.h"

/* Shared by the files of a study only. */

/* study_strategies.c: which strategies run, and what they come to */
bool study_check_names(const struct spec *spec, char *const *names, struct error *err);
bool study_chosen(const struct study_request *request, const struct spec *spec, const char *name);
const char *study_baseline_name(const struct spec *spec);
struct variant_runs *study_choose(const struct study_request *request, const struct spec *spec,
                                  size_t *ret_count);
void study_reckon_savings(const struct variant *variant, struct variant_runs *results, size_t count);

/* study_document.c */
json_t *study_head(const struct variant *variant);
json_t *study_strategies(const struct study_request *request, const struct variant *variant,
                         const struct variant_runs *results, size_t count);

/* study_sweep.c */
size_t study_front_runs(const struct study_request *request, const struct variant *variant);
bool study_draw_front(const struct study_request *request, const struct variant *variant,
                      struct progress *progress, json_t **ret_front, struct error *err);
/* Reads the spec with each value alone: a wrong one is told before anything is simulated. */
bool study_check_sweeps(const struct study_request *request, struct error *err);
bool study_sweep(const struct study_request *request, size_t runs_each, json_t **ret_sweep,
                 struct error *err);

/* study_ledger.c: fails before anything is simulated when the ledger cannot be written as asked */
bool study_check_ledger(const struct study_request *request, const struct spec *spec, struct error *err);
bool study_write_ledger(const struct study_request *request, const struct variant *variant,
                        const struct variant_runs *results, size_t count, struct error *err);

#endif

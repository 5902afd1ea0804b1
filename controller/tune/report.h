/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_REPORT_H
#define OPTCTL_CONTROLLER_TUNE_REPORT_H

#include "controller/tune/runs.h"

/*
 * A study for people: one HTML file that opens without a network (sim/report), with the history of its
 * trials, the best so far, how much each parameter matters, and how what is minimised goes with it. The last
 * two want a model.
 */
/* The document of the page. name: of the study, for its title. The caller owns it. */
json_t *tune_report_document(const struct tune_study *study, const struct tune_runs *runs, const char *name);

/* What holds now, in words; NULL: the search has no context. The caller frees it. */
char *tune_report_context(const struct tune_runs *runs);

/* Renders the command with the settings of a trial. The caller frees it. */
char *tune_report_command(const struct tune_study *study, const struct tune_runs *runs,
                          const struct tune_trial *trial);

#endif

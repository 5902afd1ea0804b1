/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_MLFLOW_EXPORT_H
#define OPTCTL_CONTROLLER_TUNE_MLFLOW_EXPORT_H

#include "controller/tune/mlflow.h"
#include "controller/tune/runs.h"

/*
 * A study on an MLflow server: a run for each trial that has ended, as soon as it has. A server that is away
 * holds up no trial: it is asked again a minute later, and at the end. FOLDER/id is what the study is called
 * there.
 */
struct tune_mlflow;

/* url: in place of the spec's, or NULL. *ret_mlflow is NULL when the study goes to no server. ERROR_INPUT:
 * the URL is none, or a file with credentials cannot be read. The study is borrowed. */
bool tune_mlflow_open(const struct tune_study *study, const char *url, struct tune_mlflow **ret_mlflow,
                      struct error *err);
void tune_mlflow_free(struct tune_mlflow *mlflow);
DEFINE_CLEANUP(tune_mlflow_free, struct tune_mlflow);

/* Puts trials that have ended there: `ended` of struct tune_runs_setup. The first failure is told on standard
 * error. */
void tune_mlflow_follow(void *context, const struct tune_runs *runs);

/* Puts all that is left. mlflow may be NULL. The error says what the server lacks. */
bool tune_mlflow_finish(struct tune_mlflow *mlflow, const struct tune_runs *runs, struct error *err);

/* What a trial that has ended is there; to be cleared. */
struct mlflow_run tune_mlflow_run(const struct tune_study *study, const struct tune_trial *trial);
void tune_mlflow_run_clear(struct mlflow_run *run);

#endif

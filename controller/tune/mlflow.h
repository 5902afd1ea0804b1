/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_MLFLOW_H
#define OPTCTL_CONTROLLER_TUNE_MLFLOW_H

#include <jansson.h>
#include <stdint.h>

#include "core/http/client.h"

/*
 * Runs on an MLflow tracking server, by its REST API (2.0). Whoever puts a run again changes nothing: a run
 * is known by two tags, of the study and of the trial, and gets what it lacks and nothing else.
 */
#define MLFLOW_STUDY_TAG "optctl.study"
#define MLFLOW_TRIAL_TAG "optctl.trial"

/* What a run is to be. Names stand as MLflow takes them: mlflow_key. */
struct mlflow_run {
        int64_t trial;
        char *name;
        json_t *params, *tags;      /* objects of texts */
        json_t *metrics;            /* object of numbers */
        const char *status;         /* FINISHED, FAILED or KILLED */
        int64_t begun_ms, ended_ms; /* since 1970; 0: not known */
};

/* The runs of a study on a server, as far as they are known: asked for once, and again after a failure. */
struct mlflow;

/* Both are copied; of the experiment, which is made when there is none, what JSON cannot say becomes question
 * marks. */
struct mlflow *mlflow_new(const char *experiment, const char *study);
void mlflow_free(struct mlflow *mlflow);
DEFINE_CLEANUP(mlflow_free, struct mlflow);

/* In a fiber. Errors are those of http_send, and ERROR_INCOMPLETE when the answer is none of MLflow's. */
bool mlflow_put(struct mlflow *mlflow, struct http_peer *peer, const struct mlflow_run *run,
                struct error *err);

/* Adds a member under a name that MLflow takes and `object` does not have yet: what is neither letter, digit,
 * blank nor one of _ - . becomes an underscore. Takes the value over. */
void mlflow_set(json_t *object, const char *name, json_t *value);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/mlflow_export.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "controller/tune/check.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/reactor.h"

#define PAUSE_MS     60000 /* after a failure */
#define ID_MAX_BYTES 64

struct tune_mlflow {
        const struct tune_study *study;
        struct clock clock;
        const char *url;
        struct mlflow *server; /* NULL until it is asked first */
        bool *there;           /* by trial, of `room`: the server has it */
        size_t room;
        int64_t not_before_ms; /* after a failure */
        bool told;
};

/* ---- a trial ---- */

static void add_params(json_t *params, const json_t *of, const char *prefix)
{
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)of, name, value)
        {
                autofree char *words = tune_value_text(value), *full = memory_format("%s%s", prefix, name);

                mlflow_set(params, full, json_string(words));
        }
}

static json_t *params_of(const struct tune_trial *trial)
{
        json_t *params = json_object();

        add_params(params, trial->x, "");
        add_params(params, trial->context, "context.");
        return params;
}

/* Those that are numbers. */
static void add_metrics(json_t *metrics, const json_t *of, const char *prefix)
{
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)of, name, value)
        {
                autofree char *full = memory_format("%s%s", prefix, name);

                if (json_is_number(value))
                        mlflow_set(metrics, full, json_incref(value));
        }
}

static json_t *metrics_of(const struct tune_trial *trial)
{
        static const char *const measures[] = {"seconds", "cpuSeconds", "memoryBytes", "cost", "attempts"};
        json_t *metrics = json_object();

        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++) {
                json_t *value = json_object_get(trial->result, measures[i]);

                if (json_is_number(value))
                        mlflow_set(metrics, measures[i], json_incref(value));
        }
        add_metrics(metrics, json_object_get(trial->result, "values"), "");
        add_metrics(metrics, json_object_get(trial->result, "constraints"), "constraint.");
        return metrics;
}

/* A censored trial was stopped, a failed one ended by itself: MLflow has a word for each. */
static const char *status_of(const char *status)
{
        if (strcmp(status, "ok") == 0)
                return "FINISHED";
        return strcmp(status, "censored") == 0 ? "KILLED" : "FAILED";
}

struct mlflow_run tune_mlflow_run(const struct tune_study *study, const struct tune_trial *trial)
{
        const char *status = "failed", *why = "";
        double begun = 0, ended = 0;
        json_t *tags;

        (void)json_find_text(trial->result, "status", &status);
        (void)json_find_text(trial->result, "why", &why);
        (void)json_find_number(trial->result, "begunMs", &begun);
        (void)json_find_number(trial->result, "endedMs", &ended);
        tags = json_pack("{s:s, s:s, s:s, s:s}", "optctl.status", status, "optctl.good",
                         tune_runs_is_good(trial) ? "true" : "false", "optctl.minimize",
                         study->options.minimize, "mlflow.source.name", "optctl tune");
        if (*why)
                json_object_set_new(tags, "optctl.why", json_string(why));
        return (struct mlflow_run){.trial = trial->id,
                                   .name = memory_format("trial %lld", (long long)trial->id),
                                   .params = params_of(trial),
                                   .metrics = metrics_of(trial),
                                   .tags = tags,
                                   .status = status_of(status),
                                   .begun_ms = (int64_t)begun,
                                   .ended_ms = (int64_t)ended};
}

void tune_mlflow_run_clear(struct mlflow_run *run)
{
        free(run->name);
        json_decref(run->params);
        json_decref(run->metrics);
        json_decref(run->tags);
}

/* ---- the study ---- */

/* Kept beside the trials, so that another study of the same search is another one there, too. */
static bool study_id(const char *folder, char **ret_id, struct error *err)
{
        autofree char *place = memory_format("%s/id", folder);
        autofree char *made = NULL;
        unsigned long long number[2];

        if (access(place, F_OK) == 0) {
                if (!text_read_file(place, ID_MAX_BYTES, ret_id, NULL, err))
                        return false;
                (*ret_id)[strspn(*ret_id, "0123456789abcdef")] = '\0';
                return **ret_id ||
                       error_set(err, ERROR_INPUT, NULL, "%s: expected hexadecimal digits", place);
        }
        if (getrandom(number, sizeof number, 0) != (ssize_t)sizeof number)
                return error_errno(err, errno, "random numbers");
        made = memory_format("%016llx%016llx", number[0], number[1]);
        if (!text_write_file(place, made, strlen(made), err))
                return false;
        *ret_id = TAKE(made);
        return true;
}

/* Nothing is kept open from one time to the next, for processes of trials to hold on to. */
struct wire {
        struct reactor *reactor;
        struct http_client *client;
        struct http_peer *peer;
};

static bool wire_open(const struct tune_mlflow *mlflow, struct wire *wire, struct error *err)
{
        const struct tune_mlflow_options *options = mlflow->study->options.mlflow;

        return reactor_new(NULL, &wire->reactor, err) &&
               http_client_new(wire->reactor, NULL, NULL, &wire->client, err) &&
               http_peer_new(wire->client, mlflow->url, options ? &options->connection : NULL,
                             mlflow->study->folder, &wire->peer, err);
}

static void wire_close(struct wire *wire)
{
        http_peer_free(wire->peer);
        http_client_free(wire->client);
        reactor_free(wire->reactor);
}

/* What can be wrong without asking anybody. */
static bool check(const struct tune_mlflow *mlflow, struct error *err)
{
        const struct tune_mlflow_options *options = mlflow->study->options.mlflow;
        struct wire wire = {0};
        bool good;

        if (options && !tune_check_files(mlflow->study, "mlflow.connection", &options->connection, err))
                return false;
        good = wire_open(mlflow, &wire, err);
        wire_close(&wire);
        if (good)
                return true;
        return options && mlflow->url == options->url
                       ? tune_study_wrong_at(tune_study_at(mlflow->study, "mlflow.url"), err)
                       : error_wrap(err, "MLflow");
}

bool tune_mlflow_open(const struct tune_study *study, const char *url, struct tune_mlflow **ret_mlflow,
                      struct error *err)
{
        autocall(tune_mlflow_free) struct tune_mlflow *mlflow = memory_new(1, sizeof *mlflow);
        const struct tune_mlflow_options *options = study->options.mlflow;

        if (!url && options)
                url = options->url;
        *ret_mlflow = NULL;
        if (!url)
                return true;
        mlflow->study = study;
        mlflow->clock = clock_system();
        mlflow->url = url;
        if (!check(mlflow, err))
                return false;
        *ret_mlflow = TAKE(mlflow);
        return true;
}

void tune_mlflow_free(struct tune_mlflow *mlflow)
{
        if (!mlflow)
                return;
        mlflow_free(mlflow->server);
        free(mlflow->there);
        free(mlflow);
}

/* ---- putting ---- */

struct errand {
        struct tune_mlflow *mlflow;
        const struct tune_runs *runs;
        struct http_peer *peer;
        size_t left; /* trials that have ended and are not there */
        bool done;
        struct error *err;
};

/* The next that has ended and is not there; NULL: none is. */
static const struct tune_trial *next_of(const struct tune_mlflow *mlflow, const struct tune_runs *runs,
                                        size_t *ret_left)
{
        size_t count;
        const struct tune_trial *trials = tune_runs_trials(runs, &count), *next = NULL;

        *ret_left = 0;
        for (size_t i = 0; i < count; i++) {
                if (!trials[i].result || (i < mlflow->room && mlflow->there[i]))
                        continue;
                next = next ? next : &trials[i];
                (*ret_left)++;
        }
        return next;
}

static void note(struct tune_mlflow *mlflow, const struct tune_trial *trial)
{
        size_t index = (size_t)trial->id - 1;

        if (index >= mlflow->room) {
                size_t room = 2 * index + 32;

                mlflow->there = memory_resize(mlflow->there, room, sizeof *mlflow->there);
                memset(mlflow->there + mlflow->room, 0, (room - mlflow->room) * sizeof *mlflow->there);
                mlflow->room = room;
        }
        mlflow->there[index] = true;
}

static void run_errand(void *argument)
{
        struct errand *errand = argument;
        const struct tune_trial *trial;

        while ((trial = next_of(errand->mlflow, errand->runs, &errand->left)) != NULL) {
                struct mlflow_run run = tune_mlflow_run(errand->mlflow->study, trial);
                bool put = !clock_stopped() || error_set(errand->err, ERROR_INTERRUPTED, NULL, "interrupted");

                put = put && mlflow_put(errand->mlflow->server, errand->peer, &run, errand->err);
                tune_mlflow_run_clear(&run);
                if (!put)
                        return;
                note(errand->mlflow, trial);
        }
        errand->done = true;
}

static bool know_server(struct tune_mlflow *mlflow, const struct tune_runs *runs, struct error *err)
{
        const struct tune_mlflow_options *options = mlflow->study->options.mlflow;
        autofree char *id = NULL, *path = memory_copy_text(mlflow->study->path);

        if (mlflow->server)
                return true;
        if (!study_id(tune_runs_folder(runs), &id, err))
                return false;
        mlflow->server =
                mlflow_new(options && options->experiment ? options->experiment : basename(path), id);
        return true;
}

static bool put_all(struct tune_mlflow *mlflow, const struct tune_runs *runs, size_t *ret_left,
                    struct error *err)
{
        struct errand errand = {.mlflow = mlflow, .runs = runs, .err = err};
        struct wire wire = {0};

        if (!next_of(mlflow, runs, &errand.left))
                return true;
        if (know_server(mlflow, runs, err) && wire_open(mlflow, &wire, err)) {
                errand.peer = wire.peer;
                reactor_call(wire.reactor, run_errand, &errand);
        }
        wire_close(&wire);
        *ret_left = errand.left;
        return errand.done;
}

void tune_mlflow_follow(void *context, const struct tune_runs *runs)
{
        struct tune_mlflow *mlflow = context;
        struct error err = ERROR_INIT;
        size_t left;

        if (clock_now_ms(&mlflow->clock) < mlflow->not_before_ms || put_all(mlflow, runs, &left, &err))
                return;
        mlflow->not_before_ms = clock_now_ms(&mlflow->clock) + PAUSE_MS;
        if (!mlflow->told)
                fprintf(stderr, "optctl: MLflow: %s; trials go on without it\n", err.message);
        mlflow->told = true;
}

bool tune_mlflow_finish(struct tune_mlflow *mlflow, const struct tune_runs *runs, struct error *err)
{
        size_t left;

        return !mlflow || put_all(mlflow, runs, &left, err) ||
               error_wrap(err, "MLflow lacks %zu trial%s, which the same command puts there", left,
                          text_plural((double)left));
}

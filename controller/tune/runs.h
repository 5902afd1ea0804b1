/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_RUNS_H
#define OPTCTL_CONTROLLER_TUNE_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "controller/tune/study.h"

/*
 * The trials of a study, in a folder that is its ledger: FOLDER/N/ is trial N, with `trial.json` (what was
 * asked), written before anything is run, and what controller/tune/trial.h says. Each trial has a process of
 * its own, which outlives optctl and holds FOLDER/N/lock: who comes back after a crash takes up the results
 * that there are, waits for trials that still run, and begins anew those that nobody runs any more.
 */
struct tune_trial {
        int64_t id; /* from 1 */
        json_t *x;
        json_t *context; /* as it was, or is expected to be while the trial is out; NULL: there is none */
        json_t *result;  /* NULL while it is out */
        double mean, sd; /* as predicted; NAN before there was a model */
};

struct tune_runs;

struct tune_runs_setup {
        const char *folder;
        int64_t parallel;   /* trials at once */
        int64_t trials;     /* in all; 0: the budget of the search */
        char *const *given; /* NAME=VALUE: what holds from now on, ends with NULL; or NULL */
        FILE *rows;         /* where a row for each trial goes; NULL: no rows */
        /* A trial has ended; NULL: nobody wants to know. */
        void (*ended)(void *context, const struct tune_runs *runs);
        void *context;
};

/* Makes or takes up the folder. ERROR_INPUT: it belongs to another study; ERROR_CONFLICT: another optctl is
 * at work in it. The study outlives it; its space is taken over. */
bool tune_runs_open(struct tune_study *study, const struct tune_runs_setup *setup,
                    struct tune_runs **ret_runs, struct error *err);
void tune_runs_close(struct tune_runs *runs);
DEFINE_CLEANUP(tune_runs_close, struct tune_runs);

/* Until all trials are made, no point is left, or the next would cost more than it can be expected to save.
 * Each trial's row is printed when it ends; on a terminal a line below says what runs. ERROR_INTERRUPTED
 * after SIGINT or SIGTERM: commands that ran were ended, and are run anew when the study goes on. */
bool tune_runs_go(struct tune_runs *runs, struct error *err);

/* By id; what is out has no result. */
const struct tune_trial *tune_runs_trials(const struct tune_runs *runs, size_t *ret_count);

/* The one with the least y of those that keep all constraints; where there is a context the one that is
 * expected to be best at the one that holds now (search_best_now). NULL: none. *ret_y, when not NULL: its y,
 * or what is expected of it. */
const struct tune_trial *tune_runs_best(const struct tune_runs *runs, double *ret_y);

/* What holds now, as the next trial would have it. The caller owns it; NULL: there is no context. */
json_t *tune_runs_context(const struct tune_runs *runs);

/* As its result says; of one without a result whether it is out (`running`) or was ended with the study
 * (`interrupted`: the same command begins it anew). Lives as long as the trial. */
const char *tune_runs_status(const struct tune_runs *runs, const struct tune_trial *trial);

/* Whether a trial ended well and kept all constraints. */
bool tune_runs_is_good(const struct tune_trial *trial);

/* What the trials were told to. */
struct search *tune_runs_search(const struct tune_runs *runs);

/* A search of its own that was told of the trials that ended, in their order, without each of which the
 * number is `left_out` modulo `groups` (left_out at least groups: of all). It follows from the study alone,
 * while the one above has been asked, too. */
bool tune_runs_retell(const struct tune_runs *runs, size_t left_out, size_t groups,
                      struct search **ret_search, struct error *err);

const char *tune_runs_folder(const struct tune_runs *runs); /* of the study */

/* The trial's folder. The caller frees it. */
char *tune_runs_place(const struct tune_runs *runs, const struct tune_trial *trial);

/* Why it ended: static text. */
const char *tune_runs_ending(const struct tune_runs *runs);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the operator writes into objects. No object is made of these tables: they lay out the API alone. What
 * is bulky or changes fast (observations, all decisions) is in the ledger, not here. */
#include <math.h>

#include "core/crd/internal.h"
#include "core/pipeline.h"
#include "core/tuning_study.h"

#define CONDITIONS_MAX 16
#define REASON_MAX     128
#define MESSAGE_MAX    1024

static const char *const truths[] = {"True", "False", "Unknown", NULL};
static const char *const service_levels[] = {"Kept", "Missed", NULL};
static const char *const trial_states[] = {STUDY_RUNNING, STUDY_SUCCEEDED, STUDY_FAILED, STUDY_STOPPED, NULL};
static const char *const constraint_states[] = {STUDY_KEPT, STUDY_BROKEN, NULL};
static const char *const outcomes[] = {"Pending", "Confirmed", "Reverted", "Failed", "Unknown", NULL};

static const struct option condition_options[] = {
        {.name = "type",
         .type = OPTION_TEXT,
         .required = true,
         .max = REASON_MAX,
         .help = "What the condition is about; where there is `Ready`, it sums up all others."},
        {.name = "status",
         .type = OPTION_CHOICE,
         .choices = truths,
         .required = true,
         .help = "Whether it holds; Unknown until it was looked at."},
        {.name = "observedGeneration",
         .type = OPTION_INT,
         .max = INFINITY,
         .help = "metadata.generation that the condition was worked out for."},
        {.name = "lastTransitionTime",
         .type = OPTION_TIME,
         .required = true,
         .help = "When the status changed last."},
        {.name = "reason",
         .type = OPTION_TEXT,
         .required = true,
         .max = REASON_MAX,
         .help = "Why, as one word for programs: CamelCase."},
        {.name = "message",
         .type = OPTION_TEXT,
         .required = true,
         .max = MESSAGE_MAX,
         .help = "Why, as one sentence for people."},
        {0},
};

static const struct option_table condition_table = {
        .name = "conditions",
        .help = "One aspect of how the object is.",
        .options = condition_options,
};

/* clang-format off */
#define STATUS_OPTIONS(what)                                                                                 \
        {.name = "observedGeneration", .type = OPTION_INT, .max = INFINITY,                                  \
         .help = "metadata.generation of the " what " that the operator acted on last."},                    \
        {.name = "conditions", .type = OPTION_LIST, .table = &condition_table, .key = "type",                \
         .max = CONDITIONS_MAX, .help = "How the " what " is, aspect by aspect."}
/* clang-format on */

static const struct option change_options[] = {
        {.name = "knob", .type = OPTION_TEXT, .required = true, .max = 200, .help = "Name of the knob."},
        {.name = "operator",
         .type = OPTION_TEXT,
         .max = 200,
         .help = "Operator whose knob it is; absent for a knob of the whole pipeline."},
        {.name = "from", .type = OPTION_QUANTITY, .required = true, .help = "Value before the change."},
        {.name = "to", .type = OPTION_QUANTITY, .required = true, .help = "Value after the change."},
        {0},
};

static const struct option_table change_table = {
        .name = "changes",
        .help = "A knob that the decision changes.",
        .options = change_options,
};

static const struct option decision_options[] = {
        {.name = "id",
         .type = OPTION_INT,
         .required = true,
         .max = INFINITY,
         .help = "Number of the decision: `optctl explain` says more about it."},
        {.name = "time", .type = OPTION_TIME, .required = true, .help = "When it was made."},
        {.name = "reason",
         .type = OPTION_TEXT,
         .required = true,
         .max = REASON_MAX,
         .help = "What was decided, as one word for programs: CamelCase."},
        {.name = "message",
         .type = OPTION_TEXT,
         .max = MESSAGE_MAX,
         .help = "Why, as one sentence with its numbers."},
        {.name = "outcome",
         .type = OPTION_CHOICE,
         .choices = outcomes,
         .help = "What came of the change: Pending while it is watched; absent when nothing was changed."},
        {.name = "changes",
         .type = OPTION_LIST,
         .table = &change_table,
         .max = CONFIGURATION_MAX_KNOBS,
         .help = "What it changes, knob by knob; absent when nothing is."},
        {0},
};

static const struct option_table decision_table = {
        .name = "lastDecision",
        .help = "The newest turn of the loop that decided something.",
        .options = decision_options,
};

static const struct option cost_options[] = {
        {.name = "currency", .type = OPTION_TEXT, .required = true, .max = 3, .help = "ISO 4217."},
        {.name = "podsPerHour",
         .type = OPTION_NUMBER,
         .required = true,
         .unit = "currency/h",
         .max = INFINITY,
         .help = "What its pods ask for, by the prices of their nodes."},
        {.name = "idlePerHour",
         .type = OPTION_NUMBER,
         .required = true,
         .unit = "currency/h",
         .max = INFINITY,
         .help = "Their part of what nobody asks for on their nodes."},
        {.name = "idlePercent",
         .type = OPTION_INT,
         .required = true,
         .unit = "%",
         .max = 100,
         .help = "The idle part of both together."},
        {.name = "pods", .type = OPTION_INT, .required = true, .max = INFINITY, .help = "Pods on nodes."},
        {.name = "pricedPods",
         .type = OPTION_INT,
         .required = true,
         .max = INFINITY,
         .help = "Those of them whose node has a price; the others are not counted."},
        {0},
};

static const struct option_table cost_table = {
        .name = "cost",
        .help = "What its pods cost by the prices of nodes.",
        .options = cost_options,
};

static const struct option pipeline_options[] = {
        STATUS_OPTIONS("pipeline"),
        {.name = "target",
         .type = OPTION_TEXT,
         .max = 512,
         .help = "What is tuned, in short: the engine and the job, such as flink/orders."},
        {.name = "leader",
         .type = OPTION_TEXT,
         .max = 253,
         .help = "Who wrote this: the replica that leads, as its Lease names it."},
        {.name = "currentWorkers",
         .type = OPTION_INT,
         .unit = "workers",
         .max = INFINITY,
         .help = "Workers that run."},
        {.name = "desiredWorkers",
         .type = OPTION_INT,
         .unit = "workers",
         .max = INFINITY,
         .help = "Workers that ought to run: told to the engine with mode Auto, recommended otherwise."},
        {.name = "cost",
         .type = OPTION_POINTER,
         .table = &cost_table,
         .help = "What its pods cost by the prices of nodes, where a PriceBook has these."},
        {.name = "lastDecision",
         .type = OPTION_POINTER,
         .table = &decision_table,
         .help = "The newest turn of the loop that decided something. All of them: `optctl history`."},
        {0},
};

const struct option_table crd_pipeline_status_table = {
        .name = "status",
        .help = "How the pipeline is; written by the operator.",
        .options = pipeline_options,
};

static const struct option prices_options[] = {
        STATUS_OPTIONS("price book"),
        {0},
};

const struct option_table crd_prices_status_table = {
        .name = "status",
        .help = "How the price book is; written by the operator.",
        .options = prices_options,
};

static const struct option result_options[] = {
        {.name = "candidate", .type = OPTION_TEXT, .required = true, .max = 63, .help = "What was tried."},
        {.name = "load", .type = OPTION_TEXT, .required = true, .max = 63, .help = "Under which load."},
        {.name = "serviceLevel",
         .type = OPTION_CHOICE,
         .choices = service_levels,
         .help = "Whether the pipeline's constraints held with the confidence that they ask for."},
        {.name = "costPerDay",
         .type = OPTION_NUMBER,
         .unit = "currency/d",
         .max = INFINITY,
         .help = "What it cost: the mean over the runs."},
        {.name = "costPerDayLow",
         .type = OPTION_NUMBER,
         .unit = "currency/d",
         .max = INFINITY,
         .help = "Nineteen of twenty runs cost more."},
        {.name = "costPerDayHigh",
         .type = OPTION_NUMBER,
         .unit = "currency/d",
         .max = INFINITY,
         .help = "Nineteen of twenty runs cost less."},
        {.name = "savingPercent",
         .type = OPTION_NUMBER,
         .unit = "%",
         .min = -INFINITY,
         .max = 100,
         .help = "Against the first candidate under the same load."},
        {.name = "missedMinutesPerDay",
         .type = OPTION_NUMBER,
         .unit = "min/d",
         .max = 1440,
         .help = "For how long the constraints did not hold: the mean over the runs."},
        {.name = "latencyP99Seconds",
         .type = OPTION_NUMBER,
         .unit = "s",
         .max = INFINITY,
         .help = "99 of 100 records were through within this time: the mean over the runs."},
        {.name = "workers",
         .type = OPTION_NUMBER,
         .unit = "workers",
         .max = INFINITY,
         .help = "Workers that ran: the mean over time and the runs."},
        {.name = "message",
         .type = OPTION_TEXT,
         .max = MESSAGE_MAX,
         .help = "Why there are no figures; absent where there are."},
        {0},
};

static const struct option_table result_table = {
        .name = "results",
        .help = "A candidate under a load.",
        .options = result_options,
};

static const struct option best_options[] = {
        {.name = "load", .type = OPTION_TEXT, .required = true, .max = 63, .help = "Under which load."},
        {.name = "candidate", .type = OPTION_TEXT, .required = true, .max = 63, .help = "Which is the best."},
        {.name = "costPerDay",
         .type = OPTION_NUMBER,
         .required = true,
         .unit = "currency/d",
         .max = INFINITY,
         .help = "What it cost: the mean over the runs."},
        {0},
};

static const struct option_table best_table = {
        .name = "best",
        .help = "The cheapest candidate under a load of those whose constraints held.",
        .options = best_options,
};

static const struct option setting_options[] = {
        {.name = "name", .type = OPTION_TEXT, .required = true, .max = 63, .help = "Name of the parameter."},
        {.name = "value",
         .type = OPTION_TEXT,
         .required = true,
         .max = STUDY_CHOICE_BYTES,
         .help = "As its environment variable had it."},
        {0},
};

static const struct option_table setting_table = {
        .name = "settings",
        .help = "A parameter and its value.",
        .options = setting_options,
};

static const struct option measure_options[] = {
        {.name = "name", .type = OPTION_TEXT, .required = true, .max = 63, .help = "What was measured."},
        {.name = "value",
         .type = OPTION_NUMBER,
         .required = true,
         .min = -INFINITY,
         .max = INFINITY,
         .help = "What it came to."},
        {0},
};

static const struct option_table measure_table = {
        .name = "values",
        .help = "A number that a trial left.",
        .options = measure_options,
};

static const struct option trial_options[] = {
        {.name = "trial",
         .type = OPTION_INT,
         .required = true,
         .max = STUDY_MAX_TRIALS,
         .help = "Its number, with which the name of its Job ends."},
        {.name = "settings",
         .type = OPTION_LIST,
         .table = &setting_table,
         .key = "name",
         .max = STUDY_MAX_PARAMETERS,
         .required = true,
         .help = "What it was run with."},
        {.name = "state",
         .type = OPTION_CHOICE,
         .choices = trial_states,
         .required = true,
         .help = "Running, or how it ended: Stopped by timeLimitSeconds."},
        {.name = "value",
         .type = OPTION_NUMBER,
         .min = -INFINITY,
         .max = INFINITY,
         .help = "What was to be small; of a trial that was stopped, what it would have been more than."},
        {.name = "values",
         .type = OPTION_LIST,
         .table = &measure_table,
         .key = "name",
         .max = STUDY_MAX_VALUES + 2,
         .help = "Whatever else was measured."},
        {.name = "constraints",
         .type = OPTION_CHOICE,
         .choices = constraint_states,
         .help = "Whether it kept all constraints; of a trial that succeeded, where there are any."},
        {.name = "message", .type = OPTION_TEXT, .max = MESSAGE_MAX, .help = "Why it did not succeed."},
        {0},
};

static const struct option_table trial_table = {
        .name = "trials",
        .help = "A run of the program.",
        .options = trial_options,
};

static const struct option best_trial_options[] = {
        {.name = "trial",
         .type = OPTION_INT,
         .required = true,
         .max = STUDY_MAX_TRIALS,
         .help = "Its number."},
        {.name = "value",
         .type = OPTION_NUMBER,
         .required = true,
         .min = -INFINITY,
         .max = INFINITY,
         .help = "What was to be small."},
        {.name = "settings",
         .type = OPTION_LIST,
         .table = &setting_table,
         .key = "name",
         .max = STUDY_MAX_PARAMETERS,
         .required = true,
         .help = "What it was run with."},
        {0},
};

static const struct option_table best_trial_table = {
        .name = "bestTrial",
        .help = "The trial with the least value so far, of those that kept the constraints.",
        .options = best_trial_options,
};

static const struct option front_options[] = {
        {.name = "trial",
         .type = OPTION_INT,
         .required = true,
         .max = STUDY_MAX_TRIALS,
         .help = "Its number."},
        {.name = "value",
         .type = OPTION_NUMBER,
         .required = true,
         .min = -INFINITY,
         .max = INFINITY,
         .help = "Of what is minimized."},
        {.name = "second",
         .type = OPTION_NUMBER,
         .required = true,
         .min = -INFINITY,
         .max = INFINITY,
         .help = "Of what is minimized, too."},
        {0},
};

static const struct option_table front_table = {
        .name = "front",
        .help = "A trial that no other beats in both measures.",
        .options = front_options,
};

static const struct option study_options[] = {
        STATUS_OPTIONS("study"),
        {.name = "job",
         .type = OPTION_TEXT,
         .max = 63,
         .help = "Name of the Job that runs it; with which those of its trials begin."},
        {.name = "points",
         .type = OPTION_INT,
         .max = INFINITY,
         .help = "Simulations that there are, each candidate under each load; or trials that may be made."},
        {.name = "done", .type = OPTION_INT, .max = INFINITY, .help = "Those that are over."},
        {.name = "failed", .type = OPTION_INT, .max = INFINITY, .help = "Those that came to no figures."},
        {.name = "currency", .type = OPTION_TEXT, .max = 3, .help = "ISO 4217, of all costs."},
        {.name = "best",
         .type = OPTION_LIST,
         .table = &best_table,
         .key = "load",
         .max = STUDY_MAX_LOADS,
         .help = "For each load the cheapest candidate whose constraints held; of those that are over."},
        {.name = "results",
         .type = OPTION_LIST,
         .table = &result_table,
         .max = STUDY_MAX_CANDIDATES * STUDY_MAX_LOADS,
         .help = "What came out, by candidate and load."},
        {.name = "bestTrial",
         .type = OPTION_POINTER,
         .table = &best_trial_table,
         .help = "The trial with the least value so far, of those that kept the constraints; absent where "
                 "two "
                 "measures are minimized."},
        {.name = "front",
         .type = OPTION_LIST,
         .table = &front_table,
         .max = STUDY_MAX_TRIALS,
         .help = "Where two measures are minimized, the trials so far that no other beats in both, of those "
                 "that kept the constraints."},
        {.name = "trials",
         .type = OPTION_LIST,
         .table = &trial_table,
         .max = STUDY_MAX_TRIALS,
         .help = "All trials that were begun."},
        {0},
};

const struct option_table crd_study_status_table = {
        .name = "status",
        .help = "How the study is; written by the operator.",
        .options = study_options,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the operator writes into objects. No object is made of these tables: they lay out the API alone. What
 * is bulky or changes fast (observations, all decisions) is in the ledger, not here. */
#include <math.h>

#include "core/crd_internal.h"
#include "core/pipeline.h"

#define CONDITIONS_MAX 16
#define REASON_MAX     128
#define MESSAGE_MAX    1024

static const char *const truths[] = {"True", "False", "Unknown", NULL};
static const char *const outcomes[] = {"Pending", "Confirmed", "Reverted", "Failed", "Unknown", NULL};

static const struct option condition_options[] = {
        {.name = "type",
         .type = OPTION_TEXT,
         .required = true,
         .max = REASON_MAX,
         .help = "What the condition is about; `Ready` sums up all others."},
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

static const struct option pipeline_options[] = {
        STATUS_OPTIONS("pipeline"),
        {.name = "target",
         .type = OPTION_TEXT,
         .max = 512,
         .help = "What is tuned, in short: the engine and the job, such as flink/orders."},
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

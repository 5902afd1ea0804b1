/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/backtest.h"
#include "controller/cli/command.h"
#include "controller/cli/parameters.h"
#include "controller/cli/present.h"
#include "controller/registry.h"

struct backtest_arguments {
        const char *spec, *data, *json, *csv, *report;
        char **sets;
        int64_t threads;
        bool quiet;
};

#define AT(member) .offset = offsetof(struct backtest_arguments, member)

static const struct parameter parameters[] = {
        PARAMETERS_SPEC(struct backtest_arguments, "File with a TunedPipeline that has recordings and says "
                                                   "which to fit on; - is standard input."),
        PARAMETERS_DATA(struct backtest_arguments),
        PARAMETERS_SET(struct backtest_arguments, "the spec, as in --set spec.backtest.runs=100."),
        PARAMETERS_THREADS(struct backtest_arguments),
        PARAMETERS_JSON(struct backtest_arguments,
                        "predictions and windows as JSON (docs/schema/backtest.schema.json)"),
        {.name = "csv",
         .type = PARAMETER_TEXT,
         AT(csv),
         .value = "FILE",
         .values = VALUES_WRITTEN,
         .help = "Writes the predictions as CSV; - is standard output."},
        PARAMETERS_REPORT(struct backtest_arguments,
                          "with what was measured and what was predicted, over time."),
        PARAMETERS_QUIET(struct backtest_arguments),
        {.name = NULL},
};

static bool backtest_command_run(const void *object, struct error *err)
{
        const struct backtest_arguments *arguments = object;
        const struct presentation presentation = {arguments->json, arguments->csv, arguments->report,
                                                  arguments->quiet};
        struct source source = {0};
        const struct backtest_request request = {
                .source = &source,
                .sets = arguments->sets,
                .threads = arguments->threads,
                .quiet = arguments->quiet,
        };
        json_t *document = NULL;
        bool done = presentation_check(&presentation, err) &&
                    source_open(arguments->spec, arguments->data, registry_all(), &source, err) &&
                    backtest_run(&request, &document, err) && present(document, &presentation, err);

        json_decref(document);
        source_close(&source);
        return done;
}

const struct command backtest_command = {
        .name = "backtest",
        .group = COMMAND_STUDY,
        .summary = "how well the simulator predicts runs that were measured",
        .description = "Fits the model to some of the spec's recordings, predicts the others, which ran "
                       "another strategy or "
                       "scale, and prints measured beside predicted with intervals, and how many windows lay "
                       "inside theirs.",
        .example = "optctl backtest examples/autoscaler.yaml --report backtest.html",
        .size = sizeof(struct backtest_arguments),
        .parameters = parameters,
        .run = backtest_command_run,
};

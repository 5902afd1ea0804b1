/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/backtest.h"
#include "controller/cli/command.h"
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
        {.name = "SPEC",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXT,
         AT(spec),
         .values = VALUES_FILE,
         .help = "File with a TunedPipeline that has recordings and says which to fit on; - is standard "
                 "input."},
        {.name = "data",
         .type = PARAMETER_TEXT,
         AT(data),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .help = "Folder that file names in the spec are relative to; the spec's own without it."},
        {.name = "set",
         .type = PARAMETER_TEXTS,
         AT(sets),
         .value = "PATH=VALUE",
         .help = "Sets a field of the spec, as in --set spec.backtest.runs=100."},
        {.name = "threads",
         .type = PARAMETER_INTEGER,
         AT(threads),
         .value = "N",
         .min = 0,
         .max = 256,
         .fallback = "0",
         .help = "Threads to use; 0 is one a core. The result does not depend on it."},
        {.name = "json",
         .type = PARAMETER_TEXT,
         AT(json),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Writes predictions and windows as JSON (docs/schema/backtest.schema.json); - is standard "
                 "output."},
        {.name = "csv",
         .type = PARAMETER_TEXT,
         AT(csv),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Writes the predictions as CSV; - is standard output."},
        {.name = "report",
         .type = PARAMETER_TEXT,
         AT(report),
         .value = "FILE.html",
         .values = VALUES_FILE,
         .help = "Writes one HTML file with what was measured and what was predicted, over time."},
        {.name = "quiet",
         .type = PARAMETER_FLAG,
         AT(quiet),
         .help = "Prints neither progress nor the table."},
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

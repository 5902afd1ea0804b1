/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/command.h"
#include "controller/present.h"
#include "controller/registry.h"
#include "controller/study.h"

struct simulate_arguments {
        const char *spec, *data, *json, *csv, *report, *ledger;
        char **strategies, **sets, **sweeps;
        int64_t runs, seed, threads;
        bool quiet;
};

#define AT(member) .offset = offsetof(struct simulate_arguments, member)

static const struct parameter parameters[] = {
        {.name = "SPEC",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXT,
         AT(spec),
         .values = VALUES_FILE,
         .help = "File with the TunedPipeline; - is standard input."},
        {.name = "strategy",
         .type = PARAMETER_NAMES,
         AT(strategies),
         .value = "A[,B...]",
         .values = VALUES_STRATEGY,
         .help = "Strategies to compare; \"all\" is every one. Without it those of "
                 "spec.simulation.strategies, else all."},
        {.name = "runs",
         .type = PARAMETER_INTEGER,
         AT(runs),
         .value = "N",
         .min = 1,
         .max = 1000000,
         .absent = -1,
         .help = "How often each strategy is simulated, with other noise, failures and parameters each time. "
                 "Without it, spec.simulation.runs."},
        {.name = "seed",
         .type = PARAMETER_INTEGER,
         AT(seed),
         .value = "N",
         .min = 0,
         .max = 4294967295,
         .absent = -1,
         .help = "Seed of all chance; the same seed and input give the same bytes. Without it, "
                 "spec.simulation.seed."},
        {.name = "threads",
         .type = PARAMETER_INTEGER,
         AT(threads),
         .value = "N",
         .min = 0,
         .max = 256,
         .fallback = "0",
         .help = "Threads to use; 0 is one a core. The result does not depend on it."},
        {.name = "set",
         .type = PARAMETER_TEXTS,
         AT(sets),
         .value = "PATH=VALUE",
         .help = "Sets a field of the spec, as in --set spec.workload.scale=1.5."},
        {.name = "sweep",
         .type = PARAMETER_TEXTS,
         AT(sweeps),
         .value = "PATH=A,B,C",
         .help = "Simulates once more for each value of a field; several sweeps are combined."},
        {.name = "data",
         .type = PARAMETER_TEXT,
         AT(data),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .help = "Folder that file names in the spec are relative to; the spec's own without it."},
        {.name = "json",
         .type = PARAMETER_TEXT,
         AT(json),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Writes the figures as JSON (docs/schema/simulate.schema.json); - is standard output."},
        {.name = "csv",
         .type = PARAMETER_TEXT,
         AT(csv),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Writes the figures as CSV; - is standard output."},
        {.name = "report",
         .type = PARAMETER_TEXT,
         AT(report),
         .value = "FILE.html",
         .values = VALUES_FILE,
         .help = "Writes one HTML file that opens without a network: charts over time, every change with its "
                 "reason, and "
                 "the Pareto front of each strategy."},
        {.name = "ledger",
         .type = PARAMETER_TEXT,
         AT(ledger),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Keeps what the loop saw, decided and did in the first run of the one strategy chosen in a "
                 "new ledger, "
                 "for optctl history and optctl explain."},
        {.name = "quiet",
         .type = PARAMETER_FLAG,
         AT(quiet),
         .help = "Prints neither progress nor the table."},
        {.name = NULL},
};

static bool simulate_run(const void *object, struct error *err)
{
        const struct simulate_arguments *arguments = object;
        const struct presentation presentation = {arguments->json, arguments->csv, arguments->report,
                                                  arguments->quiet};
        struct source source = {0};
        const struct study_request request = {
                .source = &source,
                .sets = arguments->sets,
                .sweeps = arguments->sweeps,
                .strategies = arguments->strategies,
                .runs = arguments->runs,
                .seed = arguments->seed,
                .threads = arguments->threads,
                .for_report = arguments->report != NULL,
                .quiet = arguments->quiet,
                .ledger = arguments->ledger,
        };
        json_t *document = NULL;
        bool done = presentation_check(&presentation, err) &&
                    source_open(arguments->spec, arguments->data, registry_all(), &source, err) &&
                    study_run(&request, &document, err) && present(document, &presentation, err);

        json_decref(document);
        source_close(&source);
        return done;
}

const struct command simulate_command = {
        .name = "simulate",
        .group = COMMAND_STUDY,
        .summary = "what each strategy would cost and miss on a load",
        .description =
                "Runs the loop, with each strategy in turn, against a simulated engine under the spec's load "
                "and "
                "prices, and compares cost, savings against the baseline, service level missed, rescales, "
                "latency, "
                "backlog and carbon. Nothing outside is read but the spec and its files; nothing is changed.",
        .example = "optctl simulate examples/clickstream.yaml --report clickstream.html",
        .size = sizeof(struct simulate_arguments),
        .parameters = parameters,
        .run = simulate_run,
};

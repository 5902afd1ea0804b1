/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/study/batch_study.h"
#include "controller/cli/command.h"
#include "controller/cli/parameters.h"
#include "controller/study/history_log.h"
#include "controller/cli/output.h"
#include "controller/cli/present.h"
#include "controller/registry.h"
#include "controller/study/study.h"
#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/text.h"
#include "engines/spark/event_log.h"
#include "engines/spark/history.h"

struct simulate_arguments {
        const char *spec, *data, *json, *csv, *report, *ledger, *prices, *token_file, *ca_file, *message;
        char **strategies, **sets, **sweeps, **executors, **others;
        int64_t runs, seed, threads, cores;
        bool quiet;
};

#define AT(member) .offset = offsetof(struct simulate_arguments, member)

static const struct parameter parameters[] = {
        PARAMETERS_SPEC(struct simulate_arguments,
                        "File with the TunedPipeline; - is standard input. Or an event log of Spark: its "
                        "file, plain or compressed, or the folder of a rolling one; or where a History "
                        "Server shows the application: http://HOST:18080/history/ID."),
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
        PARAMETERS_THREADS(struct simulate_arguments),
        PARAMETERS_SET(struct simulate_arguments,
                       "the spec, as in --set spec.workload.scale=1.5; of an event log, a setting of Spark: "
                       "its executors (spark.executor.instances, .cores, .memory), "
                       "spark.sql.shuffle.partitions, spark.dynamicAllocation.*."),
        {.name = "sweep",
         .type = PARAMETER_TEXTS,
         AT(sweeps),
         .value = "PATH=A,B,C",
         .help = "Simulates once more for each value of a field, or of an event log's setting; several "
                 "sweeps "
                 "are combined."},
        PARAMETERS_DATA(struct simulate_arguments),
        PARAMETERS_JSON(
                struct simulate_arguments,
                "the figures as JSON (docs/schema/simulate.schema.json; of an event log, batch.schema.json)"),
        {.name = "csv",
         .type = PARAMETER_TEXT,
         AT(csv),
         .value = "FILE",
         .values = VALUES_WRITTEN,
         .help = "Writes the figures as CSV; - is standard output."},
        PARAMETERS_REPORT(struct simulate_arguments,
                          "that opens without a network: charts over time, every change with its reason, and "
                          "the Pareto front of each strategy."),
        PARAMETERS_LEDGER(struct simulate_arguments, NULL,
                          "Keeps what the loop saw, decided and did in the first run of the one strategy "
                          "chosen in a new ledger, for optctl history and optctl explain."),
        {.name = "message",
         .type = PARAMETER_TEXT,
         AT(message),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Writes the figures, as --json does, in 4 kB at most into a file that is there: the "
                 "termination message of a container."},
        {.name = "executors",
         .type = PARAMETER_NAMES,
         AT(executors),
         .value = "N[,N...]",
         .help = "Of an event log: what the application would have taken and cost on so many executors. "
                 "Without it, "
                 "a quarter to four times as many as it had."},
        {.name = "cores",
         .type = PARAMETER_INTEGER,
         AT(cores),
         .value = "N",
         .min = 0,
         .max = 65536,
         .fallback = "0",
         .help = "Of an event log: cores of each executor; 0 is as many as they had."},
        {.name = "with",
         .type = PARAMETER_TEXTS,
         AT(others),
         .value = "LOG",
         .values = VALUES_FILE,
         .help = "Of an event log: the log of another run of the same application, on another number of "
                 "slots. "
                 "From them "
                 "all, run time is also told as a function of slots, with an interval."},
        {.name = "prices",
         .type = PARAMETER_TEXT,
         AT(prices),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Of an event log: YAML with a PriceBook, or with a TunedPipeline whose spec.prices count; a "
                 "worker is an "
                 "executor. Without it, executor-hours are counted."},
        {.name = "token-file",
         .type = PARAMETER_TEXT,
         AT(token_file),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Of a History Server: file with the token that it, or the proxy before it, asks for."},
        {.name = "ca-file",
         .type = PARAMETER_TEXT,
         AT(ca_file),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Of a History Server: PEM file with the authorities that may vouch for it; the system's "
                 "without it."},
        PARAMETERS_QUIET(struct simulate_arguments),
        {.name = NULL},
};

/* What only one of the two kinds of input takes. */
static bool fits_log(const struct simulate_arguments *arguments, struct error *err)
{
        if (!arguments->strategies[0] && arguments->runs < 0 && arguments->seed < 0 && !arguments->data &&
            !arguments->csv && !arguments->report && !arguments->ledger && !arguments->message)
                return true;
        return error_set(
                err, ERROR_INPUT, NULL,
                "%s: an event log takes --executors, --cores, --set, --sweep, --with, --prices, --json and "
                "--quiet alone",
                arguments->spec);
}

static bool fits_spec(const struct simulate_arguments *arguments, struct error *err)
{
        if (!arguments->executors[0] && arguments->cores == 0 && !arguments->prices && !arguments->others[0])
                return true;
        if (strcmp(arguments->spec, "-") != 0 && access(arguments->spec, R_OK) != 0)
                return text_read_error(arguments->spec, errno, err);
        return error_set(
                err, ERROR_INPUT, NULL,
                "%s: not an event log of Spark, which --executors, --cores, --with and --prices are for",
                arguments->spec);
}

static bool simulate_log(const struct simulate_arguments *arguments, const char *log, struct error *err)
{
        const struct batch_request request = {.log = log,
                                              .prices = arguments->prices,
                                              .executors = arguments->executors,
                                              .cores = arguments->cores,
                                              .name = arguments->spec,
                                              .sets = arguments->sets,
                                              .sweeps = arguments->sweeps,
                                              .others = arguments->others,
                                              .quiet = arguments->quiet};
        autojson *document = NULL;
        const char *damage;

        if (!fits_log(arguments, err) || !batch_study(&request, &document, err))
                return false;
        if (json_find_text(document, "damage", &damage))
                fprintf(stderr, "optctl: %s\n", damage);
        if (arguments->json && !output_json(arguments->json, document, err))
                return false;
        if (!arguments->quiet && !(arguments->json && strcmp(arguments->json, "-") == 0))
                batch_study_print(document, stdout, terminal_has_color(stdout));
        return true;
}

static bool simulate_spec(const struct simulate_arguments *arguments, struct error *err)
{
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
        bool done = fits_spec(arguments, err) && presentation_check(&presentation, err) &&
                    source_open(arguments->spec, arguments->data, registry_all(), &source, err) &&
                    study_run(&request, &document, err) && present(document, &presentation, err) &&
                    (!arguments->message || output_message(arguments->message, document, err));

        json_decref(document);
        source_close(&source);
        return done;
}

static bool simulate_history(const struct simulate_arguments *arguments, struct error *err)
{
        struct http_options connection = history_log_connection;
        const struct history_request request = {.url = arguments->spec, .connection = &connection};
        auto_history_log log = {0};

        connection.token_file = (char *)(uintptr_t)arguments->token_file;
        connection.ca_file = (char *)(uintptr_t)arguments->ca_file;
        return fits_log(arguments, err) && history_log_open(&request, &log, err) &&
               simulate_log(arguments, log.path, err);
}

static bool simulate_run(const void *object, struct error *err)
{
        const struct simulate_arguments *arguments = object;

        if (spark_history_is(arguments->spec))
                return simulate_history(arguments, err);
        if (arguments->token_file || arguments->ca_file)
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s: not a History Server, which --token-file and --ca-file are for",
                                 arguments->spec);
        return spark_event_log_is(arguments->spec) ? simulate_log(arguments, arguments->spec, err)
                                                   : simulate_spec(arguments, err);
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
                "backlog and carbon. Nothing outside is read but the spec and its files; nothing is "
                "changed.\n\n"
                "Given an event log of Spark instead of a spec, replays the application on other executors "
                "or "
                "with other settings: "
                "run time with an interval, cost, what is saved, and how much of it stands idle. The log may "
                "be "
                "on a History Server.",
        .example = "optctl simulate examples/clickstream.yaml --report clickstream.html",
        .size = sizeof(struct simulate_arguments),
        .parameters = parameters,
        .run = simulate_run,
};

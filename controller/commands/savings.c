/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "controller/books/books.h"
#include "controller/cli/command.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/registry.h"
#include "controller/api/remote.h"
#include "controller/books/replay.h"
#include "controller/cli/since.h"
#include "controller/cli/status_text.h"
#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/series/series.h"

struct savings_arguments {
        struct remote remote;
        const char *ledger, *pipeline, *since, *json, *replay, *data, *record;
        char **sets;
        int64_t confidence_percent, runs, seed, threads;
};

#define AT(member) .offset = offsetof(struct savings_arguments, member)

static const struct parameter parameters[] = {
        {.name = "PIPELINE",
         .positional = true,
         .type = PARAMETER_TEXT,
         AT(pipeline),
         .help = "Its name, or NAMESPACE/NAME; all of them without it."},
        PARAMETERS_LEDGER(
                struct savings_arguments, LEDGER_DEFAULT_PATH,
                "The ledger to read. It may be in use, or in a PostgreSQL: postgresql://USER@HOST/DATABASE."),
        REMOTE_INSTEAD(struct savings_arguments, remote),
        PARAMETERS_SINCE(struct savings_arguments, "Counts"),
        {.name = "confidence",
         .type = PARAMETER_INTEGER,
         AT(confidence_percent),
         .value = "PERCENT",
         .min = 50,
         .max = 99,
         .fallback = "90",
         .help = "Probability with which the interval holds what was saved."},
        {.name = "replay",
         .type = PARAMETER_TEXT,
         AT(replay),
         .value = "SPEC",
         .values = VALUES_FILE,
         .help = "Fits the simulator to what the ledger holds, and runs the spec's baseline, a configuration "
                 "or a strategy, on the load that was observed. What ran is replayed beside it, to show how "
                 "far the replay is off."},
        {.name = "runs",
         .type = PARAMETER_INTEGER,
         AT(runs),
         .value = "N",
         .min = 1,
         .max = 100000,
         .fallback = "100",
         .help = "Replays so many times, each with other noise, failures and parameters."},
        {.name = "seed",
         .type = PARAMETER_INTEGER,
         AT(seed),
         .value = "N",
         .min = 0,
         .max = INT64_MAX,
         .fallback = "1",
         .help = "Of the replay's random numbers."},
        PARAMETERS_THREADS(struct savings_arguments),
        {.name = "record",
         .type = PARAMETER_TEXT,
         AT(record),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .help = "Keeps what is replayed in a new folder: a recording DIR/1, DIR/2, ... of each time without "
                 "gaps, as optctl record writes it."},
        PARAMETERS_DATA(struct savings_arguments),
        PARAMETERS_SET(struct savings_arguments, "the spec, as in --set spec.baseline.strategy=hpa."),
        PARAMETERS_JSON(struct savings_arguments, "the books as JSON (docs/schema/books.schema.json)"),
        {.name = NULL},
};

static void print(const struct savings_arguments *arguments, const json_t *pipelines)
{
        if (json_array_size(pipelines) > 0) {
                books_print(pipelines, stdout, terminal_has_color(stdout));
                if (arguments->replay)
                        replay_print(pipelines, stdout);
        } else
                printf("%s%s: nothing was spent %s%s\n", arguments->remote.server ? "" : "ledger ",
                       arguments->remote.server ? arguments->remote.server : arguments->ledger,
                       arguments->since ? "since " : "yet", arguments->since ? arguments->since : "");
}

static bool replay(const struct savings_arguments *arguments, struct ledger_reader *reader, int64_t since_ms,
                   json_t **ret_pipelines, struct error *err)
{
        struct source source = {0};
        const struct replay_request request = {
                .source = &source,
                .sets = arguments->sets,
                .reader = reader,
                .pipeline = arguments->pipeline,
                .since_ms = since_ms,
                .confidence = (double)arguments->confidence_percent / 100,
                .runs = arguments->runs,
                .seed = arguments->seed,
                .threads = arguments->threads,
                .record = arguments->record,
        };
        bool done = source_open(arguments->replay, arguments->data, registry_all(), &source, err) &&
                    replay_run(&request, ret_pipelines, err);

        source_close(&source);
        return done;
}

static bool ask(const struct savings_arguments *arguments, int64_t since_ms, json_t **ret_document,
                struct error *err)
{
        autofree char *confidence = memory_format("%lld", (long long)arguments->confidence_percent);
        autotext path = {0};
        char since[32];

        if (arguments->replay)
                return error_set(err, ERROR_INPUT, NULL,
                                 "savings: --replay reads a ledger; expected --ledger, and no --server");
        text_put(&path, "/api/v1/savings");
        remote_query(&path, "confidence", confidence);
        remote_query(&path, "pipeline", arguments->pipeline);
        if (arguments->since) {
                time_format(since_ms, since);
                remote_query(&path, "since", since);
        }
        return remote_get(&arguments->remote, path.data, ret_document, err);
}

static bool read_ledger(const struct savings_arguments *arguments, int64_t since_ms, json_t **ret_document,
                        struct error *err)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        double confidence = (double)arguments->confidence_percent / 100;
        json_t *pipelines;

        if (!ledger_reader_open(arguments->ledger, &reader, err) ||
            !(arguments->replay
                      ? replay(arguments, reader, since_ms, &pipelines, err)
                      : books_read(reader, arguments->pipeline, since_ms, confidence, &pipelines, err)))
                return false;
        *ret_document = json_pack("{s:s, s:s, s:o}", "kind", "books", "version", OPTCTL_VERSION, "pipelines",
                                  pipelines);
        return true;
}

static bool savings_run(const void *object, struct error *err)
{
        const struct savings_arguments *arguments = object;
        autojson *document = NULL;
        int64_t since_ms;
        bool asked;

        if (!remote_is_asked(&arguments->remote, "savings", arguments->ledger, &asked, err) ||
            !since_parse("savings", arguments->since, &since_ms, err) ||
            !(asked ? ask : read_ledger)(arguments, since_ms, &document, err))
                return false;
        if (arguments->json)
                return output_json(arguments->json, document, err);
        print(arguments, json_object_get(document, "pipelines"));
        return true;
}

const struct command savings_command = {
        .name = "savings",
        .group = COMMAND_ACCOUNT,
        .summary = "what was saved against the baseline",
        .description = "Reads the books of a ledger, or of an optctl that runs: what each pipeline cost, "
                       "what its frozen baseline would "
                       "have cost "
                       "over the same time at the same prices, the difference with an interval from the "
                       "scatter of its "
                       "days, time outside the service levels, and what the evidence is worth.",
        .example = "optctl savings --since 30d",
        .size = sizeof(struct savings_arguments),
        .parameters = parameters,
        .run = savings_run,
};

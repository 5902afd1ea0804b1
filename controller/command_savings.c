/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "controller/books.h"
#include "controller/command.h"
#include "controller/output.h"
#include "controller/since.h"
#include "controller/status_text.h"
#include "controller/terminal.h"
#include "core/json.h"

struct savings_arguments {
        const char *ledger, *pipeline, *since, *json;
        int64_t confidence_percent;
};

#define AT(member) .offset = offsetof(struct savings_arguments, member)

static const struct parameter parameters[] = {
        {.name = "PIPELINE",
         .positional = true,
         .type = PARAMETER_TEXT,
         AT(pipeline),
         .help = "Its name, or NAMESPACE/NAME; all of them without it."},
        {.name = "ledger",
         .type = PARAMETER_TEXT,
         AT(ledger),
         .value = "FILE",
         .values = VALUES_FILE,
         .fallback = LEDGER_DEFAULT_PATH,
         .help = "The ledger to read. It may be in use."},
        {.name = "since",
         .type = PARAMETER_TEXT,
         AT(since),
         .value = "TIME",
         .help = "Counts from this time on: 2026-01-05T08:00:00Z, 2026-01-05, or how long ago: 90m, 24h, "
                 "7d."},
        {.name = "confidence",
         .type = PARAMETER_INTEGER,
         AT(confidence_percent),
         .value = "PERCENT",
         .min = 50,
         .max = 99,
         .fallback = "90",
         .help = "Probability with which the interval holds what was saved."},
        {.name = "json",
         .type = PARAMETER_TEXT,
         AT(json),
         .value = "FILE",
         .values = VALUES_FILE,
         .help = "Writes the books as JSON (docs/schema/books.schema.json); - is standard output."},
        {.name = NULL},
};

static void print(const struct savings_arguments *arguments, const json_t *pipelines)
{
        if (json_array_size(pipelines) > 0)
                books_print(pipelines, stdout, terminal_has_color(stdout));
        else
                printf("ledger %s: nothing was spent %s%s\n", arguments->ledger,
                       arguments->since ? "since " : "yet", arguments->since ? arguments->since : "");
}

static bool savings_run(const void *object, struct error *err)
{
        const struct savings_arguments *arguments = object;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *pipelines = NULL, *document = NULL;
        int64_t since_ms;

        if (!since_parse("savings", arguments->since, &since_ms, err) ||
            !ledger_reader_open(arguments->ledger, &reader, err) ||
            !books_read(reader, arguments->pipeline, since_ms, (double)arguments->confidence_percent / 100,
                        &pipelines, err))
                return false;
        if (!arguments->json) {
                print(arguments, pipelines);
                return true;
        }
        document = json_pack("{s:s, s:s, s:O}", "kind", "books", "version", OPTCTL_VERSION, "pipelines",
                             pipelines);
        return output_json(arguments->json, document, err);
}

const struct command savings_command = {
        .name = "savings",
        .group = COMMAND_ACCOUNT,
        .summary = "what was saved against the baseline",
        .description = "Reads the books of a ledger: what each pipeline cost, what its frozen baseline would "
                       "have cost "
                       "over the same time at the same prices, the difference with an interval from the "
                       "scatter of its "
                       "days, time outside the service levels, and what the evidence is worth.",
        .example = "optctl savings --since 30d",
        .size = sizeof(struct savings_arguments),
        .parameters = parameters,
        .run = savings_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/books/books.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/api/remote.h"
#include "controller/cli/status_text.h"
#include "controller/cli/terminal.h"
#include "controller/cli/watch.h"
#include "core/json.h"
#include "core/ledger/ledger.h"

struct status_arguments {
        struct remote remote;
        const char *pipeline, *ledger, *json;
        int64_t watch_seconds; /* 0: once */
};

#define CONFIDENCE 0.9 /* of the interval of what was saved */
#define AT(member) .offset = offsetof(struct status_arguments, member)

static const struct parameter parameters[] = {
        {.name = "PIPELINE",
         .positional = true,
         .type = PARAMETER_TEXT,
         AT(pipeline),
         .help = "Its name, or NAMESPACE/NAME; all of them without it."},
        PARAMETERS_LEDGER(struct status_arguments, NULL,
                          "Asks nobody: says how things stood when this ledger, a file or a "
                          "postgresql://USER@HOST/DATABASE, was written to last."),
        REMOTE_PARAMETERS(struct status_arguments, remote),
        {.name = "watch",
         .type = PARAMETER_INTEGER,
         AT(watch_seconds),
         .value = "SECONDS",
         .min = 1,
         .max = 86400,
         .help = "Shows it anew every so many seconds until it is interrupted: on a terminal in its place, "
                 "else one after the other."},
        PARAMETERS_JSON(struct status_arguments, "the answer as JSON (docs/schema/status.schema.json)"),
        {.name = NULL},
};

static void add_savings(json_t *pipelines, const json_t *books)
{
        json_t *pipeline, *one;
        size_t i, j;

        json_array_foreach(pipelines, i, pipeline) json_array_foreach(books, j, one)
        {
                const char *namespace = json_string_value(json_object_get(pipeline, "namespace"));
                autofree char *name =
                        memory_format("%s%s%s", namespace ? namespace : "", namespace ? "/" : "",
                                      json_string_value(json_object_get(pipeline, "name")));

                if (strcmp(name, json_string_value(json_object_get(one, "pipeline"))) == 0)
                        json_object_set(pipeline, "saving", json_object_get(one, "books"));
        }
}

static bool read_ledger(const struct status_arguments *arguments, json_t **ret_document, struct error *err)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *books = NULL;
        json_t *pipelines = NULL;

        if (!ledger_reader_open(arguments->ledger, &reader, err) ||
            !books_read(reader, arguments->pipeline, INT64_MIN, CONFIDENCE, &books, err) ||
            !ledger_status(reader, arguments->pipeline, &pipelines, err))
                return false;
        add_savings(pipelines, books);
        *ret_document = json_pack("{s:s, s:s, s:o}", "kind", "status", "version", OPTCTL_VERSION, "pipelines",
                                  pipelines);
        return true;
}

static bool find_out(const struct status_arguments *arguments, json_t **ret_document, struct error *err)
{
        autofree char *path = arguments->pipeline ? api_client_path(arguments->pipeline, NULL)
                                                  : memory_copy_text("/api/v1/pipelines");

        return arguments->ledger ? read_ledger(arguments, ret_document, err)
                                 : remote_get(&arguments->remote, path, ret_document, err);
}

static bool print(void *object, FILE *out, struct error *err)
{
        autojson *document = NULL;

        if (!find_out(object, &document, err))
                return false;
        status_print(json_object_get(document, "pipelines"), out, terminal_has_color(stdout));
        return true;
}

static bool watch(const struct status_arguments *arguments, struct error *err)
{
        const struct clock clock = clock_system();
        struct status_arguments copy = *arguments;
        const struct watch watch = {
                .clock = &clock,
                .every_ms = arguments->watch_seconds * MS_PER_SECOND,
                .out = stdout,
                .in_place = isatty(STDOUT_FILENO),
                .print = print,
                .context = &copy,
        };

        if (arguments->json)
                return error_set(err, ERROR_INPUT, NULL,
                                 "status: --watch is for people, --json for programs: give one of them");
        return watch_run(&watch, err);
}

static bool status_run(const void *object, struct error *err)
{
        const struct status_arguments *arguments = object;
        autojson *document = NULL;

        if (arguments->ledger && arguments->remote.server)
                return remote_refuse_both("status", err);
        if (arguments->watch_seconds > 0)
                return watch(arguments, err);
        if (!find_out(arguments, &document, err))
                return false;
        if (arguments->json)
                return output_json(arguments->json, document, err);
        status_print(json_object_get(document, "pipelines"), stdout, terminal_has_color(stdout));
        return true;
}

const struct command status_command = {
        .name = "status",
        .group = COMMAND_LIVE,
        .summary = "how live pipelines do",
        .description =
                "Asks a running optctl: mode and state of each pipeline, its load, what it runs on, backlog "
                "and "
                "latency beside their bounds, the newest change and what was saved, and why it does what it "
                "does. With --ledger the answer comes from a ledger alone.",
        .example = "optctl status clickstream",
        .size = sizeof(struct status_arguments),
        .parameters = parameters,
        .run = status_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <unistd.h>

#include "controller/cli/command.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "core/json.h"
#include "core/ledger/ledger.h"

struct import_arguments {
        const char *file, *ledger, *json;
};

#define AT(member) .offset = offsetof(struct import_arguments, member)

static const struct parameter parameters[] = {
        {.name = "FILE",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXT,
         AT(file),
         .values = VALUES_FILE,
         .help = "The ledger to take over. It is only read; no optctl may be writing to it."},
        {.name = "ledger",
         .type = PARAMETER_TEXT,
         AT(ledger),
         .value = "URL",
         .help = "The PostgreSQL that takes it: postgresql://USER@HOST/DATABASE (docs/ledger.md)."},
        PARAMETERS_JSON(struct import_arguments, "what was taken over as JSON, rows by table"),
        {.name = NULL},
};

static void print(const json_t *document)
{
        autojson *pipelines = json_to_lines(document);
        const json_t *one, *count;
        const char *table;
        size_t i;

        if (json_array_size(pipelines) == 0)
                printf("no pipelines\n");
        json_array_foreach(pipelines, i, one)
        {
                bool first = true;

                printf("%s: %s", json_string_value(json_object_get(one, "pipeline")),
                       json_is_true(json_object_get(one, "imported")) ? "taken over" : "is there already");
                json_object_foreach(json_object_get(one, "rows"), table, count)
                {
                        printf("%s%lld %s", first ? ": " : ", ", (long long)json_integer_value(count), table);
                        first = false;
                }
                printf("\n");
        }
}

static bool import_run(const void *object, struct error *err)
{
        const struct import_arguments *arguments = object;
        const struct clock clock = clock_system();
        const struct ledger_options options = {.path = arguments->ledger, .clock = &clock};
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autocall(ledger_close) struct ledger *ledger = NULL;
        autojson *pipelines = NULL, *document = NULL;
        bool done;
        int lock;

        if (!arguments->ledger)
                return error_set(err, ERROR_INPUT, NULL,
                                 "import: --ledger is missing; expected postgresql://USER@HOST/DATABASE");
        if (!ledger_is_shared(arguments->ledger))
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "import: --ledger %.200s is a file; expected postgresql://USER@HOST/DATABASE",
                        arguments->ledger);
        if (!ledger_hold(arguments->file, &lock, err))
                return false;
        done = ledger_reader_open(arguments->file, &reader, err) && ledger_open(&options, &ledger, err) &&
               ledger_import(reader, ledger, &pipelines, err);
        if (lock >= 0)
                close(lock);
        if (!done)
                return false;
        document = json_pack("{s:s, s:s, s:O}", "kind", "import", "version", OPTCTL_VERSION, "pipelines",
                             pipelines);
        if (arguments->json)
                return output_json(arguments->json, document, err);
        print(pipelines);
        return true;
}

const struct command import_command = {
        .name = "import",
        .group = COMMAND_ACCOUNT,
        .summary = "a ledger's file into a PostgreSQL, for several replicas",
        .description =
                "Takes all that a ledger's file knows over into a PostgreSQL that several replicas of optctl "
                "share: decisions, outcomes, books, runs, pauses. It is done in one transaction and verified "
                "by counts; done again it changes nothing. A pipeline that is there already with "
                "other rows is refused, and nothing is taken over.",
        .example = "optctl import optctl.db --ledger postgresql://optctl@db.example/optctl",
        .size = sizeof(struct import_arguments),
        .parameters = parameters,
        .run = import_run,
};

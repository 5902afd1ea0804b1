/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <unistd.h>

#include "controller/cli/command.h"
#include "controller/cli/decision_text.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/api/remote.h"
#include "controller/cli/since.h"
#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/ledger/ledger.h"
#include "core/series/series.h"

struct history_arguments {
        struct remote remote;
        const char *ledger, *since, *json;
        int64_t limit;
};

static const struct parameter parameters[] = {
        PARAMETERS_LEDGER(
                struct history_arguments, LEDGER_DEFAULT_PATH,
                "The ledger to read. It may be in use, or in a PostgreSQL: postgresql://USER@HOST/DATABASE."),
        REMOTE_INSTEAD(struct history_arguments, remote),
        PARAMETERS_SINCE(struct history_arguments, "Shows decisions"),
        {.name = "limit",
         .type = PARAMETER_INTEGER,
         .offset = offsetof(struct history_arguments, limit),
         .value = "N",
         .min = 1,
         .max = 100000,
         .fallback = "20",
         .help = "Shows the newest N."},
        PARAMETERS_JSON(struct history_arguments, "the decisions as JSON (docs/schema/history.schema.json)"),
        {.name = NULL},
};

static void print_decisions(const struct history_arguments *arguments, const json_t *decisions)
{
        if (json_array_size(decisions))
                decision_history_print(decisions, stdout, terminal_has_color(stdout));
        else
                printf("%s%s: no decisions %s%s\n", arguments->remote.server ? "" : "ledger ",
                       arguments->remote.server ? arguments->remote.server : arguments->ledger,
                       arguments->since ? "since " : "yet", arguments->since ? arguments->since : "");
}

static bool ask(const struct history_arguments *arguments, int64_t since_ms, json_t **ret_document,
                struct error *err)
{
        autofree char *limit = memory_format("%lld", (long long)arguments->limit);
        autotext path = {0};
        char since[32];

        text_put(&path, "/api/v1/history");
        remote_query(&path, "limit", limit);
        if (arguments->since) {
                time_format(since_ms, since);
                remote_query(&path, "since", since);
        }
        return remote_get(&arguments->remote, path.data, ret_document, err);
}

static bool read_ledger(const struct history_arguments *arguments, int64_t since_ms, json_t **ret_document,
                        struct error *err)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        json_t *decisions;

        if (!ledger_reader_open(arguments->ledger, &reader, err) ||
            !ledger_history(reader, since_ms, arguments->limit, &decisions, err))
                return false;
        *ret_document = json_pack("{s:s, s:s, s:o}", "kind", "history", "version", OPTCTL_VERSION,
                                  "decisions", decisions);
        return true;
}

static bool history_run(const void *object, struct error *err)
{
        const struct history_arguments *arguments = object;
        autojson *document = NULL;
        int64_t since_ms;
        bool asked;

        if (!remote_is_asked(&arguments->remote, "history", arguments->ledger, &asked, err) ||
            !since_parse("history", arguments->since, &since_ms, err) ||
            !(asked ? ask : read_ledger)(arguments, since_ms, &document, err))
                return false;
        if (arguments->json)
                return output_json(arguments->json, document, err);
        print_decisions(arguments, json_object_get(document, "decisions"));
        return true;
}

const struct command history_command = {
        .name = "history",
        .group = COMMAND_ACCOUNT,
        .summary = "the decisions that were made",
        .description = "Lists the decisions of a ledger, or of an optctl that runs (which shows at most "
                       "1000), newest first: when, by which strategy, from which configuration to "
                       "which, what the "
                       "guardrails said, how it ended, and why. optctl explain tells all about one of them.",
        .example = "optctl history --since 24h",
        .size = sizeof(struct history_arguments),
        .parameters = parameters,
        .run = history_run,
};

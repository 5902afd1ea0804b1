/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "controller/cli/command.h"
#include "controller/cli/decision_text.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/registry.h"
#include "controller/api/remote.h"
#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/ledger/ledger.h"
#include "core/spec.h"

struct explain_arguments {
        struct remote remote;
        const char *what, *ledger, *json;
};

static const struct parameter parameters[] = {
        {.name = "WHAT",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct explain_arguments, what),
         .help = "A field of a spec, from the top: spec, spec.constraints, spec.knobs.max (items of lists "
                 "need no "
                 "index). Or the number of a decision, as optctl history shows it."},
        PARAMETERS_LEDGER(struct explain_arguments, LEDGER_DEFAULT_PATH,
                          "The ledger that holds the decision. It may be in use, or in a PostgreSQL: "
                          "postgresql://USER@HOST/DATABASE."),
        REMOTE_INSTEAD(struct explain_arguments, remote),
        PARAMETERS_JSON(struct explain_arguments, "the decision as JSON (docs/schema/decision.schema.json)"),
        {.name = NULL},
};

/* `err` says what is wrong with `what`. That the "spec." in front was left out is said in its place. */
static bool fail_no_field(const char *what, struct error *err)
{
        autofree char *longer = memory_format("spec.%s", what);
        const struct option_table *table;
        const struct option *option;
        struct error ignored = ERROR_INIT;

        if (option_find(spec_table(registry_all()), longer, &table, &option, &ignored))
                return error_set(err, ERROR_INPUT, NULL, "explain: %s: no such field; did you mean %s?", what,
                                 longer);
        return error_wrap(err, "explain");
}

static bool explain_field(const struct explain_arguments *arguments, struct error *err)
{
        const struct option_table *table;
        const struct option *option;
        autotext words = {0};

        if (arguments->json || arguments->remote.server)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        arguments->json
                                ? "explain: --json is for decisions; optctl schema describes the spec"
                                : "explain: --server is for decisions; a field of a spec is known here");
        if (!option_find(spec_table(registry_all()), arguments->what, &table, &option, err))
                return fail_no_field(arguments->what, err);
        option_explain(table, option, arguments->what, &words);
        return output_text("-", &words, err);
}

static bool ask(const struct explain_arguments *arguments, int64_t id, json_t **ret_document,
                struct error *err)
{
        autofree char *path = memory_format("/api/v1/decisions/%lld", (long long)id);

        return remote_get(&arguments->remote, path, ret_document, err);
}

static bool read_ledger(const struct explain_arguments *arguments, int64_t id, json_t **ret_document,
                        struct error *err)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *decision = NULL;

        if (!ledger_reader_open(arguments->ledger, &reader, err) ||
            !ledger_decision(reader, id, &decision, err))
                return false;
        *ret_document = json_pack("{s:s, s:s}", "kind", "decision", "version", OPTCTL_VERSION);
        json_object_update(*ret_document, decision);
        return true;
}

static bool explain_decision(const struct explain_arguments *arguments, int64_t id, struct error *err)
{
        autojson *document = NULL;
        bool asked;

        if (!remote_is_asked(&arguments->remote, "explain", arguments->ledger, &asked, err) ||
            !(asked ? ask : read_ledger)(arguments, id, &document, err))
                return false;
        if (arguments->json)
                return output_json(arguments->json, document, err);
        decision_print(document, stdout, terminal_has_color(stdout));
        return true;
}

static bool explain_run(const void *object, struct error *err)
{
        const struct explain_arguments *arguments = object;
        long long id;

        if (text_to_int64(arguments->what, &id))
                return explain_decision(arguments, id, err);
        return explain_field(arguments, err);
}

const struct command explain_command = {
        .name = "explain",
        .group = COMMAND_SPEC,
        .summary = "what a field of a spec means, or why a decision was made",
        .description =
                "Explains a field of a spec: its type, unit, range and default, what it does, and the fields "
                "below it. Or a decision, from the ledger alone: what was seen, what was proposed and why, "
                "what else was "
                "weighed and what it would have cost, what the guardrails said, which calls were made, and "
                "what came of it.",
        .example = "optctl explain spec.constraints",
        .size = sizeof(struct explain_arguments),
        .parameters = parameters,
        .run = explain_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/command.h"
#include "controller/cli/output.h"
#include "controller/registry.h"
#include "core/json.h"
#include "core/spec.h"

static const struct parameter parameters[] = {{.name = NULL}};

static bool schema_run(const void *object, struct error *err)
{
        autojson *schema = option_schema(spec_table(registry_all()));

        (void)object;
        return output_json("-", schema, err);
}

const struct command schema_command = {
        .name = "schema",
        .group = COMMAND_SPEC,
        .summary = "JSON Schema of a spec, for editors",
        .description = "Prints the JSON Schema (2020-12) of a spec, with the options of every strategy and "
                       "guardrail. An editor that knows it completes and checks a spec while it is written.",
        .example = "optctl schema > optctl.schema.json",
        .parameters = parameters,
        .run = schema_run,
};

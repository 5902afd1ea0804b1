/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/command.h"
#include "controller/output.h"
#include "controller/registry.h"
#include "core/spec.h"

struct explain_arguments {
        const char *path;
};

static const struct parameter parameters[] = {
        {.name = "PATH",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct explain_arguments, path),
         .help = "A field of a spec, from the top: spec, spec.constraints, spec.knobs.max. Items of lists "
                 "need no "
                 "index."},
        {.name = NULL},
};

static bool explain_run(const void *object, struct error *err)
{
        const struct explain_arguments *arguments = object;
        const struct option_table *table;
        const struct option *option;
        autotext words = {0};

        if (!option_find(spec_table(registry_all()), arguments->path, &table, &option, err))
                return error_wrap(err, "explain");
        option_explain(table, option, arguments->path, &words);
        return output_text("-", &words, err);
}

const struct command explain_command = {
        .name = "explain",
        .group = COMMAND_SPEC,
        .summary = "what a field of a spec means",
        .description =
                "Explains a field of a spec: its type, unit, range and default, what it does, and the fields "
                "below it.",
        .example = "optctl explain spec.constraints",
        .size = sizeof(struct explain_arguments),
        .parameters = parameters,
        .run = explain_run,
};

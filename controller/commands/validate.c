/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "controller/cli/command.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/registry.h"
#include "core/json.h"
#include "core/spec.h"

struct validate_arguments {
        const char *spec, *data, *json;
        char **sets;
};

static const struct parameter parameters[] = {
        PARAMETERS_SPEC(struct validate_arguments, "The YAML file to read; - is standard input."),
        PARAMETERS_DATA(struct validate_arguments),
        {.name = "set",
         .type = PARAMETER_TEXTS,
         .offset = offsetof(struct validate_arguments, sets),
         .value = "PATH=VALUE",
         .help = "Sets a field before the spec is checked: spec.constraints.latencyP99Milliseconds=500."},
        PARAMETERS_JSON(struct validate_arguments,
                        "the answer as one JSON object, also when the spec is wrong"),
        {.name = NULL},
};

/* What a spec comes to, by the names that are printed. */
struct counts {
        long long operators, knobs, strategies, guardrails;
};

/* That a simulation runs when none is named. */
static size_t count_all(const struct spec *spec)
{
        size_t count = 0;

        for (size_t i = 0; i < spec->n_strategies; i++)
                count += !spec->strategies[i].strategy->periodic;
        return count;
}

static struct counts count(const struct spec *spec)
{
        size_t chosen = spec->simulation.strategies.count;

        return (struct counts){
                .operators = spec->pipeline.n_operators,
                .knobs = spec->pipeline.n_knobs,
                .strategies = (long long)(chosen ? chosen : count_all(spec)),
                .guardrails = (long long)spec->n_guardrails,
        };
}

static json_t *answer_valid(const struct spec *spec)
{
        struct counts counts = count(spec);

        return json_pack("{s:b, s:s, s:I, s:I, s:I, s:I}", "valid", 1, "name", spec->name, "operators",
                         (json_int_t)counts.operators, "knobs", (json_int_t)counts.knobs, "strategies",
                         (json_int_t)counts.strategies, "guardrails", (json_int_t)counts.guardrails);
}

static void print_valid(const struct spec *spec)
{
        struct counts counts = count(spec);

        if (spec->n_sources > 0 && !spec->has_graph)
                printf("%s: valid (graph asked of %s, %lld %s)\n", spec->name,
                       spec->sources[0].collector->name, counts.strategies,
                       counts.strategies == 1 ? "strategy" : "strategies");
        else
                printf("%s: valid (%lld operator%s, %lld knob%s, %lld %s)\n", spec->name, counts.operators,
                       text_plural((double)counts.operators), counts.knobs, text_plural((double)counts.knobs),
                       counts.strategies, counts.strategies == 1 ? "strategy" : "strategies");
}

/* The answer about a wrong spec; `err` stays as it is. */
static void report_wrong(const struct validate_arguments *arguments, const struct error *err)
{
        autojson *answer =
                json_pack("{s:b, s:s, s:s}", "valid", 0, "reason", err->reason, "message", err->message);
        struct error second = ERROR_INIT;

        if (!output_json(arguments->json, answer, &second))
                fprintf(stderr, "optctl: %s\n", second.message);
}

static bool validate_run(const void *object, struct error *err)
{
        const struct validate_arguments *arguments = object;
        autocall(spec_free) struct spec *spec = NULL;
        autojson *answer = NULL;

        if (!spec_read(arguments->spec, arguments->data, (const char *const *)arguments->sets, registry_all(),
                       &spec, err)) {
                if (arguments->json && err->code == ERROR_INPUT)
                        report_wrong(arguments, err);
                return false;
        }
        if (!arguments->json || strcmp(arguments->json, "-") != 0)
                print_valid(spec);
        if (!arguments->json)
                return true;
        answer = answer_valid(spec);
        return output_json(arguments->json, answer, err);
}

const struct command validate_command = {
        .name = "validate",
        .group = COMMAND_SPEC,
        .summary = "whether a spec is right, and if not, where and why",
        .description =
                "Reads a spec and says in one line what it comes to, or, on standard error and with exit "
                "status 2, the file, line and column of the first mistake, what is wrong and what was "
                "expected. The files that a spec names are not opened.",
        .example = "optctl validate clickstream.yaml",
        .size = sizeof(struct validate_arguments),
        .parameters = parameters,
        .run = validate_run,
};

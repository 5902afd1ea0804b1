/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/study/backtest.h"
#include "controller/cli/command.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/registry.h"
#include "controller/cli/results.h"

struct calibrate_arguments {
        const char *spec, *data, *json;
        char **sets;
};

#define AT(member) .offset = offsetof(struct calibrate_arguments, member)

static const struct parameter parameters[] = {
        PARAMETERS_SPEC(struct calibrate_arguments, "File with a TunedPipeline that has recordings and says "
                                                    "which to fit on; - is standard input."),
        PARAMETERS_DATA(struct calibrate_arguments),
        PARAMETERS_SET(struct calibrate_arguments, "the spec before it is used."),
        PARAMETERS_JSON(struct calibrate_arguments,
                        "the parameters as JSON (docs/schema/calibrate.schema.json)"),
        {.name = NULL},
};

/* The fragment goes to standard output, to be put into a spec; what it rests on goes to standard error beside
 * it. */
static bool calibrate_run(const void *object, struct error *err)
{
        const struct calibrate_arguments *arguments = object;
        struct source source = {0};
        const struct backtest_request request = {
                .source = &source,
                .sets = arguments->sets,
        };
        autofree char *fragment = NULL;
        json_t *document = NULL;
        bool done = source_open(arguments->spec, arguments->data, registry_all(), &source, err) &&
                    backtest_calibrate(&request, &document, &fragment, err);

        if (done && arguments->json)
                done = output_json(arguments->json, document, err);
        if (done && !(arguments->json && strcmp(arguments->json, "-") == 0)) {
                fputs(fragment, stdout);
                fflush(stdout);
                done = results_table(document, stderr, err);
        }
        json_decref(document);
        source_close(&source);
        return done;
}

const struct command calibrate_command = {
        .name = "calibrate",
        .group = COMMAND_STUDY,
        .summary = "fit the engine's model to recordings",
        .description = "Fits the simulator's model to the recordings named under spec.backtest.fit. Prints "
                       "the model as a "
                       "fragment of a spec on standard output, and on standard error each parameter with its "
                       "error, what "
                       "it rests on, and what the recordings could not tell.",
        .example = "optctl calibrate examples/autoscaler.yaml > model.yaml",
        .size = sizeof(struct calibrate_arguments),
        .parameters = parameters,
        .run = calibrate_run,
};

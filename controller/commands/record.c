/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "controller/cli/command.h"
#include "controller/cli/parameters.h"
#include "controller/live/host.h"
#include "controller/cli/since.h"
#include "core/json.h"

struct record_arguments {
        const char *kubeconfig, *kube_context;
        const char *spec, *output, *data, *length;
        char **sets;
        int64_t window_seconds;
};

#define AT(member) .offset = offsetof(struct record_arguments, member)

static const struct parameter parameters[] = {
        PARAMETERS_SPEC(struct record_arguments, "File with a TunedPipeline that says where it runs."),
        {.name = "output",
         .type = PARAMETER_TEXT,
         AT(output),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .fallback = "recording",
         .help = "Where to: samples.csv and recording.yaml. A recording that is there already is gone on "
                 "with."},
        {.name = "for",
         .type = PARAMETER_TEXT,
         AT(length),
         .value = "TIME",
         .help = "Ends after so long: 90s, 15m, 2h, 1d. Without it, on SIGINT, SIGTERM or SIGHUP."},
        {.name = "window",
         .type = PARAMETER_INTEGER,
         AT(window_seconds),
         .value = "SECONDS",
         .min = 1,
         .max = 3600,
         .fallback = "2",
         .help = "Measures over so long each time. What is shorter than two windows is not seen, such as the "
                 "time that a restart takes."},
        PARAMETERS_DATA(struct record_arguments),
        PARAMETERS_SET(struct record_arguments, "the spec before it is used."),
        HOST_KUBERNETES_PARAMETERS(record_arguments),
        {.name = NULL},
};

static void stop(void *argument)
{
        const struct host *host = argument;

        reactor_stop(host->reactor);
}

/* What was never reached left nothing behind that could be calibrated on. */
static bool was_reached(const struct host *host, struct error *err)
{
        autojson *all = NULL;
        const char *state = NULL, *why = NULL;

        if (!fleet_status(host->fleet, NULL, &all, err))
                return false;
        if (!json_find_text(json_array_get(all, 0), "state", &state) || strcmp(state, "Starting") != 0)
                return true;
        (void)json_find_text(json_array_get(all, 0), "why", &why);
        return error_set(err, ERROR_UNAVAILABLE, "NothingRecorded", "nothing was recorded: %s",
                         why && *why ? why : "it ended before the pipeline was asked");
}

static bool record(const struct record_arguments *arguments, int64_t length_ms, struct host *host,
                   struct error *err)
{
        char *const specs[] = {(char *)(uintptr_t)arguments->spec, NULL};

        if (!host_add_specs(host, specs, arguments->data, arguments->sets, err))
                return false;
        if (length_ms > 0)
                reactor_spawn_at(host->reactor, clock_now_ms(&host->clock) + length_ms, stop, host);
        reactor_run(host->reactor);
        if (!was_reached(host, err))
                return false;
        if (fleet_record_trouble(host->fleet))
                return error_set(err, ERROR_IO, "RecordingIncomplete",
                                 "the recording lacks what was seen last: %s",
                                 fleet_record_trouble(host->fleet));
        printf("recorded to %s: optctl calibrate %s/recording.yaml\n", arguments->output, arguments->output);
        return true;
}

static bool record_run(const void *object, struct error *err)
{
        const struct record_arguments *arguments = object;
        const struct host_options options = {
                .kubeconfig = arguments->kubeconfig,
                .kube_context = arguments->kube_context,
                .observe_only = true,
                .record = arguments->output,
                .interval_ms = arguments->window_seconds * MS_PER_SECOND,
                .log_level = LOG_LEVEL_WARNING,
        };
        int64_t length_ms = 0;
        struct host host;
        bool done;

        if (arguments->length && !duration_parse("record", "--for", arguments->length, &length_ms, err))
                return false;
        if (!host_open(&options, &host, err))
                return false;
        done = record(arguments, length_ms, &host, err);
        host_close(&host);
        return done;
}

const struct command record_command = {
        .name = "record",
        .group = COMMAND_LIVE,
        .summary = "write down what a live pipeline does",
        .description =
                "Measures a live pipeline and changes nothing, whatever the spec's mode. Writes a row of "
                "measurements for each window, and a spec around them that optctl calibrate and simulate "
                "take as it is, from production to what-if in two commands; optctl backtest wants a second "
                "recording to predict.",
        .example = "optctl record clickstream.yaml --for 15m --output recording",
        .size = sizeof(struct record_arguments),
        .parameters = parameters,
        .run = record_run,
};

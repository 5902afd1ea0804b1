/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/command.h"
#include "controller/host.h"

struct run_arguments {
        char **specs, **overrides;
        const char *data, *ledger, *log_format;
        int64_t for_seconds;
        bool dry_run, verbose;
};

#define AT(member) .offset = offsetof(struct run_arguments, member)

static const char *const log_formats[] = {"text", "json", NULL};

static const struct parameter parameters[] = {
        {.name = "SPEC",
         .positional = true,
         .required = true,
         .type = PARAMETER_TEXTS,
         AT(specs),
         .values = VALUES_FILE,
         .help = "Files with a TunedPipeline each."},
        {.name = "ledger",
         .type = PARAMETER_TEXT,
         AT(ledger),
         .value = "FILE",
         .values = VALUES_FILE,
         .fallback = LEDGER_DEFAULT_PATH,
         .help = "Where observations, decisions and savings are kept. It is made when there is none."},
        {.name = "dry-run",
         .type = PARAMETER_FLAG,
         AT(dry_run),
         .help = "Changes nothing: mode Auto only says what it would do."},
        {.name = "for",
         .type = PARAMETER_INTEGER,
         AT(for_seconds),
         .value = "SECONDS",
         .min = 1,
         .max = 31536000,
         .help = "Ends after so long. Without it, on SIGINT or SIGTERM."},
        {.name = "data",
         .type = PARAMETER_TEXT,
         AT(data),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .help = "The folder that file names in the specs are relative to. Without it they are relative to "
                 "the spec."},
        {.name = "set",
         .type = PARAMETER_TEXTS,
         AT(overrides),
         .value = "PATH=VALUE",
         .help = "Sets a field of every spec: spec.mode=Auto."},
        {.name = "log",
         .type = PARAMETER_TEXT,
         AT(log_format),
         .value = "FORMAT",
         .choices = log_formats,
         .fallback = "text",
         .help = "How the log on standard error is written."},
        {.name = "verbose", .type = PARAMETER_FLAG, AT(verbose), .help = "Logs every request, too."},
        {.name = NULL},
};

static void stop(void *argument)
{
        const struct host *host = argument;

        reactor_stop(host->reactor);
}

static bool serve(const struct run_arguments *arguments, struct host *host, struct error *err)
{
        if (!host_add_specs(host, arguments->specs, arguments->data, arguments->overrides, err))
                return false;
        if (arguments->for_seconds > 0)
                reactor_spawn_at(host->reactor,
                                 clock_now_ms(&host->clock) + arguments->for_seconds * MS_PER_SECOND, stop,
                                 host);
        reactor_run(host->reactor);
        return !clock_stopped() || error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
}

static bool run_run(const void *object, struct error *err)
{
        const struct run_arguments *arguments = object;
        const struct host_options options = {
                .ledger = arguments->ledger,
                .dry_run = arguments->dry_run,
                .log_format = arguments->log_format[0] == 'j' ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
                .log_level = arguments->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
        };
        struct host host;
        bool done;

        if (!host_open(&options, &host, err))
                return false;
        done = serve(arguments, &host, err);
        host_close(&host);
        return done;
}

const struct command run_command = {
        .name = "run",
        .group = COMMAND_LIVE,
        .summary = "tune live pipelines, in the foreground",
        .description =
                "Reads the engines that the specs name, decides, and in mode Auto changes what runs, until "
                "it is told to stop. What has been begun is ended before it leaves; what could not be is "
                "finished or taken back at the next start.",
        .example = "optctl run clickstream.yaml --ledger clickstream.db",
        .size = sizeof(struct run_arguments),
        .parameters = parameters,
        .run = run_run,
};

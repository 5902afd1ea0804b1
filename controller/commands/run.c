/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "controller/api/api.h"
#include "controller/cli/command.h"
#include "controller/cli/parameters.h"
#include "controller/live/host.h"
#include "controller/api/listen.h"
#include "controller/cli/since.h"

struct run_arguments {
        const char *kubeconfig, *kube_context;
        char **specs, **sets;
        const char *data, *ledger, *record, *log_format, *length;
        struct listen_options listen;
        int64_t keep_days;
        bool dry_run, verbose;
};

#define AT(member) .offset = offsetof(struct run_arguments, member)

static const char *const log_formats[] = {"text", "json", NULL};

static const struct parameter parameters[] = {
        PARAMETERS_SPECS(struct run_arguments),
        PARAMETERS_LEDGER(struct run_arguments, LEDGER_DEFAULT_PATH,
                          "Where observations, decisions and savings are kept. It is made when there is "
                          "none. Or a PostgreSQL: postgresql://USER@HOST/DATABASE (docs/ledger.md)."),
        HOST_KEEP_PARAMETER(run_arguments),
        {.name = "record",
         .type = PARAMETER_TEXT,
         AT(record),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .help = "Writes what is measured to a folder DIR/NAME for each pipeline, as optctl record does."},
        LISTEN_PARAMETERS(run_arguments),
        {.name = "dry-run",
         .type = PARAMETER_FLAG,
         AT(dry_run),
         .help = "Changes nothing: mode Auto only says what it would do."},
        {.name = "for",
         .type = PARAMETER_TEXT,
         AT(length),
         .value = "TIME",
         .help = "Ends after so long: 90s, 15m, 2h, 1d. Without it, on SIGINT, SIGTERM or SIGHUP."},
        PARAMETERS_DATA(struct run_arguments),
        PARAMETERS_SET(struct run_arguments, "every spec: spec.mode=Auto."),
        {.name = "log",
         .type = PARAMETER_TEXT,
         AT(log_format),
         .value = "FORMAT",
         .choices = log_formats,
         .fallback = "text",
         .help = "How the log on standard error is written."},
        {.name = "verbose", .type = PARAMETER_FLAG, AT(verbose), .help = "Logs every request, too."},
        HOST_KUBERNETES_PARAMETERS(run_arguments),
        {.name = NULL},
};

static void stop(void *argument)
{
        const struct host *host = argument;

        reactor_stop(host->reactor);
}

static bool serve(const struct run_arguments *arguments, int64_t length_ms, struct host *host,
                  struct error *err)
{
        struct api_fleet api_fleet = {.reactor = host->reactor,
                                      .fleet = host->fleet,
                                      .ledger_path = arguments->ledger};
        const struct api_source source = api_source_of_fleet(&api_fleet);
        autocall(api_free) struct api *api = NULL;

        if (!host_add_specs(host, arguments->specs, arguments->data, arguments->sets, err) ||
            !listen_at(&arguments->listen, host, &source, &api, err))
                return false;
        if (length_ms > 0)
                reactor_spawn_at(host->reactor, clock_now_ms(&host->clock) + length_ms, stop, host);
        reactor_run(host->reactor);
        return !clock_stopped() || error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
}

static bool run_run(const void *object, struct error *err)
{
        const struct run_arguments *arguments = object;
        const struct host_options options = {
                .ledger = arguments->ledger,
                .keep_days = arguments->keep_days,
                .dry_run = arguments->dry_run,
                .kubeconfig = arguments->kubeconfig,
                .kube_context = arguments->kube_context,
                .record = arguments->record,
                .record_by_name = true,
                .log_format = arguments->log_format[0] == 'j' ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
                .log_level = arguments->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
        };
        int64_t length_ms = 0;
        struct host host;
        bool done;

        if (arguments->length && !duration_parse("run", "--for", arguments->length, &length_ms, err))
                return false;
        if (!host_open(&options, &host, err))
                return false;
        done = serve(arguments, length_ms, &host, err);
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

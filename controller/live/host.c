/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live/host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/registry.h"
#include "core/text.h"

static bool open_parts(const struct host_options *options, struct host *host, struct error *err)
{
        struct kube_access access;
        struct fleet_setup setup;

        if (!reactor_new(NULL, &host->reactor, err) || !reactor_catch_signals(host->reactor, err))
                return false;
        host->metrics = metrics_new();
        if (!http_client_new(host->reactor, host->metrics, host->log, &host->http, err))
                return false;
        access = (struct kube_access){.reactor = host->reactor,
                                      .http = host->http,
                                      .log = host->log,
                                      .kubeconfig = options->kubeconfig,
                                      .context = options->kube_context,
                                      .whole_cluster = options->whole_cluster};
        host->shared = shared_new();
        host->kubernetes = kube_shared_provide(host->shared, &access);
        setup = (struct fleet_setup){
                .reactor = host->reactor,
                .http = host->http,
                .shared = host->shared,
                .metrics = host->metrics,
                .log = host->log,
                .registry = registry_all(),
                .one_shot = options->one_shot,
                .dry_run = options->dry_run,
                .observe_only = options->observe_only,
                .record = options->record,
                .record_by_name = options->record_by_name,
                .interval_ms = options->interval_ms,
        };
        host->fleet = fleet_new(&setup);
        return true;
}

bool host_open(const struct host_options *options, struct host *ret_host, struct error *err)
{
        *ret_host = (struct host){.clock = clock_system(),
                                  .record = options->record,
                                  .ledger_path = options->ledger,
                                  .keep_days = options->keep_days};
        if (!options->quiet)
                ret_host->log = log_new(stderr, options->log_format, options->log_level, &ret_host->clock);
        if (open_parts(options, ret_host, err))
                return true;
        host_close(ret_host);
        return false;
}

/* A command that asked one thing leaves caches that are still followed. */
static void end_fibers(struct host *host)
{
        if (!host->reactor)
                return;
        reactor_stop(host->reactor);
        reactor_run(host->reactor);
}

void host_close(struct host *host)
{
        end_fibers(host);
        fleet_free(host->fleet);
        kube_shared_withdraw(host->shared, host->kubernetes);
        shared_free(host->shared);
        ledger_close(host->ledger);
        http_client_free(host->http);
        reactor_free(host->reactor);
        metrics_free(host->metrics);
        log_free(host->log);
        *host = (struct host){.fleet = NULL};
}

/* That it cannot be written to is better known now than when the time is over. */
static bool make_folder(const char *path, struct error *err)
{
        struct stat status;

        if ((mkdir(path, 0777) != 0 && errno != EEXIST) || stat(path, &status) != 0)
                return text_read_error(path, errno, err);
        if (!S_ISDIR(status.st_mode))
                return text_read_error(path, ENOTDIR, err);
        return access(path, W_OK | X_OK) == 0 || text_read_error(path, errno, err);
}

static bool open_ledger(struct host *host, struct error *err)
{
        const struct ledger_options options = {.path = host->ledger_path,
                                               .clock = &host->clock,
                                               .log = host->log};

        if (!host->ledger_path)
                return true;
        if (!ledger_open(&options, &host->ledger, err))
                return false;
        fleet_use_ledger(host->fleet, host->ledger);
        host->forgetting = (struct forgetting){.reactor = host->reactor,
                                               .ledger = host->ledger,
                                               .log = host->log,
                                               .keep_ms = host->keep_days * MS_PER_DAY};
        if (host->keep_days > 0)
                reactor_spawn(host->reactor, forget_run, &host->forgetting);
        return true;
}

bool host_add_specs(struct host *host, char *const *paths, const char *data, char *const *overrides,
                    struct error *err)
{
        for (; *paths; paths++)
                if (!fleet_add(host->fleet, *paths, data, (const char *const *)overrides, err))
                        return false;
        return (!host->record || make_folder(host->record, err)) && open_ledger(host, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "controller/api/api.h"
#include "controller/cli/command.h"
#include "controller/cli/parameters.h"
#include "controller/live/host.h"
#include "controller/api/listen.h"
#include "controller/operator/opencost.h"
#include "controller/operator/operator.h"
#include "controller/operator/shards.h"

/* Kubernetes gives a pod 30 s to end; what has not ended by itself then is left to the ledger. */
#define STOP_SECONDS 25

struct controller_arguments {
        const char *kubeconfig, *kube_context, *namespace, *lease, *lease_namespace, *ledger, *data,
                *log_format, *opencost, *study_image;
        struct listen_options listen;
        int64_t shards, keep_days;
        bool dry_run, verbose, no_price_books, node_prices;
};

#define AT(member) .offset = offsetof(struct controller_arguments, member)

static const char *const log_formats[] = {"text", "json", NULL};

static const struct parameter parameters[] = {
        {.name = "namespace",
         .type = PARAMETER_TEXT,
         AT(namespace),
         .value = "NAME",
         .help = "Only TunedPipelines of this namespace. Without it, of all."},
        HOST_KUBERNETES_PARAMETERS(controller_arguments),
        PARAMETERS_LEDGER(struct controller_arguments, LEDGER_DEFAULT_PATH,
                          "Where observations, decisions and savings are kept. It is made when there is "
                          "none. Each replica has its own file; a PostgreSQL, "
                          "postgresql://USER@HOST/DATABASE, may be one for all (docs/ledger.md)."),
        HOST_KEEP_PARAMETER(controller_arguments),
        {.name = "lease",
         .type = PARAMETER_TEXT,
         AT(lease),
         .value = "NAME",
         .fallback = "optctl",
         .help = "The Lease that the replicas share: who holds it steers, the others wait."},
        {.name = "lease-namespace",
         .type = PARAMETER_TEXT,
         AT(lease_namespace),
         .value = "NAME",
         .help = "Where the Lease is. Without it, in the namespace of the kubeconfig's context, or the "
                 "pod's."},
        {.name = "shards",
         .type = PARAMETER_INTEGER,
         AT(shards),
         .value = "N",
         .min = 1,
         .max = SHARDS_MOST,
         .fallback = "1",
         .help = "Replicas divide the pipelines into so many shards, each with a Lease of its own, and each "
                 "replica works on its share: the same number for all, at least one a replica. Takes a "
                 "ledger that "
                 "they share (PostgreSQL)."},
        LISTEN_PARAMETERS(controller_arguments),
        {.name = "no-price-books",
         .type = PARAMETER_FLAG,
         AT(no_price_books),
         .help = "Reads no PriceBooks, which are objects of the whole cluster: for who has rights in one "
                 "namespace alone. Pipelines then have prices of their own, or are counted in worker-hours."},
        {.name = "node-prices",
         .type = PARAMETER_FLAG,
         AT(node_prices),
         .help = "Reckons what pods cost, and what is idle, by the prices of nodes that PriceBooks have: "
                 "reads all nodes and pods of the cluster."},
        {.name = "opencost",
         .type = PARAMETER_TEXT,
         AT(opencost),
         .value = "URL",
         .help = "Metrics page of OpenCost, whose prices of nodes go before those of PriceBooks, in their "
                 "currency; with --node-prices."},
        {.name = "study-image",
         .type = PARAMETER_TEXT,
         AT(study_image),
         .value = "IMAGE",
         .help = "Runs TuningStudies as Jobs: those that ask what if in pods of this image of optctl, those "
                 "that "
                 "search in pods of the templates that they name. None is read without it."},
        {.name = "dry-run",
         .type = PARAMETER_FLAG,
         AT(dry_run),
         .help = "Changes no target: mode Auto only says what it would do."},
        {.name = "data",
         .type = PARAMETER_TEXT,
         AT(data),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .fallback = ".",
         .help = "The folder that file names in specs (tokens, certificates, prices) are relative to."},
        {.name = "log",
         .type = PARAMETER_TEXT,
         AT(log_format),
         .value = "FORMAT",
         .choices = log_formats,
         .fallback = "json",
         .help = "How the log on standard error is written."},
        {.name = "verbose", .type = PARAMETER_FLAG, AT(verbose), .help = "Logs every request, too."},
        {.name = NULL},
};

/* Another one after each start: who died and came back does not hold what its earlier life held. */
static char *new_identity(void)
{
        char host[256] = "optctl";
        unsigned long long number = 0;

        (void)gethostname(host, sizeof host - 1);
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
                number = (unsigned long long)getpid();
        return memory_format("%.200s_%016llx", host, number);
}

/* Once it is told to stop it has so long; then the kernel ends it, and what is in flight is finished or taken
 * back by who leads next. */
static void limit_stop(void *argument)
{
        const struct host *host = argument;

        while (!reactor_stopped(host->reactor))
                (void)reactor_wait_until(host->reactor, clock_now_ms(&host->clock) + MS_PER_DAY);
        (void)alarm(STOP_SECONDS);
}

static void release(void *argument)
{
        struct error err = ERROR_INIT;

        (void)operator_release(argument, &err);
}

static bool serve(const struct controller_arguments *arguments, struct kube_client *client,
                  struct opencost *opencost, struct host *host, struct error *err)
{
        struct api_fleet api_fleet = {.reactor = host->reactor,
                                      .fleet = host->fleet,
                                      .ledger_path = arguments->ledger};
        const struct api_source source = api_source_of_fleet(&api_fleet);
        autofree char *identity = new_identity();
        struct operator_setup setup = {
                .reactor = host->reactor,
                .client = client,
                .fleet = host->fleet,
                .metrics = host->metrics,
                .log = host->log,
                .namespace = arguments->namespace,
                .opencost = opencost,
                .no_price_books = arguments->no_price_books,
                .study_image = arguments->study_image,
                .kubernetes = arguments->node_prices ? host->kubernetes : NULL,
                .lease_namespace = arguments->lease_namespace ? arguments->lease_namespace
                                                              : kube_client_namespace(client),
                .lease_name = arguments->lease,
                .shards = (int)arguments->shards,
                .identity = identity,
                .data = arguments->data,
        };
        static char *const no_specs[] = {NULL};
        autocall(operator_free) struct cluster_operator *op = NULL;
        autocall(api_free) struct api *api = NULL;

        if (!host_add_specs(host, no_specs, NULL, NULL, err) ||
            !listen_at(&arguments->listen, host, &source, &api, err))
                return false;
        setup.ledger = host->ledger;
        op = operator_new(&setup);
        reactor_spawn(host->reactor, limit_stop, host);
        reactor_run(host->reactor);
        reactor_call(host->reactor, release, op);
        return true;
}

static bool check(const struct controller_arguments *arguments, struct error *err)
{
        if (arguments->opencost && !arguments->node_prices)
                return error_set(err, ERROR_INPUT, NULL, "--opencost has no use without --node-prices");
        if (arguments->node_prices && arguments->namespace)
                return error_set(err, ERROR_INPUT, NULL,
                                 "--node-prices reads the whole cluster; expected no --namespace");
        if (arguments->shards > 1 && !ledger_is_shared(arguments->ledger))
                return error_set(err, ERROR_INPUT, NULL,
                                 "--shards %lld: replicas that hand pipelines over keep one ledger; expected "
                                 "--ledger postgresql://..., not %.200s",
                                 (long long)arguments->shards, arguments->ledger);
        return true;
}

static bool run_controller(const void *object, struct error *err)
{
        const struct controller_arguments *arguments = object;
        const struct host_options options = {
                .ledger = arguments->ledger,
                .keep_days = arguments->keep_days,
                .dry_run = arguments->dry_run,
                .kubeconfig = arguments->kubeconfig,
                .kube_context = arguments->kube_context,
                .whole_cluster = !arguments->namespace,
                .log_format = arguments->log_format[0] == 'j' ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
                .log_level = arguments->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
        };
        struct opencost *opencost = NULL;
        struct kube_client *client = NULL;
        struct host host;
        bool done;

        if (!check(arguments, err) || !host_open(&options, &host, err))
                return false;
        done = kube_shared_client(host.kubernetes, &client, err) &&
               (!arguments->opencost || opencost_new(host.http, arguments->opencost, &opencost, err)) &&
               serve(arguments, client, opencost, &host, err);
        opencost_free(opencost);
        host_close(&host);
        return done;
}

const struct command controller_command = {
        .name = "controller",
        .group = COMMAND_LIVE,
        .summary = "tune the TunedPipelines of a Kubernetes cluster",
        .description =
                "Follows the TunedPipelines that an API server has, tunes each as optctl run would, and says "
                "in "
                "their status and in Events what it does. Of several replicas the one that holds the Lease "
                "steers, or, with --shards, each those pipelines whose Lease it holds. What has been begun "
                "when it is told to stop is ended within 25 s or left to who "
                "leads next; the Lease is given up last.",
        .example = "optctl controller --namespace analytics --ledger operator.db",
        .size = sizeof(struct controller_arguments),
        .parameters = parameters,
        .run = run_controller,
};

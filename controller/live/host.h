/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_HOST_H
#define OPTCTL_CONTROLLER_LIVE_HOST_H

#include <stdbool.h>

#include "controller/live/fleet.h"
#include "controller/books/forget.h"
#include "core/error.h"
#include "core/kubernetes/shared.h"
#include "core/log.h"
#include "core/memory.h"

/* What a process that runs live pipelines is made of, opened in order and closed backwards. */
struct host_options {
        const char *ledger;                   /* file; NULL: nothing is kept */
        int64_t keep_days;                    /* of observations in it; 0: all are kept */
        bool one_shot, dry_run, observe_only; /* as in struct fleet_setup */
        bool quiet;                           /* no log */
        const char *record;                   /* as in struct fleet_setup */
        bool record_by_name;
        int64_t interval_ms;
        enum log_format log_format; /* on standard error */
        enum log_level log_level;
        const char *kubeconfig, *kube_context; /* NULL: as kubectl finds them */
        bool whole_cluster;                    /* pipelines of all namespaces share one watch a kind */
};

/* Rows of a command's table, for those that run live pipelines. */
/* clang-format off */
#define HOST_KEEP_PARAMETER(arguments)                                                                       \
        {.name = "keep-days",                                                                                \
         .type = PARAMETER_INTEGER,                                                                          \
         .offset = offsetof(struct arguments, keep_days),                                                    \
         .value = "DAYS",                                                                                    \
         .min = 0,                                                                                           \
         .max = 36500,                                                                                       \
         .fallback = FORGET_KEEP_DAYS,                                                                       \
         .help = "For so long the ledger keeps observations, which are most of it; 0 keeps them all. "       \
                 "Decisions, outcomes, books and runs stay."}
#define HOST_KUBERNETES_PARAMETERS(arguments)                                                                 \
        {.name = "kubeconfig",                                                                               \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(struct arguments, kubeconfig),                                                        \
         .value = "FILE",                                                                                    \
         .values = VALUES_FILE,                                                                              \
         .help = "Names the API server of targets in Kubernetes, and who optctl is there. Without it: "      \
                 "$KUBECONFIG, the pod's service account, ~/.kube/config."},                                 \
        {.name = "context",                                                                                  \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(struct arguments, kube_context),                                                      \
         .value = "NAME",                                                                                    \
         .help = "A context of the kubeconfig; its current one without it."}
/* clang-format on */

struct host {
        struct clock clock;
        struct log *log;
        struct reactor *reactor;
        struct metrics *metrics;
        struct http_client *http;
        struct ledger *ledger;
        struct shared *shared;
        struct kube_shared *kubernetes;
        struct fleet *fleet;
        const char *record, *ledger_path; /* of the options */
        int64_t keep_days;
        struct forgetting forgetting;
};

/* Signals stop the reactor from then on. */
bool host_open(const struct host_options *options, struct host *ret_host, struct error *err);
void host_close(struct host *host); /* harmless when it was not opened, or only half */

/* Specs from the command line, each with the same overrides; then the folder to record to, and the ledger:
 * who got a spec wrong finds no new files. ERROR_INPUT. */
bool host_add_specs(struct host *host, char *const *paths, const char *data, char *const *overrides,
                    struct error *err);

#endif

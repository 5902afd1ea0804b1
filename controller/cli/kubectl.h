/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_KUBECTL_H
#define OPTCTL_CONTROLLER_CLI_KUBECTL_H

#include "controller/cli/command.h"
#include "core/kubernetes/client.h"

/*
 * The program as kubectl's plugin: `kubectl optctl`, when it is called as kubectl-optctl. Its commands go to
 * the objects of the API server, with the rights of who calls them; the operator follows.
 */
extern const struct program kubectl_program;

#define KUBECTL_NAME "kubectl optctl"

/* What its commands have in common. */
struct kubectl {
        const char *namespace, *kubeconfig, *context; /* NULL: as kubectl would take them */
};

/* Their parameters; `member` is the struct kubectl in the command's object. */
#define KUBECTL_PARAMETERS(object, member)                                                                   \
        {.name = "namespace",                                                                                \
         .letter = 'n',                                                                                      \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, member.namespace),                                                       \
         .value = "NAME",                                                                                    \
         .help = "Namespace of the pipeline. Without it, that of the context."},                             \
                {.name = "kubeconfig",                                                                       \
                 .type = PARAMETER_TEXT,                                                                     \
                 .offset = offsetof(object, member.kubeconfig),                                              \
                 .value = "FILE",                                                                            \
                 .values = VALUES_FILE,                                                                      \
                 .help = "How the API server is reached. Without it, as kubectl does."},                     \
        {                                                                                                    \
                .name = "context", .type = PARAMETER_TEXT, .offset = offsetof(object, member.context),       \
                .value = "NAME", .help = "A context of the kubeconfig; its current one without it."          \
        }

/* Who asks, in a fiber: one command's questions. `namespace` is the one to ask about. */
typedef bool kubectl_question(void *context, struct kube_client *client, const char *namespace,
                              struct error *err);

bool kubectl_ask(const struct kubectl *kubectl, kubectl_question *ask, void *context, struct error *err);

/* "a.yaml" is no name and "shop/orders" is two: ERROR_INPUT, with what is expected. */
bool kubectl_check_name(const char *name, struct error *err);

extern const struct command kubectl_status_command, kubectl_pause_command, kubectl_resume_command;
extern const struct command version_command;

#endif

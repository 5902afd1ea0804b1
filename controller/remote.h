/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_REMOTE_H
#define OPTCTL_CONTROLLER_REMOTE_H

#include <jansson.h>
#include <stddef.h>

#include "controller/api_client.h"
#include "controller/command.h"

/* What the commands have in common that talk to a running optctl. */
struct remote {
        const char *server, *token_file, *ca_file;
};

/* Their parameters; `member` is the struct remote in the command's object. */
#define REMOTE_PARAMETERS(object, member)                                                                    \
        {.name = "server",                                                                                   \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, member.server),                                                          \
         .value = "URL",                                                                                     \
         .help = "The optctl that runs; http://127.0.0.1:7780 without it."},                                 \
                {.name = "token-file",                                                                       \
                 .type = PARAMETER_TEXT,                                                                     \
                 .offset = offsetof(object, member.token_file),                                              \
                 .value = "FILE",                                                                            \
                 .values = VALUES_FILE,                                                                      \
                 .help = "File with the token that the server asks for."},                                   \
        {                                                                                                    \
                .name = "ca-file", .type = PARAMETER_TEXT, .offset = offsetof(object, member.ca_file),       \
                .value = "FILE", .values = VALUES_FILE,                                                      \
                .help = "PEM file with the authorities that may vouch for the server; the system's without " \
                        "it."                                                                                \
        }

#define REMOTE_PIPELINE(object, member)                                                                      \
        {                                                                                                    \
                .name = "PIPELINE", .positional = true, .required = true, .type = PARAMETER_TEXT,            \
                .offset = offsetof(object, member), .help = "Its name, or NAMESPACE/NAME."                   \
        }

/* One question; err->message says which server. */
bool remote_get(const struct remote *remote, const char *path, json_t **ret_answer, struct error *err);
/* One order: POST /api/v1/pipelines/NAME/VERB. `body` may be NULL. */
bool remote_order(const struct remote *remote, const char *name, const char *verb, const json_t *body,
                  json_t **ret_answer, struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_API_REMOTE_H
#define OPTCTL_CONTROLLER_API_REMOTE_H

#include <jansson.h>
#include <stddef.h>

#include "controller/api/client.h"
#include "controller/cli/command.h"
#include "core/text.h"

/* What the commands have in common that talk to a running optctl. */
struct remote {
        const char *server, *token_file, *ca_file;
};

/* Their parameters; `member` is the struct remote in the command's object. */
#define REMOTE_PARAMETERS(object, member)                                                                    \
        REMOTE_PARAMETERS_OF(object, member, "The optctl that runs; http://127.0.0.1:7780 without it.")

/* Of commands that read a ledger unless they are told whom to ask. */
#define REMOTE_INSTEAD(object, member)                                                                       \
        REMOTE_PARAMETERS_OF(object, member,                                                                 \
                             "Asks the optctl that runs there, as in http://127.0.0.1:7780, instead of "     \
                             "reading a ledger.")

#define REMOTE_PARAMETERS_OF(object, member, words)                                                          \
        {.name = "server",                                                                                   \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, member.server),                                                          \
         .value = "URL",                                                                                     \
         .help = (words)},                                                                                   \
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

/* ERROR_INPUT: both --ledger and --server were given. Returns false. */
bool remote_refuse_both(const char *command, struct error *err);

/* Whether to ask a server and not read `ledger`; ERROR_INPUT when both were given. */
bool remote_is_asked(const struct remote *remote, const char *command, const char *ledger, bool *ret_asked,
                     struct error *err);

/* "?name=value" or "&name=value", with what is needed escaped; nothing for a value of NULL. */
void remote_query(struct text *path, const char *name, const char *value);

/* One question; err->message says which server. */
bool remote_get(const struct remote *remote, const char *path, json_t **ret_answer, struct error *err);
/* One order: POST /api/v1/pipelines/NAME/VERB. `body` may be NULL. */
bool remote_order(const struct remote *remote, const char *name, const char *verb, const json_t *body,
                  json_t **ret_answer, struct error *err);

#endif

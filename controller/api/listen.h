/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_API_LISTEN_H
#define OPTCTL_CONTROLLER_API_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/api/api.h"
#include "controller/cli/command.h"
#include "controller/live/host.h"

/* Where a command serves metrics, health, the API and the page, as its options say it. */
struct listen_options {
        const char *listen; /* "127.0.0.1:7780", "[::1]:7780", "none" */
        const char *token_file, *certificate_file, *key_file;
};

/* clang-format off */
/* Their parameters; `listen` is the struct listen_options in the command's object. */
#define LISTEN_PARAMETERS(arguments)                                                                         \
        {.name = "listen",                                                                                   \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(struct arguments, listen.listen),                                                \
         .value = "ADDRESS:PORT",                                                                            \
         .fallback = API_DEFAULT_ADDRESS ":7780",                                                            \
         .help = "Where metrics, health, the API and the page are served; port 0 is any free one, none is "  \
                 "nowhere. Wider than loopback needs a token and TLS."},                                     \
        {.name = "token-file",                                                                               \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(struct arguments, listen.token_file),                                            \
         .value = "FILE",                                                                                    \
         .values = VALUES_FILE,                                                                              \
         .help = "Holds the token that orders over the API must bring. It is read again when it was "        \
                 "replaced."},                                                                               \
        {.name = "certificate",                                                                              \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(struct arguments, listen.certificate_file),                                      \
         .value = "FILE",                                                                                    \
         .values = VALUES_FILE,                                                                              \
         .help = "Serves TLS with this certificate (PEM)."},                                                 \
        {.name = "key",                                                                                      \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(struct arguments, listen.key_file),                                              \
         .value = "FILE",                                                                                    \
         .values = VALUES_FILE,                                                                              \
         .help = "The certificate's private key (PEM)."}
/* clang-format on */

/* *ret_api stays as it is with "none". */
bool listen_at(const struct listen_options *options, const struct host *host, const struct api_source *source,
               struct api **ret_api, struct error *err);

#endif

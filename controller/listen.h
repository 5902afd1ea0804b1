/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LISTEN_H
#define OPTCTL_CONTROLLER_LISTEN_H

#include <stdbool.h>

#include "controller/api.h"
#include "controller/host.h"

/* Where a command serves metrics, health, the API and the page, as its options say it. */
struct listen_options {
        const char *listen; /* "127.0.0.1:7780", "[::1]:7780", "none" */
        const char *token_file, *certificate_file, *key_file;
};

/* *ret_api stays as it is with "none". */
bool listen_at(const struct listen_options *options, const struct host *host, const struct api_source *source,
               struct api **ret_api, struct error *err);

#endif

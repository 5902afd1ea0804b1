/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_API_CLIENT_H
#define OPTCTL_CONTROLLER_API_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/memory.h"

/* How commands talk to an optctl that runs (docs/api.md). Has a reactor of its own: not for use in a fiber.
 */
struct api_client;

struct api_address {
        const char *url;        /* NULL: API_DEFAULT_URL */
        const char *token_file; /* NULL: none is sent */
        const char *ca_file;    /* who vouches for an https server; NULL: the system's authorities */
};

/* Does not connect yet. ERROR_INPUT: the URL is none. */
bool api_client_new(const struct api_address *address, struct api_client **ret_client, struct error *err);
void api_client_free(struct api_client *client);
DEFINE_CLEANUP(api_client_free, struct api_client);

/*
 * `path` with its query: "/api/v1/pipelines". Fails with ERROR_UNAVAILABLE ("NobodyListens") and a hint when
 * nobody listens there, ERROR_REFUSED ("Unauthorized") when the token is missing or wrong, and else with the
 * code and the words of the server.
 */
bool api_client_get(struct api_client *client, const char *path, json_t **ret_answer, struct error *err);
/* `body` may be NULL. */
bool api_client_post(struct api_client *client, const char *path, const json_t *body, json_t **ret_answer,
                     struct error *err);

/* "/api/v1/pipelines/NAME/REST", with what is needed escaped; `rest` may be NULL. Caller frees. */
char *api_client_path(const char *name, const char *rest);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/remote.h"

static bool open_client(const struct remote *remote, struct api_client **ret_client, struct error *err)
{
        const struct api_address address = {
                .url = remote->server,
                .token_file = remote->token_file,
                .ca_file = remote->ca_file,
        };

        return api_client_new(&address, ret_client, err);
}

bool remote_get(const struct remote *remote, const char *path, json_t **ret_answer, struct error *err)
{
        autocall(api_client_free) struct api_client *client = NULL;

        return open_client(remote, &client, err) && api_client_get(client, path, ret_answer, err);
}

bool remote_order(const struct remote *remote, const char *name, const char *verb, const json_t *body,
                  json_t **ret_answer, struct error *err)
{
        autocall(api_client_free) struct api_client *client = NULL;
        autofree char *path = api_client_path(name, verb);

        return open_client(remote, &client, err) && api_client_post(client, path, body, ret_answer, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/api/remote.h"

#include <string.h>

#include "core/http/client.h"
#include "core/ledger/ledger.h"

static bool open_client(const struct remote *remote, struct api_client **ret_client, struct error *err)
{
        const struct api_address address = {
                .url = remote->server,
                .token_file = remote->token_file,
                .ca_file = remote->ca_file,
        };

        return api_client_new(&address, ret_client, err);
}

bool remote_refuse_both(const char *command, struct error *err)
{
        return error_set(err, ERROR_INPUT, NULL,
                         "%s: --ledger and --server both say where to read: give one of them", command);
}

bool remote_is_asked(const struct remote *remote, const char *command, const char *ledger, bool *ret_asked,
                     struct error *err)
{
        if (remote->server && strcmp(ledger, LEDGER_DEFAULT_PATH) != 0)
                return remote_refuse_both(command, err);
        *ret_asked = remote->server != NULL;
        return true;
}

void remote_query(struct text *path, const char *name, const char *value)
{
        autofree char *escaped = value ? http_escape(value) : NULL;

        if (escaped)
                text_format(path, "%c%s=%s", strchr(path->data, '?') ? '&' : '?', name, escaped);
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

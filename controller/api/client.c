/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/api/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/api/api.h"
#include "core/http/client.h"
#include "core/json.h"

#define GET_TIMEOUT_MS  10000
#define POST_TIMEOUT_MS 120000 /* a rollback waits until it was applied */
#define MAX_BYTES       ((size_t)64 << 20)

struct api_client {
        struct reactor *reactor;
        struct http_client *http;
        struct http_peer *peer;
};

bool api_client_new(const struct api_address *address, struct api_client **ret_client, struct error *err)
{
        autocall(api_client_free) struct api_client *client = memory_new(1, sizeof *client);
        const char *url = address->url ? address->url : API_DEFAULT_URL;
        struct http_options options = {.timeout_seconds = POST_TIMEOUT_MS / 1000,
                                       .connect_timeout_seconds = 5,
                                       .max_response_bytes = (double)MAX_BYTES,
                                       .token_file = (char *)(uintptr_t)address->token_file,
                                       .ca_file = (char *)(uintptr_t)address->ca_file};

        /* What curl says of a file that it cannot read does not name it. */
        if (address->ca_file && access(address->ca_file, R_OK) != 0)
                return text_read_error(address->ca_file, errno, err) || error_wrap(err, "--ca-file");
        if (!reactor_new(NULL, &client->reactor, err) ||
            !http_client_new(client->reactor, NULL, NULL, &client->http, err) ||
            !http_peer_new(client->http, url, &options, NULL, &client->peer, err))
                return false;
        *ret_client = TAKE(client);
        return true;
}

void api_client_free(struct api_client *client)
{
        if (!client)
                return;
        http_peer_free(client->peer);
        http_client_free(client->http);
        reactor_free(client->reactor);
        free(client);
}

struct question {
        struct api_client *client;
        struct http_request request;
        json_t *answer;
        struct error *err;
        bool done;
};

/* ---- what went wrong, in the words of the server ---- */

static bool fail_nobody(const struct question *question, struct error *err)
{
        return error_set(err, ERROR_UNAVAILABLE, "NobodyListens",
                         "no optctl listens on %s; start one with optctl run SPEC%s",
                         http_peer_url(question->client->peer),
                         question->request.method ? "" : ", or read a ledger with --ledger FILE");
}

/* A name that is not there is bad input, as it is when a ledger is asked. */
static enum error_code code_of(int status, const char *reason, enum error_code otherwise)
{
        bool wrong_name = status == 404 && strcmp(reason, "NoLedger") != 0;

        return status == 400 || wrong_name ? ERROR_INPUT : otherwise;
}

/* err as http_send left it becomes what the API said, when it was the API that answered. */
static bool fail_as_told(const struct question *question, const struct http_response *response)
{
        struct error *err = question->err;
        autojson *answer = NULL;
        struct error ignored = ERROR_INIT;
        const char *reason, *message;
        const json_t *told;

        if (response->status == 0)
                return strcmp(err->reason, "NotReachable") == 0 ? fail_nobody(question, err) : false;
        if (!json_parse_text(response->body, response->length, "answer", &answer, &ignored))
                return false;
        told = json_object_get(answer, "error");
        if (json_find_text(told, "code", &reason) && json_find_text(told, "message", &message))
                error_set(err, code_of(response->status, reason, err->code), reason, "%s", message);
        return false;
}

/* ---- asking ---- */

static void ask(void *argument)
{
        struct question *question = argument;
        const struct http_peer *peer = question->client->peer;
        struct http_response response = {0};

        if (http_send(question->client->peer, &question->request, &response, question->err))
                question->done = http_response_json(peer, question->request.path, &response,
                                                    &question->answer, question->err);
        else
                fail_as_told(question, &response);
        http_response_free(&response);
}

static bool send_question(struct api_client *client, const struct http_request *request, json_t **ret_answer,
                          struct error *err)
{
        struct question question = {.client = client, .request = *request, .err = err};

        reactor_call(client->reactor, ask, &question);
        if (question.done)
                *ret_answer = question.answer;
        return question.done;
}

bool api_client_get(struct api_client *client, const char *path, json_t **ret_answer, struct error *err)
{
        const struct http_request request = {.path = path, .timeout_ms = GET_TIMEOUT_MS};

        return send_question(client, &request, ret_answer, err);
}

bool api_client_post(struct api_client *client, const char *path, const json_t *body, json_t **ret_answer,
                     struct error *err)
{
        struct http_request request = {.method = "POST", .path = path, .timeout_ms = POST_TIMEOUT_MS};
        autotext text = {0};

        if (body)
                json_put(body, 0, &text);
        else
                text_put(&text, "{}");
        request.body = text.data;
        request.body_length = text.length;
        return send_question(client, &request, ret_answer, err);
}

char *api_client_path(const char *name, const char *rest)
{
        autofree char *escaped = http_escape(name);

        return memory_format("/api/v1/pipelines/%s%s%s", escaped, rest ? "/" : "", rest ? rest : "");
}

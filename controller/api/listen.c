/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/api/listen.h"

#include <string.h>
#include <strings.h>

/* "127.0.0.1:7780", "[::1]:7780" */
static bool parse_listen(const char *text, char **ret_address, int *ret_port, struct error *err)
{
        const char *colon = strrchr(text, ':');
        long long port;
        size_t length;

        if (!colon || colon == text || !text_to_int64(colon + 1, &port) || port < 0 || port > 65535)
                return error_set(err, ERROR_INPUT, NULL,
                                 "--listen: '%.80s' is no place to listen at; expected ADDRESS:PORT as in "
                                 "127.0.0.1:7780, or none",
                                 text);
        length = (size_t)(colon - text);
        if (text[0] == '[' && text[length - 1] == ']') {
                text++;
                length -= 2;
        }
        *ret_address = strncasecmp(text, "localhost", length) == 0 && length == strlen("localhost")
                               ? memory_copy_text(API_DEFAULT_ADDRESS)
                               : memory_format("%.*s", (int)length, text);
        *ret_port = (int)port;
        return true;
}

bool listen_at(const struct listen_options *options, const struct host *host, const struct api_source *source,
               struct api **ret_api, struct error *err)
{
        const struct api_setup setup = {.reactor = host->reactor,
                                        .source = source,
                                        .metrics = host->metrics,
                                        .log = host->log};
        struct http_server_options server = {
                .token_file = options->token_file,
                .certificate_file = options->certificate_file,
                .key_file = options->key_file,
                .base = ".",
        };
        autofree char *address = NULL;

        if (strcmp(options->listen, "none") == 0)
                return true;
        if (!parse_listen(options->listen, &address, &server.port, err))
                return false;
        server.address = address;
        if (!api_new(&setup, &server, ret_api, err))
                return error_wrap(err, "--listen %s", options->listen);
        log_info(host->log, "listening", LOG_TEXT("address", address),
                 LOG_INTEGER("port", api_port(*ret_api)));
        return true;
}

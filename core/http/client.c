/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/client.h"

#include <ctype.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/client_internal.h"
#include "core/json.h"
#include "core/random.h"
#include "core/redact.h"
#include "core/secret.h"
#include "core/secret_memory.h"

#define DEFAULT_TIMEOUT_SECONDS         10
#define DEFAULT_CONNECT_TIMEOUT_SECONDS 3
#define DEFAULT_RETRIES                 3
#define DEFAULT_MAX_BYTES               ((size_t)16 << 20)

DEFINE_CLEANUP(curl_url_cleanup, CURLU);

/* ---- clients ---- */

bool http_client_new(struct reactor *reactor, struct metrics *metrics, struct log *log,
                     struct http_client **ret_client, struct error *err)
{
        autocall(http_client_free) struct http_client *client = memory_new(1, sizeof *client);

        client->reactor = reactor;
        client->clock = reactor_clock(reactor);
        client->metrics = metrics;
        client->log = log;
        /* Programs that start at different times pause for different times. */
        client->random = random_new((uint64_t)clock_now_ms(&client->clock), 0, 0);
        if (!http_loop_open(err))
                return false;
        *ret_client = TAKE(client);
        return true;
}

struct metrics *http_client_metrics(const struct http_client *client)
{
        return client->metrics;
}

void http_client_free(struct http_client *client)
{
        if (!client)
                return;
        while (client->n_idle > 0)
                curl_easy_cleanup(client->idle[--client->n_idle]);
        http_loop_close(client);
        gsl_rng_free(client->random);
        free(client);
}

/* ---- origins ---- */

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct http_origin *)a)->name, ((const struct http_origin *)b)->name);
}

static struct http_origin *origin_new(struct http_client *client, const char *name)
{
        struct http_origin *origin = memory_new(1, sizeof *origin);

        origin->name = memory_copy_text(name);
        origin->lane = &client->lanes[client->n_joined++ % HTTP_LANES];
        if (!tsearch(origin, &client->origins, compare_names)) {
                fputs("optctl: out of memory\n", stderr);
                abort();
        }
        return origin;
}

static struct http_origin *origin_join(struct http_client *client, char *name)
{
        const struct http_origin wanted = {.name = name};
        struct http_origin **found = tfind(&wanted, &client->origins, compare_names);
        struct http_origin *origin = found ? *found : origin_new(client, name);

        origin->users++;
        return origin;
}

static void origin_leave(struct http_client *client, struct http_origin *origin)
{
        if (--origin->users > 0)
                return;
        tdelete(origin, &client->origins, compare_names);
        metrics_forget(client->metrics, origin->name);
        http_lane_replace(origin);
        free(origin->name);
        free(origin);
}

/* ---- URLs ---- */

struct url {
        char *scheme, *host, *port, *path; /* libcurl's; port NULL: the scheme's */
};

static void url_free(struct url *url)
{
        curl_free(url->scheme);
        curl_free(url->host);
        curl_free(url->port);
        curl_free(url->path);
}

static bool has_part(CURLU *parsed, CURLUPart part)
{
        char *value = NULL;
        bool has = curl_url_get(parsed, part, &value, 0) == CURLUE_OK;

        curl_free(value);
        return has;
}

/* No message repeats a URL that may have a password in it. */
static bool url_parse(const char *text, const char *what, struct url *ret_url, struct error *err)
{
        autocall(curl_url_cleanup) CURLU *parsed = curl_url();
        autofree char *shown = redact_url(text);
        CURLUcode failed = curl_url_set(parsed, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);

        if (failed != CURLUE_OK)
                return error_set(err, ERROR_INPUT, NULL, "%s \"%.200s\": %s; expected http://HOST:PORT", what,
                                 shown, curl_url_strerror(failed));
        if (has_part(parsed, CURLUPART_USER) || has_part(parsed, CURLUPART_PASSWORD))
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s \"%.200s\" has credentials in it; expected them in files", what, shown);
        if (has_part(parsed, CURLUPART_QUERY) || has_part(parsed, CURLUPART_FRAGMENT))
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s \"%.200s\" has a query or a fragment; expected none", what, shown);
        curl_url_get(parsed, CURLUPART_SCHEME, &ret_url->scheme, 0);
        curl_url_get(parsed, CURLUPART_HOST, &ret_url->host, 0);
        curl_url_get(parsed, CURLUPART_PORT, &ret_url->port, 0);
        curl_url_get(parsed, CURLUPART_PATH, &ret_url->path, 0);
        if (ret_url->scheme && ret_url->host &&
            (strcmp(ret_url->scheme, "http") == 0 || strcmp(ret_url->scheme, "https") == 0))
                return true;
        url_free(ret_url);
        return error_set(err, ERROR_INPUT, NULL, "%s \"%.200s\": expected http:// or https://", what, shown);
}

static const char *port_of(const struct url *url)
{
        return url->port ? url->port : strcmp(url->scheme, "https") == 0 ? "443" : "80";
}

/* Everything of the peer that follows from its URL. */
static void take_url(struct http_peer *peer, const struct url *url, const char *server_name)
{
        autofree char *origin = memory_format("%s://%s:%s", url->scheme, url->host, port_of(url));
        const char *path = url->path ? url->path : "";
        size_t length = strlen(path);

        while (length > 0 && path[length - 1] == '/')
                length--;
        peer->origin = origin_join(peer->client, origin);
        peer->url = memory_format("%s://%s%s%s%.*s", url->scheme, url->host, url->port ? ":" : "",
                                  url->port ? url->port : "", (int)length, path);
        if (!server_name) {
                peer->asked_url = memory_copy_text(peer->url);
                return;
        }
        peer->asked_url =
                memory_format("%s://%s:%s%.*s", url->scheme, server_name, port_of(url), (int)length, path);
        peer->host = memory_format("%s%s%s", url->host, url->port ? ":" : "", url->port ? url->port : "");
        peer->connect_to = memory_format("::%s:%s", url->host, port_of(url));
}

/* ---- peers ---- */

static char *path_in(const char *folder, const char *path)
{
        if (!path || path[0] == '/' || !folder || !*folder)
                return memory_copy_text(path);
        return memory_format("%s/%s", folder, path);
}

static int64_t or_default_ms(int64_t seconds, int64_t fallback)
{
        return (seconds > 0 ? seconds : fallback) * MS_PER_SECOND;
}

static void take_options(struct http_peer *peer, const struct http_options *options, const char *folder)
{
        peer->timeout_ms = or_default_ms(options->timeout_seconds, DEFAULT_TIMEOUT_SECONDS);
        peer->connect_timeout_ms =
                or_default_ms(options->connect_timeout_seconds, DEFAULT_CONNECT_TIMEOUT_SECONDS);
        peer->retries = options->retries;
        peer->max_bytes =
                options->max_response_bytes >= 1 ? (size_t)options->max_response_bytes : DEFAULT_MAX_BYTES;
        peer->proxy = memory_copy_text(options->proxy);
        peer->ca_file = path_in(folder, options->ca_file);
        peer->certificate_file = path_in(folder, options->certificate_file);
        peer->key_file = path_in(folder, options->key_file);
        if (options->key_file)
                secret_protect_process();
        if (options->token_file) {
                peer->token = secret_new(options->token_file, folder);
                peer->token_is_ours = true;
        }
        if (options->username && options->password_file) {
                peer->username = memory_copy_text(options->username);
                peer->password = secret_new(options->password_file, folder);
        }
}

static bool is_this_machine(const char *host)
{
        bool four = strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);

        return four || strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* A proxy beside us may add the TLS, so it is not refused; once for each host and port. */
static void warn_of_clear_text(const struct http_peer *peer, const struct url *url)
{
        bool sends = peer->token || peer->password;

        if (sends && strcmp(url->scheme, "http") == 0 && !is_this_machine(url->host) &&
            peer->origin->users == 1)
                log_warning(peer->client->log, "credentials are sent in the clear; expected https://",
                            LOG_TEXT("peer", peer->origin->name));
}

static bool check_options(const struct http_options *options, struct error *err)
{
        struct url proxy = {0};

        if (!option_check(&http_options_table, options, err))
                return false;
        if (options->proxy && !url_parse(options->proxy, "proxy", &proxy, err))
                return false;
        url_free(&proxy);
        return true;
}

bool http_peer_new(struct http_client *client, const char *base_url, const struct http_options *options,
                   const char *base_folder, struct http_peer **ret_peer, struct error *err)
{
        const struct http_options defaults = {.retries = DEFAULT_RETRIES};
        struct http_peer *peer;
        struct url url = {0};

        if (!options)
                options = &defaults;
        if (!check_options(options, err) || !url_parse(base_url, "URL", &url, err))
                return false;
        /* That of the origin, should it be a new one. */
        if (!http_lane_open(client, client->n_joined, err)) {
                url_free(&url);
                return false;
        }
        peer = memory_new(1, sizeof *peer);
        peer->client = client;
        take_url(peer, &url, options->server_name);
        take_options(peer, options, base_folder);
        warn_of_clear_text(peer, &url);
        url_free(&url);
        *ret_peer = peer;
        return true;
}

void http_peer_trust(struct http_peer *peer, const struct http_credentials *credentials)
{
        peer->ca_pem = memory_copy_text(credentials->ca_pem);
        peer->certificate_pem = memory_copy_text(credentials->certificate_pem);
        if (credentials->key_pem) {
                secret_protect_process();
                peer->key_pem = secret_memory_new(strlen(credentials->key_pem) + 1);
                memcpy(peer->key_pem, credentials->key_pem, strlen(credentials->key_pem));
        }
        if (credentials->token)
                peer->token = credentials->token;
}

void http_peer_free(struct http_peer *peer)
{
        if (!peer)
                return;
        origin_leave(peer->client, peer->origin);
        if (peer->token_is_ours)
                secret_free(peer->token);
        if (peer->key_pem)
                secret_memory_free(peer->key_pem, strlen(peer->key_pem) + 1);
        free(peer->ca_pem);
        free(peer->certificate_pem);
        secret_free(peer->password);
        free(peer->url);
        free(peer->asked_url);
        free(peer->host);
        free(peer->connect_to);
        free(peer->proxy);
        free(peer->ca_file);
        free(peer->certificate_file);
        free(peer->key_file);
        free(peer->username);
        free(peer);
}

const char *http_peer_url(const struct http_peer *peer)
{
        return peer->url;
}

struct reactor *http_peer_reactor(const struct http_peer *peer)
{
        return peer->client->reactor;
}

/* ---- answers ---- */

void http_response_free(struct http_response *response)
{
        free(response->body);
        *response = (struct http_response){0};
}

bool http_response_json(const struct http_peer *peer, const char *path, const struct http_response *response,
                        json_t **ret_json, struct error *err)
{
        autofree char *name = memory_format("%s%s", peer->url, path);
        autofree char *shown = redact_text(name);
        struct error wrong = ERROR_INIT;

        if (json_parse_text(response->body ? response->body : "", response->length, shown, ret_json, &wrong))
                return true;
        return error_set(err, ERROR_INCOMPLETE, "NotJson", "%s", wrong.message);
}

bool http_get_json(struct http_peer *peer, const char *path, json_t **ret_json, struct error *err)
{
        const struct http_request request = {.path = path};
        struct http_response response = {0};
        bool good = http_send(peer, &request, &response, err);

        if (good)
                good = http_response_json(peer, path, &response, ret_json, err);
        http_response_free(&response);
        return good;
}

char *http_escape(const char *text)
{
        static const char hex[] = "0123456789ABCDEF";
        char *escaped = memory_new(strlen(text) * 3 + 1, 1), *out = escaped;

        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;

                if (isalnum(c) || strchr("-._~", c)) {
                        *out++ = (char)c;
                } else {
                        *out++ = '%';
                        *out++ = hex[c >> 4];
                        *out++ = hex[c & 15];
                }
        }
        return escaped;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/client_internal.h"
#include "core/secret_memory.h"

#define MAX_ERROR_BYTES    ((size_t)64 * 1024) /* of the body of what is no success */
#define IDLE_SECONDS       118L                /* longer, and the peer has probably hung up */
#define CONNECTION_SECONDS 300L                /* then it is made anew: certificates and addresses change */
#define ADDRESS_SECONDS    5L                  /* that a name stands for: as long as a turn asks */
#define MAX_UNREAD_BYTES   ((size_t)1 << 20)   /* of a stream */
#define MAX_SHARED_BYTES   ((size_t)16 << 20)  /* likewise, where the connection is not its own */
#define IDLE_CONNECTIONS   HTTP_CONNECTIONS_PER_ORIGIN /* kept in each lane beside those in use */

/* ---- what comes ---- */

static long status_of(CURL *easy)
{
        long status = 0;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return status;
}

static size_t cap_of(const struct http_call *call)
{
        return call->request->max_bytes ? call->request->max_bytes : call->peer->max_bytes;
}

static void wake(const struct http_call *call)
{
        if (call->fiber)
                reactor_wake(call->peer->client->reactor, call->fiber);
}

/* libcurl hands the same bytes over again once it is told to go on. Until then it takes nothing off an HTTP/2
 * connection, whosever it is (7.88). */
static size_t on_piece(struct http_call *call, const char *bytes, size_t length)
{
        size_t unread = call->body.length + length;

        call->unread = unread > MAX_SHARED_BYTES && http_lane_is_shared(call);
        if (call->unread)
                return CURL_WRITEFUNC_ERROR;
        call->full = call->body.length > 0 && unread > MAX_UNREAD_BYTES && !http_lane_is_shared(call);
        if (call->full)
                return CURL_WRITEFUNC_PAUSE;
        text_add(&call->body, bytes, length);
        wake(call);
        return length;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
        struct http_call *call = context;
        size_t cap = cap_of(call);
        bool good = status_of(call->easy) / 100 == 2;
        size_t length = size * count;

        call->body_came = true;
        if (good && call->streams)
                return on_piece(call, bytes, length);
        if (!good && cap > MAX_ERROR_BYTES)
                cap = MAX_ERROR_BYTES;
        if (call->body.length + length > cap) {
                text_add(&call->body, bytes, good ? 0 : cap - call->body.length);
                call->too_large = good;
                call->cut = !good;
                return CURL_WRITEFUNC_ERROR;
        }
        text_add(&call->body, bytes, length);
        return length;
}

/* Of an HTTP/2 stream that ends with HTTP_1_1_REQUIRED (RFC 9113, section 7) libcurl asks again by itself,
 * whatever has come of it, and would hand over both answers as one. */
static bool is_second_answer(const struct http_call *call, const char *line, size_t length)
{
        return call->body_came && length > 5 && strncmp(line, "HTTP/", 5) == 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
        struct http_call *call = context;

        call->twice = is_second_answer(call, bytes, size * count);
        if (call->twice)
                return 0;
        call->header_bytes += size * count;
        if (call->streams && *bytes == '\r' && status_of(call->easy) / 100 == 2) {
                call->begun = true;
                wake(call);
        }
        call->too_large = call->header_bytes > HTTP_MAX_HEADER_BYTES;
        return call->too_large ? 0 : size * count;
}

/* ---- headers ---- */

static void add_header(struct http_call *call, const char *name, const char *value)
{
        autofree char *line = memory_format("%s: %s", name, value);

        call->headers = curl_slist_append(call->headers, line);
}

static void base64_put(char *out, const unsigned char *bytes, size_t length)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < length; i += 3, out += 4) {
                unsigned three = (unsigned)bytes[i] << 16 |
                                 (i + 1 < length ? (unsigned)bytes[i + 1] << 8 : 0) |
                                 (i + 2 < length ? bytes[i + 2] : 0);

                out[0] = letters[three >> 18];
                out[1] = letters[three >> 12 & 63];
                out[2] = '=';
                out[3] = '=';
                if (i + 1 < length)
                        out[2] = letters[three >> 6 & 63];
                if (i + 2 < length)
                        out[3] = letters[three & 63];
        }
        *out = '\0';
}

/* A header line in memory for secrets. */
struct credential {
        char *line;
        size_t room;
};

static struct credential bearer(const char *token)
{
        static const char start[] = "Authorization: Bearer ";
        struct credential made = {.room = sizeof start + strlen(token)};

        made.line = secret_memory_new(made.room);
        snprintf(made.line, made.room, "%s%s", start, token);
        return made;
}

static struct credential basic(const char *username, const char *password)
{
        static const char start[] = "Authorization: Basic ";
        size_t plain_room = strlen(username) + strlen(password) + 2;
        struct credential made = {.room = sizeof start + 2 * plain_room};
        char *plain = secret_memory_new(plain_room);

        made.line = secret_memory_new(made.room);
        snprintf(plain, plain_room, "%s:%s", username, password);
        memcpy(made.line, start, sizeof start);
        base64_put(made.line + sizeof start - 1, (const unsigned char *)plain, plain_room - 1);
        secret_memory_free(plain, plain_room);
        return made;
}

/* libcurl's copy of the line is wiped by wipe_headers. */
static bool add_credentials(struct http_call *call, struct error *err)
{
        const struct http_peer *peer = call->peer;
        struct credential credential;
        const char *text;

        if (!peer->token && !peer->password)
                return true;
        if (!secret_text(peer->token ? peer->token : peer->password, &text, err))
                return error_wrap(err, "credentials for %s", peer->url);
        credential = peer->token ? bearer(text) : basic(peer->username, text);
        call->headers = curl_slist_append(call->headers, credential.line);
        secret_memory_free(credential.line, credential.room);
        return true;
}

static void wipe_headers(struct http_call *call)
{
        for (struct curl_slist *header = call->headers; header; header = header->next)
                explicit_bzero(header->data, strlen(header->data));
        curl_slist_free_all(call->headers);
        curl_slist_free_all(call->connect_to);
        call->headers = NULL;
        call->connect_to = NULL;
}

static bool make_headers(struct http_call *call, struct error *err)
{
        const struct http_request *request = call->request;

        add_header(call, "Accept", request->accept ? request->accept : "application/json");
        if (request->body)
                add_header(call, "Content-Type",
                           request->content_type ? request->content_type : "application/json");
        else
                add_header(call, "Content-Type", "");
        /* What changes something says who sent it: an optctl that is the peer asks for that. */
        if (request->method && strcmp(request->method, "GET") != 0)
                add_header(call, "X-Requested-With", "optctl");
        /* A peer is not asked first whether it wants the body. */
        add_header(call, "Expect", "");
        if (call->peer->host)
                add_header(call, "Host", call->peer->host);
        return add_credentials(call, err);
}

/* ---- what libcurl is told ---- */

static void set_url(struct http_call *call)
{
        const char *path = call->request->path ? call->request->path : "";
        autofree char *url =
                memory_format("%s%s%s", call->peer->asked_url, *path == '/' || !*path ? "" : "/", path);

        curl_easy_setopt(call->easy, CURLOPT_URL, url);
        curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(call->easy, CURLOPT_HTTP_VERSION,
                         (long)(call->lane->shares ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
        curl_easy_setopt(call->easy, CURLOPT_USERAGENT, "optctl/" OPTCTL_VERSION);
        /* The environment decides nothing: neither a proxy nor an exception from one. */
        curl_easy_setopt(call->easy, CURLOPT_PROXY, call->peer->proxy ? call->peer->proxy : "");
        curl_easy_setopt(call->easy, CURLOPT_NOPROXY, "");
        if (call->peer->connect_to)
                call->connect_to = curl_slist_append(NULL, call->peer->connect_to);
        curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to);
}

static void set_method(struct http_call *call)
{
        const struct http_request *request = call->request;
        const char *method = request->method ? request->method : "GET";
        bool takes_body =
                strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;

        if (request->body || takes_body) {
                curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                 (curl_off_t)(request->body ? request->body_length : 0));
                curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
        } else if (strcmp(method, "HEAD") == 0) {
                curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
        }
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, method);
        /* On a connection that was kept, libcurl sends again what got no answer. What must not be sent twice
         * has a connection of its own, which over TLS costs both sides more than all the rest. */
        if (!http_call_repeatable(call) && !request->conditional)
                curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_connection(struct http_call *call)
{
        curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(call->easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->peer->connect_timeout_ms);
        /* Giving up does not wait for the thread that looks up a name. */
        curl_easy_setopt(call->easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(call->easy, CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
        curl_easy_setopt(call->easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_SECONDS);
        curl_easy_setopt(call->easy, CURLOPT_DNS_CACHE_TIMEOUT, ADDRESS_SECONDS);
}

static void set_blob(struct http_call *call, CURLoption option, char *pem)
{
        const struct curl_blob blob = {.data = pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY};

        curl_easy_setopt(call->easy, option, &blob);
}

/* Files are read for every connection, so that those made after a rotation go by the new ones: neither the
 * authorities nor sessions that others agreed on are remembered. */
static void set_tls(struct http_call *call)
{
        const struct http_peer *peer = call->peer;

        curl_easy_setopt(call->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        if (peer->ca_pem) {
                set_blob(call, CURLOPT_CAINFO_BLOB, peer->ca_pem);
                curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL);
        } else if (peer->ca_file) {
                curl_easy_setopt(call->easy, CURLOPT_CAINFO, peer->ca_file);
                curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL);
                curl_easy_setopt(call->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
        }
        curl_easy_setopt(call->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        if (peer->certificate_pem) {
                set_blob(call, CURLOPT_SSLCERT_BLOB, peer->certificate_pem);
                set_blob(call, CURLOPT_SSLKEY_BLOB, peer->key_pem);
        } else if (peer->certificate_file) {
                curl_easy_setopt(call->easy, CURLOPT_SSLCERT, peer->certificate_file);
                curl_easy_setopt(call->easy, CURLOPT_SSLKEY, peer->key_file);
        }
}

static void set_answer(struct http_call *call)
{
        curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
        curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->detail);
        /* What is packed would wait until there is enough of it. */
        if (!call->streams) {
                curl_easy_setopt(call->easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
                curl_easy_setopt(call->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)cap_of(call));
        }
        curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
        curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
}

/* ---- one attempt ---- */

static CURL *handle_take(struct http_client *client)
{
        CURL *easy = client->n_idle > 0 ? client->idle[--client->n_idle] : curl_easy_init();

        if (!easy) {
                fputs("optctl: out of memory\n", stderr);
                abort();
        }
        return easy;
}

static void handle_give(struct http_client *client, CURL *easy)
{
        if (client->n_idle == HTTP_IDLE_HANDLES) {
                curl_easy_cleanup(easy);
                return;
        }
        curl_easy_reset(easy);
        client->idle[client->n_idle++] = easy;
}

/* libcurl counts the connections in use, too. */
static void count_asking(struct http_lane *lane, int change)
{
        lane->asking += (size_t)change;
        curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)(lane->asking + IDLE_CONNECTIONS));
}

bool http_attempt_start(struct http_call *call, struct error *err)
{
        struct http_client *client = call->peer->client;

        text_free(&call->body);
        call->body = (struct text){0};
        call->header_bytes = 0;
        call->done = call->unheard = call->too_large = call->cut = false;
        call->begun = call->full = call->unread = call->body_came = call->twice = false;
        call->detail[0] = '\0';
        if (!make_headers(call, err)) {
                wipe_headers(call);
                return false;
        }
        call->lane = http_lane_choose(call);
        call->easy = handle_take(client);
        set_url(call);
        set_method(call);
        set_connection(call);
        set_tls(call);
        set_answer(call);
        curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
        count_asking(call->lane, 1);
        curl_multi_add_handle(call->lane->multi, call->easy);
        return true;
}

void http_attempt_resume(struct http_call *call)
{
        call->full = false;
        curl_easy_pause(call->easy, CURLPAUSE_CONT);
}

void http_attempt_stop(struct http_call *call)
{
        if (!call->easy)
                return;
        curl_multi_remove_handle(call->lane->multi, call->easy);
        count_asking(call->lane, -1);
        handle_give(call->peer->client, call->easy);
        call->easy = NULL;
        wipe_headers(call);
        http_lane_leave(call);
}

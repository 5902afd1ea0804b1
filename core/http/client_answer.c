/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/http/client_internal.h"
#include "core/json.h"
#include "core/redact.h"

#define NAME_BYTES      300 /* of peer and path in a message */
#define WORDS_BYTES     300 /* of what the peer said */
#define RETRY_AFTER_MAX INT64_C(86400)

/* ---- text of others ---- */

/* Redacted, and cut between two characters. Caller frees. */
static char *shorten(const char *text, size_t most)
{
        char *clean = redact_text(text);
        size_t length = strlen(clean);

        if (length > most) {
                length = most;
                while (length > 0 && ((unsigned char)clean[length] & 0xc0) == 0x80)
                        length--;
                clean[length] = '\0';
        }
        return clean;
}

char *http_call_name(const struct http_call *call)
{
        const char *path = call->request->path ? call->request->path : "";
        autofree char *name =
                memory_format("%s%s%s", call->peer->url, *path == '/' || !*path ? "" : "/", path);

        return shorten(name, NAME_BYTES);
}

/* What engines put their words into: {"message": ...}, {"error": ...}, {"errors": [...]}. Borrowed. */
static const char *words_in_json(const json_t *json)
{
        static const char *const keys[] = {"message", "error", "detail", "title", "errors"};

        for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
                const json_t *value = json_object_get(json, keys[i]);

                if (json_is_array(value))
                        value = json_array_get(value, 0);
                if (json_is_object(value))
                        value = json_object_get(value, "message");
                if (json_is_string(value) && *json_string_value(value))
                        return json_string_value(value);
        }
        return NULL;
}

/* First line that says something; NULL for pages, which say it in their title at best. */
static char *words_of(const struct http_response *response)
{
        autojson *json = NULL;
        autofree char *line = NULL;
        const char *text = response->body ? response->body : "";

        text += strspn(text, " \t\r\n");
        if (*text == '{')
                json = json_loadb(response->body, response->length, 0, NULL);
        if (json && words_in_json(json))
                text = words_in_json(json);
        text += strspn(text, " \t\r\n");
        if (!*text || *text == '<')
                return NULL;
        line = memory_copy_text(text);
        line[strcspn(line, "\r\n")] = '\0';
        return shorten(line, WORDS_BYTES);
}

/* ---- statuses ---- */

struct meaning {
        int status;
        enum error_code code;
        const char *reason; /* NULL: the code's own */
        const char *words;
};

static struct meaning meaning_of(int status)
{
        static const struct meaning table[] = {
                {400, ERROR_REFUSED, "BadRequest", "Bad Request"},
                {401, ERROR_REFUSED, "Unauthorized", "Unauthorized"},
                {403, ERROR_REFUSED, "Forbidden", "Forbidden"},
                {404, ERROR_NOT_FOUND, NULL, "Not Found"},
                {405, ERROR_REFUSED, "MethodNotAllowed", "Method Not Allowed"},
                {408, ERROR_TIMEOUT, NULL, "Request Timeout"},
                {409, ERROR_CONFLICT, NULL, "Conflict"},
                {410, ERROR_NOT_FOUND, "Gone", "Gone"},
                {412, ERROR_CONFLICT, "PreconditionFailed", "Precondition Failed"},
                {413, ERROR_REFUSED, "RequestTooLarge", "Content Too Large"},
                {422, ERROR_REFUSED, "Unprocessable", "Unprocessable Content"},
                {429, ERROR_UNAVAILABLE, "TooManyRequests", "Too Many Requests"},
                {500, ERROR_UNAVAILABLE, "PeerFailed", "Internal Server Error"},
                {501, ERROR_UNAVAILABLE, "PeerFailed", "Not Implemented"},
                {502, ERROR_UNAVAILABLE, NULL, "Bad Gateway"},
                {503, ERROR_UNAVAILABLE, NULL, "Service Unavailable"},
                {504, ERROR_UNAVAILABLE, NULL, "Gateway Timeout"},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
                if (table[i].status == status)
                        return table[i];
        if (status / 100 == 3)
                return (struct meaning){status, ERROR_REFUSED, "Redirected",
                                        "wants us to ask elsewhere; redirects are not followed"};
        if (status / 100 == 4)
                return (struct meaning){status, ERROR_REFUSED, NULL, "refused"};
        if (status / 100 == 5)
                return (struct meaning){status, ERROR_UNAVAILABLE, "PeerFailed", "failed"};
        return (struct meaning){status, ERROR_UNAVAILABLE, "NotHttp", "is no status that ends a request"};
}

/* Of one that is no success. */
static bool judge_status(const struct http_call *call, const char *name, struct error *err)
{
        const struct http_response *response = call->response;
        struct meaning meaning = meaning_of(response->status);
        autofree char *words = words_of(response);
        char wait[48] = "";

        if (response->retry_after_ms > 0)
                snprintf(wait, sizeof wait, ", asks to wait for %lld s",
                         (long long)((response->retry_after_ms + 999) / 1000));
        return error_set(err, meaning.code, meaning.reason, "%s: %d %s%s%s%s", name, response->status,
                         meaning.words, wait, words ? ": " : "", words ? words : "");
}

/* ---- what the network does ---- */

static bool judge_network(const struct http_call *call, const char *name, struct error *err)
{
        static const struct {
                CURLcode result;
                enum error_code code;
                const char *reason;
                const char *words; /* NULL: libcurl's */
        } table[] = {
                {CURLE_URL_MALFORMAT, ERROR_INPUT, NULL, "no valid URL"},
                {CURLE_SSL_CACERT_BADFILE, ERROR_INPUT, "CertificateUnreadable", NULL},
                {CURLE_SSL_CERTPROBLEM, ERROR_INPUT, "CertificateUnreadable", NULL},
                {CURLE_PEER_FAILED_VERIFICATION, ERROR_REFUSED, "PeerNotTrusted", NULL},
                {CURLE_SSL_ISSUER_ERROR, ERROR_REFUSED, "PeerNotTrusted", NULL},
                {CURLE_OPERATION_TIMEDOUT, ERROR_TIMEOUT, NULL, "does not accept connections in time"},
                {CURLE_COULDNT_CONNECT, ERROR_UNAVAILABLE, "NotReachable", NULL},
                {CURLE_COULDNT_RESOLVE_HOST, ERROR_UNAVAILABLE, "UnknownHost", NULL},
                {CURLE_COULDNT_RESOLVE_PROXY, ERROR_UNAVAILABLE, "UnknownHost", NULL},
                {CURLE_UNSUPPORTED_PROTOCOL, ERROR_UNAVAILABLE, "NotHttp", "does not speak HTTP"},
                {CURLE_WEIRD_SERVER_REPLY, ERROR_UNAVAILABLE, "NotHttp", "does not speak HTTP"},
                {CURLE_BAD_CONTENT_ENCODING, ERROR_UNAVAILABLE, "NotHttp", "the answer cannot be unpacked"},
                {CURLE_PARTIAL_FILE, ERROR_UNAVAILABLE, "AnswerCutShort", "the answer ended half-way"},
                {CURLE_GOT_NOTHING, ERROR_UNAVAILABLE, "ConnectionLost", "hung up without an answer"},
                {CURLE_RECV_ERROR, ERROR_UNAVAILABLE, "ConnectionLost", "the connection was lost"},
                {CURLE_SEND_ERROR, ERROR_UNAVAILABLE, "ConnectionLost", "the connection was lost"},
                {CURLE_HTTP2, ERROR_UNAVAILABLE, "ConnectionLost", "the connection was lost"},
                {CURLE_HTTP2_STREAM, ERROR_UNAVAILABLE, "ConnectionLost", NULL},
        };
        autofree char *detail =
                shorten(call->detail[0] ? call->detail : curl_easy_strerror(call->result), WORDS_BYTES);

        if (call->twice)
                return error_set(err, ERROR_UNAVAILABLE, "AnswerCutShort",
                                 "%s: the answer ended half-way, and another one began", name);
        /* No status, and libcurl takes it for an answer: HTTP/2 with ":status: 000". */
        if (call->result == CURLE_OK)
                return error_set(err, ERROR_UNAVAILABLE, "NotHttp", "%s: the answer has no status", name);
        /* libcurl's own words may be about a kept connection that it tried first. */
        if (call->result == CURLE_COULDNT_CONNECT && call->os_error != 0)
                return error_set(err, ERROR_UNAVAILABLE, "NotReachable", "%s: cannot connect: %s", name,
                                 strerrordesc_np((int)call->os_error));
        /* A frame that HTTP/2 forbids, or more headers than libcurl keeps, which only these words tell. */
        if (call->result == CURLE_RECV_ERROR && strstr(call->detail, "nghttp2"))
                return error_set(err, ERROR_UNAVAILABLE, "ConnectionLost", "%s: the connection was lost: %s",
                                 name, detail);
        for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
                if (table[i].result == call->result)
                        return error_set(err, table[i].code, table[i].reason, "%s: %s", name,
                                         table[i].words ? table[i].words : detail);
        return error_set(err, ERROR_UNAVAILABLE, NULL, "%s: %s", name, detail);
}

bool http_answer_judge(const struct http_call *call, struct error *err)
{
        size_t most = call->request->max_bytes ? call->request->max_bytes : call->peer->max_bytes;
        autofree char *name = NULL;

        if (call->response->status / 100 == 2 && !call->too_large)
                return true;
        name = http_call_name(call);
        if (call->unread)
                return error_set(err, ERROR_LIMIT, "NotReadInTime", "%s: more came than was read", name);
        if (call->too_large && call->header_bytes > HTTP_MAX_HEADER_BYTES)
                return error_set(err, ERROR_LIMIT, "AnswerTooLarge",
                                 "%s: the answer's headers are larger than the %zu KiB that are accepted",
                                 name, HTTP_MAX_HEADER_BYTES / 1024);
        if (call->too_large)
                return error_set(err, ERROR_LIMIT, "AnswerTooLarge",
                                 "%s: the answer is larger than the %zu KiB that are accepted", name,
                                 (most + 1023) / 1024);
        if (call->response->status != 0)
                return judge_status(call, name, err);
        return judge_network(call, name, err);
}

bool http_answer_passes(const struct http_call *call)
{
        static const int statuses[] = {408, 429, 502, 503, 504};
        static const CURLcode results[] =
                {CURLE_OPERATION_TIMEDOUT, CURLE_COULDNT_CONNECT,   CURLE_COULDNT_RESOLVE_HOST,
                 CURLE_GOT_NOTHING,        CURLE_RECV_ERROR,        CURLE_SEND_ERROR,
                 CURLE_PARTIAL_FILE,       CURLE_SSL_CONNECT_ERROR, CURLE_HTTP2,
                 CURLE_HTTP2_STREAM};

        if (call->too_large)
                return false;
        if (call->twice)
                return true;
        for (size_t i = 0; call->response->status != 0 && i < ARRAY_LENGTH(statuses); i++)
                if (call->response->status == statuses[i])
                        return true;
        for (size_t i = 0; call->response->status == 0 && i < ARRAY_LENGTH(results); i++)
                if (call->result == results[i])
                        return true;
        return false;
}

/* ---- what came ---- */

/* Seconds, or a date of HTTP. 0: neither, or it has passed. */
static int64_t retry_after_ms(const struct http_call *call)
{
        struct curl_header *header;
        int64_t seconds;
        long long number;

        if (curl_easy_header(call->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return 0;
        if (text_to_int64(header->value, &number))
                seconds = number;
        else
                seconds = (int64_t)curl_getdate(header->value, NULL) -
                          clock_now_ms(&call->peer->client->clock) / MS_PER_SECOND;
        if (seconds < 0)
                return 0;
        return (seconds < RETRY_AFTER_MAX ? seconds : RETRY_AFTER_MAX) * MS_PER_SECOND;
}

/* The answer is there as a whole, or as much of it as matters: a status alone is worth little when the rest
 * of a good answer did not come. */
static bool has_answer(const struct http_call *call, long status)
{
        if (status == 0 || call->too_large || call->twice)
                return false;
        if (call->result == CURLE_FILESIZE_EXCEEDED)
                return status / 100 != 2;
        return call->result == CURLE_OK || call->cut || (call->header_bytes > 0 && status / 100 > 3);
}

void http_answer_take(struct http_call *call)
{
        struct http_response *response = call->response;
        const char *type = NULL;
        long status = 0;

        http_response_free(response);
        curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &call->os_error);
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        if (call->result == CURLE_FILESIZE_EXCEEDED && status / 100 == 2)
                call->too_large = true;
        if (!has_answer(call, status))
                return;
        response->status = (int)status;
        response->length = call->body.length;
        response->body = text_take(&call->body);
        /* What a peer says back of a secret goes no further, whatever it says it in. */
        response->length = redact_answer(response->body, response->length, status / 100 == 2);
        response->body[response->length] = '\0';
        curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
        snprintf(response->content_type, sizeof response->content_type, "%s", type ? type : "");
        response->received_ms = clock_now_ms(&call->peer->client->clock);
        response->retry_after_ms = retry_after_ms(call);
}

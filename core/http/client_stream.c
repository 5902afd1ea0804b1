/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>

#include "core/http/client_internal.h"

struct http_stream {
        struct http_call call;
        struct http_request request;
        char *path; /* of the request, whose other texts are the caller's and sent once it is open */
        struct http_response response;
        struct error err;
};

static int64_t now_ms(const struct http_stream *stream)
{
        return reactor_steady_ms(stream->call.peer->client->reactor);
}

static void wait_until(struct http_stream *stream, int64_t steady_ms)
{
        const struct http_client *client = stream->call.peer->client;

        stream->call.fiber = reactor_current(client->reactor);
        reactor_wait_until(client->reactor, clock_now_ms(&client->clock) + steady_ms - now_ms(stream));
        stream->call.fiber = NULL;
}

static bool stopped(const struct http_stream *stream)
{
        return reactor_stopped(stream->call.peer->client->reactor);
}

/* Nothing was heard until a time, or optctl is about to end. */
static bool fail_unheard(struct http_stream *stream, int64_t waited_ms, struct error *err)
{
        autofree char *name = http_call_name(&stream->call);

        if (stopped(stream))
                return error_set(err, ERROR_INTERRUPTED, NULL, "%s: interrupted", name);
        stream->call.unheard = true;
        return error_set(err, ERROR_TIMEOUT, NULL, "%s: nothing came within %.3g s", name,
                         (double)waited_ms / MS_PER_SECOND);
}

/* What libcurl and the peer said when it ended. True: a whole answer. */
static bool judge_end(struct http_stream *stream, struct error *err)
{
        http_answer_take(&stream->call);
        return http_answer_judge(&stream->call, err);
}

/* ---- opening ---- */

static struct http_stream *stream_new(struct http_peer *peer, const struct http_request *request)
{
        struct http_stream *stream = memory_new(1, sizeof *stream);

        stream->path = memory_copy_text(request->path);
        stream->request = *request;
        stream->request.path = stream->path;
        stream->call = (struct http_call){.peer = peer,
                                          .request = &stream->request,
                                          .response = &stream->response,
                                          .err = &stream->err,
                                          .streams = true,
                                          .attempts = 1};
        stream->call.begun_ms = now_ms(stream);
        stream->call.deadline_ms =
                stream->call.begun_ms + (request->timeout_ms > 0 ? request->timeout_ms : peer->timeout_ms);
        return stream;
}

/* True: the headers of a good answer are there. */
static bool wait_for_headers(struct http_stream *stream, struct error *err)
{
        struct http_call *call = &stream->call;

        while (!call->begun && !call->done && now_ms(stream) < call->deadline_ms && !stopped(stream))
                wait_until(stream, call->deadline_ms);
        if (call->begun)
                return true;
        if (!call->done)
                return fail_unheard(stream, now_ms(stream) - call->begun_ms, err);
        return judge_end(stream, err);
}

bool http_stream_open(struct http_peer *peer, const struct http_request *request,
                      struct http_stream **ret_stream, struct http_response *ret_response, struct error *err)
{
        autocall(http_stream_close) struct http_stream *stream = stream_new(peer, request);
        bool good;

        assert(reactor_current(peer->client->reactor));
        *ret_response = (struct http_response){0};
        good = http_attempt_start(&stream->call, &stream->err) && wait_for_headers(stream, &stream->err);
        http_call_count(&stream->call);
        if (!good) {
                *err = stream->err;
                *ret_response = stream->response;
                stream->response = (struct http_response){0};
                return false;
        }
        *ret_stream = TAKE(stream);
        return true;
}

/* ---- reading ---- */

static void hand_over(struct http_call *call, struct text *out)
{
        text_add(out, call->body.data, call->body.length);
        text_free(&call->body);
        call->body = (struct text){0};
        if (call->full)
                http_attempt_resume(call);
}

bool http_stream_read(struct http_stream *stream, int64_t idle_ms, struct text *out, bool *ret_ended,
                      struct error *err)
{
        struct http_call *call = &stream->call;
        int64_t since_ms = now_ms(stream);

        while (call->body.length == 0 && !call->done && now_ms(stream) < since_ms + idle_ms &&
               !stopped(stream))
                wait_until(stream, since_ms + idle_ms);
        *ret_ended = false;
        if (call->body.length > 0) {
                hand_over(call, out);
                return true;
        }
        if (!call->done)
                return fail_unheard(stream, now_ms(stream) - since_ms, err);
        *ret_ended = true;
        return judge_end(stream, err);
}

void http_stream_close(struct http_stream *stream)
{
        if (!stream)
                return;
        http_attempt_stop(&stream->call);
        text_free(&stream->call.body);
        http_response_free(&stream->response);
        free(stream->path);
        free(stream);
}

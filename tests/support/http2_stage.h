/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_HTTP2_STAGE_H
#define OPTCTL_TESTS_SUPPORT_HTTP2_STAGE_H

#include <stdlib.h>
#include <string.h>

#include "core/http/client.h"
#include "tests/support/certificates.h"
#include "tests/support/http2_peer.h"
#include "tests/support/scratch.h"

#define START     INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */
#define MANY      8                      /* requests at once */
#define MOST_KEPT 64

/* A client and a server in one reactor with virtual time, and one certificate between them. */
struct http2_stage {
        struct scratch scratch;
        struct reactor *reactor;
        struct clock clock;
        struct http_client *client;
        struct http2_peer *server;
        struct http_peer *peer;
        void (*play)(struct http2_stage *stage);
        void (*when_asked)(struct http2_stage *stage, const struct http2_stream *stream);
        struct http2_stream asked[MOST_KEPT]; /* in their order */
};

static inline const struct http2_stream *request(const struct http2_stage *stage, int number)
{
        assert_true(number <= http2_requests(stage->server));
        return &stage->asked[number - 1];
}

static inline void take(struct http2_peer *server, const struct http2_stream *stream)
{
        struct http2_stage *stage = http2_peer_context(server);

        if (stream->request <= MOST_KEPT)
                stage->asked[stream->request - 1] = *stream;
        if (stage->when_asked)
                stage->when_asked(stage, stream);
        else
                http2_answer(server, stream, "{}");
}

static inline void stay_silent(struct http2_stage *stage, const struct http2_stream *stream)
{
        (void)stage;
        (void)stream;
}

static inline void play_fiber(void *argument)
{
        struct http2_stage *stage = argument;

        stage->play(stage);
}

static inline void make_certificates(const struct scratch *scratch)
{
        certificate_make(scratch, "ca", &(struct certificate){.subject = "Test authority"});
        certificate_make(scratch, "server",
                         &(struct certificate){.subject = "server", .names = "IP:127.0.0.1", .issuer = "ca"});
}

static inline void run(void (*play)(struct http2_stage *stage))
{
        static const struct reactor_options how = {.virtual_start_ms = START};
        struct http2_stage stage = {.scratch = scratch_open(), .play = play};
        autofree char *ca_file = scratch_path(&stage.scratch, "ca.crt");
        autofree char *certificate_file = scratch_path(&stage.scratch, "server.crt");
        autofree char *key_file = scratch_path(&stage.scratch, "server.key");
        const struct scripted_tls tls = {certificate_file, key_file, NULL};
        const struct http_options options = {.ca_file = ca_file, .retries = 3};
        struct error err = ERROR_INIT;

        make_certificates(&stage.scratch);
        assert_true(reactor_new(&how, &stage.reactor, &err));
        stage.clock = reactor_clock(stage.reactor);
        stage.server = http2_peer_new(stage.reactor, &tls, take, &stage);
        assert_true(http_client_new(stage.reactor, NULL, NULL, &stage.client, &err));
        assert_true(
                http_peer_new(stage.client, http2_peer_url(stage.server), &options, NULL, &stage.peer, &err));
        http_peer_share(stage.peer);
        reactor_call(stage.reactor, play_fiber, &stage);
        http_peer_free(stage.peer);
        http_client_free(stage.client);
        http2_peer_free(stage.server);
        reactor_free(stage.reactor);
        scratch_close(&stage.scratch);
}

/* ---- what is sent ---- */

static inline struct error ask(struct http2_stage *stage, const struct http_request *request)
{
        struct http_response response;
        struct error err = ERROR_INIT;

        (void)http_send(stage->peer, request, &response, &err);
        http_response_free(&response);
        return err;
}

static inline void expect_good(const struct error *err)
{
        if (err->code != ERROR_NONE)
                fail_msg("%s", err->message);
}

static inline void get(struct http2_stage *stage)
{
        struct error err = ask(stage, &(struct http_request){.path = "/list"});

        expect_good(&err);
}

/* How many succeeded. */
static inline size_t get_many(struct http2_stage *stage)
{
        static const struct http_request requests[MANY];
        struct http_response responses[MANY];
        struct error errors[MANY] = {0};
        size_t good = http_send_all(stage->peer, requests, MANY, responses, errors);

        for (int i = 0; i < MANY; i++)
                http_response_free(&responses[i]);
        return good;
}

static inline struct http_stream *open_stream(struct http2_stage *stage)
{
        const struct http_request request = {.path = "/watch"};
        struct http_response response;
        struct http_stream *stream = NULL;
        struct error err = ERROR_INIT;

        if (!http_stream_open(stage->peer, &request, &stream, &response, &err))
                fail_msg("%s", err.message);
        return stream;
}

static inline void expect_line(struct http_stream *stream, const char *expected)
{
        autotext text = {0};
        struct error err = ERROR_INIT;
        bool ended;

        if (!http_stream_read(stream, 1000, &text, &ended, &err))
                fail_msg("%s", err.message);
        assert_false(ended);
        assert_string_equal(text.data, expected);
}

static inline void wait_ms(struct http2_stage *stage, int64_t ms)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&stage->clock, clock_now_ms(&stage->clock) + ms, &err));
}

#endif

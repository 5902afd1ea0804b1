/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/http_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct http_stage *http_stage_open(const struct http_options *options)
{
        return http_stage_open_with(options, NULL, true);
}

struct http_stage *http_stage_open_with(const struct http_options *options, const struct scripted_tls *tls,
                                        bool virtual_time)
{
        const struct reactor_options how = {.virtual_start_ms = virtual_time ? STAGE_START : 0};
        struct http_stage *stage = memory_new(1, sizeof *stage);
        struct error err = ERROR_INIT;

        assert_true(reactor_new(&how, &stage->reactor, &err));
        stage->clock = reactor_clock(stage->reactor);
        stage->metrics = metrics_new();
        stage->log_file = open_memstream(&stage->logged, &stage->logged_length);
        assert_non_null(stage->log_file);
        stage->log = log_new(stage->log_file, LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG, &stage->clock);
        stage->script = scripted_peer_new_tls(stage->reactor, tls);
        if (!http_client_new(stage->reactor, stage->metrics, stage->log, &stage->client, &err) ||
            !http_peer_new(stage->client, scripted_peer_url(stage->script), options, NULL, &stage->peer,
                           &err))
                fail_msg("%s", err.message);
        return stage;
}

void http_stage_close(struct http_stage *stage)
{
        http_peer_free(stage->peer);
        http_client_free(stage->client);
        scripted_peer_free(stage->script);
        metrics_free(stage->metrics);
        reactor_free(stage->reactor);
        log_free(stage->log);
        fclose(stage->log_file);
        free(stage->logged);
        free(stage);
}

const char *http_stage_logged(struct http_stage *stage)
{
        fflush(stage->log_file);
        return stage->logged ? stage->logged : "";
}

char *http_stage_metrics(const struct http_stage *stage)
{
        autotext text = {0};

        metrics_expose(stage->metrics, &text);
        return text_take(&text);
}

int64_t http_stage_now(const struct http_stage *stage)
{
        return clock_now_ms(&stage->clock) - STAGE_START;
}

struct errand {
        struct http_peer *peer;
        const struct http_request *request;
        struct http_response *response;
        struct error *err;
        bool good;
};

static void run_errand(void *argument)
{
        struct errand *errand = argument;

        errand->good = http_send(errand->peer, errand->request, errand->response, errand->err);
}

bool http_stage_send(struct http_stage *stage, const struct http_request *request,
                     struct http_response *ret_response, struct error *err)
{
        struct errand errand = {stage->peer, request, ret_response, err, false};

        error_clear(err);
        reactor_call(stage->reactor, run_errand, &errand);
        return errand.good;
}

bool http_stage_get(struct http_stage *stage, const char *path, struct http_response *ret_response,
                    struct error *err)
{
        const struct http_request request = {.path = path};

        return http_stage_send(stage, &request, ret_response, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "core/http/client_internal.h"

/* libcurl says which sockets it waits for and for how long; the loop tells it when. */
struct watch {
        uv_poll_t poll; /* first: closed by its address */
        struct http_lane *lane;
        curl_socket_t socket;
};

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

/* Wakes the fibers whose answers are complete. */
static void tell_done(const struct http_lane *lane)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(lane->multi, &left))) {
                struct http_call *call = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
                call->result = message->data.result;
                call->done = true;
                if (call->fiber)
                        reactor_wake(lane->client->reactor, call->fiber);
        }
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
        const struct watch *watch = (struct watch *)poll;
        const struct http_lane *lane = watch->lane;
        int running, flags = 0;

        if (status < 0)
                flags = CURL_CSELECT_ERR;
        if (events & UV_READABLE)
                flags |= CURL_CSELECT_IN;
        if (events & UV_WRITABLE)
                flags |= CURL_CSELECT_OUT;
        curl_multi_socket_action(lane->multi, watch->socket, flags, &running);
        tell_done(lane);
}

static void time_is_up(uv_timer_t *timer)
{
        const struct http_lane *lane = timer->data;
        int running;

        curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        tell_done(lane);
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
        const struct http_lane *lane = context;

        (void)multi;
        if (timeout_ms < 0) {
                uv_timer_stop(lane->timer);
                return 0;
        }
        uv_update_time(reactor_loop(lane->client->reactor));
        uv_timer_start(lane->timer, time_is_up, (uint64_t)timeout_ms, 0);
        return 0;
}

static struct watch *watch_new(struct http_lane *lane, curl_socket_t socket)
{
        struct watch *watch = memory_new(1, sizeof *watch);

        watch->lane = lane;
        watch->socket = socket;
        if (uv_poll_init_socket(reactor_loop(lane->client->reactor), &watch->poll, socket) != 0) {
                free(watch);
                return NULL;
        }
        curl_multi_assign(lane->multi, socket, watch);
        return watch;
}

static void watch_end(struct watch *watch)
{
        uv_poll_stop(&watch->poll);
        curl_multi_assign(watch->lane->multi, watch->socket, NULL);
        uv_close((uv_handle_t *)&watch->poll, free_handle);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context)
{
        struct watch *watch = socket_context;
        int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                if (watch)
                        watch_end(watch);
                return 0;
        }
        if (!watch)
                watch = watch_new(context, socket);
        return watch && uv_poll_start(&watch->poll, events, socket_ready) == 0 ? 0 : -1;
}

static bool lane_begin(struct http_lane *lane, struct http_client *client)
{
        lane->client = client;
        lane->multi = curl_multi_init();
        if (!lane->multi)
                return false;
        lane->timer = memory_new(1, sizeof *lane->timer);
        lane->timer->data = lane;
        uv_timer_init(reactor_loop(client->reactor), lane->timer);
        curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
        curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
        curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING,
                          (long)(lane->shares ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
        return true;
}

bool http_lane_open(struct http_client *client, size_t index, struct error *err)
{
        struct http_lane *lane = &client->lanes[index % HTTP_LANES];

        return lane->multi || lane_begin(lane, client) ||
               error_set(err, ERROR_IO, NULL, "libcurl does not start");
}

struct http_lane *http_lane_new(struct http_client *client)
{
        struct http_lane *lane = memory_new(1, sizeof *lane);

        lane->shares = true;
        lane->opened_ms = reactor_steady_ms(client->reactor);
        if (!lane_begin(lane, client)) {
                fputs("optctl: out of memory\n", stderr);
                abort();
        }
        return lane;
}

static void lane_close(struct http_lane *lane)
{
        if (lane->multi)
                curl_multi_cleanup(lane->multi);
        if (lane->timer)
                uv_close((uv_handle_t *)lane->timer, free_handle);
}

void http_lane_free(struct http_lane *lane)
{
        if (!lane)
                return;
        lane_close(lane);
        free(lane);
}

bool http_loop_open(struct error *err)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return error_set(err, ERROR_IO, NULL, "libcurl does not start");
        return true;
}

void http_loop_close(struct http_client *client)
{
        for (size_t i = 0; i < HTTP_LANES; i++)
                lane_close(&client->lanes[i]);
        curl_global_cleanup();
}

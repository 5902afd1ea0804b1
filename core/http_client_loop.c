/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "core/http_client_internal.h"

#define IDLE_CONNECTIONS_MAX 512

/* libcurl says which sockets it waits for and for how long; the loop tells it when. */
struct watch {
        uv_poll_t poll; /* first: closed by its address */
        struct http_client *client;
        curl_socket_t socket;
};

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

/* Wakes the fibers whose answers are complete. */
static void tell_done(struct http_client *client)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(client->multi, &left))) {
                struct http_call *call = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
                call->result = message->data.result;
                call->done = true;
                reactor_wake(client->reactor, call->fiber);
        }
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
        struct watch *watch = (struct watch *)poll;
        struct http_client *client = watch->client;
        int running, flags = 0;

        if (status < 0)
                flags = CURL_CSELECT_ERR;
        if (events & UV_READABLE)
                flags |= CURL_CSELECT_IN;
        if (events & UV_WRITABLE)
                flags |= CURL_CSELECT_OUT;
        curl_multi_socket_action(client->multi, watch->socket, flags, &running);
        tell_done(client);
}

static void time_is_up(uv_timer_t *timer)
{
        struct http_client *client = timer->data;
        int running;

        curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        tell_done(client);
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
        struct http_client *client = context;

        (void)multi;
        if (timeout_ms < 0) {
                uv_timer_stop(client->timer);
                return 0;
        }
        uv_update_time(reactor_loop(client->reactor));
        uv_timer_start(client->timer, time_is_up, (uint64_t)timeout_ms, 0);
        return 0;
}

static struct watch *watch_new(struct http_client *client, curl_socket_t socket)
{
        struct watch *watch = memory_new(1, sizeof *watch);

        watch->client = client;
        watch->socket = socket;
        if (uv_poll_init_socket(reactor_loop(client->reactor), &watch->poll, socket) != 0) {
                free(watch);
                return NULL;
        }
        curl_multi_assign(client->multi, socket, watch);
        return watch;
}

static void watch_end(struct http_client *client, struct watch *watch)
{
        uv_poll_stop(&watch->poll);
        curl_multi_assign(client->multi, watch->socket, NULL);
        uv_close((uv_handle_t *)&watch->poll, free_handle);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context)
{
        struct http_client *client = context;
        struct watch *watch = socket_context;
        int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                if (watch)
                        watch_end(client, watch);
                return 0;
        }
        if (!watch)
                watch = watch_new(client, socket);
        return watch && uv_poll_start(&watch->poll, events, socket_ready) == 0 ? 0 : -1;
}

bool http_loop_open(struct http_client *client, struct error *err)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(client->multi = curl_multi_init()))
                return error_set(err, ERROR_IO, NULL, "libcurl does not start");
        client->timer = memory_new(1, sizeof *client->timer);
        client->timer->data = client;
        uv_timer_init(reactor_loop(client->reactor), client->timer);
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
        curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
        curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
        return true;
}

void http_loop_close(struct http_client *client)
{
        if (client->multi)
                curl_multi_cleanup(client->multi);
        if (client->timer)
                uv_close((uv_handle_t *)client->timer, free_handle);
        curl_global_cleanup();
}

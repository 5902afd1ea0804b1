/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/http/client_internal.h"

/*
 * Over HTTP/2 requests share a connection, and its end: what it had not brought by then is lost for all of
 * them. So only what can be asked again goes over one, and nothing that somebody's right to act hangs on.
 */

#define SHARED_MS (300 * MS_PER_SECOND) /* then it is made anew: certificates and addresses change */

void http_peer_share(struct http_peer *peer)
{
        bool can = curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2;

        peer->shares = can && strncmp(peer->asked_url, "https:", 6) == 0;
}

static bool may_share(const struct http_call *call)
{
        const char *method = call->request->method;

        return call->peer->shares && !call->request->urgent &&
               (!method || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
}

struct http_lane *http_lane_choose(const struct http_call *call)
{
        struct http_client *client = call->peer->client;
        struct http_origin *origin = call->peer->origin;

        if (!may_share(call))
                return origin->lane;
        if (origin->shared && reactor_steady_ms(client->reactor) >= origin->shared->opened_ms + SHARED_MS)
                http_lane_replace(origin);
        if (!origin->shared)
                origin->shared = http_lane_new(client);
        return origin->shared;
}

void http_lane_replace(struct http_origin *origin)
{
        struct http_lane *lane = TAKE(origin->shared);

        if (!lane)
                return;
        lane->replaced = true;
        if (lane->asking == 0)
                http_lane_free(lane);
}

/* Half-open, or ended with everything that was under way on it: either way it is no place for the next. */
static bool is_doubtful(const struct http_call *call)
{
        return call->unheard || (call->done && call->result != CURLE_OK && !call->too_large && !call->cut);
}

/* libcurl 7.88 tells of a request that is given up, or whose answer is more than is taken, with the next
 * thing that it says on the connection. When nothing else is under way there, that may be long after, and the
 * end of the connection says it now. */
static bool is_untold(const struct http_call *call)
{
        return (!call->done || call->too_large || call->cut) && call->lane->asking == 0;
}

void http_lane_leave(const struct http_call *call)
{
        struct http_lane *lane = call->lane;
        struct http_origin *origin = call->peer->origin;

        if (lane == origin->shared && (is_doubtful(call) || is_untold(call)))
                http_lane_replace(origin);
        else if (lane->replaced && lane->asking == 0)
                http_lane_free(lane);
}

bool http_lane_is_shared(const struct http_call *call)
{
        long version = 0;

        if (!call->lane->shares)
                return false;
        curl_easy_getinfo(call->easy, CURLINFO_HTTP_VERSION, &version);
        return version >= CURL_HTTP_VERSION_2_0;
}

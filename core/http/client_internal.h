/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_HTTP_CLIENT_INTERNAL_H
#define OPTCTL_CORE_HTTP_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <gsl/gsl_rng.h>

#include "core/clock.h"
#include "core/http/client.h"
#include "core/secret.h"
#include "core/text.h"

/*
 * The parts of the client:
 *
 * client.c          clients, peers, origins
 * client_loop.c     libcurl's sockets and timers on the reactor's loop
 * client_shared.c   connections that requests share: which do, and for how long
 * client_call.c     a request with all its attempts: waiting, asking, pausing, ended
 * client_attempt.c  one attempt: what libcurl is told, what it hands over
 * client_stream.c   an answer that is read while it comes
 * client_answer.c   what an answer means: status to error, the peer's own words
 * client_options.c  spec.*.*.connection
 */
#define HTTP_CONNECTIONS_PER_ORIGIN 8
#define HTTP_IDLE_HANDLES           16
#define HTTP_LANES                  32
#define HTTP_MAX_HEADER_BYTES       ((size_t)64 * 1024) /* of an answer */

struct http_call;

/* Scheme, host and port: what connections, silence and metrics are counted by, for all peers there. */
struct http_origin {
        char *name; /* https://host:port */
        struct http_lane *lane;
        struct http_lane *shared;       /* for what shares connections from now on; NULL: none so far */
        size_t users;                   /* peers */
        size_t asking;                  /* attempts under way */
        size_t n_waiting;               /* calls that wait for a connection */
        struct http_call *first, *last; /* of them */
        unsigned silent;                /* requests in a row that were not answered in time */
        unsigned probes;                /* of these: that were sent to see whether it is back */
};

/*
 * A share of the origins, with a libcurl of its own. With every answer libcurl looks at all connections and
 * addresses that it holds: with thousands of peers that would cost more than the answers.
 *
 * What shares connections has a lane for each origin, which no other request comes near, and which another
 * one replaces after a while: libcurl can neither be told to leave a connection alone that has gone dead, nor
 * does it end one that is never without a request.
 */
struct http_lane {
        struct http_client *client;
        CURLM *multi; /* NULL: no origin has come yet */
        uv_timer_t *timer;
        size_t asking; /* attempts under way */
        bool shares;
        bool replaced; /* takes nothing new, and goes with its last attempt */
        int64_t opened_ms;
};

struct http_client {
        struct reactor *reactor;
        struct clock clock;
        struct metrics *metrics;
        struct log *log;
        gsl_rng *random;
        struct http_lane lanes[HTTP_LANES];
        size_t n_joined; /* origins so far: each is given the next lane */
        void *origins;   /* by name: a tree of tsearch */
        CURL *idle[HTTP_IDLE_HANDLES];
        size_t n_idle;
};

struct http_peer {
        struct http_client *client;
        struct http_origin *origin;
        char *url;        /* for messages; no slash at its end */
        char *asked_url;  /* with server_name in the host's place, if there is one */
        char *host;       /* and port, as the Host header wants it; server_name only */
        char *connect_to; /* ::host:port, likewise */
        int64_t timeout_ms, connect_timeout_ms;
        int64_t retries;
        size_t max_bytes;
        char *proxy, *ca_file, *certificate_file, *key_file;
        char *username;
        struct secret *token, *password;
        bool token_is_ours;
        bool shares;                    /* connections, as of http_peer_share */
        char *ca_pem, *certificate_pem; /* in place of the files */
        char *key_pem;                  /* in memory for secrets */
};

enum http_call_state { CALL_WAITING, CALL_ASKING, CALL_PAUSING, CALL_ENDED };

/* One request of a fiber. It lives as long as the fiber waits for it. */
struct http_call {
        struct http_peer *peer;
        const struct http_request *request;
        struct http_response *response;
        struct error *err;
        struct fiber *fiber; /* NULL: nobody waits for it now (a stream) */
        enum http_call_state state;
        int64_t begun_ms, deadline_ms; /* all on the clock that is never set */
        int64_t pause_ends_ms;         /* CALL_PAUSING */
        int64_t queued_ms;             /* CALL_WAITING: since then */
        int64_t attempts;
        bool probe;             /* the one that asks a silent origin */
        bool given_up;          /* the probe it waited for had no answer */
        bool renewed;           /* its secret, after a 401 */
        struct http_call *next; /* CALL_WAITING: in the origin's queue */

        /* Of the attempt under way. */
        struct http_lane *lane;
        CURL *easy;
        struct curl_slist *headers, *connect_to;
        bool done;
        CURLcode result;
        char detail[CURL_ERROR_SIZE];
        long os_error; /* errno of connecting; 0: none */
        struct text body;
        size_t header_bytes;
        bool body_came; /* some of it */
        bool unheard;   /* given up, because nothing came in time */
        bool too_large; /* the answer; nothing of it is used */
        bool twice;     /* a second answer began in the midst of the first one */
        bool cut;       /* an error's body, which is enough of it */
        bool streams;   /* a good answer's body is read while it comes; the call waits in no queue */
        bool begun;     /* such an answer's headers have come */
        bool full;      /* no more of it is taken until some is read */
        bool unread;    /* so much of it that the others on its connection would have to wait */
};

/* ---- client_loop.c ---- */

bool http_loop_open(struct error *err);
/* The lane of the `index`-th origin to come, unless it is open. */
bool http_lane_open(struct http_client *client, size_t index, struct error *err);
/* One on which requests share connections. */
struct http_lane *http_lane_new(struct http_client *client);
void http_lane_free(struct http_lane *lane);
void http_loop_close(struct http_client *client);

/* ---- client_shared.c ---- */

/* The lane that an attempt of the call goes to now. */
struct http_lane *http_lane_choose(const struct http_call *call);
/* What comes next goes over other connections. Of an origin without shared ones: nothing. */
void http_lane_replace(struct http_origin *origin);
/* The attempt's lane is one attempt emptier. */
void http_lane_leave(const struct http_call *call);
/* Others on the attempt's connection wait as long as what came for it is not taken. */
bool http_lane_is_shared(const struct http_call *call);

/* ---- client_attempt.c ---- */

/* False when it cannot even be sent: a secret's file, a path that is none. */
bool http_attempt_start(struct http_call *call, struct error *err);
/* Goes on taking what comes, after `full`. */
void http_attempt_resume(struct http_call *call);
/* Ends it, finished or not, and wipes what was secret. The body stays. */
void http_attempt_stop(struct http_call *call);

/* ---- client_answer.c ---- */

/* Moves status, type and body of the answer to the attempt that is done into the call's response. */
void http_answer_take(struct http_call *call);
/* True: 2xx. */
bool http_answer_judge(const struct http_call *call, struct error *err);
/* Asked again, it may answer otherwise. */
bool http_answer_passes(const struct http_call *call);
/* "peer/path" for messages, redacted and shortened. Caller frees. */
char *http_call_name(const struct http_call *call);

/* ---- client_call.c ---- */

/* Sending it twice does what sending it once does. */
bool http_call_repeatable(const struct http_call *call);
/* Metrics of a call that has ended. */
void http_call_count(const struct http_call *call);

#endif

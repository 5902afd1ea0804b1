/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/client_internal.h"

#define FIRST_PAUSE_MS       200
#define LONGEST_PAUSE_MS     5000
#define CALLS_PER_CONNECTION 4    /* waiting: what a connection costs to make, about */
#define PATIENT_MS           50   /* for one of those that there are */
#define SILENT_AFTER         3    /* requests in a row without an answer: then one goes ahead of the others */
#define PROBE_MS             1000 /* that one waits so long, */
#define PATIENT_PROBE        4    /* and every fourth of them as long as any: a peer may be slow, not dead */

static const struct metric_family requests_family = {
        .name = "optctl_http_client_requests_total",
        .type = METRIC_COUNTER,
        .help = "Requests sent to a peer, repetitions not counted, by what came of them.",
        .labels = (const char *const[]){"peer", "outcome", NULL},
};
METRIC_FAMILY(requests_family);

static const struct metric_family repeats_family = {
        .name = "optctl_http_client_repeats_total",
        .type = METRIC_COUNTER,
        .help = "Times that a request was sent again after a failure that may pass.",
        .labels = (const char *const[]){"peer", NULL},
};
METRIC_FAMILY(repeats_family);

static const struct metric_family bytes_family = {
        .name = "optctl_http_client_received_bytes_total",
        .type = METRIC_COUNTER,
        .help = "Bytes of answers, unpacked.",
        .labels = (const char *const[]){"peer", NULL},
};
METRIC_FAMILY(bytes_family);

static const double seconds_bounds[] = {0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10};

static const struct metric_family seconds_family = {
        .name = "optctl_http_client_request_seconds",
        .type = METRIC_HISTOGRAM,
        .help = "Time from asking for a request to its outcome, repetitions and pauses included.",
        .labels = (const char *const[]){"peer", NULL},
        .upper_bounds = seconds_bounds,
        .n_upper_bounds = ARRAY_LENGTH(seconds_bounds),
};
METRIC_FAMILY(seconds_family);

bool http_call_repeatable(const struct http_call *call)
{
        const char *method = call->request->method;

        return !method || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
               call->request->repeatable;
}

static int64_t now_ms(const struct http_call *call)
{
        return reactor_steady_ms(call->peer->client->reactor);
}

/* ---- the queue of an origin ---- */

/* A peer that is quick is asked one after the other; for one that is not, or for much at once, connections
 * are made. */
static size_t most_asking(const struct http_origin *origin)
{
        size_t worth = 1 + origin->n_waiting / CALLS_PER_CONNECTION;
        const struct http_call *first = origin->first;

        if (origin->silent >= SILENT_AFTER)
                return 1;
        if (worth > HTTP_CONNECTIONS_PER_ORIGIN || now_ms(first) >= first->queued_ms + PATIENT_MS)
                return HTTP_CONNECTIONS_PER_ORIGIN;
        return worth;
}

static bool is_first(const struct http_call *call)
{
        const struct http_origin *origin = call->peer->origin;

        return origin->first == call && origin->asking < most_asking(origin);
}

static void wake_first(const struct http_client *client, const struct http_origin *origin)
{
        if (origin->first && is_first(origin->first))
                reactor_wake(client->reactor, origin->first->fiber);
}

static void queue(struct http_call *call)
{
        struct http_origin *origin = call->peer->origin;

        call->state = CALL_WAITING;
        call->queued_ms = now_ms(call);
        call->next = call->request->urgent ? origin->first : NULL;
        if (call->request->urgent || !origin->first)
                origin->first = call;
        else
                origin->last->next = call;
        if (!call->next)
                origin->last = call;
        origin->n_waiting++;
}

static void leave_queue(struct http_call *call)
{
        struct http_origin *origin = call->peer->origin;
        struct http_call **link = &origin->first, *before = NULL;

        for (; *link != call; link = &(*link)->next)
                before = *link;
        *link = call->next;
        if (origin->last == call)
                origin->last = before;
        origin->n_waiting--;
        wake_first(call->peer->client, origin);
}

/* ---- silence ---- */

/* Who waited for the probe need not wait for a time-out of its own. */
static void give_up_waiting(const struct http_client *client, const struct http_origin *origin)
{
        for (struct http_call *call = origin->first; call; call = call->next) {
                call->given_up = true;
                reactor_wake(client->reactor, call->fiber);
        }
}

static void heard_nothing(struct http_call *call)
{
        struct http_client *client = call->peer->client;
        struct http_origin *origin = call->peer->origin;

        if (++origin->silent == SILENT_AFTER)
                log_warning(client->log, "peer does not answer", LOG_TEXT("peer", origin->name));
        if (call->probe)
                origin->probes++;
        if (origin->silent >= SILENT_AFTER)
                give_up_waiting(client, origin);
}

static void heard(struct http_call *call)
{
        struct http_origin *origin = call->peer->origin;

        if (origin->silent >= SILENT_AFTER)
                log_info(call->peer->client->log, "peer answers again", LOG_TEXT("peer", origin->name));
        origin->silent = origin->probes = 0;
}

/* A write is never cut short: what it did would not be known. */
static void become_probe(struct http_call *call)
{
        const struct http_origin *origin = call->peer->origin;
        int64_t soon = now_ms(call) + PROBE_MS;

        call->probe = true;
        if (http_call_repeatable(call) && (origin->probes + 1) % PATIENT_PROBE != 0 &&
            soon < call->deadline_ms)
                call->deadline_ms = soon;
}

/* ---- the ends of a call ---- */

void http_call_count(const struct http_call *call)
{
        static const char *const outcomes[] = {
                [ERROR_NONE] = "ok",
                [ERROR_INPUT] = "not_sent",
                [ERROR_INCOMPLETE] = "unusable",
                [ERROR_NOT_FOUND] = "not_found",
                [ERROR_IO] = "not_sent",
                [ERROR_TIMEOUT] = "timeout",
                [ERROR_UNAVAILABLE] = "unavailable",
                [ERROR_CONFLICT] = "conflict",
                [ERROR_REFUSED] = "refused",
                [ERROR_LIMIT] = "too_large",
                [ERROR_INTERRUPTED] = "interrupted",
                [ERROR_NUMERIC] = "unusable",
        };
        struct metrics *metrics = call->peer->client->metrics;
        const char *peer = call->peer->origin->name;

        metrics_add(metrics, &requests_family, (const char *const[]){peer, outcomes[call->err->code]}, 1);
        metrics_observe(metrics, &seconds_family, &peer,
                        (double)(now_ms(call) - call->begun_ms) / MS_PER_SECOND);
        if (call->attempts > 1)
                metrics_add(metrics, &repeats_family, &peer, (double)(call->attempts - 1));
        if (call->response->length > 0)
                metrics_add(metrics, &bytes_family, &peer, (double)call->response->length);
}

static void end(struct http_call *call)
{
        call->state = CALL_ENDED;
        text_free(&call->body);
        http_call_count(call);
}

static void fail_waiting(struct http_call *call, enum error_code code, const char *reason, const char *words)
{
        autofree char *name = http_call_name(call);

        error_set(call->err, code, reason, "%s: %s", name, words);
        end(call);
}

/* ---- one attempt ---- */

static void release(struct http_call *call)
{
        struct http_origin *origin = call->peer->origin;

        http_attempt_stop(call);
        origin->asking--;
        wake_first(call->peer->client, origin);
}

static void ask(struct http_call *call)
{
        struct http_origin *origin = call->peer->origin;

        leave_queue(call);
        if (origin->silent >= SILENT_AFTER)
                become_probe(call);
        if (!http_attempt_start(call, call->err)) {
                end(call);
                return;
        }
        call->attempts++;
        call->state = CALL_ASKING;
        origin->asking++;
        wake_first(call->peer->client, origin);
}

static void time_out(struct http_call *call)
{
        autofree char *name = http_call_name(call);
        int64_t waited_ms = now_ms(call) - call->begun_ms;

        heard_nothing(call);
        error_set(call->err, ERROR_TIMEOUT, NULL, "%s: %s within %.3g s", name,
                  call->header_bytes > 0 ? "the answer did not end" : "no answer",
                  (double)waited_ms / MS_PER_SECOND);
        http_response_free(call->response);
        call->unheard = true;
        release(call);
        end(call);
}

/* Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015), after the time that
 * the peer asked for. */
static int64_t pause_ms(const struct http_call *call)
{
        int64_t most = FIRST_PAUSE_MS;

        for (int64_t i = 1; i < call->attempts && most < LONGEST_PAUSE_MS; i++)
                most *= 2;
        if (most > LONGEST_PAUSE_MS)
                most = LONGEST_PAUSE_MS;
        return call->response->retry_after_ms +
               (int64_t)(gsl_rng_uniform(call->peer->client->random) * (double)most);
}

/* True: the call goes on after a pause. */
static bool pauses(struct http_call *call)
{
        struct http_client *client = call->peer->client;

        if (!http_call_repeatable(call) || !http_answer_passes(call) || reactor_stopped(client->reactor) ||
            call->attempts > call->peer->retries)
                return false;
        call->pause_ends_ms = now_ms(call) + pause_ms(call);
        return call->pause_ends_ms < call->deadline_ms;
}

/* True: the secret had been replaced, and the peer may take the new one. */
static bool renews(struct http_call *call)
{
        struct secret *secret = call->peer->token ? call->peer->token : call->peer->password;
        struct error err = ERROR_INIT;
        bool changed = false;

        if (call->response->status != 401 || !secret || call->renewed)
                return false;
        call->renewed = true;
        return secret_renew(secret, &changed, &err) && changed;
}

static void answered(struct http_call *call)
{
        http_answer_take(call);
        if (call->result == CURLE_OPERATION_TIMEDOUT)
                heard_nothing(call);
        else
                heard(call);
        release(call);
        error_clear(call->err);
        if (http_answer_judge(call, call->err)) {
                end(call);
                return;
        }
        if (renews(call)) {
                queue(call);
                wake_first(call->peer->client, call->peer->origin);
                return;
        }
        if (pauses(call))
                call->state = CALL_PAUSING;
        else
                end(call);
}

/* ---- calls of a fiber ---- */

static void begin(struct http_call *call)
{
        const struct http_request *request = call->request;
        struct http_client *client = call->peer->client;

        *call->response = (struct http_response){0};
        error_clear(call->err);
        call->fiber = reactor_current(client->reactor);
        call->begun_ms = now_ms(call);
        call->deadline_ms =
                call->begun_ms + (request->timeout_ms > 0 ? request->timeout_ms : call->peer->timeout_ms);
        queue(call);
}

static void advance_waiting(struct http_call *call)
{
        if (call->given_up) {
                leave_queue(call);
                fail_waiting(call, ERROR_UNAVAILABLE, "PeerSilent",
                             "not asked: the peer leaves everything unanswered");
        } else if (now_ms(call) >= call->deadline_ms) {
                leave_queue(call);
                fail_waiting(call, ERROR_TIMEOUT, NULL, "no connection was free in time");
        } else if (is_first(call)) {
                ask(call);
        }
}

static void advance(struct http_call *call)
{
        if (call->state == CALL_PAUSING && now_ms(call) >= call->pause_ends_ms)
                queue(call);
        if (call->state == CALL_WAITING)
                advance_waiting(call);
        if (call->state == CALL_ASKING && call->done)
                answered(call);
        else if (call->state == CALL_ASKING && now_ms(call) >= call->deadline_ms)
                time_out(call);
}

static int64_t next_ms(const struct http_call *call)
{
        int64_t patient_ms = call->queued_ms + PATIENT_MS;

        if (call->state == CALL_PAUSING)
                return call->pause_ends_ms;
        if (call->state == CALL_WAITING && patient_ms > now_ms(call) && patient_ms < call->deadline_ms)
                return patient_ms;
        return call->deadline_ms;
}

/* Lets every call go as far as it can. False: all have ended; else *ret_next_ms is when the next one has to
 * be looked at even if nothing happens. */
static bool advance_all(struct http_call *calls, size_t count, int64_t *ret_next_ms)
{
        bool left = false;

        *ret_next_ms = INT64_MAX;
        for (size_t i = 0; i < count; i++) {
                if (calls[i].state == CALL_ENDED)
                        continue;
                advance(&calls[i]);
                if (calls[i].state == CALL_ENDED)
                        continue;
                left = true;
                if (next_ms(&calls[i]) < *ret_next_ms)
                        *ret_next_ms = next_ms(&calls[i]);
        }
        return left;
}

/* Steady time becomes the calendar's, which is what the reactor's timers are told. */
static void suspend_until(struct http_client *client, int64_t steady_ms)
{
        int64_t left = steady_ms - reactor_steady_ms(client->reactor);

        reactor_suspend_until(client->reactor, clock_now_ms(&client->clock) + (left > 0 ? left : 0));
}

size_t http_send_all(struct http_peer *peer, const struct http_request *requests, size_t count,
                     struct http_response *ret_responses, struct error *errors)
{
        autofree struct http_call *calls = memory_new(count, sizeof *calls);
        int64_t next = 0;
        size_t good = 0;

        assert(reactor_current(peer->client->reactor));
        for (size_t i = 0; i < count; i++) {
                calls[i] = (struct http_call){.peer = peer,
                                              .request = &requests[i],
                                              .response = &ret_responses[i],
                                              .err = &errors[i]};
                begin(&calls[i]);
        }
        while (advance_all(calls, count, &next))
                suspend_until(peer->client, next);
        for (size_t i = 0; i < count; i++)
                good += errors[i].code == ERROR_NONE;
        return good;
}

bool http_send(struct http_peer *peer, const struct http_request *request, struct http_response *ret_response,
               struct error *err)
{
        struct error failed = ERROR_INIT;

        if (http_send_all(peer, request, 1, ret_response, &failed) == 1)
                return true;
        *err = failed;
        return false;
}

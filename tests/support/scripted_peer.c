/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/scripted_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/text.h"
#include "tests/support/scripted_wire.h"

#define MAX_REQUEST_BYTES ((size_t)4 << 20)
#define ENDLESS_BYTES     16384 /* of a piece of what never ends */
#define AUTHORIZATION     "Authorization"

struct rule {
        char *request; /* NULL: the fault */
        struct scripted_answer answer;
        int seen; /* requests that fit */
        struct rule *next;
};

struct serving;

struct visitor {
        struct scripted_peer *peer;
        struct wire *wire;
        struct text in;
        int number;
        struct serving *serving; /* the answer that is being given */
        struct visitor *next;
};

/* An answer on its way, in a fiber of its own. What it belongs to may be gone when it goes on. */
struct serving {
        struct reactor *reactor;
        struct clock clock;
        struct fiber *fiber;
        struct scripted_peer *peer; /* NULL: freed */
        struct visitor *visitor;    /* NULL: hung up */
        struct scripted_answer answer;
        bool bodiless;        /* HEAD */
        struct serving *next; /* of the peer */
};

struct scripted_peer {
        struct reactor *reactor;
        struct clock clock;
        uv_tcp_t *listener;
        struct wire_tls *tls;
        char url[40];
        int port;
        struct rule *rules, fault;
        bool has_fault;
        struct visitor *visitors;
        struct serving *servings;
        int n_visitors, open, most_open;
        struct scripted_request kept[SCRIPTED_KEPT]; /* a ring */
        int n_requests;
};

/* ---- copies of answers ---- */

static struct scripted_answer answer_copy(const struct scripted_answer *from)
{
        struct scripted_answer copy = *from;

        copy.headers = memory_copy_text(from->headers);
        copy.content_type = memory_copy_text(from->content_type);
        copy.authorization = memory_copy_text(from->authorization);
        if (from->body) {
                char *body;

                copy.length = from->length ? from->length : strlen(from->body);
                body = memory_new(copy.length + 1, 1);
                memcpy(body, from->body, copy.length);
                copy.body = body;
        }
        return copy;
}

/* The fields are const for those who write an answer down; a copy owns them. */
static void drop(const char *text)
{
        union {
                const char *borrowed;
                char *owned;
        } pointer = {.borrowed = text};

        free(pointer.owned);
}

static void answer_drop(struct scripted_answer *answer)
{
        drop(answer->headers);
        drop(answer->content_type);
        drop(answer->authorization);
        drop(answer->body);
        *answer = (struct scripted_answer){0};
}

/* ---- what it saw ---- */

static void request_drop(struct scripted_request *request)
{
        free(request->method);
        free(request->path);
        free(request->headers);
        free(request->body);
        *request = (struct scripted_request){0};
}

static bool fits_part(const char *pattern, size_t length, const char *text)
{
        if (length > 0 && pattern[length - 1] == '*')
                return strncmp(pattern, text, length - 1) == 0;
        return strncmp(pattern, text, length) == 0 && text[length] == '\0';
}

static bool fits(const char *pattern, const struct scripted_request *request)
{
        size_t method = strcspn(pattern, " ");
        const char *path = pattern[method] == ' ' ? pattern + method + 1 : "*";
        autofree char *asked = memory_copy_text(request->path);

        if (!strchr(path, '?'))
                asked[strcspn(asked, "?")] = '\0';
        return fits_part(pattern, method, request->method) && fits_part(path, strlen(path), asked);
}

static int first_kept(const struct scripted_peer *peer)
{
        return peer->n_requests > SCRIPTED_KEPT ? peer->n_requests - SCRIPTED_KEPT : 0;
}

int scripted_peer_count(const struct scripted_peer *peer, const char *request)
{
        int count = 0;

        for (int i = first_kept(peer); i < peer->n_requests; i++)
                count += fits(request, &peer->kept[i % SCRIPTED_KEPT]);
        return count;
}

const struct scripted_request *scripted_peer_request(const struct scripted_peer *peer, const char *request,
                                                     int index)
{
        if (index < 0)
                index += scripted_peer_count(peer, request);
        for (int i = first_kept(peer); i < peer->n_requests; i++)
                if (fits(request, &peer->kept[i % SCRIPTED_KEPT]) && index-- == 0)
                        return &peer->kept[i % SCRIPTED_KEPT];
        return NULL;
}

void scripted_peer_forget_requests(struct scripted_peer *peer)
{
        for (int i = 0; i < SCRIPTED_KEPT; i++)
                request_drop(&peer->kept[i]);
        peer->n_requests = 0;
}

int scripted_peer_connections(const struct scripted_peer *peer)
{
        return peer->n_visitors;
}

int scripted_peer_connections_at_once(const struct scripted_peer *peer)
{
        return peer->most_open;
}

int scripted_peer_connections_open(const struct scripted_peer *peer)
{
        return peer->open;
}

char *scripted_request_header(const struct scripted_request *request, const char *name)
{
        size_t length = strlen(name);

        for (const char *line = request->headers; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *value = line + length + 1;

                if (strncasecmp(line, name, length) != 0 || line[length] != ':')
                        continue;
                value += strspn(value, " ");
                return memory_format("%.*s", (int)strcspn(value, "\r\n"), value);
        }
        return NULL;
}

/* ---- which answer ---- */

static bool applies(struct rule *rule)
{
        const struct scripted_answer *answer = &rule->answer;
        int which = rule->seen;

        if (which < answer->after) {
                rule->seen++;
                return false;
        }
        if (answer->times > 0 && which >= answer->after + answer->times)
                return false;
        rule->seen++;
        return true;
}

static struct scripted_answer find_answer(struct scripted_peer *peer, const struct scripted_request *request)
{
        static const struct scripted_answer none = {.status = 404, .body = "{\"errors\":[\"Not found.\"]}"};

        for (struct rule *rule = peer->rules; rule; rule = rule->next)
                if (fits(rule->request, request) && applies(rule))
                        return answer_copy(&rule->answer);
        return answer_copy(&none);
}

static void replace_text(const char **text, const char *by)
{
        if (!by)
                return;
        drop(*text);
        *text = memory_copy_text(by);
}

static void lay_over(struct scripted_answer *answer, const struct scripted_answer *fault)
{
        struct scripted_answer copy = answer_copy(fault);

        replace_text(&answer->headers, fault->headers);
        replace_text(&answer->content_type, fault->content_type);
        replace_text(&answer->authorization, fault->authorization);
        if (copy.body) {
                const char *old = answer->body;

                answer->body = copy.body;
                answer->length = copy.length;
                copy.body = old;
        }
        if (fault->filler_bytes)
                answer->filler_bytes = fault->filler_bytes;
        if (fault->status)
                answer->status = fault->status;
        if (fault->how != SCRIPTED_ANSWER)
                answer->how = fault->how;
        if (fault->delay_ms)
                answer->delay_ms = fault->delay_ms;
        if (fault->drip_ms) {
                answer->drip_ms = fault->drip_ms;
                answer->drip_bytes = fault->drip_bytes;
        }
        answer_drop(&copy);
}

static void let_change(const struct scripted_answer *rule, const struct scripted_request *request,
                       struct scripted_answer *answer)
{
        struct scripted_answer changed = *answer;
        char *body = rule->by(rule->context, request, &changed);
        struct scripted_answer kept;

        if (body) {
                changed.body = body;
                changed.length = 0;
        }
        kept = answer_copy(&changed);
        answer_drop(answer);
        free(body);
        *answer = kept;
}

static void ask_for_token(const struct scripted_request *request, struct scripted_answer *answer)
{
        autofree char *said = scripted_request_header(request, AUTHORIZATION);

        if (!answer->authorization || (said && strcmp(said, answer->authorization) == 0))
                return;
        answer_drop(answer);
        *answer = answer_copy(&(struct scripted_answer){.status = 401,
                                                        .headers = "WWW-Authenticate: Bearer\r\n",
                                                        .body = "{\"error\":\"who are you?\"}"});
}

static struct scripted_answer choose_answer(struct scripted_peer *peer,
                                            const struct scripted_request *request)
{
        struct scripted_answer answer = find_answer(peer, request);

        if (answer.by)
                let_change(&answer, request, &answer);
        if (peer->has_fault && applies(&peer->fault)) {
                lay_over(&answer, &peer->fault.answer);
                if (peer->fault.answer.by)
                        let_change(&peer->fault.answer, request, &answer);
        }
        ask_for_token(request, &answer);
        return answer;
}

/* ---- giving an answer, in a fiber ---- */

static bool is_gone(const struct serving *serving)
{
        return !serving->visitor;
}

static void rest(struct serving *serving, int64_t ms)
{
        int64_t until = clock_now_ms(&serving->clock) + ms;

        while (ms > 0 && !is_gone(serving) && reactor_suspend_until(serving->reactor, until))
                ;
}

/* Sends, and waits until the system has taken it. */
static void say(struct serving *serving, const char *bytes, size_t length)
{
        if (is_gone(serving))
                return;
        wire_send(serving->visitor->wire, bytes, length);
        while (!is_gone(serving) && wire_unsent(serving->visitor->wire) > 0)
                reactor_suspend(serving->reactor);
}

static void say_slowly(struct serving *serving, const char *bytes, size_t length)
{
        size_t piece = serving->answer.drip_bytes ? serving->answer.drip_bytes : 1;

        if (serving->answer.drip_ms == 0) {
                say(serving, bytes, length);
                return;
        }
        for (size_t said = 0; said < length && !is_gone(serving); said += piece) {
                say(serving, bytes + said, length - said < piece ? length - said : piece);
                rest(serving, serving->answer.drip_ms);
        }
}

static void put_head(const struct scripted_answer *answer, const char *framing, struct text *out)
{
        const char *type = answer->content_type ? answer->content_type : "application/json";

        text_format(out, "HTTP/1.1 %d Scripted\r\n", answer->status ? answer->status : 200);
        if (*type)
                text_format(out, "Content-Type: %s\r\n", type);
        text_format(out, "%s%s\r\n", answer->headers ? answer->headers : "", framing);
}

static void say_head(struct serving *serving, const char *framing)
{
        autotext head = {0};

        put_head(&serving->answer, framing, &head);
        say_slowly(serving, head.data, head.length);
}

static void say_body(struct serving *serving, size_t length)
{
        const struct scripted_answer *answer = &serving->answer;
        char blanks[4096];

        if (answer->filler_bytes == 0) {
                say_slowly(serving, answer->body ? answer->body : "", length);
                return;
        }
        memset(blanks, ' ', sizeof blanks);
        for (size_t left = length; left > 0 && !is_gone(serving);) {
                size_t piece = left < sizeof blanks ? left : sizeof blanks;

                say_slowly(serving, blanks, piece);
                left -= piece;
        }
}

static void say_whole(struct serving *serving, bool half)
{
        const struct scripted_answer *answer = &serving->answer;
        size_t length = answer->filler_bytes ? answer->filler_bytes : answer->body ? answer->length : 0;
        autofree char *framing = memory_format("Content-Length: %zu\r\n", length);
        bool bodiless = answer->status == 204 || answer->status == 304;

        say_head(serving, bodiless ? "" : framing);
        if (!bodiless && !serving->bodiless)
                say_body(serving, half ? length / 2 : length);
}

static void say_forever(struct serving *serving, const char *framing, const char *piece)
{
        autotext pieces = {0};

        while (pieces.length < ENDLESS_BYTES)
                text_put(&pieces, piece);
        say_head(serving, framing);
        while (!is_gone(serving))
                say_slowly(serving, pieces.data, pieces.length);
}

static void hang_up(struct serving *serving, bool reset)
{
        if (is_gone(serving))
                return;
        if (reset)
                wire_reset(serving->visitor->wire);
        else
                wire_close(serving->visitor->wire);
}

static void endless_headers(struct serving *serving)
{
        autotext head = {0};

        put_head(&serving->answer, "", &head);
        say_slowly(serving, head.data, head.length - 2);
        for (int i = 0; !is_gone(serving); i++) {
                autofree char *line = memory_format("X-Header-%d: and another one\r\n", i);

                say(serving, line, strlen(line));
        }
}

static void perform(struct serving *serving)
{
        static const char garbage[] = "\x16\x03\x01 this is not the peer you are looking for\r\n\r\n";

        switch (serving->answer.how) {
        case SCRIPTED_ANSWER:
                say_whole(serving, false);
                return;
        case SCRIPTED_HANG:
                return;
        case SCRIPTED_CLOSE:
        case SCRIPTED_RESET:
                hang_up(serving, serving->answer.how == SCRIPTED_RESET);
                return;
        case SCRIPTED_TRUNCATE:
        case SCRIPTED_RESET_HALF_WAY:
                say_whole(serving, true);
                hang_up(serving, serving->answer.how == SCRIPTED_RESET_HALF_WAY);
                return;
        case SCRIPTED_GARBAGE:
                say(serving, garbage, sizeof garbage - 1);
                hang_up(serving, false);
                return;
        case SCRIPTED_ENDLESS:
                say_forever(serving, "Transfer-Encoding: chunked\r\n", "8\r\n        \r\n");
                return;
        case SCRIPTED_ENDLESS_HEADERS:
                endless_headers(serving);
                return;
        }
}

static void take_request(struct visitor *visitor);

static void serving_unlink(struct serving *serving)
{
        struct serving **link = &serving->peer->servings;

        while (*link != serving)
                link = &(*link)->next;
        *link = serving->next;
}

static void serve(void *argument)
{
        struct serving *serving = argument;

        serving->fiber = reactor_current(serving->reactor);
        rest(serving, serving->answer.delay_ms);
        perform(serving);
        if (serving->peer)
                serving_unlink(serving);
        if (serving->visitor) {
                bool hangs = serving->answer.how == SCRIPTED_HANG;

                serving->visitor->serving = NULL;
                if (!hangs)
                        take_request(serving->visitor);
        }
        answer_drop(&serving->answer);
        free(serving);
}

/* ---- requests ---- */

static const struct scripted_request *keep(struct scripted_peer *peer, struct scripted_request *request)
{
        struct scripted_request *place = &peer->kept[peer->n_requests++ % SCRIPTED_KEPT];

        request_drop(place);
        *place = *request;
        return place;
}

static void begin_serving(struct visitor *visitor, const struct scripted_request *request)
{
        struct scripted_peer *peer = visitor->peer;
        struct serving *serving = memory_new(1, sizeof *serving);

        *serving = (struct serving){.reactor = peer->reactor,
                                    .clock = peer->clock,
                                    .peer = peer,
                                    .visitor = visitor,
                                    .answer = choose_answer(peer, request),
                                    .bodiless = strcmp(request->method, "HEAD") == 0,
                                    .next = peer->servings};
        peer->servings = serving;
        visitor->serving = serving;
        reactor_spawn(peer->reactor, serve, serving);
}

static struct scripted_request parse(const struct visitor *visitor, size_t head, size_t length)
{
        const char *bytes = visitor->in.data;
        size_t line = strcspn(bytes, "\r"), method = strcspn(bytes, " "),
               path = strcspn(bytes + method + 1, " ");
        struct scripted_request request = {
                .connection = visitor->number,
                .at_ms = clock_now_ms(&visitor->peer->clock),
                .method = memory_format("%.*s", (int)method, bytes),
                .path = memory_format("%.*s", (int)path, bytes + method + 1),
                .headers = memory_format("%.*s", (int)(head - line - 4), bytes + line + 2),
                .body = memory_new(length + 1, 1),
                .length = length,
        };

        memcpy(request.body, bytes + head, length);
        return request;
}

/* Of the request whose head is `head` bytes long. */
static size_t body_length(const struct visitor *visitor, size_t head)
{
        autofree char *text = memory_format("%.*s", (int)head, visitor->in.data);
        const struct scripted_request request = {.headers = text};
        autofree char *length = scripted_request_header(&request, "Content-Length");

        return length ? strtoull(length, NULL, 10) : 0;
}

/* Takes the next whole request that came, one at a time. */
static void take_request(struct visitor *visitor)
{
        const char *end = visitor->in.length ? strstr(visitor->in.data, "\r\n\r\n") : NULL;
        size_t head, length;
        struct scripted_request request;

        if (visitor->serving || !end)
                return;
        head = (size_t)(end - visitor->in.data) + 4;
        length = body_length(visitor, head);
        if (visitor->in.length < head + length)
                return;
        request = parse(visitor, head, length);
        visitor->in.length -= head + length;
        memmove(visitor->in.data, visitor->in.data + head + length, visitor->in.length + 1);
        begin_serving(visitor, keep(visitor->peer, &request));
}

static void bytes_came(void *context, const char *bytes, size_t length)
{
        struct visitor *visitor = context;

        text_add(&visitor->in, bytes, length);
        assert_true(visitor->in.length < MAX_REQUEST_BYTES);
        take_request(visitor);
}

static void all_sent(void *context)
{
        const struct visitor *visitor = context;

        if (visitor->serving && visitor->serving->fiber)
                reactor_wake(visitor->peer->reactor, visitor->serving->fiber);
}

static void closed(void *context)
{
        struct visitor *visitor = context;
        struct visitor **link = &visitor->peer->visitors;

        while (*link != visitor)
                link = &(*link)->next;
        *link = visitor->next;
        visitor->peer->open--;
        if (visitor->serving) {
                visitor->serving->visitor = NULL;
                if (visitor->serving->fiber)
                        reactor_wake(visitor->peer->reactor, visitor->serving->fiber);
        }
        text_free(&visitor->in);
        free(visitor);
}

static void visit(uv_stream_t *listener, int status)
{
        static const struct wire_events events = {bytes_came, all_sent, closed};
        struct scripted_peer *peer = listener->data;
        struct visitor *visitor = memory_new(1, sizeof *visitor);

        assert_int_equal(status, 0);
        visitor->peer = peer;
        visitor->number = ++peer->n_visitors;
        visitor->next = peer->visitors;
        peer->visitors = visitor;
        if (++peer->open > peer->most_open)
                peer->most_open = peer->open;
        visitor->wire = wire_accept(listener, peer->tls, &events, visitor);
}

/* ---- life ---- */

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

void scripted_peer_return(struct scripted_peer *peer)
{
        struct sockaddr_storage address;
        int room = sizeof address;

        if (peer->listener)
                return;
        peer->listener = memory_new(1, sizeof *peer->listener);
        peer->listener->data = peer;
        uv_tcp_init(reactor_loop(peer->reactor), peer->listener);
        assert_int_equal(uv_ip4_addr("127.0.0.1", peer->port, (struct sockaddr_in *)&address), 0);
        assert_int_equal(uv_tcp_bind(peer->listener, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)peer->listener, 1024, visit), 0);
        assert_int_equal(uv_tcp_getsockname(peer->listener, (struct sockaddr *)&address, &room), 0);
        peer->port = ntohs(((struct sockaddr_in *)&address)->sin_port);
}

void scripted_peer_leave(struct scripted_peer *peer)
{
        if (peer->listener)
                uv_close((uv_handle_t *)peer->listener, free_handle);
        peer->listener = NULL;
        while (peer->visitors)
                wire_reset(peer->visitors->wire);
}

struct scripted_peer *scripted_peer_new_tls(struct reactor *reactor, const struct scripted_tls *tls)
{
        struct scripted_peer *peer = memory_new(1, sizeof *peer);

        peer->reactor = reactor;
        peer->clock = reactor_clock(reactor);
        if (tls)
                peer->tls = wire_tls_new(tls->certificate_file, tls->key_file, tls->client_ca_file);
        scripted_peer_return(peer);
        snprintf(peer->url, sizeof peer->url, "http%s://127.0.0.1:%d", tls ? "s" : "", peer->port);
        return peer;
}

struct scripted_peer *scripted_peer_new(struct reactor *reactor)
{
        return scripted_peer_new_tls(reactor, NULL);
}

static void do_nothing(void *argument)
{
        (void)argument;
}

void scripted_peer_free(struct scripted_peer *peer)
{
        if (!peer)
                return;
        scripted_peer_leave(peer);
        for (struct serving *serving = peer->servings; serving; serving = serving->next)
                serving->peer = NULL;
        scripted_peer_forget_answers(peer);
        scripted_peer_forget_requests(peer);
        scripted_peer_fault(peer, NULL);
        wire_tls_free(peer->tls);
        /* What was woken ends now. */
        if (!reactor_current(peer->reactor))
                reactor_call(peer->reactor, do_nothing, NULL);
        free(peer);
}

const char *scripted_peer_url(const struct scripted_peer *peer)
{
        return peer->url;
}

int scripted_peer_port(const struct scripted_peer *peer)
{
        return peer->port;
}

/* ---- the script ---- */

void scripted_peer_answer(struct scripted_peer *peer, const char *request,
                          const struct scripted_answer *answer)
{
        struct rule **link = &peer->rules;

        while (*link)
                link = &(*link)->next;
        *link = memory_new(1, sizeof **link);
        **link = (struct rule){.request = memory_copy_text(request), .answer = answer_copy(answer)};
}

void scripted_peer_json(struct scripted_peer *peer, const char *request, const char *body)
{
        scripted_peer_answer(peer, request, &(struct scripted_answer){.body = body});
}

void scripted_peer_forget_answers(struct scripted_peer *peer)
{
        while (peer->rules) {
                struct rule *rule = peer->rules;

                peer->rules = rule->next;
                answer_drop(&rule->answer);
                free(rule->request);
                free(rule);
        }
}

void scripted_peer_fault(struct scripted_peer *peer, const struct scripted_answer *fault)
{
        answer_drop(&peer->fault.answer);
        peer->has_fault = fault != NULL;
        if (fault)
                peer->fault = (struct rule){.answer = answer_copy(fault)};
}

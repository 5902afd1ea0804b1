/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_RAW_CLIENT_H
#define OPTCTL_TESTS_SUPPORT_RAW_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/reactor.h"
#include "core/text.h"

/*
 * A client that sends exactly the bytes it is told to, in a thread beside the reactor that serves them, and
 * keeps all it gets until the server hangs up. What should come and does not ends after ten seconds.
 */
#define RAW_CLIENT_SECONDS 10

static inline int raw_connect(int port)
{
        const struct timeval patience = {.tv_sec = RAW_CLIENT_SECONDS};
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
                close(fd);
                return -1;
        }
        return fd;
}

static inline bool raw_send(int fd, const char *bytes, size_t length)
{
        while (length > 0) {
                ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

                if (sent <= 0)
                        return false;
                bytes += sent;
                length -= (size_t)sent;
        }
        return true;
}

/* True when the server hung up, false when nothing came for too long. */
static inline bool raw_receive(int fd, struct text *out)
{
        char buffer[65536];
        ssize_t got;

        while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
                text_add(out, buffer, (size_t)got);
        return got == 0 || errno == ECONNRESET;
}

struct raw_exchange {
        struct reactor *reactor;
        int port;
        const char *bytes;
        size_t length;
        struct text answer;
        bool hung_up;
};

static inline void raw_work(void *argument)
{
        struct raw_exchange *exchange = argument;
        int fd = raw_connect(exchange->port);

        if (fd < 0)
                return;
        raw_send(fd, exchange->bytes, exchange->length);
        exchange->hung_up = raw_receive(fd, &exchange->answer);
        close(fd);
}

static inline void raw_run(void *argument)
{
        struct raw_exchange *exchange = argument;

        reactor_offload(exchange->reactor, raw_work, exchange);
}

/* All the server says to these bytes until it hangs up; "" when it says nothing. Caller frees. */
static inline char *raw_ask_bytes(struct reactor *reactor, int port, const char *bytes, size_t length)
{
        struct raw_exchange exchange = {.reactor = reactor, .port = port, .bytes = bytes, .length = length};

        reactor_call(reactor, raw_run, &exchange);
        if (!exchange.hung_up)
                text_format(&exchange.answer, "[the server did not hang up]");
        return text_take(&exchange.answer);
}

/* METHOD, path, more header lines (each ended by \r\n) and a body, which may be NULL. */
static inline char *raw_ask(struct reactor *reactor, int port, const char *method, const char *path,
                            const char *headers, const char *body)
{
        autotext request = {0};

        text_format(&request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s", method, path,
                    port, headers);
        if (body)
                text_format(&request, "Content-Length: %zu\r\n", strlen(body));
        text_format(&request, "\r\n%s", body ? body : "");
        return raw_ask_bytes(reactor, port, request.data, request.length);
}

static inline int raw_status(const char *answer)
{
        return strncmp(answer, "HTTP/1.", 7) == 0 ? atoi(answer + 9) : 0;
}

static inline const char *raw_body(const char *answer)
{
        const char *end = strstr(answer, "\r\n\r\n");

        return end ? end + 4 : "";
}

#endif

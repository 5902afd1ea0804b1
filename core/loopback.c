/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/memory.h"

#define PATIENCE_MICROSECONDS 100000

struct loopback {
        int socket; /* connected to itself */
        uint64_t sent;
};

static bool connect_to_itself(int socket)
{
        const struct timeval patience = {.tv_usec = PATIENCE_MICROSECONDS};
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;

        return bind(socket, (struct sockaddr *)&address, length) == 0 &&
               getsockname(socket, (struct sockaddr *)&address, &length) == 0 &&
               connect(socket, (struct sockaddr *)&address, length) == 0 &&
               setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0;
}

struct loopback *loopback_open(void)
{
        int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct loopback *loopback;

        if (datagrams < 0)
                return NULL;
        if (!connect_to_itself(datagrams)) {
                close(datagrams);
                return NULL;
        }
        loopback = memory_new(1, sizeof *loopback);
        loopback->socket = datagrams;
        return loopback;
}

void loopback_close(struct loopback *loopback)
{
        if (!loopback)
                return;
        close(loopback->socket);
        free(loopback);
}

bool loopback_is_through(struct loopback *loopback)
{
        uint64_t number, came = 0;

        if (!loopback)
                return false;
        number = ++loopback->sent;
        if (send(loopback->socket, &number, sizeof number, 0) != sizeof number)
                return false;
        /* One that was given up may come later. */
        while (came != number)
                if (recv(loopback->socket, &came, sizeof came, 0) != sizeof came)
                        return false;
        return true;
}

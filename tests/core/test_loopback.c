/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was sent over the machine's loopback has come once a datagram has that was sent after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loopback.h"
#include "core/memory.h"

#define TIMES 2000

struct wire {
        int listener, caller, called;
};

static struct wire wire_open(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        struct wire wire = {.listener = socket(AF_INET, SOCK_STREAM, 0),
                            .caller = socket(AF_INET, SOCK_STREAM, 0)};

        assert_int_equal(bind(wire.listener, (struct sockaddr *)&address, length), 0);
        assert_int_equal(getsockname(wire.listener, (struct sockaddr *)&address, &length), 0);
        assert_int_equal(listen(wire.listener, 1), 0);
        assert_int_equal(connect(wire.caller, (struct sockaddr *)&address, length), 0);
        wire.called = accept(wire.listener, NULL, NULL);
        assert_true(wire.called >= 0);
        return wire;
}

static void wire_close(struct wire *wire)
{
        close(wire->called);
        close(wire->caller);
        close(wire->listener);
}

static ssize_t take(int socket, char *bytes, size_t room)
{
        return recv(socket, bytes, room, MSG_DONTWAIT);
}

static void test_what_was_sent_before_is_there(void **state)
{
        autocall(loopback_close) struct loopback *loopback = loopback_open();
        struct wire wire = wire_open();

        (void)state;
        for (int i = 0; i < TIMES; i++) {
                char sent = (char)i, got = 0;

                assert_int_equal(send(wire.caller, &sent, 1, 0), 1);
                assert_true(loopback_is_through(loopback));
                assert_int_equal(take(wire.called, &got, 1), 1);
                assert_int_equal(got, sent);
        }
        wire_close(&wire);
}

static void test_the_end_of_a_connection_is_there(void **state)
{
        autocall(loopback_close) struct loopback *loopback = loopback_open();

        (void)state;
        for (int i = 0; i < TIMES / 10; i++) {
                struct wire wire = wire_open();
                char got;

                assert_int_equal(shutdown(wire.called, SHUT_WR), 0);
                assert_true(loopback_is_through(loopback));
                assert_int_equal(take(wire.caller, &got, 1), 0);
                wire_close(&wire);
        }
}

static void test_nothing_is_known_without_one(void **state)
{
        (void)state;
        assert_false(loopback_is_through(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_was_sent_before_is_there),
                cmocka_unit_test(test_the_end_of_a_connection_is_there),
                cmocka_unit_test(test_nothing_is_known_without_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

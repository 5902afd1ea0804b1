/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of hosts, looked up by libcurl's threads: this program's getaddrinfo stands in for the system's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/http_stage.h"

static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        int hanging; /* lookups that do not come back */
        bool released;
} names = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hang(void)
{
        pthread_mutex_lock(&names.lock);
        names.hanging++;
        pthread_cond_broadcast(&names.changed);
        while (!names.released)
                pthread_cond_wait(&names.changed, &names.lock);
        names.hanging--;
        pthread_cond_broadcast(&names.changed);
        pthread_mutex_unlock(&names.lock);
}

static void wait_for_hanging(int count)
{
        pthread_mutex_lock(&names.lock);
        while (names.hanging != count)
                pthread_cond_wait(&names.changed, &names.lock);
        pthread_mutex_unlock(&names.lock);
}

static void release(void)
{
        pthread_mutex_lock(&names.lock);
        names.released = true;
        pthread_cond_broadcast(&names.changed);
        pthread_mutex_unlock(&names.lock);
        wait_for_hanging(0);
}

/* Takes the place of the C library's for all of this program, libcurl included. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
        struct addrinfo *found;
        struct sockaddr_in *address;

        (void)hints;
        if (strcmp(name, "hanging.example") == 0)
                hang();
        if (strcmp(name, "engine.example") != 0)
                return EAI_NONAME;
        found = memory_new(1, sizeof *found + sizeof *address);
        address = (struct sockaddr_in *)(found + 1);
        address->sin_family = AF_INET;
        address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address->sin_port = htons((uint16_t)strtoul(service, NULL, 10));
        *found = (struct addrinfo){.ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_protocol = IPPROTO_TCP,
                                   .ai_addrlen = sizeof *address,
                                   .ai_addr = (struct sockaddr *)address};
        *ret_found = found;
        return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
        free(found);
}

/* Asks another host from now on, at the scripted peer's port. */
static void ask_host(struct http_stage *stage, const char *host)
{
        autofree char *url = memory_format("http://%s:%d", host, scripted_peer_port(stage->script));
        struct error err = ERROR_INIT;

        http_peer_free(stage->peer);
        if (!http_peer_new(stage->client, url, &(struct http_options){0}, NULL, &stage->peer, &err))
                fail_msg("%s", err.message);
}

static struct error get(struct http_stage *stage)
{
        struct http_response response;
        struct error err = ERROR_INIT;

        http_stage_get(stage, "/", &response, &err);
        http_response_free(&response);
        return err;
}

static void test_names_are_looked_up(void **state)
{
        struct http_stage *stage = http_stage_open_with(NULL, NULL, false);
        struct error err;

        (void)state;
        scripted_peer_json(stage->script, "*", "{}");
        ask_host(stage, "engine.example");
        err = get(stage);
        if (err.code != ERROR_NONE)
                fail_msg("%s", err.message);
        ask_host(stage, "nowhere.example");
        err = get(stage);
        assert_int_equal(err.code, ERROR_UNAVAILABLE);
        assert_string_equal(err.reason, "UnknownHost");
        assert_true(err.retry);
        http_stage_close(stage);
}

struct asking {
        struct http_stage *stage;
        struct error err;
};

static void ask_in_vain(void *argument)
{
        struct asking *asking = argument;
        const struct http_request request = {.path = "/"};
        struct http_response response;

        http_send(asking->stage->peer, &request, &response, &asking->err);
        http_response_free(&response);
}

/* Whoever waits for an answer of the DNS holds up nobody, neither meanwhile nor when it is given up. */
static void test_a_lookup_that_hangs_holds_up_nobody(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct asking asking = {.stage = stage, .err = ERROR_INIT};

        (void)state;
        ask_host(stage, "hanging.example");
        reactor_call(stage->reactor, ask_in_vain, &asking);
        assert_int_equal(asking.err.code, ERROR_TIMEOUT);
        assert_int_equal(http_stage_now(stage), 10000);
        wait_for_hanging(1);
        release();
        http_stage_close(stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_are_looked_up),
                cmocka_unit_test(test_a_lookup_that_hangs_holds_up_nobody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

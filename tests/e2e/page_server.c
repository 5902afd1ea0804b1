/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <unistd.h>

#include "controller/api/api.h"
#include "tests/support/api_script.h"

/*
 * page_server TOKEN_FILE [PORT]: the page and the API over the scripted source, for the browser test. Prints
 * its port and serves until standard input ends.
 */
struct scene {
        struct reactor *reactor;
        struct api *api;
};

static void wait_for_end(void *argument)
{
        char byte;

        (void)argument;
        while (read(STDIN_FILENO, &byte, 1) > 0)
                ;
}

static void run(void *argument)
{
        struct scene *scene = argument;

        printf("%d\n", api_port(scene->api));
        fflush(stdout);
        reactor_offload(scene->reactor, wait_for_end, NULL);
}

static bool serve(const char *token_file, const char *port, struct error *err)
{
        const struct clock clock = clock_system();
        autocall(reactor_free) struct reactor *reactor = NULL;
        autocall(metrics_free) struct metrics *metrics = metrics_new();
        autocall(api_free) struct api *api = NULL;
        struct http_server_options options = {.address = API_DEFAULT_ADDRESS, .token_file = token_file};
        struct api_script script;
        struct api_setup setup;
        long long number = 0;

        api_script_open(&script, clock_now_ms(&clock));
        if (port && !text_to_int64(port, &number))
                return error_set(err, ERROR_INPUT, NULL, "%s is no port", port);
        options.port = (int)number;
        if (!reactor_new(NULL, &reactor, err))
                return false;
        setup = (struct api_setup){.reactor = reactor, .source = &script.source, .metrics = metrics};
        if (!api_new(&setup, &options, &api, err))
                return false;
        reactor_call(reactor, run, &(struct scene){reactor, api});
        return true;
}

int main(int argc, char **argv)
{
        struct error err = ERROR_INIT;

        if (argc < 2 || argc > 3) {
                fputs("usage: page_server TOKEN_FILE [PORT]\n", stderr);
                return 2;
        }
        if (serve(argv[1], argv[2], &err))
                return 0;
        fprintf(stderr, "page_server: %s\n", err.message);
        return error_exit_status(&err);
}

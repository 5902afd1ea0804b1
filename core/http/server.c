/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "core/http/server_internal.h"

#define MAX_CONNECTIONS         256
#define MAX_CONNECTIONS_ADDRESS 64
#define HEADER_BYTES            ((size_t)32 << 10) /* of a connection: request line, header, and what is read ahead */
#define RECEIVE_MS              15000
#define SEND_MS                 60000
#define TICK_MS                 500
#define CERTIFICATE_BYTES       ((size_t)1 << 20)
#define LAST_TURNS              16 /* of a daemon that is stopped, so that finished answers leave */
#define WAITING_CONNECTIONS     128
#define TURNS_AT_ONCE           16 /* that a daemon may ask for before it has to wait */
#define BUSY_MS                 10
#define CIPHERS                 "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* One daemon of libmicrohttpd, driven by the reactor's loop. A new certificate takes a new one. */
struct listener {
        struct listener *next;
        struct http_server *server;
        struct MHD_Daemon *daemon;
        uv_poll_t poll;
        uv_timer_t timer;
        int open_handles, busy_turns;
        unsigned n_connections;
};

/* Looks twice a second for who is too slow, and for a new certificate. */
struct ticker {
        uv_timer_t timer;
};

int64_t server_now_ms(const struct http_server *server)
{
        (void)server;
        return (int64_t)(uv_hrtime() / 1000000);
}

bool server_accepts(const struct http_server *server, const struct MHD_Daemon *daemon)
{
        return server->listeners->daemon == daemon;
}

/* ---- a daemon in the loop ---- */

static void listener_run(struct listener *listener);

static void on_timer(uv_timer_t *timer)
{
        listener_run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
        (void)status;
        (void)events;
        listener_run(poll->data);
}

/*
 * MHD asks to be run again at once when it has work left, and also for as long as a TLS handshake waits for
 * the client: who connects and says nothing must not keep us busy. What arrives runs it in any case.
 */
static uint64_t next_turn_ms(struct listener *listener, uint64_t asked_ms)
{
        if (asked_ms > 0) {
                listener->busy_turns = 0;
                return asked_ms;
        }
        if (listener->busy_turns == TURNS_AT_ONCE)
                return BUSY_MS;
        listener->busy_turns++;
        return 1;
}

static void listener_run(struct listener *listener)
{
        MHD_UNSIGNED_LONG_LONG wait_ms;

        MHD_run(listener->daemon);
        if (MHD_get_timeout(listener->daemon, &wait_ms) == MHD_YES) {
                uv_timer_start(&listener->timer, on_timer, next_turn_ms(listener, wait_ms), 0);
        } else {
                listener->busy_turns = 0;
                uv_timer_stop(&listener->timer);
        }
}

void server_resume(struct http_server *server, struct MHD_Connection *connection)
{
        const struct MHD_Daemon *daemon =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON)->daemon;
        struct listener *listener = server->listeners;

        MHD_resume_connection(connection);
        while (listener->daemon != daemon)
                listener = listener->next;
        uv_timer_start(&listener->timer, on_timer, 0, 0);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
        struct listener *listener = context;
        struct http_server *server = listener->server;
        struct http_peer_socket *socket = *socket_context;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                socket = memory_new(1, sizeof *socket);
                socket->fd =
                        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
                socket->deadline_ms = server_now_ms(server) + server->receive_ms;
                socket->next = server->sockets;
                if (socket->next)
                        socket->next->previous = socket;
                server->sockets = socket;
                *socket_context = socket;
                listener->n_connections++;
                return;
        }
        if (socket->previous)
                socket->previous->next = socket->next;
        else
                server->sockets = socket->next;
        if (socket->next)
                socket->next->previous = socket->previous;
        free(socket);
        listener->n_connections--;
}

__attribute__((format(printf, 2, 0))) static void on_message(void *context, const char *format, va_list args)
{
        const struct http_server *server = context;
        char message[256];

        vsnprintf(message, sizeof message, format, args);
        message[strcspn(message, "\r\n")] = '\0';
        log_debug(server->log, "HTTP server", LOG_TEXT("message", message));
}

/* Addresses stay as they were sent; exchange_begin decodes them, once. */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
        (void)context;
        (void)connection;
        return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct listener *listener, const char *certificate, const char *key)
{
        struct http_server *server = listener->server;
        struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
                                       {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
                                       {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)CIPHERS},
                                       {MHD_OPTION_END, 0, NULL}};
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

        return MHD_start_daemon(flags | (certificate ? MHD_USE_TLS : 0), 0, NULL, NULL, exchange_continue,
                                server, MHD_OPTION_EXTERNAL_LOGGER, on_message, server,
                                MHD_OPTION_LISTEN_SOCKET, server->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
                                MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, MAX_CONNECTIONS_ADDRESS,
                                MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADER_BYTES,
                                MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped,
                                NULL, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server,
                                MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server,
                                MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_ARRAY,
                                certificate ? tls : tls + ARRAY_LENGTH(tls) - 1, MHD_OPTION_END);
}

static void listener_closed(uv_handle_t *handle)
{
        struct listener *listener = handle->data;

        if (--listener->open_handles == 0)
                free(listener);
}

static void listener_free(struct listener *listener)
{
        MHD_UNSIGNED_LONG_LONG wait_ms;

        for (int i = 0; i < LAST_TURNS; i++) {
                MHD_run(listener->daemon);
                if (MHD_get_timeout(listener->daemon, &wait_ms) == MHD_NO || wait_ms > 0)
                        break;
        }
        uv_poll_stop(&listener->poll);
        uv_timer_stop(&listener->timer);
        MHD_stop_daemon(listener->daemon);
        uv_close((uv_handle_t *)&listener->poll, listener_closed);
        uv_close((uv_handle_t *)&listener->timer, listener_closed);
}

static void drive(struct listener *listener)
{
        uv_loop_t *loop = reactor_loop(listener->server->reactor);
        int fd = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

        uv_poll_init(loop, &listener->poll, fd);
        uv_timer_init(loop, &listener->timer);
        listener->poll.data = listener->timer.data = listener;
        listener->open_handles = 2;
        uv_poll_start(&listener->poll, UV_READABLE, on_poll);
}

/* The one before accepts nobody any more; it is stopped once its connections are gone. */
static void take_over(struct http_server *server, struct listener *listener)
{
        listener->next = server->listeners;
        if (listener->next)
                MHD_quiesce_daemon(listener->next->daemon);
        server->listeners = listener;
}

/* ---- certificates ---- */

static uint64_t stamp_of(const char *path)
{
        struct stat status;

        if (stat(path, &status) != 0)
                return 0;
        return (uint64_t)status.st_ino * 31 + (uint64_t)status.st_size * 1009 +
               (uint64_t)status.st_mtim.tv_sec * 1000003 + (uint64_t)status.st_mtim.tv_nsec;
}

static uint64_t certificate_stamp(const struct http_server *server)
{
        return stamp_of(server->certificate_path) * 7 + stamp_of(server->key_path);
}

static void wipe(char **text)
{
        if (*text)
                explicit_bzero(*text, strlen(*text));
        free(*text);
}

/* A listener with the certificate as it is now. */
static bool listener_new(struct http_server *server, struct listener **ret_listener, struct error *err)
{
        autofree struct listener *listener = memory_new(1, sizeof *listener);
        autofree char *certificate = NULL;
        __attribute__((cleanup(wipe))) char *key = NULL;

        if (server->certificate_path) {
                server->certificate_stamp = certificate_stamp(server);
                if (!text_read_file(server->certificate_path, CERTIFICATE_BYTES, &certificate, NULL, err) ||
                    !text_read_file(server->key_path, CERTIFICATE_BYTES, &key, NULL, err))
                        return error_wrap(err, "certificate of the HTTP server");
        }
        listener->server = server;
        listener->daemon = start_daemon(listener, certificate, key);
        if (!listener->daemon && certificate)
                return error_set(err, ERROR_INPUT, "BadCertificate",
                                 "HTTP server: %s and %s are not a certificate and its key",
                                 server->certificate_path, server->key_path);
        if (!listener->daemon)
                return error_set(err, ERROR_IO, NULL, "HTTP server: cannot be started");
        *ret_listener = TAKE(listener);
        return true;
}

/* Files are replaced one after the other: what does not fit yet is looked at again. */
static void renew_certificate(struct http_server *server)
{
        struct listener *listener;
        struct error err = ERROR_INIT;

        if (!server->certificate_path || certificate_stamp(server) == server->certificate_stamp)
                return;
        if (!listener_new(server, &listener, &err)) {
                log_warning(server->log, "new certificate cannot be used, the one before stays",
                            LOG_TEXT("reason", err.message));
                return;
        }
        take_over(server, listener);
        drive(listener);
        log_info(server->log, "new certificate in use", LOG_TEXT("file", server->certificate_path));
}

/* ---- what happens with time ---- */

/* MHD sees the end of the stream and closes. */
static void cut_off_the_slow(struct http_server *server)
{
        int64_t now_ms = server_now_ms(server);

        for (struct http_peer_socket *socket = server->sockets; socket; socket = socket->next)
                if (socket->deadline_ms <= now_ms) {
                        shutdown(socket->fd, SHUT_RDWR);
                        socket->deadline_ms = INT64_MAX;
                }
}

static void free_drained(struct http_server *server)
{
        struct listener **link = &server->listeners->next;

        while (*link) {
                struct listener *listener = *link;

                if (listener->n_connections > 0) {
                        link = &listener->next;
                        continue;
                }
                *link = listener->next;
                listener_free(listener);
        }
}

static void on_tick(uv_timer_t *timer)
{
        struct http_server *server = timer->data;

        cut_off_the_slow(server);
        renew_certificate(server);
        free_drained(server);
}

static void ticker_closed(uv_handle_t *handle)
{
        free(handle);
}

static void start_ticker(struct http_server *server)
{
        server->ticker = memory_new(1, sizeof *server->ticker);
        uv_timer_init(reactor_loop(server->reactor), &server->ticker->timer);
        server->ticker->timer.data = server;
        uv_timer_start(&server->ticker->timer, on_tick, TICK_MS, TICK_MS);
}

/* ---- life ---- */

static bool make_address(const struct http_server_options *options, struct sockaddr_storage *ret_address,
                         socklen_t *ret_length, struct error *err)
{
        struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;

        memset(ret_address, 0, sizeof *ret_address);
        if (inet_pton(AF_INET, options->address, &four->sin_addr) == 1) {
                four->sin_family = AF_INET;
                four->sin_port = htons((uint16_t)options->port);
                *ret_length = sizeof *four;
                return true;
        }
        if (inet_pton(AF_INET6, options->address, &six->sin6_addr) == 1) {
                six->sin6_family = AF_INET6;
                six->sin6_port = htons((uint16_t)options->port);
                *ret_length = sizeof *six;
                return true;
        }
        return error_set(err, ERROR_INPUT, "BadAddress",
                         "HTTP server: \"%s\" is no address, expected one such as 127.0.0.1 or ::1",
                         options->address);
}

static bool bind_failed(const struct http_server_options *options, int number, struct error *err)
{
        if (number == EADDRINUSE)
                return error_set(err, ERROR_CONFLICT, "PortTaken",
                                 "HTTP server: port %d of %s is taken by another program", options->port,
                                 options->address);
        error_errno(err, number, "HTTP server: cannot listen on %s, port %d", options->address,
                    options->port);
        if (number == EADDRNOTAVAIL || number == EACCES)
                err->code = ERROR_INPUT;
        return false;
}

static bool open_socket(struct http_server *server, const struct http_server_options *options,
                        struct error *err)
{
        struct sockaddr_storage address;
        socklen_t length;
        int yes = 1;

        if (!make_address(options, &address, &length, err))
                return false;
        server->listen_fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (server->listen_fd < 0)
                return error_errno(err, errno, "HTTP server: no socket");
        setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(server->listen_fd, (struct sockaddr *)&address, length) != 0 ||
            listen(server->listen_fd, WAITING_CONNECTIONS) != 0)
                return bind_failed(options, errno, err);
        getsockname(server->listen_fd, (struct sockaddr *)&address, &length);
        server->port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                                          : ((struct sockaddr_in6 *)&address)->sin6_port);
        return true;
}

static bool check_options(const struct http_server_options *options, struct error *err)
{
        if (!options->certificate_file != !options->key_file)
                return error_set(err, ERROR_INPUT, NULL,
                                 "HTTP server: a certificate and its key are needed, one alone is of no use");
        if (!url_address_is_loopback(options->address) &&
            (!options->token_file || !options->certificate_file))
                return error_set(err, ERROR_INPUT, "Unprotected",
                                 "HTTP server: %s can be reached from other machines: that takes a token, a "
                                 "certificate and its key",
                                 options->address);
        if (options->port < 0 || options->port > 65535)
                return error_set(err, ERROR_INPUT, NULL,
                                 "HTTP server: port %d, expected a number from 0 to 65535", options->port);
        return true;
}

static char *path_from(const char *base, const char *path)
{
        if (!path || *path == '/' || !base)
                return memory_copy_text(path);
        return memory_format("%s/%s", base, path);
}

static bool check_token(struct http_server *server, struct error *err)
{
        const char *text;

        return !server->token || secret_text(server->token, &text, err) ||
               error_wrap(err, "token of the HTTP server");
}

bool http_server_new(struct reactor *reactor, const struct http_server_options *options,
                     const struct http_route *routes, void *context, struct metrics *metrics, struct log *log,
                     struct http_server **ret_server, struct error *err)
{
        autocall(http_server_free) struct http_server *server = NULL;
        struct listener *listener;

        if (!check_options(options, err))
                return false;
        server = memory_new(1, sizeof *server);
        *server = (struct http_server){.reactor = reactor,
                                       .routes = routes,
                                       .context = context,
                                       .metrics = metrics,
                                       .log = log,
                                       .loopback = url_address_is_loopback(options->address),
                                       .receive_ms = options->receive_ms ? options->receive_ms : RECEIVE_MS,
                                       .send_ms = options->send_ms ? options->send_ms : SEND_MS,
                                       .listen_fd = -1};
        server->token = options->token_file ? secret_new(options->token_file, options->base) : NULL;
        server->certificate_path = path_from(options->base, options->certificate_file);
        server->key_path = path_from(options->base, options->key_file);
        if (server->key_path)
                secret_protect_process();
        if (!check_token(server, err) || !open_socket(server, options, err) ||
            !listener_new(server, &listener, err))
                return false;
        take_over(server, listener);
        drive(listener);
        start_ticker(server);
        *ret_server = TAKE(server);
        return true;
}

int http_server_port(const struct http_server *server)
{
        return server->port;
}

static void wait_for_handlers(void *argument)
{
        struct http_server *server = argument;

        server->closer = reactor_current(server->reactor);
        while (server->n_handlers > 0)
                reactor_suspend(server->reactor);
}

static void stop_listening(struct http_server *server)
{
        if (server->listeners)
                MHD_quiesce_daemon(server->listeners->daemon);
        if (server->listen_fd >= 0)
                close(server->listen_fd);
}

void http_server_free(struct http_server *server)
{
        if (!server)
                return;
        stop_listening(server);
        if (server->n_handlers > 0 && reactor_current(server->reactor))
                wait_for_handlers(server);
        else if (server->n_handlers > 0)
                reactor_call(server->reactor, wait_for_handlers, server);
        while (server->listeners) {
                struct listener *listener = server->listeners;

                server->listeners = listener->next;
                listener_free(listener);
        }
        if (server->ticker)
                uv_close((uv_handle_t *)&server->ticker->timer, ticker_closed);
        secret_free(server->token);
        free(server->certificate_path);
        free(server->key_path);
        free(server);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/kafka_broker.h"

#include <arpa/inet.h>
#include <endian.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/memory.h"

#define MAX_CONNECTIONS 64
#define MAX_FRAME       65536

struct connection {
        int socket; /* -1: the place is free */
        SSL *ssl;   /* NULL: in the clear */
        struct kafka_sasl sasl;
        size_t length;
        uint8_t data[MAX_FRAME];
};

struct kafka_broker {
        int listener, port;
        char servers[32];
        SSL_CTX *tls; /* NULL: in the clear */
        struct kafka_account account;
        pthread_t thread;
        atomic_bool closing, announced;
        pthread_mutex_t mutex; /* of what follows */
        struct broker_fault fault;
        int n_faults;
        struct broker_state state;
        int64_t end[BROKER_MAX_PARTITIONS], committed[BROKER_MAX_PARTITIONS];
        struct connection connections[MAX_CONNECTIONS];
};

/* ---- reading and writing of the protocol's types ---- */

struct reader {
        const uint8_t *at, *end;
};

static uint64_t read_number(struct reader *reader, size_t bytes)
{
        uint64_t value = 0;

        for (; bytes > 0 && reader->at < reader->end; bytes--)
                value = value << 8 | *reader->at++;
        return value;
}

/* Points into the frame. Null is "". */
static int read_text(struct reader *reader, char *text, size_t room)
{
        int length = (int16_t)read_number(reader, 2);

        if (length < 0 || length > reader->end - reader->at)
                length = 0;
        snprintf(text, room, "%.*s", length, (const char *)reader->at);
        reader->at += length;
        return length;
}

struct answer {
        struct kafka_broker *broker;
        struct connection *connection;
        enum broker_trick trick; /* that is played on this one */
        int16_t code;            /* 0: none */
        bool done;               /* what was asked for is done */
        size_t length;
        uint8_t data[MAX_FRAME];
};

static void put(struct answer *answer, uint64_t value, size_t bytes)
{
        for (; bytes > 0; bytes--)
                answer->data[answer->length++] = (uint8_t)(value >> (8 * (bytes - 1)));
}

static void put_text(struct answer *answer, const char *text)
{
        size_t length = strlen(text);

        put(answer, length, 2);
        memcpy(answer->data + answer->length, text, length);
        answer->length += length;
}

#define put_null(answer) put(answer, 0xffff, 2)

/* A number that says something, and of which one can lie. */
static void put_fact(struct answer *answer, int64_t value, size_t bytes)
{
        if (answer->trick == BROKER_NEGATIVE)
                value = -7;
        if (answer->trick == BROKER_HUGE)
                value = bytes == 8 ? INT64_MAX : INT32_MAX;
        put(answer, (uint64_t)value, bytes);
}

static void put_name(struct answer *answer, const char *name)
{
        put_text(answer, answer->trick == BROKER_OTHER_NAMES ? "somebody-else" : name);
}

static int put_count(struct answer *answer, int count)
{
        if (answer->trick == BROKER_NO_ENTRIES)
                count = 0;
        put(answer, (uint64_t)count, 4);
        return count;
}

static void put_rest(struct answer *answer)
{
        put(answer, answer->trick == BROKER_THROTTLES ? 2000 : 0, 4);
}

static void put_code(struct answer *answer)
{
        put(answer, (uint16_t)answer->code, 2);
}

/* ---- what is asked ---- */

static void answer_versions(struct answer *answer)
{
        static const struct {
                enum kafka_api api;
                int first, last;
        } versions[] = {
                {API_LIST_OFFSETS, 1, 1},      {API_METADATA, 1, 4},       {API_OFFSET_FETCH, 3, 3},
                {API_FIND_COORDINATOR, 0, 0},  {API_SASL_HANDSHAKE, 0, 1}, {API_VERSIONS, 0, 0},
                {API_DESCRIBE_CONFIGS, 1, 1},  {API_ALTER_CONFIGS, 0, 0},  {API_SASL_AUTHENTICATE, 0, 0},
                {API_CREATE_PARTITIONS, 0, 0},
        };

        put(answer, ARRAY_LENGTH(versions), 4);
        for (size_t i = 0; i < ARRAY_LENGTH(versions); i++) {
                put(answer, versions[i].api, 2);
                put(answer, (uint64_t)versions[i].first, 2);
                put(answer, (uint64_t)versions[i].last, 2);
        }
}

static void put_partitions(struct answer *answer)
{
        int count = put_count(answer, answer->broker->state.n_partitions);

        for (int i = 0; i < count; i++) {
                put(answer, 0, 2);
                put_fact(answer, i, 4);
                put(answer, 1, 4); /* leader */
                for (int list = 0; list < 2; list++) {
                        put(answer, 1, 4);
                        put(answer, 1, 4);
                }
        }
}

static void answer_metadata(struct answer *answer)
{
        put_rest(answer);
        put(answer, 1, 4);
        put(answer, 1, 4);
        put_text(answer, "127.0.0.1");
        put(answer, (uint64_t)answer->broker->port, 4);
        put_null(answer); /* rack */
        put_text(answer, "scripted");
        put(answer, 1, 4); /* controller */
        if (put_count(answer, 1) == 0)
                return;
        put_code(answer);
        put_name(answer, "orders");
        put(answer, 0, 1);
        put_partitions(answer);
}

static void answer_coordinator(struct answer *answer)
{
        put_code(answer);
        put(answer, answer->code ? (uint64_t)-1 : 1, 4);
        put_text(answer, answer->code ? "" : "127.0.0.1");
        put(answer, answer->code ? (uint64_t)-1 : (uint64_t)answer->broker->port, 4);
}

/* How many partitions are asked about; they begin where the reader is then. */
static int read_topic(struct reader *reader)
{
        char ignored[64];

        if ((int32_t)read_number(reader, 4) < 1)
                return 0;
        read_text(reader, ignored, sizeof ignored);
        return (int)read_number(reader, 4);
}

static void answer_offsets(struct answer *answer, struct reader *reader)
{
        int count;

        read_number(reader, 4);
        count = read_topic(reader);
        if (put_count(answer, 1) == 0)
                return;
        put_name(answer, "orders");
        put(answer, (uint64_t)count, 4);
        for (int i = 0; i < count; i++) {
                int32_t partition = (int32_t)read_number(reader, 4);
                int64_t when = (int64_t)read_number(reader, 8);
                bool found = partition >= 0 && partition < answer->broker->state.n_partitions;

                put_fact(answer, partition, 4);
                put(answer, found ? (uint16_t)answer->code : 3, 2);
                put(answer, (uint64_t)-1, 8);
                put_fact(answer, found && when == -1 ? answer->broker->end[partition] : 0, 8);
        }
}

static void answer_commits(struct answer *answer, struct reader *reader)
{
        char group[64];
        int count;

        read_text(reader, group, sizeof group);
        count = read_topic(reader);
        put_rest(answer);
        if (put_count(answer, 1) > 0) {
                put_name(answer, "orders");
                put(answer, (uint64_t)count, 4);
        }
        for (int i = 0; i < count && answer->trick != BROKER_NO_ENTRIES; i++) {
                int32_t partition = (int32_t)read_number(reader, 4);
                bool found = partition >= 0 && partition < answer->broker->state.n_partitions;

                put_fact(answer, partition, 4);
                put_fact(answer, found ? answer->broker->committed[partition] : -1, 8);
                put_null(answer);
                put(answer, 0, 2);
        }
        put_code(answer);
}

static void put_setting(struct answer *answer, const char *name, int64_t value)
{
        char text[24];

        snprintf(text, sizeof text, "%lld", (long long)value);
        put_name(answer, name);
        put_text(answer, answer->trick == BROKER_NEGATIVE  ? "-7"
                         : answer->trick == BROKER_HUGE    ? "1e999"
                         : answer->trick == BROKER_NO_TEXT ? "\xff"
                                                           : text);
        put(answer, 0, 1); /* read-only */
        put(answer, 1, 1); /* of the topic itself */
        put(answer, 0, 1); /* secret */
        put(answer, 0, 4); /* synonyms */
}

static void put_resource(struct answer *answer)
{
        put_code(answer);
        put_null(answer);
        put(answer, 2, 1);
        put_name(answer, "orders");
}

static void answer_settings(struct answer *answer)
{
        put_rest(answer);
        if (put_count(answer, 1) == 0)
                return;
        put_resource(answer);
        if (answer->code) {
                put(answer, 0, 4);
                return;
        }
        put(answer, 2, 4);
        put_setting(answer, "segment.bytes", answer->broker->state.segment_bytes);
        put_setting(answer, "retention.ms", answer->broker->state.retention_ms);
}

static void alter(struct kafka_broker *broker, struct reader *reader)
{
        int64_t segment_bytes = 1073741824, retention_ms = 604800000; /* the broker's defaults */
        char text[64], value[64];
        int count;

        read_number(reader, 4 + 1);
        read_text(reader, text, sizeof text);
        count = (int)read_number(reader, 4);
        for (int i = 0; i < count; i++) {
                read_text(reader, text, sizeof text);
                read_text(reader, value, sizeof value);
                if (strcmp(text, "segment.bytes") == 0)
                        segment_bytes = atoll(value);
                if (strcmp(text, "retention.ms") == 0)
                        retention_ms = atoll(value);
        }
        broker->state.n_alterations +=
                segment_bytes != broker->state.segment_bytes || retention_ms != broker->state.retention_ms;
        broker->state.segment_bytes = segment_bytes;
        broker->state.retention_ms = retention_ms;
}

static void answer_alteration(struct answer *answer, struct reader *reader)
{
        if (!answer->code)
                alter(answer->broker, reader);
        put_rest(answer);
        if (put_count(answer, 1) > 0)
                put_resource(answer);
}

/* INVALID_PARTITIONS where there are as many already. */
static void answer_growth(struct answer *answer, struct reader *reader)
{
        struct kafka_broker *broker = answer->broker;
        char name[64];
        int wanted;

        read_number(reader, 4);
        read_text(reader, name, sizeof name);
        wanted = (int)read_number(reader, 4);
        if (!answer->code && (wanted <= broker->state.n_partitions || wanted > BROKER_MAX_PARTITIONS))
                answer->code = 37;
        if (!answer->code) {
                broker->state.n_partitions = wanted;
                broker->state.n_growths++;
        }
        put_rest(answer);
        if (put_count(answer, 1) == 0)
                return;
        put_name(answer, "orders");
        put_code(answer);
        put_null(answer);
}

/* SASL_AUTHENTICATION_FAILED in the broker's own words, or the next message. */
static void answer_password(struct answer *answer, struct reader *reader)
{
        size_t length = read_number(reader, 4), left = (size_t)(reader->end - reader->at);
        char words[512] = "";
        bool good =
                kafka_sasl_step(&answer->connection->sasl, &answer->broker->account, (const char *)reader->at,
                                length < left ? length : left, words, sizeof words);

        if (!good)
                answer->code = 58;
        put_code(answer);
        if (good)
                put_null(answer);
        else
                put_text(answer, words);
        put(answer, good ? strlen(words) : 0, 4);
        for (const char *at = words; good && *at; at++)
                put(answer, (uint8_t)*at, 1);
}

static void answer_handshake(struct answer *answer)
{
        put(answer, 0, 2);
        put(answer, 1, 4);
        put_text(answer, answer->broker->account.mechanism ? answer->broker->account.mechanism : "GSSAPI");
}

static void compose(struct answer *answer, enum kafka_api api, int version, struct reader *reader)
{
        switch (api) {
        case API_VERSIONS:
                put(answer, version > 0 ? 35 : 0, 2); /* UNSUPPORTED_VERSION: asked again in the oldest */
                answer_versions(answer);
                break;
        case API_METADATA:
                answer_metadata(answer);
                break;
        case API_FIND_COORDINATOR:
                answer_coordinator(answer);
                break;
        case API_LIST_OFFSETS:
                answer_offsets(answer, reader);
                break;
        case API_OFFSET_FETCH:
                answer_commits(answer, reader);
                break;
        case API_DESCRIBE_CONFIGS:
                answer_settings(answer);
                break;
        case API_ALTER_CONFIGS:
                answer_alteration(answer, reader);
                break;
        case API_CREATE_PARTITIONS:
                answer_growth(answer, reader);
                break;
        case API_SASL_HANDSHAKE:
                answer_handshake(answer);
                break;
        case API_SASL_AUTHENTICATE:
                answer_password(answer, reader);
                break;
        case API_ANY:
                break;
        }
}

/* ---- how it is sent ---- */

static bool wait_ms(struct kafka_broker *broker, int ms)
{
        for (; ms > 0 && !broker->closing; ms -= 50)
                usleep((useconds_t)(ms < 50 ? ms : 50) * 1000);
        return !broker->closing;
}

static bool send_all(struct connection *connection, const void *data, size_t length)
{
        for (const char *at = data; length > 0;) {
                ssize_t sent = connection->ssl ? SSL_write(connection->ssl, at, (int)length)
                                               : send(connection->socket, at, length, MSG_NOSIGNAL);

                if (sent <= 0)
                        return false;
                at += sent;
                length -= (size_t)sent;
        }
        return true;
}

static bool send_slowly(struct kafka_broker *broker, struct connection *connection, const uint8_t *data,
                        size_t length, size_t piece, int ms)
{
        for (size_t at = 0; at < length; at += piece)
                if (!send_all(connection, data + at, length - at < piece ? length - at : piece) ||
                    !wait_ms(broker, ms))
                        return false;
        return true;
}

static bool send_large(struct kafka_broker *broker, struct connection *connection, uint32_t length)
{
        uint32_t said = htonl(length);
        char block[65536] = {0};

        if (!send_all(connection, &said, sizeof said))
                return false;
        for (uint32_t sent = 0; sent < length && !broker->closing; sent += sizeof block)
                if (!send_all(connection, block, sizeof block))
                        return false;
        return true;
}

static void set_length(struct answer *answer)
{
        uint32_t length = htonl((uint32_t)answer->length - 4);

        memcpy(answer->data, &length, sizeof length);
}

/* False: the connection ends. */
static bool send_answer(struct answer *answer)
{
        static const char http[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        static const char alert[] = {0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46};
        struct kafka_broker *broker = answer->broker;
        struct connection *connection = answer->connection;

        set_length(answer);
        switch (answer->trick) {
        case BROKER_LATE:
                return wait_ms(broker, 500) && send_all(connection, answer->data, answer->length);
        case BROKER_IN_PIECES:
                return send_slowly(broker, connection, answer->data, answer->length, 7, 1);
        case BROKER_SAYS_NOTHING:
                return true;
        case BROKER_DRIPS:
                return send_slowly(broker, connection, answer->data, answer->length, 1, 1000);
        case BROKER_HANGS_UP:
                return false;
        case BROKER_DIES:
                (void)send_all(connection, answer->data, answer->length / 2);
                return false;
        case BROKER_CUTS:
                answer->length = answer->length < 12 ? 8 : 4 + (answer->length - 4) / 2;
                set_length(answer);
                return send_all(connection, answer->data, answer->length);
        case BROKER_OTHER_QUESTION:
                answer->data[4] ^= 0x55;
                return send_all(connection, answer->data, answer->length);
        case BROKER_GARBAGE:
                for (size_t i = 8; i < answer->length; i++)
                        answer->data[i] = (uint8_t)(i * 167 + 13);
                return send_all(connection, answer->data, answer->length);
        case BROKER_50_MB:
                return send_large(broker, connection, 50u << 20);
        case BROKER_2_GB:
                return send_all(connection, "\x7f\xff\xff\xff", 4) && wait_ms(broker, 1000);
        case BROKER_HTTP:
                (void)send_all(connection, http, sizeof http - 1);
                return false;
        case BROKER_TLS_ALERT:
                (void)send_all(connection, alert, sizeof alert);
                return false;
        default:
                return send_all(connection, answer->data, answer->length);
        }
}

/* ---- one request ---- */

static bool is_faulty(struct kafka_broker *broker, enum kafka_api api)
{
        const struct broker_fault *fault = &broker->fault;
        bool handshake = api == API_VERSIONS || api == API_SASL_HANDSHAKE || api == API_SASL_AUTHENTICATE;

        if (fault->api != api && (fault->api != API_ANY || (handshake && !fault->handshake)))
                return false;
        return fault->times == 0 || broker->n_faults++ < fault->times;
}

static void count_write(struct kafka_broker *broker, enum kafka_api api)
{
        if (api != API_ALTER_CONFIGS && api != API_CREATE_PARTITIONS)
                return;
        broker->state.n_writes++;
        broker->state.n_unannounced += !broker->announced;
}

/* Before a client has said who it is nothing else is talked about. */
static bool may_ask(const struct kafka_broker *broker, const struct connection *connection,
                    enum kafka_api api)
{
        return !broker->account.mechanism || connection->sasl.proven || api == API_VERSIONS ||
               api == API_SASL_HANDSHAKE || api == API_SASL_AUTHENTICATE;
}

static bool handle(struct kafka_broker *broker, struct connection *connection, const uint8_t *frame,
                   size_t length)
{
        struct reader reader = {frame, frame + length};
        enum kafka_api api = (enum kafka_api)read_number(&reader, 2);
        int version = (int)read_number(&reader, 2);
        autofree struct answer *answer = memory_new(1, sizeof *answer);
        char client[64];

        if (!may_ask(broker, connection, api))
                return false;
        answer->broker = broker;
        answer->connection = connection;
        answer->length = 4;
        put(answer, read_number(&reader, 4), 4); /* whose answer it is */
        read_text(&reader, client, sizeof client);
        pthread_mutex_lock(&broker->mutex);
        count_write(broker, api);
        if (is_faulty(broker, api)) {
                answer->trick = broker->fault.trick;
                answer->code = broker->fault.code;
        }
        if (answer->trick != BROKER_HANGS_UP && answer->trick != BROKER_SAYS_NOTHING)
                compose(answer, api, version, &reader);
        pthread_mutex_unlock(&broker->mutex);
        return send_answer(answer);
}

/* ---- the thread ---- */

static void drop(struct connection *connection)
{
        SSL_free(connection->ssl);
        close(connection->socket);
        connection->socket = -1;
        connection->ssl = NULL;
        connection->sasl = (struct kafka_sasl){.proven = false};
        connection->length = 0;
}

static void greet(struct kafka_broker *broker, struct connection *connection, int socket)
{
        connection->socket = socket;
        if (!broker->tls)
                return;
        connection->ssl = SSL_new(broker->tls);
        SSL_set_fd(connection->ssl, socket);
        SSL_set_accept_state(connection->ssl);
}

static void take_connection(struct kafka_broker *broker)
{
        int socket = accept(broker->listener, NULL, NULL);

        for (int i = 0; i < MAX_CONNECTIONS && socket >= 0; i++)
                if (broker->connections[i].socket < 0) {
                        greet(broker, &broker->connections[i], socket);
                        return;
                }
        if (socket >= 0)
                close(socket);
}

/* Nothing of the sort is a frame: a greeting of TLS has a length of 369 million. */
static void take_data(struct kafka_broker *broker, struct connection *connection)
{
        uint8_t *end = connection->data + connection->length;
        size_t room = sizeof connection->data - connection->length;
        ssize_t got = connection->ssl ? SSL_read(connection->ssl, end, (int)room)
                                      : recv(connection->socket, end, room, 0);
        uint32_t length;

        if (got <= 0) {
                drop(connection);
                return;
        }
        connection->length += (size_t)got;
        while (connection->length >= sizeof length) {
                memcpy(&length, connection->data, sizeof length);
                length = ntohl(length);
                if (length > sizeof connection->data - sizeof length) {
                        drop(connection);
                        return;
                }
                if (connection->length < sizeof length + length)
                        return;
                if (!handle(broker, connection, connection->data + sizeof length, length)) {
                        drop(connection);
                        return;
                }
                connection->length -= sizeof length + length;
                memmove(connection->data, connection->data + sizeof length + length, connection->length);
        }
}

static void *serve(void *argument)
{
        struct kafka_broker *broker = argument;

        while (!broker->closing) {
                struct pollfd polls[1 + MAX_CONNECTIONS] = {{.fd = broker->listener, .events = POLLIN}};

                for (int i = 0; i < MAX_CONNECTIONS; i++)
                        polls[1 + i] = (struct pollfd){.fd = broker->connections[i].socket, .events = POLLIN};
                if (poll(polls, 1 + MAX_CONNECTIONS, 50) <= 0)
                        continue;
                for (int i = 0; i < MAX_CONNECTIONS; i++)
                        if (polls[1 + i].revents)
                                take_data(broker, &broker->connections[i]);
                if (polls[0].revents)
                        take_connection(broker);
        }
        return NULL;
}

/* ---- life ---- */

struct kafka_broker *kafka_broker_open(void)
{
        return kafka_broker_open_secure(NULL, NULL, NULL);
}

static SSL_CTX *open_tls(const char *certificate_file, const char *key_file)
{
        SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

        signal(SIGPIPE, SIG_IGN); /* SSL_write has no MSG_NOSIGNAL */
        if (SSL_CTX_use_certificate_chain_file(tls, certificate_file) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, key_file, SSL_FILETYPE_PEM) != 1)
                abort();
        return tls;
}

struct kafka_broker *kafka_broker_open_secure(const char *certificate_file, const char *key_file,
                                              const struct kafka_account *account)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct kafka_broker *broker = memory_new(1, sizeof *broker);
        socklen_t length = sizeof address;

        for (int i = 0; i < MAX_CONNECTIONS; i++)
                broker->connections[i].socket = -1;
        broker->state =
                (struct broker_state){.n_partitions = 3, .segment_bytes = 1000000, .retention_ms = 123456789};
        broker->tls = certificate_file ? open_tls(certificate_file, key_file) : NULL;
        broker->account = account ? *account : (struct kafka_account){.mechanism = NULL};
        pthread_mutex_init(&broker->mutex, NULL);
        broker->listener = socket(AF_INET, SOCK_STREAM, 0);
        if (broker->listener < 0 || bind(broker->listener, (struct sockaddr *)&address, length) != 0 ||
            listen(broker->listener, 64) != 0 ||
            getsockname(broker->listener, (struct sockaddr *)&address, &length) != 0 ||
            pthread_create(&broker->thread, NULL, serve, broker) != 0)
                abort();
        broker->port = ntohs(address.sin_port);
        snprintf(broker->servers, sizeof broker->servers, "127.0.0.1:%d", broker->port);
        return broker;
}

void kafka_broker_close(struct kafka_broker *broker)
{
        broker->closing = true;
        pthread_join(broker->thread, NULL);
        for (int i = 0; i < MAX_CONNECTIONS; i++)
                if (broker->connections[i].socket >= 0)
                        drop(&broker->connections[i]);
        SSL_CTX_free(broker->tls);
        close(broker->listener);
        pthread_mutex_destroy(&broker->mutex);
        free(broker);
}

const char *kafka_broker_servers(const struct kafka_broker *broker)
{
        return broker->servers;
}

void kafka_broker_set_fault(struct kafka_broker *broker, const struct broker_fault *fault)
{
        pthread_mutex_lock(&broker->mutex);
        broker->fault = *fault;
        broker->n_faults = 0;
        pthread_mutex_unlock(&broker->mutex);
}

void kafka_broker_move(struct kafka_broker *broker, int partition, int64_t end, int64_t committed)
{
        pthread_mutex_lock(&broker->mutex);
        broker->end[partition] = end;
        broker->committed[partition] = committed;
        pthread_mutex_unlock(&broker->mutex);
}

struct broker_state kafka_broker_state(struct kafka_broker *broker)
{
        struct broker_state state;

        pthread_mutex_lock(&broker->mutex);
        state = broker->state;
        pthread_mutex_unlock(&broker->mutex);
        return state;
}

void kafka_broker_announce(struct kafka_broker *broker, bool announced)
{
        broker->announced = announced;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kafka/kafka_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/secret.h"
#include "core/text.h"
#include "core/clock.h"

#define PAUSE_MS   100   /* before the same is asked again */
#define HELLO_MS   300   /* in which a broker that was silent may show that it is back */
#define SILENCE_MS 60000 /* after which it gets all the time once more: it may be slow, and not dead */
#define MAX_SILENT 64
#define MAX_GROUPS 8
/* The largest answer that is read: the layout of some hundred thousand partitions. */
#define ANSWER_MAX_BYTES "33554432"

enum watched_file { FILE_CA, FILE_CERTIFICATE, FILE_KEY, FILE_PASSWORD, FILE_COUNT };

/* Which version of a file was read. */
struct version {
        int64_t device, inode, size, seconds, nanoseconds;
};

struct silence {
        int broker;
        int64_t since_ms; /* 0: no silence */
};

struct group_handle {
        char *group; /* NULL: the place is free */
        rd_kafka_t *handle;
        int64_t used_ms;
};

struct kafka_client {
        char *bootstrap_servers, *username, *path[FILE_COUNT]; /* NULL: not given */
        struct secret *password;
        bool tls, skip_host_verification;
        int mechanism;
        int64_t patience_ms; /* with a broker that says nothing */
        rd_kafka_t *handle;  /* NULL: none yet */
        struct group_handle groups[MAX_GROUPS];
        struct version version[FILE_COUNT];
        /* What the connections last complained about; RD_KAFKA_RESP_ERR_NO_ERROR: nothing. */
        rd_kafka_resp_err_t complaint;
        char complaint_words[300];
        struct silence silent[MAX_SILENT]; /* at the broker's number, modulo their count */
};

int kafka_left_ms(int64_t deadline_ms)
{
        int64_t left = deadline_ms - clock_steady_ms();

        return left < 0 ? 0 : (int)left;
}

/* ---- life ---- */

static char *resolve(const char *path, const char *base)
{
        return !path || path[0] == '/' || !base ? memory_copy_text(path) : memory_format("%s/%s", base, path);
}

struct kafka_client *kafka_client_new(const struct kafka_options *options, const char *base)
{
        struct kafka_client *client = memory_new(1, sizeof *client);

        client->bootstrap_servers = memory_copy_text(options->bootstrap_servers);
        /* After that its connection is given up, and another broker asked: there must be time for it. */
        client->patience_ms = options->timeout_seconds > 5 ? options->timeout_seconds * 1000 / 5 : 1000;
        if (options->tls) {
                client->tls = true;
                client->skip_host_verification = options->tls->skip_host_verification;
                client->path[FILE_CA] = resolve(options->tls->ca_file, base);
                client->path[FILE_CERTIFICATE] = resolve(options->tls->certificate_file, base);
                client->path[FILE_KEY] = resolve(options->tls->key_file, base);
                if (client->path[FILE_KEY])
                        secret_protect_process();
        }
        if (options->sasl) {
                client->mechanism = options->sasl->mechanism;
                client->username = memory_copy_text(options->sasl->username);
                client->path[FILE_PASSWORD] = resolve(options->sasl->password_file, base);
                client->password = secret_new(client->path[FILE_PASSWORD], NULL);
        }
        return client;
}

/* Does not wait for what is on its way: an answer that comes later is nobody's. */
static void close_handle(rd_kafka_t *handle)
{
        if (handle)
                rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void close_group(struct group_handle *place)
{
        close_handle(place->handle);
        free(place->group);
        *place = (struct group_handle){0};
}

static void close_all(struct kafka_client *client)
{
        for (int i = 0; i < MAX_GROUPS; i++)
                close_group(&client->groups[i]);
        close_handle(TAKE(client->handle));
}

void kafka_client_free(struct kafka_client *client)
{
        if (!client)
                return;
        close_all(client);
        secret_free(client->password);
        for (int i = 0; i < FILE_COUNT; i++)
                free(client->path[i]);
        free(client->bootstrap_servers);
        free(client->username);
        free(client);
}

char *kafka_client_key(const struct kafka_options *options, const char *base)
{
        const struct kafka_tls_options *tls = options->tls;
        const struct kafka_sasl_options *sasl = options->sasl;
        struct text key = {0};

        text_format(&key, "kafka %s", options->bootstrap_servers);
        if (tls)
                text_format(&key, " tls %d %s|%s|%s|%s", tls->skip_host_verification, base ? base : "",
                            tls->ca_file ? tls->ca_file : "",
                            tls->certificate_file ? tls->certificate_file : "",
                            tls->key_file ? tls->key_file : "");
        if (sasl)
                text_format(&key, " sasl %d %s|%s|%s", sasl->mechanism, base ? base : "", sasl->username,
                            sasl->password_file);
        return text_take(&key);
}

/* ---- the handle ---- */

static void on_complaint(rd_kafka_t *handle, int code, const char *reason, void *context)
{
        struct kafka_client *client = context;

        (void)handle;
        /* That all brokers are down says less than why the first of them is. */
        if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->complaint)
                return;
        /* Where the broker hangs up at the same moment, a certificate that is not trusted comes as a lost
         * connection, in OpenSSL's words. */
        if (code == RD_KAFKA_RESP_ERR__TRANSPORT && strstr(reason, "certificate verify failed"))
                code = RD_KAFKA_RESP_ERR__SSL;
        client->complaint = (rd_kafka_resp_err_t)code;
        snprintf(client->complaint_words, sizeof client->complaint_words, "%s", reason);
}

/* Library code does not log: what matters comes as a complaint. */
static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *words)
{
        (void)handle;
        (void)level;
        (void)facility;
        (void)words;
}

static bool set(rd_kafka_conf_t *settings, const char *name, const char *value, struct error *err)
{
        char words[256];

        if (!value || rd_kafka_conf_set(settings, name, value, words, sizeof words) == RD_KAFKA_CONF_OK)
                return true;
        return error_set(err, ERROR_INPUT, "KafkaSettings", "Kafka: %s: %s", name, words);
}

static bool set_plain(const struct kafka_client *client, rd_kafka_conf_t *settings, struct error *err)
{
        autofree char *patience = memory_format("%lld", (long long)client->patience_ms);

        /* Asking for an unknown topic must not create it. Lag counts what was written, committed or not. */
        return set(settings, "bootstrap.servers", client->bootstrap_servers, err) &&
               set(settings, "client.id", "optctl", err) &&
               set(settings, "allow.auto.create.topics", "false", err) &&
               set(settings, "isolation.level", "read_uncommitted", err) &&
               set(settings, "topic.metadata.refresh.interval.ms", "-1", err) &&
               set(settings, "socket.timeout.ms", patience, err) &&
               set(settings, "message.max.bytes", "1000000", err) &&
               set(settings, "fetch.max.bytes", "1000000", err) &&
               set(settings, "receive.message.max.bytes", ANSWER_MAX_BYTES, err) &&
               set(settings, "reconnect.backoff.max.ms", "2000", err) &&
               set(settings, "socket.keepalive.enable", "true", err);
}

static bool set_security(struct kafka_client *client, rd_kafka_conf_t *settings, struct error *err)
{
        static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
        const char *protocol = client->tls ? (client->password ? "sasl_ssl" : "ssl")
                                           : (client->password ? "sasl_plaintext" : "plaintext");
        const char *password;

        if (!set(settings, "security.protocol", protocol, err))
                return false;
        if (client->tls && (!set(settings, "ssl.ca.location", client->path[FILE_CA], err) ||
                            !set(settings, "ssl.certificate.location", client->path[FILE_CERTIFICATE], err) ||
                            !set(settings, "ssl.key.location", client->path[FILE_KEY], err) ||
                            !set(settings, "ssl.endpoint.identification.algorithm",
                                 client->skip_host_verification ? "none" : "https", err)))
                return false;
        if (!client->password)
                return true;
        return secret_text(client->password, &password, err) &&
               set(settings, "sasl.mechanism", mechanisms[client->mechanism], err) &&
               set(settings, "sasl.username", client->username, err) &&
               set(settings, "sasl.password", password, err);
}

/* A file that is not there has the version of all zeros. */
static void read_versions(const struct kafka_client *client, struct version ret_version[FILE_COUNT])
{
        struct stat status;

        for (int i = 0; i < FILE_COUNT; i++) {
                ret_version[i] = (struct version){0};
                if (client->path[i] && stat(client->path[i], &status) == 0)
                        ret_version[i] = (struct version){
                                .device = (int64_t)status.st_dev,
                                .inode = (int64_t)status.st_ino,
                                .size = status.st_size,
                                .seconds = status.st_mtim.tv_sec,
                                .nanoseconds = status.st_mtim.tv_nsec,
                        };
        }
}

/* `group`: NULL for none. */
static bool open_handle(struct kafka_client *client, const char *group, rd_kafka_t **ret_handle,
                        struct error *err)
{
        rd_kafka_conf_t *settings = rd_kafka_conf_new();
        char words[512];

        rd_kafka_conf_set_opaque(settings, client);
        rd_kafka_conf_set_error_cb(settings, on_complaint);
        rd_kafka_conf_set_log_cb(settings, on_log);
        if (!set_plain(client, settings, err) || !set_security(client, settings, err) ||
            !set(settings, "group.id", group, err) || !set(settings, "enable.auto.commit", "false", err)) {
                rd_kafka_conf_destroy(settings);
                return false;
        }
        /* A consumer, though it consumes nothing: a producer would have brokers create topics it asks for. */
        *ret_handle = rd_kafka_new(RD_KAFKA_CONSUMER, settings, words, sizeof words);
        if (*ret_handle)
                return true;
        rd_kafka_conf_destroy(settings);
        return error_set(err, ERROR_INPUT, "KafkaSettings", "Kafka %.200s: %s", client->bootstrap_servers,
                         words);
}

bool kafka_client_handle(struct kafka_client *client, rd_kafka_t **ret_handle, struct error *err)
{
        struct version now[FILE_COUNT];

        read_versions(client, now);
        if (client->handle && memcmp(now, client->version, sizeof now) != 0)
                close_all(client);
        memcpy(client->version, now, sizeof now);
        if (!client->handle && !open_handle(client, NULL, &client->handle, err))
                return false;
        client->complaint = RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_poll(client->handle, 0);
        *ret_handle = client->handle;
        return true;
}

bool kafka_client_group(struct kafka_client *client, const char *group, rd_kafka_t **ret_handle,
                        struct error *err)
{
        struct group_handle *place = &client->groups[0];

        for (int i = 0; i < MAX_GROUPS; i++) {
                struct group_handle *next = &client->groups[i];

                if (next->group && strcmp(next->group, group) == 0) {
                        place = next;
                        break;
                }
                if (next->used_ms < place->used_ms)
                        place = next;
        }
        if (!place->group || strcmp(place->group, group) != 0) {
                rd_kafka_t *handle;

                if (!open_handle(client, group, &handle, err))
                        return false;
                close_group(place);
                *place = (struct group_handle){.group = memory_copy_text(group), .handle = handle};
        }
        place->used_ms = clock_steady_ms();
        rd_kafka_poll(place->handle, 0);
        *ret_handle = place->handle;
        return true;
}

/* ---- errors ---- */

static enum error_code code_of(rd_kafka_resp_err_t code)
{
        switch (code) {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
                return ERROR_NOT_FOUND;
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
                return ERROR_TIMEOUT;
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__SSL:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
        case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
                return ERROR_REFUSED;
        default:
                return ERROR_UNAVAILABLE;
        }
}

/* No more was learnt than that nothing came. */
static bool is_silence(rd_kafka_resp_err_t code)
{
        return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
               code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
               code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
}

/* "UNKNOWN_TOPIC_OR_PART" -> "UnknownTopicOrPart", a condition's reason. */
static void name_reason(rd_kafka_resp_err_t code, char *ret_reason, size_t room)
{
        const char *name = rd_kafka_err2name(code);
        size_t length = 0;
        bool upper = true;

        for (; *name && length + 1 < room; name++) {
                if (*name == '_') {
                        upper = true;
                        continue;
                }
                ret_reason[length++] =
                        upper || *name < 'A' || *name > 'Z' ? *name : (char)(*name - 'A' + 'a');
                upper = false;
        }
        ret_reason[length] = '\0';
}

bool kafka_client_fail(struct kafka_client *client, rd_kafka_resp_err_t code, const char *words,
                       struct error *err, const char *what, ...)
{
        char action[400], reason[sizeof err->reason];
        va_list arguments;

        va_start(arguments, what);
        vsnprintf(action, sizeof action, what, arguments);
        va_end(arguments);
        if (client->handle)
                rd_kafka_poll(client->handle, 0);
        for (int i = 0; i < MAX_GROUPS; i++)
                if (client->groups[i].handle)
                        rd_kafka_poll(client->groups[i].handle, 0);
        if (is_silence(code) && client->complaint) {
                code = client->complaint;
                words = client->complaint_words;
        }
        name_reason(code, reason, sizeof reason);
        return error_set(err, code_of(code), reason, "Kafka %.100s: %s: %.300s", client->bootstrap_servers,
                         action, words && *words ? words : rd_kafka_err2str(code));
}

bool kafka_name_peer(const char *bootstrap_servers, struct error *err)
{
        autofree char *name = memory_format("Kafka %.100s", bootstrap_servers);

        return strncmp(err->message, name, strlen(name)) != 0 && error_wrap(err, "%s", name);
}

const char *kafka_client_servers(const struct kafka_client *client)
{
        return client->bootstrap_servers;
}

bool kafka_client_again(const struct error *err, int64_t deadline_ms)
{
        const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

        if (!err->retry || kafka_left_ms(deadline_ms) <= PAUSE_MS)
                return false;
        nanosleep(&pause, NULL);
        return true;
}

/* ---- silent brokers ---- */

static bool is_silent(const struct silence *silence, int broker, int64_t now_ms)
{
        return silence->since_ms && silence->broker == broker && now_ms < silence->since_ms + SILENCE_MS;
}

int64_t kafka_client_patience(const struct kafka_client *client, int broker, int64_t deadline_ms)
{
        const struct silence *silence = &client->silent[(unsigned)broker % MAX_SILENT];
        int64_t now_ms = clock_steady_ms();

        return is_silent(silence, broker, now_ms) && now_ms + HELLO_MS < deadline_ms ? now_ms + HELLO_MS
                                                                                     : deadline_ms;
}

/* Of two with the same place the one that was silent last is remembered, and the other waited for. */
void kafka_client_heard(struct kafka_client *client, int broker, bool answered)
{
        struct silence *silence = &client->silent[(unsigned)broker % MAX_SILENT];
        int64_t now_ms = clock_steady_ms();

        if (answered && silence->broker == broker)
                silence->since_ms = 0;
        else if (!answered && !is_silent(silence, broker, now_ms))
                *silence = (struct silence){broker, now_ms};
}

/* ---- administrative calls ---- */

rd_kafka_AdminOptions_t *kafka_client_admin(rd_kafka_t *handle, rd_kafka_admin_op_t operation,
                                            int64_t deadline_ms)
{
        int left = kafka_left_ms(deadline_ms);
        rd_kafka_AdminOptions_t *options;
        char words[128];

        options = rd_kafka_AdminOptions_new(handle, operation);
        rd_kafka_AdminOptions_set_request_timeout(options, left > 0 ? left : 1, words, sizeof words);
        return options;
}

bool kafka_client_answer(struct kafka_client *client, rd_kafka_queue_t *queue, int64_t deadline_ms,
                         const char *what, rd_kafka_event_t **ret_event, struct error *err)
{
        autocall(rd_kafka_event_destroy) rd_kafka_event_t *event =
                rd_kafka_queue_poll(queue, kafka_left_ms(deadline_ms));
        rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;

        if (code)
                return kafka_client_fail(client, code, event ? rd_kafka_event_error_string(event) : NULL, err,
                                         "%s", what);
        *ret_event = TAKE(event);
        return true;
}

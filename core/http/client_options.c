/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/client.h"

#include <string.h>

#define FIELD(member) .offset = offsetof(struct http_options, member)

static const struct option http_option_list[] = {
        {.name = "timeoutSeconds",
         .type = OPTION_INT,
         FIELD(timeout_seconds),
         .unit = "s",
         .min = 1,
         .max = 600,
         .fallback = "10",
         .help = "Time for a whole request, its repetitions included."},
        {.name = "connectTimeoutSeconds",
         .type = OPTION_INT,
         FIELD(connect_timeout_seconds),
         .unit = "s",
         .min = 1,
         .max = 60,
         .fallback = "3",
         .help = "Time to find the peer, to connect and to agree on TLS."},
        {.name = "retries",
         .type = OPTION_INT,
         FIELD(retries),
         .max = 10,
         .fallback = "3",
         .help = "How often a request is repeated after 408, 429, 502, 503, 504 or a lost connection. A "
                 "request "
                 "that changes something is never repeated."},
        {.name = "maxResponse",
         .type = OPTION_QUANTITY,
         FIELD(max_response_bytes),
         .unit = "bytes",
         .min = 1024,
         .max = 268435456,
         .fallback = "16Mi",
         .help = "Largest answer that is accepted, unpacked."},
        {.name = "proxy",
         .type = OPTION_TEXT,
         FIELD(proxy),
         .help = "URL of the HTTP proxy to go through. The environment's proxy is not used."},
        {.name = "tokenFile",
         .type = OPTION_TEXT,
         FIELD(token_file),
         .help = "File with the token that is sent as `Authorization: Bearer`. Read again when it was "
                 "replaced."},
        {.name = "username",
         .type = OPTION_TEXT,
         FIELD(username),
         .min = 1,
         .max = 255,
         .help = "Name for `Authorization: Basic`; takes passwordFile, too."},
        {.name = "passwordFile",
         .type = OPTION_TEXT,
         FIELD(password_file),
         .help = "File with the password for `Authorization: Basic`. Read again when it was replaced."},
        {.name = "caFile",
         .type = OPTION_TEXT,
         FIELD(ca_file),
         .help = "PEM file with the authorities that may vouch for the peer. Default: the system's."},
        {.name = "certificateFile",
         .type = OPTION_TEXT,
         FIELD(certificate_file),
         .help = "PEM file with the certificate that is shown to the peer; takes keyFile, too."},
        {.name = "keyFile",
         .type = OPTION_TEXT,
         FIELD(key_file),
         .help = "PEM file with the private key of certificateFile, not encrypted."},
        {.name = "serverName",
         .type = OPTION_TEXT,
         FIELD(server_name),
         .help = "Name that stands in the peer's certificate, where it is not the one in the URL."},
        {0},
};

static bool options_check(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct http_options *options = object;

        return !options->username || !strchr(options->username, ':') ||
               yaml_error(node, err,
                          "username has a colon in it, which Basic authorization has no way to say");
}

static const struct option_rule rules[] = {
        {RULE_AT_MOST_ONE,
         {"tokenFile", "username"},
         "tokenFile and username exclude each other; expected one of them"},
        {RULE_TOGETHER,
         {"username", "passwordFile"},
         "username and passwordFile belong together; expected both or none"},
        {RULE_TOGETHER,
         {"certificateFile", "keyFile"},
         "certificateFile and keyFile belong together; expected both or none"},
        {0},
};

const struct option_table http_options_table = {
        .name = "connection",
        .help = "How a peer is reached over HTTP: deadlines, TLS, credentials.",
        .size = sizeof(struct http_options),
        .options = http_option_list,
        .rules = rules,
        .check = options_check,
};

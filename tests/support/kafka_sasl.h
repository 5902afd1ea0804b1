/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_KAFKA_SASL_H
#define OPTCTL_TESTS_SUPPORT_KAFKA_SASL_H

#include <stdbool.h>
#include <stddef.h>

/* The broker's side of SASL: PLAIN (RFC 4616) and SCRAM-SHA-256 (RFC 5802 and 7677). */
struct kafka_account {
        const char *mechanism; /* "PLAIN", "SCRAM-SHA-256"; NULL: nobody is asked who it is */
        const char *username, *password;
};

/* Of one connection; zeros at first. */
struct kafka_sasl {
        char client_first[256], server_first[256];
        bool proven; /* the client has shown that it knows the password */
};

/* One message of the client. False: refused, and `answer` is what the broker says of it, with the password
 * that was sent (PLAIN), as careless ones do; else the next message to the client. */
bool kafka_sasl_step(struct kafka_sasl *sasl, const struct kafka_account *account, const char *message,
                     size_t length, char *answer, size_t room);

#endif

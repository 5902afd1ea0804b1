/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_CERTIFICATES_H
#define OPTCTL_TESTS_SUPPORT_CERTIFICATES_H

#include <stdbool.h>

#include "tests/support/scratch.h"

/*
 * Certificates made for one test: an authority, and what it vouches for, as PEM files NAME.crt and NAME.key
 * in a scratch folder. OpenSSL writes them; good ones hold from 2020 to 2099.
 */
struct certificate {
        const char *subject; /* common name */
        const char *names;   /* "DNS:engine.example,IP:127.0.0.1"; NULL: none */
        bool expired;        /* held for one day of 2020 */
        const char *issuer;  /* NAME of one made before; NULL: itself, and it may vouch for others */
};

void certificate_make(const struct scratch *scratch, const char *name, const struct certificate *certificate);

#endif

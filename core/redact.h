/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_REDACT_H
#define OPTCTL_CORE_REDACT_H

#include <stdbool.h>

/* Secrets never reach a log, the ledger or an event. Everything that is kept of what a peer said passes
 * through here. */

/* "password", "API-Key", "sasl.jaas.password", "X-Auth-Token", ...: case, -, _ and . do not matter. */
bool redact_key(const char *key);

/*
 * A copy that is fit to be kept: valid UTF-8, with *** in place of what follows a secret's name ("token=...",
 * "\"password\": \"...\""), of credentials in a URL (https://user:word@host) and of Bearer and Basic
 * credentials. Caller frees; NULL stays NULL.
 */
char *redact_text(const char *text);

/*
 * Secrets whose text is known (core/secret.h): masked wherever they stand, as they are, percent-encoded, as a
 * JSON string and inside of Base64, which is how a Basic header carries them. From any thread. What is
 * shorter than six characters is not learned: masking it would mask half of all words.
 */
void redact_learn(const char *secret);
void redact_forget(const char *secret); /* as often as it was learned */

/* Masks what is known in place; a text only gets shorter. */
void redact_known(char *text);

#endif

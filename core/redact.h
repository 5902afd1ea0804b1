/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_REDACT_H
#define OPTCTL_CORE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

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
 * For messages about a URL that may be none: what stands before its last @ is masked, behind the scheme.
 * Caller frees.
 */
char *redact_url(const char *url);

/*
 * Secrets whose text is known (core/secret.h): masked wherever they stand, as they are, percent-encoded, as a
 * JSON string and inside of Base64, which is how a Basic header carries them; so are their first twelve
 * characters and more, since messages cut what they repeat. From any thread. What is shorter than six
 * characters is not learned: masking it would mask half of all words.
 */
void redact_learn(const char *secret);
void redact_forget(const char *secret); /* as often as it was learned */

/* Masks what is known in place; a text only gets shorter. */
void redact_known(char *text);

/* Of an answer, before anything in it is looked at: names that a peer makes up go into too many places to be
 * masked in each. Returns the length that is left. In a good one, JSON or lines of metrics, secrets of less
 * than twelve characters stay where they are keys or parts of numbers: they may be everyday words, which the
 * answer is read by. */
size_t redact_answer(char *bytes, size_t length, bool good);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SECRET_H
#define OPTCTL_CORE_SECRET_H

#include <stdbool.h>

#include "core/error.h"
#include "core/memory.h"

/*
 * A secret lives in a file (a mounted Kubernetes Secret is one): never in a spec, an argument or the
 * environment. The file is looked at on every use and read again when it was replaced.
 *
 * Its text is held where it is neither swapped nor dumped into a core file, is known to core/redact.h from
 * the moment it was read, and is wiped when it is freed. The text before the last one stays known, because
 * answers to what was asked with it are still on their way.
 *
 * Libraries copy what they send into memory of their own. So once a secret was read the process writes no
 * core file any more.
 */
struct secret;

/* `base`: folder that a relative path starts from; NULL: the working folder. The file is not read yet: it may
 * come later. */
struct secret *secret_new(const char *path, const char *base);
/* One that came from somewhere else than a file of its own: `name` stands for it in messages. secret_replace
 * gives it a new text. The same rules hold for the text; a failure leaves the one before. */
struct secret *secret_new_in_memory(const char *name);
bool secret_replace(struct secret *secret, const char *text, struct error *err);
void secret_free(struct secret *secret);
DEFINE_CLEANUP(secret_free, struct secret);

/* The text without blanks and line ends around it; valid until the next call. ERROR_INPUT names the file when
 * it cannot be read, is empty, longer than 64 KiB, or holds a control character. */
bool secret_text(struct secret *secret, const char **ret_text, struct error *err);

/* Reads the file even when it looks the same, after a peer did not take the secret. *ret_changed: the text is
 * another one now. */
bool secret_renew(struct secret *secret, bool *ret_changed, struct error *err);

/* No core file, no debugger and no other process of the user may look into this one. Called by the first
 * secret that is read, and by whoever has a library read a private key. */
void secret_protect_process(void);

#endif

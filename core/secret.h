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
 * the moment it was read, and is wiped when it is freed.
 */
struct secret;

/* `base`: folder that a relative path starts from. The file is not read yet: it may come later. */
struct secret *secret_new(const char *path, const char *base);
void secret_free(struct secret *secret);
DEFINE_CLEANUP(secret_free, struct secret);

/* The text without blanks and line ends around it; valid until the next call. ERROR_INPUT names the file when
 * it cannot be read, is empty, longer than 64 KiB, or holds a control character. */
bool secret_text(struct secret *secret, const char **ret_text, struct error *err);

#endif

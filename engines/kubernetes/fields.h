/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_FIELDS_H
#define OPTCTL_ENGINES_KUBERNETES_FIELDS_H

#include <jansson.h>
#include <stdint.h>

/* Fields of an object as the API server delivers it. Paths are keys with dots between them. */

/* Borrowed; NULL: there is no such field. */
const json_t *kube_field(const json_t *object, const char *path);
const char *kube_field_text(const json_t *object, const char *path); /* ""; borrowed */
/* A whole number that is not negative and below 2^31; `otherwise` where there is none. */
int64_t kube_field_count(const json_t *object, const char *path, int64_t otherwise);
/* A quantity ("500m", 2) that is not negative; NAN where there is none. */
double kube_field_quantity(const json_t *object, const char *path);
/* An instant; INT64_MIN where there is none. */
int64_t kube_field_time(const json_t *object, const char *path);

/* Where there is one. */
void kube_field_copy(json_t *to, const char *key, const json_t *from);

/* The item of a list whose "name" is this one; with an empty name the first. */
const json_t *kube_field_named(const json_t *list, const char *name);

#endif

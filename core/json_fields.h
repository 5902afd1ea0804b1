/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_JSON_FIELDS_H
#define OPTCTL_CORE_JSON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"

/*
 * A few fields out of many JSON documents, at the speed of the text: a table says which members are wanted
 * and where they go, and the rest is checked to be JSON and left behind. No tree is made, so that a document
 * costs no memory but the object it fills. For documents that fit a page, core/json.h is simpler.
 */
enum json_field_type {
        JSON_FIELD_INTEGER,  /* int64_t; a number with a fraction is cut */
        JSON_FIELD_BOOLEAN,  /* bool */
        JSON_FIELD_TEXT,     /* char[size], cut at its end */
        JSON_FIELD_INTEGERS, /* struct json_integers */
        JSON_FIELD_OBJECT,   /* its `fields` lie in the same object, from `offset` on */
        JSON_FIELD_LIST, /* of objects: each is read into the same place at `offset`, then `each` is called */
        JSON_FIELD_TEXTS, /* an object of texts: `member` is called for each */
};

struct json_integers {
        int64_t *values;
        size_t count, room;
};

struct json_field {
        const char *name;
        enum json_field_type type;
        size_t offset, size;
        int64_t absent;                  /* JSON_FIELD_INTEGER: when the member is missing or no number */
        const struct json_field *fields; /* ends with a NULL name */
        bool (*each)(void *object, void *context, struct error *err);
        bool (*member)(void *object, const char *name, const char *value, void *context, struct error *err);
};

#define JSON_FIELDS_DEPTH    16      /* of a table; documents may be deeper */
#define JSON_FIELDS_INTEGERS 1000000 /* in one list */

struct json_fields;

struct json_fields *json_fields_new(void);
void json_fields_free(struct json_fields *reader);
DEFINE_CLEANUP(json_fields_free, struct json_fields);

/* Reads one document, an object, into `object`, after setting all fields of the table to absent (0, false,
 * "", no integers). ERROR_INPUT when it is not JSON; what `each` and `member` fail with; then `object` is
 * filled in part. */
bool json_fields_read(struct json_fields *reader, const char *text, size_t length,
                      const struct json_field *fields, void *object, void *context, struct error *err);

/* The lists of integers that an object holds. */
void json_fields_clear(const struct json_field *fields, void *object);

#endif

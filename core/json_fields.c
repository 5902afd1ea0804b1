/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json_fields.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "core/text.h"

#define MAX_NAME   256
#define MAX_VALUE  (1 << 20)
#define MAX_NUMBER 64

struct level {
        const struct json_field *fields; /* NULL: nothing in here is wanted */
        const struct json_field *field;  /* the member that comes next, NULL: not wanted */
        const struct json_field *next;   /* where to look for its name first: members have an order */
        char *target;
        bool list;
};

struct json_fields {
        yajl_handle parser;
        struct level levels[JSON_FIELDS_DEPTH];
        size_t depth;   /* of levels: what is not wanted has none */
        size_t ignored; /* objects and lists that are open below, in which nothing is wanted */
        bool ended;     /* the document: nothing may follow */
        const struct json_field *root;
        void *object, *context;
        struct error *err;
        char name[MAX_NAME]; /* of a member of JSON_FIELD_TEXTS */
};

/* yajl goes on after 1 and stops after 0. */
enum { STOP, GO_ON };

static struct level *top(struct json_fields *reader)
{
        return &reader->levels[reader->depth - 1];
}

static const struct json_field *wanted(struct json_fields *reader)
{
        return reader->depth && !reader->ignored ? top(reader)->field : NULL;
}

static void reset(const struct json_field *fields, char *object)
{
        for (const struct json_field *field = fields; field->name; field++) {
                char *at = object + field->offset;

                if (field->type == JSON_FIELD_INTEGER)
                        *(int64_t *)(void *)at = field->absent;
                else if (field->type == JSON_FIELD_BOOLEAN)
                        *(bool *)at = false;
                else if (field->type == JSON_FIELD_TEXT)
                        *at = '\0';
                else if (field->type == JSON_FIELD_INTEGERS)
                        ((struct json_integers *)(void *)at)->count = 0;
                else if (field->type == JSON_FIELD_OBJECT || field->type == JSON_FIELD_LIST)
                        reset(field->fields, at);
        }
}

void json_fields_clear(const struct json_field *fields, void *object)
{
        for (const struct json_field *field = fields; field->name; field++) {
                char *at = (char *)object + field->offset;

                if (field->type == JSON_FIELD_INTEGERS) {
                        free(((struct json_integers *)(void *)at)->values);
                        *(struct json_integers *)(void *)at = (struct json_integers){0};
                } else if (field->type == JSON_FIELD_OBJECT || field->type == JSON_FIELD_LIST)
                        json_fields_clear(field->fields, at);
        }
}

static int on_boolean(void *context, int value)
{
        struct json_fields *reader = context;
        const struct json_field *field = wanted(reader);

        if (field && field->type == JSON_FIELD_BOOLEAN)
                *(bool *)(top(reader)->target + field->offset) = value;
        return GO_ON;
}

/* Digits that fit; what is longer or has a fraction goes the slow way. */
static bool read_integer(const char *text, size_t length, int64_t *ret_value)
{
        char copy[MAX_NUMBER];
        double value;
        int64_t sum = 0;
        size_t at = text[0] == '-';

        for (; at < length && at < 18 && text[at] >= '0' && text[at] <= '9'; at++)
                sum = sum * 10 + (text[at] - '0');
        if (at == length) {
                *ret_value = text[0] == '-' ? -sum : sum;
                return true;
        }
        if (length >= sizeof copy)
                return false;
        memcpy(copy, text, length);
        copy[length] = '\0';
        if (!text_to_double(copy, &value) || !(value > -9e18 && value < 9e18))
                return false;
        *ret_value = (int64_t)value;
        return true;
}

static int add_integer(struct json_fields *reader, struct json_integers *list, int64_t value)
{
        if (list->count == JSON_FIELDS_INTEGERS) {
                error_set(reader->err, ERROR_LIMIT, NULL, "more than %d numbers in a list",
                          JSON_FIELDS_INTEGERS);
                return STOP;
        }
        if (list->count == list->room) {
                list->room = list->room ? list->room * 2 : 8;
                list->values = memory_resize(list->values, list->room, sizeof *list->values);
        }
        list->values[list->count++] = value;
        return GO_ON;
}

static int on_number(void *context, const char *text, size_t length)
{
        struct json_fields *reader = context;
        const struct json_field *field = wanted(reader);
        int64_t value;
        char *at;

        if (!field || (field->type != JSON_FIELD_INTEGER && field->type != JSON_FIELD_INTEGERS) ||
            !read_integer(text, length, &value))
                return GO_ON;
        at = top(reader)->target + field->offset;
        if (field->type == JSON_FIELD_INTEGER)
                *(int64_t *)(void *)at = value;
        else if (top(reader)->list)
                return add_integer(reader, (struct json_integers *)(void *)at, value);
        return GO_ON;
}

static int on_text(void *context, const unsigned char *text, size_t length)
{
        struct json_fields *reader = context;
        const struct json_field *field = wanted(reader);

        if (!field)
                return GO_ON;
        if (field->type == JSON_FIELD_TEXT) {
                char *at = top(reader)->target + field->offset;
                size_t kept = length < field->size ? length : field->size - 1;

                memcpy(at, text, kept);
                at[kept] = '\0';
        } else if (field->type == JSON_FIELD_TEXTS && !top(reader)->fields && reader->name[0] &&
                   length < MAX_VALUE) {
                autofree char *value = memory_new(length + 1, 1);

                memcpy(value, text, length);
                if (!field->member(top(reader)->target, reader->name, value, reader->context, reader->err))
                        return STOP;
        }
        return GO_ON;
}

/* Members nearly always come in the table's order: the search starts after the last one found. */
static const struct json_field *find(struct level *level, const char *name, size_t length)
{
        const struct json_field *field = level->next;

        do {
                if (!field->name) {
                        field = level->fields;
                        continue;
                }
                if (field->name[0] == name[0] && strlen(field->name) == length &&
                    memcmp(field->name, name, length) == 0) {
                        level->next = field + 1;
                        return field;
                }
                field++;
        } while (field != level->next);
        return NULL;
}

static int on_name(void *context, const unsigned char *name, size_t length)
{
        struct json_fields *reader = context;
        struct level *level = top(reader);

        if (reader->ignored)
                return GO_ON;
        if (!level->fields) {
                size_t kept = length < MAX_NAME ? length : 0;

                memcpy(reader->name, name, kept);
                reader->name[kept] = '\0';
        } else
                level->field = length == 0 ? NULL : find(level, (const char *)name, length);
        return GO_ON;
}

/* Tables are the program's own, and none is as deep as the levels there are. */
static int push(struct json_fields *reader, struct level level)
{
        if (!level.fields && !level.field) {
                reader->ignored++;
                return GO_ON;
        }
        if (reader->depth == JSON_FIELDS_DEPTH)
                abort();
        reader->levels[reader->depth++] = level;
        return GO_ON;
}

static int on_object(void *context)
{
        struct json_fields *reader = context;
        const struct json_field *field = wanted(reader);
        struct level level = {0};

        if (reader->ended)
                return STOP;
        if (reader->depth == 0)
                level = (struct level){.fields = reader->root,
                                       .next = reader->root,
                                       .target = reader->object};
        else if (field && (field->type == JSON_FIELD_OBJECT ||
                           (field->type == JSON_FIELD_LIST && top(reader)->list))) {
                level = (struct level){.fields = field->fields,
                                       .next = field->fields,
                                       .target = top(reader)->target + field->offset};
                reset(field->fields, level.target);
        } else if (field && field->type == JSON_FIELD_TEXTS && top(reader)->fields) {
                level = (struct level){.field = field, .target = top(reader)->target};
                reader->name[0] = '\0';
        }
        return push(reader, level);
}

/* A member whose object ended is done with; an element of a list is handed over. */
static int on_object_end(void *context)
{
        struct json_fields *reader = context;
        const struct json_field *field;

        if (reader->ignored) {
                reader->ignored--;
                return GO_ON;
        }
        reader->depth--;
        reader->ended = reader->depth == 0;
        field = wanted(reader);
        if (field && field->type == JSON_FIELD_LIST && top(reader)->list)
                return field->each(reader->object, reader->context, reader->err) ? GO_ON : STOP;
        return GO_ON;
}

static int on_list(void *context)
{
        struct json_fields *reader = context;
        const struct json_field *field = wanted(reader);
        struct level level = {0};

        if (field && top(reader)->fields &&
            (field->type == JSON_FIELD_LIST || field->type == JSON_FIELD_INTEGERS))
                level = (struct level){.list = true, .field = field, .target = top(reader)->target};
        return push(reader, level);
}

static int on_list_end(void *context)
{
        struct json_fields *reader = context;

        if (reader->ignored)
                reader->ignored--;
        else
                reader->depth--;
        return GO_ON;
}

static const yajl_callbacks callbacks = {
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_text,
        .yajl_start_map = on_object,
        .yajl_map_key = on_name,
        .yajl_end_map = on_object_end,
        .yajl_start_array = on_list,
        .yajl_end_array = on_list_end,
};

static void start_parser(struct json_fields *reader)
{
        reader->parser = yajl_alloc(&callbacks, NULL, reader);
        if (!reader->parser)
                abort();
        yajl_config(reader->parser, yajl_allow_multiple_values, 1);
}

struct json_fields *json_fields_new(void)
{
        struct json_fields *reader = memory_new(1, sizeof *reader);

        start_parser(reader);
        return reader;
}

void json_fields_free(struct json_fields *reader)
{
        if (reader)
                yajl_free(reader->parser);
        free(reader);
}

/* The parser's words, without the excerpt that follows them on lines of their own. */
static bool bad(struct json_fields *reader, yajl_status status, struct error *err)
{
        unsigned char *words;

        if (err->code != ERROR_NONE)
                return false;
        if (status == yajl_status_client_canceled)
                return error_set(err, ERROR_INPUT, NULL, "not JSON: something follows its end");
        if (status == yajl_status_ok)
                return error_set(err, ERROR_INPUT, NULL, "not JSON: it ends too early");
        words = yajl_get_error(reader->parser, 0, NULL, 0);
        error_set(err, ERROR_INPUT, NULL, "not JSON at byte %zu: %.*s",
                  yajl_get_bytes_consumed(reader->parser), (int)strcspn((const char *)words, ".\n"), words);
        yajl_free_error(reader->parser, words);
        return false;
}

bool json_fields_read(struct json_fields *reader, const char *text, size_t length,
                      const struct json_field *fields, void *object, void *context, struct error *err)
{
        yajl_status status;

        reader->depth = reader->ignored = 0;
        reader->ended = false;
        reader->root = fields;
        reader->object = object;
        reader->context = context;
        reader->err = err;
        reset(fields, object);
        if (length == 0 || text[0] != '{')
                return error_set(err, ERROR_INPUT, NULL, "not a JSON object");
        if (text[length - 1] != '}')
                return error_set(err, ERROR_INPUT, NULL, "not JSON: it ends too early");
        status = yajl_parse(reader->parser, (const unsigned char *)text, length);
        if (status == yajl_status_ok && reader->ended)
                return true;
        bad(reader, status, err);
        yajl_free(reader->parser);
        start_parser(reader);
        return false;
}

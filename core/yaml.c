/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/yaml.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/text.h"

struct yaml_document {
        struct yaml_node *root;
        char **sources; /* names the nodes point to */
        size_t n_sources;
        size_t n_nodes;
};

/* One pass over libyaml's events. */
struct reader {
        yaml_parser_t parser;
        struct yaml_document *document;
        const char *source;
        const char *text;
        size_t length;
        struct error *err;
};

static const char *keep_source(struct yaml_document *document, const char *source)
{
        document->sources =
                memory_resize(document->sources, document->n_sources + 1, sizeof *document->sources);
        document->sources[document->n_sources] = memory_copy_text(source);
        return document->sources[document->n_sources++];
}

static void node_free(struct yaml_node *node)
{
        if (!node)
                return;
        for (size_t i = 0; i < node->count; i++) {
                node_free(node->items[i]);
                if (node->keys)
                        node_free(node->keys[i]);
        }
        free(node->items);
        free(node->keys);
        free(node->scalar);
        free(node);
}

DEFINE_CLEANUP(node_free, struct yaml_node);

void yaml_document_free(struct yaml_document *document)
{
        if (!document)
                return;
        node_free(document->root);
        for (size_t i = 0; i < document->n_sources; i++)
                free(document->sources[i]);
        free(document->sources);
        free(document);
}

struct yaml_node *yaml_root(struct yaml_document *document)
{
        return document->root;
}

static void forget_lines(struct yaml_node *node)
{
        node->line = 0;
        node->column = 0;
        for (size_t i = 0; i < node->count; i++) {
                forget_lines(node->items[i]);
                if (node->keys)
                        forget_lines(node->keys[i]);
        }
}

void yaml_forget_lines(struct yaml_document *document)
{
        forget_lines(document->root);
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
        if (!map || map->kind != YAML_MAP)
                return NULL;
        for (size_t i = 0; i < map->count; i++)
                if (strcmp(map->keys[i]->scalar, key) == 0)
                        return map->items[i];
        return NULL;
}

const struct yaml_node *yaml_nearest(const struct yaml_node *node, const char *path, const char **ret_rest)
{
        while (*path) {
                const struct yaml_node *next = NULL;
                size_t length = strcspn(path, ".["), index;
                char *end;

                if (*path == '[') {
                        index = strtoul(path + 1, &end, 10);
                        length = (size_t)(end + (*end == ']') - path);
                        if (node->kind == YAML_LIST && index < node->count)
                                next = node->items[index];
                } else if (node->kind == YAML_MAP) {
                        autofree char *key = memory_format("%.*s", (int)length, path);

                        next = yaml_get(node, key);
                }
                if (!next)
                        break;
                node = next;
                path += length + (path[length] == '.');
        }
        *ret_rest = path;
        return node;
}

/* ---- messages ---- */

void yaml_path(const struct yaml_node *node, struct text *out)
{
        const struct yaml_node *parent = node->parent;

        if (!parent)
                return;
        yaml_path(parent, out);
        for (size_t i = 0; i < parent->count; i++) {
                if (parent->kind == YAML_LIST && parent->items[i] == node)
                        text_format(out, "[%zu]", i);
                else if (parent->kind == YAML_MAP && (parent->items[i] == node || parent->keys[i] == node))
                        text_format(out, "%s%s", out->length ? "." : "", parent->keys[i]->scalar);
        }
}

bool yaml_error(const struct yaml_node *node, struct error *err, const char *format, ...)
{
        char message[sizeof err->message];
        autotext where = {0};
        va_list args;

        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        if (node && node->line > 0)
                text_format(&where, "%s:%d:%d: ", node->source, node->line, node->column);
        else if (node)
                text_format(&where, "%s ", node->source);
        if (node && node->parent) {
                autotext path = {0};

                yaml_path(node, &path);
                text_format(&where, "%.300s: ", path.data);
        }
        return error_set(err, ERROR_INPUT, NULL, "%s%s", where.data ? where.data : "", message);
}

const char *yaml_show(const struct yaml_node *node, char buffer[YAML_SHOWN_ROOM])
{
        size_t room = YAML_SHOWN_ROOM - 8;
        size_t length = strlen(node->scalar);
        const char *dots = "";

        if (length > room) {
                length = room;
                dots = "...";
                while (length > 0 && ((unsigned char)node->scalar[length] & 0xc0) == 0x80)
                        length--; /* never half a UTF-8 character */
        }
        snprintf(buffer, YAML_SHOWN_ROOM, "\"%.*s%s\"", (int)length, node->scalar, dots);
        return buffer;
}

static bool fail_at(struct reader *reader, yaml_mark_t mark, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static bool fail_at(struct reader *reader, yaml_mark_t mark, const char *format, ...)
{
        char message[512];
        va_list args;

        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        error_set(reader->err, ERROR_INPUT, NULL, "%s:%zu:%zu: %s", reader->source, mark.line + 1,
                  mark.column + 1, message);
        return false;
}

/* What libyaml complains of. Its reader (encoding, control characters) knows only a byte offset. */
static bool fail_parser(struct reader *reader)
{
        const yaml_parser_t *parser = &reader->parser;
        const char *problem = parser->problem ? parser->problem : "cannot be read";
        yaml_mark_t mark = parser->problem_mark;

        if (parser->error == YAML_READER_ERROR) {
                mark = (yaml_mark_t){0};
                for (size_t i = 0; i < parser->problem_offset && i < reader->length; i++) {
                        mark.column = reader->text[i] == '\n' ? 0 : mark.column + 1;
                        mark.line += reader->text[i] == '\n';
                }
        }
        if (parser->context)
                return fail_at(reader, mark, "not YAML: %s, %s", parser->context, problem);
        return fail_at(reader, mark, "not YAML: %s", problem);
}

/* ---- reading ---- */

static bool next_event(struct reader *reader, yaml_event_t *ret_event)
{
        return yaml_parser_parse(&reader->parser, ret_event) || fail_parser(reader);
}

static bool node_new(struct reader *reader, enum yaml_kind kind, yaml_mark_t mark,
                     const struct yaml_node *parent, struct yaml_node **ret_node)
{
        struct yaml_node *node;

        if (++reader->document->n_nodes > YAML_MAX_NODES)
                return fail_at(reader, mark, "more than %d values; expected a smaller document",
                               YAML_MAX_NODES);
        node = memory_new(1, sizeof *node);
        node->kind = kind;
        node->source = reader->source;
        node->parent = parent;
        node->line = (int)mark.line + 1;
        node->column = (int)mark.column + 1;
        *ret_node = node;
        return true;
}

static bool is_null_word(const char *scalar)
{
        return !*scalar || strcmp(scalar, "~") == 0 || strcmp(scalar, "null") == 0 ||
               strcmp(scalar, "Null") == 0 || strcmp(scalar, "NULL") == 0;
}

static bool read_scalar(struct reader *reader, const yaml_event_t *event, const struct yaml_node *parent,
                        struct yaml_node **ret_node)
{
        const char *value = (const char *)event->data.scalar.value;
        struct yaml_node *node = NULL;

        if (strlen(value) != event->data.scalar.length)
                return fail_at(reader, event->start_mark, "text holds a NUL byte; expected none");
        if (!node_new(reader, YAML_SCALAR, event->start_mark, parent, &node))
                return false;
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->null = !node->quoted && is_null_word(value);
        node->scalar = memory_copy_text(node->null ? "" : value);
        *ret_node = node;
        return true;
}

/* Arrays grow by doubling; the room is the next power of two, so it need not be kept. */
static struct yaml_node **append(struct yaml_node **array, size_t count, struct yaml_node *node)
{
        if ((count & (count - 1)) == 0)
                array = memory_resize(array, count ? count * 2 : 1, sizeof(struct yaml_node *));
        array[count] = node;
        return array;
}

static int compare_keys(const void *a, const void *b)
{
        const struct yaml_node *const *left = a, *const *right = b;
        int order = strcmp((*left)->scalar, (*right)->scalar);

        if (order != 0)
                return order;
        if ((*left)->line != (*right)->line)
                return (*left)->line < (*right)->line ? -1 : 1;
        return (*left)->column - (*right)->column;
}

static bool check_map(const struct yaml_node *map, struct error *err)
{
        autofree struct yaml_node **sorted = memory_new(map->count, sizeof *sorted);

        if (map->count < 2)
                return true;
        memcpy(sorted, map->keys, map->count * sizeof *sorted);
        qsort(sorted, map->count, sizeof *sorted, compare_keys);
        for (size_t i = 1; i < map->count; i++)
                if (strcmp(sorted[i - 1]->scalar, sorted[i]->scalar) == 0)
                        return yaml_error(sorted[i], err, "duplicate key; it stands on line %d already",
                                          sorted[i - 1]->line);
        return true;
}

/* Once the whole tree stands: only then every node knows its path. */
static bool check_duplicates(const struct yaml_node *node, struct error *err)
{
        if (node->kind == YAML_MAP && !check_map(node, err))
                return false;
        for (size_t i = 0; i < node->count; i++)
                if (!check_duplicates(node->items[i], err))
                        return false;
        return true;
}

static bool read_node(struct reader *reader, yaml_event_t *event, int depth, const struct yaml_node *parent,
                      struct yaml_node **ret_node);

static bool read_list(struct reader *reader, struct yaml_node *list, int depth)
{
        for (;;) {
                yaml_event_t event;
                struct yaml_node *item;

                if (!next_event(reader, &event))
                        return false;
                if (event.type == YAML_SEQUENCE_END_EVENT) {
                        yaml_event_delete(&event);
                        return true;
                }
                if (!read_node(reader, &event, depth, list, &item))
                        return false;
                list->items = append(list->items, list->count, item);
                list->count++;
        }
}

static bool read_key(struct reader *reader, yaml_event_t *event, const struct yaml_node *map,
                     struct yaml_node **ret_key)
{
        yaml_mark_t mark = event->start_mark;
        bool plain = event->type == YAML_SCALAR_EVENT && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        autocall(node_free) struct yaml_node *key = NULL;

        if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT) {
                yaml_event_delete(event);
                return fail_at(reader, mark, "a list or map as key; expected a name");
        }
        if (!read_node(reader, event, 0, map, &key))
                return false;
        if (plain && strcmp(key->scalar, "<<") == 0)
                return fail_at(reader, mark, "merge key <<; expected the options written out");
        if (key->null || !*key->scalar)
                return fail_at(reader, mark, "empty key; expected a name");
        *ret_key = TAKE(key);
        return true;
}

static bool read_map(struct reader *reader, struct yaml_node *map, int depth)
{
        for (;;) {
                yaml_event_t event;
                autocall(node_free) struct yaml_node *key = NULL;
                struct yaml_node *value;

                if (!next_event(reader, &event))
                        return false;
                if (event.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&event);
                        return true;
                }
                if (!read_key(reader, &event, map, &key) || !next_event(reader, &event) ||
                    !read_node(reader, &event, depth, map, &value))
                        return false;
                map->keys = append(map->keys, map->count, TAKE(key));
                map->items = append(map->items, map->count, value);
                map->count++;
        }
}

/* Aliases, anchors and tags make a document mean something else than it says. */
static bool check_plain(struct reader *reader, const yaml_event_t *event)
{
        const yaml_char_t *anchor = NULL, *tag = NULL;

        if (event->type == YAML_ALIAS_EVENT)
                return fail_at(reader, event->start_mark, "alias *%s; expected the value written out",
                               (const char *)event->data.alias.anchor);
        if (event->type == YAML_SCALAR_EVENT) {
                anchor = event->data.scalar.anchor;
                tag = event->data.scalar.tag;
        } else if (event->type == YAML_SEQUENCE_START_EVENT) {
                anchor = event->data.sequence_start.anchor;
                tag = event->data.sequence_start.tag;
        } else if (event->type == YAML_MAPPING_START_EVENT) {
                anchor = event->data.mapping_start.anchor;
                tag = event->data.mapping_start.tag;
        }
        if (anchor)
                return fail_at(reader, event->start_mark, "anchor &%s; expected no anchors",
                               (const char *)anchor);
        if (tag)
                return fail_at(reader, event->start_mark, "tag %s; expected no tags", (const char *)tag);
        return true;
}

/* Consumes the event. */
static bool read_node(struct reader *reader, yaml_event_t *event, int depth, const struct yaml_node *parent,
                      struct yaml_node **ret_node)
{
        autocall(node_free) struct yaml_node *node = NULL;
        yaml_mark_t mark = event->start_mark;
        bool list = event->type == YAML_SEQUENCE_START_EVENT;
        bool done = check_plain(reader, event);

        if (done && event->type == YAML_SCALAR_EVENT) {
                done = read_scalar(reader, event, parent, ret_node);
                yaml_event_delete(event);
                return done;
        }
        yaml_event_delete(event);
        if (!done)
                return false;
        if (depth >= YAML_MAX_DEPTH)
                return fail_at(reader, mark, "nested more than %d deep; expected a flatter document",
                               YAML_MAX_DEPTH);
        if (!node_new(reader, list ? YAML_LIST : YAML_MAP, mark, parent, &node))
                return false;
        if (!(list ? read_list(reader, node, depth + 1) : read_map(reader, node, depth + 1)))
                return false;
        *ret_node = TAKE(node);
        return true;
}

/* Skips stream-start and document-start; the next event opens the root. */
static bool open_document(struct reader *reader, yaml_event_t *ret_root)
{
        for (;;) {
                yaml_event_t event;

                if (!next_event(reader, &event))
                        return false;
                if (event.type == YAML_STREAM_END_EVENT) {
                        yaml_event_delete(&event);
                        return error_set(reader->err, ERROR_INPUT, NULL, "%s: is empty; expected YAML",
                                         reader->source);
                }
                if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT) {
                        *ret_root = event;
                        return true;
                }
                yaml_event_delete(&event);
        }
}

static bool close_document(struct reader *reader)
{
        for (;;) {
                yaml_event_t event;
                yaml_mark_t mark;
                yaml_event_type_t type;

                if (!next_event(reader, &event))
                        return false;
                type = event.type;
                mark = event.start_mark;
                yaml_event_delete(&event);
                if (type == YAML_STREAM_END_EVENT)
                        return true;
                if (type != YAML_DOCUMENT_END_EVENT)
                        return fail_at(reader, mark, "a second document; expected one");
        }
}

static bool read_document(struct reader *reader)
{
        yaml_event_t event;

        return open_document(reader, &event) && read_node(reader, &event, 0, NULL, &reader->document->root) &&
               close_document(reader) && check_duplicates(reader->document->root, reader->err);
}

bool yaml_parse(const char *text, size_t length, const char *source, struct yaml_document **ret_document,
                struct error *err)
{
        autocall(yaml_document_free) struct yaml_document *document = memory_new(1, sizeof *document);
        const char *name = strcmp(source, "-") == 0 ? "standard input" : source;
        struct reader reader = {.document = document,
                                .source = keep_source(document, name),
                                .text = text,
                                .length = length,
                                .err = err};
        bool done;

        if (length > YAML_MAX_BYTES)
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s: larger than %u MiB; expected a smaller document", name,
                                 YAML_MAX_BYTES >> 20);
        if (!yaml_parser_initialize(&reader.parser)) {
                fputs("optctl: out of memory\n", stderr);
                abort();
        }
        yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
        done = read_document(&reader);
        yaml_parser_delete(&reader.parser);
        if (done)
                *ret_document = TAKE(document);
        return done;
}

bool yaml_read_file(const char *path, struct yaml_document **ret_document, struct error *err)
{
        autofree char *text = NULL;
        size_t length;

        if (!text_read_file(path, YAML_MAX_BYTES, &text, &length, err))
                return false;
        return yaml_parse(text, length, path, ret_document, err);
}

/* ---- setting one value ---- */

struct setting {
        struct yaml_document *document;
        const char *path, *rest; /* whole, and what is still to be walked */
        const char *source;      /* kept by the document */
        struct error *err;
};

static bool fail_setting(const struct setting *setting, const char *why)
{
        return error_set(setting->err, ERROR_INPUT, NULL, "%s %s: %s", setting->source, setting->path, why);
}

static bool ends_step(char c)
{
        return c == '\0' || c == '.' || c == '[';
}

/* Names may hold dots ("taskmanager.memory"): the longest one that fits wins. */
static void match_name(const struct yaml_node *name, const char *rest, size_t index, size_t *best_length,
                       size_t *ret_index)
{
        size_t length = name && name->kind == YAML_SCALAR ? strlen(name->scalar) : 0;

        if (length > *best_length && strncmp(rest, name->scalar, length) == 0 && ends_step(rest[length])) {
                *best_length = length;
                *ret_index = index;
        }
}

static struct yaml_node *make_node(const struct setting *setting, const struct yaml_node *parent)
{
        struct yaml_node *node = memory_new(1, sizeof *node);

        node->source = setting->source;
        node->parent = parent;
        node->null = true;
        node->scalar = memory_copy_text("");
        return node;
}

static struct yaml_node **append_slot(struct setting *setting, struct yaml_node *node, struct yaml_node *key)
{
        if (key)
                node->keys = append(node->keys, node->count, key);
        node->items = append(node->items, node->count, make_node(setting, node));
        return &node->items[node->count++];
}

static bool step_into_map(struct setting *setting, struct yaml_node *map, struct yaml_node ***ret_slot)
{
        size_t index = 0, length = 0;
        struct yaml_node *key;

        for (size_t i = 0; i < map->count; i++)
                match_name(map->keys[i], setting->rest, i, &length, &index);
        if (length > 0) {
                setting->rest += length;
                *ret_slot = &map->items[index];
                return true;
        }
        length = strcspn(setting->rest, ".[");
        if (length == 0)
                return fail_setting(setting,
                                    "empty name in the path; expected names with single dots between");
        key = make_node(setting, map);
        free(key->scalar);
        key->scalar = memory_format("%.*s", (int)length, setting->rest);
        key->null = false;
        setting->rest += length;
        *ret_slot = append_slot(setting, map, key);
        return true;
}

static bool step_to_index(struct setting *setting, struct yaml_node *list, struct yaml_node ***ret_slot)
{
        char *end;
        unsigned long index = strtoul(setting->rest + 1, &end, 10);

        if (!isdigit((unsigned char)setting->rest[1]) || *end != ']' || !ends_step(end[1]))
                return fail_setting(setting, "not an index; expected [0], [1], ...");
        if (index > list->count)
                return fail_setting(setting, "no such item; expected an index up to the length of the list");
        setting->rest = end + 1;
        *ret_slot = index < list->count ? &list->items[index] : append_slot(setting, list, NULL);
        return true;
}

static bool step_to_named(struct setting *setting, struct yaml_node *list, struct yaml_node ***ret_slot)
{
        size_t index = 0, length = 0;

        for (size_t i = 0; i < list->count; i++)
                match_name(yaml_get(list->items[i], "name"), setting->rest, i, &length, &index);
        if (length == 0)
                return fail_setting(setting, "no item of the list has that name; expected a name or [index]");
        setting->rest += length;
        *ret_slot = &list->items[index];
        return true;
}

/* Walks one step of the path; what was null becomes the map or list that the path needs. */
static bool step(struct setting *setting, struct yaml_node **slot, struct yaml_node ***ret_slot)
{
        struct yaml_node *node = *slot;
        bool bracket = *setting->rest == '[';

        if (node->kind == YAML_SCALAR && node->null) {
                node->kind = bracket ? YAML_LIST : YAML_MAP;
                node->null = false;
        }
        if (node->kind == YAML_SCALAR)
                return fail_setting(setting, "leads below a single value; expected a path to an option");
        if (bracket && node->kind == YAML_MAP)
                return fail_setting(setting, "an index into a map; expected a name");
        if (bracket)
                return step_to_index(setting, node, ret_slot);
        if (*setting->rest == '.')
                setting->rest++;
        return node->kind == YAML_MAP ? step_into_map(setting, node, ret_slot)
                                      : step_to_named(setting, node, ret_slot);
}

/* Nodes of a value outlive the text they were read from. */
static void adopt(struct yaml_node *node, const char *source)
{
        node->source = source;
        node->line = node->column = 0;
        for (size_t i = 0; i < node->count; i++) {
                adopt(node->items[i], source);
                if (node->keys)
                        adopt(node->keys[i], source);
        }
}

bool yaml_set(struct yaml_document *document, const char *path, const char *value, const char *source,
              struct error *err)
{
        autocall(yaml_document_free) struct yaml_document *parsed = NULL;
        struct setting setting = {.document = document,
                                  .path = path,
                                  .rest = path,
                                  .source = keep_source(document, source),
                                  .err = err};
        struct yaml_node **slot = &document->root;
        const struct yaml_node *parent = NULL;

        for (int depth = 0; *setting.rest; depth++) {
                if (depth >= YAML_MAX_DEPTH)
                        return fail_setting(&setting, "path too long");
                parent = *slot;
                if (!step(&setting, slot, &slot))
                        return false;
        }
        if (!parent)
                return fail_setting(&setting, "empty path; expected PATH=VALUE");
        if (!*value)
                value = "null";
        if (!yaml_parse(value, strlen(value), "value", &parsed, err))
                return error_wrap(err, "%s %s", setting.source, path);
        node_free(*slot);
        *slot = TAKE(parsed->root);
        (*slot)->parent = parent;
        adopt(*slot, setting.source);
        return true;
}

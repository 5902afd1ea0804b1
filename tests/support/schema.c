/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/schema.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

#define MAX_FILES 8

struct checker {
        const char *folder;
        int n_files;
        char *names[MAX_FILES];
        json_t *roots[MAX_FILES];
};

/* Where we are: in which schema file, and at which place of the document. */
struct place {
        const json_t *root;
        const char *path;
};

static bool check(struct checker *checker, struct place at, const json_t *schema, const json_t *value,
                  struct error *err);

static bool wrong(struct error *err, struct place at, const char *what)
{
        return error_set(err, ERROR_INPUT, NULL, "%s: %s", at.path, what);
}

static const json_t *load(struct checker *checker, const char *name, struct error *err)
{
        autofree char *path = memory_format("%s/%s", checker->folder, name);
        json_error_t where;

        for (int i = 0; i < checker->n_files; i++)
                if (strcmp(checker->names[i], name) == 0)
                        return checker->roots[i];
        if (checker->n_files == MAX_FILES) {
                error_set(err, ERROR_LIMIT, NULL, "%s: more than %d files", name, MAX_FILES);
                return NULL;
        }
        checker->roots[checker->n_files] = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
        if (!checker->roots[checker->n_files]) {
                error_set(err, ERROR_INPUT, NULL, "%s:%d: %s", path, where.line, where.text);
                return NULL;
        }
        checker->names[checker->n_files] = memory_copy_text(name);
        return checker->roots[checker->n_files++];
}

/* "file.json#/$defs/name", each part optional */
static bool check_reference(struct checker *checker, struct place at, const char *reference,
                            const json_t *value, struct error *err)
{
        autofree char *file = memory_copy_text(reference);
        char *fragment = strchr(file, '#');
        const json_t *target;

        if (fragment)
                *fragment++ = '\0';
        if (*file)
                at.root = load(checker, file, err);
        if (!at.root)
                return false;
        target = at.root;
        for (char *step = fragment ? strtok(fragment, "/") : NULL; step; step = strtok(NULL, "/"))
                target = json_object_get(target, step);
        if (!target)
                return error_set(err, ERROR_INPUT, NULL, "%s: no such definition", reference);
        return check(checker, at, target, value, err);
}

static bool has_type(const json_t *value, const char *type)
{
        static const struct {
                const char *name;
                json_type types[2];
        } names[] = {{"object", {JSON_OBJECT, JSON_OBJECT}}, {"array", {JSON_ARRAY, JSON_ARRAY}},
                     {"string", {JSON_STRING, JSON_STRING}}, {"integer", {JSON_INTEGER, JSON_INTEGER}},
                     {"number", {JSON_INTEGER, JSON_REAL}},  {"boolean", {JSON_TRUE, JSON_FALSE}},
                     {"null", {JSON_NULL, JSON_NULL}}};

        for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
                if (strcmp(names[i].name, type) == 0)
                        return json_typeof(value) == names[i].types[0] ||
                               json_typeof(value) == names[i].types[1];
        return false;
}

static bool check_type(struct place at, const json_t *types, const json_t *value, struct error *err)
{
        const json_t *type;
        size_t index;

        if (json_is_string(types))
                return has_type(value, json_string_value(types)) || wrong(err, at, "has another type");
        json_array_foreach(types, index, type) if (has_type(value, json_string_value(type))) return true;
        return wrong(err, at, "has none of the types");
}

static bool check_members(struct checker *checker, struct place at, const json_t *schema, const json_t *value,
                          struct error *err)
{
        const json_t *properties = json_object_get(schema, "properties");
        const json_t *others = json_object_get(schema, "additionalProperties");
        const json_t *key;
        const char *name;
        json_t *member;
        size_t index;

        json_array_foreach(json_object_get(schema, "required"), index,
                           key) if (!json_object_get(value,
                                                     json_string_value(
                                                             key))) return error_set(err, ERROR_INPUT, NULL,
                                                                                     "%s: no %s", at.path,
                                                                                     json_string_value(key));
        json_object_foreach((json_t *)(uintptr_t)value, name, member)
        {
                autofree char *path = memory_format("%s.%s", at.path, name);
                const json_t *rule = json_object_get(properties, name);

                rule = rule ? rule : others;
                if (rule && !check(checker, (struct place){at.root, path}, rule, member, err))
                        return false;
        }
        return true;
}

static bool check_items(struct checker *checker, struct place at, const json_t *rule, const json_t *value,
                        struct error *err)
{
        const json_t *item;
        size_t index;

        json_array_foreach(value, index, item)
        {
                autofree char *path = memory_format("%s[%zu]", at.path, index);

                if (!check(checker, (struct place){at.root, path}, rule, item, err))
                        return false;
        }
        return true;
}

static bool check_any(struct checker *checker, struct place at, const json_t *rules, const json_t *value,
                      struct error *err)
{
        const json_t *rule;
        size_t index;

        json_array_foreach(rules, index, rule) if (check(checker, at, rule, value, err)) return true;
        return false;
}

static bool check_enum(struct place at, const json_t *values, const json_t *value, struct error *err)
{
        const json_t *one;
        size_t index;

        json_array_foreach(values, index, one) if (json_equal(one, value)) return true;
        return wrong(err, at, "is none of the values");
}

static bool is_note(const char *keyword)
{
        static const char *const notes[] =
                {"$schema", "$id", "$defs", "title", "description", "properties", "additionalProperties"};

        for (size_t i = 0; i < ARRAY_LENGTH(notes); i++)
                if (strcmp(keyword, notes[i]) == 0)
                        return true;
        return false;
}

static bool check_keyword(struct checker *checker, struct place at, const char *keyword, const json_t *rule,
                          const json_t *value, struct error *err)
{
        double bound = json_number_value(rule);
        double number = json_number_value(value);

        if (strcmp(keyword, "$ref") == 0)
                return check_reference(checker, at, json_string_value(rule), value, err);
        if (strcmp(keyword, "type") == 0)
                return check_type(at, rule, value, err);
        if (strcmp(keyword, "const") == 0)
                return json_equal(rule, value) || wrong(err, at, "is another value");
        if (strcmp(keyword, "enum") == 0)
                return check_enum(at, rule, value, err);
        if (strcmp(keyword, "anyOf") == 0)
                return check_any(checker, at, rule, value, err);
        if (strcmp(keyword, "minimum") == 0)
                return !json_is_number(value) || number >= bound || wrong(err, at, "is too small");
        if (strcmp(keyword, "exclusiveMinimum") == 0)
                return !json_is_number(value) || number > bound || wrong(err, at, "is too small");
        if (strcmp(keyword, "minItems") == 0)
                return (double)json_array_size(value) >= bound || wrong(err, at, "has too few items");
        if (strcmp(keyword, "items") == 0)
                return check_items(checker, at, rule, value, err);
        if (strcmp(keyword, "required") == 0 || is_note(keyword))
                return true;
        return error_set(err, ERROR_INPUT, NULL, "schema keyword %s: not known to the checker", keyword);
}

static bool check(struct checker *checker, struct place at, const json_t *schema, const json_t *value,
                  struct error *err)
{
        const char *keyword;
        json_t *rule;

        json_object_foreach((json_t *)(uintptr_t)schema, keyword,
                            rule) if (!check_keyword(checker, at, keyword, rule, value, err)) return false;
        return !json_is_object(value) || check_members(checker, at, schema, value, err);
}

bool schema_check(const char *folder, const char *file, const json_t *document, struct error *err)
{
        struct checker checker = {.folder = folder};
        const json_t *root = load(&checker, file, err);
        bool done = root && check(&checker, (struct place){root, "$"}, root, document, err);

        for (int i = 0; i < checker.n_files; i++) {
                json_decref(checker.roots[i]);
                free(checker.names[i]);
        }
        return done;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_OPTION_H
#define OPTCTL_CORE_OPTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/text.h"
#include "core/yaml.h"

/*
 * One declarative table for each section of a spec and for each strategy, guardrail, collector and actuator.
 * From it come the parser, the error messages with place and nearest name, the defaults, `optctl explain`,
 * the JSON Schema and the reference page: nothing about an option is written twice.
 *
 * Names are camelCase and end in their unit where they have one (metricsWindowSeconds). Durations are
 * integers.
 */
enum option_type {
        OPTION_BOOL,     /* bool */
        OPTION_INT,      /* int64_t */
        OPTION_NUMBER,   /* double; written as a number or as a decimal in quotes (Kubernetes objects carry no
                            floats) */
        OPTION_QUANTITY, /* double in the base unit; a Kubernetes quantity: 512Mi, 100m, 1.5 */
        OPTION_TEXT,     /* char *, owned by the object; NULL when absent and without a default */
        OPTION_CHOICE,   /* int, index into choices */
        OPTION_TIME,     /* int64_t, milliseconds since 1970 UTC; RFC 3339; INT64_MIN when absent */
        OPTION_SECTION,  /* the struct itself, laid out by `table`; defaults apply when it is absent */
        OPTION_POINTER,  /* pointer to such a struct, NULL when absent */
        OPTION_LIST,     /* struct option_list of structs laid out by `table` */
        OPTION_TEXTS,    /* struct option_list of char * */
        OPTION_NUMBERS,  /* struct option_list of double */
        OPTION_FREE, /* struct yaml_node *, borrowed from the document: whoever owns the section parses it.
                        As a Kubernetes object it is laid out by `table`: a list of it with a `max`, else a
                        map */
};

struct option_table;

/* Longest text and list without bounds of their own. */
#define OPTION_TEXT_BYTES 4096
#define OPTION_LIST_ITEMS 1024

/*
 * What must hold between options of a section as it was written. From it come the parser's check and the rule
 * that the Kubernetes API server checks. `words` say what was expected.
 */
enum option_rule_kind {
        RULE_ORDER,       /* names[0] <= names[1], defaults included */
        RULE_ONE,         /* exactly one of the names is given */
        RULE_AT_MOST_ONE, /* at most one of them is */
        RULE_TOGETHER,    /* all or none of them are */
        RULE_NEEDS,       /* names[0] only stands beside names[1] */
};

#define OPTION_RULE_NAMES 32

struct option_rule {
        enum option_rule_kind kind;
        const char *names[OPTION_RULE_NAMES + 1]; /* ends with NULL; the first is where an ORDER or a NEEDS is
                                                     told, the others are told at the section */
        const char *words;
};

struct option {
        const char *name;
        enum option_type type;
        size_t offset;
        const char *unit;     /* for people: "s", "records/s", "1/h"; NULL when it has none */
        double min, max;      /* inclusive; both 0: unbounded; may be infinite. Text: bytes; lists: items */
        const char *key;      /* OPTION_LIST: required text by which items are told apart, hence unique */
        const char *fallback; /* default as it would be written in a spec; NULL: zero, NULL, empty, NAN,
                                 INT64_MIN */
        const char *const *choices; /* OPTION_CHOICE, ends with NULL */
        const struct option_table *table;
        bool required;
        bool immutable;   /* text: once given, it cannot be changed in a cluster */
        bool local;       /* it stands in files alone, not in objects of a cluster */
        const char *help; /* one or two full sentences */
};

struct option_table {
        const char *name;                /* of the section: "constraints", "hpa" */
        const char *help;                /* what the section is for */
        size_t size;                     /* sizeof of the object; 0 for a table of which no object is made */
        const struct option *options;    /* ends with a NULL name */
        const struct option_rule *rules; /* end without names; may be NULL */
        /* Other rules between options. `node` is the section as written; may be NULL when defaults were
         * taken. */
        bool (*check)(const void *object, const struct yaml_node *node, struct error *err);
};

struct option_list {
        void *items;
        size_t count;
};

/* A double option that was not given and has no default is NAN. */

/* Several tables that share one map (the guardrails of a spec): each fills its own object. */
struct option_part {
        const struct option_table *table;
        void *object;
};

/* Fills `object` (zeroed or not; overwritten) from the map `node`, or with defaults when node is NULL: then
 * nothing is required. On failure everything allocated is freed and the object is zeroed. Errors name the
 * place and the nearest right name: "f.yaml:7:5: spec.constraints.latencyP99Miliseconds: unknown option; did
 * you mean latencyP99Milliseconds?". */
bool option_parse(const struct option_table *table, const struct yaml_node *node, void *object,
                  struct error *err);
bool option_parse_parts(const struct option_part *parts, size_t n_parts, const struct yaml_node *node,
                        struct error *err);

/* The rules and checks of a table on an object that was not parsed. */
bool option_check(const struct option_table *table, const void *object, struct error *err);

/* Frees what option_parse allocated inside the object, not the object. NULL-safe. */
void option_free(const struct option_table *table, void *object);

/* Allocates, parses, frees on failure. */
bool option_new(const struct option_table *table, const struct yaml_node *node, void **ret_object,
                struct error *err);
void option_delete(const struct option_table *table, void *object);

/* The object's values as JSON, units and choices by name, for the ledger and reports. Caller owns. */
json_t *option_to_json(const struct option_table *table, const void *object);

/* The option at a dotted path below the table ("knobs.min"; list items need no index), or an error that names
 * the nearest one. ret_table is the table the option stands in; the empty path is the table itself
 * (ret_option NULL). */
bool option_find(const struct option_table *table, const char *path, const struct option_table **ret_table,
                 const struct option **ret_option, struct error *err);

/* As `kubectl explain`: name, type, unit, range, default, help, and the options below. */
void option_explain(const struct option_table *table, const struct option *option, const char *path,
                    struct text *out);

json_t *option_schema(const struct option_table *table); /* JSON Schema 2020-12 */
void option_reference(const struct option_table *table, const char *path, struct text *out); /* Markdown */

#endif

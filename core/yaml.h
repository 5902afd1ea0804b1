/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_YAML_H
#define OPTCTL_CORE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"

/*
 * A YAML (hence also JSON) document as a tree that remembers where each node stood. Read with libyaml.
 * Aliases, tags and merge keys are refused: a spec is data, and Kubernetes refuses them too.
 */
enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
        enum yaml_kind kind;
        const char *source;             /* file name, or "--set"; lives as long as the document */
        const struct yaml_node *parent; /* map or list it stands in; NULL for the root */
        int line, column;               /* from 1; 0 when the node was made by yaml_set */
        char *scalar; /* YAML_SCALAR: the text; "" and unquoted null are both empty with `null` set for the
                         latter */
        bool quoted;  /* the scalar stood in quotes or in a block: it is text, never a number */
        bool null;
        size_t count;             /* items or pairs */
        struct yaml_node **items; /* YAML_LIST items, YAML_MAP values */
        struct yaml_node **keys;  /* YAML_MAP: scalar nodes, unique */
};

#define YAML_MAX_BYTES (4u << 20)
#define YAML_MAX_DEPTH 32
#define YAML_MAX_NODES 200000

struct yaml_document; /* owns its nodes */

/* Errors are ERROR_INPUT and read "file:line:column: what is wrong; expected what". Duplicate keys are an
 * error. The source "-" is called standard input. */
bool yaml_parse(const char *text, size_t length, const char *source, struct yaml_document **ret_document,
                struct error *err);
bool yaml_read_file(const char *path, struct yaml_document **ret_document, struct error *err);
struct yaml_node *yaml_root(struct yaml_document *document);

/* Not yaml_free: libyaml exports a function of that name and would call ours. NULL-safe. */
void yaml_document_free(struct yaml_document *document);
DEFINE_CLEANUP(yaml_document_free, struct yaml_document);

/* From now on messages name the source and the path, as for a document that nobody wrote line by line:
 * "TunedPipeline orders spec.knobs[0].max: ...". */
void yaml_forget_lines(struct yaml_document *document);

/* The value under `key`, or NULL. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* The last node that there is on the way from `node` along a path ("space[0].low"). *ret_rest: what of the
 * path leads on from there; it points into `path`, and is empty when all of it was found. */
const struct yaml_node *yaml_nearest(const struct yaml_node *node, const char *path, const char **ret_rest);

/* Sets the node at a dotted path ("spec.knobs[0].max", "spec.knobs.workers.max" picks the list item whose
 * `name` is "workers"; an index equal to the length appends) to the YAML in `value`; maps on the way are
 * made. `source` is named in errors, now and later: "--set spec.knobs[9]: no such item". After a failure the
 * document may hold half of it. */
bool yaml_set(struct yaml_document *document, const char *path, const char *value, const char *source,
              struct error *err);

/* Adds the dotted path of a node or key to `out`: "spec.knobs[0].max"; nothing for the root. */
void yaml_path(const struct yaml_node *node, struct text *out);

/* ERROR_INPUT with "source:line:column: path: " in front ("--set path: " for what yaml_set made); returns
 * false. Put neither into the format. A NULL node (a default) adds nothing. */
bool yaml_error(const struct yaml_node *node, struct error *err, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* A scalar for an error message: in quotes and shortened. */
#define YAML_SHOWN_ROOM 64
const char *yaml_show(const struct yaml_node *node, char buffer[YAML_SHOWN_ROOM]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/object.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client.h"
#include "core/text.h"

/* By these an engine's section says what it is about; all others say how it is read. */
static const char *const naming[] = {"url", "namespace", "deployment", "name", "job"};

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : NULL;
}

static char *dump(const json_t *value)
{
        return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

static char *reason_of_pause(const json_t *metadata)
{
        const char *value = text_of(json_object_get(metadata, "annotations"), PAUSE_ANNOTATION);

        return value && strcmp(value, "false") != 0 ? memory_copy_text(value) : NULL;
}

/* The parts of the object that make a spec. */
static char *spec_text(const json_t *object, const json_t *metadata)
{
        autojson *kept =
                json_pack("{s:O*, s:O*, s:{s:O*, s:O*}, s:O*}", "apiVersion",
                          json_object_get(object, "apiVersion"), "kind", json_object_get(object, "kind"),
                          "metadata", "name", json_object_get(metadata, "name"), "namespace",
                          json_object_get(metadata, "namespace"), "spec", json_object_get(object, "spec"));

        return kept ? dump(kept) : memory_copy_text("{}");
}

/* The only section of spec.engine, and its name; NULL: there is none. */
static json_t *engine_of(const json_t *spec, const char **ret_name)
{
        json_t *engine = json_object_get(spec, "engine");
        void *first = json_object_iter(engine);

        if (!first || !json_is_object(json_object_iter_value(first)))
                return NULL;
        *ret_name = json_object_iter_key(first);
        return json_object_iter_value(first);
}

static char *shown_target(const json_t *spec)
{
        static const char *const telling[] = {"job", "deployment", "name", "url"};
        const char *name = "";
        const json_t *section = engine_of(spec, &name);

        for (size_t i = 0; i < ARRAY_LENGTH(telling); i++)
                if (text_of(section, telling[i]))
                        return memory_format("%.64s/%.400s", name, text_of(section, telling[i]));
        return memory_copy_text(name);
}

/* An engine without an address of its own stands in a namespace: the object's unless it says another. NULL:
 * there is no engine. */
static char *steered_by(const json_t *spec, const char *namespace)
{
        const char *name = "";
        const json_t *section = engine_of(spec, &name);
        autotext text = {0};

        if (!section)
                return NULL;
        text_put(&text, name);
        for (size_t i = 0; i < ARRAY_LENGTH(naming); i++) {
                const char *value = text_of(section, naming[i]);

                if (!value && strcmp(naming[i], "namespace") == 0 && !text_of(section, "url"))
                        value = namespace;
                text_format(&text, " %s=%s", naming[i], value ? value : "");
        }
        return text_take(&text);
}

static bool wants_to_steer(const json_t *spec)
{
        const char *mode = text_of(spec, "mode");

        return mode && strcmp(mode, "Auto") == 0;
}

/* Whose pods run it, where the spec says so. */
static void find_workload(const json_t *spec, const char *namespace, struct tuned_workload *workload)
{
        static const char *const kinds[][2] = {{"deployment", "Deployment"},
                                               {"statefulSet", "StatefulSet"},
                                               {"job", "Job"}};
        const char *engine = "";
        const json_t *section = engine_of(spec, &engine);

        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                const char *in = text_of(section, "namespace"), *name = text_of(section, "name");

                if (strcmp(engine, kinds[i][0]) != 0 || !name)
                        continue;
                workload->kind = kinds[i][1];
                workload->namespace = memory_copy_text(in ? in : namespace);
                workload->name = memory_copy_text(name);
        }
}

static size_t length(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

void *tuned_object_project(void *context, const json_t *object, size_t *ret_bytes)
{
        const json_t *metadata = json_object_get(object, "metadata"), *spec = json_object_get(object, "spec");
        const json_t *status = json_object_get(object, "status");
        struct tuned_object *kept = memory_new(1, sizeof *kept);
        double number = 0;

        (void)context;
        (void)json_find_number(metadata, "generation", &number);
        kept->generation = (int64_t)number;
        kept->uid = memory_copy_text(kube_meta(object, "uid"));
        kept->created = memory_copy_text(kube_meta(object, "creationTimestamp"));
        kept->deleted = *kube_meta(object, "deletionTimestamp") != '\0';
        kept->paused = reason_of_pause(metadata);
        kept->text = spec_text(object, metadata);
        kept->status = json_is_object(status) ? dump(status) : NULL;
        kept->shown = shown_target(spec);
        kept->steered = steered_by(spec, kube_meta(object, "namespace"));
        kept->claim = kept->steered && wants_to_steer(spec) ? kept->steered : NULL;
        find_workload(spec, kube_meta(object, "namespace"), &kept->workload);
        kept->has_prices = json_object_get(spec, "prices") != NULL;
        kept->book = memory_copy_text(text_of(spec, "priceBook"));
        *ret_bytes = sizeof *kept + length(kept->uid) + length(kept->created) + length(kept->paused) +
                     length(kept->text) + length(kept->status) + length(kept->shown) + length(kept->steered) +
                     length(kept->book) + length(kept->workload.namespace) + length(kept->workload.name);
        return kept;
}

void tuned_object_free(void *object)
{
        struct tuned_object *kept = object;

        free(kept->uid);
        free(kept->created);
        free(kept->paused);
        free(kept->text);
        free(kept->status);
        free(kept->shown);
        free(kept->steered);
        free(kept->book);
        free(kept->workload.namespace);
        free(kept->workload.name);
        free(kept);
}

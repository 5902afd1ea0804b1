/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `kubectl optctl status`: what the operator wrote into the status of TunedPipelines, for people. */
#include <stdio.h>
#include <string.h>

#include "controller/cli/kubectl.h"
#include "controller/operator/object.h"
#include "controller/cli/output.h"
#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/kubernetes/list.h"

struct status_arguments {
        struct kubectl kubectl;
        const char *pipeline, *json;
        bool all_namespaces;
};

#define AT(member) .offset = offsetof(struct status_arguments, member)

static const struct parameter parameters[] = {
        {.name = "PIPELINE",
         .positional = true,
         .type = PARAMETER_TEXT,
         AT(pipeline),
         .help = "Name of a TunedPipeline, which is shown with all its conditions; without it, all of the "
                 "namespace."},
        {.name = "all-namespaces",
         .letter = 'A',
         .type = PARAMETER_FLAG,
         AT(all_namespaces),
         .help = "Those of all namespaces."},
        KUBECTL_PARAMETERS(struct status_arguments, kubectl),
        {.name = "json",
         .type = PARAMETER_TEXT,
         AT(json),
         .value = "FILE",
         .values = VALUES_WRITTEN,
         .help = "Writes the objects as JSON, as a list; - is standard output."},
        {.name = NULL},
};

/* ---- asking ---- */

struct search {
        const struct status_arguments *arguments;
        json_t *items;
};

static bool begin(void *context, const char *version, struct error *err)
{
        struct search *search = context;

        (void)version;
        (void)err;
        return json_array_clear(search->items) == 0;
}

static bool add(void *context, const json_t *object, struct error *err)
{
        struct search *search = context;

        (void)err;
        return json_array_append_new(search->items, json_deep_copy(object)) == 0;
}

static bool look(void *context, struct kube_client *client, const char *namespace, struct error *err)
{
        struct search *search = context;
        const struct kube_selection selection = {.namespace = search->arguments->all_namespaces ? NULL
                                                                                                : namespace};
        const struct kube_visitor visitor = {begin, add, search};
        const struct kube_target one = {&tuned_resource, namespace, search->arguments->pipeline, NULL};
        json_t *object;

        if (!search->arguments->pipeline)
                return kube_list(client, &tuned_resource, &selection, &visitor, NULL, err);
        if (!kube_get(client, &one, &object, err))
                return false;
        return json_array_append_new(search->items, object) == 0;
}

/* ---- showing ---- */

static const char *text_at(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

static const json_t *condition(const json_t *status, const char *type)
{
        const json_t *each;
        size_t i;

        json_array_foreach(json_object_get(status, "conditions"), i,
                           each) if (strcmp(text_at(each, "type"), type) == 0) return each;
        return NULL;
}

static void put(struct terminal_table *table, enum terminal_style style, const char *text)
{
        terminal_table_cell(table, *text ? style : TERMINAL_FAINT, "%s", *text ? text : "-");
}

/* "8", "8 -> 5" */
static void put_workers(struct terminal_table *table, const json_t *status)
{
        const json_t *current = json_object_get(status, "currentWorkers");
        const json_t *desired = json_object_get(status, "desiredWorkers");
        json_int_t runs = json_integer_value(current), wanted = json_integer_value(desired);

        if (!current)
                put(table, TERMINAL_FAINT, "");
        else if (!desired || wanted == runs)
                terminal_table_cell(table, TERMINAL_PLAIN, "%" JSON_INTEGER_FORMAT, runs);
        else
                terminal_table_cell(table, TERMINAL_STRONG,
                                    "%" JSON_INTEGER_FORMAT " -> %" JSON_INTEGER_FORMAT, runs, wanted);
}

static enum terminal_style style_of(const char *status)
{
        return strcmp(status, "True") == 0    ? TERMINAL_GOOD
               : strcmp(status, "False") == 0 ? TERMINAL_BAD
                                              : TERMINAL_PLAIN;
}

static void put_row(struct terminal_table *table, const json_t *object, bool with_namespace)
{
        const json_t *status = json_object_get(object, "status"), *ready = condition(status, "Ready");
        const json_t *decision = json_object_get(status, "lastDecision");
        bool is_well = strcmp(text_at(ready, "status"), "True") == 0;

        terminal_table_row(table);
        if (with_namespace)
                put(table, TERMINAL_PLAIN, kube_meta(object, "namespace"));
        put(table, TERMINAL_STRONG, kube_meta(object, "name"));
        put(table, TERMINAL_PLAIN, text_at(status, "target"));
        put(table, TERMINAL_PLAIN, text_at(json_object_get(object, "spec"), "mode"));
        put(table, style_of(text_at(ready, "status")), text_at(ready, "reason"));
        put_workers(table, status);
        put(table, TERMINAL_PLAIN, text_at(decision, "reason"));
        put(table, TERMINAL_PLAIN, is_well ? text_at(decision, "message") : text_at(ready, "message"));
}

static void print_pipelines(const json_t *items, bool with_namespace)
{
        static const char *const titles[] = {"pipeline", "target",  "mode", "state",
                                             "workers",  "decided", "why"};
        struct terminal_table *table = terminal_table_new();
        const json_t *object;
        size_t i;

        if (with_namespace)
                terminal_table_column(table, TERMINAL_LEFT, "namespace");
        for (i = 0; i < ARRAY_LENGTH(titles); i++)
                terminal_table_column(table, TERMINAL_LEFT, titles[i]);
        json_array_foreach(items, i, object) put_row(table, object, with_namespace);
        terminal_table_print(table, stdout, terminal_has_color(stdout));
        terminal_table_free(table);
}

static void print_conditions(const json_t *status)
{
        static const char *const titles[] = {"condition", "status", "reason", "message"};
        const json_t *conditions = json_object_get(status, "conditions"), *each;
        struct terminal_table *table;
        size_t i;

        if (json_array_size(conditions) == 0)
                return;
        table = terminal_table_new();
        for (i = 0; i < ARRAY_LENGTH(titles); i++)
                terminal_table_column(table, TERMINAL_LEFT, titles[i]);
        json_array_foreach(conditions, i, each)
        {
                terminal_table_row(table);
                put(table, TERMINAL_PLAIN, text_at(each, "type"));
                put(table, TERMINAL_PLAIN, text_at(each, "status"));
                put(table, TERMINAL_PLAIN, text_at(each, "reason"));
                put(table, TERMINAL_PLAIN, text_at(each, "message"));
        }
        putchar('\n');
        terminal_table_print(table, stdout, terminal_has_color(stdout));
        terminal_table_free(table);
}

static bool status_run(const void *object, struct error *err)
{
        const struct status_arguments *arguments = object;
        autojson *items = json_array();
        struct search search = {arguments, items};

        if (arguments->pipeline && arguments->all_namespaces)
                return error_set(err, ERROR_INPUT, NULL,
                                 "status: a pipeline is in one namespace: expected its name or -A, not both");
        if ((arguments->pipeline && !kubectl_check_name(arguments->pipeline, err)) ||
            !kubectl_ask(&arguments->kubectl, look, &search, err))
                return error_wrap(err, "status");
        if (arguments->json) {
                autojson *document =
                        json_pack("{s:s, s:s, s:O}", "apiVersion", "v1", "kind", "List", "items", items);

                return output_json(arguments->json, document, err);
        }
        if (json_array_size(items) == 0) {
                fputs("No TunedPipelines here; -A shows those of all namespaces.\n", stderr);
                return true;
        }
        print_pipelines(items, arguments->all_namespaces);
        if (arguments->pipeline)
                print_conditions(json_object_get(json_array_get(items, 0), "status"));
        return true;
}

const struct command kubectl_status_command = {
        .name = "status",
        .program = KUBECTL_NAME,
        .group = COMMAND_LIVE,
        .summary = "how pipelines do",
        .description = "Reads what the operator wrote into the status of TunedPipelines: whether they are "
                       "tuned, on how "
                       "many workers, what was decided last and why.",
        .example = KUBECTL_NAME " status -A",
        .size = sizeof(struct status_arguments),
        .parameters = parameters,
        .run = status_run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/study.h"

#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tune/check.h"
#include "controller/tune/search_document.h"
#include "core/json.h"
#include "engines/spark/history.h"

#define TEMPLATE_MAX_BYTES ((size_t)1 << 20)
#define DEFAULT_BUDGET     20
#define NAME_ROOM          (SEARCH_DOCUMENT_NAME_MAX + 1) /* and the brace behind it */

/* ---- templates ---- */

char *tune_value_text(const json_t *value)
{
        char *words = json_is_string(value) ? memory_copy_text(json_string_value(value))
                                            : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

        return words ? words : memory_copy_text("");
}

static void put_value(const json_t *value, struct text *out)
{
        autofree char *words = tune_value_text(value);

        text_put(out, words);
}

/* What stands for {NAME} at the begin of `at`; NULL when nothing does. *ret_length: of {NAME}. No further is
 * looked than a name is long, however many braces a file has. */
static const json_t *find_name(const char *at, const json_t *x, const json_t *trial, size_t *ret_length)
{
        const char *name = at + 1, *end = *at == '{' ? memchr(name, '}', strnlen(name, NAME_ROOM)) : NULL;

        if (!end)
                return NULL;
        *ret_length = (size_t)(end - at) + 1;
        return strncmp(name, "trial}", 6) == 0 ? trial : json_object_getn(x, name, (size_t)(end - name));
}

char *tune_render(const char *template, const json_t *x, const char *folder)
{
        autojson *trial = json_string(folder);
        autotext out = {0};

        while (*template) {
                size_t length = 1;
                const json_t *value = find_name(template, x, trial, &length);

                if (value)
                        put_value(value, &out);
                else
                        text_add(&out, template, length = 1);
                template += length;
        }
        return text_take(&out);
}

/* ---- reading ---- */

static json_t *to_json(const struct yaml_node *node)
{
        json_t *made;
        long long whole;
        double number;

        switch (node->kind) {
        case YAML_LIST:
                made = json_array();
                for (size_t i = 0; i < node->count; i++)
                        json_array_append_new(made, to_json(node->items[i]));
                return made;
        case YAML_MAP:
                made = json_object();
                for (size_t i = 0; i < node->count; i++)
                        json_object_set_new(made, node->keys[i]->scalar, to_json(node->items[i]));
                return made;
        case YAML_SCALAR:
                break;
        }
        if (node->null)
                return json_null();
        if (node->quoted)
                return json_string(node->scalar);
        if (strcmp(node->scalar, "true") == 0 || strcmp(node->scalar, "false") == 0)
                return json_boolean(node->scalar[0] == 't');
        if (text_to_int64(node->scalar, &whole))
                return json_integer(whole);
        return text_to_double(node->scalar, &number) ? json_real(number) : json_string(node->scalar);
}

bool tune_study_is_money(const struct tune_study *study, const char *measure)
{
        return study->prices && strcmp(measure, "cost") == 0;
}

const struct yaml_node *tune_study_at(const struct tune_study *study, const char *path)
{
        const char *rest;

        return yaml_nearest(yaml_root(study->document), path, &rest);
}

bool tune_study_wrong_at(const struct yaml_node *place, struct error *err)
{
        autofree char *message = memory_copy_text(err->message);

        return yaml_error(place, err, "%s", message);
}

static bool wrong_template(const struct tune_study *study, size_t index, struct error *err)
{
        autofree char *path = memory_format("files[%zu].template", index);

        return tune_study_wrong_at(tune_study_at(study, path), err);
}

static bool read_templates(struct tune_study *study, const char *base, struct error *err)
{
        struct tune_file *files = study->options.files.items;

        for (size_t i = 0; i < study->options.files.count; i++) {
                autofree char *place = files[i].template[0] == '/'
                                               ? memory_copy_text(files[i].template)
                                               : memory_format("%s/%s", base, files[i].template);

                if (!text_read_file(place, TEMPLATE_MAX_BYTES, &files[i].text, NULL, err))
                        return wrong_template(study, i, err);
        }
        return true;
}

bool tune_study_wrong_below(const struct yaml_node *node, const char *words, struct error *err)
{
        autofree char *message = memory_copy_text(words);
        char *end = strstr(message, ": ");
        const char *rest = "";

        if (!end)
                return yaml_error(node, err, "%s", message);
        *end = '\0';
        node = yaml_nearest(node, message, &rest);
        return yaml_error(node, err, "%s%s%s", rest, *rest ? ": " : "", end + 2);
}

static bool read_prices(struct tune_study *study, const char *base, struct error *err)
{
        static const char section[] = "prices.";
        const char *words = err->message;

        if (!study->options.prices || price_book_new(study->options.prices, base, &study->prices, err))
                return true;
        words += strncmp(words, section, strlen(section)) == 0 ? strlen(section) : 0;
        return tune_study_wrong_below(tune_study_at(study, "prices"), words, err);
}

/* A constraint on the seconds is one on the run time, without being called so. */
static void put_time_limits(struct tune_study *study)
{
        const struct tune_constraint *constraints = study->options.constraints.items;
        struct search_options *search = &study->search;

        for (size_t i = 0; i < study->options.constraints.count; i++) {
                if (strcmp(constraints[i].value, "seconds") != 0 || !(constraints[i].max > 0) ||
                    search->n_time_limits == SEARCH_MAX_CONSTRAINTS)
                        continue;
                search->time_limits[search->n_time_limits++] =
                        (struct search_time_limit){"seconds", constraints[i].max};
        }
}

static bool read_parts(struct tune_study *study, const char *path, const char *base, struct error *err)
{
        if (!yaml_read_file(path, &study->document, err) ||
            !option_parse(&tune_table, yaml_root(study->document), &study->options, err))
                return false;
        study->search_json = to_json(study->options.search);
        if (!search_document_read(study->search_json, &study->space, &study->search, err))
                return tune_study_wrong_below(study->options.search, err->message, err);
        if (study->search.budget == 0)
                study->search.budget = DEFAULT_BUDGET;
        study->search.pareto = study->options.also_minimize != NULL;
        put_time_limits(study);
        return read_prices(study, base, err) && read_templates(study, base, err) && tune_check(study, err);
}

bool tune_study_read(const char *path, char *const *command, struct tune_study **ret_study, struct error *err)
{
        autocall(tune_study_free) struct tune_study *study = memory_new(1, sizeof *study);
        autofree char *copy = memory_copy_text(path);

        study->command = command;
        study->path = memory_copy_text(path);
        study->folder = memory_copy_text(dirname(copy));
        if (!read_parts(study, path, study->folder, err))
                return false;
        *ret_study = TAKE(study);
        return true;
}

void tune_study_free(struct tune_study *study)
{
        struct tune_file *files;

        if (!study)
                return;
        files = study->options.files.items;
        for (size_t i = 0; i < study->options.files.count; i++)
                free(files[i].text);
        price_book_free(study->prices);
        option_free(&tune_table, &study->options);
        json_decref(study->search_json);
        json_decref(study->earlier);
        json_decref(study->earlier_names);
        search_space_free(study->space);
        yaml_document_free(study->document);
        free(study->path);
        free(study->folder);
        free(study);
}

char *tune_study_place(const struct tune_study *study, const char *path)
{
        return *path == '/' || spark_history_is(path) ? memory_copy_text(path)
                                                      : memory_format("%s/%s", study->folder, path);
}

double tune_workers(const struct tune_study *study, const json_t *x)
{
        double number;

        if (!study->options.workers)
                return 1;
        if (text_to_double(study->options.workers, &number))
                return number;
        return json_find_number(x, study->options.workers, &number) ? number : NAN;
}

json_t *tune_study_identity(const struct tune_study *study)
{
        json_t *search = json_copy(study->search_json), *command = json_array();

        /* How long it goes on, and by what else it is told where to look, may be thought of again. */
        json_object_del(search, "earlier");
        json_object_del(search, "budget");
        json_object_del(search, "runs");
        for (char *const *word = study->command; *word; word++)
                json_array_append_new(command, json_string(*word));
        return json_pack("{s:o, s:o, s:s, s:s*}", "search", search, "command", command, "minimize",
                         study->options.minimize, "alsoMinimize", study->options.also_minimize);
}

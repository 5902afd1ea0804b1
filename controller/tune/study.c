/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/study.h"

#include <libgen.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/tune/earlier.h"
#include "controller/tune/search_document.h"
#include "controller/tune/log.h"
#include "core/json.h"
#include "engines/spark/history.h"

#define TEMPLATE_MAX_BYTES ((size_t)1 << 20)
#define DEFAULT_BUDGET     20
#define NAME_ROOM          (SEARCH_DOCUMENT_NAME_MAX + 1) /* and the brace behind it */
#define MEASURES           "seconds, cpuSeconds, memoryBytes, cost"

/* ---- the file ---- */

#define AT(section, field) .offset = offsetof(struct section, field)

static const struct option value_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(tune_value, name),
         .required = true,
         .min = 1,
         .max = 100,
         .help = "What it is called by minimize and constraints."},
        {.name = "pattern",
         .type = OPTION_TEXT,
         AT(tune_value, pattern),
         .help = "POSIX extended regular expression; its first group is the value, where it matches last."},
        {.name = "path",
         .type = OPTION_TEXT,
         AT(tune_value, path),
         .help = "Dotted path of a number in the output, which is JSON: metrics.0.loss"},
        {.name = "eventLog",
         .type = OPTION_TEXT,
         AT(tune_value, event_log),
         .help = "What Spark's event log says: one of " TUNE_LOG_MEASURES "."},
        {0},
};
static const struct option_rule value_rules[] = {
        {RULE_ONE, {"pattern", "path", "eventLog"}, "expected one of pattern, path and eventLog"},
        {0},
};
static const struct option_table value_table = {
        .name = "values",
        .size = sizeof(struct tune_value),
        .options = value_options,
        .rules = value_rules,
        .help = "What is read from the command's output, or from its event log.",
};

static const struct option constraint_options[] = {
        {.name = "value",
         .type = OPTION_TEXT,
         AT(tune_constraint, value),
         .required = true,
         .help = "One of " MEASURES " or of values."},
        {.name = "max",
         .type = OPTION_QUANTITY,
         AT(tune_constraint, max),
         .required = true,
         .help = "The most it may be."},
        {0},
};
static const struct option_table constraint_table = {
        .name = "constraints",
        .size = sizeof(struct tune_constraint),
        .options = constraint_options,
        .help = "What a good trial keeps to.",
};

static const struct option variable_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(tune_variable, name),
         .required = true,
         .min = 1,
         .max = 200,
         .help = "Name of the variable."},
        {.name = "value",
         .type = OPTION_TEXT,
         AT(tune_variable, value),
         .required = true,
         .help = "Its value; {NAME} stands for a parameter."},
        {0},
};
static const struct option_table variable_table = {
        .name = "environment",
        .size = sizeof(struct tune_variable),
        .options = variable_options,
        .help = "Variables of the command's environment, beside those of optctl.",
};

static const struct option file_options[] = {
        {.name = "template",
         .type = OPTION_TEXT,
         AT(tune_file, template),
         .required = true,
         .help = "File with {NAME} for parameters, relative to the spec."},
        {.name = "name",
         .type = OPTION_TEXT,
         AT(tune_file, name),
         .required = true,
         .min = 1,
         .max = 100,
         .help = "Name of what is made of it, in the trial's folder: {trial}/NAME."},
        {0},
};
static const struct option_table file_table = {
        .name = "files",
        .size = sizeof(struct tune_file),
        .options = file_options,
        .help = "Files that are written before a trial.",
};

static const struct option_table search_table = {
        .name = "search",
        .help = "The space and how it is searched: the first line of --ask-tell (docs/tune.md).",
};

static const struct option mlflow_options[] = {
        {.name = "url",
         .type = OPTION_TEXT,
         AT(tune_mlflow_options, url),
         .required = true,
         .help = "Of the tracking server: http://mlflow:5000. --mlflow takes its place."},
        {.name = "experiment",
         .type = OPTION_TEXT,
         AT(tune_mlflow_options, experiment),
         .min = 1,
         .max = 256,
         .help = "Name of the experiment that trials become runs of; it is made when there is none. Default: "
                 "the spec's file name."},
        HTTP_CONNECTION_OPTION(struct tune_mlflow_options, connection),
        {0},
};
static const struct option_table mlflow_table = {
        .name = "mlflow",
        .size = sizeof(struct tune_mlflow_options),
        .options = mlflow_options,
        .help = "An MLflow tracking server that each trial becomes a run of.",
};

static const struct option options[] = {
        {.name = "search",
         .type = OPTION_FREE,
         AT(tune_options, search),
         .table = &search_table,
         .required = true,
         .help = "The space and how it is searched (docs/tune.md, \"The first line\")."},
        {.name = "minimize",
         .type = OPTION_TEXT,
         AT(tune_options, minimize),
         .fallback = "seconds",
         .help = "What is to be small: one of " MEASURES " or of values."},
        {.name = "alsoMinimize",
         .type = OPTION_TEXT,
         AT(tune_options, also_minimize),
         .help = "A second such measure: what is sought then is the front, the trials that no other beats in "
                 "both."},
        {.name = "values",
         .type = OPTION_LIST,
         AT(tune_options, values),
         .table = &value_table,
         .key = "name",
         .max = 32,
         .help = "What is read from the command's output, or from its event log."},
        {.name = "constraints",
         .type = OPTION_LIST,
         AT(tune_options, constraints),
         .table = &constraint_table,
         .max = SEARCH_MAX_CONSTRAINTS,
         .help = "What a good trial keeps to."},
        {.name = "environment",
         .type = OPTION_LIST,
         AT(tune_options, environment),
         .table = &variable_table,
         .key = "name",
         .max = 100,
         .help = "Variables of the command's environment."},
        {.name = "files",
         .type = OPTION_LIST,
         AT(tune_options, files),
         .table = &file_table,
         .key = "name",
         .max = 20,
         .help = "Files that are written before a trial."},
        {.name = "eventLog",
         .type = OPTION_TEXT,
         AT(tune_options, event_log),
         .help = "Where the command leaves Spark's event log: the log, or a folder whose newest log counts, "
                 "such as "
                 "{trial}/events; or on a History Server: http://HOST:18080/history/{application}."},
        {.name = "eventLogConnection",
         .type = OPTION_POINTER,
         AT(tune_options, event_log_connection),
         .table = &http_options_table,
         .help = "How that History Server is reached: deadlines, TLS, credentials."},
        {.name = "timeLimitSeconds",
         .type = OPTION_INT,
         AT(tune_options, time_limit_seconds),
         .unit = "s",
         .min = 0,
         .max = 31536000,
         .fallback = "0",
         .help = "A trial that takes longer is stopped; 0 lets it run."},
        {.name = "giveUpFactor",
         .type = OPTION_NUMBER,
         AT(tune_options, give_up_factor),
         .min = 0,
         .max = 1000,
         .fallback = "0",
         .help = "A trial is stopped once it has taken so many times what the best one took: seconds or "
                 "cost, "
                 "whichever is minimised; 0 lets it run."},
        {.name = "retries",
         .type = OPTION_INT,
         AT(tune_options, retries),
         .min = 0,
         .max = 100,
         .fallback = "0",
         .help = "How often a command that fails is run again before the trial has failed."},
        {.name = "workers",
         .type = OPTION_TEXT,
         AT(tune_options, workers),
         .help = "Workers that are paid for: a number in quotes, or the parameter that says it; one without "
                 "it."},
        {.name = "prices",
         .type = OPTION_POINTER,
         AT(tune_options, prices),
         .table = &prices_table,
         .help = "What a worker costs; without it there is no cost."},
        {.name = "mlflow",
         .type = OPTION_POINTER,
         AT(tune_options, mlflow),
         .table = &mlflow_table,
         .help = "An MLflow tracking server that each trial becomes a run of."},
        {0},
};

const struct option_table tune_table = {
        .name = "tune",
        .size = sizeof(struct tune_options),
        .options = options,
        .help = "What `optctl tune` searches, and how a trial is run and measured.",
};

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

static bool mentions(const char *template, const char *name)
{
        autofree char *sought = memory_format("{%s}", name);

        return template && strstr(template, sought);
}

static bool is_used(const struct tune_study *study, const char *name)
{
        const struct tune_variable *variables = study->options.environment.items;
        const struct tune_file *files = study->options.files.items;

        for (char *const *word = study->command; *word; word++)
                if (mentions(*word, name))
                        return true;
        if (mentions(study->options.event_log, name))
                return true;
        for (size_t i = 0; i < study->options.environment.count; i++)
                if (mentions(variables[i].value, name))
                        return true;
        for (size_t i = 0; i < study->options.files.count; i++)
                if (mentions(files[i].text, name))
                        return true;
        return false;
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

static bool is_own_measure(const struct tune_study *study, const char *name)
{
        static const char *const measures[] = {"seconds", "cpuSeconds", "memoryBytes"};

        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
                if (strcmp(measures[i], name) == 0)
                        return true;
        return tune_study_is_money(study, name);
}

static bool is_measure(const struct tune_study *study, const char *name)
{
        const struct tune_value *values = study->options.values.items;

        for (size_t i = 0; i < study->options.values.count; i++)
                if (strcmp(values[i].name, name) == 0)
                        return true;
        return is_own_measure(study, name);
}

const struct yaml_node *tune_study_at(const struct tune_study *study, const char *path)
{
        const char *rest;

        return yaml_nearest(yaml_root(study->document), path, &rest);
}

static const struct yaml_node *item_at(const struct tune_study *study, const char *list, size_t index,
                                       const char *key)
{
        autofree char *path = memory_format("%s[%zu].%s", list, index, key);

        return tune_study_at(study, path);
}

static bool check_measure(const struct tune_study *study, const struct yaml_node *place, const char *name,
                          struct error *err)
{
        return is_measure(study, name) || yaml_error(place, err,
                                                     "%.80s is not measured; expected one of " MEASURES
                                                     " (with prices), or a name of values",
                                                     name);
}

/* What optctl measures itself goes before a value of the same name, which nobody would ever see. */
static bool check_values(const struct tune_study *study, struct error *err)
{
        const struct tune_value *values = study->options.values.items;

        for (size_t i = 0; i < study->options.values.count; i++)
                if (is_own_measure(study, values[i].name))
                        return yaml_error(item_at(study, "values", i, "name"), err,
                                          "%.80s is measured by optctl itself; expected another name",
                                          values[i].name);
        return true;
}

/* Values that an event log tells, and where it is. */
static bool check_event_log(const struct tune_study *study, struct error *err)
{
        const struct tune_value *values = study->options.values.items;

        for (size_t i = 0; i < study->options.values.count; i++) {
                const struct yaml_node *place = item_at(study, "values", i, "eventLog");

                if (!values[i].event_log)
                        continue;
                if (!tune_log_is_measure(values[i].event_log))
                        return yaml_error(place, err,
                                          "%.80s is not in an event log; expected one of " TUNE_LOG_MEASURES,
                                          values[i].event_log);
                if (!study->options.event_log)
                        return yaml_error(place, err,
                                          "expected eventLog beside values, which says where the log is");
        }
        return true;
}

static bool check_connection(const struct tune_study *study, struct error *err)
{
        const struct http_options *connection = study->options.event_log_connection;
        const char *event_log = study->options.event_log;

        if (!connection)
                return true;
        if (!event_log || !spark_history_is(event_log))
                return yaml_error(tune_study_at(study, "eventLogConnection"), err,
                                  "expected the URL of a History Server as eventLog");
        return tune_study_check_files(study, "eventLogConnection", connection, err);
}

static bool check_give_up(const struct tune_study *study, struct error *err)
{
        const struct yaml_node *place = tune_study_at(study, "giveUpFactor");
        const char *minimize = study->options.minimize;

        if (study->options.give_up_factor == 0)
                return true;
        if (study->options.give_up_factor < 1)
                return yaml_error(place, err, "expected 0, or 1 and more");
        if (study->options.also_minimize)
                return yaml_error(
                        place, err,
                        "of two measures there is no best trial; expected no alsoMinimize beside it");
        return strcmp(minimize, "seconds") == 0 || tune_study_is_money(study, minimize) ||
               yaml_error(place, err,
                          "expected seconds or cost to be minimised, which are known while a trial runs");
}

/* Of two measures, what asks for one. */
static bool check_front(const struct tune_study *study, struct error *err)
{
        const struct yaml_node *place = tune_study_at(study, "alsoMinimize");
        const char *also = study->options.also_minimize;

        if (!also)
                return true;
        if (!check_measure(study, place, also, err))
                return false;
        if (strcmp(also, study->options.minimize) == 0)
                return yaml_error(place, err, "expected another measure than %s, which minimize names", also);
        return study->search.runs == 0 ||
               yaml_error(tune_study_at(study, "search.runs"), err,
                          "the rule to stop takes one measure; expected no runs beside alsoMinimize");
}

static bool check_patterns(const struct tune_study *study, struct error *err)
{
        const struct tune_value *values = study->options.values.items;

        for (size_t i = 0; i < study->options.values.count; i++) {
                const struct yaml_node *place = item_at(study, "values", i, "pattern");
                regex_t pattern;
                size_t groups;

                if (!values[i].pattern)
                        continue;
                if (regcomp(&pattern, values[i].pattern, REG_EXTENDED | REG_NEWLINE) != 0)
                        return yaml_error(place, err,
                                          "%.80s is no regular expression; expected a POSIX extended one",
                                          values[i].pattern);
                groups = pattern.re_nsub;
                regfree(&pattern);
                if (groups < 1)
                        return yaml_error(place, err, "expected a group in brackets, which is the value");
        }
        return true;
}

static bool check_workers(const struct tune_study *study, struct error *err)
{
        const char *workers = study->options.workers;
        const struct yaml_node *place = tune_study_at(study, "workers");
        double number;

        if (!workers)
                return true;
        if (text_to_double(workers, &number))
                return (number > 0 && number <= 1e6) ||
                       yaml_error(place, err, "expected more than 0 and at most 1000000");
        for (int i = 0; i < study->space->n; i++)
                if (strcmp(study->space->parameters[i].name, workers) == 0 &&
                    study->space->parameters[i].type != SEARCH_CATEGORY)
                        return true;
        return yaml_error(place, err, "expected a number or the name of a parameter with numbers");
}

static bool check_constraints(const struct tune_study *study, struct error *err)
{
        const struct tune_constraint *constraints = study->options.constraints.items;

        for (size_t i = 0; i < study->options.constraints.count; i++)
                if (!check_measure(study, item_at(study, "constraints", i, "value"), constraints[i].value,
                                   err))
                        return false;
        return true;
}

/* {NAME} has to be found, and to stand for the parameter. */
static bool check_name(const struct yaml_node *place, const char *name, struct error *err)
{
        if (strcmp(name, "trial") == 0)
                return yaml_error(place, err, "{trial} stands for the trial's folder; expected another name");
        return !strpbrk(name, "{}") || yaml_error(place, err, "%.80s: expected a name without { and }", name);
}

static bool check_names(const struct tune_study *study, struct error *err)
{
        const struct tune_variable *variables = study->options.environment.items;

        for (int i = 0; i < study->space->n; i++)
                if (!check_name(item_at(study, "search.space", (size_t)i, "name"),
                                study->space->parameters[i].name, err))
                        return false;
        for (int i = 0; i < study->space->n_context; i++)
                if (!check_name(item_at(study, "search.context", (size_t)i, "name"),
                                study->space->context[i].name, err))
                        return false;
        for (size_t i = 0; i < study->options.environment.count; i++)
                if (strchr(variables[i].name, '='))
                        return yaml_error(item_at(study, "environment", i, "name"), err,
                                          "%.80s: expected a name without =", variables[i].name);
        return true;
}

static bool check_use(const struct tune_study *study, struct error *err)
{
        for (int i = 0; i < study->space->n; i++)
                if (!is_used(study, study->space->parameters[i].name))
                        return yaml_error(item_at(study, "search.space", (size_t)i, "name"), err,
                                          "{%.80s} stands neither in the command, nor in environment, nor in "
                                          "files",
                                          study->space->parameters[i].name);
        return true;
}

static bool check(const struct tune_study *study, struct error *err)
{
        return check_measure(study, tune_study_at(study, "minimize"), study->options.minimize, err) &&
               check_values(study, err) && check_front(study, err) && check_patterns(study, err) &&
               check_event_log(study, err) && check_connection(study, err) && check_give_up(study, err) &&
               check_workers(study, err) && check_constraints(study, err) && check_names(study, err) &&
               check_use(study, err);
}

bool tune_study_wrong_at(const struct yaml_node *place, struct error *err)
{
        autofree char *message = memory_copy_text(err->message);

        return yaml_error(place, err, "%s", message);
}

/* Beside what optctl keeps in the folder of a trial. */
static bool check_file(const struct tune_study *study, size_t index, const char *name, struct error *err)
{
        static const char *const ours[] = {"trial.json", "result.json", "output", "lock"};
        const struct yaml_node *place = item_at(study, "files", index, "name");

        if (strchr(name, '/') || name[0] == '.')
                return yaml_error(place, err, "%.80s: expected a name without / or a leading dot", name);
        for (size_t i = 0; i < ARRAY_LENGTH(ours); i++)
                if (strcmp(name, ours[i]) == 0)
                        return yaml_error(place, err,
                                          "%s is what optctl keeps of a trial; expected another name", name);
        return true;
}

static bool read_templates(struct tune_study *study, const char *base, struct error *err)
{
        struct tune_file *files = study->options.files.items;

        for (size_t i = 0; i < study->options.files.count; i++) {
                autofree char *place = files[i].template[0] == '/'
                                               ? memory_copy_text(files[i].template)
                                               : memory_format("%s/%s", base, files[i].template);

                if (!check_file(study, i, files[i].name, err))
                        return false;
                if (!text_read_file(place, TEMPLATE_MAX_BYTES, &files[i].text, NULL, err))
                        return tune_study_wrong_at(item_at(study, "files", i, "template"), err);
        }
        return true;
}

/* A message that begins with a place below `node`, with that of the file before it. */
static bool wrong_below(const struct yaml_node *node, const char *words, struct error *err)
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
        return wrong_below(tune_study_at(study, "prices"), words, err);
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
                return wrong_below(study->options.search, err->message, err);
        if (study->search.budget == 0)
                study->search.budget = DEFAULT_BUDGET;
        study->search.pareto = study->options.also_minimize != NULL;
        put_time_limits(study);
        return read_prices(study, base, err) && read_templates(study, base, err) && check(study, err);
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

bool tune_study_check_files(const struct tune_study *study, const char *section,
                            const struct http_options *connection, struct error *err)
{
        const struct {
                const char *key, *path;
        } files[] = {{"tokenFile", connection->token_file},
                     {"passwordFile", connection->password_file},
                     {"caFile", connection->ca_file},
                     {"certificateFile", connection->certificate_file},
                     {"keyFile", connection->key_file}};

        for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
                autofree char *key = memory_format("%s.%s", section, files[i].key), *place = NULL;

                if (!files[i].path)
                        continue;
                place = tune_study_place(study, files[i].path);
                if (access(place, R_OK) != 0) {
                        (void)text_read_error(place, errno, err);
                        return tune_study_wrong_at(tune_study_at(study, key), err);
                }
        }
        return true;
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

bool tune_study_prepare(struct tune_study *study, const char *own, struct search *search, struct error *err)
{
        const struct tune_constraint *constraints = study->options.constraints.items;
        int index;

        for (size_t i = 0; i < study->options.constraints.count; i++)
                if (!search_constraint(search, constraints[i].value, &index, err))
                        return false;
        return ((study->earlier || earlier_load(study, own, search, err)) &&
                earlier_tell(study->earlier, search, err)) ||
               wrong_below(study->options.search, err->message, err);
}

bool tune_study_learn(struct tune_study *study, const char *own, struct search *search, struct error *err)
{
        autojson *added = json_array();

        if (!study->own_log || !earlier_load_own(study, own, search))
                return true;
        json_array_append(added, json_array_get(study->earlier, json_array_size(study->earlier) - 1));
        return earlier_tell(added, search, err);
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

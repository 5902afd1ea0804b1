/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/check.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/tune/log.h"
#include "engines/spark/history.h"

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
                                                     "%.80s is not measured; expected one of " TUNE_MEASURES
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
        return tune_check_files(study, "eventLogConnection", connection, err);
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

static bool check_file_names(const struct tune_study *study, struct error *err)
{
        const struct tune_file *files = study->options.files.items;

        for (size_t i = 0; i < study->options.files.count; i++)
                if (!check_file(study, i, files[i].name, err))
                        return false;
        return true;
}

bool tune_check(const struct tune_study *study, struct error *err)
{
        return check_measure(study, tune_study_at(study, "minimize"), study->options.minimize, err) &&
               check_values(study, err) && check_front(study, err) && check_patterns(study, err) &&
               check_event_log(study, err) && check_connection(study, err) && check_give_up(study, err) &&
               check_workers(study, err) && check_constraints(study, err) && check_names(study, err) &&
               check_use(study, err) && check_file_names(study, err);
}

bool tune_check_files(const struct tune_study *study, const char *section,
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

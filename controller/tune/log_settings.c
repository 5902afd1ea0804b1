/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/log_settings.h"

#include <math.h>
#include <string.h>

#include "engines/spark/setting.h"
#include "engines/spark/settings_text.h"

#define SUBMIT    "spark-submit"
#define INSTANCES "spark.executor.instances"
#define CORES     "spark.executor.cores"
#define ALL_CORES "spark.cores.max"

/* ---- the command's words ---- */

/* A word that holds blanks is one word; they mean nothing to what is looked for. */
static void add_word(const char *word, struct text *words)
{
        size_t from = words->length + 1;

        text_format(words, " %s", word);
        for (size_t i = from; i < words->length; i++)
                if (strchr(" \t\r\n", words->data[i]))
                        words->data[i] = '_';
}

/* Behind the name of spark-submit, which may stand in the middle of a word: a line for a shell. NULL: it is
 * not called there. */
static const char *behind_submit(const char *word)
{
        const char *at = strstr(word, SUBMIT);

        return at ? at + strcspn(at, " \t\n") : NULL;
}

static void put_words(const struct tune_study *study, const json_t *x, struct text *words)
{
        for (char *const *word = study->command; *word; word++) {
                autofree char *rendered = tune_render(*word, x, "");
                const char *rest = behind_submit(rendered);

                if (rest) {
                        text_free(words);
                        text_put(words, rest);
                } else if (word != study->command) {
                        add_word(rendered, words);
                }
        }
}

void log_settings_open(const struct tune_study *study, const json_t *named, const json_t *x,
                       int64_t executors, struct log_settings *ret_settings)
{
        *ret_settings = (struct log_settings){.study = study, .named = named, .x = x, .executors = executors};
        put_words(study, x, &ret_settings->words);
        text_put(&ret_settings->words, "\n");
}

void log_settings_close(struct log_settings *settings)
{
        text_free(&settings->words);
}

/* ---- what they set ---- */

static char *in_files(const struct log_settings *settings, const char *name)
{
        const struct tune_options *options = &settings->study->options;
        const struct tune_file *files = options->files.items;
        char *value = NULL;

        for (size_t i = 0; i < options->files.count && !value; i++) {
                autofree char *rendered = tune_render(files[i].text, settings->x, "");
                autotext text = {0};

                text_put(&text, rendered);
                text_put(&text, "\n");
                value = spark_settings_get(SPARK_SETTINGS_DEFAULTS, &text, name);
        }
        return value;
}

static char *said(const struct log_settings *settings, const char *name)
{
        const char *template = json_string_value(json_object_get(settings->named, name));
        char *value;

        if (template)
                return tune_render(template, settings->x, "");
        value = spark_settings_get(SPARK_SETTINGS_ARGUMENTS, &settings->words, name);
        return value ? value : in_files(settings, name);
}

static double number_of(const struct log_settings *settings, const char *name)
{
        autofree char *text = said(settings, name);
        const struct spark_setting setting = {name, false};

        return text ? spark_setting_read(&setting, text) : NAN;
}

/* Of executors or of the cores of each, where cores in all are said; NAN: they are not. */
static double shared(const struct log_settings *settings, const char *name)
{
        double all = number_of(settings, ALL_CORES), each = number_of(settings, CORES),
               executors = (double)settings->executors;

        if (isnan(all))
                return NAN;
        if (strcmp(name, CORES) == 0)
                return fmax(floor(all / executors), 1);
        return isnan(each) ? fmin(all, executors) : floor(all / each);
}

char *log_settings_value(const void *context, const char *name)
{
        const struct log_settings *settings = context;
        char *value = said(settings, name);
        double number;

        if (value || (strcmp(name, INSTANCES) != 0 && strcmp(name, CORES) != 0))
                return value;
        number = shared(settings, name);
        return number >= 1 ? memory_format("%.0f", number) : NULL;
}

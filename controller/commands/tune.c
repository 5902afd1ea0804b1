/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "controller/tune/ask_tell.h"
#include "controller/cli/command.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"
#include "controller/cli/present.h"
#include "controller/cli/terminal.h"
#include "controller/tune/csv.h"
#include "controller/tune/front.h"
#include "controller/tune/mlflow_export.h"
#include "controller/tune/report.h"
#include "core/clock.h"
#include "core/json.h"
#include "sim/report/report.h"

struct tune_arguments {
        const char *spec;
        char **command;
        bool ask_tell, quiet;
        const char *study, *csv, *report, *mlflow;
        char **context;
        int64_t parallel, trials;
};

static const struct parameter parameters[] = {
        {.name = "SPEC",
         .positional = true,
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct tune_arguments, spec),
         .values = VALUES_FILE,
         .help = "What is searched, and how a trial is measured (docs/tune.md)."},
        {.name = "COMMAND",
         .positional = true,
         .type = PARAMETER_TEXTS,
         .offset = offsetof(struct tune_arguments, command),
         .help = "Behind --: what a trial runs, and its arguments. {NAME} stands for a parameter."},
        {.name = "study",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct tune_arguments, study),
         .value = "DIR",
         .values = VALUES_FOLDER,
         .help = "Where trials are kept, and taken up from. Without it SPEC.trials."},
        {.name = "trials",
         .type = PARAMETER_INTEGER,
         .offset = offsetof(struct tune_arguments, trials),
         .value = "N",
         .min = 1,
         .max = SEARCH_MAX_TRIALS,
         .help = "So many trials in all. Without it the budget of the spec, or 20."},
        {.name = "parallel",
         .type = PARAMETER_INTEGER,
         .offset = offsetof(struct tune_arguments, parallel),
         .value = "N",
         .min = 1,
         .max = 64,
         .fallback = "1",
         .help = "So many trials at once."},
        {.name = "context",
         .type = PARAMETER_TEXTS,
         .offset = offsetof(struct tune_arguments, context),
         .value = "NAME=VALUE",
         .help = "What holds from now on of the search's context: trials are made for it, and the best is "
                 "that for it."},
        {.name = "csv",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct tune_arguments, csv),
         .value = "FILE",
         .values = VALUES_WRITTEN,
         .help = "Writes all trials there at the end; - is standard output, and what people read goes to "
                 "standard error then."},
        PARAMETERS_REPORT(
                struct tune_arguments,
                "that opens without a network: the trials, the best so far, how much each parameter matters "
                "and how what is minimised goes with it; of two measures the front."),
        {.name = "mlflow",
         .type = PARAMETER_TEXT,
         .offset = offsetof(struct tune_arguments, mlflow),
         .value = "URL",
         .help = "Each trial that has ended becomes a run on the MLflow tracking server there, once. Without "
                 "it on the "
                 "spec's, if that names one."},
        {.name = "quiet",
         .type = PARAMETER_FLAG,
         .offset = offsetof(struct tune_arguments, quiet),
         .help = "Prints no table of trials."},
        {.name = "ask-tell",
         .type = PARAMETER_FLAG,
         .offset = offsetof(struct tune_arguments, ask_tell),
         .help = "Speaks JSON lines on standard input and output: who asks runs the trials."},
        {.name = NULL},
};

enum line { LINE_WHOLE, LINE_TOO_LONG, LINE_NONE };

/* One line of standard input; of one that is too long nothing is kept. A last line may lack its end. */
static enum line read_line(struct text *line)
{
        bool too_long = false;
        int byte;

        line->length = 0;
        while ((byte = getchar_unlocked()) != EOF && byte != '\n') {
                char letter = (char)byte;

                too_long |= line->length >= ASK_TELL_LINE_MAX;
                if (!too_long)
                        text_add(line, &letter, 1);
        }
        if (byte == EOF && line->length == 0 && !too_long)
                return LINE_NONE;
        return too_long ? LINE_TOO_LONG : LINE_WHOLE;
}

static bool write_out(struct text *out, struct error *err)
{
        if (out->length == 0)
                return true;
        if (fwrite(out->data, 1, out->length, stdout) != out->length || fflush(stdout) != 0)
                return error_errno(err, errno, "standard output");
        out->length = 0;
        return true;
}

static bool serve(struct error *err)
{
        autocall(ask_tell_free) struct ask_tell *session = ask_tell_new();
        autotext line = {0}, out = {0};
        enum line kind;

        while ((kind = read_line(&line)) != LINE_NONE && !clock_stopped()) {
                if (kind == LINE_TOO_LONG)
                        ask_tell_too_long(&out);
                else
                        ask_tell_line(session, line.data ? line.data : "", line.length, &out);
                if (!write_out(&out, err))
                        return false;
        }
        if (clock_stopped())
                return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
        return !ferror(stdin) || error_errno(err, errno, "standard input");
}

/* ---- trials of a command ---- */

static bool write_csv(const struct tune_study *study, const struct tune_runs *runs, const char *path,
                      struct error *err)
{
        autotext out = {0};

        if (!path)
                return true;
        tune_csv(study, runs, &out);
        return strcmp(path, "-") == 0 ? output_text(path, &out, err)
                                      : text_write_file(path, out.data, out.length, err);
}

/* Where people are told: not into a file that goes to standard output. */
static FILE *words_of(const struct tune_arguments *arguments)
{
        const char *const files[] = {arguments->csv, arguments->report};

        for (size_t i = 0; i < ARRAY_LENGTH(files); i++)
                if (files[i] && strcmp(files[i], "-") == 0)
                        return stderr;
        return stdout;
}

/* Trials that nothing beats in both measures, each with its command. */
static void print_front(const struct tune_study *study, const struct tune_runs *runs, FILE *words)
{
        size_t count, all;
        autofree size_t *front = tune_front(runs, &count);
        const struct tune_trial *trials = tune_runs_trials(runs, &all);

        for (size_t i = 0; i < count; i++) {
                const struct tune_trial *trial = &trials[front[i]];
                autofree char *command = tune_report_command(study, runs, trial);
                double y = NAN, second = NAN;

                (void)json_find_number(trial->result, "y", &y);
                (void)json_find_number(trial->result, "second", &second);
                fprintf(words, "front: trial %lld, %s %.5g, %s %.5g: %s\n", (long long)trial->id,
                        study->options.minimize, y, study->options.also_minimize, second, command);
        }
}

static void print_best(const struct tune_study *study, const struct tune_runs *runs, FILE *words)
{
        double y = NAN;
        const struct tune_trial *best = tune_runs_best(runs, &y);
        autofree char *command = best ? tune_report_command(study, runs, best) : NULL;
        autofree char *place = tune_report_context(runs);

        fprintf(words, "%s\n", tune_runs_ending(runs));
        if (!best) {
                fprintf(words, "no trial did what was asked\n");
                return;
        }
        if (study->options.also_minimize) {
                print_front(study, runs, words);
                return;
        }
        fprintf(words, "best%s%s: trial %lld, %s %.5g%s: %s\n", place ? " at " : "", place ? place : "",
                (long long)best->id, study->options.minimize, y, place ? " expected" : "", command);
}

static void put_importance(struct terminal_table *table, const json_t *parameter)
{
        double low, high;

        terminal_table_cell(table, TERMINAL_PLAIN, "%.0f %%",
                            100 * json_number_value(json_object_get(parameter, "importance")));
        if (json_find_number(parameter, "importance_low", &low) &&
            json_find_number(parameter, "importance_high", &high))
                terminal_table_cell(table, TERMINAL_FAINT, "%.0f to %.0f %%", 100 * low, 100 * high);
        else
                terminal_table_cell(table, TERMINAL_FAINT, "-");
}

/* What each parameter is in the best trial, and how much it matters. */
static void print_parameters(const json_t *document, FILE *words)
{
        const json_t *list = json_object_get(document, "parameters"), *parameter;
        struct terminal_table *table;
        size_t i;

        if (json_array_size(list) == 0)
                return;
        table = terminal_table_new();
        terminal_table_column(table, TERMINAL_LEFT, "parameter");
        terminal_table_column(table, TERMINAL_RIGHT, "best");
        terminal_table_column(table, TERMINAL_RIGHT, "matters");
        terminal_table_column(table, TERMINAL_RIGHT, "between");
        json_array_foreach(list, i, parameter)
        {
                const json_t *best = json_object_get(parameter, "best");
                autofree char *value = json_is_string(best)
                                               ? memory_copy_text(json_string_value(best))
                                               : json_dumps(best, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

                terminal_table_row(table);
                terminal_table_cell(table, TERMINAL_STRONG, "%s",
                                    json_string_value(json_object_get(parameter, "name")));
                terminal_table_cell(table, TERMINAL_PLAIN, "%s", value);
                put_importance(table, parameter);
        }
        fputc('\n', words);
        terminal_table_print(table, words, terminal_has_color(words));
        terminal_table_free(table);
}

/* What earlier studies weigh, if there are any. */
static void print_earlier(const json_t *document, FILE *words)
{
        const json_t *list = json_object_get(document, "earlier"), *one;
        double own = 1;
        size_t i;

        if (json_array_size(list) == 0)
                return;
        fputs("earlier studies weigh:", words);
        json_array_foreach(list, i, one)
        {
                double weight = json_number_value(json_object_get(one, "weight"));

                own -= weight;
                fprintf(words, " %s %.0f %%,", json_string_value(json_object_get(one, "study")),
                        100 * weight);
        }
        fprintf(words, " this one's own trials %.0f %%\n", 100 * own);
}

/* NULL: nobody wants to know. */
static json_t *document_of(const struct tune_arguments *arguments, const struct tune_study *study,
                           const struct tune_runs *runs, bool printed)
{
        autofree char *copy = memory_copy_text(arguments->spec);

        return printed || arguments->report ? tune_report_document(study, runs, basename(copy)) : NULL;
}

static bool write_results(const struct tune_arguments *arguments, const struct tune_study *study,
                          const struct tune_runs *runs, const json_t *document, struct error *err)
{
        return write_csv(study, runs, arguments->csv, err) &&
               (!arguments->report || report_write(document, arguments->report, err));
}

/* A script that takes the best settings from here has none to take. What has failed stays failed: who has
 * mended the command begins anew, who has not may go on. */
static bool check_best(const struct tune_runs *runs, const char *folder, struct error *err)
{
        size_t count;

        (void)tune_runs_trials(runs, &count);
        return tune_runs_best(runs, NULL) ||
               error_set(err, ERROR_UNAVAILABLE, "NoTrialSucceeded",
                         "no trial did what was asked, of %zu: %s/N/output has what trial N said; once the "
                         "command is mended, another --study begins anew; more --trials go on with this one",
                         count, folder);
}

static bool run_trials(const struct tune_arguments *arguments, struct error *err)
{
        autocall(tune_study_free) struct tune_study *study = NULL;
        autocall(tune_runs_close) struct tune_runs *runs = NULL;
        autocall(tune_mlflow_free) struct tune_mlflow *mlflow = NULL;
        autofree char *beside = memory_format("%s.trials", arguments->spec);
        struct tune_runs_setup setup = {.folder = arguments->study ? arguments->study : beside,
                                        .parallel = arguments->parallel,
                                        .given = arguments->context,
                                        .trials = arguments->trials,
                                        .rows = arguments->quiet ? NULL : words_of(arguments)};
        const struct presentation outputs = {.csv = arguments->csv, .report = arguments->report};
        struct error ignored = ERROR_INIT;
        autojson *document = NULL;

        if (!presentation_check(&outputs, err) ||
            !tune_study_read(arguments->spec, arguments->command, &study, err) ||
            !tune_mlflow_open(study, arguments->mlflow, &mlflow, err))
                return false;
        if (mlflow) {
                setup.ended = tune_mlflow_follow;
                setup.context = mlflow;
        }
        if (!tune_runs_open(study, &setup, &runs, err))
                return false;
        if (!tune_runs_go(runs, err)) {
                document = document_of(arguments, study, runs, false);
                (void)write_results(arguments, study, runs, document, &ignored);
                (void)tune_mlflow_finish(mlflow, runs, &ignored);
                return false;
        }
        print_best(study, runs, words_of(arguments));
        document = document_of(arguments, study, runs, !arguments->quiet);
        if (!arguments->quiet) {
                print_earlier(document, words_of(arguments));
                print_parameters(document, words_of(arguments));
        }
        return write_results(arguments, study, runs, document, err) &&
               tune_mlflow_finish(mlflow, runs, err) && check_best(runs, setup.folder, err);
}

static bool tune_run(const void *object, struct error *err)
{
        const struct tune_arguments *arguments = object;

        if (arguments->ask_tell && arguments->spec)
                return error_set(err, ERROR_INPUT, NULL,
                                 "tune: --ask-tell takes no SPEC: the first line declares it");
        if (arguments->ask_tell)
                return serve(err);
        if (!arguments->spec || !arguments->command[0])
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "tune: expected SPEC -- COMMAND, or --ask-tell where trials are run by who asks");
        if (strcmp(arguments->spec, "-") == 0 && !arguments->study)
                return error_set(err, ERROR_INPUT, NULL,
                                 "tune: expected --study DIR: beside standard input no trials can be kept");
        return run_trials(arguments, err) || error_wrap(err, "tune");
}

const struct command tune_command = {
        .name = "tune",
        .group = COMMAND_STUDY,
        .summary = "search for the best settings of anything that can be run",
        .description = "Runs a command again and again, each time with the settings that Bayesian "
                       "optimisation proposes, "
                       "measures time, CPU, memory, cost and what it prints, and learns from that: numbers, "
                       "choices and tables of "
                       "candidates, with constraints, failed and stopped runs and several trials at once. "
                       "What was done is "
                       "kept: the same command goes on after Ctrl-C or a crash. With --ask-tell it runs "
                       "nothing: the first "
                       "line that is read declares the space; {\"ask\":1} is answered with a suggestion, "
                       "{\"tell\":{...}} "
                       "says what a trial gave (docs/tune.md).",
        .example = "optctl tune sort.yaml --parallel 2 -- ./sort -t {threads} -b {buffer}",
        .size = sizeof(struct tune_arguments),
        .parameters = parameters,
        .run = tune_run,
};

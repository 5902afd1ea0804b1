/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/runs.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/terminal.h"
#include "controller/tune/context.h"
#include "controller/tune/earlier.h"
#include "controller/tune/front.h"
#include "controller/tune/prepare.h"
#include "controller/tune/search_document.h"
#include "controller/tune/tell.h"
#include "controller/tune/trial.h"
#include "core/clock.h"
#include "core/json.h"

#define LOOK_MS         20  /* whether trials have ended */
#define DRAW_MS         250 /* the line about those that run */
#define DRAW_TRIALS     3
#define STUDY_MAX_BYTES ((size_t)64 << 20)
#define TRIAL_MAX_BYTES ((size_t)1 << 20)

/* What is out: asked of the search under `asked`, or 0 when it is from before a crash. */
struct out {
        size_t trial; /* in `trials` */
        int64_t asked;
        int64_t begun_ms; /* as far as we saw */
};

struct tune_runs {
        struct tune_study *study;
        struct tune_runs_setup setup;
        struct search *search;
        struct clock clock;
        int lock; /* of the study */
        struct tune_trial *trials;
        size_t count, room;
        struct out *outs;
        size_t n_outs;
        char *folder;  /* as commands may be told, whatever folder they go to */
        json_t *given; /* --context */
        size_t best;   /* where there is a context: one more than the place of the best trial; 0: none */
        double best_y;
        const char *ending;
        bool printed;     /* the head of the table */
        int64_t drawn_ms; /* when the line about those that run was; 0: it is not there */
};

/* ---- places ---- */

static char *place_of(const struct tune_runs *runs, int64_t id, const char *name)
{
        return memory_format("%s/%lld%s%s", runs->folder, (long long)id, *name ? "/" : "", name);
}

static bool make_folder(const char *path, struct error *err)
{
        struct stat status;

        if (mkdir(path, 0777) == 0)
                return true;
        if (errno != EEXIST)
                return text_read_error(path, errno, err);
        return (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) || text_read_error(path, ENOTDIR, err);
}

/* A lock that lasts as long as a process holds the file open. *ret_file is -1 when somebody else has it. */
static bool take_lock(const char *path, int *ret_file, struct error *err)
{
        int file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);

        if (file < 0)
                return error_errno(err, errno, "%s", path);
        if (flock(file, LOCK_EX | LOCK_NB) == 0) {
                *ret_file = file;
                return true;
        }
        close(file);
        *ret_file = -1;
        return errno == EWOULDBLOCK || error_errno(err, errno, "%s", path);
}

/* ---- trials ---- */

static struct tune_trial *add_trial(struct tune_runs *runs, int64_t id, json_t *x)
{
        if (runs->count == runs->room) {
                runs->room = runs->room ? 2 * runs->room : 32;
                runs->trials = memory_resize(runs->trials, runs->room, sizeof *runs->trials);
        }
        runs->trials[runs->count] = (struct tune_trial){.id = id, .x = x, .mean = NAN, .sd = NAN};
        return &runs->trials[runs->count++];
}

/* ---- the context ---- */

static bool has_context(const struct tune_runs *runs)
{
        return search_space_of(runs->search)->n_context > 0;
}

/* Whose settings are expected to do best where the search stands: the newest such trial. */
static void find_best(struct tune_runs *runs)
{
        const double *point = search_best_now(runs->search, &runs->best_y);
        autojson *x = point ? search_document_x(search_space_of(runs->search), point) : NULL;

        runs->best = 0;
        for (size_t i = 0; x && i < runs->count; i++)
                if (runs->trials[i].result && json_equal(runs->trials[i].x, x))
                        runs->best = i + 1;
}

/* The search goes where the next trial would be. */
static bool stand(struct tune_runs *runs, struct error *err)
{
        const struct search_space *space = search_space_of(runs->search);
        double context[SEARCH_MAX_CONTEXT] = {0};
        const json_t *newest = NULL;

        if (!has_context(runs))
                return true;
        for (size_t i = 0; i < runs->count; i++)
                if (runs->trials[i].result)
                        newest = runs->trials[i].context;
        memcpy(context, search_context(runs->search), (size_t)space->n_context * sizeof *context);
        tune_context_now(runs->study, space, runs->given, newest, clock_now_ms(&runs->clock), context);
        if (!search_set_context(runs->search, context, err))
                return false;
        find_best(runs);
        return true;
}

json_t *tune_runs_context(const struct tune_runs *runs)
{
        return has_context(runs) ? search_document_context_json(search_space_of(runs->search),
                                                                search_context(runs->search))
                                 : NULL;
}

/* ---- trials ---- */

static void add_out(struct tune_runs *runs, size_t trial, int64_t asked)
{
        runs->outs = memory_resize(runs->outs, runs->n_outs + 1, sizeof *runs->outs);
        runs->outs[runs->n_outs++] =
                (struct out){.trial = trial, .asked = asked, .begun_ms = clock_now_ms(&runs->clock)};
}

static bool read_result(struct tune_runs *runs, struct tune_trial *trial, bool *ret_there, struct error *err)
{
        autofree char *place = place_of(runs, trial->id, "result.json");
        autojson *read = NULL;

        *ret_there = access(place, F_OK) == 0;
        if (!*ret_there)
                return true;
        if (!json_read_file(place, TRIAL_MAX_BYTES, &read, err))
                return false;
        trial->result = json_to_lines(read);
        if (trial->context)
                tune_context_settle(search_space_of(runs->search), trial->context, trial->result);
        return true;
}

/* ---- a process for a trial ---- */

/* Alone from here on: nothing of the study but the trial's own lock is held, so that who comes after us can
 * tell who is at work. What the search has learnt is let go: a command counts as no smaller than who starts
 * it.
 */
static void run_child(struct tune_runs *runs, const struct tune_trial *trial)
{
        autojson *settings = tune_context_settings(runs->study, trial->x, trial->context);
        double least = NAN;
        autofree char *folder = place_of(runs, trial->id, "");
        struct error err = ERROR_INIT;
        bool done;

        (void)tune_runs_best(runs, &least);
        setsid();
        close(runs->lock);
        search_free(runs->search);
        runs->search = NULL;
        (void)malloc_trim(0);
        done = tune_trial_run(runs->study, settings, folder, least, &err);
        if (!done && err.code != ERROR_INTERRUPTED)
                fprintf(stderr, "optctl: trial %lld: %s\n", (long long)trial->id, err.message);
        _exit(done ? 0 : 1);
}

static void block_signals(sigset_t *ret_before)
{
        sigset_t ours;

        sigemptyset(&ours);
        sigaddset(&ours, SIGCHLD);
        sigaddset(&ours, SIGTERM);
        sigaddset(&ours, SIGINT);
        sigprocmask(SIG_BLOCK, &ours, ret_before);
}

/* The lock passes on to the process, which is named in it. */
static bool start(struct tune_runs *runs, const struct tune_trial *trial, int lock, struct error *err)
{
        autofree char *place = place_of(runs, trial->id, "lock");
        char number[32];
        sigset_t before;
        pid_t child;

        fflush(NULL);
        block_signals(&before);
        child = fork();
        if (child == 0) {
                snprintf(number, sizeof number, "%ld\n", (long)getpid());
                if (ftruncate(lock, 0) != 0 || pwrite(lock, number, strlen(number), 0) < 0)
                        _exit(1);
                run_child(runs, trial);
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(lock);
        return child > 0 || error_errno(err, errno, "%s", place);
}

/* ---- taking up what there is ---- */

static bool read_trial(struct tune_runs *runs, int64_t id, bool *ret_there, struct error *err)
{
        autofree char *place = place_of(runs, id, "trial.json");
        autojson *asked = NULL;
        struct tune_trial *trial;

        *ret_there = access(place, F_OK) == 0;
        if (!*ret_there)
                return true;
        if (!json_read_file(place, TRIAL_MAX_BYTES, &asked, err))
                return false;
        trial = add_trial(runs, id, json_incref(json_object_get(asked, "x")));
        if (has_context(runs))
                trial->context = json_incref(json_object_get(asked, "context"));
        (void)json_find_number(asked, "mean", &trial->mean);
        (void)json_find_number(asked, "sd", &trial->sd);
        return true;
}

/* A trial without a result: one that still runs is waited for, another begins anew. */
static bool take_up(struct tune_runs *runs, size_t index, struct error *err)
{
        struct tune_trial *trial = &runs->trials[index];
        autofree char *place = place_of(runs, trial->id, "lock");
        bool there;
        int lock;

        if (!tune_tell_can(runs->search, trial, err) || !take_lock(place, &lock, err))
                return false;
        if (lock >= 0) {
                /* It may have ended since its result was looked for. */
                if (!read_result(runs, trial, &there, err))
                        return false;
                if (there) {
                        close(lock);
                        return tune_tell(runs->search, trial, 0, err);
                }
                if (!start(runs, trial, lock, err))
                        return false;
        }
        add_out(runs, index, 0);
        return true;
}

static bool take_up_all(struct tune_runs *runs, struct error *err)
{
        bool there = true;

        for (int64_t id = 1; there; id++)
                if (!read_trial(runs, id, &there, err))
                        return false;
        for (size_t i = 0; i < runs->count; i++) {
                if (!read_result(runs, &runs->trials[i], &there, err) ||
                    (there && !tune_tell(runs->search, &runs->trials[i], 0, err)))
                        return false;
                if (!there && !take_up(runs, i, err))
                        return false;
        }
        return true;
}

static bool check_identity(const struct tune_runs *runs, struct error *err)
{
        autofree char *place = memory_format("%s/study.json", runs->folder);
        autojson *ours = tune_study_identity(runs->study), *theirs = NULL;
        autotext text = {0};

        json_put(ours, 2, &text);
        text_put(&text, "\n");
        if (access(place, F_OK) != 0)
                return text_write_file(place, text.data, text.length, err);
        if (!json_read_file(place, STUDY_MAX_BYTES, &theirs, err))
                return false;
        json_decref(ours);
        ours = json_loads(text.data, 0, NULL); /* with the digits that are written */
        return json_equal(ours, theirs) ||
               error_set(err, ERROR_INPUT, NULL,
                         "%s: holds trials of another search or command; expected another --study",
                         runs->setup.folder);
}

bool tune_runs_open(struct tune_study *study, const struct tune_runs_setup *setup,
                    struct tune_runs **ret_runs, struct error *err)
{
        autocall(tune_runs_close) struct tune_runs *runs = memory_new(1, sizeof *runs);
        autofree char *lock = memory_format("%s/lock", setup->folder);

        runs->study = study;
        runs->setup = *setup;
        runs->lock = -1;
        runs->clock = clock_system();
        runs->ending = "";
        if (runs->setup.trials == 0)
                runs->setup.trials = study->search.budget;
        runs->search = search_new(TAKE(study->space), &study->search);
        if (!tune_prepare(study, setup->folder, runs->search, err) ||
            !tune_context_given(study, search_space_of(runs->search), setup->given, &runs->given, err))
                return false;
        if (!make_folder(setup->folder, err) || !take_lock(lock, &runs->lock, err))
                return false;
        if (runs->lock < 0)
                return error_set(err, ERROR_CONFLICT, NULL, "%s: another optctl is at work there",
                                 setup->folder);
        runs->folder = realpath(setup->folder, NULL);
        if (!runs->folder)
                return error_errno(err, errno, "%s", setup->folder);
        if (!check_identity(runs, err) || !take_up_all(runs, err) || !stand(runs, err))
                return false;
        *ret_runs = TAKE(runs);
        return true;
}

void tune_runs_close(struct tune_runs *runs)
{
        if (!runs)
                return;
        for (size_t i = 0; i < runs->count; i++) {
                json_decref(runs->trials[i].x);
                json_decref(runs->trials[i].context);
                json_decref(runs->trials[i].result);
        }
        json_decref(runs->given);
        free(runs->trials);
        free(runs->outs);
        free(runs->folder);
        search_free(runs->search);
        if (runs->lock >= 0)
                close(runs->lock);
        free(runs);
}

/* ---- asking ---- */

static bool write_trial(const struct tune_runs *runs, const struct tune_trial *trial,
                        const struct search_suggestion *suggestion, struct error *err)
{
        autofree char *folder = place_of(runs, trial->id, ""),
                      *place = place_of(runs, trial->id, "trial.json"),
                      *why = earlier_why(runs->search, suggestion);
        autojson *asked = json_pack("{s:I, s:O, s:O*, s:s, s:o, s:o}", "id", (json_int_t)trial->id, "x",
                                    trial->x, "context", trial->context, "why", why, "mean",
                                    json_from_double(trial->mean), "sd", json_from_double(trial->sd));
        autofree char *text = json_dumps(asked, JSON_INDENT(2) | JSON_REAL_PRECISION(17));

        return make_folder(folder, err) && text_write_file(place, text, strlen(text), err);
}

/* One that is out since before a crash is not asked twice: it is known by its number from now on. */
static bool is_out(struct tune_runs *runs, const json_t *x, int64_t asked)
{
        for (size_t i = 0; i < runs->n_outs; i++)
                if (runs->outs[i].asked == 0 && json_equal(runs->trials[runs->outs[i].trial].x, x)) {
                        runs->outs[i].asked = asked;
                        return true;
                }
        return false;
}

static bool begin_trial(struct tune_runs *runs, const struct search_suggestion *suggestion, json_t *x,
                        struct error *err)
{
        struct tune_trial *trial = add_trial(runs, (int64_t)runs->count + 1, x);
        autofree char *place = place_of(runs, trial->id, "lock");
        int lock;

        trial->context = tune_runs_context(runs);
        if (suggestion->predicted) {
                trial->mean = suggestion->mean;
                trial->sd = suggestion->sd;
        }
        if (!write_trial(runs, trial, suggestion, err) || !take_lock(place, &lock, err))
                return false;
        if (lock < 0)
                return error_set(err, ERROR_CONFLICT, NULL, "%s: somebody else holds it", place);
        add_out(runs, runs->count - 1, suggestion->id);
        return start(runs, trial, lock, err);
}

/* Sets `ending` when there is nothing more to be asked. */
static bool ask(struct tune_runs *runs, struct error *err)
{
        struct search_suggestion suggestion;
        json_t *x;

        if ((int64_t)runs->count >= runs->setup.trials) {
                runs->ending = "all trials are made";
                return true;
        }
        if (!stand(runs, err) || !search_ask(runs->search, &suggestion, err))
                return false;
        if (suggestion.id == 0 || suggestion.stop) {
                runs->ending = suggestion.stop
                                       ? "the next trial would cost more than it can be expected to save"
                                       : "every point has been tried";
                return true;
        }
        x = search_document_x(search_space_of(runs->search), suggestion.point);
        if (is_out(runs, x, suggestion.id)) {
                json_decref(x);
                return true;
        }
        return begin_trial(runs, &suggestion, x, err);
}

/* ---- rows ---- */

static void put_x(const json_t *x, struct text *out)
{
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)x, name, value)
        {
                autofree char *words = json_is_string(value)
                                               ? memory_copy_text(json_string_value(value))
                                               : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

                text_format(out, "%s%s=%s", out->length ? " " : "", name, words);
        }
}

static void put_number(double value, int width, FILE *rows)
{
        if (isfinite(value))
                fprintf(rows, "  %*.5g", width, value);
        else
                fprintf(rows, "  %*s", width, "-");
}

/* On a terminal, below the rows, for as long as nothing is said: which trials run, for how long, and what is
 * to be beaten. */
static void draw_running(struct tune_runs *runs)
{
        int64_t now = clock_now_ms(&runs->clock);
        double least = NAN;
        const struct tune_trial *best = tune_runs_best(runs, &least);
        autotext line = {0};

        if (!runs->setup.rows || !isatty(STDERR_FILENO) || now - runs->drawn_ms < DRAW_MS)
                return;
        text_put(&line, "running: ");
        for (size_t i = 0; i < runs->n_outs && i < DRAW_TRIALS; i++)
                text_format(&line, "%s%lld/%lld for %lld s", i ? ", " : "",
                            (long long)runs->trials[runs->outs[i].trial].id, (long long)runs->setup.trials,
                            (long long)(now - runs->outs[i].begun_ms) / 1000);
        if (runs->n_outs > DRAW_TRIALS)
                text_format(&line, ", and %zu more", runs->n_outs - DRAW_TRIALS);
        if (best)
                text_format(&line, "; best %s %.5g (trial %lld)", runs->study->options.minimize, least,
                            (long long)best->id);
        terminal_redraw(stderr, line.data);
        runs->drawn_ms = now;
}

static void erase_running(struct tune_runs *runs)
{
        if (runs->drawn_ms == 0)
                return;
        terminal_redraw(stderr, "");
        runs->drawn_ms = 0;
}

/* Before any other line: a study that goes on. */
static void print_taken_up(const struct tune_runs *runs)
{
        FILE *rows = runs->setup.rows;

        if (!rows || runs->count == 0)
                return;
        fprintf(rows, "%zu trial%s taken up from %s", runs->count, runs->count == 1 ? "" : "s",
                runs->setup.folder);
        if (runs->n_outs > 0)
                fprintf(rows, ", of which %zu ha%s not ended", runs->n_outs, runs->n_outs == 1 ? "s" : "ve");
        fputc('\n', rows);
}

static void print_head(struct tune_runs *runs)
{
        const struct tune_options *options = &runs->study->options;
        FILE *rows = runs->setup.rows;

        if (runs->printed)
                return;
        runs->printed = true;
        fprintf(rows, "%-8s %-8s  %12.12s", "trial", "status", options->minimize);
        if (options->also_minimize)
                fprintf(rows, "  %12.12s", options->also_minimize);
        fprintf(rows, "  %9s  %9s  settings\n", "predicted", options->also_minimize ? "front" : "best");
}

/* Of two measures: whether nothing so far beats the trial in both. */
static void print_row(struct tune_runs *runs, const struct tune_trial *trial)
{
        const char *status = "", *why = "";
        double y = NAN, second = NAN, least = NAN;
        FILE *rows = runs->setup.rows;
        autotext x = {0};

        if (!rows)
                return;
        erase_running(runs);
        print_head(runs);
        (void)json_find_text(trial->result, "status", &status);
        (void)json_find_text(trial->result, "why", &why);
        (void)json_find_number(trial->result, "y", &y);
        (void)tune_runs_best(runs, &least);
        put_x(trial->x, &x);
        put_x(trial->context, &x);
        fprintf(rows, "%3lld/%-4lld %-8s", (long long)trial->id, (long long)runs->setup.trials, status);
        put_number(y, 12, rows);
        if (runs->study->options.also_minimize) {
                (void)json_find_number(trial->result, "second", &second);
                put_number(second, 12, rows);
        }
        put_number(trial->mean, 9, rows);
        if (runs->study->options.also_minimize)
                fprintf(rows, "  %9s", tune_front_has(runs, trial) ? "yes" : "-");
        else
                put_number(least, 9, rows);
        fprintf(rows, "  %s%s%s\n", x.data ? x.data : "", *why ? ": " : "", why);
        fflush(rows);
}

/* ---- going on ---- */

/* One that has ended leaves the outs. *ret_ended: it had. */
static bool look_at(struct tune_runs *runs, size_t index, bool *ret_ended, struct error *err)
{
        struct out out = runs->outs[index];
        struct tune_trial *trial = &runs->trials[out.trial];
        autofree char *place = place_of(runs, trial->id, "lock");
        bool there;
        int lock;

        *ret_ended = false;
        if (!take_lock(place, &lock, err))
                return false;
        if (lock < 0)
                return true;
        close(lock);
        *ret_ended = true;
        runs->outs[index] = runs->outs[--runs->n_outs];
        if (!read_result(runs, trial, &there, err))
                return false;
        if (!there)
                return clock_stopped() ||
                       error_set(err, ERROR_UNAVAILABLE, NULL,
                                 "trial %lld: its process ended without a result; the same command goes on",
                                 (long long)trial->id);
        if (!tune_tell(runs->search, trial, out.asked, err) ||
            !tune_prepare_learn(runs->study, runs->folder, runs->search, err) || !stand(runs, err))
                return false;
        print_row(runs, trial);
        if (runs->setup.ended)
                runs->setup.ended(runs->setup.context, runs);
        return true;
}

static bool look_at_all(struct tune_runs *runs, struct error *err)
{
        bool ended;

        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        for (size_t i = 0; i < runs->n_outs; i += !ended)
                if (!look_at(runs, i, &ended, err))
                        return false;
        return true;
}

/* Whoever holds the lock of a trial is the process named in it. */
static void end_all(const struct tune_runs *runs)
{
        for (size_t i = 0; i < runs->n_outs; i++) {
                autofree char *place = place_of(runs, runs->trials[runs->outs[i].trial].id, "lock");
                autofree char *number = NULL;
                struct error ignored = ERROR_INIT;
                int lock = -1;

                if (take_lock(place, &lock, &ignored) && lock < 0 &&
                    text_read_file(place, 64, &number, NULL, &ignored) && strtol(number, NULL, 10) > 1)
                        kill((pid_t)strtol(number, NULL, 10), SIGTERM);
                if (lock >= 0)
                        close(lock);
        }
}

/* Ends the commands that run, and waits until they have. */
static bool interrupt(struct tune_runs *runs, struct error *err)
{
        end_all(runs);
        while (runs->n_outs > 0) {
                const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};

                if (!look_at_all(runs, err))
                        return false;
                nanosleep(&pause, NULL);
        }
        return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted; the same command goes on");
}

static bool go(struct tune_runs *runs, struct error *err)
{
        while (!clock_stopped()) {
                struct error ignored = ERROR_INIT;

                while (!*runs->ending && (int64_t)runs->n_outs < runs->setup.parallel && !clock_stopped())
                        if (!ask(runs, err))
                                return false;
                if (runs->n_outs == 0)
                        return true;
                draw_running(runs);
                (void)clock_sleep_until(&runs->clock, clock_now_ms(&runs->clock) + LOOK_MS, &ignored);
                if (!look_at_all(runs, err))
                        return false;
        }
        return interrupt(runs, err);
}

bool tune_runs_go(struct tune_runs *runs, struct error *err)
{
        bool done;

        print_taken_up(runs);
        done = go(runs, err);
        erase_running(runs);
        return done;
}

/* ---- what came out ---- */

const struct tune_trial *tune_runs_trials(const struct tune_runs *runs, size_t *ret_count)
{
        *ret_count = runs->count;
        return runs->trials;
}

static bool keeps_constraints(const json_t *result)
{
        const char *name;
        json_t *value;

        json_object_foreach(json_object_get(result, "constraints"), name, value)
        {
                if (json_number_value(value) > 0)
                        return false;
        }
        return true;
}

const char *tune_runs_status(const struct tune_runs *runs, const struct tune_trial *trial)
{
        const char *status = "interrupted";

        for (size_t i = 0; i < runs->n_outs; i++)
                if (&runs->trials[runs->outs[i].trial] == trial)
                        status = "running";
        (void)json_find_text(trial->result, "status", &status);
        return status;
}

bool tune_runs_is_good(const struct tune_trial *trial)
{
        const char *status = "";

        (void)json_find_text(trial->result, "status", &status);
        return strcmp(status, "ok") == 0 && keeps_constraints(trial->result);
}

bool tune_runs_retell(const struct tune_runs *runs, size_t left_out, size_t groups,
                      struct search **ret_search, struct error *err)
{
        autocall(search_free) struct search *search = NULL;
        struct search_options options = runs->study->search;
        struct search_space *space;

        if (!search_document_read(runs->study->search_json, &space, &options, err))
                return false;
        options = runs->study->search;
        search = search_new(space, &options);
        if (!tune_prepare(runs->study, runs->setup.folder, search, err) ||
            !search_set_context(search, search_context(runs->search), err))
                return false;
        for (size_t i = 0; i < runs->count; i++)
                if (runs->trials[i].result && i % groups != left_out &&
                    !tune_tell(search, &runs->trials[i], 0, err))
                        return false;
        *ret_search = search;
        search = NULL;
        return true;
}

struct search *tune_runs_search(const struct tune_runs *runs)
{
        return runs->search;
}

static const struct tune_trial *least_trial(const struct tune_runs *runs, double *ret_y)
{
        const struct tune_trial *best = NULL;

        *ret_y = INFINITY;
        for (size_t i = 0; i < runs->count; i++) {
                double y;

                if (!tune_runs_is_good(&runs->trials[i]) ||
                    !json_find_number(runs->trials[i].result, "y", &y) || !(y < *ret_y))
                        continue;
                *ret_y = y;
                best = &runs->trials[i];
        }
        return best;
}

const struct tune_trial *tune_runs_best(const struct tune_runs *runs, double *ret_y)
{
        const struct tune_trial *best;
        double y = runs->best_y;

        if (has_context(runs))
                best = runs->best ? &runs->trials[runs->best - 1] : NULL;
        else
                best = least_trial(runs, &y);
        if (best && ret_y)
                *ret_y = y;
        return best;
}

const char *tune_runs_folder(const struct tune_runs *runs)
{
        return runs->folder;
}

char *tune_runs_place(const struct tune_runs *runs, const struct tune_trial *trial)
{
        return place_of(runs, trial->id, "");
}

const char *tune_runs_ending(const struct tune_runs *runs)
{
        return runs->ending;
}

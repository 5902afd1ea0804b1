/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controller/tune/context.h"
#include "controller/tune/log.h"
#include "core/clock.h"
#include "core/json.h"

#define OUTPUT_MAX_BYTES ((size_t)16 << 20) /* of its end, that values are looked for in */
#define MAX_VARIABLES    4096
#define GRACE_MS         5000 /* between SIGTERM and SIGKILL */

/* ---- values ---- */

/* What a group (0: all of it) of a pattern stands for where it matches last; NULL: nowhere. The caller frees
 * it. The whole of the output is told each time, with its length: a line may only begin where it does, and to
 * count the rest for each of many matches takes hours. */
static char *last_match(const char *pattern, int flags, size_t group, const char *output)
{
        regmatch_t match[2], last = {.rm_so = -1};
        regoff_t at = 0, length = (regoff_t)strlen(output);
        regex_t regex;

        if (regcomp(&regex, pattern, REG_EXTENDED | flags) != 0)
                return NULL;
        while (at < length) {
                match[0] = (regmatch_t){.rm_so = at, .rm_eo = length};
                if (regexec(&regex, output, ARRAY_LENGTH(match), match, REG_STARTEND) != 0)
                        break;
                if (match[group].rm_so >= 0)
                        last = match[group];
                at = match[0].rm_eo > at ? match[0].rm_eo : at + 1;
        }
        regfree(&regex);
        return last.rm_so < 0 ? NULL
                              : memory_format("%.*s", (int)(last.rm_eo - last.rm_so), output + last.rm_so);
}

static double last_value(const char *pattern, const char *output)
{
        autofree char *found = last_match(pattern, REG_NEWLINE, 1, output);
        double value;

        return found && text_to_double(found, &value) ? value : NAN;
}

/* The whole of it, or its last line that is not empty. A whole number may be of any size: the seed beside a
 * measure may have 64 bits. */
static json_t *output_json_of(const char *output)
{
        json_t *whole = json_loads(output, JSON_DECODE_INT_AS_REAL, NULL);
        size_t end = strlen(output), begin;

        if (whole)
                return whole;
        while (end > 0 && strchr(" \t\r\n", output[end - 1]))
                end--;
        begin = end;
        while (begin > 0 && output[begin - 1] != '\n')
                begin--;
        return json_loadb(output + begin, end - begin, JSON_DECODE_INT_AS_REAL, NULL);
}

static double value_of(const struct tune_value *value, const char *output, const json_t *json,
                       const json_t *measures)
{
        if (value->pattern)
                return last_value(value->pattern, output);
        return value->path ? json_number_at(json, value->path) : json_number_at(measures, value->event_log);
}

/* As masters, YARN, Kubernetes and local mode name them. NULL: there is none. */
static char *last_application(const char *output)
{
        return last_match(
                "app-[0-9]{14}-[0-9]{4,}|application_[0-9]+_[0-9]+|spark-[0-9a-f]{32}|local-[0-9]{13}", 0, 0,
                output);
}

char *tune_trial_event_log(const struct tune_study *study, const json_t *x, const char *folder,
                           const char *output)
{
        autofree char *application = study->options.event_log ? last_application(output) : NULL;
        autojson *names = json_object();

        if (!study->options.event_log)
                return NULL;
        if (application)
                json_object_set_new(names, "application", json_string(application));
        json_object_update(names, (json_t *)(uintptr_t)x);
        return tune_render(study->options.event_log, names, folder);
}

/* Its end, where it is long; zeros become blanks. */
static char *read_output(int file)
{
        char *text = memory_new(OUTPUT_MAX_BYTES + 1, 1);
        struct stat status;
        off_t from = 0;
        size_t length = 0;
        ssize_t got;

        if (fstat(file, &status) == 0 && status.st_size > (off_t)OUTPUT_MAX_BYTES)
                from = status.st_size - (off_t)OUTPUT_MAX_BYTES;
        while (length < OUTPUT_MAX_BYTES &&
               (got = pread(file, text + length, OUTPUT_MAX_BYTES - length, from + (off_t)length)) > 0)
                length += (size_t)got;
        for (size_t i = 0; i < length; i++)
                if (text[i] == '\0')
                        text[i] = ' ';
        return text;
}

char *tune_trial_own_log(const struct tune_study *study, const json_t *x, const char *folder)
{
        autofree char *place = memory_format("%s/output", folder), *text = NULL;
        int output = open(place, O_RDONLY | O_CLOEXEC);

        if (output < 0)
                return NULL;
        text = read_output(output);
        close(output);
        return tune_trial_event_log(study, x, folder, text);
}

/* The same, unless what lies there is what lay there before the trial: that is of another run. */
static char *new_event_log(const struct tune_study *study, const json_t *x, const char *folder,
                           const char *output, const char *before)
{
        autofree char *place = tune_trial_event_log(study, x, folder, output);
        autofree char *now = tune_log_mark(place);

        return before && now && strcmp(before, now) == 0 ? NULL : TAKE(place);
}

/* NULL: there is no log that can be read. */
static json_t *log_measures(const struct tune_study *study, const char *event_log)
{
        auto_spark_event_log log = {0};
        struct error ignored = ERROR_INIT;

        return event_log && tune_log_read(event_log, true, study->options.event_log_connection, study->folder,
                                          &log, &ignored)
                       ? tune_log_measures(log.run)
                       : NULL;
}

json_t *tune_trial_values(const struct tune_study *study, const char *output, const char *event_log)
{
        const struct tune_value *values = study->options.values.items;
        autojson *json = output_json_of(output);
        autojson *measures = log_measures(study, event_log);
        json_t *found = json_object();

        for (size_t i = 0; i < study->options.values.count; i++) {
                double value = value_of(&values[i], output, json, measures);

                if (isfinite(value))
                        json_object_set_new(found, values[i].name, json_real(value));
        }
        return found;
}

/* ---- one attempt ---- */

/* When an attempt is stopped. */
struct limit {
        double seconds; /* INFINITY: never */
        double times;   /* what the best trial took; 0: the time limit stopped it */
};

struct attempt {
        int status; /* of waitpid */
        int failed; /* errno of starting it */
        bool late, interrupted;
        struct limit limit;
        int64_t begun_ms, ended_ms; /* since 1970 */
        double seconds, cpu_seconds, memory_bytes;
};

struct command {
        char **words, **environment;
};

static void command_clear(struct command *command)
{
        for (size_t i = 0; command->words[i]; i++)
                free(command->words[i]);
        free(command->words);
        for (size_t i = 0; command->environment[i]; i++)
                free(command->environment[i]);
        free(command->environment);
}

static bool is_set_by(const char *variable, const struct tune_options *options)
{
        const struct tune_variable *ours = options->environment.items;

        for (size_t i = 0; i < options->environment.count; i++) {
                size_t length = strlen(ours[i].name);

                if (strncmp(variable, ours[i].name, length) == 0 && variable[length] == '=')
                        return true;
        }
        return false;
}

static struct command command_of(const struct tune_study *study, const json_t *x, const char *folder)
{
        const struct tune_variable *ours = study->options.environment.items;
        struct command command;
        size_t count = 0;

        while (study->command[count])
                count++;
        command.words = memory_new(count + 1, sizeof *command.words);
        for (size_t i = 0; i < count; i++)
                command.words[i] = tune_render(study->command[i], x, folder);
        command.environment =
                memory_new(MAX_VARIABLES + study->options.environment.count + 1, sizeof *command.environment);
        count = 0;
        for (char **variable = environ; *variable && count < MAX_VARIABLES; variable++)
                if (!is_set_by(*variable, &study->options))
                        command.environment[count++] = memory_copy_text(*variable);
        for (size_t i = 0; i < study->options.environment.count; i++) {
                autofree char *value = tune_render(ours[i].value, x, folder);

                command.environment[count++] = memory_format("%s=%s", ours[i].name, value);
        }
        return command;
}

/* In a group of its own, with the signals that a program expects. Returns only when it cannot be run. */
static void become(const struct command *command, int output)
{
        struct sigaction usual = {.sa_handler = SIG_DFL};
        int nothing = open("/dev/null", O_RDONLY);
        sigset_t none;

        for (int signal = 1; signal < NSIG; signal++)
                (void)sigaction(signal, &usual, NULL);
        sigemptyset(&none);
        if (setpgid(0, 0) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0 && nothing >= 0 &&
            dup2(nothing, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
            dup2(output, STDERR_FILENO) >= 0)
                execvpe(command->words[0], command->words, command->environment);
}

/*
 * The errno when it cannot be run. Not by posix_spawn: until it has become the command, what that makes
 * shares our memory, and Linux counts the most that a process ever had; a fork has no more than what we wrote
 * to.
 */
static int start(const struct command *command, int output, pid_t *ret_child)
{
        int told[2], failed = 0;

        if (pipe2(told, O_CLOEXEC) != 0)
                return errno;
        *ret_child = fork();
        if (*ret_child < 0)
                failed = errno;
        if (*ret_child == 0) {
                become(command, output);
                failed = errno;
                _exit(write(told[1], &failed, sizeof failed) == (ssize_t)sizeof failed ? 127 : 126);
        }
        close(told[1]);
        if (*ret_child > 0 && read(told[0], &failed, sizeof failed) == (ssize_t)sizeof failed)
                while (waitpid(*ret_child, NULL, 0) < 0 && errno == EINTR)
                        ;
        close(told[0]);
        return failed;
}

static double steady_seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The next of our signals, or 0 once `seconds` have gone by. */
static int wait_signal(double seconds)
{
        struct timespec patience = {.tv_sec = (time_t)seconds,
                                    .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
        sigset_t ours;
        int signal;

        sigemptyset(&ours);
        sigaddset(&ours, SIGCHLD);
        sigaddset(&ours, SIGTERM);
        sigaddset(&ours, SIGINT);
        signal = sigtimedwait(&ours, NULL, &patience);
        return signal > 0 ? signal : 0;
}

/* Until the child has ended or the instant has come. */
static bool wait_until(pid_t child, double until, struct attempt *attempt, struct rusage *ret_usage)
{
        for (;;) {
                pid_t ended = wait4(child, &attempt->status, WNOHANG, ret_usage);
                double left = until - steady_seconds();
                int signal;

                if (ended == child)
                        return true;
                if (left <= 0 || attempt->interrupted)
                        return false;
                signal = wait_signal(fmin(left, 3600));
                attempt->interrupted = signal == SIGTERM || signal == SIGINT;
        }
}

/* Asks the group to end, and then does not ask. */
static void end_group(pid_t child, struct attempt *attempt, struct rusage *ret_usage)
{
        bool interrupted = attempt->interrupted;

        kill(-child, SIGTERM);
        attempt->interrupted = false;
        if (!wait_until(child, steady_seconds() + GRACE_MS / 1000.0, attempt, ret_usage)) {
                kill(-child, SIGKILL);
                while (wait4(child, &attempt->status, 0, ret_usage) < 0 && errno == EINTR)
                        ;
        }
        kill(-child, SIGKILL); /* what it left behind */
        attempt->interrupted |= interrupted;
}

static struct attempt try_once(const struct command *command, const struct limit *limit, int output)
{
        struct clock clock = clock_system();
        struct attempt attempt = {.begun_ms = clock_now_ms(&clock), .limit = *limit};
        double begun = steady_seconds(), until = begun + limit->seconds;
        struct rusage usage = {.ru_maxrss = 0};
        pid_t child = -1;

        attempt.ended_ms = attempt.begun_ms;
        attempt.failed = start(command, output, &child);
        if (attempt.failed != 0)
                return attempt;
        if (!wait_until(child, until, &attempt, &usage)) {
                attempt.late = !attempt.interrupted;
                end_group(child, &attempt, &usage);
        }
        attempt.seconds = steady_seconds() - begun;
        attempt.ended_ms = clock_now_ms(&clock);
        attempt.cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                              (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
        attempt.memory_bytes = (double)usage.ru_maxrss * 1024;
        return attempt;
}

static bool did_well(const struct attempt *attempt)
{
        return attempt->failed == 0 && !attempt->late && WIFEXITED(attempt->status) &&
               WEXITSTATUS(attempt->status) == 0;
}

/* ---- the result ---- */

static void describe(const struct attempt *attempt, struct text *out)
{
        if (attempt->failed != 0)
                text_format(out, "cannot be run: %s", strerrordesc_np(attempt->failed));
        else if (attempt->late && attempt->limit.times > 0)
                text_format(out, "stopped after %.4g s, at %g times the best", attempt->limit.seconds,
                            attempt->limit.times);
        else if (attempt->late)
                text_format(out, "stopped after %.15g s", attempt->limit.seconds);
        else if (WIFSIGNALED(attempt->status))
                text_format(out, "ended by signal %d", WTERMSIG(attempt->status));
        else if (WEXITSTATUS(attempt->status) != 0)
                text_format(out, "exit status %d", WEXITSTATUS(attempt->status));
        else
                text_put(out, "");
}

/* The time limit, or what the best trial allows when that is less. Prices of the instant count for all of it.
 */
static struct limit limit_of(const struct tune_study *study, const json_t *x, double best)
{
        const struct tune_options *options = &study->options;
        struct limit limit = {options->time_limit_seconds > 0 ? (double)options->time_limit_seconds
                                                              : INFINITY,
                              0};
        struct clock clock = clock_system();
        double rate = 1, seconds;

        if (options->give_up_factor == 0)
                return limit;
        if (tune_study_is_money(study, options->minimize))
                rate = price_book_worker_hour(study->prices, clock_now_ms(&clock)) / 3600 *
                       tune_workers(study, x);
        seconds = options->give_up_factor * best / rate;
        if (isfinite(seconds) && seconds > 0 && seconds < limit.seconds)
                limit = (struct limit){seconds, options->give_up_factor};
        return limit;
}

/* What everything that was measured is called. */
static json_t *measures_of(const struct tune_study *study, const json_t *x, const struct attempt *attempt)
{
        json_t *measures = json_pack("{s:f, s:f, s:f}", "seconds", attempt->seconds, "cpuSeconds",
                                     attempt->cpu_seconds, "memoryBytes", attempt->memory_bytes);

        if (study->prices) {
                price_sum one = price_book_integral(study->prices, attempt->begun_ms, attempt->ended_ms, 1);

                json_object_set_new(measures, "cost",
                                    json_from_double(price_sum_to_money(one) * tune_workers(study, x)));
        }
        return measures;
}

static double measured(const json_t *measures, const json_t *values, const char *name)
{
        double value;

        return json_find_number(measures, name, &value) || json_find_number(values, name, &value) ? value
                                                                                                  : NAN;
}

static json_t *constraints_of(const struct tune_study *study, const json_t *measures, const json_t *values)
{
        const struct tune_constraint *constraints = study->options.constraints.items;
        json_t *found = json_object();

        for (size_t i = 0; i < study->options.constraints.count; i++) {
                double value = measured(measures, values, constraints[i].value);

                if (isfinite(value))
                        json_object_set_new(found, constraints[i].value,
                                            json_from_double(value - constraints[i].max));
        }
        return found;
}

/* What only grows with the time that a trial takes: the limit says that it would have been more. */
static bool grows_with_time(const struct tune_study *study, const char *measure)
{
        return strcmp(measure, "seconds") == 0 || tune_study_is_money(study, measure);
}

/* Takes `values` over. */
static json_t *result_of(const struct tune_study *study, const json_t *x, const struct attempt *attempt,
                         int64_t attempts, json_t *values)
{
        const char *minimize = study->options.minimize, *also = study->options.also_minimize, *status = "ok";
        json_t *measures = measures_of(study, x, attempt), *constraints;
        double y = measured(measures, values, minimize),
               second = also ? measured(measures, values, also) : NAN;
        autotext why = {0};

        describe(attempt, &why);
        if (attempt->late && grows_with_time(study, minimize) && isfinite(y))
                status = "censored";
        else if (!did_well(attempt))
                status = "failed";
        else if (!isfinite(y)) {
                status = "failed";
                text_format(&why, "nothing tells %s", minimize);
        } else if (also && !isfinite(second)) {
                status = "failed";
                text_format(&why, "nothing tells %s", also);
        } else if (tune_context_untold(study, values)) {
                status = "failed";
                text_format(&why, "nothing tells %s", tune_context_untold(study, values));
        }
        if (strcmp(status, "failed") == 0)
                y = second = NAN;
        else if (attempt->late && also && !grows_with_time(study, also))
                second = NAN;
        constraints = constraints_of(study, measures, values);
        json_object_update_new(measures,
                               json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o*, s:o}", "status", status,
                                         "why", why.data, "attempts", (json_int_t)attempts, "begunMs",
                                         (json_int_t)attempt->begun_ms, "endedMs",
                                         (json_int_t)attempt->ended_ms, "values", values, "y",
                                         json_from_double(y), "second",
                                         also ? json_from_double(second) : NULL, "constraints", constraints));
        return measures;
}

static bool write_files(const struct tune_study *study, const json_t *x, const char *folder,
                        struct error *err)
{
        const struct tune_file *files = study->options.files.items;

        for (size_t i = 0; i < study->options.files.count; i++) {
                autofree char *place = memory_format("%s/%s", folder, files[i].name);
                autofree char *text = tune_render(files[i].text, x, folder);

                if (!text_write_file(place, text, strlen(text), err))
                        return false;
        }
        return true;
}

static bool write_result(const json_t *result, const char *folder, struct error *err)
{
        autofree char *place = memory_format("%s/result.json", folder);
        autotext text = {0};

        json_put(result, 2, &text);
        text_put(&text, "\n");
        return text_write_file(place, text.data, text.length, err);
}

/* As often as it has to be run. False when it was interrupted. */
static bool try_often(const struct tune_study *study, const struct command *command,
                      const struct limit *limit, int output, struct attempt *ret_attempt,
                      int64_t *ret_attempts, struct error *err)
{
        int64_t attempts = 0;

        do {
                if (ftruncate(output, 0) != 0)
                        return error_errno(err, errno, "output of the trial");
                *ret_attempt = try_once(command, limit, output);
                attempts++;
                if (ret_attempt->interrupted)
                        return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
        } while (!did_well(ret_attempt) && !ret_attempt->late && attempts <= study->options.retries);
        *ret_attempts = attempts;
        return true;
}

bool tune_trial_run(const struct tune_study *study, const json_t *x, const char *folder, double best,
                    struct error *err)
{
        autofree char *place = memory_format("%s/output", folder),
                      *log = tune_trial_event_log(study, x, folder, ""), *log_before = tune_log_mark(log);
        const struct limit limit = limit_of(study, x, best);
        struct attempt attempt = {.failed = 0};
        struct command command;
        int64_t attempts = 0;
        int output = open(place, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        bool done;

        if (output < 0)
                return error_errno(err, errno, "%s", place);
        command = command_of(study, x, folder);
        done = write_files(study, x, folder, err) &&
               try_often(study, &command, &limit, output, &attempt, &attempts, err);
        if (done) {
                autofree char *text = read_output(output);
                autofree char *event_log = new_event_log(study, x, folder, text, log_before);
                autojson *result =
                        result_of(study, x, &attempt, attempts, tune_trial_values(study, text, event_log));

                done = write_result(result, folder, err);
        }
        command_clear(&command);
        close(output);
        return done;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/json.h"
#include "core/secret_memory.h"
#include "core/series/series.h"
#include "core/clock.h"

#define PATIENCE_MS   30000
#define MAX_OUTPUT    ((size_t)256 * 1024)
#define MAX_VARIABLES 4096

static void texts_free(char **texts)
{
        for (size_t i = 0; texts && texts[i]; i++)
                free(texts[i]);
        free(texts);
}

void kube_plugin_free(struct kube_plugin *plugin)
{
        if (!plugin)
                return;
        texts_free(plugin->arguments);
        texts_free(plugin->environment);
        free(plugin->install_hint);
        free(plugin->api_version);
        free(plugin);
}

/* ---- running it: in a thread, which may wait ---- */

struct run {
        const struct kube_plugin *plugin;
        char **environment; /* as the program sees it; borrowed texts */
        char *output;       /* in memory for secrets */
        size_t length;
        int failed; /* errno of starting it */
        int status; /* of waitpid */
        bool late, too_long;
};

/* In a group of its own, so that what it starts ends with it, and with the signals that a program expects:
 * what we ignore or block (SIGPIPE) it would, too. */
static int start(const struct run *run, int output, pid_t *ret_child)
{
        posix_spawn_file_actions_t files;
        posix_spawnattr_t how;
        sigset_t none, all;
        int failed;

        sigemptyset(&none);
        sigfillset(&all);
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawnattr_init(&how);
        posix_spawnattr_setpgroup(&how, 0);
        posix_spawnattr_setsigmask(&how, &none);
        posix_spawnattr_setsigdefault(&how, &all);
        posix_spawnattr_setflags(&how,
                                 POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        failed = posix_spawnp(ret_child, run->plugin->arguments[0], &files, &how, run->plugin->arguments,
                              run->environment);
        posix_spawnattr_destroy(&how);
        posix_spawn_file_actions_destroy(&files);
        return failed;
}

/* Up to its end, the cap, or the time-out. */
static void read_output(struct run *run, int from, int64_t until_ms)
{
        for (;;) {
                struct pollfd ready = {.fd = from, .events = POLLIN};
                int64_t left_ms = until_ms - clock_steady_ms();
                ssize_t got;

                run->late = left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0;
                run->too_long = run->length + 1 >= MAX_OUTPUT;
                if (run->late || run->too_long)
                        return;
                got = read(from, run->output + run->length, MAX_OUTPUT - 1 - run->length);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return;
                run->length += (size_t)got;
        }
}

/* Who has closed its output has nothing more to say, and may take no longer than before to end. */
static void wait_for_end(struct run *run, pid_t child, int64_t until_ms)
{
        const struct timespec pause = {.tv_nsec = 10000000};

        while (!run->late && !run->too_long && waitpid(child, &run->status, WNOHANG) == 0) {
                nanosleep(&pause, NULL);
                run->late = clock_steady_ms() >= until_ms;
        }
        if (!run->late && !run->too_long)
                return;
        kill(-child, SIGKILL);
        while (waitpid(child, &run->status, 0) < 0 && errno == EINTR)
                ;
}

static void run_program(void *argument)
{
        struct run *run = argument;
        int64_t until_ms = clock_steady_ms() + PATIENCE_MS;
        int ends[2];
        pid_t child;

        if (pipe2(ends, O_CLOEXEC) != 0) {
                run->failed = errno;
                return;
        }
        run->failed = start(run, ends[1], &child);
        close(ends[1]);
        if (run->failed == 0) {
                read_output(run, ends[0], until_ms);
                wait_for_end(run, child, until_ms);
        }
        close(ends[0]);
}

/* ---- what it printed ---- */

static bool judge_run(const struct run *run, struct error *err)
{
        const struct kube_plugin *plugin = run->plugin;
        const char *name = plugin->arguments[0];
        bool missing = run->failed == ENOENT && plugin->install_hint;

        if (run->failed != 0)
                return error_set(err, ERROR_INPUT, "PluginFailed", "credential plugin %s: %s%s%.300s", name,
                                 strerrordesc_np(run->failed), missing ? "; " : "",
                                 missing ? plugin->install_hint : "");
        if (run->late)
                return error_set(err, ERROR_TIMEOUT, NULL, "credential plugin %s: not done within %d s", name,
                                 PATIENCE_MS / 1000);
        if (run->too_long)
                return error_set(err, ERROR_LIMIT, NULL, "credential plugin %s: prints more than %zu KiB",
                                 name, MAX_OUTPUT / 1024);
        if (!WIFEXITED(run->status) || WEXITSTATUS(run->status) != 0)
                return error_set(err, ERROR_INPUT, "PluginFailed", "credential plugin %s: ended with %s %d",
                                 name, WIFEXITED(run->status) ? "status" : "signal",
                                 WIFEXITED(run->status) ? WEXITSTATUS(run->status) : WTERMSIG(run->status));
        return true;
}

static bool take_credential(const struct run *run, struct secret *token, int64_t *ret_expires_ms,
                            struct error *err)
{
        autojson *answer = json_loadb(run->output, run->length, 0, NULL);
        const json_t *status = json_object_get(answer, "status");
        const char *version = "", *text = "", *expires = "", *name = run->plugin->arguments[0];

        (void)json_find_text(answer, "apiVersion", &version);
        (void)json_find_text(status, "token", &text);
        (void)json_find_text(status, "expirationTimestamp", &expires);
        if (!status || strcmp(version, run->plugin->api_version) != 0)
                return error_set(err, ERROR_INPUT, "PluginFailed",
                                 "credential plugin %s: what it prints is no ExecCredential of %s", name,
                                 run->plugin->api_version);
        if (!*text)
                return error_set(
                        err, ERROR_INPUT, "PluginFailed",
                        "credential plugin %s: it gives no token; client certificates of plugins are "
                        "not taken",
                        name);
        *ret_expires_ms = INT64_MAX;
        if (*expires && !time_parse(expires, NULL, ret_expires_ms, err))
                return error_wrap(err, "credential plugin %s: expirationTimestamp", name);
        return secret_replace(token, text, err);
}

/* ---- what it sees ---- */

#define EXEC_INFO "KUBERNETES_EXEC_INFO="

static char **environment_of(const struct kube_plugin *plugin, char *info)
{
        char **all = memory_new(MAX_VARIABLES + 1, sizeof *all);
        size_t count = 0;

        all[count++] = info;
        for (size_t i = 0; plugin->environment && plugin->environment[i] && count < MAX_VARIABLES; i++)
                all[count++] = plugin->environment[i];
        /* Of a variable that is there twice, most programs take the first. */
        for (size_t i = 0; environ[i] && count < MAX_VARIABLES; i++)
                if (strncmp(environ[i], EXEC_INFO, strlen(EXEC_INFO)) != 0)
                        all[count++] = environ[i];
        return all;
}

bool kube_plugin_run(struct reactor *reactor, const struct kube_plugin *plugin, struct secret *token,
                     int64_t *ret_expires_ms, struct error *err)
{
        autofree char *info = memory_format(EXEC_INFO "{\"apiVersion\":\"%s\",\"kind\":\"ExecCredential\","
                                                      "\"spec\":{\"interactive\":false}}",
                                            plugin->api_version);
        autofree char **environment = environment_of(plugin, info);
        struct run run = {.plugin = plugin, .environment = environment};
        bool good;

        run.output = secret_memory_new(MAX_OUTPUT);
        reactor_offload(reactor, run_program, &run);
        good = judge_run(&run, err) && take_credential(&run, token, ret_expires_ms, err);
        secret_memory_free(run.output, MAX_OUTPUT);
        return good;
}

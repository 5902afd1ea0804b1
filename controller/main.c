/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gsl/gsl_errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/command.h"
#include "controller/cli/kubectl.h"
#include "controller/cli/usage.h"
#include "core/clock.h"

static void stop(int signal)
{
        (void)signal;
        clock_stop();
}

/* The first SIGINT, SIGTERM or SIGHUP asks the loop to end; a second SIGINT or SIGTERM, of somebody in a
 * hurry, ends the process. A terminal that goes away sends SIGHUP twice, once by its shell; under nohup it
 * ends nothing. A peer or a reader that hangs up, and a file that may grow no further, are an error of the
 * call that wrote, not the end of the process. */
static void catch_signals(void)
{
        struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
        struct sigaction ignore = {.sa_handler = SIG_IGN}, hangup;

        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        action.sa_flags = 0;
        if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
                sigaction(SIGHUP, &action, NULL);
        sigaction(SIGPIPE, &ignore, NULL);
        sigaction(SIGXFSZ, &ignore, NULL);
}

/* A standard stream that the caller closed is opened the wrong way round: using it fails, and no file that is
 * opened later takes its number and is written into by a printf. */
static bool fill_standard_streams(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                int opened = fd;

                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
                        opened = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
                if (opened != fd)
                        return false;
        }
        return true;
}

/* True when standard output is a pipe that nobody reads any more. */
static bool reader_gone(void)
{
        struct pollfd output = {.fd = STDOUT_FILENO};

        return poll(&output, 1, 0) == 1 && (output.revents & POLLERR);
}

/* Ends as other filters do when their reader has seen enough (`optctl help | head`): quietly, by SIGPIPE. */
static void die_of_sigpipe(void)
{
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
}

/* kubectl runs `kubectl optctl` as kubectl-optctl. */
static const struct program *called_as(const char *word)
{
        const char *slash = strrchr(word, '/');

        return strcmp(slash ? slash + 1 : word, "kubectl-optctl") == 0 ? &kubectl_program : &optctl_program;
}

int main(int count, char **words)
{
        const struct program *program = called_as(count > 0 ? words[0] : "");
        struct error err = ERROR_INIT;

        if (!fill_standard_streams())
                return 1;
        catch_signals();
        /* What GSL cannot compute is a result to judge, not a reason to abort the whole program. */
        gsl_set_error_handler_off();
        if (count < 2) {
                usage_print_program(program, stderr);
                return 2;
        }
        if (command_main(program, count - 1, (const char *const *)(words + 1), &err) &&
            (fflush(stdout) != 0 || ferror(stdout)))
                error_errno(&err, errno, "standard output");
        if (err.code == ERROR_IO && reader_gone())
                die_of_sigpipe();
        if (err.code != ERROR_NONE)
                fprintf(stderr, "%s: %s\n", program->name, err.message);
        return error_exit_status(&err);
}

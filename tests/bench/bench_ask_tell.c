/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `optctl tune --ask-tell` takes as a program of its own: time from its start until the first answer is
 * read, and peak resident memory after many trials of eight floats.
 *
 *   bench_ask_tell [PROGRAM]   (build/bench/optctl)
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/random.h"

#define FLOATS     8
#define STARTS     31
#define LAST_ASKED 5 /* suggestions after all trials are told */
#define MOST_LINE  4096

struct session {
        pid_t process;
        FILE *in, *out; /* of the program */
};

static void stop(const char *message)
{
        fprintf(stderr, "bench_ask_tell: %s\n", message);
        exit(1);
}

static double now_seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct session start(const char *program)
{
        char name[] = "optctl", verb[] = "tune",
             how[] = "--ask-tell", *const words[] = {name, verb, how, NULL};
        struct session session = {0};
        posix_spawn_file_actions_t files;
        int in[2], out[2];

        if (pipe(in) != 0 || pipe(out) != 0)
                stop("no pipe");
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose(&files, in[1]);
        posix_spawn_file_actions_addclose(&files, out[0]);
        if (posix_spawn(&session.process, program, &files, NULL, words, environ) != 0)
                stop("cannot start the program");
        posix_spawn_file_actions_destroy(&files);
        close(in[0]);
        close(out[1]);
        session.in = fdopen(in[1], "w");
        session.out = fdopen(out[0], "r");
        if (!session.in || !session.out)
                stop("no memory");
        return session;
}

static void declare_space(const struct session *session)
{
        fprintf(session->in, "{\"space\":[");
        for (int k = 0; k < FLOATS; k++)
                fprintf(session->in, "%s{\"name\":\"x%d\",\"type\":\"float\",\"low\":0,\"high\":1}",
                        k ? "," : "", k);
        fprintf(session->in, "],\"seed\":1}\n");
}

/* Asks, and reads the answer. */
static void ask(const struct session *session)
{
        char answer[MOST_LINE];

        fprintf(session->in, "{\"ask\":1}\n");
        fflush(session->in);
        if (!fgets(answer, sizeof answer, session->out) || strncmp(answer, "{\"id\":", 6) != 0)
                stop("no suggestion");
}

/* A trial at a point drawn by chance, of a bowl. */
static void tell(const struct session *session, gsl_rng *rng)
{
        double y = 1;

        fprintf(session->in, "{\"tell\":{\"x\":{");
        for (int k = 0; k < FLOATS; k++) {
                double at = gsl_rng_uniform(rng);

                fprintf(session->in, "%s\"x%d\":%.17g", k ? "," : "", k, at);
                y += (at - 0.3) * (at - 0.3);
        }
        fprintf(session->in, "},\"y\":%.17g}}\n", y);
}

/* Ends the program, and says what it took. */
static struct rusage end(const struct session *session)
{
        struct rusage usage;
        int status;

        fclose(session->in);
        fclose(session->out);
        if (wait4(session->process, &status, 0, &usage) != session->process || status != 0)
                stop("the program failed");
        return usage;
}

static double cpu_seconds(const struct rusage *usage)
{
        return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
               1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void bench_start(const char *program)
{
        double seconds[STARTS], cpu[STARTS];

        for (int i = 0; i < STARTS; i++) {
                double begin = now_seconds();
                struct session session = start(program);
                struct rusage usage;

                declare_space(&session);
                ask(&session);
                seconds[i] = now_seconds() - begin;
                usage = end(&session);
                cpu[i] = cpu_seconds(&usage);
        }
        qsort(seconds, STARTS, sizeof *seconds, by_size);
        qsort(cpu, STARTS, sizeof *cpu, by_size);
        printf("start to first answer        %8.1f ms (median of %d), %.1f at best; CPU to the end %.1f ms\n",
               1e3 * seconds[STARTS / 2], STARTS, 1e3 * seconds[0], 1e3 * cpu[STARTS / 2]);
}

static void bench_memory(const char *program, int told)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(1, 0, 0);
        struct session session = start(program);
        struct rusage usage;

        declare_space(&session);
        for (int trial = 0; trial < told; trial++)
                tell(&session, rng);
        for (int i = 0; i < LAST_ASKED; i++)
                ask(&session);
        usage = end(&session);
        printf("peak memory, d = %d, n = %-4d  %8.1f MB\n", FLOATS, told, 1024e-6 * (double)usage.ru_maxrss);
}

int main(int count, char **words)
{
        const char *program = count > 1 ? words[1] : "build/bench/optctl";

        bench_start(program);
        bench_memory(program, 100);
        bench_memory(program, 1000);
        return 0;
}

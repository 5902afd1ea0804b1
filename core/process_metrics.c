/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/process_metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"

#define MICROSECONDS 1e6
#define STAT_ROOM    1024

enum figure { FIGURE_CPU, FIGURE_RESIDENT, FIGURE_OPEN, FIGURE_MOST_OPEN, FIGURE_START, N_FIGURES };

static const struct metric_family figures[N_FIGURES] = {
        [FIGURE_CPU] = {.name = "process_cpu_seconds_total",
                        .type = METRIC_COUNTER,
                        .help = "CPU time that the process has taken, of the user and of the system."},
        [FIGURE_RESIDENT] = {.name = "process_resident_memory_bytes",
                             .type = METRIC_GAUGE,
                             .help = "Memory of the process that is resident."},
        [FIGURE_OPEN] = {.name = "process_open_fds", .type = METRIC_GAUGE, .help = "Open file descriptors."},
        [FIGURE_MOST_OPEN] = {.name = "process_max_fds",
                              .type = METRIC_GAUGE,
                              .help = "As many file descriptors as may be open."},
        [FIGURE_START] = {.name = "process_start_time_seconds",
                          .type = METRIC_GAUGE,
                          .help = "When the process began, in seconds since 1970 UTC."},
};
METRIC_FAMILIES(figures);

static const struct metric_family build_family = {.name = "optctl_build_info",
                                                  .type = METRIC_GAUGE,
                                                  .help = "1, with the version of this optctl.",
                                                  .labels = (const char *const[]){"version", NULL}};
METRIC_FAMILY(build_family);

static double cpu_seconds(void)
{
        struct rusage usage;

        if (getrusage(RUSAGE_SELF, &usage) != 0)
                return NAN;
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / MICROSECONDS;
}

/* The first line of a file of the kernel's; empty when it cannot be read. */
static void read_line(const char *path, char ret_line[STAT_ROOM])
{
        FILE *file = fopen(path, "re");

        ret_line[0] = '\0';
        if (!file)
                return;
        if (!fgets(ret_line, STAT_ROOM, file))
                ret_line[0] = '\0';
        fclose(file);
}

/* What a text begins with, or NAN. */
static double number(const char *text)
{
        char *end;
        double value = strtod(text, &end);

        return end > text ? value : NAN;
}

/* proc(5): the second number of statm, in pages. */
static double resident_bytes(void)
{
        char line[STAT_ROOM];
        const char *second;

        read_line("/proc/self/statm", line);
        second = strchr(line, ' ');
        return second ? number(second) * (double)sysconf(_SC_PAGESIZE) : NAN;
}

/* proc(5): the 22nd field of stat, in ticks since the machine began; the second one is a name in brackets. */
static double started_ticks(void)
{
        char line[STAT_ROOM];
        const char *field;

        read_line("/proc/self/stat", line);
        field = strrchr(line, ')');
        for (int i = 0; field && i < 20; i++)
                field = strchr(field + 1, ' ');
        return field ? number(field) : NAN;
}

static double started_seconds(void)
{
        struct clock clock = clock_system();
        char line[STAT_ROOM];
        double ticks = started_ticks();

        read_line("/proc/uptime", line);
        return (double)clock_now_ms(&clock) / MS_PER_SECOND - number(line) +
               ticks / (double)sysconf(_SC_CLK_TCK);
}

static double open_descriptors(void)
{
        DIR *folder = opendir("/proc/self/fd");
        int count = -3; /* itself, and the two that every folder has */

        if (!folder)
                return NAN;
        /* cppcheck-suppress readdirCalled ; nobody else reads this stream */
        while (readdir(folder))
                count++;
        closedir(folder);
        return count;
}

static double most_descriptors(void)
{
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : NAN;
}

void process_metrics_begin(struct metrics *metrics)
{
        metrics_set(metrics, &figures[FIGURE_START], NULL, started_seconds());
        metrics_set(metrics, &figures[FIGURE_MOST_OPEN], NULL, most_descriptors());
        metrics_set(metrics, &build_family, (const char *const[]){OPTCTL_VERSION}, 1);
}

void process_metrics_read(struct metrics *metrics)
{
        metrics_set(metrics, &figures[FIGURE_CPU], NULL, cpu_seconds());
        metrics_set(metrics, &figures[FIGURE_RESIDENT], NULL, resident_bytes());
        metrics_set(metrics, &figures[FIGURE_OPEN], NULL, open_descriptors());
}

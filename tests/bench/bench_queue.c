/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events a second of the queue core on one core, with the cost of busy and idle servers accrued at a price
 * that changes every hour. The M/M/50 network is three stations in a row, 50 servers each; an event is an
 * arrival from outside or the end of a service, which includes going on to the next station. Every run checks
 * itself (conservation, Little's law).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/formulas.h"
#include "core/option.h"
#include "core/yaml.h"
#include "sim/queue.h"

#define SERVERS 50
#define ROUNDS  5 /* the fastest counts: the machine may have other things to do */

static double seconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_machine(void)
{
        FILE *file = fopen("/proc/cpuinfo", "r");
        char line[256];

        while (file && fgets(line, sizeof line, file)) {
                if (strncmp(line, "model name", 10) != 0)
                        continue;
                printf("cpu: %s", strchr(line, ':') + 2);
                break;
        }
        if (file)
                fclose(file);
}

static void stop(const struct error *err)
{
        fprintf(stderr, "bench_queue: %s\n", err->message);
        exit(1);
}

/* A year of hourly prices of energy on top of a constant price of the worker. */
static struct price_book *open_prices(void)
{
        char path[] = "/tmp/optctl-bench-XXXXXX";
        int fd = mkstemp(path);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
        autofree char *yaml = NULL;
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;
        struct price_book *book = NULL;
        void *options = NULL;

        if (!file)
                exit(1);
        for (long hour = 0; hour < 8784; hour++)
                fprintf(file, "%ld,%ld\n", 1704067200 + hour * 3600, hour * 7919 % 200 - 20);
        fclose(file);
        yaml = memory_format(
                "{currency: EUR, worker: {perHour: \"0.2\"}, energy: {wattsPerWorker: 200, file: %s, "
                "repeat: true}}",
                path);
        if (!yaml_parse(yaml, strlen(yaml), "bench", &document, &err) ||
            !option_new(&prices_table, yaml_root(document), &options, &err) ||
            !price_book_new(options, ".", &book, &err))
                stop(&err);
        option_delete(&prices_table, options);
        unlink(path);
        return book;
}

static struct queue_figures *fastest(const struct queue_network *network, const struct queue_setup *setup,
                                     double *ret_seconds)
{
        struct queue_figures *figures = NULL;
        struct error err = ERROR_INIT;

        for (int round = 0; round < ROUNDS; round++) {
                double begin = seconds_now(), seconds;

                queue_figures_free(figures);
                if (!queue_run(network, setup, &figures, &err))
                        stop(&err);
                seconds = seconds_now() - begin;
                if (round == 0 || seconds < *ret_seconds)
                        *ret_seconds = seconds;
        }
        return figures;
}

/* `n` M/M/c stations in a row at 90 % utilisation, service 1 s; the last one must wait as Erlang C says. */
static void bench(const char *name, size_t n, int servers, const struct price_book *prices)
{
        struct queue_station stations[3] = {0};
        double routing[3][3] = {{0}};
        struct queue_network network = {.n_stations = n, .stations = stations};
        double lambda = 0.9 * servers, wall = 0;
        struct queue_setup setup = {.warmup_seconds = 1000 / lambda * servers,
                                    .seconds = 6e6 / lambda / (double)(n + 1) * 2,
                                    .batches = 32,
                                    .seed = 1,
                                    .prices = prices,
                                    .start_ms = 1704067200000};
        autocall(queue_figures_free) struct queue_figures *figures = NULL;

        for (size_t i = 0; i < n; i++) {
                stations[i] = (struct queue_station){.name = name,
                                                     .servers = servers,
                                                     .service = {.mean_seconds = 1},
                                                     .routing = routing[i]};
                if (i + 1 < n)
                        routing[i][i + 1] = 1;
        }
        stations[0].arrivals.mean_seconds = 1 / lambda;
        figures = fastest(&network, &setup, &wall);
        printf("%-24s %12llu %8.1f %10.4f %10.4f %10.2f\n", name, (unsigned long long)figures->events,
               (double)figures->events / wall / 1e6, figures->stations[n - 1].wait_ratio.mean,
               erlang_c(servers, lambda), figures->cost);
}

int main(void)
{
        autocall(price_book_free) struct price_book *prices = open_prices();

        print_machine();
        printf("%-24s %12s %8s %10s %10s %10s\n", "one core, with cost", "events", "M/s", "P(wait)",
               "Erlang C", "cost EUR");
        bench("M/M/1", 1, 1, prices);
        bench("M/M/50", 1, SERVERS, prices);
        bench("M/M/50 x 3 in a row", 3, SERVERS, prices);
        bench("M/M/1000", 1, 1000, prices);
        return 0;
}

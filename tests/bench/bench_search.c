/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many trials a search needs: on tables that others measured (OPTCTL_DATA or ../shared/data, folder
 * tuning/; what is absent is skipped) and on functions with a known minimum. A trial of a table is a look at
 * one of its rows.
 *
 *   bench_search [clusters|cherrypick|binary|constrained|synthetic|time]... [--runs N]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "core/random.h"
#include "core/text.h"
#include "optimizer/search.h"

#define CELLS     32
#define CELL      40
#define TRACE_MAX 512

static double now_seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void stop(const struct error *err)
{
        fprintf(stderr, "bench_search: %s\n", err->message);
        exit(1);
}

/* ---- tables ---- */

struct table {
        int columns, rows;
        char name[CELLS][CELL];
        char (*cells)[CELLS][CELL];
};

static int split(char *line, char (*ret_cells)[CELL])
{
        int count = 0;

        for (char *at = line; at && count < CELLS;) {
                char *end = strpbrk(at, ",\r\n");
                bool more = end && *end == ',';

                if (end)
                        *end = '\0';
                if (*at == '"') {
                        at++;
                        at[strcspn(at, "\"")] = '\0';
                }
                snprintf(ret_cells[count++], CELL, "%s", at);
                at = more ? end + 1 : NULL;
        }
        return count;
}

/* False, and a line that says so, when the file is not there. */
static bool table_read(const char *name, struct table *ret_table)
{
        const char *folder = getenv("OPTCTL_DATA");
        autofree char *path = memory_format("%s/tuning/%s", folder ? folder : "../shared/data", name);
        struct table table = {0};
        gzFile file = access(path, R_OK) == 0 ? gzopen(path, "rb") : NULL;
        char line[4096];

        if (!file) {
                printf("%s: skipped, it is not here\n", name);
                return false;
        }
        while (gzgets(file, line, sizeof line)) {
                if (table.columns == 0) {
                        table.columns = split(line, table.name);
                        continue;
                }
                table.cells = memory_resize(table.cells, (size_t)table.rows + 1, sizeof *table.cells);
                split(line, table.cells[table.rows++]);
        }
        gzclose(file);
        *ret_table = table;
        return true;
}

static int column(const struct table *table, const char *name)
{
        for (int c = 0; c < table->columns; c++)
                if (strcmp(table->name[c], name) == 0)
                        return c;
        fprintf(stderr, "bench_search: no column %s\n", name);
        exit(1);
}

static double number(const struct table *table, int row, const char *name)
{
        return strtod(table->cells[row][column(table, name)], NULL);
}

static const char *cell(const struct table *table, int row, const char *name)
{
        return table->cells[row][column(table, name)];
}

/* ---- spaces over tables ---- */

static struct search_parameter *add_parameter(struct search_space *space, const char *name,
                                              enum search_type type)
{
        struct search_parameter *parameter = &space->parameters[space->n++];

        *parameter = (struct search_parameter){.name = memory_copy_text(name),
                                               .type = type,
                                               .step = type == SEARCH_FLOAT ? 0 : 1,
                                               .when = -1};
        return parameter;
}

static int choice_of(struct search_parameter *parameter, const char *text)
{
        for (int c = 0; c < parameter->n_choices; c++)
                if (strcmp(parameter->choices[c], text) == 0)
                        return c;
        parameter->choices =
                memory_resize(parameter->choices, (size_t)parameter->n_choices + 1, sizeof(char *));
        parameter->choices[parameter->n_choices] = memory_copy_text(text);
        parameter->high = parameter->n_choices;
        return parameter->n_choices++;
}

/* A space whose points are the rows `row`: parameters by name, "#" before a name for a number, and columns
 * that are known beforehand. */
static struct search_space *table_space(const struct table *table, const int *row, int rows,
                                        const char *const *parameters, const char *const *columns)
{
        struct search_space *space = memory_new(1, sizeof *space);
        int n = 0;

        while (parameters[n])
                n++;
        space->n_candidates = rows;
        space->candidates = memory_new((size_t)rows * (size_t)n, sizeof *space->candidates);
        for (int p = 0; p < n; p++) {
                bool numeric = parameters[p][0] == '#';
                struct search_parameter *parameter =
                        add_parameter(space, parameters[p] + numeric,
                                      numeric ? SEARCH_INTEGER : SEARCH_CATEGORY);

                parameter->low = numeric ? INFINITY : 0;
                parameter->high = numeric ? -INFINITY : 0;
                for (int i = 0; i < rows; i++) {
                        const char *text = cell(table, row[i], parameters[p] + numeric);
                        double value = numeric ? strtod(text, NULL) : choice_of(parameter, text);

                        space->candidates[i * n + p] = value;
                        parameter->low = fmin(parameter->low, value);
                        parameter->high = fmax(parameter->high, value);
                }
        }
        for (; *columns; columns++) {
                struct search_column *known = &space->columns[space->n_columns++];

                known->name = memory_copy_text(*columns);
                known->value = memory_new((size_t)rows, sizeof *known->value);
                for (int i = 0; i < rows; i++)
                        known->value[i] = number(table, row[i], *columns);
        }
        return space;
}

static void add_price(struct search_space *space, const double *price)
{
        struct search_column *known = &space->columns[space->n_columns++];

        known->name = memory_copy_text("price");
        known->value = memory_new((size_t)space->n_candidates, sizeof *known->value);
        memcpy(known->value, price, (size_t)space->n_candidates * sizeof *price);
}

/* ---- one search over a table ---- */

struct look {
        const double *y;          /* of each row; NAN: a failed run */
        const double *constraint; /* or NULL */
        const int *first;         /* rows told before anything is asked, ends with -1; or NULL */
        double target;
        int most;
};

static void tell_row(struct search *search, const struct look *look, int64_t id, const double *point, int row)
{
        struct search_outcome outcome = {.id = id, .point = point, .y = look->y[row]};
        struct error err = ERROR_INIT;

        outcome.status = isnan(look->y[row]) ? SEARCH_FAILED : SEARCH_OK;
        outcome.constraints[0] = look->constraint ? look->constraint[row] : 0;
        if (!search_tell(search, &outcome, &err))
                stop(&err);
}

static bool is_there(const struct look *look, int row)
{
        return look->y[row] <= look->target && (!look->constraint || look->constraint[row] <= 0);
}

/* Trials until the target is met, most + 1 when it is not. ret_late: infeasible trials after the 10th. */
static int look_for(struct search_space *space, struct search_options options, const struct look *look,
                    int *ret_late)
{
        autocall(search_free) struct search *search = search_new(space, &options);
        struct search_suggestion next;
        struct error err = ERROR_INIT;
        int constraint, trials = 0, found = look->most + 1;

        if (look->constraint && !search_constraint(search, "bound", &constraint, &err))
                stop(&err);
        for (const int *row = look->first; row && *row >= 0; row++) {
                tell_row(search, look, 0, space->candidates + (size_t)*row * (size_t)space->n, *row);
                trials++;
                if (is_there(look, *row) && found > trials)
                        found = trials;
        }
        while (trials < look->most && (found > look->most || ret_late)) {
                if (!search_ask(search, &next, &err))
                        stop(&err);
                if (next.id == 0)
                        break;
                tell_row(search, look, next.id, NULL, next.candidate);
                trials++;
                if (is_there(look, next.candidate) && found > trials)
                        found = trials;
                if (ret_late && trials > 10 && look->constraint && look->constraint[next.candidate] > 0)
                        (*ret_late)++;
        }
        return found;
}

/* ---- clusters_140 ---- */

static const char *const workloads[] = {"spark_lda_gigantic", "spark_lda_huge", "spark_linear_gigantic",
                                        "spark_linear_huge", "spark_rf_huge"};

/* Price of a cluster per hour; that of its kind where the row, of a failed run, does not say. */
static double cluster_price(const struct table *table, int row)
{
        for (int other = -1; other < table->rows; other++) {
                int from = other < 0 ? row : other;

                if (strcmp(cell(table, from, "family"), cell(table, row, "family")) == 0 &&
                    strcmp(cell(table, from, "size"), cell(table, row, "size")) == 0 &&
                    cell(table, from, "implied_price_per_node_h")[0])
                        return number(table, from, "implied_price_per_node_h") * number(table, row, "nodes");
        }
        return NAN;
}

/* Rows of the first three points of a run of the published traces. */
static void trace_first(const struct table *table, const struct table *traces, const int *row, int rows,
                        const char *objective, const char *workload, int run, int first[4])
{
        int count = 0;

        for (int t = 0; t < traces->rows && count < 3; t++) {
                char(*trace)[CELL] = traces->cells[t];

                if (strcmp(trace[0], objective) != 0 || strcmp(trace[1], workload) != 0 ||
                    strcmp(trace[2], "random") != 0 || atoi(trace[3]) != run)
                        continue;
                for (int i = 0; i < rows; i++)
                        if (strcmp(trace[5], cell(table, row[i], "family")) == 0 &&
                            strcmp(trace[6], cell(table, row[i], "size")) == 0 &&
                            strcmp(trace[7], cell(table, row[i], "nodes")) == 0)
                                first[count++] = i;
        }
        first[count] = -1;
}

static void bench_clusters_of(const struct table *table, const struct table *traces, const char *objective,
                              int runs)
{
        static const char *const parameters[] = {"family", "size", "#nodes", NULL};
        static const char *const columns[] = {"vcpus_per_node", "ram_gib_per_core", NULL};
        bool cost = strcmp(objective, "cost") == 0;
        double sum = 0, square = 0, begin = now_seconds(), n = 0;
        int missed = 0;

        printf("%-28s", objective);
        for (size_t w = 0; w < ARRAY_LENGTH(workloads); w++) {
                int row[256], rows = 0;
                double y[256], price[256], best = INFINITY, part = 0;

                for (int i = 0; i < table->rows; i++)
                        if (strcmp(cell(table, i, "workload"), workloads[w]) == 0)
                                row[rows++] = i;
                for (int i = 0; i < rows; i++) {
                        y[i] = number(table, row[i], "completed") > 0
                                       ? number(table, row[i], cost ? "cost_usd" : "runtime_s")
                                       : NAN;
                        price[i] = cluster_price(table, row[i]);
                        best = fmin(best, isnan(y[i]) ? INFINITY : y[i]);
                }
                for (int run = 0; run < runs; run++) {
                        struct search_space *space = table_space(table, row, rows, parameters, columns);
                        struct search_options options = {.seed = (uint64_t)run, .budget = 30, .price = -1};
                        struct look look = {.y = y, .target = 1.1 * best, .most = 30};
                        int first[4], found;

                        if (cost)
                                add_price(space, price);
                        options.price = cost ? 2 : -1;
                        trace_first(table, traces, row, rows, objective, workloads[w], run, first);
                        look.first = first;
                        found = look_for(space, options, &look, NULL);
                        sum += found;
                        square += (double)found * found;
                        part += found;
                        missed += found > 30;
                        n++;
                }
                printf(" %6.2f", part / runs);
        }
        printf("   mean %6.2f +- %.2f, missed %d of %.0f, %.1f CPU s\n", sum / n,
               sqrt((square / n - sum / n * sum / n) / n), missed, n, now_seconds() - begin);
}

static void bench_clusters(int runs)
{
        struct table table, traces;

        if (!table_read("clusters_140.csv", &table) || !table_read("peer_traces_140.csv.gz", &traces))
                return;
        runs = runs > 0 && runs < 50 ? runs : 50;
        printf("clusters_140: trials to 1.10 x optimum, misses 31; %d runs each of 5 jobs\n", runs);
        bench_clusters_of(&table, &traces, "cost", runs);
        bench_clusters_of(&table, &traces, "runtime", runs);
        free(table.cells);
        free(traces.cells);
}

/* ---- CherryPick's tables ---- */

static void bench_cherrypick(int runs)
{
        static const char *const names[] = {"kmeans", "spark", "terasort", "tpcds", "tpch"};
        static const char *const parameters[] = {"vm_name", "#num_machines", NULL};
        static const char *const columns[] = {"cpu_count", "ram", "vm_cost", NULL};
        double sum = 0, begin = now_seconds();

        runs = runs > 0 ? runs : 50;
        printf("CherryPick: trials to the optimum, %d seeds each\n%-28s", runs, "cost");
        for (size_t w = 0; w < ARRAY_LENGTH(names); w++) {
                autofree char *name = memory_format("CP_%s.csv", names[w]);
                int row[256];
                double y[256], price[256], part = 0, best = INFINITY;
                struct table table;

                if (!table_read(name, &table))
                        return;
                for (int i = 0; i < table.rows; i++) {
                        row[i] = i;
                        price[i] = number(&table, i, "num_machines") * number(&table, i, "vm_cost");
                        y[i] = number(&table, i, "time") / 3600 * price[i];
                        best = fmin(best, y[i]);
                }
                for (int run = 0; run < runs; run++) {
                        struct search_space *space =
                                table_space(&table, row, table.rows, parameters, columns);
                        struct search_options options = {.seed = (uint64_t)run, .budget = 30, .price = 3};
                        struct look look = {.y = y, .target = best, .most = table.rows};

                        add_price(space, price);
                        part += look_for(space, options, &look, NULL);
                }
                sum += part / runs;
                printf(" %6.2f", part / runs);
                free(table.cells);
        }
        printf("   mean %6.2f, %.1f CPU s\n", sum / ARRAY_LENGTH(names), now_seconds() - begin);
}

/* ---- options of compilers and databases ---- */

static void bench_binary_of(const char *name, int runs)
{
        const char *parameters[CELLS + 1] = {NULL}, *const columns[] = {NULL};
        char marked[CELLS][CELL + 1];
        double sum = 0, best = INFINITY, begin = now_seconds();
        struct table table;
        double *y;
        int *row;

        if (!table_read(name, &table))
                return;
        y = memory_new((size_t)table.rows, sizeof *y);
        row = memory_new((size_t)table.rows, sizeof *row);
        for (int c = 0; c + 1 < table.columns; c++) {
                snprintf(marked[c], sizeof marked[c], "#%s", table.name[c]);
                parameters[c] = marked[c];
        }
        for (int i = 0; i < table.rows; i++) {
                row[i] = i;
                y[i] = strtod(table.cells[i][table.columns - 1], NULL);
                best = fmin(best, y[i]);
        }
        for (int run = 0; run < runs; run++) {
                struct search_space *space = table_space(&table, row, table.rows, parameters, columns);
                struct search_options options = {.seed = (uint64_t)run, .price = -1};
                struct look look = {.y = y, .target = 1.01 * best, .most = 60};

                int found = look_for(space, options, &look, NULL);
                sum += found;
        }
        printf("%-28s mean %6.2f, %.1f CPU s\n", name, sum / runs, now_seconds() - begin);
        free(table.cells);
        free(y);
        free(row);
}

static void bench_binary(int runs)
{
        runs = runs > 0 ? runs : 20;
        printf("options, trials to 1 %% of the optimum, %d seeds\n", runs);
        bench_binary_of("LLVM.csv", runs);
        bench_binary_of("BDBC.csv", runs);
}

/* ---- cost under a bound on accuracy ---- */

static double vm_price(const char *flavour)
{
        static const struct {
                const char *name;
                double price; /* USD/h, Amazon's list of 2018 */
        } prices[] = {{"t2.small", 0.023},
                      {"t2.medium", 0.0464},
                      {"t2.xlarge", 0.1856},
                      {"t2.2xlarge", 0.3712}};

        for (size_t i = 0; i < ARRAY_LENGTH(prices); i++)
                if (strcmp(prices[i].name, flavour) == 0)
                        return prices[i].price;
        return NAN;
}

static void bench_constrained(int runs)
{
        static const char *const parameters[] = {"learning_rate", "#n_workers", "#batch_size",
                                                 "synchronism",   "vm_flavor",  NULL};
        static const char *const columns[] = {"learning_rate", NULL};
        double y[512], accuracy[512], price[512], best = INFINITY, sum = 0, begin = now_seconds();
        int row[512], within = 0, late = 0;
        struct table table;

        if (!table_read("t2_cnn_intermediate_values.csv", &table))
                return;
        runs = runs > 0 ? runs : 50;
        for (int i = 0; i < table.rows; i++) {
                row[i] = i;
                price[i] = vm_price(cell(&table, i, "vm_flavor")) * (number(&table, i, "n_workers") + 2);
                y[i] = number(&table, i, "training_time") / 3600 * price[i];
                accuracy[i] = 0.85 - number(&table, i, "acc");
                if (accuracy[i] <= 0)
                        best = fmin(best, y[i]);
        }
        for (int run = 0; run < runs; run++) {
                struct search_space *space = table_space(&table, row, table.rows, parameters + 1, columns);
                struct search_options options = {.seed = (uint64_t)run, .price = 1};
                struct look look = {.y = y, .constraint = accuracy, .target = 1.05 * best, .most = 25};
                int found;

                add_price(space, price);
                found = look_for(space, options, &look, &late);
                sum += found;
                within += found <= 25;
        }
        printf("t2_cnn: optimum %.6f USD; within 5 %% in 25 trials: %d of %d runs (mean %.1f); infeasible "
               "after the "
               "10th: %.1f %%, %.1f CPU s\n",
               best, within, runs, sum / runs, 100.0 * late / (15.0 * runs), now_seconds() - begin);
        free(table.cells);
}

/* ---- functions ---- */

static double branin(const double *x)
{
        double a = x[1] - 5.1 / (4 * M_PI * M_PI) * x[0] * x[0] + 5 / M_PI * x[0] - 6;

        return a * a + 10 * (1 - 1 / (8 * M_PI)) * cos(x[0]) + 10;
}

/* Dixon and Szego 1978. */
static double hartmann6(const double *x)
{
        static const double alpha[] = {1, 1.2, 3, 3.2};
        static const double a[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                       {0.05, 10, 17, 0.1, 8, 14},
                                       {3, 3.5, 1.7, 10, 17, 8},
                                       {17, 8, 0.05, 10, 0.1, 14}};
        static const double p[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                       {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                       {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                       {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
        double sum = 0;

        for (int i = 0; i < 4; i++) {
                double off = 0;

                for (int k = 0; k < 6; k++)
                        off += a[i][k] * (x[k] - p[i][k]) * (x[k] - p[i][k]);
                sum -= alpha[i] * exp(-off);
        }
        return sum;
}

/* Ackley's function of eight numbers: four free, three whole, and one by the place of a category. */
static double ackley8(const double *x)
{
        static const double places[] = {-20, 0, 11, 25};
        double square = 0, wave = 0;

        for (int k = 0; k < 8; k++) {
                double at = k < 7 ? x[k] : places[(int)x[k]];

                square += at * at / 8;
                wave += cos(2 * M_PI * at) / 8;
        }
        return 20 + M_E - 20 * exp(-0.2 * sqrt(square)) - exp(wave);
}

static struct search_space *branin_space(void)
{
        struct search_space *space = memory_new(1, sizeof *space);
        struct search_parameter *x = add_parameter(space, "x", SEARCH_FLOAT), *y;

        x->low = -5;
        x->high = 10;
        y = add_parameter(space, "y", SEARCH_FLOAT);
        y->low = 0;
        y->high = 15;
        return space;
}

static struct search_space *hartmann_space(void)
{
        struct search_space *space = memory_new(1, sizeof *space);

        for (int k = 0; k < 6; k++)
                add_parameter(space, "x", SEARCH_FLOAT)->high = 1;
        return space;
}

static struct search_space *ackley_space(void)
{
        struct search_space *space = memory_new(1, sizeof *space);

        for (int k = 0; k < 7; k++) {
                struct search_parameter *parameter =
                        add_parameter(space, "x", k < 4 ? SEARCH_FLOAT : SEARCH_INTEGER);

                parameter->low = k < 4 ? -32.768 : -32;
                parameter->high = k < 4 ? 32.768 : 32;
        }
        struct search_parameter *kind = add_parameter(space, "kind", SEARCH_CATEGORY);
        for (int c = 0; c < 4; c++) {
                static const char *const kinds[] = {"a", "b", "c", "d"};

                choice_of(kind, kinds[c]);
        }
        return space;
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void bench_function(const char *name, struct search_space *(*make)(void),
                           double (*function)(const double *), double least, int runs)
{
        double regret[1024], begin = now_seconds();

        for (int run = 0; run < runs; run++) {
                struct search_options options = {.seed = (uint64_t)run, .price = -1, .budget = 50};
                autocall(search_free) struct search *search = search_new(make(), &options);
                double best = INFINITY;

                for (int trial = 0; trial < 50; trial++) {
                        struct search_suggestion next;
                        struct search_outcome outcome = {.status = SEARCH_OK};
                        struct error err = ERROR_INIT;

                        if (!search_ask(search, &next, &err))
                                stop(&err);
                        outcome.id = next.id;
                        outcome.y = function(next.point);
                        best = fmin(best, outcome.y);
                        if (!search_tell(search, &outcome, &err))
                                stop(&err);
                }
                regret[run] = best - least;
        }
        qsort(regret, (size_t)runs, sizeof *regret, by_size);
        printf("%-28s median regret %.3g (quartiles %.3g, %.3g), %.1f CPU s\n", name,
               0.5 * (regret[(runs - 1) / 2] + regret[runs / 2]), regret[runs / 4], regret[3 * runs / 4],
               now_seconds() - begin);
}

static void bench_synthetic(int runs)
{
        runs = runs > 0 ? runs : 20;
        printf("functions, 50 trials, %d seeds\n", runs);
        bench_function("Branin", branin_space, branin, 0.39788735772973816, runs);
        bench_function("Hartmann-6", hartmann_space, hartmann6, -3.322368011415515, runs);
        bench_function("Ackley-8 mixed", ackley_space, ackley8, 0, runs);
}

/* ---- time ---- */

/* CPU milliseconds of a suggestion in eight floats after `told` trials: the mean of `asks`, after one that is
 * not counted, which is the first to look for parameters. */
static void time_suggestions(int told, int asks)
{
        struct search_space *space = memory_new(1, sizeof *space);
        const struct search_options options = {.seed = 1, .price = -1};
        struct search_suggestion next;
        struct error err = ERROR_INIT;
        double begin = 0, first = now_seconds();

        for (int k = 0; k < 8; k++)
                add_parameter(space, "x", SEARCH_FLOAT)->high = 1;
        autocall(search_free) struct search *search = search_new(space, &options);
        autocall(gsl_rng_free) gsl_rng *rng = random_new(1, 0, 0);
        for (int trial = 0; trial < told + 1 + asks; trial++) {
                struct search_outcome outcome = {.point = next.point, .status = SEARCH_OK};

                for (int k = 0; k < 8; k++)
                        next.point[k] = gsl_rng_uniform(rng);
                if (trial == told)
                        first = now_seconds();
                if (trial == told + 1)
                        begin = now_seconds();
                if (trial >= told && !search_ask(search, &next, &err))
                        stop(&err);
                outcome.id = trial >= told ? next.id : 0;
                for (int k = 0; k < 8; k++)
                        outcome.y += (next.point[k] - 0.3) * (next.point[k] - 0.3);
                if (!search_tell(search, &outcome, &err))
                        stop(&err);
        }
        printf("suggestion, d = 8, n = %-4d   %8.1f CPU ms, the first %.1f\n", told,
               1e3 * (now_seconds() - begin) / asks, 1e3 * (begin - first));
}

static void bench_time(int runs)
{
        (void)runs;
        time_suggestions(100, 20);
        time_suggestions(1000, 5);
}

int main(int count, char **words)
{
        static const struct {
                const char *name;
                void (*run)(int runs);
        } parts[] = {{"clusters", bench_clusters},   {"cherrypick", bench_cherrypick},
                     {"binary", bench_binary},       {"constrained", bench_constrained},
                     {"synthetic", bench_synthetic}, {"time", bench_time}};
        bool all = true;
        int runs = 0;

        for (int i = 1; i < count; i++) {
                if (strcmp(words[i], "--runs") == 0 && i + 1 < count)
                        runs = atoi(words[++i]);
                else
                        all = false;
        }
        for (size_t p = 0; p < ARRAY_LENGTH(parts); p++) {
                bool wanted = all;

                for (int i = 1; i < count; i++)
                        wanted |= strcmp(words[i], parts[p].name) == 0;
                if (wanted)
                        parts[p].run(runs);
        }
        return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many trials a search needs, on tables that others measured (tests/support/tuning_tables.h; what is
 * absent is skipped) and on functions with a known minimum, and what a suggestion takes.
 *
 *   bench_search [clusters|transfer|cherrypick|drawn|switches|constrained|synthetic|ackley|time]... [--runs
 * N]
 * [--seed N]
 *
 * --seed: of the first run on a function, on options, under a bound or from rows drawn by chance (0); the
 * others follow. Functions print the regret of each run, too.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/random.h"
#include "optimizer/search/search.h"
#include "tests/support/tuning_tables.h"

#define MOST_RUNS  1024
#define DRAWN_MOST 3 /* rows that a search is begun at */

static int first_seed; /* of the runs that --seed speaks of */

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

/* ---- one search over a table ---- */

struct look {
        const struct tuning_case *tuned;
        const int *first; /* rows told before anything is asked, ends with -1; or NULL */
        double target;
        int most;
        /* Told as earlier studies, when not NULL. */
        void (*earlier)(struct search *search, const struct look *look, int seed);
};

static void tell_row(struct search *search, const struct look *look, int64_t id, const double *point, int row)
{
        const struct tuning_case *tuned = look->tuned;
        struct search_outcome outcome = {.id = id, .point = point, .y = tuned->y[row]};
        struct error err = ERROR_INIT;

        outcome.status = isnan(outcome.y) ? SEARCH_FAILED : SEARCH_OK;
        outcome.constraints[0] = tuned->bound ? tuned->bound[row] : 0;
        if (!search_tell(search, &outcome, &err))
                stop(&err);
}

static bool is_there(const struct look *look, int row)
{
        return look->tuned->y[row] <= look->target && !(look->tuned->bound && look->tuned->bound[row] > 0);
}

/* Tells what was run before anything is asked; returns how many, and *ret_found of them met the target. */
static int tell_first(struct search *search, const struct look *look, int *ret_found)
{
        const struct search_space *space = search_space_of(search);
        int trials = 0;

        for (const int *row = look->first; row && *row >= 0; row++) {
                tell_row(search, look, 0, space->candidates + (size_t)*row * (size_t)space->n, *row);
                trials++;
                if (is_there(look, *row) && *ret_found > trials)
                        *ret_found = trials;
        }
        return trials;
}

/* Trials until the target is met, most + 1 when it is not. budget: that the search is told. ret_late: gains
 * the trials after the 10th that break the bound. */
static int look_for(const struct look *look, int seed, int budget, int *ret_late)
{
        struct search_options options = tuning_case_options(look->tuned, seed);
        autocall(search_free) struct search *search = NULL;
        struct search_suggestion next;
        struct error err = ERROR_INIT;
        int constraint, found = look->most + 1, trials;

        options.budget = budget;
        search = search_new(tuning_case_space(look->tuned), &options);
        if (look->earlier)
                look->earlier(search, look, seed);
        trials = tell_first(search, look, &found);
        if (look->tuned->bound && !search_constraint(search, "bound", &constraint, &err))
                stop(&err);
        while (trials < look->most && (found > look->most || ret_late)) {
                if (!search_ask(search, &next, &err))
                        stop(&err);
                if (next.id == 0)
                        break;
                tell_row(search, look, next.id, NULL, next.candidate);
                trials++;
                if (is_there(look, next.candidate) && found > trials)
                        found = trials;
                if (ret_late && trials > 10 && look->tuned->bound[next.candidate] > 0)
                        (*ret_late)++;
        }
        return found;
}

/* ---- clusters_140 ---- */

/* Rows of the first three points of a run of the published traces. */
static void trace_first(const struct tuning_case *tuned, const struct tuning_table *traces, bool cost,
                        const char *job, int run, int first[4])
{
        int count = 0;

        for (int t = 0; t < traces->rows && count < 3; t++) {
                char(*trace)[TUNING_CELL] = traces->cells[t];

                if (strcmp(trace[0], cost ? "cost" : "runtime") != 0 || strcmp(trace[1], job) != 0 ||
                    strcmp(trace[2], "random") != 0 || atoi(trace[3]) != run)
                        continue;
                for (int i = 0; i < tuned->table->rows && count < 3; i++)
                        if (strcmp(trace[5], tuning_cell(tuned->table, i, "family")) == 0 &&
                            strcmp(trace[6], tuning_cell(tuned->table, i, "size")) == 0 &&
                            strcmp(trace[7], tuning_cell(tuned->table, i, "nodes")) == 0)
                                first[count++] = i;
        }
        first[count] = -1;
}

/* traces: NULL where the search chooses its first points itself. */
static void bench_clusters_of(const struct tuning_table *traces, bool cost, int runs)
{
        double sum = 0, square = 0, begin = now_seconds(), n = 0;
        int missed = 0;

        printf("%s%-21s", cost ? "cost   " : "runtime", traces ? "" : ", own first points");
        for (int job = 0; job < TUNING_CLUSTER_JOBS; job++) {
                autocall(tuning_case_free) struct tuning_case *tuned = tuning_clusters(job, cost);
                struct look look = {.tuned = tuned, .target = 1.1 * tuning_case_best(tuned), .most = 30};
                double part = 0;

                for (int run = 0; run < runs; run++) {
                        int first[4], found;

                        if (traces)
                                trace_first(tuned, traces, cost, tuning_clusters_job(job), run, first);
                        look.first = traces ? first : NULL;
                        found = look_for(&look, run, 30, NULL);
                        square += (double)found * found;
                        part += found;
                        missed += found > 30;
                        n++;
                }
                sum += part;
                printf(" %6.2f", part / runs);
        }
        printf("   mean %6.2f +- %.2f, missed %d of %.0f, %.1f CPU s\n", sum / n,
               sqrt((square / n - sum / n * sum / n) / n), missed, n, now_seconds() - begin);
}

static void bench_clusters(int runs)
{
        autocall(tuning_case_free) struct tuning_case *any = tuning_clusters(0, true);
        autocall(tuning_table_free) struct tuning_table *traces = tuning_table_read("peer_traces_140.csv.gz");

        if (!any || !traces)
                return;
        runs = runs > 0 && runs < 50 ? runs : 50;
        printf("clusters_140: trials to 1.10 x optimum, misses 31; %d runs each of 5 jobs\n", runs);
        bench_clusters_of(traces, true, runs);
        bench_clusters_of(traces, false, runs);
        bench_clusters_of(NULL, true, runs);
        bench_clusters_of(NULL, false, runs);
}

/* ---- clusters_140, with what published runs of the other jobs found ---- */

enum earlier { EARLIER_NONE, EARLIER_RUNS, EARLIER_NEGATED, EARLIER_SHUFFLED };

struct transfer {
        const struct tuning_table *traces;
        enum earlier earlier;
        const char *method;
        bool cost;
        int job; /* that is searched */
};

static struct transfer transfer; /* of the searches that run */

static int find_cluster(const struct tuning_table *table, char (*trace)[TUNING_CELL])
{
        for (int i = 0; i < table->rows; i++)
                if (strcmp(trace[5], tuning_cell(table, i, "family")) == 0 &&
                    strcmp(trace[6], tuning_cell(table, i, "size")) == 0 &&
                    strcmp(trace[7], tuning_cell(table, i, "nodes")) == 0)
                        return i;
        return -1;
}

/* The published run of another job, as outcomes in the space of the one that is searched. */
static int read_run(const struct tuning_case *tuned, const struct search_space *space, int job, int run,
                    struct search_outcome *ret_runs)
{
        const struct tuning_table *traces = transfer.traces;
        double failed = transfer.cost ? 100 : 3600;
        int count = 0;

        for (int t = 0; t < traces->rows; t++) {
                char(*trace)[TUNING_CELL] = traces->cells[t];
                int row;

                if (strcmp(trace[3], "") == 0 || atoi(trace[3]) != run ||
                    strcmp(trace[0], transfer.cost ? "cost" : "runtime") != 0 ||
                    strcmp(trace[1], tuning_clusters_job(job)) != 0 || strcmp(trace[2], transfer.method) != 0)
                        continue;
                row = find_cluster(tuned->table, trace);
                if (row < 0)
                        continue;
                ret_runs[count] =
                        (struct search_outcome){.point = space->candidates + (size_t)row * (size_t)space->n,
                                                .y = strtod(trace[8], NULL)};
                ret_runs[count].status = ret_runs[count].y < failed ? SEARCH_OK : SEARCH_FAILED;
                count++;
        }
        return count;
}

/* What was good is bad, by ratios; or every value is that of another cluster. */
static void spoil(struct search_outcome *runs, int count, int seed)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new((uint64_t)seed, 0, 0);
        double sum = 0;
        int good = 0;

        for (int i = 0; i < count; i++)
                if (runs[i].status == SEARCH_OK) {
                        sum += log(runs[i].y);
                        good++;
                }
        for (int i = 0; i < count; i++) {
                int other = (int)gsl_rng_uniform_int(rng, (unsigned long)(i + 1));
                struct search_outcome kept = runs[i];

                if (transfer.earlier == EARLIER_NEGATED && runs[i].status == SEARCH_OK)
                        runs[i].y = exp(2 * sum / good) / runs[i].y;
                if (transfer.earlier != EARLIER_SHUFFLED)
                        continue;
                runs[i].y = runs[other].y;
                runs[i].status = runs[other].status;
                runs[other].y = kept.y;
                runs[other].status = kept.status;
        }
}

static void tell_earlier(struct search *search, const struct look *look, int seed)
{
        struct search_outcome runs[64];
        struct error err = ERROR_INIT;

        for (int job = 0; job < TUNING_CLUSTER_JOBS; job++) {
                int count;

                if (job == transfer.job)
                        continue;
                count = read_run(look->tuned, search_space_of(search), job, seed, runs);
                spoil(runs, count, seed);
                if (!search_add_earlier(search, runs, count, false, &err))
                        stop(&err);
        }
}

/* told: price, and that nodes times cores work on a run. */
static void bench_transfer_of(bool told, int runs)
{
        static const char *const names[] = {"none", "other jobs", "negated", "shuffled"};
        double sum = 0, square = 0, begin = now_seconds(), n = 0;
        int missed = 0;

        printf("%s%-11s%-11s", transfer.cost ? "cost    " : "runtime ", told ? "told" : "not told",
               names[transfer.earlier]);
        for (int job = 0; job < TUNING_CLUSTER_JOBS; job++) {
                autocall(tuning_case_free) struct tuning_case *tuned = tuning_clusters(job, transfer.cost);
                struct look look = {.tuned = tuned,
                                    .target = 1.1 * tuning_case_best(tuned),
                                    .most = 30,
                                    .earlier = transfer.earlier ? tell_earlier : NULL};
                double part = 0;

                if (!told) {
                        tuned->n_resources = 0;
                        free(tuned->price);
                        tuned->price = NULL;
                }
                transfer.job = job;
                for (int run = 0; run < runs; run++) {
                        int found = look_for(&look, run, 30, NULL);

                        square += (double)found * found;
                        part += found;
                        missed += found > 30;
                        n++;
                }
                sum += part;
                printf(" %6.2f", part / runs);
        }
        printf("   mean %6.2f +- %.2f, missed %d of %.0f, %.1f CPU s\n", sum / n,
               sqrt((square / n - sum / n * sum / n) / n), missed, n, now_seconds() - begin);
        fflush(stdout);
}

static void bench_transfer(int runs)
{
        autocall(tuning_table_free) struct tuning_table *traces = tuning_table_read("peer_traces_140.csv.gz");
        autocall(tuning_case_free) struct tuning_case *any = tuning_clusters(0, true);

        if (!any || !traces)
                return;
        runs = runs > 0 && runs < 50 ? runs : 50;
        printf("clusters_140 with 30 random trials of each other job as earlier studies: trials to 1.10 x "
               "optimum, "
               "misses 31; %d runs each of 5 jobs\n",
               runs);
        for (int which = 0; which < 4; which++)
                for (enum earlier earlier = EARLIER_NONE; earlier <= EARLIER_SHUFFLED; earlier++) {
                        transfer = (struct transfer){.traces = traces,
                                                     .earlier = earlier,
                                                     .method = "random",
                                                     .cost = which % 2 == 0};
                        bench_transfer_of(which < 2, runs);
                }
}

/* ---- CherryPick's tables ---- */

static void bench_cherrypick(int runs)
{
        double sum = 0, begin = now_seconds();

        runs = runs > 0 ? runs : 50;
        printf("CherryPick: trials to the optimum, %d seeds each\n%-28s", runs, "cost");
        for (int job = 0; job < TUNING_CHERRYPICK_JOBS; job++) {
                autocall(tuning_case_free) struct tuning_case *tuned = tuning_cherrypick(job);
                struct look look = {.tuned = tuned};
                double part = 0;

                if (!tuned)
                        return;
                look.target = tuning_case_best(tuned);
                look.most = tuned->table->rows;
                for (int run = 0; run < runs; run++)
                        part += look_for(&look, run, 30, NULL);
                sum += part / runs;
                printf(" %6.2f", part / runs);
        }
        printf("   mean %6.2f, %.1f CPU s\n", sum / TUNING_CHERRYPICK_JOBS, now_seconds() - begin);
}

/* ---- both, from rows drawn by chance ---- */

static void bench_drawn_of(const char *name, struct tuning_case *(*open)(int job), int jobs, int first,
                           double within, int runs)
{
        double sum = 0, square = 0;

        printf("%-8s", name);
        for (int job = 0; job < jobs; job++) {
                autocall(tuning_case_free) struct tuning_case *tuned = open(job);
                autocall(gsl_rng_free) gsl_rng *rng = random_new((uint64_t)first_seed, (uint64_t)job, 0);
                double part = 0, part_square = 0;

                if (!tuned)
                        return;
                for (int run = 0; run < runs; run++) {
                        int rows[DRAWN_MOST + 1], found;
                        struct look look = {.tuned = tuned,
                                            .target = within * tuning_case_best(tuned),
                                            .first = rows,
                                            .most = within > 1 ? 30 : tuned->table->rows};

                        for (int i = 0; i < first; i++)
                                rows[i] = (int)gsl_rng_uniform_int(rng, (unsigned long)tuned->table->rows);
                        rows[first] = -1;
                        found = look_for(&look, first_seed + run, 30, NULL);
                        part += found;
                        part_square += (double)found * found;
                }
                sum += part / runs;
                square += (part_square / runs - part / runs * part / runs) / runs;
                printf(" %6.2f", part / runs);
        }
        printf("   mean %6.2f +- %.2f\n", sum / jobs, sqrt(square) / jobs);
}

static struct tuning_case *clusters_cost(int job)
{
        return tuning_clusters(job, true);
}

static struct tuning_case *clusters_time(int job)
{
        return tuning_clusters(job, false);
}

static void bench_drawn(int runs)
{
        runs = runs > 0 ? runs : 100;
        printf("trials, begun at rows drawn by chance, %d runs of each job\n", runs);
        bench_drawn_of("cost", clusters_cost, TUNING_CLUSTER_JOBS, 3, 1.1, runs);
        bench_drawn_of("runtime", clusters_time, TUNING_CLUSTER_JOBS, 3, 1.1, runs);
        bench_drawn_of("cherry", tuning_cherrypick, TUNING_CHERRYPICK_JOBS, 2, 1, runs);
}

/* ---- options of compilers and databases ---- */

static void bench_switches_of(const char *file, int runs)
{
        autocall(tuning_case_free) struct tuning_case *tuned = tuning_switches(file);
        struct look look = {.tuned = tuned, .most = 60};
        double sum = 0, square = 0, begin = now_seconds();

        if (!tuned)
                return;
        look.target = 1.01 * tuning_case_best(tuned);
        for (int run = 0; run < runs; run++) {
                int found = look_for(&look, first_seed + run, 0, NULL);

                sum += found;
                square += (double)found * found;
        }
        printf("%-28s mean %6.2f +- %.2f, %.1f CPU s\n", file, sum / runs,
               sqrt((square / runs - sum / runs * sum / runs) / runs), now_seconds() - begin);
}

static void bench_switches(int runs)
{
        runs = runs > 0 ? runs : 20;
        printf("options, trials to 1 %% of the optimum, %d seeds\n", runs);
        bench_switches_of("LLVM.csv", runs);
        bench_switches_of("BDBC.csv", runs);
}

/* ---- cost under a bound on accuracy ---- */

static void bench_constrained(int runs)
{
        autocall(tuning_case_free) struct tuning_case *tuned = tuning_t2_cnn();
        struct look look = {.tuned = tuned, .most = 25};
        double sum = 0, begin = now_seconds(), best;
        int within = 0, late = 0;

        if (!tuned)
                return;
        best = tuning_case_best(tuned);
        look.target = 1.05 * best;
        runs = runs > 0 ? runs : 50;
        for (int run = 0; run < runs; run++) {
                int found = look_for(&look, first_seed + run, 0, &late);

                sum += found;
                within += found <= 25;
        }
        printf("t2_cnn: optimum %.6f USD; within 5 %% in 25 trials: %d of %d runs (mean %.1f); infeasible "
               "after the 10th: %.1f %%, %.1f CPU s\n",
               best, within, runs, sum / runs, 100.0 * late / (15.0 * runs), now_seconds() - begin);
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

/* Ackley's function (1987) of eight numbers: four free, three whole, and one by the place of a category. */
struct ackley {
        double low, high; /* of the free ones; the whole ones lie within */
        int categories;
        double places[4];
};

static const struct ackley ackley_usual = {-5, 10, 3, {-5, 0, 5}};
/* Harder: the wall of the least valley, within some ten of the middle, fills little of it. */
static const struct ackley ackley_wide = {-32.768, 32.768, 4, {-20, 0, 11, 25}};

static double ackley8(const struct ackley *ackley, const double *x)
{
        double square = 0, wave = 0;

        for (int k = 0; k < 8; k++) {
                double at = k < 7 ? x[k] : ackley->places[(int)x[k]];

                square += at * at / 8;
                wave += cos(2 * M_PI * at) / 8;
        }
        return 20 + M_E - 20 * exp(-0.2 * sqrt(square)) - exp(wave);
}

static double ackley8_usual(const double *x)
{
        return ackley8(&ackley_usual, x);
}

static double ackley8_wide(const double *x)
{
        return ackley8(&ackley_wide, x);
}

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

static struct search_space *ackley_space(const struct ackley *ackley)
{
        static const char *const kinds[] = {"a", "b", "c", "d"};
        struct search_space *space = memory_new(1, sizeof *space);

        for (int k = 0; k < 7; k++) {
                struct search_parameter *parameter =
                        add_parameter(space, "x", k < 4 ? SEARCH_FLOAT : SEARCH_INTEGER);

                parameter->low = k < 4 ? ackley->low : ceil(ackley->low);
                parameter->high = k < 4 ? ackley->high : floor(ackley->high);
        }
        struct search_parameter *kind = add_parameter(space, "kind", SEARCH_CATEGORY);
        kind->n_choices = ackley->categories;
        kind->high = ackley->categories - 1;
        kind->choices = memory_new((size_t)ackley->categories, sizeof *kind->choices);
        for (int c = 0; c < ackley->categories; c++)
                kind->choices[c] = memory_copy_text(kinds[c]);
        return space;
}

static struct search_space *ackley_space_usual(void)
{
        return ackley_space(&ackley_usual);
}

static struct search_space *ackley_space_wide(void)
{
        return ackley_space(&ackley_wide);
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void bench_function(const char *name, struct search_space *(*make)(void),
                           double (*function)(const double *), double least, int runs)
{
        double regret[MOST_RUNS], begin = now_seconds();

        for (int run = 0; run < runs; run++) {
                struct search_options options = {.seed = (uint64_t)(first_seed + run),
                                                 .price = -1,
                                                 .budget = 50};
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
        for (int run = 0; run < runs; run++)
                printf(run + 1 < runs ? "%.3g " : "%.3g\n", regret[run]);
}

static void bench_synthetic(int runs)
{
        runs = runs > 0 ? runs : 20;
        printf("functions, 50 trials, %d seeds\n", runs);
        bench_function("Branin", branin_space, branin, 0.39788735772973816, runs);
        bench_function("Hartmann-6", hartmann_space, hartmann6, -3.322368011415515, runs);
}

static void bench_ackley(int runs)
{
        runs = runs > 0 ? runs : 20;
        printf("Ackley's function of 4 floats, 3 integers and a category, 50 trials, %d seeds\n", runs);
        bench_function("-5 to 10", ackley_space_usual, ackley8_usual, 0, runs);
        bench_function("-32.8 to 32.8", ackley_space_wide, ackley8_wide, 0, runs);
}

/* ---- time ---- */

static double bowl(const double *x)
{
        double sum = 0;

        for (int k = 0; k < 8; k++)
                sum += (x[k] - 0.3) * (x[k] - 0.3);
        return sum;
}

static void add_bowl(struct search *search, gsl_rng *rng)
{
        double points[SEARCH_EARLIER_TRIALS][8];
        struct search_outcome runs[SEARCH_EARLIER_TRIALS];
        struct error err = ERROR_INIT;

        for (int i = 0; i < SEARCH_EARLIER_TRIALS; i++) {
                for (int k = 0; k < 8; k++)
                        points[i][k] = gsl_rng_uniform(rng);
                runs[i] = (struct search_outcome){.point = points[i],
                                                  .status = SEARCH_OK,
                                                  .y = bowl(points[i]) * exp(0.1 * gsl_rng_uniform(rng))};
        }
        if (!search_add_earlier(search, runs, SEARCH_EARLIER_TRIALS, false, &err))
                stop(&err);
}

/* CPU milliseconds of a suggestion in eight floats after `told` trials: the mean of `asks`, after one that is
 * not counted, which is the first to look for parameters. earlier: studies, of as many trials as count. */
static void time_suggestions(int told, int asks, int earlier)
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
        for (int e = 0; e < earlier; e++)
                add_bowl(search, rng);
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
                outcome.y = bowl(next.point);
                if (!search_tell(search, &outcome, &err))
                        stop(&err);
        }
        printf("suggestion, d = 8, n = %-4d, %d earlier studies   %8.1f CPU ms, the first %.1f\n", told,
               earlier, 1e3 * (now_seconds() - begin) / asks, 1e3 * (begin - first));
}

static void bench_time(int runs)
{
        (void)runs;
        time_suggestions(100, 20, 0);
        time_suggestions(100, 20, 2);
        time_suggestions(100, 20, SEARCH_MAX_EARLIER);
        time_suggestions(1000, 5, 0);
        time_suggestions(1000, 5, SEARCH_MAX_EARLIER);
}

int main(int count, char **words)
{
        static const struct {
                const char *name;
                void (*run)(int runs);
        } parts[] = {{"clusters", bench_clusters},
                     {"transfer", bench_transfer},
                     {"cherrypick", bench_cherrypick},
                     {"drawn", bench_drawn},
                     {"switches", bench_switches},
                     {"constrained", bench_constrained},
                     {"synthetic", bench_synthetic},
                     {"ackley", bench_ackley},
                     {"time", bench_time}};
        bool all = true;
        int runs = 0;

        for (int i = 1; i < count; i++) {
                if (strcmp(words[i], "--runs") == 0 && i + 1 < count)
                        runs = atoi(words[++i]);
                else if (strcmp(words[i], "--seed") == 0 && i + 1 < count)
                        first_seed = atoi(words[++i]);
                else
                        all = false;
        }
        if (runs < 0 || runs > MOST_RUNS) {
                fprintf(stderr, "--runs: expected 1 to %d\n", MOST_RUNS);
                return 2;
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

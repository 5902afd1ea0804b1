/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a context is worth to a search: on a made-up job whose best settings move with the size of its input,
 * where they are known at each size; on the same where the size says nothing; and on jobs that others
 * measured at two sizes (tests/support/tuning_tables.h; what is absent is skipped).
 *
 *   bench_context [RUNS]
 */
#include <gsl/gsl_randist.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "optimizer/search/search.h"
#include "tests/support/tuning_tables.h"

#define TRIALS     30
#define NOISE      0.02
#define MOST       64.0 /* times the least input */
#define LOOKS      3
#define SIZES      5
#define TABLE_MOST 60
#define BEFORE     12

static const int looks[LOOKS] = {10, 20, 30};
static const double sizes[SIZES] = {1.5, 5, 12, 25, 50};

static void stop(const struct error *err)
{
        fprintf(stderr, "bench_context: %s\n", err->message);
        exit(1);
}

/* ---- a made-up job ---- */

enum told { NOT_TOLD, PER_INPUT, AS_CONTEXT };

static struct search_parameter number(const char *name, enum search_type type, double low, double high)
{
        return (struct search_parameter){.name = memory_copy_text(name),
                                         .type = type,
                                         .low = low,
                                         .high = high,
                                         .step = type == SEARCH_FLOAT ? 0 : 1,
                                         .log = true,
                                         .when = -1};
}

static struct search *new_search(bool context, uint64_t seed)
{
        const struct search_options options = {.seed = seed, .price = -1};
        struct search_space *space = memory_new(1, sizeof *space);

        space->n = 2;
        space->parameters[0] = number("workers", SEARCH_INTEGER, 1, 64);
        space->parameters[1] = number("partitions", SEARCH_INTEGER, 8, 2048);
        space->n_context = context;
        space->context[0] = number("input", SEARCH_FLOAT, 1, MOST);
        return search_new(space, &options);
}

/* An input wants as many workers as it is large, and 16 partitions for each. */
static double cost(const double *point, double input)
{
        double workers = log2(point[0] / input), partitions = log2(point[1] / (16 * input));

        return exp(0.1 * workers * workers + 0.05 * partitions * partitions) * (1 + 0.2 * input);
}

static double least(double input)
{
        double found = INFINITY;

        for (int workers = 1; workers <= 64; workers++)
                found = fmin(found, cost((double[]){workers, fmax(round(16 * input), 8)}, input));
        return found;
}

static void stand_at(struct search *search, enum told told, double input)
{
        struct error err = ERROR_INIT;

        if (told == AS_CONTEXT && !search_set_context(search, &input, &err))
                stop(&err);
}

/* What settings that the search holds for the best would cost too much, over all sizes. */
static double regret(struct search *search, enum told told, const double *inputs, int count)
{
        double sum = 0, y;

        for (int i = 0; i < count; i++) {
                const double *best;

                stand_at(search, told, inputs[i]);
                best = search_best_now(search, &y);
                sum += cost(best, inputs[i]) / least(inputs[i]) - 1;
        }
        return sum / count;
}

/* moves: of the size that the best settings are for; else that of 8 counts, and what is told says nothing. */
static void live(enum told told, bool moves, uint64_t seed, double *ret_regret)
{
        autocall(search_free) struct search *search = new_search(told == AS_CONTEXT, seed);
        gsl_rng *random = random_new(seed, 0, 1);
        struct search_suggestion next;
        struct error err = ERROR_INIT;
        int looked = 0;

        for (int trial = 1; trial <= TRIALS; trial++) {
                double size = pow(MOST, gsl_rng_uniform(random)), real = moves ? size : 8;
                struct search_outcome outcome = {.status = SEARCH_OK};

                stand_at(search, told, size);
                if (!search_ask(search, &next, &err))
                        stop(&err);
                outcome.id = next.id;
                outcome.y = cost(next.point, real) * exp(gsl_ran_gaussian(random, NOISE)) /
                            (told == PER_INPUT ? size : 1);
                for (int c = 0; c < SEARCH_MAX_CONSTRAINTS; c++)
                        outcome.constraints[c] = NAN;
                if (!search_tell(search, &outcome, &err))
                        stop(&err);
                if (trial == looks[looked])
                        ret_regret[looked++] += moves ? regret(search, told, sizes, SIZES)
                                                      : regret(search, told, (double[]){8}, 1);
        }
        gsl_rng_free(random);
}

static void bench_job(const char *name, enum told told, bool moves, int runs)
{
        double sum[LOOKS] = {0};

        for (int run = 1; run <= runs; run++)
                live(told, moves, (uint64_t)run, sum);
        printf("%-44s", name);
        for (int i = 0; i < LOOKS; i++)
                printf("  %6.2f %%", 100 * sum[i] / runs);
        printf("\n");
}

/* ---- jobs that were measured at two sizes ---- */

static struct search *table_search(const struct tuning_case *tuned, bool context, uint64_t seed)
{
        const struct search_options options = tuning_case_options(tuned, (int)seed);
        struct search_space *space = tuning_case_space(tuned);

        if (context)
                space->context[space->n_context++] = number("size", SEARCH_FLOAT, 1, 10);
        return search_new(space, &options);
}

/* Whether this trial's point lies within a tenth of the optimum. */
static bool try_one(struct search *search, const struct tuning_case *tuned, bool context, double size)
{
        struct search_suggestion next;
        struct search_outcome outcome;
        struct error err = ERROR_INIT;

        if ((context && !search_set_context(search, &size, &err)) || !search_ask(search, &next, &err))
                stop(&err);
        if (next.id == 0)
                return true;
        outcome = (struct search_outcome){.id = next.id, .y = tuned->y[next.candidate]};
        outcome.status = isnan(outcome.y) ? SEARCH_FAILED : SEARCH_OK;
        if (!search_tell(search, &outcome, &err))
                stop(&err);
        return outcome.y <= 1.1 * tuning_case_best(tuned);
}

/* Trials, one at each size in turn, until a good one has been made at both; each size has a search of its own
 * without a context. */
static int trials_of(struct tuning_case *const tuned[2], bool context, uint64_t seed)
{
        struct search *search[2] = {table_search(tuned[0], context, seed), NULL};
        bool found[2] = {false, false};
        int trials = 0;

        search[1] = context ? search[0] : table_search(tuned[1], false, seed + 1000);
        for (int turn = 0; turn < TABLE_MOST; turn++)
                for (int s = 0; s < 2; s++) {
                        if (found[s])
                                continue;
                        trials++;
                        found[s] = try_one(search[s], tuned[s], context, s ? 10 : 1);
                }
        search_free(search[0]);
        if (!context)
                search_free(search[1]);
        return trials;
}

/* Trials at the larger size until a good one has been made, after BEFORE of them at the smaller, of which
 * nothing is known without a context. */
static int trials_after(struct tuning_case *const tuned[2], bool context, uint64_t seed)
{
        autocall(search_free) struct search *search = table_search(tuned[1], context, seed);

        for (int trial = 0; trial < BEFORE && context; trial++)
                (void)try_one(search, tuned[0], context, 1);
        for (int trial = 1; trial <= TABLE_MOST; trial++)
                if (try_one(search, tuned[1], context, 10))
                        return trial;
        return TABLE_MOST + 1;
}

static void bench_tables(bool cost_counts, int runs)
{
        static const char *const jobs[][2] = {{"spark_lda_huge", "spark_lda_gigantic"},
                                              {"spark_linear_huge", "spark_linear_gigantic"}};

        for (size_t j = 0; j < 2; j++) {
                struct tuning_case *tuned[2] = {NULL, NULL};
                double sum[2] = {0}, after[2] = {0};

                for (int job = 0; job < TUNING_CLUSTER_JOBS; job++)
                        for (int s = 0; s < 2; s++)
                                if (strcmp(tuning_clusters_job(job), jobs[j][s]) == 0)
                                        tuned[s] = tuning_clusters(job, cost_counts);
                for (int run = 1; tuned[0] && tuned[1] && run <= runs; run++)
                        for (int context = 0; context < 2; context++) {
                                sum[context] += trials_of(tuned, context, (uint64_t)run);
                                after[context] += trials_after(tuned, context, (uint64_t)run);
                        }
                if (tuned[0] && tuned[1])
                        printf("%-7s %s and %s: in turn, a search each %.1f trials, one with the size as "
                               "context "
                               "%.1f; the larger alone %.1f, with the size as context after %d of the "
                               "smaller "
                               "%.1f\n",
                               cost_counts ? "cost" : "runtime", jobs[j][0], jobs[j][1], sum[0] / runs,
                               sum[1] / runs, after[0] / runs, BEFORE, after[1] / runs);
                tuning_case_free(tuned[0]);
                tuning_case_free(tuned[1]);
        }
}

int main(int count, char **words)
{
        int runs = count > 1 ? atoi(words[1]) : 20;

        printf("%-44s  %6d    %6d    %6d trials: too dear, over sizes\n",
               "best settings move with the size:", looks[0], looks[1], looks[2]);
        bench_job("  not told", NOT_TOLD, true, runs);
        bench_job("  cost told over the size", PER_INPUT, true, runs);
        bench_job("  told as context", AS_CONTEXT, true, runs);
        printf("the size says nothing:\n");
        bench_job("  not told", NOT_TOLD, false, runs);
        bench_job("  told as context", AS_CONTEXT, false, runs);
        bench_tables(true, runs);
        bench_tables(false, runs);
        return 0;
}

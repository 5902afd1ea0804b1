/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A search as who asks and tells sees it: what may be proposed, what is learnt, and when it is over. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "optimizer/search/internal.h"

static struct search_parameter *add(struct search_space *space, const char *name, enum search_type type,
                                    double low, double high)
{
        struct search_parameter *parameter = &space->parameters[space->n++];

        *parameter = (struct search_parameter){.name = memory_copy_text(name),
                                               .type = type,
                                               .low = low,
                                               .high = high,
                                               .step = type == SEARCH_FLOAT ? 0 : 1,
                                               .when = -1};
        return parameter;
}

static void add_names(struct search_parameter *parameter, int count)
{
        parameter->choices = memory_new((size_t)count, sizeof *parameter->choices);
        for (int c = 0; c < count; c++)
                parameter->choices[c] = memory_format("choice %d", c);
        parameter->n_choices = count;
        parameter->high = count - 1;
}

static struct search *start(struct search_space *space, uint64_t seed)
{
        const struct search_options options = {.seed = seed, .price = -1};

        return search_new(space, &options);
}

static struct search_suggestion ask(struct search *search)
{
        struct search_suggestion suggestion;
        struct error err = ERROR_INIT;

        assert_true(search_ask(search, &suggestion, &err));
        return suggestion;
}

static void tell(struct search *search, int64_t id, enum search_status status, double y, double constraint)
{
        struct search_outcome outcome = {.id = id, .status = status, .y = y, .constraints = {constraint}};
        struct error err = ERROR_INIT;

        assert_true(search_tell(search, &outcome, &err));
}

/* ---- spaces ---- */

static void values_are_what_a_parameter_can_take(void **state)
{
        autocall(search_space_free) struct search_space *space = memory_new(1, sizeof *space);
        struct search_parameter *memory = add(space, "memory", SEARCH_INTEGER, 512, 4000);

        (void)state;
        memory->step = 512;
        memory->log = true;
        assert_true(search_parameter_round(memory, 700) == 512 &&
                    search_parameter_round(memory, 800) == 1024);
        assert_true(search_parameter_round(memory, 1e9) == 3584); /* 4000 is no step */
        assert_true(search_parameter_levels(memory) == 7);
        /* half-way between two ratios is their geometric mean */
        assert_float_equal(search_parameter_unit(memory, sqrt(512.0 * 4000)), 0.5, 1e-12);
        assert_true(search_parameter_value(memory, 0.5) == 1536); /* nearest to 1431 */
}

/* A number that is held fast, beside a whole one: two points, and the search is over after them. */
static void a_parameter_may_have_one_value(void **state)
{
        struct search_space *space = memory_new(1, sizeof *space);
        autofree double *points = NULL;
        struct search *search;
        int count;

        (void)state;
        add(space, "ratio", SEARCH_FLOAT, 0.5, 0.5);
        add(space, "executors", SEARCH_INTEGER, 1, 2);
        points = search_space_points(space, 1000, &count);
        assert_int_equal(count, 2);
        assert_true(points[0] == 0.5 && points[1] == 1 && points[2] == 0.5 && points[3] == 2);
        search = start(space, 1);
        for (int i = 0; i < 2; i++)
                tell(search, ask(search).id, SEARCH_OK, 1 + i, 0);
        assert_true(ask(search).id == 0);
        search_free(search);
}

/* Above 2^53 a step is lost in rounding: it ends all the same. */
static void a_step_that_is_lost_in_rounding_ends(void **state)
{
        autocall(search_space_free) struct search_space *space = memory_new(1, sizeof *space);
        autofree double *points = NULL;
        int count;

        (void)state;
        add(space, "large", SEARCH_INTEGER, 0x1p60, 0x1p60 + 1024);
        points = search_space_points(space, 5000, &count);
        assert_true(count >= 1 && count <= 1025);
}

static void a_listed_space_holds_what_limits_allow_once(void **state)
{
        autocall(search_space_free) struct search_space *space = memory_new(1, sizeof *space);
        autofree double *points = NULL;
        struct search_parameter *size;
        int count;

        (void)state;
        add(space, "executors", SEARCH_INTEGER, 1, 6);
        add(space, "cores", SEARCH_INTEGER, 1, 6);
        add_names(add(space, "cache", SEARCH_CATEGORY, 0, 0), 2);
        /* its three values only mean something with the second choice */
        size = add(space, "size", SEARCH_INTEGER, 1, 3);
        size->when = 2;
        size->when_choices = 2;
        space->n_limits = 1;
        space->limits[0] = (struct search_limit){.product = true, .factor = {1, 1}, .most = 6};
        points = search_space_points(space, 1000, &count);
        /* pairs with a product of at most 6: 6 + 3 + 2 + 1 + 1 + 1 = 14; times 1 + 3 */
        assert_int_equal(count, 14 * 4);
        for (int i = 0; i < count; i++)
                assert_true(points[4 * i] * points[4 * i + 1] <= 6);
        assert_null(search_space_points(space, 100, &count));
}

/* ---- asking ---- */

static void no_point_comes_twice_and_the_end_is_said(void **state)
{
        struct search_space *space = memory_new(1, sizeof *space);
        autocall(search_free) struct search *search = NULL;
        bool seen[5][4] = {{false}};

        (void)state;
        add(space, "a", SEARCH_INTEGER, 0, 4);
        add_names(add(space, "b", SEARCH_CATEGORY, 0, 0), 4);
        search = start(space, 1);
        for (int trial = 0; trial < 20; trial++) {
                struct search_suggestion next = ask(search);
                bool *there = &seen[(int)next.point[0]][(int)next.point[1]];

                assert_int_equal(next.id, trial + 1);
                assert_false(*there);
                *there = true;
                if (trial % 3) /* some are told late: never */
                        tell(search, next.id, SEARCH_OK, fabs(next.point[0] - 2) + next.point[1], 0);
        }
        assert_int_equal(ask(search).id, 0);
}

static void the_same_seed_asks_the_same(void **state)
{
        double first[8] = {0};

        (void)state;
        for (int run = 0; run < 2; run++) {
                struct search_space *space = memory_new(1, sizeof *space);
                autocall(search_free) struct search *search = NULL;

                add(space, "x", SEARCH_FLOAT, 0, 1);
                search = start(space, 5);
                for (int trial = 0; trial < 8; trial++) {
                        struct search_suggestion next = ask(search);

                        if (run == 0)
                                first[trial] = next.point[0];
                        assert_true(next.point[0] == first[trial]);
                        tell(search, next.id, SEARCH_OK, (next.point[0] - 0.3) * (next.point[0] - 0.3), 0);
                }
        }
}

/* (x - 1)^2 + (y + 2)^2 + 3 has its minimum, 3, at (1, -2). */
static void a_bowl_is_found_in_twenty_trials(void **state)
{
        (void)state;
        for (uint64_t seed = 0; seed < 5; seed++) {
                struct search_space *space = memory_new(1, sizeof *space);
                autocall(search_free) struct search *search = NULL;
                double best;

                add(space, "x", SEARCH_FLOAT, -5, 5);
                add(space, "y", SEARCH_FLOAT, -5, 5);
                search = start(space, seed);
                for (int trial = 0; trial < 20; trial++) {
                        struct search_suggestion next = ask(search);
                        double x = next.point[0] - 1, y = next.point[1] + 2;

                        tell(search, next.id, SEARCH_OK, x * x + y * y + 3, 0);
                }
                assert_non_null(search_best(search, &best));
                assert_true(best < 3.01);
        }
}

/* ---- what is known beforehand ---- */

/* Machines of three sizes, 1 to 16 of each, by their cores and price: 0.1 an hour a core. */
static struct search_space *clusters(void)
{
        static const double cores[] = {2, 4, 8};
        struct search_space *space = memory_new(1, sizeof *space);
        const char *names[] = {"cores", "price"};

        add(space, "machines", SEARCH_INTEGER, 1, 16);
        add(space, "kind", SEARCH_CATEGORY, 0, 0);
        add_names(&space->parameters[1], 3);
        space->n_candidates = 48;
        space->candidates = memory_new(96, sizeof *space->candidates);
        space->n_columns = 2;
        for (int k = 0; k < 2; k++) {
                space->columns[k].name = memory_copy_text(names[k]);
                space->columns[k].value = memory_new(48, sizeof(double));
        }
        for (int c = 0; c < 48; c++) {
                space->candidates[2 * c] = 1 + c % 16;
                space->candidates[2 * c + 1] = c / 16;
                space->columns[0].value[c] = cores[c / 16];
                space->columns[1].value[c] = 0.1 * cores[c / 16] * (1 + c % 16);
        }
        return space;
}

/* 16 machines of 8 cores instead of 2 of 4: sixteen times the cores, and the price. */
static double known_ratio(const struct search_options *options)
{
        autocall(search_free) struct search *search = search_new(clusters(), options);
        const double small[] = {2, 1}, large[] = {16, 2};

        return search_prior(search, large, 47).mean - search_prior(search, small, 17).mean;
}

static void time_falls_with_the_resources(void **state)
{
        const struct search_options none = {.price = -1}, price = {.price = 1},
                                    cores = {.price = -1, .n_resources = 2, .resources = {0, 2}},
                                    both = {.price = 1, .n_resources = 2, .resources = {0, 2}};
        /* Amdahl's law, three tenths serial at 16 cores, the middle of 2 to 128 */
        double slower = log((0.3 + 0.7 / 8) / (0.3 + 0.7 * 2));

        (void)state;
        assert_float_equal(known_ratio(&none), 0, 0);
        assert_float_equal(known_ratio(&cores), slower, 1e-12);
        assert_float_equal(known_ratio(&both), log(16) + slower, 1e-12);
        assert_float_equal(known_ratio(&price), log(16), 1e-12);
}

/* A time of 100 (1 + |log2(machines / 3)|) whatever the kind, least at 3: more machines make it longer. */
static void resources_that_slow_down_do_no_harm(void **state)
{
        const struct search_options wrong = {.seed = 1, .price = -1, .n_resources = 2, .resources = {0, 2}};
        autocall(search_free) struct search *search = search_new(clusters(), &wrong);
        double best;

        (void)state;
        for (int trial = 0; trial < 15; trial++) {
                struct search_suggestion next = ask(search);

                tell(search, next.id, SEARCH_OK, 100 * (1 + fabs(log2(next.point[0] / 3))), 0);
        }
        assert_non_null(search_best(search, &best));
        assert_float_equal(best, 100, 1e-9);
}

/* y expected beforehand rises with the price of the cores, least at one machine of the smallest kind; without
 * a price it falls, least at all of the largest; where only machines count every kind of 16 of them is as
 * good. */
static void resources_say_where_to_begin(void **state)
{
        static const struct {
                struct search_options options;
                int rows, least[3];
        } cases[] = {{{.price = 1, .n_resources = 2, .resources = {0, 2}}, 1, {0}},
                     {{.price = -1, .n_resources = 2, .resources = {0, 2}}, 1, {47}},
                     {{.price = -1, .n_resources = 1, .resources = {2}}, 3, {15, 31, 47}}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                int hits[3] = {0};

                for (uint64_t seed = 0; seed < 30; seed++) {
                        struct search_options options = cases[i].options;

                        options.seed = seed;
                        autocall(search_free) struct search *search = search_new(clusters(), &options);
                        struct search_suggestion first = ask(search), second;
                        int hit = 0;

                        while (hit < cases[i].rows && first.candidate != cases[i].least[hit])
                                hit++;
                        assert_true(hit < cases[i].rows);
                        hits[hit]++;
                        tell(search, first.id, SEARCH_OK, 100, 0);
                        second = ask(search);
                        assert_true(second.predicted);
                        assert_int_not_equal(second.candidate, first.candidate);
                }
                for (int hit = 0; hit < cases[i].rows; hit++)
                        assert_true(hits[hit] > 0);
        }
}

/* What fails there, or may break a constraint, is followed by a point far away. */
static void a_beginning_that_fails_is_left(void **state)
{
        const struct search_options options = {.seed = 1, .price = 1, .n_resources = 2, .resources = {0, 2}};
        autocall(search_free) struct search *search = search_new(clusters(), &options);
        struct search_suggestion next = ask(search);

        (void)state;
        tell(search, next.id, SEARCH_FAILED, NAN, 0);
        next = ask(search);
        assert_false(next.predicted);
        assert_true(next.point[0] > 8);
}

/* ---- constraints and failures ---- */

/* The least x that is allowed is 0.6: below, the constraint does not hold. */
static void a_constraint_is_learnt_and_kept(void **state)
{
        struct search_space *space = memory_new(1, sizeof *space);
        autocall(search_free) struct search *search = NULL;
        struct error err = ERROR_INIT;
        const double *best;
        int index, broken = 0;
        double y;

        (void)state;
        add(space, "x", SEARCH_INTEGER, 0, 100);
        search = start(space, 2);
        assert_true(search_constraint(search, "bound", &index, &err));
        for (int trial = 0; trial < 25; trial++) {
                struct search_suggestion next = ask(search);

                broken += trial >= 10 && next.point[0] < 60;
                tell(search, next.id, SEARCH_OK, 1 + next.point[0], 60 - next.point[0]);
        }
        best = search_best(search, &y);
        assert_true(best && best[0] == 60 && y == 61);
        assert_true(broken <= 3);
}

/* All runs with x above 50 fail, and y falls with x. */
static void failed_runs_are_kept_away_from(void **state)
{
        struct search_space *space = memory_new(1, sizeof *space);
        autocall(search_free) struct search *search = NULL;
        int failed = 0;
        double y;

        (void)state;
        add(space, "x", SEARCH_INTEGER, 0, 100);
        search = start(space, 3);
        for (int trial = 0; trial < 25; trial++) {
                struct search_suggestion next = ask(search);
                bool fails = next.point[0] > 50;

                failed += fails && trial >= 10;
                tell(search, next.id, fails ? SEARCH_FAILED : SEARCH_OK, fails ? NAN : 200 - next.point[0],
                     0);
        }
        assert_non_null(search_best(search, &y));
        assert_true(y <= 152);
        assert_true(failed <= 5);
}

/* A run that was stopped at 10 lasted longer: the model must not take it for one that took 10. */
static void a_stopped_run_counts_as_longer(void **state)
{
        struct search_suggestion next[2];

        (void)state;
        for (int stopped = 0; stopped < 2; stopped++) {
                static const double x[] = {0, 0.2, 0.4, 0.8, 1}, y[] = {50, 40, 30, 30, 40};
                struct search_space *space = memory_new(1, sizeof *space);
                autocall(search_free) struct search *search = NULL;
                struct error err = ERROR_INIT;
                double at = 0.6;
                struct search_outcome middle = {.point = &at,
                                                .y = 10,
                                                .status = stopped ? SEARCH_CENSORED : SEARCH_OK};

                add(space, "x", SEARCH_FLOAT, 0, 1);
                search = start(space, 4);
                for (size_t i = 0; i < ARRAY_LENGTH(x); i++) {
                        struct search_outcome outcome = {.point = &x[i], .y = y[i], .status = SEARCH_OK};

                        assert_true(search_tell(search, &outcome, &err));
                }
                assert_true(search_tell(search, &middle, &err));
                next[stopped] = ask(search);
        }
        assert_true(fabs(next[0].point[0] - 0.6) < 0.2 && next[0].mean < 20);
        assert_true(next[1].mean > next[0].mean + 3);
}

/* ---- values in heaps ---- */

#define SWITCHES 6

static struct search *start_switches(double runs, uint64_t seed)
{
        const struct search_options options = {.seed = seed, .price = -1, .runs = runs};
        struct search_space *space = memory_new(1, sizeof *space);

        for (int k = 0; k < SWITCHES; k++)
                add(space, "switch", SEARCH_INTEGER, 0, 1);
        return search_new(space, &options);
}

static void tell_row(struct search *search, int row, enum search_status status, double y)
{
        double point[SWITCHES];
        struct search_outcome outcome = {.point = point, .status = status, .y = y};
        struct error err = ERROR_INIT;

        for (int k = 0; k < SWITCHES; k++)
                point[k] = row >> k & 1;
        assert_true(search_tell(search, &outcome, &err));
}

/* Score of the i-th known point by its rank, as its process has it. */
static double rank_score(const struct search *search, int i)
{
        const struct surrogate *ranks = search->model.ranks;

        return ranks->centre + ranks->scale * ranks->gp[0]->y[i];
}

/* Quantiles of the normal law are from tables. A run that was stopped stands where it was stopped, one that
 * failed beyond all others; what is pending has no rank. */
static void ranks_take_turns_where_values_lie_in_heaps(void **state)
{
        static const struct {
                enum search_status status;
                double y, score; /* the score: of (rank - 1/2) / 8 */
        } told[] = {{SEARCH_OK, 1.02, -0.4887764111146695},   {SEARCH_OK, 10.1, 0.8871465590188759},
                    {SEARCH_FAILED, NAN, 1.5341205443525463}, {SEARCH_OK, 1.00, -1.5341205443525463},
                    {SEARCH_CENSORED, 5, 0.1573106846101707}, {SEARCH_OK, 1.01, -0.8871465590188759},
                    {SEARCH_OK, 10.0, 0.4887764111146695},    {SEARCH_OK, 1.03, -0.1573106846101707}};
        autocall(search_free) struct search *search = start_switches(0, 1);
        struct search_suggestion next[2];

        (void)state;
        for (int i = 0; i < 8; i++)
                tell_row(search, 7 * i, told[i].status, told[i].y);
        next[0] = ask(search);
        assert_true(search->model.heaped && !search->model.by_rank);
        next[1] = ask(search);
        assert_true(search->model.by_rank);
        assert_int_equal(search->model.ranks->learnt, 8);
        assert_int_equal(search->model.ranks->gp[0]->n, 8 + 1);
        for (int i = 0; i < 8; i++)
                assert_float_equal(rank_score(search, i), told[i].score, 1e-9);
        /* as good as the best: three share the ranks 1 to 3 of 10 */
        tell(search, next[0].id, SEARCH_OK, 1.00, 0);
        tell(search, next[1].id, SEARCH_OK, 1.00, 0);
        ask(search);
        assert_false(search->model.by_rank);
        ask(search);
        assert_true(search->model.by_rank);
        assert_float_equal(rank_score(search, 3), -1.0364333894937896, 1e-9);
        assert_float_equal(rank_score(search, 9), -1.0364333894937896, 1e-9);
        assert_float_equal(rank_score(search, 2), 1.6448536269514722, 1e-9);
}

static void ranks_are_left_where_values_are_spread_or_a_constraint_is_kept(void **state)
{
        (void)state;
        for (int constrained = 0; constrained < 2; constrained++) {
                autocall(search_free) struct search *search = start_switches(0, 1);
                struct error err = ERROR_INIT;
                int index;

                assert_true(!constrained || search_constraint(search, "bound", &index, &err));
                for (int i = 0; i < 8; i++)
                        tell_row(search, 7 * i, SEARCH_OK, constrained && i < 5 ? 1 + 0.001 * i : 1 + i);
                for (int turn = 0; turn < 2; turn++) {
                        ask(search);
                        assert_false(search->model.heaped || search->model.by_rank);
                }
                assert_null(search->model.ranks);
        }
}

/* Heaps at 30, 3, 1.3 and 1: the second and the third switch are good together and bad apart. In the best
 * heap, eight rows, the others matter by a hundredth; the least value, 1, is that of row 2 + 4 + 16. */
static double heaped(int row)
{
        int fine = (row >> 3 ^ 2) & 7;

        if (row & 1)
                return 30;
        if ((row >> 1 & 1) != (row >> 2 & 1))
                return 3;
        return (row >> 1 & 1 ? 1 : 1.3) + 0.01 * ((fine & 1) + (fine >> 1 & 1) + (fine >> 2 & 1));
}

/* Runs of the first heap are stopped at 10, or fail where the last switch is on, too. */
static void tell_heaped(struct search *search, int64_t id, int row)
{
        if (!(row & 1))
                tell(search, id, SEARCH_OK, heaped(row), 0);
        else if (row >> 5 & 1)
                tell(search, id, SEARCH_FAILED, NAN, 0);
        else
                tell(search, id, SEARCH_CENSORED, 10, 0);
}

static int row_of(const double *point)
{
        int row = 0;

        for (int k = 0; k < SWITCHES; k++)
                row += point[k] > 0 ? 1 << k : 0;
        return row;
}

/* Three runs are out at any time. Drawn blindly, one of 64 rows comes 32nd. */
static void the_best_of_the_best_heap_is_found(void **state)
{
        int sum = 0;

        (void)state;
        for (uint64_t seed = 0; seed < 8; seed++) {
                autocall(search_free) struct search *search = start_switches(0, seed);
                struct search_suggestion out[3] = {{0}};
                bool seen[1 << SWITCHES] = {false};
                int trials = 0, found = 0;

                for (int i = 0; i < 3; i++)
                        out[i] = ask(search);
                for (; !found; trials++) {
                        int row = row_of(out[trials % 3].point);

                        assert_false(seen[row]);
                        seen[row] = true;
                        tell_heaped(search, out[trials % 3].id, row);
                        found = heaped(row) == 1;
                        out[trials % 3] = ask(search);
                }
                sum += trials;
        }
        assert_true(sum <= 8 * 24);
}

/* Whoever's turn it is, what is said of a point is said of its value: between half the least and twice the
 * greatest that there are. It ends when all rows are told. */
static void turns_change_neither_what_is_said_nor_the_end(void **state)
{
        autocall(search_free) struct search *search = start_switches(1, 3);
        int turns[2] = {0}, stops = 0, trials = 0;
        struct search_suggestion next;

        (void)state;
        for (next = ask(search); next.id > 0; next = ask(search), trials++) {
                if (search->model.heaped) {
                        turns[search->model.by_rank]++;
                        stops += next.stop;
                        assert_true(next.mean > 0.5 && next.mean < 60 && next.improvement >= 0);
                        assert_true(next.stop == (next.improvement < next.mean));
                }
                tell(search, next.id, SEARCH_OK, heaped(row_of(next.point)), 0);
        }
        assert_int_equal(trials, 1 << SWITCHES);
        assert_true(turns[0] > 10 && turns[1] > 10 && stops > 10);
}

/* ---- what cannot be, and the end ---- */

static void what_cannot_be_told_changes_nothing(void **state)
{
        struct search_space *space = memory_new(1, sizeof *space);
        autocall(search_free) struct search *search = NULL;
        struct search_outcome outcome = {.id = 7, .y = 1, .status = SEARCH_OK};
        struct error err = ERROR_INIT;
        double y;

        (void)state;
        add(space, "x", SEARCH_INTEGER, 0, 9);
        search = start(space, 1);
        assert_false(search_tell(search, &outcome, &err));
        assert_int_equal(err.code, ERROR_NOT_FOUND);
        outcome = (struct search_outcome){.id = ask(search).id, .y = INFINITY, .status = SEARCH_OK};
        assert_false(search_tell(search, &outcome, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_null(search_best(search, &y));
        outcome.y = 3;
        assert_true(search_tell(search, &outcome, &err));
        assert_false(search_tell(search, &outcome, &err));
        assert_int_equal(err.code, ERROR_CONFLICT);
}

/* With 10,000 runs to come a search goes on; when each point but one is known, and one more run is all there
 * will be, it is not worth while. */
static void it_ends_when_a_trial_costs_more_than_it_saves(void **state)
{
        static const double runs[] = {1, 10000};

        (void)state;
        for (int many = 0; many < 2; many++) {
                struct search_space *space = memory_new(1, sizeof *space);
                const struct search_options options = {.seed = 1, .price = -1, .runs = runs[many]};
                autocall(search_free) struct search *search = NULL;
                struct search_suggestion next;

                add(space, "x", SEARCH_FLOAT, 0, 1);
                search = search_new(space, &options);
                for (int trial = 0; trial < 8; trial++) {
                        next = ask(search);
                        tell(search, next.id, SEARCH_OK, 5 + sin(9 * next.point[0]), 0);
                }
                next = ask(search);
                assert_true(next.improvement >= 0 && next.left >= 0);
                assert_true(many ? next.stop == (10000 * next.improvement < next.mean) : next.stop);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_are_what_a_parameter_can_take),
                cmocka_unit_test(a_parameter_may_have_one_value),
                cmocka_unit_test(a_step_that_is_lost_in_rounding_ends),
                cmocka_unit_test(a_listed_space_holds_what_limits_allow_once),
                cmocka_unit_test(no_point_comes_twice_and_the_end_is_said),
                cmocka_unit_test(the_same_seed_asks_the_same),
                cmocka_unit_test(a_bowl_is_found_in_twenty_trials),
                cmocka_unit_test(time_falls_with_the_resources),
                cmocka_unit_test(resources_that_slow_down_do_no_harm),
                cmocka_unit_test(resources_say_where_to_begin),
                cmocka_unit_test(a_beginning_that_fails_is_left),
                cmocka_unit_test(a_constraint_is_learnt_and_kept),
                cmocka_unit_test(failed_runs_are_kept_away_from),
                cmocka_unit_test(a_stopped_run_counts_as_longer),
                cmocka_unit_test(ranks_take_turns_where_values_lie_in_heaps),
                cmocka_unit_test(ranks_are_left_where_values_are_spread_or_a_constraint_is_kept),
                cmocka_unit_test(the_best_of_the_best_heap_is_found),
                cmocka_unit_test(turns_change_neither_what_is_said_nor_the_end),
                cmocka_unit_test(what_cannot_be_told_changes_nothing),
                cmocka_unit_test(it_ends_when_a_trial_costs_more_than_it_saves),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

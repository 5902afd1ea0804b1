/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/tuning_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/text.h"

/* ---- tables ---- */

static int split(char *line, char (*ret_cells)[TUNING_CELL])
{
        int count = 0;

        for (char *at = line; at && count < TUNING_CELLS;) {
                char *end = strpbrk(at, ",\r\n");
                bool more = end && *end == ',';

                if (end)
                        *end = '\0';
                if (*at == '"') {
                        at++;
                        at[strcspn(at, "\"")] = '\0';
                }
                snprintf(ret_cells[count++], TUNING_CELL, "%s", at);
                at = more ? end + 1 : NULL;
        }
        return count;
}

struct tuning_table *tuning_table_read(const char *name)
{
        const char *folder = getenv("OPTCTL_DATA");
        autofree char *path = memory_format("%s/tuning/%s", folder ? folder : "../shared/data", name);
        struct tuning_table *table;
        gzFile file = access(path, R_OK) == 0 ? gzopen(path, "rb") : NULL;
        char line[4096];

        if (!file) {
                printf("%s: skipped, it is not here\n", name);
                return NULL;
        }
        table = memory_new(1, sizeof *table);
        while (gzgets(file, line, sizeof line)) {
                if (table->columns == 0) {
                        table->columns = split(line, table->name);
                        continue;
                }
                table->cells = memory_resize(table->cells, (size_t)table->rows + 1, sizeof *table->cells);
                split(line, table->cells[table->rows++]);
        }
        gzclose(file);
        return table;
}

void tuning_table_free(struct tuning_table *table)
{
        if (!table)
                return;
        free(table->cells);
        free(table);
}

const char *tuning_cell(const struct tuning_table *table, int row, const char *name)
{
        for (int c = 0; c < table->columns; c++)
                if (strcmp(table->name[c], name) == 0)
                        return table->cells[row][c];
        fprintf(stderr, "no column %s\n", name);
        exit(1);
}

static double number(const struct tuning_table *table, int row, const char *name)
{
        return strtod(tuning_cell(table, row, name), NULL);
}

/* ---- cases ---- */

void tuning_case_free(struct tuning_case *tuned)
{
        if (!tuned)
                return;
        tuning_table_free(tuned->table);
        free(tuned->y);
        free(tuned->bound);
        free(tuned->price);
        free(tuned);
}

static struct tuning_case *case_of(const char *file)
{
        struct tuning_table *table = tuning_table_read(file);
        struct tuning_case *tuned = table ? memory_new(1, sizeof *tuned) : NULL;

        if (tuned)
                tuned->table = table;
        return tuned;
}

static void may_choose(struct tuning_case *tuned, const char *parameter)
{
        snprintf(tuned->parameter[tuned->parameters++], TUNING_CELL + 1, "%s", parameter);
}

static void is_known(struct tuning_case *tuned, const char *column)
{
        tuned->column[tuned->known++] = column;
}

static double *one_each(const struct tuning_table *table)
{
        return memory_new((size_t)table->rows + 1, sizeof(double));
}

double tuning_case_best(const struct tuning_case *tuned)
{
        double best = INFINITY;

        for (int i = 0; i < tuned->table->rows; i++)
                if (tuned->y[i] < best && !(tuned->bound && tuned->bound[i] > 0))
                        best = tuned->y[i];
        return best;
}

struct search_options tuning_case_options(const struct tuning_case *tuned, int seed)
{
        struct search_options options = {.seed = (uint64_t)seed,
                                         .price = tuned->price ? tuned->known : -1,
                                         .n_resources = tuned->n_resources};

        memcpy(options.resources, tuned->resources, sizeof options.resources);
        return options;
}

/* Its time falls with the number of cores, of which each machine has as many as the first known column says.
 * To be called when all columns are known. */
static void works_on(struct tuning_case *tuned, int machines)
{
        tuned->resources[tuned->n_resources++] = 0;
        tuned->resources[tuned->n_resources++] = tuned->known + (tuned->price ? 1 : 0) + machines;
}

/* ---- their spaces ---- */

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

static void add_parameter(struct search_space *space, const struct tuning_case *tuned)
{
        const char *name = tuned->parameter[space->n];
        bool numeric = name[0] == '#';
        int at = space->n++;
        struct search_parameter *parameter = &space->parameters[at];

        name += numeric;
        *parameter = (struct search_parameter){
                .name = memory_copy_text(name),
                .type = numeric ? SEARCH_INTEGER : SEARCH_CATEGORY,
                .low = numeric ? INFINITY : 0,
                .high = numeric ? -INFINITY : 0,
                .step = 1,
                .when = -1,
        };
        for (int i = 0; i < space->n_candidates; i++) {
                const char *text = tuning_cell(tuned->table, i, name);
                double value = numeric ? strtod(text, NULL) : choice_of(parameter, text);

                space->candidates[i * tuned->parameters + at] = value;
                parameter->low = fmin(parameter->low, value);
                parameter->high = fmax(parameter->high, value);
        }
}

static double *add_column(struct search_space *space, const char *name)
{
        struct search_column *column = &space->columns[space->n_columns++];

        column->name = memory_copy_text(name);
        column->value = memory_new((size_t)space->n_candidates + 1, sizeof *column->value);
        return column->value;
}

struct search_space *tuning_case_space(const struct tuning_case *tuned)
{
        struct search_space *space = memory_new(1, sizeof *space);
        int rows = tuned->table->rows;

        space->n_candidates = rows;
        space->candidates =
                memory_new((size_t)rows * (size_t)tuned->parameters + 1, sizeof *space->candidates);
        for (int p = 0; p < tuned->parameters; p++)
                add_parameter(space, tuned);
        for (int k = 0; k < tuned->known; k++) {
                double *value = add_column(space, tuned->column[k]);

                for (int i = 0; i < rows; i++)
                        value[i] = number(tuned->table, i, tuned->column[k]);
        }
        if (tuned->price)
                memcpy(add_column(space, "price"), tuned->price, (size_t)rows * sizeof *tuned->price);
        return space;
}

/* ---- Spark on clusters ---- */

const char *tuning_clusters_job(int job)
{
        static const char *const jobs[TUNING_CLUSTER_JOBS] = {"spark_lda_gigantic", "spark_lda_huge",
                                                              "spark_linear_gigantic", "spark_linear_huge",
                                                              "spark_rf_huge"};

        return jobs[job];
}

/* Price of a cluster per hour; that of its kind where the row, of a failed run, does not say. */
static double cluster_price(const struct tuning_table *table, int row)
{
        for (int other = -1; other < table->rows; other++) {
                int from = other < 0 ? row : other;

                if (strcmp(tuning_cell(table, from, "family"), tuning_cell(table, row, "family")) == 0 &&
                    strcmp(tuning_cell(table, from, "size"), tuning_cell(table, row, "size")) == 0 &&
                    tuning_cell(table, from, "implied_price_per_node_h")[0])
                        return number(table, from, "implied_price_per_node_h") * number(table, row, "nodes");
        }
        return NAN;
}

static void keep_job(struct tuning_case *tuned, const double *price, const char *job)
{
        struct tuning_table *table = tuned->table;
        int kept = 0;

        for (int i = 0; i < table->rows; i++) {
                if (strcmp(tuning_cell(table, i, "workload"), job) != 0)
                        continue;
                if (tuned->price)
                        tuned->price[kept] = price[i];
                memmove(table->cells[kept++], table->cells[i], sizeof *table->cells);
        }
        table->rows = kept;
}

struct tuning_case *tuning_clusters(int job, bool cost)
{
        struct tuning_case *tuned = case_of("clusters_140.csv");
        autofree double *price = NULL;

        if (!tuned)
                return NULL;
        price = one_each(tuned->table);
        for (int i = 0; i < tuned->table->rows; i++)
                price[i] = cluster_price(tuned->table, i);
        tuned->price = cost ? one_each(tuned->table) : NULL;
        keep_job(tuned, price, tuning_clusters_job(job));
        tuned->y = one_each(tuned->table);
        for (int i = 0; i < tuned->table->rows; i++)
                tuned->y[i] = number(tuned->table, i, "completed") > 0
                                      ? number(tuned->table, i, cost ? "cost_usd" : "runtime_s")
                                      : NAN;
        may_choose(tuned, "family");
        may_choose(tuned, "size");
        may_choose(tuned, "#nodes");
        is_known(tuned, "vcpus_per_node");
        is_known(tuned, "ram_gib_per_core");
        works_on(tuned, 2);
        return tuned;
}

/* ---- CherryPick ---- */

struct tuning_case *tuning_cherrypick(int job)
{
        static const char *const files[TUNING_CHERRYPICK_JOBS] = {"CP_kmeans.csv", "CP_spark.csv",
                                                                  "CP_terasort.csv", "CP_tpcds.csv",
                                                                  "CP_tpch.csv"};
        struct tuning_case *tuned = case_of(files[job]);

        if (!tuned)
                return NULL;
        tuned->price = one_each(tuned->table);
        tuned->y = one_each(tuned->table);
        for (int i = 0; i < tuned->table->rows; i++) {
                tuned->price[i] =
                        number(tuned->table, i, "num_machines") * number(tuned->table, i, "vm_cost");
                tuned->y[i] = number(tuned->table, i, "time") / 3600 * tuned->price[i];
        }
        may_choose(tuned, "vm_name");
        may_choose(tuned, "#num_machines");
        is_known(tuned, "cpu_count");
        is_known(tuned, "ram");
        is_known(tuned, "vm_cost");
        works_on(tuned, 1);
        return tuned;
}

/* ---- options of compilers and databases ---- */

struct tuning_case *tuning_switches(const char *file)
{
        struct tuning_case *tuned = case_of(file);

        if (!tuned)
                return NULL;
        tuned->y = one_each(tuned->table);
        for (int i = 0; i < tuned->table->rows; i++)
                tuned->y[i] = strtod(tuned->table->cells[i][tuned->table->columns - 1], NULL);
        for (int c = 0; c + 1 < tuned->table->columns; c++) {
                tuned->parameter[c][0] = '#';
                memcpy(tuned->parameter[c] + 1, tuned->table->name[c], TUNING_CELL);
        }
        tuned->parameters = tuned->table->columns - 1;
        return tuned;
}

/* ---- training under a bound ---- */

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

struct tuning_case *tuning_t2_cnn(void)
{
        struct tuning_case *tuned = case_of("t2_cnn_intermediate_values.csv");

        if (!tuned)
                return NULL;
        tuned->price = one_each(tuned->table);
        tuned->y = one_each(tuned->table);
        tuned->bound = one_each(tuned->table);
        for (int i = 0; i < tuned->table->rows; i++) {
                tuned->price[i] = vm_price(tuning_cell(tuned->table, i, "vm_flavor")) *
                                  (number(tuned->table, i, "n_workers") + 2);
                tuned->y[i] = number(tuned->table, i, "training_time") / 3600 * tuned->price[i];
                tuned->bound[i] = 0.85 - number(tuned->table, i, "acc");
        }
        may_choose(tuned, "#n_workers");
        may_choose(tuned, "#batch_size");
        may_choose(tuned, "synchronism");
        may_choose(tuned, "vm_flavor");
        is_known(tuned, "learning_rate");
        return tuned;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/study/internal.h"
#include "core/text.h"

static bool is_named(char *const *names, const struct strategy *strategy)
{
        for (; names && *names; names++)
                if (strcmp(*names, strategy->name) == 0 ||
                    (strcmp(*names, "all") == 0 && !strategy->periodic))
                        return true;
        return false;
}

static bool in_spec(const struct spec *spec, const char *name)
{
        char *const *names = spec->simulation.strategies.items;

        if (spec->simulation.strategies.count == 0)
                return !spec_find_strategy(spec, name)->strategy->periodic;
        for (size_t i = 0; i < spec->simulation.strategies.count; i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

/* `known` ends with NULL and has at least two names. */
static bool fail_unknown(const char *name, const char *const *known, struct error *err)
{
        autotext listed = {0};

        for (; *known; known++)
                text_format(&listed, "%s%s", *known, !known[1] ? "" : known[2] ? ", " : " or ");
        return error_set(err, ERROR_INPUT, NULL, "--strategy %s: unknown strategy; expected %s", name,
                         listed.data);
}

bool study_check_names(const struct spec *spec, char *const *names, struct error *err)
{
        const char **known = memory_new(spec->n_strategies + 2, sizeof *known);
        bool done = true;

        for (size_t i = 0; i < spec->n_strategies; i++)
                known[i] = spec->strategies[i].strategy->name;
        known[spec->n_strategies] = "all";
        for (; done && names && *names; names++) {
                const char *near = text_nearest(*names, known);

                if (strcmp(*names, "all") == 0 || spec_find_strategy(spec, *names))
                        continue;
                done = near ? error_set(err, ERROR_INPUT, NULL,
                                        "--strategy %s: unknown strategy; did you mean %s?", *names, near)
                            : fail_unknown(*names, known, err);
        }
        free(known);
        return done;
}

bool study_chosen(const struct study_request *request, const struct spec *spec, const char *name)
{
        if (request->strategies && *request->strategies)
                return is_named(request->strategies, spec_find_strategy(spec, name)->strategy);
        return in_spec(spec, name);
}

/* The policy that savings are counted against: the spec's, else the baseline's configuration held fixed. */
static struct variant_runs baseline_of(const struct spec *spec)
{
        const struct spec_strategy *fixed = spec_find_strategy(spec, "static");

        if (spec->baseline_strategy)
                return (struct variant_runs){.strategy = spec->baseline_strategy,
                                             .options = spec->baseline_options,
                                             .baseline = true};
        return (struct variant_runs){.strategy = fixed->strategy,
                                     .options = fixed->options,
                                     .baseline = true};
}

const char *study_baseline_name(const struct spec *spec)
{
        return baseline_of(spec).strategy->name;
}

/* The strategies to run, the baseline among them (first, and not shown unless it was chosen). */
struct variant_runs *study_choose(const struct study_request *request, const struct spec *spec,
                                  size_t *ret_count)
{
        struct variant_runs *results = memory_new(spec->n_strategies + 1, sizeof *results);
        size_t count = 1;

        results[0] = baseline_of(spec);
        for (size_t i = 0; i < spec->n_strategies; i++) {
                const struct spec_strategy *one = &spec->strategies[i];

                if (one->strategy != results[0].strategy && study_chosen(request, spec, one->strategy->name))
                        results[count++] =
                                (struct variant_runs){.strategy = one->strategy, .options = one->options};
        }
        *ret_count = count;
        return results;
}

/* Saving of each run against the baseline's same run. */
void study_reckon_savings(const struct variant *variant, struct variant_runs *results, size_t count)
{
        for (size_t i = 0; i < count; i++)
                for (int64_t run = 0; run < variant->runs; run++) {
                        double base = results[0].runs[run].value[SUMMARY_COST_PER_DAY];
                        double cost = results[i].runs[run].value[SUMMARY_COST_PER_DAY];

                        results[i].runs[run].value[SUMMARY_SAVING_PERCENT] =
                                base != 0 ? 100 * (1 - cost / base) : NAN;
                }
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The layout of a spec with the options of the strategies and guardrails that this program was built with. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "core/spec_file.h"
#include "core/spec_plugins.h"

struct layout {
        const struct registry *registry;
        struct option_table file, spec, sources[SECTION_METRICS + 1], strategies, guardrails;
        struct option_rule one_of[SECTION_METRICS][2]; /* one engine, one broker */
        /* Where the options of one strategy stand without its name. */
        struct option_table any_strategy, baseline, recordings;
        struct layout *next;
};

static size_t count_options(const struct option_table *table)
{
        size_t count = 0;

        while (table && table->options[count].name)
                count++;
        return count;
}

static struct option *copy_options(const struct option_table *table)
{
        size_t count = count_options(table);
        struct option *options = memory_new(count + 1, sizeof *options);

        memcpy(options, table->options, count * sizeof *options);
        return options;
}

static const struct option *source_options(const struct registry *registry, enum source_section section)
{
        const struct collector *const *collectors = plugins_collectors(registry);
        struct option *options = memory_new(1, sizeof *options);
        size_t count = 0;

        for (; *collectors; collectors++) {
                if ((*collectors)->section != section)
                        continue;
                options = memory_resize(options, count + 2, sizeof *options);
                options[count++] = (struct option){.name = (*collectors)->name,
                                                   .type = OPTION_POINTER,
                                                   .table = (*collectors)->options,
                                                   .local = (*collectors)->local,
                                                   .help = (*collectors)->summary};
                options[count] = (struct option){0};
        }
        return options;
}

/* One section for each strategy that has options. */
static const struct option *strategy_options(const struct registry *registry)
{
        const struct strategy *const *strategies = plugins_strategies(registry);
        struct option *options = memory_new(plugins_count_strategies(registry) + 1, sizeof *options);
        size_t count = 0;

        for (; *strategies; strategies++)
                if ((*strategies)->options)
                        options[count++] = (struct option){.name = (*strategies)->name,
                                                           .type = OPTION_POINTER,
                                                           .table = (*strategies)->options,
                                                           .help = (*strategies)->summary};
        return options;
}

/* The options of all guardrails, side by side; one that two share is shown once. */
static const struct option *guardrail_options(const struct registry *registry)
{
        const struct guardrail *const *guardrails = plugins_guardrails(registry);
        struct option *options = memory_new(1, sizeof *options);
        size_t count = 0;

        for (; *guardrails; guardrails++) {
                for (size_t i = 0; i < count_options((*guardrails)->options); i++) {
                        const struct option *option = &(*guardrails)->options->options[i];
                        bool shown = false;

                        for (size_t j = 0; j < count && !shown; j++)
                                shown = strcmp(options[j].name, option->name) == 0;
                        if (shown)
                                continue;
                        options = memory_resize(options, count + 2, sizeof *options);
                        options[count++] = *option;
                        options[count] = (struct option){0};
                }
        }
        return options;
}

/* What an option of one name may be in one strategy or another. */
static void widen(struct option *option, const struct option *other)
{
        bool bounded = (option->min != 0 || option->max != 0) && (other->min != 0 || other->max != 0);

        option->min = bounded ? fmin(option->min, other->min) : 0;
        option->max = bounded ? fmax(option->max, other->max) : 0;
        option->fallback = NULL;
}

/* The options of all strategies, side by side, as they stand beside a strategy's name. */
static const struct option *any_strategy_options(const struct registry *registry)
{
        const struct strategy *const *strategies = plugins_strategies(registry);
        struct option *options = memory_new(1, sizeof *options);
        size_t count = 0;

        for (; *strategies; strategies++) {
                for (size_t i = 0; i < count_options((*strategies)->options); i++) {
                        const struct option *option = &(*strategies)->options->options[i];
                        size_t at = 0;

                        while (at < count && strcmp(options[at].name, option->name) != 0)
                                at++;
                        if (at < count) {
                                widen(&options[at], option);
                                continue;
                        }
                        options = memory_resize(options, count + 2, sizeof *options);
                        options[count] = *option;
                        options[count].required = false;
                        /* The API stores the defaults of choices, and most of these belong to others. */
                        if (option->type == OPTION_CHOICE)
                                options[count].fallback = NULL;
                        count++;
                        options[count] = (struct option){0};
                }
        }
        return options;
}

static struct option *find_option(struct option *options, const char *name)
{
        while (strcmp(options->name, name) != 0)
                options++;
        return options;
}

static void lay_out(struct option *option, struct option_table *table)
{
        *table = (struct option_table){.name = option->name, .help = option->help, .options = table->options};
        option->type = OPTION_POINTER;
        option->table = table;
}

/* spec.SECTION.options belong to the strategy that the section names. */
static void lay_out_options(struct layout *layout, struct option *section, struct option_table *table)
{
        struct option *options = copy_options(section->table);

        find_option(options, "options")->table = &layout->any_strategy;
        *table = *section->table;
        table->options = options;
        section->table = table;
}

static void expect_one(struct layout *layout, enum source_section section)
{
        struct option_rule *rule = layout->one_of[section];
        const struct option *options = layout->sources[section].options;
        autotext words = {0};

        text_put(&words, "expected exactly one of ");
        for (size_t i = 0; i < OPTION_RULE_NAMES && options[i].name; i++) {
                rule->names[i] = options[i].name;
                text_format(&words, "%s%s", i ? ", " : "", options[i].name);
        }
        rule->kind = RULE_ONE;
        rule->words = text_take(&words);
        layout->sources[section].rules = rule;
}

static struct layout *layout_new(const struct registry *registry)
{
        struct layout *layout = memory_new(1, sizeof *layout);
        struct option *file = copy_options(&spec_file_table);
        struct option *section = find_option(file, "spec");
        struct option *spec = copy_options(section->table);

        layout->registry = registry;
        layout->strategies.options = strategy_options(registry);
        layout->guardrails.options = guardrail_options(registry);
        for (size_t i = 0; i < ARRAY_LENGTH(layout->sources); i++) {
                layout->sources[i].options = source_options(registry, (enum source_section)i);
                lay_out(find_option(spec, plugins_section_name((enum source_section)i)), &layout->sources[i]);
        }
        expect_one(layout, SECTION_ENGINE);
        expect_one(layout, SECTION_BROKER);
        layout->any_strategy = (struct option_table){.name = "options",
                                                     .help = "Options of the strategy that stands beside.",
                                                     .options = any_strategy_options(registry)};
        lay_out_options(layout, find_option(spec, "baseline"), &layout->baseline);
        lay_out_options(layout, find_option(spec, "recordings"), &layout->recordings);
        lay_out(find_option(spec, "strategies"), &layout->strategies);
        lay_out(find_option(spec, "guardrails"), &layout->guardrails);
        layout->spec = *section->table;
        layout->spec.options = spec;
        section->table = &layout->spec;
        layout->file = spec_file_table;
        layout->file.options = file;
        return layout;
}

/* Tables must outlive whoever looks at them, and a registry is a constant of the program: what is made for it
 * once is as good as a constant, too. */
const struct option_table *spec_table(const struct registry *registry)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static struct layout *layouts;
        struct layout *layout;

        pthread_mutex_lock(&lock);
        for (layout = layouts; layout && layout->registry != registry; layout = layout->next)
                ;
        if (!layout) {
                layout = layout_new(registry);
                layout->next = layouts;
                layouts = layout;
        }
        pthread_mutex_unlock(&lock);
        return &layout->file;
}

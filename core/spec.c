/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/spec_file.h"
#include "core/spec_plugins.h"

/* What the checks of a whole spec need at hand. */
struct reading {
        struct spec_file *file;
        const struct yaml_node *section; /* spec */
        const struct registry *registry;
        struct error *err;
};

static const struct yaml_node *at(const struct reading *reading, const char *section, const char *field)
{
        return yaml_get(yaml_get(reading->section, section), field);
}

/* ---- constraints, configurations ---- */

static void set_constraints(const struct written_constraints *written, struct constraints *constraints)
{
        constraints->latency_p99_seconds = written->latency_p99_milliseconds > 0
                                                   ? (double)written->latency_p99_milliseconds / 1000
                                                   : NAN;
        constraints->backlog_seconds = written->backlog_seconds > 0 ? (double)written->backlog_seconds : NAN;
        constraints->error_ratio = written->error_rate_percent / 100;
        constraints->run_seconds = written->run_seconds > 0 ? (double)written->run_seconds : NAN;
        constraints->confidence = written->confidence_percent / 100;
}

/* Whether a configuration, a list of knobs or a model names an operator somewhere below the node. */
static bool names_operators(const struct yaml_node *node)
{
        bool found = false;

        if (!node || node->kind == YAML_SCALAR)
                return false;
        for (size_t i = 0; i < node->count && !found; i++)
                found = (node->kind == YAML_MAP && strncmp(node->keys[i]->scalar, "operator", 8) == 0) ||
                        names_operators(node->items[i]);
        return found;
}

static bool lacks_graph(const struct reading *reading)
{
        const struct yaml_node *section = reading->section;

        return !reading->file->spec.has_graph && reading->file->engine &&
               (names_operators(yaml_get(section, "knobs")) ||
                names_operators(yaml_get(section, "initial")) ||
                names_operators(yaml_get(section, "baseline")) ||
                names_operators(yaml_get(section, "model")) ||
                names_operators(yaml_get(section, "recordings")));
}

static bool set_configurations(const struct reading *reading)
{
        struct spec_file *file = reading->file;
        const struct yaml_node *baseline = file->baseline.configuration;
        struct spec *spec = &file->spec;
        const struct pipeline *pipeline = &spec->pipeline;
        size_t n_knobs = (size_t)pipeline->n_knobs;
        bool current =
                !baseline || (baseline->kind == YAML_SCALAR && strcmp(baseline->scalar, "Current") == 0);

        spec->initial = memory_new(n_knobs, sizeof *spec->initial);
        spec->baseline = memory_new(n_knobs, sizeof *spec->baseline);
        for (size_t i = 0; i < n_knobs; i++)
                spec->initial[i] = pipeline->knobs[i].role == KNOB_PARTITIONS ? pipeline->knobs[i].min
                                                                              : pipeline->knobs[i].max;
        if (file->initial && !spec->lacks_graph &&
            !spec_read_configuration(pipeline, file->initial, spec->initial, reading->err))
                return false;
        memcpy(spec->baseline, spec->initial, n_knobs * sizeof *spec->baseline);
        spec->baseline_is_current = current;
        if (!current && baseline->kind == YAML_SCALAR)
                return yaml_error(baseline, reading->err,
                                  "is not a configuration; expected Current, a map or a list");
        return current || spec->lacks_graph ||
               spec_read_configuration(pipeline, baseline, spec->baseline, reading->err);
}

/* ---- strategies and guardrails ---- */

static bool set_strategies(const struct reading *reading)
{
        struct spec *spec = &reading->file->spec;
        const struct yaml_node *sections = reading->file->strategies;
        const struct strategy *const *strategies = plugins_strategies(reading->registry);

        if (!plugins_check_sections(reading->registry, sections, reading->err))
                return false;
        spec->strategies = memory_new(plugins_count_strategies(reading->registry), sizeof *spec->strategies);
        for (; *strategies; strategies++) {
                struct spec_strategy *slot = &spec->strategies[spec->n_strategies];

                slot->strategy = *strategies;
                if (!plugins_parse_options(slot->strategy->options, yaml_get(sections, slot->strategy->name),
                                           &slot->options, reading->err))
                        return false;
                spec->n_strategies++;
        }
        return true;
}

static bool set_sources(const struct reading *reading)
{
        const struct spec_file *file = reading->file;
        const struct yaml_node *const nodes[] = {
                [SECTION_ENGINE] = file->engine,
                [SECTION_BROKER] = file->broker,
                [SECTION_METRICS] = file->metrics,
        };
        struct spec *spec = &reading->file->spec;

        for (size_t section = 0; section < ARRAY_LENGTH(nodes); section++)
                if (!plugins_add_sources(reading->registry, (enum source_section)section, nodes[section],
                                         &spec->sources, &spec->n_sources, reading->err))
                        return false;
        return true;
}

/* Every guardrail's options stand in the one map. */
static bool set_guardrails(const struct reading *reading)
{
        struct spec *spec = &reading->file->spec;
        const struct guardrail *const *guardrails = plugins_guardrails(reading->registry);
        size_t count = 0, n_parts = 0;
        autofree struct option_part *parts = NULL;

        while (guardrails[count])
                count++;
        parts = memory_new(count, sizeof *parts);
        spec->guardrails = memory_new(count, sizeof *spec->guardrails);
        for (; spec->n_guardrails < count; spec->n_guardrails++) {
                struct spec_guardrail *slot = &spec->guardrails[spec->n_guardrails];

                slot->guardrail = guardrails[spec->n_guardrails];
                if (!slot->guardrail->options)
                        continue;
                slot->options = memory_new(1, slot->guardrail->options->size);
                parts[n_parts++] = (struct option_part){slot->guardrail->options, slot->options};
        }
        if (count == 0)
                return true;
        return option_parse_parts(parts, n_parts, reading->file->guardrails, reading->err);
}

static bool choose_strategies(const struct reading *reading)
{
        struct spec_file *file = reading->file;
        const struct yaml_node *baseline = yaml_get(reading->section, "baseline");
        const char *baseline_name = file->baseline.strategy ? file->baseline.strategy : "static";

        return plugins_choose(reading->registry, file->strategy ? file->strategy : "plan",
                              yaml_get(reading->section, "strategy"), &file->spec.strategy, reading->err) &&
               plugins_choose(reading->registry, baseline_name, yaml_get(baseline, "strategy"),
                              &file->spec.baseline_strategy, reading->err) &&
               plugins_check_options(file->spec.baseline_strategy, file->baseline.options,
                                     &file->spec.baseline_options, reading->err);
}

/* ---- simulation, recordings, backtest ---- */

static bool check_simulation(const struct reading *reading)
{
        const struct option_list *names = &reading->file->spec.simulation.strategies;
        const struct yaml_node *list = at(reading, "simulation", "strategies");
        const struct strategy *found;

        for (size_t i = 0; i < names->count; i++)
                if (!plugins_choose(reading->registry, ((char **)names->items)[i], list->items[i], &found,
                                    reading->err))
                        return false;
        return true;
}

static const struct recording_options *find_recording(const struct spec *spec, const char *name,
                                                      size_t n_first)
{
        const struct recording_options *recordings = spec->recordings.items;

        for (size_t i = 0; i < n_first; i++)
                if (strcmp(recordings[i].name, name) == 0)
                        return &recordings[i];
        return NULL;
}

static bool check_recording(const struct reading *reading, size_t index)
{
        const struct spec *spec = &reading->file->spec;
        const struct recording_options *recording =
                (const struct recording_options *)spec->recordings.items + index;
        const struct configuration_entry *entries = recording->configuration.items;
        const struct yaml_node *node = spec_item(reading->section, "recordings", index, NULL);
        const struct strategy *strategy;
        void *options = NULL;

        for (size_t i = 0; i < recording->configuration.count; i++)
                if (!spec_check_knob(&spec->pipeline, yaml_get(node, "configuration")->items[i],
                                     entries[i].knob, entries[i].operator_name, reading->err))
                        return false;
        if (!plugins_choose(reading->registry, recording->strategy ? recording->strategy : "static",
                            yaml_get(node, "strategy"), &strategy, reading->err) ||
            !plugins_check_options(strategy, recording->options, &options, reading->err))
                return false;
        if (options)
                option_delete(strategy->options, options);
        return true;
}

static bool check_recordings(const struct reading *reading)
{
        if (reading->file->spec.lacks_graph)
                return true;
        for (size_t i = 0; i < reading->file->spec.recordings.count; i++)
                if (!check_recording(reading, i))
                        return false;
        return true;
}

static bool check_recording_name(const struct reading *reading, const char *name,
                                 const struct yaml_node *node)
{
        const struct spec *spec = &reading->file->spec;
        const struct recording_options *recordings = spec->recordings.items;
        autofree const char **names = memory_new(spec->recordings.count + 1, sizeof *names);
        const char *nearest;

        if (find_recording(spec, name, spec->recordings.count))
                return true;
        for (size_t i = 0; i < spec->recordings.count; i++)
                names[i] = recordings[i].name;
        nearest = text_nearest(name, names);
        return yaml_error(node, reading->err, "no recording \"%.60s\" in spec.recordings%s%s%s", name,
                          nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static bool check_recording_names(const struct reading *reading, const struct option_list *names,
                                  const char *field)
{
        const struct yaml_node *list = at(reading, "backtest", field);

        for (size_t i = 0; i < names->count; i++)
                if (!check_recording_name(reading, ((char **)names->items)[i], list->items[i]))
                        return false;
        return true;
}

static bool check_backtest(const struct reading *reading)
{
        const struct backtest_options *backtest = &reading->file->spec.backtest;

        return check_recording_names(reading, &backtest->fit, "fit") &&
               check_recording_names(reading, &backtest->predict, "predict") &&
               (!backtest->baseline ||
                check_recording_name(reading, backtest->baseline, at(reading, "backtest", "baseline")));
}

/* ---- the whole ---- */

static bool finish(const struct reading *reading)
{
        struct spec *spec = &reading->file->spec;
        const struct yaml_node *model = yaml_get(reading->section, "model");

        spec->has_model = model != NULL;
        spec->has_graph = at(reading, "pipeline", "operators") != NULL;
        spec->has_slots = at(reading, "pipeline", "slotsPerWorker") != NULL;
        spec->lacks_graph = lacks_graph(reading);
        set_constraints(&reading->file->constraints, &spec->constraints);
        if (!spec->prices && !option_new(&prices_table, NULL, &spec->prices, reading->err))
                return false;
        return spec_make_pipeline(reading->file, reading->section, reading->err) &&
               (spec->lacks_graph || spec_order_model(spec, model, reading->err)) &&
               set_configurations(reading) && set_sources(reading) && set_strategies(reading) &&
               set_guardrails(reading) && choose_strategies(reading) && check_simulation(reading) &&
               check_recordings(reading) && check_backtest(reading);
}

static bool apply_overrides(struct yaml_document *document, const char *const *overrides, struct error *err)
{
        for (; overrides && *overrides; overrides++) {
                const char *equals = strchr(*overrides, '=');
                autofree char *path = NULL;

                if (!equals)
                        return error_set(err, ERROR_INPUT, NULL, "--set %s: expected PATH=VALUE", *overrides);
                path = memory_format("%.*s", (int)(equals - *overrides), *overrides);
                if (!yaml_set(document, path, equals + 1, "--set", err))
                        return false;
        }
        return true;
}

static char *folder_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return memory_copy_text(".");
        return memory_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Takes the document, also on failure. */
static bool read_document(struct yaml_document *document, const char *path, const char *data,
                          const char *const *overrides, const struct registry *registry,
                          struct spec **ret_spec, struct error *err)
{
        struct spec_file *file = memory_new(1, sizeof *file);
        autocall(spec_free) struct spec *spec = &file->spec;
        struct reading reading = {.file = file, .registry = registry, .err = err};

        spec->document = document;
        /* Of what is no map at all the parser has a better word. */
        if (yaml_root(document)->kind == YAML_MAP && !apply_overrides(document, overrides, err))
                return false;
        if (!option_parse(&spec_file_table, yaml_root(document), file, err)) {
                spec->document = document; /* a failed parse leaves the object zeroed */
                return false;
        }
        spec->document = document;
        spec->path = memory_copy_text(path);
        spec->base = data ? memory_copy_text(data) : folder_of(path);
        reading.section = yaml_get(yaml_root(document), "spec");
        if (!finish(&reading))
                return false;
        *ret_spec = TAKE(spec);
        return true;
}

bool spec_parse(const char *text, size_t length, const char *path, const char *data,
                const char *const *overrides, const struct registry *registry, struct spec **ret_spec,
                struct error *err)
{
        struct yaml_document *document;

        return yaml_parse(text, length, path, &document, err) &&
               read_document(document, path, data, overrides, registry, ret_spec, err);
}

bool spec_read(const char *path, const char *data, const char *const *overrides,
               const struct registry *registry, struct spec **ret_spec, struct error *err)
{
        struct yaml_document *document;

        return yaml_read_file(path, &document, err) &&
               read_document(document, path, data, overrides, registry, ret_spec, err);
}

static char *object_name(const json_t *object)
{
        const json_t *metadata = json_object_get(object, "metadata");
        const char *kind = json_string_value(json_object_get(object, "kind"));
        const char *namespace = json_string_value(json_object_get(metadata, "namespace"));
        const char *name = json_string_value(json_object_get(metadata, "name"));

        return memory_format("%.63s%s%.63s%s%.253s", kind ? kind : "object", name ? " " : "",
                             namespace ? namespace : "", namespace ? "/" : "", name ? name : "");
}

/* JSON is YAML: one parser reads both, and its limits hold for both. */
bool spec_parse_object(const char *text, size_t length, const char *name, const char *data,
                       const char *const *overrides, const struct registry *registry, struct spec **ret_spec,
                       struct error *err)
{
        struct yaml_document *document;

        if (!yaml_parse(text, length, name, &document, err))
                return false;
        yaml_forget_lines(document);
        return read_document(document, name, data, overrides, registry, ret_spec, err);
}

bool spec_read_object(const json_t *object, const char *data, const struct registry *registry,
                      struct spec **ret_spec, struct error *err)
{
        autofree char *name = object_name(object);
        autofree char *text = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);

        if (!text)
                return error_set(err, ERROR_INPUT, NULL, "%s: holds text that is not UTF-8", name);
        return spec_parse_object(text, strlen(text), name, data, NULL, registry, ret_spec, err);
}

bool spec_has_prices(const struct spec *spec, struct error *err)
{
        if (!spec->price_book)
                return true;
        return error_set(
                err, ERROR_INPUT, NULL,
                "%s: spec.priceBook: PriceBook %s is an object of a cluster, which optctl controller "
                "reads; expected spec.prices here",
                spec->path, spec->price_book);
}

bool spec_price_book(const struct spec *spec, struct price_book **ret_book, struct error *err)
{
        return spec_has_prices(spec, err) && price_book_new(spec->prices, spec->base, ret_book, err);
}

static void strategy_free(const struct spec_strategy *slot)
{
        if (slot->options)
                option_delete(slot->strategy->options, slot->options);
}

void spec_free(struct spec *spec)
{
        struct spec_file *file = (struct spec_file *)spec;

        if (!spec)
                return;
        spec_pipeline_free(&spec->pipeline);
        for (size_t i = 0; i < spec->n_sources; i++)
                if (spec->sources[i].options)
                        option_delete(spec->sources[i].collector->options, spec->sources[i].options);
        free(spec->sources);
        for (size_t i = 0; i < spec->n_strategies; i++)
                strategy_free(&spec->strategies[i]);
        free(spec->strategies);
        for (size_t i = 0; i < spec->n_guardrails; i++)
                if (spec->guardrails[i].options)
                        option_delete(spec->guardrails[i].guardrail->options, spec->guardrails[i].options);
        free(spec->guardrails);
        if (spec->baseline_options)
                option_delete(spec->baseline_strategy->options, spec->baseline_options);
        free(spec->initial);
        free(spec->baseline);
        free(spec->path);
        free(spec->base);
        yaml_document_free(spec->document);
        option_free(&spec_file_table, file);
        free(file);
}

static void forget_strategies(struct spec *spec)
{
        size_t kept = 0;

        for (size_t i = 0; i < spec->n_strategies; i++)
                if (spec->strategies[i].strategy == spec->strategy)
                        spec->strategies[kept++] = spec->strategies[i];
                else
                        strategy_free(&spec->strategies[i]);
        spec->n_strategies = kept;
        spec->strategies = memory_resize(spec->strategies, kept, sizeof *spec->strategies);
}

void spec_forget_unused(struct spec *spec)
{
        yaml_document_free(spec->document);
        spec->document = NULL;
        forget_strategies(spec);
}

const struct spec_strategy *spec_find_strategy(const struct spec *spec, const char *name)
{
        for (size_t i = 0; i < spec->n_strategies; i++)
                if (strcmp(spec->strategies[i].strategy->name, name) == 0)
                        return &spec->strategies[i];
        return NULL;
}

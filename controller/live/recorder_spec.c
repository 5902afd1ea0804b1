/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/live/recorder_internal.h"
#include "core/quantity.h"
#include "core/yaml.h"

#define RECORDING_NAME          "recorded"
#define UNSEEN_RATE             1000.0 /* records/s of an operator of which nothing was seen */
#define UNKNOWN_TRIGGER_SECONDS 3

/* ---- YAML in flow style, as it was written ---- */

static void put_text(struct text *out, const char *text)
{
        text_put(out, "\"");
        for (const unsigned char *at = (const unsigned char *)text; *at; at++)
                if (*at == '"' || *at == '\\')
                        text_format(out, "\\%c", *at);
                else if (*at < 0x20 || *at == 0x7f)
                        text_format(out, "\\x%02X", *at);
                else
                        text_add(out, (const char *)at, 1);
        text_put(out, "\"");
}

/* Numbers, booleans and single words stay as they are; other plain text means the same in quotes. */
static void put_scalar(const struct yaml_node *node, struct text *out)
{
        static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+";

        const char *word = node->scalar + (node->scalar[0] == '-');

        if (node->null)
                text_put(out, "null");
        else if (!node->quoted && *word && word[strspn(word, bare)] == '\0')
                text_put(out, node->scalar);
        else
                put_text(out, node->scalar);
}

/* A file is found from another folder, too. */
static void put_file(const struct yaml_node *node, const char *base, struct text *out)
{
        autofree char *path = memory_format("%s%s%s", node->scalar[0] == '/' ? "" : base,
                                            node->scalar[0] == '/' ? "" : "/", node->scalar);
        char whole[PATH_MAX];

        put_text(out, realpath(path, whole) ? whole : node->scalar);
}

static void put_flow(const struct yaml_node *node, const char *base, struct text *out)
{
        bool map = node->kind == YAML_MAP;

        if (node->kind == YAML_SCALAR) {
                put_scalar(node, out);
                return;
        }
        text_put(out, map ? "{" : "[");
        for (size_t i = 0; i < node->count; i++) {
                const struct yaml_node *item = node->items[i];

                text_put(out, i > 0 ? ", " : "");
                if (map) {
                        put_scalar(node->keys[i], out);
                        text_put(out, ": ");
                }
                if (map && item->kind == YAML_SCALAR && strcmp(node->keys[i]->scalar, "file") == 0)
                        put_file(item, base, out);
                else
                        put_flow(item, base, out);
        }
        text_put(out, map ? "}" : "]");
}

/* What the spec says under a key, if it says anything; the items of a list stand on lines of their own. */
static void put_section(const struct yaml_node *spec, const char *key, const char *base, struct text *out)
{
        const struct yaml_node *node = yaml_get(spec, key);

        if (!node || node->null)
                return;
        text_format(out, "  %s:", key);
        if (node->kind != YAML_LIST) {
                text_put(out, " ");
                put_flow(node, base, out);
                text_put(out, "\n");
                return;
        }
        text_put(out, "\n");
        for (size_t i = 0; i < node->count; i++) {
                text_put(out, "    - ");
                put_flow(node->items[i], base, out);
                text_put(out, "\n");
        }
}

/* ---- what was recorded ---- */

static void put_value(const struct pipeline *pipeline, int index, double value, struct text *out)
{
        const struct knob *knob = &pipeline->knobs[index];

        text_put(out, "{knob: ");
        put_text(out, knob->name);
        if (knob->operator_index >= 0) {
                text_put(out, ", operator: ");
                put_text(out, pipeline->operators[knob->operator_index].name);
        }
        text_put(out, ", value: ");
        quantity_put(out, value);
        text_put(out, "}");
}

/* The knobs that ran within their range; others are at their bounds in a simulation. */
static void put_configuration(const struct pipeline *pipeline, const struct configuration *configuration,
                              struct text *out)
{
        const char *between = "";

        text_put(out, "[");
        for (int i = 0; i < configuration->count; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                double value = configuration->value[i];

                if (!(value >= knob->min && value <= knob->max))
                        continue;
                text_put(out, between);
                put_value(pipeline, i, value, out);
                between = ", ";
        }
        text_put(out, "]");
}

static void put_series(const struct recorded_column *column, struct text *out)
{
        text_put(out, "        - {metric: ");
        put_text(out, column->name);
        text_put(out, ", file: " RECORDER_SAMPLES ", valueColumn: ");
        put_text(out, column->name);
        text_format(out, ", timeColumn: %s}\n", column->at_end ? "time" : "start");
}

static void put_recording(const struct spec *spec, const struct recorded *recorded, struct text *out)
{
        text_put(out, "  recordings:\n    - name: " RECORDING_NAME "\n      configuration: ");
        put_configuration(&spec->pipeline, &recorded->initial, out);
        text_put(out, "\n      series:\n");
        for (size_t i = 0; i < recorded->count; i++)
                if (recorded->columns[i].values >= RECORDED_ENOUGH)
                        put_series(&recorded->columns[i], out);
}

/*
 * Where the spec has no model: calibration needs a first guess of what it may not find. Rates that optctl
 * measures are differences of counters, which hold what checkpoints take, workers are there before it may use
 * them, and a Flink that is asked for another parallelism stops the job at the end of its next checkpoint.
 */
static void put_guess(const struct spec *spec, const struct recorded *recorded, struct text *out)
{
        text_put(out,
                 "  model: # a first guess, which calibration replaces where the recording tells better\n"
                 "    operators:\n");
        for (int i = 0; i < spec->pipeline.n_operators; i++) {
                double rate = recorded->rate_per_second[i];

                text_put(out, "      - {name: ");
                put_text(out, spec->pipeline.operators[i].name);
                text_format(out, ", ratePerSecond: \"%.4g\"}\n", isnan(rate) ? UNSEEN_RATE : rate);
        }
        text_format(out,
                    "    restart: {triggerDelaySeconds: %g, checkpointSeconds: %.6g, medianSeconds: 5, "
                    "medianSecondsError: 3, warmupSeconds: 0}\n"
                    "    workerStartSeconds: 0\n"
                    "    metrics: {meterSeconds: 0, jitterSeconds: 0.1}\n",
                    recorded->checkpoint_seconds > 0 ? 0.0 : UNKNOWN_TRIGGER_SECONDS,
                    recorded->checkpoint_seconds > 0 ? recorded->checkpoint_seconds : 0.0);
        if (recorded->checkpoint_seconds > 0)
                text_format(out, "    checkpoints: {intervalSeconds: %.6g, pauseSeconds: 0}\n",
                            recorded->checkpoint_seconds);
}

void recorder_put_spec(const struct spec *spec, const struct recorded *recorded, struct text *out)
{
        static const char *const sections[] = {"pipeline", "knobs",      "constraints", "objective",
                                               "strategy", "strategies", "guardrails",  "prices",
                                               "baseline", "model"};
        const struct yaml_node *node = yaml_get(yaml_root(spec->document), "spec");

        text_put(
                out,
                "# Recorded by optctl: fit the model with `optctl calibrate`, ask what would have been with\n"
                "# `optctl simulate`.\n"
                "apiVersion: optctl.dev/v1alpha1\nkind: TunedPipeline\nmetadata: {name: ");
        put_text(out, spec->name);
        text_put(out, "}\nspec:\n");
        for (size_t i = 0; i < ARRAY_LENGTH(sections); i++)
                put_section(node, sections[i], spec->base, out);
        if (!spec->has_model)
                put_guess(spec, recorded, out);
        text_put(out, "  initial: ");
        put_configuration(&spec->pipeline, &recorded->initial, out);
        text_put(out,
                 "\n  workload: {file: " RECORDER_SAMPLES ", timeColumn: start, valueColumn: offered}\n");
        put_recording(spec, recorded, out);
        text_put(out, "  backtest: {fit: [" RECORDING_NAME "]}\n");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live/target.h"

#include <stdlib.h>

struct aim {
        const struct actuator *actuator;
        void *state;
};

struct target {
        const struct pipeline *pipeline;
        size_t n_aims;
        struct aim *aims; /* in the order in which they are asked */
};

/* ---- life ---- */

static bool open_section(const struct source_context *context, const struct spec *spec,
                         enum source_section section, struct target *target, struct error *err)
{
        for (size_t i = 0; i < spec->n_sources; i++) {
                const struct spec_source *source = &spec->sources[i];
                struct aim *aim = &target->aims[target->n_aims];

                if (!source->actuator || source->collector->section != section)
                        continue;
                aim->actuator = source->actuator;
                if (!aim->actuator->open(context, source->options, &aim->state, err))
                        return error_wrap(err, "%s", aim->actuator->name);
                target->n_aims++;
        }
        return true;
}

bool target_open(const struct source_context *context, const struct spec *spec, struct target **ret_target,
                 struct error *err)
{
        static const enum source_section order[] = {SECTION_BROKER, SECTION_ENGINE, SECTION_METRICS};
        autocall(target_free) struct target *target = memory_new(1, sizeof *target);

        target->pipeline = &spec->pipeline;
        target->aims = memory_new(spec->n_sources, sizeof *target->aims);
        for (size_t i = 0; i < ARRAY_LENGTH(order); i++)
                if (!open_section(context, spec, order[i], target, err))
                        return false;
        *ret_target = TAKE(target);
        return true;
}

void target_free(struct target *target)
{
        if (!target)
                return;
        for (size_t i = 0; i < target->n_aims; i++)
                target->aims[i].actuator->close(target->aims[i].state);
        free(target->aims);
        free(target);
}

/* ---- as one actuator ---- */

static bool aim_controls(const struct aim *aim, const struct knob *knob)
{
        return !aim->actuator->controls || aim->actuator->controls(aim->state, knob);
}

static bool target_controls(void *state, const struct knob *knob)
{
        const struct target *target = state;

        for (size_t i = 0; i < target->n_aims; i++)
                if (aim_controls(&target->aims[i], knob))
                        return true;
        return false;
}

static bool concerns(const struct target *target, const struct aim *aim, const struct configuration *from,
                     const struct configuration *to)
{
        for (int i = 0; i < target->pipeline->n_knobs; i++)
                if (from->value[i] != to->value[i] && aim_controls(aim, &target->pipeline->knobs[i]))
                        return true;
        return false;
}

static bool target_apply(void *state, const struct configuration *from, const struct configuration *to,
                         bool dry_run, const struct call_recorder *calls, struct error *err)
{
        const struct target *target = state;

        for (size_t i = 0; i < target->n_aims; i++) {
                const struct aim *aim = &target->aims[i];

                if (concerns(target, aim, from, to) &&
                    !aim->actuator->apply(aim->state, from, to, dry_run, calls, err))
                        return error_wrap(err, "%s", aim->actuator->name);
        }
        return true;
}

static bool target_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        const struct target *target = state;

        for (size_t i = 0; i < target->n_aims; i++)
                if (!target->aims[i].actuator->read(target->aims[i].state, ret_configuration, err))
                        return error_wrap(err, "%s", target->aims[i].actuator->name);
        return true;
}

/* The slowest one's. */
static int64_t target_patience_ms(void *state)
{
        const struct target *target = state;
        int64_t longest = 0;

        for (size_t i = 0; i < target->n_aims; i++) {
                const struct aim *aim = &target->aims[i];
                int64_t own = aim->actuator->patience_ms ? aim->actuator->patience_ms(aim->state) : 0;

                longest = own > longest ? own : longest;
        }
        return longest > 0 ? longest : INT64_MAX / 4;
}

const struct actuator target_actuator = {
        .name = "target",
        .summary = "All that can be set of a pipeline",
        .controls = target_controls,
        .apply = target_apply,
        .read = target_read,
        .patience_ms = target_patience_ms,
};

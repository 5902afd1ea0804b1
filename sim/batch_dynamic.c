/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/batch_dynamic.h"

#include <math.h>

#define LOOK_EVERY_MS 100

static int64_t within(const struct batch_dynamic *rules, int64_t executors)
{
        if (executors > rules->most)
                executors = rules->most;
        return executors < rules->least ? rules->least : executors;
}

struct batch_allocation batch_allocation_begin(const struct batch_dynamic *rules)
{
        return (struct batch_allocation){.rules = rules,
                                         .target = within(rules, rules->initial),
                                         .to_add = 1,
                                         .add_at_ms = INFINITY};
}

/* Those that are there count, even where fewer were wanted by now. */
static void add(struct batch_allocation *it, double now_ms, int64_t needed, int64_t present)
{
        int64_t before = it->target, from = present > before ? present : before;
        int64_t to = within(it->rules, from + it->to_add < needed ? from + it->to_add : needed);

        it->add_at_ms = now_ms + fmax(it->rules->sustained_ms, LOOK_EVERY_MS);
        if (to > before)
                it->target = to;
        it->to_add = to - before == it->to_add ? it->to_add * 2 : 1;
}

void batch_allocation_look(struct batch_allocation *it, double now_ms, size_t pending, size_t running,
                           int64_t slots_each, int64_t present)
{
        int64_t needed = ((int64_t)(pending + running) + slots_each - 1) / slots_each;

        it->begun |= pending > 0;
        if (!it->begun)
                return;
        if (pending == 0) {
                it->add_at_ms = INFINITY;
                it->to_add = 1;
        } else if (isinf(it->add_at_ms))
                it->add_at_ms = now_ms + it->rules->backlog_ms;
        if (needed < it->target) {
                it->target = within(it->rules, needed);
                it->to_add = 1;
        } else if (now_ms >= it->add_at_ms)
                add(it, now_ms, needed, present);
        it->more = pending > 0 && it->target < within(it->rules, needed);
}

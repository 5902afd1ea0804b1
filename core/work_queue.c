/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/work_queue.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_MS   500
#define LONGEST_PAUSE_MS (60 * MS_PER_SECOND)

struct item {
        struct work_queue *queue;
        char *key;
        bool waits, runs, again; /* in the line; with a worker; and added meanwhile */
        bool forgotten;          /* goes once no timer knows it */
        int failures;            /* in a row */
        int n_timers;
        int64_t since_ms; /* steady: with its worker */
        int64_t due_ms;   /* steady: the timer that counts; 0: none */
        struct item *next;
};

struct idle {
        struct fiber *fiber;
        struct idle *next;
};

struct work_queue {
        struct reactor *reactor;
        struct metrics *metrics;
        void *items; /* a tree of tsearch */
        struct item *first, **last;
        struct idle *idle; /* workers without work */
        int64_t depth;
};

static const struct metric_family depth_family = {.name = "optctl_workqueue_depth",
                                                  .type = METRIC_GAUGE,
                                                  .help = "Keys that wait for a worker."};
static const struct metric_family adds_family = {.name = "optctl_workqueue_adds_total",
                                                 .type = METRIC_COUNTER,
                                                 .help = "Keys that came to wait for a worker."};
static const struct metric_family retries_family = {.name = "optctl_workqueue_retries_total",
                                                    .type = METRIC_COUNTER,
                                                    .help = "Keys that are tried again after a failure."};
static const struct metric_family longest_family =
        {.name = "optctl_workqueue_longest_running_seconds",
         .type = METRIC_GAUGE,
         .help = "For how long the worker that is slowest now has worked on its key."};

METRIC_FAMILY(depth_family);
METRIC_FAMILY(adds_family);
METRIC_FAMILY(retries_family);
METRIC_FAMILY(longest_family);

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

static void free_item(void *node)
{
        struct item *item = node;

        free(item->key);
        free(item);
}

struct work_queue *work_queue_new(struct reactor *reactor, struct metrics *metrics)
{
        struct work_queue *queue = memory_new(1, sizeof *queue);

        queue->reactor = reactor;
        queue->metrics = metrics;
        queue->last = &queue->first;
        /* A zero, so that the first one is seen as one more. */
        metrics_add(metrics, &retries_family, NULL, 0);
        return queue;
}

void work_queue_free(struct work_queue *queue)
{
        if (!queue)
                return;
        tdestroy(queue->items, free_item);
        free(queue);
}

static struct item *find(struct work_queue *queue, const char *key)
{
        struct item sought = {.key = (char *)(uintptr_t)key};
        struct item **found = tfind(&sought, &queue->items, compare);

        return found ? *found : NULL;
}

static struct item *find_or_make(struct work_queue *queue, const char *key)
{
        struct item *item = find(queue, key);

        if (item) {
                item->forgotten = false;
                return item;
        }
        item = memory_new(1, sizeof *item);
        item->queue = queue;
        item->key = memory_copy_text(key);
        (void)tsearch(item, &queue->items, compare);
        return item;
}

static void forget_if_unused(struct item *item)
{
        if (!item->forgotten || item->waits || item->runs || item->n_timers > 0)
                return;
        (void)tdelete(item, &item->queue->items, compare);
        free_item(item);
}

static void wake_worker(struct work_queue *queue)
{
        struct idle *idle = queue->idle;

        if (!idle)
                return;
        queue->idle = idle->next;
        idle->next = idle; /* it is out of the list */
        reactor_wake(queue->reactor, idle->fiber);
}

static void add(struct item *item)
{
        struct work_queue *queue = item->queue;

        item->due_ms = 0;
        if (item->runs)
                item->again = true;
        if (item->runs || item->waits)
                return;
        item->waits = true;
        item->next = NULL;
        *queue->last = item;
        queue->last = &item->next;
        queue->depth++;
        metrics_add(queue->metrics, &adds_family, NULL, 1);
        wake_worker(queue);
}

void work_queue_add(struct work_queue *queue, const char *key)
{
        add(find_or_make(queue, key));
}

/* ---- later ---- */

static void on_time(void *argument)
{
        struct item *item = argument;

        item->n_timers--;
        if (item->due_ms > 0 && reactor_steady_ms(item->queue->reactor) >= item->due_ms)
                add(item);
        forget_if_unused(item);
}

static void add_after(struct item *item, int64_t ms)
{
        struct reactor *reactor = item->queue->reactor;
        const struct clock clock = reactor_clock(reactor);
        int64_t due_ms = reactor_steady_ms(reactor) + ms;

        if (item->waits || reactor_stopped(reactor) || (item->due_ms > 0 && item->due_ms <= due_ms))
                return;
        item->due_ms = due_ms;
        item->n_timers++;
        reactor_spawn_at(reactor, clock_now_ms(&clock) + ms, on_time, item);
}

void work_queue_add_after(struct work_queue *queue, const char *key, int64_t ms)
{
        add_after(find_or_make(queue, key), ms);
}

/* ---- workers ---- */

static void wait_for_work(struct work_queue *queue)
{
        struct idle idle = {.fiber = reactor_current(queue->reactor), .next = queue->idle};
        const struct clock clock = reactor_clock(queue->reactor);
        struct idle **link = &queue->idle;

        queue->idle = &idle; /* cppcheck-suppress autoVariables ; it is out of the list before this returns */
        (void)reactor_wait_until(queue->reactor, clock_now_ms(&clock) + MS_PER_DAY);
        if (idle.next == &idle)
                return;
        while (*link != &idle)
                link = &(*link)->next;
        *link = idle.next;
}

bool work_queue_take(struct work_queue *queue, const char **ret_key)
{
        struct item *item;

        while (!queue->first && !reactor_stopped(queue->reactor))
                wait_for_work(queue);
        item = queue->first;
        if (!item || reactor_stopped(queue->reactor))
                return false;
        queue->first = item->next;
        if (!queue->first)
                queue->last = &queue->first;
        queue->depth--;
        item->waits = false;
        item->runs = true;
        item->since_ms = reactor_steady_ms(queue->reactor);
        *ret_key = item->key;
        return true;
}

static int64_t pause_of(struct item *item)
{
        int64_t ms = FIRST_PAUSE_MS;

        for (int i = 0; i < item->failures && ms < LONGEST_PAUSE_MS; i++)
                ms *= 2;
        item->failures++;
        return ms < LONGEST_PAUSE_MS ? ms : LONGEST_PAUSE_MS;
}

void work_queue_done(struct work_queue *queue, const char *key, enum work_result result)
{
        struct item *item = find(queue, key);
        bool again = item->again;

        item->runs = item->again = false;
        if (result == WORK_FAILED) {
                int64_t ms = pause_of(item);

                metrics_add(queue->metrics, &retries_family, NULL, 1);
                if (again)
                        add(item);
                else
                        add_after(item, ms);
                return;
        }
        item->failures = 0;
        if (again)
                add(item);
        item->forgotten = result == WORK_FORGET && !again;
        forget_if_unused(item);
}

/* ---- looking ---- */

int64_t work_queue_depth(const struct work_queue *queue)
{
        return queue->depth;
}

struct longest {
        int64_t now_ms, ms;
};

static void look(const void *node, VISIT visit, void *context)
{
        const struct item *item = *(const struct item *const *)node;
        struct longest *longest = context;

        if ((visit == postorder || visit == leaf) && item->runs &&
            longest->now_ms - item->since_ms > longest->ms)
                longest->ms = longest->now_ms - item->since_ms;
}

void work_queue_measure(struct work_queue *queue)
{
        struct longest longest = {.now_ms = reactor_steady_ms(queue->reactor)};

        twalk_r(queue->items, look, &longest);
        metrics_set(queue->metrics, &depth_family, NULL, (double)queue->depth);
        metrics_set(queue->metrics, &longest_family, NULL, (double)longest.ms / MS_PER_SECOND);
}

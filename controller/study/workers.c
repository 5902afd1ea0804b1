/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"

#define MAX_THREADS 256

struct pool {
        bool (*job)(void *context, size_t index, struct error *err);
        void *context;
        size_t count;
        struct progress *progress;
        atomic_size_t next;
        atomic_bool stop;
        pthread_mutex_t lock;
        size_t failed_index; /* under the lock */
        struct error failure;
};

static void report_failure(struct pool *pool, size_t index, const struct error *err)
{
        pthread_mutex_lock(&pool->lock);
        if (index < pool->failed_index) {
                pool->failed_index = index;
                pool->failure = *err;
        }
        pthread_mutex_unlock(&pool->lock);
        atomic_store(&pool->stop, true);
}

static void *work(void *argument)
{
        struct pool *pool = argument;

        while (!atomic_load(&pool->stop)) {
                size_t index = atomic_fetch_add(&pool->next, 1);
                struct error err = ERROR_INIT;

                if (index >= pool->count)
                        break;
                if (clock_stopped()) {
                        error_set(&err, ERROR_INTERRUPTED, NULL, "interrupted");
                        report_failure(pool, index, &err);
                } else if (!pool->job(pool->context, index, &err)) {
                        report_failure(pool, index, &err);
                }
                if (pool->progress)
                        progress_add(pool->progress, 1);
        }
        return NULL;
}

bool workers_run(size_t count, size_t threads, bool (*job)(void *context, size_t index, struct error *err),
                 void *context, struct progress *progress, struct error *err)
{
        struct pool pool = {.job = job,
                            .context = context,
                            .count = count,
                            .progress = progress,
                            .failed_index = count};
        pthread_t others[MAX_THREADS];
        size_t started = 0;

        if (threads == 0)
                threads = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
        if (threads > count)
                threads = count;
        if (threads > MAX_THREADS)
                threads = MAX_THREADS;
        pthread_mutex_init(&pool.lock, NULL);
        while (started + 1 < threads && pthread_create(&others[started], NULL, work, &pool) == 0)
                started++;
        work(&pool);
        for (size_t i = 0; i < started; i++)
                pthread_join(others[i], NULL);
        pthread_mutex_destroy(&pool.lock);
        if (pool.failed_index < count) {
                *err = pool.failure;
                return false;
        }
        return true;
}

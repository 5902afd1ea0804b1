/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kafka/kafka_cluster.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/reactor.h"
#include "core/shared.h"
#include "core/clock.h"

#define STACK_BYTES (512 * 1024)

/* Lives on the stack of the fiber that waits for it. */
struct job {
        kafka_work work;
        void *argument;
        int64_t deadline_ms;
        struct error *err;
        bool done, ended;
        struct fiber *fiber;
        struct job *next;
};

struct queue {
        struct job *first, **last;
};

struct kafka_cluster {
        struct reactor *reactor;
        struct shared *shared; /* NULL: nobody shares it */
        uv_async_t news;       /* something ended: the thread tells the loop */
        size_t n_waiting;      /* fibers; while there are any, the loop must not end */
        bool started;
        pthread_t thread;
        struct kafka_client *client; /* of the thread */
        pthread_mutex_t mutex;       /* of what follows */
        pthread_cond_t more;
        struct queue wanted, ended;
        bool closing;
};

/* ---- queues ---- */

static void queue_add(struct queue *queue, struct job *job)
{
        job->next = NULL;
        *queue->last = job;
        queue->last = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
        struct job *job = queue->first;

        if (!job)
                return NULL;
        queue->first = job->next;
        if (!queue->first)
                queue->last = &queue->first;
        return job;
}

/* ---- the thread ---- */

static void do_job(struct kafka_cluster *cluster, struct job *job)
{
        if (kafka_left_ms(job->deadline_ms) > 0)
                job->done = job->work(cluster->client, job->deadline_ms, job->argument, job->err);
        else
                job->done = error_set(job->err, ERROR_TIMEOUT, NULL,
                                      "did not answer others in time, so this was not asked");
        if (!job->done)
                (void)kafka_name_peer(kafka_client_servers(cluster->client), job->err);
}

static void *run(void *argument)
{
        struct kafka_cluster *cluster = argument;
        struct job *job;

        pthread_mutex_lock(&cluster->mutex);
        for (;;) {
                while (!(job = queue_take(&cluster->wanted)) && !cluster->closing)
                        pthread_cond_wait(&cluster->more, &cluster->mutex);
                if (!job)
                        break;
                pthread_mutex_unlock(&cluster->mutex);
                do_job(cluster, job);
                pthread_mutex_lock(&cluster->mutex);
                queue_add(&cluster->ended, job);
                uv_async_send(&cluster->news);
        }
        pthread_mutex_unlock(&cluster->mutex);
        kafka_client_free(TAKE(cluster->client));
        uv_async_send(&cluster->news);
        return NULL;
}

static bool start(struct kafka_cluster *cluster, struct error *err)
{
        pthread_attr_t attributes;
        int failed;

        if (cluster->started)
                return true;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        failed = pthread_create(&cluster->thread, &attributes, run, cluster);
        pthread_attr_destroy(&attributes);
        cluster->started = failed == 0;
        return cluster->started || error_errno(err, failed, "no thread for Kafka");
}

/* ---- in the loop ---- */

static void on_closed(uv_handle_t *handle)
{
        struct kafka_cluster *cluster = handle->data;

        pthread_mutex_destroy(&cluster->mutex);
        pthread_cond_destroy(&cluster->more);
        free(cluster);
}

static void on_news(uv_async_t *news)
{
        struct kafka_cluster *cluster = news->data;
        struct job *job;
        bool closed;

        pthread_mutex_lock(&cluster->mutex);
        while ((job = queue_take(&cluster->ended))) {
                job->ended = true;
                reactor_wake(cluster->reactor, job->fiber);
        }
        closed = cluster->closing && !cluster->client;
        pthread_mutex_unlock(&cluster->mutex);
        if (!closed || uv_is_closing((uv_handle_t *)news))
                return;
        pthread_join(cluster->thread, NULL);
        uv_close((uv_handle_t *)news, on_closed);
}

bool kafka_cluster_call(struct kafka_cluster *cluster, int64_t timeout_ms, kafka_work work, void *argument,
                        struct error *err)
{
        struct job job = {
                .work = work,
                .argument = argument,
                .deadline_ms = clock_steady_ms() + timeout_ms,
                .err = err,
                .fiber = reactor_current(cluster->reactor),
        };

        if (!start(cluster, err))
                return false;
        pthread_mutex_lock(&cluster->mutex);
        queue_add(&cluster->wanted, &job);
        pthread_cond_signal(&cluster->more);
        pthread_mutex_unlock(&cluster->mutex);
        if (cluster->n_waiting++ == 0)
                uv_ref((uv_handle_t *)&cluster->news);
        while (!job.ended)
                reactor_suspend(cluster->reactor);
        if (--cluster->n_waiting == 0)
                uv_unref((uv_handle_t *)&cluster->news);
        return job.done;
}

/* ---- life ---- */

struct wanted {
        const struct source_context *context;
        const struct kafka_options *options;
};

static void *make(void *argument)
{
        const struct wanted *wanted = argument;
        struct kafka_cluster *cluster = memory_new(1, sizeof *cluster);

        cluster->reactor = wanted->context->reactor;
        cluster->shared = wanted->context->shared;
        cluster->client = kafka_client_new(wanted->options, wanted->context->base);
        cluster->wanted.last = &cluster->wanted.first;
        cluster->ended.last = &cluster->ended.first;
        cluster->news.data = cluster;
        pthread_mutex_init(&cluster->mutex, NULL);
        pthread_cond_init(&cluster->more, NULL);
        uv_async_init(reactor_loop(cluster->reactor), &cluster->news, on_news);
        uv_unref((uv_handle_t *)&cluster->news);
        return cluster;
}

struct kafka_cluster *kafka_cluster_take(const struct source_context *context,
                                         const struct kafka_options *options)
{
        struct wanted wanted = {context, options};
        autofree char *key = kafka_client_key(options, context->base);

        return context->shared ? shared_take(context->shared, key, make, &wanted) : make(&wanted);
}

static void destroy(void *thing)
{
        struct kafka_cluster *cluster = thing;

        if (!cluster->started) {
                kafka_client_free(cluster->client);
                uv_close((uv_handle_t *)&cluster->news, on_closed);
                return;
        }
        uv_ref((uv_handle_t *)&cluster->news);
        pthread_mutex_lock(&cluster->mutex);
        cluster->closing = true;
        pthread_cond_signal(&cluster->more);
        pthread_mutex_unlock(&cluster->mutex);
}

void kafka_cluster_give_back(struct kafka_cluster *cluster)
{
        if (!cluster)
                return;
        if (cluster->shared)
                shared_give_back(cluster->shared, cluster, destroy);
        else
                destroy(cluster);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/collect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/reactor.h"
#include "engines/flink/engine.h"
#include "engines/flink/measure.h"
#include "engines/flink/sample.h"

/*
 * Flink answers with what it fetched for whoever asked before, and then fetches anew: the first question
 * (for the job) makes it fetch, the others are asked once that is done.
 */
#define FETCH_MS     300
#define MORE_SAMPLES 2 /* at most, when not all TaskManagers were heard of */

struct state {
        struct flink_engine *engine;
        struct flink_measure measure;
        char names_of[FLINK_ID_ROOM]; /* the job whose metrics these are */
        struct flink_names *names;    /* of each operator's vertex */
        bool names_known;
        char *worker_query;         /* NULL: not known yet */
        double checkpoint_interval; /* s; NAN: not known */
        int restarts;               /* when the job was looked at last; -1: not known */
        double failed_ms;           /* time of the failure that was told last; NAN: none */
};

void flink_collect_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        for (int i = 0; state->names && i < state->measure.pipeline->n_operators; i++)
                flink_names_free(&state->names[i]);
        free(state->names);
        free(state->worker_query);
        flink_measure_free(&state->measure);
        flink_engine_close(state->engine);
        free(state);
}

bool flink_collect_open(const struct source_context *context, const struct flink_options *options,
                        void **ret_state, struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        state->measure = (struct flink_measure){
                .pipeline = context->pipeline,
                .warm_up_ms = options->warm_up_seconds * MS_PER_SECOND,
                .latency_scale = options->latency_scale,
                .latency_wanted = options->latency_metric,
                .restarts = -1,
        };
        state->checkpoint_interval = NAN;
        state->restarts = -1;
        state->failed_ms = NAN;
        if (!flink_engine_open(context, options, &state->engine, err)) {
                free(state);
                return false;
        }
        if (context->pipeline)
                state->names = memory_new((size_t)context->pipeline->n_operators, sizeof *state->names);
        *ret_state = state;
        return true;
}

/* ---- paths ---- */

/* Paths that are asked for at once, and their answers in the same order. */
struct questions {
        size_t count;
        char **paths;
        json_t **answers;
};

static size_t add_path(struct questions *questions, char *take_path)
{
        questions->paths = memory_resize(questions->paths, questions->count + 1, sizeof *questions->paths);
        questions->paths[questions->count] = take_path;
        return questions->count++;
}

static bool ask_all(struct flink_engine *engine, struct questions *questions, struct error *err)
{
        struct error first = ERROR_INIT;

        questions->answers = memory_new(questions->count, sizeof(json_t *));
        if (flink_get_all(engine, questions->paths, questions->count, questions->answers, &first) > 0)
                return true;
        *err = first;
        return false;
}

static void questions_free(struct questions *questions)
{
        for (size_t i = 0; i < questions->count; i++) {
                free(questions->paths[i]);
                if (questions->answers)
                        json_decref(questions->answers[i]);
        }
        free(questions->paths);
        free(questions->answers);
}

/* ---- which metrics there are ---- */

static char *metrics_path(const struct flink_job *job, int vertex, const char *query)
{
        return memory_format("/jobs/%s/vertices/%s/subtasks/metrics%s", job->id, job->vertices[vertex].id,
                             query);
}

/* Before TaskManagers have reported, lists are empty: then they are asked for again next time. */
static void learn_names(struct state *state, const struct flink_job *job, const int *vertices)
{
        const struct pipeline *pipeline = state->measure.pipeline;
        struct questions questions = {0};
        struct error ignored = ERROR_INIT;
        size_t workers, checkpoints;

        if (strcmp(state->names_of, job->id) == 0 && state->names_known)
                return;
        for (int i = 0; i < pipeline->n_operators; i++)
                (void)add_path(&questions, metrics_path(job, vertices[i], ""));
        workers = add_path(&questions, memory_copy_text("/taskmanagers/metrics"));
        checkpoints = add_path(&questions, memory_format("/jobs/%s/checkpoints/config", job->id));
        memcpy(state->names_of, job->id, FLINK_ID_ROOM);
        state->names_known = ask_all(state->engine, &questions, &ignored);
        for (int i = 0; i < pipeline->n_operators; i++) {
                const json_t *list = questions.answers[i];

                flink_names_free(&state->names[i]);
                flink_names_read(list, pipeline->operators[i].source, state->engine->options->latency_metric,
                                 &state->names[i]);
                state->names_known &= json_array_size(list) > 0;
        }
        free(state->worker_query);
        state->worker_query = flink_worker_query(questions.answers[workers]);
        state->checkpoint_interval = flink_checkpoint_interval(questions.answers[checkpoints]);
        questions_free(&questions);
}

/* ---- collect ---- */

/* Positions of the answers. */
struct layout {
        size_t job, workers, worker_metrics;
        bool with_worker_metrics;
        size_t vertices[PIPELINE_MAX_OPERATORS], metrics[PIPELINE_MAX_OPERATORS];
};

static void lay_out(const struct state *state, const struct flink_job *job, const int *vertices,
                    struct questions *questions, struct layout *layout)
{
        layout->job = add_path(questions, memory_format("/jobs/%s/"
                                                        "metrics?get=numRestarts,numRescales,"
                                                        "lastCheckpointDuration,numberOfFailedCheckpoints",
                                                        job->id));
        layout->workers = add_path(questions, memory_copy_text("/taskmanagers"));
        layout->with_worker_metrics = state->worker_query;
        if (state->worker_query)
                layout->worker_metrics =
                        add_path(questions, memory_format("/taskmanagers/metrics%s", state->worker_query));
        for (int i = 0; i < state->measure.pipeline->n_operators; i++) {
                layout->vertices[i] = add_path(questions, memory_format("/jobs/%s/vertices/%s", job->id,
                                                                        job->vertices[vertices[i]].id));
                if (state->names[i].query)
                        layout->metrics[i] =
                                add_path(questions, metrics_path(job, vertices[i], state->names[i].query));
        }
}

static struct flink_sample *read_sample(const struct state *state, const struct questions *questions,
                                        const struct layout *layout)
{
        int count = state->measure.pipeline->n_operators;
        struct flink_sample *sample = flink_sample_new(count);

        flink_sample_job(questions->answers[layout->job], sample);
        flink_sample_workers(questions->answers[layout->workers],
                             layout->with_worker_metrics ? questions->answers[layout->worker_metrics] : NULL,
                             sample);
        for (int i = 0; i < count; i++) {
                flink_sample_vertex(questions->answers[layout->vertices[i]], &sample->vertices[i]);
                if (state->names[i].query)
                        flink_sample_metrics(questions->answers[layout->metrics[i]],
                                             state->engine->options->latency_metric, &sample->vertices[i]);
        }
        return sample;
}

/*
 * A list of names of an attempt that has ended empties whole answers, and one made while subtasks come up
 * lacks what operators add when they open, such as the latency: have them listed again.
 */
static void doubt_names(struct state *state, const struct flink_sample *sample)
{
        bool latency = !state->engine->options->latency_metric;

        for (int i = 0; i < sample->n_vertices; i++) {
                if (state->measure.pipeline->operators[i].source && state->names[i].query &&
                    isnan(sample->vertices[i].pending_records))
                        state->names_known = false;
                latency |= !isnan(sample->vertices[i].latency_max);
        }
        state->names_known &= latency;
}

static bool take_sample(struct state *state, const struct flink_job *job, const int *vertices,
                        struct flink_sample **ret_sample, struct error *err)
{
        const struct clock *clock = state->engine->context.clock;
        struct questions questions = {0};
        struct layout layout;
        bool done;

        if (!clock_sleep_until(clock, clock_now_ms(clock) + FETCH_MS, err))
                return false;
        learn_names(state, job, vertices);
        lay_out(state, job, vertices, &questions, &layout);
        done = ask_all(state->engine, &questions, err);
        if (done) {
                *ret_sample = read_sample(state, &questions, &layout);
                (*ret_sample)->received_ms = clock_now_ms(clock);
                (*ret_sample)->steady_ms = reactor_steady_ms(state->engine->context.reactor);
                doubt_names(state, *ret_sample);
        }
        questions_free(&questions);
        return done;
}

/* On a busy cluster some TaskManagers take longer to answer the job manager. */
static bool take_good_sample(struct state *state, const struct flink_job *job, const int *vertices,
                             struct flink_sample **ret_sample, struct error *err)
{
        if (!take_sample(state, job, vertices, ret_sample, err))
                return false;
        for (int i = 0;
             i < MORE_SAMPLES && flink_measure_would_wait(&state->measure, job, vertices, *ret_sample); i++) {
                struct flink_sample *sample = NULL;

                if (!take_sample(state, job, vertices, &sample, err)) {
                        flink_sample_free(TAKE(*ret_sample));
                        return false;
                }
                flink_sample_free(*ret_sample);
                *ret_sample = sample;
        }
        return true;
}

/* A job that failed says why. It is asked for only then, since stack traces are long. Some versions count a
 * rescale as a restart, too: what failed before that was told already. */
static void tell_failure(struct state *state, const struct flink_job *job, struct observation *observation)
{
        autofree char *path = memory_format("/jobs/%s/exceptions?maxExceptions=1", job->id);
        autojson *answer = NULL;
        struct error ignored = ERROR_INIT;
        bool restarted = state->restarts >= 0 && observation->restarts > state->restarts;
        double failed_ms;

        state->restarts = observation->restarts;
        if (!restarted || !flink_get(state->engine, path, &answer, &ignored))
                return;
        failed_ms = flink_last_failure(answer, observation->failure, sizeof observation->failure);
        if (failed_ms == state->failed_ms)
                observation->failure[0] = '\0';
        state->failed_ms = failed_ms;
}

bool flink_collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct state *state = opaque;
        autocall(flink_job_free) struct flink_job *job = NULL;
        int vertices[PIPELINE_MAX_OPERATORS];
        struct flink_sample *sample = NULL;

        if (!flink_engine_job(state->engine, &job, err) ||
            !flink_job_match(job, state->measure.pipeline, vertices, err) ||
            !take_good_sample(state, job, vertices, &sample, err))
                return false;
        for (int i = 0; i < sample->n_vertices; i++)
                ret_observation->operators[i].partitions = state->names[i].partitions;
        ret_observation->checkpoints.interval_seconds = state->checkpoint_interval;
        flink_measure_take(&state->measure, job, vertices, sample, ret_observation);
        tell_failure(state, job, ret_observation);
        return true;
}

/* ---- discover ---- */

static json_t *describe_operator(const struct flink_vertex *vertex)
{
        json_t *operator= json_pack("{s:s}", "name", vertex->short_name);

        if (vertex->source)
                json_object_set_new(operator, "source", json_true());
        if (vertex->max_parallelism > 0)
                json_object_set_new(operator, "maxParallelism", json_integer(vertex->max_parallelism));
        return operator;
}

static json_t *describe_edge(const struct flink_job *job, const struct flink_edge *edge)
{
        json_t *object = json_pack("{s:s, s:s}", "from", job->vertices[edge->from].short_name, "to",
                                   job->vertices[edge->to].short_name);

        if (edge->hash)
                json_object_set_new(object, "hash", json_true());
        return object;
}

/* A job that has ended still tells. */
bool flink_collect_discover(void *opaque, json_t **ret_pipeline, struct error *err)
{
        struct state *state = opaque;
        autocall(flink_job_free) struct flink_job *job = NULL;
        autocall(flink_sample_free) struct flink_sample *sample = flink_sample_new(0);
        autojson *taskmanagers = NULL;
        json_t *pipeline, *operators, *edges;

        if (!flink_engine_find(state->engine, &job, err) ||
            !flink_get(state->engine, "/taskmanagers", &taskmanagers, err))
                return false;
        if (job->n_vertices > PIPELINE_MAX_OPERATORS)
                return error_set(err, ERROR_LIMIT, NULL,
                                 "the job \"%.60s\" has %d vertices; at most %d are tuned", job->name,
                                 job->n_vertices, PIPELINE_MAX_OPERATORS);
        flink_sample_workers(taskmanagers, NULL, sample);
        pipeline = json_object();
        json_object_set_new(pipeline, "slotsPerWorker",
                            json_integer(sample->slots_per_worker > 0 ? sample->slots_per_worker : 1));
        json_object_set_new(pipeline, "operators", operators = json_array());
        for (int i = 0; i < job->n_vertices; i++)
                json_array_append_new(operators, describe_operator(&job->vertices[i]));
        json_object_set_new(pipeline, "edges", edges = json_array());
        for (int i = 0; i < job->n_edges; i++)
                json_array_append_new(edges, describe_edge(job, &job->edges[i]));
        *ret_pipeline = pipeline;
        return true;
}

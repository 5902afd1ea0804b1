/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"

#define MAX_VERTICES    1024
#define MAX_EDGES       4096
#define MAX_PARALLELISM 100000
#define MAX_COUNT       9e15 /* whole numbers are exact below */
#define MAX_NAME        1000 /* bytes; the rest is cut: Flink names a vertex after all that is chained in it */
#define ID_SHOWN        8    /* digits */
#define MAX_SHORT_NAME  200  /* bytes that a spec takes for the name of an operator */

/* ---- numbers ---- */

double flink_number(const json_t *value)
{
        double number = NAN;

        if (json_is_number(value))
                number = json_number_value(value);
        else if (json_is_string(value) && !text_to_double(json_string_value(value), &number))
                return NAN;
        return number >= 0 && number <= MAX_COUNT ? number : NAN;
}

int flink_count(const json_t *value, int limit)
{
        double number = flink_number(value);

        return number <= limit && number == floor(number) ? (int)number : 0;
}

bool flink_is_id(const char *text)
{
        return text && strlen(text) == FLINK_ID_ROOM - 1 &&
               strspn(text, "0123456789abcdef") == FLINK_ID_ROOM - 1;
}

/* ---- the answer of a job ---- */

static bool fail_shape(const char *what, struct error *err)
{
        return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer", "Flink's answer about a job has no %s",
                         what);
}

/* Subtasks that run. Of a bounded source, those that ended well need not run any more. */
static int count_running(const json_t *vertex)
{
        const json_t *tasks = json_object_get(vertex, "tasks");

        return flink_count(json_object_get(tasks, "RUNNING"), MAX_PARALLELISM) +
               flink_count(json_object_get(tasks, "FINISHED"), MAX_PARALLELISM);
}

/* Subtasks in any state; -1 where one of the counts is none. */
static int count_told(const json_t *vertex)
{
        json_t *tasks = json_object_get(vertex, "tasks"), *count;
        json_int_t sum = 0;
        const char *name;

        json_object_foreach(tasks, name, count)
        {
                if (!json_is_integer(count) || json_integer_value(count) < 0 ||
                    json_integer_value(count) > MAX_PARALLELISM)
                        return -1;
                sum += json_integer_value(count);
        }
        return json_object_size(tasks) > 0 && sum <= MAX_PARALLELISM ? (int)sum : -1;
}

static bool read_vertex(const json_t *vertices, size_t index, struct flink_vertex *ret_vertex,
                        struct error *err)
{
        const json_t *vertex = json_array_get(vertices, index);
        const char *id = NULL, *name = NULL;

        if (!json_find_text(vertex, "id", &id) || !flink_is_id(id))
                return fail_shape("id of a vertex", err);
        if (!json_find_text(vertex, "name", &name) || !*name)
                return fail_shape("name of a vertex", err);
        memcpy(ret_vertex->id, id, FLINK_ID_ROOM);
        ret_vertex->name = memory_format("%.*s", MAX_NAME, name);
        text_to_line(ret_vertex->name);
        ret_vertex->parallelism = flink_count(json_object_get(vertex, "parallelism"), MAX_PARALLELISM);
        ret_vertex->max_parallelism = flink_count(json_object_get(vertex, "maxParallelism"), MAX_PARALLELISM);
        ret_vertex->running = count_running(vertex);
        ret_vertex->counted = count_told(vertex);
        ret_vertex->source = true;
        return true;
}

/* The first vertex of the same group. Flink before 1.19 does not tell it: all vertices share their slots
 * then, as is the default. */
static void read_slot_groups(struct flink_job *job, const json_t *vertices)
{
        autofree const char **groups = memory_new((size_t)job->n_vertices + 1, sizeof *groups);

        for (int i = 0; i < job->n_vertices; i++) {
                int first = 0;

                groups[i] = "";
                (void)json_find_text(json_array_get(vertices, (size_t)i), "slotSharingGroupId", &groups[i]);
                while (strcmp(groups[first], groups[i]) != 0)
                        first++;
                job->vertices[i].slot_group = first;
        }
}

static int find_vertex(const struct flink_job *job, const char *id)
{
        for (int i = 0; id && i < job->n_vertices; i++)
                if (strcmp(job->vertices[i].id, id) == 0)
                        return i;
        return -1;
}

static struct flink_edge *find_edge(const struct flink_job *job, int from, int to)
{
        for (int i = 0; i < job->n_edges; i++)
                if (job->edges[i].from == from && job->edges[i].to == to)
                        return &job->edges[i];
        return NULL;
}

/* Two inputs from the same vertex (a join with itself) are one edge. */
static void add_input(struct flink_job *job, int to, const json_t *input)
{
        const char *id = NULL, *strategy = "";
        struct flink_edge *edge;
        int from;

        if (!json_find_text(input, "id", &id) || (from = find_vertex(job, id)) < 0)
                return;
        (void)json_find_text(input, "ship_strategy", &strategy);
        edge = find_edge(job, from, to);
        if (!edge && job->n_edges == MAX_EDGES)
                return;
        if (!edge) {
                edge = &job->edges[job->n_edges++];
                *edge = (struct flink_edge){.from = from, .to = to};
        }
        edge->hash |= strcmp(strategy, "HASH") == 0;
        edge->broadcast |= strcmp(strategy, "BROADCAST") == 0;
        job->vertices[to].source = false;
}

static void read_edges(struct flink_job *job, const json_t *nodes)
{
        size_t i, j;
        json_t *node, *input;

        job->edges = memory_new(MAX_EDGES, sizeof *job->edges);
        json_array_foreach(nodes, i, node)
        {
                int to = find_vertex(job, json_string_value(json_object_get(node, "id")));

                if (to < 0)
                        continue;
                json_array_foreach(json_object_get(node, "inputs"), j, input) add_input(job, to, input);
        }
        job->edges = memory_resize(job->edges, (size_t)job->n_edges + 1, sizeof *job->edges);
}

static const char *last_part(const char *name)
{
        const char *found = name;

        for (const char *next = name; (next = strstr(next, ": ")); next += 2)
                found = next[2] ? next + 2 : found;
        return found;
}

/* Whether no other vertex has that name, or ends in it. */
static bool is_unique(const struct flink_job *job, int index, const char *const *parts)
{
        for (int j = 0; j < job->n_vertices; j++)
                if (j != index &&
                    (strcmp(parts[j], parts[index]) == 0 || strcmp(job->vertices[j].name, parts[index]) == 0))
                        return false;
        return true;
}

/* A job may have two vertices "Map". Their ids follow from where they stand in the program, and outlive
 * restarts. */
static bool has_namesake(const struct flink_job *job, int index)
{
        for (int i = 0; i < job->n_vertices; i++)
                if (i != index && strcmp(job->vertices[i].name, job->vertices[index].name) == 0)
                        return true;
        return false;
}

static const char *name_with_id(struct flink_vertex *vertex, const char *name)
{
        char beginning[MAX_SHORT_NAME - ID_SHOWN]; /* with room for the "@" */

        snprintf(beginning, sizeof beginning, "%s", name);
        text_to_line(beginning);
        vertex->own_name = memory_format("%s@%.*s", beginning, ID_SHOWN, vertex->id);
        return vertex->own_name;
}

static void shorten_names(struct flink_job *job)
{
        autofree const char **parts = memory_new((size_t)job->n_vertices + 1, sizeof *parts);

        for (int i = 0; i < job->n_vertices; i++)
                parts[i] = last_part(job->vertices[i].name);
        for (int i = 0; i < job->n_vertices; i++) {
                struct flink_vertex *vertex = &job->vertices[i];
                bool unique = is_unique(job, i, parts);
                const char *name = unique ? parts[i] : vertex->name;

                if ((unique || !has_namesake(job, i)) && strlen(name) <= MAX_SHORT_NAME)
                        vertex->short_name = name;
                else
                        vertex->short_name = name_with_id(vertex, name);
        }
}

bool flink_job_read(const json_t *answer, struct flink_job **ret_job, struct error *err)
{
        const json_t *vertices = json_object_get(answer, "vertices");
        autocall(flink_job_free) struct flink_job *job = memory_new(1, sizeof *job);
        const char *id = NULL, *name = NULL, *state = NULL;

        if (!json_find_text(answer, "jid", &id) || !flink_is_id(id))
                return fail_shape("id", err);
        if (!json_find_text(answer, "name", &name) || !json_find_text(answer, "state", &state))
                return fail_shape("name or state", err);
        if (!json_is_array(vertices))
                return fail_shape("vertices", err);
        if (json_array_size(vertices) > MAX_VERTICES)
                return error_set(err, ERROR_LIMIT, NULL, "the job has %zu vertices; at most %d are read",
                                 json_array_size(vertices), MAX_VERTICES);
        memcpy(job->id, id, FLINK_ID_ROOM);
        job->name = memory_copy_text(name);
        snprintf(job->state, sizeof job->state, "%s", state);
        job->vertices = memory_new(json_array_size(vertices) + 1, sizeof *job->vertices);
        for (size_t i = 0; i < json_array_size(vertices); i++) {
                if (!read_vertex(vertices, i, &job->vertices[i], err))
                        return false;
                job->n_vertices++;
        }
        read_slot_groups(job, vertices);
        read_edges(job, json_object_get(json_object_get(answer, "plan"), "nodes"));
        shorten_names(job);
        *ret_job = TAKE(job);
        return true;
}

void flink_job_free(struct flink_job *job)
{
        if (!job)
                return;
        for (int i = 0; i < job->n_vertices; i++) {
                free(job->vertices[i].name);
                free(job->vertices[i].own_name);
        }
        free(job->vertices);
        free(job->edges);
        free(job->name);
        free(job);
}

/* ---- what follows from it ---- */

bool flink_state_is_final(const char *state)
{
        return strcmp(state, "FINISHED") == 0 || strcmp(state, "FAILED") == 0 ||
               strcmp(state, "CANCELED") == 0;
}

bool flink_job_is_up(const struct flink_job *job)
{
        if (strcmp(job->state, "RUNNING") != 0)
                return false;
        for (int i = 0; i < job->n_vertices; i++)
                if (job->vertices[i].parallelism < 1 ||
                    job->vertices[i].running < job->vertices[i].parallelism)
                        return false;
        return job->n_vertices > 0;
}

bool flink_job_is_told(const struct flink_job *job)
{
        static const char *const states[] = {"INITIALIZING", "CREATED",     "RUNNING",   "FAILING",
                                             "FAILED",       "CANCELLING",  "CANCELED",  "FINISHED",
                                             "SUSPENDED",    "RECONCILING", "RESTARTING"};
        bool known = false, running = strcmp(job->state, "RUNNING") == 0;

        for (size_t i = 0; i < ARRAY_LENGTH(states); i++)
                known |= strcmp(job->state, states[i]) == 0;
        for (int i = 0; i < job->n_vertices; i++) {
                const struct flink_vertex *vertex = &job->vertices[i];

                if (vertex->parallelism < 1 ||
                    (vertex->counted != vertex->parallelism && (vertex->counted != 0 || running)))
                        return false;
        }
        return known && job->n_vertices > 0;
}

int flink_job_slots(const struct flink_job *job)
{
        int slots = 0;

        for (int group = 0; group < job->n_vertices; group++) {
                int widest = 0;

                for (int i = 0; i < job->n_vertices; i++)
                        if (job->vertices[i].slot_group == group && job->vertices[i].parallelism > widest)
                                widest = job->vertices[i].parallelism;
                slots += widest;
        }
        return slots;
}

/* -1: none; else the first, and *ret_several says whether it is the only one. */
static int find_by_name(const struct flink_job *job, const char *name, bool *ret_several)
{
        *ret_several = false;
        for (int i = 0; i < job->n_vertices; i++)
                if (strcmp(job->vertices[i].name, name) == 0) {
                        *ret_several = has_namesake(job, i);
                        return i;
                }
        for (int i = 0; i < job->n_vertices; i++)
                if (strcmp(job->vertices[i].short_name, name) == 0)
                        return i;
        return -1;
}

static bool fail_unmatched(const struct flink_job *job, const char *name, struct error *err)
{
        autotext names = {0};

        /* A new job manager shows a job before it has made its graph. */
        if (job->n_vertices == 0 && !flink_state_is_final(job->state))
                return error_set(err, ERROR_UNAVAILABLE, "JobInitializing",
                                 "the job \"%.60s\" is %s and shows no vertices yet", job->name, job->state);
        for (int i = 0; i < job->n_vertices && names.length < 400; i++)
                text_format(&names, "%s\"%.100s\"", i ? ", " : "", job->vertices[i].short_name);
        return error_set(err, ERROR_NOT_FOUND, "OperatorUnknown",
                         "the job \"%.60s\" has no vertex for operator \"%.60s\"; it has %s", job->name, name,
                         names.data ? names.data : "none");
}

/* A guess would steer another operator than the one that is meant. */
static bool fail_ambiguous(const struct flink_job *job, const char *name, struct error *err)
{
        autotext names = {0};

        for (int i = 0; i < job->n_vertices && names.length < 400; i++)
                if (strcmp(job->vertices[i].name, name) == 0)
                        text_format(&names, "%s\"%.100s\"", names.length ? ", " : "",
                                    job->vertices[i].short_name);
        return error_set(err, ERROR_NOT_FOUND, "OperatorAmbiguous",
                         "the job \"%.60s\" has several vertices \"%.60s\"; expected one of %s", job->name,
                         name, names.data);
}

bool flink_job_match(const struct flink_job *job, const struct pipeline *pipeline,
                     int ret_vertices[PIPELINE_MAX_OPERATORS], struct error *err)
{
        for (int i = 0; i < pipeline->n_operators; i++) {
                const char *name = pipeline->operators[i].name;
                bool several;

                ret_vertices[i] = find_by_name(job, name, &several);
                if (ret_vertices[i] < 0)
                        return fail_unmatched(job, name, err);
                if (several)
                        return fail_ambiguous(job, name, err);
        }
        return true;
}

/* ---- which job ---- */

struct search {
        const char *wanted; /* name or id, NULL: any */
        const char *live, *ended;
        double ended_start;
        int n_live;
        struct text live_names, other_names; /* of live jobs: those that fit, and those that do not */
};

static void note_name(const char *name, const char *id, struct text *names)
{
        if (names->length < 400)
                text_format(names, "%s\"%.60s\" (%s)", names->length > 0 ? ", " : "", name, id);
}

static void look_at(struct search *search, const json_t *job)
{
        const char *id = NULL, *name = NULL, *state = NULL;
        double start = 0;

        if (!json_find_text(job, "jid", &id) || !flink_is_id(id) || !json_find_text(job, "name", &name) ||
            !json_find_text(job, "state", &state))
                return;
        if (search->wanted && strcmp(search->wanted, name) != 0 && strcmp(search->wanted, id) != 0) {
                if (!flink_state_is_final(state))
                        note_name(name, id, &search->other_names);
                return;
        }
        if (!flink_state_is_final(state)) {
                search->live = id;
                note_name(name, id, &search->live_names);
                search->n_live++;
                return;
        }
        (void)json_find_number(job, "start-time", &start);
        if (!search->ended || start > search->ended_start) {
                search->ended = id;
                search->ended_start = start;
        }
}

static bool conclude(const struct search *search, char *ret_id, struct error *err)
{
        if (search->n_live > 1)
                return error_set(
                        err, ERROR_INPUT, "JobAmbiguous",
                        "%d jobs run there: %s; expected the name or id of one in the engine's `job`",
                        search->n_live, search->live_names.data);
        if (search->n_live == 1 || search->ended) {
                memcpy(ret_id, search->n_live == 1 ? search->live : search->ended, FLINK_ID_ROOM);
                return true;
        }
        error_set(err, ERROR_NOT_FOUND, "JobNotFound",
                  search->wanted ? "no job \"%.100s\" there%s%s" : "no job there",
                  search->wanted ? search->wanted : "", search->other_names.data ? "; what runs is " : "",
                  search->other_names.data ? search->other_names.data : "");
        err->retry = true;
        return false;
}

bool flink_job_choose(const json_t *overview, const char *wanted, char *ret_id, struct error *err)
{
        const json_t *jobs = json_object_get(overview, "jobs");
        struct search search = {.wanted = wanted};
        size_t i;
        json_t *job;
        bool found;

        if (!json_is_array(jobs))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer", "Flink's answer lists no jobs");
        json_array_foreach(jobs, i, job) look_at(&search, job);
        found = conclude(&search, ret_id, err);
        text_free(&search.live_names);
        text_free(&search.other_names);
        return found;
}

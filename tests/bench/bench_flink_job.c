/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CPU time to read a Flink job of 200 vertices (GET /jobs/:id): a recorded vertex, repeated. Fastest of 50.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/json.h"
#include "engines/flink/job.h"

#define RECORDING "tests/fixtures/flink/2.2.1-writes.jsonl"
#define VERTICES  200
#define REPEATS   50

static double cpu_ms(void)
{
        struct timespec time;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static json_t *read_recorded_job(void)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        char *save = NULL;

        if (!text_read_file(RECORDING, 1u << 20, &text, NULL, &err))
                return NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                autojson *answer = json_loads(line, 0, NULL);
                const char *name = NULL;

                if (json_find_text(answer, "name", &name) && strcmp(name, "job-adaptive") == 0)
                        return json_incref(json_object_get(answer, "body"));
        }
        return NULL;
}

/* A chain of copies of the second vertex and its node in the plan. */
static char *make_answer(json_t *job)
{
        json_t *vertices = json_object_get(job, "vertices");
        json_t *nodes = json_object_get(json_object_get(job, "plan"), "nodes");
        autojson *vertex = json_deep_copy(json_array_get(vertices, 1));
        autojson *node = json_deep_copy(json_array_get(nodes, 1));

        json_array_clear(vertices);
        json_array_clear(nodes);
        for (int i = 0; i < VERTICES; i++) {
                json_t *one = json_deep_copy(vertex), *other = json_deep_copy(node);

                json_object_set_new(one, "id", json_sprintf("%032x", i));
                json_object_set_new(one, "name", json_sprintf("operator %d: Map -> Filter", i));
                json_object_set_new(other, "id", json_sprintf("%032x", i));
                json_object_set_new(other, "inputs",
                                    i ? json_pack("[{s:o, s:s}]", "id", json_sprintf("%032x", i - 1),
                                                  "ship_strategy", "HASH")
                                      : json_array());
                json_array_append_new(vertices, one);
                json_array_append_new(nodes, other);
        }
        return json_dumps(job, JSON_COMPACT);
}

static bool read_once(const char *text, size_t length, double *ret_ms)
{
        autocall(flink_job_free) struct flink_job *job = NULL;
        autojson *answer = NULL;
        struct error err = ERROR_INIT;
        double start = cpu_ms();

        if (!json_parse_text(text, length, "answer", &answer, &err) || !flink_job_read(answer, &job, &err)) {
                fprintf(stderr, "%s\n", err.message);
                return false;
        }
        *ret_ms = cpu_ms() - start;
        return job->n_vertices == VERTICES && job->n_edges == VERTICES - 1;
}

int main(void)
{
        autojson *job = read_recorded_job();
        autofree char *text = job ? make_answer(job) : NULL;
        double best = 1e9, ms;

        if (!text)
                return 1;
        for (int i = 0; i < REPEATS; i++) {
                if (!read_once(text, strlen(text), &ms))
                        return 1;
                best = ms < best ? ms : best;
        }
        printf("a Flink job of %d vertices, %zu kB: read in %.1f ms\n", VERTICES, strlen(text) / 1000, best);
        return 0;
}

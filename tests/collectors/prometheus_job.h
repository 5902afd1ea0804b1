/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_COLLECTORS_PROMETHEUS_JOB_H
#define OPTCTL_TESTS_COLLECTORS_PROMETHEUS_JOB_H

#include "tests/collectors/prometheus_stage.h"

static inline void prometheus_near(const char *what, double found, double wanted)
{
        if (!(fabs(found - wanted) <= 1e-9 * fmax(1, fabs(wanted))))
                fail_msg("%s is %.17g, expected %.17g", what, found, wanted);
}

#define NEAR(found, wanted) prometheus_near(#found, found, wanted)

/* A job of two sources, two works and one sink, `seconds` after it began: 100 records/s a source. */
struct job {
        struct prometheus_stage stage;
        struct text now, before; /* elements; before: what the server remembers of a minute ago */
        struct told told[8];
        int n_told;
};

static inline void tell_one(struct job *job, const char *task, int index, double seconds, double in_rate,
                            double out_rate, double busy_rate)
{
        struct told *told = &job->told[job->n_told++];

        *told = (struct told){.task = task,
                              .attempt = "a",
                              .worker = index == 0 ? "t1" : "t2",
                              .index = index,
                              .in = in_rate * seconds,
                              .out = out_rate * seconds,
                              .busy_ms = busy_rate * seconds,
                              .in_rate = NAN,
                              .busy_rate = NAN,
                              .pending = NAN,
                              .age_seconds = index == 0 ? 3 : 1};
}

/* Each source takes 100/s and is busy for 10 %, each work takes 100/s and is busy for 50 and 80 %. */
static inline void tell_steady(struct job *job, double seconds)
{
        job->n_told = 0;
        tell_one(job, "Source:_source", 0, seconds, 100, 100, 100);
        tell_one(job, "Source:_source", 1, seconds, 100, 100, 100);
        tell_one(job, "work", 0, seconds, 100, 99, 500);
        tell_one(job, "work", 1, seconds, 100, 99, 800);
        tell_one(job, "sink:_Writer", 0, seconds, 198, 0, 20);
        job->told[0].pending = 300;
        job->told[1].pending = 100;
        job->told[1].waiting_ms = 50 * seconds;
}

static inline double now_seconds(const struct job *job)
{
        return (double)(clock_now_ms(&job->stage.http->clock) + job->stage.ahead_ms) / 1000;
}

static inline void put_all(struct job *job, struct text *out, double at_seconds)
{
        for (int i = 0; i < job->n_told; i++)
                put_told(out, &job->told[i], at_seconds);
}

static inline void tell(struct job *job)
{
        text_free(&job->now);
        put_all(job, &job->now, now_seconds(job));
}

/* The server: "now" without a time, what it remembers with one. */
static inline char *serve(void *context, const struct scripted_request *request,
                          struct scripted_answer *answer)
{
        struct job *job = context;
        const char *time = strstr(request->path, "&time=");
        const struct text *elements = time ? &job->before : &job->now;

        (void)answer;
        return make_answer(elements->data ? elements->data : "",
                           time ? strtod(time + 6, NULL) : now_seconds(job));
}

static inline void open_job(struct job *job, const char *options)
{
        *job = (struct job){.n_told = 0};
        prometheus_stage_open(&job->stage, options);
        scripted_peer_answer(job->stage.http->script, GET_QUERY,
                             &(struct scripted_answer){.by = serve, .context = job});
        tell_steady(job, 940);
        put_all(job, &job->before, now_seconds(job) - 60);
        tell_steady(job, 1000);
        tell(job);
}

static inline void close_job(struct job *job)
{
        text_free(&job->now);
        text_free(&job->before);
        prometheus_stage_close(&job->stage);
}

/* A minute later, at the same rates. */
static inline void go_on(struct job *job, double seconds)
{
        prometheus_stage_pass(&job->stage, 60000);
        tell_steady(job, seconds);
}

#endif

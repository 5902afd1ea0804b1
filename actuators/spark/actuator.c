/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "actuators/spark/replace.h"
#include "core/reactor.h"
#include "engines/spark/job.h"
#include "engines/spark/setting.h"

/*
 * Sets what the next run is to run with, in the file that its spark-submit reads. What is read back is what
 * the file says; with what a run ran is for the observations to say.
 */
#define ATTEMPTS 3 /* somebody else may write it at the same time */

struct state {
        struct source_context context;
        enum spark_settings_form form;
        char *path;
};

static void close_state(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        free(state->path);
        free(state);
}

static bool open_state(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        (void)err;
        state->context = *context;
        state->form = spark_job_settings_form(options);
        state->path = spark_job_settings_path(context, options);
        *ret_state = state;
        return true;
}

static bool controls(void *state, const struct knob *knob)
{
        (void)state;
        return spark_setting_of_knob(knob->name).name != NULL;
}

/* ---- the file, in a thread of its own: disks may be far away ---- */

struct errand {
        const char *path;
        struct spark_settings_file file;
        struct text text; /* to be put in its place */
        bool done;
        struct error err;
};

static void run_read(void *argument)
{
        struct errand *errand = argument;

        errand->done = spark_settings_file_read(errand->path, &errand->file, &errand->err);
}

static void run_replace(void *argument)
{
        struct errand *errand = argument;

        errand->done = spark_replace_file(errand->path, &errand->file, &errand->text, &errand->err);
}

static void errand_clear(struct errand *errand)
{
        spark_settings_file_clear(&errand->file);
        text_free(&errand->text);
}

static bool run(const struct state *state, void (*work)(void *argument), struct errand *errand,
                struct error *err)
{
        reactor_offload(state->context.reactor, work, errand);
        if (!errand->done)
                *err = errand->err;
        return errand->done;
}

static bool fail(struct error *err)
{
        return error_wrap(err, "spark");
}

static bool read_told(void *opaque, struct configuration *ret_configuration, struct error *err)
{
        const struct state *state = opaque;
        struct errand errand = {.path = state->path, .err = ERROR_INIT};
        bool done = run(state, run_read, &errand, err);

        if (done && !spark_settings_read_knobs(state->form, &errand.file.text, state->context.pipeline,
                                               ret_configuration, err))
                done = error_wrap(err, "%s", state->path);
        errand_clear(&errand);
        return done || fail(err);
}

/* ---- a change ---- */

static bool replace(const struct state *state, struct errand *errand, const struct text *what, bool dry_run,
                    const struct call_recorder *calls, struct error *err)
{
        autofree char *words = memory_format("WRITE %s: %s", state->path, what->data);
        struct error ignored = ERROR_INIT;
        int64_t id = 0;
        bool done;

        if (calls && !calls->begin(calls->context, words, &id, err))
                return false;
        if (dry_run)
                return true;
        done = run(state, run_replace, errand, err);
        /* The call was made: that its answer could not be written down does not undo it. */
        if (calls)
                (void)calls->end(calls->context, id, done, done ? "written" : err->message, &ignored);
        return done;
}

static bool change(const struct state *state, struct errand *errand, const struct configuration *from,
                   const struct configuration *to, bool dry_run, const struct call_recorder *calls,
                   struct error *err)
{
        autotext what = {0};
        struct configuration now = *to;

        /* What cannot be read cannot be set, either. */
        if (!spark_settings_read_knobs(state->form, &errand->file.text, state->context.pipeline, &now, err))
                return error_wrap(err, "%s", state->path);
        text_add(&errand->text, errand->file.text.data ? errand->file.text.data : "",
                 errand->file.text.length);
        spark_settings_change(state->form, &errand->text, state->context.pipeline, from, to, &what);
        if (what.length == 0)
                return true;
        return replace(state, errand, &what, dry_run, calls, err);
}

static bool apply(void *opaque, const struct configuration *from, const struct configuration *to,
                  bool dry_run, const struct call_recorder *calls, struct error *err)
{
        const struct state *state = opaque;
        bool done = false;

        for (int i = 1; !done; i++) {
                struct errand errand = {.path = state->path, .err = ERROR_INIT};

                error_clear(err);
                done = run(state, run_read, &errand, err) &&
                       change(state, &errand, from, to, dry_run, calls, err);
                errand_clear(&errand);
                if (!done && (err->code != ERROR_CONFLICT || i == ATTEMPTS))
                        return fail(err);
        }
        return true;
}

const struct actuator spark_actuator = {
        .name = "spark",
        .summary = "Executors, memory and settings of the next run of a Spark application, in a file.",
        .open = open_state,
        .controls = controls,
        .apply = apply,
        .read = read_told,
        .close = close_state,
};

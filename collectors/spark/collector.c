/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/spark/folder.h"
#include "collectors/spark/server.h"
#include "collectors/spark/summary.h"
#include "core/reactor.h"
#include "core/series/series.h"
#include "engines/spark/event_log.h"
#include "engines/spark/history.h"
#include "engines/spark/job.h"
#include "engines/spark/setting.h"
#include "engines/spark/settings_file.h"
#include "engines/spark/temporary.h"

#define MAX_LOG_BYTES  ((int64_t)16 << 30) /* as it lies there */
#define READINGS       3                   /* of a log that tells nothing */
#define FETCHES        3                   /* of one that breaks off on its way */
#define FETCH_PAUSE_MS 2000
#define MAX_TIES       8 /* runs that end in the same millisecond; what is more of them is left out */

/* Runs with one end, in the order in which they were told of: each is told to have ended a millisecond after
 * the one before (core/observation.h). */
struct ties {
        int64_t ended_ms; /* of the first; 0: none */
        size_t count;
        char *ids[MAX_TIES]; /* of the applications; of the places where logs do not tell them */
};

/* The run that was told of last, as its log tells of it. */
struct told {
        char *id; /* of the place; NULL: none was looked into */
        int64_t seen_ms;
        bool more;                  /* there is a newer one */
        struct run_observation run; /* ended_ms 0: its log tells nothing */
        struct ties ties;
        char why[OBSERVATION_FAILURE_ROOM];
};

struct state {
        const struct spark_job_options *options;
        struct source_context context;
        char *settings_path;
        struct spark_folder *folder; /* NULL: there is a server */
        struct http_peer *server;
        struct told told;
        int tries;         /* to read the log of the newest run, which told nothing */
        int64_t looked_ms; /* 0: never */
};

/* ---- runs with one end ---- */

static void clear_ties(struct ties *ties)
{
        for (size_t i = 0; i < ties->count; i++)
                free(ties->ids[i]);
        *ties = (struct ties){.count = 0};
}

/* The end that the run is told to have: the same one whenever it is told of, since whoever keeps books knows
 * a run by it. Logs are told of in an order that does not depend on when somebody looks. */
static int64_t apart(struct ties *ties, int64_t ended_ms, const char *id)
{
        size_t i = 0;

        if (ended_ms < ties->ended_ms || ended_ms >= ties->ended_ms + (int64_t)ties->count) {
                clear_ties(ties);
                ties->ended_ms = ended_ms;
        }
        while (i < ties->count && strcmp(ties->ids[i], id) != 0)
                i++;
        if (i == MAX_TIES)
                return ties->ended_ms + MAX_TIES - 1;
        if (i == ties->count)
                ties->ids[ties->count++] = memory_copy_text(id);
        return ties->ended_ms + (int64_t)i;
}

/* ---- life ---- */

static void close_state(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        http_peer_free(state->server);
        spark_folder_free(state->folder);
        free(state->told.id);
        clear_ties(&state->told.ties);
        free(state->settings_path);
        free(state);
}
DEFINE_CLEANUP(close_state, struct state);

static bool open_server(struct state *state, const char *url, struct error *err)
{
        struct spark_history_place place = spark_history_place_of(url);
        bool done = http_peer_new(state->context.http, place.server, &state->options->connection,
                                  state->context.base, &state->server, err);

        spark_history_place_clear(&place);
        return done || error_wrap(err, "spec.engine.spark.historyServer");
}

static bool open_state(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        autocall(close_state) struct state *state = memory_new(1, sizeof *state);
        autofree char *logs = NULL;

        state->options = options;
        state->context = *context;
        state->settings_path = spark_job_settings_path(context, options);
        if (state->options->event_logs) {
                logs = spark_job_path(context, state->options->event_logs);
                state->folder = spark_folder_new(logs, state->options->application);
        } else if (!open_server(state, state->options->history_server, err))
                return false;
        *ret_state = TAKE(state);
        return true;
}

/* ---- what blocks, in a thread of its own ---- */

struct errand {
        struct state *state;
        struct spark_settings_file settings;
        struct spark_places places;
        const char *log, *temporary;
        struct run_observation run;
        char *application; /* its id; NULL: the log does not tell */
        char why[OBSERVATION_FAILURE_ROOM];
        bool done;
        struct error err;
};

static void run_settings(void *argument)
{
        struct errand *errand = argument;

        errand->done =
                spark_settings_file_read(errand->state->settings_path, &errand->settings, &errand->err);
}

static void run_look(void *argument)
{
        struct errand *errand = argument;
        const struct told *told = &errand->state->told;

        errand->done = spark_folder_look(errand->state->folder, told->id ? told->seen_ms : INT64_MIN,
                                         &errand->places, &errand->err);
}

static void run_read(void *argument)
{
        struct errand *errand = argument;
        auto_spark_event_log log = {0};

        errand->done = spark_event_log_read(errand->log, &log, &errand->err);
        if (!errand->done)
                return;
        spark_run_summary(log.run, errand->state->context.pipeline, &errand->run, errand->why);
        errand->application = log.run->id ? memory_copy_text(log.run->id) : NULL;
}

static void run_remove(void *argument)
{
        const struct errand *errand = argument;

        spark_temporary_remove(errand->temporary);
}

static bool run(struct errand *errand, void (*work)(void *argument), struct error *err)
{
        reactor_offload(errand->state->context.reactor, work, errand);
        if (!errand->done)
                *err = errand->err;
        return errand->done;
}

/* ---- the next run ---- */

/* What is ahead of it is not believed. */
static int64_t latest_ms(const struct state *state)
{
        return clock_now_ms(state->context.clock) + RUN_AHEAD_MS;
}

/* With *ret_none all that are over were told of; else the caller frees the place's id. */
static bool find_next(struct state *state, struct spark_place *ret_place, bool *ret_more, bool *ret_none,
                      struct error *err)
{
        const struct spark_place_mark told = {state->told.id, state->told.seen_ms};
        struct errand errand = {.state = state, .err = ERROR_INIT};
        const struct spark_place *next;
        bool done = state->folder
                            ? run(&errand, run_look, err)
                            : spark_server_look(state->server, state->options->application,
                                                told.id ? state->told.run.ended_ms : 0, &errand.places, err);

        spark_places_believe(&errand.places, latest_ms(state));
        next = done ? spark_places_next(&errand.places, &told, ret_more) : NULL;
        if (next && state->looked_ms == 0) /* what opens a pipeline, and makes its baseline, ran last */
                next = &errand.places.items[errand.places.count - 1];
        *ret_none = !next;
        if (next) {
                *ret_place = *next;
                ret_place->id = memory_copy_text(next->id);
        }
        spark_places_clear(&errand.places);
        return done;
}

/* What breaks off on the way is tried again: it is long, and not repeated below. */
static bool fetch(const struct state *state, const struct spark_history_place *there, const char *folder,
                  char **ret_log, struct error *err)
{
        for (int i = 1; !spark_history_fetch(state->server, there, 0, folder, ret_log, err); i++) {
                if (err->code != ERROR_UNAVAILABLE || i == FETCHES)
                        return false;
                error_clear(err);
                (void)reactor_wait_until(state->context.reactor,
                                         clock_now_ms(state->context.clock) + FETCH_PAUSE_MS);
        }
        return true;
}

static bool download(const struct state *state, const struct spark_place *place, const char *folder,
                     char **ret_log, struct error *err)
{
        const char *slash = strchr(place->id, '/');
        autofree char *application = memory_copy_text(place->id);
        autofree char *attempt = slash ? memory_copy_text(slash + 1) : NULL;
        const struct spark_history_place there = {.application = application, .attempt = attempt};

        application[strcspn(application, "/")] = '\0';
        return fetch(state, &there, folder, ret_log, err);
}

static bool read_log(struct errand *errand, const char *log, struct error *err)
{
        errand->log = log;
        return run(errand, run_read, err);
}

static bool read_from_server(struct state *state, const struct spark_place *place, struct errand *errand,
                             struct error *err)
{
        autofree char *folder = NULL, *log = NULL;
        bool done;

        if (!spark_temporary_make(&folder, err))
                return false;
        done = download(state, place, folder, &log, err) && read_log(errand, log, err);
        errand->temporary = folder;
        reactor_offload(state->context.reactor, run_remove, errand);
        return done;
}

static bool read_run(struct state *state, const struct spark_place *place, struct errand *errand,
                     struct error *err)
{
        if (place->bytes > MAX_LOG_BYTES)
                return error_set(err, ERROR_LIMIT, NULL, "%s: larger than is accepted", place->id);
        return state->folder ? read_log(errand, place->id, err) : read_from_server(state, place, errand, err);
}

static bool check_end(const struct state *state, const struct spark_place *place,
                      const struct run_observation *run, struct error *err)
{
        char end[32];

        if (run->ended_ms <= latest_ms(state))
                return true;
        time_format(run->ended_ms, end);
        return error_set(err, ERROR_INPUT, NULL, "%s: the run ended at %s, which is yet to come", place->id,
                         end);
}

/* It says nothing that could be used. */
static bool is_useless(const struct error *err)
{
        return err->code == ERROR_INPUT || err->code == ERROR_LIMIT;
}

/* True: it may yet be read, at a later turn; what stands between us and a server may have spoilt it. */
static bool try_later(struct state *state, const struct error *err)
{
        if (state->tries++ == 0)
                log_warning(state->context.log, "an event log tells nothing",
                            LOG_TEXT("pipeline", state->context.name), LOG_TEXT("reason", err->message));
        return state->tries < READINGS;
}

/* A log is read once, unless it was written to after that. Of one that is given up the run before it stays
 * the newest that anything is known of; `newer`: there are others, for which it does not hold up. */
static bool learn(struct state *state, const struct spark_place *place, bool newer, struct errand *errand,
                  struct error *err)
{
        struct told *told = &state->told;
        bool done = read_run(state, place, errand, err) && check_end(state, place, &errand->run, err);

        if (!done && !is_useless(err) && (!newer || err->code == ERROR_INTERRUPTED || try_later(state, err)))
                return false;
        if (!done && !newer && try_later(state, err)) {
                error_clear(err);
                return true;
        }
        error_clear(err);
        state->tries = 0;
        if (!told->id) /* the first look's is newer than those that are told of now */
                told->run = (struct run_observation){.ended_ms = 0};
        free(told->id);
        told->id = memory_copy_text(place->id);
        told->seen_ms = place->seen_ms;
        told->more = newer;
        told->why[0] = '\0';
        if (done) {
                memcpy(told->why, errand->why, sizeof told->why);
                told->run = errand->run;
                told->run.ended_ms = apart(&told->ties, told->run.ended_ms,
                                           errand->application ? errand->application : place->id);
        }
        return true;
}

/* The first look opens a pipeline, and nobody learns from it: the second one tells of the same run. */
static void begin_anew(struct told *told)
{
        free(told->id);
        told->id = NULL;
        clear_ties(&told->ties);
}

/* Why it failed is told once. */
static bool look_at_runs(struct state *state, struct observation *observation, struct error *err)
{
        struct errand errand = {.state = state, .err = ERROR_INIT};
        struct spark_place place = {.id = NULL};
        bool none, newer, done = find_next(state, &place, &newer, &none, err);

        state->told.more = false;
        if (!done || none)
                return done;
        done = learn(state, &place, newer, &errand, err);
        free(errand.application);
        free(place.id);
        if (newer && state->looked_ms == 0)
                begin_anew(&state->told);
        if (done && state->looked_ms > 0 && state->tries == 0)
                memcpy(observation->failure, state->told.why, sizeof observation->failure);
        return done;
}

/* ---- what the next run will have ---- */

/* What the file says; else what the newest run had, else what Spark takes by itself. */
static bool read_settings(struct state *state, struct configuration *configuration, struct error *err)
{
        const struct pipeline *pipeline = state->context.pipeline;
        const struct configuration *last = &state->told.run.configuration;
        struct errand errand = {.state = state, .err = ERROR_INIT};
        bool done;

        for (int i = 0; i < pipeline->n_knobs && i < configuration->count; i++) {
                struct spark_setting setting = spark_setting_of_knob(pipeline->knobs[i].name);

                if (setting.name)
                        configuration->value[i] =
                                i < last->count ? last->value[i] : spark_setting_default(&setting);
        }
        if (!run(&errand, run_settings, err))
                return false;
        done = spark_settings_read_knobs(spark_job_settings_form(state->options), &errand.settings.text,
                                         pipeline, configuration, err) ||
               error_wrap(err, "%s", state->settings_path);
        spark_settings_file_clear(&errand.settings);
        return done;
}

/* A configuration of which a part is not known is none. */
static bool is_whole(const struct configuration *configuration)
{
        for (int i = 0; i < configuration->count; i++)
                if (isnan(configuration->value[i]))
                        return false;
        return true;
}

static void tell_run(const struct state *state, struct run_observation *ret_run)
{
        if (state->told.run.ended_ms > 0)
                *ret_run = state->told.run;
        ret_run->periodic = true;
        ret_run->more = state->told.more;
        if (!is_whole(&ret_run->configuration))
                ret_run->configuration = (struct configuration){.count = 0};
}

static bool collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct state *state = opaque;
        int64_t now_ms = clock_now_ms(state->context.clock);

        if (!look_at_runs(state, ret_observation, err) ||
            !read_settings(state, &ret_observation->configuration, err))
                return error_wrap(err, "spark");
        tell_run(state, &ret_observation->run);
        ret_observation->missing = MISSING_RATES | MISSING_BACKLOG;
        if (state->looked_ms > 0 && now_ms > state->looked_ms)
                ret_observation->window_ms = now_ms - state->looked_ms;
        state->looked_ms = now_ms;
        return true;
}

const struct collector spark_collector = {
        .name = "spark",
        .summary = "A Spark application that runs from time to time, by its event logs or a History Server.",
        .section = SECTION_ENGINE,
        .local = true,
        .options = &spark_job_table,
        .open = open_state,
        .collect = collect,
        .close = close_state,
};

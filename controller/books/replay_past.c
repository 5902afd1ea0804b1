/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books/replay_past.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "controller/live/recorder.h"
#include "core/text.h"

struct reading {
        const struct past_source *source;
        struct past past;
        struct tally before; /* the sums up to the span that is open */
        struct recorder *recorder;
        size_t n_folders;
        int64_t newest_ms; /* end of the newest observation that told something; INT64_MIN: none */
};

/* One more item, in an array that doubles. */
static void *one_more(void *items, size_t count, size_t size)
{
        return (count & (count - 1)) == 0 ? memory_resize(items, count > 0 ? 2 * count : 1, size) : items;
}

static struct span *open_span_of(struct reading *reading)
{
        return &reading->past.spans[reading->past.count - 1];
}

/* ---- spans ---- */

static void free_span(struct span *span)
{
        free(span->windows);
        free(span->steps);
        free(span->folder);
        free(span->rate_per_second);
        free(span->cumulative_records);
}

static bool begin_span(struct reading *reading, const struct observation *seen, struct error *err)
{
        struct past *past = &reading->past;
        struct span *span;

        if (past->count >= PAST_MAX_SPANS)
                return error_set(err, ERROR_LIMIT, NULL,
                                 "what was observed has more than %d gaps; expected a later --since",
                                 PAST_MAX_SPANS);
        past->spans = one_more(past->spans, past->count, sizeof *past->spans);
        span = &past->spans[past->count++];
        *span = (struct span){.start_ms = seen->time_ms - seen->window_ms};
        if (span->start_ms < reading->newest_ms)
                span->start_ms = reading->newest_ms;
        span->folder = memory_format("%s/%zu", reading->source->folder, ++reading->n_folders);
        reading->before = past->measured;
        tally_begin(&past->measured, span->start_ms, INT64_MAX);
        return recorder_open(span->folder, reading->source->spec, &reading->recorder, err);
}

/* One that is too short to tell anything is as if it had not been observed. */
static bool end_span(struct reading *reading, struct error *err)
{
        struct past *past = &reading->past;
        struct span *span;
        bool done;

        if (!reading->recorder)
                return true;
        span = open_span_of(reading);
        span->end_ms = reading->newest_ms;
        done = recorder_finish(reading->recorder, err);
        recorder_close(reading->recorder);
        reading->recorder = NULL;
        if (span->n_windows < PAST_LEAST_WINDOWS || span->n_steps == 0) {
                past->measured = reading->before;
                free_span(span);
                past->count--;
        }
        return done;
}

/* A change that optctl did not make was made after the last observation of what ran before it. */
static void note_step(struct span *span, const struct observation *seen, int64_t before_ms)
{
        const struct configuration *newest =
                span->n_steps > 0 ? &span->steps[span->n_steps - 1].configuration : NULL;

        if ((seen->missing & MISSING_CONFIGURATION) || seen->configuration.count == 0)
                return;
        for (int i = 0; i < seen->configuration.count; i++)
                if (isnan(seen->configuration.value[i]))
                        return;
        if (newest && configuration_equal(newest, &seen->configuration))
                return;
        span->steps = one_more(span->steps, span->n_steps, sizeof *span->steps);
        span->steps[span->n_steps++] = (struct path_step){
                .time_ms = newest ? before_ms : span->start_ms,
                .seen_ms = seen->time_ms,
                .configuration = seen->configuration,
        };
}

/* ---- observations ---- */

static bool take(void *context, const struct observation *seen, struct error *err)
{
        struct reading *reading = context;
        int64_t before_ms = reading->newest_ms;
        struct span *span;

        if ((seen->missing & MISSING_ALL) || seen->time_ms <= before_ms)
                return true;
        if (reading->recorder && seen->time_ms - before_ms > reading->source->longest_ms &&
            !end_span(reading, err))
                return false;
        if (!reading->recorder && !begin_span(reading, seen, err))
                return false;
        span = open_span_of(reading);
        note_step(span, seen, before_ms);
        span->windows = one_more(span->windows, span->n_windows, sizeof *span->windows);
        span->windows[span->n_windows++] = (struct seen_window){seen->time_ms, seen->offered_per_second};
        tally_take(&reading->past.measured, seen);
        reading->past.observations++;
        reading->newest_ms = seen->time_ms;
        return recorder_observe(reading->recorder, seen, err);
}

/* Engines show a configuration only once it runs: the ledger knows when optctl ordered it. */
static void take_change(void *context, int64_t time_ms, const struct configuration *to)
{
        struct past *past = context;

        for (size_t i = 0; i < past->count; i++) {
                struct span *span = &past->spans[i];

                for (size_t j = 1; j < span->n_steps; j++)
                        if (time_ms > span->steps[j - 1].time_ms && time_ms < span->steps[j].seen_ms &&
                            configuration_equal(&span->steps[j].configuration, to))
                                span->steps[j].time_ms = time_ms;
        }
}

/* ---- load ---- */

static double first_known(const struct span *span)
{
        for (size_t i = 0; i < span->n_windows; i++)
                if (isfinite(span->windows[i].offered_per_second))
                        return fmax(span->windows[i].offered_per_second, 0);
        return NAN;
}

/* Every second has the rate of the window that its middle lies in; an unknown one is the last known. */
static bool lay_out_load(struct span *span, struct error *err)
{
        size_t count = (size_t)((span->end_ms - span->start_ms + MS_PER_SECOND - 1) / MS_PER_SECOND), at = 0;
        double rate = first_known(span);

        if (isnan(rate))
                return error_set(err, ERROR_INPUT, NULL,
                                 "nothing says what load was offered; expected observations that tell it");
        span->rate_per_second = memory_new(count, sizeof *span->rate_per_second);
        span->cumulative_records = memory_new(count + 1, sizeof *span->cumulative_records);
        for (size_t i = 0; i < count; i++) {
                int64_t middle_ms = span->start_ms + (int64_t)i * MS_PER_SECOND + MS_PER_SECOND / 2;

                while (at + 1 < span->n_windows && span->windows[at].end_ms <= middle_ms)
                        at++;
                if (isfinite(span->windows[at].offered_per_second))
                        rate = fmax(span->windows[at].offered_per_second, 0);
                span->rate_per_second[i] = rate;
                span->cumulative_records[i + 1] = span->cumulative_records[i] + rate;
        }
        span->load = (struct load){count, span->rate_per_second, span->cumulative_records};
        return true;
}

/* ---- all of it ---- */

static void count_gaps(struct past *past)
{
        for (size_t i = 1; i < past->count; i++) {
                past->gaps++;
                past->gap_ms += past->spans[i].start_ms - past->spans[i - 1].end_ms;
        }
}

static bool check(const struct reading *reading, struct error *err)
{
        const struct past *past = &reading->past;

        if (past->count == 0)
                return error_set(err, ERROR_INPUT, "NothingObserved",
                                 "%s: nothing was observed that could be replayed; expected at least %d "
                                 "observations in a row that say what ran",
                                 reading->source->pipeline, PAST_LEAST_WINDOWS);
        if (past->measured.unpriced_ms > 0)
                return error_set(err, ERROR_INPUT, NULL, "%s: nothing says how many workers ran",
                                 reading->source->pipeline);
        return true;
}

bool past_read(const struct past_source *source, struct past *ret_past, struct error *err)
{
        struct reading reading = {
                .source = source,
                .past.measured = {.prices = source->prices, .constraints = &source->spec->constraints},
                .newest_ms = INT64_MIN,
        };
        bool done = ledger_observations(source->reader, source->pipeline, &source->spec->pipeline,
                                        source->since_ms, take, &reading, err) &&
                    end_span(&reading, err) && check(&reading, err) &&
                    ledger_changes(source->reader, source->pipeline, &source->spec->pipeline,
                                   source->since_ms, take_change, &reading.past, err);

        recorder_close(reading.recorder);
        for (size_t i = 0; done && i < reading.past.count; i++)
                done = lay_out_load(&reading.past.spans[i], err);
        if (!done) {
                past_free(&reading.past);
                return error_wrap(err, "ledger");
        }
        count_gaps(&reading.past);
        *ret_past = reading.past;
        return true;
}

void past_free(struct past *past)
{
        for (size_t i = 0; i < past->count; i++)
                free_span(&past->spans[i]);
        free(past->spans);
        *past = (struct past){0};
}

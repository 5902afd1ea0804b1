/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/live/recorder_internal.h"
#include "core/series/series.h"

#define LOADED_RATIO 0.1 /* busy share from which on input over busy time tells a rate */

struct recorder {
        const struct spec *spec;
        char *folder, *samples_path, *spec_path;
        int file;
        size_t bytes;
        struct recorded recorded;
        int64_t end_ms;              /* of the newest window; INT64_MIN: none */
        size_t known_before;         /* columns that stood in the spec when it was written last */
        struct configuration newest; /* count 0: none yet */
        int64_t rescales;
};

/* ---- columns ---- */

static void add_column(struct recorded *recorded, const char *metric, const char *operator_name, bool at_end)
{
        struct recorded_column *column;

        recorded->columns = memory_resize(recorded->columns, recorded->count + 1, sizeof *recorded->columns);
        column = &recorded->columns[recorded->count++];
        *column = (struct recorded_column){
                .name = operator_name ? memory_format("%s.%s", metric, operator_name)
                                      : memory_copy_text(metric),
                .at_end = at_end,
        };
}

static void list_columns(const struct pipeline *pipeline, struct recorded *recorded)
{
        static const struct {
                const char *metric;
                bool at_end;
        } whole[] = {{"offered", false}, {"throughput", false}, {"latency", false},
                     {"cpu", false},     {"workers", true},     {"backlog", true},
                     {"queued", true},   {"rescales", true},    {"startup", true}},
          each[] = {{"parallelism", true}, {"busy", false}, {"rate", false}};

        for (size_t i = 0; i < ARRAY_LENGTH(whole); i++)
                add_column(recorded, whole[i].metric, NULL, whole[i].at_end);
        for (int op = 0; op < pipeline->n_operators; op++)
                for (size_t i = 0; i < ARRAY_LENGTH(each); i++)
                        add_column(recorded, each[i].metric, pipeline->operators[op].name, each[i].at_end);
}

static double count_or_nan(int count)
{
        return count > 0 ? count : NAN;
}

/* A job that stands still measures nothing: what its metrics say then is left over, or nought by default. */
static bool stands_still(const struct observation *seen)
{
        bool runs = seen->n_operators == 0;

        for (int i = 0; i < seen->n_operators; i++)
                runs = runs || seen->operators[i].parallelism > 0;
        return seen->workers_ready == 0 || !runs;
}

/* What waits in the broker; NAN where some source does not tell. */
static double in_broker(const struct pipeline *pipeline, const struct observation *seen)
{
        double sum = seen->n_operators > 0 ? 0 : NAN;

        for (int i = 0; i < pipeline->n_operators; i++)
                if (pipeline->operators[i].source)
                        sum += i < seen->n_operators ? seen->operators[i].backlog_records : NAN;
        return sum;
}

/* In the order of list_columns. The median latency is what a model's latency is of, where it is known. */
static void read_values(const struct recorder *recorder, const struct observation *seen, double *values)
{
        double broker = in_broker(&recorder->spec->pipeline, seen);
        bool still = stands_still(seen);
        double *next = values;

        *next++ = seen->offered_per_second;
        *next++ = still ? NAN : seen->throughput_per_second;
        *next++ = still                                 ? NAN
                  : isfinite(seen->latency_p50_seconds) ? seen->latency_p50_seconds
                                                        : seen->latency_p99_seconds;
        *next++ = still ? NAN : seen->cpu_ratio;
        *next++ = count_or_nan(seen->workers);
        *next++ = isnan(broker) ? seen->backlog_records : broker;
        *next++ = seen->backlog_records < broker ? 0 : seen->backlog_records - broker;
        *next++ = recorder->newest.count > 0 ? (double)recorder->rescales : NAN;
        *next++ = seen->start_seconds;
        for (int i = 0; i < recorder->spec->pipeline.n_operators; i++) {
                bool known = i < seen->n_operators;
                const struct operator_observation *operator= & seen->operators[i];

                *next++ = known ? count_or_nan(operator->parallelism) : NAN;
                *next++ = known ? operator->busy_ratio : NAN;
                *next++ = known ? operator->in_per_second : NAN;
        }
}

/* ---- rows ---- */

static void put_quoted(struct text *out, const char *name)
{
        text_put(out, "\"");
        for (const char *at = name; *at; at++)
                text_format(out, *at == '"' ? "\"%c" : "%c", *at);
        text_put(out, "\"");
}

static void put_header(const struct recorded *recorded, struct text *out)
{
        text_put(out, "start,time");
        for (size_t i = 0; i < recorded->count; i++) {
                text_put(out, ",");
                put_quoted(out, recorded->columns[i].name);
        }
        text_put(out, "\n");
}

static void put_row(int64_t start_ms, int64_t end_ms, const double *values, size_t count, struct text *out)
{
        char start[32], end[32];

        time_format(start_ms, start);
        time_format(end_ms, end);
        text_format(out, "%s,%s", start, end);
        for (size_t i = 0; i < count; i++)
                if (isfinite(values[i]))
                        text_format(out, ",%.10g", values[i]);
                else
                        text_put(out, ",");
        text_put(out, "\n");
}

static bool append(struct recorder *recorder, const struct text *row, struct error *err)
{
        ssize_t written;

        if (recorder->bytes + row->length > RECORDER_MAX_BYTES)
                return error_set(err, ERROR_LIMIT, "RecordingFull", "%s: holds %u MiB, as much as it may",
                                 recorder->samples_path, RECORDER_MAX_BYTES >> 20);
        written = write(recorder->file, row->data, row->length);
        if (written == (ssize_t)row->length) {
                recorder->bytes += row->length;
                return true;
        }
        /* Half a row must not have the next one behind it. */
        if (written > 0 && ftruncate(recorder->file, (off_t)recorder->bytes) != 0)
                return error_errno(err, errno, "%s", recorder->samples_path);
        return error_errno(err, written < 0 ? errno : ENOSPC, "%s", recorder->samples_path);
}

/* ---- taking up ---- */

/* Counts the values of a row's fields after the two times. */
static void count_values(struct recorded *recorded, const char *row, const char *end)
{
        size_t field = 0;

        for (const char *at = row; at < end; at++)
                if (*at == ',') {
                        size_t column = field++ - 1;

                        if (field >= 2 && column < recorded->count)
                                recorded->columns[column].values += at + 1 < end && at[1] != ',';
                }
}

/* When the window of a row ended; INT64_MIN when that is not to be read. */
static int64_t end_of_row(const char *row)
{
        const char *from = strchr(row, ',');
        size_t length = from ? strcspn(from + 1, ",\n") : 0;
        autofree char *time = memory_format("%.*s", (int)length, from ? from + 1 : "");
        struct error err = ERROR_INIT;
        int64_t end_ms;

        return time_parse(time, NULL, &end_ms, &err) ? end_ms : INT64_MIN;
}

/* Up to the end of what is whole: a torn last row is none. */
static void take_rows(struct recorder *recorder, const char *text, size_t header_length)
{
        const char *row = text + header_length, *end;

        while ((end = strchr(row, '\n'))) {
                count_values(&recorder->recorded, row, end);
                recorder->end_ms = end_of_row(row);
                row = end + 1;
        }
        recorder->bytes = (size_t)(row - text);
}

static bool take_up(struct recorder *recorder, const struct text *header, struct error *err)
{
        autofree char *text = NULL;

        if (!text_read_file(recorder->samples_path, RECORDER_MAX_BYTES, &text, NULL, err))
                return false;
        if (strncmp(text, header->data, header->length) != 0)
                return error_set(err, ERROR_INPUT, "AnotherRecording",
                                 "%s: is of another pipeline, or of one with other operators; expected a new "
                                 "folder",
                                 recorder->samples_path);
        take_rows(recorder, text, header->length);
        if (ftruncate(recorder->file, (off_t)recorder->bytes) != 0)
                return error_errno(err, errno, "%s", recorder->samples_path);
        return true;
}

static bool open_samples(struct recorder *recorder, struct error *err)
{
        autotext header = {0};
        struct stat status;

        put_header(&recorder->recorded, &header);
        recorder->file = open(recorder->samples_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (recorder->file < 0 || fstat(recorder->file, &status) != 0)
                return text_read_error(recorder->samples_path, errno, err);
        return status.st_size == 0 ? append(recorder, &header, err) : take_up(recorder, &header, err);
}

bool recorder_open(const char *folder, const struct spec *spec, struct recorder **ret_recorder,
                   struct error *err)
{
        autocall(recorder_close) struct recorder *recorder = memory_new(1, sizeof *recorder);

        recorder->file = -1;
        recorder->end_ms = INT64_MIN;
        recorder->spec = spec;
        recorder->folder = memory_copy_text(folder);
        recorder->samples_path = memory_format("%s/" RECORDER_SAMPLES, folder);
        recorder->spec_path = memory_format("%s/recording.yaml", folder);
        list_columns(&spec->pipeline, &recorder->recorded);
        recorder->recorded.rate_per_second =
                memory_new((size_t)spec->pipeline.n_operators, sizeof *recorder->recorded.rate_per_second);
        recorder->recorded.checkpoint_seconds = NAN;
        for (int i = 0; i < spec->pipeline.n_operators; i++)
                recorder->recorded.rate_per_second[i] = NAN;
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
                return text_read_error(folder, errno, err);
        if (!open_samples(recorder, err))
                return error_wrap(err, "while recording");
        *ret_recorder = TAKE(recorder);
        return true;
}

void recorder_close(struct recorder *recorder)
{
        if (!recorder)
                return;
        if (recorder->file >= 0)
                close(recorder->file);
        for (size_t i = 0; i < recorder->recorded.count; i++)
                free(recorder->recorded.columns[i].name);
        free(recorder->recorded.columns);
        free(recorder->recorded.rate_per_second);
        free(recorder->folder);
        free(recorder->samples_path);
        free(recorder->spec_path);
        free(recorder);
}

/* ---- observing ---- */

static void note_configuration(struct recorder *recorder, const struct observation *seen)
{
        if ((seen->missing & (MISSING_ALL | MISSING_CONFIGURATION)) || seen->configuration.count == 0)
                return;
        if (recorder->newest.count == 0)
                recorder->recorded.initial = seen->configuration;
        else if (!configuration_equal(&recorder->newest, &seen->configuration))
                recorder->rescales++;
        recorder->newest = seen->configuration;
}

/* What a subtask took in at its fastest, over the share of time it was busy: a first guess of what it can
 * take. */
static void note_rates(struct recorder *recorder, const struct observation *seen)
{
        double *rate = recorder->recorded.rate_per_second;

        for (int i = 0; i < seen->n_operators && i < recorder->spec->pipeline.n_operators; i++) {
                const struct operator_observation *operator= & seen->operators[i];
                double busy = operator->busy_ratio >= LOADED_RATIO ? operator->busy_ratio : 1;
                double now = operator->in_per_second / busy / operator->parallelism;

                if (isfinite(now) && now > 0 && !(rate[i] >= now))
                        rate[i] = now;
        }
        if (isfinite(seen->checkpoints.interval_seconds))
                recorder->recorded.checkpoint_seconds = seen->checkpoints.interval_seconds;
}

static size_t count_known(const struct recorded *recorded)
{
        size_t known = 0;

        for (size_t i = 0; i < recorded->count; i++)
                known += recorded->columns[i].values >= RECORDED_ENOUGH;
        return known;
}

bool recorder_finish(struct recorder *recorder, struct error *err)
{
        autotext text = {0};

        if (recorder->recorded.initial.count == 0)
                return true;
        recorder_put_spec(recorder->spec, &recorder->recorded, &text);
        return text_write_file(recorder->spec_path, text.data, text.length, err);
}

/* When the first values of a metric have arrived. */
static bool write_spec(struct recorder *recorder, struct error *err)
{
        size_t known = count_known(&recorder->recorded);

        if (known == recorder->known_before)
                return true;
        if (!recorder_finish(recorder, err))
                return false;
        recorder->known_before = recorder->recorded.initial.count > 0 ? known : 0;
        return true;
}

bool recorder_observe(struct recorder *recorder, const struct observation *observation, struct error *err)
{
        struct recorded *recorded = &recorder->recorded;
        autofree double *values = memory_new(recorded->count, sizeof *values);
        int64_t start_ms = observation->time_ms - observation->window_ms;
        autotext row = {0};

        if (observation->time_ms <= recorder->end_ms)
                return true;
        if (start_ms < recorder->end_ms)
                start_ms = recorder->end_ms;
        note_configuration(recorder, observation);
        note_rates(recorder, observation);
        read_values(recorder, observation, values);
        put_row(start_ms, observation->time_ms, values, recorded->count, &row);
        if (!append(recorder, &row, err))
                return false;
        recorder->end_ms = observation->time_ms;
        for (size_t i = 0; i < recorded->count; i++)
                recorded->columns[i].values += isfinite(values[i]);
        return write_spec(recorder, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a spec is laid out: the sections that only simulate, calibrate and backtest read. */
#include <string.h>

#include "core/spec_file.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define RATE_MAX         1e12
#define YEARS_10_SECONDS 315360000

/* Options of a recorded series; the struct names the fields alike. */
#define SERIES_OPTIONS(type_name)                                                                            \
        {.name = "timeColumn",                                                                               \
         .type = OPTION_TEXT,                                                                                \
         .offset = offsetof(struct type_name, time_column),                                                  \
         .help = "Column of the times by its name; without it the first, or one named timestamp, time, "     \
                 "date or t."},                                                                              \
                {.name = "valueColumn",                                                                      \
                 .type = OPTION_TEXT,                                                                        \
                 .offset = offsetof(struct type_name, value_column),                                         \
                 .help = "Column of the values by its name; without it the second."},                        \
                {.name = "timeZone",                                                                         \
                 .type = OPTION_TEXT,                                                                        \
                 .offset = offsetof(struct type_name, time_zone),                                            \
                 .help = "IANA name of the zone of local times without an offset; UTC without it."},         \
                {.name = "match",                                                                            \
                 .type = OPTION_TEXT,                                                                        \
                 .offset = offsetof(struct type_name, match),                                                \
                 .help = "Prometheus JSON with several series: text in the labels of the one meant."},       \
        {                                                                                                    \
                .name = "secondsFromZero", .type = OPTION_BOOL,                                              \
                .offset = offsetof(struct type_name, seconds_from_zero), .fallback = "false",                \
                .help = "Whether times are seconds since the start of the recording."                        \
        }

/* ---- workload ---- */

static const char *const shapes[] = {"Constant", "Daily",      "Weekly", "Trend",
                                     "Bursts",   "FlashCrowd", "Sine",   NULL};

static const struct option synthetic_options[] = {
        {.name = "shape",
         .type = OPTION_CHOICE,
         AT(synthetic_load, shape),
         .choices = shapes,
         .required = true,
         .help = "Form of the load over time."},
        {.name = "basePerSecond",
         .type = OPTION_NUMBER,
         AT(synthetic_load, base_per_second),
         .unit = "records/s",
         .min = 0,
         .max = RATE_MAX,
         .fallback = "0",
         .help = "Lowest rate of the shape; the start of a Trend; the rate of a Constant."},
        {.name = "peakPerSecond",
         .type = OPTION_NUMBER,
         AT(synthetic_load, peak_per_second),
         .unit = "records/s",
         .min = 0,
         .max = RATE_MAX,
         .fallback = "0",
         .help = "Highest rate of the shape; the end of a Trend. Not used by Constant."},
        {.name = "peakHour",
         .type = OPTION_NUMBER,
         AT(synthetic_load, peak_hour),
         .unit = "h",
         .min = 0,
         .max = 24,
         .fallback = "14",
         .help = "Daily and Weekly: hour of the day with the peak, in workload.timeZone."},
        {.name = "weekendRatio",
         .type = OPTION_NUMBER,
         AT(synthetic_load, weekend_ratio),
         .min = 0,
         .max = 100,
         .fallback = "0.6",
         .help = "Weekly: load of Saturday and Sunday over that of weekdays."},
        {.name = "periodSeconds",
         .type = OPTION_INT,
         AT(synthetic_load, period_seconds),
         .unit = "s",
         .min = 1,
         .max = YEARS_10_SECONDS,
         .fallback = "3600",
         .help = "Sine: length of one period."},
        {.name = "startSeconds",
         .type = OPTION_INT,
         AT(synthetic_load, start_seconds),
         .unit = "s",
         .min = 0,
         .max = YEARS_10_SECONDS,
         .fallback = "0",
         .help = "FlashCrowd: when it begins, from the start of the simulation."},
        {.name = "durationSeconds",
         .type = OPTION_INT,
         AT(synthetic_load, duration_seconds),
         .unit = "s",
         .min = 1,
         .max = YEARS_10_SECONDS,
         .fallback = "1800",
         .help = "FlashCrowd: how long it lasts; Bursts: mean length of one."},
        {.name = "perDay",
         .type = OPTION_NUMBER,
         AT(synthetic_load, per_day),
         .unit = "1/d",
         .min = 0,
         .max = 86400,
         .fallback = "4",
         .help = "Bursts: how many a day, as a Poisson process."},
        {0},
};

static const struct option_table synthetic_table = {
        .name = "synthetic",
        .help = "A made load; several add up.",
        .size = sizeof(struct synthetic_load),
        .options = synthetic_options,
};

static const struct option workload_options[] = {
        {.name = "file",
         .type = OPTION_TEXT,
         AT(workload_options, file),
         .help = "Recorded load in records/s: CSV, also gzip, or Prometheus range JSON; relative to --data "
                 "or the "
                 "spec. Wildcards may stand for one file."},
        SERIES_OPTIONS(workload_options),
        {.name = "counts",
         .type = OPTION_BOOL,
         AT(workload_options, counts),
         .fallback = "false",
         .help = "Whether values are records per step of the file instead of records/s."},
        {.name = "scale",
         .type = OPTION_NUMBER,
         AT(workload_options, scale),
         .min = 0,
         .max = 1e9,
         .fallback = "1",
         .help = "Multiplies the whole load."},
        {.name = "meanPerSecond",
         .type = OPTION_NUMBER,
         AT(workload_options, mean_per_second),
         .unit = "records/s",
         .min = 0,
         .max = RATE_MAX,
         .help = "Mean that a recorded load is scaled to; as recorded without it."},
        {.name = "shiftSeconds",
         .type = OPTION_INT,
         AT(workload_options, shift_seconds),
         .unit = "s",
         .min = -YEARS_10_SECONDS,
         .max = YEARS_10_SECONDS,
         .fallback = "0",
         .help = "Moves the load to a later time."},
        {.name = "synthetic",
         .type = OPTION_LIST,
         AT(workload_options, synthetic),
         .table = &synthetic_table,
         .min = 0,
         .max = 64,
         .help = "Made loads, added to the recorded one."},
        {.name = "repeat",
         .type = OPTION_BOOL,
         AT(workload_options, repeat),
         .fallback = "true",
         .help = "Starts the recorded load over when the simulation is longer."},
        {.name = "noiseVariation",
         .type = OPTION_NUMBER,
         AT(workload_options, noise_cv),
         .min = 0,
         .max = 10,
         .fallback = "0",
         .help = "Coefficient of variation of noise on the load."},
        {.name = "outageStartSeconds",
         .type = OPTION_INT,
         AT(workload_options, outage_start_seconds),
         .unit = "s",
         .min = 0,
         .max = YEARS_10_SECONDS,
         .fallback = "0",
         .help = "When the source falls silent, from the start of the simulation."},
        {.name = "outageSeconds",
         .type = OPTION_INT,
         AT(workload_options, outage_seconds),
         .unit = "s",
         .min = 0,
         .max = YEARS_10_SECONDS,
         .fallback = "0",
         .help = "How long it is silent; 0 has no outage."},
        {.name = "outageReplayRatio",
         .type = OPTION_NUMBER,
         AT(workload_options, outage_replay_ratio),
         .min = 0,
         .max = 1000,
         .fallback = "0",
         .help = "Afterwards it sends this multiple of the ordinary load until what it missed is sent; 0 "
                 "loses that."},
        {0},
};

const struct option_table workload_table = {
        .name = "workload",
        .help = "The load offered to a simulated pipeline: recorded and made parts add up; then scale, shift "
                "and noise.",
        .size = sizeof(struct workload_options),
        .options = workload_options,
};

/* ---- simulation ---- */

static const struct option simulation_options[] = {
        {.name = "start",
         .type = OPTION_TIME,
         AT(simulation_options, start_ms),
         .help = "Start of the simulation; without it the start of the recorded load, else "
                 "2026-01-05T00:00:00Z."},
        {.name = "durationSeconds",
         .type = OPTION_INT,
         AT(simulation_options, duration_seconds),
         .unit = "s",
         .min = 0,
         .max = YEARS_10_SECONDS,
         .fallback = "0",
         .help = "Length of the simulation; 0 is the length of the recorded load, else seven days."},
        {.name = "stepMilliseconds",
         .type = OPTION_INT,
         AT(simulation_options, step_milliseconds),
         .unit = "ms",
         .min = 10,
         .max = 60000,
         .fallback = "1000",
         .help = "Step of the simulated engine."},
        {.name = "runs",
         .type = OPTION_INT,
         AT(simulation_options, runs),
         .min = 1,
         .max = 1000000,
         .fallback = "20",
         .help = "Runs of each strategy; intervals are over the runs."},
        {.name = "seed",
         .type = OPTION_INT,
         AT(simulation_options, seed),
         .min = 0,
         .max = 1e15,
         .fallback = "1",
         .help = "Seed of all randomness: the same seed gives the same bytes."},
        {.name = "warmupSeconds",
         .type = OPTION_INT,
         AT(simulation_options, warmup_seconds),
         .unit = "s",
         .min = 0,
         .max = YEARS_10_SECONDS,
         .fallback = "0",
         .help = "Left out of the figures at the start."},
        {.name = "strategies",
         .type = OPTION_TEXTS,
         AT(simulation_options, strategies),
         .min = 0,
         .max = 64,
         .help = "Strategies to compare; all without it."},
        {0},
};

const struct option_table simulation_table = {
        .name = "simulation",
        .help = "Length, runs and seed of a simulation.",
        .size = sizeof(struct simulation_options),
        .options = simulation_options,
};

/* ---- recordings ---- */

static const struct option series_options[] = {
        {.name = "metric",
         .type = OPTION_TEXT,
         AT(recording_series, metric),
         .required = true,
         .help = "offered, throughput, latency, cpu, workers, backlog, queued, rescales, startup, "
                 "parallelism.OPERATOR, busy.OPERATOR or rate.OPERATOR."},
        {.name = "file",
         .type = OPTION_TEXT,
         AT(recording_series, file),
         .required = true,
         .help = "CSV, also gzip, or Prometheus range JSON; relative to --data or the spec."},
        SERIES_OPTIONS(recording_series),
        {.name = "scale",
         .type = OPTION_NUMBER,
         AT(recording_series, scale),
         .min = 0,
         .max = 1e12,
         .fallback = "1",
         .help = "To records/s, seconds, ratio or workers: 0.001 for a latency in milliseconds."},
        {0},
};

static const struct option_table series_table = {
        .name = "series",
        .help = "A metric measured over the run.",
        .size = sizeof(struct recording_series),
        .options = series_options,
};

static const struct option entry_options[] = {
        {.name = "knob",
         .type = OPTION_TEXT,
         AT(configuration_entry, knob),
         .required = true,
         .help = "Name of the knob."},
        {.name = "operator",
         .type = OPTION_TEXT,
         AT(configuration_entry, operator_name),
         .help = "Operator whose knob is meant; all without it."},
        {.name = "value",
         .type = OPTION_QUANTITY,
         AT(configuration_entry, value),
         .required = true,
         .help = "Its value."},
        {0},
};

const struct option_table configuration_entry_table = {
        .name = "configuration",
        .help = "The value of one knob.",
        .size = sizeof(struct configuration_entry),
        .options = entry_options,
};

static const struct option recording_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(recording_options, name),
         .required = true,
         .help = "Name of the run; backtest.fit and backtest.predict refer to it."},
        {.name = "series",
         .type = OPTION_LIST,
         AT(recording_options, series),
         .table = &series_table,
         .required = true,
         .min = 1,
         .max = 1024,
         .help = "What was measured."},
        {.name = "strategy",
         .type = OPTION_TEXT,
         AT(recording_options, strategy),
         .help = "What scaled the pipeline in the run: a strategy's name; `static` without it."},
        {.name = "options",
         .type = OPTION_FREE,
         AT(recording_options, options),
         .help = "Options of that strategy in the run."},
        {.name = "turn",
         .type = OPTION_TIME,
         AT(recording_options, turn_ms),
         .help = "When that strategy took one of its turns, as optctl history tells of any decision; the "
                 "others are whole intervals before and after. Without it each predicted run begins its "
                 "turns at another moment."},
        {.name = "configuration",
         .type = OPTION_LIST,
         AT(recording_options, configuration),
         .table = &configuration_entry_table,
         .min = 0,
         .max = CONFIGURATION_MAX_KNOBS,
         .help = "What ran at the start; without it the first measured workers or parallelism."},
        {.name = "workloadFile",
         .type = OPTION_TEXT,
         AT(recording_options, workload_file),
         .help = "Offered load when it was not measured in the run."},
        {.name = "workloadScale",
         .type = OPTION_NUMBER,
         AT(recording_options, workload_scale),
         .min = 0,
         .max = 1e9,
         .fallback = "1",
         .help = "Multiplies the values of workloadFile."},
        {.name = "skipSeconds",
         .type = OPTION_INT,
         AT(recording_options, skip_seconds),
         .unit = "s",
         .min = 0,
         .max = YEARS_10_SECONDS,
         .fallback = "0",
         .help = "Start-up of the experiment, left out."},
        {0},
};

const struct option_table recording_table = {
        .name = "recordings",
        .help = "A measured run.",
        .size = sizeof(struct recording_options),
        .options = recording_options,
};

/* ---- backtest ---- */

static const struct option backtest_options[] = {
        {.name = "fit",
         .type = OPTION_TEXTS,
         AT(backtest_options, fit),
         .min = 0,
         .max = 256,
         .help = "Names of the recordings the model is fitted to."},
        {.name = "predict",
         .type = OPTION_TEXTS,
         AT(backtest_options, predict),
         .min = 0,
         .max = 256,
         .help = "Names of the recordings that are predicted; all others without it."},
        {.name = "baseline",
         .type = OPTION_TEXT,
         AT(backtest_options, baseline),
         .help = "Recording whose cost savings are counted against."},
        {.name = "windowSeconds",
         .type = OPTION_INT,
         AT(backtest_options, window_seconds),
         .unit = "s",
         .min = 1,
         .max = YEARS_10_SECONDS,
         .fallback = "600",
         .help = "Length of the windows whose coverage by prediction intervals is counted."},
        {.name = "runs",
         .type = OPTION_INT,
         AT(backtest_options, runs),
         .min = 1,
         .max = 1000000,
         .fallback = "40",
         .help = "Simulated runs of each prediction."},
        {.name = "seed",
         .type = OPTION_INT,
         AT(backtest_options, seed),
         .min = 0,
         .max = 1e15,
         .fallback = "1",
         .help = "Seed of all randomness."},
        {.name = "intervalPercent",
         .type = OPTION_NUMBER,
         AT(backtest_options, interval_percent),
         .unit = "%",
         .min = 1,
         .max = 99.9,
         .fallback = "90",
         .help = "Probability that a prediction interval claims."},
        {0},
};

const struct option_table backtest_table = {
        .name = "backtest",
        .help = "How far to trust the model: fit on some recordings, predict others.",
        .size = sizeof(struct backtest_options),
        .options = backtest_options,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/model.h"

#include <math.h>
#include <string.h>

#include "core/json.h"
#include "core/memory.h"
#include "core/pipeline.h"

/* Upper ends that no real system comes near, yet keep sums and products finite. */
#define RATE_MAX    1e12
#define SECONDS_MAX 1e7

#define OPTION_AT(struct_name, member) .offset = offsetof(struct struct_name, member)
#define RATIO                          .type = OPTION_NUMBER, .min = 0, .max = 1
#define SECONDS                        .type = OPTION_NUMBER, .unit = "s", .min = 0, .max = SECONDS_MAX
#define STANDARD_ERROR(top)            .type = OPTION_NUMBER, .min = 0, .max = (top), .fallback = "0"
#define LOG_DEVIATION                  .type = OPTION_NUMBER, .min = 0, .max = 5

static const struct option operator_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         OPTION_AT(operator_model, name),
         .required = true,
         .help = "Name of the operator in spec.pipeline (\"pipeline\" when the spec has none)."},
        {.name = "ratePerSecond",
         .type = OPTION_NUMBER,
         OPTION_AT(operator_model, rate_per_second),
         .unit = "records/s",
         .min = 1e-9,
         .max = RATE_MAX,
         .required = true,
         .help = "Records one subtask alone takes in when it is busy all the time (the true processing rate "
                 "of DS2)."},
        {.name = "ratePerSecondError",
         OPTION_AT(operator_model, rate_per_second_error),
         STANDARD_ERROR(RATE_MAX),
         .unit = "records/s",
         .help = "Standard error of ratePerSecond."},
        {.name = "sigma",
         OPTION_AT(operator_model, sigma),
         RATIO,
         .fallback = "0.01",
         .help = "Contention of the Universal Scalability Law: the share of work that does not run in "
                 "parallel."},
        {.name = "sigmaError",
         OPTION_AT(operator_model, sigma_error),
         STANDARD_ERROR(1),
         .help = "Standard error of sigma."},
        {.name = "kappa",
         OPTION_AT(operator_model, kappa),
         RATIO,
         .fallback = "0",
         .help = "Coherency of the Universal Scalability Law: cost of agreement between each pair of "
                 "subtasks."},
        {.name = "kappaError",
         OPTION_AT(operator_model, kappa_error),
         STANDARD_ERROR(1),
         .help = "Standard error of kappa."},
        {.name = "skew",
         .type = OPTION_NUMBER,
         OPTION_AT(operator_model, skew),
         .min = 1,
         .max = 1000,
         .fallback = "1",
         .help = "Load of the busiest subtask over the mean; 1 is an even spread of keys."},
        {.name = "skewError",
         OPTION_AT(operator_model, skew_error),
         STANDARD_ERROR(1000),
         .help = "Standard error of what skew has above 1."},
        {.name = "serviceVariation",
         .type = OPTION_NUMBER,
         OPTION_AT(operator_model, service_cv),
         .min = 0,
         .max = 100,
         .fallback = "1",
         .help = "Coefficient of variation of the time one record takes; 1 is exponential, 0 is constant."},
        {.name = "serviceVariationError",
         OPTION_AT(operator_model, service_cv_error),
         STANDARD_ERROR(100),
         .help = "Standard error of serviceVariation."},
        {.name = "bufferRecords",
         .type = OPTION_NUMBER,
         OPTION_AT(operator_model, buffer_records),
         .unit = "records",
         .min = 0,
         .max = RATE_MAX,
         .fallback = "1000",
         .help = "Room in the exchange in front of each subtask, beyond which the sender is held back: "
                 "backlog that the broker does not show."},
        {0},
};

static const struct option_table operator_table = {
        .name = "operators",
        .help = "How fast one subtask of an operator is, and how that grows with parallelism.",
        .size = sizeof(struct operator_model),
        .options = operator_options,
};

static const struct option restart_options[] = {
        {.name = "medianSeconds",
         OPTION_AT(restart_model, median_seconds),
         SECONDS,
         .fallback = "20",
         .help = "Median downtime of a rescale, from the job's stop until records flow again."},
        {.name = "medianSecondsError",
         OPTION_AT(restart_model, median_seconds_error),
         STANDARD_ERROR(SECONDS_MAX),
         .unit = "s",
         .help = "Standard error of medianSeconds."},
        {.name = "workerSeconds",
         OPTION_AT(restart_model, worker_seconds),
         SECONDS,
         .fallback = "0",
         .help = "Downtime on top of the median that the workers share, as state they restore in parallel: "
                 "it is "
                 "divided by their number."},
        {.name = "logDeviation",
         OPTION_AT(restart_model, log_sd),
         LOG_DEVIATION,
         .fallback = "0.3",
         .help = "Standard deviation of the downtime's logarithm: the downtime is log-normal."},
        {.name = "triggerDelaySeconds",
         OPTION_AT(restart_model, trigger_delay_seconds),
         SECONDS,
         .fallback = "1",
         .help = "From the call that rescales until the job stops."},
        {.name = "checkpointSeconds",
         OPTION_AT(restart_model, checkpoint_seconds),
         SECONDS,
         .fallback = "0",
         .help = "For a job that stops at the end of its next checkpoint (Flink's adaptive scheduler): their "
                 "interval. A checkpoint's barriers queue behind what waits in the exchanges, so a job that "
                 "is behind stops later. 0 is a job that stops at once."},
        {.name = "warmupSeconds",
         OPTION_AT(restart_model, warmup_seconds),
         SECONDS,
         .fallback = "30",
         .help = "After a start, until the capacity is whole (compilation, caches, state)."},
        {.name = "warmupCapacityRatio",
         OPTION_AT(restart_model, warmup_capacity_ratio),
         .type = OPTION_NUMBER,
         .min = 0.01,
         .max = 1,
         .fallback = "0.8",
         .help = "Capacity right after a start over the whole; it grows evenly over warmupSeconds."},
        {.name = "warmupCpuRatio",
         OPTION_AT(restart_model, warmup_cpu_ratio),
         .type = OPTION_NUMBER,
         .min = 0,
         .max = 100,
         .fallback = "0",
         .help = "CPU used over CPU requested while warming up; 0 leaves it to the load."},
        {0},
};

static const struct option_table restart_table = {
        .name = "restart",
        .help = "What a rescale costs in time.",
        .size = sizeof(struct restart_model),
        .options = restart_options,
};

static const struct option failure_options[] = {
        {.name = "everySeconds",
         OPTION_AT(failure_model, every_seconds),
         SECONDS,
         .fallback = "0",
         .help = "Mean time between losses of a worker; 0 has none."},
        {.name = "firstAfterSeconds",
         OPTION_AT(failure_model, first_after_seconds),
         SECONDS,
         .fallback = "0",
         .help = "The first loss, from the start; 0 leaves it to chance."},
        {.name = "jitterRatio",
         OPTION_AT(failure_model, jitter_ratio),
         RATIO,
         .fallback = "1",
         .help = "Scatter of the time between losses: 1 is a Poisson process, near 0 a regular one."},
        {.name = "medianSeconds",
         OPTION_AT(failure_model, median_seconds),
         SECONDS,
         .fallback = "30",
         .help = "Median downtime after a loss."},
        {.name = "workerSeconds",
         OPTION_AT(failure_model, worker_seconds),
         SECONDS,
         .fallback = "0",
         .help = "Downtime on top of the median that the workers share, as state they restore in parallel: "
                 "it is "
                 "divided by their number."},
        {.name = "logDeviation",
         OPTION_AT(failure_model, log_sd),
         LOG_DEVIATION,
         .fallback = "0.3",
         .help = "Standard deviation of that downtime's logarithm."},
        {.name = "spotPerHour",
         .type = OPTION_NUMBER,
         OPTION_AT(failure_model, spot_per_hour),
         .unit = "1/h",
         .min = 0,
         .max = 3600,
         .fallback = "0",
         .help = "Preemptions of spot capacity for each worker-hour."},
        {0},
};

static const struct option_table failure_table = {
        .name = "failures",
        .help = "Losses of workers while the pipeline runs.",
        .size = sizeof(struct failure_model),
        .options = failure_options,
};

static const struct option catch_up_options[] = {
        {.name = "floorRatio",
         OPTION_AT(catch_up_model, floor_ratio),
         .type = OPTION_NUMBER,
         .min = 0.01,
         .max = 1,
         .fallback = "1",
         .help = "Capacity after a long time behind, over the whole (cold reads, larger state); 1 has no "
                 "slowdown."},
        {.name = "floorRatioError",
         OPTION_AT(catch_up_model, floor_ratio_error),
         STANDARD_ERROR(1),
         .help = "Standard error of floorRatio."},
        {.name = "timeConstantSeconds",
         OPTION_AT(catch_up_model, time_constant_seconds),
         SECONDS,
         .fallback = "60",
         .help = "Time constant of the decay towards floorRatio."},
        {.name = "thresholdSeconds",
         OPTION_AT(catch_up_model, threshold_seconds),
         SECONDS,
         .fallback = "10",
         .help = "The pipeline counts as behind when records wait longer than this."},
        {0},
};

static const struct option_table catch_up_table = {
        .name = "catchUp",
        .help = "Slower processing while a backlog is worked off.",
        .size = sizeof(struct catch_up_model),
        .options = catch_up_options,
};

static const struct option cpu_options[] = {
        {.name = "baseRatio",
         OPTION_AT(cpu_model, base_ratio),
         .type = OPTION_NUMBER,
         .min = 0,
         .max = 100,
         .fallback = "0.05",
         .help = "CPU used over CPU requested by an idle worker."},
        {.name = "baseRatioError",
         OPTION_AT(cpu_model, base_ratio_error),
         STANDARD_ERROR(100),
         .help = "Standard error of baseRatio."},
        {.name = "workerSecondsPerRecord",
         OPTION_AT(cpu_model, worker_seconds_per_record),
         .type = OPTION_NUMBER,
         .unit = "s",
         .min = 0,
         .max = SECONDS_MAX,
         .help = "Worker-seconds of CPU for each record that the sources read. Without it a worker at full "
                 "capacity "
                 "shows 95 percent."},
        {.name = "workerSecondsPerRecordError",
         OPTION_AT(cpu_model, worker_seconds_per_record_error),
         STANDARD_ERROR(SECONDS_MAX),
         .unit = "s",
         .help = "Standard error of workerSecondsPerRecord."},
        {.name = "limitRatio",
         .type = OPTION_NUMBER,
         OPTION_AT(cpu_model, limit_ratio),
         .min = 0,
         .max = 1000,
         .fallback = "0",
         .help = "The most CPU a worker can use over what it requests; 0 is no limit."},
        {.name = "noiseDeviation",
         OPTION_AT(cpu_model, noise_sd),
         .type = OPTION_NUMBER,
         .min = 0,
         .max = 10,
         .fallback = "0.02",
         .help = "Standard deviation of one worker's measured CPU ratio; workers scatter independently."},
        {.name = "noiseCorrelationSeconds",
         OPTION_AT(cpu_model, noise_correlation_seconds),
         SECONDS,
         .fallback = "30",
         .help = "How long that noise remembers itself (first-order autoregressive)."},
        {0},
};

static const struct option_table cpu_table = {
        .name = "cpu",
        .help = "CPU that workers use, which CPU-based autoscalers look at.",
        .size = sizeof(struct cpu_model),
        .options = cpu_options,
};

static const struct option latency_options[] = {
        {.name = "baseSeconds",
         OPTION_AT(latency_model, base_seconds),
         SECONDS,
         .fallback = "0.1",
         .help = "Median latency of an idle pipeline: windows, watermarks, batching, commits."},
        {.name = "baseSecondsError",
         OPTION_AT(latency_model, base_seconds_error),
         STANDARD_ERROR(SECONDS_MAX),
         .unit = "s",
         .help = "Standard error of baseSeconds."},
        {.name = "logDeviation",
         OPTION_AT(latency_model, log_sd),
         LOG_DEVIATION,
         .fallback = "0.3",
         .help = "Standard deviation of its logarithm."},
        {.name = "perWorkerSeconds",
         OPTION_AT(latency_model, per_worker_seconds),
         SECONDS,
         .fallback = "0",
         .help = "Growth of baseSeconds with each worker (more exchanges, later watermarks)."},
        {0},
};

static const struct option_table latency_table = {
        .name = "latency",
        .help = "Latency that does not come from queueing.",
        .size = sizeof(struct latency_model),
        .options = latency_options,
};

static const struct option metrics_options[] = {
        {.name = "meterSeconds",
         OPTION_AT(metrics_model, meter_seconds),
         SECONDS,
         .fallback = "60",
         .help = "The engine's rates are averages over so long and begin anew when the job does (Flink's "
                 "meters: 60)."},
        {.name = "rateVariation",
         .type = OPTION_NUMBER,
         OPTION_AT(metrics_model, rate_noise_cv),
         .min = 0,
         .max = 10,
         .fallback = "0.02",
         .help = "Coefficient of variation of measured rates about the true ones."},
        {.name = "missingRatio",
         OPTION_AT(metrics_model, missing_ratio),
         RATIO,
         .fallback = "0",
         .help = "Share of observations that do not arrive."},
        {.name = "delaySeconds",
         OPTION_AT(metrics_model, delay_seconds),
         SECONDS,
         .fallback = "0",
         .help = "How old a value is when it is read."},
        {.name = "jitterSeconds",
         OPTION_AT(metrics_model, jitter_seconds),
         SECONDS,
         .fallback = "0",
         .help = "How far the ages of values scatter from one time to the next: what waits for a window to "
                 "be "
                 "full may then wait for one more."},
        {.name = "silentSeconds",
         OPTION_AT(metrics_model, silent_seconds),
         SECONDS,
         .fallback = "0",
         .help = "After a start of the job its rates and backlog are not told for so long."},
        {0},
};

static const struct option_table metrics_table = {
        .name = "metrics",
        .help = "How well the pipeline can be seen.",
        .size = sizeof(struct metrics_model),
        .options = metrics_options,
};

static const struct option checkpoint_options[] = {
        {.name = "intervalSeconds",
         OPTION_AT(checkpoint_model, interval_seconds),
         SECONDS,
         .fallback = "60",
         .help = "Time between checkpoints; 0 has none."},
        {.name = "pauseSeconds",
         OPTION_AT(checkpoint_model, pause_seconds),
         SECONDS,
         .fallback = "0.2",
         .help = "Processing stops that long for each (alignment)."},
        {0},
};

static const struct option_table checkpoint_table = {
        .name = "checkpoints",
        .help = "Checkpoints and what they hold up.",
        .size = sizeof(struct checkpoint_model),
        .options = checkpoint_options,
};

static const struct option model_options[] = {
        {.name = "operators",
         .type = OPTION_LIST,
         OPTION_AT(model, operators),
         .table = &operator_table,
         .key = "name",
         .min = 0,
         .max = PIPELINE_MAX_OPERATORS,
         .help = "One entry for each operator of the pipeline. A simulation needs them."},
        {.name = "workerStartSeconds",
         OPTION_AT(model, worker_start_seconds),
         SECONDS,
         .fallback = "30",
         .help = "From ordering a worker until it is ready; 0 when workers stand by."},
        {.name = "loadNoiseRatio",
         .type = OPTION_NUMBER,
         OPTION_AT(model, load_noise_cv),
         .min = 0,
         .max = 10,
         .fallback = "0",
         .help = "Scatter of the offered load from second to second, over its mean."},
        {.name = "restart",
         .type = OPTION_SECTION,
         OPTION_AT(model, restart),
         .table = &restart_table,
         .help = "What a rescale costs in time."},
        {.name = "failures",
         .type = OPTION_SECTION,
         OPTION_AT(model, failures),
         .table = &failure_table,
         .help = "Losses of workers."},
        {.name = "catchUp",
         .type = OPTION_SECTION,
         OPTION_AT(model, catch_up),
         .table = &catch_up_table,
         .help = "Slower processing while a backlog is worked off."},
        {.name = "cpu",
         .type = OPTION_SECTION,
         OPTION_AT(model, cpu),
         .table = &cpu_table,
         .help = "CPU that workers use."},
        {.name = "latency",
         .type = OPTION_SECTION,
         OPTION_AT(model, latency),
         .table = &latency_table,
         .help = "Latency that does not come from queueing."},
        {.name = "metrics",
         .type = OPTION_SECTION,
         OPTION_AT(model, metrics),
         .table = &metrics_table,
         .help = "Noise, delay and gaps of what is measured."},
        {.name = "checkpoints",
         .type = OPTION_SECTION,
         OPTION_AT(model, checkpoints),
         .table = &checkpoint_table,
         .help = "Checkpoints and what they hold up."},
        {.name = "calibratedAt",
         .type = OPTION_TEXT,
         OPTION_AT(model, calibrated_at),
         .help = "When the model was fitted, RFC 3339; for reports."},
        {.name = "calibratedFrom",
         .type = OPTION_TEXT,
         OPTION_AT(model, calibrated_from),
         .help = "Which recordings the model was fitted to; for reports."},
        {0},
};

const struct option_table model_table = {
        .name = "model",
        .help = "How the streaming engine behaves. `optctl calibrate` fits this section to recordings and "
                "prints it; the "
                "defaults describe an ordinary Flink job on Kubernetes.",
        .size = sizeof(struct model),
        .options = model_options,
};

void model_copy(const struct model *model, struct model *ret_copy)
{
        struct model copy = *model;
        struct operator_model *operators = memory_new(model->operators.count, sizeof *operators);

        if (model->operators.count > 0)
                memcpy(operators, model->operators.items, model->operators.count * sizeof *operators);
        for (size_t i = 0; i < model->operators.count; i++)
                operators[i].name = memory_copy_text(operators[i].name);
        copy.operators.items = operators;
        copy.calibrated_at = memory_copy_text(model->calibrated_at);
        copy.calibrated_from = memory_copy_text(model->calibrated_from);
        *ret_copy = copy;
}

void model_free(struct model *model)
{
        option_free(&model_table, model);
}

void model_to_yaml(const struct model *model, struct text *out)
{
        autojson *values = json_pack("{s:{s:o}}", "spec", "model", option_to_json(&model_table, model));

        json_put_yaml(values, out);
}

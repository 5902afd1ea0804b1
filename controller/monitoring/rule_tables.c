/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Prometheus reckons and watches. Of each alert docs/runbooks/NAME.md says what it means and what to do.
 */
#include "controller/monitoring/monitoring.h"

const struct recording_rule recording_rules[] = {
        {"pipeline:optctl_pipeline_saving:max", "max by (pipeline, currency) (optctl_pipeline_saving)"},
        {"pipeline:optctl_pipeline_saving:ratio",
         "max by (pipeline, currency) (optctl_pipeline_saving) / (max by (pipeline, currency) "
         "(optctl_pipeline_baseline_cost) > 0)"},
        {"currency:optctl_pipeline_saving:sum",
         "sum by (currency) (max by (pipeline, currency) (optctl_pipeline_saving))"},
        {"currency:optctl_pipeline_cost_per_hour:sum",
         "sum by (currency) (max by (pipeline, currency) (optctl_pipeline_cost_per_hour))"},
        {"currency:optctl_pipeline_baseline_cost_per_hour:sum",
         "sum by (currency) (max by (pipeline, currency) (optctl_pipeline_baseline_cost_per_hour))"},
        {"pipeline:optctl_pipeline_cost_per_million_records:avg1h",
         "max by (pipeline, currency) (avg_over_time(optctl_pipeline_cost_per_hour[1h])) / on (pipeline) "
         "group_left () "
         "(max by (pipeline) (avg_over_time(optctl_pipeline_throughput_records_per_second[1h])) > 0) / 3600 "
         "* 1e6"},
        {"price_book:optctl_nodes_cost_per_hour:sum",
         "sum by (price_book, currency) (max by (price_book, instance_type, capacity, currency) "
         "(optctl_nodes_cost_per_hour))"},
        {"price_book:optctl_nodes_idle_cost_per_hour:ratio",
         "sum by (price_book, currency) (max by (price_book, instance_type, capacity, currency) "
         "(optctl_nodes_idle_cost_per_hour)) / (price_book:optctl_nodes_cost_per_hour:sum > 0)"},
        {"pipeline:optctl_pipeline_pods_cost_per_hour:sum",
         "max by (pipeline, currency) (optctl_pipeline_pods_cost_per_hour) + max by (pipeline, currency) "
         "(optctl_pipeline_pods_idle_cost_per_hour)"},
        {"pipeline:optctl_pipeline_pods_idle_cost_per_hour:ratio",
         "max by (pipeline, currency) (optctl_pipeline_pods_idle_cost_per_hour) / "
         "(pipeline:optctl_pipeline_pods_cost_per_hour:sum > 0)"},
        {"pipeline:optctl_pipeline_late_seconds:ratio_rate1h",
         "sum by (pipeline) (rate(optctl_pipeline_late_seconds_total[1h])) / (sum by (pipeline) "
         "(rate(optctl_pipeline_observed_seconds_total[1h])) > 0)"},
        {"pipeline:optctl_pipeline_predictions_covered:ratio_increase7d",
         "sum by (pipeline) (increase(optctl_pipeline_predictions_covered_total[7d])) / (sum by (pipeline) "
         "(increase(optctl_pipeline_predictions_total[7d])) > 0)"},
        {"job:optctl_turn_seconds:p99_rate5m",
         "histogram_quantile(0.99, sum by (job, le) (rate(optctl_turn_seconds_bucket[5m])))"},
        {.name = NULL},
};

const struct alert alerts[] = {
        {.name = "OptctlAbsent",
         .expression = "absent(optctl_build_info)",
         .lasts = "5m",
         .severity = "critical",
         .summary = "No optctl is seen.",
         .description = "Prometheus has not reached any optctl for five minutes. Pipelines run on at the "
                        "size they have, and nobody "
                        "resizes them."},
        {.name = "OptctlRestarts",
         .expression = "changes(process_start_time_seconds[1h]) > 3 and on (job, instance) optctl_build_info",
         .lasts = "0m",
         .severity = "warning",
         .summary = "optctl begins anew again and again.",
         .description = "{{ $labels.instance }} began {{ $value }} times within an hour."},
        {.name = "OptctlPipelineSilent",
         .expression = "max by (pipeline) (optctl_pipeline_up) == 0",
         .lasts = "10m",
         .severity = "warning",
         .summary = "A pipeline's sources do not answer.",
         .description =
                 "Nothing has been measured of {{ $labels.pipeline }} for ten minutes: it is held as it is."},
        {.name = "OptctlTurnsStall",
         .expression = "sum by (pipeline) (increase(optctl_pipeline_turns_total[30m])) == 0",
         .lasts = "15m",
         .severity = "critical",
         .summary = "A pipeline is not looked at any more.",
         .description = "optctl runs, and {{ $labels.pipeline }} has had no turn for half an hour."},
        {.name = "OptctlTurnsSlow",
         .expression = "job:optctl_turn_seconds:p99_rate5m > 30",
         .lasts = "15m",
         .severity = "warning",
         .summary = "Turns take long.",
         .description = "One turn in a hundred takes {{ $value | humanizeDuration }} from when it was due to "
                        "its decision: it decides "
                        "on what is old by then."},
        {.name = "OptctlEngineFails",
         .expression = "sum by (peer) (rate(optctl_http_client_requests_total{outcome!=\"ok\"}[10m])) / sum "
                       "by (peer) "
                       "(rate(optctl_http_client_requests_total[10m])) > 0.5",
         .lasts = "15m",
         .severity = "warning",
         .summary = "A peer fails more often than not.",
         .description = "{{ $value | humanizePercentage }} of the requests to {{ $labels.peer }} fail."},
        {.name = "OptctlLedgerFails",
         .expression = "sum by (pipeline) (increase(optctl_pipeline_ledger_failures_total[15m])) > 0",
         .lasts = "5m",
         .severity = "critical",
         .summary = "The ledger takes nothing.",
         .description = "What happens to {{ $labels.pipeline }} cannot be written down. Nothing is changed "
                        "that cannot be: it stays "
                        "at its size whatever the load."},
        {.name = "OptctlOutOfServiceLevels",
         .expression = "pipeline:optctl_pipeline_late_seconds:ratio_rate1h > 0.2",
         .lasts = "10m",
         .severity = "warning",
         .summary = "A pipeline is out of its service levels.",
         .description = "{{ $labels.pipeline }} was late for {{ $value | humanizePercentage }} of the last "
                        "hour, and optctl has not "
                        "mended that."},
        {.name = "OptctlChangesTakenBack",
         .expression = "sum by (pipeline) "
                       "(increase(optctl_pipeline_changes_total{outcome=\"Reverted\"}[1d])) > 2.5",
         .lasts = "0m",
         .severity = "warning",
         .summary = "Changes are taken back again and again.",
         .description = "{{ $value | humanize }} changes of {{ $labels.pipeline }} did worse than predicted "
                        "within a day: it behaves "
                        "in a way that optctl does not know."},
        {.name = "OptctlChangesFail",
         .expression =
                 "sum by (pipeline) (increase(optctl_pipeline_changes_total{outcome=\"Failed\"}[6h])) > 1.5",
         .lasts = "0m",
         .severity = "warning",
         .summary = "Changes cannot be applied.",
         .description = "{{ $value | humanize }} changes of {{ $labels.pipeline }} could not be applied "
                        "within six hours."},
        {.name = "OptctlPredictionsOff",
         .expression = "pipeline:optctl_pipeline_predictions_covered:ratio_increase7d < 0.5 and on "
                       "(pipeline) sum by (pipeline) "
                       "(increase(optctl_pipeline_predictions_total[7d])) > 7.5",
         .lasts = "1h",
         .severity = "warning",
         .summary = "Predictions are off.",
         .description = "Only {{ $value | humanizePercentage }} of what was predicted of {{ $labels.pipeline "
                        "}} in seven days came "
                        "within its 90 % interval."},
        {.name = "OptctlSavingNegative",
         .expression = "max by (pipeline, currency) (optctl_pipeline_saving_high) < 0",
         .lasts = "1d",
         .severity = "info",
         .summary = "A pipeline costs more than its baseline.",
         .description = "The whole interval of what {{ $labels.pipeline }} saved is below zero: at best {{ "
                        "$value | humanize }} "
                        "{{ $labels.currency }}."},
        {.name = "OptctlPipelinePaused",
         .expression = "max by (pipeline) (optctl_pipeline_paused) == 1",
         .lasts = "1d",
         .severity = "info",
         .summary = "A pipeline has been paused for a day.",
         .description = "{{ $labels.pipeline }} is measured and not changed until somebody resumes it."},
        {.name = "OptctlNoLeader",
         .expression = "sum by (job) (optctl_shards_held) < max by (job) (optctl_shards)",
         .lasts = "2m",
         .severity = "critical",
         .summary = "No replica of the operator leads.",
         .description =
                 "Replicas run, and none of them has held a Lease for two minutes: what it stands for (one "
                 "shard of the pipelines, or all of them) is not steered."},
        {.name = "OptctlReconcileFails",
         .expression = "sum by (job) (rate(optctl_reconcile_errors_total[15m])) / sum by (job) "
                       "(rate(optctl_reconcile_total[15m])) > 0.1",
         .lasts = "15m",
         .severity = "warning",
         .summary = "The operator fails on objects.",
         .description = "{{ $value | humanizePercentage }} of the times that an object was gone through it "
                        "could not be."},
        {.name = "OptctlWorkerStuck",
         .expression = "max by (job, instance) (optctl_workqueue_longest_running_seconds) > 300",
         .lasts = "5m",
         .severity = "warning",
         .summary = "A worker of the operator does not get on.",
         .description = "A worker of {{ $labels.instance }} has worked on one object for {{ $value | "
                        "humanizeDuration }}."},
        {.name = "OptctlApiServerFails",
         .expression =
                 "sum by (job) (rate(optctl_rest_client_requests_total{code=~\"0|401|403|429|5..\"}[10m])) / "
                 "sum by (job) "
                 "(rate(optctl_rest_client_requests_total[10m])) > 0.1",
         .lasts = "15m",
         .severity = "warning",
         .summary = "The API server refuses or does not answer.",
         .description = "{{ $value | humanizePercentage }} of the requests to the API server are refused, "
                        "put off or not answered."},
        {.name = NULL},
};

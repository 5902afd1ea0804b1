/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/hpa_algorithm.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/clock.h"

/* ---- options ---- */

static const char *const policy_types[] = {"Pods", "Percent", NULL};
static const char *const select_policies[] = {"Max", "Min", "Disabled", NULL};

static const struct option policy_options[] = {
        {.name = "type",
         .type = OPTION_CHOICE,
         .offset = offsetof(struct hpa_policy, type),
         .choices = policy_types,
         .required = true,
         .help = "Whether value counts workers or per cent of the workers at the start of the period."},
        {.name = "value",
         .type = OPTION_INT,
         .offset = offsetof(struct hpa_policy, value),
         .min = 1,
         .max = 1000000,
         .required = true,
         .help = "Most that may be added or removed within the period."},
        {.name = "periodSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct hpa_policy, period_seconds),
         .unit = "s",
         .min = 1,
         .max = 1800,
         .required = true,
         .help = "Length of the period."},
        {0},
};

static const struct option_table policy_table = {
        .name = "policies",
        .help = "Limits how fast the number of workers may change.",
        .size = sizeof(struct hpa_policy),
        .options = policy_options,
};

/* The two directions differ only in defaults and in what is said of them. */
#define RULES_OPTIONS(window, window_help, policies_help)                                                    \
        {.name = "stabilizationWindowSeconds",                                                               \
         .type = OPTION_INT,                                                                                 \
         .offset = offsetof(struct hpa_rules, stabilization_window_seconds),                                 \
         .unit = "s",                                                                                        \
         .max = 3600,                                                                                        \
         .fallback = window,                                                                                 \
         .help = window_help},                                                                               \
                {.name = "selectPolicy",                                                                     \
                 .type = OPTION_CHOICE,                                                                      \
                 .offset = offsetof(struct hpa_rules, select_policy),                                        \
                 .choices = select_policies,                                                                 \
                 .fallback = "Max",                                                                          \
                 .help = "Which policy holds: the one that allows most, the one that allows least, or none " \
                         "at all."},                                                                         \
                {.name = "policies",                                                                         \
                 .type = OPTION_LIST,                                                                        \
                 .offset = offsetof(struct hpa_rules, policies),                                             \
                 .max = 16,                                                                                  \
                 .table = &policy_table,                                                                     \
                 .help = policies_help},                                                                     \
        {                                                                                                    \
                0                                                                                            \
        }

static const struct option scale_up_options[] = {
        RULES_OPTIONS("0", "The lowest recommendation of this window is what a scale-up goes to.",
                      "Rate limits; without any, the more of 100 % and 4 workers each 15 s."),
};

static const struct option scale_down_options[] = {
        RULES_OPTIONS("300", "The highest recommendation of this window is what a scale-down goes to.",
                      "Rate limits; without any, 100 % each 15 s."),
};

static const struct option_table scale_up_table = {
        .name = "scaleUp",
        .help = "How fast workers may be added.",
        .size = sizeof(struct hpa_rules),
        .options = scale_up_options,
};

static const struct option_table scale_down_table = {
        .name = "scaleDown",
        .help = "How fast workers may be removed.",
        .size = sizeof(struct hpa_rules),
        .options = scale_down_options,
};

static const struct option behavior_options[] = {
        {.name = "scaleUp",
         .type = OPTION_SECTION,
         .offset = offsetof(struct hpa_behavior, scale_up),
         .table = &scale_up_table,
         .help = "How fast workers may be added."},
        {.name = "scaleDown",
         .type = OPTION_SECTION,
         .offset = offsetof(struct hpa_behavior, scale_down),
         .table = &scale_down_table,
         .help = "How fast workers may be removed."},
        {0},
};

const struct option_table hpa_behavior_table = {
        .name = "behavior",
        .help = "Stabilisation and rate limits, as in the HorizontalPodAutoscaler object.",
        .size = sizeof(struct hpa_behavior),
        .options = behavior_options,
};

/* ---- what a metric asks for ---- */

static int ceil_replicas(double replicas)
{
        return replicas >= INT_MAX ? INT_MAX : (int)ceil(replicas);
}

static bool within(double ratio, double tolerance)
{
        return fabs(1 - ratio) <= tolerance;
}

/* Kubernetes reckons utilisation in whole per cent; the nudge keeps 0.29 * 100 from becoming 28. */
static double usage_ratio(double utilization_percent, double target_percent)
{
        return floor(utilization_percent + 1e-9) / target_percent;
}

int hpa_utilization_replicas(const struct hpa_pods *pods, double utilization_percent, double target_percent,
                             double tolerance)
{
        double ratio = usage_ratio(utilization_percent, target_percent);
        bool up_with_unready = pods->unready > 0 && ratio > 1;
        double total = utilization_percent * pods->ready;
        int counted = pods->ready + (ratio != 1 ? pods->missing : 0) + (up_with_unready ? pods->unready : 0);
        double filled;
        int wanted;

        if (!up_with_unready && pods->missing == 0)
                return within(ratio, tolerance) ? pods->current : ceil_replicas(ratio * pods->ready);

        /* Whoever is not measured is taken to be such that the change comes out smaller. */
        if (ratio < 1)
                total += fmax(100, target_percent) * pods->missing;
        filled = usage_ratio(total / counted, target_percent);
        if (within(filled, tolerance) || (ratio < 1 && filled > 1) || (ratio > 1 && filled < 1))
                return pods->current;
        wanted = ceil_replicas(filled * counted);
        if ((filled < 1 && wanted > pods->current) || (filled > 1 && wanted < pods->current))
                return pods->current;
        return wanted;
}

int hpa_average_value_replicas(int current, double total, double target_per_pod, double tolerance)
{
        /* Without replicas the ratio is infinite (or not a number) and never within the tolerance. */
        if (current > 0 && within(total / (target_per_pod * current), tolerance))
                return current;
        return ceil_replicas(total / target_per_pod);
}

/* ---- stabilisation and rates ---- */

struct event {
        int64_t time_ms;
        int value; /* a recommendation, or how many replicas were added or removed */
};

struct log {
        struct event *events;
        size_t count, room;
};

struct hpa {
        const struct hpa_behavior *behavior;
        struct log recommendations, added, removed;
};

struct hpa *hpa_new(const struct hpa_behavior *behavior)
{
        struct hpa *hpa = memory_new(1, sizeof(*hpa));

        hpa->behavior = behavior;
        return hpa;
}

void hpa_free(struct hpa *hpa)
{
        if (!hpa)
                return;
        free(hpa->recommendations.events);
        free(hpa->added.events);
        free(hpa->removed.events);
        free(hpa);
}

/* Takes the place of an event older than `before_ms` where there is one, so that a log stops growing. */
static void log_add(struct log *log, int64_t before_ms, int64_t time_ms, int value)
{
        size_t place = log->count;

        for (size_t i = 0; i < log->count; i++)
                if (log->events[i].time_ms < before_ms)
                        place = i;
        if (place == log->count) {
                if (log->count == log->room) {
                        log->room = log->room ? log->room * 2 : 32;
                        log->events = memory_resize(log->events, log->room, sizeof(*log->events));
                }
                log->count++;
        }
        log->events[place] = (struct event){time_ms, value};
}

int hpa_stabilize(struct hpa *hpa, int64_t now_ms, int current, int desired)
{
        int64_t up_ms = now_ms - hpa->behavior->scale_up.stabilization_window_seconds * MS_PER_SECOND;
        int64_t down_ms = now_ms - hpa->behavior->scale_down.stabilization_window_seconds * MS_PER_SECOND;
        const struct log *log = &hpa->recommendations;
        int lowest = desired, highest = desired;
        int result = current;

        for (size_t i = 0; i < log->count; i++) {
                const struct event *each = &log->events[i];

                if (each->time_ms > up_ms && each->value < lowest)
                        lowest = each->value;
                if (each->time_ms > down_ms && each->value > highest)
                        highest = each->value;
        }
        if (result < lowest)
                result = lowest;
        if (result > highest)
                result = highest;
        log_add(&hpa->recommendations, up_ms < down_ms ? up_ms : down_ms, now_ms, desired);
        return result;
}

static int changed_since(const struct log *log, int64_t cutoff_ms)
{
        int sum = 0;

        for (size_t i = 0; i < log->count; i++)
                if (log->events[i].time_ms > cutoff_ms)
                        sum += log->events[i].value;
        return sum;
}

static const struct hpa_policy default_up[] = {
        {HPA_POLICY_PODS, 4, 15},
        {HPA_POLICY_PERCENT, 100, 15},
};
static const struct hpa_policy default_down[] = {{HPA_POLICY_PERCENT, 100, 15}};

static const struct hpa_policy *policies_of(const struct hpa_rules *rules, bool up, size_t *ret_count)
{
        if (rules->policies.count > 0) {
                *ret_count = rules->policies.count;
                return rules->policies.items;
        }
        *ret_count = up ? ARRAY_LENGTH(default_up) : ARRAY_LENGTH(default_down);
        return up ? default_up : default_down;
}

static double policy_limit(const struct hpa_policy *policy, int at_start, bool up)
{
        double value = (double)policy->value;

        if (policy->type == HPA_POLICY_PODS)
                return up ? at_start + value : at_start - value;
        /* Rounded so that a small percentage still lets a scale-up happen, and cut for a scale-down. */
        return up ? ceil(at_start * (1 + value / 100)) : trunc(at_start * (1 - value / 100));
}

/* Most replicas a scale-up, fewest a scale-down may go to now. */
static int rate_limit(const struct hpa *hpa, int64_t now_ms, int current, bool up)
{
        const struct hpa_rules *rules = up ? &hpa->behavior->scale_up : &hpa->behavior->scale_down;
        size_t n_policies = 0;
        const struct hpa_policy *policies = policies_of(rules, up, &n_policies);
        /* Max is the policy that allows the largest change: the highest limit up, the lowest down. */
        bool highest = (rules->select_policy == HPA_SELECT_MAX) == up;
        double limit = highest ? INT_MIN : INT_MAX;

        if (rules->select_policy == HPA_SELECT_DISABLED)
                return current;
        for (size_t i = 0; i < n_policies; i++) {
                int64_t cutoff_ms = now_ms - policies[i].period_seconds * MS_PER_SECOND;
                int at_start = current - changed_since(&hpa->added, cutoff_ms) +
                               changed_since(&hpa->removed, cutoff_ms);
                double proposed = policy_limit(&policies[i], at_start, up);

                limit = highest ? fmax(limit, proposed) : fmin(limit, proposed);
        }
        /* Past changes never turn a scale-up into a scale-down or the other way round. */
        limit = up ? fmax(limit, current) : fmin(limit, current);
        return (int)fmin(limit, INT_MAX);
}

int hpa_limit_rate(const struct hpa *hpa, int64_t now_ms, int current, int desired, int min, int max)
{
        int limit;

        if (desired > current) {
                limit = rate_limit(hpa, now_ms, current, true);
                limit = limit < max ? limit : max;
                return desired < limit ? desired : limit;
        }
        if (desired < current) {
                limit = rate_limit(hpa, now_ms, current, false);
                limit = limit > min ? limit : min;
                return desired > limit ? desired : limit;
        }
        return desired;
}

int hpa_normalize(struct hpa *hpa, int64_t now_ms, int current, int desired, int min, int max)
{
        if (hpa->recommendations.count == 0)
                log_add(&hpa->recommendations, INT64_MIN, now_ms, current);
        /* Outside its bounds the workload is brought back at once: the metric is not even asked. */
        if (current > max)
                return max;
        if (current < min)
                return min;
        return hpa_limit_rate(hpa, now_ms, current, hpa_stabilize(hpa, now_ms, current, desired), min, max);
}

static int64_t longest_period_ms(const struct hpa_rules *rules, bool up)
{
        size_t n_policies = 0;
        const struct hpa_policy *policies = policies_of(rules, up, &n_policies);
        int64_t longest = 0;

        for (size_t i = 0; i < n_policies; i++)
                if (policies[i].period_seconds > longest)
                        longest = policies[i].period_seconds;
        return longest * MS_PER_SECOND;
}

void hpa_scaled(struct hpa *hpa, int64_t now_ms, int from, int to)
{
        if (to > from)
                log_add(&hpa->added, now_ms - longest_period_ms(&hpa->behavior->scale_up, true), now_ms,
                        to - from);
        else if (to < from)
                log_add(&hpa->removed, now_ms - longest_period_ms(&hpa->behavior->scale_down, false), now_ms,
                        from - to);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/partitions.h"

#include <limits.h>
#include <math.h>

#include "core/clock.h"

#define HOURS_PER_DAY 24
#define ROUNDING      1e-9 /* 24 / 8.0000000001 is 3 */

static const struct option options_list[] = {
        {.name = "maxPerSecond",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct partitions_options, max_per_second),
         .unit = "records/s",
         .min = 1e-3,
         .max = 1e9,
         .help = "What one partition takes, where that is known: the busiest one stays below it."},
        {.name = "reserveRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct partitions_options, reserve_ratio),
         .min = 1,
         .max = 10,
         .fallback = "1.5",
         .help = "Where partitions are added, as many as would carry the highest load expected times this."},
        {.name = "workerRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct partitions_options, worker_ratio),
         .min = 0,
         .max = 1,
         .fallback = "0.002",
         .help = "What a partition costs (its files, its copies), as a share of what a worker costs."},
        {.name = "growthWorkerHours",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct partitions_options, growth_worker_hours),
         .unit = "h",
         .min = 0,
         .max = 1e6,
         .fallback = "24",
         .help = "What it costs to add any (keys move, readers begin anew), in hours of a worker."},
        {.name = "keepDays",
         .type = OPTION_INT,
         .offset = offsetof(struct partitions_options, keep_days),
         .unit = "d",
         .min = 1,
         .max = 3650,
         .fallback = "365",
         .help = "How long added partitions are paid for: they cannot be taken away."},
        {.name = "trustDays",
         .type = OPTION_INT,
         .offset = offsetof(struct partitions_options, trust_days),
         .unit = "d",
         .min = 1,
         .max = 3650,
         .fallback = "30",
         .help = "How long what they save is counted: the load may change."},
        {.name = "sustainMinutes",
         .type = OPTION_INT,
         .offset = offsetof(struct partitions_options, sustain_minutes),
         .unit = "min",
         .min = 0,
         .max = 10080,
         .fallback = "30",
         .help = "How long growth must have been worth its price before it is proposed."},
        {.name = "restHours",
         .type = OPTION_INT,
         .offset = offsetof(struct partitions_options, rest_hours),
         .unit = "h",
         .min = 0,
         .max = 8760,
         .fallback = "24",
         .help = "Least time between one growth and the next."},
        {.name = "perBroker",
         .type = OPTION_INT,
         .offset = offsetof(struct partitions_options, per_broker),
         .min = 1,
         .max = 100000,
         .fallback = "1000",
         .help = "Most partitions of one topic for each broker there is."},
        {0},
};

const struct option_table partitions_table = {
        .name = "partitions",
        .help = "When topics get more partitions: for knobs named partitions.",
        .size = sizeof(struct partitions_options),
        .options = options_list,
};

/* ---- one load ---- */

int partitions_subtasks(int partitions, double busy)
{
        double each = floor(partitions / busy * (1 + ROUNDING)); /* most that one subtask can read */

        if (!(busy > 0))
                return 1;
        return each < 1 ? INT_MAX : (int)ceil(partitions / each);
}

/* Subtasks there may be at most: those that have partitions, and those that the knobs allow. */
static int most_subtasks(const struct partitions_question *question, int partitions)
{
        bool capped = question->most_subtasks > 0 && question->most_subtasks < partitions;

        return capped ? question->most_subtasks : partitions;
}

/* Whether the partitions themselves, or the subtasks they feed, cannot take the load. */
static bool is_late(const struct partitions_options *options, const struct partitions_question *question,
                    const struct partitions_load *load, int partitions)
{
        return partitions_subtasks(partitions, load->busy) > most_subtasks(question, partitions) ||
               load->per_second * question->skew / partitions > options->max_per_second;
}

static double workers_for(const struct partitions_question *question, const struct partitions_load *load,
                          int partitions)
{
        int subtasks = partitions_subtasks(partitions, load->busy);
        int most = most_subtasks(question, partitions);
        double widest = fmax(subtasks < most ? subtasks : most, load->others);

        return ceil(widest / question->slots_per_worker - ROUNDING);
}

/* ---- all loads ---- */

struct outlook {
        double workers, late; /* means */
};

static struct outlook look(const struct partitions_options *options,
                           const struct partitions_question *question, int partitions)
{
        struct outlook outlook = {0, 0};

        for (size_t i = 0; i < question->n_loads; i++) {
                const struct partitions_load *load = &question->loads[i];

                outlook.workers += load->weight * workers_for(question, load, partitions);
                outlook.late += load->weight * is_late(options, question, load, partitions);
        }
        return outlook;
}

static double money_per_hour(const struct partitions_question *question, const struct outlook *outlook)
{
        return outlook->workers * question->worker_hour + outlook->late * question->late_hour;
}

/* Of growth by `added`. */
static double price_of(const struct partitions_options *options, const struct partitions_question *question,
                       int added)
{
        double kept = added * options->worker_ratio * (double)options->keep_days * HOURS_PER_DAY;

        return question->worker_hour * (options->growth_worker_hours + kept);
}

/* What no partitions at all would cost: each load on just the subtasks it needs. The most that can be saved,
 * cheap to know, and nearly always too little. */
static double ideal_per_hour(const struct partitions_question *question)
{
        double workers = 0;

        for (size_t i = 0; i < question->n_loads; i++) {
                const struct partitions_load *load = &question->loads[i];
                double widest = fmax(fmax(ceil(load->busy - ROUNDING), 1), load->others);

                workers += load->weight * ceil(widest / question->slots_per_worker - ROUNDING);
        }
        return workers * question->worker_hour;
}

/* The fewest that growth may lead to: room for the highest load and the reserve. */
static int least_of(const struct partitions_options *options, const struct partitions_question *question,
                    int most, double *ret_busy)
{
        double busy = 0, rate = 0, least;

        for (size_t i = 0; i < question->n_loads; i++) {
                busy = fmax(busy, question->loads[i].busy);
                rate = fmax(rate, question->loads[i].per_second);
        }
        *ret_busy = busy;
        least = ceil(options->reserve_ratio * busy - ROUNDING);
        if (!isnan(options->max_per_second))
                least = fmax(least, ceil(rate * question->skew / options->max_per_second - ROUNDING));
        least = fmin(fmax(least, question->now + 1), most);
        return (int)least;
}

static int most_of(const struct partitions_options *options, const struct partitions_question *question)
{
        int64_t allowed = question->brokers > 0 ? question->brokers * options->per_broker : question->max;

        return allowed < question->max ? (int)allowed : question->max;
}

struct partitions_answer partitions_weigh(const struct partitions_options *options,
                                          const struct partitions_question *question)
{
        double hours = (double)options->trust_days * HOURS_PER_DAY, best = 0, most_saved;
        int most = most_of(options, question), step = question->step > 1 ? question->step : 1, least;
        struct outlook now = look(options, question, question->now);
        double money = money_per_hour(question, &now);
        struct partitions_answer answer = {
                .partitions = question->now,
                .late_now = now.late,
                .late = now.late,
                .workers_now = now.workers,
                .workers = now.workers,
        };

        least = least_of(options, question, most, &answer.busy);
        most_saved = (money - ideal_per_hour(question)) * hours;
        if (least <= question->now)
                return answer;
        least = question->now + (least - question->now + step - 1) / step * step;
        for (int partitions = least; partitions <= most; partitions += step) {
                double price = price_of(options, question, partitions - question->now), saving;
                struct outlook then;

                if (price >= most_saved - best)
                        break;
                then = look(options, question, partitions);
                saving = (money - money_per_hour(question, &then)) * hours;
                if (saving - price <= best)
                        continue;
                best = saving - price;
                answer.partitions = partitions;
                answer.saving = saving;
                answer.price = price;
                answer.late = then.late;
                answer.workers = then.workers;
        }
        return answer;
}

/* ---- from turn to turn ---- */

void partitions_begin(struct partitions_memory *memory)
{
        *memory = (struct partitions_memory){.grown_ms = INT64_MIN};
}

bool partitions_due(struct partitions_memory *memory, const struct partitions_options *options,
                    const struct partitions_answer *answer, int now, int64_t time_ms)
{
        int64_t rest_ms = options->rest_hours * MS_PER_HOUR;

        if (memory->seen > 0 && now > memory->seen)
                memory->grown_ms = time_ms;
        memory->seen = now;
        if (answer->partitions <= now) {
                memory->wanted = false;
                return false;
        }
        if (!memory->wanted)
                memory->wanted_ms = time_ms;
        memory->wanted = true;
        if (time_ms - memory->wanted_ms < options->sustain_minutes * 60 * MS_PER_SECOND ||
            (memory->grown_ms != INT64_MIN && time_ms - memory->grown_ms < rest_ms))
                return false;
        /* Once said, it is not said again at every turn. */
        memory->wanted = false;
        return true;
}

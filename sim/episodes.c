/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/episodes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STILL_RATIO      0.05                 /* of the offered load: less is standing still */
#define HELD_STEPS       RECORDING_HELD_STEPS /* a value counts so long after it was measured */
#define SHORTEST_STILL   5                    /* steps; shorter gaps are lost samples */
#define MERGE_GAP        20                   /* steps of life in between that do not end an episode */
#define BEFORE_EPISODE   60                   /* steps that metrics with a window carry over */
#define AFTER_EPISODE    120
#define PEAK_WITHIN      180 /* steps after the end in which the peak of latency is looked for */
#define BEHIND_BASES     2   /* behind: latency above so many times its base, plus BEHIND_MARGIN seconds */
#define BEHIND_MARGIN    3
#define BEHIND_BACKLOG_S 5  /* the same where only the backlog was recorded */
#define JUMP_WITHIN      90 /* steps in which latency jumps after a restart that left no gap in the metrics */
#define DIP_BEFORE       60 /* steps around the jump in which throughput dips, ... */
#define DIP_STEPS        10 /* that it lasts, ... */
#define DIP_RATIO        0.92 /* ... to this share of what it was before */
#define CALM_SHARE       0.5  /* of the steps */

static bool stands_still(const struct recording *recording, size_t i)
{
        double offered = recording->offered ? recording->offered[i] : NAN;

        if (recording->latency && !(recording->latency[i] > 0))
                return true;
        if (!recording->throughput)
                return false;
        if (isnan(recording->throughput[i]))
                return true;
        return offered > 1 && recording->throughput[i] < STILL_RATIO * offered;
}

static void mark_still(const struct recording *recording, struct episodes *episodes)
{
        size_t n = recording->count;

        for (size_t i = 0; i < n; i++)
                episodes->still[i] = stands_still(recording, i);
        for (size_t i = 0; i < n;) {
                size_t end = i;

                while (end < n && episodes->still[end])
                        end++;
                if (end > i && end - i < SHORTEST_STILL)
                        memset(episodes->still + i, 0, (end - i) * sizeof *episodes->still);
                i = end > i ? end : i + 1;
        }
}

static void reckon_base(const struct recording *recording, struct episodes *episodes, double base_seconds)
{
        autofree double *calm = memory_new(recording->count, sizeof *calm);
        size_t n = 0;
        double low, middle;

        episodes->base_latency_seconds = episodes->latency_log_sd = NAN;
        episodes->behind_seconds = BEHIND_BACKLOG_S;
        if (!recording->latency)
                return;
        for (size_t i = 0; i < recording->count; i++)
                if (!episodes->still[i])
                        calm[n++] = recording->latency[i];
        /* The low side only: the high side holds the catching up. A pipeline that is always behind has its
         * base in its lowest values. */
        middle = recording_quantile(calm, 0, n, .4);
        low = recording_quantile(calm, 0, n, .02);
        if (middle > 30 * low)
                middle = low;
        if (!isnan(base_seconds))
                middle = base_seconds;
        episodes->base_latency_seconds = middle;
        episodes->latency_log_sd = n > 100 && low > 0 ? fmax(fmin(log(middle / low) / 1.8, 1), 0) : 0;
        episodes->behind_seconds = (BEHIND_BASES - 1) * middle + BEHIND_MARGIN;
}

double episodes_delay(const struct episodes *episodes, const struct recording *recording, size_t step)
{
        if (recording->latency)
                return fmax(recording->latency[step] - episodes->base_latency_seconds, 0);
        if (recording->backlog && recording->throughput && recording->throughput[step] > 0)
                return recording->backlog[step] / recording->throughput[step];
        return NAN;
}

static bool is_rescale(const struct recording *recording, size_t start, size_t end)
{
        size_t before = start > BEFORE_EPISODE ? start - BEFORE_EPISODE : 0;
        size_t after = end + BEFORE_EPISODE < recording->count ? end + BEFORE_EPISODE : recording->count - 1;

        if (recording->rescales)
                return recording->rescales[after] > recording->rescales[before];
        return recording->workers && !isnan(recording->workers[before]) &&
               !isnan(recording->workers[after]) && recording->workers[after] != recording->workers[before];
}

static void finish_episode(const struct recording *recording, const struct episodes *episodes,
                           struct episode *episode)
{
        size_t until = episode->end + PEAK_WITHIN;

        episode->rescale = is_rescale(recording, episode->start, episode->end);
        for (size_t i = episode->end; i < until && i < recording->count; i++) {
                double delay = episodes_delay(episodes, recording, i);

                if (delay > episode->peak_delay_seconds)
                        episode->peak_delay_seconds = delay;
        }
        episode->caught_up = episode->end;
        while (episode->caught_up < recording->count && !episodes->still[episode->caught_up] &&
               episodes_delay(episodes, recording, episode->caught_up) > episodes->behind_seconds)
                episode->caught_up++;
}

static void add_episode(struct episodes *episodes, size_t start, size_t end, bool seen)
{
        struct episode *last = episodes->count > 0 ? &episodes->items[episodes->count - 1] : NULL;

        if (last && start <= last->end + MERGE_GAP) {
                last->end = end > last->end ? end : last->end;
                last->seen |= seen;
                return;
        }
        episodes->items = memory_resize(episodes->items, episodes->count + 1, sizeof *episodes->items);
        episodes->items[episodes->count++] = (struct episode){.start = start, .end = end, .seen = seen};
}

/* The least mean over DIP_STEPS; NAN when nothing was measured for so long. */
static double least_mean(const double *values, size_t from, size_t to)
{
        double least = NAN;

        for (size_t i = from; i + DIP_STEPS <= to; i++)
                least = fmin(least, recording_mean(values, i, i + DIP_STEPS));
        return least;
}

/* Throughput went down around the step: a restart, not a load that outgrew the capacity. */
static bool dips(const struct recording *recording, size_t step)
{
        size_t from = step > DIP_BEFORE ? step - DIP_BEFORE : 0;
        size_t earlier = from > 2 * DIP_BEFORE ? from - 2 * DIP_BEFORE : 0;
        double before = recording_quantile(recording->throughput, earlier, from, .5);
        double least =
                least_mean(recording->throughput, from,
                           step + DIP_BEFORE < recording->count ? step + DIP_BEFORE : recording->count);

        return !recording->throughput || least < DIP_RATIO * before;
}

/* A restart that the metrics bridge by repeating their last value shows only as latency that jumps to the
 * time the oldest record waited. Returns that time, 0 when there was none. */
static double jump_seconds(const struct recording *recording, const struct episodes *episodes, size_t step)
{
        size_t until = step + JUMP_WITHIN < recording->count ? step + JUMP_WITHIN : recording->count;
        double most = 0;

        if (step == 0 || !(episodes_delay(episodes, recording, step) > episodes->behind_seconds) ||
            episodes_delay(episodes, recording, step - 1) > episodes->behind_seconds ||
            !dips(recording, step))
                return 0;
        for (size_t i = step; i < until; i++) {
                double delay = episodes_delay(episodes, recording, i);

                most = delay > most ? delay : most;
        }
        return most;
}

static void collect_episodes(const struct recording *recording, struct episodes *episodes)
{
        for (size_t i = 0; i < recording->count; i++) {
                size_t end = i;
                double jump;

                while (end < recording->count && episodes->still[end])
                        end++;
                if (end > i) {
                        add_episode(episodes, i > HELD_STEPS ? i - HELD_STEPS : 0, end, true);
                        i = end;
                        continue;
                }
                jump = jump_seconds(recording, episodes, i);
                if (jump > 0)
                        add_episode(episodes, (double)i > jump ? i - (size_t)jump : 0, i, false);
        }
        for (size_t i = 0; i < episodes->count; i++)
                finish_episode(recording, episodes, &episodes->items[i]);
}

static void mark_disturbed(const struct recording *recording, struct episodes *episodes)
{
        size_t calm = 0;

        for (size_t e = 0; e < episodes->count; e++) {
                const struct episode *episode = &episodes->items[e];
                size_t from = episode->start > BEFORE_EPISODE ? episode->start - BEFORE_EPISODE : 0;

                for (size_t i = from; i < episode->caught_up + AFTER_EPISODE && i < recording->count; i++)
                        episodes->disturbed[i] = true;
        }
        for (size_t i = 0; i < recording->count; i++)
                if (episodes_delay(episodes, recording, i) > episodes->behind_seconds)
                        episodes->disturbed[i] = true;
        for (size_t i = 0; i < recording->count; i++)
                calm += !episodes->disturbed[i];
        episodes->calm = (double)calm > CALM_SHARE * (double)recording->count;
}

struct episodes *episodes_find(const struct recording *recording, double base_seconds)
{
        struct episodes *episodes = memory_new(1, sizeof *episodes);

        episodes->still = memory_new(recording->count, sizeof *episodes->still);
        episodes->disturbed = memory_new(recording->count, sizeof *episodes->disturbed);
        mark_still(recording, episodes);
        reckon_base(recording, episodes, base_seconds);
        collect_episodes(recording, episodes);
        mark_disturbed(recording, episodes);
        return episodes;
}

void episodes_free(struct episodes *episodes)
{
        if (!episodes)
                return;
        free(episodes->items);
        free(episodes->still);
        free(episodes->disturbed);
        free(episodes);
}

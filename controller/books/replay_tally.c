/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books/replay_tally.h"

#include <math.h>

#include "controller/books/account.h"

void tally_begin(struct tally *tally, int64_t start_ms, int64_t until_ms)
{
        tally->since_ms = start_ms;
        tally->until_ms = until_ms;
        tally->workers = -1;
        tally->late = false;
}

static void count(struct tally *tally, int64_t to_ms)
{
        int64_t length_ms = to_ms - tally->since_ms;

        tally->counted_ms += length_ms;
        tally->late_ms += tally->late ? length_ms : 0;
        if (tally->workers >= 0)
                tally->cost += price_book_integral(tally->prices, tally->since_ms, to_ms, tally->workers);
        else
                tally->unpriced_ms += length_ms;
        tally->since_ms = to_ms;
}

void tally_take(struct tally *tally, const struct observation *observation)
{
        int64_t to_ms = observation->time_ms < tally->until_ms ? observation->time_ms : tally->until_ms;
        double backlog_seconds = observation_backlog_seconds(observation);

        if ((observation->missing & MISSING_ALL) || to_ms <= tally->since_ms)
                return;
        tally->late = account_is_late(tally->constraints, observation);
        tally->backlog_seconds = isfinite(backlog_seconds) ? backlog_seconds : 0;
        if (tally->workers < 0)
                tally->workers = observation->workers;
        tally->wait += log1p(fmax(fmax(observation->latency_p99_seconds, tally->backlog_seconds), 0)) *
                       (double)(to_ms - tally->since_ms) / MS_PER_SECOND;
        count(tally, to_ms);
        if (observation->workers >= 0)
                tally->workers = observation->workers;
        if (!(observation->missing & MISSING_CONFIGURATION) && observation->configuration.count > 0)
                tally->newest = observation->configuration;
}

void tally_end(struct tally *tally)
{
        if (tally->until_ms > tally->since_ms)
                count(tally, tally->until_ms);
}

double tally_backlog_debt(const struct tally *tally)
{
        double hours = tally->backlog_seconds * MS_PER_SECOND / MS_PER_HOUR;

        return tally->workers > 0
                       ? hours * tally->workers * price_book_worker_hour(tally->prices, tally->since_ms)
                       : 0;
}

static bool take(void *context, const struct observation *observation, struct error *err)
{
        (void)err;
        tally_take(context, observation);
        return true;
}

struct journal tally_journal(struct tally *tally)
{
        return (struct journal){.observation = take, .context = tally};
}

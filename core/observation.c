/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observation.h"

#include <math.h>

const char *observation_missing_name(unsigned missing)
{
        if (missing & MISSING_ALL)
                return "every metric";
        if (missing & MISSING_RATES)
                return "rates";
        if (missing & MISSING_BACKLOG)
                return "backlog";
        if (missing & MISSING_LATENCY)
                return "latency";
        if (missing & MISSING_CPU)
                return "cpu";
        if (missing & MISSING_CONFIGURATION)
                return "configuration";
        return "nothing";
}

double observation_backlog_seconds(const struct observation *observation)
{
        if (observation->backlog_records <= 0)
                return 0;
        return observation->backlog_records / observation->throughput_per_second;
}

double observation_busiest_ratio(const struct observation *observation)
{
        double busiest = NAN;

        for (int i = 0; i < observation->n_operators; i++)
                busiest = fmax(busiest, fmax(observation->operators[i].busy_ratio,
                                             observation->operators[i].busy_ratio_max));
        return busiest;
}

bool observation_falls_behind(const struct observation *observation)
{
        return observation->backlog_records > 0 &&
               observation->offered_per_second > FALLING_BEHIND_RATIO * observation->throughput_per_second;
}

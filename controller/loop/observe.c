/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/observe.h"

#include <math.h>
#include <stdio.h>

static const char *not_a_number(const struct observation *observation)
{
        bool flows = !observation->run.periodic;

        if (flows && !isfinite(observation->throughput_per_second))
                return "throughput";
        if (flows && !isfinite(observation->offered_per_second))
                return "offered load";
        if (flows && !isfinite(observation->backlog_records))
                return "backlog";
        for (int i = 0; i < observation->configuration.count; i++)
                if (!isfinite(observation->configuration.value[i]))
                        return "configuration";
        return NULL;
}

bool observe_usable(const struct observation *observation, int64_t previous_ms, char *reason, size_t room)
{
        const char *nan_name;

        if (observation_lacks(observation))
                snprintf(reason, room, "%s missing",
                         observation_missing_name(observation_lacks(observation)));
        else if (observation->time_ms <= previous_ms)
                snprintf(reason, room, "nothing newer than %lld s before was measured",
                         (long long)((previous_ms - observation->time_ms) / 1000));
        else if (observation->window_ms <= 0)
                snprintf(reason, room, "the window is empty");
        else if (observation->restarting)
                snprintf(reason, room, "the job is restarting or warming up");
        else if (observation->counters_reset)
                snprintf(reason, room, "the job's counters began anew");
        else if ((nan_name = not_a_number(observation)))
                snprintf(reason, room, "%s is not a number", nan_name);
        else
                return true;
        return false;
}

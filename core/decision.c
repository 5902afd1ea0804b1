/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/decision.h"

const char *outcome_name(enum outcome outcome)
{
        static const char *const names[] = {
                [OUTCOME_PENDING] = "Pending", [OUTCOME_CONFIRMED] = "Confirmed", [OUTCOME_REVERTED] = "Reverted",
                [OUTCOME_FAILED] = "Failed",   [OUTCOME_UNKNOWN] = "Unknown",
        };

        return names[outcome];
}

const char *judgement_name(enum judgement judgement)
{
        static const char *const names[] = {
                [JUDGEMENT_ALLOWED] = "Allowed",
                [JUDGEMENT_CLIPPED] = "Clipped",
                [JUDGEMENT_REFUSED] = "Refused",
        };

        return names[judgement];
}

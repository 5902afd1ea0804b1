/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/decision.h"

#include <stdarg.h>
#include <stdio.h>

const char *outcome_name(enum outcome outcome)
{
        static const char *const names[] = {
                [OUTCOME_PENDING] = "Pending",   [OUTCOME_CONFIRMED] = "Confirmed",
                [OUTCOME_REVERTED] = "Reverted", [OUTCOME_FAILED] = "Failed",
                [OUTCOME_UNKNOWN] = "Unknown",
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

#define REASON_ROOM sizeof(((struct finding *)NULL)->reason)

enum judgement finding_refuse(char *reason, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(reason, REASON_ROOM, format, arguments);
        va_end(arguments);
        return JUDGEMENT_REFUSED;
}

enum judgement finding_clip(char *reason, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(reason, REASON_ROOM, format, arguments);
        va_end(arguments);
        return JUDGEMENT_CLIPPED;
}

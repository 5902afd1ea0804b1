/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/redact.h"
#include "core/text.h"

static const struct {
        const char *reason;
        bool retry;
} kinds[] = {
        [ERROR_NONE] = {"None", false},
        [ERROR_INPUT] = {"InvalidInput", false},
        [ERROR_INCOMPLETE] = {"Incomplete", true},
        [ERROR_NOT_FOUND] = {"NotFound", false},
        [ERROR_IO] = {"InputOutput", true},
        [ERROR_TIMEOUT] = {"Timeout", true},
        [ERROR_UNAVAILABLE] = {"Unavailable", true},
        [ERROR_CONFLICT] = {"Conflict", true},
        [ERROR_REFUSED] = {"Refused", false},
        [ERROR_LIMIT] = {"LimitExceeded", false},
        [ERROR_INTERRUPTED] = {"Interrupted", false},
        [ERROR_NUMERIC] = {"NumericFailure", false},
        [ERROR_FINDING] = {"Finding", false},
};

static void fill(struct error *err, enum error_code code, const char *reason)
{
        err->code = code;
        err->retry = kinds[code].retry;
        snprintf(err->reason, sizeof err->reason, "%s", reason ? reason : kinds[code].reason);
}

/* What users and peers wrote finds its way into messages: a message stays one line of UTF-8 whatever that was
 * and wherever it was cut, and does not repeat a secret. */
static void one_line(char *text)
{
        redact_known(text);
        text_to_line(text);
}

bool error_set(struct error *err, enum error_code code, const char *reason, const char *format, ...)
{
        va_list args;

        fill(err, code, reason);
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        one_line(err->message);
        return false;
}

bool error_errno(struct error *err, int number, const char *format, ...)
{
        char what[768];
        char words[128];
        va_list args;

        fill(err, ERROR_IO, NULL);
        va_start(args, format);
        vsnprintf(what, sizeof what, format, args);
        va_end(args);
        snprintf(err->message, sizeof err->message, "%s: %s", what, strerror_r(number, words, sizeof words));
        one_line(err->message);
        return false;
}

bool error_wrap(struct error *err, const char *format, ...)
{
        char inner[sizeof err->message];
        va_list args;
        int used;

        memcpy(inner, err->message, sizeof inner);
        va_start(args, format);
        used = vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof err->message)
                snprintf(err->message + used, sizeof err->message - (size_t)used, ": %s", inner);
        one_line(err->message);
        return false;
}

void error_clear(struct error *err)
{
        *err = (struct error)ERROR_INIT;
}

int error_exit_status(const struct error *err)
{
        switch (err->code) {
        case ERROR_NONE:
                return 0;
        case ERROR_INPUT:
        case ERROR_LIMIT:
                return 2;
        case ERROR_INTERRUPTED:
                return 3;
        case ERROR_FINDING:
                return 4;
        default:
                return 1;
        }
}

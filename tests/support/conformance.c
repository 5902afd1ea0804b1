/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/conformance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS(code, may_retry)                                                                              \
        {                                                                                                    \
                .name = "answers " #code, .answer = {.status = code, .body = "{\"errors\":[\"not now\"]}"},  \
                .where = WHERE_SOME, .retry = may_retry                                                      \
        }
#define LIE(words, kind)                                                                                     \
        {                                                                                                    \
                .name = "lies: " words, .lie = kind, .retry = RETRY_EITHER                                   \
        }

const struct fault faults[] = {
        {.name = "healthy", .whole = true},
        {.name = "healthy, half a second late", .answer = {.delay_ms = 500}, .whole = true},
        {.name = "healthy, in pieces", .answer = {.drip_ms = 1, .drip_bytes = 4000}, .whole = true},
        {.name = "empty object",
         .answer = {.body = "{}"},
         .retry = RETRY_EITHER,
         .where = WHERE_SOME,
         .done = true},
        {.name = "empty list",
         .answer = {.body = "[]"},
         .retry = RETRY_EITHER,
         .where = WHERE_SOME,
         .done = true},
        {.name = "empty body",
         .answer = {.body = ""},
         .retry = RETRY_EITHER,
         .where = WHERE_SOME,
         .done = true},
        {.name = "slow: a byte each second",
         .answer = {.drip_ms = 1000},
         .retry = RETRY_YES,
         .where = WHERE_SOME,
         .done = true},
        {.name = "slow: says nothing",
         .answer = {.how = SCRIPTED_HANG},
         .retry = RETRY_YES,
         .where = WHERE_SOME,
         .done = true},
        LIE("other types", LIE_OTHER_TYPES),
        LIE("null for everything", LIE_NULLS),
        LIE("NaN for numbers", LIE_NAN),
        LIE("Infinity for numbers", LIE_INFINITE),
        LIE("1e308 for numbers", LIE_HUGE),
        LIE("negative numbers", LIE_NEGATIVE),
        LIE("halves for whole numbers", LIE_FRACTIONS),
        LIE("half of the text", LIE_TRUNCATED),
        LIE("nested 100,000 deep", LIE_NESTED),
        LIE("not UTF-8", LIE_NOT_UTF8),
        LIE("every key twice", LIE_TWICE),
        LIE("other names", LIE_OTHER_NAMES),
        {.name = "a body of 50 MB", .answer = {.filler_bytes = 50u << 20}, .retry = RETRY_EITHER},
        {.name = "a body without end", .answer = {.how = SCRIPTED_ENDLESS}, .retry = RETRY_EITHER},
        {.name = "headers without end", .answer = {.how = SCRIPTED_ENDLESS_HEADERS}, .retry = RETRY_EITHER},
        {.name = "no HTTP", .answer = {.how = SCRIPTED_GARBAGE}, .retry = RETRY_EITHER},
        {.name = "nobody listens", .leaves = true, .retry = RETRY_YES},
        {.name = "dies before the answer",
         .answer = {.how = SCRIPTED_RESET},
         .where = WHERE_EVERY,
         .retry = RETRY_YES,
         .outlived = true},
        {.name = "dies half-way",
         .answer = {.how = SCRIPTED_RESET_HALF_WAY},
         .where = WHERE_EVERY,
         .retry = RETRY_YES,
         .outlived = true,
         .done = true},
        {.name = "hangs up half-way",
         .answer = {.how = SCRIPTED_TRUNCATE},
         .where = WHERE_EVERY,
         .retry = RETRY_YES,
         .outlived = true,
         .done = true},
        STATUS(401, RETRY_NO),
        STATUS(403, RETRY_NO),
        STATUS(404, RETRY_NO),
        STATUS(409, RETRY_YES),
        {.name = "answers 429, Retry-After 2 s",
         .answer = {.status = 429, .headers = "Retry-After: 2\r\n", .body = ""},
         .where = WHERE_SOME,
         .retry = RETRY_YES,
         .outlived = true},
        {.name = "answers 429, Retry-After a day",
         .answer = {.status = 429, .headers = "Retry-After: 86400\r\n", .body = ""},
         .where = WHERE_SOME,
         .retry = RETRY_YES},
        STATUS(500, RETRY_YES),
        {.name = "answers 500, done all the same",
         .answer = {.status = 500, .body = "{\"errors\":[\"who knows\"]}"},
         .where = WHERE_EVERY,
         .retry = RETRY_YES,
         .done = true},
        STATUS(502, RETRY_YES),
        STATUS(503, RETRY_YES),
        STATUS(504, RETRY_YES),
        {.name = "redirects to itself",
         .answer = {.status = 307, .headers = "Location: /\r\n", .body = ""},
         .where = WHERE_SOME,
         .retry = RETRY_NO},
        {0},
};

/* ---- the table ---- */

bool table_wanted(int argc, char **argv)
{
        return getenv("OPTCTL_CONFORMANCE_TABLE") || (argc > 1 && strcmp(argv[1], "--table") == 0);
}

void table_begin(const char *title, const char *const *columns, int n_columns)
{
        printf("## %s\n\n| the peer |", title);
        for (int i = 0; i < n_columns; i++)
                printf(" %s |", columns[i]);
        printf("\n| --- |");
        for (int i = 0; i < n_columns; i++)
                printf(" --- |");
        printf("\n");
}

static void put_cell(const struct cell *cell)
{
        const char *comma = "";

        if (cell->none) {
                printf(" — %s |", cell->none);
                return;
        }
        if (cell->whole > 0) {
                printf(" %d whole", cell->whole);
                comma = ",";
        }
        if (cell->part > 0) {
                printf("%s %d in part", comma, cell->part);
                comma = ",";
        }
        if (cell->failed > 0)
                printf("%s %d refused%s%s", comma, cell->failed, *cell->reason ? ": " : "", cell->reason);
        if (cell->longest_ms >= 1000)
                printf(" (%.0f s)", (double)cell->longest_ms / 1000);
        printf(" |");
}

void table_row(const char *row, const struct cell *cells, int n_cells)
{
        printf("| %s |", row);
        for (int i = 0; i < n_cells; i++)
                put_cell(&cells[i]);
        printf("\n");
}

/* ---- errors ---- */

const char *error_flaw(const struct error *err, const char *name, const char *url)
{
        const char *message = err->message;
        size_t length = strnlen(message, sizeof err->message);

        if (err->code == ERROR_NONE || !*err->reason || !*message || length == sizeof err->message)
                return "has no code, reason or words";
        for (size_t i = 0; i < length;) {
                size_t bytes = text_utf8_length(message + i, length - i);

                if (bytes == 0 || (unsigned char)message[i] < ' ' || message[i] == 0x7f)
                        return "is not one line of UTF-8";
                i += bytes;
        }
        return strcasestr(message, name) || (url && strstr(message, url)) ? NULL : "does not name the peer";
}

void complain(int *complaints, const char *row, const char *format, ...)
{
        va_list arguments;

        ++*complaints;
        fprintf(stderr, "%s: ", row);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fprintf(stderr, "\n");
}

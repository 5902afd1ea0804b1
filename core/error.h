/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_ERROR_H
#define OPTCTL_CORE_ERROR_H

#include <stdbool.h>

/*
 * What went wrong, for a program (code, retry), for a Kubernetes condition (reason) and for a person
 * (message).
 *
 * Every function that can fail returns bool and takes a `struct error *` as its last parameter, never NULL.
 * Callers start with ERROR_INIT. On the way up `error_wrap` puts the context in front of the message.
 */
enum error_code {
        ERROR_NONE,
        ERROR_INPUT,       /* the user's file or argument is wrong: exit status 2 */
        ERROR_INCOMPLETE,  /* a value that is needed is not known (yet) */
        ERROR_NOT_FOUND,   /* the thing named does not exist */
        ERROR_IO,          /* file, disk or socket */
        ERROR_TIMEOUT,     /* did not answer in time */
        ERROR_UNAVAILABLE, /* the peer is there but cannot serve now */
        ERROR_CONFLICT,    /* somebody else changed it */
        ERROR_REFUSED,     /* the peer or a rule says no */
        ERROR_LIMIT,       /* larger or longer than we accept */
        ERROR_INTERRUPTED, /* stopped by a signal */
        ERROR_NUMERIC,     /* a fit or solve that did not converge */
        ERROR_FINDING,     /* done, and there is something to do about it: exit status 4 */
};

struct error {
        enum error_code code;
        bool retry;         /* the same call may succeed later */
        char reason[48];    /* CamelCase, fit for a condition's reason */
        char message[1024]; /* one line, names the thing */
};

#define ERROR_INIT                                                                                           \
        {                                                                                                    \
                .code = ERROR_NONE                                                                           \
        }

/* Sets err and returns false, so that a caller can write `return error_set(...)`. reason may be NULL: then
 * the code's own name is used (InvalidInput, Timeout, ...). retry is set for IO, timeout, unavailable and
 * conflict. */
bool error_set(struct error *err, enum error_code code, const char *reason, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* As error_set with ERROR_IO and the words of the errno value `number`. */
bool error_errno(struct error *err, int number, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message; returns false. */
bool error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

void error_clear(struct error *err);

/* Exit status of the program for this error: 2 for input and what is too large of it, 3 for interrupted, 1
 * otherwise. */
int error_exit_status(const struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LEDGER_LIBPQ_H
#define OPTCTL_CORE_LEDGER_LIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "core/error.h"

/* What is needed of libpq, PostgreSQL's own client. Not linked: only who keeps a ledger there pays for its
 * memory, and for the libraries that it brings. */
#define LIBPQ_FUNCTIONS(X)                                                                                   \
        X(PQclear)                                                                                           \
        X(PQcmdStatus)                                                                                       \
        X(PQconnectdbParams)                                                                                 \
        X(PQconninfoFree)                                                                                    \
        X(PQconninfoParse)                                                                                   \
        X(PQconsumeInput)                                                                                    \
        X(PQerrorMessage)                                                                                    \
        X(PQfinish)                                                                                          \
        X(PQflush)                                                                                           \
        X(PQfreemem)                                                                                         \
        X(PQgetResult)                                                                                       \
        X(PQgetisnull)                                                                                       \
        X(PQgetvalue)                                                                                        \
        X(PQisBusy)                                                                                          \
        X(PQparameterStatus)                                                                                 \
        X(PQresultErrorField)                                                                                \
        X(PQresultStatus)                                                                                    \
        X(PQsendQuery)                                                                                       \
        X(PQsendQueryParams)                                                                                 \
        X(PQserverVersion)                                                                                   \
        X(PQsetNoticeProcessor)                                                                              \
        X(PQsetSingleRowMode)                                                                                \
        X(PQsetnonblocking)                                                                                  \
        X(PQsocket)                                                                                          \
        X(PQstatus)                                                                                          \
        X(PQtransactionStatus)

struct libpq {
#define LIBPQ_MEMBER(name) __typeof__(name) *(name);
        LIBPQ_FUNCTIONS(LIBPQ_MEMBER)
#undef LIBPQ_MEMBER
};

/* Loads the library, which stays. ERROR_INPUT, with the package's name, when it is not installed. */
bool libpq_load(struct libpq *ret_libpq, struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_API_SCRIPT_H
#define OPTCTL_TESTS_SUPPORT_API_SCRIPT_H

#include "controller/api/api.h"

/*
 * A source of the API that plays five pipelines, one in each kind of state, with a day of load that follows a
 * sine: analytics/clickstream (Auto, a change is watched), orders (Auto), billing/ledger-sync (Recommend),
 * sessions (Unreachable) and legacy (Starting). What it is told it remembers.
 */
struct api_script {
        struct api_source source;
        int64_t now_ms;
        bool started;      /* all but legacy had a turn */
        struct error fail; /* given by every call, when it has a code */
        char paused[64], reason[600], resumed[64], rolled_back[64];
        int64_t rollback_decision;
        size_t series_limit;
        int64_t history_since_ms, history_limit;
        double books_confidence;
};

void api_script_open(struct api_script *script, int64_t now_ms);

#endif

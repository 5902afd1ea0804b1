/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SOAK_FAULTS_H
#define OPTCTL_TESTS_SUPPORT_SOAK_FAULTS_H

#include "tests/support/lies.h"
#include "tests/support/scripted_peer.h"

/* What may befall a live pipeline in a minute (tests/soak). */
enum mischief {
        ANSWERS, /* as `answer` and `lie` say */
        LEAVES,  /* nobody listens */
        SLOW,    /* the operator takes twice as long */
        SURGE,   /* half as much load again */
        FAILS,   /* the job fails and starts anew */
        LOSES,   /* two TaskManagers, for the fault's time */
        FORGETS, /* the job manager starts anew and has forgotten what it was told */
        RENAMES, /* so it does, and the job has another id */
        REFUSES, /* writes are answered 409 */
        DEAF,    /* writes are taken and not followed */
        BY_HAND, /* somebody else sets the job */
        SKEWED,  /* its clock is ten minutes off */
        BUSY,    /* another process writes to the ledger */
        FULL,    /* no room on the disk */
        PAUSED,  /* a person pauses, and resumes */
        PULLED,  /* a person rolls back, and resumes */
};

struct soak_fault {
        const char *name;
        enum mischief mischief;
        struct scripted_answer answer;
        enum lie lie;
};

static const struct soak_fault soak_faults[] = {
        {"hang", ANSWERS, {.how = SCRIPTED_HANG}, 0},
        {"hang up", ANSWERS, {.how = SCRIPTED_CLOSE}, 0},
        {"reset", ANSWERS, {.how = SCRIPTED_RESET}, 0},
        {"cut short", ANSWERS, {.how = SCRIPTED_TRUNCATE}, 0},
        {"reset half-way", ANSWERS, {.how = SCRIPTED_RESET_HALF_WAY}, 0},
        {"garbage", ANSWERS, {.how = SCRIPTED_GARBAGE}, 0},
        {"endless", ANSWERS, {.how = SCRIPTED_ENDLESS, .drip_ms = 100, .drip_bytes = 4096}, 0},
        {"500", ANSWERS, {.status = 500}, 0},
        {"502", ANSWERS, {.status = 502}, 0},
        {"503, come back in 7 s", ANSWERS, {.status = 503, .headers = "Retry-After: 7\r\n"}, 0},
        {"429, come back in an hour", ANSWERS, {.status = 429, .headers = "Retry-After: 3600\r\n"}, 0},
        {"401", ANSWERS, {.status = 401}, 0},
        {"404", ANSWERS, {.status = 404}, 0},
        {"redirect", ANSWERS, {.status = 302, .headers = "Location: http://127.0.0.1:1/\r\n"}, 0},
        {"slow", ANSWERS, {.delay_ms = 3000}, 0},
        {"too slow", ANSWERS, {.delay_ms = 14000}, 0},
        {"dripping", ANSWERS, {.drip_ms = 50, .drip_bytes = 100}, 0},
        {"other types", ANSWERS, {0}, LIE_OTHER_TYPES},
        {"nulls", ANSWERS, {0}, LIE_NULLS},
        {"NaN", ANSWERS, {0}, LIE_NAN},
        {"infinite", ANSWERS, {0}, LIE_INFINITE},
        {"huge", ANSWERS, {0}, LIE_HUGE},
        {"negative", ANSWERS, {0}, LIE_NEGATIVE},
        {"fractions", ANSWERS, {0}, LIE_FRACTIONS},
        {"truncated", ANSWERS, {0}, LIE_TRUNCATED},
        {"nested", ANSWERS, {0}, LIE_NESTED},
        {"not UTF-8", ANSWERS, {0}, LIE_NOT_UTF8},
        {"keys twice", ANSWERS, {0}, LIE_TWICE},
        {"other names", ANSWERS, {0}, LIE_OTHER_NAMES},
        {"nobody listens", LEAVES, {0}, 0},
        {"slow operator", SLOW, {0}, 0},
        {"surge", SURGE, {0}, 0},
        {"job fails", FAILS, {0}, 0},
        {"lost TaskManagers", LOSES, {0}, 0},
        {"job manager forgets", FORGETS, {0}, 0},
        {"another job id", RENAMES, {0}, 0},
        {"writes refused", REFUSES, {0}, 0},
        {"writes ignored", DEAF, {0}, 0},
        {"set by hand", BY_HAND, {0}, 0},
        {"clock of the job manager", SKEWED, {0}, 0},
        {"ledger busy", BUSY, {0}, 0},
        {"disk full", FULL, {0}, 0},
        {"paused", PAUSED, {0}, 0},
        {"rolled back", PULLED, {0}, 0},
};

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_PARAMETERS_H
#define OPTCTL_CONTROLLER_CLI_PARAMETERS_H

#include "controller/cli/command.h"

/*
 * Options that several commands have, as rows of their tables, so that they are called and completed alike
 * everywhere. `object` is the struct that the parameters fill.
 */
#define PARAMETERS_MOST_THREADS 256

/* clang-format off */
#define PARAMETERS_SPEC(object, words)                                                                       \
        {.name = "SPEC",                                                                                     \
         .positional = true,                                                                                 \
         .required = true,                                                                                   \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, spec),                                                                   \
         .values = VALUES_FILE,                                                                              \
         .help = words}
#define PARAMETERS_SPECS(object)                                                                             \
        {.name = "SPEC",                                                                                     \
         .positional = true,                                                                                 \
         .required = true,                                                                                   \
         .type = PARAMETER_TEXTS,                                                                            \
         .offset = offsetof(object, specs),                                                                  \
         .values = VALUES_FILE,                                                                              \
         .help = "Files with a TunedPipeline each."}
#define PARAMETERS_DATA(object)                                                                              \
        {.name = "data",                                                                                     \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, data),                                                                   \
         .value = "DIR",                                                                                     \
         .values = VALUES_FOLDER,                                                                            \
         .help = "Folder that file names in a spec are relative to; the spec's own without it."}
/* words: of what, and an example. */
#define PARAMETERS_SET(object, words)                                                                        \
        {.name = "set",                                                                                      \
         .type = PARAMETER_TEXTS,                                                                            \
         .offset = offsetof(object, sets),                                                                   \
         .value = "PATH=VALUE",                                                                              \
         .help = "Sets a field of " words}
#define PARAMETERS_THREADS(object)                                                                           \
        {.name = "threads",                                                                                  \
         .type = PARAMETER_INTEGER,                                                                          \
         .offset = offsetof(object, threads),                                                                \
         .value = "N",                                                                                       \
         .min = 0,                                                                                           \
         .max = PARAMETERS_MOST_THREADS,                                                                     \
         .fallback = "0",                                                                                    \
         .help = "Threads to use; 0 is one a core. The result does not depend on it."}
/* words: what is written, without a full stop. */
#define PARAMETERS_JSON(object, words)                                                                       \
        {.name = "json",                                                                                     \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, json),                                                                   \
         .value = "FILE",                                                                                    \
         .values = VALUES_WRITTEN,                                                                           \
         .help = "Writes " words "; - is standard output."}
#define PARAMETERS_REPORT(object, words)                                                                     \
        {.name = "report",                                                                                   \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, report),                                                                 \
         .value = "FILE.html",                                                                               \
         .values = VALUES_WRITTEN,                                                                           \
         .help = "Writes one HTML file " words}
#define PARAMETERS_QUIET(object)                                                                             \
        {.name = "quiet",                                                                                    \
         .type = PARAMETER_FLAG,                                                                             \
         .offset = offsetof(object, quiet),                                                                  \
         .help = "Prints neither progress nor the table."}
/* preset: where it is without being said; NULL: then none is meant. */
#define PARAMETERS_LEDGER(object, preset, words)                                                             \
        {.name = "ledger",                                                                                   \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, ledger),                                                                 \
         .value = "FILE",                                                                                    \
         .values = VALUES_FILE,                                                                              \
         .fallback = preset,                                                                                 \
         .help = words}
#define PARAMETERS_SINCE(object, words)                                                                      \
        {.name = "since",                                                                                    \
         .type = PARAMETER_TEXT,                                                                             \
         .offset = offsetof(object, since),                                                                  \
         .value = "TIME",                                                                                    \
         .help = words " from this time on: 2026-01-05T08:00:00Z, 2026-01-05, or how long ago: 90m, 24h, 7d."}
/* clang-format on */

#endif

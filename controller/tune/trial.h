/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_TRIAL_H
#define OPTCTL_CONTROLLER_TUNE_TRIAL_H

#include "controller/tune/study.h"

/*
 * One trial, in a folder of its own: `output` of the command, the files that were rendered, and
 * `result.json`, which is there once the trial is over: whole, on the disk, and never written again.
 *
 *   {"status": "ok" | "failed" | "censored", "why": TEXT, "attempts": N, "begunMs": .., "endedMs": ..,
 * "seconds": .., "cpuSeconds": .., "memoryBytes": .., "cost": .., "values": {NAME: ..}, "y": NUMBER | null,
 * "second": NUMBER | null, "constraints": {NAME: ..}}
 *
 * begunMs, endedMs (since 1970), seconds, cpuSeconds and memoryBytes (of the largest process) are those of
 * the last attempt. Censored: the time limit (or the best trial so far) stopped it, and what is minimised can
 * only grow with time. second: what alsoMinimize names; null, too, when the trial was censored and that does
 * not only grow with time.
 */

/* Runs the command, as often as it has to, and writes the result. best: of what is minimised, that the trial
 * is measured by (giveUpFactor); NAN: none. To be called in a process of its own, with SIGCHLD, SIGTERM and
 * SIGINT blocked: SIGTERM and SIGINT end the command and leave no result. False then, and when the result
 * could not be written. */
bool tune_trial_run(const struct tune_study *study, const json_t *x, const char *folder, double best,
                    struct error *err);

/* Where the trial's event log is; NULL: nowhere. {application} stands for what looks like an application of
 * Spark's in the output, where it does last, unless a parameter is called so. The caller frees it. */
char *tune_trial_event_log(const struct tune_study *study, const json_t *x, const char *folder,
                           const char *output);

/* The same of a trial that has ended, by the output in its folder. */
char *tune_trial_own_log(const struct tune_study *study, const json_t *x, const char *folder);

/* The values that an output and the trial's event log hold; names that they lack are left out. event_log: a
 * log, a folder with logs, a URL of a History Server, or NULL. The caller owns them. */
json_t *tune_trial_values(const struct tune_study *study, const char *output, const char *event_log);

#endif

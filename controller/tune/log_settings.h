/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_LOG_SETTINGS_H
#define OPTCTL_CONTROLLER_TUNE_LOG_SETTINGS_H

#include <jansson.h>

#include "controller/tune/study.h"
#include "core/text.h"

/*
 * What a study's command sets of Spark at a point of its space: by what was named, by the words behind
 * spark-submit (behind the command's first, where it is not called), or by a file in the form of
 * spark-defaults.conf that is rendered for it; the first of these that says a setting counts.
 */
struct log_settings {
        const struct tune_study *study;
        const json_t *named; /* object of templates by setting, or NULL */
        const json_t *x;
        int64_t executors; /* of the run that is known */
        struct text words;
};

/* Borrows the first three. x: as search_document_x. executors: of the run that is known, above 0. */
void log_settings_open(const struct tune_study *study, const json_t *named, const json_t *x,
                       int64_t executors, struct log_settings *ret_settings);
void log_settings_close(struct log_settings *settings);

/* By Spark's own name; NULL: nothing says it. Where cores in all are said (Spark's own cluster) the number of
 * executors follows from them and from the cores of each; where these are not said either, as many executors
 * as there were share them. The caller frees it. context: a struct log_settings, as batch_wanted_read takes
 * it. */
char *log_settings_value(const void *context, const char *name);

#define auto_log_settings __attribute__((cleanup(log_settings_close))) struct log_settings

#endif

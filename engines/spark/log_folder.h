/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_LOG_FOLDER_H
#define OPTCTL_ENGINES_SPARK_LOG_FOLDER_H

/* The event log of an application in a folder of them, by its id; of several attempts at it, or with NULL of
 * all there are, the newest. NULL: there is none. Caller frees. */
char *spark_event_log_find(const char *folder, const char *application);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_HISTORY_LOG_H
#define OPTCTL_CONTROLLER_STUDY_HISTORY_LOG_H

#include <stdint.h>

#include "core/http/client.h"

/* An event log out of a Spark History Server, in a temporary folder for as long as it is open. */
struct history_log {
        char *folder; /* $TMPDIR/optctl-... */
        char *path;   /* of the log in there */
};

struct history_request {
        const char *url;                       /* engines/spark/history.h */
        const struct http_options *connection; /* NULL: nothing out of the ordinary */
        const char *base;                      /* folder that its file names start from; NULL: this one */
        int64_t patience_ms;                   /* until the server knows that it has ended */
};

/* What a connection is without a section that says it. */
extern const struct http_options history_log_connection;

/* Has a reactor of its own. */
bool history_log_open(const struct history_request *request, struct history_log *ret_log, struct error *err);
void history_log_close(struct history_log *log); /* harmless when it was not opened */

#define auto_history_log __attribute__((cleanup(history_log_close))) struct history_log

#endif

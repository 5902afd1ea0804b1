/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_HISTORY_H
#define OPTCTL_ENGINES_SPARK_HISTORY_H

#include "core/http/client.h"

/*
 * Event logs out of a Spark History Server, by its REST API: it reads what stands in a file system that may
 * be out of our reach, and hands it out as a zip.
 */
struct spark_history_place {
        char *server;      /* as http_peer_new takes it */
        char *application; /* NULL: the URL is of the server alone */
        char *attempt;     /* NULL: the URL says none */
};

/* http:// or https:// */
bool spark_history_is(const char *url);

/* SERVER/history/APPLICATION[/ATTEMPT]..., as a browser shows it, or
 * SERVER/api/v1/applications/APPLICATION[/ATTEMPT]... */
struct spark_history_place spark_history_place_of(const char *url);
void spark_history_place_clear(struct spark_history_place *place);

/*
 * Downloads the log of an application, of its last attempt unless the place names one, into an empty folder.
 * In a fiber.
 *
 * patience_ms  how long to wait for the server to know that it has ended: it looks for logs now and then
 *
 * ret_log  file, or the folder of a rolling log; the caller frees it
 *
 * ERROR_INPUT: the place names no application (the message names the one that ended last), or what came is no
 * log; ERROR_NOT_FOUND: the server has no such application; ERROR_LIMIT: too large; else as of http_send.
 */
bool spark_history_fetch(struct http_peer *peer, const struct spark_history_place *place, int64_t patience_ms,
                         const char *folder, char **ret_log, struct error *err);

#endif

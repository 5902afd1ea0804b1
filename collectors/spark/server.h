/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_SPARK_SERVER_H
#define OPTCTL_COLLECTORS_SPARK_SERVER_H

#include "collectors/spark/place.h"
#include "core/http/client.h"

/*
 * The application's runs that a History Server knows of (GET /api/v1/applications), the last attempt of each.
 * A place's id is APPLICATION or APPLICATION/ATTEMPT. In a fiber.
 *
 * since_ms  of what ended more than a day before it is not asked; 0: all
 *
 * ERROR_INCOMPLETE: the answer is no list; else as of http_send.
 */
bool spark_server_look(struct http_peer *peer, const char *application, int64_t since_ms,
                       struct spark_places *ret_places, struct error *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/spark/server.h"

#include <string.h>
#include <time.h>

#include "core/batch.h"
#include "core/json.h"

#define API         "/api/v1/applications"
#define MOST        2000 /* the server tells of those first that ended last */
#define DAY_SECONDS 86400

/* Without a time of day the server takes a date as one of Greenwich. */
static char *request_path(int64_t since_ms)
{
        time_t day = (time_t)(since_ms / 1000 - DAY_SECONDS);
        struct tm parts;
        char words[16] = "";

        if (since_ms <= 0 || !gmtime_r(&day, &parts) ||
            strftime(words, sizeof words, "%Y-%m-%d", &parts) == 0)
                return memory_format(API "?limit=%d", MOST);
        return memory_format(API "?limit=%d&minEndDate=%s", MOST, words);
}

static bool instant(const json_t *attempt, const char *key, int64_t *ret_ms)
{
        const json_t *value = json_object_get(attempt, key);

        *ret_ms = json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
        return *ret_ms > 0 && *ret_ms <= BATCH_MAX_TIME_MS;
}

static bool read_attempt(const char *id, const json_t *attempt, struct spark_place *ret_place)
{
        struct spark_place place = {.finished = json_is_true(json_object_get(attempt, "completed"))};
        const char *number;

        if (!instant(attempt, "startTimeEpoch", &place.begun_ms) ||
            !instant(attempt, place.finished ? "endTimeEpoch" : "lastUpdatedEpoch", &place.seen_ms))
                return false;
        place.id = json_find_text(attempt, "attemptId", &number) ? memory_format("%s/%s", id, number)
                                                                 : memory_copy_text(id);
        *ret_place = place;
        return true;
}

bool spark_server_look(struct http_peer *peer, const char *application, int64_t since_ms,
                       struct spark_places *ret_places, struct error *err)
{
        autofree char *path = request_path(since_ms);
        autojson *list = NULL;
        const json_t *one;
        size_t i;

        if (!http_get_json(peer, path, &list, err))
                return false;
        if (!json_is_array(list))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer", "%s%s: the answer is no list",
                                 http_peer_url(peer), path);
        json_array_foreach(list, i, one)
        {
                const json_t *attempts = json_object_get(one, "attempts");
                struct spark_place place;
                const char *id, *name;

                /* The newest attempt stands first. */
                if (json_find_text(one, "id", &id) && *id && json_find_text(one, "name", &name) &&
                    strcmp(name, application) == 0 && read_attempt(id, json_array_get(attempts, 0), &place))
                        spark_places_add(ret_places, place);
        }
        return true;
}

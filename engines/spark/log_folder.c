/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/log_folder.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "engines/spark/event_log.h"

#define MAX_ENTRIES 100000 /* of a folder that are looked at */
#define ROLLING     "eventlog_v2_"

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* ID, ID_1 of a later attempt, either with the suffix of a codec; and the folder of a rolling log. */
static bool is_of(const char *name, const char *application)
{
        size_t length;

        if (name[0] == '.')
                return false;
        if (!application)
                return true;
        if (strncmp(name, ROLLING, strlen(ROLLING)) == 0)
                name += strlen(ROLLING);
        length = strlen(application);
        return strncmp(name, application, length) == 0 && strchr("._", name[length]);
}

char *spark_event_log_find(const char *folder, const char *application)
{
        DIR *stream = opendir(folder);
        struct timespec latest = {0};
        char *newest = NULL;

        if (!stream)
                return NULL;
        for (int i = 0; i < MAX_ENTRIES; i++) {
                /* cppcheck-suppress readdirCalled ; nobody else reads this stream */
                const struct dirent *entry = readdir(stream);
                autofree char *place = NULL;
                struct stat status;

                if (!entry)
                        break;
                if (!is_of(entry->d_name, application))
                        continue;
                place = memory_format("%s/%s", folder, entry->d_name);
                if (stat(place, &status) != 0 || (newest && !is_newer(&status.st_mtim, &latest)) ||
                    !spark_event_log_is(place))
                        continue;
                latest = status.st_mtim;
                free(newest);
                newest = TAKE(place);
        }
        closedir(stream);
        return newest;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_SPARK_FOLDER_H
#define OPTCTL_COLLECTORS_SPARK_FOLDER_H

#include "collectors/spark/place.h"
#include "core/error.h"
#include "core/memory.h"

/* A folder of event logs, of this application and of others. */
struct spark_folder;

struct spark_folder *spark_folder_new(const char *path, const char *application);
void spark_folder_free(struct spark_folder *folder);
DEFINE_CLEANUP(spark_folder_free, struct spark_folder);

/*
 * The application's runs, for spark_places_next: from the newest back to one that has finished and was seen
 * last before `since_ms`, or to as many as are told of at all. Whose log a file is, its first lines are
 * read for once. Of more than 100,000 files the rest is not looked at; a first look into a large folder may
 * take several calls. Blocks.
 *
 * ERROR_NOT_FOUND: there is no such folder; ERROR_IO.
 */
bool spark_folder_look(struct spark_folder *folder, int64_t since_ms, struct spark_places *ret_places,
                       struct error *err);

#endif

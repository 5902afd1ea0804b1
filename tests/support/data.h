/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_DATA_H
#define OPTCTL_TESTS_SUPPORT_DATA_H

#define DATA_PATH_BYTES 4096

/*
 * Path of a file measured by others, which the project does not ship ("load/nyc_taxi.csv"; "." is the folder
 * of all): in the folder OPTCTL_DATA names, else in ../shared/data. When it is absent the calling test is
 * skipped and the file named. Skipping jumps out of the test without freeing, so this comes before anything
 * is allocated.
 */
void data_path(const char *name, char ret_path[DATA_PATH_BYTES]);

#endif

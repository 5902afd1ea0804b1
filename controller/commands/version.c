/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <curl/curl.h>
#include <gsl/gsl_version.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <lz4.h>
#include <microhttpd.h>
#include <nlopt.h>
#include <sqlite3.h>
#include <stdio.h>
#include <uv.h>
#include <yajl/yajl_version.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#include "controller/cli/command.h"
#include "controller/cli/output.h"
#include "controller/cli/parameters.h"

struct version_arguments {
        const char *json;
};

static const struct parameter parameters[] = {
        PARAMETERS_JSON(struct version_arguments, "the versions and the compiler as one JSON object"),
        {.name = NULL},
};

/*
 * The versions of the libraries that run, not of those that it was built with: that is what a bug report
 * needs. OpenBLAS and libpq are loaded when they are needed, and snappy does not tell.
 */
static json_t *libraries(void)
{
        int major, minor, patch, yajl = yajl_version();
        const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
        autofree char *nlopt = NULL;

        nlopt_version(&major, &minor, &patch);
        nlopt = memory_format("%d.%d.%d", major, minor, patch);
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:o, s:s, s:s}", "curl",
                         curl->version, "gsl", gsl_version, "jansson", jansson_version_str(), "libmicrohttpd",
                         MHD_get_version(), "librdkafka", rd_kafka_version_str(), "libuv",
                         uv_version_string(), "libyaml", yaml_get_version_string(), "lz4",
                         LZ4_versionString(), "nlopt", nlopt, "sqlite", sqlite3_libversion(), "tls",
                         curl->ssl_version, "yajl",
                         json_sprintf("%d.%d.%d", yajl / 10000, yajl / 100 % 100, yajl % 100), "zlib",
                         zlibVersion(), "zstd", ZSTD_versionString());
}

static bool version_run(const void *object, struct error *err)
{
        const struct version_arguments *arguments = object;
        json_t *root = json_pack("{s:s, s:s, s:o}", "version", OPTCTL_VERSION, "compiler", __VERSION__,
                                 "libraries", libraries());
        const char *name;
        json_t *value;
        bool done = true;

        if (arguments->json) {
                done = output_json(arguments->json, root, err);
        } else {
                printf("optctl %s\n", OPTCTL_VERSION);
                json_object_foreach(json_object_get(root, "libraries"), name, value)
                        printf("%s %s\n", name, json_string_value(value));
        }
        json_decref(root);
        return done;
}

const struct command version_command = {
        .name = "version",
        .group = COMMAND_PROGRAM,
        .summary = "version of the program and of the libraries it runs with",
        .description = "Prints the version of the program and, a line each, of the libraries it runs with.",
        .example = "optctl version",
        .size = sizeof(struct version_arguments),
        .parameters = parameters,
        .run = version_run,
};

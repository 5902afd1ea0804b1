/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/settings_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/memory.h"
#include "engines/spark/setting.h"

#define DYNAMIC   "spark.dynamicAllocation.enabled"
#define EXECUTORS "spark.executor.instances"
#define MASTER    "spark.master"

/* ---- reading ---- */

static bool check_kind(const char *path, const struct stat *status, struct error *err)
{
        if (!S_ISREG(status->st_mode))
                return error_set(err, ERROR_REFUSED, "NotAFile", "%s: is not a file; expected one, or none",
                                 path);
        if (status->st_nlink > 1)
                return error_set(err, ERROR_REFUSED, "HardLinks",
                                 "%s: has other names (hard links), which a change would leave behind; "
                                 "expected a file of one name",
                                 path);
        if (status->st_size > SPARK_SETTINGS_MAX_BYTES)
                return error_set(err, ERROR_LIMIT, NULL, "%s: larger than %d MiB; is this the right file?",
                                 path, SPARK_SETTINGS_MAX_BYTES >> 20);
        return true;
}

static bool read_bytes(const char *path, int descriptor, struct text *text, struct error *err)
{
        char bytes[8192];
        ssize_t got;

        while ((got = read(descriptor, bytes, sizeof bytes)) != 0) {
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return error_errno(err, errno, "%s", path);
                text_add(text, bytes, (size_t)got);
                if (text->length > SPARK_SETTINGS_MAX_BYTES)
                        return error_set(err, ERROR_LIMIT, NULL, "%s: grows while it is read", path);
        }
        if (text->length > 0 && memchr(text->data, '\0', text->length))
                return error_set(err, ERROR_INPUT, NULL, "%s: is not a text; is this the right file?", path);
        return true;
}

static bool has_folder(const char *path)
{
        const char *slash = strrchr(path, '/');
        autofree char *folder =
                slash ? memory_format("%.*s/", (int)(slash - path), path) : memory_copy_text(".");
        struct stat status;

        return stat(folder, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool cannot_open(const char *path, int number, struct error *err)
{
        if (number == ELOOP)
                return error_set(
                        err, ERROR_REFUSED, "SymbolicLink",
                        "%s: is a symbolic link, or has too many in its path; expected the file itself",
                        path);
        error_errno(err, number, "%s", path);
        err->code = number == EACCES || number == EPERM ? ERROR_REFUSED : err->code;
        return false;
}

bool spark_settings_file_read(const char *path, struct spark_settings_file *ret_file, struct error *err)
{
        struct spark_settings_file file = {.exists = true};
        int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        bool done;

        if (descriptor < 0 && errno == ENOENT && has_folder(path)) {
                *ret_file = (struct spark_settings_file){.exists = false};
                return true;
        }
        if (descriptor < 0)
                return cannot_open(path, errno, err);
        done = fstat(descriptor, &file.status) == 0 ? check_kind(path, &file.status, err)
                                                    : error_errno(err, errno, "%s", path);
        done = done && read_bytes(path, descriptor, &file.text, err);
        close(descriptor);
        if (done)
                *ret_file = file;
        else
                spark_settings_file_clear(&file);
        return done;
}

void spark_settings_file_clear(struct spark_settings_file *file)
{
        text_free(&file->text);
        *file = (struct spark_settings_file){.exists = false};
}

/* ---- knobs ---- */

static bool check_executors(enum spark_settings_form form, const struct text *text, const char *setting,
                            struct error *err)
{
        autofree char *dynamic = NULL, *master = NULL;

        if (strcmp(setting, EXECUTORS) != 0)
                return true;
        dynamic = spark_settings_get(form, text, DYNAMIC);
        if (dynamic && strcasecmp(dynamic, "true") == 0)
                return error_set(err, ERROR_REFUSED, "DynamicAllocation",
                                 "executors come and go (" DYNAMIC
                                 "), so there is no number of them to be set; expected "
                                 "the knob dynamicAllocation.maxExecutors instead of workers");
        master = spark_settings_get(form, text, MASTER);
        return !master || !spark_setting_is_standalone(master) ||
               error_set(err, ERROR_REFUSED, "Standalone",
                         "a standalone master (" MASTER ") does not heed " EXECUTORS
                         "; expected the knob spark.cores.max instead of workers");
}

bool spark_settings_read_knobs(enum spark_settings_form form, const struct text *text,
                               const struct pipeline *pipeline, struct configuration *configuration,
                               struct error *err)
{
        for (int i = 0; i < pipeline->n_knobs && i < configuration->count; i++) {
                struct spark_setting setting = spark_setting_of_knob(pipeline->knobs[i].name);
                autofree char *said = NULL;
                double value;

                if (!setting.name)
                        continue;
                if (!check_executors(form, text, setting.name, err))
                        return false;
                said = spark_settings_get(form, text, setting.name);
                if (!said)
                        continue;
                value = spark_setting_read(&setting, said);
                if (!isfinite(value))
                        return error_set(err, ERROR_REFUSED, "NotANumber",
                                         "%s is \"%.40s\", no number that knob %s could set", setting.name,
                                         said, pipeline->knobs[i].name);
                configuration->value[i] = value;
        }
        return true;
}

static void change_one(enum spark_settings_form form, struct text *text, const struct spark_setting *setting,
                       const char *said, double value, struct text *what)
{
        autofree char *words = spark_setting_text(setting, value, said);

        text_format(what, "%s%s %s -> %s", what->length > 0 ? "; " : "", setting->name, said ? said : "unset",
                    words);
        spark_settings_set(form, text, setting->name, words);
}

void spark_settings_change(enum spark_settings_form form, struct text *text, const struct pipeline *pipeline,
                           const struct configuration *from, const struct configuration *to,
                           struct text *what)
{
        for (int i = 0; i < pipeline->n_knobs && i < to->count; i++) {
                struct spark_setting setting = spark_setting_of_knob(pipeline->knobs[i].name);
                autofree char *said = NULL;
                bool differs;

                if (!setting.name || !isfinite(to->value[i]))
                        continue;
                said = spark_settings_get(form, text, setting.name);
                differs = said ? spark_setting_read(&setting, said) != to->value[i]
                               : i >= from->count || from->value[i] != to->value[i];
                if (differs)
                        change_one(form, text, &setting, said, to->value[i], what);
        }
}

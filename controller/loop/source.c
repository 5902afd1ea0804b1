/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/source.h"

#include <stdlib.h>

#include "core/text.h"

bool source_open(const char *path, const char *data, const struct registry *registry,
                 struct source *ret_source, struct error *err)
{
        struct source source = {.path = path, .data = data, .registry = registry};

        if (!text_read_file(path, YAML_MAX_BYTES, &source.text, &source.length, err))
                return false;
        *ret_source = source;
        return true;
}

void source_close(struct source *source)
{
        free(source->text);
        *source = (struct source){0};
}

bool source_spec(const struct source *source, const char *const *sets, struct spec **ret_spec,
                 struct error *err)
{
        if (source->object)
                return spec_parse_object(source->text, source->length, source->path, source->data, sets,
                                         source->registry, ret_spec, err);
        return spec_parse(source->text, source->length, source->path, source->data, sets, source->registry,
                          ret_spec, err);
}

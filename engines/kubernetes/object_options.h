/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_OBJECT_OPTIONS_H
#define OPTCTL_ENGINES_KUBERNETES_OBJECT_OPTIONS_H

#include "core/option.h"

/* Which object a target is, for option tables; `at_name` and `at_namespace` are where its texts go. */
#define KUBE_OBJECT_OPTIONS(at_name, at_namespace)                                                           \
        {.name = "name",                                                                                     \
         .type = OPTION_TEXT,                                                                                \
         .offset = (at_name),                                                                                \
         .required = true,                                                                                   \
         .min = 1,                                                                                           \
         .max = 253,                                                                                         \
         .help = "Name of the object."},                                                                     \
        {                                                                                                    \
                .name = "namespace", .type = OPTION_TEXT, .offset = (at_namespace), .min = 1, .max = 63,     \
                .help = "Namespace of the object; metadata.namespace without it."                            \
        }

#endif

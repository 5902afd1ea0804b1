/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_REGISTRY_H
#define OPTCTL_CONTROLLER_REGISTRY_H

#include "core/plugin.h"

/* Every plugin that was built in. The function is generated from the folders (cmake/registry.cmake). */
const struct registry *registry_all(void);

#endif

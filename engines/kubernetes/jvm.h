/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_JVM_H
#define OPTCTL_ENGINES_KUBERNETES_JVM_H

#include <jansson.h>

/*
 * The heap that a container's JVM may take, as its template says: -Xmx, -XX:MaxHeapSize, -XX:MaxRAMPercentage
 * or -XX:MaxRAMFraction in a variable of its environment, its command or its arguments (the java command's
 * manual). What it uses says little of what it needs: it fills what heap it has before it collects.
 */

/* Bytes; INFINITY: a share of the memory that the container has, so that it grows and shrinks with that; NAN:
 * it does not say, or is no JVM. Of several the most. */
double kube_jvm_heap_bytes(const json_t *container);

/* The same in few bytes, to be kept with a container that was cut down (`jvmHeap`); nothing where it is NAN.
 */
void kube_jvm_keep(json_t *cut, const json_t *container);
double kube_jvm_kept(const json_t *cut);

#endif

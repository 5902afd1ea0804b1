/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_PROCESS_H
#define OPTCTL_ENGINES_SPARK_PROCESS_H

#include "core/batch.h"

enum spark_process { SPARK_EXECUTOR, SPARK_DRIVER };

/*
 * Bytes of memory that a run's settings give each process of this kind: its heap, and what YARN and
 * Kubernetes give it on top (spark.*.memoryOverhead, else a tenth of the heap, 384 MiB at least; Spark's
 * documentation, "Configuration").
 *
 * heap_bytes  of the heap; 0: as the settings have it, or Spark by default
 */
double spark_process_bytes(const struct batch_run *run, enum spark_process process, double heap_bytes);

#endif

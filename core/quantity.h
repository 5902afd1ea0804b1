/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_QUANTITY_H
#define OPTCTL_CORE_QUANTITY_H

#include <stdbool.h>

#include "core/text.h"

/* Numbers with their units, as Kubernetes writes them and as people read them. */

/* A Kubernetes quantity in its base unit: "512Mi", "100m", "1.5", "2e3". Suffixes n u m k M G T P E, Ki Mi Gi
 * Ti Pi Ei, or a decimal exponent. False when it is none or not finite. */
bool quantity_parse(const char *string, double *ret_value);

/* The shortest quantity that reads back as the value: "2Gi", "100m"; plain digits where no suffix fits. */
void quantity_put(struct text *out, double value);

/* Active code of ISO 4217, in capitals. */
bool currency_known(const char *code);

/* "$ 86.40", "€ 12.30", "£ 4.00", "CZK 12.30", "JPY 1200" with the digits ISO 4217 gives the currency; two
 * significant digits where those would show none ("$ 0.0034"). */
void money_put(struct text *out, double amount, const char *currency);

/* "7 d", "18 h", "90 min", "90 s", "250 ms": exact in the largest unit that is, else to three digits. */
void duration_put(struct text *out, double seconds);

/* "41.2 k rec/s", "850 rec/s": three significant digits. */
void rate_put(struct text *out, double per_second);

#endif

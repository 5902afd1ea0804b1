/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_DECISION_TEXT_H
#define OPTCTL_CONTROLLER_CLI_DECISION_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Decisions of a ledger for people; the documents are those that core/ledger/ledger.h reads. */

/* A row each, newest first. */
void decision_history_print(const json_t *decisions, FILE *out, bool color);

/* What was seen, proposed, weighed, judged and done, and what came of it. What is unknown is left out or "-".
 */
void decision_print(const json_t *document, FILE *out, bool color);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_SEARCH_DOCUMENT_H
#define OPTCTL_CONTROLLER_TUNE_SEARCH_DOCUMENT_H

#include <jansson.h>

#include "optimizer/search/search.h"

/* The space of a search and its points as JSON (docs/tune.md). */

/* Numbers of a space, of points and of contexts lie between this and its negative. */
#define SEARCH_DOCUMENT_MOST 1e15

#define SEARCH_DOCUMENT_NAME_MAX 128 /* bytes of the name of a parameter, or of a part of the context */

/* From
 * {"space":[...],"candidates":[...],"context":[...],"limits":[...],"price":..,"resources":[..],"timeLimits":{..},
 * "seed":..,"budget":..,"runs":..,"earlier":[..]}. What the last one says controller/tune/earlier reads.
 * ERROR_INPUT begins with the place and ": ", such as "space[0].low: ". The space belongs to the caller. */
bool search_document_read(const json_t *document, struct search_space **ret_space,
                          struct search_options *ret_options, struct error *err);

/* The point that an object with a value for each parameter that has a meaning names; other keys have to be
 * columns of the table. ret_point: space->n. */
bool search_document_point(const struct search_space *space, const json_t *x, double *ret_point,
                           struct error *err);

/* The context that an object with values for some of it says, all of it where `all`; what it leaves out
 * stays. context: space->n_context. ERROR_INPUT: then nothing has changed. */
bool search_document_context(const struct search_space *space, const json_t *object, bool all,
                             double *context, struct error *err);
json_t *search_document_context_json(const struct search_space *space, const double *context);

/* How a trial ended: "ok", "failed" or "censored". False: none of these. */
bool search_document_status(const json_t *status, enum search_status *ret_status);

/* The object for a point, with what the space was declared with; parameters without a meaning are left out.
 */
json_t *search_document_x(const struct search_space *space, const double *point);

#endif

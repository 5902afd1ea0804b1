/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/run_form.h"

#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdbool.h>

#define USUAL_SERIAL 0.3
#define REST_POWER   2.5 /* what is not divided is u^2.5 of the time: two sevenths on average, mostly less */
#define TREE_MOST    0.3 /* of the rest */
#define EACH_MOST    0.3
#define CROWDED_MOST 0.5 /* of what is divided, in half of the forms; in the others none */
#define USELESS      5   /* one form of so many is of a job that resources are of no use to */
#define USELESS_REST 0.8 /* of its time, or more, is not divided; what each adds may be all of it */

enum { DRAW_REST, DRAW_TREE, DRAW_EACH, DRAW_CROWDED, DRAWS };

/* u: DRAWS numbers in [0, 1). */
static void draw_form(struct run_form *form, const double *u, bool useless)
{
        double rest = pow(u[DRAW_REST], REST_POWER), tree = TREE_MOST * u[DRAW_TREE],
               each = EACH_MOST * u[DRAW_EACH], crowded = CROWDED_MOST * fmax(2 * u[DRAW_CROWDED] - 1, 0);

        if (useless) {
                rest = USELESS_REST + (1 - USELESS_REST) * u[DRAW_REST];
                each = (1 - tree) * u[DRAW_EACH];
        }
        form->divided = (1 - rest) * (1 - crowded);
        form->crowded = (1 - rest) * crowded;
        form->serial = rest * (1 - tree - each);
        form->tree = rest * tree;
        form->each = rest * each;
}

void run_forms_init(struct run_forms *forms, double low, double high)
{
        gsl_qrng *sequence = gsl_qrng_alloc(gsl_qrng_sobol, DRAWS);
        double u[DRAWS], middle = 0.5 * (low + high);

        forms->form[0] =
                (struct run_form){.divided = 1 - USUAL_SERIAL, .serial = USUAL_SERIAL, .middle = middle};
        for (int f = 1; f < RUN_FORMS; f++) {
                forms->form[f].middle = middle;
                gsl_qrng_get(sequence, u);
                draw_form(&forms->form[f], u, f % USELESS == 0);
        }
        gsl_qrng_free(sequence);
}

double run_form_log(const struct run_form *form, double resources)
{
        double r = exp(resources - form->middle);

        if (isnan(resources))
                return 0;
        return log(form->divided / r + form->crowded / (r * r) + form->serial +
                   form->tree * log1p(exp(resources)) / log1p(exp(form->middle)) + form->each * r);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_RUN_FORM_H
#define OPTCTL_OPTIMIZER_SEARCH_RUN_FORM_H

/*
 * How a run time depends on what works on the run, before anything is known of the job. With r the resources
 * (machines times cores) over their middle R_m, up to a factor:
 *
 *   t = divided / r + crowded / r^2 + serial + tree log(1 + r R_m) / log(1 + R_m) + each r
 *
 * Ernest's form (Venkataraman et al., NSDI 2016) and the term for work that is slower where a machine holds
 * more of it (sim/scale_out.h). The shares are 0 or more and sum to 1: of the time in the middle.
 *
 * Nobody knows them, so there is a list of forms as jobs may have them; who learns from runs draws from it by
 * how likely a form makes what was measured. The first is the usual one: Amdahl's law with three tenths of
 * the time in the middle serial.
 */
#define RUN_FORMS 256

struct run_form {
        double divided, crowded, serial, tree, each;
        double middle; /* log R_m */
};

struct run_forms {
        struct run_form form[RUN_FORMS]; /* the usual one first */
};

/* The same list for the same range of resources, in logarithms: low <= high. */
void run_forms_init(struct run_forms *forms, double low, double high);

/* log t at a logarithm of resources; 0 where that is NAN: nothing is told of them. */
double run_form_log(const struct run_form *form, double resources);

#endif

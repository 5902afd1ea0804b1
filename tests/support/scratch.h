/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SCRATCH_H
#define OPTCTL_TESTS_SUPPORT_SCRATCH_H

/* A folder of a test's own. Names are relative to it; what cannot be done fails the test. */
struct scratch {
        char folder[64];
};

struct scratch scratch_open(void);
void scratch_close(struct scratch *scratch); /* with all that is in it */

char *scratch_path(const struct scratch *scratch, const char *name);                   /* caller frees */
void scratch_write(const struct scratch *scratch, const char *name, const char *text); /* in place */
void scratch_folder(const struct scratch *scratch, const char *name);
/* A symbolic link, put in the place of what has that name at one stroke, as Kubernetes does. */
void scratch_link(const struct scratch *scratch, const char *target, const char *name);
void scratch_remove(const struct scratch *scratch, const char *name);
int scratch_count(const struct scratch *scratch); /* of entries */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_CONFORMANCE_KUBE_RECORDING_H
#define OPTCTL_TESTS_CONFORMANCE_KUBE_RECORDING_H

#include "core/json.h"
#include "core/memory.h"
#include "tests/conformance/subject.h"

/* What a real API server answered about targets (tests/e2e/kube/record_targets). */
#define KUBE_RECORDING "tests/fixtures/kubernetes/targets.jsonl"

struct kube_recording {
        json_t *lines[64];
        int count;
};

static inline void *kube_recording_read(void)
{
        struct kube_recording *recording = memory_new(1, sizeof *recording);
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        char *save = NULL;

        if (!text_read_file(KUBE_RECORDING, 4u << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                assert_true(recording->count < (int)ARRAY_LENGTH(recording->lines));
                recording->lines[recording->count++] = json_loads(line, 0, NULL);
        }
        return recording;
}

static inline void kube_recording_forget(void *recorded)
{
        struct kube_recording *recording = recorded;

        for (int i = 0; i < recording->count; i++)
                json_decref(recording->lines[i]);
        free(recording);
}

/* Borrowed; NULL: that was not asked then. Parameters of a request are not looked at. */
static inline const json_t *kube_recording_find(const struct kube_recording *recording, const char *method,
                                                const char *path)
{
        for (int i = 0; i < recording->count; i++) {
                const char *was, *asked;

                if (!json_find_text(recording->lines[i], "method", &was) || strcmp(was, method) != 0 ||
                    !json_find_text(recording->lines[i], "path", &asked))
                        continue;
                if (strcspn(asked, "?") == strcspn(path, "?") &&
                    strncmp(asked, path, strcspn(path, "?")) == 0)
                        return json_object_get(recording->lines[i], "body");
        }
        return NULL;
}

/* Caller frees; a path that was not asked then fails the test. */
static inline char *kube_recording_answer(const struct kube_recording *recording, const char *method,
                                          const char *path)
{
        const json_t *body = kube_recording_find(recording, method, path);

        if (!body)
                fail_msg("no answer to %s %s was recorded", method, path);
        return json_dumps(body, 0);
}

#endif

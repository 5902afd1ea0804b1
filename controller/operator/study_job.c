/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/study_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/registry.h"
#include "core/json.h"
#include "core/option.h"
#include "core/quantity.h"
#include "core/spec.h"
#include "core/text.h"

#define DOCUMENTS    "/etc/optctl/study"
#define FILES        "/etc/optctl/files"
#define ANY_LOAD     "as-it-is"
#define DATA_BYTES   900000 /* an object of the API server has room for a little more */
#define SHOWN_NAME   40     /* of the study in the names of its Job and pods, which have room for 63 */
#define NOBODY       65532
#define WRONG_STATUS 2 /* exit status of what another try does not mend */

/* ---- reading ---- */

void study_plan_free(struct study_plan *plan)
{
        if (!plan)
                return;
        option_free(&tuning_study_table, &plan->options);
        yaml_document_free(plan->document);
        json_decref(plan->spec);
        free(plan);
}

bool study_plan_new(const json_t *spec, const char *shown, struct study_plan **ret_plan, struct error *err)
{
        autocall(study_plan_free) struct study_plan *plan = memory_new(1, sizeof *plan);
        autojson *whole = json_pack("{s:O*}", "spec", spec);
        autofree char *text = json_dumps(whole, JSON_COMPACT);

        plan->spec = json_deep_copy(spec);
        if (!yaml_parse(text, strlen(text), shown, &plan->document, err))
                return false;
        yaml_forget_lines(plan->document);
        if (!option_parse(&tuning_study_table, yaml_get(yaml_root(plan->document), "spec"), &plan->options,
                          err))
                return false;
        *ret_plan = TAKE(plan);
        return true;
}

size_t study_plan_loads(const struct study_plan *plan)
{
        return plan->options.loads.count > 0 ? plan->options.loads.count : 1;
}

size_t study_plan_points(const struct study_plan *plan)
{
        return plan->options.candidates.count * study_plan_loads(plan);
}

static const struct study_load *load_of(const struct study_plan *plan, size_t point)
{
        const struct study_load *loads = plan->options.loads.items;

        return plan->options.loads.count > 0 ? &loads[point % plan->options.loads.count] : NULL;
}

const struct study_candidate *study_plan_candidate(const struct study_plan *plan, size_t point)
{
        const struct study_candidate *candidates = plan->options.candidates.items;

        return &candidates[point / study_plan_loads(plan)];
}

const char *study_plan_load(const struct study_plan *plan, size_t point)
{
        const struct study_load *load = load_of(plan, point);

        return load ? load->name : ANY_LOAD;
}

/* ---- documents ---- */

json_t *study_section(json_t *object, const char *name)
{
        if (!json_is_object(json_object_get(object, name)))
                json_object_set_new(object, name, json_object());
        return json_object_get(object, name);
}

static double scale_of(const json_t *workload)
{
        const json_t *written = json_object_get(workload, "scale");
        double scale;

        if (json_is_number(written))
                return json_number_value(written);
        return json_is_string(written) && quantity_parse(json_string_value(written), &scale) ? scale : 1;
}

static void put_load(json_t *spec, const struct study_load *load)
{
        json_t *workload = study_section(spec, "workload");
        char digits[32];

        snprintf(digits, sizeof digits, "%.10g", load->scale * scale_of(workload));
        json_object_set_new(workload, "scale", json_string(digits));
}

/* A TunedPipeline for `optctl simulate`: nobody is asked, so no addresses. Savings are counted between
 * candidates, so it has no baseline. */
static json_t *document_of(const struct study_plan *plan, const json_t *pipeline, size_t point)
{
        static const char *const replaced[] = {"workload", "model", "simulation"};
        static const char *const left_out[] = {"engine", "broker", "metrics", "baseline"};
        const struct study_candidate *candidate = study_plan_candidate(plan, point);
        const struct study_load *load = load_of(plan, point);
        json_t *document = json_deep_copy(pipeline), *spec = json_object_get(document, "spec");
        autojson *written = json_deep_copy(plan->spec);
        json_t *candidates = json_object_get(written, "candidates");
        json_t *configuration =
                json_object_get(json_array_get(candidates, point / study_plan_loads(plan)), "configuration");

        for (size_t i = 0; i < ARRAY_LENGTH(replaced); i++)
                if (json_object_get(written, replaced[i]))
                        json_object_set(spec, replaced[i], json_object_get(written, replaced[i]));
        for (size_t i = 0; i < ARRAY_LENGTH(left_out); i++)
                json_object_del(spec, left_out[i]);
        if (configuration)
                json_object_set(spec, "initial", configuration);
        json_object_set_new(study_section(spec, "simulation"), "strategies",
                            json_pack("[s]", candidate->strategy));
        if (load)
                put_load(spec, load);
        return document;
}

static bool check(const struct study_plan *plan, size_t point, const char *text, struct error *err)
{
        const char *name = study_plan_candidate(plan, point)->name;
        autocall(spec_free) struct spec *spec = NULL;

        return spec_parse_object(text, strlen(text), "TunedPipeline", DOCUMENTS, NULL, registry_all(), &spec,
                                 err) ||
               error_wrap(err, "candidate %s", name);
}

bool study_documents(const struct study_plan *plan, const json_t *pipeline, json_t **ret_data,
                     struct error *err)
{
        autojson *data = json_object();
        size_t bytes = 0;

        for (size_t i = 0; i < study_plan_points(plan); i++) {
                autojson *document = document_of(plan, pipeline, i);
                autofree char *text = json_dumps(document, JSON_COMPACT);
                autofree char *name = memory_format("%zu.json", i);

                /* By its load alone none becomes invalid. */
                if (i % study_plan_loads(plan) == 0 && !check(plan, i, text, err))
                        return false;
                bytes += strlen(text);
                if (bytes > DATA_BYTES)
                        return error_set(
                                err, ERROR_LIMIT, "TooLarge",
                                "the specs of its candidates take more than %d bytes; expected fewer "
                                "candidates or loads",
                                DATA_BYTES);
                json_object_set_new(data, name, json_string(text));
        }
        *ret_data = TAKE(data);
        return true;
}

/* ---- objects ---- */

/* FNV-1a (Fowler, Noll, Vo), 64 bits. */
static uint64_t hash_of(const char *text)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        return hash;
}

char *study_job_name(const struct study_owner *owner)
{
        autofree char *state = memory_format("%s/%lld", owner->uid, (long long)owner->generation);

        return memory_format("%.*s-%016llx", SHOWN_NAME, owner->name, (unsigned long long)hash_of(state));
}

static json_t *labels_of(const struct study_owner *owner)
{
        return json_pack("{s:s, s:s, s:s, s:s}", "app.kubernetes.io/name", "optctl-study",
                         "app.kubernetes.io/managed-by", "optctl", "app.kubernetes.io/component", "study",
                         STUDY_LABEL, owner->name);
}

static json_t *metadata_of(const struct study_owner *owner, const char *own, const char *api_version,
                           const char *kind, const char *name, const char *uid)
{
        return json_pack("{s:s, s:s, s:o, s:[{s:s, s:s, s:s, s:s, s:b}]}", "name", own, "namespace",
                         owner->namespace, "labels", labels_of(owner), "ownerReferences", "apiVersion",
                         api_version, "kind", kind, "name", name, "uid", uid, "controller", 1);
}

json_t *study_metadata(const struct study_owner *owner, const char *name)
{
        return metadata_of(owner, name, "optctl.dev/v1alpha1", "TuningStudy", owner->name, owner->uid);
}

json_t *study_config_map(const struct study_owner *owner, const char *job_uid, json_t *take_data)
{
        autofree char *name = study_job_name(owner);

        return json_pack("{s:s, s:s, s:o, s:b, s:o}", "apiVersion", "v1", "kind", "ConfigMap", "metadata",
                         metadata_of(owner, name, "batch/v1", "Job", name, job_uid), "immutable", 1, "data",
                         take_data);
}

static json_t *arguments_of(const struct study_plan *plan)
{
        autofree char *threads = memory_format("--threads=%lld", (long long)plan->options.threads);
        json_t *arguments =
                json_pack("[s, s, s, s, s]", "simulate", DOCUMENTS "/$(JOB_COMPLETION_INDEX).json",
                          "--message=/dev/termination-log", threads, "--quiet");

        if (plan->options.files)
                json_array_append_new(arguments, json_string("--data=" FILES));
        return arguments;
}

static json_t *volume(const char *name, const char *config_map)
{
        return json_pack("{s:s, s:{s:s}}", "name", name, "configMap", "name", config_map);
}

static json_t *mount(const char *name, const char *path)
{
        return json_pack("{s:s, s:s, s:b}", "name", name, "mountPath", path, "readOnly", 1);
}

/* The program says by itself that it failed; anything else on standard error is shown, too. */
static json_t *container_of(const struct study_plan *plan, const char *image)
{
        char memory[32];
        json_t *mounts = json_array();

        snprintf(memory, sizeof memory, "%.0f", ceil(plan->options.memory_bytes));
        json_array_append_new(mounts, mount("study", DOCUMENTS));
        if (plan->options.files)
                json_array_append_new(mounts, mount("files", FILES));
        return json_pack("{s:s, s:s, s:o, s:s, s:{s:b, s:b, s:{s:[s]}}, s:{s:{s:I, s:s}, s:{s:s}}, s:o}",
                         "name", STUDY_CONTAINER, "image", image, "args", arguments_of(plan),
                         "terminationMessagePolicy", "FallbackToLogsOnError", "securityContext",
                         "allowPrivilegeEscalation", 0, "readOnlyRootFilesystem", 1, "capabilities", "drop",
                         "ALL", "resources", "requests", "cpu", (json_int_t)plan->options.threads, "memory",
                         memory, "limits", "memory", memory, "volumeMounts", mounts);
}

/* Nothing of the cluster: no token, no right, no service. */
static json_t *pod_of(const struct study_plan *plan, const struct study_owner *owner, const char *image)
{
        autofree char *name = study_job_name(owner);
        json_t *volumes = json_array();

        json_array_append_new(volumes, volume("study", name));
        if (plan->options.files)
                json_array_append_new(volumes, volume("files", plan->options.files));
        return json_pack("{s:{s:o}, s:{s:s, s:b, s:b, s:{s:b, s:i, s:i, s:{s:s}}, s:[o], s:o}}", "metadata",
                         "labels", labels_of(owner), "spec", "restartPolicy", "Never",
                         "automountServiceAccountToken", 0, "enableServiceLinks", 0, "securityContext",
                         "runAsNonRoot", 1, "runAsUser", NOBODY, "runAsGroup", NOBODY, "seccompProfile",
                         "type", "RuntimeDefault", "containers", container_of(plan, image), "volumes",
                         volumes);
}

/* A pod that had to make room does not count; a spec that makes no sense is not tried again. */
static json_t *failure_policy(void)
{
        return json_pack("{s:[{s:s, s:[{s:s, s:s}]}, {s:s, s:{s:s, s:s, s:[i]}}]}", "rules", "action",
                         "Ignore", "onPodConditions", "type", "DisruptionTarget", "status", "True", "action",
                         "FailIndex", "onExitCodes", "containerName", STUDY_CONTAINER, "operator", "In",
                         "values", WRONG_STATUS);
}

json_t *study_job(const struct study_plan *plan, const struct study_owner *owner, const char *image)
{
        autofree char *name = study_job_name(owner);
        json_int_t points = (json_int_t)study_plan_points(plan);
        json_int_t at_once = plan->options.parallelism < points ? plan->options.parallelism : points;

        return json_pack("{s:s, s:s, s:o, s:{s:s, s:I, s:I, s:i, s:I, s:o, s:o}}", "apiVersion", "batch/v1",
                         "kind", "Job", "metadata", study_metadata(owner, name), "spec", "completionMode",
                         "Indexed", "completions", points, "parallelism", at_once, "backoffLimitPerIndex", 1,
                         "activeDeadlineSeconds", (json_int_t)plan->options.deadline_seconds,
                         "podFailurePolicy", failure_policy(), "template", pod_of(plan, owner, image));
}

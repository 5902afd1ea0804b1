# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart before it is installed: Helm finds nothing to complain of, its unit tests hold, whatever is rendered is valid by the
schemas of a real API server and taken by it, and no mode gives more rights than it should."""
import json

from plane import chart, modes
from plane.chart import CHART, OWN, WRITES, objects, render, rights, run, settings

MONITORING = "monitoring.coreos.com"
# Values by what they show.
VALUES = {
    "as it is": {},
    "observes": {"mode": "Observe"},
    "observes, and runs studies": {"mode": "Observe", "studies": True},
    "everything": {"mode": "Auto", "targets": ["Deployment", "StatefulSet", "HorizontalPodAutoscaler", "ScaledObject", "FlinkDeployment", "KafkaTopic", "ScheduledSparkApplication", "CronJob", "Job"], "replicas": 3, "serviceMonitor__enabled": True, "prometheusRule__enabled": True,
                   "dashboards__enabled": True, "log__verbose": True, "image__digest": f"sha256:{'0123456789abcdef' * 4}",
                   "imagePullSecrets": [{"name": "registry"}], "priorityClassName": "system-cluster-critical",
                   "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"key": "dedicated", "operator": "Exists"}],
                   "env": [{"name": "SSL_CERT_DIR", "value": "/etc/ssl/certs"}], "podLabels": {"team": "data"},
                   "podAnnotations": {"example.org/owner": "data"}, "serviceAccount__annotations": {"example.org/owner": "data"},
                   "extraVolumes": [{"name": "engine", "secret": {"secretName": "engine"}}],
                   "extraVolumeMounts": [{"name": "engine", "mountPath": "/etc/engine", "readOnly": True}], "extraArgs": ["--verbose"]},
    "one namespace, with a volume": {"watchNamespace": "default", "ledger__persistence__enabled": True, "mode": "Auto"},
    "what others make": {"crds__install": False, "rbac__create": False, "serviceAccount__create": False,
                         "serviceAccount__name": "ours", "server__tlsSecret": "tls", "server__tokenSecret": "token",
                         "networkPolicy__enabled": False},
}
# What kube-score asks for and the chart leaves out.
LEFT_OUT = {
    "container-image-pull-policy": "a tag of a release does not move, and image.digest pins it for who wants that",
    "container-ephemeral-storage-request-and-limit": "what the pod writes are volumes, each with its own limit of size",
    "deployment-replicas": "one replica that restarts within seconds is enough for most",
    "deployment-pod-antiaffinity": "topologySpreadConstraints keep replicas apart",
    "deployment-strategy": "a volume that one pod alone may mount is handed over by Recreate",
    "pod-networkpolicy": "of the pod of `helm test`, and of who switched the policy off",
}


def check_score(manifests):
    """As kube-score has it; a limit of CPU would slow the loop down and save nothing."""
    ignored = [word for test in LEFT_OUT for word in ("--ignore-test", test)]
    run("kube-score", "score", "--ignore-container-cpu-limit", *ignored, "-", stdin=manifests)


def check_rights(name, values, manifests):
    given = rights(manifests) - ({("batch", "jobs", "delete")} if values.get("studies") else set())
    wide = [right for right in given if "*" in right or right[1] == "secrets" or right[2] in ("delete", "deletecollection", "impersonate")]
    assert not wide, f"{name}: {wide}"
    of_others = {right for right in given if right[2] in WRITES and right[:2] not in OWN}
    assert bool(of_others) == (values.get("mode") == "Auto"), f"{name}: writes {of_others}"


def check_rendered(stage, schemas, name, values):
    text = render("--api-versions", f"{MONITORING}/v1", *settings(**values))
    manifests = objects(text)
    check_rights(name, values, manifests)
    check_score(text)
    run("kubeconform", "-strict", "-summary", "-schema-location", schemas, "-skip", "ServiceMonitor,PrometheusRule", stdin=text)
    known = json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        each for each in manifests if MONITORING not in each["apiVersion"]]})
    run("kubectl", "--kubeconfig", stage.plane.kubeconfig, "apply", "--dry-run=server", "--server-side", "--validate=strict", "-f", "-",
        stdin=known)


def check_refuses(schemas):
    """The schemas themselves: what is misspelt or of a wrong type is found."""
    good = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "x", "resources": {"limits": {"cpu": 1}}}]}}}}
    run("kubeconform", "-strict", "-schema-location", schemas, stdin=json.dumps(good))
    for field, value in (("replicas", "many"), ("replica", 1)):
        try:
            run("kubeconform", "-strict", "-schema-location", schemas, stdin=json.dumps({**good, "spec": {**good["spec"], field: value}}))
        except AssertionError:
            continue
        raise AssertionError(f"kubeconform takes {field}: {value}")


def check_scores(manifests):
    """kube-score itself: a root that may be written is found."""
    try:
        check_score(manifests.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"))
    except AssertionError:
        return
    raise AssertionError("kube-score takes a root that may be written")


def play(stage):
    stage.start()
    api = stage.plane.api
    api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tuning"}})
    run("kubectl", "--kubeconfig", stage.plane.kubeconfig, "apply", "--server-side", "-f", "-", stdin=render("--show-only", "templates/crds.yaml"))
    run("kubectl", "--kubeconfig", stage.plane.kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    schemas = chart.write_schemas(api, stage.folder / "schemas")
    check_refuses(schemas)
    check_scores(render())
    modes.check_finds()
    run("helm-unittest", CHART)
    for name, values in VALUES.items():
        run("helm", "lint", "--strict", CHART, *settings(**values))
        check_rendered(stage, schemas, name, values)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart from its installation to its removal, on a real control plane and in a namespace under Pod Security restricted: an older
release, the upgrade from it, uninstalling. optctl runs with what its pod would have (arguments, secrets, the token of the
account) and nothing more; the audit log is asked whether it ever did what the chart gives it no right to, or was denied
anything, or wrote to a target below mode Auto."""
import json
import os
import re
import shutil
import ssl
import urllib.error
import urllib.request

import yaml

from harness.processes import eventually
from plane import pod
from plane.chart import CHART, OWN, WRITES, objects, rights, run, settings
from plane.tuned import Pipelines
from targets.pool import Pool
from targets.scaler import Scaler
from targets.tuner import spec
from targets.usage import Metrics, Prometheus

SPACE, SHOP = "tuning", "shop"
OLDER = "0.0.9"
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tunedpipelines.optctl.dev"
SECONDS = 60
NAMES = ("observe", "recommend", "auto", "bound")
TARGETS = ["Deployment", "HorizontalPodAutoscaler"]
# An autoscaler does nothing by itself here: what is written to it is ours.
ALONE = ("--controllers=*,-horizontal-pod-autoscaler-controller",)
REPLICAS = 3


def older_chart(folder):
    """The chart as a release before might have been: of another version, with a definition that lacks a column."""
    shutil.copytree(CHART, folder)
    for name, wanted in (("version", OLDER), ("appVersion", OLDER)):
        path = folder / "Chart.yaml"
        path.write_text(re.sub(rf"^{name}: .*", f"{name}: {wanted}", path.read_text(), flags=re.MULTILINE))
    path = folder / "files/crds/tunedpipelines.yaml"
    definition = yaml.safe_load(path.read_text())
    del definition["spec"]["versions"][0]["additionalPrinterColumns"][-1]
    path.write_text(yaml.safe_dump(definition))
    return folder


class Release:
    """One release of the chart and the process that its pod would be."""

    def __init__(self, stage):
        self.stage, self.api = stage, stage.plane.api
        self.process = None
        self.periods = []   # (since when in the audit log, what is granted), the oldest first

    def helm(self, *words):
        return run("helm", *words, "--namespace", SPACE, "--kubeconfig", self.stage.plane.kubeconfig)

    def put(self, chart, name, **values):
        """Installs or upgrades; kwok's pods are ready once they are admitted. The process is started anew, as its pod would be."""
        if self.process:
            self.process.stop()
        words = [*settings(**values), "--wait", "--timeout", f"{SECONDS}s"]
        self.helm("upgrade", "--install", "optctl", chart, *words)
        granted = rights(objects(self.helm("get", "manifest", "optctl")))
        self.periods.append((len(self.stage.plane.audited()), granted))
        self.process = pod.deployment(self.stage, "optctl", SPACE, name).start()
        eventually("it is ready", lambda: self.ask("/readyz")[0] == 200, SECONDS)

    def secret(self, name):
        return self.api.get(f"/api/v1/namespaces/{SPACE}/secrets/optctl-{name}")["data"]

    def ask(self, path, token=None):
        """(status, text), as somebody asks who trusts the authority in the secret alone."""
        trust = ssl.create_default_context(cafile=self.process.volumes["tls"] / "ca.crt")
        request = urllib.request.Request(f"https://127.0.0.1:7780{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""


def check_pod(api):
    """What runs was admitted under the strictest level."""
    pods = [each for each in api.get(f"/api/v1/namespaces/{SPACE}/pods")["items"]
            if each["metadata"]["labels"].get("app.kubernetes.io/component") == "controller" and
            "deletionTimestamp" not in each["metadata"]]
    assert len(pods) == 1 and pods[0]["status"]["phase"] == "Running", pods


def check_served(release):
    """Health for everybody; the rest for who has the token. The chart's own test passes."""
    token = (release.process.volumes["token"] / "token").read_text()
    assert release.ask("/healthz")[0] == 200
    assert release.ask("/metrics")[0] == 401
    status, text = release.ask("/metrics", token)
    assert status == 200 and "optctl_build_info" in text, status
    job = next(each for each in objects(release.helm("get", "hooks", "optctl")) if each["kind"] == "Job")
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["args"] = [re.sub(r"https://[^:]*", "https://127.0.0.1", word) for word in container["args"]]
    tested = pod.Pod(release.stage, "test", SPACE, job["spec"]["template"]).run(SECONDS)
    assert tested.returncode == 0, tested.stderr
    release.helm("test", "optctl", "--timeout", f"{SECONDS}s")


class Tuned(Pool):
    """A Deployment whose controllers and nodes are real, or as good as that."""

    def follow(self):
        pass


def tune(stage, pipelines):
    """Four Deployments with more to do than is right for three replicas (0.9 cores used of 0.5 asked for) and their pipelines: one
    of each mode, and one in mode Auto that goes by an autoscaler. By name."""
    load = Prometheus(offered=100, throughput=100, backlog=0)
    pools = {name: Tuned(stage.plane.api, "Deployment", name, SHOP).create(REPLICAS) for name in NAMES}
    for pool in pools.values():
        eventually(f"pods of {pool.name}", lambda pool=pool: len(pool.pods()) == REPLICAS, SECONDS)
    Metrics(stage.plane, 0.9).pools = list(pools.values())
    scaler = Scaler(pools["bound"], "HorizontalPodAutoscaler", "bound").create(REPLICAS, 20)
    for name in NAMES:
        engine, mode = ({"hpa": {"name": name}}, "Auto") if name == "bound" else ({"deployment": {"name": name}}, name.capitalize())
        pipelines.apply({**spec(engine, [{"name": "workers", "min": 1, "max": 20}], load.url, mode), "metadata": {"name": name}})
    return pools, scaler


def check_recommends(pipelines, pools, scaler):
    """All are measured; without the right to change anything nothing is changed."""
    for name in NAMES:
        pipelines.await_condition(name, "Ready", "True")
    eventually("something is recommended", lambda: pipelines.get("recommend")["status"].get("lastDecision"), SECONDS)
    assert [pool.replicas() for pool in pools.values()] == [REPLICAS] * len(NAMES), "a target was changed"
    assert scaler.bounds() == (REPLICAS, 20), "an autoscaler was changed"


def kubectl(stage, *words):
    """What a user of kubectl types, with the plugin beside it."""
    folder = stage.folder / "plugin"
    folder.mkdir(exist_ok=True)
    if not (folder / "kubectl-optctl").exists():
        (folder / "kubectl-optctl").symlink_to(stage.build / "optctl")
    places = {"KUBECONFIG": str(stage.plane.kubeconfig), "PATH": f"{folder}:{os.environ['PATH']}"}
    return run("kubectl", *words, env={**os.environ, **places})


def may(api, user, verb, resource, namespace):
    asked = {"verb": verb, "group": "optctl.dev", "resource": resource.split("/")[0], "namespace": namespace}
    if "/" in resource:
        asked["subresource"] = resource.split("/")[1]
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": user, "resourceAttributes": asked}}
    return json.loads(api.text("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body))["status"]["allowed"]


def check_users(api):
    """Who may view or edit a namespace may do so with its pipelines, and with no others; what the operator says of them is its own."""
    for role in ("view", "edit"):
        api.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SHOP}/rolebindings", {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"may-{role}"}]})
    eventually("who may edit writes pipelines", lambda: may(api, "may-edit", "create", "tunedpipelines", SHOP), SECONDS)
    eventually("who may view sees pipelines", lambda: may(api, "may-view", "list", "tunedpipelines", SHOP), SECONDS)
    for user, verb, resource, namespace in (("may-view", "create", "tunedpipelines", SHOP), ("may-edit", "create", "tunedpipelines", SPACE),
                                            ("may-edit", "patch", "tunedpipelines/status", SHOP)):
        assert not may(api, user, verb, resource, namespace), f"{user} may {verb} {resource} in {namespace}"


def check_plugin(stage, pipelines):
    """`kubectl optctl` shows pipelines, and what it orders is followed."""
    shown = kubectl(stage, "optctl", "status", "-A").splitlines()
    assert len(shown) == 1 + len(NAMES) and all(line.startswith(SHOP) for line in shown[1:]), shown
    assert "deployment/auto" in kubectl(stage, "optctl", "status", "auto", "-n", SHOP)
    listed = json.loads(kubectl(stage, "optctl", "status", "--namespace", SHOP, "--json", "-"))["items"]
    assert {each["metadata"]["name"] for each in listed} == set(NAMES), listed
    assert kubectl(stage, "optctl", "pause", "auto", "-n", SHOP, "--reason", "release").endswith("/auto is paused\n")
    pipelines.await_condition("auto", "Paused", "True")
    kubectl(stage, "optctl", "resume", "auto", "-n", SHOP)
    pipelines.await_condition("auto", "Paused", "False")


def check_kept(api, before):
    """What an upgrade must not touch: token, certificate, pipelines."""
    for name, data in before["secrets"].items():
        assert api.get(f"/api/v1/namespaces/{SPACE}/secrets/optctl-{name}")["data"] == data, f"the secret {name} was made anew"
    assert {each["metadata"]["uid"] for each in pipeline_list(api)} == before["pipelines"]


def pipeline_list(api):
    """A server that has just been given another definition begins anew with its objects."""
    path = f"/apis/optctl.dev/v1alpha1/namespaces/{SHOP}/tunedpipelines"
    return json.loads(eventually("pipelines are served", lambda: api.answers(path), SECONDS))["items"]


def columns(api):
    return len(api.get(DEFINITION)["spec"]["versions"][0]["additionalPrinterColumns"])


def check_confined(release, pipelines):
    """With rights in one namespace alone, and none to change anything, it goes on measuring."""
    assert not [each for each in objects(release.helm("get", "manifest", "optctl")) if each["kind"].startswith("ClusterRole")]
    pipelines.patch("recommend", metadata={"annotations": {"optctl.dev/paused": "release"}})
    pipelines.await_condition("recommend", "Paused", "True")
    for name in NAMES:
        pipelines.await_condition(name, "Reached", "True")


def check_gone(api):
    """After uninstalling: nothing of the release is left but the definitions and the pipelines."""
    assert api.get(DEFINITION)["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert len(pipeline_list(api)) == len(NAMES)
    left = [f"{each['kind']} {item['metadata']['name']}" for path in (
        f"/api/v1/namespaces/{SPACE}/secrets", f"/api/v1/namespaces/{SPACE}/services", f"/apis/apps/v1/namespaces/{SPACE}/deployments",
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SPACE}/roles", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        f"/apis/networking.k8s.io/v1/namespaces/{SPACE}/networkpolicies") for each in [api.get(path)] for item in each["items"]
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") == "optctl"]
    assert not left, f"left behind: {left}"


def check_audit(release):
    """Each request by the account was within the rights that its release gave it, and none was denied."""
    user = f"system:serviceaccount:{SPACE}:optctl"
    events = release.stage.plane.audited()
    ends = [*(since for since, _ in release.periods[1:]), len(events)]
    seen = set()
    for (since, granted), end in zip(release.periods, ends):
        for event in events[since:end]:
            if event["user"]["username"] != user:
                continue
            assert event["responseStatus"]["code"] not in (401, 403), f"denied: {event['verb']} {event['requestURI']}"
            place = event.get("objectRef")
            if not place:   # what is served, which everybody may ask
                assert event["verb"] == "get" and event["requestURI"].startswith("/api"), event["requestURI"]
                continue
            resource = "/".join(each for each in (place["resource"], place.get("subresource")) if each)
            done = (place.get("apiGroup", ""), resource, event["verb"])
            assert done in granted, f"no right of the chart's: {done}"
            may_change = any(right[2] in WRITES and right[:2] not in OWN for right in granted)
            assert may_change or done[2] not in WRITES or done[:2] in OWN, f"changed a target below mode Auto: {done}"
            seen.add(done)
    assert {("optctl.dev", "tunedpipelines/status", "patch"), ("coordination.k8s.io", "leases", "update")} <= seen, seen
    print(f"{len(events)} requests; of optctl's: {', '.join(' '.join(each) for each in sorted(seen))}")


def play(stage):
    pod.require()
    plane = stage.start(nodes=1, controller_flags=ALONE)
    restricted = {f"pod-security.kubernetes.io/{how}": "restricted" for how in ("enforce", "warn", "audit")}
    for name, labels in ((SPACE, restricted), (SHOP, {})):
        plane.api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    release, pipelines = Release(stage), Pipelines(plane.api, SHOP)

    release.put(older_chart(stage.folder / "older-chart"), "older", targets=TARGETS)
    check_pod(plane.api)
    check_served(release)
    check_users(plane.api)
    pools, scaler = tune(stage, pipelines)
    check_recommends(pipelines, pools, scaler)
    before = {"secrets": {name: release.secret(name) for name in ("token", "tls")}, "columns": columns(plane.api),
              "pipelines": {each["metadata"]["uid"] for each in pipeline_list(plane.api)}}

    release.put(CHART, "newer", mode="Auto", targets=TARGETS)
    check_pod(plane.api)
    check_kept(plane.api, before)
    assert columns(plane.api) == before["columns"] + 1, "the definition was not upgraded"
    eventually("mode Auto changes its target", lambda: pools["auto"].replicas() > REPLICAS, SECONDS)
    eventually("the bounds of the autoscaler are changed", lambda: scaler.bounds()[0] > REPLICAS, SECONDS)

    check_plugin(stage, pipelines)

    release.put(CHART, "confined", targets=TARGETS, watchNamespace=SHOP)
    check_confined(release, pipelines)
    assert release.process.stop() == 0
    release.helm("uninstall", "optctl", "--wait", "--timeout", f"{SECONDS}s")
    check_gone(plane.api)
    assert [pools[name].replicas() for name in ("observe", "recommend", "bound")] == [REPLICAS] * 3, "changed more than was meant"
    check_audit(release)

# SPDX-License-Identifier: GPL-3.0-or-later
"""TuningStudies, of candidates and of trials, on a real API server with its Job controller and garbage collector, by an operator that has the chart's rights and no
more. Pods are run for real, as a kubelet would (plane/kubelet.py). What a fixed number of workers costs and misses under a constant load
has a closed form."""
import json

from harness.processes import eventually
from plane.chart import objects, render, rights, settings
from plane.kubelet import MERGE, Kubelet
from plane.nodes import Nodes
from plane.tuned import GROUP, Pipelines, Replica, install

SPACE, SHOP = "tuning", "shop"
STUDIES = f"{GROUP}/namespaces/{SHOP}/tuningstudies"
SECONDS = 60
RATE, PER_HOUR, LOAD = 2000, 0.25, 5000     # records/s of a worker; EUR; records/s that come
CANDIDATES = {"twelve": 12, "six": 6, "three": 3, "two": 2}
LOADS = {"today": 1, "twice": 2}
PIPELINE = {
    "mode": "Observe", "engine": {"deployment": {"name": "orders"}}, "knobs": [{"name": "workers", "min": 1, "max": 16}],
    "initial": [{"knob": "workers", "value": 12}], "constraints": {"latencyP99Milliseconds": 5000, "backlogSeconds": 60},
    "prices": {"currency": "EUR", "worker": {"perHour": str(PER_HOUR)}},
    "workload": {"synthetic": [{"shape": "Constant", "basePerSecond": LOAD}]},
    "model": {"operators": [{"name": "pipeline", "ratePerSecond": RATE}], "restart": {"medianSeconds": 20}}}


# What a trial runs: the square of how far it is from seven, which its argument and its environment have to agree on.
TRIALS, AT_ONCE, SEVEN = 12, 3, 7
PROGRAM = 'test "$1" = "$n" || exit 1; echo $(( (n - 7) * (n - 7) )) >/dev/termination-log'
TEMPLATE = {"spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [{
    "name": "work", "image": "example.org/work:1", "command": ["/bin/sh", "-c"], "args": [PROGRAM, "trial", "$(n)"],
    "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": 1, "capabilities": {"drop": ["ALL"]},
                        "seccompProfile": {"type": "RuntimeDefault"}}}]}}
TUNING = {"podTemplate": "work", "minimize": "Message", "trials": TRIALS, "timeLimitSeconds": 600,
          "parameters": [{"name": "n", "low": 1, "high": TRIALS}]}


def study(name, **spec):
    fixed = [{"name": each, "configuration": [{"knob": "workers", "value": workers}]} for each, workers in CANDIDATES.items()]
    return {"apiVersion": GROUP[6:], "kind": "TuningStudy", "metadata": {"name": name}, "spec": {
        "pipeline": "orders", "candidates": [*fixed, {"name": "plan", "strategy": "plan"}],
        "loads": [{"name": each, "scale": scale} for each, scale in LOADS.items()],
        "simulation": {"durationSeconds": 7200, "runs": 2, "warmupSeconds": 600}, **spec}}


def enter(stage):
    """Kubeconfig of the account that the chart makes, and the rights that it has."""
    api = stage.plane.api
    manifests = objects(render(*settings(mode="Observe", studies=True), namespace=SPACE))
    for each in manifests:
        if each["kind"] in ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
            root = "/apis/" if "/" in each["apiVersion"] else "/api/"
            place = f"/namespaces/{each['metadata']['namespace']}" if "namespace" in each["metadata"] else ""
            api.post(f"{root}{each['apiVersion']}{place}/{each['kind'].lower()}s", each)
    token = api.post(f"/api/v1/namespaces/{SPACE}/serviceaccounts/optctl/token", {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}})["status"]["token"]
    config = json.loads(stage.plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    config["contexts"][0]["context"]["namespace"] = SPACE
    path = stage.folder / "account.kubeconfig"
    path.write_text(json.dumps(config))
    image, = (word for each in manifests if each["kind"] == "Deployment"
              for word in each["spec"]["template"]["spec"]["containers"][0]["args"] if word.startswith("--study-image="))
    return path, image, rights(manifests)


class Studies:
    def __init__(self, stage):
        self.api = stage.plane.api
        self.kubelet = Kubelet(stage, SHOP, "optctl.dev/study")

    def get(self, name):
        return self.api.get(f"{STUDIES}/{name}")

    def status(self, name):
        return self.get(name).get("status", {})

    def condition(self, name, kind):
        """Of the newest generation."""
        found = self.get(name)
        for each in found.get("status", {}).get("conditions", []):
            if each["type"] == kind and each["observedGeneration"] == found["metadata"]["generation"]:
                return each
        return {"status": "", "reason": "", "message": ""}

    def await_condition(self, name, kind, status, reason, seconds=SECONDS):
        """While pods are run."""
        def is_so():
            self.kubelet.turn()
            found = self.condition(name, kind)
            return found if (found["status"], found["reason"]) == (status, reason) else None
        try:
            return eventually(f"{name} is {kind}={status} ({reason})", is_so, seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}; status: {json.dumps(self.status(name))}") from None

    def jobs(self):
        return {each["metadata"]["name"] for each in self.api.get(f"/apis/batch/v1/namespaces/{SHOP}/jobs")["items"]
                if "deletionTimestamp" not in each["metadata"]}

    def reasons(self):
        """Of all Events."""
        events = self.api.get(f"/apis/events.k8s.io/v1/namespaces/{SHOP}/events")["items"]
        return {each["reason"] for each in events if each["regarding"]["kind"] == "TuningStudy"}

    def left(self):
        """All that was made for studies."""
        maps = {each["metadata"]["name"] for each in self.api.get(f"/api/v1/namespaces/{SHOP}/configmaps?labelSelector={self.kubelet.selector}")["items"]}
        return self.jobs() | maps | {each["metadata"]["name"] for each in self.kubelet.pods()}


def check_figures(status):
    """workers x price x 24 h; late all day with fewer workers than the load needs, and never with more."""
    rows = {(each["candidate"], each["load"]): each for each in status["results"]}
    assert set(rows) == {(candidate, load) for candidate in [*CANDIDATES, "plan"] for load in LOADS}, rows
    assert (status["points"], status["done"], status["failed"], status["currency"]) == (10, 10, 0, "EUR"), status
    for (candidate, load), row in rows.items():
        if candidate == "plan":
            assert 0 < float(row["costPerDay"]) < 16 * PER_HOUR * 24, row
            continue
        workers = CANDIDATES[candidate]
        enough = workers * RATE > LOAD * LOADS[load]
        assert abs(float(row["costPerDay"]) - workers * PER_HOUR * 24) < 1e-6 and float(row["workers"]) == workers, row
        assert abs(float(row["savingPercent"]) - 100 * (1 - workers / CANDIDATES["twelve"])) < 1e-3, row
        assert (row["serviceLevel"], float(row["missedMinutesPerDay"])) == (("Kept", 0) if enough else ("Missed", 1440)), row
    for load, best in ((each["load"], each) for each in status["best"]):
        kept = [row for (_, under), row in rows.items() if under == load and row["serviceLevel"] == "Kept"]
        assert float(best["costPerDay"]) == min(float(row["costPerDay"]) for row in kept), best
        assert rows[best["candidate"], load]["costPerDay"] == best["costPerDay"], best
    assert {each["load"] for each in status["best"]} == set(LOADS)


def check_first(studies, replica):
    """From the pipeline that is not there yet to the results, over a restart; the Job is made once."""
    studies.api.post(STUDIES, study("sizes"))
    refused = studies.await_condition("sizes", "Accepted", "False", "PipelineMissing")
    assert "no TunedPipeline orders" in refused["message"], refused
    assert not studies.left(), "something was made for a study that cannot run"
    Pipelines(studies.api, SHOP).apply({"apiVersion": GROUP[6:], "kind": "TunedPipeline", "metadata": {"name": "orders"}, "spec": PIPELINE})
    eventually("its Job is there", studies.jobs, SECONDS)
    assert replica.stop() == 0
    replica.start()
    done = studies.await_condition("sizes", "Complete", "True", "Done")
    assert "is the cheapest" in done["message"], done
    check_figures(studies.status("sizes"))
    assert len(studies.kubelet.ran) == 10 == len(set(studies.kubelet.ran)), studies.kubelet.ran
    assert studies.jobs() == {studies.status("sizes")["job"]}


def check_changed(studies):
    """Another generation is another Job, and the first one goes; what a pod says of its failure is told."""
    before = studies.status("sizes")["job"]
    spec = study("sizes")["spec"]
    del spec["loads"]
    studies.api.text("PATCH", f"{STUDIES}/sizes", {"spec": {**spec, "loads": None, "workload": {"file": "lost.csv"}}}, MERGE)
    failed = studies.await_condition("sizes", "Failed", "True", "FailedIndexes")
    status = studies.status("sizes")
    assert status["failed"] == status["done"] == status["points"] == 5 and "best" in status and not status["best"], status
    assert all("lost.csv" in each["message"] for each in status["results"]), status["results"]
    assert "index" in failed["message"].lower() and status["job"] != before, (failed, status)
    eventually("the first Job and what it had are gone", lambda: not any(name.startswith(before) for name in studies.left()), SECONDS)


def check_wrong(studies):
    """What the API server cannot know is said, and right as soon as it is put right."""
    wrong = study("wrong", candidates=[{"name": "odd", "strategy": "nonsense"}])
    studies.api.post(STUDIES, wrong)
    refused = studies.await_condition("wrong", "Accepted", "False", "InvalidSpec")
    assert "candidate odd" in refused["message"] and "nonsense" in refused["message"], refused
    studies.api.text("PATCH", f"{STUDIES}/wrong", {"spec": {"candidates": [{"name": "odd", "strategy": "static"}]}}, MERGE)
    studies.await_condition("wrong", "Complete", "True", "Done")


def check_trials(studies, replica):
    """From the PodTemplate that is not there yet to the best of all points, over a restart; each point is tried once."""
    studies.api.post(STUDIES, {"apiVersion": GROUP[6:], "kind": "TuningStudy", "metadata": {"name": "trials"},
                               "spec": {"tuning": TUNING, "parallelism": AT_ONCE}})
    studies.await_condition("trials", "Accepted", "False", "PodTemplateMissing")
    assert not studies.left(), "something was made for a study that cannot run"
    studies.api.post(f"/api/v1/namespaces/{SHOP}/podtemplates", {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "work"},
                                                                 "template": TEMPLATE})
    eventually("the first trials are there", lambda: len(studies.jobs()) == AT_ONCE, SECONDS)
    assert replica.stop() == 0
    replica.start()
    before = len(studies.kubelet.ran)
    done = studies.await_condition("trials", "Complete", "True", "Done", 4 * SECONDS)
    status = studies.status("trials")
    rows = {each["trial"]: each for each in status["trials"]}
    points = {trial: int(each["settings"][0]["value"]) for trial, each in rows.items()}
    assert (status["points"], status["done"], status["failed"]) == (TRIALS, TRIALS, 0), status
    assert sorted(rows) == sorted(points.values()) == list(range(1, TRIALS + 1)), status
    for trial, row in rows.items():
        assert (row["state"], float(row["value"])) == ("Succeeded", (points[trial] - SEVEN) ** 2), row
    best = status["bestTrial"]
    assert (points[best["trial"]], float(best["value"])) == (SEVEN, 0) and f"trial {best['trial']} is the best" in done["message"], (best, done)
    assert studies.jobs() == {f"{status['job']}-{trial}" for trial in rows}
    assert len(studies.kubelet.ran) == before + TRIALS, "a trial was run twice"
    for name in ("trials", *check_others(studies)):
        studies.api.text("DELETE", f"{STUDIES}/{name}")
    eventually("nothing is left of the trials", lambda: not studies.left(), SECONDS)


def check_others(studies):
    """A batch that an earlier study tells where to begin, and one of two measures with a constraint; of the seconds it counts that they are told."""
    told = {"again": {"earlier": ["trials"]}, "front": {"alsoMinimize": "Seconds", "constraints": [{"value": "Message", "max": 9}]}}
    for name, spec in told.items():
        studies.api.post(STUDIES, {"apiVersion": GROUP[6:], "kind": "TuningStudy", "metadata": {"name": name},
                                   "spec": {"tuning": {**TUNING, "trials": AT_ONCE, **spec}, "parallelism": AT_ONCE}})
    studies.await_condition("again", "Complete", "True", "Done", 2 * SECONDS)
    first = studies.status("again")["bestTrial"]
    assert (first["trial"], first["settings"], float(first["value"])) == (1, [{"name": "n", "value": str(SEVEN)}], 0), first

    def is_over():
        studies.kubelet.turn()
        return studies.status("front").get("done") == AT_ONCE
    eventually("the other one is over", is_over, 2 * SECONDS)
    status = studies.status("front")
    kept = {each["trial"]: float(each["value"]) for each in status["trials"] if float(each["value"]) <= 9}
    for row in status["trials"]:
        assert [each["name"] for each in row["values"]] == ["Seconds"] and float(row["values"][0]["value"]) >= 0, row
        assert row["constraints"] == ("Kept" if row["trial"] in kept else "Broken"), row
    assert "bestTrial" not in status and {each["trial"] for each in status["front"]} <= set(kept), status
    assert not kept or float(status["front"][0]["value"]) == min(kept.values()), status
    return list(told)


def check_gone(studies):
    for name in ("sizes", "wrong"):
        studies.api.text("DELETE", f"{STUDIES}/{name}")
    eventually("nothing is left of the studies", lambda: not studies.left(), SECONDS)


def check_audit(stage, granted):
    """Nothing was denied, nothing beyond the rights, and each Job was made once."""
    user, made = f"system:serviceaccount:{SPACE}:optctl", []
    for event in stage.plane.audited():
        if event["user"]["username"] != user or "objectRef" not in event:
            continue
        place, code = event["objectRef"], event["responseStatus"]["code"]
        assert code not in (401, 403), f"denied: {event['verb']} {event['requestURI']}"
        resource = "/".join(each for each in (place["resource"], place.get("subresource")) if each)
        assert (place.get("apiGroup", ""), resource, event["verb"]) in granted, event["requestURI"]
        if (resource, event["verb"], code) == ("jobs", "create", 201):
            made.append(event["requestObject"]["metadata"]["name"])
    assert len(made) == 3 + TRIALS + 2 * AT_ONCE == len(set(made)), made


def play(stage):
    stage.start()
    api = stage.plane.api
    for name, labels in ((SPACE, {}), (SHOP, {"pod-security.kubernetes.io/enforce": "restricted"})):
        api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    Nodes(stage.plane, stage.plane.ports).start_idle()
    eventually("pods have an account", lambda: api.answers(f"/api/v1/namespaces/{SHOP}/serviceaccounts/default"), SECONDS)
    install(stage)
    kubeconfig, image, granted = enter(stage)
    studies = Studies(stage)
    replica = Replica(stage, kubeconfig=kubeconfig, words=[image, "--dry-run"]).start()
    check_first(studies, replica)
    eventually("Events tell it", lambda: {"PipelineMissing", "Done"} <= studies.reasons(), SECONDS)
    check_changed(studies)
    check_wrong(studies)
    check_gone(studies)
    check_trials(studies, replica)
    assert replica.stop() == 0
    check_audit(stage, granted)

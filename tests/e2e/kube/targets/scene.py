# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace of its own with a Deployment, its TunedPipeline and an optctl that reaches the API server through a fault proxy. Scenes do not
know of each other: any number of them can be played at once."""
import collections
import time

from harness.processes import eventually
from plane.fault_proxy import FaultProxy
from plane.tuned import Pipelines, Replica
from .pool import Pool
from .tuner import spec

WORK = 2.7  # cores; each worker asks for half of one, and is wanted to use 80 % of it
RIGHT = 7  # by the HPA's formula: 3 workers at 180 % of what they ask for, 80 % wanted
WORKERS = {"name": "workers", "min": 1, "max": RIGHT}
WRITES = ("create", "update", "patch", "delete")
FOLLOW_SECONDS = 1


class Scene:
    def __init__(self, stage, metrics, name):
        self.stage, self.metrics, self.name = stage, metrics, name
        self.api = stage.plane.api
        self.followed = self.replicas = self.killed_at = None

    def begin(self, replicas=3):
        """All but the optctl. The Lease is there, and free."""
        self.api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
        self.api.post(f"/api/v1/namespaces/{self.name}/serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
        self.api.post(f"/apis/coordination.k8s.io/v1/namespaces/{self.name}/leases", {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "optctl"},
            "spec": {"holderIdentity": "", "leaseDurationSeconds": 1}})
        self.stage.plane.identities.certificate(self.name, f"/O=system:masters/CN={self.name}")
        self.proxy = FaultProxy(self.stage.plane, self.name)
        self.replica = Replica(self.stage, self.name, self.stage.plane.identities.kubeconfig(self.name, self.proxy.url),
                               ["--namespace", self.name, "--lease-namespace", self.name])
        self.pool = Pool(self.api, "Deployment", "work", self.name)
        self.pool.work = WORK
        if replicas:
            self.make_pool(replicas)
        self.pipelines = Pipelines(self.api, self.name)
        self.pipelines.apply(self.pipeline())
        return self

    def make_pool(self, replicas, containers=None):
        self.pool.create(replicas, containers)
        self.followed = replicas
        if self.pool not in self.metrics.pools:
            self.metrics.pools.append(self.pool)

    def pipeline(self, **more):
        made = spec({"deployment": {"name": "work"}}, [WORKERS], name="work", **more)
        made["metadata"]["namespace"] = self.name
        return made

    def start(self):
        self.replica.start()
        return self

    def next_life(self):
        """After a kill. Nobody else waits for the lease, and nobody has to."""
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{self.name}/leases/optctl"
        self.api.text("PATCH", lease, {"spec": {"leaseDurationSeconds": 1}}, "application/merge-patch+json")
        return self.start()

    def stop(self):
        self.replica.stop()
        self.proxy.close()

    # ---- what happens meanwhile ----

    def follow(self):
        self.replicas = self.pool.replicas()
        if self.replicas != self.followed:
            self.pool.follow()
            self.followed = self.replicas

    def eventually(self, what, condition, seconds, follow=True):
        """While the pool has the pods that it is told to have."""
        def is_so():
            if follow:
                self.follow()
            return condition()
        try:
            return eventually(f"{self.name}: {what}", is_so, seconds, FOLLOW_SECONDS)
        except AssertionError as late:
            raise AssertionError(f"{late}; it ended as {self.ending()}") from None

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.follow()
            time.sleep(FOLLOW_SECONDS)

    # ---- what came of it ----

    def status(self):
        return self.pipelines.get("work").get("status", {})

    def is_settled(self, replicas):
        """So many run, the change is over, and the object says so."""
        if self.replicas != replicas:
            return False
        status = self.status()
        return status.get("currentWorkers") == replicas and status.get("lastDecision", {}).get("outcome") in ("Confirmed", "Unknown") and \
            self.conditions(status).get("Ready") == ("True", "Tuned")

    def conditions(self, status=None):
        return {each["type"]: (each["status"], each["reason"]) for each in (status or self.status()).get("conditions", [])}

    def ending(self):
        """What has to be as in the undisturbed run."""
        status = self.status()
        decision = status.get("lastDecision", {})
        return {"replicas": self.pool.replicas(), "conditions": self.conditions(status), "workers": status.get("currentWorkers"),
                "desired": status.get("desiredWorkers"), "generation": status.get("observedGeneration"),
                "decision": {key: decision.get(key) for key in ("reason", "outcome", "changes")}}


def writes_of(audited):
    """By user: how often optctl wrote to what with success, (verb, resource) to count; and to each target, (code, uid, replicas)."""
    counts, scaled = collections.defaultdict(collections.Counter), collections.defaultdict(list)
    for each in audited:
        if not each["userAgent"].startswith("optctl/") or each["verb"] not in WRITES:
            continue
        user, code, place = each["user"]["username"], each["responseStatus"]["code"], each["objectRef"]
        what = "/".join(filter(None, (place["resource"], place.get("subresource"))))
        if what == "deployments/scale":
            body = each.get("requestObject") or {}
            scaled[user].append((code, body.get("metadata", {}).get("uid"), body.get("spec", {}).get("replicas")))
        if code < 300:
            counts[user][each["verb"], what] += 1
    return counts, scaled

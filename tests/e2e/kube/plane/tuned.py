# SPDX-License-Identifier: GPL-3.0-or-later
"""TunedPipelines on an API server, and replicas of `optctl controller` that tune them, as a case sees them."""
import json
import subprocess

from harness.processes import eventually, free_ports

GROUP = "/apis/optctl.dev/v1alpha1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/optctl"
SECONDS = 60
MERGE = "application/merge-patch+json"


def install(stage):
    """What `optctl crds` prints, and waits until it is served."""
    text = subprocess.run([stage.build / "optctl", "crds", "--json", "-"], check=True, capture_output=True, text=True).stdout
    for definition in json.loads(text)["items"]:
        stage.plane.api.post(DEFINITIONS, definition)
    eventually("the definitions are served", lambda: stage.plane.api.answers(f"{GROUP}/tunedpipelines"), SECONDS)


def place(name, namespace="default"):
    return f"{GROUP}/namespaces/{namespace}/tunedpipelines" + (f"/{name}" if name else "")


def pipeline(name, url, mode="Auto", interval=2, **spec):
    """On a played Flink, steered by ds2: a turn every `interval` seconds."""
    return {"apiVersion": GROUP[6:], "kind": "TunedPipeline", "metadata": {"name": name}, "spec": {
        "mode": mode, "strategy": "ds2", "strategies": {"ds2": {"policyIntervalSeconds": interval, "warmUpIntervals": 0}},
        "engine": {"flink": {"url": url}}, "knobs": [{"name": "parallelism", "scope": "Operator", "operator": "work", "min": 1, "max": 8}],
        **spec}}


class Pipelines:
    """The objects of one namespace."""

    def __init__(self, api, namespace="default"):
        self.api, self.namespace = api, namespace

    def apply(self, made):
        return self.api.post(place(None, self.namespace), made)

    def get(self, name):
        return self.api.get(place(name, self.namespace))

    def patch(self, name, **patch):
        return json.loads(self.api.text("PATCH", place(name, self.namespace), patch, MERGE))

    def delete(self, name):
        self.api.text("DELETE", place(name, self.namespace))

    def condition(self, name, kind):
        """(status, reason); ("", "") while there is none."""
        for each in self.get(name).get("status", {}).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "", ""

    def await_condition(self, name, kind, status, reason=None, seconds=SECONDS):
        def is_so():
            found = self.condition(name, kind)
            return found if found[0] == status and reason in (None, found[1]) else None
        try:
            return eventually(f"{name} is {kind}={status}", is_so, seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}; status: {json.dumps(self.get(name).get('status'))}") from None

    def reasons(self, name):
        """Of the Events about it, the oldest first."""
        events = self.api.get(f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        return [each["reason"] for each in sorted(events, key=lambda one: one["eventTime"]) if each["regarding"]["name"] == name]


class Replica:
    """One process of `optctl controller`; `kubeconfig` may lead through a proxy. `ledger`: a URL; None: a file of its own."""

    def __init__(self, stage, name="optctl", kubeconfig=None, words=(), ledger=None):
        self.stage, self.name = stage, name
        self.folder = stage.folder / name
        self.folder.mkdir(exist_ok=True)
        self.port, = free_ports(1)
        self.command = [stage.build / "optctl", "controller", "--kubeconfig", kubeconfig or stage.plane.kubeconfig, "--ledger",
                        ledger or self.folder / "ledger.db", "--listen", f"127.0.0.1:{self.port}", *words]

    def start(self, before=(), **options):
        self.process = self.stage.processes.start(self.name, [*before, *self.command], cwd=self.folder, **options)
        return self

    @property
    def log(self):
        return self.stage.processes.log(self.name)

    def stop(self):
        return self.stage.processes.stop(self.name)

    def kill(self):
        self.stage.processes.kill(self.name)

    def forget(self):
        """Its next life begins with a new ledger."""
        for path in self.folder.glob("ledger.db*"):
            path.unlink()


def holder(api):
    """Of the lease; "" nobody's."""
    try:
        return api.get(LEASE)["spec"].get("holderIdentity", "")
    except Exception:  # noqa: BLE001 - there is none yet
        return ""

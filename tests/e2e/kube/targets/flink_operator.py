# SPDX-License-Identifier: GPL-3.0-or-later
"""A FlinkDeployment, and the part of Flink's operator that matters here, played: what the object says of parallelism it tells the real
job manager, and what the job does it writes into the status."""
import threading
import time

from .pool import CONTENT

GROUP = "/apis/flink.apache.org/v1beta1"
OVERRIDES = "pipeline.jobvertex-parallelism-overrides"


class Deployment:
    """`memory`: of a TaskManager, as Flink writes it."""

    def __init__(self, api, name, memory, namespace="default"):
        self.api, self.name, self.memory = api, name, memory
        self.collection = f"{GROUP}/namespaces/{namespace}/flinkdeployments"
        self.path = f"{self.collection}/{name}"

    def create(self, parallelism=1, version="v1_20", mode="native", **settings):
        spec = {"image": f"flink:{version[1:].replace('_', '.')}", "flinkVersion": version, "mode": mode, "serviceAccount": "flink",
                "flinkConfiguration": {"taskmanager.numberOfTaskSlots": "4", "jobmanager.scheduler": "adaptive", **settings},
                "jobManager": {"resource": {"memory": "1024m", "cpu": 1}}, "taskManager": {"resource": {"memory": self.memory, "cpu": 1}},
                "job": {"jarURI": "local:///opt/job.jar", "parallelism": parallelism, "upgradeMode": "savepoint", "state": "running"}}
        self.api.post(f"{self.collection}?fieldManager=kubectl-create",
                      {"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "metadata": {"name": self.name}, "spec": spec})
        return self

    def get(self):
        return self.api.get(self.path)

    def merge(self, body, manager="kubectl", subresource=""):
        return self.api.text("PATCH", f"{self.path}{subresource}?fieldManager={manager}", body, CONTENT["merge"])

    def apply(self, spec, manager):
        body = {"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "metadata": {"name": self.name}, "spec": spec}
        return self.api.text("PATCH", f"{self.path}?fieldManager={manager}&force=true", body, CONTENT["apply"])

    def overrides(self):
        """{id of the vertex: parallelism}"""
        text = self.get()["spec"]["flinkConfiguration"].get(OVERRIDES, "")
        return {vertex: int(width) for vertex, width in (each.split(":") for each in text.split(",") if each)}


class Operator:
    """Looks at the object four times a second, in a thread; `job`: the real one (harness.flink.Job)."""

    def __init__(self, deployment, job):
        self.deployment, self.job = deployment, job
        self.scaled, self.troubles = [], []  # what was put, oldest first
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.reconcile()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _run(self):
        while not self.ended.wait(0.25):
            try:
                self.reconcile()
            except Exception as trouble:  # noqa: BLE001 - the job manager may be busy: at the next look
                self.troubles.append(trouble)

    def reconcile(self):
        told, wanted = self.deployment.get(), self.deployment.overrides()
        if wanted and (not self.scaled or self.scaled[-1] != wanted):
            bounds = {vertex: {"parallelism": {"lowerBound": 1, "upperBound": width}} for vertex, width in wanted.items()}
            self.job.rest.ask("PUT", f"/jobs/{self.job.id}/resource-requirements", bounds)
            self.scaled.append(wanted)
        job = self.job.describe()
        status = {"jobManagerDeploymentStatus": "READY", "lifecycleState": "STABLE", "observedGeneration": told["metadata"]["generation"],
                  "jobStatus": {"jobId": self.job.id, "jobName": job["name"], "state": job["state"]}}
        if any(told.get("status", {}).get(key) != value for key, value in status.items()):
            self.deployment.merge({"status": {**status, "reconciliationStatus": {
                "state": "DEPLOYED", "reconciliationTimestamp": int(1000 * time.time())}}}, "flink-operator", "/status")

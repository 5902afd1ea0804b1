# SPDX-License-Identifier: GPL-3.0-or-later
"""The same load on two pools of simulated pods, side by side: one scaled by a real HorizontalPodAutoscaler, one by optctl.

The pods are kwok's: they are really scheduled, started and stopped, and use what an annotation says. How much that is follows from the
load, second by second: each ready pod carries RATE records/s with all of its CPU, what is not carried waits, and what waits for longer
than LATE_SECONDS is late.
"""
import csv
import time

from plane.api import Refused

from .pool import CONTENT, container

RATE = 150  # records/s that a ready pod carries
CORES = 0.5  # that it asks for, and uses then
LATE_SECONDS = 5
TELL_SECONDS = 4  # between two changes of what pods use
PRICE = 0.05  # USD for each pod and hour


class Lane:
    """One pool under the load, and what became of it."""

    def __init__(self, api, name, prometheus=None):
        self.api, self.name, self.prometheus = api, name, prometheus
        self.collection = "/apis/apps/v1/namespaces/default/deployments"
        self.waiting, self.pod_seconds, self.late_seconds, self.changes = 0.0, 0.0, 0.0, 0
        self.wanted, self.told, self.carried = None, {}, []

    def create(self, replicas):
        labels = {"app": self.name}
        self.api.post(self.collection, {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": self.name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels, "annotations": {"kwok.x-k8s.io/usage-cpu": "100m"}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container(cpu=f"{round(CORES * 1000)}m")]}}}})
        return self

    def ready(self):
        """Names of the pods that take part; counts a change of how many are wanted."""
        wanted = self.api.get(f"{self.collection}/{self.name}")["spec"]["replicas"]
        self.changes += self.wanted is not None and wanted != self.wanted
        self.wanted = wanted
        pods = self.api.get(f"/api/v1/namespaces/default/pods?labelSelector=app%3D{self.name}")["items"]
        self.existing = len(pods)
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"] and any(
            each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))]

    def step(self, offered, seconds, tell):
        """The load of so many seconds."""
        pods = self.ready()
        capacity = len(pods) * RATE
        carried = min(capacity, offered + self.waiting / seconds)
        self.waiting = max(0.0, self.waiting + (offered - carried) * seconds)
        self.pod_seconds += self.existing * seconds
        lateness = self.waiting / carried if carried else seconds if self.waiting else 0
        self.late_seconds += seconds if lateness > LATE_SECONDS else 0
        self.carried = [*self.carried, carried][-5:]
        if self.prometheus:
            self.prometheus.values.update(offered=offered, throughput=sum(self.carried) / len(self.carried), backlog=self.waiting)
        if tell and pods:
            self._use(pods, CORES * carried / capacity)
        return [self.wanted, len(pods), round(carried, 1), round(self.waiting, 1), round(lateness, 2)]

    def _use(self, pods, cores):
        for pod in pods:
            if abs(self.told.get(pod, -1) - cores) > 0.01 * CORES:
                body = {"metadata": {"annotations": {"kwok.x-k8s.io/usage-cpu": f"{round(cores * 1000)}m"}}}
                try:
                    self.api.text("PATCH", f"/api/v1/namespaces/default/pods/{pod}", body, CONTENT["merge"])
                except Refused as refused:
                    if refused.status != 404:  # it went since it was listed
                        raise
                self.told[pod] = cores

    def result(self):
        return {"lane": self.name, "changes": self.changes, "cost": round(self.pod_seconds / 3600 * PRICE, 4),
                "pod_seconds": round(self.pod_seconds), "late_seconds": round(self.late_seconds)}


def run(lanes, load, path, seconds=None):
    """The whole of a load script (tests/e2e/real/loads), a row a second into a file; what became of each lane."""
    began, before, told = time.monotonic(), 0.0, -TELL_SECONDS
    with open(path, "w", newline="", buffering=1) as file:
        rows = csv.writer(file)
        rows.writerow(["t", "rate", *(f"{lane.name}.{what}" for lane in lanes for what in ("wanted", "ready", "carried", "waiting", "late"))])
        while (now := time.monotonic() - began) < (seconds or load.seconds):
            offered, tell = load.rate(now), now - told >= TELL_SECONDS
            told = now if tell else told
            steps = [lane.step(offered, max(now - before, 0.001), tell) for lane in lanes]
            rows.writerow([round(now, 1), round(offered, 1), *(value for step in steps for value in step)])
            before = now
            time.sleep(max(0.0, 1 - (time.monotonic() - began - now)))
    return [lane.result() for lane in lanes]

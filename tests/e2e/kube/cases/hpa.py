# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HorizontalPodAutoscaler and optctl: beside each other only one of them writes; with each other optctl sets the minimum, and the
real controller makes it so. Pods are kwok's, what they use is what metrics-server says."""
from harness.processes import eventually
from targets.pool import CONTENT
from targets.race import Lane
from targets.tuner import Tuner, spec

from .targets import WORKERS, writes

QUICK = ("--horizontal-pod-autoscaler-sync-period=2s",)
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
METRIC = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}


def autoscale(api, name, least):
    api.post(f"{AUTOSCALERS}?fieldManager=kubectl-create", {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "minReplicas": least, "maxReplicas": 20,
            "metrics": [METRIC]}})


def uses(lane, cores):
    """All pods of the lane, from now on."""
    for pod in lane.ready():
        body = {"metadata": {"annotations": {"kwok.x-k8s.io/usage-cpu": f"{round(cores * 1000)}m"}}}
        lane.api.text("PATCH", f"/api/v1/namespaces/default/pods/{pod}", body, CONTENT["merge"])
    return True


def beside(world, lane):
    """The autoscaler has the replicas: optctl, which wants 40 % of the request to be used where the autoscaler wants 80 %, sees that they
    should be more, says whose they are, and writes nothing."""
    options = {"syncPeriodSeconds": 2, "metricsWindowSeconds": 2, "targetCpuPercent": 40}
    told = spec({"deployment": {"name": lane.name}}, WORKERS, name="beside", options=options)
    tuner = Tuner(world, "beside", told).start()
    uses(lane, 0.45)
    eventually("the real autoscaler has scaled", lambda: lane.ready() and lane.wanted > 3, 120, 1)
    uses(lane, 0.45)
    tuner.says(f"its replicas belong to the HorizontalPodAutoscaler {lane.name}", 60)
    tuner.stop()
    assert not writes(world.plane), writes(world.plane)


def with_each_other(world, lane):
    """90 % of the request is used and 60 % wanted, by optctl alone: its minimum is above what the autoscaler's 80 % come to."""
    options = {"syncPeriodSeconds": 2, "metricsWindowSeconds": 2, "targetCpuPercent": 60}
    tuner = Tuner(world, "with", spec({"hpa": {"name": lane.name}}, WORKERS, name="with", options=options)).start()
    least = eventually("a minimum above that of before", lambda: minimum(lane) > 3 and minimum(lane), 120, 1)
    eventually("the autoscaler has at least that many", lambda: len(lane.ready()) >= least and uses(lane, 0.3), 60, 1)
    tuner.stop()
    assert {what for _, what, _, _ in writes(world.plane)} == {"horizontalpodautoscalers"}, writes(world.plane)


def minimum(lane):
    return lane.api.get(f"{AUTOSCALERS}/{lane.name}")["spec"]["minReplicas"]


def play(world):
    plane = world.start(nodes=2, metrics=True, controller_flags=QUICK)
    lane = Lane(plane.api, "web").create(3)
    eventually("three pods", lambda: len(lane.ready()) == 3, 60)
    autoscale(plane.api, "web", 3)
    beside(world, lane)
    with_each_other(world, lane)

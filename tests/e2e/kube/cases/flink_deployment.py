# SPDX-License-Identifier: GPL-3.0-or-later
"""A FlinkDeployment on a real API server drives a real Flink: optctl writes parallelism into the object, the operator (played) tells the
job manager, and optctl sees the job run so. It never writes to the job manager itself."""
from harness.processes import eventually
from harness.proxy import Proxy
from harness.session import Session, needed
from targets import kinds
from targets.flink_operator import OVERRIDES, Deployment, Operator
from targets.tuner import Tuner

from .targets import writes

VERSION, MEMORY = "1.20.3", "496m"  # of a TaskManager as the session starts it
RATE = 900
AUTOSCALER = "job.autoscaler.enabled"
KNOBS = [{"name": "parallelism", "scope": "Operator", "operator": "work", "min": 1, "max": 8}]


def told(name, url, **more):
    return {"apiVersion": "optctl.dev/v1alpha1", "kind": "TunedPipeline", "metadata": {"name": name, "namespace": "default"}, "spec": {
        "mode": "Auto", "engine": {"flinkDeployment": {
            "name": "orders", "url": url, "job": "job", "latencyMetric": "work.arrivalLagMs", "warmUpSeconds": 2, "readySeconds": 60}},
        "knobs": KNOBS, "constraints": {"latencyP99Milliseconds": 5000, "backlogSeconds": 5},
        "prices": {"currency": "USD", "worker": {"perHour": "0.05"}}, "strategies": {"plan": {"intervalSeconds": 3}},
        "guardrails": {"cooldownUpSeconds": 5, "holdAfterFailureSeconds": 5}, **more}}


def drives(world, session, deployment, url):
    """The load needs three subtasks of work and finds one. While the operator's autoscaler has the job, that is said and left alone; then
    it is written, as a whole, and the job becomes so; a job that is suspended is said to be."""
    plane = world.plane
    with Operator(deployment, session.job) as operator:
        tuner = Tuner(world, "drives", told("drives", url)).start()
        tuner.says("the autoscaler of Flink's operator sets its parallelism (job.autoscaler.enabled)", 60)
        assert not writes(plane) and not operator.scaled, (writes(plane), operator.scaled)
        deployment.merge({"spec": {"flinkConfiguration": {AUTOSCALER: None}}})
        eventually("the job is wide enough", lambda: (session.width() or 0) >= needed(RATE), 90, 0.5)
        deployment.merge({"spec": {"job": {"state": "suspended"}}})
        tuner.says("it is suspended (spec.job.state)")
        tuner.stop()
    wanted = operator.scaled[0]
    vertices = {each["id"]: name for name, each in session.job.vertices().items()}
    assert {vertices[vertex]: width for vertex, width in wanted.items() if vertices[vertex] != "work"} == {"source": 1, "sink": 1}, wanted
    made = writes(plane)
    verb, what, status, body = made[0]
    assert (verb, what, status) == ("patch", "flinkdeployments", 200) and len(made) == len(operator.scaled), (made, operator.scaled)
    assert list(body["spec"]) == ["flinkConfiguration"] and list(body["spec"]["flinkConfiguration"]) == [OVERRIDES], body
    assert body["metadata"]["uid"] and body["metadata"]["resourceVersion"], body
    calls = [call["call"] for action in tuner.actions() for call in action["calls"]]
    assert len(calls) == len(made) and calls[0].startswith(f"PATCH {deployment.path}: source 1, work "), calls


def play(world):
    plane = world.start()
    with Session(world.folder / "flink", world.build / "optctl", VERSION) as session:
        session.start_cluster(task_managers=2)
        session.happens(f"rate {RATE}")
        session.submit(parallelism=1)
        proxy = Proxy(session.cluster.port)
        _, words = Tuner(world, "absent", told("absent", proxy.url)).recommend(status=1)
        assert "the cluster serves no flinkdeployments.flink.apache.org; what brings them is not installed" in words, words
        kinds.install(plane.api, "flinkdeployments.flink.apache.org")
        deployment = Deployment(plane.api, "orders", MEMORY).create(**{AUTOSCALER: "true"})
        answer, _ = Tuner(world, "asked", told("asked", proxy.url)).recommend()
        assert answer["recommended"]["text"].startswith("source 1, work 1") and not writes(plane), (answer, writes(plane))
        drives(world, session, deployment, proxy.url)
        asked = {method for method, _, _ in proxy.requests}
        assert asked == {"GET"}, f"optctl has written to the job manager: {asked}"
        proxy.close()

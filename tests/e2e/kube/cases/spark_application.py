# SPDX-License-Identifier: GPL-3.0-or-later
"""A ScheduledSparkApplication on a real API server, whose operator is played: what optctl sets stands in the template and holds from the next
run on; runs themselves are never written to."""
from harness.processes import eventually
from targets import kinds
from targets.spark_operator import Schedule, template
from targets.tuner import Tuner, spec

from .targets import writes

KNOBS = [{"name": "workers", "min": 1, "max": 8}, {"name": "memory", "min": "512Mi", "max": "8Gi", "step": "512Mi"},
         {"name": "spark.sql.shuffle.partitions", "min": 8, "max": 2000}]


def told(name, schedule="nightly", **more):
    return spec({"scheduledSparkApplication": {"name": schedule}}, KNOBS, name=name, **more)


def wants(world, name, workers, **more):
    return Tuner(world, name, told(name, strategy="static", options={"workers": workers}, **more))


def applies(world, schedule):
    """`static` wants four executors. They are written once, to the template, while a run is under way, and the run that follows has them.
    What another manager applies is left to that one."""
    plane = world.plane
    running = schedule.begin_run()
    before = plane.api.get(f"{schedule.runs}/{running}")
    kept = Schedule(plane.api, "kept").create(2)
    kept.apply({"schedule": "@every 1h", "template": template(2)}, "argocd-controller")
    other = wants(world, "left", 4, schedule="kept").start()
    tuner = wants(world, "applies", 4).start()
    eventually("the template says four executors", lambda: schedule.template()["executor"]["instances"] == 4, 120)
    eventually("it reads back", lambda: [action for action in tuner.actions() if action["outcome"]], 60, 1)
    assert plane.api.get(f"{schedule.runs}/{running}")["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    tuner.stop()
    other.says("what knob workers sets in its template is kept by argocd-controller")
    other.stop()
    schedule.end_run(running, 600)
    following = schedule.begin_run()
    assert plane.api.get(f"{schedule.runs}/{following}")["spec"]["executor"]["instances"] == 4
    schedule.end_run(following, 300)
    action, = tuner.actions()
    assert [call["call"] for call in action["calls"]] == [f"PATCH {schedule.path}: executor.instances 2 -> 4"], action


def waits(world, schedule):
    """A strategy for streams has nothing to go by, and a schedule that is suspended is said to be."""
    answer, _ = Tuner(world, "streams", told("streams", strategy="plan", options={"intervalSeconds": 3})).recommend()
    assert answer["change"] is False and answer["why"] == "holds: there is no complete observation", answer
    assert answer["configuration"]["text"].startswith("4 workers"), answer
    schedule.merge({"spec": {"suspend": True}})
    _, words = Tuner(world, "suspended", told("suspended")).recommend(status=1)
    assert "scheduledSparkApplication default/nightly: it is suspended (spec.suspend)" in words, words


def play(world):
    plane = world.start()
    _, words = Tuner(world, "absent", told("absent")).recommend(status=1)
    assert "the cluster serves no scheduledsparkapplications.sparkoperator.k8s.io; what brings them is not installed" in words, words
    for kind in ("scheduledsparkapplications", "sparkapplications"):
        kinds.install(plane.api, f"{kind}.sparkoperator.k8s.io")
    schedule = Schedule(plane.api, "nightly").create(2)
    applies(world, schedule)
    waits(world, schedule)
    (verb, what, status, body), = writes(plane)
    assert (verb, what, status) == ("patch", "scheduledsparkapplications", 200), (verb, what, status)
    assert body["spec"] == {"template": {"executor": {"instances": 4}}} and body["metadata"]["uid"], body
    assert body["metadata"]["resourceVersion"], body

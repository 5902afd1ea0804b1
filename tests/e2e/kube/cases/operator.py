# SPDX-License-Identifier: GPL-3.0-or-later
"""A TunedPipeline from its creation to its deletion, on a real API server and a played Flink: conditions, a change in mode Auto,
pauses, wrong specs and back, two that want one target, a stop that gives the lease up."""
import time

from plane.played_flink import Flinks
from plane.tuned import Pipelines, Replica, holder, install, pipeline
from harness.processes import eventually

CONDITIONS = {"Ready", "Accepted", "Reached", "Conflicted", "Paused", "Priced"}


def check_first_visit(pipelines, name):
    """All conditions at once, each as the API conventions want it."""
    status = eventually("there is a status", lambda: pipelines.get(name).get("status"), 30)
    conditions = {each["type"]: each for each in status["conditions"]}
    assert set(conditions) == CONDITIONS, conditions
    for each in conditions.values():
        assert each["lastTransitionTime"] and each["reason"] and each["message"] and each["observedGeneration"] == 1, each


def check_change(pipelines, flink):
    """2,200 records/s at 2 ms each are the work of 4.4 subtasks, and eight run: ds2 takes three away, and it is told."""
    eventually("a change is made", lambda: flink.puts, 60)
    pipelines.await_condition("orders", "Ready", "True", "Tuned")
    decision = eventually("the change is told", lambda: pipelines.get("orders")["status"].get("lastDecision"), 30)
    assert decision["changes"][0] == {"knob": "parallelism", "operator": "work", "from": 8, "to": 5}, decision
    eventually("an Event tells it", lambda: "Changed" in pipelines.reasons("orders"), 30)
    assert flink.width() == 5, flink.parallelism
    held = pipelines.get("orders")["status"]
    assert held["target"].startswith("flink/") and held["observedGeneration"] == 1, held
    eventually("as many run as ought to", lambda: pipelines.get("orders")["status"].get("currentWorkers") == flink.width(), 30)


def check_quiet(stage, pipelines):
    """At rest nothing is written: the object stays as it is."""
    def version():
        return pipelines.get("orders")["metadata"]["resourceVersion"]
    since = {"version": version(), "time": time.monotonic()}

    def is_quiet():
        if version() != since["version"]:
            since.update(version=version(), time=time.monotonic())
        return time.monotonic() - since["time"] > 8
    eventually("the status stays as it is over four turns", is_quiet, 60, 0.5)


def check_pause(pipelines, flink):
    """By the annotation, and by the mode (A5); neither writes to the target while it lasts."""
    before = {each["type"]: each["lastTransitionTime"] for each in pipelines.get("orders")["status"]["conditions"]}
    pipelines.patch("orders", metadata={"annotations": {"optctl.dev/paused": "release"}})
    pipelines.await_condition("orders", "Paused", "True")
    pipelines.await_condition("orders", "Ready", "True", "Paused")
    after = {each["type"]: each["lastTransitionTime"] for each in pipelines.get("orders")["status"]["conditions"]}
    assert before["Accepted"] == after["Accepted"], "the time of a condition that did not flip changed"
    eventually("an Event tells it", lambda: "Paused" in pipelines.reasons("orders"), 30)
    puts = len(flink.puts)
    flink.offer(1100)
    time.sleep(7)
    assert len(flink.puts) == puts, "a paused pipeline was changed"
    pipelines.patch("orders", spec={"mode": "Observe"})
    eventually("the mode is seen", lambda: pipelines.get("orders")["status"]["observedGeneration"] == 2, 30)
    pipelines.patch("orders", metadata={"annotations": {"optctl.dev/paused": None}})
    pipelines.await_condition("orders", "Paused", "False")
    time.sleep(7)
    assert len(flink.puts) == puts, "mode Observe changed something"
    pipelines.patch("orders", spec={"mode": "Auto"})
    eventually("it is steered again", lambda: len(flink.puts) > puts, 60)


def check_wrong_spec(pipelines):
    """What the schema lets through and the parser does not; and back (A2)."""
    knobs = pipelines.get("orders")["spec"]["knobs"]
    pipelines.patch("orders", spec={"knobs": [{**knobs[0], "operator": "nobody"}], "pipeline": {
        "operators": [{"name": "source", "source": True}, {"name": "work"}], "edges": [{"from": "source", "to": "work"}]}})
    pipelines.await_condition("orders", "Ready", "False", "InvalidSpec")
    pipelines.await_condition("orders", "Accepted", "False", "InvalidSpec")
    pipelines.patch("orders", spec={"knobs": knobs, "pipeline": None})
    pipelines.await_condition("orders", "Ready", "True", "Tuned")


def check_one_owner(pipelines, flinks):
    """Of two that steer one job the older does; the other takes over when it goes (A8)."""
    pipelines.apply(pipeline("twin", flinks.url("orders")))
    pipelines.await_condition("twin", "Conflicted", "True")
    pipelines.await_condition("twin", "Ready", "False")
    pipelines.patch("twin", spec={"mode": "Observe"})
    pipelines.await_condition("twin", "Conflicted", "False")
    pipelines.await_condition("twin", "Ready", "True")
    pipelines.delete("twin")


def check_unreachable(pipelines, flinks):
    job = flinks.add("late")
    job.silent = True
    pipelines.apply(pipeline("late", flinks.url("late")))
    pipelines.await_condition("late", "Reached", "False")
    pipelines.await_condition("late", "Ready", "False")
    job.silent = False
    pipelines.await_condition("late", "Ready", "True")


def check_deletion(pipelines, flink):
    """The target stays as it was configured."""
    pipelines.delete("orders")
    time.sleep(1)
    puts, width = len(flink.puts), flink.width()
    flink.offer(300)
    time.sleep(7)
    assert len(flink.puts) == puts and flink.width() == width, "a pipeline that is gone was changed"


def check_stop(stage, replica):
    """Within 30 s, the lease given up last (I5)."""
    since = time.monotonic()
    status = replica.stop()
    assert status == 0 and time.monotonic() - since < 30, f"ended with {status}"
    assert holder(stage.plane.api) == "", "the lease is held by who is gone"
    ours = [each for each in stage.plane.audited() if each["userAgent"].startswith("optctl/")]
    assert ours[-1]["objectRef"]["resource"] == "leases" and ours[-1]["verb"] == "update", "the lease was not given up last"
    odd = [(each["verb"], each["requestURI"], each["responseStatus"]["code"]) for each in ours
           if each["responseStatus"]["code"] >= 400 and each["objectRef"]["resource"] != "leases" and each["responseStatus"]["code"] != 409]
    assert not odd, f"refused: {odd}"


def play(stage):
    stage.start()
    install(stage)
    flinks = Flinks()
    pipelines, flink = Pipelines(stage.plane.api), flinks.add("orders")
    pipelines.apply(pipeline("orders", flinks.url("orders")))
    replica = Replica(stage).start()
    check_first_visit(pipelines, "orders")
    check_change(pipelines, flink)
    check_quiet(stage, pipelines)
    check_pause(pipelines, flink)
    check_wrong_spec(pipelines)
    check_one_owner(pipelines, flinks)
    check_unreachable(pipelines, flinks)
    check_deletion(pipelines, flink)
    check_stop(stage, replica)

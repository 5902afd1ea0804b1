# SPDX-License-Identifier: GPL-3.0-or-later
"""A ScheduledSparkApplication on a real API server, whose operator is played: what optctl sets stands in the template and holds from the next
run on; runs themselves are never written to. With `bayes` each run is a trial."""
import json

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


BAYES = {"strategy": "bayes", "options": {"intervalSeconds": 2}, "constraints": {"runSeconds": 900},
         "guardrails": {"cooldownUpSeconds": 0, "cooldownDownSeconds": 0, "holdAfterFailureSeconds": 0}}


def trial(tuner, schedule, before, number):
    """The template as it was changed for the next trial, once that is on record."""
    eventually(f"trial {number} stands in the template", lambda: schedule.template() != before, 120)
    eventually(f"trial {number} is on record", lambda: len([one for one in tuner.actions() if one["applied"]]) == number, 120, 1)
    return schedule.template()


def ending(tuner, number):
    return eventually(f"trial {number} has ended",
                      lambda: next((one["outcome"] for one in tuner.actions()[number - 1:] if one["outcome"]["time"]), None), 120, 1)


def tunes(world):
    """`bayes`: one run is one trial. The first does well and is kept; optctl is started anew; the second fails and is taken back."""
    schedule = Schedule(world.plane.api, "tuned").create(8, memory="4g")
    asked = schedule.template()
    schedule.run(600)
    tuner = Tuner(world, "tunes", told("tunes", schedule="tuned", **BAYES)).start()
    kept = trial(tuner, schedule, asked, 1)
    tuner.stop()
    schedule.run(60)
    tuner.start()
    good = ending(tuner, 1)
    assert good["outcome"] == "Confirmed" and " took 1 min and cost " in good["reason"], good
    trial(tuner, schedule, kept, 2)
    schedule.run(30, trouble="executors were killed")
    bad = ending(tuner, 2)
    assert bad["outcome"] == "Reverted" and bad["reason"].startswith("its run failed: executors were killed"), bad
    eventually("what did well is back, or the next trial is there", lambda: schedule.template()["executor"] == kept["executor"]
               or len(tuner.actions()) > 2, 60)
    tuner.stop()
    page = tuner.call("explain", *[decision(tuner)], "--ledger", tuner.ledger).stdout
    for words in ("newest run", "  by       bayes", "It is taken back if its run fails, takes more than 15 min or costs more than $",
                  "else it is taken back", "Confirmed"):
        assert words in page, (words, page)


def decision(tuner):
    """The oldest that was made."""
    history = json.loads(tuner.call("history", "--ledger", tuner.ledger, "--limit", 1000, "--json", "-").stdout)["decisions"]
    return min(one["id"] for one in history if one["outcome"] is not None)


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
    tunes(world)

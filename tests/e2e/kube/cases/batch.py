# SPDX-License-Identifier: GPL-3.0-or-later
"""CronJobs and Jobs on a real API server with their real controllers; kubelets are played. What is set of a CronJob holds from its next Job
on, and its Jobs are never written to; of a Job that is the target parallelism is set while it runs, until it is over."""
from harness.processes import eventually
from plane.nodes import Nodes
from targets.batch import CONTROLLERS, KILLED, CronJob, Job, job_spec
from targets.pool import container
from targets.tuner import Tuner, spec
from targets.usage import Metrics

from .targets import ACCOUNT, WORKERS, writes


def wants(world, name, workers, engine):
    return Tuner(world, name, spec(engine, WORKERS, strategy="static", options={"workers": workers}, name=name))


def outcome(tuner):
    """The one change that was begun, once it is over."""
    return eventually("the change is in the ledger", lambda: [action for action in tuner.actions() if action["outcome"]], 60, 1)


def next_run(world):
    """`static` wants four workers. They are written once, to the template, while a Job of two is under way, and the next Job has them.
    What another manager applies is left to that one."""
    plane = world.plane
    cron = CronJob(plane.api, "nightly").create(job_spec(2))
    running = cron.begin_run().run(2)
    kept = CronJob(plane.api, "kept").create(job_spec(2))
    kept.apply({"parallelism": 2}, "argocd-controller")
    other = wants(world, "left", 4, {"cronJob": {"name": "kept"}}).start()
    tuner = wants(world, "nightly", 4, {"cronJob": {"name": "nightly"}}).start()
    eventually("the template says four", lambda: cron.jobs()["parallelism"] == 4, 120)
    action, = outcome(tuner)
    other.says("its parallelism is kept by argocd-controller; take it out of what that one applies, or tune there")
    other.stop()
    assert running.get()["spec"]["parallelism"] == 2, running.get()
    running.end(seconds=600)
    following = cron.begin_run().run(4).end(seconds=300)
    assert following.get()["spec"]["parallelism"] == 4 and "completions" not in following.get()["spec"], following.get()
    tuner.stop()
    assert [call["call"] for call in action["calls"]] == [f"PATCH {cron.path}: parallelism 2 -> 4"], action
    (verb, what, status, body), = writes(plane)
    assert (verb, what, status) == ("patch", "cronjobs", 200), (verb, what, status)
    assert body["spec"] == {"jobTemplate": {"spec": {"parallelism": 4}}} and body["metadata"]["uid"], body
    assert body["metadata"]["resourceVersion"], body


def more_memory(cron):
    asked = cron.jobs()["template"]["spec"]["containers"][0]["resources"]
    return asked if asked["requests"]["memory"] != "256Mi" else None


def grows_after_a_kill(world, metrics):
    """A run whose container was killed for want of memory had 256 MiB; the next one has what VPA's formula says: 100 MiB more, in a bucket
    of 5 %, and 15 % on top."""
    plane = world.plane
    cron = CronJob(plane.api, "hungry").create(job_spec(1, 1, [container(limits={"memory": "256Mi"})]))
    run = cron.begin_run().run(1)
    metrics.pools, metrics.cpu, metrics.memory = [run], 0.1, 200 << 20
    before = len(writes(plane))
    tuner = Tuner(world, "hungry", spec({"cronJob": {"name": "hungry"}}, [{"name": "memory", "min": "64Mi", "max": "4Gi"}], strategy="vpa",
                                        options={"intervalSeconds": 1, "minimumMemory": "64Mi"}, name="hungry")).start()
    tuner.says("the pipeline is reached")
    run.end(KILLED, 60)
    asked = eventually("more memory", lambda: more_memory(cron), 120)
    tuner.stop()
    assert 356 * 1.15 <= int(asked["requests"]["memory"]) / (1 << 20) <= 356 * 1.15 * 1.09, asked
    assert asked["requests"]["memory"] == asked["limits"]["memory"] and asked["requests"]["cpu"] == "500m", asked
    (_, what, status, body), = writes(plane)[before:]
    jobs = body["spec"]["jobTemplate"]["spec"]
    assert (what, status) == ("cronjobs", 200) and list(jobs) == ["template"], body
    assert [sorted(each["resources"]["requests"]) for each in jobs["template"]["spec"]["containers"]] == [["memory"]], body
    assert cron.begin_run().get()["spec"]["template"]["spec"]["containers"][0]["resources"] == asked


def while_it_runs(world, metrics):
    """By the HPA's own formula: 0.5 cores asked for, 0.9 used, 80 % wanted: ceil(3 * 180 / 80) = 7 pods instead of 3; and then it is over."""
    plane = world.plane
    job = Job(plane.api, "crunch").create(job_spec(3)).run(3)
    metrics.pools, metrics.cpu = [job], 0.9
    before = len(writes(plane))
    tuner = Tuner(world, "crunch", spec({"job": {"name": "crunch"}}, WORKERS, name="crunch")).start()
    eventually("seven pods are wanted", lambda: job.get()["spec"]["parallelism"] == 7, 120)
    metrics.cpu = 0.386
    job.run(7)
    action, = outcome(tuner)
    job.end(seconds=60)
    tuner.says("job default/crunch: it is over: it completed", 60)
    tuner.stop()
    assert [call["call"] for call in action["calls"]] == [f"PATCH {job.path}: parallelism 3 -> 7"], action
    (verb, what, status, body), = writes(plane)[before:]
    assert (verb, what, status, body["spec"]) == ("patch", "jobs", 200, {"parallelism": 7}), (verb, what, status, body)


def elastic(world):
    """An Indexed Job whose pods divide the work by how many of them there are."""
    plane = world.plane
    job = Job(plane.api, "elastic").create(job_spec(2, 2, completionMode="Indexed")).run(2)
    before = len(writes(plane))
    tuner = wants(world, "elastic", 3, {"job": {"name": "elastic", "completions": "Elastic"}}).start()
    eventually("three pods are wanted", lambda: job.get()["spec"]["parallelism"] == 3, 120)
    tuner.stop()
    assert job.get()["spec"]["completions"] == 3, job.get()
    (_, what, status, body), = writes(plane)[before:]
    assert (what, status, body["spec"]) == ("jobs", 200, {"parallelism": 3, "completions": 3}), body


def says_what_cannot_be(world):
    """A run of one pod has no number of workers, and of a CronJob that is suspended none begins."""
    single = job_spec(1)
    del single["parallelism"]
    cron = CronJob(world.plane.api, "single").create(single)
    _, words = wants(world, "single", 4, {"cronJob": {"name": "single"}}).recommend(status=1)
    assert "cronJob default/single: it says neither parallelism nor completions, so its work is that of one pod" in words, words
    cron.merge({"spec": {"suspend": True}})
    _, words = wants(world, "suspended", 4, {"cronJob": {"name": "single"}}).recommend(status=1)
    assert "cronJob default/single: it is suspended (spec.suspend)" in words, words


def play(world):
    plane = world.start(controller_flags=[CONTROLLERS])
    plane.api.post("/api/v1/namespaces/default/serviceaccounts", ACCOUNT)
    Nodes(plane, plane.ports, plane.controller_flags).start_controllers()
    metrics = Metrics(plane, cpu=0.4)
    next_run(world)
    grows_after_a_kill(world, metrics)
    while_it_runs(world, metrics)
    elastic(world)
    says_what_cannot_be(world)

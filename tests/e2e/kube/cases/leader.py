# SPDX-License-Identifier: GPL-3.0-or-later
"""Three replicas on one API server, of which the leader is killed, cut off from the server (L1), stopped for a minute and continued (L3), set
to another time (L2) and ended in order (L4). By the audit log at most one writes at any time, never later than ten seconds after the
server took its last renewal, and another one has taken over after twenty. Each replica is a user of its own."""
import datetime
import os
import signal
import time

from harness import fetch
from harness.processes import eventually
from plane.played_flink import Flinks
from plane.tuned import LEASE, Pipelines, Replica, install, pipeline
from plane.wire import Wire

RENEW_SECONDS, LEASE_SECONDS, TAKEOVER_SECONDS = 10, 15, 20
SLACK_SECONDS = 0.5  # between a request and when the server took it down
PIPELINES = 4
JUMP = 600
PAUSE_SECONDS = 60


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# ---- replicas ----

class Party:
    """Replicas by name, each with a certificate, a wire and a clock of its own."""

    def __init__(self, stage):
        self.stage, self.wires, self.replicas = stage, {}, {}
        self.library = next((fetch.debian("libfaketime") / "usr/lib").glob("*/faketime/libfaketime.so.1"))

    def start(self, name):
        if name not in self.wires:
            self.stage.plane.identities.certificate(name, f"/O=system:masters/CN={name}")
            self.wires[name] = Wire(self.stage.plane.ports["api"])
        place = f"https://127.0.0.1:{self.wires[name].port}"
        kubeconfig = self.stage.plane.identities.kubeconfig(name, place)
        self.set_clock(name, 0)
        environment = {**os.environ, "LD_PRELOAD": str(self.library), "FAKETIME_TIMESTAMP_FILE": str(self._clock(name)),
                       "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}
        self.replicas[name] = Replica(self.stage, name, kubeconfig)
        self.replicas[name].forget()
        self.replicas[name].start(env=environment)

    def _clock(self, name):
        return self.stage.folder / f"{name}.clock"

    def set_clock(self, name, off):
        self._clock(name).write_text(f"{off:+d}")

    def leader(self):
        """The newest to have written the lease as its own, by the server's word for who it was; None: nobody yet."""
        renewals = renewals_of(self.stage.plane.audited())
        return renewals[-1][1] if renewals else None

    def others(self, name):
        return [each for each in self.replicas if each != name and self.stage.processes.alive(each)]


# ---- what the audit log says ----

def renewals_of(audited):
    """(time, user) of each time that somebody made the lease its own."""
    found = []
    for each in audited:
        asked = each.get("requestObject", {}).get("spec", {})
        if each["requestURI"].startswith(LEASE) and each["verb"] == "update" and each["responseStatus"]["code"] == 200 and asked.get("holderIdentity"):
            found.append((seconds(each["requestReceivedTimestamp"]), each["user"]["username"]))
    return sorted(found)


def writes_of(audited):
    """(time, user, what) of all that was done of what a leader alone may do. What was sent and refused did nothing: a request that a
    cut wire gives back later meets another version of its object, or a client that has hung up."""
    return [(seconds(each["requestReceivedTimestamp"]), each["user"]["username"], f"{each['verb']} {each['requestURI']}")
            for each in audited if each["userAgent"].startswith("optctl/") and each["verb"] in ("create", "update", "patch", "delete")
            and each["objectRef"]["resource"] != "leases" and each["responseStatus"]["code"] < 300]


def check_writes(audited, flinks):
    """Who wrote had renewed the lease in time, and nobody else had since. An engine does not know who asks: its writes fall into the
    time of some leader."""
    renewals = renewals_of(audited)
    for when, user, what in writes_of(audited):
        before = [each for each in renewals if each[0] <= when + SLACK_SECONDS]
        assert before and before[-1][1] == user, f"{user} did {what} while {before[-1:]} led"
        assert when <= before[-1][0] + RENEW_SECONDS + SLACK_SECONDS, f"{user} did {what} {when - before[-1][0]:.1f} s after its last renewal"
    for job in flinks.jobs.values():
        for when, _ in job.puts:
            assert any(since <= when <= since + RENEW_SECONDS + SLACK_SECONDS for since, _ in renewals), f"a job was changed at {when} by nobody who led"


def check_terms(audited):
    """Nobody takes the lease before it is free: as long after the last renewal as it says, or after it was given up."""
    given_up = [seconds(each["requestReceivedTimestamp"]) for each in audited if each["requestURI"].startswith(LEASE) and
                each["verb"] == "update" and each["responseStatus"]["code"] == 200 and each["requestObject"]["spec"].get("holderIdentity") == ""]
    renewals = renewals_of(audited)
    for (before, old), (after, new) in zip(renewals, renewals[1:]):
        released = any(before <= each <= after for each in given_up)
        assert old == new or released or after - before >= LEASE_SECONDS - SLACK_SECONDS, f"{new} took the lease {after - before:.1f} s after {old} renewed it"


# ---- what is done to a leader ----

def takeover(party, old, what, do):
    """Does something to a leader; how long it took until another one led."""
    since = time.time()
    do(old)
    new = eventually(f"another one leads after {what}", lambda: party.leader() if party.leader() != old else None, TAKEOVER_SECONDS + 5)
    first = min(when for when, user in renewals_of(party.stage.plane.audited()) if user == new and when > since)
    took = first - since
    print(f"{what}: {new} led after {took:.1f} s", flush=True)
    assert took <= TAKEOVER_SECONDS, f"{what}: {took:.1f} s"
    return new


def check_steers(flinks, name):
    """The new leader does something with the pipelines: what is offered goes up and down until a job is changed."""
    job = flinks.jobs[name]
    puts, rates = len(job.puts), iter([2200, 700] * 20)

    def is_changed():
        job.offer(next(rates))
        return len(job.puts) > puts
    eventually(f"{name} is steered", is_changed, 60, 5)


def check_clocks(party, leader):
    """Ten minutes on and back, on who leads and on who waits: nobody's matter."""
    for name in [leader, *party.others(leader)]:
        for off in (JUMP, -JUMP, 0):
            party.set_clock(name, off)
            time.sleep(1.5)
    assert party.leader() == leader, "a clock decided who leads"


def play(stage):
    plane = stage.start()
    install(stage)
    flinks, party, pipelines = Flinks(), Party(stage), Pipelines(plane.api)
    for i in range(PIPELINES):
        flinks.add(f"job-{i}")
        pipelines.apply(pipeline(f"job-{i}", flinks.url(f"job-{i}")))
    for name in ("anna", "berta", "clara"):
        party.start(name)
    leader = eventually("somebody leads", party.leader, 60)
    check_steers(flinks, "job-0")

    old = leader
    leader = takeover(party, old, "kill -9", lambda name: stage.processes.kill(name))
    check_steers(flinks, "job-1")
    party.start(old)

    old = leader
    leader = takeover(party, old, "partition", lambda name: party.wires[name].cut())
    check_steers(flinks, "job-2")
    party.wires[old].mend()

    stopped, since = stage.processes.running[leader].pid, time.monotonic()
    leader = takeover(party, leader, "SIGSTOP", lambda name: os.kill(stopped, signal.SIGSTOP))
    check_steers(flinks, "job-3")
    check_clocks(party, leader)
    time.sleep(max(0, since + PAUSE_SECONDS - time.monotonic()))
    os.kill(stopped, signal.SIGCONT)
    time.sleep(RENEW_SECONDS / 2)
    assert party.leader() == leader, "who was stopped for a minute leads again"

    leader = takeover(party, leader, "SIGTERM", lambda name: stage.processes.stop(name))
    audited = plane.audited()
    check_terms(audited)
    check_writes(audited, flinks)
    print(f"{len(writes_of(audited))} writes, {sum(len(each.puts) for each in flinks.jobs.values())} changes of jobs, each by who led")

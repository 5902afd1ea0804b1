# SPDX-License-Identifier: GPL-3.0-or-later
"""Three replicas on one API server that share pipelines by shards, and one PostgreSQL over TLS. A replica is killed and comes back, another one is
cut off from the API server and not from the ledger (L1), so that what it still wants to write is late (L3), one ends in order (L4). By the audit log each pipeline is written by who holds its
shard and by nobody else, shards that are free are taken within twenty seconds, and the ledger and the jobs know of nothing that was done
twice. Each replica is a user of its own."""
import os
import subprocess
import tempfile
import time

import server
from harness.processes import eventually
from plane.played_flink import Flinks
from plane.tuned import LEASE, Pipelines, Replica, install, pipeline
from plane.wire import Wire

from .leader import LEASE_SECONDS, RENEW_SECONDS, SLACK_SECONDS, TAKEOVER_SECONDS, seconds

SHARDS, PIPELINES = 4, 8
NAMES = ("anna", "berta", "clara")
SECONDS = 240  # for what has no bound of its own, on a machine that others use, too
QUIET_SECONDS = 1.5  # three replicas look at five Leases every two seconds


# ---- replicas ----

class Party:
    """Replicas by name, each with a certificate and a wire of its own, and one ledger."""

    def __init__(self, stage, postgres):
        self.stage, self.wires = stage, {}
        self.url = postgres.tls_url(stage.plane.identities.path("ca.crt"))

    def start(self, name):
        plane = self.stage.plane
        if name not in self.wires:
            plane.identities.certificate(name, f"/O=system:masters/CN={name}")
            self.wires[name] = Wire(plane.ports["api"])
        kubeconfig = plane.identities.kubeconfig(name, f"https://127.0.0.1:{self.wires[name].port}")
        Replica(self.stage, name, kubeconfig, ["--shards", str(SHARDS)], self.url).start()


# ---- what the audit log says ----

def starved(audited, since=0, until=float("inf")):
    """For how many seconds of that time the server, or the whole machine, did next to nothing: its longest silences, and its slowest answer to
    a question about a Lease. On a machine that has time for us: none to speak of."""
    asked = sorted((seconds(each["requestReceivedTimestamp"]), seconds(each["stageTimestamp"])) for each in audited
                   if each["requestURI"].startswith(LEASE) and since <= seconds(each["requestReceivedTimestamp"]) <= until)
    silence = sum(max(0, after - before - QUIET_SECONDS) for (before, _), (after, _) in zip(asked, asked[1:]))
    return silence + 2 * max((answered - came for came, answered in asked), default=0)


class Terms:
    """Of each shard: (time, user, holds) of each time that somebody made its Lease its own, or gave it up."""

    def __init__(self, audited):
        self.of = {shard: [] for shard in range(SHARDS)}
        self.slack = SLACK_SECONDS + starved(audited)
        for each in audited:
            place, asked = each["requestURI"].split("?")[0], each.get("requestObject", {}).get("spec", {})
            if place.startswith(f"{LEASE}-shard-") and each["verb"] == "update" and each["responseStatus"]["code"] == 200:
                self.of[int(place.rsplit("-", 1)[1])].append(
                    (seconds(each["requestReceivedTimestamp"]), each["user"]["username"], asked.get("holderIdentity") != ""))
        for each in self.of.values():
            each.sort()

    def holder(self, shard):
        """The newest to have made it its own; None: nobody, or it was given up."""
        return self.of[shard][-1][1] if self.of[shard] and self.of[shard][-1][2] else None

    def shares(self):
        """How many each user holds, the largest first."""
        users = [self.holder(shard) for shard in range(SHARDS)]
        return sorted((users.count(name) for name in set(users) - {None}), reverse=True)

    def held_by(self, name):
        return [shard for shard in range(SHARDS) if self.holder(shard) == name]

    def allows(self, shard, when, user=None):
        """Whether that user (None: anybody) had renewed it in time, and nobody had it since. Of what came right after it the server may have taken
        down the other one first."""
        newest = [each for each in self.of[shard] if each[0] <= when][-1:] + [each for each in self.of[shard] if when < each[0] <= when + SLACK_SECONDS]
        return any(holds and user in (None, who) and when <= since + RENEW_SECONDS + self.slack for since, who, holds in newest)

    def check(self):
        """Nobody takes one before it is free: as long after the last renewal as it says, or after it was given up."""
        for shard, terms in self.of.items():
            for (before, old, held), (after, new, _) in zip(terms, terms[1:]):
                assert old == new or not held or after - before >= LEASE_SECONDS - SLACK_SECONDS, \
                    f"{new} took shard {shard} {after - before:.1f} s after {old} renewed it"


def writes_of(audited):
    """By pipeline: (time, user) of what was done to its status, and of Events about it."""
    found = {f"job-{i}": [] for i in range(PIPELINES)}
    for each in audited:
        if each["verb"] not in ("create", "update", "patch", "delete") or each["responseStatus"]["code"] >= 300 or each["user"]["username"] not in NAMES:
            continue
        kind = each["objectRef"]["resource"]
        if kind == "leases":
            continue
        about = each["requestObject"].get("regarding", {}).get("name") if kind == "events" else each["objectRef"]["name"]
        if kind == "events" and about is None:  # one more of a series: its name begins with that of the pipeline
            about = each["objectRef"]["name"].split(".")[0]
        found[about].append((seconds(each["requestReceivedTimestamp"]), each["user"]["username"]))
    return found


def check_owners(audited, flinks):
    """Each pipeline is in one shard, whose holder alone writes of it and changes its job. (An engine does not know who asks.)"""
    terms, counts = Terms(audited), []
    terms.check()
    for name, writes in writes_of(audited).items():
        puts = flinks.jobs[name].puts
        fitting = [shard for shard in range(SHARDS) if all(terms.allows(shard, *each) for each in writes) and
                   all(terms.allows(shard, when) for when, _ in puts)]
        assert writes and fitting, f"{name}: no shard was held by who wrote: {writes}, {[when for when, _ in puts]}"
        counts.append(len(writes))
    print(f"{sum(counts)} writes about pipelines, each by who held its shard", flush=True)


# ---- what the ledger says ----

def check_ledger(postgres, flinks, killed):
    """What was announced was done once: a call for each change, an end for each call but those that somebody died with, and no job was told twice
    in a row what it ran already."""
    puts = sum(len(job.puts) for job in flinks.jobs.values())
    calls, answered = postgres.count("calls"), postgres.count("calls WHERE end_ms IS NOT NULL")
    assert answered <= puts <= calls <= answered + killed, f"{puts} changes of jobs, {calls} calls, {answered} of them answered"
    assert postgres.count("writers") == PIPELINES
    for name, job in flinks.jobs.items():
        wanted = [each for _, each in job.puts]
        assert all(a != b for a, b in zip(wanted, wanted[1:])), f"{name} was told twice: {wanted}"
    print(f"{puts} changes of jobs, {postgres.count('intents')} intents, {calls} calls", flush=True)


def check_tls(stage, postgres):
    """Whoever writes does so over TLS, and goes to nobody else's server."""
    encrypted = postgres.run("SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                             "WHERE application_name = 'optctl'").stdout.strip()
    assert encrypted == "3|3", f"connections over TLS | all: {encrypted}"
    pki = stage.plane.identities.path
    for authority, host, words in (("front-ca.crt", "localhost", "certificate verify failed"), ("ca.crt", "elsewhere", "does not match host name")):
        done = subprocess.run([stage.build / "optctl", "history", "--ledger", postgres.tls_url(pki(authority), host)], capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr, f"{done.returncode}: {done.stderr}"


# ---- the play ----

def terms(stage):
    return Terms(stage.plane.audited())


def await_shares(stage, wanted):
    eventually(f"shares are {wanted}", lambda: terms(stage).shares() == wanted, SECONDS, 0.5)


def steer_all(flinks, rates):
    """What is offered goes up and down until each job was changed once more."""
    before, rates = {name: len(job.puts) for name, job in flinks.jobs.items()}, iter(rates * 20)

    def all_changed():
        rate, waiting = next(rates), [job for name, job in flinks.jobs.items() if len(job.puts) == before[name]]
        for job in waiting:
            job.offer(rate)
        return not waiting
    eventually("every job is steered", all_changed, SECONDS, 5)


def taken(stage, shards, old, since, what):
    """Waits until others have them; how long that took."""
    def all_taken():
        now = terms(stage)
        return all(now.holder(shard) not in (None, old) for shard in shards)
    eventually(f"others have what {old} had", all_taken, SECONDS, 0.5)
    now = terms(stage)
    took = max(next(when for when, user, _ in now.of[shard] if when > since and user != old) for shard in shards) - since
    lost = starved(stage.plane.audited(), since, since + took)
    print(f"{what}: {len(shards)} shards of {old} were taken after {took:.1f} s, {lost:.1f} s of which nothing went on", flush=True)
    assert took <= TAKEOVER_SECONDS + lost, f"{what}: {took:.1f} s, {lost:.1f} s of which nothing went on"


def largest(stage, names):
    now = terms(stage)
    return max(names, key=lambda name: len(now.held_by(name)))


def play_with(stage, postgres):
    flinks, party, pipelines = Flinks(), Party(stage, postgres), Pipelines(stage.plane.api)
    for i in range(PIPELINES):
        flinks.add(f"job-{i}")
        pipelines.apply(pipeline(f"job-{i}", flinks.url(f"job-{i}")))
    for name in NAMES:
        party.start(name)
    await_shares(stage, [2, 1, 1])
    steer_all(flinks, [2200, 700])
    check_tls(stage, postgres)

    killed = largest(stage, NAMES)
    had, since = terms(stage).held_by(killed), time.time()
    stage.processes.kill(killed)
    taken(stage, had, killed, since, "kill -9")
    steer_all(flinks, [700, 2200])
    party.start(killed)
    await_shares(stage, [2, 1, 1])

    cut = largest(stage, [name for name in NAMES if name != killed])
    had, since = terms(stage).held_by(cut), time.time()
    party.wires[cut].cut()
    taken(stage, had, cut, since, "partition")
    steer_all(flinks, [2200, 700])
    party.wires[cut].mend()
    await_shares(stage, [2, 1, 1])

    had, since = terms(stage).held_by(killed), time.time()
    assert stage.processes.stop(killed) == 0
    taken(stage, had, killed, since, "SIGTERM")
    audited = stage.plane.audited()
    check_owners(audited, flinks)
    check_ledger(postgres, flinks, killed=PIPELINES)


def play(stage):
    plane = stage.start()
    install(stage)
    plane.identities.certificate("postgres", "/CN=localhost", usage="serverAuth", names="DNS:localhost")
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o711)
        pair = [plane.identities.path(f"postgres.{kind}") for kind in ("crt", "key")]
        play_with(stage, server.Server(stage.processes, scratch, pair))

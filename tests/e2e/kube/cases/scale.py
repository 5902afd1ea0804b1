# SPDX-License-Identifier: GPL-3.0-or-later
"""Many TunedPipelines on a real API server: how long until each has its status, what that takes, and what the operator asks of the
server and of the machine when nothing happens. OPTCTL_SCALE says how many (300 without it; docs/evidence.md has 10,000), on one played
Flink, in mode Recommend, with a turn every ten minutes (OPTCTL_INTERVAL: in seconds)."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import time
import urllib.parse
import urllib.request

from harness.processes import eventually
from plane.nodes import Nodes
from plane.played_flink import Flinks
from plane.tuned import Replica, holder, install, pipeline, place

COUNT = int(os.environ.get("OPTCTL_SCALE", "300"))
FEW = 100
THREADS = 4
INTERVAL = int(os.environ.get("OPTCTL_INTERVAL", "600"))
REST_SECONDS = 60 if COUNT > 1000 else 10
# What is asked of 10,000, and of fewer, too; of a hundred.
SYNC_SECONDS, RSS_MB, CPU_CORES, CALLS_PER_SECOND, FEW_RSS_MB = 60, 300, 0.2, 20, 25


class Process:
    def __init__(self, pid):
        self.folder = pathlib.Path(f"/proc/{pid}")

    def megabytes(self, line="VmRSS"):
        text = (self.folder / "status").read_text()
        return int(text.split(f"{line}:")[1].split()[0]) / 1024

    def cpu_seconds(self):
        fields = (self.folder / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def create(api, flinks, first, end):
    """Over connections that last."""
    where = urllib.parse.urlsplit(api.url)

    def some(offset):
        connection = http.client.HTTPSConnection(where.hostname, where.port, context=api.trust, timeout=60)
        for i in range(first + offset, end, THREADS):
            made = pipeline(f"p{i:05d}", flinks.url("all"), mode="Recommend", interval=INTERVAL)
            connection.request("POST", place(None), json.dumps(made), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 201, text[:300]
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(some, range(THREADS)))


class Audit:
    """What the operator asked for so far; each line of the log is read once."""

    def __init__(self, path):
        self.log = open(path)
        self.calls, self.visited, self.partial = 0, set(), ""

    def read(self):
        *lines, self.partial = (self.partial + self.log.read()).split("\n")
        for line in lines:
            if '"userAgent":"optctl/' in line:
                self.calls += 1
                asked = json.loads(line)
                if asked["objectRef"].get("subresource") == "status" and asked["responseStatus"]["code"] == 200:
                    self.visited.add(asked["objectRef"]["name"])
        return self


def at_rest(audit, process):
    """Cores and calls a second, over a while in which nobody changes anything."""
    before, cpu, since = audit.read().calls, process.cpu_seconds(), time.monotonic()
    time.sleep(REST_SECONDS)
    seconds = time.monotonic() - since
    return (process.cpu_seconds() - cpu) / seconds, (audit.read().calls - before) / seconds


def scrape(port):
    """(megabytes and seconds of /metrics, the longest that anything else waited for its answer meanwhile)"""
    def get(path):
        since = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return len(answer.read()) / 1e6, time.monotonic() - since
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        scraped, longest = pool.submit(get, "/metrics"), 0
        while not scraped.done():
            longest = max(longest, get("/healthz")[1])
        return *scraped.result(), longest


def start(stage):
    replica = Replica(stage).start()
    return replica, Process(replica.process.pid)


def few(stage, audit):
    """A hundred; beside them controllers in Go that have nothing to do."""
    plane = stage.plane
    around = Nodes(plane, plane.ports)
    names = around.start_idle()
    replica, process = start(stage)
    eventually(f"{FEW} pipelines have a status", lambda: len(audit.read().visited) == FEW, 120, 1)
    cores, rate = at_rest(audit, process)
    megabytes = process.megabytes()
    beside = {name: Process(plane.processes.running[name].pid).megabytes() for name in names}
    print(f"{FEW} pipelines: {megabytes:.1f} MB, {cores:.3f} cores, {rate:.1f} calls/s at rest; beside it, idle: "
          + ", ".join(f"{name} {each:.1f} MB" for name, each in beside.items()), flush=True)
    for name in names:
        plane.processes.stop(name)
    replica.stop()
    assert megabytes < FEW_RSS_MB and megabytes < min(beside.values())


def many(stage, audit):
    plane = stage.plane
    server = Process(plane.processes.running["kube-apiserver"].pid)
    eventually("the lease is free", lambda: holder(plane.api) == "", 30)
    audit.read().visited.clear()
    replica, process = start(stage)
    eventually("it leads", lambda: holder(plane.api) != "", 60, 0.2)
    since, served = time.monotonic(), server.cpu_seconds()
    eventually(f"{COUNT} pipelines have a status", lambda: len(audit.read().visited) == COUNT, 600, 2 if COUNT > 1000 else 0.5)
    took, cpu, served = time.monotonic() - since, process.cpu_seconds(), server.cpu_seconds() - served
    print(f"{COUNT} pipelines ({COUNT - FEW} of them new): synced {took:.1f} s after it led, by {cpu:.1f} s of CPU time since its start and "
          f"{served:.1f} s of the API server's, {process.megabytes():.0f} MB", flush=True)
    if COUNT > 1000:
        cores, rate = at_rest(audit, process)
        print(f"then {cores:.3f} cores, {rate:.1f} calls/s while each takes its first turn", flush=True)
        time.sleep(max(0, since + 2.2 * INTERVAL - time.monotonic()))
    cores, rate = at_rest(audit, process)
    size, seconds, longest = scrape(replica.port)
    peak_mb = process.megabytes("VmHWM")
    print(f"{process.megabytes():.0f} MB, {cores:.3f} cores, {rate:.1f} calls/s at rest; /metrics: {size:.1f} MB in {seconds:.2f} s, "
          f"others waited {longest:.3f} s at most; {peak_mb:.0f} MB at most, ever", flush=True)
    replica.stop()
    assert took < SYNC_SECONDS and peak_mb < RSS_MB and rate < CALLS_PER_SECOND and cores < CPU_CORES


def play(stage):
    plane = stage.start()
    install(stage)
    flinks = Flinks()
    flinks.add("all")
    audit = Audit(plane.audit_log)
    create(plane.api, flinks, 0, FEW)
    few(stage, audit)
    create(plane.api, flinks, FEW, COUNT)
    many(stage, audit)

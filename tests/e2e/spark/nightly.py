# SPDX-License-Identifier: GPL-3.0-or-later
"""A job that is run now and then by somebody else: `optctl run` reads its event logs, and writes what the next run has into spark-defaults.conf."""
import json
import pathlib
import stat
import subprocess

from harness.processes import eventually

HERE = pathlib.Path(__file__).resolve().parent
ORDERS = 20_000
# As people leave such files: a setting in their own spelling, remarks, no end of the last line.
OWN = "\n# executors of the night\n  spark.executor.instances =  {executors}\t\nspark.executor.cores 1\n#spark.executor.instances 9\n# the end"
SPEC = {"apiVersion": "optctl.dev/v1alpha1", "kind": "TunedPipeline", "metadata": {"name": "nightly"},
        "spec": {"mode": "Auto", "strategy": "static", "strategies": {"static": {"workers": 2}},
                 "knobs": [{"name": "workers", "min": 1, "max": 4}, {"name": "memory", "min": "512Mi", "max": "4Gi"}],
                 "prices": {"currency": "EUR", "worker": {"perHour": "0.05"}}}}


def events(log, name):
    found = [json.loads(line) for line in log.read_text().splitlines() if f'"Event":"{name}"' in line]
    assert found, f"{log} has no {name}"
    return found


def properties(log):
    return events(log, "SparkListenerEnvironmentUpdate")[0]["Spark Properties"]


class Nightly:
    def __init__(self, optctl, processes, spark):
        self.optctl, self.processes, self.spark = optctl, processes, spark
        self.folder = processes.folder
        self.defaults, self.logs = spark.conf / "spark-defaults.conf", self.folder / "logs"
        self.ledger, self.spec = self.folder / "ledger.db", self.folder / "nightly.yaml"
        self.logs.mkdir()

    def engine(self, **more):
        """The spec with that engine; where it lies."""
        told = {**SPEC, "spec": {**SPEC["spec"], "engine": {"spark": {"application": "orders", **more}}}}
        self.spec.write_text(json.dumps(told))
        return self.spec

    def run(self):
        """The event log of a run, which is told nothing but what its defaults say."""
        seen = set(self.logs.iterdir())
        done = subprocess.run(self.spark.submission(self.logs, {"spark.eventLog.compress": "false"}, HERE / "job.py", ORDERS),
                              env=self.spark.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        (log,) = [path for path in set(self.logs.iterdir()) - seen if path.name.startswith("app-")]
        return log

    def call(self, *words, status=0):
        done = subprocess.run([self.optctl, *map(str, words)], capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == status, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def recommend(self, spec, status):
        answer, = json.loads(self.call("recommend", spec, "--window", 1, "--windows", 1, "--json", "-", status=status))["pipelines"]
        return answer

    def actions(self):
        if not self.ledger.exists():
            return []
        history = json.loads(self.call("history", "--ledger", self.ledger, "--json", "-"))["decisions"]
        found = [json.loads(self.call("explain", decision["id"], "--ledger", self.ledger, "--json", "-")) for decision in history
                 if decision["outcome"] is not None]
        return [decision for decision in found if all(action["calls"] and all(call["done"] for call in action["calls"])
                                                      for action in decision["actions"])]


def expect_run(run, log):
    """What optctl saw of a run is what stands in its log."""
    begun, = events(log, "SparkListenerApplicationStart")
    ended, = events(log, "SparkListenerApplicationEnd")
    assert (run["begun_ms"], run["ended_ms"], run["failed"]) == (begun["Timestamp"], ended["Timestamp"], False), (run, begun, ended)
    settings = properties(log)
    assert run["configuration"]["workers"] == int(settings["spark.executor.instances"]), (run, settings)
    assert run["core_seconds"] > run["worker_seconds"] > 0, run


def play(optctl, processes, spark):
    nightly = Nightly(optctl, processes, spark)
    before = nightly.defaults.read_text() + OWN
    nightly.defaults.write_text(before.format(executors=1))
    nightly.defaults.chmod(0o640)
    spec = nightly.engine(eventLogs=str(nightly.logs), defaults=str(nightly.defaults))
    first = nightly.run()
    assert properties(first)["spark.executor.instances"] == "1"
    processes.start("optctl", [optctl, "run", spec, "--ledger", nightly.ledger, "--listen", "none"], cwd=nightly.folder)
    answer = nightly.recommend(spec, 4)
    assert answer["recommended"]["text"].startswith("2 workers"), answer

    decision, = eventually("optctl changed what the next run has", nightly.actions, 240, 1)
    action, = decision["actions"]
    call, = action["calls"]
    assert call["call"] == f"WRITE {nightly.defaults}: spark.executor.instances 1 -> 2", action
    assert nightly.defaults.read_text() == before.format(executors=2), "somebody else's lines were changed"
    assert stat.S_IMODE(nightly.defaults.stat().st_mode) == 0o640
    expect_run(decision["observation"]["run"], first)

    second = nightly.run()
    assert properties(second)["spark.executor.instances"] == "2", properties(second)
    processes.stop("optctl")

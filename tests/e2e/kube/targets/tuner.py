# SPDX-License-Identifier: GPL-3.0-or-later
"""optctl on one target, as its user runs it with a kubeconfig."""
import json
import subprocess

from harness.processes import eventually, is_begun

QUICK_HPA = {"syncPeriodSeconds": 1, "metricsWindowSeconds": 1, "targetCpuPercent": 80}
VALUES = {"offered": "offeredPerSecond", "throughput": "throughputPerSecond", "backlog": "backlog"}


def spec(engine, knobs, prometheus=None, mode="Auto", strategy="hpa", options=None, name="work", **more):
    """What a TunedPipeline of one target says."""
    told = {"mode": mode, "strategy": strategy, "engine": engine, "knobs": knobs,
            "strategies": {strategy: options or QUICK_HPA}, "prices": {"currency": "USD", "worker": {"perHour": "0.10"}}, **more}
    if prometheus:
        queries = [{"value": value, "query": query} for query, value in VALUES.items() if value != "backlog"]
        told["metrics"] = {"prometheus": {"url": prometheus, "engine": "None", "queries": [
            *queries, {"value": "backlog", "operator": "pipeline", "query": "backlog"}]}}
    return {"apiVersion": "optctl.dev/v1alpha1", "kind": "TunedPipeline", "metadata": {"name": name, "namespace": "default"},
            "spec": told}


class Tuner:
    def __init__(self, world, name, told):
        self.program, self.processes = world.build / "optctl", world.processes
        self.kubeconfig = world.plane.kubeconfig
        self.name = name
        self.folder = world.folder / name
        self.folder.mkdir(exist_ok=True)
        self.spec = self.folder / "spec.yaml"
        self.spec.write_text(json.dumps(told))
        self.ledger = self.folder / "ledger.db"

    def call(self, *words, status=0):
        done = subprocess.run([self.program, *map(str, words)], capture_output=True, text=True, timeout=120, cwd=self.folder)
        assert done.returncode == status, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def recommend(self, status=0):
        """What it would do, and the words on standard error."""
        done = self.call("recommend", self.spec, "--kubeconfig", self.kubeconfig, "--window", 2, "--windows", 1, "--json", "-",
                         status=status)
        return json.loads(done.stdout)["pipelines"][0] if done.stdout else None, done.stderr

    def start(self):
        self.processes.start(self.name, [self.program, "run", self.spec, "--kubeconfig", self.kubeconfig, "--ledger", self.ledger,
                                         "--listen", "none"], cwd=self.folder)
        return self

    def stop(self):
        return self.processes.stop(self.name)

    def log(self):
        return self.processes.log(self.name).read_text(errors="replace")

    def says(self, words, seconds=30):
        return eventually(f"{self.name} says {words!r}", lambda: words in self.log(), seconds)

    def actions(self):
        """What was begun, oldest first: of each its calls and how it ended."""
        if not is_begun(self.ledger):
            return []
        history = json.loads(self.call("history", "--ledger", self.ledger, "--limit", 1000, "--json", "-").stdout)["decisions"]
        return [action for decision in reversed(history) if decision["outcome"] is not None for action in
                json.loads(self.call("explain", decision["id"], "--ledger", self.ledger, "--json", "-").stdout)["actions"]]

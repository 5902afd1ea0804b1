# SPDX-License-Identifier: GPL-3.0-or-later
"""A job that somebody else runs every night, and that `optctl run` with the strategy `bayes` makes cheaper: it reads the event logs and writes
what the next run has into spark-defaults.conf. It comes when the job has run for some nights, is killed between all further runs, and has
beside it a twin that is never killed: both decide the same."""
import json
import math
import pathlib
import re
import stat
import subprocess

from harness.processes import eventually, is_begun

HERE = pathlib.Path(__file__).resolve().parent
ORDERS = 20_000
EARLIER, TRIALS, FAILING = 2, 3, 2
# Of a run's price, with the best setting over with the first one. Judged where two runs with the first one differ by less.
CHEAPER = 0.85
# Spark gives up a job whose tasks bring more than that to the driver.
FAILS = {"spark.driver.maxResultSize": "1k"}
# Both too much for so few orders: executors that have to be started, and tasks with next to nothing to do.
FIRST = {"spark.cores.max": 3, "spark.sql.shuffle.partitions": 120}
# As people leave such files: settings in their own spelling, remarks, no end of the last line.
OWN = """
# what the night is given
  spark.cores.max =  {spark.cores.max}\t
spark.executor.cores 1
spark.executor.memory 600m
spark.sql.adaptive.enabled: false
#spark.cores.max 9
spark.sql.shuffle.partitions {spark.sql.shuffle.partitions}
# the end"""
CORE_HOUR, RUN_SECONDS = 0.05, 1800
SPEC = {"mode": "Auto", "strategy": "bayes", "strategies": {"bayes": {"intervalSeconds": 1, "stepPercent": 60, "riskPercent": 90}},
        "knobs": [{"name": "spark.cores.max", "min": 1, "max": 4}, {"name": "spark.sql.shuffle.partitions", "min": 4, "max": 200}],
        "constraints": {"runSeconds": RUN_SECONDS},
        "guardrails": {"cooldownUpSeconds": 0, "cooldownDownSeconds": 0, "holdAfterFailureSeconds": 0},
        "prices": {"currency": "EUR", "resources": {"perCoreHour": str(CORE_HOUR), "perGibibyteHour": "0"}}}


def own(settings):
    text = OWN
    for name, value in settings.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def events(log, name):
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith(f'{{"Event":"SparkListener{name}"')]


def event(log, name):
    (found,) = events(log, name)
    return found


def had(log):
    told = event(log, "EnvironmentUpdate")["Spark Properties"]
    return {name: int(told[name]) for name in FIRST}


def seconds(log):
    return (event(log, "ApplicationEnd")["Timestamp"] - event(log, "ApplicationStart")["Timestamp"]) / 1e3


def cost(log):
    """Of the driver's core, and of each executor's from its arrival on."""
    ended = event(log, "ApplicationEnd")["Timestamp"]
    gone = {one["Executor ID"]: one["Timestamp"] for one in events(log, "ExecutorRemoved")}
    held = sum((gone.get(one["Executor ID"], ended) - one["Timestamp"]) / 1e3 * one["Executor Info"]["Total Cores"]
               for one in events(log, "ExecutorAdded"))
    return (held + seconds(log)) / 3600 * CORE_HOUR


class Nightly:
    def __init__(self, optctl, processes, spark):
        self.optctl, self.processes, self.spark = optctl, processes, spark
        self.folder = processes.folder
        self.before, self.logs = (spark.conf / "spark-defaults.conf").read_text(), self.folder / "logs"
        self.logs.mkdir()
        self.defaults, self.spec, self.ledger = self.pipeline("nightly", spark.conf / "spark-defaults.conf")
        self.twin_defaults, self.twin_spec, self.twin_ledger = self.pipeline("twin", self.folder / "twin.conf")

    def pipeline(self, name, defaults, **more):
        """Its settings, its spec, its ledger."""
        defaults.write_text(self.before + own(FIRST))
        defaults.chmod(0o640)
        engine = {"spark": {"application": "orders", "eventLogs": str(self.logs), "defaults": str(defaults)}}
        spec = self.folder / f"{name}.yaml"
        spec.write_text(json.dumps({"apiVersion": "optctl.dev/v1alpha1", "kind": "TunedPipeline", "metadata": {"name": name},
                                    "spec": {**SPEC, "engine": engine, **more}}))
        return defaults, spec, self.folder / f"{name}.db"

    def run(self, settings=None, status=0):
        """The event log of a run, which is told nothing of the knobs but what its defaults say."""
        seen = set(self.logs.iterdir())
        done = subprocess.run(self.spark.submission(self.logs, {"spark.eventLog.compress": "false", **(settings or {})}, HERE / "job.py", ORDERS),
                              env=self.spark.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        (log,) = [path for path in set(self.logs.iterdir()) - seen if path.name.startswith("app-")]
        if status == 0:
            print(f"{had(log)}: {seconds(log):.1f} s, {cost(log):.6f} EUR", flush=True)
        return log

    def call(self, *words, status=0):
        done = subprocess.run([self.optctl, *map(str, words)], capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == status, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def recommend(self, status):
        answer, = json.loads(self.call("recommend", self.spec, "--window", 1, "--windows", 1, "--json", "-", status=status))["pipelines"]
        return answer

    def begin(self, name, spec, ledger):
        self.processes.start(name, [self.optctl, "run", spec, "--ledger", ledger, "--listen", "none"], cwd=self.folder)

    def actions(self, ledger):
        """Decisions that led to a change which is known to be made, oldest first."""
        if not is_begun(ledger):
            return []
        history = json.loads(self.call("history", "--ledger", ledger, "--limit", 1000, "--json", "-"))["decisions"]
        ids = sorted(decision["id"] for decision in history if decision["outcome"] is not None)
        found = [json.loads(self.call("explain", number, "--ledger", ledger, "--json", "-")) for number in ids]
        return [decision for decision in found if all(action["calls"] and all(call["done"] for call in action["calls"])
                                                      for action in decision["actions"])]

    def settings(self, defaults):
        """What it says, if nothing but the two values was changed in it."""
        shape = re.escape(self.before + OWN)
        for name in FIRST:
            shape = shape.replace(re.escape(f"{{{name}}}"), f"(?P<{name.replace('.', '_')}>[0-9]+)")
        found = re.fullmatch(shape, defaults.read_text())
        assert found and stat.S_IMODE(defaults.stat().st_mode) == 0o640, f"somebody else's lines were changed in {defaults}"
        return {name: int(found[name.replace(".", "_")]) for name in FIRST}

    def trial(self, number):
        """What is set for a trial, once both have written it."""
        eventually(f"trial {number} is written", lambda: len(self.actions(self.ledger)) == number == len(self.actions(self.twin_ledger)),
                   240, 1)
        wanted = self.settings(self.defaults)
        assert wanted == self.settings(self.twin_defaults), "who was killed decided something else"
        return wanted

    def ending(self, number):
        def ended():
            (action,) = self.actions(self.ledger)[number - 1]["actions"]
            return action["outcome"] if action["outcome"] and action["outcome"].get("time") else None
        return eventually(f"trial {number} is judged", ended, 240, 1)


def expect_run(run, log):
    """What optctl saw of a run is what stands in its log."""
    begun, ended = (event(log, f"Application{what}")["Timestamp"] for what in ("Start", "End"))
    assert (run["begun_ms"], run["ended_ms"], run["failed"]) == (begun, ended, False), (run, begun, ended)
    assert run["configuration"] == had(log), run
    assert abs(run["core_seconds"] * CORE_HOUR / 3600 / cost(log) - 1) < 0.01, (run, cost(log))


def refuses_executors(nightly):
    """A standalone master gives an application as many executors as fit into its cores."""
    _, spec, _ = nightly.pipeline("executors", nightly.folder / "executors.conf", knobs=[{"name": "workers", "min": 1, "max": 4}])
    said = subprocess.run([nightly.optctl, "recommend", spec, "--window", "1", "--windows", "1"], capture_output=True, text=True)
    assert said.returncode == 1 and "expected the knob spark.cores.max instead of workers" in said.stderr + said.stdout, said


def play(optctl, processes, spark):
    nightly = Nightly(optctl, processes, spark)
    first = [nightly.run() for _ in range(EARLIER)]
    refuses_executors(nightly)
    advised = nightly.recommend(4)
    assert advised["configuration"]["text"] == "spark.cores.max 3, spark.sql.shuffle.partitions 120", advised
    nightly.begin("twin", nightly.twin_spec, nightly.twin_ledger)
    good, bad = [], None
    for number in range(1, TRIALS + 1):
        nightly.begin("optctl", nightly.spec, nightly.ledger)
        wanted = nightly.trial(number)
        assert number > 1 or advised["recommended"]["text"] == ", ".join(f"{name} {value}" for name, value in wanted.items()), advised
        assert wanted != bad, "what failed is set again"
        nightly.processes.kill("optctl")
        if number == FAILING:
            assert had(nightly.run(FAILS, 1)) == wanted
            bad = wanted
            continue
        good.append(nightly.run())
        assert had(good[-1]) == wanted
    tell(nightly, first, good)


def judge(first, kept):
    """Money goes by the clock: what runs with the first settings differ by says whether it can be judged here."""
    costs = [cost(log) for log in first]
    before, after = sum(costs) / len(costs), min(map(cost, kept), default=math.inf)
    calm = max(costs) / min(costs) < 2 - CHEAPER
    print(f"a run costs {after:.6f} EUR, with the first settings {before:.6f} EUR{'' if calm else ', on a machine with other work'}", flush=True)
    assert after <= CHEAPER * before or not calm


def tell(nightly, first, good):
    """What the books say, of it all."""
    nightly.begin("optctl", nightly.spec, nightly.ledger)
    outcomes = [nightly.ending(number) for number in range(1, TRIALS + 1)]
    decisions = nightly.actions(nightly.ledger)
    expect_run(decisions[0]["observation"]["run"], first[-1])
    assert "2 runs of" in decisions[0]["proposal"]["alternatives"][0]["why_not"], decisions[0]["proposal"]
    words = decisions[0]["actions"][0]["calls"][0]["call"]
    assert words.startswith(f"WRITE {nightly.defaults}: spark.") and " -> " in words, words
    failed = outcomes[FAILING - 1]
    assert (failed["outcome"], failed["reason"]) == ("Reverted", "its run failed: its last job failed"), failed
    kept = [log for log, outcome in zip(good, outcomes[:FAILING - 1] + outcomes[FAILING:]) if outcome["outcome"] == "Confirmed"]
    assert all(seconds(log) <= RUN_SECONDS for log in kept)
    judge(first, kept)
    page = nightly.call("explain", decisions[FAILING - 1]["id"], "--ledger", nightly.ledger)
    for part in ("bayes", "the best so far", "Judged", "Reverted", "its run failed: its last job failed"):
        assert part in page, (part, page)
    history = nightly.call("history", "--ledger", nightly.ledger)
    assert "spark.cores.max 3, spark.sql.shuffle.partitions 120 → " in history, history
    savings = nightly.call("savings", "--ledger", nightly.ledger)
    assert f"nightly: {EARLIER + TRIALS} runs, {EARLIER} with the baseline's settings, 1 failed" in savings, savings
    print(history, savings, sep="\n")

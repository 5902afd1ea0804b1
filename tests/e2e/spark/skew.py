# SPDX-License-Identifier: GPL-3.0-or-later
"""A job in which one task takes longer than all others together: the event log says so, and `optctl tune` finds settings that are cheaper and no
slower, then ones that are faster."""
import json
import os
import pathlib
import re
import statistics
import subprocess

from harness import fetch
import calm
from nightly import events

HERE = pathlib.Path(__file__).resolve().parent
JOB = HERE / "skewed.py"
# Tasks wait, so the worker may offer more than the machine has.
CORES, CORE_HOUR = 12, 0.05
MONEY_TRIALS, TIME_TRIALS = 6, 4
# Of the job's own time by default: what a cheaper setting may take in the study, so that it is no slower once again.
NO_SLOWER = 0.9
# Two runs with the same settings differ by less on a calm machine, as a share.
ALIKE = 0.15
PLAIN = {"spark.eventLog.compress": "false"}
# Which partition is too large, and how large its parts are to be: 256 MB and 64 MB by default, far above all that this job has.
KNOBS = {"spark.cores.max": "{cores}", "spark.sql.shuffle.partitions": "{partitions}",
         "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "{part}k",
         "spark.sql.adaptive.advisoryPartitionSizeInBytes": "{part}k"}
SPACE = [{"name": "cores", "type": "int", "low": 2, "high": CORES}, {"name": "partitions", "type": "int", "low": 16, "high": 200, "log": True},
         {"name": "part", "type": "int", "low": 256, "high": 65536, "log": True}]
# What the largest partition takes at least, in ms. Where the start of a task takes a third of that, the machine hides what is skewed.
HOT = 16_000
PRINTED = "RESULT ([0-9.]+)"


class Run:
    """Of one run: seconds by the clock from outside, its price, seconds by its own clock, and its event log."""

    def __init__(self, seconds, cores, output, log):
        self.seconds, self.cores, self.log = seconds, cores, log
        self.cost = seconds / 3600 * CORE_HOUR * cores
        self.work = float(re.search(PRINTED, output)[1])
        tasks = [(end["Task Info"]["Finish Time"] - end["Task Info"]["Launch Time"], end["Stage ID"]) for end in events(log, "TaskEnd")]
        self.longest, self.stage = max(tasks)
        self.median = statistics.median(took for took, stage in tasks if stage == self.stage)
        self.cpu = sum(end["Task Metrics"]["Executor CPU Time"] for end in events(log, "TaskEnd")) / 1e9

    def __str__(self):
        return (f"{self.cost:.6f} EUR, {self.seconds:.1f} s, of which the job {self.work:.1f} s; its longest task {self.longest / 1e3:.1f} s, "
                f"the median of that stage {self.median / 1e3:.1f} s; {self.cores} cores; tasks took {self.cpu:.1f} s of CPU")


class Skew:
    def __init__(self, optctl, processes, spark):
        self.optctl, self.processes, self.spark = optctl, processes, spark

    def run(self, name, settings):
        seconds, log = self.spark.run(name, {**settings, **PLAIN}, JOB)
        run = Run(seconds, int(settings.get("spark.cores.max", CORES)), self.processes.log(name).read_text(), log)
        print(f"{name}: {run}", flush=True)
        return run

    def tune(self, name, trials, **spec):
        """The best trial: what was set, and how it ran."""
        folder, path = self.processes.folder / name, self.processes.folder / f"{name}.yaml"
        path.write_text(json.dumps({"search": {"space": SPACE, "seed": 1}, "values": [{"name": "work", "pattern": PRINTED}], **spec}))
        words = [self.optctl, "tune", path, "--study", folder, "--trials", str(trials), "--",
                 *self.spark.submission("{trial}", {**KNOBS, **PLAIN}, JOB)]
        said = subprocess.run(words, env=self.spark.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        print(said.stdout, said.stderr, sep="", flush=True)
        assert said.returncode == 0, f"optctl tune ended with {said.returncode}"
        best = folder / re.search(r"^best: trial ([0-9]+),", said.stdout, re.M)[1]
        x, result = (json.loads((best / part).read_text()) for part in ("trial.json", "result.json"))
        return x["x"], result

    def advice(self, log):
        said = subprocess.run([self.optctl, "simulate", log, "--quiet", "--json", "-"], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)["advice"]


def expect_advice(skew, run):
    """What optctl says first of the stages is the one in which the longest task was, by the log's own events."""
    said = skew.advice(run.log)
    stages = [advice for advice in said if advice["stage"] is not None]
    print(*(f"{advice['kind']}, {advice['seconds']:.1f} s at stake: {advice['words']}" for advice in said), sep="\n", flush=True)
    named = bool(stages) and (stages[0]["kind"], stages[0]["stage"]) == ("Skew", run.stage)
    if not named and run.median > HOT / 3:
        raise fetch.Unavailable("Spark", f"the machine has other work (a task that waits 2 s took {run.median / 1e3:.1f} s)")
    assert named, said


def settings(x):
    return {name: value.format(**x) for name, value in KNOBS.items()}


def cheaper(skew, defaults, calm_now):
    """Money, with the defaults' own time as what may not be exceeded, which on a machine that has other work would be chance. The run again, and
    whether the clock can be judged."""
    limit = {"constraints": [{"value": "work", "max": NO_SLOWER * defaults.work}]} if calm_now else {}
    x, tried = skew.tune("money", MONEY_TRIALS, minimize="cost", workers="cores",
                         prices={"currency": "EUR", "worker": {"perHour": str(CORE_HOUR)}}, **limit)
    again = skew.run("cheapest-again", settings(x))
    print(f"money: {defaults.cost:.6f} EUR with Spark's defaults, {tried['y']:.6f} and {again.cost:.6f} with {x}; the job "
          f"{defaults.work:.1f} s, {tried['values']['work']:.1f} and {again.work:.1f}", flush=True)
    assert max(tried["y"], again.cost) < defaults.cost, "the search found nothing cheaper than the defaults"
    alike = max(tried["seconds"], again.seconds) < (1 + ALIKE) * min(tried["seconds"], again.seconds)
    return again, calm_now and alike


def play(optctl, processes, spark):
    machine = min(os.cpu_count(), CORES)
    skew = Skew(optctl, processes, spark)
    calm_now = calm.share(machine) >= calm.SHARE
    defaults = skew.run("defaults", {})
    expect_advice(skew, defaults)
    again, calm_now = cheaper(skew, defaults, calm_now)
    if not calm_now or calm.share(machine) < calm.SHARE:
        print("time: neither searched for nor judged, as the machine has other work")
        return
    assert again.work <= defaults.work, "what is cheaper is slower"
    x, tried = skew.tune("time", TIME_TRIALS, minimize="seconds")
    print(f"time: {defaults.seconds:.1f} s with Spark's defaults, {tried['y']:.1f} s with {x}")
    assert tried["y"] < defaults.seconds or calm.share(machine) < calm.SHARE, "the search found nothing faster than the defaults"

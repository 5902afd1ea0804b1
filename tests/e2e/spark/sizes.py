# SPDX-License-Identifier: GPL-3.0-or-later
"""The event log of a run on one number of executors predicts how long a run on another takes, by the clock."""
import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TASKS, SECONDS = 32, 2
SIZES = (2, 4)
# docs/evidence.md shows a tenth; start-up and driver share a machine that may have other work.
ERROR_MOST = 0.25


def settings(executors):
    """As many workers as executors, each with one core."""
    return {"spark.master": f"local-cluster[{executors},1,700]", "spark.executor.memory": "600m", "spark.sql.adaptive.enabled": "false",
            "spark.sql.shuffle.partitions": str(TASKS), "spark.eventLog.compress": "false"}


def predicted(optctl, log, executors):
    """Of a log: seconds that the application took, and its replay on so many executors."""
    said = subprocess.run([optctl, "simulate", log, "--executors", str(executors), "--cores", "1", "--quiet", "--json", "-"],
                          capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    document = json.loads(said.stdout)
    return document["measured"]["seconds"], document["alternatives"][0]


def play(optctl, _, spark):
    logs = {}
    for executors in SIZES:
        _, logs[executors] = spark.run(f"{executors}-executors", settings(executors), HERE / "waiting.py", TASKS, SECONDS)
    for known, asked in (SIZES, SIZES[::-1]):
        _, run = predicted(optctl, logs[known], asked)
        measured, _ = predicted(optctl, logs[asked], asked)
        error = run["seconds"] / measured - 1
        print(f"log of {known} executors, asked for {asked}: {run['seconds']:.1f} s ({run['low']:.1f} to {run['high']:.1f}), "
              f"{measured:.1f} s measured ({error:+.1%})", flush=True)
        assert abs(error) <= ERROR_MOST, f"off by {error:+.0%}"

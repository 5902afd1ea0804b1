# SPDX-License-Identifier: GPL-3.0-or-later
"""A day in five minutes: cheaper than the size its peak takes, and hardly late."""
import time

from harness.load import Load
from harness.score import Scorer
from harness.session import needed

PEAK = 1500


def play(world):
    load = Load(f"day 300 300 {PEAK}", "day")
    world.start_cluster()
    started = time.time()
    world.schedule.append(list(load.lines(started * 1000)))
    world.submit(parallelism=3)
    optctl = world.optctl().start()

    summary = Scorer(world.job, load, started, world.folder / "rows.csv").watch()
    print({key: summary[key] for key in ("rescales", "slot_seconds", "late_seconds", "peak_backlog")})

    fixed = (needed(PEAK) + 1) * load.seconds
    assert summary["slot_seconds"] < fixed, f"{needed(PEAK) + 1} slots all day are {fixed} slot-seconds"
    assert summary["late_seconds"] <= 15, summary
    assert max(int(row["p_work"]) for row in summary_rows(world)) >= needed(PEAK)
    assert not [step for step in optctl.widths() if step[2] in ("Failed", "Reverted")], optctl.widths()
    assert world.job.failures() == 0
    assert optctl.stop() == 3


def summary_rows(world):
    import csv
    with open(world.folder / "rows.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["p_work"]]

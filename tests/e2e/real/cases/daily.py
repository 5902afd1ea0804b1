# SPDX-License-Identifier: GPL-3.0-or-later
"""A day in five minutes: cheaper than the size its peak takes, and hardly late."""
import math
import time

from harness.load import Load
from harness.score import Scorer
from harness.session import COST_SECONDS, needed

PEAK = 1500
FIXED = math.ceil(PEAK * COST_SECONDS / 0.7)  # busy 70 % at the peak


def play(world):
    load = Load(f"day 300 300 {PEAK}", "day")
    world.start_cluster()
    started = time.time()
    world.schedule.append(list(load.lines(started * 1000)))
    world.submit(parallelism=3)
    optctl = world.optctl().start()

    summary = Scorer(world.job, load, started, world.folder / "rows.csv").watch()
    print({key: summary[key] for key in ("rescales", "slot_seconds", "late_seconds", "peak_backlog")})

    assert summary["slot_seconds"] < FIXED * load.seconds, f"{FIXED} slots all day are {FIXED * load.seconds} slot-seconds"
    assert summary["late_seconds"] <= 15, summary
    assert max(change["to"]["work"] for change in summary["changes"]) >= needed(PEAK), summary["changes"]
    assert not [step for step in optctl.widths() if step[2] in ("Failed", "Reverted")], optctl.widths()
    assert world.job.failures() == 0
    assert optctl.stop() == 3

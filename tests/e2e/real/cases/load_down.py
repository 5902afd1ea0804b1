# SPDX-License-Identifier: GPL-3.0-or-later
"""The load falls to a quarter: what is no longer needed is given back, and no record is late for it."""
import time


def play(world):
    world.start_cluster()
    world.submit(parallelism=8)
    world.happens("rate 1600")
    optctl = world.steer(world.optctl(), 1600)

    world.happens("rate 400")
    world.wait_until_fits(400, 120)
    optctl.wait_for_outcome(120)

    late = [world.lag_ms() for _ in range(10) if not time.sleep(1)]
    assert max(late) < 5000, f"late after the change: {late}"
    assert world.fits(400, world.width()), optctl.widths()
    assert all(outcome in ("Confirmed", "Pending") for _, _, outcome in optctl.widths()), optctl.widths()
    assert world.job.failures() == 0
    assert optctl.stop() == 3

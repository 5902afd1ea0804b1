# SPDX-License-Identifier: GPL-3.0-or-later
"""The job fails again and again once it has become narrower: the change is taken back, and not made again."""
import time

from harness.processes import eventually

WIDE = 8


def play(world):
    world.start_cluster()
    world.happens(f"fail {WIDE - 1}")
    world.submit(parallelism=WIDE)
    world.happens("rate 600")
    world.wait_until_steady()
    optctl = world.optctl().start()

    eventually("the job fails at the size that was asked for", lambda: world.job.failures() > 0, 120)
    eventually("the change is taken back", lambda: world.width() == WIDE, 120)
    optctl.wait_for_outcome(60, ("Reverted", "Failed"))
    assert world.job.wanted()["work"] == WIDE
    failures = world.job.failures()
    time.sleep(30)

    assert world.width() == WIDE and world.job.failures() == failures, "the same change was made again"
    assert len(optctl.widths()) == 1, optctl.widths()
    assert optctl.alive()
    assert optctl.stop() == 3

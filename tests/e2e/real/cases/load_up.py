# SPDX-License-Identifier: GPL-3.0-or-later
"""The load steps up to 2.5 times: one action carries it there, and it is not taken back."""
import time


def play(world):
    world.start_cluster()
    world.submit(parallelism=3)
    world.happens("rate 600")
    optctl = world.steer(world.optctl(), 600)
    before = len(optctl.actions())

    world.happens("rate 1500")
    stepped = time.time()
    world.wait_until_fits(1500, 60)
    print(f"{world.width()} subtasks {time.time() - stepped:.0f} s after the step")
    world.wait_until_in_time(60)
    optctl.wait_for_outcome(120, after=before)

    steps = optctl.widths(before)
    assert len([step for step in steps if step[1] > step[0]]) == 1, f"one step is enough: {steps}"
    assert world.fits(1500, world.width()), steps
    assert world.job.failures() == 0
    assert optctl.stop() == 3

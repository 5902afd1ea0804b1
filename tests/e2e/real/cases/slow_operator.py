# SPDX-License-Identifier: GPL-3.0-or-later
"""Operator work takes twice as long for each record from one moment to the next; the load stays the same."""

RATE = 700


def play(world):
    world.start_cluster()
    world.submit(parallelism=3)
    world.happens(f"rate {RATE}")
    optctl = world.steer(world.optctl(), RATE)
    before = len(optctl.actions())

    world.happens("cost 2")
    world.wait_until_fits(2 * RATE, 90)
    world.wait_until_in_time(90)
    optctl.wait_for_outcome(120, after=before)

    assert world.fits(2 * RATE, world.width()), optctl.widths()
    assert world.job.failures() == 0
    assert optctl.stop() == 3

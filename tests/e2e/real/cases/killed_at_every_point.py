# SPDX-License-Identifier: GPL-3.0-or-later
"""optctl is killed with SIGKILL at each point of an action in turn, and started again. In the midst of a surge the job ends
at the size the load takes, and was told so once; between two sizes the job runs what the ledger says, every time."""
from harness.kills import INTERVAL_SECONDS, Sweep

REQUIREMENTS = "/resource-requirements$"
LOW, HIGH = 400, 1500


def play(world):
    world.start_cluster()
    world.submit(parallelism=2)
    world.put_between()
    optctl = world.optctl(flink=world.proxy.url)
    for when in ("before", "after"):
        kill_once(world, optctl, when)

    world.happens(f"rate {LOW}")
    Sweep(world, world.optctl(flink=world.proxy.url, interval=INTERVAL_SECONDS)).play()
    world.wait_until_in_time(60)
    assert world.job.failures() == 0


def kill_once(world, optctl, when):
    """From a job that is small and a ledger that is empty: the load grows, and optctl dies as it tells the job so."""
    world.happens(f"rate {LOW}")
    world.job.rescale({"work": 2})
    world.wait_until_fits(LOW, 60)
    optctl.forget()
    world.steer(optctl, LOW)
    before, told = len(optctl.actions()), world.proxy.forwarded("PUT", REQUIREMENTS)

    def kill():
        optctl.kill()
        return False

    struck = world.proxy.on("PUT", REQUIREMENTS, when, kill)
    world.happens(f"rate {HIGH}")
    assert struck.done.wait(90), "nothing was asked for"
    optctl.start()
    world.wait_until_fits(HIGH, 90)
    optctl.wait_for_outcome(150, after=before)

    steps = optctl.widths(before)
    told = world.proxy.forwarded("PUT", REQUIREMENTS) - told
    print(f"killed {when} PUT: {told} PUT, {steps}", flush=True)
    # What never reached the job may be given up and decided anew; on a crowded machine records cost more than at first,
    # and a further step up may follow. Each was told once.
    applied = [step for step in steps if step[2] != "Failed"]
    assert len(steps) - len(applied) <= (when == "before"), steps
    assert told == len(applied), f"the job was told {told} times: {steps}"
    assert all(to > was for was, to, _ in applied), steps
    assert world.job.wanted()["work"] == steps[-1][1]
    assert world.fits(HIGH, world.width()), steps
    optctl.pause()
    optctl.stop()

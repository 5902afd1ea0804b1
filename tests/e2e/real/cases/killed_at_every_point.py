# SPDX-License-Identifier: GPL-3.0-or-later
"""optctl is killed with SIGKILL at each point of an action in turn, and started again: before its call reaches the
JobManager, after the JobManager took it but before the answer, before and after it reads back. Each time the job ends at
the size the load takes, and was told so once."""
import time

from harness.session import fits

REQUIREMENTS = "/resource-requirements$"
LOW, HIGH = 400, 1500
# A GET that comes after the PUT is the read-back.
POINTS = (("PUT", "before"), ("PUT", "after"), ("GET", "before"), ("GET", "after"))


def play(world):
    world.start_cluster()
    world.happens(f"rate {LOW}")
    world.submit(parallelism=2)
    world.put_between()
    optctl = world.optctl(flink=world.proxy.url, interval=3)
    for method, when in POINTS:
        kill_once(world, optctl, method, when)


def kill_once(world, optctl, method, when):
    """From a job that is small and a ledger that is empty."""
    world.happens(f"rate {LOW}")
    world.job.rescale({"work": 2})
    world.wait_until_fits(LOW, 60)
    world.wait_until_in_time(120)
    optctl.forget()
    optctl.start()
    time.sleep(25)
    optctl.wait_for_rest()
    before, told = len(optctl.actions()), world.proxy.forwarded("PUT", REQUIREMENTS)

    def kill():
        optctl.kill()
        return False

    only_after = None if method == "PUT" else ("PUT", REQUIREMENTS)
    struck = world.proxy.on(method, REQUIREMENTS, when, kill, only_after)
    world.happens(f"rate {HIGH}")
    assert struck.done.wait(90), f"no {method} in time"
    optctl.start()
    world.wait_until_fits(HIGH, 90)
    optctl.wait_for_outcome(150, after=before)

    actions = optctl.actions()[before:]
    told = world.proxy.forwarded("PUT", REQUIREMENTS) - told
    print(f"killed {when} {method}: {told} PUT, {optctl.widths(before)}", flush=True)
    optctl.stop()
    # What never reached the job may be given up and decided anew; nothing may be told twice.
    assert told == 1, f"the job was told {told} times"
    assert len(actions) == 1 or (method, when, len(actions)) == ("PUT", "before", 2), optctl.widths(before)
    assert world.job.wanted()["work"] == actions[-1]["to"]["configuration"]["parallelism.work"]
    assert fits(HIGH, world.width()), optctl.widths(before)

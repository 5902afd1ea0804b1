# SPDX-License-Identifier: GPL-3.0-or-later
"""optctl is killed with SIGKILL at each point of an action in turn, and started again: before its call reaches the
JobManager, after the JobManager took it but before the answer, before and after it reads back. Each time the job ends at
the size that was decided, and was told so once."""
import time

from harness.session import fits

REQUIREMENTS = "/resource-requirements$"
LOW, HIGH = 500, 1500
# A GET that comes after the PUT is the read-back.
POINTS = (("PUT", "before"), ("PUT", "after"), ("GET", "before"), ("GET", "after"))


def play(world):
    world.start_cluster()
    world.happens(f"rate {LOW}")
    world.submit(parallelism=2)
    world.put_between()
    optctl = world.optctl(flink=world.proxy.url, guardrails="cooldownUpSeconds: 5, cooldownDownSeconds: 10").start()
    time.sleep(35)
    optctl.wait_for_rest()
    for number, (method, when) in enumerate(POINTS):
        kill_once(world, optctl, (HIGH, LOW)[number % 2], method, when)


def kill_once(world, optctl, rate, method, when):
    proxy, before, taken = world.proxy, len(optctl.actions()), world.proxy.forwarded("PUT", REQUIREMENTS)

    def kill():
        optctl.kill()
        return False

    if method == "PUT":
        struck = proxy.on("PUT", REQUIREMENTS, when, kill)
    else:
        struck = proxy.on("GET", REQUIREMENTS, when, kill, only_after=("PUT", REQUIREMENTS))
    world.happens(f"rate {rate}")
    assert struck.done.wait(90), f"no {method} in time"
    optctl.start()
    world.wait_until_fits(rate, 90)
    optctl.wait_for_rest(120)

    actions = optctl.actions()[before:]
    puts = proxy.forwarded("PUT", REQUIREMENTS) - taken
    print(f"killed {when} {method}: {puts} PUT, {optctl.widths(before)}")
    # What never reached the job may be given up and decided anew; nothing may be told twice.
    assert puts == 1, f"the job was told {puts} times"
    assert len(actions) == 1 or (method, when, len(actions)) == ("PUT", "before", 2), optctl.widths(before)
    assert actions[-1]["outcome"]["outcome"] == "Confirmed", actions[-1]["outcome"]
    assert world.job.wanted()["work"] == actions[-1]["to"]["configuration"]["parallelism.work"]
    assert fits(rate, world.width()), optctl.widths(before)

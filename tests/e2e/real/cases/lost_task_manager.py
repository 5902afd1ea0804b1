# SPDX-License-Identifier: GPL-3.0-or-later
"""A TaskManager is killed: four slots of twelve are gone until another one comes. That is no reason to change anything:
what is asked for stays, and runs again once there are slots."""
import time

from harness.processes import eventually
from harness.session import fits, needed

RATE = 2500


def play(world):
    cluster = world.start_cluster()
    world.happens(f"rate {RATE}")
    world.submit(parallelism=10)
    proxy = world.put_between()
    optctl = world.optctl(flink=proxy.url, guardrails="cooldownUpSeconds: 10, cooldownDownSeconds: 600").start()
    time.sleep(30)
    assert world.width() >= needed(RATE), optctl.widths()

    world.processes.kill("taskmanager-2")
    eventually("the job runs on what is left", lambda: (world.width() or 99) <= 8, 60)
    time.sleep(20)
    assert optctl.alive()
    cluster.start_task_manager(2)
    cluster.wait_for_task_managers(3)
    world.wait_until_fits(RATE, 60)
    world.wait_until_in_time(120)

    asked = world.job.wanted()["work"]
    assert asked >= needed(RATE), f"asked for {asked}: {optctl.widths()}"
    assert not [step for step in optctl.widths() if step[1] < needed(RATE)], optctl.widths()
    assert optctl.stop() == 3

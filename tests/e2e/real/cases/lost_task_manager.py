# SPDX-License-Identifier: GPL-3.0-or-later
"""A TaskManager is killed: four slots of twelve are gone until another one comes. That is no reason to change anything:
what is asked for stays, and runs again once there are slots."""
from harness.processes import eventually
from harness.session import needed

RATE = 2500


def play(world):
    cluster = world.start_cluster()
    world.submit(parallelism=10)
    world.happens(f"rate {RATE}")
    proxy = world.put_between()
    guardrails = "cooldownUpSeconds: 10, cooldownDownSeconds: 600"
    optctl = world.steer(world.optctl(flink=proxy.url, guardrails=guardrails), RATE)

    world.processes.kill("taskmanager-2")
    eventually("the job runs on what is left", lambda: (world.width() or 99) <= 8, 60)
    optctl.wait_for_turns(4)
    cluster.start_task_manager(2)
    cluster.wait_for_task_managers(3)
    world.wait_until_fits(RATE, 60)
    world.wait_until_in_time(120)

    asked = world.job.wanted()["work"]
    assert asked >= needed(RATE), f"asked for {asked}: {optctl.widths()}"
    assert not [step for step in optctl.widths() if step[1] < needed(RATE)], optctl.widths()
    assert optctl.stop() == 3

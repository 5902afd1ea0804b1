# SPDX-License-Identifier: GPL-3.0-or-later
"""The job's scheduler cannot rescale it in place: it is stopped with a savepoint and started again from there. optctl is
killed with SIGKILL at each point of that in turn, and started again. The job runs what the ledger says, every time."""
from harness.kills import INTERVAL_SECONDS, Sweep
from harness.processes import eventually

LOW, HIGH = 400, 1500


def play(world):
    world.start_cluster(settings={"jobmanager.scheduler": "default"})
    world.submit(parallelism=2)
    world.happens(f"rate {LOW}")
    world.put_between()
    optctl = world.optctl(flink=world.proxy.url, restarts=True)
    world.steer(optctl, LOW)

    world.happens(f"rate {HIGH}")
    eventually("the job is started again as wide as the load takes", lambda: world.fits(HIGH, width(world)), 150)
    optctl.pause()
    optctl.stop()

    world.happens(f"rate {LOW}")
    Sweep(world, world.optctl(flink=world.proxy.url, restarts=True, interval=INTERVAL_SECONDS)).play()
    width(world)
    world.wait_until_in_time(60)


def width(world):
    """Each start makes it another job."""
    world.job = world.cluster.find("job") or world.job
    return world.width()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The JobManager dies right after it took the order to rescale, before it could answer. A new one takes the job over (high
availability), and with it the order: optctl finds it done, or gives it again, and ends with one action that held."""


def play(world):
    cluster = world.start_cluster(high_availability=True)
    world.submit(parallelism=3)
    world.happens("rate 600")
    proxy = world.put_between()
    optctl = world.steer(world.optctl(flink=proxy.url), 600)
    before = len(optctl.actions())

    def die():
        world.processes.kill("jobmanager")
        return False

    told = proxy.on("PUT", "/resource-requirements$", "after", die)
    world.happens("rate 1500")
    assert told.done.wait(90), "nothing was asked for"
    cluster.start_job_manager()
    cluster.wait_for_task_managers(3)
    assert optctl.alive(), "the JobManager was gone, and so is optctl"

    world.wait_until_fits(1500, 120)
    world.wait_until_in_time(120)
    optctl.wait_for_rest(150)
    steps = optctl.widths(before)
    assert steps and steps[-1][2] == "Confirmed", steps
    assert world.fits(1500, world.width()), steps
    assert world.job.wanted()["work"] == world.width()
    assert optctl.stop() == 3

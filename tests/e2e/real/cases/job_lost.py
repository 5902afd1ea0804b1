# SPDX-License-Identifier: GPL-3.0-or-later
"""The JobManager dies as it is being told to rescale, and without high availability the job dies with it. A new one comes
with a new job of the same name at the old size: optctl holds meanwhile, and then brings that one to its size."""
import time

from harness.processes import eventually
from harness.session import needed


def play(world):
    cluster = world.start_cluster()
    world.submit(parallelism=3)
    world.happens("rate 600")
    proxy = world.put_between()
    guardrails = "cooldownUpSeconds: 10, cooldownDownSeconds: 600, holdAfterFailureSeconds: 10"
    optctl = world.steer(world.optctl(flink=proxy.url, guardrails=guardrails), 600)
    told = proxy.on("PUT", "/resource-requirements$", "before", lambda: world.processes.kill("jobmanager"))

    world.happens("rate 1500")
    assert told.done.wait(90), "nothing was asked for"
    time.sleep(15)
    assert optctl.alive(), "the JobManager is gone, and so is optctl"
    asked = proxy.count("PUT", "/resource-requirements$")
    cluster.start_job_manager()
    cluster.wait_for_task_managers(3)
    world.submit(parallelism=3)
    eventually("the new job is brought to its size", lambda: (world.width() or 0) >= needed(1500), 120)
    world.wait_until_in_time(120)
    optctl.wait_for_rest(180)

    assert optctl.widths()[-1][2] == "Confirmed", optctl.widths()
    assert proxy.count("PUT", "/resource-requirements$") > asked
    assert world.fits(1500, world.width()), optctl.widths()
    assert optctl.stop() == 3

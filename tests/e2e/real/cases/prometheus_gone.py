# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus goes away and comes back: nothing is changed on what is not known, and the program says what is missing."""
import time

from harness.processes import eventually
from harness.session import fits


def play(world):
    world.start_cluster()
    world.happens("rate 600")
    world.submit(parallelism=3)
    world.start_prometheus()
    proxy = world.put_between()
    optctl = world.optctl(flink=proxy.url, sources=f'  metrics:\n    prometheus: {{url: "{world.prometheus.url}"}}').start()
    time.sleep(45)
    assert fits(600, world.width()), optctl.widths()
    optctl.wait_for_rest()

    world.processes.kill("prometheus")
    time.sleep(10)
    asked = proxy.count("PUT", "/resource-requirements$")
    time.sleep(20)
    assert optctl.alive()
    assert proxy.count("PUT", "/resource-requirements$") == asked, "changed without measurements"
    assert "prometheus" in optctl.log.read_text().lower(), "the log does not say what is missing"

    world.prometheus.start()
    world.happens("rate 1500")
    world.wait_until_fits(1500, 90)
    eventually("records are no longer late", lambda: world.lag_ms() < 5000, 90, 1)
    assert optctl.stop() == 3

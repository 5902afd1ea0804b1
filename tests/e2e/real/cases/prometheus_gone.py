# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus goes away and comes back: nothing is changed on what is not known, and the program says what is missing."""
from harness.processes import eventually


def play(world):
    world.start_cluster()
    world.submit(parallelism=3)
    world.happens("rate 600")
    world.start_prometheus()
    proxy = world.put_between()
    source = f'  metrics:\n    prometheus: {{url: "{world.prometheus.url}"}}'
    optctl = world.steer(world.optctl(flink=proxy.url, sources=source), 600)

    world.processes.kill("prometheus")
    optctl.wait_for_turns(2)
    asked = proxy.count("PUT", "/resource-requirements$")
    optctl.wait_for_turns(4)
    assert optctl.alive()
    assert proxy.count("PUT", "/resource-requirements$") == asked, "changed without measurements"
    assert "prometheus" in optctl.log.read_text().lower(), "the log does not say what is missing"

    world.prometheus.start()
    world.happens("rate 1500")
    world.wait_until_fits(1500, 90)
    eventually("records are no longer late", lambda: world.lag_ms() < 5000, 90, 1)
    assert optctl.stop() == 3

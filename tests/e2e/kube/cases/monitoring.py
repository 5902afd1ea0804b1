# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels of what only the operator counts bring numbers: a real Prometheus scrapes `optctl controller` on a real API server
while pipelines come, are wrong, and go."""
import pathlib
import sys
import time

from plane.played_flink import Flinks
from plane.tuned import Pipelines, Replica, install, pipeline
from harness import fetch

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "monitoring"))
import panels  # noqa: E402
import stage as monitoring  # noqa: E402

SCRAPES = 6


def play(stage):
    fetch.prometheus()
    stage.start()
    install(stage)
    optctl, flinks, pipelines = stage.build / "optctl", Flinks(), Pipelines(stage.plane.api)
    replica = Replica(stage).start()
    rules = {f"{name}.yaml": monitoring.run(optctl, "monitoring", name) for name in ("alerts", "recording-rules")}
    prometheus = monitoring.Prometheus(stage.processes, f"127.0.0.1:{replica.port}", None, rules)
    begin = time.time()
    for name in ("orders", "clicks"):
        flinks.add(name)
        pipelines.apply(pipeline(name, flinks.url(name)))
        pipelines.await_condition(name, "Ready", "True")
    time.sleep(SCRAPES)
    panels.check(optctl, prometheus, stage.folder, begin, panels.is_of_cluster)
    assert prometheus.now("optctl_leader")[0]["value"][1] == "1", "it leads and does not say so"
    assert prometheus.now("optctl_tuned_pipelines")[0]["value"][1] == "2", "there are two pipelines"
    fired = prometheus.firing()
    assert not fired, f"without a cause: {fired}"

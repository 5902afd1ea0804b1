# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane in one folder, and whatever a case starts beside it."""
import os
import pathlib
import shutil
import subprocess

from harness.processes import Processes

from .control_plane import ControlPlane


class World:
    """Use it in a `with`: what was started is stopped in any case. `build`: where optctl and its tests were built."""

    def __init__(self, folder, build):
        self.folder = pathlib.Path(folder).resolve()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.processes = Processes(self.folder)
        self.build = build
        self.plane = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.processes.stop_all()

    def start(self, nodes=0, metrics=False, **options):
        """An API server alone; with `nodes`, all of a control plane; with `metrics`, what its pods use, too."""
        self.plane = ControlPlane(self.processes, self.folder, **options).start(nodes, metrics)
        return self.plane

    def run_test(self, name, seconds, **environment):
        """A test program, told of the control plane by its environment; what it prints is the case's own output."""
        told = {"KUBECONFIG": str(self.plane.kubeconfig), **environment}
        status = subprocess.run([self.build / name], env={**os.environ, **told}, cwd=self.build.parent, timeout=seconds).returncode
        assert status == 0, f"{name} ended with {status}"

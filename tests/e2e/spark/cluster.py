# SPDX-License-Identifier: GPL-3.0-or-later
"""A master and a worker of Spark's own, out of the package pyspark, on loopback."""
import json
import os
import subprocess
import sys
import time
import urllib.request

from harness import fetch
from harness.processes import eventually, free_ports

VERSION = "4.3.0"
DAEMON = "org.apache.spark.deploy"
WORKER_MEMORY = "2g"
# Runs last seconds, in which a compiler that optimises would take most of the CPU.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def packages():
    fetch.require("Spark", "java")
    return fetch.python_packages("Spark", f"spark-{VERSION}", f"pyspark=={VERSION}")


class Cluster:
    def __init__(self, processes, cores):
        self.processes, self.cores, self.packages = processes, cores, packages()
        self.home = self.packages / "pyspark"
        self.port, self.page, worker_page = free_ports(3)
        self.worker_page = worker_page
        self.url = f"spark://127.0.0.1:{self.port}"
        self.conf = processes.folder / "conf"
        self.environment = {**os.environ, "SPARK_HOME": str(self.home), "PYTHONPATH": str(self.packages),
                            "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(self.conf), "PYSPARK_PYTHON": sys.executable,
                            "SPARK_WORKER_DIR": str(processes.folder / "work"), "SPARK_DAEMON_MEMORY": "128m",
                            "SPARK_DAEMON_JAVA_OPTS": JAVA}

    def start(self):
        self.conf.mkdir()
        # What is not told here is Spark's default.
        (self.conf / "spark-defaults.conf").write_text(
            f"spark.master {self.url}\nspark.eventLog.enabled true\nspark.eventLog.rolling.enabled false\nspark.ui.enabled false\n"
            f"spark.driver.extraJavaOptions {JAVA}\nspark.executor.extraJavaOptions {JAVA}\n")
        self._daemon("master", f"{DAEMON}.master.Master", "-p", self.port, "--webui-port", self.page)
        self._daemon("worker", f"{DAEMON}.worker.Worker", "-c", self.cores, "-m", WORKER_MEMORY, "--webui-port", self.worker_page,
                     self.url)
        eventually(f"a worker (see {self.processes.log('worker')})", self._has_worker, 240)
        return self

    def _daemon(self, name, main, *words):
        self.processes.start(name, [self.home / "bin/spark-class", main, "-h", "127.0.0.1", *words], env=self.environment)

    def history(self, log_folder):
        """URL of a History Server over a folder of event logs, and how it lists the applications that have ended."""
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        options = f"{JAVA} -Dspark.history.fs.logDirectory=file://{log_folder} -Dspark.history.ui.port={port} -Dspark.history.fs.update.interval=2s"
        self.processes.start("history", [self.home / "bin/spark-class", f"{DAEMON}.history.HistoryServer"],
                             env={**self.environment, "SPARK_HISTORY_OPTS": options})

        def applications():
            try:
                with urllib.request.urlopen(f"{url}/api/v1/applications?status=completed", timeout=10) as answer:
                    return json.load(answer)
            except OSError:
                return []
        return url, eventually(f"an application (see {self.processes.log('history')})", applications, 240)

    def _has_worker(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/json/", timeout=10) as answer:
                return json.load(answer)["aliveworkers"] == 1
        except OSError:
            return False

    def submission(self, log_folder, settings, job, *arguments):
        """The command line that runs a job, whose event log goes to a folder."""
        settings = {"spark.eventLog.dir": f"file://{log_folder}", **settings}
        words = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        return [str(word) for word in (self.home / "bin/spark-submit", *words, job, *arguments)]

    def run(self, name, settings, job, *arguments):
        """Seconds by the clock, from outside, and the event log."""
        folder = self.processes.folder / name
        folder.mkdir()
        begun = time.monotonic()
        done = subprocess.run(self.submission(folder, settings, job, *arguments), env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seconds = time.monotonic() - begun
        self.processes.log(name).write_text(done.stdout)
        assert done.returncode == 0, f"{name} ended with {done.returncode} (see {self.processes.log(name)})"
        return seconds, event_log(folder)


def event_log(folder):
    (log,) = [path for path in folder.iterdir() if path.name.startswith("app-")]
    return log

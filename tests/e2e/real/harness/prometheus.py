# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prometheus server on loopback that scrapes the reporters of a Flink cluster."""
import json
import urllib.parse
import urllib.request

from . import fetch
from .processes import eventually, free_ports, is_private


class Prometheus:
    def __init__(self, processes, cluster, scrape_seconds=2):
        if not is_private():
            raise fetch.Unavailable("prometheus", "Flink's reporter listens on every address, and there is no network namespace")
        self.processes, self.program = processes, fetch.prometheus()
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = processes.folder / "prometheus"
        self.folder.mkdir()
        self.targets = [f"127.0.0.1:{port}" for port in cluster.metric_ports]
        # JSON is YAML.
        (self.folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": f"{scrape_seconds}s", "scrape_timeout": f"{scrape_seconds}s"},
            "scrape_configs": [{"job_name": "flink", "static_configs": [{"targets": self.targets}]}]}))

    def start(self):
        self.processes.start("prometheus", [
            self.program, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"])
        eventually("Prometheus scrapes every process", lambda: self._up() == len(self.targets), 60)
        return self

    def _up(self):
        try:
            return sum(float(each["value"][1]) for each in self.query("up"))
        except OSError:
            return -1

    def query(self, expression):
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=10) as answer:
            return json.loads(answer.read())["data"]["result"]

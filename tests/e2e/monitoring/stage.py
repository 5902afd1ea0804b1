# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus that scrapes optctl by the second and reads its rules, a real Alertmanager behind it, and who is told."""
import http.server
import json
import os
import pathlib
import re
import subprocess
import threading
import urllib.parse
import urllib.request

from harness import fetch
from harness.processes import eventually, free_ports, is_private

LOOPBACK = "127.0.0.1"
STARTS_SECONDS = 30
ALERTMANAGER = "usr/bin/prometheus-alertmanager"


def ask(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def _answers(url):
    try:
        return ask(url) is not None
    except OSError:
        return False


class Receiver:
    """Where the Alertmanager delivers: `heard` maps names of alerts to what came with them, the newest."""

    def __init__(self):
        heard = self.heard = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
                    heard[alert["labels"]["alertname"]] = alert
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words):
                pass
        self.server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{LOOPBACK}:{self.server.server_port}/"


def alertmanager_root():
    """Where Debian's package is laid out: the root folder when it is installed."""
    return pathlib.Path("/") if pathlib.Path("/", ALERTMANAGER).exists() else fetch.debian("prometheus-alertmanager")


def _alertmanager_program():
    """It wants its templates where the package puts them: what is only unpacked is laid over that place, in a mount namespace
    of our own."""
    root = alertmanager_root()
    if root != pathlib.Path("/"):
        if not is_private():
            raise fetch.Unavailable("prometheus-alertmanager", "is not installed, and there is no mount namespace to lay it over")
        fetch.run_tool("prometheus-alertmanager", ["mount", "-t", "overlay", "overlay", "-o",
                                                   f"lowerdir={root}/usr/share:/usr/share", "/usr/share"], root)
    return root / ALERTMANAGER


def start_alertmanager(processes, receiver):
    port, = free_ports(1)
    config = processes.folder / "alertmanager.yml"
    config.write_text(json.dumps({
        "route": {"receiver": "test", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "test", "webhook_configs": [{"url": receiver.url}]}]}))
    processes.start("alertmanager", [_alertmanager_program(), f"--config.file={config}", "--cluster.listen-address=",
                                     f"--storage.path={processes.folder}/alertmanager", f"--web.listen-address={LOOPBACK}:{port}"])
    eventually("Alertmanager is ready", lambda: _answers(f"http://{LOOPBACK}:{port}/-/ready"), STARTS_SECONDS)
    return f"{LOOPBACK}:{port}"


def at_once(rules):
    """The rules with alerts that do not wait: how long they do is what promtool's tests hold."""
    return re.sub(r'( +for: )"\w+"', r'\1"1s"', rules)


class Prometheus:
    """`alertmanager`: where alerts go; None: nowhere."""

    def __init__(self, processes, target, alertmanager, rules):
        folder = processes.folder
        port, = free_ports(1)
        self.url = f"http://{LOOPBACK}:{port}"
        for name, text in rules.items():
            (folder / name).write_text(at_once(text))
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": list(rules),
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager] if alertmanager else []}]}]},
            "scrape_configs": [{"job_name": "optctl", "static_configs": [{"targets": [target]}]}]}))
        processes.start("prometheus", [
            fetch.prometheus(), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={LOOPBACK}:{port}", "--log.level=warn"])
        eventually("Prometheus is ready", lambda: _answers(f"{self.url}/-/ready"), STARTS_SECONDS)

    def get(self, path, **words):
        return json.loads(ask(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(words, doseq=True)}"))["data"]

    def now(self, expression):
        return self.get("query", query=expression)["result"]

    def over(self, expression, begin, end):
        return self.get("query_range", query=expression, start=begin, end=end, step=1)["result"]

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"}


def run(optctl, *words, **options):
    return subprocess.run([optctl, *map(str, words)], check=True, capture_output=True, text=True,
                          env={**os.environ, "NO_COLOR": "1"}, **options).stdout

# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics API and a Prometheus, played: what pods use and how much there is to do is what a case says."""
import http.server
import json
import ssl
import threading
import time
import urllib.parse

from harness.processes import eventually

SECONDS = 60
METRICS_API = "/apis/metrics.k8s.io/v1beta1"


class _Server:
    """Answers GETs with answer(path, query), in threads of this program."""

    def __init__(self, answer, certificate=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                outer.asked.append(self.path)
                body = json.dumps(answer(parts.path, urllib.parse.parse_qs(parts.query))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked has gone

            def log_message(self, *_):
                pass
        self.asked = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if certificate:
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trust.load_cert_chain(*certificate)
            self.server.socket = trust.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Prometheus(_Server):
    """Each query is the name of a value."""

    def __init__(self, **values):
        self.values = values
        super().__init__(self._answer)
        self.url = f"http://127.0.0.1:{self.port}"

    def _answer(self, _path, query):
        value = self.values.get(query.get("query", [""])[0])
        result = [] if value is None else [{"metric": {}, "value": [time.time(), str(value)]}]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}


class Metrics(_Server):
    """Served by the API server as metrics.k8s.io: each pod of `pools` uses `cpu` cores (or its part of the pool's `work`) and `memory` bytes."""

    def __init__(self, plane, cpu, memory=64 << 20):
        self.cpu, self.memory, self.pools = cpu, memory, []
        identities = plane.identities
        identities.certificate("metrics", "/CN=metrics", usage="serverAuth", names="DNS:localhost,DNS:metrics.default.svc")
        super().__init__(self._answer, (identities.path("metrics.crt"), identities.path("metrics.key")))
        self._publish(plane.api)
        eventually("the metrics API is served", lambda: plane.api.answers(f"{METRICS_API}/namespaces/default/pods"), SECONDS)

    def _publish(self, api):
        api.post("/api/v1/namespaces/default/services", {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": self.port}]}})
        api.post("/apis/apiregistration.k8s.io/v1/apiservices", {
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                     "insecureSkipTLSVerify": True,
                     "service": {"namespace": "default", "name": "metrics", "port": self.port}}})

    def _answer(self, path, _query):
        if path == METRICS_API:
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1", "resources": [
                {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}]}
        namespace = path.removeprefix(f"{METRICS_API}/namespaces/").split("/")[0]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        items = [{"metadata": {"name": pod, "namespace": namespace}, "timestamp": now, "window": "15s",
                  "containers": [{"name": "work", "usage": used}]}
                 for pool in list(self.pools) if pool.namespace == namespace for pod, used in self._of(pool)]
        return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}

    def _of(self, pool):
        cpu = self.cpu if pool.work is None else pool.work / pool.told
        return [(pod, {"cpu": f"{round(cpu * 1000)}m", "memory": str(self.memory)}) for pod in pool.pods()]

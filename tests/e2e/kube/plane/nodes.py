# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a control plane live: controllers, a scheduler, simulated nodes whose pods use what an annotation says, and the
metrics of that use."""
import base64

from harness.processes import eventually

from . import programs

PROGRAMS = ("kube-controller-manager", "kube-scheduler", "kwok")
METRICS = "metrics-server"
ROOM = {"cpu": "32", "memory": "256Gi", "pods": "110"}
METRICS_SECONDS = 10  # resolution of the metrics; the server takes no less
METRICS_API = "/apis/metrics.k8s.io/v1beta1"


class Nodes:
    """`ports`: by name of PROGRAMS and METRICS. `controller_flags`: more words for the controller manager's command line."""

    def __init__(self, plane, ports, controller_flags=()):
        self.plane = plane
        self.processes = plane.processes
        self.api = plane.api
        self.pki = plane.identities.path
        self.ports = ports
        self.controller_flags = controller_flags

    def start(self, count, seconds):
        """Until every node is ready, and pods of the default namespace have an account to run as."""
        paths = {name: programs.program(name) for name in PROGRAMS}
        self._start_controllers(paths)
        self._start_kwok(paths["kwok"])
        for number in range(count):
            self._add(f"node-{number}")
        eventually("the default service account", lambda: self.api.answers("/api/v1/namespaces/default/serviceaccounts/default"), seconds)
        eventually("every node is ready", self._all_ready, seconds)

    def start_metrics(self, seconds):
        """Until the API server serves metrics; a pod has some once it was seen twice, and a node once it has pods."""
        path, names = programs.program(METRICS), f"DNS:localhost,DNS:{METRICS}.kube-system.svc"
        self.plane.identities.certificate(METRICS, f"/O=system:masters/CN={METRICS}", usage="serverAuth,clientAuth", names=names)
        kubeconfig = self.plane.identities.kubeconfig(METRICS, self.plane.url)
        self.processes.start(METRICS, [
            path, *(f"--{use}kubeconfig={kubeconfig}" for use in ("", "authentication-", "authorization-")),
            "--bind-address=127.0.0.1", f"--secure-port={self.ports[METRICS]}", f"--tls-cert-file={self.pki(f'{METRICS}.crt')}",
            f"--tls-private-key-file={self.pki(f'{METRICS}.key')}", "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-use-node-status-port", f"--kubelet-certificate-authority={self.pki('ca.crt')}",
            f"--metric-resolution={METRICS_SECONDS}s", "--kubelet-request-timeout=3s"])
        self._publish_metrics()
        eventually("the metrics API", lambda: self.api.answers(f"{METRICS_API}/nodes"), seconds)

    def start_controllers(self):
        """The controller manager alone: what schedules pods and runs them is played."""
        self._start_controllers({name: programs.program(name) for name in PROGRAMS[:1]})

    def start_idle(self):
        """Controllers in Go with nothing to do, to hold another one's memory against. Returns their names."""
        self._start_controllers({name: programs.program(name) for name in PROGRAMS})
        self._start_kwok(programs.program("kwok"))
        return PROGRAMS

    # ---- parts ----

    def _start_controllers(self, paths):
        more = {"kube-controller-manager": [
            f"--root-ca-file={self.pki('ca.crt')}", f"--service-account-private-key-file={self.pki('accounts.key')}",
            f"--cluster-signing-cert-file={self.pki('ca.crt')}", f"--cluster-signing-key-file={self.pki('ca.key')}",
            "--use-service-account-credentials", *self.controller_flags]}
        for name in (name for name in ("kube-controller-manager", "kube-scheduler") if name in paths):
            self.plane.identities.certificate(name, f"/CN=system:{name}")
            kubeconfig = self.plane.identities.kubeconfig(name, self.plane.url)
            self.processes.start(name, [
                paths[name], f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1",
                f"--secure-port={self.ports[name]}", f"--cert-dir={self.pki('')}", "--profiling=false", *more.get(name, ())])

    def _start_kwok(self, path):
        self.plane.identities.certificate("kwok", "/O=system:masters/CN=kwok", usage="serverAuth,clientAuth",
                                          names="IP:127.0.0.1,DNS:localhost")
        kubeconfig, port = self.plane.identities.kubeconfig("kwok", self.plane.url), self.ports["kwok"]
        self.processes.start("kwok", [
            path, f"--kubeconfig={kubeconfig}", f"--config={programs.stages()}", "--manage-all-nodes=true",
            "--node-ip=127.0.0.1", f"--node-port={port}", f"--server-address=127.0.0.1:{port}",
            f"--tls-cert-file={self.pki('kwok.crt')}", f"--tls-private-key-file={self.pki('kwok.key')}",
            "--node-lease-duration-seconds=40"])

    def _add(self, name):
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        annotations = {"metrics.k8s.io/resource-metrics-path": f"/metrics/nodes/{name}/metrics/resource"}
        self.api.post("/api/v1/nodes", {
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels, "annotations": annotations},
            "status": {"allocatable": ROOM, "capacity": ROOM}})

    def _all_ready(self):
        def is_ready(node):
            return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", ()))
        return all(is_ready(node) for node in self.api.get("/api/v1/nodes")["items"])

    def _publish_metrics(self):
        """The API server asks a service for them whose name is this machine's."""
        place = {"name": METRICS, "namespace": "kube-system"}
        self.api.post("/api/v1/namespaces/kube-system/services", {
            "apiVersion": "v1", "kind": "Service", "metadata": place, "spec": {"type": "ExternalName", "externalName": "localhost"}})
        group, version = METRICS_API.split("/")[2:]
        trusted = base64.b64encode(self.pki("ca.crt").read_bytes()).decode()
        self.api.post("/apis/apiregistration.k8s.io/v1/apiservices", {
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": f"{version}.{group}"},
            "spec": {"service": {**place, "port": self.ports[METRICS]}, "group": group, "version": version, "caBundle": trusted,
                     "groupPriorityMinimum": 100, "versionPriority": 100}})

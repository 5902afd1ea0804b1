# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd and an API server on 127.0.0.1, with certificates of their own; with nodes, everything else of a control plane."""
import json
import pathlib

from harness.processes import eventually, free_ports

from . import nodes, programs
from .api import Api
from .identities import SERVER_NAMES, Identities

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 180  # until something is ready; on a machine that has nothing else to do it takes five


class ControlPlane:
    """`api_flags`, `controller_flags`: more words for the command lines of the API server and the controller manager."""

    def __init__(self, processes, folder, api_flags=(), controller_flags=()):
        self.processes = processes
        self.folder = pathlib.Path(folder)
        self.identities = Identities(self.folder / "pki")
        self.api_flags = api_flags
        self.controller_flags = controller_flags
        names = ("etcd", "peer", "api", *nodes.PROGRAMS, nodes.METRICS)
        self.ports = dict(zip(names, free_ports(len(names))))
        self.url = f"https://127.0.0.1:{self.ports['api']}"
        self.etcd_url = f"http://127.0.0.1:{self.ports['etcd']}"
        self.audit_log = self.folder / "audit.jsonl"
        self.kubeconfig = self.api = None

    def start(self, count=0, metrics=False):
        """`count`: nodes. Without any, nothing happens by itself in there: no controllers run. `metrics`: of nodes and pods."""
        paths = {name: programs.program(name) for name in ("etcd", "kube-apiserver")}
        self._make_identities()
        self._start_etcd(paths["etcd"])
        self._start_api_server(paths["kube-apiserver"])
        if count:
            around = nodes.Nodes(self, self.ports, self.controller_flags)
            around.start(count, SECONDS)
            if metrics:
                around.start_metrics(SECONDS)
        return self

    def audited(self):
        """What was asked of the API server so far, the oldest first, as the server wrote it down."""
        return [json.loads(line) for line in self.audit_log.read_text().splitlines()]

    # ---- parts ----

    def _make_identities(self):
        make = self.identities
        make.authority("ca")
        make.authority("front-ca")
        make.key_pair("accounts")
        make.certificate("server", "/CN=kube-apiserver", usage="serverAuth", names=SERVER_NAMES)
        make.certificate("front", "/CN=front-proxy", authority="front-ca")
        make.certificate("admin", "/O=system:masters/CN=admin")
        self.kubeconfig = make.kubeconfig("admin", self.url)
        self.api = Api(self.url, make, "admin")

    def _start_etcd(self, path):
        peer = f"http://127.0.0.1:{self.ports['peer']}"
        self.processes.start("etcd", [
            path, "--name=plane", f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=plane={peer}", "--unsafe-no-fsync", "--log-level=warn"])

    def _start_api_server(self, path):
        pki = self.identities.path
        self.processes.start("kube-apiserver", [
            path, f"--etcd-servers={self.etcd_url}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--secure-port={self.ports['api']}", f"--cert-dir={pki('')}", f"--tls-cert-file={pki('server.crt')}",
            f"--tls-private-key-file={pki('server.key')}", f"--client-ca-file={pki('ca.crt')}", "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki('accounts.pub')}", f"--service-account-signing-key-file={pki('accounts.key')}",
            "--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--profiling=false",
            f"--requestheader-client-ca-file={pki('front-ca.crt')}", "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-", f"--proxy-client-cert-file={pki('front.crt')}",
            f"--proxy-client-key-file={pki('front.key')}", f"--audit-policy-file={HERE / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}", *self.api_flags])
        eventually("the API server is ready", lambda: self.api.answers("/readyz") == "ok", SECONDS)

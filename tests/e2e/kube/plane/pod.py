# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet does for the pods of a Deployment, as far as optctl can tell: its own arguments, volumes and environment, and the
token of its service account where pods have it, and nothing of the administrator's."""
import base64
import os
import shutil
import subprocess

from harness import fetch

ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
# A /run of its own, in which what a pod has is there; the program after it.
INSIDE = f'mount -t tmpfs tmpfs /run && mkdir -p {ACCOUNT} && cp "$0"/* {ACCOUNT}/ && exec "$@"'


def require():
    """Unavailable where nobody may mount anything: a pod's token would have no place."""
    if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True).returncode != 0:
        raise fetch.Unavailable("chart", "nothing can be mounted here")


class Pod:
    """`template`: of a Deployment or Job that the API server has."""

    def __init__(self, stage, name, namespace, template):
        self.stage, self.name, self.namespace = stage, name, namespace
        self.folder = stage.folder / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.spec = template["spec"]
        self.container = self.spec["containers"][0]
        self.volumes = {each["name"]: self._volume(each) for each in self.spec["volumes"]}
        self.account = self._account() if self.spec.get("automountServiceAccountToken", True) else None

    def command(self):
        """Paths below a mount (--name=PATH) are where this machine has them."""
        words = [str(self.stage.build / "optctl"), *(self._placed(word) for word in self.container["args"])]
        return ["unshare", "--mount", "bash", "-c", INSIDE, str(self.account or "/nowhere"), *words] if self.account else words

    def start(self):
        host, port = self.stage.plane.url.removeprefix("https://").split(":")
        told = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        told.update(KUBERNETES_SERVICE_HOST=host, KUBERNETES_SERVICE_PORT=port, HOME="/nonexistent")
        self.stage.processes.start(self.name, self.command(), cwd=self.folder, env=told)
        return self

    def stop(self):
        return self.stage.processes.stop(self.name)

    def run(self, seconds):
        """To its end; what it printed."""
        return subprocess.run(self.command(), cwd=self.folder, capture_output=True, text=True, timeout=seconds)

    # ---- parts ----

    def _placed(self, word):
        name, _, value = word.partition("=")
        for mount in self.container["volumeMounts"]:
            if value.startswith(f"{mount['mountPath']}/"):
                return f"{name}={self.volumes[mount['name']]}{value.removeprefix(mount['mountPath'])}"
        return word

    def _volume(self, volume):
        folder = self.folder / volume["name"]
        folder.mkdir(parents=True)
        if "secret" in volume:
            data = self.stage.plane.api.get(f"/api/v1/namespaces/{self.namespace}/secrets/{volume['secret']['secretName']}")["data"]
            wanted = [each["key"] for each in volume["secret"].get("items", [])] or list(data)
            for key in wanted:
                (folder / key).write_bytes(base64.b64decode(data[key]))
        return folder

    def _account(self):
        name = self.spec["serviceAccountName"]
        folder = self.folder / "account"
        folder.mkdir(parents=True)
        answer = self.stage.plane.api.post(f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{name}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}})
        (folder / "token").write_text(answer["status"]["token"])
        (folder / "namespace").write_text(self.namespace)
        shutil.copy(self.stage.plane.identities.path("ca.crt"), folder / "ca.crt")
        return folder


def deployment(stage, name, namespace, called):
    """The pod of a Deployment, not started yet."""
    made = stage.plane.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    return Pod(stage, called, namespace, made["spec"]["template"])


# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and kubeconfigs of a control plane's own, in one folder."""
import base64
import json
import pathlib
import secrets
import subprocess

DAYS = "30"
SERVER_NAMES = ("IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
                "DNS:kubernetes.default.svc.cluster.local")


def _openssl(folder, *words, text=None):
    done = subprocess.run(["openssl", *words], cwd=folder, input=text, capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {words[0]}: {done.stderr}"


class Identities:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, name):
        return self.folder / name

    def authority(self, name):
        """NAME.crt and NAME.key that sign others."""
        _openssl(self.folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
                 "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")

    def certificate(self, name, subject, authority="ca", usage="clientAuth", names=None):
        """NAME.crt and NAME.key. The API server takes a subject's O for groups and its CN for the user."""
        _openssl(self.folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                 "-keyout", f"{name}.key", "-out", f"{name}.csr")
        extensions = f"keyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
        if names:
            extensions += f"subjectAltName={names}\n"
        _openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
                 "-set_serial", f"0x{secrets.token_hex(8)}", "-days", DAYS, "-out", f"{name}.crt", "-extfile", "-", text=extensions)

    def key_pair(self, name):
        """NAME.key and NAME.pub, with which tokens of service accounts are signed."""
        _openssl(self.folder, "genrsa", "-out", f"{name}.key", "2048")
        _openssl(self.folder, "rsa", "-in", f"{name}.key", "-pubout", "-out", f"{name}.pub")

    def _inline(self, name):
        return base64.b64encode(self.path(name).read_bytes()).decode()

    def kubeconfig(self, name, server, namespace="default"):
        """NAME.kubeconfig, which is whoever the certificate of that name belongs to."""
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "plane",
            "clusters": [{"name": "plane", "cluster": {"server": server, "certificate-authority-data": self._inline("ca.crt")}}],
            "users": [{"name": name, "user": {"client-certificate-data": self._inline(f"{name}.crt"),
                                              "client-key-data": self._inline(f"{name}.key")}}],
            "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": name, "namespace": namespace}}],
        }
        path = self.path(f"{name}.kubeconfig")
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path

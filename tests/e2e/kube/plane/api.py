# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server as a test asks it: as its administrator, without optctl."""
import json
import ssl
import urllib.error
import urllib.request


class Refused(Exception):
    def __init__(self, method, path, status, text):
        super().__init__(f"{method} {path}: {status} {text[:300]}")
        self.status = status


class Api:
    def __init__(self, url, identities, name):
        self.url = url
        self.trust = ssl.create_default_context(cafile=identities.path("ca.crt"))
        self.trust.load_cert_chain(identities.path(f"{name}.crt"), identities.path(f"{name}.key"))

    def text(self, method, path, body=None, content_type="application/json"):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": content_type}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.trust) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Refused(method, path, error.code, error.read().decode(errors="replace")) from None

    def get(self, path):
        return json.loads(self.text("GET", path))

    def post(self, path, body):
        return json.loads(self.text("POST", path, body))

    def answers(self, path):
        """Whether it is served now."""
        try:
            return self.text("GET", path)
        except (OSError, Refused):
            return None

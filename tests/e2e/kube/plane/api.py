# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server as a test asks it: as its administrator, without optctl."""
import http.client
import json
import ssl
import threading
import time
import urllib.parse

IDLE_SECONDS = 30
SECONDS = 60  # for an answer


class Refused(Exception):
    def __init__(self, method, path, status, text):
        super().__init__(f"{method} {path}: {status} {text[:300]}")
        self.status = status


class Api:
    """Each thread has a connection of its own, which lasts."""

    def __init__(self, url, identities, name):
        self.url = url
        self.trust = ssl.create_default_context(cafile=identities.path("ca.crt"))
        self.trust.load_cert_chain(identities.path(f"{name}.crt"), identities.path(f"{name}.key"))
        self.kept = threading.local()

    def _connection(self):
        """The server closes one that nobody has used for 90 s."""
        now, used = time.monotonic(), getattr(self.kept, "used", 0)
        if getattr(self.kept, "connection", None) is None or now - used > IDLE_SECONDS:
            where = urllib.parse.urlsplit(self.url)
            self.kept.connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=SECONDS, context=self.trust)
        self.kept.used = now
        return self.kept.connection

    def _ask(self, method, path, data, content_type):
        connection = self._connection()
        try:
            connection.request(method, path, data, {"Content-Type": content_type, "User-Agent": "case"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.kept.connection = None
            raise ConnectionError(f"{method} {path}: {error!r}") from error

    def text(self, method, path, body=None, content_type="application/json"):
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        status, text = self._ask(method, path, data, content_type)
        if status >= 400:
            raise Refused(method, path, status, text)
        return text

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

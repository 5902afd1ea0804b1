# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP proxy in front of one server: it remembers what was asked, and lets a test act around a request."""
import http.client
import http.server
import re
import socket
import threading

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


def kept_headers(headers):
    """Those that are passed on."""
    return {key: value for key, value in headers.items() if key.lower() not in HOP_BY_HOP}


class Rule:
    """Around the first request that matches: `before` it is sent on or `after` it was answered, call act(). An act
    that returns False withholds what comes next (the request, or its answer): the client is hung up on."""

    def __init__(self, method, path, when, act):
        self.method, self.path, self.when, self.act = method, re.compile(path), when, act
        self.done = threading.Event()

    def takes(self, method, path, when):
        return not self.done.is_set() and when == self.when and method == self.method and bool(self.path.search(path))


class Proxy:
    """`trust`: how it is asked, `identity`: how it asks (ssl.SSLContext each); without them, in plain text."""

    def __init__(self, upstream_port, trust=None, identity=None):
        self.upstream_port, self.identity = upstream_port, identity
        self.requests = []  # (method, path, status or None while there is no answer)
        self.rules = []
        self.watch = None  # called around each request with (when, method, path); False withholds what comes next
        self._lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self):
                if not proxy.takes_over(self):
                    super().handle()

            def handle_one(self):
                proxy.pass_on(self)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if trust:
            self.server.socket = trust.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if trust else ''}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def on(self, method, path, when, act):
        rule = Rule(method, path, when, act)
        with self._lock:
            self.rules.append(rule)
        return rule

    def count(self, method, path):
        return sum(1 for asked, where, _ in self.requests if asked == method and re.search(path, where))

    def forwarded(self, method, path):
        """Requests that were answered by the server."""
        return sum(1 for asked, where, status in self.requests if asked == method and status and re.search(path, where))

    def _apply(self, when, method, path):
        with self._lock:
            rules = [rule for rule in self.rules if rule.takes(method, path, when)]
        allowed = self.watch is None or self.watch(when, method, path) is not False
        for rule in rules:
            allowed = rule.act() is not False and allowed
            rule.done.set()
        return allowed

    def takes_over(self, _client):
        """Whether it has served all of the connection, in another protocol."""
        return False

    def pass_on(self, client):
        method, path = client.command, client.path
        body = client.rfile.read(int(client.headers.get("Content-Length") or 0))
        row = [method, path, None]
        with self._lock:
            self.requests.append(row)
        if not self._apply("before", method, path):
            return self._hang_up(client)
        try:
            status, headers, answer = self._ask(method, path, body, client.headers)
        except OSError:
            return self._hang_up(client)
        row[2] = status
        if not self._apply("after", method, path):
            return self._hang_up(client)
        self._answer(client, status, headers, answer)

    def _connect(self):
        if self.identity:
            return http.client.HTTPSConnection("127.0.0.1", self.upstream_port, timeout=60, context=self.identity)
        return http.client.HTTPConnection("127.0.0.1", self.upstream_port, timeout=60)

    def _ask(self, method, path, body, headers):
        upstream = self._connect()
        try:
            upstream.request(method, path, body or None, kept_headers(headers))
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(error) from error
        finally:
            upstream.close()

    @staticmethod
    def _answer(client, status, headers, answer):
        try:
            client.send_response(status)
            for key, value in kept_headers(dict(headers)).items():
                client.send_header(key, value)
            client.send_header("Content-Length", str(len(answer)))
            client.end_headers()
            client.wfile.write(answer)
        except OSError:
            client.close_connection = True

    @staticmethod
    def _hang_up(client):
        client.close_connection = True
        try:
            client.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers of tests/e2e/secrets on loopback: a job manager, a Prometheus server behind a proxy and a Kafka broker that are
well, or say back whatever secret they were told, in every place that an answer has."""
import base64
import http.server
import json
import socket
import socketserver
import ssl
import struct
import threading
import time
import urllib.parse

JOB = "5e8a5e8a5e8a5e8a5e8a5e8a5e8a5e8a"
VERTICES = ["11111111111111111111111111111111", "22222222222222222222222222222222"]


class Heard:
    """What clients proved themselves by, the newest last."""

    def __init__(self):
        self.said, self.lock = [], threading.Lock()

    def hear(self, text):
        with self.lock:
            if text and text not in self.said:
                self.said.append(text)

    def hear_header(self, value):
        self.hear(value)
        scheme, _, rest = (value or "").partition(" ")
        if scheme == "Bearer":
            self.hear(rest)
        if scheme == "Basic":
            self.hear(base64.b64decode(rest).decode().partition(":")[2])

    def everything(self):
        with self.lock:
            return list(self.said)

    def newest(self):
        """As it stands in the header, and alone."""
        with self.lock:
            return " ".join(self.said[-2:])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        peer = self.server.peer
        peer.heard.hear_header(self.headers.get("Authorization"))
        peer.requests += 1
        fault = FAULTS.get(peer.fault)
        if fault:
            fault(self, peer)
            return
        answer = peer.answer(self.command, self.path, body)
        self.say(404 if answer is None else 200, json.dumps({"errors": ["Not found"]} if answer is None else answer))

    do_POST = do_PUT = do_PATCH = do_GET

    def say(self, status, text, kind="application/json", headers=()):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


# ---- what peers do with a secret ----

def in_json_error(handler, peer):
    words = " and ".join(peer.heard.everything())
    handler.say(500, json.dumps({"errors": [f"Internal error for {words}",
                                            f"<Exception on server side: java.lang.Exception: {words}>"]}))


def in_plain_text(handler, peer):
    handler.say(403, "no such credential: " + peer.heard.newest() + "\n", "text/plain")


def encoded(handler, peer):
    words = [urllib.parse.quote(one, safe="") for one in peer.heard.everything()]
    handler.say(400, json.dumps({"error": words, "message": "x=" + "&x=".join(words)}))


def in_unauthorized(handler, peer):
    handler.say(401, json.dumps({"message": peer.heard.newest()}),
                headers=[("WWW-Authenticate", f'Bearer realm="{peer.heard.newest()}"')])


def in_redirect(handler, peer):
    secret = urllib.parse.quote(peer.heard.newest())
    handler.say(302, "", headers=[("Location", f"http://user:{secret}@127.0.0.1:9/{secret}")])


def in_header(handler, peer):
    handler.say(503, "{}", headers=[("Retry-After", peer.heard.newest()), ("X-Echo", peer.heard.newest())])


def in_status_line(handler, peer):
    handler.send_response_only(502, peer.heard.newest())
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def in_wrong_json(handler, peer):
    handler.say(200, '{"jobs": "' + peer.heard.newest() + '", ' + peer.heard.newest())


def in_wrong_types(handler, peer):
    text = peer.heard.newest()
    handler.say(200, json.dumps({"jobs": [{"jid": text, "name": text, "state": text}], "status": text, "error": text,
                                 "errorType": text, "data": {"resultType": text, "result": [text]}, "taskmanagers": text}))


def cut_at_every_length(handler, peer):
    """However long the words before it: wherever a message is cut, half of a secret is still one."""
    peer.padding = (peer.padding + 37) % 600
    handler.say(409, json.dumps({"errors": ["p" * peer.padding + " " + peer.heard.newest()]}))


def nothing(handler, peer):
    peer.stuck.set()
    peer.let_go.wait(30)
    handler.close_connection = True


FAULTS = {one.__name__: one for one in (in_json_error, in_plain_text, encoded, in_unauthorized, in_redirect, in_header,
                                         in_status_line, in_wrong_json, in_wrong_types, cut_at_every_length, nothing)}


class Peer:
    """One that speaks HTTP. `fault`: the name of one of FAULTS, or None."""

    def __init__(self, context=None):
        self.heard, self.fault, self.requests, self.padding = Heard(), None, 0, 0
        self.stuck, self.let_go = threading.Event(), threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.peer = True, self
        self.server.handle_error = lambda *words: None
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, method, path, body):
        return None


class JobManager(Peer):
    """A job of two vertices whose second one has more to do than it can. `echoes`: names have secrets in them."""

    def __init__(self, context=None):
        super().__init__(context)
        self.echoes, self.started, self.wanted, self.writes = False, time.time() - 60, [1, 1], 0

    def tainted(self, name):
        return f"{name} {self.heard.newest()}" if self.echoes else name

    def vertex(self, index):
        return {"id": VERTICES[index], "slotSharingGroupId": "one", "name": self.tainted(["Source: source", "work"][index]),
                "maxParallelism": 128, "parallelism": self.wanted[index], "status": "RUNNING",
                "tasks": {"RUNNING": self.wanted[index], "FAILED": 0}}

    def subtask(self, index, number):
        age = (time.time() - self.started) * 1000
        records = int(age * 0.3 / self.wanted[index])
        busy = min(age, records * (0.2 if index == 0 else 4))
        return {"subtask": number, "status": "RUNNING", "attempt": 0, "start-time": int(self.started * 1000), "end-time": -1,
                "metrics": {"read-bytes": 0, "read-bytes-complete": True, "write-bytes": 30 * records,
                            "write-bytes-complete": True, "read-records": records, "read-records-complete": True,
                            "write-records": records, "write-records-complete": True,
                            "accumulated-backpressured-time": 0, "accumulated-idle-time": int(age - busy),
                            "accumulated-busy-time": int(busy)}, "status-duration": {"RUNNING": int(age)}}

    def put(self, body):
        for vertex, bounds in json.loads(body).items():
            self.wanted[VERTICES.index(vertex)] = bounds["parallelism"]["upperBound"]
        self.started = time.time()
        self.writes += 1
        return {}

    def answer(self, method, path, body):
        path, _, query = path.partition("?")
        parts = path.strip("/").split("/")
        now = int(time.time() * 1000)
        started = int(self.started * 1000)
        if path == "/jobs/overview":
            return {"jobs": [{"jid": JOB, "name": self.tainted("job"), "start-time": started, "end-time": -1,
                              "duration": now - started, "state": "RUNNING", "last-modification": started}]}
        if path == "/taskmanagers":
            return {"taskmanagers": [{"id": self.tainted("tm-1"), "slotsNumber": 16, "freeSlots": 8,
                                      "totalResource": {"cpuCores": 1}, "hardware": {"cpuCores": 2}}]}
        if path == f"/jobs/{JOB}":
            return {"jid": JOB, "name": self.tainted("job"), "state": "RUNNING", "start-time": started, "end-time": -1,
                    "now": now, "vertices": [self.vertex(0), self.vertex(1)],
                    "plan": {"nodes": [{"id": VERTICES[0], "inputs": []},
                                       {"id": VERTICES[1], "inputs": [{"num": 0, "id": VERTICES[0], "ship_strategy": "HASH"}]}]}}
        if path.endswith("/resource-requirements"):
            return self.put(body) if method == "PUT" else {
                vertex: {"parallelism": {"lowerBound": 1, "upperBound": self.wanted[i]}} for i, vertex in enumerate(VERTICES)}
        if path.endswith("/exceptions"):
            words = f"java.lang.RuntimeException: {self.heard.newest()}\n\tat {self.heard.newest()}"
            return {"root-exception": words, "timestamp": now, "all-exceptions": [{"exception": words, "task": "work"}],
                    "exceptionHistory": {"entries": [{"exceptionName": self.heard.newest(), "stacktrace": words,
                                                      "timestamp": now, "taskName": "work"}], "truncated": False}}
        if len(parts) == 4 and parts[2] == "vertices":
            index = VERTICES.index(parts[3])
            return {**self.vertex(index), "now": now,
                    "subtasks": [self.subtask(index, number) for number in range(self.wanted[index])]}
        if path.endswith("/subtasks/metrics"):
            waiting = int((time.time() - self.started) * 50)
            return [{"id": "Source__source.pendingRecords", **({"sum": waiting, "max": waiting, "avg": waiting} if query else {})}]
        if path.endswith("/metrics"):
            return [{"id": self.tainted("numRestarts"), "value": "0"}, {"id": "numRestarts", "value": "0"}] if len(parts) == 3 else []
        return None


class Prometheus(Peer):
    def answer(self, method, path, body):
        now = time.time()
        secret = self.heard.newest()
        return {"status": "success", "warnings": [secret], "data": {"resultType": "vector", "result": [
            {"metric": {"__name__": "flink_taskmanager_job_task_numRecordsIn", "task_name": secret, "job_name": secret,
                        "subtask_index": "0", secret.replace(" ", "_"): secret}, "value": [now, "1"]},
            {"metric": {"task_name": "work", "job_name": "job", "tm_id": secret}, "value": [now, secret]}]}}


class Proxy(Peer):
    """Takes the whole URL in the request line, and asks nobody: it is the server, too."""

    def __init__(self, server):
        super().__init__()
        self.server_behind = server

    def answer(self, method, path, body):
        return self.server_behind.answer(method, urllib.parse.urlsplit(path).path, body)


# ---- a broker ----

def _compact(text):
    data = text.encode()
    return bytes([len(data) + 1]) + data


class Broker(socketserver.ThreadingTCPServer):
    """Knows as much of Kafka's protocol as it takes to be told a password (SASL PLAIN), and says it back."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, context):
        super().__init__(("127.0.0.1", 0), None)
        self.heard, self.context, self.port, self.connections = Heard(), context, self.server_address[1], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, address):
        self.connections += 1
        try:
            self.converse(self.context.wrap_socket(request, server_side=True))
        except (OSError, ssl.SSLError, struct.error):
            pass

    def converse(self, stream):
        while True:
            size = struct.unpack(">i", self.take(stream, 4))[0]
            data = self.take(stream, size)
            key, version, number = struct.unpack(">hhi", data[:8])
            answer = struct.pack(">i", number) + self.answer(key, version, data[8:])
            stream.sendall(struct.pack(">i", len(answer)) + answer)

    @staticmethod
    def take(stream, size):
        data = b""
        while len(data) < size:
            more = stream.recv(size - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def answer(self, key, version, rest):
        supported = [(0, 0, 9), (3, 0, 9), (17, 0, 1), (18, 0, 3), (36, 0, 1)]
        if key == 18 and version >= 3:
            rows = b"".join(struct.pack(">hhh", *row) + b"\0" for row in supported)
            return struct.pack(">h", 0) + bytes([len(supported) + 1]) + rows + struct.pack(">i", 0) + b"\0"
        if key == 18:
            return struct.pack(">hi", 0, len(supported)) + b"".join(struct.pack(">hhh", *row) for row in supported)
        if key == 17:
            return struct.pack(">hih", 0, 1, 5) + b"PLAIN"
        if key == 36:
            name = struct.unpack(">h", rest[:2])[0]
            told = rest[2 + name + 4:].split(b"\0")
            self.heard.hear(told[-1].decode())
            words = ("Authentication failed for " + " ".join(self.heard.everything())).encode()
            return struct.pack(">hh", 58, len(words)) + words + struct.pack(">i", 0) + (struct.pack(">q", 0) if version else b"")
        raise OSError("unknown request")


def tls(certificate, key, authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if authority:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Postgres:
    """A server that wants the password as it is, and says it back: instead of letting in, or (`lets_in`) to every statement."""

    def __init__(self):
        self.lets_in = False
        peer = self

        class Session(socketserver.StreamRequestHandler):
            def send(self, kind, data):
                self.wfile.write(kind + struct.pack("!i", 4 + len(data)) + data)

            def read(self):
                length, = struct.unpack("!i", self.rfile.read(4))
                return self.rfile.read(length - 4)

            def fail(self, severity, secret):
                words = f"no such thing: {secret}"
                self.send(b"E", b"".join(kind + text.encode() + b"\0" for kind, text in (
                    (b"S", severity), (b"V", severity), (b"C", "28P01"), (b"M", words), (b"D", secret), (b"H", words))) + b"\0")

            def handle(self):
                self.read()
                self.send(b"R", struct.pack("!i", 3))
                self.rfile.read(1)
                secret = self.read().rstrip(b"\0").decode()
                if not peer.lets_in:
                    self.fail("FATAL", secret)
                    return
                self.send(b"R", struct.pack("!i", 0))
                for name, value in (("server_version", "15.0"), ("server_encoding", "UTF8"), ("client_encoding", "UTF8")):
                    self.send(b"S", name.encode() + b"\0" + value.encode() + b"\0")
                self.send(b"Z", b"I")
                while self.rfile.read(1) not in (b"", b"X"):
                    self.read()
                    self.fail("ERROR", secret)
                    self.send(b"Z", b"I")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

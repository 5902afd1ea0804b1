# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between one optctl and the API server that does to requests, answers and watches what networks and servers do."""
import http.client
import json
import re
import socket
import ssl
import struct
import threading
import time

from harness.proxy import Proxy, kept_headers

from . import http2

WRITES = ("POST", "PUT", "PATCH", "DELETE")
DRIP_SECONDS = 0.5
IDLE_SECONDS = 30


def is_watch(path):
    return "watch=true" in path


def is_lease(path):
    return "/leases" in path


def collection(path):
    return path.partition("?")[0]


def status(code, reason, message="as the case wants it"):
    """What an API server says when it refuses."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}


class Fault:
    """`path`: which requests it strikes, of `methods` (None: all); `every`: only each so many; the rest: what is done to them."""

    def __init__(self, path=".", methods=None, every=1, **what):
        self.path, self.methods, self.every = re.compile(path), methods, every
        self.refuse = what.pop("refuse", None)  # (code, reason[, headers]) instead of an answer of the server's
        self.cut = what.pop("cut", None)  # the answer: "reset" or "text" half-way, "stream": that it is reset,
        # or hung up on, "slow": a byte at a time, "end": the connection, after it
        self.past = what.pop("past", None)  # lists as they were: by collection
        self.hold = what.pop("hold", False)  # watches say nothing
        self.events = what.pop("events", None)  # what becomes of an event of a watch: the lines that come of one line
        self.short = what.pop("short", False)  # pages of a single object
        assert not what, what
        self.struck = 0
        self.over = threading.Event()

    def takes(self, method, path):
        if self.over.is_set() or not self.path.search(path) or (self.methods and method not in self.methods):
            return False
        self.struck += 1
        return self.struck % self.every == 0


# ---- what becomes of events ----

def twice(line):
    return [line, line]


def bookmarks_alone(line):
    return [line] if b'"type":"BOOKMARK"' in line[:40] else []


def error_instead(_line):
    """As a server does whose own watch broke."""
    return [json.dumps({"type": "ERROR", "object": status(500, "InternalError")}).encode() + b"\n", None]


class every_other_lost:
    def __init__(self):
        self.count = 0

    def __call__(self, line):
        self.count += 1
        return [line] if self.count % 2 == 0 or b'"type":"BOOKMARK"' in line[:40] else []


# ---- the proxy ----

class FaultProxy(Proxy):
    """Asks the API server as `user`, whose certificate `plane` has. It speaks HTTP/2 with who offers it, as the server does."""

    def __init__(self, plane, user="admin"):
        path = plane.identities.path
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(path("server.crt"), path("server.key"))
        trust.set_alpn_protocols(["h2", "http/1.1"])
        identity = ssl.create_default_context(cafile=path("ca.crt"))
        identity.load_cert_chain(path(f"{user}.crt"), path(f"{user}.key"))
        self.faults, self.lists, self.idle = [], {}, []
        self.shared = []  # (method, path) of what came over connections that requests share
        super().__init__(plane.ports["api"], trust, identity)

    def begin(self, *faults):
        self.faults += faults
        return faults[0]

    def end(self):
        """From now on nothing is wrong any more; what was held back is cut off."""
        for fault in self.faults:
            fault.over.set()
        self.faults = []

    def takes_over(self, client):
        try:
            client.connection.do_handshake()
        except OSError:
            return True
        if client.connection.selected_alpn_protocol() != "h2":
            return False
        http2.Connection(client.connection, self._pass_on_shared).serve()
        return True

    def _pass_on_shared(self, client):
        self.shared.append((client.command, client.path))
        self.pass_on(client)

    def _kept(self):
        """A connection that nobody uses."""
        try:
            while True:
                upstream, since = self.idle.pop()
                if time.monotonic() - since <= IDLE_SECONDS:
                    return upstream
                upstream.close()
        except IndexError:
            return self._connect()

    def _ask(self, method, path, body, headers):
        upstream = self._kept()
        try:
            upstream.request(method, path, body or None, kept_headers(headers))
            answer = upstream.getresponse()
            said = answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException) as error:
            upstream.close()
            raise ConnectionError(error) from error
        self.idle.append((upstream, time.monotonic()))
        return said

    def is_held(self, path):
        return any(fault.hold and not fault.over.is_set() and fault.path.search(path) for fault in self.faults)

    def pass_on(self, client):
        fault = next((each for each in list(self.faults) if each.takes(client.command, client.path)), None)
        if fault and fault.refuse:
            client.rfile.read(int(client.headers.get("Content-Length") or 0))
            return self._refuse(client, *fault.refuse)
        if is_watch(client.path):
            return self._watch(client, fault)
        if fault and fault.past and client.command == "GET" and collection(client.path) in fault.past:
            return super()._answer(client, *fault.past[collection(client.path)])
        if fault and fault.short and "limit=500" in client.path:
            client.path = client.path.replace("limit=500", "limit=1")
        client.fault = fault
        return super().pass_on(client)

    def _refuse(self, client, code, reason, headers=()):
        body = json.dumps(status(code, reason)).encode()
        super()._answer(client, code, [("Content-Type", "application/json"), *headers], body)

    def _answer(self, client, code, headers, answer):
        if client.command == "GET" and code == 200 and b'"items"' in answer:
            self.lists[collection(client.path)] = (code, headers, answer)
        fault = getattr(client, "fault", None)
        if not fault or not fault.cut:
            return super()._answer(client, code, headers, answer)
        if fault.cut == "end":
            client.close_connection = True
            return super()._answer(client, code, headers, answer)
        if fault.cut == "text":
            return super()._answer(client, code, headers, answer[:len(answer) // 2])
        return self._begin_answer(client, code, headers, answer, fault.cut)

    def _begin_answer(self, client, code, headers, answer, cut):
        """Half of it and a reset; or slowly, until somebody has had enough of it."""
        try:
            client.send_response(code)
            for key, value in kept_headers(dict(headers)).items():
                client.send_header(key, value)
            client.send_header("Content-Length", str(len(answer)))
            client.end_headers()
            if cut == "slow":
                for i in range(len(answer)):
                    client.wfile.write(answer[i:i + 1])
                    time.sleep(DRIP_SECONDS)
            else:
                client.wfile.write(answer[:len(answer) // 2])
        except OSError:
            pass
        if cut == "stream":
            return self._hang_up(client)
        if cut == "reset":
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.connection.close()
        client.close_connection = True

    # ---- watches ----

    def _watch(self, client, fault):
        try:
            upstream = self._connect()
            upstream.request("GET", client.path, None, kept_headers(client.headers))
            upstream.sock.settimeout(None)
            answer = upstream.getresponse()
            if answer.status != 200:
                return super()._answer(client, answer.status, answer.getheaders(), answer.read())
            client.send_response(200)
            client.send_header("Content-Type", "application/json")
            client.send_header("Transfer-Encoding", "chunked")
            client.end_headers()
            self._carry_events(client, answer, fault)
        except (OSError, http.client.HTTPException):
            pass
        return self._hang_up(client)

    def _carry_events(self, client, answer, fault):
        while line := answer.readline():
            while self.is_held(client.path):
                time.sleep(0.2)
            lines = fault.events(line) if fault and fault.events and not fault.over.is_set() else [line]
            for each in lines:
                if each is None:
                    return
                client.wfile.write(each if hasattr(client, "is_stream") else b"%x\r\n%s\r\n" % (len(each), each))


class Killer:
    """Ends a process around its n-th write: `before` it is sent on, or `after` it was carried out, with its answer on the way. Of the
    writes of a Lease the first counts: the others are renewals."""

    def __init__(self, proxy, number, when):
        self.number, self.when = number, when
        self.count, self.leases = 0, 0
        self.process, self.done, self.what = None, threading.Event(), None
        self.alone, self.mine = threading.Lock(), threading.local()
        proxy.watch = self._around

    def _around(self, when, method, path):
        if method not in WRITES or self.done.is_set():
            return True
        if when == "before":
            with self.alone:
                self.leases += is_lease(path)
                self.mine.number = None
                if not is_lease(path) or self.leases == 1:
                    self.count += 1
                    self.mine.number = self.count
        if when != self.when or self.mine.number != self.number:
            return True
        self.what = f"{method} {collection(path)}"
        self.process.kill()
        self.process.wait()
        self.done.set()
        return False

# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire between one client and the API server: bytes as they come, until it is cut."""
import socket
import threading

ROOM = 65536


class Wire:
    """Listens on a port of its own. While it is cut nothing passes in either direction, and nobody is told."""

    def __init__(self, port):
        self.upstream = port
        self.whole = threading.Event()
        self.whole.set()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self.whole.clear()

    def mend(self):
        self.whole.set()

    def _accept(self):
        while True:
            client, _ = self.server.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        try:
            while data := source.recv(ROOM):
                self.whole.wait()
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

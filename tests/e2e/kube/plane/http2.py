# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2 (RFC 9113) as a server speaks it: as much as a proxy takes that answers some clients. Each request looks like a handler of
http.server. Headers are unpacked by libnghttp2, which comes with libcurl."""
import ctypes
import email.message
import io
import select
import ssl
import struct
import threading

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
INITIAL_WINDOW_SIZE = 4  # a setting
INTERNAL_ERROR = 2
WINDOW, FRAME, ROOM = 65535, 16384, 65536
LOOK_MS = 100
NOT_SENT = {"connection", "keep-alive", "transfer-encoding"}  # what a connection is like is no header here


class Pair(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p), ("name_length", ctypes.c_size_t), ("value_length", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]

    def texts(self):
        return (ctypes.string_at(self.name, self.name_length).decode("latin-1"),
                ctypes.string_at(self.value, self.value_length).decode("latin-1"))


class Headers:
    """HPACK (RFC 7541) of one connection."""

    def __init__(self):
        self.library = ctypes.CDLL("libnghttp2.so.14")
        self.library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.inflater = ctypes.c_void_p()
        assert self.library.nghttp2_hd_inflate_new(ctypes.byref(self.inflater)) == 0

    def unpack(self, block):
        pairs, at, pair, flags = [], 0, Pair(), ctypes.c_int()
        while True:
            rest = block[at:]
            took = self.library.nghttp2_hd_inflate_hd2(self.inflater, ctypes.byref(pair), ctypes.byref(flags), rest,
                                                       ctypes.c_size_t(len(rest)), 1)
            if took < 0:
                raise ConnectionError("headers that make no sense")
            at += took
            if flags.value & 2:
                pairs.append(pair.texts())
            if flags.value & 1:
                self.library.nghttp2_hd_inflate_end_headers(self.inflater)
                return pairs

    def close(self):
        self.library.nghttp2_hd_inflate_del(self.inflater)

    @staticmethod
    def pack(pairs):
        """As literals that nobody remembers."""
        def number(value):
            out = bytearray([min(value, 127)])
            value -= 127
            while value >= 0:
                out.append(value & 127 | (128 if value > 127 else 0))
                value = (value >> 7) or -1
            return bytes(out)

        def text(value):
            return number(len(value)) + value.encode("latin-1")
        return b"".join(b"\x00" + text(name) + text(value) for name, value in pairs)


class Exchange:
    """A request with its answer; its `connection` is the stream: shut down it is reset, closed it takes all of the connection with it."""

    is_stream = True

    def __init__(self, connection, number, pairs):
        self.all, self.number = connection, number
        self.headers = email.message.Message()
        for name, value in pairs:
            if not name.startswith(":"):
                self.headers[name] = value
        self.command, self.path = dict(pairs)[":method"], dict(pairs)[":path"]
        self.body, self.window, self.over, self.close_connection = b"", connection.first_window, False, False
        self.wfile = self.connection = self

    def send_response(self, code):
        self.said = [(":status", str(code))]

    def send_header(self, name, value):
        if name.lower() not in NOT_SENT:
            self.said.append((name.lower(), value))

    def end_headers(self):
        self.all.say(HEADERS, END_HEADERS, self.number, Headers.pack(self.said))

    def write(self, data):
        while data:
            room = self.all.wait_for_room(self, min(len(data), FRAME))
            self.all.say(DATA, 0, self.number, data[:room])
            data = data[room:]

    def shutdown(self, _how):
        self.over = True
        self.all.say(RST_STREAM, 0, self.number, struct.pack(">I", INTERNAL_ERROR))

    def setsockopt(self, *option):
        self.all.socket.setsockopt(*option)

    def close(self):
        self.over = True
        self.all.close()

    def play(self, answer):
        self.rfile = io.BytesIO(self.body)
        try:
            answer(self)
            if self.close_connection and not self.over:
                self.all.go_away()
            if not self.over:
                self.all.say(DATA, END_STREAM, self.number)
        except OSError:
            pass
        finally:
            self.all.streams.pop(self.number, None)


class Connection:
    """`answer`: called with each Exchange, in a thread of its own."""

    def __init__(self, connection, answer):
        self.socket, self.answer = connection, answer
        self.socket.setblocking(False)
        self.alone, self.changed = threading.Lock(), threading.Condition()
        self.headers, self.streams = Headers(), {}
        self.window = self.first_window = WINDOW
        self.highest, self.leaves, self.closed, self.unread = 0, False, False, b""

    # ---- what is sent ----

    def _wait(self, what):
        """For a while: what is closed meanwhile tells nobody, and is only closed once nobody waits for it."""
        waiting = select.poll()
        waiting.register(self.socket, what)
        waiting.poll(LOOK_MS)

    def _send(self, data):
        with self.alone:
            while data:
                if self.closed:
                    raise BrokenPipeError
                try:
                    data = data[self.socket.send(data):]
                except ssl.SSLWantReadError:
                    self._wait(select.POLLIN)
                except ssl.SSLWantWriteError:
                    self._wait(select.POLLOUT)

    def say(self, kind, flags=0, number=0, payload=b""):
        self._send(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", number) + payload)

    def go_away(self):
        """What has come is answered; nothing else is."""
        self.leaves = True
        self.say(GOAWAY, payload=struct.pack(">II", self.highest, 0))

    def wait_for_room(self, exchange, wanted):
        """How much of it the other side takes now."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or exchange.over or min(self.window, exchange.window) > 0)
            if self.closed or exchange.over:
                raise BrokenPipeError
            room = min(wanted, self.window, exchange.window)
            self.window -= room
            exchange.window -= room
            return room

    def close(self):
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        with self.alone:
            self.socket.close()

    # ---- what comes ----

    def _read(self, length):
        while len(self.unread) < length:
            if self.closed:
                raise ConnectionError
            data = b""
            try:
                with self.alone:
                    data = self.socket.recv(ROOM)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
                continue
            if not data:
                raise ConnectionError
            self.unread += data
        data, self.unread = self.unread[:length], self.unread[length:]
        return data

    def _begin(self, number, flags, payload):
        if flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if flags & PRIORITIZED:
            payload = payload[5:]
        while not flags & END_HEADERS:
            _, more, _, rest = self._frame()
            flags, payload = flags | more & END_HEADERS, payload + rest
        pairs = self.headers.unpack(payload)
        if self.leaves:
            return
        self.highest = number
        self.streams[number] = Exchange(self, number, pairs)
        if flags & END_STREAM:
            self._play(number)

    def _play(self, number):
        threading.Thread(target=self.streams[number].play, args=(self.answer,), daemon=True).start()

    def _take_data(self, number, flags, payload):
        exchange = self.streams.get(number)
        if exchange:
            exchange.body += payload
            if flags & END_STREAM:
                self._play(number)
        if payload:
            self.say(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(payload)))

    def _give_room(self, number, payload):
        more, = struct.unpack(">I", payload)
        with self.changed:
            if number == 0:
                self.window += more
            elif number in self.streams:
                self.streams[number].window += more
            self.changed.notify_all()

    def _take_settings(self, payload):
        for at in range(0, len(payload), 6):
            key, value = struct.unpack(">HI", payload[at:at + 6])
            if key == INITIAL_WINDOW_SIZE:
                self.first_window = value
        self.say(SETTINGS, ACK)

    def _frame(self):
        head = self._read(9)
        length, = struct.unpack(">I", b"\0" + head[:3])
        number, = struct.unpack(">I", head[5:])
        return head[3], head[4], number, self._read(length)

    def _take(self, kind, flags, number, payload):
        if kind == HEADERS:
            self._begin(number, flags, payload)
        elif kind == DATA:
            self._take_data(number, flags, payload)
        elif kind == WINDOW_UPDATE:
            self._give_room(number, payload)
        elif kind == RST_STREAM and number in self.streams:
            with self.changed:
                self.streams[number].over = True
                self.changed.notify_all()
        elif kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
        elif kind == PING and not flags & ACK:
            self.say(PING, ACK, 0, payload)

    def serve(self):
        """Until the other side has gone."""
        try:
            if self._read(len(PREFACE)) != PREFACE:
                raise ConnectionError
            self.say(SETTINGS)
            while True:
                self._take(*self._frame())
        except (OSError, ValueError):  # the latter: of a socket that is closed
            pass
        finally:
            self.close()
            self.headers.close()

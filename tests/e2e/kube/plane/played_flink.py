# SPDX-License-Identifier: GPL-3.0-or-later
"""Job managers of Flink, played: any number of jobs behind one port, each below a path of its own. Shapes as Flink 2.2 gives
them (tests/support/played_flink.h does the same in C), numbers in closed form; what is put is written down with its time."""
import http.server
import json
import re
import threading
import time

NAMES = ("Source: source", "work", "sink: Writer")
COST_SECONDS = (0.0001, 0.002, 0.0001)  # of a record, at each vertex
WORKER = {"slotsNumber": 1, "freeSlots": 0, "totalResource": {"cpuCores": 1}, "hardware": {"cpuCores": 2},
          "memoryConfiguration": {"taskHeap": 134217728, "networkMemory": 50331648, "managedMemory": 0, "jvmMetaspace": 134217728,
                                  "totalProcessMemory": 520093696}}
WORKER_METRICS = {
    "Status.JVM.CPU.Load": 0.3, "Status.JVM.GarbageCollector.All.TimeMsPerSecond": 1.5, "Status.JVM.Memory.Heap.Used": 29043344,
    "Status.JVM.Memory.Heap.Max": 194641920, "Status.Flink.Memory.Managed.Used": 0, "Status.Flink.Memory.Managed.Total": 0,
    "Status.Shuffle.Netty.UsedMemory": 2621440, "Status.Shuffle.Netty.TotalMemory": 50331648,
    "Status.JVM.Memory.Metaspace.Used": 43390856, "Status.JVM.Memory.Metaspace.Max": 134217728}


def _number(text):
    return f"{text:032x}"


def _totals(values):
    return {"max": values, "avg": values, "sum": values}


class Job:
    """Three vertices; what `work` cannot take waits at the source."""

    def __init__(self, rate=2200, width=8):
        self.parallelism = [1, width, 1]
        self.started = time.time() - 600
        self.rate, self.since, self.records, self.pending = rate, self.started, 0, 0
        self.puts = []  # (time, {vertex: parallelism}), as they came
        self.silent = False  # answers nothing but 503

    def width(self):
        return self.parallelism[1]

    def offer(self, rate):
        """So many records a second from now on."""
        self._advance(time.time())
        self.rate = rate

    def _advance(self, now):
        """Up to now: `records` since the job was started, `pending` before it."""
        seconds, self.since = now - self.since, now
        waiting = self.pending + self.rate * seconds
        done = min(waiting, seconds * self.width() / COST_SECONDS[1])
        self.records, self.pending = self.records + done, waiting - done

    def _subtask(self, vertex, index, now):
        records = int(self.records / self.parallelism[vertex])
        age = int(1000 * (now - self.started))
        busy = min(int(1000 * records * COST_SECONDS[vertex]), age)
        metrics = {"read-bytes": 0, "read-bytes-complete": True, "write-bytes": 30 * records, "write-bytes-complete": True,
                   "read-records": records, "read-records-complete": True, "write-records": 0 if vertex == 2 else records,
                   "write-records-complete": True, "accumulated-backpressured-time": 0, "accumulated-idle-time": age - busy,
                   "accumulated-busy-time": busy}
        return {"subtask": index, "status": "RUNNING", "attempt": 0, "start-time": int(1000 * self.started), "end-time": -1,
                "metrics": metrics, "status-duration": {"RUNNING": age}}

    def _job(self, now):
        vertices = [{"id": _number(i + 1), "slotSharingGroupId": "one", "name": name, "maxParallelism": 128,
                     "parallelism": self.parallelism[i], "status": "RUNNING",
                     "tasks": {"RUNNING": self.parallelism[i], "FINISHED": 0, "FAILED": 0}} for i, name in enumerate(NAMES)]
        nodes = [{"id": _number(i + 1), "inputs": [{"num": 0, "id": _number(i), "ship_strategy": "HASH"}] if i else []}
                 for i in range(len(NAMES))]
        return {"jid": _number(1), "name": "played", "state": "RUNNING", "start-time": int(1000 * self.started), "end-time": -1,
                "now": int(1000 * now), "vertices": vertices, "plan": {"nodes": nodes}}

    def _vertex_metrics(self, vertex, values):
        named = ["Source__source.pendingRecords", "Source__source.numRecordsInErrors"] if vertex == 0 else ["work.numRecordsInErrors"]
        waiting = {"Source__source.pendingRecords": int(self.pending)}
        return [{"id": name, **(_totals(waiting.get(name, 0)) if values else {})} for name in named]

    def _put(self, body, now):
        wanted = {int(vertex, 16) - 1: bounds["parallelism"]["upperBound"] for vertex, bounds in json.loads(body).items()}
        self.puts.append((now, wanted))
        before = list(self.parallelism)
        for vertex, width in wanted.items():
            self.parallelism[vertex] = width
        if self.parallelism != before:
            self.started, self.records = now, 0
        return {}

    def answer(self, method, path, body):
        """None: there is no such thing."""
        now, values = time.time(), "?" in path
        self._advance(now)
        vertex = re.search(r"/vertices/0*([1-3])(/|$|\?)", path)
        if path.startswith("/jobs/overview"):
            age = int(1000 * (now - self.started))
            return {"jobs": [{"jid": _number(1), "name": "played", "start-time": int(1000 * self.started), "end-time": -1,
                              "duration": age, "state": "RUNNING", "last-modification": int(1000 * self.started)}]}
        if vertex and "/subtasks/metrics" in path:
            return self._vertex_metrics(int(vertex[1]) - 1, values)
        if vertex:
            i = int(vertex[1]) - 1
            return {"id": _number(i + 1), "name": NAMES[i], "parallelism": self.parallelism[i], "now": int(1000 * now),
                    "subtasks": [self._subtask(i, index, now) for index in range(self.parallelism[i])]}
        if path.startswith("/taskmanagers/metrics"):
            return [{"id": name, **(_totals(value) if values else {})} for name, value in WORKER_METRICS.items()]
        if path.startswith("/taskmanagers"):
            return {"taskmanagers": [{"id": f"tm-{i}", **WORKER} for i in range(max(self.parallelism))]}
        if "/resource-requirements" in path:
            if method == "PUT":
                return self._put(body, now)
            return {_number(i + 1): {"parallelism": {"lowerBound": 1, "upperBound": width}} for i, width in enumerate(self.parallelism)}
        if "/metrics" in path:
            return [{"id": "numRestarts", "value": str(len(self.puts))}, {"id": "numRescales", "value": str(len(self.puts))}]
        return self._job(now) if re.fullmatch(r"/jobs/[0-9a-f]{32}", path) else None


class Flinks:
    """Serves jobs by name: `url(name)` is that of the job manager."""

    def __init__(self):
        self.jobs = {}
        jobs, alone = self.jobs, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name, _, path = self.path[1:].partition("/")
                job = jobs.get(name)
                with alone:
                    answer = job.answer(self.command, "/" + path, body) if job and not job.silent else None
                data = json.dumps(answer if answer is not None else {"errors": ["no such thing"]}).encode()
                self.send_response(503 if job and job.silent else 404 if answer is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_PATCH = do_POST = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, name, **options):
        self.jobs[name] = Job(**options)
        return self.jobs[name]

    def url(self, name):
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def close(self):
        self.server.shutdown()

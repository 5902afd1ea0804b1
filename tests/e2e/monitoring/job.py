# SPDX-License-Identifier: GPL-3.0-or-later
"""A Flink job on loopback whose load changes: it falls behind where it is too small, and says so as a job manager does."""
import threading
import time

from secrets_peers import JOB, JobManager

SOURCE_SECONDS, WORK_SECONDS = 0.0002, 0.003  # of a record, in one subtask
RESTART_SECONDS = 1.0
SLOTS = 12
LATENCY_SECONDS = 0.2  # without a backlog


class Job(JobManager):
    """`rate`: records that arrive in a second, to be set at any time."""

    def __init__(self, rate, parallelism):
        self.rate, self.lock = rate, threading.RLock()
        self.read, self.waiting, self.throughput, self.now = 0.0, 0.0, rate, time.time()
        super().__init__()
        self.wanted, self.silent = [parallelism, parallelism], False

    def capacity(self):
        return min(self.wanted[0] / SOURCE_SECONDS, self.wanted[1] / WORK_SECONDS)

    def go_on(self):
        """Up to now, in steps too small for anybody to see."""
        until = time.time()
        while self.now < until:
            step = min(0.05, until - self.now)
            stands = self.now < self.started + RESTART_SECONDS
            able = 0 if stands else self.capacity() * step
            came = self.rate * step
            done = min(able, self.waiting + came)
            self.waiting += came - done
            self.read += done
            self.throughput += (done / step - self.throughput) * min(1, step)
            self.now += step

    def subtask(self, index, number):
        one = super().subtask(index, number)
        age = (self.now - self.started) * 1000
        records = self.read / self.wanted[index]
        busy = min(age, records * 1000 * (SOURCE_SECONDS, WORK_SECONDS)[index])
        one["metrics"].update({"read-records": int(records), "write-records": int(records), "write-bytes": int(30 * records),
                               "accumulated-idle-time": int(age - busy), "accumulated-busy-time": int(busy)})
        return one

    def put(self, body):
        before = list(self.wanted)
        answer = super().put(body)
        if self.wanted != before:
            self.read = 0.0
        return answer

    def answer(self, method, path, body):
        with self.lock:
            self.go_on()
            path, _, query = path.partition("?")
            if path == "/taskmanagers":
                used = max(self.wanted)
                return {"taskmanagers": [{"id": f"tm-{i}", "slotsNumber": 1, "freeSlots": int(i >= used),
                                          "totalResource": {"cpuCores": 1}, "hardware": {"cpuCores": 1}} for i in range(SLOTS)]}
            if path.endswith("/subtasks/metrics") and path.startswith(f"/jobs/{JOB}/vertices/"):
                lag = int(1000 * (LATENCY_SECONDS + self.waiting / max(self.throughput, 1)))
                values = {"Source__source.pendingRecords": int(self.waiting), "work.lagMilliseconds": lag}
                return [{"id": name, **({"sum": value, "max": value, "avg": value} if query else {})}
                        for name, value in values.items()]
            return super().answer(method, path + ("?" + query if query else ""), body)

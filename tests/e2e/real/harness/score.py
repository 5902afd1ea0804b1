# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a job for as long as a load script lasts: a CSV row a second and a summary.

Late is every second in which the newest record at `work` had waited longer than the bound. Paid for are slots in use.
"""
import csv
import time

from .flink import Refused

COLUMNS = ["t", "phase", "rate", "state", "p_source", "p_work", "p_sink", "slots_used", "arrived", "backlog",
           "arrival_lag_ms", "work_busy_share", "work_rate", "rescales", "slot_seconds"]
USD_PER_SLOT_HOUR = 0.05
LATE_MS = 5000
MEASURE_SECONDS = 8
PENDING = "Source__source.pendingRecords"


def _number(metrics, name, aggregate):
    return metrics.get(name, {}).get(aggregate)


class _WorkRate:
    """Busy share and records/s of `work` over at least MEASURE_SECONDS, from counters that start anew with an attempt."""

    def __init__(self):
        self.since = None

    def forget(self):
        self.since = None

    def take(self, now, busy_ms, records, subtasks):
        if busy_ms is None or records is None:
            return "", ""
        if self.since is None or records < self.since[2]:
            self.since = (now, busy_ms, records)
        seconds = now - self.since[0]
        if seconds < MEASURE_SECONDS or records == self.since[2]:
            return "", ""
        share = (busy_ms - self.since[1]) / 1000 / seconds / subtasks
        rate = (records - self.since[2]) / seconds
        self.since = (now, busy_ms, records)
        return f"{share:.3f}", f"{rate:.0f}"


class Scorer:
    def __init__(self, job, load, started, path):
        self.job, self.load, self.started, self.path = job, load, started, path
        self.rows, self.rescales, self.slot_seconds, self.late_seconds = [], 0, 0.0, 0.0
        self.parallelism, self.changes, self.lost = None, [], 0
        self.work_rate = _WorkRate()
        self.last = None

    def watch(self, each_second=lambda: None):
        """Until the script is over. each_second() may end it by raising."""
        with open(self.path, "w", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(COLUMNS)
            while (now := time.time()) < self.started + self.load.seconds:
                try:
                    row = self._sample(now)
                    out.writerow(row)
                    file.flush()
                    self.rows.append(dict(zip(COLUMNS, row)))
                except (OSError, Refused, KeyError):
                    self.lost += 1
                each_second()
                time.sleep(max(0, 1 - (time.time() - now)))
        return self.summary()

    def _sample(self, now):
        rest, t = self.job.rest, now - self.started
        job = self.job.describe()
        vertices = self.job.vertices()
        now_runs = {name: vertices[name]["parallelism"] for name in ("source", "work", "sink")}
        overview = rest.get("/overview")
        used = overview["slots-total"] - overview["slots-available"]
        work = self.job.metrics("work", ["accumulateBusyTimeMs", "numRecordsIn", "work.arrivalLagMs"])
        backlog = _number(self.job.metrics("source", [PENDING]), PENDING, "sum")
        lag = _number(work, "work.arrivalLagMs", "max")
        self._count_change(t, job["state"], now_runs)
        if self.last is not None:
            self.slot_seconds += used * (now - self.last)
            self.late_seconds += (now - self.last) if lag is not None and lag > LATE_MS else 0
        self.last = now
        measured = self.work_rate.take(now, _number(work, "accumulateBusyTimeMs", "sum"),
                                       _number(work, "numRecordsIn", "sum"), now_runs["work"])
        return [f"{t:.1f}", self.load.phase(t), f"{self.load.rate(t):g}", job["state"], *now_runs.values(), used,
                f"{self.load.arrived(t):.0f}", _whole(backlog), _whole(lag), *measured, self.rescales,
                f"{self.slot_seconds:.0f}"]

    def _count_change(self, t, state, now_runs):
        """While a job is being created the parallelism shown is that of its submission."""
        if state != "RUNNING" or now_runs == self.parallelism:
            return
        if self.parallelism is not None:
            self.rescales += 1
            self.changes.append({"t": round(t, 1), "from": self.parallelism, "to": now_runs})
            self.work_rate.forget()
        self.parallelism = now_runs

    def summary(self):
        return {
            "load": self.load.name,
            "seconds": self.load.seconds,
            "rescales": self.rescales,
            "slot_seconds": round(self.slot_seconds),
            "usd": round(self.slot_seconds / 3600 * USD_PER_SLOT_HOUR, 5),
            "late_seconds": round(self.late_seconds),
            "peak_backlog": max((int(row["backlog"]) for row in self.rows if row["backlog"] != ""), default=None),
            "arrived": round(self.load.arrived(self.load.seconds)),
            "samples_lost": self.lost,
            "changes": self.changes,
            "phases": [self._phase(index, rate) for index, (_, rate) in enumerate(self.load.phases)],
        }

    def _phase(self, index, rate):
        rows = [row for row in self.rows if row["phase"] == index]
        backlogs = [int(row["backlog"]) for row in rows if row["backlog"] != ""]
        return {"rate": rate, "peak_backlog": max(backlogs, default=None),
                "backlog_at_end": backlogs[-1] if backlogs else None,
                "work_at_end": rows[-1]["p_work"] if rows else None}


def _whole(value):
    return "" if value is None else f"{value:.0f}"

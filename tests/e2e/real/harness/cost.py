# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record costs, by Flink's own counters: on a crowded machine that is more than operator work is told to take."""
import threading
import time

from .flink import Refused

WINDOW_SECONDS = 4
BUSY, READ = "accumulateBusyTimeMs", "numRecordsIn"


class CostWatch:
    """The dearest window so far, in seconds of one subtask per record; at least `least`."""

    def __init__(self, least):
        self.dearest, self.factor, self.job, self._since = least, 1, None, None
        threading.Thread(target=self._watch, daemon=True).start()

    def change(self, factor):
        """Every record costs so many times as much from now on; that is no part of what is told."""
        self.factor, self._since = factor, None

    def _watch(self):
        while True:
            time.sleep(1)
            try:
                self._look()
            except (OSError, Refused, KeyError):
                self._since = None

    def _look(self):
        if not self.job:
            return
        metrics = self.job.metrics("work", [BUSY, READ])
        now, busy, read = time.monotonic(), metrics[BUSY]["sum"] / 1000, metrics[READ]["sum"]
        if self._since is None or read < self._since[2]:  # counters start anew with every attempt
            self._since = (now, busy, read)
        elif now - self._since[0] >= WINDOW_SECONDS:
            if read > self._since[2]:
                self.dearest = max(self.dearest, (busy - self._since[1]) / (read - self._since[2]) / self.factor)
            self._since = (now, busy, read)

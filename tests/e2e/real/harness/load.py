# SPDX-License-Identifier: GPL-3.0-or-later
"""Load scripts: what is offered to the job, second by second, and what goes wrong meanwhile.

A script is a text of lines; # starts a comment. Phases follow one another:
    hold SECONDS RATE            records/s
    ramp SECONDS RATE RATE
    day SECONDS LOW HIGH         one turn of a day: lowest at the start and end, highest at two thirds
Beside them:
    noise SHARE EVERY SEED       multiplies the rate by a log-normal factor of mean 1, anew every EVERY seconds
    at SECOND cost FACTOR        every record costs that much more from then on
    at SECOND slow SUBTASK FACTOR
    at SECOND fail PARALLELISM   operator work throws while it is up to so wide; 0: never
"""
import math
import os
import pathlib
import random

STEP_SECONDS = 5


class Load:
    """phases: (start, rate in words) of each; steps: (second, records/s); events: (second, "cost 2")."""

    def __init__(self, text, name="load"):
        self.name, self.phases, self.steps, self.events = name, [], [], []
        self.seconds = 0
        noise = None
        for line in text.splitlines():
            word, *values = line.split("#")[0].split() or [""]
            if word in ("hold", "ramp", "day"):
                self._phase(word, *map(float, values))
            elif word == "noise":
                noise = values
            elif word == "at":
                self.events.append((float(values[0]), " ".join(values[1:])))
            elif word:
                raise ValueError(f"load {name}: {line}")
        if noise:
            self._roughen(float(noise[0]), float(noise[1]), int(noise[2]))

    def _phase(self, kind, seconds, *rates):
        start = self.seconds
        self.phases.append((start, "-".join(f"{rate:g}" for rate in rates)))
        if kind == "hold":
            self.steps.append((start, rates[0]))
        else:
            shape = _day if kind == "day" else _ramp
            for second in range(0, int(seconds), STEP_SECONDS):
                share = shape((second + STEP_SECONDS / 2) / seconds)
                self.steps.append((start + second, rates[0] + (rates[1] - rates[0]) * share))
        self.seconds = start + seconds

    def _roughen(self, share, every, seed):
        chance = random.Random(seed)
        sigma = math.sqrt(math.log1p(share * share))
        rough = []
        for second in range(0, int(self.seconds), int(every)):
            rough.append((second, self.rate(second) * chance.lognormvariate(-sigma * sigma / 2, sigma)))
        self.steps = rough

    def rate(self, second):
        return [rate for start, rate in self.steps if start <= second][-1]

    def arrived(self, second):
        """Records offered until then."""
        ends = [start for start, _ in self.steps[1:]] + [math.inf]
        return sum(rate * max(0, min(end, second) - start) for (start, rate), end in zip(self.steps, ends))

    def phase(self, second):
        return max(index for index, (start, _) in enumerate(self.phases) if start <= second)

    def lines(self, start_ms):
        steps = [(second, f"rate {rate:.3f}") for second, rate in self.steps]
        for second, what in sorted(steps + self.events, key=lambda each: each[0]):
            yield f"{round(start_ms + second * 1000)} {what}"


def _ramp(share):
    return share


def _day(share):
    """A cosine whose peak is moved from the middle to two thirds."""
    warped = share / 2 * 1.5 if share < 2 / 3 else 0.5 + (share - 2 / 3) * 1.5
    return (1 - math.cos(2 * math.pi * warped)) / 2


def named(name):
    path = pathlib.Path(__file__).resolve().parent.parent / "loads" / f"{name}.load"
    return Load(path.read_text(), name)


class ScheduleFile:
    """The file the job and the producer read, always whole."""

    def __init__(self, path):
        self.path, self.written = pathlib.Path(path), []
        self.append([])

    def append(self, lines):
        self.written += lines
        new = self.path.with_suffix(".new")
        new.write_text("".join(line + "\n" for line in self.written))
        os.replace(new, self.path)

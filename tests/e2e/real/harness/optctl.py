# SPDX-License-Identifier: GPL-3.0-or-later
"""optctl as its user runs it: a spec in a file, a process, a ledger."""
import json
import pathlib
import string
import subprocess

from .processes import eventually, free_ports, is_begun

HERE = pathlib.Path(__file__).resolve().parent.parent


def parallelism(size):
    """Subtasks of work in a configuration of the ledger."""
    knobs = size["configuration"]
    return knobs.get("parallelism.work", knobs.get("parallelism"))


class Optctl:
    """`optctl run` on the spec specs/NAME.yaml, in which ${…} stands for `values`."""

    def __init__(self, program, processes, spec, **values):
        self.program, self.processes = program, processes
        self.folder = processes.folder / "optctl"
        self.folder.mkdir(exist_ok=True)
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.ledger = self.folder / "ledger.db"
        self.spec = self.folder / "spec.yaml"
        text = (HERE / "specs" / f"{spec}.yaml").read_text()
        self.spec.write_text(string.Template(text).substitute(values))

    def start(self):
        self.processes.start("optctl", [self.program, "run", self.spec, "--ledger", self.ledger,
                                        "--listen", f"127.0.0.1:{self.port}"], cwd=self.folder)
        return self

    def record(self):
        """Measures beside whoever steers, into the folder `recording`."""
        self.processes.start("record", [self.program, "record", self.spec, "--output", self.processes.folder / "recording"],
                             cwd=self.folder)

    @property
    def log(self):
        return self.processes.log("optctl")

    @property
    def pid(self):
        return self.processes.running["optctl"].pid

    def alive(self):
        return self.processes.alive("optctl")

    def stop(self):
        return self.processes.stop("optctl")

    def kill(self):
        self.processes.kill("optctl")

    def forget(self):
        """Begins a new ledger next time."""
        for path in self.folder.glob(f"{self.ledger.name}*"):
            path.unlink()

    def call(self, *words, status=0):
        """Standard output of another command, which is to end with that status."""
        command = [self.program, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder)
        if done.returncode != status:
            raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def history(self):
        """Decisions, oldest first; none while there is no ledger yet."""
        if not is_begun(self.ledger):
            return []
        text = self.call("history", "--ledger", self.ledger, "--limit", 100000, "--json", "-")
        return json.loads(text)["decisions"][::-1]

    def explain(self, decision):
        return json.loads(self.call("explain", decision, "--ledger", self.ledger, "--json", "-"))

    def actions(self):
        """What was begun, oldest first: of each its decision, calls and outcome."""
        found = []
        for decision in self.history():
            if decision["outcome"] is not None:
                found += [{**action, "decision": decision} for action in self.explain(decision["id"])["actions"]]
        return found

    def widths(self, after=0):
        """(from, to, outcome) of each action, by the subtasks of work."""
        return [(parallelism(action["from"]), parallelism(action["to"]), action["outcome"]["outcome"])
                for action in self.actions()[after:]]

    def status(self):
        return json.loads(self.call("status", "--server", self.url, "--json", "-"))

    def pipeline(self):
        """Its status; empty while nobody answers."""
        try:
            return self.status()["pipelines"][0]
        except AssertionError:
            return {}

    def turns(self):
        """Since it was started."""
        return self.pipeline().get("turns", 0)

    def pause(self, name="job"):
        self.call("pause", name, "--server", self.url)

    def wait_for_turns(self, count, seconds=120):
        wanted = self.turns() + count
        eventually(f"{count} turns", lambda: self.turns() >= wanted, seconds, 0.5)

    def roll_back(self, decision, name="job"):
        """Whether the engine took it, by the exit status of the command."""
        command = [self.program, "rollback", name, "--decision", str(decision), "--server", self.url, "--no-wait"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder).returncode == 0

    def wait_for_outcome(self, seconds, wanted=("Confirmed",), after=0):
        """The newest action beyond the first `after` ones, once it has ended so."""
        def ended():
            actions = self.actions()[after:]
            return actions[-1] if actions and actions[-1]["outcome"]["outcome"] in wanted else None
        return eventually(f"an action ends as {' or '.join(wanted)}", ended, seconds, 1)

    def wait_for_rest(self, seconds=90):
        """Nothing is in flight."""
        eventually("no action is in flight", lambda: all(end != "Pending" for _, _, end in self.widths()), seconds, 1)

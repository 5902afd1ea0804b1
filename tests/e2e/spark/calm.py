# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine gives its cores to us: what goes by the clock says nothing where it does not."""
import subprocess
import sys
import time

from harness import fetch

SHARE, WAIT_SECONDS = 0.75, 90
SPIN = "import time; b = time.monotonic()\nwhile time.monotonic() < b + 2: pass\nprint(time.process_time() / (time.monotonic() - b))"


def share(cores):
    """Of a core, that the worst of so many processes gets."""
    spins = [subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE, text=True) for _ in range(cores)]
    return min(float(spin.communicate()[0]) for spin in spins)


def wait(cores):
    """Until a process a core gets most of that core."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (got := share(cores)) < SHARE:
        if time.monotonic() > deadline:
            raise fetch.Unavailable("Spark", f"the machine has other work (a core gave {got:.0%} of its time), and the clock says nothing")

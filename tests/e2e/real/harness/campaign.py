# SPDX-License-Identifier: GPL-3.0-or-later
"""Scored runs: one load script, one controller, one cluster; or many of them and a table."""
import concurrent.futures
import json
import os
import pathlib
import statistics
import time

from . import fetch
from .load import named
from .score import Scorer
from .session import Session

START_PARALLELISM = 3
GUARDRAILS = "cooldownUpSeconds: 20, cooldownDownSeconds: 60"


def run(load_name, controller, folder, program, interval=10, record=False, version=fetch.FLINK, profile="quick"):
    """controller: fixed:N, or the name of a strategy of optctl. Leaves rows.csv and summary.json in the folder, and what
    `optctl record` wrote in its folder `recording`."""
    load = named(load_name)
    kind, _, size = controller.partition(":")
    with Session(folder, program, version) as session:
        session.start_cluster(profile=profile)
        started = time.time()
        session.schedule.append(list(load.lines(started * 1000)))
        session.submit(int(size) if kind == "fixed" else START_PARALLELISM)
        steered = None
        if kind != "fixed":
            steered = session.optctl(kind, interval, guardrails=GUARDRAILS).start()
        if record:
            (steered or session.optctl()).record()

        def still_steered():
            if steered and not steered.alive():
                raise AssertionError(f"optctl ended: see {steered.log}")

        scorer = Scorer(session.job, load, started, session.folder / "rows.csv")
        summary = {"controller": controller, **scorer.watch(still_steered)}
        if steered:
            summary["optctl"] = _used(steered.pid)
            summary["exit_status"] = steered.stop()
            summary["actions"] = [_told(action) for action in steered.actions()]
    summary["machine_load"] = round(os.getloadavg()[1], 1)
    (session.folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def _used(pid):
    """CPU seconds and resident memory of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    memory = next(line for line in status if line.startswith("VmRSS"))
    ticks = os.sysconf("SC_CLK_TCK")
    return {"cpu_seconds": round((int(fields[11]) + int(fields[12])) / ticks, 1),
            "memory_megabytes": round(int(memory.split()[1]) / 1024, 1)}


def _told(action):
    return {"time": action["time"], "to": action["decision"]["to"], "outcome": action["outcome"]["outcome"],
            "reason": action["decision"]["reason"]}


def line(summary):
    return (f"{summary['load']} {summary['controller']}: {summary['rescales']} rescales, {summary['slot_seconds']} slot-seconds, "
            f"late {summary['late_seconds']} s, peak backlog {summary['peak_backlog']}, {summary['usd']:.4f} USD")


def campaign(plan, folder, program, parallel, interval, record=False):
    """Runs the lines "LOAD CONTROLLER [TIMES]" of a file; returns the summaries, and leaves table.md and all.json."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = []
    for words in (text.split("#")[0].split() for text in pathlib.Path(plan).read_text().splitlines()):
        if words:
            wanted += [(words[0], words[1], number) for number in range(1, int(words[2]) + 1 if len(words) > 2 else 2)]

    def one(job):
        load, controller, number = job
        try:
            summary = run(load, controller, folder / f"{load}-{controller.replace(':', '')}-{number}", program, interval, record)
        except (AssertionError, OSError) as error:
            print(f"{load} {controller} {number}: {error}", flush=True)
            return None
        print(line(summary), flush=True)
        return summary

    pool = concurrent.futures.ThreadPoolExecutor(parallel)
    try:
        done = list(pool.map(one, wanted))
    except BaseException:  # a signal: runs that wait for their load to end are not waited for
        pool.shutdown(wait=False, cancel_futures=True)
        for session in list(Session.running):
            session.processes.stop_all()
        raise
    summaries = [each for each in done if each]
    (folder / "all.json").write_text(json.dumps(summaries, indent=1) + "\n")
    (folder / "table.md").write_text(table(summaries))
    return len(summaries) == len(done)


def table(summaries):
    """One row a load and controller: the range over its runs, and the mean of the money."""
    lines = ["| load | controller | runs | rescales | slot-seconds | late, s | peak backlog | USD |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    groups = {}
    for each in summaries:
        groups.setdefault((each["load"], each["controller"]), []).append(each)
    for (load, controller), runs in groups.items():
        def span(key):
            values = [each[key] for each in runs if each[key] is not None]
            return f"{min(values):,}" if len(set(values)) == 1 else f"{min(values):,} to {max(values):,}"
        money = statistics.fmean(each["usd"] for each in runs)
        lines.append(f"| {load} | {controller} | {len(runs)} | {span('rescales')} | {span('slot_seconds')} | "
                     f"{span('late_seconds')} | {span('peak_backlog')} | {money:.4f} |")
    return "\n".join(lines) + "\n"

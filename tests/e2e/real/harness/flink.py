# SPDX-License-Identifier: GPL-3.0-or-later
"""A Flink session cluster on loopback and its REST API."""
import json
import os
import pathlib
import re
import urllib.error
import urllib.request
import uuid

from . import fetch
from .processes import eventually, free_ports, is_private

OPENED = ("java.lang java.net java.io java.nio java.lang.reflect java.text java.time java.util java.util.concurrent "
          "java.util.concurrent.atomic java.util.concurrent.locks sun.nio.ch").split()
JAVA = ["java", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-Xss512k", "-Djava.net.preferIPv4Stack=true",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED)]
JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1} - %m%n
"""
# Rescales at once, answers that are never older than a second: cases are short.
QUICK = {
    "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling": "1 s",
    "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout": "1 s",
    "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout": "1 s",
    "jobmanager.adaptive-scheduler.rescale-trigger.max-delay": "5 s",
    "metrics.fetcher.update-interval": "1000",
    "web.refresh-interval": "200",
    "web.exception-history-size": "1000",
    "heartbeat.interval": "1000",
    "heartbeat.timeout": "20000",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "100000",
    "restart-strategy.fixed-delay.delay": "1 s",
}
# Names of settings before Flink 2.
OLD_KEYS = {
    "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling": "jobmanager.adaptive-scheduler.scaling-interval.min",
    "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout":
        "jobmanager.adaptive-scheduler.resource-stabilization-timeout",
    "execution.checkpointing.dir": "state.checkpoints.dir",
    "execution.checkpointing.savepoint-dir": "state.savepoints.dir",
}
MAX_FAILED_STARTS = 8
PROFILES = {"quick": QUICK, "default": {}}


class Refused(Exception):
    """An answer of the REST API that is no success."""

    def __init__(self, request, status, text):
        super().__init__(f"{request}: {status} {text[:300]}")
        self.status = status


class Rest:
    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None, content_type="application/json"):
        """The answer, parsed. Raises Refused, or OSError when there is nobody."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": content_type}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}", error.code, error.read().decode(errors="replace")) from None

    def get(self, path):
        return self.ask("GET", path)


class Cluster:
    """One JobManager with the adaptive scheduler and its TaskManagers, `slots` slots each."""

    def __init__(self, processes, task_managers=3, slots=4, profile="quick", version=fetch.FLINK, settings=()):
        self.processes = processes
        self.home, self.release = fetch.flink(version), fetch.release(version)
        self.jar = fetch.job_jar(version)
        self.folder = processes.folder / "flink"
        self.task_managers, self.slots = task_managers, slots
        self.port, self.rpc_port, *metrics = free_ports(3 + task_managers)
        # Only in a network of its own: the reporter listens on every address.
        self.metric_ports = metrics if is_private() else []
        self.rest = Rest(f"http://127.0.0.1:{self.port}")
        self.starters, self.failed_starts = {}, 0
        self.settings = self._settings({**PROFILES[profile], **dict(settings)})

    def _settings(self, more):
        paths = {name: self.folder / name for name in ("checkpoints", "savepoints", "upload", "tmp")}
        for path in paths.values():
            path.mkdir(parents=True)
        return {
            "jobmanager.rpc.address": "127.0.0.1", "jobmanager.rpc.port": self.rpc_port,
            "jobmanager.bind-host": "127.0.0.1", "jobmanager.scheduler": "adaptive",
            "taskmanager.host": "127.0.0.1", "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.numberOfTaskSlots": self.slots,
            "rest.address": "127.0.0.1", "rest.bind-address": "127.0.0.1",
            "rest.port": self.port, "rest.bind-port": self.port, "rest.profiling.enabled": "false",
            "web.upload.dir": paths["upload"], "io.tmp.dirs": paths["tmp"],
            "cluster.registration.error-delay": 500,
            "pekko.ask.timeout": "60 s",  # for busy machines
            "state.backend.type": "hashmap",
            "execution.checkpointing.dir": paths["checkpoints"].as_uri(),
            "execution.checkpointing.savepoint-dir": paths["savepoints"].as_uri(),
            "execution.checkpointing.interval": "2 s",
            "taskmanager.cpu.cores": 1,
            "taskmanager.memory.framework.heap.size": "64m", "taskmanager.memory.task.heap.size": "128m",
            "taskmanager.memory.framework.off-heap.size": "48m", "taskmanager.memory.task.off-heap.size": "16m",
            "taskmanager.memory.managed.size": "0m",
            "taskmanager.memory.network.min": "48m", "taskmanager.memory.network.max": "48m",
            "taskmanager.memory.jvm-metaspace.size": "128m",
            "taskmanager.memory.jvm-overhead.min": "64m", "taskmanager.memory.jvm-overhead.max": "64m",
            **more,
        }

    def _key(self, key):
        return OLD_KEYS.get(key, key) if self.release < (2, 0) else key

    def _reporter(self, index):
        """A port for each process, so that it is known which metrics come from where."""
        if not self.metric_ports:
            return {}
        return {"metrics.reporters": "prometheus",
                "metrics.reporter.prometheus.factory.class":
                    "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
                "metrics.reporter.prometheus.port": self.metric_ports[index]}

    def _start(self, name, memory, main, arguments, settings):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        settings = {self._key(key): value for key, value in {**self.settings, **settings}.items()}
        (folder / ("config.yaml" if self.release >= (1, 19) else "flink-conf.yaml")).write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        (folder / "log4j2.properties").write_text(LOG4J)
        environment = {**os.environ, "FLINK_CONF_DIR": str(folder), "FLINK_PLUGINS_DIR": str(self.home / "plugins")}
        self.processes.start(
            name, [*JAVA, *memory, f"-Dlog4j.configurationFile={(folder / 'log4j2.properties').as_uri()}",
                   "-cp", f"{self.home}/lib/*", main, "--configDir", folder, *arguments], env=environment)

    def start_job_manager(self):
        self.starters["jobmanager"] = self.start_job_manager
        self._start("jobmanager", ["-Xms64m", "-Xmx256m", "-XX:MaxMetaspaceSize=160m", "-XX:MaxDirectMemorySize=128m"],
                    JOB_MANAGER, ["--executionMode", "cluster"], self._reporter(0))

    def start_task_manager(self, number):
        self.starters[f"taskmanager-{number}"] = lambda: self.start_task_manager(number)
        self._start(f"taskmanager-{number}",
                    ["-Xms64m", "-Xmx192m", "-XX:MaxMetaspaceSize=128m", "-XX:MaxDirectMemorySize=112m"],
                    TASK_MANAGER, [], {"taskmanager.resource-id": f"tm-{number}", **self._reporter(number)})

    def start(self):
        self.start_job_manager()
        for number in range(1, self.task_managers + 1):
            self.start_task_manager(number)
        self.wait_for_task_managers(self.task_managers)
        return self

    def wait_for_task_managers(self, count):
        eventually(f"{count} TaskManagers (see {self.processes.log('jobmanager')})",
                   lambda: self._registered() == count, 240)

    def _registered(self):
        self._start_again()
        try:
            return self.rest.get("/overview")["taskmanagers"]
        except (OSError, Refused):
            return -1

    def _start_again(self):
        """Flink gives up when its actor system takes more than 10 s to start, as it may on a busy machine."""
        for name in [name for name in self.starters if name in self.processes.running and not self.processes.alive(name)]:
            self.failed_starts += 1
            if self.failed_starts > MAX_FAILED_STARTS:
                raise AssertionError(f"{name} ended: see {self.processes.log(name)}")
            self.starters[name]()

    def submit(self, arguments, parallelism):
        """Runs the streaming job with these words; `parallelism` of every vertex at the start."""
        boundary = uuid.uuid4().hex
        head = (f'--{boundary}\r\nContent-Disposition: form-data; name="jarfile"; filename="{self.jar.name}"\r\n'
                "Content-Type: application/x-java-archive\r\n\r\n")
        body = head.encode() + self.jar.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        sent = self.rest.ask("POST", "/jars/upload", body, f"multipart/form-data; boundary={boundary}")
        jar = pathlib.PurePath(sent["filename"]).name
        answer = self.rest.ask("POST", f"/jars/{jar}/run", {"programArgsList": arguments, "parallelism": parallelism})
        return Job(self.rest, answer["jobid"])


    def find(self, name):
        """The newest job of that name that has not ended; None without one."""
        jobs = [job for job in self.rest.get("/jobs/overview")["jobs"] if job["name"] == name and job["end-time"] < 0]
        return Job(self.rest, max(jobs, key=lambda job: job["start-time"])["jid"]) if jobs else None


class Job:
    def __init__(self, rest, identity):
        self.rest, self.id = rest, identity

    def describe(self):
        return self.rest.get(f"/jobs/{self.id}")

    def vertices(self):
        """{"source": …, "work": …, "sink": …}: what REST says of each, by the name of its operator."""
        return {_operator(each["name"]): each for each in self.describe()["vertices"]}

    def runs(self):
        """Parallelism of each operator while every subtask runs, else None."""
        job = self.describe()
        if job["state"] != "RUNNING" or any(v["tasks"]["RUNNING"] != v["parallelism"] for v in job["vertices"]):
            return None
        return {_operator(each["name"]): each["parallelism"] for each in job["vertices"]}

    def wait_until_running(self, seconds=180):
        eventually(f"job {self.id} runs", self.runs, seconds)
        return self

    def wanted(self):
        """Upper bound of each operator, as asked for last."""
        bounds = self.rest.get(f"/jobs/{self.id}/resource-requirements")
        names = {each["id"]: name for name, each in self.vertices().items()}
        return {names[key]: each["parallelism"]["upperBound"] for key, each in bounds.items()}

    def rescale(self, parallelism):
        """{"work": 5}: the others keep what they have."""
        now = {name: (v["id"], parallelism.get(name, v["parallelism"])) for name, v in self.vertices().items()}
        bounds = {key: {"parallelism": {"lowerBound": 1, "upperBound": wanted}} for key, wanted in now.values()}
        self.rest.ask("PUT", f"/jobs/{self.id}/resource-requirements", bounds)

    def metrics(self, operator, names, aggregates="sum,max"):
        """{name: {"sum": …}}. A value that is no number yet is left out."""
        vertex = self.vertices()[operator]["id"]
        answer = self.rest.get(f"/jobs/{self.id}/vertices/{vertex}/subtasks/metrics?get={','.join(names)}&agg={aggregates}")
        return {each["id"]: {key: value for key, value in each.items() if isinstance(value, (int, float))}
                for each in answer}

    def failures(self):
        """Exceptions that made it restart; the history holds 1,000 (16, unless Flink is told otherwise)."""
        return len(self.rest.get(f"/jobs/{self.id}/exceptions")["exceptionHistory"]["entries"])

    def cancel(self):
        self.rest.ask("PATCH", f"/jobs/{self.id}?mode=cancel")


def _operator(vertex_name):
    return re.sub(r": Writer$|^(Source|Sink): ", "", vertex_name)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kafka broker on loopback, its topics, and a producer that follows a schedule."""
import subprocess

from . import fetch
from .flink import JAVA, LOG4J
from .processes import eventually, free_ports

TOOLS = {"topics": "org.apache.kafka.tools.TopicCommand",
         "groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"}


class Broker:
    """One node that is broker and controller."""

    def __init__(self, processes):
        self.processes = processes
        self.libraries = fetch.kafka() / "lib"
        self.folder = processes.folder / "kafka"
        self.folder.mkdir()
        self.port, self.controller_port = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        single = {f"{topic}.{setting}": 1 for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
                  for setting in ("num.partitions", "replication.factor")}
        settings = {
            "process.roles": "broker,controller", "node.id": 1,
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller_port}",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false", "group.initial.rebalance.delay.ms": 0,
            "transaction.state.log.min.isr": 1, "share.coordinator.state.topic.min.isr": 1,
            **single,
        }
        self.settings = self.folder / "server.properties"
        self.settings.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        (self.folder / "log4j2.properties").write_text(LOG4J)

    def _java(self, heap, main, *arguments):
        return [*JAVA, f"-Xmx{heap}", f"-Dlog4j.configurationFile={(self.folder / 'log4j2.properties').as_uri()}",
                "-cp", f"{self.libraries}/*", main, *arguments]

    def start(self):
        identity = self._run("kafka.tools.StorageTool", "random-uuid").split()[-1]
        self._run("kafka.tools.StorageTool", "format", "--standalone", "-t", identity, "-c", str(self.settings))
        self.processes.start("kafka", self._java("256m", "kafka.Kafka", self.settings))
        eventually(f"the broker is up (see {self.processes.log('kafka')})", self._is_up, 180)
        return self

    def _is_up(self):
        if not self.processes.alive("kafka"):
            raise AssertionError(f"the broker ended: see {self.processes.log('kafka')}")
        return "Kafka Server started" in self.processes.log("kafka").read_text()

    def _run(self, main, *arguments):
        done = subprocess.run(self._java("64m", main, *arguments), capture_output=True, text=True, timeout=180)
        if done.returncode:
            raise AssertionError(f"{main} {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def tool(self, name, *arguments):
        return self._run(TOOLS[name], "--bootstrap-server", self.address, *arguments)

    def create_topic(self, topic, partitions):
        self.tool("topics", "--create", "--topic", topic, "--partitions", str(partitions), "--replication-factor", "1")

    def grow_topic(self, topic, partitions):
        self.tool("topics", "--alter", "--topic", topic, "--partitions", str(partitions))

    def partitions(self, topic):
        return self.tool("topics", "--describe", "--topic", topic).count("\tPartition: ")

    def start_producer(self, jar, schedule, topic):
        """Compiled against Flink's connector, so it runs with that client."""
        libraries = f"{jar}:{fetch.flink()}/lib/*"
        self.processes.start("producer", [
            *JAVA, "-Xmx128m", f"-Dlog4j.configurationFile={(self.folder / 'log4j2.properties').as_uri()}",
            "-cp", libraries, "dev.optctl.e2e.LoadProducer",
            "--schedule", schedule, "--bootstrap", self.address, "--topic", topic])

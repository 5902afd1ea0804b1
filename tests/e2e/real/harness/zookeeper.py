# SPDX-License-Identifier: GPL-3.0-or-later
"""A ZooKeeper server on loopback, out of the jars that Flink brings along: with it a job outlives its JobManager."""
import socket

from . import fetch
from .flink import JAVA, LOG4J
from .processes import eventually, free_ports

SERVER = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.server.ZooKeeperServerMain"


class ZooKeeper:
    def __init__(self, processes, version=fetch.FLINK):
        self.processes, self.libraries = processes, fetch.flink(version) / "lib"
        self.folder = processes.folder / "zookeeper"
        self.folder.mkdir()
        self.port, = free_ports(1)

    def start(self):
        settings = {"dataDir": self.folder / "data", "clientPort": self.port, "clientPortAddress": "127.0.0.1",
                    "admin.enableServer": "false", "tickTime": 500}
        (self.folder / "zoo.cfg").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        (self.folder / "log4j2.properties").write_text(LOG4J)
        self.processes.start("zookeeper", [
            *JAVA, "-Xmx64m", f"-Dlog4j.configurationFile={(self.folder / 'log4j2.properties').as_uri()}",
            "-cp", f"{self.libraries}/*", SERVER, self.folder / "zoo.cfg"])
        eventually("ZooKeeper listens", self._listens, 30)
        return self

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def settings(self):
        """What a Flink cluster has to be told."""
        return {"high-availability.type": "zookeeper",
                "high-availability.zookeeper.quorum": f"127.0.0.1:{self.port}",
                "high-availability.zookeeper.client.session-timeout": "5000",
                "high-availability.storageDir": (self.folder / "flink").as_uri()}

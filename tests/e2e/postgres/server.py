# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL of Debian, run by nobody in particular: on a socket of its own, and over TLS, too, if it is given a certificate."""
import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess

from harness import fetch
from harness.processes import eventually, free_ports

NOBODY = 65534
STARTS_SECONDS = 60
PORT = 5432  # where it only names the socket
INITDB = "usr/lib/postgresql/*/bin/initdb"


def _programs(folder):
    """Where initdb and postgres are: installed, or unpacked from Debian's package, whose place in the cache may be root's alone."""
    found = sorted(pathlib.Path("/").glob(INITDB))
    if not found:
        shutil.copytree(fetch.debian("postgresql-15"), folder / "programs", symlinks=True)
        found = sorted((folder / "programs").glob(INITDB))
    done = subprocess.run([found[-1], "--version"], capture_output=True, text=True)
    if done.returncode:
        raise fetch.Unavailable("postgresql-15", (done.stderr.splitlines() or ["it does not start"])[0])
    return found[-1].parent


def _as_nobody():
    """initdb refuses root."""
    if os.geteuid() != 0:
        return []
    fetch.require("postgresql", "setpriv")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class Server:
    """`folder`: below one that everybody may enter. Nothing is synced to the disk: what is killed is the server, not the
    machine. `certificate`: (certificate, key), PEM files of "localhost"; then it listens on 127.0.0.1, for TLS alone."""

    def __init__(self, processes, folder, certificate=None):
        self.processes, self.folder = processes, pathlib.Path(folder)
        self.programs, self.words = _programs(self.folder), _as_nobody()
        self.password = secrets.token_urlsafe(24)
        self.password_file = self.folder / "password"
        self.password_file.write_text(self.password)
        if self.words:
            os.chown(self.folder, NOBODY, NOBODY)
            os.chown(self.password_file, NOBODY, NOBODY)
        fetch.run_tool("postgresql", [*self.words, self.programs / "initdb", "-D", self.folder / "data", "-U", "optctl", "-E", "UTF8",
                                      "--no-locale", "--auth=scram-sha-256", f"--pwfile={self.password_file}"], self.folder)
        self.port, self.settings = PORT, ["listen_addresses="]
        if certificate:
            self._offer_tls(certificate)
        self.start()

    def _offer_tls(self, certificate):
        """A key that others may read is refused."""
        self.port, = free_ports(1)
        for name, path in zip(("server.crt", "server.key"), certificate):
            copy = self.folder / "data" / name
            copy.write_bytes(pathlib.Path(path).read_bytes())
            copy.chmod(0o600)
            if self.words:
                os.chown(copy, NOBODY, NOBODY)
        (self.folder / "data" / "pg_hba.conf").write_text("local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.settings = ["listen_addresses=127.0.0.1", "ssl=on"]

    def start(self):
        """Also after it was killed: what is left of it ends a little later, and until then it does not start."""
        def answers():
            if not self.processes.alive("postgres"):
                settings = [word for each in (*self.settings, "fsync=off") for word in ("-c", each)]
                self.processes.start("postgres", [*self.words, self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder,
                                                  "-p", self.port, *settings], cwd=self.folder)
            return self.run("SELECT 1", check=False).returncode == 0
        eventually("PostgreSQL answers", answers, STARTS_SECONDS)

    def kill(self):
        self.processes.kill("postgres")

    def silence(self, silent):
        """Its processes stand still, with their sockets open. One that was on its way out may be gone by the time it is told."""
        word = signal.SIGSTOP if silent else signal.SIGCONT
        postmaster = self.processes.running["postgres"].pid
        os.kill(postmaster, word)
        for pid in pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), word)

    @property
    def url(self):
        return f"postgresql://optctl@/postgres?host={self.folder}&passwordFile={self.password_file}"

    def tls_url(self, authority, host="localhost"):
        """`authority`: who signed its certificate, a PEM file."""
        return (f"postgresql://optctl@{host}:{self.port}/postgres?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={authority}"
                f"&passwordFile={self.password_file}")

    def environment(self):
        """For psql, and for what takes no file with a password."""
        return {**os.environ, "PGPASSWORD": self.password, "PGHOST": str(self.folder), "PGPORT": str(self.port), "PGUSER": "optctl", "PGDATABASE": "postgres",
                "PATH": f"{self.programs}:{os.environ['PATH']}"}

    def run(self, sql, check=True):
        """psql's answer: rows by line, columns by |."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql], env=self.environment(),
                              capture_output=True, text=True)
        assert done.returncode == 0 or not check, f"{sql}: {done.stderr}"
        return done

    def count(self, what):
        """Of "TABLE" or "TABLE WHERE ..."; 0 as long as there is none."""
        done = self.run(f"SELECT count(*) FROM optctl.{what}", check=False)
        return int(done.stdout) if done.returncode == 0 else 0

    def dump_of_actions(self):
        """A line of each intent, call and outcome, in the order in which they came."""
        return [self.run(f"SELECT * FROM optctl.{table} ORDER BY 1").stdout.splitlines() for table in ("intents", "calls", "outcomes")]

    def dump(self):
        return self.run("SELECT array_agg(table_to_xml(oid, true, false, '')::text) FROM pg_class"
                        " WHERE relnamespace = 'optctl'::regnamespace AND relkind = 'r'").stdout

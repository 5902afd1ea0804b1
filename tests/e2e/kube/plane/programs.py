# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the programs of a Kubernetes control plane from Go modules into the cache, each version once.

A folder of modules/ pins what a program is built from (go.mod, go.sum). What the compiler leaves behind, and the modules,
stay under go/ in the cache; they may be removed once everything is built.
"""
import hashlib
import os
import pathlib
import re

from harness import fetch

MODULES = pathlib.Path(__file__).resolve().parent.parent / "modules"
PATIENCE_SECONDS = 3600
# By name: the folder of modules/ and the package.
PROGRAMS = {
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
}


def pinned(module, path):
    """The version of a module that a folder asks for: "v1.36.2"."""
    return re.search(rf"^(?:require)?\s+{re.escape(path)} (v\S+)", (MODULES / module / "go.mod").read_text(), re.MULTILINE)[1]


def _variables(name):
    """What a release's own build would tell the program about itself: the version is part of answers and user agents."""
    kubernetes = pinned("kubernetes", "k8s.io/kubernetes")
    major, minor = kubernetes[1:].split(".")[:2]
    version = "k8s.io/component-base/version"
    told = {f"{version}.gitVersion": kubernetes, f"{version}.gitMajor": major, f"{version}.gitMinor": minor,
            "k8s.io/client-go/pkg/version.gitVersion": kubernetes}
    if PROGRAMS[name][0] != "kubernetes":
        told = {}
    return " ".join(["-s -w", *(f"-X {variable}={value}" for variable, value in sorted(told.items()))])


def _go(name, folder, *words):
    cache = fetch.cache()
    environment = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOCACHE": str(cache / "go/build"),
                   "GOMODCACHE": str(cache / "go/modules"), "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=readonly"}
    fetch.require(name, "go")
    return fetch.run_tool(name, ["go", *words], folder, PATIENCE_SECONDS, env={**os.environ, **environment})


def program(name):
    """Path of the program; builds it when the cache does not hold it."""
    if name not in PROGRAMS:
        raise fetch.Unavailable(name, "is not one of " + ", ".join(PROGRAMS))
    module, package = PROGRAMS[name]
    variables = _variables(name)
    parts = [(MODULES / module / file).read_bytes() for file in ("go.mod", "go.sum")]
    digest = hashlib.sha256(b"\0".join([*parts, variables.encode()])).hexdigest()[:12]

    def make(folder):
        _go(name, MODULES / module, "build", "-trimpath", "-buildvcs=false", "-ldflags", variables, "-o", folder / name, package)
    return fetch.kept(f"{name}-{digest}", make) / name

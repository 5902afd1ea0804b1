# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the programs of a Kubernetes control plane from Go modules into the cache, each version once.

A folder of modules/ pins what a set of programs is built from (go.mod, go.sum). One set is one build, and sets of one folder
share what they have in common: the versions there are those of Kubernetes' own release, which the others' are held to by
`replace`, so that each package is compiled once and the API server is the one that was released. What the compiler leaves
behind, and the modules, stay under go/ in the cache; they may be removed once everything is built.
"""
import dataclasses
import hashlib
import os
import pathlib
import re

from harness import fetch

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent / "modules"
PATIENCE_SECONDS = 3600
STAGES = ("stage/node/fast/node-initialize", "stage/node/heartbeat-with-lease/node-heartbeat-with-lease",
          "stage/pod/fast/pod-ready", "stage/pod/fast/pod-complete", "stage/pod/fast/pod-delete",
          "metrics/usage/usage-from-annotation", "metrics/resource/metrics-resource")


@dataclasses.dataclass(frozen=True)
class Set:
    """`packages`: by the program's name."""
    module: str
    packages: dict


SETS = {
    "plane": Set("kubernetes", {
        "etcd": "go.etcd.io/etcd/server/v3",
        **{name: f"k8s.io/kubernetes/cmd/{name}" for name in (
            "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")},
        "kwok": "sigs.k8s.io/kwok/cmd/kwok",
        "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"}),
    "chart": Set("kubernetes", {
        "helm": "helm.sh/helm/v3/cmd/helm",
        "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"}),
    "score": Set("score", {"kube-score": "github.com/zegl/kube-score/cmd/kube-score"}),
    "dashboards": Set("linter", {"dashboard-linter": "github.com/grafana/dashboard-linter"}),
}


def pinned(module, path):
    """The version of a module that a folder asks for: "v1.36.2"."""
    return re.search(rf"^(?:require)?\s+{re.escape(path)} (v\S+)", (MODULES / module / "go.mod").read_text(), re.MULTILINE)[1]


def _variables():
    """What a release's own build would tell a program about itself: the version is part of answers and user agents, and what
    Helm takes for the cluster's when it has none."""
    kubernetes = pinned("kubernetes", "k8s.io/kubernetes")
    major, minor = kubernetes[1:].split(".")[:2]
    told = {"helm.sh/helm/v3/internal/version.version": pinned("kubernetes", "helm.sh/helm/v3"),
            "k8s.io/client-go/pkg/version.gitVersion": kubernetes, "k8s.io/component-base/version.gitVersion": kubernetes}
    for place, names in {"k8s.io/component-base/version": ("gitMajor", "gitMinor"),
                         "helm.sh/helm/v3/pkg/chartutil": ("k8sVersionMajor", "k8sVersionMinor"),
                         "helm.sh/helm/v3/pkg/lint/rules": ("k8sVersionMajor", "k8sVersionMinor")}.items():
        told.update({f"{place}.{name}": number for name, number in zip(names, (major, minor))})
    return " ".join(["-s -w", *(f"-X {variable}={value}" for variable, value in sorted(told.items()))])


def _go(name, folder, *words):
    cache = fetch.cache()
    environment = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOCACHE": str(cache / "go/build"),
                   "GOMODCACHE": str(cache / "go/modules"), "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=readonly"}
    fetch.require(name, "go")
    return fetch.run_tool(name, ["go", *words], folder, PATIENCE_SECONDS, env={**os.environ, **environment})


def _digest(*parts):
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def folder_of(name):
    """Folder with the programs of a set; builds them when the cache does not hold them."""
    if name not in SETS:
        raise fetch.Unavailable(name, "is not one of " + ", ".join(SETS))
    source, packages = MODULES / SETS[name].module, SETS[name].packages
    variables = _variables()

    def make(folder):
        _go(name, source, "build", "-trimpath", "-buildvcs=false", "-ldflags", variables, "-o", f"{folder}/", *packages.values())
        for program, package in packages.items():
            built = re.sub(r"/v\d+$", "", package).rsplit("/", 1)[-1]
            (folder / built).rename(folder / program)
    digest = _digest((source / "go.mod").read_bytes(), (source / "go.sum").read_bytes(), repr((packages, variables)).encode())
    return fetch.kept(f"{name}-{digest}", make)


def program(name):
    """Path of the program; builds its set when the cache does not hold it."""
    for each, those in SETS.items():
        if name in those.packages:
            return folder_of(each) / name
    raise fetch.Unavailable(name, "is in none of the sets " + ", ".join(SETS))


def stages():
    """File that tells kwok how nodes and pods behave and what pods use: its own stages, and ours for resizing."""
    ours = HERE / "resize-stage.yaml"

    def make(folder):
        source = _go("kwok", MODULES / "kubernetes", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok").strip()
        parts = [pathlib.Path(source, "kustomize", f"{stage}.yaml").read_text() for stage in STAGES]
        (folder / "stages.yaml").write_text("\n---\n".join([*parts, ours.read_text()]))
    digest = _digest(pinned("kubernetes", "sigs.k8s.io/kwok").encode(), repr(STAGES).encode(), ours.read_bytes())
    return fetch.kept(f"kwok-stages-{digest}", make) / "stages.yaml"

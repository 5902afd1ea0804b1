# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of other projects, as the projects themselves define them: from the Go modules and the jars that modules/kinds pins, or by
their own program."""
import json
import os
import re
import zipfile

from harness import fetch
from harness.processes import eventually
from plane import programs

SECONDS = 600
FOLDER = programs.MODULES / "kinds"
# By the name of the kind: its module or its jar, and where in it the definition stands.
MODULES = {"scaledobjects.keda.sh": ("github.com/kedacore/keda/v2", "config/crd/bases/keda.sh_scaledobjects.yaml"),
           **{f"{kind}.sparkoperator.k8s.io": ("github.com/kubeflow/spark-operator/v2",
                                               f"config/crd/bases/sparkoperator.k8s.io_{kind}.yaml")
              for kind in ("scheduledsparkapplications", "sparkapplications")},
           "verticalpodautoscalers.autoscaling.k8s.io": ("k8s.io/autoscaler/vertical-pod-autoscaler", "deploy/vpa-v1-crd-gen.yaml")}
JARS = {"flinkdeployments.flink.apache.org": ("flink-kubernetes-operator-api",
                                              "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml")}

# By the name of the kind: the classes of Strimzi that it is generated from.
STRIMZI = {"kafkatopics.kafka.strimzi.io": "io.strimzi.api.kafka.model.topic.KafkaTopic"}

NAMES = (*MODULES, *JARS, *STRIMZI)


def _of_module(name, folder):
    module, path = MODULES[name]
    fetch.require(name, "go")
    environment = {"GOTOOLCHAIN": "local", "GOMODCACHE": str(fetch.cache() / "go/modules"), "GOFLAGS": "-mod=mod"}
    told = fetch.run_tool(name, ["go", "mod", "download", "-json", f"{module}@{programs.pinned('kinds', module)}"], FOLDER, SECONDS,
                          env={**os.environ, **environment})
    return open(f"{json.loads(told)['Dir']}/{path}").read()


def _of_jar(name, folder):
    artifact, path = JARS[name]
    fetch.maven(name, FOLDER / "pom.xml", folder / "jars")
    jar, = (folder / "jars").glob(f"{artifact}-*.jar")
    with zipfile.ZipFile(jar) as opened:
        text = opened.read(path).decode()
    for each in (folder / "jars").glob("*.jar"):
        each.unlink()
    return text


def _of_strimzi(name, folder):
    jars, made = folder / "jars", folder / "made.yaml"
    fetch.maven(name, FOLDER / "strimzi.xml", jars)
    fetch.require(name, "java")
    fetch.run_tool(name, ["java", "-cp", f"{jars}/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml", f"{STRIMZI[name]}={made}"], folder,
                   SECONDS)
    for each in jars.glob("*.jar"):
        each.unlink()
    return made.read_text()


def _version(name):
    if name in MODULES:
        return programs.pinned("kinds", MODULES[name][0])
    pom, artifact = ("pom.xml", JARS[name][0]) if name in JARS else ("strimzi.xml", "api")
    return re.search(rf"<artifactId>{artifact}</artifactId><version>([^<]+)<", (FOLDER / pom).read_text())[1]


def definition(name):
    """The text of a CustomResourceDefinition; fetched into the cache when it is not there."""
    def make(folder):
        text = (_of_module if name in MODULES else _of_jar if name in JARS else _of_strimzi)(name, folder)
        this, = (each for each in re.split(r"^---$", text, flags=re.MULTILINE) if f"\n  name: {name}\n" in each)
        (folder / "definition.yaml").write_text(this)
    return (fetch.kept(f"{name}-{_version(name)}", make) / "definition.yaml").read_text()


def install(api, name):
    """Until the API server serves it."""
    collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    path = f"{collection}/{name}"
    api.text("POST", collection, definition(name), "application/yaml")

    def is_established():
        conditions = api.get(path).get("status", {}).get("conditions") or ()
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
    eventually(f"{name} is served", is_established, 60)

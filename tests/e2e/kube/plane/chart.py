# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart: rendered, installed, and what its rights come to."""
import json
import pathlib
import subprocess

import yaml

from harness.processes import eventually

from . import programs

CHART = pathlib.Path(__file__).resolve().parents[4] / "charts" / "optctl"
SECONDS = 60
WRITES = {"create", "update", "patch", "delete", "deletecollection"}
# What is written of our own, whatever is tuned.
OWN = {("optctl.dev", "tunedpipelines/status"), ("optctl.dev", "pricebooks/status"), ("optctl.dev", "tuningstudies/status"),
       ("events.k8s.io", "events"), ("coordination.k8s.io", "leases"), ("batch", "jobs"), ("", "configmaps")}


def run(*words, stdin=None, **options):
    """What a program of the cache printed; with what it complained of when it fails."""
    command = [programs.program(words[0]), *words[1:]]
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(str(word) for word in words)[:200]}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def settings(**values):
    """Words that give values to the chart; `__` stands for a dot."""
    return [word for name, value in values.items() for word in ("--set-json", f"{name.replace('__', '.')}={json.dumps(value)}")]


def render(*words, chart=CHART, namespace="tuning"):
    return run("helm", "template", "optctl", chart, "--namespace", namespace, *words)


def objects(text):
    return [each for each in yaml.safe_load_all(text) if each]


def rights(manifests):
    """{(group, resource, verb)} of all roles that are bound: the others are parts of what users have."""
    bound = {(each["roleRef"]["kind"], each["roleRef"]["name"]) for each in manifests if each["kind"] in ("RoleBinding", "ClusterRoleBinding")}
    return {(group, resource, verb) for each in manifests if (each["kind"], each["metadata"]["name"]) in bound for rule in each["rules"]
            for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]}


# ---- schemas ----

def _strict(node):
    """As kubeconform is to take it: no field that is not named, quantities as numbers or texts."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {key: _strict(value) for key, value in node.items() if not key.startswith("x-kubernetes-") and key not in ("default", "format")}
    if isinstance(node.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def write_schemas(api, folder):
    """A file for each kind that the server has, its definitions among them, by the names that kubeconform looks for."""
    folder.mkdir(parents=True)
    eventually("the schemas of our own are published", lambda: "TunedPipeline" in api.text("GET", "/openapi/v2"), SECONDS)
    published = api.get("/openapi/v2")["definitions"]
    definitions = {name: _strict(schema) for name, schema in published.items()}
    for name in definitions:
        if name.endswith(".resource.Quantity"):
            definitions[name] = {"type": ["number", "string"]}
        elif name.endswith(".JSONSchemaProps"):
            definitions[name] = {"type": "object"}
    (folder / "definitions.json").write_text(json.dumps({"definitions": definitions}))
    for name, schema in published.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            group = f"-{kind['group'].split('.')[0]}" if kind["group"] else ""
            path = folder / f"{kind['kind'].lower()}{group}-{kind['version']}.json"
            path.write_text(json.dumps({"$ref": f"definitions.json#/definitions/{name}"}))
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"

# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's definitions on a real API server: they install, every field is documented, every example is taken, and every
wrong value (A1) is refused with words that say what was expected."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import subprocess
import urllib.parse

from harness.processes import eventually
from plane import programs

SECONDS = 60
EXAMPLES = pathlib.Path(__file__).resolve().parents[4] / "examples"
GROUP = "/apis/optctl.dev/v1alpha1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EXPECTS = re.compile(r"expected |must be |should be |should match |should have at (least|most)|supported values|may not be more than"
                     r"|may not be longer|must have at most|must have at least|Required value|Duplicate value|unknown field", re.IGNORECASE)
PLAIN = {"TunedPipeline": {"knobs": [{"name": "workers", "min": 1, "max": 9}]}, "PriceBook": {"currency": "EUR", "worker": {"perHour": "0.2"}},
         "TuningStudy": {"pipeline": "orders", "candidates": [{"name": "as-is"}]}}
PATHS = {"TunedPipeline": f"{GROUP}/namespaces/default/tunedpipelines", "PriceBook": f"{GROUP}/pricebooks",
         "TuningStudy": f"{GROUP}/namespaces/default/tuningstudies"}


class Connection:
    """One connection for thousands of requests."""

    def __init__(self, api):
        place = urllib.parse.urlsplit(api.url)
        self.http = http.client.HTTPSConnection(place.hostname, place.port, context=api.trust, timeout=SECONDS)

    def ask(self, method, path, body=None, accept="application/json"):
        """`body`: a JSON value, or a text in YAML."""
        kind = "application/yaml" if isinstance(body, str) else "application/json"
        data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body)
        self.http.request(method, path, data, {"Content-Type": kind, "Accept": accept})
        answer = self.http.getresponse()
        return answer.status, json.loads(answer.read())


# ---- values ----

def is_number(schema):
    return schema.get("x-kubernetes-int-or-string", False)


def one_of(schema):
    """The first field of each rule that asks for exactly one."""
    for rule in schema.get("x-kubernetes-validations", []):
        if rule["rule"].endswith(".size() == 1"):
            yield re.search(r"has\(self\.(\w+)\)", rule["rule"])[1]


def sample(schema, number=0):
    """A right value, as small as can be; `number` tells items of a list apart."""
    if "properties" in schema:
        names = [*schema.get("required", []), *one_of(schema)]
        return {name: sample(schema["properties"][name], number) for name in names}
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2026-01-05T00:00:00Z"
    if is_number(schema):
        return 1
    if schema["type"] == "integer":
        return max(schema.get("minimum", 1), min(1, schema.get("maximum", 1)))
    if schema["type"] == "array":
        return [sample(schema["items"], each) for each in range(schema.get("minItems", 1))]
    if schema["type"] == "boolean":
        return True
    return f"n{number}".ljust(schema.get("minLength", 0), "x")


def wrong_scalars(schema):
    """(what is wrong with it, value) of a number, text, choice or flag."""
    kind = schema.get("type")
    if is_number(schema):
        yield "a fraction without quotes", 1.5
        yield "no number", "many"
        yield "a flag", True
        yield "too long", "1".zfill(schema["maxLength"] + 1)
        quantity = "quantity" in json.dumps(schema.get("x-kubernetes-validations", ""))
        for rule in schema.get("x-kubernetes-validations", []):
            if ">=" in rule["rule"]:
                yield "too little", "-9E" if quantity else "-1e300"
            if "<=" in rule["rule"]:
                yield "too much", "9E" if quantity else "1e300"
    elif kind == "integer":
        yield "text", "7"
        yield "a fraction", 1.5
        if "minimum" in schema:
            yield "too little", schema["minimum"] - 1
        if "maximum" in schema:
            yield "too much", schema["maximum"] + 1
    elif kind == "boolean":
        yield "text", "yes"
    elif "enum" in schema:
        yield "no choice", "Nonsense"
        yield "a number", 7
    elif kind == "string":
        yield "a number", 7
        if schema.get("format") == "date-time":
            yield "no time", "yesterday"
            return
        yield "too long", "x" * (schema["maxLength"] + 1)
        if schema.get("minLength"):
            yield "too short", "x" * (schema["minLength"] - 1)


def wrong_lists(schema):
    yield "text", "x"
    many = [sample(schema["items"], each) for each in range(schema["maxItems"] + 1)]
    if isinstance(many[0], str) and "enum" not in schema["items"]:
        many = [f"x{each}" for each in range(len(many))]
    yield "too many", many
    if schema.get("minItems"):
        yield "too few", []
    if schema["x-kubernetes-list-type"] == "map":
        yield "twice the same", [sample(schema["items"])] * 2


def broken_rules(schema):
    """A value for each rule between fields, which it breaks alone."""
    fields = schema["properties"]

    def having(names, whole):
        made = {name: value for name, value in sample(schema).items() if name not in whole}
        return {**made, **{name: sample(fields[name]) for name in names}}

    for rule in schema.get("x-kubernetes-validations", []):
        words, names = rule["rule"], list(dict.fromkeys(re.findall(r"self\.(\w+)", rule["rule"])))
        if words.endswith("== 1"):
            yield "none of several", having([], names)
        if words.endswith(("== 1", ".size() <= 1")) and len(names) > 1:
            yield "two of several", having(names[:2], names)
        if " == has(" in words:
            yield "one without the other", having(names[:1], names)
        if words.startswith("!has(") and "<=" not in words:
            yield "without what it needs", having(names[:1], names)
        if "fieldPath" in rule and "<=" in words:
            low, = (name for name in names if rule["fieldPath"] == f".{name}")
            high, = (name for name in names if name != low)
            quoted = is_number(fields[low])
            yield "in the wrong order", {**sample(schema), low: "1" if quoted else 2, high: "0.5" if quoted else 1}


def wrong_objects(schema):
    yield "text", "x"
    yield "an unknown field", {**sample(schema), "unheardOf": 1}
    for name in schema.get("required", []):
        yield f"no {name}", {field: value for field, value in sample(schema).items() if field != name}
    yield from broken_rules(schema)


def wrong_values(schema):
    """(path of the schema, what is wrong, value in the schema's place)."""
    wrong = wrong_objects if "properties" in schema else wrong_lists if schema.get("type") == "array" else wrong_scalars
    for what, value in wrong(schema):
        yield "", what, value
    for name, below in schema.get("properties", {}).items():
        for path, what, value in wrong_values(below):
            yield f".{name}{path}", what, {**sample(schema), name: value}
    if schema.get("type") == "array":
        for path, what, value in wrong_values(schema["items"]):
            yield f"[0]{path}", what, [value]


# ---- the play ----

def install(stage, api):
    definitions = json.loads(subprocess.check_output([stage.build / "optctl", "crds", "--json", "-"]))["items"]
    for definition in definitions:
        path = f"{DEFINITIONS}/{definition['metadata']['name']}"
        api.post(f"{DEFINITIONS}?fieldValidation=Strict", definition)

        def is_served(path=path):
            told = api.get(path).get("status", {}).get("conditions") or []
            conditions = {each["type"]: each["status"] for each in told}
            assert conditions.get("NonStructuralSchema", "False") == "False", conditions
            return conditions.get("Established") == "True" and conditions.get("NamesAccepted") == "True"
        eventually(f"{path} is served", is_served, SECONDS)
    return {each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for each in definitions}


def fields_of(schema):
    for name, below in schema.get("properties", {}).items():
        yield name, below
        yield from fields_of(below)
    if "items" in schema:
        yield from fields_of(schema["items"])


def check_documented(api, schemas):
    """What the server publishes is what editors, clients and kubectl explain know."""
    eventually("the schemas are published", lambda: api.answers(f"/openapi/v3{GROUP}"), SECONDS)
    published = api.get(f"/openapi/v3{GROUP}")["components"]["schemas"]
    for kind in schemas:
        served = next(each for name, each in published.items() if name.endswith(f".{kind}"))
        fields = [(name, below) for part in ("spec", "status") for name, below in fields_of(served["properties"][part])]
        bare = [name for name, below in fields if not below.get("description")]
        assert len(fields) > 50 and not bare, f"{kind}: fields without a description: {bare}"


def objects_of(schema, path):
    """(path, names of its fields) of every object."""
    schema = schema.get("items", schema)
    if "properties" in schema:
        yield path, set(schema["properties"])
        for name, below in schema["properties"].items():
            yield from objects_of(below, f"{path}.{name}")


def explained(text):
    """Fields below which kubectl explain says more than their choices."""
    found = set()
    for field in re.split(r"^  (?=\w+\t)", text.partition("FIELDS:")[2], flags=re.MULTILINE)[1:]:
        name, *lines = field.splitlines()
        words = [line for line in lines if line.strip() and not line.strip().startswith(("enum:", "<no description>"))]
        if words:
            found.add(name.split("\t")[0])
    return found


def check_explained(stage, schemas):
    """Each field, as kubectl explain shows it to somebody who writes one."""
    places = [each for kind, schema in schemas.items() for each in objects_of(schema, kind.lower())]
    cache = {**os.environ, "KUBECACHEDIR": str(stage.folder / "kubectl")}

    def missing(place):
        path, names = place
        done = subprocess.run([programs.program("kubectl"), "--kubeconfig", stage.plane.kubeconfig, "explain", path],
                              check=True, capture_output=True, text=True, env=cache)
        return sorted(f"{path}.{name}" for name in names - explained(done.stdout))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        bare = [name for found in pool.map(missing, places) for name in found]
    assert len(places) > 50 and not bare, f"kubectl explain says nothing of {bare}"


def check_examples(stage, connection):
    """Each file as it is; what comes back is a spec."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        text = path.read_text()
        named = re.search(r"namespace: (\w+)", text)
        namespace = named[1] if named else "default"
        connection.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        status, held = connection.ask("POST", f"{GROUP}/namespaces/{namespace}/tunedpipelines?dryRun=All&fieldValidation=Strict", text)
        assert status == 201 and held["metadata"]["managedFields"], f"{path}: {held}"
        subprocess.run([stage.build / "optctl", "validate", "-"], input=json.dumps(held), text=True, check=True, stdout=subprocess.DEVNULL)


def check_columns(connection):
    """What kubectl get shows, and with -o wide."""
    made = {"apiVersion": GROUP[6:], "kind": "TunedPipeline", "metadata": {"name": "shown"}, "spec": PLAIN["TunedPipeline"]}
    assert connection.ask("POST", PATHS["TunedPipeline"], made)[0] == 201
    status, table = connection.ask("GET", PATHS["TunedPipeline"], accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    columns = [each["name"] for each in table["columnDefinitions"] if each["priority"] == 0]
    assert status == 200 and columns == ["Name", "Target", "Mode", "Ready", "Current", "Desired", "Reason", "Age"], columns
    assert table["rows"][0]["cells"][:3] == ["shown", None, "Recommend"], table["rows"]


def refusal(answer):
    """(field, message) of each cause, and the sentence around them."""
    causes = answer.get("details", {}).get("causes", [])
    return [(each.get("field", ""), each.get("message", "")) for each in causes], answer["message"]


def is_about(path, fields, message):
    """The field itself, or one below it that is missing or breaks a rule."""
    return any(field.startswith(path) for field in fields) or path in message


def check_refused(connection, kind, part, schema):
    """Every wrong value in spec or status; returns how many there were."""
    made = {"apiVersion": GROUP[6:], "kind": kind, "metadata": {"name": "refused"}, "spec": PLAIN[kind]}
    url, method, count, problems = f"{PATHS[kind]}?dryRun=All&fieldValidation=Strict", "POST", 0, []
    if part == "status":
        assert connection.ask("POST", PATHS[kind], made)[0] == 201
        url, method = f"{PATHS[kind]}/refused/status?dryRun=All&fieldValidation=Strict", "PUT"
        made = connection.ask("GET", f"{PATHS[kind]}/refused")[1]
    for path, what, value in wrong_values(schema["properties"][part]):
        whole = value
        if part == "spec" and isinstance(value, dict) and path:
            whole = {**PLAIN[kind], **value}
        status, answer = connection.ask(method, url, {**made, part: whole})
        count += 1
        if status not in (400, 422):
            problems.append(f"{part}{path}: {what} is taken: {json.dumps(value)[:200]}")
            continue
        causes, message = refusal(answer)
        if not is_about(f"{part}{path}", [field for field, _ in causes], message):
            problems.append(f"{part}{path}: {what}: another field is refused: {message[:400]}")
        elif not any(EXPECTS.search(words) for words in [message, *(words for _, words in causes)]):
            problems.append(f"{part}{path}: {what}: does not say what is expected: {message[:400]}")
    assert not problems, "\n".join(problems)
    return count


def check_kept(connection):
    """What cannot be changed, and names that could not be labels."""
    book = {"apiVersion": GROUP[6:], "kind": "PriceBook", "metadata": {"name": "book"}, "spec": PLAIN["PriceBook"]}
    status, held = connection.ask("POST", PATHS["PriceBook"], book)
    assert status == 201, held
    held["spec"]["worker"]["perHour"] = "0.3"
    assert connection.ask("PUT", f"{PATHS['PriceBook']}/book", held)[0] == 200
    held = {**connection.ask("GET", f"{PATHS['PriceBook']}/book")[1]}
    held["spec"]["currency"] = "USD"
    status, answer = connection.ask("PUT", f"{PATHS['PriceBook']}/book", held)
    assert status == 422 and "spec.currency" in answer["message"] and "cannot be changed" in answer["message"], answer
    for name in ("a.b", "x" * 64):
        status, answer = connection.ask("POST", PATHS["PriceBook"], {**book, "metadata": {"name": name}})
        assert status == 422 and "expected 1 to 63 of a-z" in answer["message"], answer


def play(stage):
    api = stage.start().api
    schemas = install(stage, api)
    check_documented(api, schemas)
    check_explained(stage, schemas)
    connection = Connection(api)
    check_examples(stage, connection)
    check_columns(connection)
    check_kept(connection)
    for kind, schema in schemas.items():
        for part in ("spec", "status"):
            print(f"{kind}.{part}: {check_refused(connection, kind, part, schema)} wrong values refused", flush=True)

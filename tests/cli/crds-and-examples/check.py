# SPDX-License-Identifier: GPL-3.0-or-later
"""check.py FILE...: whether each file is an object of the definition on standard input, as an API server takes it."""
import json
import sys

import jsonschema
import yaml


def close(schema):
    """Fields that the schema does not know are refused; a number may be an integer or digits in quotes."""
    if "properties" in schema:
        schema["additionalProperties"] = False
    for below in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        close(below)


schema = json.load(sys.stdin)["items"][0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
close(schema)
validator = jsonschema.Draft202012Validator(schema)
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        # Times stay the texts that they are in an object.
        document = json.loads(json.dumps(yaml.safe_load(file), default=lambda time: time.isoformat()))
    for problem in validator.iter_errors(document):
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.absolute_path)
        print(f"{path.rsplit('/', 1)[-1]}{place}: {problem.message[:160]}")

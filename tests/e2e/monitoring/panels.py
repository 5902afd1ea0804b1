# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Prometheus what Grafana would ask it for the panels of optctl's dashboards."""
import json
import math
import re
import time

import stage

DASHBOARDS = ("savings", "pipeline", "cost", "operator", "trust")
VARIABLES = {"$__rate_interval": "15s", "$__range": "2m", "$job": "optctl", "$instance": ".+", "$pipeline": ".+"}


def _expand(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def _numbers(result):
    """Every finite value of an answer, instant or range."""
    values = [value for series in result for value in series.get("values", [series.get("value")])]
    return [float(value) for _, value in values if math.isfinite(float(value))]


def _queries(optctl):
    """(dashboard, panel, query) of every query of every panel."""
    for name in DASHBOARDS:
        for panel in json.loads(stage.run(optctl, "monitoring", name))["panels"]:
            for target in panel.get("targets", []):
                yield name, panel["title"], target


def is_of_cluster(expression):
    """Of what only `optctl controller` counts."""
    return re.search("optctl_(leader|shards|tuned_pipelines|reconcile|workqueue|rest_client)", expression) is not None


def is_of_nodes(expression):
    """Of what pods and nodes cost, which only `optctl controller --node-prices` counts."""
    return re.search("optctl_(nodes|pipeline_pods)", expression) is not None


def is_of_one(expression):
    """Of what every optctl counts."""
    return not is_of_cluster(expression) and not is_of_nodes(expression)


def check(optctl, prometheus, folder, begin, is_chosen):
    """Each query of the chosen ones has to bring numbers; what they were is left in panels.txt."""
    empty, end = [], time.time()
    with open(folder / "panels.txt", "w") as table:
        for dashboard, title, target in _queries(optctl):
            expression = _expand(target["expr"])
            if not is_chosen(expression):
                continue
            result = prometheus.now(expression) if target["instant"] else prometheus.over(expression, begin, end)
            values = _numbers(result)
            figures = f"{values[-1]:12.6g} [{min(values):.6g}, {max(values):.6g}]" if values else "nothing"
            table.write(f"{dashboard:9} {title:45.45} {target['legendFormat']:28.28} {len(result):3} series {figures}\n")
            if not values:
                empty.append(f"{dashboard}: {title}: {expression}")
    print((folder / "panels.txt").read_text())
    assert not empty, "panels without data:\n" + "\n".join(empty)


def check_variables_and_marks(optctl, prometheus, begin):
    for name in DASHBOARDS:
        dashboard = json.loads(stage.run(optctl, "monitoring", name))
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = _expand(variable["definition"]).removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
                found = prometheus.get(f"label/{label}/values", **{"match[]": metric})
                assert found, f"{name}: variable {variable['name']} has no values"
        for mark in dashboard["annotations"]["list"]:
            found = prometheus.over(_expand(mark["expr"]), begin, time.time())
            assert found or mark["name"] != "Decisions", f"{name}: no marks of decisions"



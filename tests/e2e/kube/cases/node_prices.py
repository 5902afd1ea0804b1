# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods cost by the prices of their nodes, on simulated nodes and with pods that a real scheduler placed: in the status of their
pipeline and in metrics, with what is idle, and on the dashboard, whose panels a real Prometheus is asked for. All that is expected is
reckoned here, from the API server's own objects. OpenCost's page is played; it knows one of the nodes."""
import http.server
import pathlib
import re
import sys
import threading
import time
import urllib.request

from harness import fetch
from harness.processes import eventually
from plane.tuned import GROUP, MERGE, Pipelines, Replica, install
from targets.pool import Pool, container
from targets.tuner import spec

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "monitoring"))
import panels  # noqa: E402
import stage as monitoring  # noqa: E402

NODES = "/api/v1/nodes"
SECONDS = 90
# Of a core and a GiB: 2.56 for a whole node of 32 and 256. The listed type costs 1.25 times as much.
BOOK = {"currency": "EUR", "worker": {"perHour": "0.1"}, "nodes": {
    "perCoreHour": "0.04", "perGibibyteHour": "0.005", "types": [{"instanceType": "large", "perHour": "3.2", "spotPerHour": "1.28"}]}}
FACTORS = {"node-0": 1.25, "node-1": 0.5, "node-2": 1}
# As metrics tell nodes apart: instance type and capacity.
KINDS = {"node-0": ("large", "on-demand"), "node-1": ("large", "spot"), "node-2": ("unknown", "on-demand")}
# OpenCost knows the third node alone: three times what the book has for it.
FACTORS_OPENCOST = {**FACTORS, "node-2": 3}
PAGE = """# HELP node_cpu_hourly_cost hourly cost for each vcpu on this node
# TYPE node_cpu_hourly_cost gauge
node_cpu_hourly_cost{arch="amd64",instance="node-2",instance_type="",node="node-2",provider_id="",region=""} 0.12
# TYPE node_ram_hourly_cost gauge
node_ram_hourly_cost{arch="amd64",instance="node-2",instance_type="",node="node-2",provider_id="",region=""} 0.015
# TYPE node_total_hourly_cost gauge
node_total_hourly_cost{arch="amd64",instance="node-2",instance_type="",node="node-2",provider_id="",region=""} 7.68
"""
CORES, GIBIBYTES = 2, 8  # of a pod
POD, NODE = CORES * 0.04 + GIBIBYTES * 0.005, 32 * 0.04 + 256 * 0.005
KNOBS = [{"name": "workers", "min": 1, "max": 64}]


def label(api, name, **labels):
    api.text("PATCH", f"{NODES}/{name}", {"metadata": {"labels": labels}}, MERGE)


def placed(api):
    """Running pods by node."""
    counts = dict.fromkeys(FACTORS, 0)
    for pod in api.get("/api/v1/pods")["items"]:
        if pod["status"].get("phase") == "Running":
            counts[pod["spec"]["nodeName"]] += 1
    return counts


def metrics(replica, family):
    """{labels in their order: value}"""
    with urllib.request.urlopen(f"http://127.0.0.1:{replica.port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = (re.fullmatch(family + r"\{(.*)\} (\S+)", line) for line in lines)
    return {tuple(re.findall(r'="([^"]*)"', each[1])): float(each[2]) for each in found if each}


def is_close(got, wanted):
    return got is not None and abs(float(got) - wanted) < 1e-3 * max(wanted, 1)


class OpenCost(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *args):
        pass


def serve_opencost():
    """URL of its metrics page."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OpenCost)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/metrics"


def await_costs(pipelines, replica, counts, factors):
    """The pods' own cost; and of the idle rest of a node its pods, which are all alike, pay all."""
    pods = sum(POD * factors[name] * count for name, count in counts.items())
    idle = sum((NODE - POD * count) * factors[name] for name, count in counts.items() if count)

    def is_so():
        cost = pipelines.get("work").get("status", {}).get("cost", {})
        return (cost.get("currency"), cost.get("pods"), cost.get("pricedPods")) == ("EUR", sum(counts.values()), sum(counts.values())) and \
            is_close(cost["podsPerHour"], pods) and is_close(cost["idlePerHour"], idle) and \
            cost["idlePercent"] == round(100 * idle / (pods + idle))
    eventually("the status says what its pods cost", is_so, SECONDS)
    name = ("default/work", "EUR")
    assert is_close(metrics(replica, "optctl_pipeline_pods_cost_per_hour").get(name), pods)
    assert is_close(metrics(replica, "optctl_pipeline_pods_idle_cost_per_hour").get(name), idle)
    for node, factor in factors.items():
        labels = ("default", *KINDS[node], "EUR")
        assert metrics(replica, "optctl_nodes").get(labels) == 1, node
        assert is_close(metrics(replica, "optctl_nodes_cost_per_hour").get(labels), NODE * factor), node
        assert is_close(metrics(replica, "optctl_nodes_idle_cost_per_hour").get(labels), (NODE - POD * counts[node]) * factor), node


def check_panels(stage, replica):
    """Every panel of what pods and nodes cost brings numbers, and the rules' sums are those that are reckoned here."""
    optctl = stage.build / "optctl"
    rules = {"recording-rules.yaml": monitoring.run(optctl, "monitoring", "recording-rules")}
    begin = time.time()
    prometheus = monitoring.Prometheus(stage.processes, f"127.0.0.1:{replica.port}", None, rules)
    counts = placed(stage.plane.api)
    whole = sum(NODE * factor for factor in FACTORS.values())
    idle = sum((NODE - POD * counts[node]) * factor for node, factor in FACTORS.items())
    pods = sum(NODE * factor for node, factor in FACTORS.items() if counts[node])

    def is_so(rule, wanted):
        result = prometheus.now(rule)
        return len(result) == 1 and is_close(result[0]["value"][1], wanted)
    eventually("the sum of the nodes", lambda: is_so("price_book:optctl_nodes_cost_per_hour:sum", whole), SECONDS)
    eventually("their idle share", lambda: is_so("price_book:optctl_nodes_idle_cost_per_hour:ratio", idle / whole), SECONDS)
    eventually("the pods and what is idle beside them", lambda: is_so("pipeline:optctl_pipeline_pods_cost_per_hour:sum", pods), SECONDS)
    eventually("its share", lambda: is_so("pipeline:optctl_pipeline_pods_idle_cost_per_hour:ratio",
                                          1 - sum(POD * FACTORS[node] * count for node, count in counts.items()) / pods), SECONDS)
    eventually("lines are more than their last point", lambda: prometheus.over("optctl_pipeline_pods_cost_per_hour", begin, time.time()), SECONDS)
    panels.check(optctl, prometheus, stage.folder, begin, panels.is_of_nodes)
    stage.processes.stop("prometheus")


def check_rights(stage):
    asked = {each["verb"] for each in stage.plane.audited()
             if each["userAgent"].startswith("optctl/") and each["objectRef"]["resource"] == "nodes"}
    assert asked == {"list", "watch"}, asked


def play(stage):
    fetch.prometheus()
    stage.start(nodes=len(FACTORS))
    install(stage)
    api = stage.plane.api
    label(api, "node-0", **{"node.kubernetes.io/instance-type": "large"})
    label(api, "node-1", **{"node.kubernetes.io/instance-type": "large", "karpenter.sh/capacity-type": "spot"})
    pool = Pool(api, "Deployment", "work")
    api.post(pool.collection, pool.body(7, [container(cpu=str(CORES), memory=f"{GIBIBYTES}Gi")], "RollingUpdate"))
    eventually("all pods run", lambda: sum(placed(api).values()) == 7, SECONDS)
    api.post(f"{GROUP}/pricebooks", {"apiVersion": GROUP[6:], "kind": "PriceBook", "metadata": {"name": "default"}, "spec": BOOK})
    told = spec({"deployment": {"name": "work"}}, KNOBS, mode="Observe")
    del told["spec"]["prices"]
    pipelines = Pipelines(api)
    pipelines.apply(told)
    replica = Replica(stage, words=["--node-prices"]).start()
    await_costs(pipelines, replica, placed(api), FACTORS)
    check_rights(stage)
    check_panels(stage, replica)
    api.text("PATCH", f"{GROUP}/pricebooks/default", {"spec": {"nodes": None}}, MERGE)
    eventually("nothing is said without prices of nodes", lambda: not metrics(replica, "optctl_nodes_cost_per_hour") and
               not metrics(replica, "optctl_pipeline_pods_cost_per_hour"), SECONDS)
    eventually("nor in the status", lambda: "cost" not in pipelines.get("work")["status"], SECONDS)
    assert replica.stop() == 0
    api.text("PATCH", f"{GROUP}/pricebooks/default", {"spec": {"nodes": BOOK["nodes"]}}, MERGE)
    replica = Replica(stage, words=["--node-prices", f"--opencost={serve_opencost()}"]).start()
    await_costs(pipelines, replica, placed(api), FACTORS_OPENCOST)
    assert replica.stop() == 0

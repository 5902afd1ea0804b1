# SPDX-License-Identifier: GPL-3.0-or-later
"""PriceBooks on a real API server: a pipeline that names one is counted by it, follows its changes, and is left alone while it is
missing or makes no sense; one that names none is counted by the book called default, once there is one."""
import urllib.request

from harness.processes import eventually
from plane.api import Refused
from plane.played_flink import Flinks
from plane.tuned import GROUP, Pipelines, Replica, install, pipeline

BOOKS = f"{GROUP}/pricebooks"
SECONDS = 40


class Books:
    def __init__(self, api):
        self.api = api

    def apply(self, name, **spec):
        return self.api.post(BOOKS, {"apiVersion": GROUP[6:], "kind": "PriceBook", "metadata": {"name": name}, "spec": spec})

    def patch(self, name, **spec):
        return self.api.text("PATCH", f"{BOOKS}/{name}", {"spec": spec}, "application/merge-patch+json")

    def delete(self, name):
        self.api.text("DELETE", f"{BOOKS}/{name}")

    def await_ready(self, name, status, reason):
        """With the generation that it was looked at in."""
        def is_so():
            book = self.api.get(f"{BOOKS}/{name}")
            ready = [each for each in book.get("status", {}).get("conditions", []) if each["type"] == "Ready"]
            return ready and (ready[0]["status"], ready[0]["reason"]) == (status, reason) and \
                book["status"]["observedGeneration"] == ready[0]["observedGeneration"] == book["metadata"]["generation"]
        eventually(f"PriceBook {name} is Ready={status} ({reason})", is_so, SECONDS)


def per_hour(replica, name, currency):
    """What a pipeline costs, as /metrics has it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{replica.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    start = f'optctl_pipeline_cost_per_hour{{pipeline="default/{name}",currency="{currency}"}} '
    return next((float(line[len(start):]) for line in text.splitlines() if line.startswith(start)), None)


def await_cost(replica, name, currency, price, flink):
    """The price of what runs: taskmanagers of one slot, each a worker."""
    def is_so():
        cost = per_hour(replica, name, currency)
        return cost is not None and abs(cost - price * flink.width()) < 1e-6
    eventually(f"{name} costs {price} {currency} a worker-hour", is_so, SECONDS)


def check_named(books, pipelines, replica, flink):
    pipelines.await_condition("orders", "Priced", "False", "PriceBookMissing", SECONDS)
    pipelines.await_condition("orders", "Ready", "False", "PriceBookMissing", SECONDS)
    eventually("an Event tells it", lambda: "PriceBookMissing" in pipelines.reasons("orders"), SECONDS)
    assert not flink.puts, "it was changed while nobody knew what it costs"
    books.apply("eu", currency="EUR", worker={"perHour": "0.1"})
    books.await_ready("eu", "True", "Valid")
    pipelines.await_condition("orders", "Priced", "True", "PriceBook", SECONDS)
    pipelines.await_condition("orders", "Ready", "True", "Tuned", SECONDS)
    eventually("it is tuned", lambda: flink.puts, SECONDS)
    await_cost(replica, "orders", "EUR", 0.1, flink)


def check_change(books, pipelines, replica, flink):
    books.patch("eu", worker={"perHour": "0.25"})
    await_cost(replica, "orders", "EUR", 0.25, flink)
    eventually("an Event tells it", lambda: "Repriced" in pipelines.reasons("orders"), SECONDS)
    assert pipelines.get("orders")["status"]["observedGeneration"] == 1
    try:
        books.patch("eu", currency="USD")
        raise AssertionError("the currency of a price book was changed")
    except Refused as refusal:
        assert refusal.status == 422, refusal


def check_invalid(books, pipelines, replica, flink):
    """What the schema lets through and the parser does not: energy that no worker draws."""
    books.patch("eu", energy={"perMegawattHour": 80})
    books.await_ready("eu", "False", "InvalidPrices")
    pipelines.await_condition("orders", "Priced", "False", "InvalidPriceBook", SECONDS)
    pipelines.await_condition("orders", "Ready", "False", "InvalidPriceBook", SECONDS)
    puts = len(flink.puts)
    flink.offer(1100)
    books.delete("eu")
    pipelines.await_condition("orders", "Priced", "False", "PriceBookMissing", SECONDS)
    assert len(flink.puts) == puts, "it was changed while nobody knew what it costs"
    books.apply("eu", currency="EUR", worker={"perHour": "0.2"})
    pipelines.await_condition("orders", "Ready", "True", "Tuned", SECONDS)
    eventually("it is tuned again", lambda: len(flink.puts) > puts, SECONDS)
    await_cost(replica, "orders", "EUR", 0.2, flink)


def check_default(books, pipelines, replica, flink):
    pipelines.await_condition("free", "Priced", "False", "NoPrices", SECONDS)
    pipelines.await_condition("free", "Ready", "True", None, SECONDS)
    await_cost(replica, "free", "XXX", 1, flink)
    books.apply("default", currency="USD", worker={"perHour": "0.5"})
    pipelines.await_condition("free", "Priced", "True", "PriceBook", SECONDS)
    await_cost(replica, "free", "USD", 0.5, flink)


def check_rights(stage):
    """Price books are listed, watched, and told how they are: nothing else."""
    asked = {(each["verb"], each["objectRef"].get("subresource")) for each in stage.plane.audited()
             if each["userAgent"].startswith("optctl/") and each["objectRef"]["resource"] == "pricebooks"}
    assert asked == {("list", None), ("watch", None), ("patch", "status")}, asked


def play(stage):
    stage.start()
    install(stage)
    flinks = Flinks()
    orders, free = flinks.add("orders"), flinks.add("free")
    books, pipelines = Books(stage.plane.api), Pipelines(stage.plane.api)
    pipelines.apply(pipeline("orders", flinks.url("orders"), priceBook="eu"))
    pipelines.apply(pipeline("free", flinks.url("free"), mode="Observe"))
    replica = Replica(stage).start()
    check_named(books, pipelines, replica, orders)
    check_change(books, pipelines, replica, orders)
    check_invalid(books, pipelines, replica, orders)
    check_default(books, pipelines, replica, free)
    check_rights(stage)
    assert replica.stop() == 0

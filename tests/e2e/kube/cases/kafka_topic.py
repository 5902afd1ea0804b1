# SPDX-License-Identifier: GPL-3.0-or-later
"""A KafkaTopic on a real API server and a real broker (topic.c): partitions are written into the object, once; its operator, played, makes
the broker have them. The broker itself is told nothing by optctl."""
from harness.kafka import Broker
from targets import kinds
from targets.topic import Topic

from .targets import writes


def play(world):
    plane = world.start()
    broker = Broker(world.processes).start()
    broker.create_topic("orders", 3)
    kinds.install(plane.api, "kafkatopics.kafka.strimzi.io")
    topic = Topic(plane.api, "orders", "orders").create(3)
    Topic(plane.api, "orders-elsewhere", "orders").create(9, cluster="elsewhere")
    world.run_test("kube_topic", 120, KAFKA=broker.address)
    assert broker.partitions("orders") == 3, "optctl has told the broker"
    topic.reconcile(broker)
    assert broker.partitions("orders") == 6
    made = writes(plane)
    assert [(verb, what, status, body["spec"]) for verb, what, status, body in made] == [("patch", "kafkatopics", 200, {"partitions": 6})], made
    assert topic.get()["spec"]["replicas"] == 1 and topic.get()["spec"]["config"] == {"retention.ms": 604800000}, topic.get()

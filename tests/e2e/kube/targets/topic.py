# SPDX-License-Identifier: GPL-3.0-or-later
"""A KafkaTopic of Strimzi, and the part of its topic operator that matters here, played on a real broker."""
from .pool import CONTENT

VERSION = "kafka.strimzi.io/v1beta2"


class Topic:
    """`name`: of the object; that of the topic is `topic`."""

    def __init__(self, api, name, topic, namespace="default"):
        self.api, self.name, self.topic = api, name, topic
        self.collection = f"/apis/{VERSION}/namespaces/{namespace}/kafkatopics"
        self.path = f"{self.collection}/{name}"

    def create(self, partitions, cluster="kafka"):
        self.api.post(f"{self.collection}?fieldManager=kubectl-create", {
            "apiVersion": VERSION, "kind": "KafkaTopic", "metadata": {"name": self.name, "labels": {"strimzi.io/cluster": cluster}},
            "spec": {"topicName": self.topic, "partitions": partitions, "replicas": 1, "config": {"retention.ms": 604800000}}})
        return self

    def get(self):
        return self.api.get(self.path)

    def merge(self, body, manager="kubectl", subresource=""):
        return self.api.text("PATCH", f"{self.path}{subresource}?fieldManager={manager}", body, CONTENT["merge"])

    def reconcile(self, broker):
        """The brokers have as many as the object says, and it says so."""
        told = self.get()
        broker.grow_topic(self.topic, told["spec"]["partitions"])
        self.merge({"status": {"topicName": self.topic, "observedGeneration": told["metadata"]["generation"], "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-05T08:00:00Z"}]}}, "strimzi-topic-operator", "/status")

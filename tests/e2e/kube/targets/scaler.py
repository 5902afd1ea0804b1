# SPDX-License-Identifier: GPL-3.0-or-later
"""An autoscaler on a pool, with what its controller does played by hand: the pool follows its minimum."""
from .pool import CONTENT

KINDS = {"HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers", "minReplicas", "maxReplicas"),
         "ScaledObject": ("/apis/keda.sh/v1alpha1", "scaledobjects", "minReplicaCount", "maxReplicaCount")}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}


class Scaler:
    def __init__(self, pool, kind, name):
        self.pool, self.kind, self.name = pool, kind, name
        self.api, self.version = pool.api, KINDS[kind][0].removeprefix("/apis/")
        self.collection = f"{KINDS[kind][0]}/namespaces/{pool.namespace}/{KINDS[kind][1]}"
        self.path = f"{self.collection}/{name}"
        self.fields = KINDS[kind][2:]

    def create(self, least, most):
        target = {"apiVersion": "apps/v1", "kind": self.pool.kind, "name": self.pool.name}
        spec = {"scaleTargetRef": target, **dict(zip(self.fields, (least, most)))}
        if self.kind == "ScaledObject":
            spec["triggers"] = [{"type": "cpu", "metadata": {"value": "80"}, "metricType": "Utilization"}]
        else:
            spec["metrics"] = [CPU]
        self.api.post(f"{self.collection}?fieldManager=kubectl-create",
                      {"apiVersion": self.version, "kind": self.kind, "metadata": {"name": self.name}, "spec": spec})
        return self

    def get(self):
        return self.api.get(self.path)

    def bounds(self):
        spec = self.get()["spec"]
        return tuple(spec[field] for field in self.fields)

    def merge(self, body):
        self.api.text("PATCH", f"{self.path}?fieldManager=kubectl", body, CONTENT["merge"])

    def delete(self):
        self.api.text("DELETE", self.path)

    def follow(self):
        """The pool has at least its minimum."""
        self.pool.scale(max(self.pool.replicas(), self.bounds()[0]), manager="kube-controller-manager")
        self.pool.follow()

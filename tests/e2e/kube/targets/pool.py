# SPDX-License-Identifier: GPL-3.0-or-later
"""A workload and its pods, with what controllers and kubelets would do played by hand: a case decides when a pod is there."""

CONTENT = {"merge": "application/merge-patch+json", "apply": "application/apply-patch+yaml"}
POD_READY = [{"type": "Ready", "status": "True"}]


def container(name="work", cpu="500m", memory="256Mi", limits=None):
    resources = {"requests": {"cpu": cpu, "memory": memory}}
    if limits:
        resources["limits"] = limits
    return {"name": name, "image": "nothing/here:1", "resources": resources}


class Pool:
    """`kind`: Deployment or StatefulSet."""

    def __init__(self, api, kind, name, namespace="default"):
        self.api, self.kind, self.name, self.namespace = api, kind, name, namespace
        self.collection = f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s"
        self.path = f"{self.collection}/{name}"
        self.hash = "5d4f8c7b9"
        self.work = None  # cores that its pods use together, each its part; None: what the metrics say of each
        self.told = 1  # pods that share it

    def body(self, replicas, containers, update):
        labels = {"app": self.name}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}}
        if self.kind == "StatefulSet":
            spec |= {"serviceName": self.name, "updateStrategy": {"type": update}}
        return {"apiVersion": "apps/v1", "kind": self.kind, "metadata": {"name": self.name}, "spec": spec}

    def create(self, replicas, containers=None, update="RollingUpdate"):
        self.api.post(f"{self.collection}?fieldManager=kubectl-create", self.body(replicas, containers or [container()], update))
        self.follow()
        return self

    def get(self):
        return self.api.get(self.path)

    def replicas(self):
        return self.get()["spec"]["replicas"]

    def patch(self, body, how="merge", manager="kubectl", subresource=""):
        return self.api.text("PATCH", f"{self.path}{subresource}?fieldManager={manager}", body, CONTENT[how])

    def scale(self, replicas, manager="kubectl"):
        self.patch({"spec": {"replicas": replicas}}, manager=manager, subresource="/scale")

    def managers(self):
        return {(entry["manager"], entry["operation"], entry.get("subresource", "")): entry["fieldsV1"]
                for entry in self.get()["metadata"]["managedFields"]}

    # ---- what its controller, the scheduler and the kubelets do ----

    def pods(self):
        found = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=app%3D{self.name}")
        return sorted(pod["metadata"]["name"] for pod in found["items"])

    def pod(self, number):
        return f"{self.name}-{number}" if self.kind == "StatefulSet" else f"{self.name}-{self.hash}-{number:05}"

    def follow(self):
        """As many pods as it is told to have, of its template, all ready; and its status says so."""
        told = self.get()
        self.told = max(1, told["spec"]["replicas"])
        wanted = [self.pod(number) for number in range(told["spec"]["replicas"])]
        template = told["spec"]["template"]
        for name in self.pods():
            if name not in wanted or not self._is_of(name, template):
                self.api.text("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/{name}?gracePeriodSeconds=0")
        for name in set(wanted) - set(self.pods()):
            self._add(name, told, template)
        count = len(wanted)
        status = {"observedGeneration": told["metadata"]["generation"], "replicas": count, "updatedReplicas": count,
                  "readyReplicas": count, "availableReplicas": count}
        self.patch({"status": status}, manager="played-controller", subresource="/status")

    def kill_for_memory(self, number, restarts, at):
        """What a kubelet says of a container that took more memory than it may."""
        ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": at, "finishedAt": at}}
        status = {"name": "work", "ready": True, "restartCount": restarts, "image": "", "imageID": "",
                  "state": {"running": {"startedAt": at}}, "lastState": ended}
        self._set_status(self.pod(number), {"containerStatuses": [status]})

    def _is_of(self, name, template):
        pod = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods/{name}")
        return [each["resources"] for each in pod["spec"]["containers"]] == \
            [each.get("resources", {}) for each in template["spec"]["containers"]]

    def _add(self, name, told, template):
        owner = {"apiVersion": "apps/v1", "kind": self.kind, "name": self.name, "uid": told["metadata"]["uid"], "controller": True}
        labels = dict(template["metadata"]["labels"])
        if self.kind == "Deployment":
            owner |= {"kind": "ReplicaSet", "name": f"{self.name}-{self.hash}"}
            labels["pod-template-hash"] = self.hash
        self.api.post(f"/api/v1/namespaces/{self.namespace}/pods", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels, "ownerReferences": [owner]},
            "spec": {"nodeName": "node-0", "containers": template["spec"]["containers"], "terminationGracePeriodSeconds": 0}})
        # A kubelet that can resize says what a container runs with.
        running = [{"name": each["name"], "resources": each["resources"], "ready": True, "restartCount": 0, "image": "", "imageID": "",
                    "state": {"running": {}}} for each in template["spec"]["containers"]]
        self._set_status(name, {"phase": "Running", "conditions": POD_READY, "containerStatuses": running})

    def _set_status(self, pod, status):
        self.api.text("PATCH", f"/api/v1/namespaces/{self.namespace}/pods/{pod}/status", {"status": status}, CONTENT["merge"])

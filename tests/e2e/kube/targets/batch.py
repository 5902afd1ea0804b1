# SPDX-License-Identifier: GPL-3.0-or-later
"""CronJobs and Jobs, which the controllers of Kubernetes carry out, and the kubelet of their pods, played: a case decides when one runs, ends
or is killed."""
import time

from harness.processes import eventually

from .pool import CONTENT, POD_READY, container

VERSION = "batch/v1"
CONTROLLERS = "--controllers=job-controller,cronjob-controller"  # of the controller manager; pods and nodes are nobody else's affair
SECONDS = 60
KILLED, DONE = {"exitCode": 137, "reason": "OOMKilled"}, {"exitCode": 0, "reason": "Completed"}


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def job_spec(parallelism, completions=None, containers=None, **more):
    """Its pods have a node from the beginning: there is no scheduler."""
    size = {"parallelism": parallelism, **({} if completions is None else {"completions": completions}), "backoffLimit": 0}
    return {**size, **more, "template": {"spec": {"restartPolicy": "Never", "nodeName": "node-0", "terminationGracePeriodSeconds": 0,
                                                   "containers": containers or [container()]}}}


class Job:
    """`namespace`, `work`, `told` and `pods()` are what played metrics go by."""
    work, told = None, 1

    def __init__(self, api, name, namespace="default"):
        self.api, self.name, self.namespace = api, name, namespace
        self.collection = f"/apis/{VERSION}/namespaces/{namespace}/jobs"
        self.path = f"{self.collection}/{name}"

    def create(self, spec, **metadata):
        self.api.post(f"{self.collection}?fieldManager=kubectl-create", {
            "apiVersion": VERSION, "kind": "Job", "metadata": {"name": self.name, **metadata}, "spec": spec})
        return self

    def get(self):
        return self.api.get(self.path)

    def apply(self, spec, manager):
        body = {"apiVersion": VERSION, "kind": "Job", "metadata": {"name": self.name}, "spec": spec}
        return self.api.text("PATCH", f"{self.path}?fieldManager={manager}&force=true", body, CONTENT["apply"])

    def conditions(self):
        return {each["type"]: each["status"] for each in self.get()["status"].get("conditions", ())}

    # ---- what the kubelet does ----

    def each_pod(self, *phases):
        found = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=batch.kubernetes.io/job-name%3D{self.name}")
        return [each for each in found["items"] if each["status"]["phase"] in phases and "deletionTimestamp" not in each["metadata"]]

    def pods(self):
        return sorted(each["metadata"]["name"] for each in self.each_pod("Pending", "Running"))

    def run(self, count):
        """Until so many of its pods are there and run, and its status says so. When each began is told."""
        def all_run():
            for each in self.each_pod("Pending"):
                self._tell(each, "Running", {"running": {"startedAt": moment(time.time())}}, begun=time.time())
            for each in self._leaving():
                self.api.text("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/{each}?gracePeriodSeconds=0")
            return len(self.pods()) == count and self.get()["status"].get("ready") == count
        eventually(f"{count} pods of job {self.name} run", all_run, SECONDS)
        return self

    def end(self, how=DONE, seconds=0):
        """Every pod ends, having run for so long; until the Job's controller says that it is over."""
        now = int(time.time())
        for each in self.each_pod("Running"):
            ended = {**how, "startedAt": moment(now - seconds), "finishedAt": moment(now)}
            self._tell(each, "Failed" if how["exitCode"] else "Succeeded", {"terminated": ended}, begun=now - seconds)
        wanted = "Failed" if how["exitCode"] else "Complete"
        eventually(f"job {self.name} is {wanted}", lambda: self.conditions().get(wanted) == "True", SECONDS)
        return self

    def _leaving(self):
        found = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=batch.kubernetes.io/job-name%3D{self.name}")
        return [each["metadata"]["name"] for each in found["items"] if "deletionTimestamp" in each["metadata"]]

    def _tell(self, pod, phase, state, begun):
        running = phase == "Running"
        containers = [{"name": each["name"], "resources": each["resources"], "ready": running, "restartCount": 0, "image": "", "imageID": "",
                       "state": state} for each in pod["spec"]["containers"]]
        status = {"phase": phase, "startTime": moment(begun), "containerStatuses": containers,
                  "conditions": POD_READY if running else [{"type": "Ready", "status": "False"}]}
        self.api.text("PATCH", f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}/status", {"status": status},
                      CONTENT["merge"])


class CronJob:
    def __init__(self, api, name, namespace="default"):
        self.api, self.name, self.namespace = api, name, namespace
        self.collection = f"/apis/{VERSION}/namespaces/{namespace}/cronjobs"
        self.path = f"{self.collection}/{name}"
        self.made = 0

    def create(self, spec):
        """Its own time never comes: runs begin by hand."""
        self.api.post(f"{self.collection}?fieldManager=kubectl-create", {
            "apiVersion": VERSION, "kind": "CronJob", "metadata": {"name": self.name},
            "spec": {"schedule": "0 0 29 2 *", "jobTemplate": {"spec": spec}}})
        return self

    def get(self):
        return self.api.get(self.path)

    def jobs(self):
        """What its next Job is to be."""
        return self.get()["spec"]["jobTemplate"]["spec"]

    def merge(self, body):
        return self.api.text("PATCH", f"{self.path}?fieldManager=kubectl", body, CONTENT["merge"])

    def apply(self, spec, manager):
        body = {"apiVersion": VERSION, "kind": "CronJob", "metadata": {"name": self.name}, "spec": {"jobTemplate": {"spec": spec}}}
        return self.api.text("PATCH", f"{self.path}?fieldManager={manager}&force=true", body, CONTENT["apply"])

    def begin_run(self):
        """As `kubectl create job --from=cronjob/NAME` does it."""
        told = self.get()
        self.made += 1
        return Job(self.api, f"{self.name}-{self.made}", self.namespace).create(
            told["spec"]["jobTemplate"]["spec"], annotations={"cronjob.kubernetes.io/instantiate": "manual"}, ownerReferences=[
                {"apiVersion": VERSION, "kind": "CronJob", "name": self.name, "uid": told["metadata"]["uid"], "controller": True}])

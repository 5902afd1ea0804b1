# SPDX-License-Identifier: GPL-3.0-or-later
"""A ScheduledSparkApplication, and the part of the Spark operator that matters here, played: it makes SparkApplications from the template, and
says in their status how they go."""
import time

from harness.processes import eventually

from .pool import CONTENT

VERSION = "sparkoperator.k8s.io/v1beta2"
OPERATOR = "spark-operator"
CONF = {"spark.sql.shuffle.partitions": "200", "spark.sql.files.maxPartitionBytes": "128m"}


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def template(instances, **executor):
    pod = {"cores": 1, "memory": "1g", "serviceAccount": "spark"}
    return {"type": "Python", "mode": "cluster", "sparkVersion": "3.5.3", "image": "spark:3.5.3", "pythonVersion": "3",
            "mainApplicationFile": "local:///opt/job.py", "restartPolicy": {"type": "Never"}, "sparkConf": dict(CONF),
            "driver": pod, "executor": {**pod, "instances": instances, **executor}}


class Schedule:
    def __init__(self, api, name, namespace="default"):
        self.api, self.name = api, name
        self.collection = f"/apis/{VERSION}/namespaces/{namespace}/scheduledsparkapplications"
        self.runs = f"/apis/{VERSION}/namespaces/{namespace}/sparkapplications"
        self.path = f"{self.collection}/{name}"
        self.made, self.ended = 0, 0

    def create(self, instances, **executor):
        self.api.post(f"{self.collection}?fieldManager=kubectl-create", {
            "apiVersion": VERSION, "kind": "ScheduledSparkApplication", "metadata": {"name": self.name},
            "spec": {"schedule": "@every 1h", "concurrencyPolicy": "Forbid", "template": template(instances, **executor)}})
        self.merge({"status": {"scheduleState": "Scheduled"}}, OPERATOR, "/status")
        return self

    def get(self):
        return self.api.get(self.path)

    def template(self):
        return self.get()["spec"]["template"]

    def merge(self, body, manager="kubectl", subresource="", path=None):
        return self.api.text("PATCH", f"{path or self.path}{subresource}?fieldManager={manager}", body, CONTENT["merge"])

    def apply(self, spec, manager):
        body = {"apiVersion": VERSION, "kind": "ScheduledSparkApplication", "metadata": {"name": self.name}, "spec": spec}
        return self.api.text("PATCH", f"{self.path}?fieldManager={manager}&force=true", body, CONTENT["apply"])

    # ---- what the operator does ----

    def begin_run(self):
        """Its name; it runs from now on."""
        told = self.get()
        self.made += 1
        name = f"{self.name}-{self.made}"
        self.api.post(f"{self.runs}?fieldManager={OPERATOR}", {
            "apiVersion": VERSION, "kind": "SparkApplication", "spec": told["spec"]["template"], "metadata": {
                "name": name, "labels": {"sparkoperator.k8s.io/scheduled-app-name": self.name}, "ownerReferences": [
                    {"apiVersion": VERSION, "kind": "ScheduledSparkApplication", "name": self.name, "uid": told["metadata"]["uid"],
                     "blockOwnerDeletion": True}]}})
        self.say(name, "RUNNING")
        return name

    def say(self, run, state, begun=None, ended=None, trouble=None):
        status = {"applicationState": {"state": state, **({"errorMessage": trouble} if trouble else {})}, "driverInfo": {},
                  "sparkApplicationId": f"spark-{run}", "executionAttempts": 1, "submissionAttempts": 1,
                  "lastSubmissionAttemptTime": moment(begun or time.time()), "terminationTime": moment(ended) if ended else None}
        self.merge({"status": status}, OPERATOR, "/status", f"{self.runs}/{run}")

    def another_second(self):
        now = int(time.time())
        return now if now > self.ended else None

    def end_run(self, run, seconds, trouble=None):
        """As if it had taken so long up to now. Times are whole seconds: of two runs that end in the same one nobody knows the newer."""
        now = self.ended = eventually("another second than that in which the last run ended", self.another_second, 10)
        self.say(run, "FAILED" if trouble else "COMPLETED", now - seconds, now, trouble)

    def run(self, seconds, trouble=None):
        name = self.begin_run()
        self.end_run(name, seconds, trouble)
        return name

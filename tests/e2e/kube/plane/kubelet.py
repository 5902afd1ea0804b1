# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet does with pods of Jobs that run optctl, or a command of their own: arguments, ConfigMaps and environment, for real; then
phase, exit status and termination message."""
import json
import re
import subprocess
import time

from .api import Refused

MERGE = "application/merge-patch+json"
MESSAGE, MESSAGE_BYTES = "/dev/termination-log", 4096
SECONDS = 60


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Kubelet:
    """Of one namespace, which it goes through when it is asked to. `selector`: whose pods it runs."""

    def __init__(self, stage, namespace, selector):
        self.stage, self.api = stage, stage.plane.api
        self.path = f"/api/v1/namespaces/{namespace}"
        self.selector = selector
        self.ran = []   # names of the pods

    def pods(self):
        return self.api.get(f"{self.path}/pods?labelSelector={self.selector}")["items"]

    def turn(self):
        """Runs every pod that waits, one after the other; how many there were. One whose ConfigMap is not there waits on."""
        waiting = [each for each in self.pods() if each["status"]["phase"] == "Pending" and "deletionTimestamp" not in each["metadata"]]
        return sum(self._run(each) for each in waiting)

    # ---- parts ----

    def _run(self, pod):
        container, = pod["spec"]["containers"]
        name = pod["metadata"]["name"]
        folder = self.stage.folder / "pods" / name
        try:
            places = {mount["mountPath"]: self._volume(pod, mount["name"], folder) for mount in container.get("volumeMounts", [])}
        except Refused as refused:
            self._tell(pod, {"phase": "Pending"}, {"waiting": {"reason": "CreateContainerConfigError", "message": str(refused)}})
            return False
        places[MESSAGE] = folder / "message"
        folder.mkdir(parents=True, exist_ok=True)
        places[MESSAGE].touch()
        command = [*container.get("command", [self.stage.build / "optctl"]),
                   *(self._placed(pod, container, word, places) for word in container["args"])]
        began = _now()
        done = subprocess.run(command, cwd=folder, env=self._environment(pod, container), capture_output=True, text=True, timeout=SECONDS)
        message = places[MESSAGE].read_text()
        if done.returncode != 0 and not message and container["terminationMessagePolicy"] == "FallbackToLogsOnError":
            message = (done.stdout + done.stderr)[-2048:]
        ended = {"exitCode": done.returncode, "reason": "Error" if done.returncode else "Completed", "message": message[:MESSAGE_BYTES],
                 "startedAt": began, "finishedAt": _now()}
        self._tell(pod, {"phase": "Failed" if done.returncode else "Succeeded"}, {"terminated": ended})
        self.ran.append(name)
        return True

    def _tell(self, pod, status, state):
        container, = pod["spec"]["containers"]
        told = {"name": container["name"], "image": container["image"], "imageID": "", "ready": False, "restartCount": 0, "state": state}
        self.api.text("PATCH", f"{self.path}/pods/{pod['metadata']['name']}/status",
                      json.dumps({"status": {**status, "containerStatuses": [told]}}), MERGE)

    def _volume(self, pod, name, folder):
        source, = (each["configMap"]["name"] for each in pod["spec"]["volumes"] if each["name"] == name)
        data = self.api.get(f"{self.path}/configmaps/{source}")["data"]
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for key, text in data.items():
            (place / key).write_text(text)
        return place

    def _placed(self, pod, container, word, places):
        """$(NAME) from the environment, and paths where this machine has them."""
        told = self._environment(pod, container)
        word = re.sub(r"\$\((\w+)\)", lambda found: told[found[1]], word)
        for path, place in places.items():
            word = word.replace(path, str(place))
        return word

    def _environment(self, pod, container):
        return {each["name"]: self._value(pod, each) for each in container.get("env", [])}

    @staticmethod
    def _value(pod, variable):
        if "value" in variable:
            return variable["value"]
        part, key = re.fullmatch(r"metadata\.(\w+)\['(.*)'\]", variable["valueFrom"]["fieldRef"]["fieldPath"]).groups()
        return pod["metadata"][part][key]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Of a whole audit log: whether optctl wrote to a target whose TunedPipelines are all below mode Auto. Asked after every case."""
import datetime

from .chart import OWN, WRITES

KINDS = {"deployment": "deployments", "statefulSet": "statefulsets", "hpa": "horizontalpodautoscalers", "scaledObject": "scaledobjects",
         "flinkDeployment": "flinkdeployments", "scheduledSparkApplication": "scheduledsparkapplications", "cronJob": "cronjobs", "job": "jobs"}
SLACK_SECONDS = 30  # a change of mode is heard of, and a write under way ends, within less, on a crowded machine, too


def _seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _merged(old, new):
    """As a merge patch does."""
    if not isinstance(new, dict):
        return new
    made = dict(old) if isinstance(old, dict) else {}
    for name, value in new.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = _merged(made.get(name), value)
    return made


class Pipelines:
    """The TunedPipelines of before an instant, as they were written down."""

    def __init__(self):
        self.specs, self.steers_until = {}, {}

    def take(self, each, when):
        asked = each.get("requestObject") or {}
        place = each["objectRef"].get("namespace"), each["objectRef"].get("name") or asked.get("metadata", {}).get("name")
        spec = {} if each["verb"] == "delete" else _merged(self.specs.get(place), asked.get("spec") or {})
        if self.specs.get(place, {}).get("mode") == "Auto":
            self.steers_until[place] = when + SLACK_SECONDS
        self.specs[place] = spec or self.specs.get(place) or {}
        if spec and spec.get("mode") == "Auto":
            self.steers_until[place] = float("inf")

    def of(self, namespace, resource, name):
        for place, spec in self.specs.items():
            for engine, options in (spec.get("engine") or {}).items():
                if (options.get("namespace") or place[0], KINDS.get(engine), options.get("name")) == (namespace, resource, name):
                    yield place

    def forbids(self, namespace, resource, name, when):
        named = list(self.of(namespace, resource, name))
        return bool(named) and all(self.steers_until.get(place, 0) < when for place in named)


def check(audited):
    """How many writes to targets there were. Those of `optctl run` have no object that says the mode; their specs are in mode Auto."""
    pipelines, count = Pipelines(), 0
    for each in sorted(audited, key=lambda each: each["requestReceivedTimestamp"]):
        about, ours = each.get("objectRef", {}), each.get("userAgent", "").startswith("optctl/")
        when = _seconds(each["requestReceivedTimestamp"])
        done = each.get("responseStatus", {}).get("code", 500) < 300  # one that was cut off may have none
        if each["verb"] not in WRITES or not done or "dryRun=All" in each["requestURI"]:
            continue
        if about.get("resource") == "tunedpipelines" and "subresource" not in about and each["verb"] != "deletecollection":
            pipelines.take(each, when)
        what = "/".join(filter(None, [about.get("resource"), about.get("subresource")]))
        if not ours or about.get("apiGroup") == "optctl.dev" or (about.get("apiGroup", ""), what) in OWN:
            continue
        count += 1
        assert not pipelines.forbids(about.get("namespace"), about.get("resource"), about.get("name"), when), \
            f"below mode Auto: {each['verb']} {each['requestURI']}"
    return count


def _written(minute, verb, resource, agent, mode=None):
    spec = {"spec": {"mode": mode, "engine": {"deployment": {"name": "work"}}}} if mode else {}
    return {"requestReceivedTimestamp": f"2026-01-01T00:{minute:02d}:00Z", "verb": verb, "userAgent": agent, "requestURI": f"/{resource}",
            "objectRef": {"apiGroup": "apps", "resource": resource, "namespace": "shop", "name": "work"}, "requestObject": spec,
            "responseStatus": {"code": 200}}


def check_finds():
    """It itself: a write after a mode that allows it, and after others."""
    write = _written(9, "patch", "deployments", "optctl/0.1.0")
    for told, allowed in ((["Auto"], True), (["Recommend", "Auto"], True), (["Recommend"], False), (["Auto", "Observe"], False)):
        modes = [_written(minute, "patch", "tunedpipelines", "kubectl", mode) for minute, mode in enumerate(told)]
        try:
            found = check([*modes, write]) == 1
        except AssertionError:
            found = False
        assert found == allowed, f"after {told} a write is taken for {'right' if found else 'wrong'}"

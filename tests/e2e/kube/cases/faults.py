# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults between optctl and a real API server: killed around each of its writes, lists and watches that are behind, and everything
that a request may come to. The end has to be that of the undisturbed run, and by the audit log as much was created, deleted and changed as there.
The rows are those of the table in docs/operator.md, each in a namespace of its own, and all are played at once."""
import concurrent.futures
import time

from plane import fault_proxy, tuned
from plane.fault_proxy import Fault, Killer
from targets.pool import container
from targets.scaler import Scaler
from targets.scene import RIGHT, WORK, WORKERS, Scene, writes_of
from targets.usage import Metrics

AT_ONCE = 16
KILLS = 9  # there are eight writes, or one more where workers come one after the other
FAULT_SECONDS = 10
SECONDS = 180  # until what has to come has come; mostly it takes ten
MORE_STATUSES = 4  # that a life more, or an answer that was lost, may take

OTHERS = "^(?!.*/leases)"  # all but what keeps the lease
OBJECTS = "/tunedpipelines"
WATCH = f"{OBJECTS}.*watch=true"
STRIKES = {
    "u5": lambda: [Fault(WATCH, events=fault_proxy.bookmarks_alone)],
    "u-dropped": lambda: [Fault(WATCH, events=fault_proxy.every_other_lost())],
    "h1-statuses": lambda: [Fault("/status", ["PATCH"], 2, refuse=(409, "Conflict"))],
    "h1-target": lambda: [Fault("/scale", ["PATCH"], refuse=(409, "Conflict"))],
    "h2": lambda: [Fault(OTHERS, None, 2, refuse=(429, "TooManyRequests", [("Retry-After", "1")]))],
    "h3-500": lambda: [Fault(OTHERS, None, 2, refuse=(500, "InternalError"))],
    "h3-503": lambda: [Fault(OTHERS, None, 2, refuse=(503, "ServiceUnavailable"))],
    "h3-504": lambda: [Fault(OTHERS, None, 2, refuse=(504, "Timeout"))],
    "h4-reset": lambda: [Fault(OTHERS, None, 2, cut="reset")],
    "h4-stream": lambda: [Fault(OTHERS, None, 2, cut="stream")],
    "h4-text": lambda: [Fault(OTHERS, None, 2, cut="text")],
    "h5": lambda: [Fault(OTHERS, None, 2, cut="slow")],
    "h10": lambda: [Fault(OTHERS, None, 2, cut="end")],
    "h6": lambda: [Fault(refuse=(401, "Unauthorized"))],
    "h7": lambda: [Fault("/status|/scale", ["PATCH"], refuse=(403, "Forbidden"))],
    "h11": lambda: [Fault("continue=", ["GET"], 2, refuse=(410, "Expired")), Fault("limit=500", ["GET"], short=True)],
    "h12": lambda: [Fault("watch=true", events=fault_proxy.error_instead)],
    "u-doubled": lambda: [Fault(WATCH, events=fault_proxy.twice)],
    "u4": lambda: [Fault("watch=true", refuse=(410, "Expired"))],
    "s4": lambda: [Fault(WATCH, hold=True)],
}


def settles(scene, replicas=RIGHT):
    scene.eventually(f"{replicas} workers, verified", lambda: scene.is_settled(replicas), SECONDS)
    return scene.ending()


def undisturbed(scene):
    return settles(scene.begin().start())


# ---- I ----

def killed(scene, number, when):
    scene.begin()
    killer = Killer(scene.proxy, number, when)
    scene.start()
    killer.process = scene.replica.process
    scene.eventually("it is killed, or done", lambda: killer.done.is_set() or scene.is_settled(RIGHT), SECONDS)
    if killer.done.is_set():
        scene.next_life()
    ending = settles(scene)
    scene.killed_at = killer.what
    return ending


# ---- H, and what becomes of events ----

def struck(scene, faults):
    scene.begin()
    scene.proxy.begin(*faults)
    scene.start()
    scene.eventually("it strikes", lambda: any(fault.struck for fault in faults), SECONDS)
    scene.wait(FAULT_SECONDS)
    scene.proxy.end()
    return settles(scene)


# ---- S, U: what is seen late ----

def s1(scene):
    """Started anew on a list of before everything, and of a spec that allows more than the present one does."""
    scene.begin().start()
    settles(scene)
    scene.pipelines.patch("work", spec={"knobs": [{**WORKERS, "max": 5}]})
    settles(scene, 5)
    past = dict(scene.proxy.lists)
    scene.replica.kill()
    scene.proxy.begin(Fault(OBJECTS, ["GET"], past={where: answer for where, answer in past.items() if OBJECTS in where}),
                      Fault(WATCH, hold=True))
    scene.next_life()
    scene.wait(FAULT_SECONDS)
    assert scene.pool.replicas() == 5, "scaled by an old spec"
    scene.proxy.end()
    return settles(scene, 5)


def s2(scene):
    """Deleted and made anew, with the same replicas, while its watch says nothing: what is decided for the old one is void."""
    scene.begin().start()
    settles(scene)
    scene.pipelines.patch("work", spec={"knobs": [{**WORKERS, "max": 2 * RIGHT}]})
    scene.eventually("it may have more", lambda: scene.status().get("observedGeneration") == 2, SECONDS)
    scene.proxy.begin(Fault("/deployments", ["GET"], hold=True))
    scene.api.text("DELETE", scene.pool.path)
    scene.pool.create(RIGHT)
    scene.pool.work = 2 * WORK
    scene.wait(2 * FAULT_SECONDS)
    assert scene.pool.replicas() == RIGHT, "what was decided for an object that is gone was done to the one in its place"
    scene.proxy.end()
    return settles(scene, 2 * RIGHT)


def s3(scene):
    """It is being deleted, and that is seen late: nothing is written to it any more."""
    scene.begin().start()
    settles(scene)
    scene.pipelines.patch("work", spec={"knobs": [{**WORKERS, "max": 2 * RIGHT}]})
    scene.pool.patch({"metadata": {"finalizers": ["example.com/slow"]}})
    scene.wait(3)
    scene.proxy.begin(Fault("/deployments", ["GET"], hold=True))
    scene.api.text("DELETE", scene.pool.path)
    scene.pool.work = 2 * WORK
    scene.wait(2 * FAULT_SECONDS)
    scene.proxy.end()
    scene.wait(FAULT_SECONDS)
    assert scene.pool.replicas() == RIGHT, "what is being deleted was scaled"
    ending = scene.ending()
    scene.pool.patch({"metadata": {"finalizers": None}})
    return ending


def u6(scene):
    """The pipeline is there before its target."""
    scene.begin(replicas=0).start()
    scene.eventually("it is not reached", lambda: scene.conditions().get("Reached", ("", ""))[0] == "False", SECONDS, follow=False)
    scene.make_pool(3)
    return settles(scene)


# ---- A: what a user asks for ----

def a4(scene, cpu):
    """Half a core, in any way that Kubernetes writes it."""
    scene.begin(replicas=0)
    scene.make_pool(3, [container(cpu=cpu)])
    return settles(scene.start())


def a7(scene):
    """A target whose kind has no /scale: said, and nothing else is tried."""
    scene.begin()
    scene.proxy.begin(Fault("/scale", ["PATCH"], refuse=(404, "NotFound")))
    scene.start()
    scene.eventually("it was tried", lambda: scene.status().get("lastDecision", {}).get("outcome") == "Failed", SECONDS)
    assert scene.pool.replicas() == 3
    return scene.ending()


def a9(scene):
    """An autoscaler has the replicas; then it goes."""
    scene.begin()
    theirs = Scaler(scene.pool, "HorizontalPodAutoscaler", "theirs").create(1, 9)
    scene.start()
    scene.eventually("it is measured", lambda: scene.conditions().get("Reached", ("", ""))[0] == "True", SECONDS)
    scene.wait(FAULT_SECONDS)
    assert scene.pool.replicas() == 3, "scaled beside an autoscaler"
    theirs.delete()
    return settles(scene)


def h13(scene):
    """An admission policy denies the write; then it allows it."""
    rights = "/apis/admissionregistration.k8s.io/v1"
    scene.begin()
    scene.api.post(f"{rights}/validatingadmissionpolicies", {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "no-scale"},
        "spec": {"failurePolicy": "Fail", "validations": [{"expression": "false", "message": "frozen until Monday"}], "matchConstraints": {
            "resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments/scale"]}]}}})
    scene.api.post(f"{rights}/validatingadmissionpolicybindings", {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "no-scale"},
        "spec": {"policyName": "no-scale", "validationActions": ["Deny"],
                 "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.name}}}}})
    time.sleep(1)
    scene.start()
    scene.eventually("the denial is told", lambda: "frozen until Monday" in str(scene.status()), SECONDS)
    assert scene.pool.replicas() == 3
    scene.api.text("DELETE", f"{rights}/validatingadmissionpolicybindings/no-scale")
    return settles(scene)


# ---- what has to hold ----

def check_kills(ended):
    """There was one at each kind of write; on a quick machine the last ones that were asked for came to nothing."""
    for when in ("before", "after"):
        at = [scene.killed_at or "" for scene, _ in ended if scene.name.startswith(f"i-{when}-")]
        for kind in ("/leases/", "/tunedpipelines/work/status", "/deployments/work/scale"):
            assert any(kind in each for each in at), f"not killed {when} {kind}: {at}"


def check_writes(scene, counts, scaled, like):
    """By the audit log: what is no news was created, deleted and changed as often as in the undisturbed run, and no write of the target was
    for another object than the one that was meant."""
    for what in {*counts, *like} - {("create", "events"), ("patch", "events"), ("update", "leases"), ("patch", "tunedpipelines/status")}:
        assert counts[what] == like[what], f"{scene.name}: {what} {counts[what]} times, and undisturbed {like[what]}"
    assert counts["create", "events"] <= like["create", "events"] + 1, f"{scene.name}: {counts}"
    assert counts["patch", "tunedpipelines/status"] <= like["patch", "tunedpipelines/status"] + MORE_STATUSES, f"{scene.name}: {counts}"
    assert all(uid for _, uid, _ in scaled), f"{scene.name}: {scaled}"


def check_shared(scene):
    """Reads come over HTTP/2; what may not be repeated, or keeps the lease, never does."""
    assert scene.proxy.shared, f"{scene.name}: nothing came over HTTP/2"
    wrong = [(method, path) for method, path in scene.proxy.shared if method != "GET" or fault_proxy.is_lease(path)]
    assert not wrong, f"{scene.name}: over a connection that is shared: {wrong}"


def check(ended, audited):
    counts, scaled = writes_of(audited)
    endings = {scene.name: ending for scene, ending in ended}
    like, wanted = counts["undisturbed"], endings["undisturbed"]
    assert (wanted["replicas"], like["patch", "deployments/scale"]) == (RIGHT, 1), (wanted, like)
    for scene, ending in ended:
        check_shared(scene)
        if scene.alike:
            assert ending == wanted, f"{scene.name}: {ending}, and undisturbed {wanted}"
            check_writes(scene, counts[scene.name], scaled[scene.name], like)
    check_kills(ended)
    assert [code for code, *_ in scaled["h13"]].count(422) <= 3, f"tried again and again: {scaled['h13']}"
    assert not counts["a7"]["patch", "deployments/scale"], counts["a7"]
    assert [replicas for *_, replicas in scaled["s1"]] == [RIGHT, 5], scaled["s1"]
    uids = [uid for code, uid, _ in scaled["s2"] if code == 200]
    assert uids[0] != uids[-1] and uids.count(uids[0]) == 1, scaled["s2"]


# ---- all of it ----

def rows():
    """Those that take longest first."""
    for name, faults in STRIKES.items():
        yield name, struck, faults()
    for row in (s3, s2, s1):
        yield row.__name__, row
    yield "undisturbed", undisturbed
    for when in ("before", "after"):
        for number in range(1, KILLS + 1):
            yield f"i-{when}-{number}", killed, number, when
    for row in (u6, a7, a9, h13):
        yield row.__name__, row
    for number, cpu in enumerate(("0.5", "5e-1", "500000u")):
        yield f"a4-{number}", a4, cpu


def play_one(stage, metrics, name, row, *more):
    scene, since = Scene(stage, metrics, name), time.monotonic()
    scene.alike = row not in (s1, s2, s3, a7)
    ending = row(scene, *more)
    scene.stop()
    print(f"{name}: {time.monotonic() - since:.0f} s", scene.killed_at or "", flush=True)
    return scene, ending


def play(stage):
    plane = stage.start()
    tuned.install(stage)
    room = {"cpu": "32", "memory": "64Gi", "pods": "110"}
    plane.api.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"},
                                     "status": {"allocatable": room, "capacity": room}})
    metrics = Metrics(plane, cpu=0.9)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        playing = [pool.submit(play_one, stage, metrics, *row) for row in rows()]
        ended = [each.result() for each in playing]
    check(ended, plane.audited())

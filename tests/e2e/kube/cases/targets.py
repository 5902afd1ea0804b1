# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools of pods and their autoscalers on a real API server: what optctl sees, the writes it makes and, in the audit log, those it does not make."""
import time

from harness.processes import eventually
from plane import tuned
from targets import kinds
from targets.pool import CONTENT, Pool, container
from targets.scaler import KINDS, Scaler
from targets.tuner import Tuner, spec
from targets.usage import Metrics, Prometheus

ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
WORKERS = [{"name": "workers", "min": 1, "max": 20}]
WRITES = ("create", "update", "patch", "delete")


def writes(plane):
    """What optctl wrote, or tried to: verb, resource with its subresource, status."""
    return [(event["verb"], "/".join(filter(None, (event["objectRef"]["resource"], event["objectRef"].get("subresource")))),
             event["responseStatus"]["code"], event.get("requestObject"))
            for event in plane.audited() if event["userAgent"].startswith("optctl/") and event["verb"] in WRITES]


def scales(world, metrics, kind):
    """By the HPA's own formula: 0.5 cores asked for, 0.9 used, 80 % wanted: ceil(3 * 180 / 80) = 7 workers instead of 3."""
    plane, name = world.plane, f"scales-{kind.lower()}"
    engine = {kind[0].lower() + kind[1:]: {"name": name}}
    pool = Pool(plane.api, kind, name).create(3)
    metrics.pools = [pool]
    metrics.cpu = 0.9
    tuner = Tuner(world, name, spec(engine, WORKERS))

    answer, _ = tuner.recommend(status=4)
    assert answer["change"] is True and answer["recommended"]["text"] == "7 workers", answer
    assert not writes(plane) or kind != "Deployment", "recommend has written"

    before = len(writes(plane))
    tuner.start()
    eventually(f"{kind} has 7 replicas", lambda: pool.replicas() == 7, 60)
    metrics.cpu = 0.386  # the same work on 7: 77 %, within the HPA's tolerance
    pool.follow()
    eventually("the change is in the ledger", lambda: [action for action in tuner.actions() if action["outcome"]], 30, 1)
    tuner.stop()
    verb, what, status, body = writes(plane)[before]
    assert len(writes(plane)) == before + 1, writes(plane)[before:]
    assert (verb, what, status) == ("patch", f"{kind.lower()}s/scale", 200), (verb, what, status)
    assert body["spec"] == {"replicas": 7} and body["metadata"]["uid"] and body["metadata"]["resourceVersion"], body
    assert ("optctl", "Update", "scale") in pool.managers()
    action = tuner.actions()[0]
    assert [call["call"] for call in action["calls"]] == [f"PATCH {pool.path}/scale: replicas 3 -> 7"], action
    return pool


def reader(plane):
    """The kubeconfig of somebody who may scale, and look at everything but autoscalers."""
    rights = "/apis/rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": ["", "apps", "metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list", "watch", "patch"]}]
    meta = {"metadata": {"name": "tuner"}}
    plane.api.post(f"{rights}/clusterroles", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", **meta, "rules": rules})
    plane.api.post(f"{rights}/clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", **meta,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tuner"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tuner"}]})
    plane.identities.certificate("tuner", "/CN=tuner")
    return plane.identities.kubeconfig("tuner", plane.url)


def leaves_alone(world, metrics, name, words, spoil, kubeconfig=None):
    """What somebody else keeps is Conflicted: said, not written; once they let go, it is scaled."""
    plane = world.plane
    pool = Pool(plane.api, "Deployment", name).create(3)
    metrics.pools, metrics.cpu = [pool], 0.9
    let_go = spoil(pool)
    tuner = Tuner(world, name, spec({"deployment": {"name": name}}, WORKERS, name=name))
    tuner.kubeconfig = kubeconfig or tuner.kubeconfig
    before = len(writes(plane))
    tuner.start().says(words)
    assert len(writes(plane)) == before and pool.replicas() == 3, writes(plane)[before:]
    if let_go:
        let_go()
        eventually(f"{name} has 7 replicas once nobody else keeps it", lambda: pool.replicas() == 7, 60)
    tuner.stop()


def of_an_autoscaler(pool):
    return Scaler(pool, "HorizontalPodAutoscaler", "theirs").create(1, 9).delete


def of_a_manifest(pool):
    def applied(spec):
        return {"apiVersion": "apps/v1", "kind": pool.kind, "metadata": {"name": pool.name}, "spec": spec}
    pool.patch(applied({"replicas": 3}), "apply", "flux&force=true")
    return lambda: pool.patch(applied({}), "apply", "flux&force=true") and pool.follow()


def bounds(world, metrics, engine, kind):
    """An autoscaler as the target: its minimum is written, and the replicas are left to it."""
    plane, name = world.plane, f"bounds-{engine.lower()}"
    pool = Pool(plane.api, "Deployment", name).create(3)
    scaler = Scaler(pool, kind, name).create(3, 20)
    metrics.pools, metrics.cpu = [pool], 0.9
    before = len(writes(plane))
    tuner = Tuner(world, name, spec({engine: {"name": name}}, WORKERS, name=name)).start()
    eventually(f"the minimum of the {kind} is 7", lambda: scaler.bounds() == (7, 20), 60)
    metrics.cpu = 0.386
    scaler.follow()
    action = eventually("the change is in the ledger", lambda: [each for each in tuner.actions() if each["outcome"]], 30, 1)[0]
    assert [call["call"] for call in action["calls"]] == [f"PATCH {scaler.path}: workers 3 -> 7"], action
    made = writes(plane)[before:]
    assert len(made) == 1 and made[0][:3] == ("patch", KINDS[kind][1], 200), made
    assert made[0][3]["spec"] == {scaler.fields[0]: 7} and made[0][3]["metadata"]["resourceVersion"], made
    return pool, scaler, tuner


def keda(world, metrics):
    """Before KEDA is installed its objects are said not to be served, and nothing else is disturbed; once it is, they are targets."""
    plane = world.plane
    tuner = Tuner(world, "no-keda", spec({"scaledObject": {"name": "orders"}}, WORKERS))
    _, words = tuner.recommend(status=1)
    assert "the cluster serves no scaledobjects.keda.sh; what brings them is not installed" in words, words
    kinds.install(plane.api, "scaledobjects.keda.sh")
    pool, scaler, tuner = bounds(world, metrics, "scaledObject", "ScaledObject")
    scaler.merge({"metadata": {"annotations": {"autoscaling.keda.sh/paused-replicas": "7"}}})
    before = len(writes(plane))
    metrics.cpu = 0.9
    tuner.says("it is paused (annotation autoscaling.keda.sh/paused-replicas: 7)")
    tuner.stop()
    beside = Tuner(world, "beside-keda", spec({"deployment": {"name": pool.name}}, WORKERS)).start()
    beside.says(f"its replicas belong to the ScaledObject {scaler.name}; tune that one (spec.engine.scaledObject)")
    beside.stop()
    assert len(writes(plane)) == before, writes(plane)[before:]


def operated(world, metrics):
    """The same by an object of the API server and `optctl controller`: its client is that of the target. While an autoscaler has the
    replicas the object is Conflicted."""
    plane = world.plane
    tuned.install(world)
    pool = Pool(plane.api, "Deployment", "operated").create(3)
    let_go = of_an_autoscaler(pool)
    metrics.pools, metrics.cpu = [pool], 0.9
    pipelines = tuned.Pipelines(plane.api)
    pipelines.apply(spec({"deployment": {"name": pool.name}}, WORKERS, name="operated"))
    before = len(scaled(plane))
    replica = tuned.Replica(world).start()
    pipelines.await_condition("operated", "Conflicted", "True", "FieldOwned")
    assert pipelines.condition("operated", "Ready") == ("False", "FieldOwned") and len(scaled(plane)) == before, pipelines.get("operated")
    let_go()
    eventually("the operator has scaled it", lambda: pool.replicas() == 7, 90)
    metrics.cpu = 0.386
    pool.follow()
    eventually("as many run as ought to", lambda: pipelines.get("operated")["status"].get("currentWorkers") == 7, 60)
    pipelines.await_condition("operated", "Conflicted", "False", "SoleOwner")
    assert pipelines.get("operated")["status"]["target"].startswith("deployment/"), pipelines.get("operated")["status"]
    replica.stop()
    assert len(scaled(plane)) == before + 1, scaled(plane)[before:]


def scaled(plane):
    return [write for write in writes(plane) if write[1] == "deployments/scale"]


def sizes(world, metrics):
    """The requests of the container that a knob names, with the limit in proportion, and nothing else of the template."""
    plane = world.plane
    work = container(cpu="20m", limits={"cpu": "40m", "memory": "256Mi"})
    pool = Pool(plane.api, "Deployment", "sizes").create(2, [container("proxy", "50m", "32Mi"), work])
    metrics.pools, metrics.cpu = [pool], 0.9
    knobs = [{"name": "worker.cpu", "min": "10m", "max": 4}]
    options = {"intervalSeconds": 1}
    told = spec({"deployment": {"name": "sizes", "container": "work"}}, knobs, strategy="vpa", options=options, name="sizes")
    before = len(writes(plane))
    tuner = Tuner(world, "sizes", told).start()
    asked = eventually("other requests", lambda: changed(pool, "20m"), 60)
    pool.follow()
    tuner.stop()
    # VPA: the end of the 5 % bucket that 0.9 is in, and 15 % on top; the limit stays twice the request.
    milli = int(asked["requests"]["cpu"].removesuffix("m"))
    assert 900 * 1.15 <= milli <= 900 * 1.05 * 1.15 + 12 and asked["limits"]["cpu"] == f"{2 * milli}m", asked
    assert asked["requests"]["memory"] == asked["limits"]["memory"] == "256Mi", asked
    verb, what, status, body = writes(plane)[before]
    assert (verb, what, status) == ("patch", "deployments", 200), (verb, what, status)
    containers = body["spec"]["template"]["spec"]["containers"]
    assert [(each["name"], *(sorted(each["resources"][of]) for of in ("requests", "limits"))) for each in containers] == \
        [("work", ["cpu"], ["cpu"])], containers
    assert ("optctl", "Apply", "") in pool.managers()


def in_place(world, metrics):
    """Pods that their controller leaves alone (OnDelete) are resized where they are, each by its own /resize."""
    plane = world.plane
    pool = Pool(plane.api, "StatefulSet", "in-place").create(2, [container(cpu="20m")], update="OnDelete")
    metrics.pools, metrics.cpu = [pool], 0.9
    were = {pod["metadata"]["uid"] for pod in of(pool)}
    before = len(writes(plane))
    tuner = Tuner(world, "in-place", spec({"statefulSet": {"name": pool.name}}, [{"name": "worker.cpu", "min": "10m", "max": 4}],
                                          strategy="vpa", options={"intervalSeconds": 1}, name="in-place")).start()
    eventually("another template", lambda: pool.get()["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] != "20m", 60)
    tuner.stop()
    wanted = pool.get()["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert [pod["spec"]["containers"][0]["resources"] for pod in of(pool)] == [wanted] * 2, (of(pool), wanted)
    assert {pod["metadata"]["uid"] for pod in of(pool)} == were, "pods were replaced"
    made = [(what, status) for _, what, status, _ in writes(plane)[before:]]
    assert made == [("pods/resize", 200)] * 2 + [("statefulsets", 200)], made


def beside_a_vertical_autoscaler(world, metrics):
    """Requests that a VerticalPodAutoscaler sets are Conflicted: said, not written; what one recommends that is Off is taken."""
    plane, path = world.plane, "/apis/autoscaling.k8s.io/v1/namespaces/default/verticalpodautoscalers"
    kinds.install(plane.api, "verticalpodautoscalers.autoscaling.k8s.io")
    pool = Pool(plane.api, "Deployment", "vertical").create(2, [container(cpu="20m")])
    metrics.pools, metrics.cpu = [pool], 0.9
    plane.api.post(path, {"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler", "metadata": {"name": "theirs"}, "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": pool.name}, "updatePolicy": {"updateMode": "Recreate"}}})
    before = len(writes(plane))
    tuner = Tuner(world, "vertical", spec({"deployment": {"name": pool.name}}, [{"name": "worker.cpu", "min": "10m", "max": 4}],
                                          strategy="vpa", options={"intervalSeconds": 1}, name="vertical")).start()
    tuner.says("its requests belong to the VerticalPodAutoscaler theirs")
    assert len(writes(plane)) == before, writes(plane)[before:]
    told = {"containerName": pool.get()["spec"]["template"]["spec"]["containers"][0]["name"], "target": {"cpu": "1234m"},
            "lowerBound": {"cpu": "1"}, "upperBound": {"cpu": "2"}}
    plane.api.text("PATCH", f"{path}/theirs/status", {"status": {"recommendation": {"containerRecommendations": [told]}}}, CONTENT["merge"])
    plane.api.text("PATCH", f"{path}/theirs", {"spec": {"updatePolicy": {"updateMode": "Off"}}}, CONTENT["merge"])
    eventually("other requests", lambda: pool.get()["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "1234m", 60)
    tuner.stop()
    assert [what for _, what, _, _ in writes(plane)[before:]] == ["deployments"], writes(plane)[before:]


def of(pool):
    found = pool.api.get(f"/api/v1/namespaces/{pool.namespace}/pods?labelSelector=app%3D{pool.name}")
    return found["items"]


def grows_after_a_kill(world, metrics):
    """A container that was killed for want of memory had 256 MiB: the formula's 100 MiB more, in a bucket of 5 %, and 15 % on top. Killed
    again at once, when nobody knows what it uses, it gets that once more."""
    plane = world.plane
    pool = Pool(plane.api, "Deployment", "killed").create(2, [container(limits={"memory": "256Mi"})])
    metrics.pools, metrics.cpu, metrics.memory = [pool], 0.1, 200 << 20
    told = spec({"deployment": {"name": "killed"}}, [{"name": "memory", "min": "64Mi", "max": "4Gi"}], strategy="vpa",
                options={"intervalSeconds": 1, "minimumMemory": "64Mi"}, name="killed")
    tuner = Tuner(world, "killed", told).start()
    tuner.says("the pipeline is reached")
    pool.kill_for_memory(0, restarts=1, at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    asked = eventually("more memory", lambda: more_memory(pool, 256), 60)
    pool.follow()
    mebibytes = int(asked["requests"]["memory"]) / (1 << 20)
    assert 356 * 1.15 <= mebibytes <= 356 * 1.15 * 1.09, asked
    metrics.pools = []
    tuner.says("CPU use is not known", 60)
    pool.kill_for_memory(0, restarts=1, at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    asked = eventually("more memory again", lambda: more_memory(pool, mebibytes), 60)
    pool.follow()
    tuner.stop()
    wanted = max(mebibytes + 100, 1.2 * mebibytes) * 1.15
    assert wanted <= int(asked["requests"]["memory"]) / (1 << 20) <= wanted * 1.09, asked
    assert asked["requests"]["memory"] == asked["limits"]["memory"] and asked["requests"]["cpu"] == "500m", asked


def more_memory(pool, mebibytes):
    """What is asked for once it is a third more, as a number of bytes."""
    asked = pool.get()["spec"]["template"]["spec"]["containers"][0]["resources"]
    memory = asked["requests"]["memory"]
    return asked if memory.isdigit() and int(memory) / (1 << 20) > 1.3 * mebibytes else None


def changed(pool, cpu):
    asked = pool.get()["spec"]["template"]["spec"]["containers"][1]["resources"]
    return asked if asked["requests"]["cpu"] != cpu else None


def play(world):
    plane = world.start()
    plane.api.post("/api/v1/namespaces/default/serviceaccounts", ACCOUNT)
    room = {"cpu": "32", "memory": "64Gi", "pods": "110"}
    plane.api.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"},
                                     "status": {"allocatable": room, "capacity": room}})
    metrics = Metrics(plane, cpu=0.9)
    for kind in ("Deployment", "StatefulSet"):
        scales(world, metrics, kind)
    leaves_alone(world, metrics, "autoscaled", "its replicas belong to the HorizontalPodAutoscaler theirs", of_an_autoscaler)
    leaves_alone(world, metrics, "applied", "its replicas are kept by flux", of_a_manifest)
    leaves_alone(world, metrics, "unseen", "whether something else scales it is not known", lambda pool: None, reader(plane))
    sizes(world, metrics)
    in_place(world, metrics)
    grows_after_a_kill(world, metrics)
    beside_a_vertical_autoscaler(world, metrics)
    operated(world, metrics)
    bounds(world, metrics, "hpa", "HorizontalPodAutoscaler")[2].stop()
    keda(world, metrics)
    asked = [(event["requestURI"], event["responseStatus"]["code"]) for event in plane.audited() if event["userAgent"].startswith("optctl/")]
    odd = [each for each in asked if each[1] in (400, 405, 415, 422)]
    # Somebody else wrote between its reading and its writing: then it has read again, and written.
    odd += [(path, 409) for place, (path, code) in enumerate(asked) if code == 409 and (path, 200) not in asked[place:]]
    assert not odd, f"what the server could not take: {odd}"

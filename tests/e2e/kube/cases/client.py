# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of core/kubernetes/ does what it says on a real API server, which forgets what is compacted away; and the server
saw nothing else of it: each object created once, no request that the server could not make sense of."""
import collections

# Versions are forgotten at once, and not when the server's memory of them is full.
# Connections are ended by GOAWAY, as often as the server can be told to (H10).
FLAGS = ("--watch-cache=false", "--goaway-chance=0.02")
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}


def play(world):
    plane = world.start(api_flags=FLAGS)
    plane.api.post("/api/v1/namespaces/default/serviceaccounts", ACCOUNT)
    world.run_test("kube_client", 600, ETCD_URL=plane.etcd_url)

    asked = [event for event in plane.audited() if event["userAgent"].startswith("optctl/")]
    assert asked, "the audit log knows nothing of optctl"
    odd = [event["requestURI"] for event in asked if event["responseStatus"]["code"] in (400, 405, 415) or
           event["responseStatus"]["code"] >= 500]
    assert not odd, f"what the server could not take: {odd}"
    created = collections.Counter(event["requestURI"] + event.get("objectRef", {}).get("name", "") for event in asked
                                  if event["verb"] == "create" and event["responseStatus"]["code"] == 201)
    twice = {name: times for name, times in created.items() if times > 1 and "?dryRun" not in name}
    assert not twice, f"created more than once: {twice}"

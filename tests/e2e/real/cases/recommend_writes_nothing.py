# SPDX-License-Identifier: GPL-3.0-or-later
"""`optctl recommend` names a size that carries the load, says so by its exit status, and sends nothing but questions,
although the spec says Auto."""
import json

CHANGE = 4  # exit status


def play(world):
    world.start_cluster()
    world.happens("rate 1500")
    world.submit(parallelism=3)
    proxy = world.put_between()
    optctl = world.optctl(flink=proxy.url)

    text = optctl.call("recommend", optctl.spec, "--window", 5, "--windows", 4, "--json", "-", status=CHANGE)
    pipeline, = json.loads(text)["pipelines"]
    print(pipeline["recommended"]["text"], pipeline["reason"])

    width, = [knob["value"] for knob in pipeline["recommended"]["knobs"] if knob["operator"] == "work"]
    assert world.fits(1500, width), text
    written = [request for request in proxy.requests if request[0] != "GET"]
    assert proxy.requests and not written, f"recommend sent {written}"
    assert world.width() == 3 and set(world.job.wanted().values()) == {3}

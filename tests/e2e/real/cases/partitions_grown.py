# SPDX-License-Identifier: GPL-3.0-or-later
"""The topic gets more partitions while the job reads it. Nobody has committed anything for the new ones yet: their records
still count as backlog, no more and no less, and the size goes on following the load."""
from harness.processes import eventually
from harness.session import TOPIC


def play(world):
    world.start_broker(partitions=4)
    world.start_cluster()
    world.submit(parallelism=3)
    world.start_producer()
    world.happens("rate 600")
    sources = f"""\
  broker:
    kafka:
      bootstrapServers: "{world.broker.address}"
      topics: [{{name: {TOPIC}, operator: source, group: job}}]"""
    optctl = world.steer(world.optctl(sources=sources), 600)
    before = len(optctl.actions())

    world.broker.grow_topic(TOPIC, 8)
    assert world.broker.partitions(TOPIC) == 8
    optctl.wait_for_turns(4)
    assert not optctl.widths(before), f"more partitions are no more load: {optctl.widths(before)}"

    world.happens("rate 1500")
    world.wait_until_fits(1500, 90)
    world.wait_until_in_time(90)
    eventually("the group has read what there is", lambda: lag(world) < 1500, 60, 2)
    assert not [step for step in optctl.widths() if step[2] in ("Reverted", "Failed")], optctl.widths()
    assert world.job.failures() == 0
    assert optctl.stop() == 3


def lag(world):
    """Records behind, by Kafka's own tool. The columns are: group, topic, partition, offset, end, lag."""
    rows = [line.split() for line in world.broker.tool("groups", "--describe", "--group", "job").splitlines()]
    lags = [int(row[5]) for row in rows if len(row) > 5 and row[5].isdigit()]
    return sum(lags) if len(lags) == 8 else float("inf")

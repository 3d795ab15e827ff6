"""How much single blocks are missed: orders and shares by hand, the record against the runs."""

import math
from dataclasses import replace

import pytest
import torch

from resnet_edu import records, resnet20
from resnet_edu.blocks import BasicBlock
from resnet_edu.checkpoint import load_checkpoint
from resnet_edu.resnet import ResNet
from resnet_edu.study import missed


@pytest.fixture(scope="module")
def rows():
    return records.read_measurement("missed")


def of_run(rows, run):
    whole, *cut = [row for row in rows if row["run"] == run]
    return whole, cut


def test_every_block_that_can_go_goes_once():
    network = ResNet(BasicBlock, (2, 3, 1), (4, 8, 16))
    assert missed.without_one(network) == {
        "stage1": [(0, 1), (1,), (0,)],
        "stage2": [(0, 2), (0, 1)],
        "stage3": [],
    }


def test_written_by_hand():
    torch.manual_seed(0)
    network, x = resnet20().eval(), torch.randn(2, 3, 32, 32)
    shares = missed.written(network, x)
    assert [len(stage) for stage in shares.values()] == [3, 3, 3]
    with torch.no_grad():
        y = network.stem(x)
        first = network.stage1[0]
        assert shares["stage1"][0] == pytest.approx((first.residual(y).norm() / y.norm()).item())
        y = network.stage2[1](network.stage2[0](network.stage1(y)))
        last = network.stage2[2]
        assert shares["stage2"][2] == pytest.approx((last.residual(y).norm() / y.norm()).item())
    assert math.isnan(shares["stage2"][0]) and math.isnan(shares["stage3"][0])


def test_the_record_is_whole(rows):
    assert list(dict.fromkeys(row["run"] for row in rows)) == list(missed.RUNS)
    for run in missed.RUNS:
        finished = records.read_run(records.ROOT / "runs" / run)
        network, _ = load_checkpoint(finished.checkpoint)
        n = len(network.stage1)
        whole, cut = of_run(rows, run)
        assert whole["without"] is None and whole["added"] is None
        numbers = [row["without"] for row in cut]
        assert numbers == [b for b in range(1, 3 * n + 1) if b not in (n + 1, 2 * n + 1)]
        assert {row["of"] for row in (whole, *cut)} == {3 * n}
        assert 100 * whole["wrong"] / whole["pictures"] == pytest.approx(finished.test_error, abs=2)


def test_the_record_is_what_the_networks_answer(rows, cifar10):
    """The first run, with a tenth of the pictures."""
    some = replace(cifar10, test=cifar10.test[torch.arange(0, 10_000, 50)])
    part = len(some.test)
    found = list(missed.measure_run(missed.RUNS[0], some))
    whole, cut = of_run(rows, missed.RUNS[0])
    for row, recorded in zip(found, (whole, *cut), strict=True):
        assert (row["run"], row["pictures"]) == (recorded["run"], part)
        assert row["without"] == recorded["without"]
        for key in ("wrong", "settled"):
            share = recorded[key] / recorded["pictures"]
            width = (share * (1 - share) / part) ** 0.5
            assert row[key] / part == pytest.approx(share, abs=4 * width)
        if row["added"]:
            assert row["added"] == pytest.approx(recorded["added"], rel=0.2)


def costs(rows, run, state="wrong"):
    """In points of test error, block by block."""
    whole, cut = of_run(rows, run)
    return [100 * (row[state] - whole[state]) / row["pictures"] for row in cut]


def middle(values):
    return sorted(values)[len(values) // 2]


def test_what_the_chapter_says_of_depth_holds(rows):
    runs = [f"resnet{depth}-cifar10-short-s0" for depth in (20, 32, 56)]
    found = [costs(rows, run) for run in runs]
    assert [round(middle(cost)) for cost in found] == [19, 9, 2]
    assert [round(sum(cost)) for cost in found] == [144, 165, 131]
    assert len(found[2]) == 25 and sum(cost < 1 for cost in found[2]) == 8
    _, cut = of_run(rows, runs[2])
    cheap = [row["added"] for row, cost in zip(cut, found[2], strict=True) if cost < 1]
    assert min(cheap) > 0.15 and max(cheap) < 1 / 3
    assert max(row["added"] for row in cut) > 1
    last = [cost[-1] for cost in (costs(rows, missed.RUNS[0]), found[0], found[2])]
    assert all(26.5 < cost < 37 for cost in last)
    assert [round(cost) for cost in found[1][-2:]] == [29, 13]


def test_what_the_chapter_says_of_settling_holds(rows):
    for depth, total in ((20, 62), (32, 69), (56, 85)):
        found = costs(rows, f"resnet{depth}-cifar10-short-s0", "settled")
        assert round(sum(found)) == total
    found = costs(rows, "plain32-cifar10-short-s0", "settled")
    assert [round(min(found)), found.index(min(found))] == [10, 1]
    stage_one = [
        cost
        for run in missed.RUNS
        if run.startswith("plain")
        for row, cost in zip(of_run(rows, run)[1], costs(rows, run, "settled"), strict=True)
        if row["without"] <= row["of"] // 3
    ]
    assert [round(min(stage_one)), round(max(stage_one))] == [10, 74]


def test_what_the_chapter_says_of_plain_networks_holds(rows):
    for run, expected in (("plain20-cifar10-short-s0", 76), ("plain32-cifar10-short-s0", 67)):
        whole, cut = of_run(rows, run)
        assert round(middle(costs(rows, run))) == expected
        assert expected == pytest.approx(90 - 100 * whole["wrong"] / whole["pictures"], abs=3.5)
        later = zip(cut, costs(rows, run, "settled"), strict=True)
        assert min(cost for row, cost in later if row["without"] > row["of"] // 3) > 45


def test_what_the_chapter_says_of_longer_training_holds(rows):
    full, short = (f"resnet20-cifar10-{recipe}-s0" for recipe in ("paper", "short"))
    more = {
        state: [
            round(one - other)
            for one, other in zip(costs(rows, full, state), costs(rows, short, state), strict=True)
        ]
        for state in ("wrong", "settled")
    }
    assert more["wrong"] == [26, 44, 19, -9, 2, -11, 4]
    assert [min(more["settled"][:3]), max(more["settled"][:3])] == [2, 9]
    itself = []
    for run in missed.RUNS:
        whole, _ = of_run(rows, run)
        itself.append(100 * (whole["settled"] - whole["wrong"]) / whole["pictures"])
    assert itself[0] == max(itself) and round(itself[0]) == 4

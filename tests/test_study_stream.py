"""What *Stage one* measures is measured again, in small; its record is whole."""

import copy

import pytest
import torch
from torch import nn

from resnet_edu import data, records, resnet20
from resnet_edu.blocks import BasicBlock
from resnet_edu.checkpoint import load_checkpoint
from resnet_edu.data import normalise
from resnet_edu.study import stream
from resnet_edu.study.receptive import settle

SHAPES, PLAIN, CIFAR = stream.RUNS


@pytest.fixture(scope="module")
def rows():
    return records.read_measurement("stream")


@pytest.fixture(scope="module")
def trained():
    network, about = load_checkpoint(records.read_run(records.ROOT / "runs" / SHAPES).checkpoint)
    images = data.load("shapes").test.images[:40]
    return network.double(), normalise(images, about.mean, about.std).double()


def found(rows, run, what):
    return [row for row in rows if (row["what"], row.get("run")) == (what, run)]


def wrong(rows, run, order, key, stage="stage1"):
    (row,) = [
        row
        for row in found(rows, run, "lesion")
        if (row["stage"], tuple(row["order"])) == (stage, order)
    ]
    return row[key]


@pytest.mark.parametrize("shortcut", ["A", "none"])
def test_flow_is_what_the_stage_computes(shortcut):
    torch.manual_seed(0)
    stage = nn.Sequential(*(BasicBlock(4, 4, shortcut=shortcut) for _ in range(3))).eval()
    x = torch.randn(2, 4, 6, 6).relu()
    streams, branches = stream.flow(stage, x)
    assert len(streams) == 4 and len(branches) == 3
    assert torch.equal(streams[0], x) and torch.equal(streams[-1], stage(x))
    assert torch.equal(branches[1], stage[1].residual(streams[1]))


def test_rearranged_leaves_the_network_alone():
    torch.manual_seed(0)
    network, x = resnet20().eval(), torch.randn(2, 3, 32, 32)
    before = copy.deepcopy(network.state_dict())
    for order in ((), (2, 0), (0, 1, 2)):
        changed = stream.rearranged(network, order)
        y = network.stem(x)
        for i in order:
            y = network.stage1[i](y)
        y = network.head(network.stage3(network.stage2(y)))
        assert torch.equal(changed(x), y)
    assert len(stream.rearranged(network, (1,), "stage3").stage3) == 1
    assert all(torch.equal(v, before[n]) for n, v in network.state_dict().items())


def test_every_norm_meets_what_it_remembers_once_settled(trained):
    network, x = trained
    cut = stream.rearranged(network, (0, 1))
    assert list(stream.loudness(cut, x).values())[-1] < 0.7
    shares = stream.loudness(settle(cut, x), x)
    assert len(shares) == 17 and list(shares)[-1] == "stage3.2.residual.4"
    # PyTorch remembers n - 1 where it normalises by n, so not to the last digit.
    assert all(share == pytest.approx(1, rel=2e-3) for share in shares.values())
    assert not any(module._forward_hooks for module in cut.modules())


def test_the_levels_are_what_the_code_measures(trained, rows):
    network, x = trained
    with torch.no_grad():
        again = stream.level(network.stage1, network.stem(x))
    recorded = found(rows, SHAPES, "level")
    assert [row["after"] for row in again] == [row["after"] for row in recorded] == [0, 1, 2, 3]
    for new, old in zip(again, recorded, strict=True):  # of other pictures
        for key in ("zeros", "mean", "square"):
            assert new[key] == pytest.approx(old[key], rel=0.15)
    assert again[-1]["added"] is None


def test_the_record_is_whole(rows):
    orders = [(stage, order) for stage, many in stream.ORDERS.items() for order in many]
    for run in stream.RUNS:
        assert len(found(rows, run, "level")) == 4
        lesions = found(rows, run, "lesion")
        assert [(row["stage"], tuple(row["order"])) for row in lesions] == orders
        quoted = records.read_run(records.ROOT / "runs" / run).test_error
        assert lesions[0]["wrong"] / 20 == pytest.approx(quoted, abs=2)
    small = [(row["shortcut"], row["seed"]) for row in rows if row["what"] == "small"]
    assert len(small) == 2 * 5 * len(stream.SEEDS) and len(set(small)) == 6
    assert all(row["pictures"] == stream.PICTURES for row in rows if "pictures" in row)


def test_what_the_chapter_says_of_cifar_holds(rows):
    levels = found(rows, CIFAR, "level")
    assert 0.4 < sum(row["added"] for row in levels[:3]) / 3 < 0.75, "half as much, or more"
    coins = 1.0
    for k, row in enumerate(levels, start=1):
        coins *= 1 - 1 / (2 * k)
        assert row["zeros"] < coins, "fewer zeros than fair coins leave"
    lesions = [wrong(rows, CIFAR, order, "settled") for order in ((1, 2), (0, 2), (0, 1))]
    assert max(lesions) == lesions[2], "the third is missed most, settled"
    last = [wrong(rows, CIFAR, (0, 1), key, "stage3") for key in ("wrong", "settled")]
    assert last[1] >= last[0], "behind the last block there is nothing to settle"


def test_what_the_chapter_says_of_lesions_holds(rows):
    groups = [found(rows, run, "lesion") for run in (SHAPES, CIFAR)]
    small = [row for row in rows if row["what"] == "small" and row["shortcut"] == "A"]
    groups += [[row for row in small if row["seed"] == seed] for seed in stream.SEEDS]
    mended, first = [], []
    for group in groups:
        whole, *cut = [row for row in group if row["stage"] == "stage1"][:4]
        mended += [(r["wrong"] - r["settled"]) / (r["wrong"] - whole["wrong"]) for r in cut]
        first.append([row["settled"] for row in cut])
    assert len(mended) == 15 and min(mended) > 0.4
    assert sum(part > 0.5 for part in mended) == 14
    for settled in (first[0], *first[2:]):  # on shapes: first, second, third
        assert settled == sorted(settled, reverse=True)
    for order in ((1, 2), (0, 2), (0, 1)):
        assert wrong(rows, PLAIN, order, "settled") > 0.5 * stream.PICTURES
        assert wrong(rows, SHAPES, order, "settled") < 0.2 * stream.PICTURES
    swapped = [wrong(rows, SHAPES, (1, 0, 2), key) for key in ("wrong", "settled")]
    assert swapped[1] > 2 * swapped[0]


def test_a_small_network_of_either_kind_can_be_trained(monkeypatch):
    monkeypatch.setattr(
        stream, "SPRINT", stream.replace(stream.SPRINT, iterations=3, milestones=(1,))
    )
    shapes = data.load("shapes")
    few = stream.replace(shapes, test=shapes.test[torch.arange(50)])
    for shortcut in ("A", "none"):
        network = stream.train_small(few, shortcut, seed=0)
        assert not network.training and network.stage3[2].residual[3].out_channels == 32
        if shortcut == "none":
            continue
        rows = list(stream.lesions(network, few, few, {"stage1": ((0, 1, 2), (1,))}))
        assert [row["order"] for row in rows] == [(0, 1, 2), (1,)]
        assert all(0 <= row[key] <= 50 for row in rows for key in ("wrong", "settled"))

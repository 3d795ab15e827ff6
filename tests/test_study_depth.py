"""What *The puzzle of depth* measures is what the code does; its record is whole."""

import copy

import pytest
import torch

from resnet_edu import data, records
from resnet_edu.blocks import BasicBlock, NoShortcut
from resnet_edu.data import normalise
from resnet_edu.exercises import lived_in
from resnet_edu.study import depth


@pytest.fixture(scope="module")
def shapes():
    return depth.halved(data.load("shapes"))


def trained_looking(layers):
    """A plain network in float64 whose batch norms have been through something."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return lived_in(depth.thin(layers)).double().eval()


def test_halved_pictures_are_means_of_four(shapes):
    whole = data.load("shapes")
    assert shapes.train.images.shape == (10_000, 3, 16, 16)
    four = whole.test.images[5, :, 6:8, 10:12].float().mean((1, 2))
    assert (shapes.test.images[5, :, 3, 5] - four).abs().max() <= 0.5
    assert torch.equal(shapes.train.labels, whole.train.labels)


def test_a_copying_block_hands_on_what_is_not_negative():
    x = torch.rand(8, 5, 6, 6, dtype=torch.float64) * torch.arange(1, 6).view(5, 1, 1)
    x[:, 2] = 0  # a channel that is silent
    block = depth.copying_block(x)
    assert isinstance(block.shortcut, NoShortcut)
    other = 10 * torch.rand(3, 5, 9, 9, dtype=torch.float64)
    assert torch.allclose(block(other), other)
    assert torch.allclose(block(-other), torch.zeros_like(other))
    block.train()  # means and spreads of x are those it was made for
    assert torch.allclose(block(x), x, atol=1e-4)
    assert not torch.allclose(block(x[:2]), x[:2], atol=1e-2)


@pytest.mark.parametrize("layers", [14, 32])
def test_a_deepened_network_gives_the_same_answers(layers):
    network = trained_looking(8)
    before = copy.deepcopy(network.state_dict())
    views, pictures = torch.randn(2, 16, 3, 16, 16, dtype=torch.float64)
    deep = depth.deepened(network, layers, views)
    assert torch.allclose(deep(pictures), network(pictures))
    assert sum(isinstance(part, BasicBlock) for part in deep.modules()) == (layers - 2) // 2
    same = {name: w.shape for name, w in depth.thin(layers).state_dict().items()}
    assert {name: w.shape for name, w in deep.state_dict().items()} == same
    now = network.state_dict()
    assert all(torch.equal(now[name], before[name]) for name in now)
    assert all(w.requires_grad for w in deep.parameters())
    assert torch.allclose(depth.cut(deep)(pictures), network(pictures))


def test_how_networks_begin(shapes):
    fresh, residual = (depth.begun(start, 14, shapes) for start in (depth.FRESH, depth.RESIDUAL))
    pairs = zip(fresh.parameters(), residual.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)  # the same layers, with and without shortcuts
    views = depth.some(shapes, 64)
    silent = depth.begun(depth.SILENT, 14, shapes).eval()
    with torch.no_grad():
        x = silent.stage1[0](silent.stem(views))
        assert torch.equal(silent.stage1[1:](x), x)
        assert not torch.equal(x, silent.stem(views))
    copies = depth.begun(depth.COPIES, 14, shapes)
    assert sum(p.numel() for p in copies.parameters()) == sum(p.numel() for p in fresh.parameters())
    assert not any(isinstance(m, torch.nn.Identity) for m in copies.modules())
    eight = dict(depth.thin(8).named_parameters())
    drawn = dict(depth.cut(copies).named_parameters())
    assert all(torch.equal(drawn[name], w) for name, w in eight.items())
    assert all(copies.stage1[1].residual[0].weight.flatten().unique() == torch.tensor([0.0, 1.0]))


def test_views_are_of_all_classes_and_normalised(shapes):
    views = depth.some(shapes, 512)
    learning, _ = shapes.split()
    assert set(learning[:512].labels.tolist()) == set(range(10))
    again = normalise(learning[:512].images, shapes.mean, shapes.std)
    assert torch.equal(views, again) and abs(views.mean()) < 0.2


def test_a_race_is_what_its_row_says(shapes, monkeypatch):
    monkeypatch.setattr(depth, "_pictures", lambda: shapes)
    short = depth.replace(depth.CLIMB, iterations=10, milestones=(2,))
    monkeypatch.setattr(depth, "CLIMB", short)
    monkeypatch.setattr(depth, "LAST", 5)
    row = depth.race(depth.COPIES, 14, 0.03, 20, 1)
    asked = {"start": "copies", "depth": 14, "lr": 0.03, "iterations": 20, "seed": 1}
    assert asked.items() <= row.items()
    network = depth.begun(depth.COPIES, 14, shapes, 1)
    recipe = depth.replace(short, lr=0.03, iterations=20, milestones=(4,))
    losses = depth.learn(network, shapes, recipe, 1)
    assert len(losses) == 20
    assert row["loss"] == pytest.approx(sum(losses[-5:]) / 5, rel=1e-2)
    assert row["learned"] == pytest.approx(depth.errors(network, shapes)["learned"], abs=3)


def test_the_record_holds_every_race():
    rows = records.read_measurement("depth")
    keys = ("start", "depth", "lr", "iterations", "seed")
    assert [tuple(row[key] for key in keys) for row in rows] == depth.settings()
    assert sum("cut" in row for row in rows) == 2 * 4 * 3
    assert all(0 <= row["learned"] <= 100 and 0 <= row["error"] <= 100 for row in rows)


def test_frozen_copies_never_learn_and_the_others_do(shapes):
    frozen = depth.begun(depth.FROZEN, 14, shapes)
    learns = {name: w.requires_grad for name, w in frozen.named_parameters()}
    added = [name for name in learns if name.split(".")[1] == "1" and name.startswith("stage")]
    assert len(added) == 3 * 6
    assert all(learns[name] == (name not in added) for name in learns)


def test_trained_networks_are_made_of_eight_trained_layers(shapes, monkeypatch):
    short = depth.replace(depth.CLIMB, iterations=10, milestones=(2,))
    monkeypatch.setattr(depth, "CLIMB", short)
    eight = depth.thin(8, seed=1)
    depth.learn(eight, shapes, short, 1)
    drawn = depth.cut(depth.begun(depth.TRAINED, 14, shapes, 1)).named_parameters()
    weights = dict(eight.named_parameters())
    assert all(torch.allclose(w, weights[name]) for name, w in drawn)
    fresh = dict(depth.thin(8, seed=1).named_parameters())
    assert not torch.allclose(fresh["stem.0.weight"], weights["stem.0.weight"])

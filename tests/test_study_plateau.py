"""What *The full run* quotes of plateaus is what the code measures."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from resnet_edu import records
from resnet_edu.checkpoint import load_checkpoint
from resnet_edu.data import normalise
from resnet_edu.evaluate import evaluate
from resnet_edu.resume import save_state
from resnet_edu.study import plateau
from resnet_edu.study.receptive import settle
from resnet_edu.study.recipe import small_network


def test_the_mean_is_the_mean_and_touches_nothing():
    network = small_network(0).double()
    mean = plateau.WeightMean(network)
    taken = []
    for _ in range(4):
        with torch.no_grad():
            for w in network.parameters():
                w += torch.randn_like(w)
        before = copy.deepcopy(network.state_dict())
        mean.add(network)
        assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
        taken.append([w.detach().clone() for w in network.parameters()])
    for i, w in enumerate(mean.network.parameters()):
        assert torch.allclose(w, torch.stack([weights[i] for weights in taken]).mean(0))
    assert mean.count == 4


@pytest.fixture
def tiny(monkeypatch):
    """The study with a small network, few iterations and no checkpoint."""
    monkeypatch.setattr(plateau, "load_checkpoint", lambda path: (small_network(3), None))
    monkeypatch.setattr(plateau, "RUN_IN", 2)
    monkeypatch.setattr(plateau, "LOOKS", (0, 1, 3))


def test_a_branch_goes_on_where_the_plateau_stood(few_shapes, tiny, tmp_path: Path):
    training = plateau.plateau(few_shapes, seed=5)
    state = tmp_path / "state.safetensors"
    save_state(state, training, {})
    views = normalise(training.pictures.images[:64], few_shapes.mean, few_shapes.std)
    for rate in (0.1, 0.01):
        rows = list(plateau.branch(state, few_shapes, rate, views))
        shown = [(row["after"], row["what"]) for row in rows]
        end = [(3, "iterate"), (3, "unsettled"), (3, "mean")]
        looks = [(0, "iterate"), (1, "iterate")]
        if rate == 0.1:
            looks = [(0, "iterate"), (0, "settled"), (1, "iterate"), (1, "mean")]
        assert shown == looks + end

        # The same by hand: the plateau goes on at that rate with the dice it has.
        other = plateau.plateau(few_shapes, seed=5)
        other.recipe = replace(other.recipe, lr=rate)
        mean = plateau.WeightMean(other.network)
        for _ in range(3):
            other.step()
            mean.add(other.network)
        settled = settle(copy.deepcopy(mean.network), views)
        for row, network in ((rows[-3], other.network), (rows[-1], settled)):
            error = evaluate(network, few_shapes.test, few_shapes.mean, few_shapes.std).error
            assert row["error"] == pytest.approx(error, abs=0.01)


def test_the_checkpoint_it_goes_on_from_is_of_the_papers_run():
    _, about = load_checkpoint(plateau.START)
    assert (about.network, about.dataset, about.recipe) == ("resnet20", "cifar10", "paper")
    assert about.iteration == 20_901


def test_the_measurement_is_whole():
    rows = records.read_measurement("plateau")
    iterates = [(r["seed"], r["rate"], r["after"]) for r in rows if r["what"] == "iterate"]
    assert iterates == [
        (seed, rate, after)
        for seed in plateau.SEEDS
        for rate in plateau.RATES
        for after in plateau.LOOKS
    ]

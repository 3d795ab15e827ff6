"""What dividing the learning rate does: does the network learn, or is it only shaken less?

    python -m resnet_edu.study.plateau

leaves `records/measurements/plateau.json`, for *The full run*. It goes on from the checkpoint
beside it: ResNet-20 after 20,901 iterations of the paper's recipe, all of them at rate 0.1. It
needs CIFAR-10 at hand, and a quarter of an hour.
Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: Averaging Weights Leads to Wider Optima (2018) is
where means of iterates come from.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from .. import data
from ..checkpoint import load_checkpoint
from ..data import Dataset, normalise
from ..evaluate import evaluate
from ..recipes import PAPER, Recipe
from ..records import ROOT, write_measurement
from ..resume import read_state, restore, save_state
from ..speed import Speed
from ..train import Training
from .receptive import settle

COMMAND = "python -m resnet_edu.study.plateau"
START = ROOT / "measurements" / "plateau.safetensors"
RUN_IN = 200  # iterations at 0.1 from the checkpoint on, which holds no velocities
RATES = (0.1, 0.01)
LOOKS = (0, 10, 20, 50, 100, 200, 500, 1000)
SEEDS = range(2)
SETTLED_ON = 5_000  # training pictures, augmented
LEARNED = 2_000  # training pictures, as they are
BFLOAT16 = Speed("bfloat16")  # as the run it goes on from


class WeightMean:
    """The mean of the weights a network has at each call of `add`, in `network`, a copy.

    What the batch norms of `network` remember is not a mean of anything: see `settle`.
    """

    def __init__(self, network: nn.Module):
        self.network = copy.deepcopy(network)
        self.count = 0

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Takes the weights that `network` has now into the mean."""
        self.count += 1
        for mean, w in zip(self.network.parameters(), network.parameters(), strict=True):
            mean += (w - mean) / self.count


def plateau(dataset: Dataset, seed: int) -> Training:
    """The run at 0.1 at which `START` was taken, `RUN_IN` iterations on, with dice of its own."""
    training = Training(load_checkpoint(START)[0], dataset, at(0.1), seed, speed=BFLOAT16)
    while training.iteration < RUN_IN:
        training.step()
    return training


def at(rate: float) -> Recipe:
    """The paper's recipe with one rate from beginning to end."""
    return replace(PAPER, name=f"at {rate}", lr=rate, milestones=())


def branch(state: Path, dataset: Dataset, rate: float, views: Tensor) -> Iterator[dict]:
    """A row a look: the errors that the saved run comes to when it goes on at this rate.

    `error` is that on the test pictures, in per cent, `learned` that on 2,000 training pictures as
    they are. `what` says of which network: the "iterate"; the iterate "settled" on `views`; the
    "mean" of all since the branch began, settled; the mean "unsettled", with the iterate's memory.
    """
    training = Training(load_checkpoint(START)[0], dataset, at(rate), speed=BFLOAT16)
    restore(training, *read_state(state))
    mean = WeightMean(training.network)

    def row(what: str, network: nn.Module) -> dict:
        parts = {"error": training.test, "learned": training.pictures[:LEARNED]}
        scores = {k: evaluate(network, p, dataset.mean, dataset.std) for k, p in parts.items()}
        errors = {name: round(score.error, 2) for name, score in scores.items()}
        return {"rate": rate, "after": mean.count, "what": what, **errors}

    for until in LOOKS:
        while mean.count < until:
            training.step()
            mean.add(training.network)
        yield row("iterate", training.network)
        if not until and rate == RATES[0]:
            yield row("settled", settle(copy.deepcopy(training.network), views))
        if until == LOOKS[-1] or (until and rate == RATES[0]):
            averaged = copy.deepcopy(mean.network)
            if until == LOOKS[-1]:
                memories = zip(averaged.buffers(), training.network.buffers(), strict=True)
                for theirs, ours in memories:
                    theirs.copy_(ours)
                yield row("unsettled", averaged)
            yield row("mean", settle(averaged, views))


def measure(dataset: Dataset) -> list[dict]:
    """All branches, from two plateaus that differ in their dice."""
    rows = []
    for seed in SEEDS:
        training = plateau(dataset, seed)
        generator = torch.Generator().manual_seed(seed)
        some = training.pictures[torch.randperm(len(training.pictures), generator=generator)]
        views = data.augment(some.images[:SETTLED_ON], generator)
        views = normalise(views, dataset.mean, dataset.std)
        with TemporaryDirectory() as folder:
            state = Path(folder) / "state.safetensors"
            save_state(state, training, {})
            for rate in RATES:
                for row in branch(state, dataset, rate, views):
                    print(seed, row, flush=True)
                    rows.append({"seed": seed, **row})
    return rows


if __name__ == "__main__":
    write_measurement("plateau", COMMAND, measure(data.load("cifar10")))

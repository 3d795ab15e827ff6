"""How much each single block of a trained network is missed, in networks of 20 to 56 layers.

    python -m resnet_edu.study.missed

leaves `records/measurements/missed.json`, for *Stage one*. It needs CIFAR-10 at hand, and some
minutes.
Veit, Wilber, Belongie: Residual Networks Behave Like Ensembles (2016), figure 3, is the experiment;
settling the batch norms afterwards is ours.
"""

import math
from collections.abc import Iterator
from itertools import accumulate

import torch
from torch import Tensor

from ..checkpoint import load_checkpoint
from ..data import Dataset, load, normalise
from ..records import ROOT, read_run, write_measurement
from ..resnet import ResNet
from .stream import flow, lesions

COMMAND = "python -m resnet_edu.study.missed"
RUNS = (
    *(f"{name}-cifar10-paper-s0" for name in ("resnet20", "plain20")),
    *(f"resnet{depth}-cifar10-short-s0" for depth in (20, 32, 56)),
    *(f"plain{depth}-cifar10-short-s0" for depth in (20, 32)),
)
PICTURES = 200  # to ask how loudly the blocks write


def without_one(network: ResNet) -> dict[str, list[tuple[int, ...]]]:
    """The orders for `lesions`, by stage: whole, then each block missing that changes no shape.

    The first block of stages two and three cannot be missing: the next one would not fit.
    """
    orders = {}
    for n, blocks in enumerate(network.stages, start=1):
        whole = tuple(range(len(blocks)))
        can_go = whole if n == 1 else whole[1:]
        orders[f"stage{n}"] = [tuple(b for b in whole if b != gone) for gone in can_go]
    orders["stage1"].insert(0, tuple(range(len(network.stage1))))
    return orders


@torch.no_grad()
def written(network: ResNet, x: Tensor) -> dict[str, list[float]]:
    """By stage, the size of what each block's branch writes, as a share of what it was given.

    NaN for a block that changes the shape, which writes on nothing that it was given.
    """
    shares, x = {}, network.stem(x)
    for n, blocks in enumerate(network.stages, start=1):
        streams, branches = flow(blocks, x)
        shares[f"stage{n}"] = [
            (branch.norm() / given.norm()).item() if branch.shape == given.shape else math.nan
            for branch, given in zip(branches, streams[:-1], strict=True)
        ]
        x = streams[-1]
    return shares


def measure_run(name: str, dataset: Dataset) -> Iterator[dict]:
    """A row for the finished run as it is ("without" is None), then one for each block missing.

    "without" is the block's number from the stem on, counted from 1, "of" how many there are,
    "added" its share by `written`.
    """
    network, about = load_checkpoint(read_run(ROOT / "runs" / name).checkpoint)
    step = len(dataset.test) // PICTURES + 1  # one that does not go round with the classes
    added = written(network, normalise(dataset.test.images[::step], about.mean, about.std))
    lengths = [len(shares) for shares in added.values()]
    before = dict(zip(added, accumulate(lengths, initial=0), strict=False))
    for row in lesions(network, dataset, about, without_one(network)):
        stage, order = row.pop("stage"), row.pop("order")
        gone = [b for b in range(len(added[stage])) if b not in order]
        yield {
            "run": name,
            "without": before[stage] + gone[0] + 1 if gone else None,
            "of": sum(lengths),
            "added": round(added[stage][gone[0]], 3) if gone else None,
            **row,
        }


if __name__ == "__main__":
    cifar10 = load("cifar10")
    write_measurement("missed", COMMAND, [r for run in RUNS for r in measure_run(run, cifar10)])

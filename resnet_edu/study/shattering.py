"""How alike a network's gradients at two pictures are, when the pictures are alike.

    python -m resnet_edu.study.shattering

leaves `records/measurements/flow-cosines.json`; it needs CIFAR-10 at hand. The question is that of
Balduzzi et al.: The Shattered Gradients Problem (2017), who asked it along a line of numbers; here
it is asked on the way from one picture to another.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import load
from ..records import write_measurement
from ..resnet import by_name
from .receptive import settle
from .specimens import few, rounded, without_batch_norm

COMMAND = "python -m resnet_edu.study.shattering"
NETWORKS = ("plain20", "resnet20", "plain56", "resnet56", "plain110", "resnet110")
MODES = ("training", "evaluation", "no batch norm")
PICTURES = 8
SEEDS = range(3)
ALIKE = 0.9  # where the walk towards a picture ends
NEAREST = 14  # decimal places; float64 has no more to give


@torch.enable_grad()
def pixel_gradients(network: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
    """The gradient of each picture's own logit with respect to its pixels: (N, 3 · H · W).

    In the mode the network is in; a copy of it does the work, so that it stays as it is.
    """
    pictures = pictures.detach().clone().requires_grad_()
    answers = copy.deepcopy(network)(pictures)
    own = answers.gather(1, labels[:, None]).sum()
    return torch.autograd.grad(own, pictures)[0].flatten(1)


def cosines(
    network: nn.Module, pictures: Tensor, labels: Tensor, steps: Sequence[float]
) -> list[float]:
    """For each step, the mean cosine between the gradients at the pictures and a step away.

    A step of t is t of the way from each picture to the one after it in the batch.
    """
    here = pixel_gradients(network, pictures, labels)
    ways = pictures.roll(-1, dims=0) - pictures
    there = (pixel_gradients(network, pictures + t * ways, labels) for t in steps)
    return [F.cosine_similarity(here, gradients).mean().item() for gradients in there]


def reach(places: Sequence[float], cosine: Sequence[float], half: float = 0.5) -> float:
    """The step at which the cosine has come down to `half`, between two steps on a log scale.

    `places` are the steps' decimal places, 0 for 1, 3 for 0.001, going down towards the picture.
    ValueError where the cosine never comes up to `half`.
    """
    for i, (place, value) in enumerate(zip(places, cosine, strict=True)):
        if value >= half:
            if i == 0:
                return 10.0**-place
            before = cosine[i - 1]
            back = (value - half) / (value - before) * (place - places[i - 1])
            return 10.0 ** (back - place)
    raise ValueError(f"the cosine never comes up to {half}: {list(cosine)}")


def walk(network: nn.Module, pictures: Tensor, labels: Tensor) -> list[float]:
    """The cosines at steps of 1, 0.1, 0.01, … until the gradients are alike."""
    found = []
    while not found or (found[-1] < ALIKE and len(found) <= NEAREST):
        found += cosines(network, pictures, labels, [10.0 ** -len(found)])
    return found


def measure() -> list[dict]:
    """A row a network as it is drawn, a mode and a seed."""
    pictures, labels = few(load("cifar10"), PICTURES)
    pictures, rows = pictures.double(), []
    for name in NETWORKS:
        for seed in SEEDS:
            torch.manual_seed(seed)
            network = by_name(name).double()
            for mode in MODES:
                specimen = without_batch_norm(network) if mode == MODES[2] else network
                if mode == "evaluation":
                    specimen = settle(copy.deepcopy(network), pictures)
                found = rounded(walk(specimen, pictures, labels))
                rows.append({"network": name, "mode": mode, "seed": seed, "cosines": found})
                print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    write_measurement("flow-cosines", COMMAND, measure())

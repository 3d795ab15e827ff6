"""Which way kernels come to lean, if the grid that halving leaves lies to one side of the picture.

    python -m resnet_edu.study.leaning

leaves `records/measurements/leaning.json`, for *Stage two, halving*: ResNet-8, trained on CIFAR-10
scaled down, with its halving grids to the upper left, in the middle and to the lower right. It
needs CIFAR-10 at hand, and half an hour.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import data
from ..data import Dataset, Pictures, augment, normalise
from ..evaluate import evaluating
from ..recipes import Recipe, learning_rate
from ..records import write_measurement
from ..resnet import ResNet, resnet
from ..train import Batches
from .halving import both_same, kernels, lean

COMMAND = "python -m resnet_edu.study.leaning"
# The side that pictures are scaled to, and whether halving starts at pixel 1 instead of 0. With 17
# the floor has nothing to cut, and the grid lies in the middle.
GRIDS = {"upper left": (16, False), "middle": (17, False), "lower right": (16, True)}
SEEDS = range(5)
PICTURES = 2000  # of the test set, evenly spaced
RECIPE = Recipe(
    *("leaning", 2_110, 0.3, "one-cycle", (400,)), nesterov=True, weight_decay=5e-4
)  # six epochs


def small(pictures: Tensor, side: int) -> Tensor:
    """Normalised pictures (N, 3, 32, 32) scaled down to `side` × `side`."""
    return F.interpolate(pictures, size=(side, side), mode="bilinear", antialias=True)


def make(moved: bool, seed: int) -> ResNet:
    """A fresh ResNet-8 of option A; `moved`: with each of its halving grids one pixel on."""
    torch.manual_seed(seed)
    network = resnet(8)
    if moved:
        for stage in network.stages[1:]:
            both_same(stage[0])
    return network


def learn(network: ResNet, side: int, d: Dataset, training: Pictures, seed: int) -> None:
    """Trains the network in place by `RECIPE`, on pictures of that side, cropped and flipped."""
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(len(training), RECIPE.batch, generator)
    optimiser = torch.optim.SGD(
        network.parameters(),
        lr=RECIPE.lr,
        momentum=RECIPE.momentum,
        nesterov=RECIPE.nesterov,
        weight_decay=RECIPE.weight_decay,
    )
    network.train().to(memory_format=torch.channels_last)
    for iteration in range(RECIPE.iterations):
        optimiser.param_groups[0]["lr"] = learning_rate(RECIPE, iteration)
        batch = training[batches.next()]
        x = small(normalise(augment(batch.images, generator), d.mean, d.std), side)
        loss = F.cross_entropy(
            network(x.contiguous(memory_format=torch.channels_last)), batch.labels
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def wrong(network: ResNet, side: int, d: Dataset) -> int:
    """How many of the test pictures looked at it gets wrong."""
    step = len(d.test) // PICTURES
    pictures = small(normalise(d.test.images[::step], d.mean, d.std), side)
    with evaluating(network):
        return int((network(pictures).argmax(1) != d.test.labels[::step]).sum())


def measure(grid: str, seed: int, d: Dataset) -> list[dict]:
    """A row a kernel of one trained network: which way it leans."""
    side, moved = GRIDS[grid]
    network = make(moved, seed)
    learn(network, side, d, d.split()[0], seed)
    about = dict(grid=grid, seed=seed, wrong=wrong(network, side, d), pictures=PICTURES)
    print(about, flush=True)
    rows = []
    for name, kernel in kernels(network).items():
        across, down = lean(kernel)
        rows.append(about | dict(kernel=name, across=round(across, 4), down=round(down, 4)))
    return rows


if __name__ == "__main__":
    cifar = data.load("cifar10")
    cases = [(grid, seed) for grid in GRIDS for seed in SEEDS]
    write_measurement("leaning", COMMAND, [row for case in cases for row in measure(*case, cifar)])

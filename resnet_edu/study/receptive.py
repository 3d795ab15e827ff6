"""How much of a picture moves one value inside a network: its effective receptive field.

    python -m resnet_edu.study.receptive

leaves `records/measurements/receptive.json`: fresh and trained networks, stage by stage. It needs
CIFAR-10 at hand.
Luo, Li, Urtasun, Zemel: Understanding the Effective Receptive Field (2016) is where the idea of
measuring it by gradients comes from.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import data
from ..checkpoint import About, load_checkpoint
from ..data import normalise
from ..records import ROOT, read_run, write_measurement
from ..resnet import ResNet, by_name

COMMAND = "python -m resnet_edu.study.receptive"
RUNS = (
    *("resnet20-shapes-sprint-s0", "plain20-shapes-sprint-s0"),
    *(f"resnet20-cifar10-{recipe}-s0" for recipe in ("brief", "short", "fast", "paper")),
    *("resnet20-cifar10-fast-s1", "resnet20-cifar10-fast-s2"),
)
PICTURES = 32  # evenly spaced over each test set, which may be sorted by class
SEEDS = range(3)


def settle(network: nn.Module, pictures: Tensor) -> nn.Module:
    """`network` in evaluation mode, every batch norm with the statistics these pictures give it."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean of what it sees
    network.train()
    with torch.no_grad():
        network(pictures)
    return network.eval()


def influence(network: ResNet, pictures: Tensor, stage: int) -> Tensor:
    """How strongly each pixel moves the middle of a stage's output: (height, width), summing to 1.

    The squared gradient of a random mixture of the channels at the middle, summed over the colours
    and averaged over the pictures, each of which counts the same.
    """
    x = pictures.clone().requires_grad_()
    y = network.stem(x)
    for part in network.stages[:stage]:
        y = part(y)
    middle = y[:, :, y.shape[2] // 2, y.shape[3] // 2]  # (N, channels)
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(middle.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((middle * mixture.to(middle)).sum(), x)
    energy = gradient.square().sum(dim=1)  # (N, height, width)
    return (energy / energy.sum(dim=(1, 2), keepdim=True)).mean(dim=0)


def pixels_that_count(shares: Tensor) -> float:
    """How many pixels matter: n if n share the influence equally and no other has any."""
    return (1 / shares.square().sum()).item()


def side_holding(shares: Tensor, part: float) -> int:
    """The side of the smallest square about the middle that holds `part` of the influence."""
    middle = len(shares) // 2
    for reach in range(len(shares)):
        window = slice(max(0, middle - reach), middle + reach + 1)
        if shares[window, window].sum() >= part:
            return 2 * reach + 1
    raise ValueError(f"there is no square that holds {part} of {shares.sum().item()}")


def above(shares: Tensor, part: float = 0.0455) -> int:
    """Pixels above `part` of the middle's gradient: the size that Luo et al. quote, squared."""
    gradients = shares.sqrt()
    middle = len(shares) // 2
    return int((gradients > part * gradients[middle, middle]).sum())


def measure(runs: Sequence[str] = RUNS) -> list[dict]:
    """A row a network and a stage: trained, one a run, and fresh, one a seed ("recipe" is None)."""
    rows, looked_at = [], {}
    for run in runs:
        trained, about = load_checkpoint(read_run(ROOT / "runs" / run).checkpoint)
        kind = about.network, about.dataset
        networks = [(about.recipe, about.seed, trained.double())]
        if kind not in looked_at:
            looked_at[kind] = pictures = some_pictures(about)
            for seed in SEEDS:
                torch.manual_seed(seed)
                fresh = settle(by_name(about.network).double(), pictures)
                networks.append((None, seed, fresh))
        for recipe, seed, network in networks:
            for stage in (1, 2, 3):
                shares = influence(network, looked_at[kind], stage)
                rows.append(
                    dict(network=about.network, dataset=about.dataset, recipe=recipe, seed=seed)
                    | dict(stage=stage, pixels=round(pixels_that_count(shares), 2))
                    | dict(above=above(shares))
                    | dict(half=side_holding(shares, 0.5), most=side_holding(shares, 0.9))
                )
                print(rows[-1], flush=True)
    return rows


def some_pictures(about: About) -> Tensor:
    """A few test pictures as a checkpoint wants them: (PICTURES, 3, 32, 32), in float64."""
    images = data.load(about.dataset).test.images
    step = len(images) // PICTURES | 1  # odd: in `shapes` ten classes come in turn
    return normalise(images[::step][:PICTURES], about.mean, about.std).double()


if __name__ == "__main__":
    write_measurement("receptive", COMMAND, measure())

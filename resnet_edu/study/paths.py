"""The gradient taken apart by the paths it came: how many residual branches each went through.

    python -m resnet_edu.study.paths

leaves `records/measurements/flow-paths.json`; it needs CIFAR-10 at hand. That a residual network
is a bundle of paths is Veit, Wilber, Belongie: Residual Networks Behave Like Ensembles of
Relatively Shallow Networks (2016). They sampled paths; here all paths of a length are added up.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checkpoint import load_checkpoint
from ..data import load
from ..records import ROOT, read_run, write_measurement
from ..resnet import ResNet, by_name
from .specimens import few, rounded

COMMAND = "python -m resnet_edu.study.paths"
FRESH = ("resnet20", "resnet56", "resnet110")
RUNS = ("resnet20-shapes-sprint-s0", "resnet20-cifar10-brief-s0")
PICTURES = 16
SEEDS = range(3)


@torch.enable_grad()
def by_length(network: ResNet, pictures: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the loss behind the stem, by paths: (blocks + 1, N, channels, H, W).

    Part k has come back through the residual branches of k blocks and the shortcuts of all others;
    the parts add up to the gradient. The loss is summed over the pictures. In the mode the network
    is in, and on a copy of it.
    """
    network = copy.deepcopy(network)
    x, blocks = network.stem(pictures).detach(), []
    for block in (block for stage in network.stages for block in stage):
        x = x.detach().requires_grad_()
        branch, shortcut = block.residual(x), block.shortcut(x)
        y = block.relu(branch + shortcut)
        blocks.append((x, branch, shortcut, y))
        x = y
    x = x.detach().requires_grad_()
    loss = F.cross_entropy(network.head(x), labels, reduction="sum")
    parts = torch.autograd.grad(loss, x)
    for x, branch, shortcut, y in reversed(blocks):
        passed = [g * (y > 0) for g in parts]  # through the ReLU after the sum
        none = [torch.zeros_like(x)]
        through = [back(branch, x, g) for g in passed]
        round_it = [back(shortcut, x, g) for g in passed]
        parts = [a + b for a, b in zip(round_it + none, none + through, strict=True)]
    return torch.stack(parts)


def back(y: Tensor, x: Tensor, g: Tensor) -> Tensor:
    """The gradient with respect to x, where that with respect to y is g; y was made from x."""
    if y is x:
        return g
    if not y.requires_grad:  # a plain block's zero
        return torch.zeros_like(x)
    return torch.autograd.grad(y, x, g, retain_graph=True)[0]


def shares(parts: Tensor) -> tuple[Tensor, Tensor]:
    """Each part's share of the gradient, and its square, both in units of the gradient's square.

    A share is how far the part points along the whole; the shares add up to 1. The squares do so
    where the parts are perpendicular to one another.
    """
    flat = parts.flatten(1).double()
    whole = flat.sum(0)
    return flat @ whole / whole.square().sum(), flat.square().sum(1) / whole.square().sum()


def measure() -> list[dict]:
    """A row a network, fresh (one a seed) or trained, and a mode."""
    specimens = []
    for name in FRESH:
        for seed in SEEDS:
            torch.manual_seed(seed)
            specimens.append((by_name(name), "training", _told(name, "cifar10", None, seed)))
    for run in RUNS:
        network, about = load_checkpoint(read_run(ROOT / "runs" / run).checkpoint)
        told = _told(about.network, about.dataset, run, about.seed)
        specimens += [(network, mode, told) for mode in ("training", "evaluation")]
    rows, datasets = [], {name: load(name) for name in ("cifar10", "shapes")}
    for network, mode, told in specimens:
        pictures, labels = few(datasets[told["dataset"]], PICTURES)
        network.double().train(mode == "training")
        share, square = shares(by_length(network, pictures.double(), labels))
        lists = {"shares": rounded(share), "squares": rounded(square)}
        rows.append({**told, "mode": mode, **lists})
        length = sum(k * s for k, s in enumerate(lists["shares"]))
        print({**told, "mode": mode}, f"mean length {length:.2f}", flush=True)
    return rows


def _told(network: str, dataset: str, run: str | None, seed: int) -> dict:
    return {"network": network, "dataset": dataset, "run": run, "seed": seed}


if __name__ == "__main__":
    write_measurement("flow-paths", COMMAND, measure())

"""What flows through a network, forward and back, place by place, and nothing of it disturbed.

    python -m resnet_edu.study.flow initial
    python -m resnet_edu.study.flow training --networks plain56 resnet56 --seeds 0 1
    python -m resnet_edu.study.flow trained

leave `records/measurements/flow-initial.json`, networks as they are drawn; one
`flow-training-<network>.json` a network, looked at while it learns; and `flow-trained.json`,
finished runs as they were drawn and as they ended. All need CIFAR-10 at hand.
"""

import argparse
import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import data
from ..blocks import BasicBlock, Bottleneck
from ..checkpoint import load_checkpoint
from ..data import Dataset
from ..recipes import Recipe
from ..recipes import by_name as recipe_by_name
from ..records import ROOT, read_run, write_measurement
from ..resnet import by_name
from ..train import Training
from .shattering import cosines
from .specimens import drawn, few, rounded, without_batch_norm

COMMAND = "python -m resnet_edu.study.flow"
PICTURES = 128
SEEDS = range(3)
DEPTHS = (20, 56, 110)
NETWORKS = ("plain20", "resnet20", "plain56", "resnet56")
RUNS = tuple(
    f"{kind}{depth}-cifar10-short-s0" for depth in (20, 32, 56) for kind in ("plain", "resnet")
)
LOOKS = (0, 1, 2, 3, 5, 10, 20, 40, 60, 100, 200, 400, 1000, 2000, 4000)
FEW = 16  # pictures whose neighbourhood is looked at
STEPS = (1e-4, 1e-2)  # of the way from one to another


@dataclass(frozen=True)
class Reading:
    """One place in a network, on one batch: a layer with weights, or the sum in a block.

    `name` is the module's, as `named_modules` has it; `kind` is "Conv2d", "Linear" or "sum", what a
    block hands to its last ReLU. `spread` is the standard deviation, `mean` the mean, over
    everything that is there; there are `values` of it a picture. `gradient` is the norm of the
    gradient of a picture's loss there, the root of its mean square over the pictures. `weight` and
    `weight_gradient` are the norms of a layer's weights and of the gradient of the batch's mean
    loss with respect to them; of a sum they are None.
    """

    name: str
    kind: str
    values: int
    mean: float
    spread: float
    gradient: float = 0.0
    weight: float | None = None
    weight_gradient: float | None = None

    @property
    def relative(self) -> float:
        """The gradient of the weights, measured by the weights."""
        return self.weight_gradient / self.weight

    @property
    def gradient_per_value(self) -> float:
        """The root mean square of a single value's gradient."""
        return self.gradient / self.values**0.5


@torch.enable_grad()
def observe(network: nn.Module, pictures: Tensor, labels: Tensor) -> list[Reading]:
    """Readings in forward order, from one pass forward and one back, in the network's own mode.

    Whatever this does, it does to a copy: weights, statistics, gradients, modes and hooks of
    `network` stay as they are, and no random number is drawn. Takes any network of the library's
    blocks, normalised pictures (N, 3, H, W) and labels (N,).
    """
    network = copy.deepcopy(network).requires_grad_()
    found = []

    def note(name: str, kind: str, x: Tensor) -> None:
        values = x.detach()
        place = {"name": name, "kind": kind, "values": values[0].numel()}
        place |= {"mean": values.mean().item(), "spread": values.std(correction=0).item()}
        found.append(place)
        # In the mean loss of N pictures stands an N-th of each picture's.
        x.register_hook(lambda g: place.update(gradient=norm(g) * len(g) ** 0.5))

    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(
                lambda module, _, y, name=name: note(name, type(module).__name__, y)
            )
        elif isinstance(module, (BasicBlock, Bottleneck)):
            module.relu.register_forward_pre_hook(lambda _, x, name=name: note(name, "sum", x[0]))
    F.cross_entropy(network(pictures), labels).backward()
    for place in found:
        if place["kind"] != "sum":
            weight = network.get_submodule(place["name"]).weight
            place |= {"weight": norm(weight), "weight_gradient": norm(weight.grad)}
    return [Reading(**place) for place in found]


def norm(x: Tensor) -> float:
    """The root of the sum of the squares, added up in float64."""
    return torch.linalg.vector_norm(x.detach(), dtype=torch.float64).item()


def row_of(readings: Sequence[Reading]) -> dict:
    """The readings as lists of numbers, for a record: of layers and of sums, in forward order."""
    lists = {}
    for part, wanted in (
        ("layers", ("weight", "weight_gradient", "gradient", "spread", "mean")),
        ("sums", ("gradient", "spread", "mean")),
    ):
        places = [r for r in readings if (r.kind == "sum") == (part == "sums")]
        lists[part] = {name: rounded(getattr(r, name) for r in places) for name in wanted}
    return lists


def initial(dataset: Dataset) -> list[dict]:
    """A row a network as it is drawn: plain and residual, with and without batch norm."""
    pictures, labels = few(dataset, PICTURES)
    rows = []
    for depth in DEPTHS:
        for seed in SEEDS:
            for name in (f"plain{depth}", f"resnet{depth}"):
                torch.manual_seed(seed)  # the same weights for both
                network = by_name(name)
                for batch_norm in (True, False):
                    drawn = network if batch_norm else without_batch_norm(network)
                    about = {"network": name, "batch_norm": batch_norm, "seed": seed}
                    rows.append(about | row_of(observe(drawn, pictures, labels)))
                    print(about, flush=True)
    return rows


def training(name: str, seed: int, recipe: Recipe, iterations: int, dataset: Dataset) -> list[dict]:
    """A row a look at a network that learns: readings of the same pictures each time.

    `turned` is the cosine between a layer's weights and those it was drawn with: 1 while it points
    where it did. `loss` is the training loss since the look before. FloatingPointError where that
    is no finite number.
    """
    pictures, labels = few(dataset, PICTURES)
    torch.manual_seed(seed)
    run = Training(by_name(name, len(dataset.classes)), dataset, recipe, seed)
    drawn = copy.deepcopy(run.network)
    about = {"network": name, "dataset": dataset.name, "recipe": recipe.name, "seed": seed}
    rows, looked, summed = [], 0, 0.0
    for iteration in range(iterations + 1):
        if iteration in LOOKS or iteration == iterations:
            total, _ = run.check()
            loss = (total - summed) / (iteration - looked) if iteration else None
            looked, summed = iteration, total
            row = about | {"iteration": iteration, "loss": loss and rounded([loss])[0]}
            alike = cosines(run.network, pictures[:FEW], labels[:FEW], STEPS)
            row |= {"cosines": dict(zip(map(str, STEPS), rounded(alike), strict=True))}
            row |= {"turned": turned(run.network, drawn)}
            rows.append(row | row_of(observe(run.network, pictures, labels)))
            print(name, seed, iteration, row["loss"], row["cosines"], flush=True)
        if iteration < iterations:
            run.step()
    return rows


def trained(dataset: Dataset) -> list[dict]:
    """Two rows a finished run: its network as it was drawn, and at its end.

    Both are read in training mode, as while they learned, with the same pictures; `turned` is as
    in `training`.
    """
    pictures, labels = few(dataset, PICTURES)
    rows = []
    for name in RUNS:
        run = read_run(ROOT / "runs" / name)
        begun = drawn(run)
        ended = load_checkpoint(run.checkpoint)[0].train()
        for iteration, network in ((0, begun), (run.record["iteration"], ended)):
            row = {"run": name, "network": run.record["network"], "iteration": iteration}
            row |= {"turned": turned(network, begun)}
            rows.append(row | row_of(observe(network, pictures, labels)))
            print(name, iteration, flush=True)
    return rows


@torch.no_grad()
def turned(network: nn.Module, drawn: nn.Module) -> list[float]:
    """The cosine between each layer's weights and those it was drawn with, in forward order."""
    pairs = zip(network.parameters(), drawn.parameters(), strict=True)
    return rounded(
        F.cosine_similarity(now.flatten(), then.flatten(), dim=0).item()
        for now, then in pairs
        if now.dim() > 1
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: makes a measurement and leaves its record."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    commands = parser.add_subparsers(dest="what", required=True)
    alone = {"initial": initial, "trained": trained}
    for what in alone:
        commands.add_parser(what)
    learns = commands.add_parser("training")
    learns.add_argument("--networks", nargs="+", default=NETWORKS)
    learns.add_argument("--seeds", nargs="+", type=int, default=[0])
    learns.add_argument("--iterations", type=int, default=60)
    learns.add_argument("--recipe", default="paper")
    learns.add_argument("--data", default="cifar10")
    given = parser.parse_args(arguments)
    if given.what in alone:
        rows = alone[given.what](data.load("cifar10"))
        write_measurement(f"flow-{given.what}", f"{COMMAND} {given.what}", rows)
        return
    dataset, recipe = data.load(given.data), recipe_by_name(given.recipe)
    for name in given.networks:
        rows = [
            row
            for seed in given.seeds
            for row in training(name, seed, recipe, given.iterations, dataset)
        ]
        seeds = " ".join(map(str, given.seeds))
        command = f"{COMMAND} training --networks {name} --seeds {seeds}"
        command += f" --iterations {given.iterations} --recipe {given.recipe}"
        write_measurement(f"flow-training-{name}", f"{command} --data {given.data}", rows)


if __name__ == "__main__":
    main()

"""What the blocks of a stage write into the stream they share, and what happens without one.

    python -m resnet_edu.study.stream

leaves `records/measurements/stream.json`, for *Stage one*. It needs CIFAR-10 at hand.
Veit, Wilber, Belongie: Residual Networks Behave Like Ensembles (2016) is where lesions come from.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from .. import data
from ..blocks import BasicBlock
from ..checkpoint import About, load_checkpoint
from ..data import Dataset, normalise
from ..evaluate import logits
from ..recipes import SPRINT
from ..records import ROOT, read_run, write_measurement
from ..resnet import ResNet
from ..train import Training
from .receptive import settle

COMMAND = "python -m resnet_edu.study.stream"
RUNS = ("resnet20-shapes-sprint-s0", "plain20-shapes-sprint-s0", "resnet20-cifar10-brief-s0")
PICTURES = 2000  # evenly spaced over each test set, which may be sorted by class
SETTLED_ON = 1000  # training pictures, drawn from a seed
SEEDS = range(3)
# Stage one without a block, without any, and in other orders; then the later stages' blocks.
ORDERS = {
    "stage1": ((0, 1, 2), (1, 2), (0, 2), (0, 1), (), (1, 0, 2), (0, 2, 1), (2, 1, 0)),
    "stage2": ((0, 2), (0, 1)),
    "stage3": ((0, 2), (0, 1)),
}


def flow(stage: Iterable[nn.Module], x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The stream before the first block and after each, and what each block's branch writes."""
    streams, branches = [x], []
    for block in stage:
        branches.append(block.residual(x))
        x = block.relu(branches[-1] + block.shortcut(x))
        streams.append(x)
    return streams, branches


def rearranged(network: ResNet, order: Sequence[int], stage: str = "stage1") -> ResNet:
    """A copy of `network` in which `stage` has these of its blocks, counted from 0, in this order.

    A block that is left out leaves nothing in its place, so that its input goes straight on.
    """
    network = copy.deepcopy(network)
    blocks = network.get_submodule(stage)
    setattr(network, stage, nn.Sequential(*(blocks[i] for i in order)))
    return network


@torch.no_grad()
def loudness(network: nn.Module, x: Tensor) -> dict[str, float]:
    """For each batch norm, by name, how large a spread it meets, as a share of the remembered one.

    1 where x looks like what it was trained on; the geometric mean over its channels.
    """
    found, handles = {}, []

    def note(name: str, norm: nn.BatchNorm2d, met: Tensor) -> None:
        shares = met.var((0, 2, 3)) / norm.running_var
        found[name] = shares.log().mean().div(2).exp().item()

    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            handles.append(
                module.register_forward_hook(
                    lambda norm, inputs, _, name=name: note(name, norm, inputs[0])
                )
            )
    network(x)
    for handle in handles:
        handle.remove()
    return found


def level(stage: nn.Sequential, x: Tensor) -> list[dict]:
    """A row a stream of the stage: its zeros, its mean, its mean square, and what is added to it.

    "added" is the size of what the next branch writes as a share of the stream's own.
    """
    with torch.no_grad():
        streams, branches = flow(stage, x)
    sizes = [(f.norm() / s.norm()).item() for f, s in zip(branches, streams, strict=False)]
    return [
        {
            "after": i,
            "zeros": (s == 0).double().mean().item(),
            "mean": s.mean().item(),
            "square": s.square().mean().item(),
            "added": added,
        }
        for i, (s, added) in enumerate(zip(streams, [*sizes, None], strict=True))
    ]


def train_small(dataset: Dataset, shortcut: str, seed: int) -> ResNet:
    """A ResNet-20, or with "none" a plain network, of half the widths, after the sprint recipe."""
    torch.manual_seed(seed)
    network = ResNet(BasicBlock, (3, 3, 3), (8, 16, 32), shortcut)
    recipe = replace(SPRINT, evaluate_every=SPRINT.iterations)
    Training(network, dataset, recipe, seed).run(on_evaluation=lambda row: None)
    return network.eval()


def lesions(
    network: ResNet, dataset: Dataset, about: About | Dataset, orders: dict = ORDERS
) -> Iterator[dict]:
    """A row an arrangement: how many test pictures go wrong as it stands, and once settled."""
    step = max(1, len(dataset.test) // PICTURES)
    images, labels = dataset.test.images[::step], dataset.test.labels[::step]
    dice = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(dataset.train), generator=dice)[:SETTLED_ON]
    pictures = normalise(dataset.train.images[chosen], about.mean, about.std)
    for stage, arrangements in orders.items():
        for order in arrangements:
            changed, counts = rearranged(network, order, stage), []
            for state in (changed, settle(copy.deepcopy(changed), pictures)):
                answers = logits(state, images, about.mean, about.std).argmax(dim=1)
                counts.append(int((answers != labels).sum()))
            row = {"stage": stage, "order": order, "pictures": len(labels)}
            yield row | {"wrong": counts[0], "settled": counts[1]}


def measure_run(name: str) -> Iterator[dict]:
    """The rows of one finished run: the levels of its stream, and its lesions."""
    network, about = load_checkpoint(read_run(ROOT / "runs" / name).checkpoint)
    dataset = data.load(about.dataset)
    step = len(dataset.test) // 200
    images = dataset.test.images[:: step + 1]  # a step that does not go round with the classes
    x = normalise(images, about.mean, about.std).double()
    network = network.double()
    with torch.no_grad():
        stream = network.stem(x)
    for row in level(network.stage1, stream):
        yield {"what": "level", "run": name, **row}
    network = network.float()
    for row in lesions(network, dataset, about):
        yield {"what": "lesion", "run": name, **row}


def measure_small(shortcut: str, seed: int) -> Iterator[dict]:
    """The lesions of a small network's stage one, trained from this seed."""
    shapes = data.load("shapes")
    orders = {"stage1": ORDERS["stage1"][:5]}
    for row in lesions(train_small(shapes, shortcut, seed), shapes, shapes, orders):
        yield {"what": "small", "shortcut": shortcut, "seed": seed, **row}


def measure() -> list[dict]:
    """All rows; "what" says of what."""
    small = [measure_small(shortcut, seed) for shortcut in ("A", "none") for seed in SEEDS]
    rows = []
    for part in (*map(measure_run, RUNS), *small):
        for row in part:
            rows.append(row)
            print(row, flush=True)
    return rows


if __name__ == "__main__":
    write_measurement("stream", COMMAND, measure())

"""What becomes of a trained network when its halving shortcuts look at another place or channel.

    python -m resnet_edu.study.halving

leaves `records/measurements/halving.json`, for *Stage two, halving*: the pictures such networks
get wrong, what branch and shortcut carry where a stage halves, and which way the kernels lean. It
needs CIFAR-10 at hand.
"""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import data
from ..blocks import BasicBlock
from ..checkpoint import About, load_checkpoint
from ..data import normalise
from ..evaluate import logits
from ..records import ROOT, read_run, write_measurement
from ..resnet import ResNet

COMMAND = "python -m resnet_edu.study.halving"
RUNS = ("resnet20-shapes-sprint-s0", "resnet20-cifar10-brief-s0")
PICTURES = 2000  # evenly spaced over each test set, which may be sorted by class
EVERY = 19  # of those for the signals: prime to 10, as `shapes` takes its ten classes in turn
OFF = (2, 4, 8)  # pixels of the map that is halved


class Halved(nn.Module):
    """A shortcut that halves a map by `look` and puts `before` zero channels before the old ones.

    (N, C, H, W) → (N, 2C, …): what `look` gives, and C zero channels, `before` of them in front.
    """

    def __init__(self, look: Callable[[Tensor], Tensor], channels: int, before: int | None = None):
        super().__init__()
        self.look, self.channels = look, channels
        self.before = channels // 2 if before is None else before

    def forward(self, x: Tensor) -> Tensor:
        x = self.look(x)
        return F.pad(x, (0, 0, 0, 0, self.before, self.channels - self.before))


class ConvSame(nn.Conv2d):
    """A 3×3 convolution of stride 2 with all of its padding on the right and at the bottom.

    It is what TensorFlow's padding "same" does to a map of an even side. The weights are those of
    `convolution`, not a copy.
    """

    def __init__(self, convolution: nn.Conv2d):
        channels = convolution.in_channels, convolution.out_channels
        super().__init__(*channels, 3, stride=2, bias=False, device="meta")
        self.weight = convolution.weight

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))


def every_second(x: Tensor, off: int = 0) -> Tensor:
    """Every second pixel, as option A takes it; of the map moved by `off` pixels up and left."""
    return torch.roll(x, (-off, -off), (2, 3))[:, :, ::2, ::2]


def from_pixel_1(x: Tensor) -> Tensor:
    """Every second pixel, begun one pixel later in both directions."""
    return x[:, :, 1::2, 1::2]


def _look(look: Callable[[Tensor], Tensor], before: Callable[[int], int] | None = None) -> Callable:
    def change(block: BasicBlock) -> None:
        channels = block.residual[0].in_channels
        block.shortcut = Halved(look, channels, before and before(channels))

    return change


def _same(block: BasicBlock) -> None:
    block.residual[0] = ConvSame(block.residual[0])


def both_same(block: BasicBlock) -> None:
    """Branch and shortcut of a halving block of option A, moved by one pixel down and right."""
    _same(block)
    _look(from_pixel_1)(block)


# What is changed, in each block that halves.
CHANGES: dict[str, Callable[[BasicBlock], None]] = {
    "nothing": lambda block: None,
    "branch padded right and below": _same,
    "shortcut from pixel 1": _look(from_pixel_1),
    "branch and shortcut, both": both_same,
    "shortcut: mean of 2 × 2": _look(lambda x: F.avg_pool2d(x, 2)),
    "shortcut: maximum of 2 × 2": _look(lambda x: F.max_pool2d(x, 2)),
    "shortcut: upper left quarter": _look(lambda x: x[:, :, : x.shape[2] // 2, : x.shape[3] // 2]),
    "zeros after the old channels": _look(every_second, lambda channels: 0),
    "zeros before the old channels": _look(every_second, lambda channels: channels),
    "shortcut one channel off": _look(lambda x: every_second(x.roll(1, 1))),
    "no shortcut": _look(lambda x: 0 * every_second(x)),
}
MOVES = {off: _look(lambda x, off=off: every_second(x, off)) for off in OFF}


def changed(network: ResNet, change: Callable[[BasicBlock], None]) -> ResNet:
    """A copy of a network of option A, `change` made to the first block of stages two and three."""
    network = copy.deepcopy(network)
    for stage in network.stages[1:]:
        change(stage[0])
    return network


def lean(convolution: nn.Conv2d) -> tuple[float, float]:
    """How far right and how far down of its middle a 3×3 kernel carries its weight, in pixels.

    The centre of gravity of the squared weights, all channels together; -1 to 1.
    """
    energy = convolution.weight.detach().double().square().sum((0, 1))  # (3, 3)
    place = torch.arange(-1.0, 2).double()
    across, down = energy.sum(0) @ place, energy.sum(1) @ place
    return (across / energy.sum()).item(), (down / energy.sum()).item()


def kernels(network: nn.Module) -> dict[str, nn.Conv2d]:
    """The 3×3 convolutions by name, in forward order."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
    }


@torch.no_grad()
def signals(block: BasicBlock, x: Tensor) -> dict[str, dict[str, float]]:
    """What meets at the plus of a halving block of option A, in its old and in its new channels.

    The root mean squares of branch and shortcut, the spread of a channel of their sum, and the
    share of the sum that the ReLU cuts off.
    """
    branch, shortcut = block.residual(x), block.shortcut(x)
    old = torch.zeros(branch.shape[1], dtype=torch.bool)
    old[block.shortcut.before : block.shortcut.before + x.shape[1]] = True
    found = {}
    for name, chosen in (("old", old), ("new", ~old)):
        b, s = branch[:, chosen], shortcut[:, chosen]
        found[name] = dict(
            branch=b.square().mean().sqrt().item(),
            shortcut=s.square().mean().sqrt().item(),
            spread=(b + s).std((0, 2, 3)).mean().item(),
            cut=(b + s <= 0).double().mean().item(),
        )
    return found


def _wrong(run: str, network: ResNet, images: Tensor, labels: Tensor, about: About) -> list[dict]:
    moved = {f"{off} pixels off": change for off, change in MOVES.items()}
    rows = []
    for name, change in (CHANGES | moved).items():
        answers = logits(changed(network, change), images, about.mean, about.std).argmax(1)
        wrong = int((answers != labels).sum())
        rows.append(dict(what="wrong", run=run, change=name, pictures=len(labels), wrong=wrong))
        print(rows[-1], flush=True)
    return rows


def _signals(run: str, network: ResNet, pictures: Tensor) -> list[dict]:
    rows, x = [], network.stage1(network.stem(pictures))
    for stage in (2, 3):
        found = signals(network.get_submodule(f"stage{stage}.0"), x)
        for channels, values in found.items():
            values = {name: round(value, 4) for name, value in values.items()}
            rows.append(dict(what="signals", run=run, stage=stage, channels=channels) | values)
        x = network.get_submodule(f"stage{stage}")(x)
    return rows


def _leans(run: str, network: ResNet) -> list[dict]:
    rows = []
    for name, kernel in kernels(network).items():
        across, down = (round(value, 4) for value in lean(kernel))
        rows.append(dict(what="lean", run=run, kernel=name, across=across, down=down))
    return rows


def measure(run: str) -> list[dict]:
    """The rows of one run: of what its network gets wrong when changed, carries, and leans to."""
    network, about = load_checkpoint(read_run(ROOT / "runs" / run).checkpoint)
    test = data.load(about.dataset).test
    step = len(test.labels) // PICTURES
    images, labels = test.images[::step], test.labels[::step]
    rows = _wrong(run, network, images, labels, about)
    pictures = normalise(images[::EVERY], about.mean, about.std).double()
    network = network.double()
    with torch.no_grad():
        return rows + _signals(run, network, pictures) + _leans(run, network)


if __name__ == "__main__":
    write_measurement("halving", COMMAND, [row for run in RUNS for row in measure(run)])

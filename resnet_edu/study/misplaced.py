"""ResNet-20 with one thing misplaced: networks that take its weights without complaint.

    python -m resnet_edu.study.misplaced

leaves `records/measurements/misplaced.json`: how many pictures each of them gets wrong with the
weights of a ResNet-20 that was trained as it should be.
"""

from collections.abc import Callable

import torch
from torch import nn

from .. import data
from ..blocks import NoShortcut, PadShortcut
from ..checkpoint import load_checkpoint
from ..evaluate import logits
from ..records import ROOT, read_run, write_measurement
from ..resnet import ResNet, resnet20

COMMAND = "python -m resnet_edu.study.misplaced"
RUNS = ("resnet20-shapes-sprint-s0", "resnet20-cifar10-brief-s0")
PICTURES = 2000  # evenly spaced over each test set, which may be sorted by class


def _stride_second(network: ResNet) -> None:
    branch = network.stage3[0].residual
    branch[0].stride, branch[3].stride = (1, 1), (2, 2)


def _never_halve(network: ResNet) -> None:
    _unstride(network.stage3[0])


def _halve_late(network: ResNet) -> None:
    _unstride(network.stage3[0])
    _stride(network.stage3[1])


def _halve_early(network: ResNet) -> None:
    _unstride(network.stage2[0])
    _stride(network.stage1[2])


def _unstride(block: nn.Module) -> None:
    block.residual[0].stride, block.shortcut.stride = (1, 1), 1


def _stride(block: nn.Module) -> None:
    channels = block.residual[0].in_channels
    block.residual[0].stride = (2, 2)
    block.shortcut = PadShortcut(channels, channels)


def _no_relu_inside(network: ResNet) -> None:
    network.stage2[1].residual[2] = nn.Identity()


def _no_relu_after(network: ResNet) -> None:
    network.stage2[1].relu = nn.Identity()


def _no_shortcut(network: ResNet) -> None:
    network.stage2[1].shortcut = NoShortcut()


def _max_pool(network: ResNet) -> None:
    network.head[0] = nn.AdaptiveMaxPool2d(1)


FAULTS: dict[str, Callable[[ResNet], None]] = {
    "nothing misplaced": lambda network: None,
    "stride on the second convolution": _stride_second,
    "stage 3 never halves": _never_halve,
    "stage 3 halves a block late": _halve_late,
    "stage 2 halves a block early": _halve_early,
    "a ReLU missing in a branch": _no_relu_inside,
    "a ReLU missing after a plus": _no_relu_after,
    "one shortcut missing": _no_shortcut,
    "maximum instead of average": _max_pool,
}


def misplaced(fault: str) -> ResNet:
    """A fresh ResNet-20 of option A with one of `FAULTS`; its parameters have the same names."""
    network = resnet20()
    FAULTS[fault](network)
    return network


def suspect() -> ResNet:
    """The network that *Tracing every shape* opens with. What is wrong with it?"""
    return misplaced("stride on the second convolution")


def measure() -> list[dict]:
    """A row a fault and a run: how many of the test pictures looked at are answered wrongly."""
    rows = []
    for name in RUNS:
        trained, about = load_checkpoint(read_run(ROOT / "runs" / name).checkpoint)
        test = data.load(about.dataset).test
        step = len(test.labels) // PICTURES
        images, labels = test.images[::step], test.labels[::step]
        for fault in FAULTS:
            network = misplaced(fault)
            network.load_state_dict(trained.state_dict(), strict=True)
            answers = logits(network, images, about.mean, about.std).argmax(dim=1)
            wrong = int((answers != labels).sum())
            rows.append(dict(run=name, fault=fault, pictures=PICTURES, wrong=wrong))
            print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    torch.manual_seed(0)
    write_measurement("misplaced", COMMAND, measure())

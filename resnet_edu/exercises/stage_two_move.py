"""The check of the third exercise card in *Stage two, halving*: weights moved to other channels."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..evaluate import evaluating
from ..resnet import ResNet, resnet20
from ..study.halving import CHANGES, changed
from . import Verdict, lived_in, nothing, own_dice, raised

# For each channel of the library's stages two and three, the channel that it is where zeros stand
# after the old channels. (The new ones could be in any other order.)
TWO = [*range(16, 24), *range(16), *range(24, 32)]
THREE = [*range(32, 48), *TWO, *range(48, 64)]
Weights = dict[str, Tensor]


def move(answer: Callable[[Weights], Weights]) -> Verdict:
    """Checks `answer(weights)`: a ResNet-20 with its zeros after, for the library's, half and half.

    Any order of the new channels among themselves is right, so outputs are compared, not tensors.
    """
    with own_dice(), torch.no_grad():
        network = lived_in(resnet20().double())
        theirs = changed(network, CHANGES["zeros after the old channels"])
        weights, x = network.state_dict(), torch.randn(4, 3, 16, 16).double()
        passed = {name: value.clone() for name, value in weights.items()}
        try:
            given = answer(passed)
            if given is None:
                return nothing(answer)
            output = _output(given, x)
        except Exception as error:
            return raised(error)
        with evaluating(theirs):
            truth = theirs(x)
        if any(not torch.equal(passed[name], weights[name]) for name in weights):
            return Verdict(False, "The weights you were given have changed. Make new ones of them.")
        if torch.allclose(output, truth, rtol=1e-6):
            return Verdict(True, "Other weights in another network, and every answer the same.")
        for message, mistake in MISTAKES.items():
            if torch.allclose(output, _output(_moved(weights, **mistake), x), rtol=1e-6):
                return Verdict(False, message)
        return Verdict(False, _where(given, weights, theirs, x))


def _output(weights: Weights, x: Tensor) -> Tensor:
    network = resnet20().double()
    network.load_state_dict(weights)
    return network.eval()(x)


def _moved(
    weights: Weights,
    two: list[int] = TWO,
    three: list[int] = THREE,
    leave: tuple[str, ...] = (),
) -> Weights:
    """The weights in the library's order; what ends in one of `leave` keeps its old one."""
    moved = dict(weights)
    for stage, order in (("stage2", two), ("stage3", three)):
        for block in range(3):
            for name in _written(stage, block):
                if not name.endswith(leave):
                    moved[name] = weights[name][order]
    for name, order in _reading(two, three).items():
        if not name.endswith(leave):
            moved[name] = weights[name][:, order]
    return moved


def _written(stage: str, block: int) -> list[str]:
    """The tensors whose first dimension is the stage's channels."""
    norm = ("weight", "bias", "running_mean", "running_var")
    layers = ["residual.3.weight", *(f"residual.4.{name}" for name in norm)]
    return [f"{stage}.{block}.{layer}" for layer in layers]


def _reading(two: list[int], three: list[int]) -> dict[str, list[int]]:
    """The tensors that read the stages' channels, and those channels' order."""
    first = ".residual.0.weight"
    reading = {f"{name}{first}": two for name in ("stage2.1", "stage2.2", "stage3.0")}
    reading |= {f"{name}{first}": three for name in ("stage3.1", "stage3.2")}
    return reading | {"head.2.weight": three}


def _inverse(order: list[int]) -> list[int]:
    return [order.index(channel) for channel in range(len(order))]


PLAIN_THREE = [*range(32, 48), *range(32), *range(48, 64)]
READING = tuple(_reading(TWO, THREE))
MISTAKES = {
    "Every tensor is where it was.": dict(two=[*range(32)], three=[*range(64)]),
    "Stage two has moved, and stage three still expects its zeros after.": dict(
        three=[*TWO, *range(32, 64)]
    ),
    "Stage three is left as it was: its old channels are stage two's, which have moved.": dict(
        three=[*range(64)]
    ),
    "Stage three's old channels are stage two's: they come in stage two's new order.": dict(
        three=PLAIN_THREE
    ),
    "That is the way back: `order[new]` should be the old place of a channel, not its new one.": (
        dict(two=_inverse(TWO), three=_inverse(THREE))
    ),
    "The head still reads stage three's channels in their old order.": dict(
        leave=("head.2.weight",)
    ),
    "What comes after reads the channels in their old order: its weights' second dimension.": dict(
        leave=READING
    ),
    "Running means and variances belong to channels too, though nothing learns them.": dict(
        leave=("running_mean", "running_var")
    ),
    "A batch norm's scale and shift belong to channels, as the weights before it do.": dict(
        leave=("4.weight", "4.bias")
    ),
    "Four tensors of each last batch norm belong to its channels, and none of them has moved.": (
        dict(leave=("4.weight", "4.bias", "running_mean", "running_var"))
    ),
    "The last convolutions' own channels have not moved: their weights' first dimension.": dict(
        leave=("residual.3.weight",)
    ),
}


def _where(given: Weights, weights: Weights, theirs: ResNet, x: Tensor) -> str:
    """Up to where the outputs are right, whatever order the channels stand in."""
    if any(
        not torch.equal(given[name], weights[name])
        for name in weights
        if name.startswith(("stem", "stage1"))
    ):
        return "Up to stage one no channel has another place. Leave stem and stage one alone."
    ours = resnet20().double()
    ours.load_state_dict(given)
    with evaluating(ours), evaluating(theirs):
        y, z = ours.stage1(ours.stem(x)), theirs.stage1(theirs.stem(x))
        for stage in ("stage2", "stage3"):
            for number in range(3):
                block = f"{stage}.{number}"
                y, z = ours.get_submodule(block)(y), theirs.get_submodule(block)(z)
                if not torch.allclose(_sorted(y), _sorted(z), rtol=1e-6, atol=1e-9):
                    return f"{block} is the first block that gives other maps, in whatever order."
    return "All maps are there, in some order; the head does not read them in it."


def _sorted(maps: Tensor) -> Tensor:
    """Each channel's sum over all pictures and places, in order of size."""
    return maps.sum((0, 2, 3)).sort().values

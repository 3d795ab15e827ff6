"""The checks of the exercise cards in *The residual block*."""

import copy
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import Tensor, nn

from ..blocks import BasicBlock, Bottleneck
from . import Verdict, lived_in, nothing, own_dice, raised
from .residual_block_later import pre_activation

__all__ = ["block_parameters", "bottleneck", "make_identity", "pre_activation"]


def block_parameters(answer: Callable[[int, int, str], int]) -> Verdict:
    """Checks `answer(in_channels, channels, shortcut)`: how many parameters a basic block has."""
    for in_channels, channels, shortcut in (
        *((16, 16, "A"), (16, 16, "B"), (16, 32, "A"), (16, 32, "B"), (32, 64, "B")),
        *((3, 5, "B"), (7, 7, "A")),
    ):
        try:
            with patch.object(nn.Module, "__init__", side_effect=_Built):
                given = answer(in_channels, channels, shortcut)
        except _Built:
            return Verdict(False, "You build the block and count. Say it without building it.")
        except Exception as error:
            return raised(error)
        if given is None:
            return nothing(answer)
        if not isinstance(given, int):
            return Verdict(False, f"The answer should be a whole number, not {given!r}.")
        with own_dice():
            block = BasicBlock(in_channels, channels, 1 if in_channels == channels else 2, shortcut)
        if given != _count(block):
            case = f"For ({in_channels}, {channels}, {shortcut!r}) you say {given}"
            return Verdict(False, f"{case}. {_miscounted(given, block, in_channels, channels)}")
    return Verdict(True, "Seven blocks, seven counts, each as the block itself has it.")


class _Built(Exception):
    """A module was made while none should be."""


def _miscounted(given: int, block: BasicBlock, in_channels: int, channels: int) -> str:
    """What one most likely forgot to come to `given`."""
    convolutions = sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))
    branch, total = _count(block.residual), _count(block)
    norms = sum(1 for m in block.modules() if isinstance(m, nn.BatchNorm2d))
    known = {
        convolutions: "Those are the convolutions alone: batch norm learns a scale and a shift.",
        total + 2 * norms * channels: (
            "Running means and variances are measured, not learned: they are buffers, no "
            "parameters."
        ),
        convolutions + norms * channels: (
            f"The {norms} batch norms have a scale and a shift a channel each, so "
            f"{2 * norms} parameters a channel together."
        ),
        total + 2 * channels: "These convolutions have no bias: batch norm's shift does its work.",
        2 * 9 * channels * channels + 4 * channels: (
            "The first convolution has in_channels on its way in: its weights are "
            "channels × in_channels × 3 × 3."
        ),
        branch: "That is the residual branch alone; option B's projection has parameters too.",
        branch
        + channels * in_channels: "The projection is followed by batch norm: count that too.",
        branch + channels * in_channels + 2 * channels: (
            "Where shapes agree the shortcut is the identity, with option B as well: no parameters."
        ),
        branch + 9 * channels * in_channels + 2 * channels: "The projection is 1×1, not 3×3.",
    }
    del known[total]
    return known.get(given, "Go through the layers one by one: what does each learn?")


def make_identity(answer: Callable[[BasicBlock], None]) -> Verdict:
    """Checks `answer(block)`, which makes a trained block the identity by the fewest zeros."""
    with own_dice():
        block = lived_in(BasicBlock(16, 16))
        before = copy.deepcopy(block)
        x = torch.randn(8, 16, 8, 8).relu()
        try:
            result = answer(block)
        except Exception as error:
            return raised(error)
        if isinstance(result, nn.Module) and result is not block:
            return Verdict(
                False, "That is a new module. Change the numbers inside the block given."
            )
        if _shapes(block) != _shapes(before):
            return Verdict(False, "Layers were exchanged. Change only the numbers inside them.")
        pairs = zip(block.state_dict().items(), before.state_dict().values(), strict=True)
        changed = {name: value != old for (name, value), old in pairs}
        count = sum(int(different.sum()) for different in changed.values())
        with torch.no_grad():
            training, evaluation = block.train()(x), block.eval()(x)
            untouched = not count and torch.equal(training, before.train()(x))
        same = torch.equal(training, x) and torch.equal(evaluation, x)
        if untouched:
            return nothing(
                answer, "The block is as it was: change its tensors in place, `.zero_()`."
            )
        if not same:
            return Verdict(False, _not_identity(block, changed, training, evaluation, x))
        if count > 32:
            return Verdict(
                False, f"It is the identity, but you changed {count:,} numbers; 32 will do."
            )
    return Verdict(True, "32 zeros, and the block hands on every non-negative x, bit for bit.")


def _not_identity(
    block: BasicBlock, changed: dict, training: Tensor, evaluation: Tensor, x: Tensor
) -> str:
    last = block.residual[4]
    scale_zero, shift_zero = (not p.detach().any() for p in (last.weight, last.bias))
    if scale_zero and not shift_zero:
        return "The last batch norm multiplies by 0 and then adds its shift, which is not 0."
    if not block.residual[3].weight.detach().any() and not shift_zero:
        return (
            "The second convolution gives 0, but batch norm comes after it: it still adds its "
            "shift (and, evaluating, takes its running mean away)."
        )
    if torch.equal(training, x) and not torch.equal(evaluation, x):
        return (
            "Training it is the identity, evaluating it is not: there batch norm takes away a "
            "running mean that is not 0."
        )
    touched = [name for name, different in changed.items() if different.any()]
    if touched and all(name[:10] in ("residual.0", "residual.1") for name in touched):
        return (
            "You changed only the first half of the branch: whatever comes out of it, the second "
            "half makes something of it again."
        )
    if not training.any():
        return "The output is 0: the block forgets x. Leave the shortcut alone."
    return "The output is not x. Which is the last layer of the branch that could still add to it?"


def bottleneck(answer: type[nn.Module]) -> Verdict:
    """Checks `answer(in_channels, channels, stride)`, a bottleneck block with projection."""
    for in_channels, channels, stride in ((64, 32, 2), (64, 16, 1), (16, 16, 1)):
        try:
            with own_dice(), torch.no_grad():
                given = answer(in_channels, channels, stride).double()
                if not list(given.parameters()):
                    return nothing(answer, "Your block has no layers: make them in `__init__`.")
                pair = _with_same_weights(given, in_channels, channels, stride)
                fault = pair if isinstance(pair, str) else _bottleneck_fault(given, *pair)
        except Exception as error:
            return raised(error)
        if fault:
            case = f"in_channels={in_channels}, channels={channels}, stride={stride}"
            return Verdict(False, f"With {case}: {fault}")
    return Verdict(True, "Same weights, same outputs as the library's Bottleneck, in three shapes.")


def _with_same_weights(
    given: nn.Module, in_channels: int, channels: int, stride: int
) -> tuple[Bottleneck, Tensor] | str:
    """The library's block and an input, once `given` has its weights; or why it cannot."""
    ours = lived_in(Bottleneck(in_channels, channels, stride, "B")).double()
    shapes = [tuple(p.shape) for p in given.parameters()]
    wanted = [tuple(p.shape) for p in ours.parameters()]
    if shapes != wanted:
        return _unlike(given, shapes, wanted)
    with torch.no_grad():
        for mine, theirs in zip(ours.parameters(), given.parameters(), strict=True):
            theirs.copy_(mine)
    return ours, torch.randn(4, in_channels, 8, 8).double().relu()


def _unlike(given: nn.Module, shapes: list, wanted: list) -> str:
    """Why parameters of these shapes are not those of the library's block."""
    convolutions = [m for m in given.modules() if isinstance(m, nn.Conv2d)]
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in given.modules())
    if any(convolution.bias is not None for convolution in convolutions):
        return "a convolution has a bias. Batch norm follows each, and its shift does that work."
    if norms < len(convolutions):
        return f"{len(convolutions)} convolutions but {norms} batch norms: one follows each."
    if sorted(shapes) == sorted(wanted):
        return (
            "the parameters are right and their order is not: the branch before the shortcut, and "
            "each norm made right after its convolution."
        )
    kernels = [convolution.kernel_size[0] for convolution in convolutions]
    if kernels[:3] != [1, 3, 1]:
        return f"the branch's kernels should be 1, 3, 1, not {', '.join(map(str, kernels[:3]))}."
    differ = (i for i, pair in enumerate(zip(shapes, wanted, strict=False)) if pair[0] != pair[1])
    if (i := next(differ, None)) is not None:
        return (
            f"parameter {i} has shape {shapes[i]}, not {wanted[i]}: the first 1×1 goes down to "
            "`channels`, the last goes up to 4 · channels."
        )
    if len(shapes) < len(wanted):
        return "where in_channels is not 4 · channels, or the stride is 2, the shortcut projects."
    return "where shapes agree the shortcut is the identity: it has no parameters."


def _bottleneck_fault(given: nn.Module, ours: Bottleneck, x: Tensor) -> str:
    """What is wrong with the outputs, or "" if nothing is."""
    strides = [m.stride[0] for m in given.modules() if isinstance(m, nn.Conv2d)]
    if strides[0] == 2:
        return (
            "the stride sits on the first 1×1, which then throws away three pixels in four unseen "
            "(the paper did so); here the 3×3 takes it."
        )
    if strides[2] == 2:
        return (
            "the stride sits on the last 1×1, after the 3×3 has computed four times as many "
            "pixels as are kept; here the 3×3 takes it."
        )
    output, truth = given(x), ours(x)
    branch, shortcut = ours.residual(x), ours.shortcut(x)
    if not isinstance(output, Tensor) or output.shape != truth.shape:
        return f"the output should be a tensor of shape {tuple(truth.shape)}."
    if torch.allclose(output, truth):
        return ""
    known = {
        "a ReLU is missing: one more comes after the addition.": branch + shortcut,
        "the branch ends in a ReLU. It must be able to take away as well as to add: the last "
        "ReLU comes after the addition.": (branch.relu() + shortcut).relu(),
        "the last ReLU stands before the addition instead of after it.": branch.relu() + shortcut,
        "the shortcut is there and never added.": branch.relu(),
    }
    for message, wrong in known.items():
        if torch.allclose(output, wrong):
            return message
    return (
        "right shapes, wrong numbers. ReLU follows the first two batch norms of the branch and the "
        "addition, and nothing else."
    )


def _shapes(module: nn.Module) -> dict:
    return {name: value.shape for name, value in module.state_dict().items()}


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())

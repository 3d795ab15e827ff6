"""The checks of the exercise cards in *Stage one*."""

import copy
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import Tensor, nn

from ..blocks import BasicBlock
from ..evaluate import evaluating
from ..resnet import ResNet
from ..trace import trace
from . import Verdict, ask, check, lived_in, nothing, own_dice, raised
from .stage_one_settle import settle_exactly as settle_exactly


def stage_cost(answer: Callable[[int, int, int], tuple[int, int]]) -> Verdict:
    """Checks `answer(blocks, width, side)`: a stage's parameters and its multiply-adds."""
    for blocks, width, side in ((3, 16, 32), (3, 64, 8), (18, 16, 32), (2, 5, 7), (1, 1, 4)):
        try:
            with patch.object(nn.Module, "__init__", side_effect=_Built):
                given = answer(blocks, width, side)
        except _Built:
            return Verdict(False, "You build the stage and count. Say it without building it.")
        except Exception as error:
            return raised(error)
        if given is None:
            return nothing(answer)
        if not isinstance(given, (tuple, list)) or [type(n) for n in given] != [int, int]:
            return Verdict(False, f"Return two whole numbers, an int each, not {given!r}.")
        with own_dice():
            stage = nn.Sequential(*(BasicBlock(width, width) for _ in range(blocks)))
        whole = trace(stage, (width, side, side))[""]
        case = f"For ({blocks}, {width}, {side}) you say {given[0]:,} and {given[1]:,}"
        for number, true, name in zip(
            given, (whole.parameters, whole.multiply_adds), ("parameters", "work"), strict=True
        ):
            if number != true:
                why = _miscounted(name, number, blocks, width, side)
                return Verdict(False, f"{case}. The {name}: {why}")
    return Verdict(True, "Five stages, as their traces have them.")


class _Built(Exception):
    """A module was made while none should be."""


def _miscounted(what: str, given: int, blocks: int, width: int, side: int) -> str:
    """What one most likely did to come to `given`."""
    block, norms, places = 18 * width**2, 4 * width, side**2
    if what == "parameters":
        known = {
            blocks * block: "those are the convolutions alone. A batch norm has two a channel.",
            blocks * (block + norms // 2): "a block has two batch norms, and each has γ and β.",
            blocks * (block + 2 * norms): "running means and variances are measured, not learned.",
            blocks * (block // 2 + norms // 2): "a block has two convolutions and two norms.",
            blocks * (block + norms + 2 * width): "these convolutions have no bias.",
            block + norms: "that is one block's.",
        }
        truth = blocks * (block + norms)
    else:
        inner = 9 * width**2 * (side - 2) ** 2
        known = {
            blocks * block: "a weight is used once a place, so height times width times.",
            blocks * block * side: "a map has side times side places, not one row of them.",
            blocks * (block + norms) * places: "batch norms are left out: multiply the weights.",
            2 * blocks * block * places: "a multiplication and its addition count as one.",
            blocks * 2 * inner: "padding 1 keeps the side: 32 stays 32, and so on.",
            blocks * block // 2 * places: "a block has two convolutions.",
            block * places: "that is one block's.",
            blocks * 2 * width**2 * places: "the kernels are 3 × 3.",
        }
        truth = blocks * block * places
    known.pop(truth, None)
    return known.get(given, "go through one block, layer by layer, and take it so many times.")


@check
def written(answer: Callable[[ResNet, Tensor], dict[str, float]]) -> Verdict:
    """Checks `answer(network, x)`: {block's name: size of F(x) over size of what it adds to}."""
    with own_dice():
        network = lived_in(ResNet(BasicBlock, (2, 3, 1), (4, 8, 16)).double())
        network.stage2.eval()  # so that a mode set for all does not pass for the old one
        x = torch.randn(6, 3, 8, 8, dtype=torch.float64)
        # Pictures of different contrast, so that a mean over pictures is another number.
        x *= torch.arange(1, 7, dtype=torch.float64)[:, None, None, None]
        blocks = {n: m for n, m in network.named_modules() if isinstance(m, BasicBlock)}
        kept = [copy.deepcopy(network.state_dict()), [m.training for m in network.modules()]]
        given = ask(answer, network, x)
        if any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()):
            return Verdict(False, "Your hooks are still there. Keep their handles, and remove().")
        if any(not torch.equal(v, kept[0][n]) for n, v in network.state_dict().items()):
            return Verdict(
                False, "Looking moved the running statistics: that was training mode. Evaluate."
            )
        if [m.training for m in network.modules()] != kept[1]:
            return Verdict(False, "The network is in another mode than it was. Put it back.")
        if not isinstance(given, dict) or list(given) != list(blocks):
            keys = list(given) if isinstance(given, dict) else type(given).__name__
            return Verdict(False, f"Return a dictionary with the keys {list(blocks)}, not {keys}.")
        try:
            values = torch.tensor([float(v) for v in given.values()], dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            return Verdict(False, "Each value should be one number: norms, divided.")
        right, known = _sizes(network, x, blocks)
    if torch.allclose(values, right, rtol=1e-6):
        return Verdict(True, "Six blocks, two of them with a change of shape, and no trace left.")
    for why, wrong in known.items():
        if torch.allclose(values, wrong, rtol=1e-6):
            return Verdict(False, why)
    far = list(blocks)[int(((values - right).abs() > 1e-6 * right).nonzero()[0])]
    return Verdict(False, f"{far} is the first that is off. What does its plus sign add to what?")


def _sizes(network: ResNet, x: Tensor, blocks: dict) -> tuple[Tensor, dict[str, Tensor]]:
    """The right answer, and wrong ones with what is wrong with them."""
    seen, handles = [], []
    for block in blocks.values():
        keep = lambda m, i, y: seen.append((i[0], m.residual(i[0]), m.shortcut(i[0]), y))  # noqa: E731
        handles.append(block.register_forward_hook(keep))
    with torch.no_grad(), evaluating(network):
        network(x)
        for handle in handles:
            handle.remove()
        kinds = {
            "right": lambda x, f, s, y: f.norm() / s.norm(),
            "That is how far the ReLU lets the stream move. F itself is what comes out of "
            "`block.residual`.": lambda x, f, s, y: (y - s).norm() / s.norm(),
            "That is what leaves the block, not what its branch adds.": lambda x, f, s, y: (
                y.norm() / s.norm()
            ),
            "Turned over: F should be above the line.": lambda x, f, s, y: s.norm() / f.norm(),
            "Those are squares. A size is a root.": lambda x, f, s, y: (f.norm() / s.norm()) ** 2,
            "Those are spreads. The stream is not centred: its size is a norm.": (
                lambda x, f, s, y: f.std() / s.std()
            ),
            "Compared with what leaves the block. Compare with what F is added to.": (
                lambda x, f, s, y: f.norm() / y.norm()
            ),
            "Where a stage begins, F is added to what the shortcut gives, which is only part of "
            "what enters.": lambda x, f, s, y: f.norm() / x.norm(),
            "That is the mean of each picture's share. Take one norm over all of them.": (
                lambda x, f, s, y: (f.flatten(1).norm(dim=1) / s.flatten(1).norm(dim=1)).mean()
            ),
        }
        found = {w: torch.stack([kind(*one) for one in seen]) for w, kind in kinds.items()}
    return found.pop("right"), found

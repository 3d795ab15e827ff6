"""The checks of the exercise cards in *Tracing every shape*."""

import copy
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import nn

from ..blocks import BasicBlock, NoShortcut
from ..evaluate import evaluating
from ..resnet import ResNet, resnet
from ..trace import Trace, trace
from . import Verdict, lived_in, nothing, own_dice, raised


def blocks_a_stage(answer: Callable[[int, int], int | None]) -> Verdict:
    """Checks `answer(depth, layers)`: n for that depth, blocks of so many layers; None for no n."""
    for depth, layers, n in (
        *((20, 2, 3), (110, 2, 18), (8, 2, 1), (164, 3, 18), (110, 3, 12), (1001, 3, 111)),
        *((18, 2, None), (34, 2, None), (21, 2, None), (2, 2, None), (8, 3, None)),
        *((-4, 2, None), (1001, 2, None)),
    ):
        try:
            given = answer(depth, layers)
        except Exception as error:
            return raised(error)
        if given is None and n == 3:
            return nothing(answer)
        if type(given) is not type(n) or given != n:
            case = f"For depth {depth} and blocks of {layers} layers you say {given!r}"
            return Verdict(False, f"{case}. {_miscounted(given, depth, layers, n)}")
    return Verdict(True, "Six depths that exist, seven that do not.")


def _miscounted(given: object, depth: int, layers: int, n: int | None) -> str:
    """What one most likely did to come to `given`."""
    if n is None and given is None or isinstance(given, str):
        return "Return n as an int, or None."
    if isinstance(given, (float, bool)):
        return "n is a number of blocks: an int. `/` gives a float, `//` an int."
    if n is None and given <= 0:
        return "A stage without a block is no stage: n is 1 or more, else None."
    if n is None:
        told = 3 * layers * given + 2
        return f"With n = {given} there are {told} layers: this depth is none of the family's."
    if given is None:
        return f"It exists: {3 * layers} · {n} + 2 = {depth}."
    known = {
        3 * n: "Those are all the blocks, of the three stages together. n is for one stage.",
        layers * n: "Those are a stage's layers. Ask for its blocks.",
        3 * layers * n: "Those are the layers without the 2 at the ends. Ask for blocks.",
        (depth - 2) // 6: "A block of three layers, and three stages: 9n+2, not 6n+2.",
    }
    known.pop(n, None)
    return known.get(given, f"3 stages of n blocks of {layers} layers, a stem and a head.")


def multiply_adds(answer: Callable[[int, str, int], int]) -> Verdict:
    """Checks `answer(n, shortcut, side)`: the work of a network of section 4.2 on one picture."""
    for n, shortcut, side in ((3, "A", 32), (3, "B", 32), (5, "A", 32), (1, "B", 64), (9, "A", 8)):
        try:
            with patch.object(nn.Module, "__init__", side_effect=_Built):
                given = answer(n, shortcut, side)
        except _Built:
            return Verdict(False, "You build the network. Say it from the plan alone.")
        except Exception as error:
            return raised(error)
        if given is None:
            return nothing(answer)
        if isinstance(given, bool) or not isinstance(given, int):
            return Verdict(False, f"The answer should be a whole number, an int, not {given!r}.")
        with own_dice():
            network = resnet(6 * n + 2, shortcut)
        flow = trace(network, (3, side, side))
        if given != flow[""].multiply_adds:
            case = f"For ({n}, {shortcut!r}, {side}) you say {given:,}"
            return Verdict(False, f"{case}. {_misworked(given, network, flow, side)}")
    return Verdict(True, "Five networks, each as its trace has it, and none of them was built.")


class _Built(Exception):
    """A module was made while none should be."""


def _misworked(given: int, network: ResNet, flow: Trace, side: int) -> str:
    """What one most likely forgot to come to `given`."""
    true = flow[""].multiply_adds
    work = {name: flow[name].multiply_adds for name, _ in network.named_modules()}
    layers = {n: m for n, m in network.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    projections = sum(w for n, w in work.items() if n.endswith("shortcut.0"))
    firsts = work["stage2.0.residual.0"] + work["stage3.0.residual.0"]
    everywhere = sum(m.weight.numel() for m in layers.values() if isinstance(m, nn.Conv2d))
    weights = everywhere + layers["head.2"].weight.numel()
    seconds = work["stage2.0.residual.3"] + work["stage3.0.residual.3"]
    known = {
        sum(p.numel() for p in network.parameters()): "Those are the parameters.",
        weights: "Those are the weights. Each is used once a position: times height times width.",
        2 * true: "That counts a multiplication and an addition as two. Here they are one.",
        true - work["head"]: "The fully connected layer is missing: 64 · 10.",
        true - work["stem"]: "The stem is missing.",
        true - work["stem"] - work["head"]: "Stem and head are missing.",
        true - projections: "Option B's two projections work too.",
        true + 8 * projections: "The projections are 1×1, not 3×3.",
        true + 3 * projections: "The projections have stride 2: count the positions they give.",
        everywhere * side**2 + work["head"]: "Each of the stages 2 and 3 halves height and width.",
        true + 3 * firsts: (
            "A convolution of stride 2 works at the positions it gives, a quarter of those it is "
            "given."
        ),
        true - firsts + seconds: (
            "The first convolution of stages 2 and 3 has half as many channels on its way in."
        ),
        true + 10: "Biases are added, not multiplied: they are not counted.",
    }
    known.pop(true, None)
    return known.get(given, "Go layer by layer: weights times the positions of the output.")


def _eps(network: ResNet) -> None:
    network.stage2[1].residual[4].eps = 0.1


def _stride(network: ResNet) -> None:
    network.stage2[0].residual[0].stride = (1, 1)
    network.stage2[0].residual[3].stride = (2, 2)


def _relu(network: ResNet) -> None:
    network.stage1[1].residual[2] = nn.Identity()


def _padding(network: ResNet) -> None:
    network.stage3[1].residual[3].padding_mode = "replicate"


def _shortcut(network: ResNet) -> None:
    network.stage3[1].shortcut = NoShortcut()


def _pool(network: ResNet) -> None:
    network.head[0] = nn.AdaptiveMaxPool2d(1)


_FAULTS = {
    "stage2.0.residual.0": _stride,
    "stage1.1.residual.2": _relu,
    "stage3.1.shortcut": _shortcut,
    "stage3.1.residual.3": _padding,
    "head.0": _pool,
    "stage2.1.residual.4": _eps,
}


def first_difference(answer: Callable[[ResNet, ResNet], str | None]) -> Verdict:
    """Checks `answer(suspect, reference)`: the name of the first module that computes otherwise."""
    for place, plant in {**_FAULTS, None: lambda network: None}.items():
        with own_dice():
            reference = lived_in(ResNet(BasicBlock, (2, 2, 2), (4, 8, 16)))
            suspect = copy.deepcopy(reference)
            plant(suspect)
            reference.stage1.eval()  # so that a mode set for all does not pass for the old one
            before = [_state(network) for network in (suspect, reference)]
            try:
                given = answer(suspect, reference)
            except Exception as error:
                return raised(error)
            if given is None and place == next(iter(_FAULTS)):
                return nothing(answer, "You found nothing, or lost it on the way: a `return`?")
            for network, was in zip((suspect, reference), before, strict=True):
                if fault := _disturbed(network, was):
                    return Verdict(False, fault)
            if given != place:
                return Verdict(False, _misplaced(given, place, suspect, reference))
    return Verdict(True, "Six faults found, a copy acquitted, and both networks left alone.")


def _state(network: ResNet) -> tuple[dict, list]:
    values = {name: value.clone() for name, value in network.state_dict().items()}
    return values, [module.training for module in network.modules()]


def _disturbed(network: ResNet, before: tuple[dict, list]) -> str:
    """What is no longer as it was, or ""."""
    values, modes = before
    if any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()):
        return "Your hooks are still there: keep what register_forward_hook returns, and remove()."
    if any(not torch.equal(value, values[n]) for n, value in network.state_dict().items()):
        return (
            "Looking changed the network: in training mode a batch norm's running statistics "
            "move with every forward pass."
        )
    if [module.training for module in network.modules()] != modes:
        return "You left the network in another mode. Each module had its own; put it back."
    return ""


def _misplaced(given: object, place: str | None, suspect: ResNet, reference: ResNet) -> str:
    """Why `given` is not the first module that differs."""
    if isinstance(given, nn.Module):
        return "That is the module. Return its name, as named_modules() has it."
    names = _called(reference)
    if place is None:
        return (
            f"You find a difference at {given!r} between a network and its exact copy. Is it the "
            "same picture for both, and in evaluation mode?"
        )
    if given is None:
        if place in ("stage2.0.residual.0", "stage3.1.shortcut"):
            return f"At {place} not even the shapes agree, and you find nothing."
        return "There is a fault that no shape shows. Compare the numbers in the outputs."
    if given == "" or (isinstance(given, str) and place.startswith(f"{given}.")):
        return f"{given!r} is a container: the fault is in one of its parts. Name that part."
    if given not in names:
        return f"There is no module without parts that is called {given!r}."
    if names.index(given) > names.index(place):
        return f"{given!r} does differ, but only because something before it does."
    return f"{given!r} computes the same in both: equal outputs, number for number."


def _called(network: ResNet) -> list[str]:
    """The modules without parts in the order in which they are called."""
    names, handles = [], []
    for name, module in network.named_modules():
        if not any(module.children()):
            handles.append(module.register_forward_hook(lambda *_, name=name: names.append(name)))
    with torch.no_grad(), evaluating(network):
        network(torch.zeros(1, 3, 8, 8).to(next(network.parameters())))
    for handle in handles:
        handle.remove()
    return names

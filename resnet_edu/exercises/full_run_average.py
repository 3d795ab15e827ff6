"""The check of the exercise card in *The full run* that is about a mean of iterates."""

import copy
from collections import deque

import numpy as np
import torch
from torch import Tensor, nn

from ..blocks import BasicBlock
from ..resnet import ResNet
from ..study.receptive import settle
from . import Verdict, lived_in, nothing, own_dice, raised

DECAY, STEPS = 0.8, 6
# What else the weights of an average may be, and what is wrong with it.
WAYS = {
    "zeros": "The average starts at zero and is never corrected for it: after the first iterate "
    "it should be that iterate. Divide by 1 − decayⁿ.",
    "start": "The weights that the network had when you were made still count, with decayⁿ. They "
    "are no iterate: nobody has added them.",
    "first": "The first iterate was copied in, as PyTorch's AveragedModel does it, and counts "
    "1 / (1 − decay) times what its age gives it. Begin with zeros, and divide by 1 − decayⁿ.",
    "swapped": "`decay` is what the past keeps. Yours forgets with it: the newest iterate gets "
    "`decay`, the past the rest.",
    "plain": "All iterates count alike. The newer ones should count more.",
    "last": "That is the last iterate alone.",
}


def average(answer: type) -> Verdict:
    """Checks `answer(network, decay)`: an average of iterates that forgets, of two methods.

    `add(network)` takes an iterate in; `result(views)` gives a network of its own, in evaluation
    mode, with the average of the weights and with batch norms that were settled on `views`.
    """
    with own_dice():
        network = lived_in(ResNet(BasicBlock, (1, 1), (4, 8)).double())
        start = copy.deepcopy(network).eval()
        views = torch.randn(6, 3, 8, 8, dtype=torch.float64)
        iterates, held = [_weights(network)], []
        try:
            ours = answer(network, DECAY)
            for step in range(1, STEPS + 1):
                _shake(network)
                before = copy.deepcopy(network.state_dict())
                ours.add(network)
                if fault := _touched(network, before, "add"):
                    return Verdict(False, fault)
                iterates.append(_weights(network))
                held.append(_numbers(getattr(ours, "__dict__", {})))
                if step not in (1, STEPS - 1, STEPS):
                    continue
                result = ours.result(views)
                if result is None:
                    return nothing(answer)
                if not isinstance(result, nn.Module):
                    return Verdict(False, f"`result` gave {type(result).__name__}, no network.")
                if result is network:
                    return Verdict(False, "`result` gave the network that trains, not one more.")
                if fault := _touched(network, before, "result"):
                    return Verdict(False, fault)
                if fault := _fault(result, iterates, (start, network), views):
                    return Verdict(False, f"After {step} iterate{'s' * (step > 1)}: {fault}")
                if step == STEPS - 1:
                    kept, then = result, copy.deepcopy(result.state_dict())
        except Exception as error:
            return raised(error)
        if _touched(kept, then, ""):
            return Verdict(False, "A result has changed when more was added. Give away a copy.")
        if held[-1] > held[1]:
            return Verdict(
                False,
                f"Right, but you hold {held[1]:,} numbers after two iterates and {held[-1]:,} "
                f"after {STEPS}. One tensor a parameter is enough.",
            )
    return Verdict(True, "Six iterates, the newest count most, and what is remembered fits them.")


@torch.no_grad()
def _shake(network: nn.Module) -> None:
    """Another iterate: weights and memories a little elsewhere."""
    for value in (*network.parameters(), *network.buffers()):
        if value.is_floating_point():
            value.mul_(torch.empty_like(value).uniform_(0.7, 1.4))
        else:
            value += 1
    network.train()


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([w.detach().flatten() for w in network.parameters()])


def _numbers(thing: object) -> int:
    """How many numbers there are in what somebody keeps."""
    if isinstance(thing, Tensor):
        return thing.numel()
    if isinstance(thing, np.ndarray):
        return thing.size
    if isinstance(thing, nn.Module):
        return _numbers(thing.state_dict())
    if isinstance(thing, dict):
        return sum(map(_numbers, thing.values()))
    return sum(map(_numbers, thing)) if isinstance(thing, (list, tuple, set, deque)) else 0


def _touched(network: nn.Module, before: dict[str, Tensor], method: str) -> str:
    """What of the network is another since `before`, or ""."""
    after = network.state_dict()
    if all(torch.equal(after[name], before[name]) for name in before):
        return ""
    return f"`{method}` has changed the network that it was given. It is still training."


def _fault(
    result: nn.Module, iterates: list[Tensor], others: tuple[nn.Module, ...], views: Tensor
) -> str:
    """What is wrong with a result after all of `iterates` but the first, which was the start.

    `others` are networks whose memory it may have kept.
    """
    if any(module.training for module in result.modules()):
        return "the result is in training mode, and would go on remembering what it meets."
    given, wanted = _weights(result), _average(iterates, "")
    if not torch.allclose(given, wanted):
        for way, fault in WAYS.items():
            if torch.allclose(given, _average(iterates, way)):
                return fault
        return "the weights are not the average. Of two iterates the newer counts 1/(1 + decay)."
    right = settle(copy.deepcopy(result), views)
    if _remembers(result, right):
        return ""
    if any(_remembers(result, other) for other in others):
        return (
            "the weights are right; what the batch norms remember is that of a network which "
            "had other weights before them. Settle them."
        )
    norms = [m for m in result.modules() if isinstance(m, nn.BatchNorm2d)]
    if any(m.momentum is not None for m in norms):
        return (
            "the weights are right; of what the batch norms remember only a part comes from "
            "`views`, and the rest is old. `settle` begins anew."
        )
    return "the weights are right; the batch norms do not remember what they meet on `views`."


def _remembers(result: nn.Module, other: nn.Module) -> bool:
    pairs = zip(result.buffers(), other.buffers(), strict=True)
    return all(torch.allclose(a, b) for a, b in pairs if a.is_floating_point())


def _average(iterates: list[Tensor], way: str) -> Tensor:
    """The average of all but the first of `iterates`; or what comes of a way to get it wrong."""
    start, *taken = iterates
    n = len(taken)
    if way == "plain":
        return torch.stack(taken).mean(0)
    if way == "last":
        return taken[-1]
    decay = 1 - DECAY if way == "swapped" else DECAY
    shares = [(1 - decay) * decay**age for age in range(n)][::-1]
    if way == "first":
        shares[0] = decay ** (n - 1)
    mean = sum(share * w for share, w in zip(shares, taken, strict=True))
    if way == "start":
        return mean + decay**n * start
    if way in ("zeros", "first"):
        return mean
    return mean / (1 - DECAY**n)

"""The check of the exercise card in *Stage one* that is about what batch norms remember."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..blocks import BasicBlock
from ..resnet import ResNet
from . import Verdict, lived_in, nothing, own_dice, raised

DIMS = (0, 2, 3)
# Ways to go about it, and what is wrong with each.
WAYS = {
    "training": "In training mode each batch is normalised by its own statistics on the way: what "
    "is remembered then was never met in evaluation.",
    "momentum": "With momentum 0.1 most of the old memory is still there.",
    "at once": "All were measured at once: the later ones met what the earlier ones let through "
    "while those still had their old memory.",
    "outputs": "That is what comes out of each norm. It remembers what goes in.",
    "within": "The batches' means differ, and that is spread as well: a mean of their variances "
    "leaves it out.",
    "alike": "Batches of 4, 2 and 7 pictures count alike in your means. Each picture should.",
    "root": "`running_var` holds a variance; yours holds its root.",
    "last": "Each batch has overwritten the one before: only the last is remembered.",
}


def settle_exactly(answer: Callable[[ResNet, Sequence[Tensor]], object]) -> Verdict:
    """Checks `answer(network, batches)`, which gives every batch norm the statistics of them all.

    In evaluation mode each must then meet, over all batches together, the mean and the variance
    that it remembers.
    """
    with own_dice():
        network = lived_in(ResNet(BasicBlock, (2, 1), (4, 8)).double())
        batches = [  # that are not alike
            level * torch.randn(size, 3, 8, 8, dtype=torch.float64)
            for size, level in ((4, 1.0), (2, 3.0), (7, 0.3))
        ]
        start = copy.deepcopy(network)
        try:
            answer(network, [batch.clone() for batch in batches])
        except Exception as error:
            return raised(error)
        given = _memory(network)
        if torch.equal(given, _memory(start)):
            return nothing(answer, "No memory has changed: write into `running_mean` in place.")
        if fault := _disturbed(network, start):
            return Verdict(False, fault)
        both = (0, 1)  # n or n - 1 in the variance
        right = [_settled(start, batches, correction=n) for n in both]
        known = [(why, _settled(start, batches, w, n)) for w, why in WAYS.items() for n in both]
    if any(_alike(given, memory).all() for memory in right):
        return Verdict(True, "Seven batch norms, thirteen pictures: each meets what it remembers.")
    for why, memory in known:
        if _alike(given, memory).all():
            return Verdict(False, why)
    place = max(int((~_alike(given, memory)).nonzero()[0]) for memory in right)
    names = [n for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)]
    ends = torch.tensor([2 * network.get_submodule(name).num_features for name in names]).cumsum(0)
    first = names[int((ends <= place).sum())]
    return Verdict(False, f"{first} is the first that remembers something else than it meets.")


def _alike(memory: Tensor, other: Tensor) -> Tensor:
    return torch.isclose(memory, other, rtol=1e-6, atol=1e-9)


def _disturbed(network: ResNet, start: ResNet) -> str:
    """What else has changed than memories, or ""."""
    pairs = zip(network.parameters(), start.parameters(), strict=True)
    if any(not torch.equal(now, then) for now, then in pairs):
        return "A weight has changed. Only what batch norms remember may."
    if any(m._forward_hooks or m._forward_pre_hooks for m in network.modules()):
        return "Your hooks are still there: each handle has a remove()."
    if any(module.training for module in network.modules()):
        return "Leave the network in evaluation mode: that is where the memory is used."
    return ""


def _memory(network: nn.Module) -> Tensor:
    """All running means and variances in a row, norm by norm."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    return torch.cat([value for n in norms for value in (n.running_mean, n.running_var)]).clone()


@torch.no_grad()
def _settled(network: ResNet, batches: list[Tensor], way: str = "", correction: int = 0) -> Tensor:
    """The memory of a copy of `network` after it was settled in this way; exactly, if in none."""
    network = copy.deepcopy(network)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    if way in ("training", "momentum"):
        for norm in norms:
            if way == "training":
                norm.reset_running_stats()
                norm.momentum = None
        network.train()
        for batch in batches:
            network(batch)
        return _memory(network)
    network.eval()
    for group in [norms] if way == "at once" else [[norm] for norm in norms]:
        met = {norm: [] for norm in group}
        handles = [
            norm.register_forward_hook(
                lambda norm, inputs, output, met=met: met[norm].append(
                    output if way == "outputs" else inputs[0]
                )
            )
            for norm in group
        ]
        for batch in batches:
            network(batch)
        for handle in handles:
            handle.remove()
        for norm, values in met.items():
            mean, variance = _statistics(values, way, correction)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
    return _memory(network)


def _statistics(values: list[Tensor], way: str, correction: int) -> tuple[Tensor, Tensor]:
    """Mean and variance a channel, of all the batches or as the way has it."""
    if way == "last":
        values = values[-1:]
    whole = torch.cat(values)
    mean, variance = whole.mean(DIMS), whole.var(DIMS, correction=correction)
    if way in ("within", "alike"):
        counts = torch.tensor([len(v) if way == "within" else 1 for v in values]).to(whole)
        shares = (counts / counts.sum())[:, None]
        mean = (shares * torch.stack([v.mean(DIMS) for v in values])).sum(0)
        variance = (shares * torch.stack([v.var(DIMS, correction=0) for v in values])).sum(0)
    return mean, variance.sqrt() if way == "root" else variance

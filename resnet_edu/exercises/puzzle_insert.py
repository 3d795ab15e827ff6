"""The check of the exercise card in *The puzzle of depth* that puts a block into a network."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from ..blocks import BasicBlock, NoShortcut
from ..resnet import ResNet
from ..study.depth import thin
from . import Verdict, lived_in, nothing, own_dice, raised

TRAINING = (
    "In evaluation mode nobody sees it; in training mode batch norm takes means and variances from "
    "what comes (a mean over all numbers, not over all but one), and the block does not copy."
)
Insert = Callable[[ResNet, int, int, Tensor], ResNet]
PLACES = ((1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 2))  # stage, position


def insert(answer: Insert) -> Verdict:
    """Checks `answer(network, stage, position, views)`: one copying block more, at that place."""
    with own_dice():
        network = lived_in(thin(14)).double().eval()
        views = torch.randn(24, 3, 16, 16, dtype=torch.float64)
        before = copy.deepcopy(network)
        with torch.no_grad():
            right = network(views)
            network.train()  # whoever sends the views through a copy must say in which mode
            for stage, position in PLACES:
                where = f"For stage {stage}, position {position}: "
                try:
                    deeper = answer(network, stage, position, views)
                    if deeper is None:
                        return nothing(answer)
                    fault = _touched(network, before) or _insert_fault(
                        deeper, before, stage, position, views
                    )
                    if not fault and not torch.allclose(deeper(views), right):
                        fault = "the new block copies, and yet the answers are others."
                except Exception as error:
                    return raised(error)
                if fault:
                    return Verdict(False, where + fault)
    return Verdict(True, "Six places, and the answers are those of the shallower network.")


def _touched(network: ResNet, before: ResNet) -> str:
    """What has become of the network that was given, or ""."""
    if any(len(a) != len(b) for a, b in zip(network.stages, before.stages, strict=True)):
        return "the network you were given has the new block itself. Work on a deep copy."
    if not all(module.training for module in network.modules()):
        return "the network you were given was in training mode, and is not any more."
    now, then = network.state_dict(), before.state_dict()
    if any(not torch.equal(now[name], then[name]) for name in then):
        return "what the given network's batch norms remember has changed: is it in training mode?"
    return ""


def _insert_fault(deeper: object, before: ResNet, stage: int, position: int, views: Tensor) -> str:
    """What is wrong with the deeper network's stages, or ""."""
    if not isinstance(deeper, ResNet):
        return f"you returned {type(deeper).__name__}, no network."
    if any(module.training for module in deeper.modules()):
        return "something is in training mode, and would go by the batch in front of it."
    blocks, old = deeper.stages[stage - 1], before.stages[stage - 1]
    if len(blocks) != len(old) + 1:
        return f"the stage has {len(blocks)} blocks, not {len(old) + 1}."
    found = [i for i in range(len(blocks)) if _equal(_without(deeper, stage, i), before)]
    if position not in found:
        if found:
            return f"the new block stands at position {found[0]}."
        return "the network's own blocks are not what they were, or not in their order."
    if not _equal(_without(deeper, stage, position), before, buffers=True):
        return (
            "what the old batch norms remember is not what it was: the views went through them in "
            "training mode."
        )
    x, places = _met(before, stage, position, views)
    new = copy.deepcopy(blocks[position])
    if not isinstance(new, BasicBlock) or not isinstance(new.shortcut, NoShortcut):
        return "the network is plain, and so should the new block be: `copying_block` makes one."
    if not torch.allclose(new(x), x):
        return "the new block does not hand on what it is given."
    remembered = new.residual[1].running_mean.clone()
    if torch.allclose(new.train()(x), x):
        return ""
    if torch.allclose(remembered, x.mean((0, 2, 3))):
        return f"the new block knows the means that it meets, and not the variances. {TRAINING}"
    for name, other in places.items():
        if remembered.shape == other.shape[1:2] and torch.allclose(
            remembered, other.mean((0, 2, 3))
        ):
            return f"the new block was made for {name}. {TRAINING}"
    return f"the new block was made for maps that it does not meet here. {TRAINING}"


def _met(
    network: ResNet, stage: int, position: int, views: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """What a block at this place meets, and what is found at places one may take for it."""
    x = network.stem(views)
    for earlier in network.stages[: stage - 1]:
        x = earlier(x)
    start = x
    blocks = network.stages[stage - 1]
    for block in blocks[:position]:
        x = block(x)
    places = {
        "what leaves the stage": blocks(start),
        "what enters the stage": start,
        "what the stem gives": network.stem(views),
    }
    return x, places


def _without(network: ResNet, stage: int, position: int) -> ResNet:
    """The network without that block."""
    shallower = copy.deepcopy(network)
    del shallower.stages[stage - 1][position]
    return shallower


def _equal(a: ResNet, b: ResNet, buffers: bool = False) -> bool:
    """Whether all parameters are the same, or all buffers."""
    pairs = ((n.buffers() if buffers else n.parameters()) for n in (a, b))
    now, then = map(list, pairs)
    return len(now) == len(then) and all(map(torch.equal, now, then))

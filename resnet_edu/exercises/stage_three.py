"""The checks of the exercise cards in *Stage three and the head*."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..blocks import BasicBlock, Bottleneck, NoShortcut
from ..resnet import ResNet
from . import Verdict, ask, check, lived_in, nothing, own_dice, raised


@check
def margin(answer: Callable[[Tensor, Tensor, Tensor, int, int], Tensor]) -> Verdict:
    """Checks `answer(maps, weight, bias, a, b)`: the map whose mean is logit a minus logit b."""
    with own_dice():
        maps, weight, bias = (
            torch.randn(*shape) for shape in ((3, 6, 4, 5), (10, 6), (10,))
        )  # 4 rows and 5 columns, so that one can tell them apart
        maps = maps.relu()
    for a, b in ((2, 7), (7, 2), (0, 9)):
        given = ask(answer, maps.clone(), weight.clone(), bias.clone(), a, b)
        if not isinstance(given, Tensor):
            return Verdict(False, f"The answer should be a tensor, not {type(given).__name__}.")
        if fault := _margin_fault(given.detach(), maps, weight, bias, a, b):
            return Verdict(False, f"For a = {a} and b = {b}: {fault}")
    return Verdict(True, "Twenty places a picture, and their mean is the difference, both ways.")


def _margin_fault(given: Tensor, maps: Tensor, weight: Tensor, bias: Tensor, a: int, b: int) -> str:
    """What is wrong with a map of the difference, or "" if nothing is."""
    votes = torch.einsum("kc,nchw->nkhw", weight, maps)
    places = votes[0, 0].numel()
    own = votes + bias[:, None, None]
    truth = own[:, a] - own[:, b]
    shift, bare = bias[a] - bias[b], votes[:, a] - votes[:, b]
    softmax = own.softmax(1)
    known = {
        "you have averaged already. One number a place is wanted, and the mean only to check "
        "it.": truth.mean((1, 2)),
        "those are the votes for all ten. Take row a's from row b's.": own,
        "rows and columns have changed places.": truth.mT,
        "there is a dimension of size 1 left over.": truth[:, None],
        "the sign is turned round: what speaks for a should be positive.": -truth,
        "the biases are missing. Their difference belongs to every place.": bare,
        "the biases are divided by the number of places. A mean of equal numbers is that number: "
        "add them whole.": bare + shift / places,
        "your map *sums* to the difference. The head averages, so the votes must not be divided "
        "by the number of places.": truth / places,
        "those are the votes for a alone. What they are worth depends on b's.": own[:, a],
        "that is the difference of the probabilities. A softmax is not linear, and its mean is "
        "not the head's.": softmax[:, a] - softmax[:, b],
        "votes against a are negative, and you cut them off.": truth.relu(),
        "votes against a are negative, and you dropped their sign.": truth.abs(),
    }
    if _same(given, truth):
        return ""
    for message, wrong in known.items():
        if _same(given, wrong):
            return message
    if given.shape != truth.shape:
        return f"the shape is {tuple(given.shape)}, not {tuple(truth.shape)}."
    return "right shape, wrong numbers. Is the mean of your map the difference of the logits?"


def _same(x: Tensor, y: Tensor) -> bool:
    return x.shape == y.shape and torch.allclose(x.to(y), y, atol=1e-5)


_PLANS = {
    "a ResNet-20, option A": (BasicBlock, (3, 3, 3), "A"),
    "a ResNet-20, option B": (BasicBlock, (3, 3, 3), "B"),
    "a plain network of 20 layers": (BasicBlock, (3, 3, 3), "none"),
    "the plan of ResNet-18": (BasicBlock, (2, 2, 2, 2), "B"),
    "the plan of ResNet-50": (Bottleneck, (3, 4, 6, 3), "B"),
    "a ResNet-14, option C": (BasicBlock, (2, 2, 2), "C"),
}


@check
def count_layers(answer: Callable[[nn.Module], tuple[int, int, int]]) -> Verdict:
    """Checks `answer(network)`: (weighted layers on the way, shortcuts, those that reshape)."""
    for name, (block, blocks, shortcut) in _PLANS.items():
        with own_dice():
            network = ResNet(block, blocks, tuple(2 << s for s in range(len(blocks))), shortcut)
        given = ask(answer, network)
        if not (isinstance(given, (tuple, list)) and len(given) == 3):
            return Verdict(False, f"Return three whole numbers, not {given!r}.")
        if fault := _counting_fault(tuple(given), network):
            said = ", ".join(map(str, given))
            return Verdict(False, f"For {name} you say {said}. {fault}")
    return Verdict(True, "Six plans, each counted as the papers count it.")


def _counting_fault(given: tuple, network: ResNet) -> str:
    """What one most likely counted to come to `given`, or "" if it is right."""
    modules = dict(network.named_modules())
    blocks = [m for m in modules.values() if isinstance(m, (BasicBlock, Bottleneck))]
    ways = [block.shortcut for block in blocks]
    plain = isinstance(ways[0], NoShortcut)
    beside = sum(isinstance(m, nn.Conv2d) for way in ways for m in way.modules())
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in modules.values())
    layers = sum(isinstance(m, nn.Conv2d) for m in modules.values()) - beside + 1
    strided = sum(_strides(block) for block in blocks)
    first = [block.residual[0] for block in blocks]
    outs = [block.residual[-2].out_channels for block in blocks]
    widened = sum(f.in_channels != out for f, out in zip(first, outs, strict=True))
    reshaped = 0 if plain else widened
    shortcuts = 0 if plain else len(ways)
    made = sum(not isinstance(way, nn.Identity) for way in ways)
    if given == (layers, shortcuts, reshaped):
        return ""
    if given[0] != layers:
        return {
            layers + beside: "The projections lie beside the way: no depth counts them.",
            layers - 1: "A layer is missing. The fully connected one has weights as well, and so "
            "has the stem's.",
            layers - 2: "Stem and head have a weighted layer each.",
            len(modules): "Those are all modules, containers too.",
            layers + beside + norms: "Count neither batch norms nor projections.",
            layers + norms: "Batch norms are not counted as layers, though they learn.",
        }.get(given[0], "On the way from the picture to the logits: convolutions, and one more.")
    if given[1] != shortcuts:
        inside = sum("shortcut" in name for name in modules)
        if plain:
            return "A NoShortcut stands where a shortcut would be. It is none."
        if given[1] == inside:
            return "You count what is inside a projection as well: each shortcut once."
        if given[1] == made:
            return "The identity is a shortcut too, the commonest of all."
        return f"There are {len(blocks)} blocks, and each has one way round."
    return {
        shortcuts: "An identity changes no shape. Which shortcuts give another shape than they "
        "are given?",
        made: "Option C projects everywhere, also where the shape stays as it is.",
        strided: "The first block of stage one widens four times and strides not at all: that is "
        "another shape too.",
    }.get(given[2], "A shortcut reshapes where channels or size change between its two ends.")


def _strides(block: nn.Module) -> bool:
    return any(m.stride[0] > 1 for m in block.residual if isinstance(m, nn.Conv2d))


_ORIGINALS = (
    ((2, 2, 2), (16, 32, 64), "A", 10),
    ((2, 2, 2), (16, 32, 64), "none", 10),
    ((2, 2, 2), (16, 32, 64), "B", 10),
    ((2, 2, 2), (16, 32, 64), "C", 10),
    ((1, 3, 2), (16, 32, 64), "A", 10),
    ((2, 2, 2), (4, 6, 12), "A", 10),
    ((2, 1, 1, 2), (4, 8, 16, 32), "none", 10),
    ((1, 1, 1), (4, 8, 16), "B", 7),
)


def rebuild(answer: Callable[[dict, Tensor, Tensor], nn.Module]) -> Verdict:
    """Checks `answer(weights, x, logits)`: the network these weights belong to, with them in it."""
    for plan in _ORIGINALS:
        with own_dice():
            original = lived_in(ResNet(BasicBlock, *plan)).eval()
            x = torch.randn(4, 3, 16, 16)
            with torch.no_grad():
                logits = original(x)
            weights = {name: value.clone() for name, value in original.state_dict().items()}
            try:
                given = answer(weights, x, logits)
            except Exception as error:
                return Verdict(False, f"{_told(plan)}: {raised(error).message}")
            if given is None and plan == _ORIGINALS[0]:
                return nothing(answer)
            if fault := _rebuilding_fault(given, original, x, logits):
                return Verdict(False, f"{_told(plan)}: {fault}")
    return Verdict(True, "Eight networks from their weights, and each answers as it used to.")


def _told(plan: tuple) -> str:
    blocks, widths, shortcut, classes = plan
    kind = "no shortcuts" if shortcut == "none" else f"option {shortcut}"
    return f"From a network of {blocks} blocks, widths {widths}, {kind}, {classes} classes"


def _rebuilding_fault(given: object, original: ResNet, x: Tensor, logits: Tensor) -> str:
    """Why `given` is not the original over again, or "" if it is."""
    if given is None:
        return "you found no network that fits. Each of the four kinds of shortcut may come."
    if not isinstance(given, nn.Module):
        return f"return the network itself, with the weights in it, not {type(given).__name__}."
    theirs, ours = given.state_dict(), original.state_dict()
    main, said = ([n for n in of if "shortcut" not in n] for of in (ours, theirs))
    if said != main:
        missing, extra = [n for n in main if n not in said], [n for n in said if n not in main]
        return f"yours lacks {missing[:1]} or has {extra[:1]} too many: how many blocks, stages?"
    if name := next((n for n in main if ours[n].shape != theirs[n].shape), None):
        told = f"{tuple(theirs[name].shape)}, not {tuple(ours[name].shape)}"
        return f"your {name} has shape {told}: read the sizes off the weights."
    if name := next((n for n in ours if n not in theirs), None):
        return f"yours has no {name}: look for projections among the names."
    if name := next((n for n in theirs if n not in ours), None):
        return f"yours has a projection, {name}, that the original has not."
    if not all(torch.allclose(theirs[n].to(ours[n]), ours[n]) for n in ours):
        return "the plan is right, and the weights in it are not those that were given."
    if given.training:
        return "it comes in training mode, in which batch norm answers otherwise: `.eval()`."
    with torch.no_grad():
        if not torch.allclose(given(x).to(logits), logits, atol=1e-4):
            return (
                "every weight is in its place and the logits are others. Option A and no shortcut "
                "at all have the same weights; x and logits are there to tell them apart."
            )
    return ""

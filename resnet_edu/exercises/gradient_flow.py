"""The checks of the exercise cards in *Gradient flow, residual against plain*."""

import copy
import math
from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor

from ..blocks import BasicBlock
from ..resnet import ResNet
from ..study.flow import observe
from ..study.specimens import without_batch_norm
from . import Verdict, ask, check, lived_in, own_dice

LAYER = math.pi / (math.pi - 1)  # by what the squared gradient grows a layer


@check
def growth(answer: Callable[[int], float]) -> Verdict:
    """Checks `answer(depth)`: the derived growth from the last block's sum to the first one's."""
    for depth in (20, 8, 56, 110):
        given = ask(answer, depth)
        try:
            given = float(given)
        except (TypeError, ValueError):
            return Verdict(False, f"The answer should be a number, not {given!r}.")
        if not math.isclose(given, LAYER ** ((depth - 4) / 2), rel_tol=1e-6):
            return Verdict(False, f"For depth {depth} you say {given:.6g}. {_grown(given, depth)}")
    return Verdict(True, "21 at depth 20, twenty-one thousand at 56, and 660 million at depth 110.")


def _grown(given: float, depth: int) -> str:
    """What one most likely did to come to `given`."""
    layers = depth - 4
    known = {
        LAYER**layers: "That is the growth of the square. Its root is the growth of the norm.",
        LAYER ** (layers / 4): (
            "You count a factor a block; a block has two convolutions and two batch norms."
        ),
        LAYER ** (depth / 2): _between("every weighted layer", depth),
        LAYER ** ((depth - 1) / 2): _between("all layers but one", depth),
        LAYER ** ((depth - 2) / 2): _between("both convolutions of every block", depth),
        LAYER ** (-layers / 2): "Towards the input it grows. You have it the wrong way round.",
        2 ** (layers / 2): (
            "A factor √2 forgets the mean. Batch norm divides by the spread of what the ReLU "
            "hands on, and that is less than its mean square."
        ),
        1.21**layers: "Keep all digits of the factor: rounded to 1.21 the error grows with depth.",
    }
    for value, words in known.items():
        if math.isclose(given, value, rel_tol=1e-6):
            return words
    return "How many layers lie between the two sums, and by what does each multiply the norm?"


def _between(counted: str, depth: int) -> str:
    return (
        f"You count {counted}. From one block's sum to the next lie two layers, and there are "
        f"{(depth - 2) // 2} sums."
    )


@check
def which(answer: Callable[[list[float], list[float]], tuple[bool, bool]]) -> Verdict:
    """Checks `answer(spreads, gradients)`: whether a fresh network has shortcuts, and batch norm.

    Both lists are of the blocks' sums in forward order; the networks have 6 to 54 blocks.
    """
    right = 0
    for depth, seed in ((20, 0), (110, 1), (14, 2)):
        for batch_norm in (True, False):
            for shortcuts in (False, True):
                spreads, gradients = _flow(depth, seed, shortcuts, batch_norm)
                given = ask(answer, list(spreads), list(gradients))
                if not (
                    isinstance(given, Sequence)
                    and len(given) == 2
                    and all(isinstance(value, bool) for value in given)
                ):
                    words = "Return two truths, shortcuts and batch norm, like `True, False`; not "
                    return Verdict(False, f"{words}{given!r}.")
                if tuple(given) != (shortcuts, batch_norm):
                    truth, said = _name(shortcuts, batch_norm), _name(*given)
                    ends = f"spread {spreads[0]:.3g} to {spreads[-1]:.3g}"
                    ends += f", gradient {gradients[0]:.3g} to {gradients[-1]:.3g}"
                    told = f"{right} right, then a {truth} of {len(spreads)} blocks ({ends})"
                    return Verdict(
                        False, f"{told}: you say {said}. {_misjudged(truth, said, spreads)}"
                    )
                right += 1
    return Verdict(True, "Twelve networks of three depths, and each recognised by what flows.")


def _name(shortcuts: bool, batch_norm: bool) -> str:
    kind = "residual" if shortcuts else "plain"
    return f"{kind} network {'with' if batch_norm else 'without'} batch norm"


def _flow(
    depth: int, seed: int, shortcuts: bool, batch_norm: bool
) -> tuple[list[float], list[float]]:
    """Spreads and gradients at the sums of a small network that nobody has trained."""
    n = (depth - 2) // 6
    with own_dice():
        torch.manual_seed(seed)
        network = ResNet(BasicBlock, (n, n, n), (8, 16, 32), "A" if shortcuts else "none")
        pictures, labels = torch.randn(16, 3, 16, 16), torch.arange(16) % 10
        network = network if batch_norm else without_batch_norm(network)
        sums = [r for r in observe(network.double(), pictures.double(), labels) if r.kind == "sum"]
    return [r.spread for r in sums], [r.gradient for r in sums]


def _misjudged(truth: str, said: str, spreads: list[float]) -> str:
    """What in the numbers speaks against `said`."""
    plain_norm, residual_norm = _name(False, True), _name(True, True)
    plain_bare, residual_bare = _name(False, False), _name(True, False)
    if {truth, said} == {plain_norm, residual_bare}:
        return (
            "In both the gradient grows alike. But nothing keeps the spread where there is no "
            "batch norm, and a batch norm right before the sum makes it 1."
        )
    if {truth, said} == {residual_norm, residual_bare}:
        return (
            "In both the spread grows: with batch norm by the same amount a block, without it by "
            "the same factor. Take the depth into account."
        )
    if {truth, said} == {plain_norm, residual_norm}:
        return (
            "In both the gradient grows. Look at the spread: without a shortcut the sum is what "
            "batch norm gives, with one it is that and more."
        )
    if truth == plain_bare:
        return "A spread that falls, and a gradient that does not grow: what could do that?"
    if said == plain_bare:
        return f"Here no signal fades on its way: the spread ends at {spreads[-1]:.3g}."
    return "Look at how spread and gradient change from block to block."


@check
def by_length(answer: Callable[[list, Tensor, Tensor], Sequence[Tensor]]) -> Verdict:
    """Checks `answer(blocks, x, g)`: the gradient at x, a part for each number of branches."""
    for count in (3, 5):
        with own_dice():
            blocks = [lived_in(BasicBlock(4, 4)).double().eval() for _ in range(count)]
            x = torch.randn(3, 4, 6, 6, dtype=torch.float64).relu()
            g = torch.randn(3, 4, 6, 6, dtype=torch.float64)
            truth = _parts(blocks, x, g)
            given = ask(answer, copy.deepcopy(blocks), x.clone(), g.clone())
        try:
            parts = [part.detach() for part in given]
        except (TypeError, AttributeError):
            words = "The parts should be tensors, each as large as x"
            return Verdict(False, f"{words}; not norms, and not {type(given).__name__}.")
        if len(parts) != count + 1:
            words = f"{count} blocks have paths through 0 to {count} branches, so {count + 1} parts"
            return Verdict(False, f"{words}; you return {len(parts)}.")
        if any(part.shape != x.shape for part in parts):
            return Verdict(False, f"Each part should have x's shape, {tuple(x.shape)}.")
        if not all(torch.allclose(a, b) for a, b in zip(parts, truth, strict=True)):
            return Verdict(False, _mixed_up(parts, truth, blocks, x, g))
    return Verdict(True, "Eight paths and thirty-two, every one in its part, and all add up.")


def _parts(blocks: list, x: Tensor, g: Tensor, cut: str = "both", turned: bool = False) -> list:
    """All paths, one by one, added up by their lengths.

    `cut` says what passes the ReLU after the sum on the way back: both ways, "branch" or "shortcut"
    alone, or "neither"; `turned` goes through the blocks first to last.
    """
    kept = []
    for block in blocks:
        x = x.detach().requires_grad_()
        kept.append((x, block.residual(x), block(x)))
        x = kept[-1][2]
    parts = []
    for k in range(len(blocks) + 1):
        parts.append(torch.zeros_like(g))
        for through in combinations(range(len(blocks)), k):
            path = g
            for i in range(len(blocks)) if turned else reversed(range(len(blocks))):
                start, branch, y = kept[i]
                own = "branch" if i in through else "shortcut"
                path = path * (y > 0) if cut in ("both", own) else path
                if i in through:
                    (path,) = torch.autograd.grad(branch, start, path, retain_graph=True)
            parts[k] = parts[k] + path
    return parts


def _mixed_up(parts: list, truth: list, blocks: list, x: Tensor, g: Tensor) -> str:
    """Why these parts are not the gradient's."""

    def same(others: Sequence[Tensor]) -> bool:
        return all(torch.allclose(a, b) for a, b in zip(parts, others, strict=True))

    if same(truth[::-1]):
        return "All are there, the wrong way round: part 0 is the way through shortcuts alone."
    for cut, words in (
        ("neither", "You forget the ReLU after the sum: where y is 0, no gradient comes back."),
        ("branch", "The ReLU after the sum cuts what goes round by the shortcut, too."),
        ("shortcut", "The ReLU after the sum cuts what goes through the branch, too."),
    ):
        if same(_parts(blocks, x, g, cut)):
            return words
    if same(_parts(blocks, x, g, turned=True)):
        return "You go through the blocks from first to last. The gradient comes the other way."
    whole = sum(truth)
    if torch.allclose(sum(parts), whole):
        if any(torch.allclose(part, whole) for part in parts):
            return "That is the whole gradient in one part. It is to be taken apart."
        return "They add up to the gradient, but paths of different lengths are mixed in a part."
    if torch.allclose(parts[0], truth[0]) and torch.allclose(parts[-1], truth[-1]):
        return (
            "The shortest and the longest path are right, and not all between: a part of length k "
            "holds every choice of k blocks, each once."
        )
    if torch.allclose(parts[0], truth[0]):
        return (
            "Part 0 is right, the others are not: part k + 1 of a block's input comes from part k "
            "at its output, through the branch. Is the old part k still there when you need it?"
        )
    return (
        "They do not add up to the gradient. At each block every part goes two ways: round, "
        "where its length stays, and through, where it grows by one."
    )

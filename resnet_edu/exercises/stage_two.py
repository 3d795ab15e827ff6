"""The checks of the exercise cards in *Stage two, halving*."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..blocks import BasicBlock
from ..study.halving import ConvSame, Halved, both_same, from_pixel_1
from . import Verdict, ask, check, own_dice
from .stage_two_move import move

__all__ = ["centres", "move", "offset"]


@check
def centres(answer: Callable[[int, int, int, int], list[float]]) -> Verdict:
    """Checks `answer(side, kernel, stride, padding)`: over which column each window's middle is."""
    for case in (
        *((33, 3, 2, 0), (32, 3, 2, 1), (33, 3, 2, 1), (32, 1, 2, 0), (32, 3, 1, 1)),
        *((7, 3, 3, 0), (33, 2, 2, 0), (32, 4, 2, 1), (30, 5, 4, 2)),
    ):
        given = ask(answer, *case)
        try:
            given = [float(value) for value in given]
        except (TypeError, ValueError):
            return Verdict(False, f"The answer should be a list of numbers, not {given!r}.")
        truth = _centres(*case)
        if given != truth:
            told = f"For {case} you say {_short(given)}"
            return Verdict(False, f"{told}. {_misplaced(given, truth, *case)}")
    return Verdict(True, "Nine grids, each window where it stands, even kernels between columns.")


def _centres(side: int, kernel: int, stride: int, padding: int) -> list[float]:
    places = (side + 2 * padding - kernel) // stride + 1
    return [place * stride - padding + (kernel - 1) / 2 for place in range(places)]


def _short(values: list[float]) -> str:
    if len(values) <= 5:
        return str([round(value, 3) for value in values])
    first, second, last = (f"{round(values[i], 3):g}" for i in (0, 1, -1))
    return f"{first}, {second}, …, {last} ({len(values)} places)"


def _misplaced(
    given: list[float], truth: list[float], side: int, kernel: int, stride: int, padding: int
) -> str:
    """What one most likely did to come to `given`."""
    if len(given) != len(truth):
        known = {
            len(truth) + 1: (
                "That is a place too many: the last window would hang over the padding. Round down."
            ),
            len(truth) - 1: "One place is missing: a window fits once before it has moved at all.",
            (side - kernel) // stride
            + 1: "The padding makes room for more windows: on both sides.",
            side: "A stride moves the window by more than one column, and so there are fewer.",
        }
        known.pop(len(truth), None)
        default = f"There are {len(truth)} places: count the windows that fit."
        return known.get(len(given), default)
    if len(truth) > 1 and given[1] - given[0] != stride:
        return f"From one window to the next are {stride} columns, the stride."
    off, half = given[0] - truth[0], (kernel - 1) / 2
    if kernel % 2 == 0 and abs(off) == 0.5:
        return "An even kernel's middle lies between two columns, which `//` rounds away."
    if off == 0.5:
        return "From its first to its last column a window of k columns has k − 1 steps, not k."
    if off == -half:
        return "Those are the windows' left edges. Their middles are asked for."
    if off == padding:
        return "Column 0 is the picture's first, and the padding lies to the left of it."
    return f"The first window's middle stands over column {truth[0]:g}."


@check
def offset(answer: Callable[[BasicBlock], tuple[float, float]]) -> Verdict:
    """Checks `answer(block)`: by how far the shortcut looks beside what the branch looks at."""
    for make, truth in (
        *((_right, (0, 0)), (_late, (1, 1)), (_same, (-1, -1)), (_beside, (0, 1))),
        *((_mean, (0.5, 0.5)), (_both, (0, 0)), (_projection, (0, 0))),
    ):
        with own_dice():
            block = make()
            before = copy.deepcopy(block.state_dict())
            given = ask(answer, block)
            try:
                given = tuple(float(value) for value in given)
            except (TypeError, ValueError):
                given = ()
            if len(given) != 2:
                return Verdict(False, "Two numbers are asked for: how far down, how far across.")
            if not all(module.training for module in block.modules()):
                return Verdict(False, "The block came in training mode. Give it back as it was.")
            after = block.state_dict()
            if any(not torch.equal(after[name], before[name]) for name in before):
                return Verdict(
                    False, "Looking moved the block's running statistics: look in evaluation mode."
                )
            if given != truth:
                said = ", ".join(f"{value:g}" for value in given)
                case = f"{make.__doc__} You say ({said})"
                return Verdict(False, f"{case}. {_misjudged(given, truth, block)}")
    return Verdict(True, "Seven blocks, each told by where it looks, and none of them by a shape.")


def _misjudged(given: tuple, truth: tuple, block: BasicBlock) -> str:
    """What one most likely did to come to `given`."""
    if given == tuple(-value for value in truth):
        return "That is the way from shortcut to branch. Take the branch's middle from the other."
    if given == truth[::-1]:
        return "Down comes first, then across."
    if given == _difference(block, training=True):
        return (
            "In training mode every pixel acts on every place, through the batch's mean: a window "
            "has no edge there."
        )
    if given == _difference(block, place=0):
        return "At place 0 the branch's window hangs over the border. Ask a place further in."
    if given == tuple(value / 2 for value in truth):
        return "That is in places of the halved map. Pixels of its input are asked for."
    first = _difference(block, corner=True)
    if given == first:
        return "You compare the first pixels that are seen. Windows of two sizes: compare middles."
    return f"It is ({truth[0]:g}, {truth[1]:g}): of one place, the middles of what is seen."


def _difference(
    block: BasicBlock, place: int = 8, training: bool = False, corner: bool = False
) -> tuple[float, float]:
    """The answer asked for, or what certain mistakes make of it."""
    block = copy.deepcopy(block).train(training)
    channels = block.residual[0].in_channels
    middles = []
    for module in (block.residual, block.shortcut):
        x = torch.rand(4, channels, 32, 32, requires_grad=True)
        y = module(x)[:, :, place, place]
        (gradient,) = torch.autograd.grad((y * torch.randn_like(y)).sum(), x)
        seen = gradient.abs().sum((0, 1)) > 0
        ways = (seen.any(dim).nonzero() for dim in (1, 0))
        middles.append([(w.min() + (w.min() if corner else w.max())).item() / 2 for w in ways])
    branch, shortcut = middles
    return shortcut[0] - branch[0], shortcut[1] - branch[1]


def _block(kind: str = "A") -> BasicBlock:
    """A block of 8 and 16 channels that halves, in training mode, with statistics of its own."""
    block = BasicBlock(8, 16, 2, kind)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return block


def _look(look: Callable[[Tensor], Tensor]) -> BasicBlock:
    block = _block()
    block.shortcut = Halved(look, 8)
    return block


def _right() -> BasicBlock:
    """A block as it should be, option A."""
    return _block()


def _projection() -> BasicBlock:
    """A block as it should be, option B."""
    return _block("B")


def _late() -> BasicBlock:
    """A shortcut that takes the odd rows and columns."""
    return _look(from_pixel_1)


def _beside() -> BasicBlock:
    """A shortcut that takes the even rows and the odd columns."""
    return _look(lambda x: x[:, :, ::2, 1::2])


def _mean() -> BasicBlock:
    """A shortcut that averages 2 × 2 pixels."""
    return _look(lambda x: nn.functional.avg_pool2d(x, 2))


def _same() -> BasicBlock:
    """A branch padded on the right and below only."""
    block = _block()
    block.residual[0] = ConvSame(block.residual[0])
    return block


def _both() -> BasicBlock:
    """A branch padded on the right and below, and a shortcut of odd rows and columns."""
    block = _block()
    both_same(block)
    return block

"""The checks of the exercise cards in *The puzzle of depth*."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from . import Verdict, ask, check, nothing, own_dice, raised
from .puzzle_insert import insert

__all__ = ["diagnose", "insert", "signed_copy"]

Errors = tuple[float, float]
HELPS, OVERFITS, DEGRADES = WORDS = ("helps", "overfits", "degrades")

# Training and test error, in per cent, of a shallow network and of a deeper one.
PAIRS: tuple[tuple[Errors, Errors], ...] = (
    ((6.0, 9.5), (9.0, 12.0)),
    ((6.0, 9.0), (8.0, 13.0)),
    ((2.0, 10.0), (9.5, 12.0)),
    ((0.1, 6.4), (0.05, 7.9)),
    ((5.0, 9.0), (4.5, 9.2)),
    ((1.0, 8.0), (1.0, 8.4)),
    ((1.0, 8.0), (1.2, 8.4)),
    ((9.0, 12.0), (8.0, 12.5)),
    ((2.0, 8.8), (0.5, 7.5)),
    ((1.0, 8.0), (1.5, 7.6)),
    ((3.0, 9.0), (2.0, 9.0)),
)


def _right(shallow: Errors, deep: Errors) -> str:
    if deep[1] <= shallow[1]:
        return HELPS
    return DEGRADES if deep[0] > shallow[0] else OVERFITS


def _by_test(shallow: Errors, deep: Errors) -> str:
    return HELPS if deep[1] <= shallow[1] else OVERFITS


def _by_training(shallow: Errors, deep: Errors) -> str:
    return DEGRADES if deep[0] > shallow[0] else _right(shallow, deep)


def _by_gap(shallow: Errors, deep: Errors) -> str:
    wider = deep[1] - deep[0] > shallow[1] - shallow[0]
    return HELPS if deep[1] <= shallow[1] else OVERFITS if wider else DEGRADES


# What else one may go by, and what is wrong with it.
WAYS = {
    _by_test: "You call every higher test error overfitting. A network that also fits worse what "
    "it was trained on has not learned too much, it has learned too little.",
    _by_training: "A higher training error alone is no harm: for (1.0, 8.0) and (1.5, 7.6) the "
    "deeper network is the better one where it counts.",
    _by_gap: "You go by the gap between test and training error. From (6.0, 9.0) to (8.0, 13.0) "
    "it widens, and still the deeper network fits its own pictures worse.",
    lambda shallow, deep: _right(shallow[::-1], deep[::-1]): "You read the pairs the other way "
    "round: training error comes first, test error second.",
    lambda shallow, deep: _right(deep, shallow): "You have taken the deeper network for the "
    "shallower one.",
    lambda shallow, deep: (
        DEGRADES if deep[0] >= shallow[0] and deep[1] > shallow[1] else _right(shallow, deep)
    ): "With the same training error the deeper network fits as well as "
    "the other: what it loses, it loses on new pictures.",
    lambda shallow, deep: (
        _right(shallow, deep)
        if deep[1] != shallow[1]
        else (DEGRADES if deep[0] > shallow[0] else OVERFITS)
    ): "Where both have the same test error nothing is worse, and the word is 'helps'.",
}


@check
def diagnose(answer: Callable[[Errors, Errors], str]) -> Verdict:
    """Checks `answer(shallow, deep)`: what became of the errors when layers were added."""
    given = []
    for shallow, deep in PAIRS:
        word = ask(answer, shallow, deep)
        if word not in WORDS:
            return Verdict(False, f"{word!r} is none of {', '.join(map(repr, WORDS))}.")
        given.append(word)
    right = [_right(*pair) for pair in PAIRS]
    if given == right:
        return Verdict(True, "All eleven. The third word needs both errors, and the order matters.")
    for way, fault in WAYS.items():
        if given == [way(*pair) for pair in PAIRS]:
            return Verdict(False, fault)
    i = next(i for i, word in enumerate(given) if word != right[i])
    (shallow, deep), wanted = PAIRS[i], right[i]
    return Verdict(
        False, f"From {shallow} to {deep} the deeper network {wanted}; you say it {given[i]}."
    )


def signed_copy(answer: Callable[[int], nn.Module]) -> Verdict:
    """Checks `answer(channels)`: convolution, ReLU, convolution, which hand on x of any sign."""
    for channels in (1, 3):
        with own_dice():
            x = torch.randn(2, channels, 6, 6)
            try:
                stack = answer(channels)
                if stack is None:
                    return nothing(answer)
                if fault := _not_a_stack(stack, channels):
                    return Verdict(False, fault)
                with torch.no_grad():
                    y, far = stack(x), stack(1e5 * x)
            except Exception as error:
                return raised(error)
            if fault := _copy_fault(x, y, far):
                return Verdict(False, fault)
    return Verdict(True, "A copy of any sign, for twice the channels between.")


def _not_a_stack(stack: object, channels: int) -> str:
    """What keeps it from being convolution, ReLU, convolution of the right widths, or ""."""
    kinds = [type(part) for part in stack] if isinstance(stack, nn.Sequential) else []
    if kinds == [nn.Conv2d, nn.Conv2d] or kinds == [nn.Conv2d]:
        return "Without a ReLU between them convolutions copy easily. Put one in."
    if kinds != [nn.Conv2d, nn.ReLU, nn.Conv2d]:
        return "Return nn.Sequential(nn.Conv2d(…), nn.ReLU(), nn.Conv2d(…)), and nothing more."
    if any(stack[i].kernel_size != (3, 3) for i in (0, 2)):
        return "The kernels should be 3 × 3, as the copying blocks have them."
    if stack[0].out_channels > 2 * channels:
        return (
            f"{stack[0].out_channels} channels between, for {channels} of x: it can be done with "
            f"{2 * channels}."
        )
    return ""


def _copy_fault(x: Tensor, y: Tensor, far: Tensor) -> str:
    """What a stack does that makes y of x, and far of 100,000 times x, in place of copying."""
    if y.shape != x.shape:
        return f"x has shape {tuple(x.shape)}, what comes out {tuple(y.shape)}: is there padding?"
    if _close(y, x):
        if _close(far, 1e5 * x):
            return ""
        return (
            "It copies numbers near zero only: a shift lifts them over the ReLU, until one comes "
            "that lies deeper than the shift. No shift is enough for all."
        )
    for like, fault in (
        (x.relu(), "What is negative in x arrives as 0: nobody carries it past the ReLU."),
        (x.abs(), "You add the two halves: −3 comes out as +3. One of them must be subtracted."),
        (-x, "x comes out with its sign turned round."),
        (-(-x).relu(), "Only what is negative in x comes out."),
        (torch.zeros_like(x), "Nothing comes out: some kernel is zero everywhere."),
    ):
        if _close(y, like):
            return fault
    ways = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (2, 2), (-2, -2))
    inside = (..., slice(2, -2), slice(2, -2))
    if any(_close(y[inside], x.roll(way, (2, 3))[inside]) for way in ways):
        return "The picture is moved by a pixel: the 1 belongs in the middle of the kernel."
    scale = (y * x).sum() / (x * x).sum()
    if _close(y, scale * x):
        return f"x comes out {scale:.3g} times as large."
    off = y - x
    if _close(off, off.mean((0, 2, 3), keepdim=True).expand_as(off)):
        return "x comes out with something added: a bias is left at its random start."
    return (
        "What comes out is not x. Are all weights set, the zeros too? Those that you do not set "
        "are random, biases included."
    )


def _close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-4)

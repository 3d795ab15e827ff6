"""The checks of the exercise cards in *The stem*."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from . import Verdict, ask, check
from .stem_norm import batch_norm as batch_norm
from .stem_norm import batch_norm_backward as batch_norm_backward


@check
def output_size(answer: Callable[[int, int, int, int, int], int]) -> Verdict:
    """Checks `answer(size, kernel, stride, padding, dilation)`: the side a convolution gives."""
    cases = (
        *((32, 3, 1, 1, 1), (32, 3, 2, 1, 1), (33, 3, 2, 0, 1), (224, 7, 2, 3, 1)),
        *((32, 3, 1, 2, 2), (20, 5, 3, 1, 1), (31, 3, 3, 4, 3), (11, 1, 4, 0, 1)),
    )
    given, truth = [], []
    for case in cases:
        size, kernel, stride, padding, dilation = case
        row, window = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
        truth.append(F.conv1d(row, window, None, stride, padding, dilation).shape[-1])
        given.append(ask(answer, *case))
        if isinstance(given[-1], bool) or not isinstance(given[-1], (int, float)):
            return Verdict(False, f"The answer should be a whole number, not {given[-1]!r}.")
    if given == truth:
        if not all(isinstance(value, int) for value in given):
            return Verdict(False, "Right in value, but a side is an int: use `//`, not `/`.")
        return Verdict(True, "Eight convolutions, eight sides, each as PyTorch has it.")
    for message, wrong in _WRONG_SIZES.items():
        if given == [wrong(*case) for case in cases]:
            return Verdict(False, message)
    i = next(i for i, pair in enumerate(zip(given, truth, strict=True)) if pair[0] != pair[1])
    names = ("size", "kernel", "stride", "padding", "dilation")
    case = ", ".join(f"{name} {value}" for name, value in zip(names, cases[i], strict=True))
    return Verdict(
        False,
        f"With {case} you say {given[i]}, and a real convolution gives {truth[i]}. On how many "
        "places can the window start?",
    )


_WRONG_SIZES = {
    "The window fits only whole: what is left over at the end is dropped, so round down.": (
        lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) / s + 1
    ),
    "You round up. A window that hangs over the padding's end is not counted.": (
        lambda n, k, s, p, d: math.ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1
    ),
    "You round to the nearest; a window that fits only in part is always dropped.": (
        lambda n, k, s, p, d: round((n + 2 * p - d * (k - 1) - 1) / s) + 1
    ),
    "You count the moves. The place where the window starts is one more.": (
        lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s
    ),
    "Padding is put on both sides of the row; you count it once.": (
        lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1
    ),
    "You leave the padding out.": lambda n, k, s, p, d: (n - d * (k - 1) - 1) // s + 1,
    "You leave dilation out: with gaps between its weights the kernel reaches further.": (
        lambda n, k, s, p, d: (n + 2 * p - k) // s + 1
    ),
    "A kernel of 3 with dilation 2 reaches over five places, not six: two gaps, not three.": (
        lambda n, k, s, p, d: (n + 2 * p - d * k) // s + 1
    ),
    "The 1 comes after the division: it is a place to start from, not a pixel.": (
        lambda n, k, s, p, d: (n + 2 * p - d * (k - 1)) // s
    ),
    "You divide the size by the stride and forget the kernel, which must fit in whole.": (
        lambda n, k, s, p, d: (n + 2 * p) // s
    ),
}
